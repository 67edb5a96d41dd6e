"""What it takes to reach a grade, in whole numbers: the parts that add up to it, and the inequalities they must meet.

A part is a standard, or everything below an indicator whose points are capped together. What a part comes to is taken
from gradings and never computed here; here it is only added up and compared with what the grade asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from engine.grading import Grading, IndicatorScore, StandardScore
from engine.measuring import divide
from engine.scoring import standing
from knowledge.rulebook import Band, Rulebook, Scoring

Amounts: TypeAlias = tuple[int, ...]
"""Of one part, with weights: points that count in the score, and points that don't apply. Then, for each indicator
that something is asked of: what the part adds to its standing, and whether it applies there (0 or 1)."""
LOST, OUTSIDE = 0, 1


@dataclass(frozen=True, slots=True)
class Row:
    """An inequality: the sum over all parts of amounts times `factors` is at least `least`."""

    factors: Amounts
    least: int


@dataclass(frozen=True, slots=True)
class Way:
    """One way of reaching a grade: all rows hold, and no standard has more than `worst` points."""

    rows: tuple[Row, ...]
    worst: int | None


@dataclass(frozen=True, slots=True)
class Part:
    """A standard or capped indicator, the standards in it, and the most that each amount comes to; the least is 0."""

    node: str
    standards: tuple[str, ...]
    most: Amounts


class Reckoning:
    """Which sums reach a grade or a better one under one rulebook."""

    def __init__(self, rulebook: Rulebook, place: int) -> None:
        self._rulebook, self._scoring, self.place = rulebook, rulebook.scoring, place
        self._grades = {band.grade: number for number, band in enumerate(rulebook.bands)}
        self._above = {name: self._path(name) for name in rulebook.standards}
        self._weights = {
            name: rulebook.indicators[path[1]].weight * rulebook.indicators[path[2]].weight
            for name, path in self._above.items()
        }
        self._total = sum(one.points * self._weights[name] for name, one in rulebook.standards.items())
        self._bands = tuple(self._worth_asking(rulebook.bands[: place + 1]))
        minimums = [i for i in rulebook.indicators.values() if i.minimum is not None and i.otherwise is not None]
        self._minimums = tuple(i for i in minimums if self._grades[str(i.otherwise)] > place)
        asked = [demand.indicator for band in self._bands for demand in band.demands]
        self._asked = tuple(dict.fromkeys([*asked, *(one.id for one in self._minimums)]))
        self.width = 2 + 2 * len(self._asked)
        self.parts = tuple(self._parts())
        self._part_of = {name: number for number, part in enumerate(self.parts) for name in part.standards}

    def limits(self) -> Iterator[str]:
        """Yield the rules of ceilings and vetoes that must not fire."""
        for rule in self._rulebook.rules:
            if rule.kind in ("ceiling", "veto") and rule.grade is not None and self._grades[rule.grade] > self.place:
                yield rule.id

    def amounts(self, grading: Grading) -> list[tuple[Amounts, int]]:
        """Return what each part came to, and the points of its worst standard."""
        lost = [0] * len(self.parts)
        for deduction in grading.deductions:
            if deduction.kind == "standard":
                lost[self._part_of[deduction.target]] += deduction.counted * self._weights[deduction.target]
        standards = {one.id: one for one in grading.standards}
        indicators = {one.id: one for one in grading.indicators}
        leaves = self._scoring.not_applicable == "leaves_the_fraction"
        found = []
        for points, part in zip(lost, self.parts, strict=True):
            own = [standards[name] for name in part.standards]
            out = sum(one.maximum * self._weights[one.id] for one in own if one.applies != "yes") if leaves else 0
            stands = [amount for name in self._asked for amount in self._stands(part, name, standards, indicators)]
            found.append(((points, out, *stands), max(one.points for one in own)))
        return found

    def reaches(self, amounts: Iterable[Amounts], worst: int) -> bool:
        """Say whether the sums reach the grade by score, and meet all minimums; limits aside."""
        sums = [sum(column) for column in zip(*amounts, strict=True)]
        value = self._value(sums[LOST], sums[OUTSIDE])
        stands = {name: (sums[2 + 2 * n], sums[3 + 2 * n]) for n, name in enumerate(self._asked)}
        for one in self._minimums:
            amount, applies = stands[one.id]
            if applies and not _meets(amount, *self._minimum_of(one.minimum)):
                return False
        return any(
            self._scores(band, value)
            and (band.worst_single is None or worst <= band.worst_single)
            and all(_meets(stands[d.indicator][0], d.at_least, d.at_most) for d in band.demands)
            for band in self._bands
        )

    def ways(self) -> tuple[Way, ...]:
        """Return the ways of reaching the grade as inequalities; none where it can't be reached by any score.

        They may let through what `reaches` refuses, and never refuse what it lets through.
        """
        return tuple(
            Way((*rows, *self._demanded(band)), band.worst_single)
            for band in self._bands
            for rows in self._score_rows(band)
        )

    def always_asked(self) -> tuple[tuple[int, Row], ...]:
        """Return for each indicator that must reach its minimum the place of what says it applies, and the row."""
        rows = []
        for one in self._minimums:
            low, high = self._minimum_of(one.minimum)
            place = 2 + 2 * self._asked.index(one.id)
            rows += [(place + 1, row) for row in self._bounds(place, low, high)]
        return tuple(rows)

    def _minimum_of(self, minimum: int | None) -> tuple[int | None, int | None]:
        return (minimum, None) if self._scoring.direction == "lost" else (None, minimum)

    def _path(self, standard: str) -> tuple[str, str, str]:
        level2 = self._rulebook.standards[standard].indicator
        return standard, level2, str(self._rulebook.indicators[level2].parent)

    def _parts(self) -> Iterator[Part]:
        indicators = self._rulebook.indicators
        nodes: dict[str, list[str]] = {}
        for name, (_, level2, level1) in self._above.items():
            capped = [node for node in (level1, level2) if indicators[node].at_most is not None]
            nodes.setdefault(capped[0] if capped else name, []).append(name)
        for node, names in nodes.items():
            heavy = sum(self._rulebook.standards[name].points * self._weights[name] for name in names)
            out = heavy if self._scoring.not_applicable == "leaves_the_fraction" else 0
            stands = []
            for asked in self._asked:
                own = [name for name in names if asked in self._above[name]]
                stands += [sum(self._rulebook.standards[name].points for name in own), int(bool(own))]
            yield Part(node, tuple(names), (heavy, out, *stands))

    def _stands(
        self, part: Part, asked: str, standards: dict[str, StandardScore], indicators: dict[str, IndicatorScore]
    ) -> tuple[int, int]:
        """Return what a part adds to an indicator's standing, and whether any of it applies."""
        if not any(asked in self._above[name] for name in part.standards):
            return 0, 0
        if part.node in standards:
            one = standards[part.node]
            maximum = one.maximum if one.applies == "yes" else 0
            amount = maximum - one.points if self._scoring.direction == "lost" else one.points
            return amount, int(maximum > 0)
        inside = part.node in (asked, self._rulebook.indicators[asked].parent)
        score = indicators[asked if inside else part.node]
        return standing(self._rulebook, score), int(score.maximum > 0)

    def _value(self, lost: int, outside: int) -> int:
        scoring, applicable = self._scoring, self._total - outside
        sign = -1 if scoring.direction == "lost" else 1
        value = scoring.start + sign * lost
        if outside and scoring.direction == "lost":
            left = scoring.start * (applicable - lost)
            value = divide(left, applicable, scoring.rounding) if applicable else scoring.start
        elif outside and applicable:
            value = scoring.start + divide(lost * self._total, applicable, scoring.rounding)
        return _clamped(scoring, value)

    def _scores(self, band: Band, value: int) -> bool:
        if self._scoring.better == "higher":
            return band.low is None or value >= band.low
        return band.high is None or value <= band.high

    def _worth_asking(self, bands: Sequence[Band]) -> Iterator[Band]:
        """Yield the bands that some score reaches, without those that ask for all that another does and more."""
        better = 1 if self._scoring.better == "higher" else -1
        kept: list[Band] = []
        for band in reversed(bands):
            edge = band.low if better > 0 else band.high
            bound = _clamped(self._scoring, 10**18 * better)
            if edge is not None and bound * better < edge * better:
                continue
            plain = [
                one.low if better > 0 else one.high for one in kept if not one.demands and one.worst_single is None
            ]
            if not any(other is None or (edge is not None and edge * better >= other * better) for other in plain):
                kept.append(band)
        yield from kept

    def _score_rows(self, band: Band) -> Iterator[tuple[Row, ...]]:
        scoring = self._scoring
        edge = band.low if scoring.better == "higher" else band.high
        if edge is None or self._scores(band, _clamped(scoring, -(10**18) if scoring.better == "higher" else 10**18)):
            yield ()
            return
        may_leave = scoring.not_applicable == "leaves_the_fraction"
        # where the scaled sum is the plain one as long as all applies, one inequality says both
        same = scoring.direction == "gained" or scoring.start == self._total
        if not (may_leave and same):
            yield (self._plain_row(edge), *((self._row({OUTSIDE: -1}, 0),) if may_leave else ()))
        if may_leave:
            yield (self._scaled_row(edge), *(() if same else (self._row({OUTSIDE: 1}, 1),)))

    def _plain_row(self, edge: int) -> Row:
        sign = -1 if self._scoring.direction == "lost" else 1
        if self._scoring.better == "higher":
            return self._row({LOST: sign}, edge - self._scoring.start)
        return self._row({LOST: -sign}, self._scoring.start - edge)

    def _scaled_row(self, edge: int) -> Row:
        """Return `value at least edge` (at most, where lower is better), multiplied out.

        The value is (p x lost + q x applicable) / applicable, rounded. Where it is at least k,
        m x (p x lost + q x applicable) + e x applicable is at least 0; where it is less, at most 0.
        """
        scoring, higher = self._scoring, self._scoring.better == "higher"
        k = edge if higher else edge + 1
        p, q = (-scoring.start, scoring.start) if scoring.direction == "lost" else (self._total, 0)
        k -= 0 if scoring.direction == "lost" else scoring.start
        m, e = {"down": (1, -k), "up": (1, 1 - k), "half_up": (2, 1 - 2 * k)}[scoring.rounding]
        per_point = m * q + e
        if higher:
            return self._row({LOST: m * p, OUTSIDE: -per_point}, -per_point * self._total)
        return self._row({LOST: -m * p, OUTSIDE: per_point}, per_point * self._total)

    def _demanded(self, band: Band) -> Iterator[Row]:
        for demand in band.demands:
            yield from self._bounds(2 + 2 * self._asked.index(demand.indicator), demand.at_least, demand.at_most)

    def _bounds(self, place: int, low: int | None, high: int | None) -> Iterator[Row]:
        if low is not None:
            yield self._row({place: 1}, low)
        if high is not None:
            yield self._row({place: -1}, -high)

    def _row(self, factors: dict[int, int], least: int) -> Row:
        return Row(tuple(factors.get(place, 0) for place in range(self.width)), least)


def _meets(amount: int, low: int | None, high: int | None) -> bool:
    return (low is None or amount >= low) and (high is None or amount <= high)


def _clamped(scoring: Scoring, value: int) -> int:
    if scoring.floor is not None:
        value = max(value, scoring.floor)
    return value if scoring.ceiling is None else min(value, scoring.ceiling)
