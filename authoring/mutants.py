"""Rulebooks that differ from one in a single place: a threshold, an operator, a window, points, an exclusion, a law.

Each is one that could be written: what the loader refuses, such as more points than a standard has, is no change.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

from knowledge.rulebook import Aggregate, Band, Indicator, Measure, Rulebook
from knowledge.rules import (
    Absent,
    AnyOf,
    Arithmetic,
    Clause,
    Const,
    DateTest,
    FixedPoints,
    Formula,
    FormulaPoints,
    Match,
    MeasureTest,
    Num,
    Op,
    OutcomeTest,
    Pattern,
    Points,
    ProducerTest,
    Ref,
    Rule,
    Step,
    SteppedPoints,
    TablePoints,
    Test,
    Window,
)

Kind: TypeAlias = Literal["threshold", "operator", "window", "points", "weight", "exclusion", "law"]
_Changed: TypeAlias = Iterator[tuple[Kind, str, Any]]
"""What sort of change, what it changes in words, and the changed value."""
_OTHER: Final[Mapping[Op, Op]] = {
    "lt": "le", "le": "lt", "gt": "ge", "ge": "gt", "eq": "ne", "ne": "eq", "in": "not_in", "not_in": "in",
    "present": "missing", "missing": "present",
}  # fmt: skip
_SIGNS: Final[Mapping[Op, str]] = {
    "lt": "<", "le": "≤", "gt": ">", "ge": "≥", "eq": "=", "ne": "≠", "in": "∈", "not_in": "∉",
}  # fmt: skip


class Mutant(msgspec.Struct, frozen=True):
    """A rulebook that differs in one place. `of` is the rule, measure, standard, indicator or grade it stands in."""

    of: str
    place: str
    """`file:line:column` where that is known."""
    kind: Kind
    change: str
    rulebook: Rulebook


def mutants(rulebook: Rulebook) -> Iterator[Mutant]:
    """Yield every mutant of a rulebook, in the order of rules, measures, standards, indicators and grades."""
    for number, rule in enumerate(rulebook.rules):
        for kind, change, changed in _rule(rulebook, rule):
            rules = (*rulebook.rules[:number], changed, *rulebook.rules[number + 1 :])
            yield _mutant(rulebook, rule.id, rule.source, kind, change, rules=rules)
    for name, measure in rulebook.measures.items():
        for kind, change, body in _measure(rulebook, measure):
            measures = {**rulebook.measures, name: msgspec.structs.replace(measure, body=body)}
            yield _mutant(rulebook, name, "measures.yaml", kind, change, measures=measures)
    for name, standard in rulebook.standards.items():
        less = msgspec.structs.replace(standard, points=standard.points - 1)
        change = f"points {standard.points} → {less.points}"
        standards = {**rulebook.standards, name: less}
        yield _mutant(rulebook, name, "indicators.yaml", "points", change, standards=standards)
    for name, indicator in rulebook.indicators.items():
        for kind, change, changed in _indicator(indicator):
            indicators = {**rulebook.indicators, name: changed}
            yield _mutant(rulebook, name, "indicators.yaml", kind, change, indicators=indicators)
    for grade, change, bands in _bands(rulebook):
        yield _mutant(rulebook, grade, "bands.yaml", "threshold", change, bands=bands)


def _mutant(rulebook: Rulebook, of: str, place: str, kind: Kind, change: str, **parts: Any) -> Mutant:
    # A name of its own, so that nothing takes it for the rulebook that it was made from.
    changed = msgspec.structs.replace(rulebook, sha256="0" * 64, **parts)
    return Mutant(of, place, kind, change, changed)


def _rule(rulebook: Rulebook, rule: Rule) -> _Changed:  # noqa: C901  a case for each construct
    replace = msgspec.structs.replace
    for number, pattern in enumerate(rule.for_each):
        for kind, change, changed in _pattern(rulebook, pattern):
            yield kind, change, replace(rule, for_each=_put(rule.for_each, number, changed))
    for kind, change, when in _clauses(rulebook, rule.when, may_be_empty=bool(rule.for_each)):
        yield kind, change, replace(rule, when=when)
    most = rulebook.standards[rule.target].points if rule.kind == "standard" else 0
    if rule.points is not None:
        for kind, change, points in _points(rulebook, rule.points, most):
            yield kind, change, replace(rule, points=points)
    if rule.at_most is not None:
        for cap in _either_side(rule.at_most, most):
            yield "points", f"at_most {rule.at_most} → {cap}", replace(rule, at_most=cap)
    if rule.applies_to is not None:
        for one in rule.applies_to:
            left = tuple(kind for kind in rule.applies_to if kind != one)
            if left:
                yield "exclusion", f"applies_to without {one}", replace(rule, applies_to=left)
    if rule.grade is not None:
        order = [band.grade for band in rulebook.bands]
        other = order[order.index(rule.grade) - 1]
        yield "threshold", f"grade {rule.grade} → {other}", replace(rule, grade=other)
    for one in rule.law:
        left = tuple(law for law in rule.law if law != one)
        yield "law", f"law without {one}", replace(rule, law=left)


def _measure(rulebook: Rulebook, measure: Measure) -> _Changed:
    body = measure.body
    if isinstance(body, Aggregate):
        for kind, change, pattern in _pattern(rulebook, body.pattern):
            yield kind, change, msgspec.structs.replace(body, pattern=pattern)
        for number, test in enumerate(body.numerator):
            for kind, change, changed in _test(rulebook, test, body.pattern.type):
                numerator = _put(body.numerator, number, changed)
                yield kind, change, msgspec.structs.replace(body, numerator=numerator)
    elif isinstance(body, Arithmetic):
        yield from _formula(body)


def _indicator(indicator: Indicator) -> _Changed:
    replace = msgspec.structs.replace
    if indicator.level == 1 or indicator.weight != 1:
        heavier = indicator.weight + 1
        yield "weight", f"weight {indicator.weight} → {heavier}", replace(indicator, weight=heavier)
    for name in ("at_most", "minimum"):
        value = getattr(indicator, name)
        if value is not None:
            for other in (value - 1, value + 1):
                yield "threshold", f"{name} {value} → {other}", replace(indicator, **{name: other})


def _bands(rulebook: Rulebook) -> Iterator[tuple[str, str, tuple[Band, ...]]]:
    """Yield each boundary between two grades moved either way, by the least that points differ by; and each demand."""
    replace = msgspec.structs.replace
    bands, least = rulebook.bands, _least_points(rulebook)
    scaled = rulebook.scoring.not_applicable == "leaves_the_fraction"
    for number, band in enumerate(bands):
        for change, changed in _boundary(bands, number, 1 if scaled else least):
            yield band.grade, change, changed
        if band.worst_single is not None:
            for other in (band.worst_single - least, band.worst_single + least):
                change = f"worst_single {band.worst_single} → {other}"
                yield band.grade, change, _put(bands, number, replace(band, worst_single=other))
        for place, demand in enumerate(band.demands):
            for name in ("at_least", "at_most"):
                value = getattr(demand, name)
                for other in () if value is None else (value - 1, value + 1):
                    demands = _put(band.demands, place, replace(demand, **{name: other}))
                    change = f"{demand.indicator} {name} {value} → {other}"
                    yield band.grade, change, _put(bands, number, replace(band, demands=demands))


def _boundary(bands: Sequence[Band], number: int, least: int) -> Iterator[tuple[str, tuple[Band, ...]]]:
    """Yield a grade's boundary to the one below it moved either way, on both sides where both say it."""
    band = bands[number]
    ends = ("from", "low", "high") if band.low is not None else ("up to", "high", "low")
    word, mine, theirs = ends
    value = getattr(band, mine)
    for other in () if value is None or number + 1 == len(bands) else (value - least, value + least):
        below = bands[number + 1]
        side = getattr(below, theirs)
        pair = (
            msgspec.structs.replace(band, **{mine: other}),
            below if side is None else msgspec.structs.replace(below, **{theirs: side + other - value}),
        )
        yield f"{word} {value} → {other}", (*bands[:number], *pair, *bands[number + 2 :])


def _least_points(rulebook: Rulebook) -> int:
    """Return the greatest number of points of which all that can be lost or gained are multiples."""
    amounts = [one.points for one in rulebook.standards.values()]
    caps = [*(rule.at_most for rule in rulebook.rules), *(one.at_most for one in rulebook.indicators.values())]
    amounts += [cap for cap in caps if cap is not None]
    for rule in rulebook.rules:
        match rule.points:
            case FixedPoints(points=points):
                amounts.append(points)
            case SteppedPoints(steps=steps):
                amounts += [step.points for step in steps]
            case TablePoints(points=table):
                amounts += table.values()
            case FormulaPoints():
                return 1
    return math.gcd(*amounts) or 1


def _clauses(rulebook: Rulebook, clauses: Sequence[Clause], *, may_be_empty: bool) -> _Changed:
    for number, clause in enumerate(clauses):
        if may_be_empty or len(clauses) > 1:
            yield "exclusion", f"without `{clause.label}`", (*clauses[:number], *clauses[number + 1 :])
        for kind, change, changed in _clause(rulebook, clause):
            yield kind, change, _put(clauses, number, changed)


def _clause(rulebook: Rulebook, clause: Clause) -> _Changed:  # noqa: C901, PLR0912  a case for each construct
    replace = msgspec.structs.replace
    match clause:
        case Match() | Absent():
            for kind, change, pattern in _pattern(rulebook, clause.pattern, absent=isinstance(clause, Absent)):
                yield kind, change, replace(clause, pattern=pattern)
        case MeasureTest() | ProducerTest():
            for number, test in enumerate(clause.tests):
                for kind, change, changed in _test(rulebook, test, None):
                    yield kind, change, replace(clause, tests=_put(clause.tests, number, changed))
        case DateTest():
            for kind, change, changed in _test(rulebook, clause.test, None):
                yield kind, change, replace(clause, test=changed)
        case OutcomeTest():
            for name in clause.names if len(clause.names) > 1 else ():
                left = tuple(one for one in clause.names if one != name)
                yield "exclusion", f"{clause.what} without {name}", replace(clause, names=left)
        case AnyOf():
            for number, way in enumerate(clause.alternatives):
                others = (*clause.alternatives[:number], *clause.alternatives[number + 1 :])
                if others:
                    yield "exclusion", f"any without its way {number + 1}", replace(clause, alternatives=others)
                for kind, change, changed in _clauses(rulebook, way, may_be_empty=False):
                    yield kind, change, replace(clause, alternatives=_put(clause.alternatives, number, changed))


def _pattern(rulebook: Rulebook, pattern: Pattern, *, absent: bool = False) -> _Changed:
    replace = msgspec.structs.replace
    for number, test in enumerate(pattern.tests):
        if absent and _vouches(pattern, test):
            continue
        without = (*pattern.tests[:number], *pattern.tests[number + 1 :])
        yield "exclusion", f"{pattern.type} without `{_words(test)}`", replace(pattern, tests=without)
        for kind, change, changed in _test(rulebook, test, pattern.type):
            yield kind, f"{pattern.type}: {change}", replace(pattern, tests=_put(pattern.tests, number, changed))
    if pattern.window is not None:
        for change, window in _window(pattern.window):
            yield "window", f"{pattern.type} {change}", replace(pattern, window=window)
    if pattern.active is not None:
        yield "exclusion", f"{pattern.type} whether active or not", replace(pattern, active=None)


def _vouches(pattern: Pattern, test: Test) -> bool:
    """Say whether a test is there because an absence must know what it compares with another fact."""
    return test.op == "present" and any(
        isinstance(other.operand, Ref) and other.name == test.name for other in pattern.tests
    )


def _window(window: Window) -> Iterator[tuple[str, Window | None]]:
    yield "without its window", None
    if window.kind == "last":
        for amount in (window.amount - 1, window.amount + 1):
            if amount > 0:
                change = f"within {window.amount} → {amount} {window.unit}"
                yield change, msgspec.structs.replace(window, amount=amount)


def _test(rulebook: Rulebook, test: Test, of: str | None) -> _Changed:
    words = _words(test)
    replace = msgspec.structs.replace
    yield "operator", f"`{words}` → `{_words(replace(test, op=_OTHER[test.op]))}`", replace(test, op=_OTHER[test.op])
    operand = test.operand
    if isinstance(operand, Const):
        for value in _near(rulebook, test.name, of, operand):
            changed = replace(test, operand=replace(operand, value=value))
            yield "threshold", f"`{words}` → `{_words(changed)}`", changed
    elif isinstance(operand, tuple) and len(operand) > 1:
        for value in operand:
            changed = replace(test, operand=tuple(one for one in operand if one != value))
            yield "threshold", f"`{words}` without {value}", changed
    elif operand is not None and not isinstance(operand, tuple) and operand.shift is not None:
        for step in (-1, 1):
            shift = replace(operand.shift, amount=operand.shift.amount + step)
            changed = replace(test, operand=replace(operand, shift=shift))
            yield "threshold", f"`{words}`: {operand.shift.amount} → {shift.amount} {shift.unit}", changed


def _near(rulebook: Rulebook, name: str, of: str | None, operand: Const) -> Iterator[Any]:
    """Yield the nearest other values: one step either way, or the next choice."""
    if isinstance(operand.value, bool):
        yield not operand.value
    elif isinstance(operand.value, int):
        step = _finest(rulebook, name, operand.value) if of is None else 1
        yield operand.value - step
        yield operand.value + step
    elif of is not None and name in rulebook.types[of].fields:
        choices = list(rulebook.types[of].fields[name].choices)
        if operand.value in choices and len(choices) > 1:
            yield choices[choices.index(operand.value) - 1]


def _finest(rulebook: Rulebook, name: str, value: int) -> int:
    """Return by how much a limit is moved: shares by a step of the place to which they are written, 75 % by 1 %."""
    measure = rulebook.measures.get(name)
    if measure is None or not isinstance(measure.body, Aggregate) or measure.body.how != "share":
        return 1
    return next(step for step in (100, 10, 1) if value % step == 0)


def _points(rulebook: Rulebook, points: Points, most: int) -> _Changed:  # noqa: C901  a case for each construct
    replace = msgspec.structs.replace
    match points:
        case FixedPoints():
            for other in _either_side(points.points, most):
                yield "points", f"lose {points.points} → {other}", replace(points, points=other)
        case SteppedPoints():
            for number, step in enumerate(points.steps):
                for kind, change, changed in _step(rulebook, step, most):
                    yield (
                        kind,
                        f"step {number + 1}: {change}",
                        replace(points, steps=_put(points.steps, number, changed)),
                    )
        case TablePoints():
            for name, value in points.points.items():
                for other in _either_side(value, most):
                    table = {**points.points, name: other}
                    yield "points", f"{name}: {value} → {other}", replace(points, points=table)
        case FormulaPoints():
            for kind, change, formula in _formula(points.formula):
                yield kind, change, replace(points, formula=formula)


def _step(rulebook: Rulebook, step: Step, most: int) -> _Changed:
    replace = msgspec.structs.replace
    for other in _either_side(step.points, most):
        yield "points", f"{step.points} → {other}", replace(step, points=other)
    for place, test in enumerate(step.tests):
        for kind, change, changed in _test(rulebook, test, None):
            yield kind, change, replace(step, tests=_put(step.tests, place, changed))


def _either_side(points: int, most: int) -> Iterator[int]:
    """Yield the points next to some that a standard of `most` may hold."""
    yield from (other for other in (points - 1, points + 1) if 0 <= other <= most)


def _formula(formula: Formula) -> _Changed:
    if isinstance(formula, Num):
        for other in (formula.value - 1, formula.value + 1):
            yield "points", f"{formula.value} → {other}", Num(other)
    elif isinstance(formula, Arithmetic):
        for number, part in enumerate(formula.args):
            for kind, change, changed in _formula(part):
                args = _put(formula.args, number, changed)
                yield kind, change, msgspec.structs.replace(formula, args=args)


def _put(values: Sequence[Any], number: int, value: Any) -> tuple[Any, ...]:
    return (*values[:number], value, *values[number + 1 :])


def _words(test: Test) -> str:
    operand = test.operand
    if operand is None:
        return f"{test.name} {test.op}"
    if isinstance(operand, tuple):
        shown = ", ".join(map(str, operand))
    elif isinstance(operand, Const):
        shown = str(operand.value)
    else:
        shown = f"{operand.source}.{operand.name}".rstrip(".")
    return f"{test.name} {_SIGNS[test.op]} {shown}"
