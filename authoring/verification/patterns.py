"""When one description of facts asks for no less than another."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from knowledge.rules import Const, Pattern, Ref, Test, Window

_THIS = "this"
_OPEN = (_THIS, "as_of", "producer")


def alone(pattern: Pattern) -> Pattern | None:
    """Return a pattern with its alias left out, None where it reads other facts."""
    tests = []
    for test in pattern.tests:
        operand = test.operand
        if isinstance(operand, Ref):
            if operand.source == pattern.alias:
                test = replace(test, operand=replace(operand, source=_THIS))  # noqa: PLW2901
            elif operand.source not in _OPEN:
                return None
        tests.append(test)
    since = None if pattern.window is None else pattern.window.since
    if isinstance(since, Ref) and since.source not in _OPEN:
        return None
    return replace(pattern, alias=_THIS, tests=tuple(sorted(tests, key=repr)))


def renamed(pattern: Pattern, names: Mapping[str, str]) -> Pattern:
    """Return a pattern with aliases renamed, its own to `this`."""
    own = {**names, pattern.alias: _THIS}

    def other(test: Test) -> Test:
        operand = test.operand
        if isinstance(operand, Ref) and operand.source in own:
            return replace(test, operand=replace(operand, source=own[operand.source]))
        return test

    return replace(pattern, alias=_THIS, tests=tuple(sorted(map(other, pattern.tests), key=repr)))


def narrower(left: Pattern, right: Pattern) -> bool:
    """Say whether whatever fits `left` surely fits `right`; both have been through `alone`."""
    if left.type != right.type or (right.active is not None and left.active != right.active):
        return False
    if right.window is not None and not _within(left.window, right.window):
        return False
    return all(any(_implies(own, wanted) for own in left.tests) for wanted in right.tests)


def _within(left: Window | None, right: Window) -> bool:
    if left == right:
        return True
    if left is None or left.kind != "last" or right.kind != "last" or left.field != right.field:
        return False
    return left.unit == right.unit and left.amount <= right.amount


def _implies(own: Test, wanted: Test) -> bool:
    if own == wanted:
        return True
    if own.name != wanted.name or own.op == "missing":
        return False
    if wanted.op == "present":
        return True
    left, right = _values(own), _values(wanted)
    if left is not None and right is not None:
        if own.op in ("eq", "in") and wanted.op in ("eq", "in"):
            return left <= right
        if own.op in ("eq", "in") and wanted.op in ("ne", "not_in"):
            return not left & right
        if own.op in ("ne", "not_in") and wanted.op in ("ne", "not_in"):
            return right <= left
    return _bounded(own, wanted)


def _values(test: Test) -> frozenset[object] | None:
    if isinstance(test.operand, tuple):
        return frozenset(test.operand)
    return frozenset([test.operand.value]) if isinstance(test.operand, Const) else None


def _bounded(own: Test, wanted: Test) -> bool:
    if not (isinstance(own.operand, Const) and isinstance(wanted.operand, Const)):
        return False
    left, right = own.operand.value, wanted.operand.value
    if isinstance(left, str) or isinstance(right, str):
        return False
    low = {"eq": left, "ge": left, "gt": left + 1}.get(own.op)
    high = {"eq": left, "le": left, "lt": left - 1}.get(own.op)
    match wanted.op:
        case "ge" | "gt":
            return low is not None and low >= right + (wanted.op == "gt")
        case "le" | "lt":
            return high is not None and high <= right - (wanted.op == "lt")
        case _:
            return False
