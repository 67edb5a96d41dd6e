"""The meaning of a rulebook after every name, type and unit has been resolved.

Values are encoded once, at the door, and stay so until they are shown:
text and choice are `str`, whole numbers `int`, decimals `int` scaled by `places`,
yes/no `bool`, dates proleptic Gregorian ordinals (`int`). Shares are whole basis points
(1 % = 100), rounded down, so that `below 100%` is false only when nothing is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from knowledge.workdays import Calendar

Value: TypeAlias = int | str | bool
Scalar: TypeAlias = Literal["text", "choice", "whole", "decimal", "yes_no", "date", "share"]
Unit: TypeAlias = Literal["days", "weeks", "months", "years", "working_days"]
Op: TypeAlias = Literal["eq", "ne", "in", "not_in", "lt", "le", "gt", "ge", "present", "missing"]
RuleKind: TypeAlias = Literal["finding", "standard", "ceiling", "veto", "status", "consequence"]
Origin: TypeAlias = Literal["fact", "finding", "consequence"]
Rounding: TypeAlias = Literal["down", "up", "half_up"]


@dataclass(frozen=True, slots=True)
class Text:
    """A text for people: Chinese always, English where given."""

    zh: str
    en: str | None = None

    def in_language(self, lang: str) -> str:
        """Return the text in `lang` (`zh` or `en`), Chinese where English is missing."""
        return self.en if lang == "en" and self.en is not None else self.zh


@dataclass(frozen=True, slots=True)
class Field:
    """One typed value of a fact, finding, consequence or producer."""

    name: str
    type: Scalar
    label: Text
    optional: bool = False
    choices: Mapping[str, Text] = field(default_factory=dict)
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


@dataclass(frozen=True, slots=True)
class Lasting:
    """The dates between which a state fact is active."""

    start: str
    end: str | None
    end_included: bool
    """True where the end field names the last active day, false where it names the first inactive one."""


@dataclass(frozen=True, slots=True)
class FactType:
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


@dataclass(frozen=True, slots=True)
class FactStatus:
    """A state of knowledge about a fact, and whether rules may see facts in it."""

    name: str
    label: Text
    counts: bool


@dataclass(frozen=True, slots=True)
class Shift:
    """A distance added to a date; negative amounts go back."""

    amount: int
    unit: Unit


@dataclass(frozen=True, slots=True)
class Const:
    """A literal, already encoded for the field it is compared with."""

    value: Value
    type: Scalar


@dataclass(frozen=True, slots=True)
class Ref:
    """A value read elsewhere.

    `source` is an alias of the same rule, `producer`, `as_of` (then `name` is empty),
    `measure` (then `name` is the measure), or `this`: the fact under test.
    """

    source: str
    name: str
    type: Scalar
    shift: Shift | None = None


Expr: TypeAlias = Const | Ref


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison of a field, measure or producer attribute with an operand.

    `operand` is an `Expr` for eq, ne, lt, le, gt, ge; a tuple of encoded values for in, not_in;
    None for present and missing. A missing value on either side makes the test unknown,
    except under present and missing.
    """

    name: str
    op: Op
    operand: Expr | tuple[Value, ...] | None


@dataclass(frozen=True, slots=True)
class Window:
    """Which dates count: after `start` and not after as_of.

    kind `last`: later than as_of minus (amount, unit).
    kind `since`: on or after `since`, a Const date or a Ref to the producer.
    kind `calendar_year`: in the calendar year of as_of.
    `field` is the date field it looks at.
    """

    kind: Literal["last", "since", "calendar_year"]
    field: str
    amount: int = 0
    unit: Unit = "days"
    since: Expr | None = None


@dataclass(frozen=True, slots=True)
class Pattern:
    """A description of facts, findings or consequences of one type."""

    alias: str
    """The name it is bound to; for an absence the words written after `no`."""
    type: str
    tests: tuple[Test, ...] = ()
    window: Window | None = None
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """Some fact fits the pattern."""

    pattern: Pattern
    label: str


@dataclass(frozen=True, slots=True)
class Absent:
    """No fact fits the pattern."""

    pattern: Pattern
    label: str


@dataclass(frozen=True, slots=True)
class MeasureTest:
    """A measure compared with literals; all tests must hold. `Test.name` is the measure."""

    measure: str
    tests: tuple[Test, ...]
    label: str


@dataclass(frozen=True, slots=True)
class ProducerTest:
    """Tests on the producer: `kind`, `region` or an attribute; all must hold."""

    tests: tuple[Test, ...]
    label: str


@dataclass(frozen=True, slots=True)
class DateTest:
    """as_of compared with a date: `Test.name` is `as_of`, the operand an Expr of type date."""

    test: Test
    label: str


@dataclass(frozen=True, slots=True)
class OutcomeTest:
    """A test on the graded outcome; only consequence rules may carry one.

    what `grade`: the final grade is one of `names`. what `score_grade`: likewise before ceilings and vetoes.
    what `veto`, `ceiling`, `status`: one of `names` applies, or none of them if `negated`;
    empty names stand for any. what `standard`: one of the named standards or indicators lost (gained) points.
    """

    what: Literal["grade", "score_grade", "veto", "ceiling", "status", "standard"]
    names: tuple[str, ...]
    negated: bool
    label: str


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one alternative holds; each is a conjunction. Bindings inside stay inside."""

    alternatives: tuple[tuple[Clause, ...], ...]
    label: str


Clause: TypeAlias = Match | Absent | MeasureTest | ProducerTest | DateTest | OutcomeTest | AnyOf


@dataclass(frozen=True, slots=True)
class Num:
    """A whole-number literal in a formula."""

    value: int


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """An operation of exact whole-number arithmetic; `divide` rounds as said."""

    op: Literal["add", "subtract", "multiply", "divide", "min", "max"]
    args: tuple[Formula, ...]
    rounding: Rounding = "down"


Formula: TypeAlias = Num | Ref | Arithmetic


@dataclass(frozen=True, slots=True)
class FixedPoints:
    """The same points for each deduction."""

    points: int


@dataclass(frozen=True, slots=True)
class Step:
    """Points that apply when all tests on the rule's measure hold and no earlier step's did."""

    tests: tuple[Test, ...]
    points: int


@dataclass(frozen=True, slots=True)
class SteppedPoints:
    """Points by the first step whose tests the rule's measure meets."""

    measure: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class TablePoints:
    """Points by the value of one choice field of a fact that `for_each` binds."""

    by: Ref
    points: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FormulaPoints:
    """Points by whole-number arithmetic, never below zero."""

    formula: Formula


Points: TypeAlias = FixedPoints | SteppedPoints | TablePoints | FormulaPoints


@dataclass(frozen=True, slots=True)
class Rule:
    """Conditions and one conclusion.

    `for_each` patterns are the key: one deduction for each combination of their facts.
    Findings and consequences written with `when` alone have their matched patterns moved into `for_each`.
    With an empty `for_each` the rule fires once (once per group if its measure has `per`).
    Bindings in `when` are existential: all facts that satisfy them are premises of the one deduction.
    `target` is the finding, standard, ceiling, veto, status or consequence concluded.
    Points are non-negative: what the standard loses, or gains where the scoring says gained.
    """

    id: str
    kind: RuleKind
    target: str
    index: int
    """Its place among all rules, by file and line: the order of last resort."""
    for_each: tuple[Pattern, ...]
    when: tuple[Clause, ...]
    because: Text | None
    law: tuple[str, ...]
    remedies: tuple[str, ...]
    applies_to: tuple[str, ...] | None
    """Kinds of producer; None stands for all. For a standard's rule, already cut to the standard's own."""
    unknown_fires: bool
    """What an unknown condition does: False keeps the rule from firing, True counts it as met."""
    points: Points | None = None
    at_most: int | None = None
    """Most points that all deductions of this rule may take together."""
    gives: Mapping[str, Expr] = field(default_factory=dict)
    grade: str | None = None
    """The ceiling's best grade or the veto's grade."""
    until: Text | None = None
    """In words, how long a ceiling, veto or status lasts."""
    shares_event: tuple[str, ...] = ()
    """Other standards that may lose points for the same event."""
    source: str = ""
    """file:line in the rulebook."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A number computed over the facts that fit a pattern (alias `this`).

    share: basis points of those among `pattern` that also fit `numerator`.
    sum, min, max, latest, first, distinct read `field`.
    """

    how: Literal["count", "sum", "min", "max", "share", "latest", "first", "days_since", "distinct"]
    pattern: Pattern
    field: str | None = None
    numerator: tuple[Test, ...] = ()


@dataclass(frozen=True, slots=True)
class PointsMeasure:
    """Points lost (or gained) after caps by the named standards or indicators; for consequence rules only."""

    of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measure:
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


@dataclass(frozen=True, slots=True)
class Standard:
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


@dataclass(frozen=True, slots=True)
class Indicator:
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


@dataclass(frozen=True, slots=True)
class Demand:
    """More that a band asks for than a total: an indicator's remaining (or gained) points."""

    indicator: str
    at_least: int | None = None
    at_most: int | None = None


@dataclass(frozen=True, slots=True)
class Band:
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


@dataclass(frozen=True, slots=True)
class Scoring:
    """How points become a score. All in the smallest unit the rulebook names."""

    start: int
    direction: Literal["lost", "gained"]
    better: Literal["higher", "lower"]
    floor: int | None
    ceiling: int | None
    unit: Literal["whole", "tenths", "hundredths"]
    not_applicable: Literal["leaves_the_fraction", "keeps_its_points"]
    rounding: Rounding


@dataclass(frozen=True, slots=True)
class Law:
    """An article of law."""

    id: str
    label: Text
    title: Text
    article: str | None
    effective_from: int | None
    effective_until: int | None
    mark: str | None
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Remedy:
    """A deed that restores points."""

    id: str
    text: Text
    effort: int
    """1 (an hour) to 5 (months of work)."""
    lead_time: Shift
    restores: Mapping[str, int | Literal["all", "half"]]
    """By standard: all, half (rounded down) or so many points of what is lost now."""
    recovers: Literal["now", "deed", "time"]
    ask: Text | None = None


@dataclass(frozen=True, slots=True)
class Rulebook:
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
    natural_persons: frozenset[str]
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

    @property
    def points_total(self) -> int:
        """Sum of all standards' points, in the rulebook's unit, before weights."""
        return sum(standard.points for standard in self.standards.values())
