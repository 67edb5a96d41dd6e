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
        self._weight = {
            name: rulebook.indicators[level2].weight * rulebook.indicators[level1].weight
            for name, (level2, level1) in self._above.items()
        }
        self._total = sum(s.points * self._weight[s.id] for s in self._standards)
        self._untouched = {
            (s.id, applies): StandardScore(s.id, s.points, 0, 0, applies)
            for s in self._standards
            for applies in get_args(Applies)
        }

    def score(self, asked: Sequence[Asked], applies: Mapping[str, Applies]) -> Scored:
        """Take points, deduction by deduction, until each cap is reached, and add up.

        Caps are those of the rule (`at_most`), the standard (its points) and the indicators (`at_most`).
        Standards that don't apply leave the fraction, or keep their points, as the rulebook says.
        """
        wanted: dict[str, int] = {}
        taken: dict[str, int] = {}
        counted = self._count(asked, wanted, taken)
        standards = tuple(
            StandardScore(s.id, s.points, wanted[s.id], taken[s.id], applies[s.id])
            if s.id in wanted
            else self._untouched[(s.id, applies[s.id])]
            for s in self._standards
        )
        points = sum(n * self._weight[part.standard] for part, n in zip(asked, counted, strict=True))
        return Scored(standards, self._indicator_scores(standards), self._score(points, applies), tuple(counted))

    def _count(self, asked: Sequence[Asked], wanted: dict[str, int], taken: dict[str, int]) -> list[int]:
        rule_room, room = dict(self._rule_caps), dict(self._caps)
        maxima = {s.id: s.points for s in self._standards} if asked else {}
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

    def _indicator_scores(self, standards: Iterable[StandardScore]) -> tuple[IndicatorScore, ...]:
        maxima = {i.id: 0 for i in self._indicators}
        points = dict(maxima)
        for standard in standards:
            level2 = self._above[standard.id][0]
            if standard.applies == "yes":
                maxima[level2] += standard.maximum
            points[level2] += standard.points
        for level in (2, 1):
            for indicator in self._indicators:
                if indicator.level == level:
                    if indicator.at_most is not None:
                        points[indicator.id] = min(points[indicator.id], indicator.at_most)
                    if indicator.parent is not None:
                        maxima[indicator.parent] += maxima[indicator.id]
                        points[indicator.parent] += points[indicator.id]
        return tuple(IndicatorScore(i.id, maxima[i.id], points[i.id]) for i in self._indicators)

    def _score(self, points: int, applies: Mapping[str, Applies]) -> Score:
        scoring, total = self._scoring, self._total
        applicable = total
        if scoring.not_applicable == "leaves_the_fraction":
            applicable -= sum(s.points * self._weight[s.id] for s in self._standards if applies[s.id] != "yes")
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


def _meets(rulebook: Rulebook, band: Band, scored: Scored) -> bool:
    value = scored.score.value
    if rulebook.scoring.better == "higher":
        reached = band.low is None or value >= band.low
    else:
        reached = band.high is None or value <= band.high
    if not reached:
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
