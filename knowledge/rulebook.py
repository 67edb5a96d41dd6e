"""The meaning of a whole rulebook after every name, type and unit has been resolved; rules stand in `rules`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from knowledge.rules import (
    Absent,
    Arithmetic,
    Expr,
    Formula,
    Match,
    Num,
    Pattern,
    Rounding,
    Rule,
    Scalar,
    Shift,
    Test,
    Text,
    Value,
)
from knowledge.workdays import Calendar

Origin: TypeAlias = Literal["fact", "finding", "consequence"]


class Field(Struct, frozen=True):
    """One typed value of a fact, finding, consequence or producer."""

    name: str
    type: Scalar
    label: Text
    optional: bool = False
    choices: Mapping[str, Text] = {}
    """The allowed values in their written order, worst or lowest first where `ordered`."""
    ordered: bool = False
    places: int = 0
    """Decimals only: the stored integer is the value times 10 ** places."""
    unit: str | None = None
    minimum: int | None = None
    """Lowest allowed encoded value; for dates an ordinal."""
    maximum: int | None = None
    """Highest allowed encoded value; for text the longest allowed length in characters."""
    personal: bool = False


class Lasting(Struct, frozen=True):
    """The dates between which a state fact is active."""

    start: str
    end: str | None
    end_included: bool
    """True where the end field names the last active day, false where it names the first inactive one."""


class FactType(Struct, frozen=True):
    """What one kind of fact, finding or consequence looks like."""

    name: str
    origin: Origin
    label: Text
    fields: Mapping[str, Field]
    dated: str | None = None
    """The date field that windows and visibility use."""
    same_when: tuple[str, ...] = ()
    lasting: Lasting | None = None
    source_system: str | None = None
    block: str | None = None
    """`public` or `industry` where the rulebook says so."""
    tells: Literal["against", "for"] | None = None
    """One more fact that tells against never makes score or grade better; one that tells for never makes them worse."""
    about_everyone: bool = False
    """Recorded once and part of every producer's case; its rules read nothing of any one producer."""


class FactStatus(Struct, frozen=True):
    """A state of knowledge about a fact, and whether rules may see facts in it."""

    name: str
    label: Text
    counts: bool


class Aggregate(Struct, frozen=True, tag_field="is", tag=True):
    """A number computed over the facts that fit a pattern (alias `this`).

    share: basis points of those among `pattern` that also fit `numerator`.
    sum, min, max, latest, first, distinct read `field`.
    """

    how: Literal["count", "sum", "min", "max", "share", "latest", "first", "days_since", "distinct"]
    pattern: Pattern
    field: str | None = None
    numerator: tuple[Test, ...] = ()


class PointsMeasure(Struct, frozen=True, tag_field="is", tag=True):
    """Points lost (or gained) after caps by the named standards or indicators; for consequence rules only."""

    of: tuple[str, ...]


class Measure(Struct, frozen=True):
    """A named number, or a choice or date for latest and first."""

    name: str
    label: Text
    body: Aggregate | Arithmetic | PointsMeasure
    type: Scalar
    places: int = 0
    unit: str | None = None
    per: str | None = None
    """The field whose values split the measure into groups."""
    when_nothing: Value | None = None
    """The value when there is nothing to measure; None makes the measure not applicable."""


class Standard(Struct, frozen=True):
    """One scoring standard."""

    id: str
    label: Text
    points: int
    indicator: str
    """Its level-2 indicator."""
    applies_to: tuple[str, ...] | None
    suspended_by: Pattern | None = None
    """Findings that suspend the standard: it then leaves the fraction and loses nothing."""
    mode: str | None = None


class Indicator(Struct, frozen=True):
    """An indicator of level 1 or 2. Points are the sum of what hangs below."""

    id: str
    level: Literal[1, 2]
    label: Text
    points: int
    parent: str | None
    block: str | None = None
    weight: int = 1
    """Whole number by which points below count into the score."""
    at_most: int | None = None
    """Most points that may be lost (gained) below it, before its weight."""
    minimum: int | None = None
    """Points left (higher is better) or gained (lower is better) that the indicator must reach or not exceed."""
    otherwise: str | None = None
    """The best grade still allowed when `minimum` is missed."""


class Demand(Struct, frozen=True):
    """More that a band asks for than a total: an indicator's remaining (or gained) points."""

    indicator: str
    at_least: int | None = None
    at_most: int | None = None


class Band(Struct, frozen=True):
    """A grade and the totals that reach it. Bands are ordered best first."""

    grade: str
    word: Text
    colour: str | None
    colour_word: Text | None
    low: int | None
    """Lowest score of the band, included; None for open."""
    high: int | None
    """Highest score of the band, included; None for open."""
    worst_single: int | None = None
    """No standard may have lost (gained) more than this."""
    demands: tuple[Demand, ...] = ()


class Scoring(Struct, frozen=True):
    """How points become a score. All in the smallest unit the rulebook names."""

    start: int
    direction: Literal["lost", "gained"]
    better: Literal["higher", "lower"]
    floor: int | None
    ceiling: int | None
    unit: Literal["whole", "tenths", "hundredths"]
    not_applicable: Literal["leaves_the_fraction", "keeps_its_points"]
    rounding: Rounding


class Law(Struct, frozen=True):
    """An article of law."""

    id: str
    label: Text
    title: Text
    article: str | None
    effective_from: int | None
    effective_until: int | None
    mark: str | None
    href: str | None = None

    def in_force(self, day: int) -> bool:
        """Say whether it is in force on a day."""
        begun = self.effective_from is None or self.effective_from <= day
        return begun and (self.effective_until is None or day < self.effective_until)


class Again(Struct, frozen=True, tag_field="is", tag=True):
    """Each fact that fits is reported again, with other values or in another status.

    The facts that fit are bound to the pattern's alias `it`; `as_of` is the day on which the deed is done.
    """

    facts: Pattern
    when: tuple[Match | Absent, ...] = ()
    """What else must be there, or not, for a fact to be touched."""
    gives: Mapping[str, Expr] = {}
    status: str | None = None


class New(Struct, frozen=True, tag_field="is", tag=True):
    """New facts of a type: `times` of them, once or for each fact that fits `each` (bound to its alias `it`).

    Fields of `names` get a text of their own for each fact, so that no two are the same fact.
    """

    type: str
    each: Pattern | None = None
    when: tuple[Match | Absent, ...] = ()
    times: Formula = Num(1)
    gives: Mapping[str, Expr] = {}
    names: tuple[str, ...] = ()


Act: TypeAlias = Again | New


class Remedy(Struct, frozen=True):
    """A deed that restores points."""

    id: str
    text: Text
    effort: int
    """1 (an hour) to 5 (months of work)."""
    lead_time: Shift
    restores: Mapping[str, int | Literal["all", "half"]]
    """By standard: all, half (each deduction keeps half, rounded down), or at least so many points of what is lost."""
    recovers: Literal["now", "deed", "time"]
    ask: Text | None = None
    does: tuple[Act, ...] = ()
    """What the deed changes in the facts; empty where only time heals, or where it isn't said."""
    excludes: tuple[str, ...] = ()
    """Remedies that can't be done beside it."""


class Right(Struct, frozen=True):
    """What a producer may do about its grade, with the time limits: told in every letter."""

    title: Text
    text: Text
    law: tuple[str, ...]


class Rulebook(Struct, frozen=True, omit_defaults=True):
    """One dated, digested, immutable version of everything a grade rests on."""

    id: str
    version: str
    title: Text
    status: Literal["official", "reconstruction", "draft"]
    notice: Text | None
    """What readers must know of its standing; shown wherever its grades are."""
    effective_from: int
    effective_until: int | None
    """First day on which it is no longer in force."""
    sha256: str
    scoring: Scoring
    calendar: Calendar | None
    laws: Mapping[str, Law]
    kinds: Mapping[str, Text]
    natural_persons: tuple[str, ...]
    """The kinds whose public data the law protects."""
    attributes: Mapping[str, Field]
    fact_statuses: Mapping[str, FactStatus]
    types: Mapping[str, FactType]
    """Facts, findings and consequences by name; one namespace."""
    producer_statuses: Mapping[str, Text]
    ceilings: Mapping[str, Text]
    vetoes: Mapping[str, Text]
    measures: Mapping[str, Measure]
    standards: Mapping[str, Standard]
    indicators: Mapping[str, Indicator]
    """Level 1 and level 2, in written order."""
    rules: tuple[Rule, ...]
    bands: tuple[Band, ...]
    remedies: Mapping[str, Remedy]
    rights: tuple[Right, ...] = ()
    """In the order in which letters tell them."""

    @property
    def points_total(self) -> int:
        """Sum of all standards' points, in the rulebook's unit, before weights."""
        return sum(standard.points for standard in self.standards.values())
