"""The choices of alternatives by which a rule may fire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from knowledge.rules import AnyOf, Clause, Match, Pattern, Rule

Key: TypeAlias = tuple[int, ...]
"""Where a condition stands in its rule: the places of patterns, clauses and, inside of `any`, alternatives."""


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
