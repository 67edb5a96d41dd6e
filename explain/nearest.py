"""How near each rule is to firing: along each of its ways, the conditions that fail, and by which comparisons.

A way takes one alternative of each `any` and binds each pattern to the fact that fits it best, if one is there.
What fails along it is exactly what would have to be otherwise for the rule to fire so.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from engine.atoms import Bound, Comparer, conjunction
from engine.case import CaseFile
from engine.checker_code import aliases_of
from engine.grading import Atom, Grading
from explain.asking import DAY
from explain.courses import Course, Key, Lack, Lacks
from explain.fits import Candidate, Fits, alone
from explain.ground import Ground
from explain.tester import FAILS
from knowledge.rules import (
    Absent,
    Clause,
    DateTest,
    FormulaPoints,
    MeasureTest,
    OutcomeTest,
    Pattern,
    ProducerTest,
    Rule,
    SteppedPoints,
    TablePoints,
    Value,
)

MOST_TRIED: Final = 400
"""Bindings that are tried along one way."""
MOST_GROUPS: Final = 20


_NO_POINTS: Final = Lack("formula", (-5,))


class Nearest:
    """One graded case, asked how near its rules are to firing."""

    def __init__(self, ground: Ground) -> None:
        self._ground, self._rulebook = ground, ground.rulebook
        self._grading: Grading = ground.grading
        self._case: CaseFile = ground.case
        self._compare: Comparer = ground.compare
        self._reads = ground.shelf.reads
        self._fits = Fits(ground)
        self._courses, self._inputs = ground.shelf.courses, ground.shelf.inputs
        self._measures: dict[str, dict[Value | None, Value | None]] = {}
        for measured in self._grading.measures:
            self._measures.setdefault(measured.name, {})[measured.group] = measured.value
        self._present = ground.present
        """The types of which rules see anything."""
        self._applies = {score.id: score.applies for score in self._grading.standards}

    def ways(self, rule: Rule) -> tuple[Lacks, ...]:
        """Return the smallest sets of conditions of which a rule that didn't fire fails all, the smallest first."""
        standing = tuple(self._standing(rule))
        found = [standing + self._along(rule, course, standing) for course in self._courses[rule.id]]
        if len(found) == 1:
            return (found[0],)
        found.sort(key=lambda lacks: (len(lacks), sum(lack.size for lack in lacks)))
        kept: list[Lacks] = []
        for lacks in found:
            keys = {lack.key for lack in lacks}
            if not any({lack.key for lack in smaller} <= keys for smaller in kept):
                kept.append(lacks)
        return tuple(kept)

    def looked_at(self, kind: str) -> int:
        """Return how many facts or findings of a type rules see."""
        return len(self._fits.rows(kind))

    def in_the_way(self, pattern: Pattern) -> bool:
        """Say whether something fits a pattern by itself, whatever else is bound."""
        return any(not fails for fails, _ in self._fits.asked(pattern).rows)

    def seen(self, rule: Rule) -> tuple[object, ...] | None:
        """Return all that the rule sees where no single fact is part of it: who sees the same lacks the same.

        None where there are facts of a type that it looks at, groups of a measure, or a finding that suspends it.
        """
        looks = self._inputs[rule.id]
        if not self._present.isdisjoint(looks.types) or self._applies.get(rule.target) == "suspended":
            return None
        seen: list[object] = [rule.id]
        if looks.measures:
            measures = self._measures
            if any([None not in measures.get(name, ()) for name in looks.measures]):  # noqa: C419  # a list is faster
                return None
            seen += [measures[name][None] for name in looks.measures]
        if looks.attributes:
            seen += [self._compare.producer.get(name) for name in looks.attributes]
        if looks.outcomes:
            seen += [outcome_of(self._grading, clause) for clause in looks.outcomes]
        return tuple(seen)

    def _standing(self, rule: Rule) -> Iterable[Lack]:
        """Yield what keeps the rule from being asked at all."""
        if rule.applies_to is not None and self._case.producer.kind not in rule.applies_to:
            yield Lack("kind", (-1,))
        if rule.kind == "standard":
            by = self._rulebook.standards[rule.target].suspended_by
            if by is not None and self._applies[rule.target] == "suspended":
                found = [one.id for one in self._grading.findings if self._ground.suspends(by, one)]
                yield Lack("suspended", (-2,), facts=tuple(found), pattern=by)

    def _along(self, rule: Rule, course: Course, standing: Lacks) -> Lacks:
        """Return what fails along one choice of alternatives, with the best binding and group."""
        measured = self._measured(rule, course)
        simple: list[Lack] = []
        dependent: list[tuple[Key, Clause]] = []
        for key, clause in course.rest:
            if isinstance(clause, MeasureTest):
                continue
            if isinstance(clause, Absent):
                # Where nothing is of its type, and it reads nothing that may be missing, it holds.
                if self._fits.rows(clause.pattern.type) or self._reads[id(clause.pattern)]:
                    dependent.append((key, clause))
            elif self._reads_bound(clause):
                dependent.append((key, clause))
            else:
                simple += self._clause(rule, key, clause, {}, ())
        # A rule that didn't fire fails something: where all else holds, one comparison of its patterns at the least.
        fewest = (0, 0) if measured or simple or standing else (1, 1)
        lacks = (*measured, *simple, *self._bindings(rule, course.bound, dependent, fewest))
        # Whatever else holds, points that divide by nothing, or by what is missing, can't be told.
        return lacks if lacks or not isinstance(rule.points, FormulaPoints | TablePoints) else (_NO_POINTS,)

    def _reads_bound(self, clause: Clause) -> bool:
        """Say whether a clause has anything to do with what is bound."""
        match clause:
            case ProducerTest(tests=tests):
                return any(any(aliases_of(test.operand)) for test in tests)
            case DateTest(test=test):
                return any(aliases_of(test.operand))
            case _:
                return False

    # Measures

    def _measured(self, rule: Rule, course: Course) -> Lacks:
        """Return the measures that are lacking or fail, for the group that is nearest."""
        tests = [(key, clause) for key, clause in course.rest if isinstance(clause, MeasureTest)]
        decisive = self._ground.shelf.decisive[rule.id]
        if not tests and not decisive:
            return ()
        best: Lacks | None = None
        for group in itertools.islice(self._groups(decisive), MOST_GROUPS):
            lacks = tuple(self._measure_lacks(rule, tests, decisive, group))
            if best is None or (len(lacks), _distance(lacks)) < (len(best), _distance(best)):
                best = lacks
        assert best is not None
        return best

    def _groups(self, decisive: Sequence[str]) -> Iterable[Value | None]:
        grouped = [self._measures.get(name, {}) for name in decisive if self._rulebook.measures[name].per is not None]
        if not grouped:
            return (None,)
        common = [group for group in grouped[0] if all(values.get(group) is not None for values in grouped)]
        return common or list(grouped[0]) or (None,)

    def value(self, name: str, group: Value | None) -> Value | None:
        """Return a measure's value, of a group where it has groups."""
        return self._measures.get(name, {}).get(group if self._rulebook.measures[name].per is not None else None)

    def _measure_lacks(
        self,
        rule: Rule,
        tests: Iterable[tuple[Key, MeasureTest]],
        decisive: Sequence[str],
        group: Value | None,
    ) -> Iterator[Lack]:
        nothing = {name for name in decisive if self.value(name, group) is None}
        for name in decisive:
            if name in nothing:
                yield Lack("nothing", (-3, decisive.index(name)), measure=name, group=group)
        for key, clause in tests:
            if clause.measure in nothing:
                continue
            value = self.value(clause.measure, group)
            atoms = tuple(self._compare.measure(test, value) for test in clause.tests)
            if not self._met(rule, atoms):
                yield Lack("measure", key, atoms, measure=clause.measure, group=group)
        if isinstance(rule.points, SteppedPoints) and rule.points.measure not in nothing:
            value = self.value(rule.points.measure, group)
            steps = [tuple(self._compare.measure(test, value) for test in step.tests) for step in rule.points.steps]
            if not any(conjunction(atoms) for atoms in steps):
                atoms = min(steps, key=_far)
                yield Lack("measure", (-4,), atoms, measure=rule.points.measure, group=group)

    # Facts

    def _bindings(
        self,
        rule: Rule,
        bound: Sequence[tuple[Key, Pattern]],
        dependent: Sequence[tuple[Key, Clause]],
        fewest: tuple[int, int],
    ) -> Lacks:
        """Return what fails with the binding for which least does; fewer than `fewest` can't."""
        if not bound:
            return tuple(lack for key, clause in dependent for lack in self._clause(rule, key, clause, {}, ()))
        if len(bound) == 1 and not dependent:
            return tuple(self._unfit(rule, self._fits.offers(rule, *bound[0])[0]))
        best: tuple[Sequence[Candidate], Lacks] | None = None
        least = (len(bound) + len(dependent) + 1, 0)
        for chosen in itertools.islice(self._choices(rule, bound), MOST_TRIED):
            if sum([one.lacks for one in chosen]) > least[0] or (len(bound) == 1 and alone(chosen[0]) >= least):
                if len(bound) == 1:
                    break
                continue
            scope = {one.pattern.alias: one.row[1] for one in chosen if one.row is not None}
            own = self._fits.cost(rule, chosen, scope)
            if best is not None and own >= least:
                continue
            others = tuple(lack for key, clause in dependent for lack in self._clause(rule, key, clause, scope, chosen))
            cost = (own[0] + len(others), own[1] + sum([lack.size for lack in others]))
            if best is None or cost < least:
                best, least = (chosen, others), cost
            if least <= fewest:
                break
        assert best is not None
        return (*self._unfit(rule, *best[0]), *best[1])

    def _choices(self, rule: Rule, bound: Sequence[tuple[Key, Pattern]]) -> Iterator[tuple[Candidate, ...]]:
        """Yield bindings, those that fit best first; no fact twice among patterns of one type."""
        if len(bound) == 1:
            yield from [(one,) for one in self._fits.offers(rule, *bound[0])]
            return
        offers = [self._fits.offers(rule, key, pattern) for key, pattern in bound]
        if len({pattern.type for _, pattern in bound}) == len(bound):
            yield from itertools.product(*offers)
            return
        for chosen in itertools.product(*offers):
            taken = [(one.pattern.type, one.row[0]) for one in chosen if one.row is not None]
            if len(set(taken)) == len(taken):
                yield chosen

    def _unfit(self, rule: Rule, *chosen: Candidate) -> Iterator[Lack]:
        """Yield the patterns that fail with a binding."""
        scope = {one.pattern.alias: one.row[1] for one in chosen if one.row is not None}
        for one in chosen:
            if one.row is None:
                yield Lack("fact", one.key, pattern=one.pattern)
            elif one.fails or one.asked.joins:
                atoms = self._compare.fact(one.pattern, one.row[1], scope)
                if not self._met(rule, atoms):
                    yield Lack("fact", one.key, atoms, (one.row[0],), one.pattern)

    def _clause(
        self, rule: Rule, key: Key, clause: Clause, scope: Bound, chosen: Sequence[Candidate]
    ) -> Iterator[Lack]:
        """Yield a clause that fails; what it reads of a fact that isn't there can be as it likes."""
        compare = self._compare
        match clause:
            case Absent(pattern=pattern):
                yield from self._absent(rule, key, pattern, scope, chosen)
            case ProducerTest(tests=tests):
                fields = self._rulebook.attributes
                atoms = tuple(
                    compare.test(test, compare.producer.get(test.name), fields.get(test.name), scope)
                    for test in tests
                    if compare.readable(test, scope)
                )
                if not self._met(rule, atoms):
                    yield Lack("producer", key, atoms)
            case DateTest(test=test):
                if compare.readable(test, scope):
                    atom = compare.test(test, self._case.as_of, DAY, scope)
                    if not self._met(rule, (atom,)):
                        yield Lack("day", key, (atom,))
            case OutcomeTest():
                if not self.outcome_holds(clause):
                    yield Lack("outcome", key, outcome=clause)
            case _:
                raise AssertionError(clause)

    def _absent(
        self, rule: Rule, key: Key, pattern: Pattern, scope: Bound, chosen: Sequence[Candidate]
    ) -> Iterator[Lack]:
        if not self._reads[id(pattern)] <= scope.keys():
            return
        asked, there = self._fits.asked(pattern), []
        most = 0 if rule.unknown_fires else FAILS - 1
        for fails, row in asked.rows:
            if fails > most:
                break
            if sum([join(row[1], scope) for join in asked.joins], fails) > most:
                continue
            if not any(
                one.row is not None and one.row[0] == row[0] and one.pattern.type == pattern.type for one in chosen
            ):
                there.append(row[0])
        if there:
            yield Lack("absence", key, facts=tuple(there), pattern=pattern)
        elif not rule.unknown_fires and self._compare.lacks(pattern, scope):
            yield Lack("absence", key, pattern=pattern)

    def outcome_holds(self, clause: OutcomeTest) -> bool:
        """Say whether a test on the outcome holds."""
        there = outcome_of(self._grading, clause)
        return bool(there if not clause.names else set(there) & set(clause.names)) is not clause.negated

    def _met(self, rule: Rule, atoms: Iterable[Atom]) -> bool:
        holds = conjunction(atoms)
        return holds is True or (holds is None and rule.unknown_fires)


def outcome_of(grading: Grading, clause: OutcomeTest) -> tuple[str, ...]:
    """Return what an outcome test looks at: the grade, or the ids of what applies or counted."""
    match clause.what:
        case "grade":
            return (grading.grade,)
        case "score_grade":
            return (grading.score_grade,)
        case "ceiling":
            return tuple(limit.id for limit in grading.ceilings if limit.kind == "ceiling")
        case "veto":
            return tuple(limit.id for limit in grading.vetoes)
        case "status":
            return grading.statuses
        case _:
            standards = [one.id for one in grading.standards if one.points > 0]
            return (*standards, *(one.id for one in grading.indicators if one.points > 0))


def _far(atoms: Sequence[Atom]) -> tuple[int, int]:
    failing = [atom for atom in atoms if atom.holds is not True]
    return len(failing), sum(abs(atom.margin or 0) for atom in failing)


def _distance(lacks: Lacks) -> int:
    return sum(abs(atom.margin or 0) for lack in lacks for atom in lack.failing)
