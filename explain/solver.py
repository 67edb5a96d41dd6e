"""The 0/1 program behind plans: which deeds reach a grade for the least effort, by scipy's HiGHS.

HiGHS computes in floats. Every coefficient here is a whole number and every inequality of points is widened by half a
unit, so that rounding never refuses what holds; what is let through too many is refused by whoever asks, in whole
numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from explain.reckoning import Amounts, Row, Way
from knowledge.problems import EngineFailure

_HALF = 0.5
_LARGEST = 1000.0
"""Coefficients of inequalities are scaled down to this size."""


@dataclass(slots=True)
class Tabled:
    """What one part comes to by the deeds that touch it: `known` by set of deeds, as bits within `deeds`.

    What isn't known yet is taken for the best that `most` allows.
    """

    deeds: int
    most: Amounts
    known: dict[int, Amounts] = field(default_factory=dict)
    worst: dict[int, int] = field(default_factory=dict)
    """Points of its worst standard."""

    @property
    def complete(self) -> bool:
        """Say whether every set of its deeds is known."""
        return len(self.known) == 1 << self.deeds.bit_count()


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the solver: costs by deed, the parts, the ways, and what may not be.

    `forbidden` are (deeds, set): no choice may come to exactly that set among those deeds. `never_all` are sets of
    which one must be left out. `one_of` are sets of which one at least must be done.
    """

    costs: Sequence[int]
    parts: Sequence[Tabled]
    ways: Sequence[Way]
    always: Sequence[Row]
    forbidden: Sequence[tuple[int, int]]
    never_all: Sequence[int]
    one_of: Sequence[int]


def cheapest(question: Question) -> int | None:
    """Return a set of deeds, as bits, of the least cost that meets everything asked; None where there is none.

    Raises:
        EngineFailure: the solver gave up.
    """
    program = _Program(question)
    if not question.ways or not program.possible():
        return None
    return program.solve()


class _Program:
    """One question laid out in columns: deeds, ways, and for parts that several deeds touch one for each set known."""

    def __init__(self, question: Question) -> None:
        self._question, self._deeds = question, len(question.costs)
        self._columns = self._deeds + len(question.ways)
        self._rows: list[tuple[dict[int, float], float]] = []
        self._sums: list[tuple[Tabled, dict[int, int]]] = []
        for part in question.parts:
            self._lay_out(part)

    def possible(self) -> bool:
        """Say whether each inequality holds for itself when every part is at its best for it."""
        best = [any(all(self._best(row) >= row.least for row in way.rows) for way in self._question.ways)]
        best += [self._best(row) >= row.least for row in self._question.always]
        return all(best)

    def _best(self, row: Row) -> int:
        best = 0
        for part in self._question.parts:
            values = [_times(row.factors, amounts) for amounts in part.known.values()]
            best += max(values if part.complete else [*values, _most(row.factors, part.most)])
        return best

    def _lay_out(self, part: Tabled) -> None:
        """Give a part its columns: one for each known set of its deeds, and one for those that aren't known."""
        if part.deeds == 0 or (part.deeds.bit_count() == 1 and part.complete):
            self._sums.append((part, {}))
            return
        places = {}
        for known in part.known:
            place = places[known] = self._column()
            for deed in _bits(part.deeds):
                if known >> deed & 1:  # column <= deed
                    self._rows.append(({deed: 1, place: -1}, 0))
                else:
                    self._rows.append(({deed: -1, place: -1}, -1))
        if not part.complete:
            place = places[-1] = self._column()
            for known in part.known:
                differs, least = _differs(part.deeds, known)
                self._rows.append(({**differs, place: -1}, least - 1))
        self._rows.append((dict.fromkeys(places.values(), 1), 1))
        self._rows.append((dict.fromkeys(places.values(), -1), -1))
        self._sums.append((part, places))

    def _column(self) -> int:
        self._columns += 1
        return self._columns - 1

    def solve(self) -> int | None:
        question, ways = self._question, range(self._deeds, self._deeds + len(self._question.ways))
        rows = self._rows
        rows.append((dict.fromkeys(ways, 1), 1))
        for way, column in zip(question.ways, ways, strict=True):
            for row in way.rows:
                self._inequality(row, column)
            self._worst(way, column)
        for row in question.always:
            self._inequality(row, None)
        for deeds, chosen in question.forbidden:
            differs, least = _differs(deeds, chosen)
            rows.append((differs, least))
        rows += [(dict.fromkeys(_bits(deeds), -1), 1 - deeds.bit_count()) for deeds in question.never_all]
        rows += [(dict.fromkeys(_bits(deeds), 1), 1) for deeds in question.one_of]
        return self._asked(rows)

    def _inequality(self, row: Row, way: int | None) -> None:
        """Add a row; it holds only where its way is taken."""
        terms: dict[int, float] = {}
        constant = 0
        lowest = 0
        for part, places in self._sums:
            values = {known: _times(row.factors, amounts) for known, amounts in part.known.items()}
            if places:
                values |= {-1: _most(row.factors, part.most)} if -1 in places else {}
                terms |= {places[known]: value for known, value in values.items() if value}
            elif part.deeds:
                constant += values[0]
                deed = part.deeds.bit_length() - 1
                terms[deed] = terms.get(deed, 0) + values[part.deeds] - values[0]
            else:
                constant += values[0]
            lowest += min(values.values())
        least = row.least - constant - _HALF
        slack = row.least - lowest
        if way is not None and slack > 0:
            terms[way] = -slack
            least -= slack
        # HiGHS takes a millionth too little for enough; among numbers of this size that is far less than half a unit.
        scale = max(1.0, max((abs(term) for term in terms.values()), default=0) / _LARGEST)
        self._rows.append(({column: term / scale for column, term in terms.items()}, least / scale))

    def _worst(self, way: Way, column: int) -> None:
        for part in self._question.parts if way.worst is not None else ():
            for known, points in part.worst.items():
                if points > (way.worst or 0):
                    differs, least = _differs(part.deeds, known)
                    self._rows.append(({**differs, column: -1}, least - 1))

    def _asked(self, rows: Sequence[tuple[Mapping[int, float], float]]) -> int | None:
        matrix = np.zeros((len(rows), self._columns))
        least = np.empty(len(rows))
        for place, (terms, bound) in enumerate(rows):
            matrix[place, list(terms)] = list(terms.values())
            least[place] = bound
        costs = np.zeros(self._columns)
        costs[: self._deeds] = self._question.costs
        whole = np.zeros(self._columns)
        whole[: self._deeds + len(self._question.ways)] = 1
        # It takes a third of a second, for which only those should wait who ask for a plan.
        from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415

        # Where it has to mend what its reductions left, HiGHS writes a line of its own to standard output.
        found = milp(
            costs, constraints=LinearConstraint(matrix, lb=least), integrality=whole, bounds=Bounds(0, 1),
            options={"mip_rel_gap": 0, "presolve": False},
        )  # fmt: skip
        if found.status == 2:
            return None
        if found.status != 0:
            raise EngineFailure(f"the solver of plans gave up: {found.message}")
        return sum(1 << deed for deed in range(self._deeds) if found.x[deed] > _HALF)


def _differs(deeds: int, chosen: int) -> tuple[dict[int, float], int]:
    """Return terms and bound of `the choice among these deeds differs from that set`."""
    terms: dict[int, float] = {deed: -1 if chosen >> deed & 1 else 1 for deed in _bits(deeds)}
    return terms, 1 - chosen.bit_count()


def _bits(deeds: int) -> list[int]:
    return [place for place in range(deeds.bit_length()) if deeds >> place & 1]


def _times(factors: Amounts, amounts: Amounts) -> int:
    return sum(factor * amount for factor, amount in zip(factors, amounts, strict=True))


def _most(factors: Amounts, most: Amounts) -> int:
    return sum(factor * amount for factor, amount in zip(factors, most, strict=True) if factor > 0)
