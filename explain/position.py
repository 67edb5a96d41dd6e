"""Where a producer stands among others: rank, percentile, peers' medians, and what is lost most often around it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import msgspec

from engine.values import decimal_text
from explain.phrases import Lang
from explain.phrases_position import placed
from explain.views import Sentence
from knowledge.rulebook import Field, Rulebook

FEWEST: Final = 5
"""Fewest producers that anything is told of together."""
_MOST_OFTEN: Final = 5
_PLACES: Final = {"whole": 0, "tenths": 1, "hundredths": 2}
_CITY: Final = "city"


class Peer(msgspec.Struct, frozen=True):
    """A producer with what its stored grading says. Points and score are as in the document: whole, or decimal text.

    `standards` and `indicators` have points by id; those that don't apply are left out.
    """

    id: str
    kind: str
    region: str
    attributes: Mapping[str, Any]
    grade: str
    score: int | str
    standards: Mapping[str, int | str]
    indicators: Mapping[str, int | str]


class Group(msgspec.Struct, frozen=True):
    """The producers that share one value: of their kind, region or an attribute; `city` has everybody."""

    name: str
    value: str


class Summary(msgspec.Struct, frozen=True):
    """What is told of a group; `keys` are its members' places, best first, in the smallest unit of points."""

    keys: Sequence[tuple[int, int]]
    medians: Mapping[str, Fraction]
    losing: Mapping[str, int]


class MedianView(msgspec.Struct, frozen=True):
    """An indicator's points of this producer and the median of the group's members that it applies to."""

    id: str
    level: int
    label: str
    yours: int | str
    median: int | str


class OftenView(msgspec.Struct, frozen=True):
    """A standard under which many of a group lost points; `share` in whole per cent."""

    id: str
    label: str
    producers: int
    share: int
    yours: int | str
    sentence: Sentence


class GroupView(msgspec.Struct, frozen=True):
    """This producer's place in one group. Where `suppressed`, nothing but the sentence is told.

    `rank` counts from 1; `tied` others share it. `percentile` is the share of the others, in whole per cent, that this
    producer is no worse than.
    """

    group: str
    value: str
    label: str
    suppressed: bool
    sentence: Sentence
    size: int | None = None
    rank: int | None = None
    tied: int | None = None
    percentile: int | None = None
    indicators: tuple[MedianView, ...] = ()
    often: tuple[OftenView, ...] = ()


class Position(msgspec.Struct, frozen=True):
    """Where a producer's stored grading stands among those of others under the same rulebook."""

    lang: Lang
    producer: str
    as_of: str
    grading: str
    rulebook: str
    grade: str
    score: int | str
    order: str
    """How producers are ordered, in words."""
    groups: tuple[GroupView, ...]
    elsewhere: Sentence | None
    """Those graded under another rulebook, where there are any."""


def groups_of(rulebook: Rulebook, peer: Peer) -> list[Group]:
    """Return a producer's groups: the city, its region, its kind, and its choices that aren't personal."""
    found = [Group(_CITY, ""), Group("region", peer.region), Group("kind", peer.kind)]
    for name, field in rulebook.attributes.items():
        value = peer.attributes.get(name)
        if field.type == "choice" and not field.personal and value is not None:
            found.append(Group(f"attribute:{name}", str(value)))
    return [group for group in found if group.value or group.name == _CITY]


def members(group: Group, peers: Iterable[Peer]) -> list[Peer]:
    """Return who belongs to a group."""
    name, value = group.name, group.value
    if name == _CITY:
        return list(peers)
    if name in ("region", "kind"):
        return [one for one in peers if getattr(one, name) == value]
    attribute = name.removeprefix("attribute:")
    return [one for one in peers if str(one.attributes.get(attribute)) == value]


def summarise(rulebook: Rulebook, peers: Sequence[Peer]) -> Summary:
    """Return what is told of a group of producers graded under one rulebook."""
    unit = Unit(rulebook)
    points: dict[str, list[int]] = {}
    losing: Counter[str] = Counter()
    for one in peers:
        for name, value in one.indicators.items():
            points.setdefault(name, []).append(unit.whole(value))
        losing.update(name for name, value in one.standards.items() if unit.against(name, value))
    medians = {name: _median(values) for name, values in points.items()}
    return Summary(sorted(map(unit.key, peers)), medians, losing)


class Unit:
    """Points of one rulebook as whole numbers of its smallest unit."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._places = _PLACES[rulebook.scoring.unit]
        self._grades = {band.grade: place for place, band in enumerate(rulebook.bands)}
        self._upwards = rulebook.scoring.better == "higher"
        self._shortfall = rulebook.scoring.direction == "gained" and self._upwards
        self._most = {name: one.points for name, one in rulebook.standards.items()}

    def whole(self, value: int | str) -> int:
        """Return points or a score of a document as a whole number."""
        return value if isinstance(value, int) else int(Decimal(value).scaleb(self._places))

    def key(self, peer: Peer) -> tuple[int, int]:
        """Return a producer's place in the order, best first: by grade, then by score."""
        score = self.whole(peer.score)
        return self._grades.get(peer.grade, len(self._grades)), -score if self._upwards else score

    def against(self, standard: str, value: int | str) -> int:
        """Return the points that count against a producer: lost, or not gained where more is better."""
        points = self.whole(value)
        return self._most[standard] - points if self._shortfall else points

    def shown(self, points: Fraction | int) -> int | str:
        """Return points as JSON has them; a half of the smallest unit as decimal text."""
        if isinstance(points, Fraction) and points.denominator != 1:
            return decimal_text(int(points * 10), self._places + 1)
        return int(points) if not self._places else decimal_text(int(points), self._places)


class Placing:
    """Tells one producer's place in words of one language."""

    def __init__(self, rulebook: Rulebook, peer: Peer, grading: str, lang: Lang, fewest: int = FEWEST) -> None:
        """Take the producer and the hash of its stored grading, on which every sentence stands."""
        self._rulebook, self._peer, self._lang, self._fewest = rulebook, peer, lang, fewest
        self._stands_on = (f"grading:{grading}",)
        self._unit = Unit(rulebook)

    def place(self, group: Group, summary: Summary, everybody: int) -> GroupView:
        """Return the place in a group; nothing of it where the group, or all but the group, are too few to be told."""
        size = len(summary.keys)
        label, (name, value) = self._label(group), (group.name, group.value)
        if size < self._fewest or 0 < everybody - size < self._fewest:
            return GroupView(name, value, label, suppressed=True, sentence=self._say("suppressed", group=label))
        mine = self._unit.key(self._peer)
        better, no_worse = bisect_left(summary.keys, mine), bisect_right(summary.keys, mine)
        tied = no_worse - better - 1
        percentile = 100 * (size - better - 1) // (size - 1)
        level = "" if not tied else placed(self._lang, "tied_one" if tied == 1 else "tied", tied=tied)
        rank = better + 1
        told = self._say("ranked", group=label, size=size, rank=rank, tied=level, percentile=percentile)
        return GroupView(
            group=name,
            value=value,
            label=label,
            suppressed=False,
            sentence=told,
            size=size,
            rank=rank,
            tied=tied,
            percentile=percentile,
            indicators=tuple(self._medians(summary)),
            often=tuple(self._often(summary, label)),
        )

    def elsewhere(self, count: int) -> Sentence | None:
        """Say how many can't be compared, None where all can."""
        return self._say("elsewhere", count=count) if count else None

    def _medians(self, summary: Summary) -> Iterator[MedianView]:
        for name, indicator in self._rulebook.indicators.items():
            if name in self._peer.indicators and name in summary.medians:
                label = indicator.label.in_language(self._lang)
                yours = self._unit.shown(self._unit.whole(self._peer.indicators[name]))
                yield MedianView(name, indicator.level, label, yours, self._unit.shown(summary.medians[name]))

    def _often(self, summary: Summary, group: str) -> Iterator[OftenView]:
        """Yield the standards under which most lost points; what befell fewer than may be told of is left out."""
        order = {name: place for place, name in enumerate(self._rulebook.standards)}
        most = sorted(summary.losing.items(), key=lambda pair: (-pair[1], order[pair[0]]))
        for name, count in most[:_MOST_OFTEN]:
            if count >= self._fewest:
                label = self._rulebook.standards[name].label.in_language(self._lang)
                held = self._peer.standards.get(name)
                yours = self._unit.shown(0 if held is None else self._unit.against(name, held))
                share = 100 * count // len(summary.keys)
                told = self._say("often", group=group, producers=count, share=share, standard=label, yours=yours)
                yield OftenView(name, label, count, share, yours, told)

    def _label(self, group: Group) -> str:
        name, value = group.name, group.value
        if name == "kind":
            label = self._rulebook.kinds.get(value)
            value = value if label is None else label.in_language(self._lang)
        elif name not in (_CITY, "region"):
            field: Field = self._rulebook.attributes[name.removeprefix("attribute:")]
            choice = field.choices.get(value)
            shown = value if choice is None else choice.in_language(self._lang)
            return placed(self._lang, "attribute", what=field.label.in_language(self._lang), value=shown)
        return placed(self._lang, name, value=value)

    def _say(self, name: str, **slots: object) -> Sentence:
        return Sentence(placed(self._lang, name, **slots), self._stands_on)


def _median(values: list[int]) -> Fraction:
    values.sort()
    middle = len(values) // 2
    return Fraction(values[middle]) if len(values) % 2 else Fraction(values[middle - 1] + values[middle], 2)
