"""What would stop a rule that fired: for each of its deductions, the conditions of which any one would do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.atoms import Values, conjunction
from engine.case import Fact
from engine.grading import Deduction, Finding
from explain.asking import DAY
from explain.courses import Key, Lack, Lacks
from explain.ground import Ground
from explain.nearest import Nearest
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
    Value,
)


class Stopping:
    """One graded case, asked what holds its deductions up."""

    def __init__(self, ground: Ground, nearest: Nearest) -> None:
        self._ground, self._nearest, self._compare = ground, nearest, ground.compare
        self._things: dict[str, Fact | Finding] = {fact.id: fact for fact in ground.case.facts}
        self._things |= {one.id: one for one in (*ground.grading.findings, *ground.grading.consequences)}

    def stops(self, deduction: Deduction) -> tuple[Lacks, ...]:
        """Return sets of conditions that hold, each of which, no longer met, would leave the deduction without ground.

        All but those that rest on alternatives are of one condition; those with the fewest changes come first.
        """
        rule = self._ground.rules[deduction.rule]
        scope, found = self._scope(rule, deduction), list[Lacks]()
        for place, pattern in enumerate(rule.for_each):
            name = deduction.key[place]
            atoms = self._compare.fact(pattern, self._things[name].values, scope)
            found.append((Lack("fact", (place,), atoms, (name,), pattern),))
        group = next((one.group for one in deduction.readings if one.group is not None), None)
        if isinstance(rule.points, SteppedPoints):
            measure = rule.points.measure
            value = self._nearest.value(measure, group)
            atoms = tuple(self._compare.measure(test, value) for step in rule.points.steps for test in step.tests)
            found.append((Lack("measure", (-4,), atoms, measure=measure, group=group),))
        for place, clause in enumerate(rule.when, len(rule.for_each)):
            found += self._clause((place,), clause, deduction, scope, group)
        found.sort(key=lambda lacks: sum(max(1, len(lack.facts)) for lack in lacks))
        return tuple(found)

    def _scope(self, rule: Rule, deduction: Deduction) -> dict[str, Values]:
        return {
            pattern.alias: self._things[name].values
            for pattern, name in zip(rule.for_each, deduction.key, strict=False)
        }

    def _clause(
        self, key: Key, clause: Clause, deduction: Deduction, scope: dict[str, Values], group: Value | None
    ) -> Iterator[Lacks]:
        """Yield what would break a clause that holds."""
        compare = self._compare
        match clause:
            case Match(pattern=pattern):
                names = tuple(self._fitting(pattern, deduction, scope))
                if names:
                    yield (Lack("fact", key, (), names, pattern),)
            case Absent(pattern=pattern):
                yield (Lack("absence", key, pattern=pattern),)
            case MeasureTest(measure=name, tests=tests):
                value = self._nearest.value(name, group)
                atoms = tuple(compare.measure(test, value) for test in tests)
                yield (Lack("measure", key, atoms, measure=name, group=group),)
            case ProducerTest(tests=tests):
                fields = self._ground.rulebook.attributes
                readable = [test for test in tests if compare.readable(test, scope)]
                producer = compare.producer
                atoms = tuple(
                    compare.test(one, producer.get(one.name), fields.get(one.name), scope) for one in readable
                )
                yield (Lack("producer", key, atoms),)
            case DateTest(test=test) if compare.readable(test, scope):
                yield (Lack("day", key, (compare.test(test, self._ground.case.as_of, DAY, scope),)),)
            case OutcomeTest():
                yield (Lack("outcome", key, outcome=clause),)
            case AnyOf(alternatives=alternatives):
                yield from self._alternatives(key, alternatives, deduction, scope, group)

    def _alternatives(
        self,
        key: Key,
        alternatives: Sequence[Sequence[Clause]],
        deduction: Deduction,
        scope: dict[str, Values],
        group: Value | None,
    ) -> Iterator[Lacks]:
        """Yield, as one set, what would break every alternative that may hold."""
        together: list[Lack] = []
        for number, alternative in enumerate(alternatives):
            options = [
                option
                for place, clause in enumerate(alternative)
                for option in self._clause((*key, number, place), clause, deduction, scope, group)
            ]
            if any(self._fails(lack) for option in options for lack in option):
                continue
            if not options:
                return
            together += min(options, key=lambda option: sum(max(1, len(lack.facts)) for lack in option))
        if together:
            yield tuple(together)

    def _fails(self, lack: Lack) -> bool:
        """Say whether a condition doesn't hold anyway."""
        if lack.outcome is not None:
            return not self._nearest.outcome_holds(lack.outcome)
        if lack.kind == "absence" and lack.pattern is not None:
            return bool(self._nearest.in_the_way(lack.pattern))
        return conjunction(lack.atoms) is False

    def _fitting(self, pattern: Pattern, deduction: Deduction, scope: dict[str, Values]) -> Iterator[str]:
        """Yield the premises that a pattern of `when` may be bound to."""
        for name in deduction.premises:
            thing = self._things[name]
            if thing.type != pattern.type or name in deduction.key:
                continue
            if conjunction(self._compare.fact(pattern, thing.values, scope)) is not False:
                yield name
