"""A rule laid out for columns: what it binds, one way after the other, and when each condition can be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias

from engine.columnar.conditions import Scope
from engine.columnar.patterns import aliases_in
from knowledge.rulebook import Rulebook
from knowledge.rules import (
    Absent,
    AnyOf,
    Clause,
    DateTest,
    FormulaPoints,
    Match,
    MeasureTest,
    OutcomeTest,
    Pattern,
    ProducerTest,
    Ref,
    Rule,
    SteppedPoints,
    Test,
)


@dataclass(frozen=True, slots=True)
class OwnTest:
    """A test of a bound fact that reads another one."""

    number: int
    pattern: Pattern
    test: Test


Condition: TypeAlias = OwnTest | Match | Absent | MeasureTest | ProducerTest | DateTest | OutcomeTest | AnyOf
"""A Match here binds nothing: some fact must fit."""


@dataclass(slots=True)
class Way:
    """One way of satisfying a rule: facts bound one after the other, and conditions by how many must be bound."""

    bound: list[tuple[Pattern, Scope]]
    at: list[list[tuple[Condition, Scope]]] = field(default_factory=list)
    types: dict[int, str] = field(init=False)
    """The type of each bound fact by its number."""

    def __post_init__(self) -> None:
        self.types = {number: pattern.type for number, (pattern, _) in enumerate(self.bound)}


def ways_of(rulebook: Rulebook, rule: Rule, *, all_premises: bool) -> list[Way]:
    """Return a rule's ways; their bound facts begin with those of `for_each`.

    `all_premises`: concluded facts are bound even where it would do to know that there is one.
    """
    light = _Light(rulebook, rule, all_premises=all_premises)
    keys = {pattern.alias: number for number, pattern in enumerate(rule.for_each)}
    ways = []
    for bound, rest in _expand(rule.when, keys, len(keys), light):
        own = {id(clause.pattern) for clause in rule.when if isinstance(clause, Match)}
        outer = {**keys, **{pattern.alias: number for number, pattern, _ in bound if id(pattern) in own}}
        way = Way(
            [*((pattern, outer) for pattern in rule.for_each), *((pattern, scope) for _, pattern, scope in bound)]
        )
        numbers = {number: place for place, (number, _, _) in enumerate(bound, len(keys))} | {
            n: n for n in keys.values()
        }
        way.bound = [(pattern, _renumbered(scope, numbers)) for pattern, scope in way.bound]
        _place(way, [(clause, _renumbered(scope, numbers)) for clause, scope in rest])
        ways.append(way)
    return ways


def _renumbered(scope: Scope, numbers: Mapping[int, int]) -> Scope:
    return {alias: numbers[number] for alias, number in scope.items() if number in numbers}


class _Light:
    """Which matches need not be bound: nothing reads them, and no other fact of their type is bound or absent."""

    def __init__(self, rulebook: Rulebook, rule: Rule, *, all_premises: bool) -> None:
        self._rulebook, self._all = rulebook, all_premises
        clauses = list(every(rule.when))
        patterns = [*rule.for_each, *(c.pattern for c in clauses if isinstance(c, Match | Absent))]
        self._types = [pattern.type for pattern in patterns]
        self._read = {
            alias
            for pattern in patterns
            for test in pattern.tests
            for alias in aliases_in(test.operand)
            if alias != pattern.alias
        }
        for clause in clauses:
            for test in _tests(clause):
                self._read |= set(aliases_in(test.operand))

    def __contains__(self, pattern: Pattern) -> bool:
        if self._types.count(pattern.type) > 1 or pattern.alias in self._read:
            return False
        return not self._all or self._rulebook.types[pattern.type].origin == "fact"


def every(clauses: Sequence[Clause]) -> Iterator[Clause]:
    """Yield clauses and all that stand inside them."""
    for clause in clauses:
        yield clause
        if isinstance(clause, AnyOf):
            for alternative in clause.alternatives:
                yield from every(alternative)


def _tests(clause: Condition) -> Sequence[Test]:
    match clause:
        case ProducerTest(tests=tests):
            return tests
        case DateTest(test=test):
            return (test,)
        case _:
            return ()


_Expanded: TypeAlias = tuple[list[tuple[int, Pattern, Scope]], list[tuple[Condition, Scope]]]


def _expand(clauses: Sequence[Clause], scope: Scope, first: int, light: _Light) -> list[_Expanded]:
    """Return the bound patterns (number, pattern, scope) and other conditions of each way; numbers begin at `first`."""
    numbers = count(first)
    matched = [(next(numbers), c.pattern) for c in clauses if isinstance(c, Match) and c.pattern not in light]
    inner: Scope = {**scope, **{pattern.alias: number for number, pattern in matched}}
    bound = [(number, pattern, inner) for number, pattern in matched]
    kept = {id(pattern) for _, pattern in matched}
    rest: list[tuple[Condition, Scope]] = []
    opened: list[AnyOf] = []
    for clause in clauses:
        if isinstance(clause, AnyOf) and any(isinstance(c, Match) and c.pattern not in light for c in every([clause])):
            opened.append(clause)
        elif not (isinstance(clause, Match) and id(clause.pattern) in kept):
            rest.append((clause, inner))
    ways: list[_Expanded] = [(bound, rest)]
    start = first + len(matched)
    for clause in opened:
        choices = [way for part in clause.alternatives for way in _expand(part, inner, start, light)]
        start = 1 + max((number for more, _ in choices for number, _, _ in more), default=start)
        ways = [(a + b, c + d) for a, c in ways for b, d in choices]
    return ways


def _place(way: Way, rest: Sequence[tuple[Condition, Scope]]) -> None:
    """Put each condition where all that it reads has been bound."""
    way.at = [[] for _ in range(len(way.bound) + 1)]
    for number, (pattern, scope) in enumerate(way.bound):
        for test in pattern.tests:
            others = [scope[alias] for alias in aliases_in(test.operand) if alias != pattern.alias]
            if others:
                way.at[max(number, *others) + 1].append((OwnTest(number, pattern, test), scope))
    for clause, scope in rest:
        way.at[_depth(way, clause, scope)].append((clause, scope))


def _depth(way: Way, clause: Condition, scope: Scope) -> int:
    """Return how many facts must be bound before a condition can be asked."""
    match clause:
        case Match(pattern=pattern) | Absent(pattern=pattern):
            reads = [scope[a] for test in pattern.tests for a in aliases_in(test.operand) if a != pattern.alias]
            reads += [number for number, kind in way.types.items() if kind == pattern.type]
        case AnyOf(alternatives=alternatives):
            return max((_depth(way, one, scope) for part in alternatives for one in part), default=0)
        case _:
            reads = [scope[alias] for test in _tests(clause) for alias in aliases_in(test.operand)]
    return max(reads, default=-1) + 1


def decisive(rulebook: Rulebook, rule: Rule) -> list[str]:
    """Return the measures without a value of which a rule has nothing to measure."""
    names = [clause.measure for clause in rule.when if isinstance(clause, MeasureTest)]
    if isinstance(rule.points, SteppedPoints):
        names.append(rule.points.measure)
    if isinstance(rule.points, FormulaPoints):
        names += [ref.name for ref in refs(rule.points.formula) if ref.source == "measure"]
    for name, expr in rule.gives.items():
        if isinstance(expr, Ref) and expr.source == "measure":
            grouped = rulebook.measures[expr.name].per is not None
            names += [expr.name] if grouped or not rulebook.types[rule.target].fields[name].optional else []
    return list(dict.fromkeys(names))


def refs(formula: object) -> Iterator[Ref]:
    """Yield what a formula reads."""
    if isinstance(formula, Ref):
        yield formula
    for arg in getattr(formula, "args", ()):
        yield from refs(arg)
