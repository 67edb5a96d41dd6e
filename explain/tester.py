"""How badly a fact fits a pattern, counted without telling why: for choosing among many facts."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from engine.atoms import Bound, Comparer, Values
from engine.checker_code import aliases_of, order_of
from knowledge.rulebook import Field
from knowledge.rules import Pattern, Test

FAILS: Final = 1 << 16
"""What a comparison that fails counts; one that is unknown counts 1."""
_UNKNOWN: Final = 1

Tester: TypeAlias = Callable[[Values], int]
Join: TypeAlias = Callable[[Values, Bound], int]
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
}  # fmt: skip


def count(fails: int) -> int:
    """Return how many comparisons fail or are unknown."""
    return fails // FAILS + fails % FAILS


def joins(compare: Comparer, pattern: Pattern) -> tuple[Join, ...]:
    """Return the comparisons of a pattern with what other patterns bind."""
    kind, own = compare.rulebook.types[pattern.type], {"this", pattern.alias}
    return tuple(
        _join(compare, test, kind.fields[test.name], frozenset(aliases))
        for test in pattern.tests
        if (aliases := set(aliases_of(test.operand))) - own
    )


def _join(compare: Comparer, test: Test, field: Field, aliases: frozenset[str]) -> Join:
    name, operand, order = test.name, test.operand, order_of(field)
    ranked, holds = bool(order) and test.op in ("lt", "le", "gt", "ge"), _COMPARE[test.op]
    assert not isinstance(operand, tuple)

    def check(values: Values, bound: Bound) -> int:
        if not aliases <= bound.keys():
            return 0
        value: Any = values.get(name)
        limit: Any = compare.value(operand, bound)
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
            checks.append(_general(compare, Pattern(pattern.alias, pattern.type, (test,))))
    if pattern.window is not None:
        days = compare.window(pattern.window, {})
        checks.append(_window(pattern.window.field, days, compare.as_of))
    if pattern.active is not None:
        checks.append(_general(compare, Pattern(pattern.alias, pattern.type, active=pattern.active)))
    if len(checks) == 1:
        return checks[0]
    return lambda values: sum([check(values) for check in checks])


def _general(compare: Comparer, part: Pattern) -> Tester:
    return lambda values: sum(_weight(atom.holds) for atom in compare.fact(part, values, {}))


def _weight(holds: bool | None) -> int:
    return 0 if holds else _UNKNOWN if holds is None else FAILS


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
    holds = _COMPARE[op]

    def check(values: Values) -> int:
        value: Any = values.get(name)
        if value is None:
            return _UNKNOWN
        return 0 if holds(order.index(value) if ranked else value, limit) else FAILS

    return check
