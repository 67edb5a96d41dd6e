"""Conditions on one fact, written once as Python source and compiled per rulebook.

Only names made here and literals taken through `repr` of checked integers, booleans and strings enter the
source. Each condition has two readings: `true`, surely met, and `maybe`, met or unknown for want of a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from engine.horizon import NEVER, day_leaves, day_shifts
from engine.sources import code_of
from knowledge.rulebook import FactType, Lasting
from knowledge.rules import Const, Expr, Op, Pattern, Ref, Test, Value, Window
from knowledge.workdays import Calendar

SYMBOLS: Mapping[Op, str] = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_LOCAL = re.compile(r"\bx\d+\b")
_CONSTANT = re.compile(r"\bK(\d+)\b")
_LITERAL = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
# On which side of the boundary a comparison `value op as_of` flips: at the value itself or a day later.
_FLIPS: Mapping[Op, tuple[int, ...]] = {"le": (0,), "gt": (0,), "lt": (1,), "ge": (1,), "eq": (0, 1), "ne": (0, 1)}
MIRRORED: Mapping[Op, Op] = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}


@dataclass(slots=True)
class Constants:
    """Values that are the same for all facts of one case: window starts, shifted days, the producer's own."""

    codes: dict[str, int] = field(default_factory=dict)

    def name(self, code: str) -> str:
        """Register source over `T` (as_of) and `P` (the producer's values) and return its name."""
        return f"K{self.codes.setdefault(code, len(self.codes))}"

    def compile(self, calendar: Calendar | None) -> Callable[[int, Mapping[str, Value]], tuple[Any, ...]]:
        """Return the function that computes all of them for one case."""
        body = "".join(f"{code}, " for code in self.codes)
        compiled: Callable[[int, Mapping[str, Value]], tuple[Any, ...]] = compile_function(
            f"def constants(T, P):\n    return ({body})\n", calendar
        )
        return compiled


def constants_read(lines: Iterable[str]) -> list[str]:
    """Return assignments that take the constants named in `lines` out of the case's tuple `K`."""
    # A text may look like a constant.
    numbers = sorted({int(number) for line in lines for number in _CONSTANT.findall(_LITERAL.sub("", line))})
    return [f"K{number} = K[{number}]" for number in numbers]


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. `events` are the days on which time alone flips it: source of an int or None each."""

    true: str
    maybe: str
    timed: bool = False
    events: tuple[str, ...] = ()
    window: tuple[str, Window] | None = None
    """For `last` windows: the source of the date, and the window."""


@dataclass(slots=True)
class Writer:
    """Local names for the fields and shifted dates of one type that a function reads."""

    constants: Constants
    local: dict[str, str] = field(default_factory=dict)

    def own(self, name: str) -> str:
        """Return the local name of a field's value, None where missing."""
        return self._name(f"v.get({name!r})")

    def shifted(self, value: str, expr: Ref) -> str:
        """Return `value` moved by the expression's shift; None where value or calendar is missing."""
        if expr.shift is None:
            return value
        return self._name(f"SH({value}, {expr.shift.amount}, {expr.shift.unit!r})")

    def operand(self, expr: Expr, this: frozenset[str]) -> str:
        """Return the source of an operand that needs no other fact."""
        if isinstance(expr, Const):
            return repr(expr.value)
        if expr.source in this:
            return self.shifted(self.own(expr.name), expr)
        if expr.source == "as_of":
            return "T" if expr.shift is None else self.constants.name(_shift("T", expr))
        if expr.source == "producer":
            return self.constants.name(_shift(f"P.get({expr.name!r})", expr))
        raise AssertionError(expr)

    def test(self, value: str, test: Test, this: frozenset[str]) -> Condition:
        """Return one test of `value` against a literal, the case, or the same fact."""
        match test.op:
            case "present":
                return Condition(f"{value} is not None", f"{value} is not None")
            case "missing":
                return Condition(f"{value} is None", f"{value} is None")
            case "in" | "not_in":
                word = "in" if test.op == "in" else "not in"
                assert isinstance(test.operand, tuple)
                inside = f"{value} {word} {test.operand!r}"
                return Condition(f"({value} is not None and {inside})", f"({value} is None or {inside})")
        assert isinstance(test.operand, Const | Ref)
        other = self.operand(test.operand, this)
        events: tuple[str, ...] = ()
        if isinstance(test.operand, Ref) and test.operand.source == "as_of":
            events = tuple(_flip(value, days, test.operand) for days in _FLIPS[test.op])
        condition = compare(value, test.op, other, isinstance(test.operand, Ref) and other != "T")
        return Condition(condition.true, condition.maybe, bool(events), events)

    def as_of_test(self, test: Test, this: frozenset[str]) -> Condition:
        """Return a comparison of as_of with a date."""
        assert isinstance(test.operand, Const | Ref)
        other = self.operand(test.operand, this)
        if isinstance(test.operand, Const):
            other = self.constants.name(other)
        condition = compare(other, MIRRORED[test.op], "T", False)
        events = tuple(f"({other} + {days} if {other} is not None else None)" for days in _FLIPS[MIRRORED[test.op]])
        return Condition(condition.true, condition.maybe, True, events)

    def window(self, window: Window) -> Condition:
        """Return whether a date lies in the window."""
        day = self.own(window.field)
        later = f"({day} if {day} is not None and {day} > T else None)"
        match window.kind:
            case "last":
                start = self.constants.name(f"SH(T, {-window.amount}, {window.unit!r})")
                known = f"{day} is not None and {start} is not None"
                inside = f"{start} < {day} <= T"
                unknown = f"({day} is None or ({day} <= T and ({start} is None or {start} < {day})))"
                return Condition(f"({known} and {inside})", unknown, True, (later,), (day, window))
            case "since":
                assert window.since is not None
                start = self.operand(window.since, frozenset())
                if isinstance(window.since, Const):
                    start = self.constants.name(start)  # Python warns of a literal that is compared with None
                known = f"{day} is not None and {start} is not None"
                unknown = f"({day} is None or ({day} <= T and ({start} is None or {start} <= {day})))"
                since = window.since
                events = [later]
                if isinstance(since, Ref) and since.source == "as_of":
                    events.append(_flip(day, 1, since))
                return Condition(f"({known} and {start} <= {day} <= T)", unknown, True, tuple(events))
            case "calendar_year":
                first, after = self.constants.name("YEAR(T)"), self.constants.name("YEAR(T, 1)")
                inside = f"{first} <= {day} <= T"
                ends = f"({after} if {day} is not None and {inside} else None)"
                return Condition(
                    f"({day} is not None and {inside})", f"({day} is None or {inside})", True, (later, ends)
                )

    def lasting(self, lasting: Lasting, active: bool) -> Condition:
        """Return whether a state fact is active (or not) on as_of."""
        start = self.own(lasting.start)
        begun = f"{start} <= T"
        if lasting.end is None:
            inside, ends = begun, "None"
        else:
            end = self.own(lasting.end)
            symbol = "<=" if lasting.end_included else "<"
            inside = f"({begun} and ({end} is None or T {symbol} {end}))"
            ends = f"({end} + {int(lasting.end_included)} if {end} is not None else None)"
        wanted = inside if active else f"not {inside}"
        return Condition(f"({start} is not None and {wanted})", f"({start} is None or {wanted})", True, (start, ends))

    def names_read(self, lines: Iterable[str]) -> list[str]:
        """Return assignments of the local names that occur in `lines`, each after those it is made of."""
        wanted = {name for line in lines for name in _LOCAL.findall(line)}
        assignments = []
        for code, name in reversed(self.local.items()):
            if name in wanted:
                wanted.update(_LOCAL.findall(code))
                assignments.append(f"{name} = {code}")
        return assignments[::-1]

    def _name(self, code: str) -> str:
        return self.local.setdefault(code, f"x{len(self.local)}")


@dataclass(frozen=True, slots=True)
class SplitPattern:
    """A pattern's conditions on its own fact, and the tests that compare it with other facts."""

    alone: tuple[tuple[Test | None, Condition], ...]
    """Each with the test it came from; None for window and activity."""
    joins: tuple[Test, ...]

    @property
    def true(self) -> str:
        """Source of: surely fits, other facts left aside."""
        return conjunction(condition.true for _, condition in self.alone)

    @property
    def maybe(self) -> str:
        """Source of: fits or may fit."""
        return conjunction(condition.maybe for _, condition in self.alone)

    @property
    def timeless(self) -> str:
        """Source of: fits but for the conditions that time changes."""
        return conjunction(condition.true for _, condition in self.alone if not condition.timed)

    @property
    def maybe_timeless(self) -> str:
        """Source of: fits or may fit but for the conditions that time changes."""
        return conjunction(condition.maybe for _, condition in self.alone if not condition.timed)


def split(pattern: Pattern, kind: FactType, writer: Writer) -> SplitPattern:
    """Return what `pattern` asks of its own fact and, apart, of others."""
    this = frozenset({"this", pattern.alias})
    alone: list[tuple[Test | None, Condition]] = []
    joins = []
    for test in pattern.tests:
        operand = test.operand
        if isinstance(operand, Ref) and operand.source not in this | {"as_of", "producer"}:
            joins.append(test)
        else:
            alone.append((test, writer.test(writer.own(test.name), test, this)))
    if pattern.window is not None:
        alone.append((None, writer.window(pattern.window)))
    if pattern.active is not None:
        assert kind.lasting is not None
        alone.append((None, writer.lasting(kind.lasting, pattern.active)))
    return SplitPattern(tuple(alone), tuple(joins))


def compare(left: str, op: Op, right: str, right_may_miss: bool) -> Condition:
    """Return `left op right`, unknown where a side is missing."""
    symbol = SYMBOLS[op]
    missing = [f"{left} is None"] + ([f"{right} is None"] if right_may_miss else [])
    known = " and ".join(part.replace(" is None", " is not None") for part in missing)
    return Condition(f"({known} and {left} {symbol} {right})", f"({' or '.join(missing)} or {left} {symbol} {right})")


def conjunction(parts: Any) -> str:
    """Return the parts joined by `and`; the source `True` for none."""
    return " and ".join(dict.fromkeys(parts)) or "True"


def compile_function(source: str, calendar: Calendar | None, **names: object) -> Any:
    """Compile the one function in `source`, with the date arithmetic of the rulebook's calendar and `names`."""

    def year(day: int, later: int = 0) -> int:
        return date(date.fromordinal(day).year + later, 1, 1).toordinal()

    space: dict[str, Any] = {"SH": day_shifts(calendar), "YEAR": year, "LEAVES": day_leaves(calendar), "NEVER": NEVER}
    space |= names
    exec(code_of(source), space)  # noqa: S102  the source is made by this package from a closed grammar
    return space[source[4 : source.index("(")]]


def _shift(code: str, expr: Ref) -> str:
    return code if expr.shift is None else f"SH({code}, {expr.shift.amount}, {expr.shift.unit!r})"


def _flip(value: str, days: int, as_of: Ref) -> str:
    """Return the source of the first as_of on which `value op as_of` differs from the day before."""
    day = value if days == 0 else f"{value} + {days}"
    if as_of.shift is not None:
        day = f"LEAVES({day}, {-as_of.shift.amount}, {as_of.shift.unit!r})"
    return f"({day} if {value} is not None else None)"
