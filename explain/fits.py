"""Which facts fit a pattern best, for all patterns of the rules that one case is asked about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from engine.atoms import Bound, Values
from explain.courses import NEW_FACT, Key
from explain.ground import Ground
from explain.tester import FAILS, Join, Tester, count, joins, tester
from knowledge.rules import Pattern, Rule

MOST_CANDIDATES: Final = 6
"""Facts that are tried for one pattern, those that fit best."""

Row: TypeAlias = tuple[str, Values]


@dataclass(frozen=True, slots=True)
class Asked:
    """The facts of a pattern's type with what fails of each alone, and the comparisons with what others bind."""

    rows: Sequence[tuple[int, Row]]
    joins: Sequence[Join]


_NOTHING: Final = Asked((), ())


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fact that a pattern may be bound to; `row` None stands for one that isn't there."""

    key: Key
    pattern: Pattern
    asked: Asked
    fails: int
    row: Row | None
    lacks: int
    size: int
    """Whether it fails by itself, and in how many comparisons."""


class Fits:
    """The facts of one case, tried against patterns; what was tried once is kept."""

    def __init__(self, ground: Ground) -> None:
        self._ground, self._compare = ground, ground.compare
        self._reads = ground.shelf.reads
        self._joined: dict[Any, Any] = ground.shelf.notes("joins")
        self._testers: dict[Any, Any] = ground.shelf.notes("testers", ground.case.as_of)
        self._tried: dict[int, Asked] = {}
        self._offered: dict[int, list[Candidate]] = {}
        self._rows: dict[str, list[Row]] = {}

    def rows(self, kind: str) -> list[Row]:
        """Return what rules may see of a type."""
        if kind not in self._rows:
            self._rows[kind] = [(one.id, one.values) for one in self._ground.visible(kind)]
        return self._rows[kind]

    def offers(self, rule: Rule, key: Key, pattern: Pattern) -> list[Candidate]:
        """Return what a pattern may be bound to, what fits best first, and last a fact that isn't there."""
        found = self._offered.get(id(pattern))
        if found is None:
            asked = self.asked(pattern)
            found = [
                Candidate(key, pattern, asked, fails, row, *weighed(rule, fails))
                for fails, row in asked.rows[:MOST_CANDIDATES]
            ]
            found.append(Candidate(key, pattern, asked, 0, None, 1, NEW_FACT))
            self._offered[id(pattern)] = found
        return found

    def asked(self, pattern: Pattern) -> Asked:
        """Return the facts of a pattern's type, those that fit best first, by what it asks of them alone."""
        found = self._tried.get(id(pattern))
        if found is None:
            rows = self.rows(pattern.type)
            if rows:
                fails = self._tester(pattern)
                tried = [(fails(row[1]), row) for row in rows]
                tried.sort(key=_by_fit)
                found = Asked(tried, self._joins(pattern) if self._reads[id(pattern)] else ())
            else:
                found = _NOTHING
            self._tried[id(pattern)] = found
        return found

    def _joins(self, pattern: Pattern) -> tuple[Join, ...]:
        if id(pattern) not in self._joined:
            self._joined[id(pattern)] = joins(self._compare, pattern)
        kept: tuple[Join, ...] = self._joined[id(pattern)]
        return kept

    def _tester(self, pattern: Pattern) -> Tester:
        """Return how badly facts fit a pattern; the same for all producers, unless it asks something of them."""
        if id(pattern) in self._ground.shelf.about_producers:
            return tester(self._compare, pattern)
        if id(pattern) not in self._testers:
            self._testers[id(pattern)] = tester(self._compare, pattern)
        kept: Tester = self._testers[id(pattern)]
        return kept

    def cost(self, rule: Rule, chosen: Iterable[Candidate], scope: Bound) -> tuple[int, int]:
        """Return how many patterns fail with a binding, and in how many comparisons."""
        lacks = size = 0
        for one in chosen:
            if one.row is None or not one.asked.joins:
                lacks += one.lacks
                size += one.size
            else:
                values = one.row[1]
                more = weighed(rule, one.fails + sum([join(values, scope) for join in one.asked.joins]))
                lacks += more[0]
                size += more[1]
        return lacks, size


def alone(one: Candidate) -> tuple[int, int]:
    """Return what a candidate costs by itself, as `cost` does."""
    return one.lacks, one.size


def weighed(rule: Rule, fails: int) -> tuple[int, int]:
    """Return whether a fact that fails so much fails its pattern (0, 1), and in how many comparisons."""
    return (1, count(fails)) if fails >= FAILS or (fails and not rule.unknown_fires) else (0, 0)


def _by_fit(tried: tuple[int, Row]) -> tuple[int, str]:
    return tried[0], tried[1][0]
