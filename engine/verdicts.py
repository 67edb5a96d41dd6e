"""A verdict for every rule: fired or not, and for each condition what was observed and what was asked for.

Computed when somebody asks, from the case and a grading that the checker has agreed to: small and obvious, not fast.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import msgspec

from engine.atoms import Comparer, Values, conjunction, failures
from engine.case import CaseFile
from engine.checker_rules import decisive_measures
from engine.grading import Atom, Condition, Grading, Outcome, Verdict
from knowledge.problems import EngineDisagreement
from knowledge.rulebook import Field, Rulebook
from knowledge.rules import (
    Absent,
    AnyOf,
    Clause,
    DateTest,
    Match,
    MeasureTest,
    OutcomeTest,
    Pattern,
    ProducerTest,
    Rule,
    SteppedPoints,
    Text,
    Value,
)

_MOST_WAYS = 20_000
"""Combinations of facts that are followed for one rule."""
_NEAREST = 3

_AS_OF = Field("as_of", "date", Text("评价日", "day of the grade"))

Row: TypeAlias = tuple[str, Values]


@dataclass(frozen=True, slots=True)
class _Way:
    """One way in which the conditions so far are met; not `sure` where something in it is unknown."""

    facts: Mapping[str, Row] = field(default_factory=dict)
    """What is bound, by alias; several may be of one type, but never the same fact."""
    types: Mapping[str, str] = field(default_factory=dict)
    group: Value | None = None
    sure: bool = True
    waiting: tuple[tuple[Pattern, str], ...] = ()
    """Bound patterns, by alias, of which some tests read what is not bound yet."""
    took: frozenset[tuple[int, int]] = frozenset()
    """The alternatives that it goes through: id of the `any`, number of the alternative."""

    def values(self) -> dict[str, Values]:
        return {alias: values for alias, (_, values) in self.facts.items()}

    def takes(self, kind: str, name: str) -> bool:
        """Say whether a fact isn't bound already by another pattern of its type."""
        return all(name != row[0] or self.types[alias] != kind for alias, row in self.facts.items())


@dataclass(frozen=True, slots=True)
class _Begun:
    """A conjunction of which all but the absences has been judged, each clause by its place."""

    clauses: Sequence[Clause]
    found: dict[int, Condition]
    inside: dict[int, list[_Begun]]
    """The alternatives of each `any`."""
    ways: list[_Way]
    met: bool


def verdicts(rulebook: Rulebook, case: CaseFile, grading: Grading) -> tuple[Verdict, ...]:
    """Return what became of every rule, in the rulebook's order.

    Raises:
        EngineDisagreement: a rule's status isn't borne out by its deductions.
    """
    judge = _Judge(rulebook, case, grading)
    return tuple(judge.verdict(rule, outcome) for rule, outcome in zip(rulebook.rules, grading.outcomes, strict=True))


class _Judge:
    """One case under one rulebook."""

    def __init__(self, rulebook: Rulebook, case: CaseFile, grading: Grading) -> None:
        self._rulebook, self._case, self._grading = rulebook, case, grading
        producer = case.producer
        own = {**producer.attributes, "kind": producer.kind, "region": producer.region, "id": producer.id}
        self._compare = Comparer(rulebook, case.as_of, own)
        self._fired = Counter(deduction.rule for deduction in grading.deductions)
        self._applies = {score.id: score.applies for score in grading.standards}
        self._rows: dict[str, list[Row]] = {name: [] for name in rulebook.types}
        for fact in case.facts:
            dated = rulebook.types[fact.type].dated
            day = None if dated is None else fact.values.get(dated)
            if rulebook.fact_statuses[fact.status].counts and (day is None or int(day) <= case.as_of):
                self._rows[fact.type].append((fact.id, fact.values))
        for finding in (*grading.findings, *grading.consequences):
            self._rows[finding.type].append((finding.id, finding.values))
        self._measures: dict[str, dict[Value | None, Value | None]] = {name: {} for name in rulebook.measures}
        for measured in grading.measures:
            self._measures[measured.name][measured.group] = measured.value

    def verdict(self, rule: Rule, outcome: Outcome) -> Verdict:
        fired = self._fired[rule.id]
        if (outcome.status == "fired") != (fired > 0):
            what = f"rule `{rule.id}` is {outcome.status}, with {fired} deductions"
            raise EngineDisagreement(what, chainer=f"{fired} deductions", checker=outcome.status)
        reason = self._reason(rule) if outcome.status == "not_applicable" else None
        conditions = tuple(self._conditions(rule))
        return Verdict(rule.id, rule.kind, rule.target, outcome.status, fired, conditions, reason)

    def _reason(self, rule: Rule) -> str:
        if rule.applies_to is not None and self._case.producer.kind not in rule.applies_to:
            return "kind"
        applies = self._applies.get(rule.target) if rule.kind == "standard" else None
        return applies if applies in ("kind", "suspended") else "nothing_to_measure"

    def _conditions(self, rule: Rule) -> list[Condition]:
        """Return each clause as it came out."""
        ways = [replace(_Way(), group=group) for group in self._groups(rule)]
        shown: list[Condition] = []
        if isinstance(rule.points, SteppedPoints):
            condition, ways = self._steps(rule.points, ways or [_Way()])
            shown.append(condition)
        keys = [Match(pattern, pattern.alias) for pattern in rule.for_each]
        return shown + self._all([*keys, *rule.when], ways)

    def _groups(self, rule: Rule) -> Iterable[Value | None]:
        """Return the groups that a rule fires for, `(None,)` for a rule of measures without groups.

        Where no group has all of its measures, those of the first show which are lacking.
        """
        names = decisive_measures(self._rulebook, rule)
        grouped = [self._measures[name] for name in names if self._rulebook.measures[name].per is not None]
        if not grouped:
            return (None,)
        common = [group for group in grouped[0] if all(values.get(group) is not None for values in grouped)]
        return common or list(grouped[0])

    def _all(self, clauses: Sequence[Clause], ways: list[_Way]) -> list[Condition]:
        """Return the clauses of a conjunction in their written order.

        Patterns come first, absences last, also those inside of `any`: they see whatever is bound anywhere. Where a
        clause can't be met, the clauses after it are shown as if it had been left out.
        """
        return self._finish(*self._begin(clauses, ways))[0]

    def _begin(self, clauses: Sequence[Clause], ways: list[_Way]) -> tuple[_Begun, list[_Way]]:
        """Judge everything but the absences."""
        found: dict[int, Condition] = {}
        inside: dict[int, list[_Begun]] = {}
        met, going = bool(ways), ways or [_Way()]
        for place in sorted(range(len(clauses)), key=lambda place: _turn(clauses[place])):
            clause = clauses[place]
            match clause:
                case Absent():
                    continue
                case AnyOf():
                    begun = [self._begin(alternative, going) for alternative in clause.alternatives]
                    inside[place] = [alternative for alternative, _ in begun]
                    after = [
                        replace(way, took=way.took | {(id(clause), number)})
                        for number, (_, some) in enumerate(begun)
                        for way in some
                    ]
                case Match():
                    found[place], after = self._match(clause, going)
                case _:
                    found[place], after = self._simple(clause, going)
            if after:
                going = after[:_MOST_WAYS]
            else:
                met = False
        return _Begun(clauses, found, inside, going, met), going if met else []

    def _finish(self, begun: _Begun, ways: list[_Way]) -> tuple[list[Condition], list[_Way]]:
        """Judge the absences in those ways that have begun so; in all that there were to show them, if none has."""
        found = dict(begun.found)
        met, going = begun.met and bool(ways), ways or begun.ways
        for place, clause in enumerate(begun.clauses):
            match clause:
                case Absent():
                    found[place], after = self._absent(clause, going)
                case AnyOf():
                    found[place], after = self._any(clause, begun.inside[place], going)
                case _:
                    continue
            if after:
                going = after
            else:
                met = False
        return [found[place] for place in range(len(begun.clauses))], going if met else []

    def _simple(self, clause: Clause, ways: list[_Way]) -> tuple[Condition, list[_Way]]:
        """Judge a clause that binds nothing, once for each way."""
        judged = [(way, self._atoms(clause, way)) for way in ways]
        after = [
            replace(way, sure=way.sure and holds is True)
            for way, atoms in judged
            if (holds := conjunction(atoms)) is not False
        ]
        best = min((atoms for _, atoms in judged), key=failures)
        return Condition(clause.label, conjunction(best), best), after

    def _atoms(self, clause: Clause, way: _Way) -> tuple[Atom, ...]:
        scope = way.values()
        compare = self._compare
        match clause:
            case MeasureTest(measure=name, tests=tests):
                value = self._measured(name, way)
                atoms = tuple(compare.measure(test, value) for test in tests)
                # A rule doesn't fire for a group that one of its measures lacks.
                lacks = value is None and way.group is not None and self._rulebook.measures[name].per is not None
                return tuple(msgspec.structs.replace(atom, holds=False) for atom in atoms) if lacks else atoms
            case ProducerTest(tests=tests):
                fields = self._rulebook.attributes
                return tuple(
                    compare.test(test, compare.producer.get(test.name), fields.get(test.name), scope)
                    for test in tests
                    if compare.readable(test, scope)
                )
            case DateTest(test=test):
                if not compare.readable(test, scope):
                    return ()
                return (compare.test(test, self._case.as_of, _AS_OF, scope),)
            case OutcomeTest():
                return (self._outcome(clause),)
            case _:
                raise AssertionError(clause)

    def _measured(self, name: str, way: _Way) -> Value | None:
        values = self._measures[name]
        return values.get(way.group if self._rulebook.measures[name].per is not None else None)

    def _outcome(self, clause: OutcomeTest) -> Atom:
        grading = self._grading
        points = {score.id: score.points for score in grading.standards}
        points |= {score.id: score.points for score in grading.indicators}
        there: Mapping[str, tuple[str, ...]] = {
            "grade": (grading.grade,),
            "score_grade": (grading.score_grade,),
            "ceiling": tuple(limit.id for limit in grading.ceilings if limit.kind == "ceiling"),
            "veto": tuple(limit.id for limit in grading.vetoes),
            "status": grading.statuses,
            "standard": tuple(name for name, counted in points.items() if counted > 0),
        }
        found = there[clause.what]
        fitting = [name for name in found if not clause.names or name in clause.names]
        op = "not_in" if clause.negated else "in"
        shown = ", ".join(fitting or found) or None
        return Atom(clause.what, op, bool(fitting) is not clause.negated, shown, clause.names, None, None)

    def _steps(self, points: SteppedPoints, ways: list[_Way]) -> tuple[Condition, list[_Way]]:
        """Judge the steps of a measure: those up to the first that holds are shown."""
        shown: tuple[Atom, ...] = ()
        after = []
        for way in ways:
            value = self._measured(points.measure, way)
            atoms: list[Atom] = []
            for step in points.steps:
                tried = [self._compare.measure(test, value) for test in step.tests]
                atoms += tried
                if value is not None and conjunction(tried):
                    after.append(way)
                    break
            if not shown or (after and after[-1] is way and len(after) == 1):
                shown = tuple(atoms)
        return Condition(points.measure, bool(after), shown), after

    def _match(self, clause: Match, ways: list[_Way]) -> tuple[Condition, list[_Way]]:
        pattern = clause.pattern
        rows = self._rows[pattern.type]
        after: list[_Way] = []
        tried: dict[str, tuple[Atom, ...]] = {}
        fits: dict[str, bool] = {}
        for way in ways:
            bound = way.values()
            for row in rows:
                if not way.takes(pattern.type, row[0]):
                    continue
                atoms = self._compare.fact(pattern, row[1], bound)
                holds = conjunction(atoms)
                extended = self._extend(way, pattern, row, sure=holds is True) if holds is not False else None
                if extended is not None:
                    fits[row[0]] = fits.get(row[0], False) or extended.sure
                    if len(after) < _MOST_WAYS:
                        after.append(extended)
                if row[0] not in tried or failures(atoms) < failures(tried[row[0]]):
                    tried[row[0]] = atoms
        holds = True if any(fits.values()) else None if fits else False
        return self._searched(clause.label, pattern, holds, tried, sorted(fits), ways), after

    def _extend(self, way: _Way, pattern: Pattern, row: Row, *, sure: bool) -> _Way | None:
        """Return the way with a fact bound, None where it breaks a test of a pattern bound before."""
        facts = {**way.facts, pattern.alias: row}
        extended = replace(way, facts=facts, types={**way.types, pattern.alias: pattern.type}, sure=way.sure and sure)
        scope = extended.values()
        waiting = []
        for earlier in (*way.waiting, (pattern, pattern.alias)):
            asked, alias = earlier
            kind = self._rulebook.types[asked.type]
            own = facts[alias][1]
            inner = {**scope, "this": own}
            later = [test for test in asked.tests if not self._compare.readable(test, inner)]
            if later:
                waiting.append(earlier)
            if asked is pattern:
                continue
            holds = conjunction(
                self._compare.test(test, own.get(test.name), kind.fields.get(test.name), inner)
                for test in asked.tests
                if test not in later
            )
            if holds is False:
                return None
            if holds is None:
                extended = replace(extended, sure=False)
        return replace(extended, waiting=tuple(waiting))

    def _absent(self, clause: Absent, ways: list[_Way]) -> tuple[Condition, list[_Way]]:
        pattern = clause.pattern
        after: list[_Way] = []
        tried: dict[str, tuple[Atom, ...]] = {}
        fits: set[str] = set()
        for way in ways:
            bound = way.values()
            there: bool | None = False
            for row in self._rows[pattern.type]:
                if not way.takes(pattern.type, row[0]):
                    continue
                atoms = self._compare.fact(pattern, row[1], bound)
                holds = conjunction(atoms)
                if row[0] not in tried or failures(atoms) < failures(tried[row[0]]):
                    tried[row[0]] = atoms
                if holds is not False:
                    fits.add(row[0])
                    there = True if holds or there else None
            if there is False and self._compare.lacks(pattern, bound):
                there = None
            if there is not True:
                after.append(replace(way, sure=way.sure and there is False))
        holds = True if any(way.sure for way in after) else None if after else False
        return self._searched(clause.label, pattern, holds, tried, sorted(fits), ways), after

    def _any(self, clause: AnyOf, inside: Sequence[_Begun], ways: list[_Way]) -> tuple[Condition, list[_Way]]:
        shown = []
        after: list[_Way] = []
        for number, alternative in enumerate(inside):
            mine = [way for way in ways if (id(clause), number) in way.took]
            conditions, met = self._finish(alternative, mine)
            shown.append(tuple(conditions))
            after += met
        holds = True if any(way.sure for way in after) else None if after else False
        return Condition(clause.label, holds, alternatives=tuple(shown)), after

    def _searched(
        self,
        label: str,
        pattern: Pattern,
        holds: bool | None,
        tried: Mapping[str, tuple[Atom, ...]],
        fits: Sequence[str],
        ways: Sequence[_Way],
    ) -> Condition:
        near = sorted((name for name in tried if name not in fits), key=lambda name: (failures(tried[name]), name))
        shown = fits[:1] or near[:1]
        window = None
        if pattern.window is not None:
            window = self._compare.window(pattern.window, ways[0].values())
        return Condition(
            label,
            holds,
            tried[shown[0]] if shown else (),
            searched=pattern.type,
            looked_at=len(self._rows[pattern.type]),
            window=window,
            facts=tuple(fits),
            near=() if fits else tuple(near[:_NEAREST]),
        )


def _turn(clause: Clause) -> int:
    return 0 if isinstance(clause, Match) else 2 if isinstance(clause, AnyOf) else 1
