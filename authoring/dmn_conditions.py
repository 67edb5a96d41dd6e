"""The cells of a decision table as conditions of rules: alternatives, each a set of things that must all hold."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final

from authoring.dmn_clauses import MISSING, PRESENT, Atom, Way, never_holds
from authoring.dmn_numbers import ZERO, Formulas, divisors, names_read, quotient
from authoring.dmn_values import Moved, Names, NotCarried, Variable, literal
from authoring.feel_tree import (
    OPPOSITE,
    Bool,
    Compare,
    Day,
    Every,
    Expr,
    Is,
    Lit,
    Name,
    Not,
    Op,
    Some,
    Sum,
    Test,
    Untrue,
    cases,
    filled,
    opposite,
)

MOST_WAYS: Final = 256
_NUMBERS: Final[dict[Op, str]] = {"=": "is", "!=": "not", "<": "below", "<=": "at_most", ">": "above", ">=": "at_least"}
_DATES: Final[dict[Op, str]] = {"=": "is", "!=": "not", "<": "before", "<=": "up_to", ">": "after", ">=": "from"}
_EQUAL: Final[dict[Op, str]] = {"=": "is", "!=": "not"}
_MIRROR: Final[dict[Op, Op]] = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_HOLDS: Final[dict[Op, Callable[[Any, Any], bool]]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


@dataclass(slots=True)
class Conditions:
    """Makes conditions; the measures that they need are collected in `formulas`."""

    names: Names
    formulas: Formulas

    def ways(self, inputs: Sequence[Expr], tests: Sequence[Test], also: Sequence[Test] = ()) -> list[Way]:
        """Return the alternatives of a row; none: it never matches. `also` are conditions besides its cells.

        Raises:
            NotCarried: there are too many, or a test is none of a rulebook's.
        """
        cells = [self._ways(expr, filled(test, expr)) for expr, test in zip(inputs, tests, strict=True)]
        return self._all([*cells, *(self._ways(Lit(None), test) for test in also)])

    def _all(self, cells: Sequence[list[Way]]) -> list[Way]:
        if math.prod(len(cell) for cell in cells) > MOST_WAYS:
            raise NotCarried(f"it has more than {MOST_WAYS} alternatives; split it")
        joined = (tuple(dict.fromkeys(itertools.chain(*way))) for way in itertools.product(*cells))
        return [way for way in dict.fromkeys(joined) if not never_holds(way)]

    def _ways(self, expr: Expr, test: Test) -> list[Way]:
        match test:
            case Every(tests):
                return self._all([self._ways(expr, one) for one in tests])
            case Some(tests):
                listed = self._listed(expr, tests)
                return listed or [way for one in tests for way in self._ways(expr, one)]
            case Not(Some(tests)) if listed := self._listed(expr, tests):
                ((atom,),) = listed
                return [(Atom(atom.on, "not_in", atom.value),), *self._missing(expr)]
            case Not(inner):
                return self._ways(expr, opposite(inner))
            case Is(on, inner):
                return self._ways(on, inner)
            case Bool(on, wanted):
                return self._compared(on, "=", Lit(wanted))
            case Untrue(inner):
                return self._untrue(expr, inner)
            case Compare(op, other):
                return self._compared(expr, op, other)

    def _untrue(self, expr: Expr, test: Test) -> list[Way]:
        """Return when a test is false or null."""
        match test:
            case Every(tests):
                return [way for one in tests for way in self._untrue(expr, one)]
            case Some(tests):
                return self._all([self._untrue(expr, one) for one in tests])
            case Not(inner):
                return self._untrue(expr, opposite(inner))
            case Is(on, inner):
                return self._untrue(on, inner)
            case Bool(on, wanted):
                return [*self._compared(on, "=", Lit(not wanted)), *self._null(on)]
            case Untrue(inner):
                return self._ways(expr, inner)
            case Compare(op, other):
                otherwise = self._compared(expr, OPPOSITE[op], other)
                return otherwise if op in _EQUAL else [*otherwise, *self._null(expr), *self._null(other)]

    def _null(self, expr: Expr) -> list[Way]:
        """Return when an expression of any kind is null."""
        found: list[Way] = []
        for when, value in cases(expr):
            found += self._all([self._ways(Lit(None), when), self._missing(value)])
        return found

    def _listed(self, expr: Expr, tests: Sequence[Test]) -> list[Way] | None:
        """Return a list of literals as one test, where it is nothing else."""
        values = [
            test.with_.value
            for test in tests
            if isinstance(test, Compare) and test.op == "=" and isinstance(test.with_, Lit)
        ]
        if not isinstance(expr, Name) or len(values) != len(tests) or None in values or not values:
            return None
        variable = self.names.of(expr)
        if not all(variable.fits(value) for value in values):
            return None
        found = tuple(literal(value, variable.kind) for value in values if value is not None)
        return [(Atom(variable, "in", found),)]

    def _compared(self, left: Expr, op: Op, right: Expr) -> list[Way]:
        found: list[Way] = []
        for (when, one), (then, other) in itertools.product(cases(left), cases(right)):
            if (when, then) == (Every(()), Every(())):
                found += self._plainly_compared(one, op, other)
            else:
                known = [self._ways(Lit(None), when), self._ways(Lit(None), then)]
                found += self._all([*known, self._plainly_compared(one, op, other)]) if all(known) else []
        if len(found) > MOST_WAYS:
            raise NotCarried(f"it has more than {MOST_WAYS} alternatives; split it")
        return found

    def _plainly_compared(self, left: Expr, op: Op, right: Expr) -> list[Way]:
        both_missing = self._all([self._missing(left), self._missing(right)])
        if op == "=":
            return [*self._held(left, op, right), *both_missing]
        if op == "!=":
            one = self._all([self._missing(left), self._present(right)])
            other = self._all([self._present(left), self._missing(right)])
            return [*self._held(left, op, right), *one, *other]
        if Lit(None) in (left, right):
            return []
        return self._held(left, op, right)

    def _missing(self, expr: Expr) -> list[Way]:
        if isinstance(expr, Lit):
            return [()] if expr.value is None else []
        if _has_null(expr):
            return [()]
        absent: list[Way] = [(Atom(self.names.of(name), *MISSING),) for name in names_read(expr)]
        return absent + [(Atom(self.formulas.measure(one), "is", 0),) for one in divisors(expr)]

    def _present(self, expr: Expr) -> list[Way]:
        if isinstance(expr, Lit):
            return [] if expr.value is None else [()]
        if _has_null(expr):
            return []
        present = tuple(Atom(self.names.of(name), *PRESENT) for name in names_read(expr))
        return [present + tuple(Atom(self.formulas.measure(one), "not", 0) for one in divisors(expr))]

    def _held(self, left: Expr, op: Op, right: Expr) -> list[Way]:
        """Return when two values that are both there compare so."""
        if _has_null(left) or _has_null(right):
            return []
        if isinstance(left, Lit | Day) and not isinstance(right, Lit):
            left, right, op = right, left, _MIRROR[op]
        match left, right:
            case Lit(), Lit():
                return self._constant(left, op, right)
            case Name(), Lit():
                return self._literal(self.names.of(left), op, right)
            case Name(), Name():
                found = self._referring(self.names.of(left), op, self.names.of(right))
                if found is not None:
                    return found
            case (Name() | Day(), Day()) | (Day(), _):
                return self._days(left, op, right)
        return self._arithmetic(left, op, right)

    def _constant(self, left: Lit, op: Op, right: Lit) -> list[Way]:
        if type(left.value) is not type(right.value):
            raise NotCarried(f"`{left.value}` and `{right.value}` are compared, which are of different kinds")
        return [()] if _HOLDS[op](left.value, right.value) else []

    def _arithmetic(self, left: Expr, op: Op, right: Expr) -> list[Way]:
        """Return a comparison of numbers, both sides times what they are divided by, so that it is exact."""
        (top, under), (other, beside) = quotient(left), quotient(right)
        if under is not None and beside is not None:
            raise NotCarried("two quotients are compared, which both may have digits without end")
        if beside is not None:
            (top, under), other, op = (other, beside), left, _MIRROR[op]
        if under is None:
            return [(Atom(self.formulas.measure(Sum("-", top, other)), _NUMBERS[op], 0),)]
        times = Sum("*", other, under)
        sides: list[Way] = []
        for sign, turned in ((">", op), ("<", _MIRROR[op])):
            signs: Sequence[Op] = (">",) if sign == ">" else ("<",)
            known = self._plainly_compared(under, signs[0], ZERO)
            sides += self._all([known, self._plainly_compared(top, turned, times)])
        return sides

    def _days(self, left: Expr, op: Op, right: Expr) -> list[Way]:
        """Return a comparison with a day that is referred to: today, or one that is moved."""
        if isinstance(right, Day) and not right.months and not right.days and isinstance(right.of, Name):
            right = right.of
        if isinstance(left, Day) and isinstance(right, Day) and (left.months or left.days):
            left, right, op = right, left, _MIRROR[op]
        if isinstance(left, Day) and (left.months or left.days):
            raise NotCarried("a day that is moved is compared with today or an input, moved or not")
        value = self._day(right)
        if isinstance(left, Day):
            words = {"<": "before", "<=": "up_to", ">": "after", ">=": "from"}
            if op not in words or not isinstance(value, Moved):
                raise NotCarried("today is compared by <, <=, > or >= with an input")
            return [(Atom(None, words[op], value),)]
        assert isinstance(left, Name)
        variable = self.names.of(left)
        if variable.kind != "date":
            raise NotCarried(f"`{variable.label}` is {variable.kind}, and is compared with a day")
        return [(Atom(variable, _DATES[op], value),)]

    def _day(self, expr: Expr) -> Any:
        match expr:
            case Day():
                return self.names.moved(expr)
            case Name():
                return self.names.moved(Day(expr))
        raise NotCarried("only days are compared with days")

    def _referring(self, left: Variable, op: Op, right: Variable) -> list[Way] | None:
        """Return a comparison of two variables as a reference; None where it must be computed."""
        if left.kind != right.kind:
            raise NotCarried(f"`{left.label}` is {left.kind}, and `{right.label}` {right.kind}")
        if left.places != right.places or (left.kind == "number" and (left.decision or right.decision)):
            return None
        if right.decision is not None and left.decision is None:
            left, right, op = right, left, _MIRROR[op]
        if right.decision is not None:
            raise NotCarried(f"two decisions of the kind {left.kind} are compared")
        return [(Atom(left, self._word(left, op), right),)]

    def _literal(self, variable: Variable, op: Op, given: Lit) -> list[Way]:
        value = given.value
        if isinstance(value, Decimal) and variable.kind == "number" and not variable.fits(value):
            if op == "=":
                return []
            if op == "!=":
                return [(Atom(variable, *PRESENT),)]
            last = Decimal(1).scaleb(-variable.places)
            below = op in ("<", "<=")
            value, op = value.quantize(last, ROUND_CEILING if below else ROUND_FLOOR), "<" if below else ">"
        assert value is not None
        return [(Atom(variable, self._word(variable, op), literal(value, variable.kind)),)]

    def _word(self, variable: Variable, op: Op) -> str:
        words = {"number": _NUMBERS, "date": _DATES}.get(variable.kind, _EQUAL)
        if op not in words:
            raise NotCarried(f"`{op}` compares numbers and dates, and `{variable.label}` is {variable.kind}")
        return words[op]


def _has_null(expr: Expr) -> bool:
    """Say whether what is computed is null whatever is given."""
    match expr:
        case Lit(None):
            return True
        case Sum(_, left, right):
            return _has_null(left) or _has_null(right)
    return any(_has_null(arg) for arg in getattr(expr, "args", ()))
