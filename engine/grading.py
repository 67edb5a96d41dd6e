"""The decision with its trail, as frozen values. Values are encoded as in `knowledge.rules`.

None of them can lie on a cycle of references, so the collector is told to leave them alone (`gc=False`).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from knowledge.rules import RuleKind, Value

Status: TypeAlias = Literal["fired", "not_fired", "not_applicable", "unknown"]


class Finding(msgspec.Struct, frozen=True, gc=False):
    """A concluded fact (or consequence). `id` is `type#n`, numbered by its values within one grading."""

    id: str
    type: str
    values: dict[str, Value]


class Reading(msgspec.Struct, frozen=True, gc=False):
    """A value that a fired rule read: `alias.field`, a measure, `producer.x` or `as_of`.

    `group` is the measure's group where it has `per`.
    """

    name: str
    value: Value | None
    group: Value | None = None


class MeasureValue(msgspec.Struct, frozen=True, gc=False):
    """A measure as computed. `value` None means not applicable.

    `of` counts what was measured. `facts` holds, sorted by id: for count, sum, days_since and
    distinct all that fit (days_since: those of the latest date); for min, max, latest and first those
    that gave the value; for share those of the denominator that are NOT in the numerator; nothing for
    formulas and points_lost.
    """

    name: str
    value: Value | None
    of: int
    facts: tuple[str, ...] = ()
    group: Value | None = None


class Deduction(msgspec.Struct, frozen=True, gc=False):
    """The record that one rule fired once.

    `id` is `D1`, `D2`, … in the order of inference: premises always come earlier.
    `key` holds the ids that `for_each` bound, in its order (or the group of a `per` measure, as text).
    `premises` are the fact and finding ids bound by the key and by every way of satisfying `when`, sorted;
    what a measure rests on stands in the grading's `measures`.
    `points` is what the rule asks for, `counted` what is left of it after the caps of rule, standard
    and indicator, taken in the order of deductions.
    `concludes` is the id of the finding or consequence, or the target's own id.
    `until` is the first day, as an ordinal, on which one of the premises stops counting by itself.
    """

    id: str
    rule: str
    kind: RuleKind
    target: str
    key: tuple[str, ...]
    premises: tuple[str, ...]
    readings: tuple[Reading, ...]
    concludes: str
    points: int = 0
    counted: int = 0
    grade: str | None = None
    law: tuple[str, ...] = ()
    until: int | None = None


class StandardScore(msgspec.Struct, frozen=True, gc=False):
    """What one standard lost (or gained): `asked` before caps, `points` after; `applies` or why not."""

    id: str
    maximum: int
    asked: int
    points: int
    applies: Literal["yes", "kind", "nothing_to_measure", "suspended"]


class IndicatorScore(msgspec.Struct, frozen=True, gc=False):
    """Level 1 or 2: `maximum` of the applicable standards below, `points` lost (gained) after its own cap."""

    id: str
    maximum: int
    points: int


class Score(msgspec.Struct, frozen=True, gc=False):
    """`value` in the rulebook's unit. `points` lost (gained) in all, `applicable` of `total` points.

    value = start ∓ points where all standards apply; otherwise scaled by total / applicable and
    rounded as the rulebook says.
    """

    value: int
    points: int
    applicable: int
    total: int


class Limit(msgspec.Struct, frozen=True, gc=False):
    """A ceiling or veto that applies, with the deductions it rests on.

    kind `indicator`: an indicator missed its minimum; `id` is then the indicator and `deductions` what it lost.
    """

    id: str
    kind: Literal["ceiling", "veto", "indicator"]
    grade: str
    deductions: tuple[str, ...]
    decisive: bool
    """True where its grade is the final one and worse than the score-grade."""


class RemedyOffer(msgspec.Struct, frozen=True, gc=False):
    """A deed open to this producer: points restored by standard, counted as the engine counts them."""

    id: str
    standards: dict[str, int]
    points: int
    deductions: tuple[str, ...]


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of one rule."""

    rule: str
    status: Status


class Grading(msgspec.Struct, frozen=True, gc=False):
    """The whole decision. Pure: same rulebook, case and day give the same bytes."""

    rulebook_id: str
    rulebook_version: str
    rulebook_sha256: str
    producer: str
    as_of: int
    known_at: str | None
    facts: tuple[str, ...]
    grade: str
    score_grade: str
    score: Score
    standards: tuple[StandardScore, ...]
    indicators: tuple[IndicatorScore, ...]
    measures: tuple[MeasureValue, ...]
    """All measures in the rulebook's order; those with `per` once for each group, sorted by group."""
    findings: tuple[Finding, ...]
    consequences: tuple[Finding, ...]
    deductions: tuple[Deduction, ...]
    ceilings: tuple[Limit, ...]
    vetoes: tuple[Limit, ...]
    statuses: tuple[str, ...]
    remedies: tuple[RemedyOffer, ...]
    outcomes: tuple[Outcome, ...]
    """One for every rule, in the rulebook's order."""
    next_change_on: int | None
    """First day after as_of on which, with no new fact, a window closes or a date passes; None if never."""


class Atom(msgspec.Struct, frozen=True, gc=False):
    """One comparison as it came out. `margin` is observed minus threshold for numbers, days for dates.

    `threshold` is what was compared with, resolved (a list for in and not_in); None for present, missing.
    """

    name: str
    op: str
    holds: bool | None
    observed: Value | None
    threshold: Value | tuple[Value, ...] | None
    margin: int | None
    unit: str | None


class Condition(msgspec.Struct, frozen=True, gc=False):
    """One clause of a rule as it came out; `holds` None means unknown.

    For patterns, `searched` names the type looked through, `window` its first and last day (ordinals),
    `facts` the ids that fit, `near` the ids of the facts that failed by the fewest atoms, whose atoms are given.
    """

    label: str
    holds: bool | None
    atoms: tuple[Atom, ...] = ()
    searched: str | None = None
    looked_at: int = 0
    window: tuple[int, int] | None = None
    facts: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    alternatives: tuple[tuple[Condition, ...], ...] = ()


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What became of one rule for one producer, with every condition's observed value and threshold."""

    rule: str
    kind: RuleKind
    target: str
    status: Status
    fired: int
    """How many times."""
    conditions: tuple[Condition, ...]
    reason: str | None = None
    """For not_applicable: `kind`, `nothing_to_measure` or `suspended`."""
