"""Where a rulebook's comparisons cut the values that a missing field could have.

Between two neighbouring cuts every value decides everything alike, so one of each region stands for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import TypeAlias

from engine.case import CaseFile
from engine.checker_rules import decisive_measures
from knowledge.rulebook import Aggregate, Field, Rulebook
from knowledge.rules import (
    Arithmetic,
    Const,
    DateTest,
    Expr,
    FormulaPoints,
    MeasureTest,
    Pattern,
    ProducerTest,
    Ref,
    Rule,
    Shift,
    SteppedPoints,
    Test,
    Value,
    Window,
)
from knowledge.strata import clauses_of, formula_measures, patterns_of
from knowledge.workdays import add

Place: TypeAlias = tuple[str, str]
"""Type and field; the type is empty for the producer's attributes."""
_FRESH = "\u2063"
"""A text that no fact has."""


class Blurred(Exception):
    """A value is used otherwise than in comparisons, so that no finite number of values stands for all."""


class Cuts:
    """The comparisons that decide the grade of one case."""

    def __init__(self, rulebook: Rulebook, case: CaseFile) -> None:
        self._rulebook, self._case = rulebook, case
        self.read: set[Place] = set()
        """The fields whose values have been compared with since it was emptied."""
        producer = case.producer
        self._own = {**producer.attributes, "kind": producer.kind, "region": producer.region, "id": producer.id}
        self._rules = [rule for rule in rulebook.rules if rule.kind != "consequence"]
        self._patterns = [(pattern, rule) for rule in self._rules for pattern, _ in patterns_of(rule)]
        self._measured = [
            (measure, measure.body) for measure in rulebook.measures.values() if isinstance(measure.body, Aggregate)
        ]

    def values(self, field: Field, place: Place) -> tuple[Value, ...]:
        """Return values of which one stands for each region: all of a choice or yes/no, one of each region otherwise.

        Raises:
            Blurred: no finite number does.
        """
        match field.type:
            case "yes_no":
                return False, True
            case "choice":
                return tuple(field.choices)
            case "text":
                found = {str(value) for value in self._cuts(place, frozenset())}
                return *sorted(found), _FRESH
            case _:
                cuts = sorted({int(value) for value in self._cuts(place, frozenset())})
                return tuple(_one_of_each(cuts, field))

    def _cuts(self, place: Place, seen: frozenset[Place]) -> set[Value]:
        """Return the values at which any comparison of a field may come out otherwise."""
        if place in seen:
            return set()
        seen |= {place}
        cuts: set[Value] = set()
        for pattern, rule in self._patterns:
            aliases = {one.alias: one.type for one, _ in patterns_of(rule)}
            cuts.update(self._of_pattern(pattern, place, aliases))
        for rule in self._rules:
            cuts.update(self._of_rule(rule, place, seen))
        for measure, body in self._measured:
            cuts.update(self._of_pattern(body.pattern, place, {}))
            of_numerator = Pattern(body.pattern.alias, body.pattern.type, body.numerator)
            cuts.update(self._of_pattern(of_numerator, place, {}))
            if body.pattern.type == place[0]:
                cuts.update(self._of_measure(measure.name, body, place))
                if measure.per == place[1]:
                    cuts.update(self._possible(place, frozenset()))
        if place[0]:
            cuts.update(self._of_type(place))
        for standard in self._rulebook.standards.values():
            if standard.suspended_by is not None:
                cuts.update(self._of_pattern(standard.suspended_by, place, {}))
        return cuts

    def _of_type(self, place: Place) -> Iterator[Value]:
        kind = self._rulebook.types[place[0]]
        ends = () if kind.lasting is None else (kind.lasting.start, kind.lasting.end)
        if place[1] in (kind.dated, *ends):
            yield self._case.as_of

    def _of_pattern(self, pattern: Pattern, place: Place, aliases: dict[str, str]) -> Iterator[Value]:
        """Yield the cuts that a pattern makes: in its own field, or in one that it reads elsewhere."""
        own = {**aliases, "this": pattern.type, pattern.alias: pattern.type}
        for test in pattern.tests:
            if (pattern.type, test.name) == place:
                yield from self._operands(test, own)
            yield from self._read(test.operand, place, own, (pattern.type, test.name))
        window = pattern.window
        if window is not None:
            if (pattern.type, window.field) == place:
                yield from self._of_window(window)
            yield from self._read(window.since, place, own, (pattern.type, window.field))

    def _of_window(self, window: Window) -> Iterator[Value]:
        as_of = self._case.as_of
        yield as_of
        match window.kind:
            case "last":
                start = add(as_of, -window.amount, window.unit, self._rulebook.calendar)
                if start is not None:
                    yield start
            case "since":
                yield from self._possible_of(window.since, {}, frozenset())
            case _:
                yield from _year(as_of)

    def _of_rule(self, rule: Rule, place: Place, seen: frozenset[Place]) -> Iterator[Value]:
        aliases = {one.alias: one.type for one, _ in patterns_of(rule)}
        for clause in clauses_of(rule.when):
            if isinstance(clause, DateTest):
                yield from self._read(clause.test.operand, place, aliases, None)
            if isinstance(clause, ProducerTest):
                for test in clause.tests:
                    if place == ("", test.name):
                        yield from self._operands(test, aliases)
                    yield from self._read(test.operand, place, aliases, ("", test.name))
        if any(_refers(operand, place, aliases) for operand in _beside_measures(rule)):
            raise Blurred
        for name, expr in rule.gives.items():
            if isinstance(expr, Ref) and _refers(expr, place, aliases):
                # Two findings with equal values are one.
                given = (rule.target, name)
                for cut in (*self._cuts(given, seen), *self._possible(given, frozenset())):
                    yield from self._back(cut, expr.shift)

    def _of_measure(self, name: str, body: Aggregate, place: Place) -> Iterator[Value]:
        """Yield the cuts of a field by whose value a measure goes."""
        kind = self._rulebook.types[place[0]]
        window = body.pattern.window
        day = kind.dated if window is None else window.field
        if body.how == "days_since" and place[1] == day:
            yield from (self._case.as_of - int(limit) for limit in self._thresholds(name))
            yield from self._possible(place, frozenset())
        if body.how in ("latest", "first") and place[1] == kind.dated:
            yield from self._possible(place, frozenset())
        if body.field == place[1]:
            if body.how == "sum":
                raise Blurred
            yield from self._thresholds(name)
            yield from self._possible(place, frozenset())

    def _thresholds(self, measure: str) -> Iterator[Value]:
        """Yield what a measure is compared with.

        Raises:
            Blurred: it is used otherwise.
        """
        for other in self._rulebook.measures.values():
            if isinstance(other.body, Arithmetic) and measure in formula_measures(other.body):
                raise Blurred
        for rule in self._rules:
            given = any(isinstance(e, Ref) and (e.source, e.name) == ("measure", measure) for e in rule.gives.values())
            if given or (isinstance(rule.points, FormulaPoints) and measure in decisive_measures(self._rulebook, rule)):
                raise Blurred
            tests = [test for one in clauses_of(rule.when) if isinstance(one, MeasureTest) for test in one.tests]
            if isinstance(rule.points, SteppedPoints):
                tests += [test for step in rule.points.steps for test in step.tests]
            for test in tests:
                if test.name == measure:
                    yield from self._operands(test, {})

    def _operands(self, test: Test, aliases: dict[str, str]) -> Iterator[Value]:
        if isinstance(test.operand, tuple):
            yield from test.operand
        else:
            yield from self._possible_of(test.operand, aliases, frozenset())

    def _read(
        self, operand: Expr | tuple[Value, ...] | None, place: Place, aliases: dict[str, str], other: Place | None
    ) -> Iterator[Value]:
        """Yield the cuts in a field that is read as an operand: where it passes what it is compared with."""
        if not isinstance(operand, Ref) or not _refers(operand, place, aliases):
            return
        against: Iterable[Value] = (self._case.as_of,) if other is None else self._possible(other, frozenset())
        for value in against:
            yield from self._back(value, operand.shift)

    def _back(self, value: Value, shift: Shift | None) -> Iterator[Value]:
        """Yield the values that come to `value` or pass it once they are moved."""
        if shift is None:
            yield value
            return
        guess = add(int(value), -shift.amount, shift.unit, self._rulebook.calendar)
        if guess is None:
            raise Blurred
        for day in range(guess - 40, guess + 41):
            if add(day, shift.amount, shift.unit, self._rulebook.calendar) is None:
                raise Blurred
        yield from (
            day
            for day in range(guess - 40, guess + 41)
            if (moved := add(day, shift.amount, shift.unit, self._rulebook.calendar)) is not None
            and (before := add(day - 1, shift.amount, shift.unit, self._rulebook.calendar)) is not None
            and (moved == value or before < int(value) <= moved)
        )

    def _possible(self, place: Place, seen: frozenset[Place]) -> set[Value]:
        """Return the values that a field has anywhere in the case, or may get in a finding.

        Raises:
            Blurred: a measure gives them.
        """
        name, field = place
        if place in seen:
            return set()
        self.read.add(place)
        if not name:
            value = self._own.get(field)
            return set() if value is None else {value}
        if self._rulebook.types[name].origin == "fact":
            facts = (fact for fact in self._case.facts if fact.type == name)
            return {value for fact in facts if (value := fact.values.get(field)) is not None}
        found: set[Value] = set()
        for rule in self._rulebook.rules:
            if rule.target == name and field in rule.gives:
                aliases = {one.alias: one.type for one, _ in patterns_of(rule)}
                found.update(self._possible_of(rule.gives[field], aliases, seen | {place}))
        return found

    def _possible_of(self, expr: Expr | None, aliases: dict[str, str], seen: frozenset[Place]) -> Iterator[Value]:
        if expr is None:
            return
        if isinstance(expr, Const):
            yield expr.value
            return
        if expr.source in ("measure", "group"):
            raise Blurred
        if expr.source == "as_of":
            values: Iterable[Value] = (self._case.as_of,)
        elif expr.source == "producer":
            values = self._possible(("", expr.name), seen)
        else:
            values = self._possible((aliases[expr.source], expr.name), seen)
        for value in values:
            moved: Value | None = value
            if expr.shift is not None:
                moved = add(int(value), expr.shift.amount, expr.shift.unit, self._rulebook.calendar)
            if moved is not None:
                yield moved


def _refers(operand: object, place: Place, aliases: dict[str, str]) -> bool:
    if not isinstance(operand, Ref):
        return False
    if operand.source == "producer":
        return place == ("", operand.name)
    return (aliases.get(operand.source), operand.name) == place


def _beside_measures(rule: Rule) -> Iterator[object]:
    """Yield the operands that measures are compared with, and what a formula reads."""
    tests = [test for one in clauses_of(rule.when) if isinstance(one, MeasureTest) for test in one.tests]
    if isinstance(rule.points, SteppedPoints):
        tests += [test for step in rule.points.steps for test in step.tests]
    yield from (test.operand for test in tests)
    if isinstance(rule.points, FormulaPoints):
        yield from _refs(rule.points.formula)


def _refs(formula: object) -> list[Ref]:
    if isinstance(formula, Ref):
        return [formula]
    return [ref for arg in getattr(formula, "args", ()) for ref in _refs(arg)]


def _year(day: int) -> tuple[int, int]:
    year = date.fromordinal(day).year
    return date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()


def _one_of_each(cuts: list[int], field: Field) -> Iterator[int]:
    """Yield each cut and one value of each region between them, within the field's bounds."""
    low, high = field.minimum, field.maximum
    if field.type == "date":
        low = max(low or 1, 1)
    starts = sorted({*cuts, *(one + 1 for one in cuts), *(one - 1 for one in cuts[:1])}) or [low or 0]
    for place, start in enumerate(starts):
        inside = start if low is None else max(start, low)
        inside = inside if high is None else min(inside, high)
        # What lies before the first cut is one region, however far down it goes.
        begun = place == 0 or inside >= start
        if begun and (place + 1 == len(starts) or inside < starts[place + 1]):
            yield inside
