"""Points to scores to grades for all producers at once, in exact whole numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.columnar.columns import Flags, Ints, divided, where
from engine.columnar.conditions import Knowledge
from engine.columnar.measures import applicable
from engine.columnar.rules import Fired
from engine.columnar.ways import decisive
from knowledge.rulebook import Band, Rulebook, Standard

YES, KIND, NOTHING, SUSPENDED = range(4)
APPLIES = ("yes", "kind", "nothing_to_measure", "suspended")


@dataclass(slots=True)
class Scores:
    """What the points of a population come to, by row."""

    points: dict[str, Ints]
    """Lost (gained) after caps by standard and indicator."""
    applies: dict[str, Ints]
    """By standard: a place in `APPLIES`."""
    score: Ints
    score_grade: Ints
    """A place among the bands."""
    grade: Ints
    limits: list[tuple[str, str, Ints, Ints]]
    """(id, kind, rows, grade of each) of the ceilings, vetoes and missed minimums that apply."""
    statuses: list[tuple[str, Ints]]


class Scorer:
    """A rulebook's caps, weights, bands and limits."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._book = rulebook
        standards, indicators = rulebook.standards, rulebook.indicators
        self._path = {name: (one.indicator, indicators[one.indicator].parent or "") for name, one in standards.items()}
        self._weight = {name: indicators[a].weight * indicators[b].weight for name, (a, b) in self._path.items()}
        self._total = sum(one.points * self._weight[name] for name, one in standards.items())
        self._caps = {rule.id: rule.at_most for rule in rulebook.rules}
        self._below: dict[str, list[str]] = {name: [] for name in indicators}
        """By indicator: the standards below it."""
        for name, path in self._path.items():
            for indicator in path:
                self._below[indicator].append(name)
        self._mixed = [
            name
            for name, one in indicators.items()
            if one.level == 1 and one.at_most is not None and len({self._weight[s] for s in self._below[name]}) > 1
        ]
        """Level-1 indicators whose cap leaves now these, now those weighted points, by the order of inference."""
        self._rank = {band.grade: place for place, band in enumerate(rulebook.bands)}
        self._needs = {
            name: tuple(
                (rule.applies_to, tuple(decisive(rulebook, rule)))
                for rule in rulebook.rules
                if rule.kind == "standard" and rule.target == name
            )
            for name in standards
        }

    @property
    def needs_order(self) -> bool:
        """Whether scores depend on the order of inference."""
        return bool(self._mixed)

    def score(self, known: Knowledge, fired: Sequence[Fired], stages: Mapping[str, int]) -> Scores:
        """Return what the firings come to; `stages` of the rules."""
        applies = self._applies(known)
        points = self._points(known, fired)
        weighted = self._weighted(known, points, fired, stages)
        score = self._score(known, weighted, applies)
        maxima = self._maxima(known, applies)
        score_grade = self._bands(known, score, points, maxima)
        limits = self._limits(known, fired) + self._missed(points, maxima)
        grade = score_grade.copy()
        for _, _, rows, grades in limits:
            grade[rows] = np.maximum(grade[rows], grades)
        statuses = []
        for name in self._book.producer_statuses:
            own = [one.p for one in fired if one.rule.kind == "status" and one.rule.target == name]
            statuses.append((name, np.unique(np.concatenate([np.empty(0, np.int64), *own]))))
        return Scores(points, applies, score, score_grade, grade, limits, statuses)

    def _applies(self, known: Knowledge) -> dict[str, Ints]:
        found: dict[str, Ints] = {}
        alike: dict[object, str] = {}
        for name, standard in self._book.standards.items():
            key = (self._needs[name], standard.applies_to, standard.suspended_by if name in known.suspended else None)
            twin = alike.setdefault(key, name)
            found[name] = found[twin] if twin in found else self._state(known, standard)
        return found

    def _state(self, known: Knowledge, standard: Standard) -> Ints:
        """Return whether a standard applies to each producer, as a place in `APPLIES`."""
        asked = np.zeros(known.size, np.bool_)
        measured = np.zeros(known.size, np.bool_)
        for kinds_of_rule, needs in self._needs[standard.id]:
            mine = known.of_kinds(kinds_of_rule)
            asked = asked | mine
            for measure in needs:
                has = applicable(known, measure)
                mine = mine if has is None else mine & has
            measured = measured | mine
        if standard.applies_to is not None:
            asked = asked & known.of_kinds(standard.applies_to)
        state = np.where(measured, YES, NOTHING)
        if standard.id in known.suspended:
            state = np.where(known.suspended[standard.id], SUSPENDED, state)
        return np.where(asked, state, KIND)

    def _points(self, known: Knowledge, fired: Sequence[Fired]) -> dict[str, Ints]:
        points = {name: np.zeros(known.size, np.int64) for name in (*self._book.standards, *self._book.indicators)}
        for one in fired:
            if one.rule.kind == "standard" and len(one.p):
                points[one.rule.target] = points[one.rule.target] + self._of_rule(known, one)
        for name, standard in self._book.standards.items():
            points[name] = np.minimum(points[name], standard.points)
            points[self._path[name][0]] = points[self._path[name][0]] + points[name]
        for level in (2, 1):
            for name, indicator in self._book.indicators.items():
                if indicator.level == level:
                    if indicator.at_most is not None:
                        points[name] = np.minimum(points[name], indicator.at_most)
                    if level == 2:
                        parent = indicator.parent or ""
                        points[parent] = points[parent] + points[name]
        return points

    def _of_rule(self, known: Knowledge, one: Fired) -> Ints:
        """Return what one rule asks for by producer, under its own cap."""
        assert one.points is not None
        total = by_producer(one.p, one.points, known.size)
        cap = self._caps[one.rule.id]
        return total if cap is None else np.minimum(total, cap)

    def _weighted(
        self, known: Knowledge, points: Mapping[str, Ints], fired: Sequence[Fired], stages: Mapping[str, int]
    ) -> Ints:
        total = np.zeros(known.size, np.int64)
        indicators = self._book.indicators
        for name, indicator in indicators.items():
            if indicator.level != 1:
                continue
            lower = [(low, other) for low, other in indicators.items() if other.parent == name]
            if not lower:
                continue
            if name not in self._mixed and indicator.at_most is not None:
                total = total + points[name] * indicator.weight * lower[0][1].weight
                continue
            part = sum((points[low] * other.weight for low, other in lower), np.zeros(known.size, np.int64))
            part = part * indicator.weight
            if name in self._mixed:
                below = sum((points[low] for low, _ in lower), np.zeros(known.size, np.int64))
                for row in where(below > points[name]).tolist():
                    part[row] = self._in_order(name, row, fired, stages)
            total = total + part
        return total

    def _in_order(self, high: str, row: int, fired: Sequence[Fired], stages: Mapping[str, int]) -> int:
        """Return the weighted points under an exceeded cap of level 1, counted in the order of inference."""
        blocks = []
        for one in fired:
            if one.rule.kind == "standard" and self._path[one.rule.target][1] == high:
                assert one.points is not None
                assert one.rounds is not None
                mine = one.p == row
                for rounds in np.unique(one.rounds[mine]).tolist():
                    asked = int(one.points[mine & (one.rounds == rounds)].sum())
                    blocks.append((stages[one.rule.id], rounds, one.rule.id, one.rule.target, asked))
        room: dict[str, int] = {}
        total = 0
        for _, _, rule, standard, asked in sorted(blocks):
            low = self._path[standard][0]
            caps = (
                (f"rule {rule}", self._caps[rule]),
                (f"standard {standard}", self._book.standards[standard].points),
                (f"indicator {low}", self._book.indicators[low].at_most),
                (f"indicator {high}", self._book.indicators[high].at_most),
            )
            left = asked
            for name, cap in caps:
                if cap is not None:
                    left = min(left, room.setdefault(name, cap))
                    room[name] -= left
            total += left * self._weight[standard]
        return total

    def _score(self, known: Knowledge, points: Ints, applies: Mapping[str, Ints]) -> Ints:
        scoring, total = self._book.scoring, self._total
        applicable = np.full(known.size, total)
        if scoring.not_applicable == "leaves_the_fraction":
            states = {id(state): state for state in applies.values()}
            away = dict.fromkeys(states, 0)
            for name, state in applies.items():
                away[id(state)] += self._book.standards[name].points * self._weight[name]
            for place, state in states.items():
                applicable = applicable - np.where(state == YES, 0, away[place])
        whole = applicable == total
        under = np.where(applicable == 0, 1, applicable)
        if scoring.direction == "lost":
            wide = scoring.start * total >= 2**60
            left = (applicable - points).astype(object) if wide else applicable - points
            scaled = np.where(applicable == 0, scoring.start, divided(scoring.start * left, under, scoring.rounding))
            score = np.where(whole, scoring.start - points, scaled)
        else:
            scaled = divided(points * total, under, scoring.rounding)
            score = scoring.start + np.where(whole | (applicable == 0), points, scaled)
        if scoring.floor is not None:
            score = np.maximum(score, scoring.floor)
        if scoring.ceiling is not None:
            score = np.minimum(score, scoring.ceiling)
        return np.asarray(score).astype(np.int64)

    def _maxima(self, known: Knowledge, applies: Mapping[str, Ints]) -> dict[str, Ints]:
        """Return by indicator the points of the standards below that apply."""
        wanted = {demand.indicator for band in self._book.bands for demand in band.demands}
        wanted |= {name for name, one in self._book.indicators.items() if one.minimum is not None}
        maxima = {}
        for indicator in wanted:
            maxima[indicator] = np.zeros(known.size, np.int64)
            for name in self._below[indicator]:
                own = np.where(applies[name] == YES, self._book.standards[name].points, 0)
                maxima[indicator] = maxima[indicator] + own
        return maxima

    def _standing(self, name: str, points: Mapping[str, Ints], maxima: Mapping[str, Ints]) -> Ints:
        lost = self._book.scoring.direction == "lost"
        return maxima[name] - points[name] if lost else points[name]

    def _bands(self, known: Knowledge, score: Ints, points: Mapping[str, Ints], maxima: Mapping[str, Ints]) -> Ints:
        grade = np.full(known.size, len(self._book.bands) - 1)
        for place in range(len(self._book.bands) - 2, -1, -1):
            grade = np.where(self._meets(self._book.bands[place], score, points, maxima), place, grade)
        return grade

    def _meets(self, band: Band, score: Ints, points: Mapping[str, Ints], maxima: Mapping[str, Ints]) -> Flags:
        meets: Flags = np.ones(len(score), np.bool_)
        if self._book.scoring.better == "higher" and band.low is not None:
            meets = score >= band.low
        elif self._book.scoring.better == "lower" and band.high is not None:
            meets = score <= band.high
        if band.worst_single is not None:
            for name in self._book.standards:
                meets = meets & (points[name] <= band.worst_single)
        for demand in band.demands:
            amount = self._standing(demand.indicator, points, maxima)
            if demand.at_least is not None:
                meets = meets & (amount >= demand.at_least)
            if demand.at_most is not None:
                meets = meets & (amount <= demand.at_most)
        return meets

    def _limits(self, known: Knowledge, fired: Sequence[Fired]) -> list[tuple[str, str, Ints, Ints]]:
        limits = []
        for kind, names in (("ceiling", self._book.ceilings), ("veto", self._book.vetoes)):
            for name in names:
                worst = np.full(known.size, -1)
                for one in fired:
                    if one.rule.kind == kind and one.rule.target == name and len(one.p):
                        worst[one.p] = np.maximum(worst[one.p], self._rank[one.rule.grade or ""])
                rows = where(worst >= 0)
                limits.append((name, kind, rows, worst[rows]))
        return limits

    def _missed(self, points: Mapping[str, Ints], maxima: Mapping[str, Ints]) -> list[tuple[str, str, Ints, Ints]]:
        missed = []
        for name, indicator in self._book.indicators.items():
            if indicator.minimum is None or indicator.otherwise is None:
                continue
            amount = self._standing(name, points, maxima)
            below = amount < indicator.minimum
            if self._book.scoring.direction == "gained":
                below = amount > indicator.minimum
            rows = where(below & (maxima[name] != 0))
            missed.append((name, "indicator", rows, np.full(len(rows), self._rank[indicator.otherwise])))
        return missed


def by_producer(p: Ints, amounts: Ints, size: int) -> Ints:
    """Return exact sums by producer; there are fewer amounts than 2**32, each below 2**21."""
    return np.bincount(p, weights=amounts, minlength=size).astype(np.int64)
