"""Points to score to grade, in exact whole numbers of the rulebook's unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from engine.grading import IndicatorScore, Limit, Score, StandardScore
from engine.measuring import divide
from knowledge.rulebook import Band, Rulebook

Applies: TypeAlias = Literal["yes", "kind", "nothing_to_measure", "suspended"]


@dataclass(frozen=True, slots=True)
class Asked:
    """Points that one deduction asks for, before any cap."""

    rule: str
    standard: str
    points: int


@dataclass(frozen=True, slots=True)
class Scored:
    """What the points come to, and how much of each deduction was counted."""

    standards: tuple[StandardScore, ...]
    indicators: tuple[IndicatorScore, ...]
    score: Score
    points: dict[str, int]
    """Points lost (gained) by standard and indicator."""
    counted: tuple[int, ...]
    """One for each `Asked`, in order: what is left after the caps of rule, standard, level 2 and level 1."""


class Scorer:
    """The rulebook's caps, weights and fraction, laid out once."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._scoring = rulebook.scoring
        self._standards = tuple(rulebook.standards.values())
        self._indicators = tuple(rulebook.indicators.values())
        self._rule_caps = {rule.id: rule.at_most for rule in rulebook.rules if rule.at_most is not None}
        self._caps = {i.id: i.at_most for i in self._indicators if i.at_most is not None}
        self._above = {
            s.id: (s.indicator, rulebook.indicators[s.indicator].parent or "") for s in rulebook.standards.values()
        }
        self._parents = dict(self._above.values())
        self._weight = {
            name: rulebook.indicators[level2].weight * rulebook.indicators[level1].weight
            for name, (level2, level1) in self._above.items()
        }
        self._maximum = {s.id: s.points for s in self._standards}
        self._total = sum(s.points * self._weight[s.id] for s in self._standards)
        self._untouched = {
            s.id: {applies: StandardScore(s.id, s.points, 0, 0, applies) for applies in get_args(Applies)}
            for s in self._standards
        }
        self._nothing = dict.fromkeys((*rulebook.standards, *rulebook.indicators), 0)
        self._maxima = dict.fromkeys(rulebook.indicators, 0)
        for name, indicators in self._above.items():
            for indicator in indicators:
                self._maxima[indicator] += self._maximum[name]
        self._whole = {i.id: IndicatorScore(i.id, self._maxima[i.id], 0) for i in self._indicators}

    def score(self, asked: Sequence[Asked], applies: Mapping[str, Applies]) -> Scored:
        """Take points, deduction by deduction, until each cap is reached, and add up.

        Caps are those of the rule (`at_most`), the standard (its points) and the indicators (`at_most`).
        Standards that don't apply leave the fraction, or keep their points, as the rulebook says.
        """
        wanted: dict[str, int] = {}
        taken: dict[str, int] = {}
        counted = self._count(asked, wanted, taken)
        maximum = self._maximum
        standards = tuple(
            [
                StandardScore(name, maximum[name], wanted[name], taken[name], applies[name])
                if name in wanted
                else known[applies[name]]
                for name, known in self._untouched.items()
            ]
        )
        outside = [name for name, why in applies.items() if why != "yes"]
        indicators = self._indicator_scores(taken, outside)
        lost = sum([n * self._weight[part.standard] for part, n in zip(asked, counted, strict=True)])
        points = self._nothing | taken | {score.id: score.points for score in indicators if score.points}
        return Scored(standards, indicators, self._score(lost, outside), points, tuple(counted))

    def score_alone(self, asked: Sequence[Asked], applies: Mapping[str, Applies]) -> Score:
        """Return the score that `score` comes to, without the rest of it."""
        counted = self._count(asked, {}, {})
        lost = sum([n * self._weight[part.standard] for part, n in zip(asked, counted, strict=True)])
        return self._score(lost, [name for name, why in applies.items() if why != "yes"])

    def _maxima_without(self, outside: Iterable[str]) -> dict[str, int]:
        """Return by indicator the points of all standards below but those."""
        maxima = dict(self._maxima)
        for name in outside:
            for indicator in self._above[name]:
                maxima[indicator] -= self._maximum[name]
        return maxima

    def _count(self, asked: Sequence[Asked], wanted: dict[str, int], taken: dict[str, int]) -> list[int]:
        rule_room, room = dict(self._rule_caps), dict(self._caps)
        maxima = self._maximum
        counted = []
        for part in asked:
            points = part.points
            if part.rule in rule_room:
                points = min(points, rule_room[part.rule])
                rule_room[part.rule] -= points
            wanted[part.standard] = wanted.get(part.standard, 0) + points
            points = min(points, maxima[part.standard] - taken.get(part.standard, 0))
            taken[part.standard] = taken.get(part.standard, 0) + points
            for indicator in self._above[part.standard]:
                if indicator in room:
                    points = min(points, room[indicator])
                    room[indicator] -= points
            counted.append(points)
        return counted

    def _indicator_scores(self, taken: Mapping[str, int], outside: Sequence[str]) -> tuple[IndicatorScore, ...]:
        maxima = self._maxima_without(outside) if outside else self._maxima
        points: dict[str, int] = {}
        for name, amount in taken.items():
            level2 = self._above[name][0]
            points[level2] = points.get(level2, 0) + amount
        for level2 in tuple(points):
            points[level2] = self._capped(level2, points[level2])
            level1 = self._parents[level2]
            points[level1] = points.get(level1, 0) + points[level2]
        return tuple(
            [
                whole
                if name not in points and maxima[name] == whole.maximum
                else IndicatorScore(name, maxima[name], self._capped(name, points.get(name, 0)))
                for name, whole in self._whole.items()
            ]
        )

    def _capped(self, name: str, points: int) -> int:
        return min(points, self._caps[name]) if name in self._caps else points

    def _score(self, points: int, outside: Sequence[str]) -> Score:
        scoring, total = self._scoring, self._total
        applicable = total
        if scoring.not_applicable == "leaves_the_fraction":
            applicable -= sum([self._maximum[name] * self._weight[name] for name in outside])
        if scoring.direction == "lost":
            value = scoring.start - points
            if applicable != total:
                left = scoring.start * (applicable - points)
                value = divide(left, applicable, scoring.rounding) if applicable else scoring.start
        else:
            value = scoring.start + points
            if applicable != total and applicable:
                value = scoring.start + divide(points * total, applicable, scoring.rounding)
        if scoring.floor is not None:
            value = max(value, scoring.floor)
        if scoring.ceiling is not None:
            value = min(value, scoring.ceiling)
        return Score(value, points, applicable, total)


def band_of(rulebook: Rulebook, scored: Scored) -> str:
    """Return the score-grade: the first band whose total and demands are met; the last takes the rest."""
    for band in rulebook.bands[:-1]:
        if _meets(rulebook, band, scored):
            return band.grade
    return rulebook.bands[-1].grade


def band_of_score(rulebook: Rulebook, value: int) -> str:
    """Return the first band whose total a score reaches; the last takes the rest."""
    return next(
        (band.grade for band in rulebook.bands[:-1] if _reaches(rulebook, band, value)), rulebook.bands[-1].grade
    )


def _reaches(rulebook: Rulebook, band: Band, value: int) -> bool:
    if rulebook.scoring.better == "higher":
        return band.low is None or value >= band.low
    return band.high is None or value <= band.high


def _meets(rulebook: Rulebook, band: Band, scored: Scored) -> bool:
    if not _reaches(rulebook, band, scored.score.value):
        return False
    if band.worst_single is not None and any(s.points > band.worst_single for s in scored.standards):
        return False
    by_id = {indicator.id: indicator for indicator in scored.indicators}
    for demand in band.demands:
        amount = standing(rulebook, by_id[demand.indicator])
        if demand.at_least is not None and amount < demand.at_least:
            return False
        if demand.at_most is not None and amount > demand.at_most:
            return False
    return True


def standing(rulebook: Rulebook, indicator: IndicatorScore) -> int:
    """Return the points an indicator has left, or has gained where the rulebook gains points."""
    lost = rulebook.scoring.direction == "lost"
    return indicator.maximum - indicator.points if lost else indicator.points


def missed_minimums(rulebook: Rulebook, scored: Scored) -> list[tuple[str, str]]:
    """Return (indicator, best grade still allowed) for indicators that miss their `minimum`."""
    missed = []
    for score in scored.indicators:
        indicator = rulebook.indicators[score.id]
        if indicator.minimum is None or score.maximum == 0:
            continue
        amount = standing(rulebook, score)
        lost = rulebook.scoring.direction == "lost"
        if amount < indicator.minimum if lost else amount > indicator.minimum:
            assert indicator.otherwise is not None
            missed.append((score.id, indicator.otherwise))
    return missed


def limited_grade(
    rulebook: Rulebook, score_grade: str, ceilings: Sequence[Limit], vetoes: Sequence[Limit]
) -> tuple[str, tuple[Limit, ...], tuple[Limit, ...]]:
    """Return the final grade, and the limits marked decisive where they set it.

    The lowest ceiling and the worst veto win; neither ever raises a grade.
    """
    order = {band.grade: place for place, band in enumerate(rulebook.bands)}
    limits = [*ceilings, *vetoes]
    worst = max(order[score_grade], *(order[limit.grade] for limit in limits), 0)

    def mark(limit: Limit) -> Limit:
        decisive = order[score_grade] < order[limit.grade] == worst
        return Limit(limit.id, limit.kind, limit.grade, limit.deductions, decisive)

    return rulebook.bands[worst].grade, tuple(map(mark, ceilings)), tuple(map(mark, vetoes))
