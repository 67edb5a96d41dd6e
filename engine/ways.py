"""The ways in which a rule can fire: an alternative of each `any`, and a step of its points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from msgspec.structs import replace

from engine.rete import NetworkTooLarge
from knowledge.rules import AnyOf, Clause, MeasureTest, Op, Ref, Rule, SteppedPoints, Test

_MOST_WAYS = 64
_OPPOSITE: Mapping[Op, Op] = {
    "eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "le": "gt", "gt": "le",
    "in": "not_in", "not_in": "in", "present": "missing", "missing": "present",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Way:
    """One conjunction under which a rule fires: an alternative of each `any`, and a step of its points."""

    clauses: tuple[tuple[Clause, bool], ...]
    """Each with whether it stood inside an `any`."""
    step: int = 0


def ways_to_fire(rule: Rule) -> tuple[Way, ...]:
    """Return all ways; a rule without `any` and steps has one."""
    conjunctions = list(_expand(rule.when, inside=False))
    if isinstance(rule.points, SteppedPoints):
        measure = rule.points.measure
        steps = [(MeasureTest(measure, tests, measure), False) for tests in _exclusive(rule.points)]
        ways = [Way((*clauses, step), n) for clauses in conjunctions for n, step in enumerate(steps)]
    else:
        ways = [Way(clauses) for clauses in conjunctions]
    if len(ways) > _MOST_WAYS:
        raise NetworkTooLarge(f"it can fire in {len(ways)} ways; at most {_MOST_WAYS} are allowed")
    return tuple(ways)


def _expand(clauses: Sequence[Clause], *, inside: bool) -> Iterator[tuple[tuple[Clause, bool], ...]]:
    choices: list[list[tuple[tuple[Clause, bool], ...]]] = []
    for clause in clauses:
        if isinstance(clause, AnyOf):
            choices.append([way for part in clause.alternatives for way in _expand(part, inside=True)])
        else:
            choices.append([((clause, inside),)])
    for combination in product(*choices):
        yield tuple(clause for part in combination for clause in part)


def _exclusive(points: SteppedPoints) -> Iterator[tuple[Test, ...]]:
    """Yield each step's tests and, where an earlier step has one test with a literal, its opposite.

    Steps with several tests may overlap, and those that read a value elsewhere, which may be missing, have no
    opposite; the lowest step that fired counts.
    """
    earlier: list[Test] = []
    for step in points.steps:
        yield (*step.tests, *(replace(test, op=_OPPOSITE[test.op]) for test in earlier))
        if len(step.tests) == 1 and not isinstance(step.tests[0].operand, Ref):
            earlier.append(step.tests[0])
