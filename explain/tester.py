"""How badly a fact fits a pattern, counted without telling why: for choosing among many facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from engine.atoms import COMPARE, Bound, Comparer, Values
from engine.checker_code import aliases_of, order_of
from knowledge.rulebook import Field, Lasting
from knowledge.rules import Pattern, Ref, Test
from knowledge.workdays import add

FAILS: Final = 1 << 16
"""What a comparison that fails counts; one that is unknown counts 1."""
_UNKNOWN: Final = 1

Tester: TypeAlias = Callable[[Values], int]
Join: TypeAlias = Callable[[Values, Bound], int]


def count(fails: int) -> int:
    """Return how many comparisons fail or are unknown."""
    return fails // FAILS + fails % FAILS


def joins(compare: Comparer, pattern: Pattern) -> tuple[Join, ...]:
    """Return the comparisons of a pattern with what other patterns bind."""
    kind, own = compare.rulebook.types[pattern.type], {"this", pattern.alias}
    return tuple(
        _join(compare, test, kind.fields[test.name]) for test in pattern.tests if set(aliases_of(test.operand)) - own
    )


def _join(compare: Comparer, test: Test, field: Field) -> Join:
    name, operand, order = test.name, test.operand, order_of(field)
    ranked, holds = bool(order) and test.op in ("lt", "le", "gt", "ge"), COMPARE[test.op]
    assert isinstance(operand, Ref)
    source, read, shift, calendar = operand.source, operand.name, operand.shift, compare.rulebook.calendar

    def check(values: Values, bound: Bound) -> int:
        other = bound.get(source)
        if other is None:
            return 0
        value: Any = values.get(name)
        limit: Any = other.get(read)
        if limit is not None and shift is not None:
            limit = add(limit, shift.amount, shift.unit, calendar)
        if value is None or limit is None:
            return _UNKNOWN
        if ranked:
            value, limit = order.index(value), order.index(limit)
        return 0 if holds(value, limit) else FAILS

    return check


def tester(compare: Comparer, pattern: Pattern) -> Tester:
    """Return a function that counts what fails of a pattern; comparisons with what other patterns bind are left out."""
    kind = compare.rulebook.types[pattern.type]
    own = {"this", pattern.alias}
    checks: list[Tester] = []
    for test in pattern.tests:
        aliases = set(aliases_of(test.operand))
        if not aliases:
            checks.append(_constant(compare, test, kind.fields[test.name]))
        elif aliases <= own:
            checks.append(_own(pattern.alias, _join(compare, test, kind.fields[test.name])))
    if pattern.window is not None:
        days = compare.window(pattern.window, {})
        checks.append(_window(pattern.window.field, days, compare.as_of))
    if pattern.active is not None:
        checks.append(_active(pattern.active, kind.lasting, compare.as_of))
    return _sum(checks)


def _sum(checks: Sequence[Tester]) -> Tester:
    """Return the sum of some counts; written out, because it is asked of every fact by every rule."""
    match checks:
        case []:
            return lambda _: 0
        case [one]:
            return one
        case [one, two]:
            return lambda values: one(values) + two(values)
        case [one, two, three]:
            return lambda values: one(values) + two(values) + three(values)
        case [one, two, three, four]:
            return lambda values: one(values) + two(values) + three(values) + four(values)
        case [one, two, *more]:
            rest = _sum(more)
            return lambda values: one(values) + two(values) + rest(values)
    raise AssertionError(checks)


def _own(alias: str, join: Join) -> Tester:
    return lambda values: join(values, {"this": values, alias: values})


def _active(wanted: bool, lasting: Lasting | None, as_of: int) -> Tester:
    assert lasting is not None
    first, last, included = lasting.start, lasting.end, lasting.end_included

    def check(values: Values) -> int:
        start = values.get(first)
        if start is None:
            return _UNKNOWN
        inside = int(start) <= as_of
        end = None if last is None else values.get(last)
        if inside and end is not None:
            inside = as_of <= int(end) if included else as_of < int(end)
        return 0 if inside is wanted else FAILS

    return check


def _window(name: str, days: tuple[int, int] | None, as_of: int) -> Tester:
    def check(values: Values) -> int:
        day = values.get(name)
        if day is None:
            return 2 * _UNKNOWN
        late = 0 if int(day) <= as_of else FAILS
        return late + (_UNKNOWN if days is None else 0 if int(day) >= days[0] else FAILS)

    return check


def _constant(compare: Comparer, test: Test, field: Field) -> Tester:
    name, op, order = test.name, test.op, order_of(field)
    if op in ("present", "missing"):
        wanted = op == "present"
        return lambda values: 0 if (values.get(name) is not None) is wanted else FAILS
    if isinstance(test.operand, tuple):
        many, inside = test.operand, op == "in"

        def among(values: Values) -> int:
            value = values.get(name)
            return _UNKNOWN if value is None else 0 if (value in many) is inside else FAILS

        return among
    threshold: Any = compare.value(test.operand, {})
    ranked = bool(order) and op in ("lt", "le", "gt", "ge")
    if threshold is None:
        return lambda _: _UNKNOWN
    limit: Any = order.index(str(threshold)) if ranked else threshold
    holds = COMPARE[op]

    def check(values: Values) -> int:
        value: Any = values.get(name)
        if value is None:
            return _UNKNOWN
        return 0 if holds(order.index(value) if ranked else value, limit) else FAILS

    return check
