"""Single comparisons, with what was observed, what it was compared with, and by how much it held or failed."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeAlias

from engine.checker_code import aliases_of, measured_field, order_of
from engine.grading import Atom
from knowledge.rulebook import Field, Rulebook
from knowledge.rules import Const, Expr, Op, Pattern, Test, Value, Window
from knowledge.workdays import add

Values: TypeAlias = Mapping[str, Value]
Bound: TypeAlias = Mapping[str, Values]
"""Values by alias."""

COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
    "in": lambda value, many: value in many, "not_in": lambda value, many: value not in many,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparer:
    """Compares values as of a day for one producer."""

    rulebook: Rulebook
    as_of: int
    producer: Values

    def fact(self, pattern: Pattern, values: Values, bound: Bound) -> tuple[Atom, ...]:
        """Return how a fact meets a pattern; tests that read what isn't bound are left out."""
        kind = self.rulebook.types[pattern.type]
        scope = {**bound, "this": values, pattern.alias: values}
        atoms = [
            self.test(test, values.get(test.name), kind.fields.get(test.name), scope)
            for test in pattern.tests
            if self.readable(test, scope)
        ]
        if pattern.window is not None:
            atoms += self._within(pattern.window, values, scope)
        if pattern.active is not None and kind.lasting is not None:
            atoms.append(self._active(pattern, values))
        return tuple(atoms)

    def readable(self, test: Test, scope: Bound) -> bool:
        """Say whether all that a test reads is bound."""
        return all(alias in scope for alias in aliases_of(test.operand))

    def test(self, test: Test, observed: Value | None, field: Field | None, scope: Bound) -> Atom:
        """Return how one value meets one test."""
        unit = _unit(field)
        if test.op in ("present", "missing"):
            holds = (observed is not None) == (test.op == "present")
            return Atom(test.name, test.op, holds, observed, None, None, unit)
        threshold = test.operand if isinstance(test.operand, tuple) else self.value(test.operand, scope)
        return _compared(test.name, test.op, observed, threshold, unit, order_of(field))

    def measure(self, test: Test, observed: Value | None) -> Atom:
        """Return how a measure's value meets one test."""
        measure = self.rulebook.measures[test.name]
        field = measured_field(self.rulebook, measure)
        shown = field or Field(measure.name, measure.type, measure.label, places=measure.places, unit=measure.unit)
        return self.test(test, observed, shown, {})

    def value(self, expr: Expr | None, scope: Bound) -> Value | None:
        """Return what an operand comes to; None where a value is missing or the calendar doesn't reach."""
        if expr is None or isinstance(expr, Const):
            return None if expr is None else expr.value
        found: Value | None = self.as_of
        if expr.source == "producer":
            found = self.producer.get(expr.name)
        elif expr.source != "as_of":
            found = scope[expr.source].get(expr.name)
        if found is None or expr.shift is None:
            return found
        return add(int(found), expr.shift.amount, expr.shift.unit, self.rulebook.calendar)

    def lacks(self, pattern: Pattern, bound: Bound) -> bool:
        """Say whether a value of a bound fact that another fact's pattern reads is missing."""
        operands = [test.operand for test in pattern.tests if not isinstance(test.operand, tuple)]
        others = [operand for operand in operands if any(alias in bound for alias in aliases_of(operand))]
        return any(self.value(operand, bound) is None for operand in others)

    def window(self, window: Window, scope: Bound) -> tuple[int, int] | None:
        """Return a window's first and last day; None where its beginning is unknown."""
        if window.kind == "last":
            before = add(self.as_of, -window.amount, window.unit, self.rulebook.calendar)
            return None if before is None else (before + 1, self.as_of)
        if window.kind == "calendar_year":
            return date(date.fromordinal(self.as_of).year, 1, 1).toordinal(), self.as_of
        first = self.value(window.since, scope)
        return None if first is None else (int(first), self.as_of)

    def _within(self, window: Window, values: Values, scope: Bound) -> Iterable[Atom]:
        observed = values.get(window.field)
        days = self.window(window, scope)
        yield _compared(window.field, "ge", observed, None if days is None else days[0], "days", ())
        yield _compared(window.field, "le", observed, self.as_of, "days", ())

    def _active(self, pattern: Pattern, values: Values) -> Atom:
        """Return whether a state lies on the wanted side of the day, by the end of it that decides."""
        lasting = self.rulebook.types[pattern.type].lasting
        assert lasting is not None
        start = values.get(lasting.start)
        end = None if lasting.end is None else values.get(lasting.end)
        if start is None:
            return Atom(lasting.start, "le" if pattern.active else "gt", None, None, self.as_of, None, "days")
        inside = int(start) <= self.as_of
        if inside and lasting.end is not None and (end is not None or not pattern.active):
            over = end is not None and (int(end) < self.as_of or (int(end) == self.as_of and not lasting.end_included))
            op: Op = (
                ("ge" if lasting.end_included else "gt") if pattern.active else "lt" if lasting.end_included else "le"
            )
            margin = None if end is None else int(end) - self.as_of
            return Atom(lasting.end, op, over is not pattern.active, end, self.as_of, margin, "days")
        op = "le" if pattern.active else "gt"
        return Atom(lasting.start, op, inside is pattern.active, start, self.as_of, int(start) - self.as_of, "days")


def _unit(field: Field | None) -> str | None:
    if field is None:
        return None
    return {"date": "days", "share": "%"}.get(field.type, field.unit)


def _compared(
    name: str,
    op: Any,
    observed: Value | None,
    threshold: Value | tuple[Value, ...] | None,
    unit: str | None,
    order: Sequence[str],
) -> Atom:
    if observed is None or threshold is None:
        return Atom(name, op, None, observed, threshold, None, unit)
    left: Any = observed
    right: Any = threshold
    if order and op in ("lt", "le", "gt", "ge"):
        left, right = order.index(str(observed)), order.index(str(threshold))
    numbers = all(isinstance(side, int) and not isinstance(side, bool) for side in (left, right))
    margin = left - right if numbers else None
    return Atom(name, op, COMPARE[op](left, right), observed, threshold, margin, unit)


def conjunction(atoms: Iterable[Atom]) -> bool | None:
    """Return whether all hold: False as soon as one fails, None where none fails and one is unknown."""
    holds: bool | None = True
    for atom in atoms:
        if atom.holds is False:
            return False
        if atom.holds is None:
            holds = None
    return holds


def failures(atoms: Iterable[Atom]) -> int:
    """Count the comparisons that fail; those that are unknown count as half a failure each, in halves."""
    return sum(2 if atom.holds is False else 1 if atom.holds is None else 0 for atom in atoms)
