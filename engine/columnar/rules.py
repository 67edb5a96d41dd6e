"""Rules matched against all producers at once: which fire, how often, and what they ask for or conclude."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.columnar.columns import Column, Flags, Ints, Numbers, computed, first_of_each, pairs, where
from engine.columnar.conditions import Knowledge, Rows, Scope
from engine.columnar.measures import applicable
from engine.columnar.population import Table
from engine.columnar.ways import Condition, OwnTest, Way, decisive, ways_of
from knowledge.rulebook import Rulebook
from knowledge.rules import (
    Absent,
    AnyOf,
    DateTest,
    FixedPoints,
    FormulaPoints,
    Match,
    MeasureTest,
    OutcomeTest,
    ProducerTest,
    Rule,
    SteppedPoints,
    TablePoints,
)


@dataclass(slots=True)
class Fired:
    """All firings of one rule, sorted by producer where it matters to nobody."""

    rule: Rule
    p: Ints
    points: Numbers | None
    """What each asks for; None where the rule takes no points."""
    gives: Mapping[str, Column]
    rounds: Ints | None
    """The longest chain of rules among its premises, where that is asked for."""


class RuleMatcher:
    """One rule, ready to be matched."""

    def __init__(self, rulebook: Rulebook, rule: Rule, *, with_rounds: bool) -> None:
        self.rule = rule
        self._rulebook, self._with_rounds = rulebook, with_rounds
        self._ways = ways_of(rulebook, rule, all_premises=with_rounds)
        self._decisive = decisive(rulebook, rule)
        self._grouped = [name for name in self._decisive if rulebook.measures[name].per is not None]
        points = rule.points
        self._cap = rulebook.standards[rule.target].points if rule.kind == "standard" else 0
        if isinstance(points, SteppedPoints) and rulebook.measures[points.measure].per is not None:
            self._stepped_by = "group"
        else:
            self._stepped_by = "producer" if isinstance(points, SteppedPoints) else ""

    def match(self, known: Knowledge) -> Fired:
        """Return all its firings."""
        asked = self.asked(known)
        points = None
        if self._stepped_by == "producer":
            points = self._steps(known, Rows(known.everyone, {}))
            asked = asked & (points >= 0)
        found: list[tuple[Way, Rows]] = []
        if asked.any():
            found = [(way, rows) for way in self._ways if len((rows := self._rows(known, way, asked)).p)]
        known.bound_types = self._ways[0].types if self._ways else {}
        return self._fired(known, found, points)

    def asked(self, known: Knowledge) -> Flags:
        """Return of whom it is asked at all."""
        rule, asked = self.rule, ~known.refused
        if rule.applies_to is not None:
            asked = asked & known.of_kinds(rule.applies_to)
        if rule.kind == "standard" and rule.target in known.suspended:
            asked = asked & ~known.suspended[rule.target]
        for name in self._decisive:
            has = applicable(known, name)
            asked = asked if has is None else asked & has
        return asked

    # Rows

    def _is_there(self, known: Knowledge, way: Way) -> bool:
        """Say whether each pattern of a way fits some fact of anybody."""
        sure = not self.rule.unknown_fires
        return all(len(known.fitting_rows(pattern, sure=sure)) for pattern, _ in way.bound)

    def _rows(self, known: Knowledge, way: Way, asked: Flags) -> Rows:
        sure = not self.rule.unknown_fires
        known.bound_types = way.types
        if way.bound and not self._grouped:
            rows = self._first(known, way, asked, sure=sure)
            return self._bound(known, way, self._kept(known, way, 1, rows, sure=sure), 1, sure=sure)
        rows = Rows(where(asked), {})
        if self._grouped:
            rows = self._by_group(known, asked)
            if self._stepped_by == "group":
                rows = rows.keep(where(self._steps(known, rows) >= 0))
        return self._bound(known, way, self._kept(known, way, 0, rows, sure=sure), 0, sure=sure)

    def _first(self, known: Knowledge, way: Way, asked: Flags, *, sure: bool) -> Rows:
        """Return a row for each fact that fits the first pattern, where nothing else keeps the rule from firing."""
        pattern, _ = way.bound[0]
        p = known.tables[pattern.type].p
        chosen = known.fitting_rows(pattern, sure=sure)
        chosen = chosen[asked[p[chosen]]]
        return self._kept(known, way, 0, Rows(p[chosen], {0: chosen}), sure=sure)

    def _bound(self, known: Knowledge, way: Way, rows: Rows, first: int, *, sure: bool) -> Rows:
        """Return the rows with all patterns from one on bound."""
        for number in range(first, len(way.bound)):
            if not len(rows.p):
                return rows
            rows = self._bind(known, way, number, rows, sure=sure)
            rows = self._kept(known, way, number + 1, rows, sure=sure)
        return rows

    def _by_group(self, known: Knowledge, asked: Flags) -> Rows:
        """Return a row for each group for which all measures with groups have a value."""
        first, *others = (known.groups[name] for name in self._grouped)
        chosen = where(asked[first.p])
        rows = Rows(first.p[chosen], {}, first.keys.take(chosen), {self._grouped[0]: first.values.take(chosen)})
        for name, other in zip(self._grouped[1:], others, strict=True):
            assert rows.group is not None
            left, right = pairs(rows.p, other.p)
            same = where(rows.group.values[left] == other.keys.values[right])
            rows = rows.keep(left[same])
            rows.by_group[name] = other.values.take(right[same])
        return rows

    def _bind(self, known: Knowledge, way: Way, number: int, rows: Rows, *, sure: bool) -> Rows:
        """Return the rows with every fact that fits the next pattern and is not bound yet."""
        pattern, scope = way.bound[number]
        table = known.tables[pattern.type]
        fitting = known.fitting_rows(pattern, sure=sure)
        joined = [
            condition.test
            for condition, _ in way.at[number + 1]
            if isinstance(condition, OwnTest) and condition.number == number
        ]
        left, right = known.paired(rows, table, fitting, joined, scope, sure=sure)
        rows = rows.keep(left)
        rows.at[number] = fitting[right]
        for twin, name in way.types.items():
            if twin < number and name == pattern.type:
                rows = rows.keep(where(rows.at[twin] != rows.at[number]))
        return rows

    def _kept(self, known: Knowledge, way: Way, depth: int, rows: Rows, *, sure: bool) -> Rows:
        """Return the rows that meet the conditions of a depth."""
        for condition, scope in way.at[depth]:
            if not len(rows.p):
                break
            holds = self._holds(known, condition, scope, rows, sure=sure)
            if not holds.all():
                rows = rows.keep(where(holds))
        return rows

    def _holds(self, known: Knowledge, condition: Condition, scope: Scope, rows: Rows, *, sure: bool) -> Flags:
        match condition:
            case OwnTest(number, pattern, test):
                return known.pattern_test(pattern, test, rows, number, scope, sure=sure)
            case MeasureTest(tests=tests):
                return _all(rows, [known.measure_test(test, rows, sure=sure) for test in tests])
            case ProducerTest(tests=tests):
                return _all(rows, [known.producer_test(test, rows, scope, sure=sure) for test in tests])
            case DateTest(test=test):
                return known.date_test(test, rows, scope, sure=sure)
            case Match(pattern=pattern):
                return known.exists(pattern, rows, scope, sure=sure)
            case Absent(pattern=pattern):
                return known.absent(pattern, rows, scope, sure=sure)
            case OutcomeTest():
                return known.came_to(condition)[rows.p]
            case AnyOf():
                return self._some(known, condition, scope, rows, sure=sure)

    def _some(self, known: Knowledge, clause: AnyOf, scope: Scope, rows: Rows, *, sure: bool) -> Flags:
        some = np.zeros(len(rows.p), np.bool_)
        for alternative in clause.alternatives:
            each = [self._holds(known, part, scope, rows, sure=sure) for part in alternative]
            some = some | _all(rows, each)
        return some

    # What comes of them

    def _fired(self, known: Knowledge, found: Sequence[tuple[Way, Rows]], points: Ints | None) -> Fired:
        rule, keys = self.rule, len(self.rule.for_each)
        rounds = None
        if not found:
            none = np.empty(0, np.int64)
            gives = {name: Column(none) for name in rule.gives}
            return Fired(rule, none, None if rule.points is None else none, gives, none if self._with_rounds else None)
        rows = _together([rows for _, rows in found], keys)
        plain = len(found) == 1 and len(found[0][0].bound) == keys
        which: Ints | None = None
        if not plain:
            own = [rows.p, *(rows.at[number] for number in range(keys))]
            own += [] if rows.group is None else [rows.group.values]
            first, which = first_of_each(own)
            rows = rows.keep(first)
        if self._with_rounds:
            longest = [_rounds(known, way, some) for way, some in found]
            every = np.concatenate(longest) if longest else np.empty(0, np.int64)
            rounds = every if which is None else np.zeros(len(rows.p), np.int64)
            if which is not None:
                np.maximum.at(rounds, which, every)
        amounts = self._points(known, rows, points)
        if amounts is not None and (bad := where(amounts < 0)).size:
            good = np.setdiff1d(np.arange(len(amounts)), bad, assume_unique=True)
            rows, amounts, rounds = rows.keep(good), amounts[good], None if rounds is None else rounds[good]
        return Fired(rule, rows.p, amounts, self._gives(known, rows), rounds)

    def _gives(self, known: Knowledge, rows: Rows) -> dict[str, Column]:
        scope, tables = self._key_scope(known)
        size = len(rows.p)
        return {name: known.value(expr, rows, scope, tables).spread(size) for name, expr in self.rule.gives.items()}

    def _key_scope(self, known: Knowledge) -> tuple[Scope, dict[int, Table]]:
        patterns = self.rule.for_each
        scope = {pattern.alias: number for number, pattern in enumerate(patterns)}
        return scope, {number: known.tables[pattern.type] for number, pattern in enumerate(patterns)}

    def _steps(self, known: Knowledge, rows: Rows) -> Ints:
        """Return the points of the first step that holds, -1 where none does."""
        assert isinstance(self.rule.points, SteppedPoints)
        points = np.full(len(rows.p), -1)
        for step in reversed(self.rule.points.steps):
            holds = np.ones(len(rows.p), np.bool_)
            for test in step.tests:
                holds = holds & known.measure_test(test, rows, sure=True)
            points = np.where(holds, min(step.points, self._cap), points)
        return points

    def _points(self, known: Knowledge, rows: Rows, stepped: Ints | None) -> Ints | None:
        """Return what each firing asks for, at most what its standard has; -1 where that has no value."""
        size, cap = len(rows.p), self._cap
        match self.rule.points:
            case None:
                return None
            case FixedPoints(points=points):
                return np.full(size, min(points, cap))
            case SteppedPoints():
                return self._steps(known, rows) if stepped is None else stepped[rows.p]
            case TablePoints(by=by, points=table):
                scope, tables = self._key_scope(known)
                column = known.value(by, rows, scope, tables)
                amounts = np.full(size, -1)
                for name, points in table.items():
                    amounts = np.where(column.values == known.texts.code(name), min(points, cap), amounts)
                return amounts if column.given is None else np.where(column.given, amounts, -1)
            case FormulaPoints(formula=formula):
                scope, tables = self._key_scope(known)
                column = computed(formula, lambda ref: known.value(ref, rows, scope, tables)).spread(size)
                amounts = np.clip(column.values, 0, cap).astype(np.int64)
                return amounts if column.given is None else np.where(column.given, amounts, -1)


def _all(rows: Rows, flags: Sequence[Flags]) -> Flags:
    every: Flags = np.ones(len(rows.p), np.bool_)
    for each in flags:
        every = every & each
    return every


def _together(found: Sequence[Rows], keys: int) -> Rows:
    """Return the rows of all ways, with their keys alone."""
    if len(found) == 1:
        return found[0]
    first = found[0]
    group = None
    if first.group is not None:
        group = Column(np.concatenate([rows.group.values for rows in found if rows.group is not None]))
    by_group = {name: Column(np.concatenate([rows.by_group[name].values for rows in found])) for name in first.by_group}
    at = {number: np.concatenate([rows.at[number] for rows in found]) for number in range(keys)}
    return Rows(np.concatenate([rows.p for rows in found]), at, group, by_group)


def _rounds(known: Knowledge, way: Way, rows: Rows) -> Ints:
    longest = np.zeros(len(rows.p), np.int64)
    for number, kind in way.types.items():
        rounds = known.tables[kind].rounds
        if rounds is not None:
            longest = np.maximum(longest, rounds[rows.at[number]])
    return longest
