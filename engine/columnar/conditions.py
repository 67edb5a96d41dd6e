"""Conditions over many rows at once: which hold for sure, and which are not sure to fail.

Three values (true, false, unknown) are told by asking either question; absences ask the other one of what they
look for. What only looks at the fact itself is decided once for the whole table and remembered there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, TypeAlias

import numpy as np

from engine.columnar.columns import (
    Column,
    Flags,
    Ints,
    among,
    both_given,
    compare,
    filling,
    keyed_pairs,
    pairs,
    ranked,
    settled,
    shifted,
    single,
    where,
)
from engine.columnar.patterns import Parts, Patterns
from engine.columnar.population import Population, Table, seen
from knowledge.rulebook import Aggregate, Field, Measure, Rulebook
from knowledge.rules import Const, Expr, OutcomeTest, Pattern, Ref, Shift, Test, Window

ORDERED = frozenset(("lt", "le", "gt", "ge"))
Scope: TypeAlias = Mapping[str, int]
"""The number of the bound fact that each alias means."""


@dataclass(slots=True)
class Groups:
    """A measure with `per`: its groups, sorted by producer."""

    p: Ints
    keys: Column
    values: Column


@dataclass(slots=True)
class Rows:
    """Combinations of facts of one producer each, on their way to a firing."""

    p: Ints
    at: dict[int, Ints]
    """By number of the bound fact: its rows in its table."""
    group: Column | None = None
    by_group: dict[str, Column] = field(default_factory=dict)
    """Measures with groups: the value of each row's group."""

    def keep(self, chosen: Ints) -> Rows:
        """Return some of the rows."""
        return Rows(
            self.p[chosen],
            {number: rows[chosen] for number, rows in self.at.items()},
            None if self.group is None else self.group.take(chosen),
            {name: column.take(chosen) for name, column in self.by_group.items()},
        )


class Knowledge:
    """What is known of a population while it is graded: tables by type, measures, the outcome."""

    def __init__(self, rulebook: Rulebook, population: Population, day: int, patterns: Patterns) -> None:
        self.rulebook, self.population, self.patterns = rulebook, population, patterns
        self.day, self.texts, self.size = day, population.texts, len(population)
        self.everyone = np.arange(self.size)
        self.refused = population.refused.copy()
        """For whom there is no grade, because something is beyond what one grading may hold."""
        none = np.empty(0, np.int64)
        self.tables: dict[str, Table] = {
            name: seen(population.facts[name], kind.dated, day)
            if kind.origin == "fact"
            else Table(none, {name: Column(none) for name in kind.fields}, none)
            for name, kind in rulebook.types.items()
        }
        self.measures: dict[str, Column] = {}
        self.groups: dict[str, Groups] = {}
        self.suspended: dict[str, Flags] = {}
        self.outcome: dict[tuple[str, str], Flags] = {}
        """By (what, name): for whom it came to that."""
        self.points: dict[str, Ints] = {}
        """Lost (gained) by standard and indicator."""
        self._moved: dict[Any, Any] = {}
        self._kinds: dict[tuple[str, ...] | None, Flags] = {}
        self._ranks: dict[tuple[str, ...], Ints] = {}
        self._order: Ints | None = None

    # Values

    def value(self, expr: Expr, rows: Rows, scope: Scope, tables: Mapping[int, Table]) -> Column:
        """Return what an expression comes to in each row."""
        if isinstance(expr, Const):
            return single(self.texts.code(expr.value))
        match expr.source:
            case "as_of":
                column = single(self.day)
            case "producer":
                return self.moved_of(self.population.attributes, self._moved, expr).take(rows.p)
            case "measure":
                column = self.measured(expr.name, rows)
            case alias:
                table = tables[scope[alias]]
                return self.moved_of(table.columns, table.cache, expr).take(rows.at[scope[alias]])
        return column if expr.shift is None else shifted(column, expr.shift, self.rulebook.calendar)

    def moved_of(self, columns: Mapping[str, Column], cache: dict[Any, Any], expr: Ref) -> Column:
        """Return a whole column, moved by the shift if there is one; it is moved once."""
        if expr.shift is None:
            return columns[expr.name]
        key = (expr.name, expr.shift)
        if key not in cache:
            cache[key] = shifted(columns[expr.name], expr.shift, self.rulebook.calendar)
        column: Column = cache[key]
        return column

    def measured(self, name: str, rows: Rows) -> Column:
        """Return a measure's value in each row."""
        if name in self.groups:
            missing = Column(np.zeros(len(rows.p), np.int64), np.zeros(len(rows.p), np.bool_))
            return rows.by_group.get(name, missing)
        return self.measures[name].take(rows.p)

    def of_kinds(self, kinds: tuple[str, ...] | None) -> Flags:
        """Return which producers are of some kinds, all for None."""
        if kinds not in self._kinds:
            codes = self.population.attributes["kind"]
            every = among(codes, [self.texts.code(kind) for kind in kinds or ()], inside=True, sure=True)
            self._kinds[kinds] = np.ones(self.size, np.bool_) if kinds is None else every
        return self._kinds[kinds]

    def ranks(self, choices: Sequence[str]) -> Ints:
        """Return by code the place among the choices, -1 for all others."""
        key = tuple(choices)
        codes = [self.texts.code(choice) for choice in key]
        ranks = self._ranks.get(key)
        if ranks is None or len(ranks) < len(self.texts.by_code):
            ranks = self._ranks[key] = np.full(len(self.texts.by_code), -1)
            ranks[codes] = np.arange(len(codes))
        return ranks

    def alphabet(self) -> Ints:
        """Return by code the place among all texts in their order."""
        if self._order is None or len(self._order) < len(self.texts.by_code):
            texts = self.texts.by_code
            self._order = np.empty(len(texts), np.int64)
            self._order[sorted(range(len(texts)), key=texts.__getitem__)] = np.arange(len(texts))
        return self._order

    # Tests

    def test(self, test: Test, observed: Column, shape: Field | None, operand: Column | None, *, sure: bool) -> Flags:
        """Return where a test holds (or may hold); `operand` is what it compares with, None where that is a literal."""
        if test.op in ("present", "missing"):
            known = np.asarray(True) if observed.given is None else observed.given
            return np.broadcast_to(known if test.op == "present" else ~known, observed.values.shape)
        if isinstance(test.operand, tuple):
            codes = [self.texts.code(value) for value in test.operand]
            return among(observed, codes, inside=test.op == "in", sure=sure)
        if operand is None:
            assert isinstance(test.operand, Const)
            operand = single(self.texts.code(test.operand.value))
        if test.op in ORDERED and shape is not None and shape.type == "choice":
            ranks = self.ranks(list(shape.choices))
            observed, operand = ranked(observed, ranks), ranked(operand, ranks)
        return compare(test.op, observed, operand, sure=sure)

    def measure_test(self, test: Test, rows: Rows, *, sure: bool) -> Flags:
        """Return in which rows a measure meets a test."""
        assert not isinstance(test.operand, Ref) or test.operand.source in ("as_of", "producer")
        operand = self.value(test.operand, rows, {}, {}) if isinstance(test.operand, Ref) else None
        shape = measured_shape(self.rulebook, self.rulebook.measures[test.name])
        found = self.test(test, self.measured(test.name, rows), shape, operand, sure=sure)
        return filling(found, len(rows.p))

    def producer_test(self, test: Test, rows: Rows, scope: Scope, *, sure: bool) -> Flags:
        """Return in which rows the producer meets a test."""
        observed = self.population.attributes[test.name].take(rows.p)
        shape = self.rulebook.attributes.get(test.name)
        found = self.test(test, observed, shape, self._operand(test, rows, scope), sure=sure)
        return filling(found, len(rows.p))

    def date_test(self, test: Test, rows: Rows, scope: Scope, *, sure: bool) -> Flags:
        """Return in which rows the day meets a test."""
        found = self.test(test, single(self.day), None, self._operand(test, rows, scope), sure=sure)
        return filling(found, len(rows.p))

    def _operand(self, test: Test, rows: Rows, scope: Scope) -> Column | None:
        return self.value(test.operand, rows, scope, self.bound_tables()) if isinstance(test.operand, Ref) else None

    def bound_tables(self) -> dict[int, Table]:
        """Return the table of each bound fact."""
        return {number: self.tables[name] for number, name in self.bound_types.items()}

    def pattern_test(self, pattern: Pattern, test: Test, rows: Rows, own: int, scope: Scope, *, sure: bool) -> Flags:
        """Return in which rows the fact of number `own` meets one test of its pattern."""
        table = self.tables[pattern.type]
        tables = self.bound_tables() | {own: table}
        inner = {**scope, "this": own, pattern.alias: own}
        operand = self.value(test.operand, rows, inner, tables) if isinstance(test.operand, Ref) else None
        observed = table.columns[test.name].take(rows.at[own])
        shape = self.rulebook.types[pattern.type].fields[test.name]
        return filling(self.test(test, observed, shape, operand, sure=sure), len(rows.p))

    bound_types: Mapping[int, str] = {}
    """Of the way at hand: the type of each bound fact."""

    # What a fact is by itself

    def fitting(self, pattern: Pattern, *, sure: bool) -> Flags:
        """Return which facts of its type meet all of a pattern that reads no other fact."""
        table, parts = self.tables[pattern.type], self.patterns.parts(pattern)
        key = (parts.number, sure)
        found: Flags | None = table.cache.get(key)
        if found is None:
            found = table.cache[key] = self._fitting(pattern, parts, table, sure=sure)
        return found

    def fitting_rows(self, pattern: Pattern, *, sure: bool) -> Ints:
        """Return the rows of `fitting`."""
        cache, key = self.tables[pattern.type].cache, (self.patterns.parts(pattern).number, sure, "rows")
        found: Ints | None = cache.get(key)
        if found is None:
            found = cache[key] = where(self.fitting(pattern, sure=sure))
        return found

    def _fitting(self, pattern: Pattern, parts: Parts, table: Table, *, sure: bool) -> Flags:
        if not len(table):
            return np.ones(0, np.bool_)
        rows = Rows(table.p, {0: ALL})
        flags: Flags = np.asarray(True)
        for number, test in parts.own:
            key = (number, sure, "test")
            if key not in table.cache:
                table.cache[key] = self.pattern_test(pattern, test, rows, 0, {}, sure=sure)
            flags = flags & table.cache[key]
        if pattern.window is not None:
            flags = flags & self._within(pattern.window, rows, table, pattern.alias, sure=sure)
        if pattern.active is not None:
            flags = flags & self._active(pattern, table, sure=sure)
        return flags if flags.ndim else np.ones(len(table), np.bool_)

    def _within(self, window: Window, rows: Rows, table: Table, alias: str, *, sure: bool) -> Flags:
        day = table.columns[window.field]
        if window.kind == "last":
            start, op = self._back(window), "lt"
        elif window.kind == "calendar_year":
            start, op = single(date(date.fromordinal(self.day).year, 1, 1).toordinal()), "le"
        else:
            assert window.since is not None
            start, op = self.value(window.since, rows, {"this": 0, alias: 0}, {0: table}), "le"
        over = np.asarray(day.values > self.day, np.bool_)
        if day.given is not None:
            over = over & day.given
        inside = settled(compare(op, start, Column(day.values), sure=True), both_given(start, day), sure=sure)
        return inside & ~over

    def _back(self, window: Window) -> Column:
        """Return the day as far back as a window reaches."""
        key = (window.amount, window.unit)
        if key not in self._moved:
            back = Shift(-window.amount, window.unit)
            self._moved[key] = shifted(single(self.day), back, self.rulebook.calendar)
        column: Column = self._moved[key]
        return column

    def _active(self, pattern: Pattern, table: Table, *, sure: bool) -> Flags:
        lasting = self.rulebook.types[pattern.type].lasting
        assert lasting is not None
        start = table.columns[lasting.start]
        inside = np.asarray(start.values <= self.day, np.bool_)
        if lasting.end is not None:
            end = table.columns[lasting.end]
            before = self.day <= end.values if lasting.end_included else self.day < end.values
            inside = inside & (before if end.given is None else before | ~end.given)
        return settled(inside if pattern.active else ~inside, start.given, sure=sure)

    # Other facts

    def exists(self, pattern: Pattern, rows: Rows, scope: Scope, *, sure: bool) -> Flags:
        """Return in which rows some fact other than those bound fits (or may fit) a pattern."""
        table = self.tables[pattern.type]
        fitting = self.fitting_rows(pattern, sure=sure)
        twins = [n for n, name in self.bound_types.items() if name == pattern.type and n in rows.at]
        joined = self.patterns.parts(pattern).joined
        if not joined:
            count = np.bincount(table.p[fitting], minlength=self.size)[rows.p]
            for twin in twins:
                count = count - self.fitting(pattern, sure=sure)[rows.at[twin]]
            return count > 0
        left, right = self.paired(rows, table, fitting, joined, scope, sure=sure)
        found = replace(rows.keep(left))
        found.at[OTHER] = fitting[right]
        fits = np.ones(len(left), np.bool_)
        for test in joined:
            fits = fits & self.pattern_test(pattern, test, found, OTHER, scope, sure=sure)
        for twin in twins:
            fits = fits & (found.at[twin] != found.at[OTHER])
        return np.bincount(left[fits], minlength=len(rows.p)) > 0

    def paired(
        self,
        rows: Rows,
        table: Table,
        fitting: Ints,
        joined: Sequence[Test],
        scope: Scope,
        *,
        sure: bool,
    ) -> tuple[Ints, Ints]:
        """Return pairs (row, place among the fitting) that may belong together: of one producer and one key."""
        p = table.p[fitting]
        for test in joined:
            if test.op == "eq" and isinstance(test.operand, Ref):
                theirs = self.value(test.operand, rows, scope, self.bound_tables())
                return keyed_pairs((rows.p, theirs), (p, table.columns[test.name].take(fitting)), sure=sure)
        return pairs(rows.p, p)

    def absent(self, pattern: Pattern, rows: Rows, scope: Scope, *, sure: bool) -> Flags:
        """Return in which rows no fact fits (or may fit); unknown where a value it is compared with is missing."""
        absent = ~self.exists(pattern, rows, scope, sure=not sure)
        for test in self.patterns.parts(pattern).joined:
            assert isinstance(test.operand, Ref)
            absent = settled(absent, self.value(test.operand, rows, scope, self.bound_tables()).given, sure=sure)
        return absent

    def came_to(self, clause: OutcomeTest) -> Flags:
        """Return who came to an outcome."""
        came: Flags = np.zeros(self.size, np.bool_)
        for (what, name), flags in self.outcome.items():
            if what == clause.what and (not clause.names or name in clause.names):
                came = came | flags
        return ~came if clause.negated else came


ALL: Any = slice(None)
"""All rows of a table, which need not be gathered."""
OTHER = -1
"""The number of a fact that is looked for and not bound."""


def measured_shape(rulebook: Rulebook, measure: Measure) -> Field | None:
    """Return the field whose value a measure has, None where it is a number of its own."""
    body = measure.body
    if isinstance(body, Aggregate) and body.field is not None and body.how != "distinct":
        return rulebook.types[body.pattern.type].fields[body.field]
    return None
