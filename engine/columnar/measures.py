"""Measures of all producers at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engine.columnar.columns import Column, Flags, Ints, Numbers, computed, dense, ranked, segments, summed
from engine.columnar.conditions import Groups, Knowledge, Rows
from engine.columnar.population import Table
from knowledge.rulebook import Aggregate, Measure, PointsMeasure
from knowledge.rules import Ref


def compute(known: Knowledge, measure: Measure) -> None:
    """Add a measure to what is known; those that it is made of are."""
    body = measure.body
    if isinstance(body, PointsMeasure):
        total = np.zeros(known.size, np.int64)
        for name in body.of:
            total = total + known.points[name]
        known.measures[measure.name] = Column(total)
    elif not isinstance(body, Aggregate):
        rows = Rows(known.everyone, {})

        def read(ref: Ref) -> Column:
            return known.value(ref, rows, {}, {})

        found = computed(body, read).spread(known.size)
        known.measures[measure.name] = _otherwise(known, found, measure)
    elif measure.per is None:
        known.measures[measure.name] = _of_all(known, measure, body)
    else:
        known.groups[measure.name] = _by_group(known, measure, body)


def applicable(known: Knowledge, name: str) -> Flags | None:
    """Return for whom a measure has a value; None for all."""
    if name not in known.groups:
        return known.measures[name].given
    flags: Flags = np.bincount(known.groups[name].p, minlength=known.size) > 0
    return flags


def _otherwise(known: Knowledge, found: Column, measure: Measure) -> Column:
    """Return a column with the value for nothing to measure where it has none."""
    if found.given is None or measure.when_nothing is None:
        return found
    return Column(np.where(found.given, found.values, known.texts.code(measure.when_nothing)))


def _of_all(known: Knowledge, measure: Measure, body: Aggregate) -> Column:
    table = known.tables[body.pattern.type]
    rows = known.fitting_rows(body.pattern, sure=True)
    if body.how == "count":
        return Column(np.bincount(table.p[rows], minlength=known.size))
    values = np.zeros(known.size, np.int64)
    given = np.zeros(known.size, np.bool_)
    rows = _measurable(known, body, table, rows)
    if len(rows):
        starts = segments(table.p[rows])
        owners = table.p[rows[starts]]
        reduced = _reduced(known, body, table, rows, starts)
        if reduced.dtype == object:
            values = values.astype(object)
        values[owners], given[owners] = reduced, True
    if body.how == "distinct":
        return Column(values)
    return _otherwise(known, Column(values, given), measure)


def _by_group(known: Knowledge, measure: Measure, body: Aggregate) -> Groups:
    assert measure.per is not None
    table = known.tables[body.pattern.type]
    rows = _measurable(known, body, table, known.fitting_rows(body.pattern, sure=True))
    keys = table.columns[measure.per].take(rows)
    if keys.given is not None:
        rows, keys = rows[keys.given], Column(keys.values[keys.given])
    if not len(rows):
        return Groups(np.empty(0, np.int64), keys, Column(np.empty(0, np.int64)))
    order = np.lexsort((dense(keys.values), table.p[rows]))
    rows, keys = rows[order], keys.take(order)
    starts = segments(table.p[rows], keys.values)
    values = np.diff(starts, append=len(rows))
    if body.how != "count":
        values = _reduced(known, body, table, rows, starts)
    return Groups(table.p[rows[starts]], keys.take(starts), Column(values))


def _measurable(known: Knowledge, body: Aggregate, table: Table, rows: Ints) -> Ints:
    """Return the fitting facts that have what is measured."""
    for name in _read(known, body):
        given = table.columns[name].given
        if given is not None:
            rows = rows[given[rows]]
    return rows


def _read(known: Knowledge, body: Aggregate) -> Sequence[str]:
    dated = known.rulebook.types[body.pattern.type].dated or ""
    match body.how:
        case "count" | "share":
            return ()
        case "days_since":
            return (dated if body.pattern.window is None else body.pattern.window.field,)
        case "latest" | "first":
            return (body.field or "", dated)
        case _:
            return (body.field or "",)


def _reduced(known: Knowledge, body: Aggregate, table: Table, rows: Ints, starts: Ints) -> Numbers:
    """Return the measure of each segment of rows."""
    if body.how == "share":
        inside = np.ones(len(rows), np.bool_)
        everything = Rows(table.p[rows], {0: rows})
        for test in body.numerator:
            inside = inside & known.pattern_test(body.pattern, test, everything, 0, {}, sure=True)
        counts = np.diff(starts, append=len(rows))
        shares: Numbers = 10_000 * np.add.reduceat(inside.astype(np.int64), starts) // counts
        return shares
    values = table.columns[_read(known, body)[0]].values[rows]
    match body.how:
        case "sum":
            return summed(values, starts)
        case "min":
            return np.asarray(np.minimum.reduceat(values, starts))
        case "max":
            return np.asarray(np.maximum.reduceat(values, starts))
        case "days_since":
            return np.asarray(known.day - np.maximum.reduceat(values, starts))
        case "distinct":
            return _distinct(dense(values), starts)
        case _:
            days = table.columns[_read(known, body)[1]].values[rows]
            return _by_date(known, body, values, days if body.how == "latest" else -days, starts)


def _numbered(starts: Ints, size: int) -> Ints:
    """Return the segment of each row."""
    return np.repeat(np.arange(len(starts)), np.diff(starts, append=size))


def _distinct(values: Ints, starts: Ints) -> Ints:
    segment = _numbered(starts, len(values))
    order = np.lexsort((values, segment))
    first = segments(segment[order], values[order])
    return np.bincount(segment[order][first], minlength=len(starts))


def _by_date(known: Knowledge, body: Aggregate, values: Numbers, days: Ints, starts: Ints) -> Numbers:
    """Return the value of the greatest day in each segment; on one day the greater value."""
    shape = known.rulebook.types[body.pattern.type].fields[body.field or ""]
    rank: Numbers = dense(values)
    if shape.type == "choice":
        rank = ranked(Column(values), known.ranks(list(shape.choices))).values
    elif shape.type == "text":
        rank = known.alphabet()[values]
    segment = _numbered(starts, len(values))
    order = np.lexsort((rank, days, segment))
    last = np.append(starts[1:], len(values)) - 1
    return np.asarray(values[order][last])


def in_order(measures: Mapping[str, Measure]) -> list[Measure]:
    """Return measures, each after those that it is made of."""
    done: dict[str, Measure] = {}

    def add(measure: Measure) -> None:
        if measure.name not in done:
            for name in _parts(measure.body):
                add(measures[name])
            done[measure.name] = measure

    for measure in measures.values():
        add(measure)
    return list(done.values())


def _parts(body: object) -> Sequence[str]:
    if isinstance(body, Ref):
        return (body.name,) if body.source == "measure" else ()
    return [name for arg in getattr(body, "args", ()) for name in _parts(arg)]
