"""For whom one change to a rulebook comes out otherwise, found without grading anybody anew.

All that is known of everybody under the rulebook as it is stays, and only what was changed is looked at again.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
import numpy as np

from engine.case import CaseFile
from engine.columnar.columns import Column, Flags, Ints, Numbers, first_of_each, where
from engine.columnar.conditions import Knowledge
from engine.columnar.grader import Columnar
from engine.columnar.measures import compute
from engine.columnar.population import population_of
from engine.columnar.rules import Fired, RuleMatcher
from knowledge.rulebook import Measure, Rulebook
from knowledge.rules import Rule

_T = TypeVar("_T")


@dataclass(slots=True)
class _Day:
    """The cases of one day, and what is known of them."""

    places: Ints
    known: Knowledge
    fired: dict[str, tuple[Fired, Flags]] = field(default_factory=dict)
    """By rule: its firings, and whom it is asked of."""


class Probe:
    """Cases that have been graded under one rulebook, to be asked about others that differ in one place."""

    def __init__(self, rulebook: Rulebook, cases: Sequence[CaseFile]) -> None:
        self._rulebook, self._size = rulebook, len(cases)
        columnar = Columnar(rulebook)
        self._recursive = columnar.recursive
        by_day: dict[int, list[int]] = {}
        for place, case in enumerate(cases):
            by_day.setdefault(case.as_of, []).append(place)
        self._days = [
            _Day(np.array(places), columnar.know(population_of(rulebook, [cases[place] for place in places]), day))
            for day, places in by_day.items()
        ]

    def touched(self, changed: Rulebook) -> list[int]:
        """Return the places of the cases that a changed rulebook may decide otherwise, ascending.

        It may differ in rules and measures, which read no type of fact that they didn't read, or in whatever decides
        scores and grades. All other cases come to the same grade, points, findings, limits, statuses, consequences and
        measures, by the same rules. What may still differ of them is the verdict of a changed rule that doesn't fire,
        and the day of the next change.
        """
        touched = np.zeros(self._size, np.bool_)
        rules = list(_changed(self._rulebook.rules, changed.rules))
        measures = list(_changed(self._rulebook.measures.values(), changed.measures.values()))
        parts = self._rulebook.standards, self._rulebook.indicators, self._rulebook.bands, self._rulebook.scoring
        if parts != (changed.standards, changed.indicators, changed.bands, changed.scoring) or any(
            old.id in self._recursive for old, _ in rules
        ):
            return list(range(self._size))
        for day in self._days:
            here = np.zeros(len(day.places), np.bool_)
            for old, new in rules:
                here |= self._by_rule(day, changed, old, new)
            for _, measure in measures:
                here |= _by_measure(day.known, measure)
            touched[day.places] = here
        return [int(place) for place in where(touched)]

    def _by_rule(self, day: _Day, changed: Rulebook, old: Rule, new: Rule) -> Flags:
        if old.id not in day.fired:
            day.fired[old.id] = _matched(day.known, self._rulebook, old)
        before, asked = day.fired[old.id]
        after, asked_now = _matched(day.known, changed, new)
        touched: Flags = asked != asked_now
        touched[_differing(_firings(before), _firings(after))] = True
        if _consequences(old) != _consequences(new):
            touched[before.p] = touched[after.p] = True
        return touched


def _changed(before: Iterable[_T], after: Iterable[_T]) -> Iterator[tuple[_T, _T]]:
    for old, new in zip(before, after, strict=True):
        if old is not new and old != new:
            yield old, new


def _consequences(rule: Rule) -> Rule:
    """Return a rule without what decides when it fires, what it gives and what each firing asks for."""
    return msgspec.structs.replace(rule, for_each=(), when=(), applies_to=None, gives={}, points=None)


def _matched(known: Knowledge, rulebook: Rulebook, rule: Rule) -> tuple[Fired, Flags]:
    matcher = RuleMatcher(rulebook, rule, with_rounds=False)
    return matcher.match(known), matcher.asked(known)


def _by_measure(known: Knowledge, measure: Measure) -> Flags:
    other = copy.copy(known)
    other.measures, other.groups = dict(known.measures), dict(known.groups)
    compute(other, measure)
    touched = np.zeros(known.size, np.bool_)
    touched[_differing(_values(known, measure.name), _values(other, measure.name))] = True
    return touched


def _firings(fired: Fired) -> list[Numbers]:
    size = len(fired.p)
    columns = [column for name in sorted(fired.gives) for column in _told(fired.gives[name], size)]
    return [fired.p, *([] if fired.points is None else [fired.points]), *columns]


def _values(known: Knowledge, name: str) -> list[Numbers]:
    if name in known.groups:
        groups = known.groups[name]
        size = len(groups.p)
        return [groups.p, *_told(groups.keys, size), *_told(groups.values, size)]
    return [known.everyone, *_told(known.measures[name], known.size)]


def _told(column: Column, size: int) -> Iterator[Numbers]:
    column = column.spread(size)
    given = column.known(size)
    yield given
    yield np.where(given, column.values, 0)


def _differing(before: Sequence[Numbers], after: Sequence[Numbers]) -> Ints:
    """Return the producers (first of the keys) whose rows are not the same, each as often."""
    keys = [np.concatenate([old, new]) for old, new in zip(before, after, strict=True)]
    _, which = first_of_each(keys)
    sign = np.ones(len(which))
    sign[len(before[0]) :] = -1
    balance = np.bincount(which, weights=sign)
    return np.asarray(keys[0][balance[which] != 0], np.int64)
