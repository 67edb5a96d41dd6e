"""What lies between two gradings of one producer, in exact numbers that add up to the difference in score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from engine.case import CaseFile, Fact
from engine.grading import Deduction, Finding, Grading, Limit, StandardScore
from knowledge.rulebook import Aggregate, Rulebook
from knowledge.rules import Arithmetic, Rule, Value
from knowledge.strata import formula_measures, measures_read, patterns_of

Cause: TypeAlias = Literal["time", "facts", "rules"]
How: TypeAlias = Literal["came", "gone", "changed", "capped"]
PLACES: Final = {"whole": 0, "tenths": 1, "hundredths": 2}
Identity: TypeAlias = tuple[object, ...]


class Side:
    """One of the gradings that are compared, under its rulebook, of its case."""

    def __init__(self, rulebook: Rulebook, case: CaseFile, grading: Grading) -> None:
        self.rulebook, self.case, self.grading = rulebook, case, grading
        self.unit = 10 ** PLACES[rulebook.scoring.unit]
        self.loses = rulebook.scoring.direction == "lost"
        self.found = {one.id: one for one in grading.findings}

    @property
    def score(self) -> Fraction:
        """The score in points."""
        return Fraction(self.grading.score.value, self.unit)

    def effect(self, deduction: Deduction) -> Fraction:
        """Return what a deduction does to the score before it is scaled."""
        standard = self.rulebook.standards[deduction.target]
        level2 = self.rulebook.indicators[standard.indicator]
        weight = level2.weight * self.rulebook.indicators[level2.parent or level2.id].weight
        counted = Fraction(deduction.counted * weight, self.unit)
        return -counted if self.loses else counted

    def identity(self, deduction: Deduction) -> Identity:
        """Return what a deduction is about: its rule, with facts by id and findings by their values."""
        return deduction.rule, *(self._thing(name) for name in deduction.key)

    def _thing(self, name: str) -> object:
        finding: Finding | None = self.found.get(name)
        return name if finding is None else (finding.type, tuple(sorted(finding.values.items(), key=_named)))


@dataclass(frozen=True, slots=True)
class Move:
    """A deduction under a standard that is only on one side, or counts otherwise on the other.

    `points` is its effect on the score before scaling. `capped`: it asks for as much as before, but a cap of rule,
    standard or indicator leaves it more or less.
    """

    how: How
    standard: str
    rule: str
    before: Deduction | None
    after: Deduction | None
    points: Fraction


@dataclass(frozen=True, slots=True)
class Scaling:
    """How points became a score on one side, in points: begin + lost or gained + scaled + rounded + bounded = score."""

    start: Fraction
    points: Fraction
    scaled: Fraction
    """What it adds that points count in proportion, where some standards don't apply."""
    rounded: Fraction
    bounded: Fraction
    """What the floor or ceiling adds."""


@dataclass(frozen=True, slots=True)
class Step:
    """The part of a difference that has one cause: days passed, facts became known or ceased, the rulebook changed.

    after.score - before.score = the sum of `moves` + start + proportion + denominator + rounding + bound, exactly.
    """

    cause: Cause
    before: Side
    after: Side
    moves: tuple[Move, ...]
    start: Fraction
    proportion: Fraction
    """Points that came or went count more or less than themselves, where some standards don't apply."""
    denominator: Fraction
    """Standards came or went, so that all points weigh otherwise."""
    rounding: Fraction
    bound: Fraction
    standards: tuple[tuple[StandardScore | None, StandardScore | None], ...]
    """Those that apply on one side only."""
    limits: tuple[tuple[Limit | None, Limit | None], ...]
    """Ceilings, vetoes and missed minimums that are on one side only, or fix another grade."""

    @property
    def total(self) -> Fraction:
        """The difference in score."""
        return self.after.score - self.before.score


def steps(sides: Sequence[Side]) -> tuple[Step, ...]:
    """Return the steps along gradings of one producer, each of which differs from the last in one thing."""
    return tuple(step(before, after) for before, after in pairwise(sides))


def step(before: Side, after: Side) -> Step:
    """Return what changed between two gradings, which differ in rulebook, in day, or in facts."""
    moves = tuple(_moves(before, after))
    one, other = scaling(before), scaling(after)
    scaled = other.scaled - one.scaled
    proportion = scaled
    if before.rulebook.sha256 == after.rulebook.sha256:
        grading = before.grading.score
        proportion = _scaled(before, after.grading.score.points, grading.applicable) - one.scaled
    return Step(
        cause=cause_of(before, after),
        before=before,
        after=after,
        moves=moves,
        start=other.start - one.start,
        proportion=proportion,
        denominator=scaled - proportion,
        rounding=other.rounded - one.rounded,
        bound=other.bounded - one.bounded,
        standards=tuple(_standards(before.grading, after.grading)),
        limits=tuple(_limits(before.grading, after.grading)),
    )


def cause_of(before: Side, after: Side) -> Cause:
    """Return in what two gradings differ: the rulebook, else the day, else the facts."""
    if before.rulebook.sha256 != after.rulebook.sha256:
        return "rules"
    return "time" if before.case.as_of != after.case.as_of else "facts"


def scaling(side: Side) -> Scaling:
    """Return how the points of a grading became its score, taken apart."""
    scoring, score, unit = side.rulebook.scoring, side.grading.score, side.unit
    start = Fraction(scoring.start, unit)
    points = Fraction(-score.points if side.loses else score.points, unit)
    scaled = _scaled(side, score.points, score.applicable)
    exact = start + points + scaled
    whole = Fraction(_rounded(exact * unit, scoring.rounding), unit)
    return Scaling(start, points, scaled, whole - exact, side.score - whole)


def _scaled(side: Side, points: int, applicable: int) -> Fraction:
    """Return what scaling adds to start and points where only so many points apply."""
    scoring, total = side.rulebook.scoring, side.grading.score.total
    unit = Fraction(side.unit)
    if applicable == total:
        return Fraction(0)
    if not side.loses:
        return (Fraction(points * total, applicable) - points) / unit if applicable else Fraction(0)
    if not applicable:
        return points / unit
    exact = Fraction(scoring.start * (applicable - points), applicable)
    return (exact - (scoring.start - points)) / unit


def _rounded(exact: Fraction, rounding: str) -> int:
    if rounding == "half_up":
        exact += Fraction(1, 2)
    return -(-exact.numerator // exact.denominator) if rounding == "up" else exact.numerator // exact.denominator


def _moves(before: Side, after: Side) -> Iterator[Move]:
    old = {before.identity(one): one for one in before.grading.deductions if one.kind == "standard"}
    new = {after.identity(one): one for one in after.grading.deductions if one.kind == "standard"}
    pairs: list[tuple[Deduction | None, Deduction | None]] = [(one, new[key]) for key, one in old.items() if key in new]
    gone = [one for key, one in old.items() if key not in new]
    came = [one for key, one in new.items() if key not in old]
    for lost in gone:
        # A finding with another value is still the same matter, where a rule is about one on each side.
        same = [other for other in came if other.rule == lost.rule]
        alone = len(same) == 1 and sum(other.rule == lost.rule for other in gone) == 1
        pairs.append((lost, same[0] if alone else None))
        if alone:
            came.remove(same[0])
    pairs += [(None, other) for other in came]
    for was, now in pairs:
        points = (after.effect(now) if now else Fraction(0)) - (before.effect(was) if was else Fraction(0))
        one = now or was
        if points and one is not None:
            how: How = "gone" if now is None else "came" if was is None else "changed"
            if was is not None and now is not None and was.points == now.points:
                how = "capped"
            yield Move(how, one.target, one.rule, was, now, points)


def _standards(before: Grading, after: Grading) -> Iterator[tuple[StandardScore | None, StandardScore | None]]:
    old, new = ({one.id: one for one in grading.standards} for grading in (before, after))
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name), new.get(name)
        if (was is not None and was.applies == "yes") != (now is not None and now.applies == "yes"):
            yield was, now


def _limits(before: Grading, after: Grading) -> Iterator[tuple[Limit | None, Limit | None]]:
    old, new = ({(one.kind, one.id): one for one in (*side.vetoes, *side.ceilings)} for side in (before, after))
    for key in dict.fromkeys((*old, *new)):
        was, now = old.get(key), new.get(key)
        if was is None or now is None or was.grade != now.grade:
            yield was, now


def changed_facts(before: CaseFile, after: CaseFile, rulebook: Rulebook) -> tuple[tuple[Fact | None, Fact | None], ...]:
    """Return the facts that count on one side only, or have other values, by id."""
    old, new = (
        {fact.id: fact for fact in case.facts if rulebook.fact_statuses[fact.status].counts} for case in (before, after)
    )
    names = sorted(old.keys() | new.keys())
    pairs = ((old.get(name), new.get(name)) for name in names)
    return tuple((one, other) for one, other in pairs if one is None or other is None or one.values != other.values)


class Reach:
    """Which types of facts each rule of a rulebook looks at, through findings and measures."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._rules = {rule.id: rule for rule in rulebook.rules}
        self._concluding: dict[str, list[Rule]] = {}
        for rule in rulebook.rules:
            if rule.kind in ("finding", "consequence"):
                self._concluding.setdefault(rule.target, []).append(rule)
        self._known: dict[str, frozenset[str]] = {}

    def types(self, rule_id: str) -> frozenset[str]:
        """Return the types of facts that a rule looks at; none for a rule that isn't there."""
        if rule_id not in self._rules:
            return frozenset()
        if rule_id not in self._known:
            self._known[rule_id] = self._types([self._rules[rule_id]])
        return self._known[rule_id]

    def _types(self, waiting: list[Rule]) -> frozenset[str]:
        seen: set[str] = set()
        while waiting:
            rule = waiting.pop()
            read = [pattern.type for pattern, _ in patterns_of(rule)]
            read += [name for measure in measures_read(rule) for name in self._measured(measure)]
            if rule.kind == "standard" and (by := self._rulebook.standards[rule.target].suspended_by) is not None:
                read.append(by.type)
            for name in read:
                if name not in seen:
                    seen.add(name)
                    waiting += self._concluding.get(name, ())
        return frozenset(name for name in seen if self._rulebook.types[name].origin == "fact")

    def _measured(self, name: str) -> Iterable[str]:
        body = self._rulebook.measures[name].body
        if isinstance(body, Aggregate):
            yield body.pattern.type
        elif isinstance(body, Arithmetic):
            for part in dict.fromkeys(formula_measures(body)):
                yield from self._measured(part)


def _named(pair: tuple[str, Value]) -> str:
    return pair[0]
