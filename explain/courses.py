"""The choices of alternatives by which a rule may fire, and what may fail along them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from engine.grading import Atom
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
    Ref,
    Rule,
    Value,
)
from knowledge.strata import clauses_of

Key: TypeAlias = tuple[int, ...]
"""Where a condition stands in its rule: the places of patterns, clauses and, inside of `any`, alternatives."""


NEW_FACT: Final = 20
"""What a fact that isn't there counts for, in values that would have to change."""
LackKind: TypeAlias = Literal[
    "kind", "suspended", "nothing", "measure", "producer", "day", "outcome", "fact", "absence", "formula"
]


@dataclass(frozen=True, slots=True)
class Lack:
    """A condition that fails.

    `atoms` are its comparisons, as they came out; for `fact` those of the fact that fits best, none where none is
    there. `facts` are that fact, or those that an absence doesn't want, or the findings that suspend a standard.
    """

    kind: LackKind
    key: Key
    """Where it stands in the rule; below zero what is asked of the rule itself."""
    atoms: tuple[Atom, ...] = ()
    facts: tuple[str, ...] = ()
    pattern: Pattern | None = None
    measure: str | None = None
    group: Value | None = None
    outcome: OutcomeTest | None = None

    @property
    def failing(self) -> tuple[Atom, ...]:
        """The comparisons that don't hold."""
        return tuple(atom for atom in self.atoms if atom.holds is not True)

    @property
    def size(self) -> int:
        """How many things would have to change; a fact that isn't there counts as much as many values."""
        if self.kind == "fact" and not self.facts:
            return NEW_FACT
        return max(1, len(self.facts) if self.kind == "absence" else len(self.failing))


Lacks: TypeAlias = tuple[Lack, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """One choice of an alternative in each `any` of a rule: the patterns that it binds, and its other clauses."""

    bound: tuple[tuple[Key, Pattern], ...]
    rest: tuple[tuple[Key, Clause], ...]


def courses(rule: Rule) -> list[Course]:
    """Return all choices of alternatives in a rule."""
    keys = tuple(((place,), pattern) for place, pattern in enumerate(rule.for_each))
    below = _courses(rule.when, (len(keys),))
    return [Course((*keys, *course.bound), course.rest) for course in below]


def _courses(clauses: Sequence[Clause], start: Key) -> list[Course]:
    found = [Course((), ())]
    for place, clause in enumerate(clauses):
        key = (*start[:-1], start[-1] + place)
        if isinstance(clause, AnyOf):
            inside = [
                course
                for number, alternative in enumerate(clause.alternatives)
                for course in _courses(alternative, (*key, number, 0))
            ]
        elif isinstance(clause, Match):
            inside = [Course(((key, clause.pattern),), ())]
        else:
            inside = [Course((), ((key, clause),))]
        found = [Course(one.bound + two.bound, one.rest + two.rest) for one in found for two in inside]
    return found


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a rule looks at: types of facts and findings, measures, attributes of the producer, outcomes."""

    types: tuple[str, ...]
    measures: tuple[str, ...]
    attributes: tuple[str, ...]
    outcomes: tuple[OutcomeTest, ...]


def inputs(rule: Rule, decisive: Sequence[str]) -> Inputs:
    """Return what a rule looks at; `decisive` are the measures without which it has nothing to measure."""
    clauses = list(clauses_of(rule.when))
    patterns = [*rule.for_each, *(one.pattern for one in clauses if isinstance(one, Match | Absent))]
    tests = [test for pattern in patterns for test in pattern.tests]
    attributes = [] if rule.applies_to is None else ["kind"]
    for clause in clauses:
        if isinstance(clause, ProducerTest):
            tests += clause.tests
            attributes += [test.name for test in clause.tests]
        if isinstance(clause, DateTest):
            tests.append(clause.test)
    reads = [test.operand for test in tests] + [one.window.since for one in patterns if one.window is not None]
    attributes += [one.name for one in reads if isinstance(one, Ref) and one.source == "producer"]
    measures = [*decisive, *(one.measure for one in clauses if isinstance(one, MeasureTest))]
    return Inputs(
        tuple(dict.fromkeys(pattern.type for pattern in patterns)),
        tuple(dict.fromkeys(measures)),
        tuple(dict.fromkeys(attributes)),
        tuple(one for one in clauses if isinstance(one, OutcomeTest)),
    )
