"""Draws a synthetic city from a population, the same for the same seed on every machine."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from batch.city import CITY_FILE, EVERYONE_FILE
from knowledge.population import ByProfile, Draw, FactRate, Population
from knowledge.rulebook import FactType, Field, Rulebook

_DAY: Final = timedelta(days=1)
_NOON: Final = "T12:00:00+08:00"
_README: Final = """# 示例城市 · sample city

本文件夹中的主体与事实全部是合成的,与任何真实主体无关;等级由规则算出,从不预先设定。
The producers and facts in this folder are synthetic throughout and belong to nobody;
their grades come from the rules and are never set beforehand.
"""

_encode: Final = msgspec.json.Encoder().encode
Values: TypeAlias = dict[str, Any]
Drawer: TypeAlias = Callable[[Any], Any]


class _Hand:
    """What one producer's values are drawn with."""

    __slots__ = ("n", "p", "parent", "profile", "random", "values")

    def __init__(self, seed: str, number: int) -> None:
        self.random = random.Random(seed).random  # noqa: S311  the same city for the same seed
        self.p, self.n = f"{number:05d}", 0
        self.profile = ""
        self.values: Values = {}
        self.parent: Values = {}

    def between(self, low: int, high: int) -> int:
        return low + int(self.random() * (high - low + 1))


def generate(
    rulebook: Rulebook, population: Population, *, producers: int, seed: int, as_of: date, density: float = 1.0
) -> Iterator[dict[str, Any]]:
    """Yield case files, one for each producer. A producer is the same however many come after it."""
    city = _City(rulebook, population, as_of, density)
    for number in range(1, producers + 1):
        yield city.producer(_Hand(f"{seed}/{number}", number))


def everyone(rulebook: Rulebook, population: Population, *, seed: int, as_of: date) -> list[dict[str, Any]]:
    """Return the facts about everyone, as a case file tells them."""
    return _City(rulebook, population, as_of, 1.0).everyone(_Hand(f"{seed}/everyone", 0))


def write_city(
    folder: Path,
    rulebook: Rulebook,
    population: Population,
    *,
    producers: int,
    seed: int,
    as_of: date,
    density: float = 1.0,
) -> dict[str, Any]:
    """Write a city's folder: producers, what is about everyone, `city.json` and a README.

    Returns what `city.json` holds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    about_everyone = everyone(rulebook, population, seed=seed, as_of=as_of)
    (folder / EVERYONE_FILE).write_bytes(_encode({"facts": about_everyone}))
    facts = len(about_everyone)
    with (folder / CITY_FILE).open("wb") as file:
        for case in generate(rulebook, population, producers=producers, seed=seed, as_of=as_of, density=density):
            facts += len(case["facts"])
            file.write(_encode(case) + b"\n")
    made: dict[str, Any] = {
        "synthetic": True,
        "rulebook": {"id": rulebook.id, "version": rulebook.version, "sha256": rulebook.sha256},
        "producers": producers,
        "facts": facts,
        "seed": seed,
        "as_of": as_of.isoformat(),
        "density": str(density),
    }
    (folder / "city.json").write_bytes(msgspec.json.format(_encode(made), indent=2))
    (folder / "README.md").write_text(_README, "utf-8")
    return made


class _City:
    """A population made ready to draw from."""

    def __init__(self, rulebook: Rulebook, population: Population, as_of: date, density: float) -> None:
        self._population, self._as_of, self._density = population, as_of, density
        self._kinds = _weighted(population.kinds)
        self._regions = _weighted(population.regions)
        self._profiles = _weighted(population.profiles)
        self._statuses = _weighted(population.statuses)
        self._usual = next(iter(population.statuses))
        self._attributes = {
            name: _drawer(draw, rulebook.attributes[name], as_of) for name, draw in population.attributes.items()
        }
        rates = [_Rate(rate, rulebook.types[rate.fact], as_of) for rate in population.facts]
        self._rates = [rate for rate in rates if not rate.about_everyone]
        self._about_everyone = [rate for rate in rates if rate.about_everyone]

    def producer(self, hand: _Hand) -> dict[str, Any]:
        kind, region, hand.profile = self._kinds(hand), self._regions(hand), self._profiles(hand)
        hand.values = {}
        for name, draw in self._attributes.items():
            value = draw(hand)
            if value is not None:
                hand.values[name] = value
        producer = {
            "id": self._population.id.format(p=hand.p),
            "kind": kind,
            "region": region,
            "attributes": {name: _plain(value) for name, value in hand.values.items()},
        }
        rates = [rate for rate in self._rates if rate.kinds is None or kind in rate.kinds]
        return {"producer": producer, "facts": self._facts(hand, rates)}

    def everyone(self, hand: _Hand) -> list[dict[str, Any]]:
        hand.profile = self._profiles(hand)
        return self._facts(hand, self._about_everyone)

    def _facts(self, hand: _Hand, rates: Iterable[_Rate]) -> list[dict[str, Any]]:
        drawn: dict[str, list[Values]] = {}
        facts: list[dict[str, Any]] = []
        for rate in rates:
            hand.n = 0
            own = drawn.setdefault(rate.name, [])
            for parent in rate.parents(hand, drawn, self._population.years, self._density):
                hand.n += 1
                hand.parent, hand.values = parent, {}
                values = rate.draw(hand)
                own.append(values)
                facts += self._reports(hand, rate, values)
        return facts

    def _reports(self, hand: _Hand, rate: _Rate, values: Values) -> Iterator[dict[str, Any]]:
        """Yield the fact as it was reported, once or twice; nothing where no report has arrived yet."""
        arrival = self._population.arrival
        happened = values.get(rate.dated) if rate.dated is not None else None
        late = hand.random() * 100 < arrival.late_percent
        days = hand.between(*(arrival.late if late else arrival.usual))
        recorded = (happened or self._as_of) + _DAY * days
        status = self._statuses(hand) if rate.contested else self._usual
        twice = hand.random() * 100 < arrival.twice_percent
        later = recorded + _DAY * hand.between(*arrival.usual)
        fields = {name: _plain(value) for name, value in values.items()}
        reference = f"{rate.name}-{hand.p}-{hand.n}"
        reports = [(rate.system, recorded)] + ([(arrival.second_system, later)] if twice else [])
        for system, day in reports:
            if day <= self._as_of:
                yield {
                    "type": rate.name,
                    "fields": fields,
                    "source": {"system": system, "ref": reference},
                    "recorded_at": f"{day.isoformat()}{_NOON}",
                    "status": status,
                }


class _Rate:
    """One fact type made ready to draw from."""

    def __init__(self, rate: FactRate, kind: FactType, as_of: date) -> None:
        self.name, self.dated, self.kinds = rate.fact, kind.dated, rate.kinds
        self.system = kind.source_system or "-"
        self.contested, self.about_everyone = rate.contested, kind.about_everyone
        self._rate = rate
        self._fields = [(name, _drawer(draw, kind.fields[name], as_of)) for name, draw in rate.fields.items()]

    def parents(self, hand: _Hand, drawn: Mapping[str, list[Values]], years: int, density: float) -> Iterator[Values]:
        """Yield once for each fact to draw: the fact that it belongs to, or nothing."""
        rate = self._rate
        if rate.for_each is not None:
            percent = _number(rate.percent, hand)
            for parent in drawn.get(rate.for_each, ()):
                fits = all(parent.get(name) == value for name, value in rate.where.items())
                if fits and hand.random() * 100 < percent:
                    yield parent
            return
        if rate.per_year is not None:
            low, high = map(float, rate.per_year)
            wanted = (low + (high - low) * hand.random()) * _number(rate.times, hand) * years * density
            count = int(wanted) + (hand.random() < wanted - int(wanted))
        elif rate.each is not None:
            count = rate.each
        else:
            count = int(hand.random() * 100 < _number(rate.percent, hand))
        for _ in range(count):
            yield {}

    def draw(self, hand: _Hand) -> Values:
        for name, draw in self._fields:
            value = draw(hand)
            if value is not None:
                hand.values[name] = value
        return hand.values


def _drawer(draw: Draw, field: Field, as_of: date) -> Drawer:
    inner = _value(draw, field, as_of)
    if draw.pick is not None and field.type == "whole":
        pick = inner
        inner = lambda hand: int(pick(hand))  # noqa: E731  one conversion
    given = draw.given

    def drawn(hand: _Hand) -> Any:
        if given != 100 and hand.random() * 100 >= _number(given, hand):
            return None
        value = inner(hand)
        if isinstance(value, date) and value > as_of and not draw.ahead:
            return None if field.optional else as_of
        return value

    return drawn


def _value(draw: Draw, field: Field, as_of: date) -> Drawer:
    if draw.text is not None:
        pattern = draw.text
        return lambda hand: pattern.format(p=hand.p, n=hand.n)
    if draw.pick is not None:
        if any(isinstance(weight, dict) for weight in draw.pick.values()):
            return _picked_by_profile(draw.pick)
        return _weighted({name: weight for name, weight in draw.pick.items() if not isinstance(weight, dict)})
    if draw.yes is not None:
        percent = draw.yes
        return lambda hand: hand.random() * 100 < _number(percent, hand)
    if draw.whole is not None:
        low, high = draw.whole
        return lambda hand: hand.between(low, high)
    if draw.decimal is not None:
        return _decimal(draw.decimal, field.places)
    days = draw.days or (0, 0)
    if draw.ago is not None:
        nearest, farthest = draw.ago
        return lambda hand: as_of - _DAY * hand.between(nearest, farthest)
    if draw.after is not None:
        base = draw.after
        return lambda hand: _moved(hand, hand.values.get(base), days)
    name = str(draw.parent)
    return lambda hand: _moved(hand, hand.parent.get(name), days)


def _moved(hand: _Hand, value: Any, days: tuple[int, int]) -> Any:
    if not isinstance(value, date) or days == (0, 0):
        return value
    return value + _DAY * hand.between(*days)


def _decimal(bounds: tuple[str, str], places: int) -> Drawer:
    low, high = (int(float(bound) * 10**places) for bound in bounds)

    def drawn(hand: _Hand) -> str:
        number = hand.between(low, high)
        return f"{number // 10**places}.{number % 10**places:0{places}d}" if places else str(number)

    return drawn


def _weighted(weights: Mapping[str, Any]) -> Drawer:
    names = list(weights)
    sums = list(accumulate(float(weight) for weight in weights.values()))

    def drawn(hand: _Hand) -> str:
        point = hand.random() * sums[-1]
        return next(name for name, edge in zip(names, sums, strict=True) if point < edge or edge == sums[-1])

    return drawn


def _picked_by_profile(weights: Mapping[str, ByProfile]) -> Drawer:
    by_profile: dict[str, Drawer] = {}

    def drawn(hand: _Hand) -> Any:
        if hand.profile not in by_profile:
            own = {
                name: weight[hand.profile] if isinstance(weight, dict) else weight for name, weight in weights.items()
            }
            by_profile[hand.profile] = _weighted(own)
        return by_profile[hand.profile](hand)

    return drawn


def _number(value: ByProfile | None, hand: _Hand) -> float:
    if isinstance(value, dict):
        value = value[hand.profile]
    return float(value or 0)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
