"""What decides what: which types and fields of facts each standard and each limit looks at, findings followed down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from knowledge.rulebook import Aggregate, FactType, Measure, Rulebook
from knowledge.rules import (
    Arithmetic,
    DateTest,
    Expr,
    Formula,
    FormulaPoints,
    Pattern,
    Ref,
    Rule,
    TablePoints,
    Test,
    Value,
)
from knowledge.strata import clauses_of, formula_measures, measures_read, patterns_of

Look: TypeAlias = tuple[str, str]
"""A type of fact and one of its fields, or that there are such facts at all (`ANY`)."""
ANY: Final = ""


class Reach:
    """For each standard and each rule of a ceiling or veto, what it looks at.

    A fact that comes, goes or changes its status touches (type, `ANY`), which all who look at the type look at; one
    whose values alone change touches those fields. Whatever touches nothing that a target looks at leaves it as it is.
    """

    def __init__(self, rulebook: Rulebook) -> None:
        self._types, self._measures = rulebook.types, rulebook.measures
        self._concluding: dict[str, list[Rule]] = {}
        for rule in rulebook.rules:
            if rule.kind == "finding":
                self._concluding.setdefault(rule.target, []).append(rule)
        self._own = {rule.id: frozenset(self._of_rule(rule)) for rule in rulebook.rules if rule.kind != "consequence"}
        self.standards: dict[str, frozenset[Look]] = {}
        for name, standard in rulebook.standards.items():
            looks = set[Look]()
            for rule in rulebook.rules:
                if rule.kind == "standard" and rule.target == name:
                    looks |= self._own[rule.id]
            if standard.suspended_by is not None:
                looks |= set(self._of_pattern(standard.suspended_by, {}))
            self.standards[name] = self._facts(looks)
        limits = [rule for rule in rulebook.rules if rule.kind in ("ceiling", "veto")]
        self.limits: dict[str, frozenset[Look]] = {rule.id: self._facts(self._own[rule.id]) for rule in limits}

    def _facts(self, looks: Iterable[Look]) -> frozenset[Look]:
        """Return looks at facts alone: those at findings are followed to what concludes them."""
        found = set[Look]()
        todo, seen = list(looks), set[str]()
        while todo:
            name, field = todo.pop()
            if self._types[name].origin == "fact":
                found.add((name, field))
            elif name not in seen:
                seen.add(name)
                todo += [look for rule in self._concluding.get(name, ()) for look in self._own[rule.id]]
        return frozenset(found)

    def _of_rule(self, rule: Rule) -> Iterator[Look]:
        patterns = [pattern for pattern, _ in patterns_of(rule)]
        types = {pattern.alias: pattern.type for pattern in patterns}
        for pattern in patterns:
            yield from self._of_pattern(pattern, types)
        for clause in clauses_of(rule.when):
            if isinstance(clause, DateTest):
                yield from _of_operand(clause.test.operand, types)
        for name in measures_read(rule):
            yield from self._of_measure(self._measures[name])
        for expr in rule.gives.values():
            yield from _of_operand(expr, types)
        if isinstance(rule.points, TablePoints):
            yield from _of_operand(rule.points.by, types)
        elif isinstance(rule.points, FormulaPoints):
            yield from _of_formula(rule.points.formula, types)

    def _of_pattern(self, pattern: Pattern, types: dict[str, str]) -> Iterator[Look]:
        kind = self._types[pattern.type]
        yield from _of_type(kind)
        if pattern.window is not None:
            yield kind.name, pattern.window.field
        if pattern.active is not None and kind.lasting is not None:
            yield kind.name, kind.lasting.start
            if kind.lasting.end is not None:
                yield kind.name, kind.lasting.end
        yield from _of_tests(pattern.tests, kind.name, types | {pattern.alias: kind.name})

    def _of_measure(self, measure: Measure) -> Iterator[Look]:
        if isinstance(measure.body, Arithmetic):
            for name in set(formula_measures(measure.body)):
                yield from self._of_measure(self._measures[name])
        elif isinstance(measure.body, Aggregate):
            body, name = measure.body, measure.body.pattern.type
            yield from self._of_pattern(body.pattern, {})
            yield from _of_tests(body.numerator, name, {})
            yield from ((name, field) for field in (body.field, measure.per) if field is not None)


def _of_type(kind: FactType) -> Iterator[Look]:
    yield kind.name, ANY
    if kind.dated is not None:
        yield kind.name, kind.dated


def _of_tests(tests: Iterable[Test], own: str, types: dict[str, str]) -> Iterator[Look]:
    for test in tests:
        yield own, test.name
        yield from _of_operand(test.operand, types | {"this": own})


def _of_operand(operand: Expr | tuple[Value, ...] | None, types: dict[str, str]) -> Iterator[Look]:
    if isinstance(operand, Ref) and operand.source in types:
        yield types[operand.source], operand.name


def _of_formula(formula: Formula, types: dict[str, str]) -> Iterator[Look]:
    if isinstance(formula, Ref):
        yield from _of_operand(formula, types)
    elif isinstance(formula, Arithmetic):
        for part in formula.args:
            yield from _of_formula(part, types)
