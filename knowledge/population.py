"""Synthetic populations as data: how many producers of which kind, with which facts how often.

A population file names the words of one rulebook and is checked against it; nothing in it names a grade or a score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from knowledge.problems import Problem, RulebookMissing, RulebookRefused, nearest
from knowledge.rulebook import FactType, Rulebook
from knowledge.rulebook import Field as Shape
from knowledge.source import Document, read_document

SHIPPED = Path(str(files("knowledge") / "populations"))

Number: TypeAlias = Annotated[Decimal, Field(ge=0)]
ByProfile: TypeAlias = Number | dict[str, Number]
"""One number for all, or one for each profile."""
Days: TypeAlias = tuple[int, int]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Draw(_Part):
    """How a value is drawn: by exactly one of the first seven; `given` is the percentage of facts that have it.

    `text` may hold {p} (number of the producer) and {n} (number of the fact among its type).
    `ago` counts days back from the day of the city; `days` is added to the date of `after` or `parent`.
    A date after the day of the city has not come yet and is left out (of a field that must be given: is that day),
    unless `ahead` says that it is known before.
    """

    text: str | None = None
    pick: dict[str, ByProfile] | None = None
    yes: ByProfile | None = None
    whole: tuple[int, int] | None = None
    decimal: tuple[str, str] | None = None
    ago: Days | None = None
    after: str | None = None
    parent: str | None = None
    days: Days | None = None
    ahead: bool = False
    given: ByProfile = Decimal(100)

    @model_validator(mode="after")
    def _one_way(self) -> Draw:
        ways = (self.text, self.pick, self.yes, self.whole, self.decimal, self.ago, self.after, self.parent)
        if sum(way is not None for way in ways) != 1:
            raise ValueError("needs exactly one of text, pick, yes, whole, decimal, ago, after, parent")
        return self


class FactRate(_Part):
    """How often facts of a type happen, in one of three ways, and how each of their fields is drawn.

    `per_year`: so many a year, drawn evenly between two numbers, times `times` and the city's density.
    `each`: so many for every producer, or in all where the type is about everyone. `percent`: that share of producers
    has one.
    With `for_each`, `percent` is the share of the facts of that type, drawn before, that have one of these.
    `contested`: may also be in a status other than the usual one.
    """

    fact: str
    per_year: tuple[Number, Number] | None = None
    times: ByProfile = Decimal(1)
    each: int | None = None
    percent: ByProfile | None = None
    for_each: str | None = None
    where: dict[str, str | bool] = Field(default_factory=dict)
    kinds: tuple[str, ...] | None = None
    contested: bool = False
    fields: dict[str, Draw]

    @model_validator(mode="after")
    def _one_rate(self) -> FactRate:
        if sum(rate is not None for rate in (self.per_year, self.each, self.percent)) != 1:
            raise ValueError("needs exactly one of per_year, each, percent")
        return self


class Arrival(_Part):
    """When facts are recorded, in days after they happened, and how many are reported twice."""

    usual: Days
    late: Days
    late_percent: Number
    twice_percent: Number
    second_system: str


class Population(_Part):
    """A whole city. Weights and percentages need not add up to anything."""

    rulebook: str
    years: int = Field(ge=1, le=10)
    id: str
    kinds: dict[str, Number]
    regions: dict[str, Number]
    profiles: dict[str, Number]
    attributes: dict[str, Draw]
    statuses: dict[str, Number]
    arrival: Arrival
    facts: tuple[FactRate, ...]


def load_population(rulebook: Rulebook, path: Path | None = None) -> Population:
    """Return the population in a file, by default the one shipped for the rulebook.

    Raises:
        RulebookMissing: no population is shipped for this rulebook.
        RulebookRefused: the file has problems; all are listed.
    """
    path = path or SHIPPED / f"{rulebook.id}.yaml"
    if not path.is_file():
        raise RulebookMissing(f"there is no population for rulebook `{rulebook.id}`")
    problems: list[Problem] = []
    document = read_document(path.name, path.read_bytes(), problems)
    population = None
    if not problems:
        try:
            population = Population.model_validate(document.data)
        except ValidationError as error:
            problems += [_shape(document, dict(one)) for one in error.errors()]
    if population is not None:
        problems += _Check(rulebook, population, document).problems()
    if problems or population is None:
        raise RulebookRefused(f"the population {path.name} has problems", problems=tuple(problems))
    return population


def _shape(document: Document, error: Mapping[str, Any]) -> Problem:
    written: list[Any] = []
    data = document.data
    for part in error["loc"]:
        if not (isinstance(data, dict) and part in data) and not (isinstance(data, list) and isinstance(part, int)):
            break
        written.append(part)
        data = data[part]
    message = str(error["msg"]).removeprefix("Value error, ")
    return Problem(document.place(tuple(written)), "population.shape", message[0].lower() + message[1:])


class _Check:
    """Every name of a population against the rulebook."""

    def __init__(self, rulebook: Rulebook, population: Population, document: Document) -> None:
        self._rulebook, self._population, self._document = rulebook, population, document
        self._found: list[Problem] = []

    def problems(self) -> list[Problem]:
        population, rulebook = self._population, self._rulebook
        if population.rulebook != rulebook.id:
            self._add(("rulebook",), f"is for rulebook `{population.rulebook}`, not `{rulebook.id}`")
        self._names(population.kinds, rulebook.kinds, ("kinds",), "kind")
        self._names(population.statuses, rulebook.fact_statuses, ("statuses",), "status")
        self._draws(population.attributes, rulebook.attributes, ("attributes",), None)
        kinds = {name: kind for name, kind in rulebook.types.items() if kind.origin == "fact"}
        drawn: list[str] = []
        for place, rate in enumerate(population.facts):
            path = ("facts", place)
            self._rate(rate, kinds, drawn, path)
            drawn.append(rate.fact)
        missing = [name for name in kinds if name not in drawn]
        if missing:
            self._add(("facts",), f"no facts are drawn of {', '.join(missing)}")
        return self._found

    def _rate(self, rate: FactRate, kinds: Mapping[str, FactType], drawn: list[str], path: tuple[Any, ...]) -> None:
        self._names([rate.fact], kinds, (*path, "fact"), "fact type")
        self._names(rate.kinds or (), self._rulebook.kinds, (*path, "kinds"), "kind")
        self._profiles(rate.times, (*path, "times"))
        self._profiles(rate.percent, (*path, "percent"))
        parent = None
        if rate.for_each is not None:
            self._names([rate.for_each], drawn, (*path, "for_each"), "type drawn before")
            parent = kinds.get(rate.for_each)
        kind = kinds.get(rate.fact)
        if kind is not None:
            self._draws(rate.fields, kind.fields, (*path, "fields"), parent)
            for name, field in kind.fields.items():
                if not field.optional and name not in rate.fields:
                    self._add((*path, "fields"), f"field `{name}` is not drawn")

    def _draws(
        self, draws: Mapping[str, Draw], fields: Mapping[str, Shape], path: tuple[Any, ...], parent: FactType | None
    ) -> None:
        self._names(draws, fields, path, "field")
        before: list[str] = []
        for name, draw in draws.items():
            field = fields.get(name)
            if field is not None and draw.pick is not None and field.type == "choice":
                self._names(draw.pick, field.choices, (*path, name, "pick"), "choice")
            if draw.after is not None:
                self._names([draw.after], before, (*path, name, "after"), "field drawn before")
            if draw.parent is not None:
                self._names(
                    [draw.parent], parent.fields if parent else (), (*path, name, "parent"), "field of the parent"
                )
            self._profiles(draw.yes, (*path, name, "yes"))
            self._profiles(draw.given, (*path, name, "given"))
            before.append(name)

    def _profiles(self, value: ByProfile | None, path: tuple[Any, ...]) -> None:
        if isinstance(value, dict):
            self._names(value, self._population.profiles, path, "profile")
            for name in self._population.profiles:
                if name not in value:
                    self._add(path, f"profile `{name}` has no number")

    def _names(self, names: Iterable[str], known: Iterable[str], path: tuple[Any, ...], what: str) -> None:
        known = list(known)
        for name in names:
            if name not in known:
                near = nearest(name, known)
                self._add(
                    path, f"unknown {what} `{name}`", given=name, help=f"did you mean `{near}`?" if near else None
                )

    def _add(self, path: tuple[Any, ...], message: str, *, given: str | None = None, help: str | None = None) -> None:
        self._found.append(Problem(self._document.place(path), "population.name", message, given, help=help))
