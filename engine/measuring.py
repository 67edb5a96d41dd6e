"""Measures, computed in one pass over the facts of each type by functions compiled per rulebook."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from engine.conditions import (
    Condition,
    Constants,
    SplitPattern,
    Writer,
    compile_function,
    conjunction,
    constants_read,
    split,
)
from engine.horizon import NEVER
from engine.lowering import Events, Slots
from knowledge.rulebook import Aggregate, FactType, Measure
from knowledge.rules import Arithmetic, Formula, Num, Ref, Value
from knowledge.workdays import Calendar


class Measured(NamedTuple):
    """A measure's value, how many facts were measured, which gave it, and the day that changes by itself."""

    value: Value | None
    of: int
    facts: Sequence[Any]
    until: int


NOTHING = Measured(None, 0, (), NEVER)


def compile_aggregates(
    measures: Sequence[Measure], kind: FactType, constants: Constants, slots: Slots, calendar: Calendar | None
) -> Callable[..., tuple[Measured, ...]]:
    """Return `measure(facts, T, K, H) -> tuple of Measured`, one for each measure, over facts of one type.

    Facts need `.values`; they are returned as they came, in their order.
    """
    writer = Writer(constants)
    start: list[str] = []
    results: list[str] = []
    fits: dict[str, _Fit] = {}
    events = Events()
    for number, measure in enumerate(measures):
        assert isinstance(measure.body, Aggregate)
        parts = split(measure.body.pattern, kind, writer)
        fit = fits.setdefault(parts.true, _Fit(f"u{len(fits)}", _timed(parts)))
        events.note(parts.timeless, fit.timed, constants, slots)
        events.note(parts.true, _numerator(measure.body, writer), constants, slots)
        begin, each, value = _aggregate(number, measure, measure.body, kind, writer)
        start += begin
        fit.counts += each
        results.append(f"Measured({value}, n{number}, l{number}, {fit.until})")
    body = events.lines()
    for condition, fit in fits.items():
        start.append(f"{fit.until} = NEVER")
        body += [f"if {condition}:", *(f"    {line}" for line in (*fit.counts, *_until_lines(fit.timed, fit.until)))]
    names = [f"{name} = {code}" for code, name in writer.local.items()]
    source = "def measure(facts, T, K, H):\n    if not facts:\n        return EMPTY\n"
    source += "".join(f"    {line}\n" for line in constants_read((*names, *body, *results)))
    source += "".join(f"    {line}\n" for line in start)
    source += "    for f in facts:\n        v = f.values\n"
    source += "".join(f"        {line}\n" for line in (*names, *body))
    source += f"    return ({''.join(f'{result}, ' for result in results)})\n"
    empty = tuple(Measured(_nothing(measure), 0, (), NEVER) for measure in measures)
    compiled: Callable[..., tuple[Measured, ...]] = compile_function(source, calendar, Measured=Measured, EMPTY=empty)
    return compiled


def _nothing(measure: Measure) -> Value | None:
    """Return the value where there is nothing to measure."""
    assert isinstance(measure.body, Aggregate)
    return 0 if measure.body.how in ("count", "distinct") else measure.when_nothing


@dataclass(slots=True)
class _Fit:
    """Measures over the same facts: what is counted of one, and the name of the day on which the first drops out."""

    until: str
    timed: list[Condition]
    counts: list[str] = field(default_factory=list)


def _timed(parts: SplitPattern) -> list[Condition]:
    return [condition for _, condition in parts.alone if condition.timed]


def _numerator(body: Aggregate, writer: Writer) -> list[Condition]:
    return [writer.test(writer.own(test.name), test, frozenset({"this"})) for test in body.numerator]


def _aggregate(
    number: int, measure: Measure, body: Aggregate, kind: FactType, writer: Writer
) -> tuple[list[str], list[str], str]:
    """Return the lines before all facts, those for one that fits, and the source of the value."""
    n, facts, best = f"n{number}", f"l{number}", f"b{number}"
    begin = [f"{n} = 0", f"{facts} = []", f"{best} = None"]
    count, result = _accumulate(body, kind, writer, n, facts, best)
    nothing = repr(measure.when_nothing)
    if result == n:
        value = n
    elif body.how == "sum":
        value = f"({best} if {best} is not None else {nothing})"
    else:
        value = f"({result} if {best} is not None else {nothing})"
    if body.how == "distinct":
        value = f"(len({best}) if {best} is not None else 0)"
    return begin, count, value


def _until_lines(timed: Sequence[Condition], until: str) -> list[str]:
    """Return the lines that bring `until` down to the day on which a fact that fits drops out."""
    lines = []
    for condition in timed:
        if condition.window is not None:
            # Its one event is that the date comes, which it has.
            day, window = condition.window
            leaves = f"LEAVES({day}, {window.amount}, {window.unit!r})"
            lines += [f"c = {leaves}", f"if T < c < {until}:", f"    {until} = c"]
            continue
        for event in condition.events:
            lines += [f"c = {event}", f"if c is not None and T < c < {until}:", f"    {until} = c"]
    return lines


def _accumulate(
    body: Aggregate, kind: FactType, writer: Writer, n: str, facts: str, best: str
) -> tuple[list[str], str]:
    """Return the lines for one fitting fact and the source of the value once there is one."""
    take = [f"{n} += 1", f"{facts}.append(f)"]
    x = "None" if body.field is None else writer.own(body.field)
    match body.how:
        case "count":
            return take, n
        case "sum":
            return _if_given(x, [*take, f"{best} = {x} if {best} is None else {best} + {x}"]), best
        case "distinct":
            return _if_given(
                x, [*take, f"if {best} is None:", f"    {best} = set()", f"{best}.add({x})"]
            ), f"len({best})"
        case "share":
            numerator = conjunction(condition.true for condition in _numerator(body, writer))
            counted = [f"{n} += 1", f"if {best} is None:", f"    {best} = 0"]
            inside = [f"if {numerator}:", f"    {best} += 1", "else:", f"    {facts}.append(f)"]
            return [*counted, *inside], f"{best} * 10000 // {n}"
        case "min" | "max":
            return _if_given(x, _keep_best(x, ">" if body.how == "max" else "<", n, facts, best)), best
        case "latest" | "first" | "days_since":
            return _by_date(body, kind, writer, x, (n, facts, best))
    raise AssertionError(body.how)


def _by_date(
    body: Aggregate, kind: FactType, writer: Writer, x: str, names: tuple[str, str, str]
) -> tuple[list[str], str]:
    n, facts, best = names
    if body.how == "days_since":
        window = body.pattern.window
        day = writer.own((kind.dated or "") if window is None else window.field)
        return _if_given(day, _keep_best(day, ">", n, facts, best)), f"T - {best}"
    assert kind.dated is not None
    assert body.field is not None
    day = writer.own(kind.dated)
    choices = tuple(kind.fields[body.field].choices)
    rank = f"{choices!r}.index({x})" if choices else x
    sign = ">" if body.how == "latest" else "<"
    # On one day the greater value is taken, whichever end of time is asked for.
    lines = [
        f"c = ({day}, {rank})",
        f"{n} += 1",
        f"if {best} is None or c[0] {sign} {best}[0] or (c[0] == {best}[0] and c[1] > {best}[1]):",
        f"    {best} = (*c, {x})",
        f"    {facts} = [f]",
        f"elif c == {best}[:2]:",
        f"    {facts}.append(f)",
    ]
    return [f"if {x} is not None and {day} is not None:", *(f"    {line}" for line in lines)], f"{best}[2]"


def _keep_best(x: str, sign: str, n: str, facts: str, best: str) -> list[str]:
    return [
        f"{n} += 1",
        f"if {best} is None or {x} {sign} {best}:",
        f"    {best} = {x}",
        f"    {facts} = [f]",
        f"elif {x} == {best}:",
        f"    {facts}.append(f)",
    ]


def _if_given(x: str, lines: Sequence[str]) -> list[str]:
    return [f"if {x} is not None:", *(f"    {line}" for line in lines)]


def evaluate_formula(formula: Formula, read: Callable[[Ref], Value | None]) -> int | None:
    """Return the exact whole-number value, None where a part is missing or a divisor is zero."""
    if isinstance(formula, Num):
        return formula.value
    if isinstance(formula, Ref):
        value = read(formula)
        return None if value is None else int(value)
    assert isinstance(formula, Arithmetic)
    args = [evaluate_formula(arg, read) for arg in formula.args]
    numbers = [arg for arg in args if arg is not None]
    if len(numbers) < len(args):
        return None
    if formula.op == "divide":
        return None if numbers[1] == 0 else divide(numbers[0], numbers[1], formula.rounding)
    return _EXACT[formula.op](numbers)


_EXACT: Mapping[str, Callable[[Sequence[int]], int]] = {
    "add": sum,
    "subtract": lambda numbers: numbers[0] - sum(numbers[1:]),
    "multiply": math.prod,
    "min": min,
    "max": max,
}


def divide(over: int, under: int, rounding: str) -> int:
    """Return over / under as a whole number: down to the lower, up to the higher, half_up to the nearer."""
    match rounding:
        case "down":
            return over // under
        case "up":
            return -(-over // under)
        case _:
            if under < 0:
                over, under = -over, -under
            return (2 * over + under) // (2 * under)


def aggregates_by_type(
    measures: Mapping[str, Measure], stages: Mapping[str, int]
) -> dict[tuple[int, str], list[Measure]]:
    """Return the ungrouped aggregates by (stage, type), in the rulebook's order."""
    groups: dict[tuple[int, str], list[Measure]] = {}
    for measure in measures.values():
        if isinstance(measure.body, Aggregate) and measure.per is None:
            groups.setdefault((stages[measure.name], measure.body.pattern.type), []).append(measure)
    return groups
