"""The language of rules after every name, type and unit has been resolved: patterns, tests, clauses, points.

Values are encoded once, at the door, and stay so until they are shown:
text and choice are `str`, whole numbers `int`, decimals `int` scaled by `places`,
yes/no `bool`, dates proleptic Gregorian ordinals (`int`). Shares are whole basis points
(1 % = 100), rounded down, so that `below 100%` is false only when nothing is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

Value: TypeAlias = int | str | bool
Scalar: TypeAlias = Literal["text", "choice", "whole", "decimal", "yes_no", "date", "share"]
Unit: TypeAlias = Literal["days", "weeks", "months", "years", "working_days"]
Op: TypeAlias = Literal["eq", "ne", "in", "not_in", "lt", "le", "gt", "ge", "present", "missing"]
RuleKind: TypeAlias = Literal["finding", "standard", "ceiling", "veto", "status", "consequence"]
Rounding: TypeAlias = Literal["down", "up", "half_up"]


class Text(Struct, frozen=True):
    """A text for people: Chinese always, English where given."""

    zh: str
    en: str | None = None

    def in_language(self, lang: str) -> str:
        """Return the text in `lang` (`zh` or `en`), Chinese where English is missing."""
        return self.en if lang == "en" and self.en is not None else self.zh


class Shift(Struct, frozen=True):
    """A distance added to a date; negative amounts go back."""

    amount: int
    unit: Unit


class Const(Struct, frozen=True, tag_field="is", tag=True):
    """A literal, already encoded for the field it is compared with."""

    value: Value
    type: Scalar


class Ref(Struct, frozen=True, tag_field="is", tag=True):
    """A value read elsewhere.

    `source` is an alias of the same rule, `producer`, `as_of` (then `name` is empty),
    `measure` (then `name` is the measure), or `this`: the fact under test.
    """

    source: str
    name: str
    type: Scalar
    shift: Shift | None = None


Expr: TypeAlias = Const | Ref


class Test(Struct, frozen=True):
    """One comparison of a field, measure or producer attribute with an operand.

    `operand` is an `Expr` for eq, ne, lt, le, gt, ge; a tuple of encoded values for in, not_in;
    None for present and missing. A missing value on either side makes the test unknown,
    except under present and missing.
    """

    name: str
    op: Op
    operand: Expr | tuple[Value, ...] | None


class Window(Struct, frozen=True):
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


class Pattern(Struct, frozen=True):
    """A description of facts, findings or consequences of one type."""

    alias: str
    """The name it is bound to; for an absence the words written after `no`."""
    type: str
    tests: tuple[Test, ...] = ()
    window: Window | None = None
    active: bool | None = None


class Match(Struct, frozen=True, tag_field="is", tag=True):
    """Some fact fits the pattern."""

    pattern: Pattern
    label: str


class Absent(Struct, frozen=True, tag_field="is", tag=True):
    """No fact fits the pattern."""

    pattern: Pattern
    label: str


class MeasureTest(Struct, frozen=True, tag_field="is", tag=True):
    """A measure compared with literals; all tests must hold. `Test.name` is the measure."""

    measure: str
    tests: tuple[Test, ...]
    label: str


class ProducerTest(Struct, frozen=True, tag_field="is", tag=True):
    """Tests on the producer: `kind`, `region` or an attribute; all must hold."""

    tests: tuple[Test, ...]
    label: str


class DateTest(Struct, frozen=True, tag_field="is", tag=True):
    """as_of compared with a date: `Test.name` is `as_of`, the operand an Expr of type date."""

    test: Test
    label: str


class OutcomeTest(Struct, frozen=True, tag_field="is", tag=True):
    """A test on the graded outcome; only consequence rules may carry one.

    what `grade`: the final grade is one of `names`. what `score_grade`: likewise before ceilings and vetoes.
    what `veto`, `ceiling`, `status`: one of `names` applies, or none of them if `negated`;
    empty names stand for any. what `standard`: one of the named standards or indicators lost (gained) points.
    """

    what: Literal["grade", "score_grade", "veto", "ceiling", "status", "standard"]
    names: tuple[str, ...]
    negated: bool
    label: str


class AnyOf(Struct, frozen=True, tag_field="is", tag=True):
    """At least one alternative holds; each is a conjunction. Bindings inside stay inside."""

    alternatives: tuple[tuple[Clause, ...], ...]
    label: str


Clause: TypeAlias = Match | Absent | MeasureTest | ProducerTest | DateTest | OutcomeTest | AnyOf


class Num(Struct, frozen=True, tag_field="is", tag=True, omit_defaults=True):
    """A whole-number literal in a formula; in a formula with decimals, scaled as its neighbours are."""

    value: int
    shown: str | None = None
    """How it is written, where that is another number: a scaled decimal, or `1` for a factor that only scales."""


class Arithmetic(Struct, frozen=True, tag_field="is", tag=True):
    """An operation of exact whole-number arithmetic; `divide` rounds as said."""

    op: Literal["add", "subtract", "multiply", "divide", "min", "max"]
    args: tuple[Formula, ...]
    rounding: Rounding = "down"


Formula: TypeAlias = Num | Ref | Arithmetic


class FixedPoints(Struct, frozen=True, tag_field="is", tag=True):
    """The same points for each deduction."""

    points: int


class Step(Struct, frozen=True):
    """Points that apply when all tests on the rule's measure hold and no earlier step's did."""

    tests: tuple[Test, ...]
    points: int


class SteppedPoints(Struct, frozen=True, tag_field="is", tag=True):
    """Points by the first step whose tests the rule's measure meets."""

    measure: str
    steps: tuple[Step, ...]


class TablePoints(Struct, frozen=True, tag_field="is", tag=True):
    """Points by the value of one choice field of a fact that `for_each` binds."""

    by: Ref
    points: Mapping[str, int]


class FormulaPoints(Struct, frozen=True, tag_field="is", tag=True):
    """Points by whole-number arithmetic, never below zero."""

    formula: Formula


Points: TypeAlias = FixedPoints | SteppedPoints | TablePoints | FormulaPoints


class Rule(Struct, frozen=True):
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
    """Its place among all rules, by file and line."""
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
    gives: Mapping[str, Expr] = {}
    grade: str | None = None
    """The ceiling's best grade or the veto's grade."""
    until: Text | None = None
    """In words, how long a ceiling, veto or status lasts."""
    shares_event: tuple[str, ...] = ()
    """Other standards that may lose points for the same event."""
    source: str = ""
    """file:line in the rulebook."""
