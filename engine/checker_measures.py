"""Measures computed by one plain pass over the facts each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from engine.checker_code import (
    Lexicon,
    formula_refs,
    formula_text,
    measured_field,
    operand,
    order_of,
    window_start,
)
from engine.grading import MeasureValue
from engine.sources import code_of
from knowledge.rulebook import Aggregate, FactType, Measure, PointsMeasure
from knowledge.rules import Arithmetic, Pattern, Ref, Test, Value

Row: TypeAlias = tuple[str, dict[str, Value]]
Computed: TypeAlias = tuple[Value | None, int, tuple[str, ...]]
"""Value, how many were measured, the ids it rests on."""


class CheckedMeasure:
    """A measure ready to be computed. `late` ones rest on points, so they wait for the sums."""

    def __init__(
        self, lexicon: Lexicon, measure: Measure, fitting: Callable[..., list[Row]] | None, late: bool
    ) -> None:
        self.measure, self.late, self.per = measure, late, measure.per
        self.place, self.bit = lexicon.measures[measure.name], lexicon.bits["measure", measure.name]
        self.fitting = fitting
        """Lists what fits an aggregate's pattern; the same function for those with the same pattern."""
        body = measure.body
        if isinstance(body, Aggregate):
            kind = lexicon.rulebook.types[body.pattern.type]
            self.source = lexicon.types[kind.name]
            """The place of the type it looks at."""
            self._reduce = _reducer(lexicon, measure, body, kind)
            empty = 0 if body.how in ("count", "distinct") else measure.when_nothing
            self.nothing: tuple[Any, tuple[MeasureValue, ...]] = (empty, (MeasureValue(measure.name, empty, 0),))
            """Its value where nothing fits."""
            if self.per is not None:
                self.nothing = ({}, ())
        elif isinstance(body, Arithmetic):
            self._formula = _formula(lexicon, body)

    def of_rows(self, rows: Sequence[Row], p: Any, w: Any, day: int) -> tuple[Any, tuple[MeasureValue, ...]]:
        """Return the value of an aggregate, or values by group, and the same as gradings tell it; `rows` fit."""
        name = self.measure.name
        if self.per is not None:
            groups = self._groups(rows, p, w, day)
            told = [MeasureValue(name, value, of, ids, group) for group, (value, of, ids) in groups]
            return {group: value for group, (value, _, _) in groups}, tuple(told)
        value, of, ids = self._reduce(rows, p, w, day)
        return value, (MeasureValue(name, value, of, ids),)

    def of_others(self, m: Sequence[Any], p: Any, points: Mapping[str, int]) -> tuple[Any, tuple[MeasureValue, ...]]:
        """Return the value of a formula or of points, and the same as gradings tell it."""
        if isinstance(self.measure.body, PointsMeasure):
            value: Value | None = sum([points[part] for part in self.measure.body.of])
        else:
            value = self._formula(m, p)
            value = self.measure.when_nothing if value is None else value
        return value, (MeasureValue(self.measure.name, value, 0),)

    def _groups(self, rows: Sequence[Row], p: Any, w: Any, day: int) -> list[tuple[Value, Computed]]:
        """Return the measure for each value of its `per` field for which there is something to measure, ascending."""
        assert self.per is not None
        groups: dict[Value, list[Row]] = {}
        for row in rows:
            group = row[1].get(self.per)
            if group is not None:
                groups.setdefault(group, []).append(row)
        reduced = [(group, self._reduce(groups[group], p, w, day)) for group in sorted(groups)]
        return [(group, computed) for group, computed in reduced if computed[1]]


def compile_measures(lexicon: Lexicon) -> tuple[CheckedMeasure, ...]:
    """Compile all measures, each after those it is made of."""
    measures = lexicon.rulebook.measures
    late: dict[str, bool] = {}
    for measure in _ordered(measures):
        parts = _parts(measure)
        late[measure.name] = isinstance(measure.body, PointsMeasure) or any(late[part] for part in parts)
    fitting: dict[str, Callable[..., list[Row]]] = {}
    checked = []
    for measure in _ordered(measures):
        fits = None
        if isinstance(measure.body, Aggregate):
            text = _list_text(lexicon, measure.body.pattern)
            fits = fitting[text] = fitting.get(text) or _compiled(lexicon, text, f"fitting_{len(fitting)}")
        checked.append(CheckedMeasure(lexicon, measure, fits, late[measure.name]))
    return tuple(checked)


def compile_fitting(lexicon: Lexicon, pattern: Pattern, name: str) -> Callable[..., list[Row]]:
    """Return a function of (t, p, w, day) that lists what certainly fits a pattern."""
    return _compiled(lexicon, _list_text(lexicon, pattern), name)


def _compiled(lexicon: Lexicon, text: str, name: str) -> Callable[..., list[Row]]:
    exec(code_of(f"def {name}(t, p, w, day):\n return {text}"), lexicon.names)  # noqa: S102  # text made from the rulebook's meaning, all literals by repr
    found: Callable[..., list[Row]] = lexicon.names[name]
    return found


def true_text(lexicon: Lexicon, test: Test, kind: FactType) -> str:
    """Return an expression over `v` that is true where a test certainly holds."""
    read = f"v.get({test.name!r})"
    if test.op in ("present", "missing"):
        return f"{read} is {'not ' if test.op == 'present' else ''}None"
    order = order_of(kind.fields.get(test.name))
    against, literal = operand(lexicon, test, {"this": "v"}, order)
    if test.op == "eq" and literal:
        return f"{read} == {against}"
    if test.op == "in":
        return f"{read} in {against}"
    ranked = test.op in ("lt", "le", "gt", "ge") and bool(order)
    if ranked:
        read = f"{lexicon.constant({name: rank for rank, name in enumerate(order)})}.get({read})"
    sign = {"eq": "==", "ne": "!=", "not_in": "not in", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}[test.op]
    known = "" if literal else f"(y := {against}) is not None and "
    return f"{known}(x := {read}) is not None and x {sign} {against if literal else 'y'}"


def _list_text(lexicon: Lexicon, pattern: Pattern) -> str:
    kind = lexicon.rulebook.types[pattern.type]
    conditions = [true_text(lexicon, test, kind) for test in pattern.tests]
    if pattern.window is not None:
        start, compare = window_start(lexicon, pattern.window, {"this": "v"})
        read = f"v.get({pattern.window.field!r})"
        conditions.append(f"(y := {start}) is not None and (x := {read}) is not None and y {compare} x <= day")
    if pattern.active is not None:
        lasting = kind.lasting
        assert lasting is not None
        inside = "x <= day"
        if lasting.end is not None:
            sign = "<=" if lasting.end_included else "<"
            inside += f" and ((y := v.get({lasting.end!r})) is None or day {sign} y)"
        holds = f"({inside})" if pattern.active else f"not ({inside})"
        conditions.append(f"(x := v.get({lasting.start!r})) is not None and {holds}")
    only = "".join(f" if {condition}" for condition in conditions)
    rows = f"t[{lexicon.types[pattern.type]}]"
    return f"[row for row in {rows} for v in (row[1],){only}]" if only else rows


def _reducer(lexicon: Lexicon, measure: Measure, body: Aggregate, kind: FactType) -> Callable[..., Computed]:
    """Return what turns fitting facts (sorted by id) into the measure; it may find that there is nothing."""
    nothing: Computed = (measure.when_nothing, 0, ())
    if body.how == "count":
        return lambda rows, _p, _w, _day: (len(rows), len(rows), _ids(rows))
    if body.how == "share":
        return _share(lexicon, measure, body, kind)
    if body.how == "days_since":
        dated = body.pattern.window.field if body.pattern.window is not None else kind.dated
        return lambda rows, _p, _w, day: _days_since(rows, dated or "", day, nothing)
    name = body.field or ""
    order = {choice: rank for rank, choice in enumerate(order_of(measured_field(lexicon.rulebook, measure)))}
    rank: Callable[[Any], Any] = order.__getitem__ if order else _itself
    match body.how:
        case "sum":
            return lambda rows, _p, _w, _day: _sum(_given(rows, name), name, nothing)
        case "distinct":
            return lambda rows, _p, _w, _day: _distinct(_given(rows, name), name)
        case "min" | "max":
            best = min if body.how == "min" else max
            return lambda rows, _p, _w, _day: _extreme(_given(rows, name), name, best, rank, nothing)
        case _:
            best = min if body.how == "first" else max
            return lambda rows, _p, _w, _day: _by_date(rows, name, kind.dated or "", best, rank, nothing)


def _itself(value: Any) -> Any:
    return value


def _ids(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple([row[0] for row in rows])


def _given(rows: Sequence[Row], name: str) -> list[Row]:
    return [row for row in rows if row[1].get(name) is not None]


def _share(lexicon: Lexicon, measure: Measure, body: Aggregate, kind: FactType) -> Callable[..., Computed]:
    name = f"numerator_{lexicon.measures[measure.name]}"
    holds = " and ".join(f"({true_text(lexicon, test, kind)})" for test in body.numerator) or "True"
    text = f"def {name}(rows, p, w, day):\n return [row for row in rows for v in (row[1],) if not ({holds})]"
    exec(code_of(text), lexicon.names)  # noqa: S102  # text made from the rulebook's meaning, all literals by repr
    outside = lexicon.names[name]

    def reduce(rows: Sequence[Row], p: Any, w: Any, day: int) -> Computed:
        others = outside(rows, p, w, day)
        return (10_000 * (len(rows) - len(others)) // len(rows), len(rows), _ids(others))

    return reduce


def _sum(rows: Sequence[Row], name: str, nothing: Computed) -> Computed:
    return (sum([int(row[1][name]) for row in rows]), len(rows), _ids(rows)) if rows else nothing


def _distinct(rows: Sequence[Row], name: str) -> Computed:
    return (len({row[1][name] for row in rows}), len(rows), _ids(rows))


def _extreme(
    rows: Sequence[Row], name: str, best: Callable[..., Any], rank: Callable[[Any], Any], nothing: Computed
) -> Computed:
    if not rows:
        return nothing
    value = best((row[1][name] for row in rows), key=rank)
    return (value, len(rows), _ids([row for row in rows if row[1][name] == value]))


def _by_date(
    rows: Sequence[Row],
    name: str,
    dated: str,
    best: Callable[..., Any],
    rank: Callable[[Any], Any],
    nothing: Computed,
) -> Computed:
    rows = [row for row in _given(rows, name) if row[1].get(dated) is not None]
    if not rows:
        return nothing
    day = best(row[1][dated] for row in rows)
    value = max((row[1][name] for row in rows if row[1][dated] == day), key=rank)
    return (value, len(rows), _ids([row for row in rows if row[1][dated] == day and row[1][name] == value]))


def _days_since(rows: Sequence[Row], dated: str, day: int, nothing: Computed) -> Computed:
    rows = _given(rows, dated)
    if not rows:
        return nothing
    latest = max([int(row[1][dated]) for row in rows])
    return (day - latest, len(rows), _ids([row for row in rows if row[1][dated] == latest]))


def _formula(lexicon: Lexicon, body: Arithmetic) -> Callable[[Any, Any], int | None]:
    read = {
        ref: f"m[{lexicon.measures[ref.name]}]" if ref.source == "measure" else lexicon.value(ref, {})
        for ref in formula_refs(body)
    }
    leaves: dict[str, str] = {}
    text = formula_text(body, leaves, read)
    known = "".join(f" if ({leaf} := {code}) is None: return None\n" for leaf, code in leaves.items())
    name = f"formula_{len(lexicon.names)}"
    source = f"def {name}(m, p):\n{known} try: return {text}\n except ZeroDivisionError: return None"
    exec(code_of(source), lexicon.names)  # noqa: S102  # text made from the rulebook's meaning, all literals by repr
    formula: Callable[[Any, Any], int | None] = lexicon.names[name]
    return formula


def _parts(measure: Measure) -> list[str]:
    if not isinstance(measure.body, Arithmetic):
        return []
    return [ref.name for ref in formula_refs(measure.body) if isinstance(ref, Ref) and ref.source == "measure"]


def _ordered(measures: Mapping[str, Measure]) -> list[Measure]:
    done: dict[str, Measure] = {}

    def visit(name: str) -> None:
        if name not in done:
            for part in _parts(measures[name]):
                visit(part)
            done[name] = measures[name]

    for name in measures:
        visit(name)
    return list(done.values())
