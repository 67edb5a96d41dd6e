"""Values and tests of a rulebook as Python text, for the checker alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from knowledge.rulebook import Aggregate, FactType, Field, Measure, Rulebook
from knowledge.rules import Arithmetic, Const, Expr, Formula, Num, Pattern, Ref, Test, Window
from knowledge.workdays import Calendar, add

OPS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "in": "in", "not_in": "not in"}
ORDER_OPS = frozenset(("lt", "le", "gt", "ge"))
YEAR_START = ("year", 0, "")
# What to do is filled in last; no literal can hold these marks, because repr escapes them.
FAIL = "\0fail"
UNKNOWN = "\0unknown"


class Lexicon:
    """What all compiled functions of one rulebook share: days that depend on as_of alone, and named constants.

    Compiled functions see `t` (by type, a list of (id, values)), `m` (by measure, its value, or values by group),
    `p` (the producer's values), `w` (days made from as_of), `day` (as_of) and `o` (the graded outcome).
    """

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self.calendar: Calendar | None = rulebook.calendar
        self.types = {name: place for place, name in enumerate(rulebook.types)}
        self.measures = {name: place for place, name in enumerate(rulebook.measures)}
        self.days: dict[tuple[str, int, str], int] = {}
        self.names: dict[str, Any] = {"shift": self.shift}
        self.days_of = lru_cache(maxsize=64)(self._days_of)
        """Returns the values of `w` for an as_of; to be called when everything is compiled."""
        lacks = [*(("type", name) for name in rulebook.types), *(("measure", name) for name in rulebook.measures)]
        lacks += [("standard", name) for name in rulebook.standards]
        self.bits = {lack: 1 << place for place, lack in enumerate(lacks)}
        """What a rule may lack: a fact of a type, the value of a measure, or that its standard is asked."""

    def shift(self, day: int | None, amount: int, unit: str) -> int | None:
        """Return the day moved, None where there is no day or the calendar ends."""
        return None if day is None else add(day, amount, unit, self.calendar)

    def _days_of(self, as_of: int) -> tuple[int | None, ...]:
        return tuple(
            date(date.fromordinal(as_of).year, 1, 1).toordinal() if slot == YEAR_START else self.shift(as_of, *slot[1:])
            for slot in self.days
        )

    def day(self, slot: tuple[str, int, str]) -> str:
        """Return the text that reads a day made from as_of."""
        return f"w[{self.days.setdefault(slot, len(self.days))}]"

    def constant(self, value: Any) -> str:
        """Return a name for a value that has no short text."""
        name = f"k{len(self.names)}"
        self.names[name] = value
        return name

    def value(self, expr: Expr, scope: Mapping[str, str]) -> str:
        """Return the text of a value; it may come out as None. `scope` gives each alias the name of its values."""
        if isinstance(expr, Const):
            return repr(expr.value)
        shift = expr.shift
        if expr.source == "as_of":
            return "day" if shift is None else self.day(("shift", shift.amount, shift.unit))
        text = f"{'p' if expr.source == 'producer' else scope[expr.source]}.get({expr.name!r})"
        return text if shift is None else f"shift({text}, {shift.amount}, {shift.unit!r})"


def order_of(field: Field | None) -> tuple[str, ...]:
    """Return the choices from lowest to highest, empty for anything but a choice."""
    return tuple(field.choices) if field is not None and field.type == "choice" else ()


def measured_field(rulebook: Rulebook, measure: Measure) -> Field | None:
    """Return the field whose value the measure has, None where it is a number of its own."""
    body = measure.body
    if isinstance(body, Aggregate) and body.field is not None and body.how != "distinct":
        return rulebook.types[body.pattern.type].fields.get(body.field)
    return None


def aliases_of(expr: Expr | tuple[Any, ...] | None) -> Iterator[str]:
    """Yield the alias that an operand reads, if it reads one."""
    if isinstance(expr, Ref) and expr.source not in ("as_of", "producer", "measure"):
        yield expr.source


def operand(lexicon: Lexicon, test: Test, scope: Mapping[str, str], order: Sequence[str]) -> tuple[str, bool]:
    """Return the text of what a test compares with, and whether it is a literal."""
    given = test.operand
    ranked = test.op in ORDER_OPS and bool(order)
    if given is None or isinstance(given, tuple):
        return repr(given), True
    if isinstance(given, Const):
        return repr(order.index(str(given.value)) if ranked else given.value), True
    text = lexicon.value(given, scope)
    return (f"{lexicon.constant(_ranks(order))}.get({text})" if ranked else text), False


def lines_of_test(
    lexicon: Lexicon, test: Test, read: str, scope: Mapping[str, str], *, order: Sequence[str] = ()
) -> list[str]:
    """Return lines that do FAIL where the test is false and UNKNOWN where it is unknown."""
    if test.op == "present":
        return [f"if {read} is None: {FAIL}"]
    if test.op == "missing":
        return [f"if {read} is not None: {FAIL}"]
    if test.op in ORDER_OPS and order:
        read = f"{lexicon.constant(_ranks(order))}.get({read})"
    against, literal = operand(lexicon, test, scope, order)
    if literal:
        return [f"x = {read}", f"if x is None: {UNKNOWN}", f"elif not x {OPS[test.op]} {against}: {FAIL}"]
    return [
        f"x = {read}",
        f"y = {against}",
        f"if x is None or y is None: {UNKNOWN}",
        f"elif not x {OPS[test.op]} y: {FAIL}",
    ]


def window_lines(lexicon: Lexicon, window: Window, values: str, scope: Mapping[str, str]) -> list[str]:
    """Return lines that do FAIL outside the window, which ends with the day, and UNKNOWN where a date is missing."""
    start, compare = window_start(lexicon, window, scope)
    return [
        f"x = {values}.get({window.field!r})",
        f"y = {start}",
        f"if x is not None and x > day: {FAIL}",
        f"elif x is None or y is None: {UNKNOWN}",
        f"elif not y {compare} x: {FAIL}",
    ]


def window_start(lexicon: Lexicon, window: Window, scope: Mapping[str, str]) -> tuple[str, str]:
    """Return the text of the window's first day and how dates are compared with it."""
    if window.kind == "last":
        return lexicon.day(("shift", -window.amount, window.unit)), "<"
    if window.kind == "calendar_year":
        return lexicon.day(YEAR_START), "<="
    assert window.since is not None
    return lexicon.value(window.since, scope), "<="


def active_lines(kind: FactType, active: bool, values: str) -> list[str]:
    """Return lines that do FAIL where a fact is not (or is) in force on the day, UNKNOWN where its start is missing."""
    lasting = kind.lasting
    assert lasting is not None
    lines = [f"x = {values}.get({lasting.start!r})"]
    inside = "x <= day"
    if lasting.end is not None:
        lines.append(f"y = {values}.get({lasting.end!r})")
        inside += f" and (y is None or day {'<=' if lasting.end_included else '<'} y)"
    return [*lines, f"if x is None: {UNKNOWN}", f"elif {f'not ({inside})' if active else inside}: {FAIL}"]


def pattern_checks(
    lexicon: Lexicon, pattern: Pattern, values: str, scope: Mapping[str, str]
) -> Iterator[tuple[list[str], set[str]]]:
    """Yield the lines of each condition of a pattern and the aliases of other facts that it reads."""
    kind = lexicon.rulebook.types[pattern.type]
    own = {**scope, "this": values, pattern.alias: values}
    for test in pattern.tests:
        reads = {alias for alias in aliases_of(test.operand) if own[alias] != values}
        order = order_of(kind.fields.get(test.name))
        yield lines_of_test(lexicon, test, f"{values}.get({test.name!r})", own, order=order), reads
    if pattern.window is not None:
        yield window_lines(lexicon, pattern.window, values, own), set()
    if pattern.active is not None:
        yield active_lines(kind, pattern.active, values), set()


def settle(lines: Sequence[str], *, fail: str, unknown: str) -> list[str]:
    """Return the lines with what to do where they are false and where they are unknown."""
    return [line.replace(FAIL, fail).replace(UNKNOWN, unknown) for line in lines]


def formula_text(formula: Formula, leaves: dict[str, str], read: Mapping[Ref, str]) -> str:
    """Return a formula as text; `leaves` collects the names of its parts and how each is read."""
    if isinstance(formula, Num):
        return f"({formula.value})"
    if isinstance(formula, Ref):
        text = read[formula]
        name = next((known for known, code in leaves.items() if code == text), f"f{len(leaves)}")
        leaves[name] = text
        return name
    parts = [formula_text(arg, leaves, read) for arg in formula.args]
    if formula.op in ("min", "max"):
        return f"{formula.op}({', '.join(parts)})"
    if formula.op == "divide":
        top, bottom = parts
        match formula.rounding:
            case "down":
                return f"({top} // {bottom})"
            case "up":
                return f"(-(-{top} // {bottom}))"
            case _:
                return f"((2 * {top} + {bottom}) // (2 * {bottom}))"
    sign = {"add": " + ", "subtract": " - ", "multiply": " * "}[formula.op]
    return f"({sign.join(parts)})"


def formula_refs(formula: Formula) -> Iterator[Ref]:
    """Yield every value that a formula reads (repeats possible)."""
    if isinstance(formula, Ref):
        yield formula
    elif isinstance(formula, Arithmetic):
        for arg in formula.args:
            yield from formula_refs(arg)


def _ranks(order: Sequence[str]) -> dict[str, int]:
    return {name: rank for rank, name in enumerate(order)}
