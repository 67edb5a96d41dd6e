"""The sums of a grading done again: caps, score, band, ceilings and vetoes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from engine.grading import Deduction, IndicatorScore, Limit, Score, StandardScore
from knowledge.rulebook import Band, Rulebook
from knowledge.rules import Rounding

Applies: TypeAlias = Literal["yes", "kind", "nothing_to_measure", "suspended"]


@dataclass(frozen=True, slots=True)
class Sums:
    """What the deductions add up to. `counted` is in the order of deductions, 0 for those without points."""

    counted: list[int]
    standards: tuple[StandardScore, ...]
    indicators: tuple[IndicatorScore, ...]
    points: dict[str, int]
    """Points lost (gained) by standard and indicator."""
    score: Score
    score_grade: str


class Adder:
    """Adds up deductions under one rulebook."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._book = rulebook
        self._rule_cap = {rule.id: rule.at_most for rule in rulebook.rules if rule.kind == "standard"}
        self._path: dict[str, tuple[str, str, int | None, int | None, int]] = {}
        for standard in rulebook.standards.values():
            low = rulebook.indicators[standard.indicator]
            high = rulebook.indicators[low.parent or low.id]
            self._path[standard.id] = (low.id, high.id, low.at_most, high.at_most, low.weight * high.weight)
        self._points = {standard.id: standard.points for standard in rulebook.standards.values()}
        self._total = sum(points * self._path[name][4] for name, points in self._points.items())
        self._keeps = rulebook.scoring.not_applicable == "keeps_its_points"
        self._full = dict.fromkeys(rulebook.indicators, 0)
        """By indicator: the points of all standards below it."""
        for name, points in self._points.items():
            for indicator in self._path[name][:2]:
                self._full[indicator] += points
        self._none = dict.fromkeys((*rulebook.standards, *rulebook.indicators), 0)
        # Most standards lose nothing: for each reason there is one such score.
        reasons: tuple[Applies, ...] = ("yes", "kind", "nothing_to_measure", "suspended")
        self._whole = {
            (name, why): StandardScore(name, points, 0, 0, why)
            for name, points in self._points.items()
            for why in reasons
        }
        self._rank = {band.grade: rank for rank, band in enumerate(rulebook.bands)}

    def add(self, deductions: Sequence[Deduction], applies: Mapping[str, Applies]) -> Sums:
        """Return all sums, taking caps in the order rule, standard, level 2, level 1."""
        asked: dict[str, int] = {}
        lost = dict(self._none)
        by_rule: dict[str, int] = {}
        counted, weighted = [], 0
        for deduction in deductions:
            left = 0
            if deduction.kind == "standard":
                name, standard = deduction.rule, deduction.target
                low, high, low_cap, high_cap, weight = self._path[standard]
                left = _room(deduction.points, by_rule.get(name, 0), self._rule_cap[name])
                by_rule[name] = by_rule.get(name, 0) + left
                asked[standard] = asked.get(standard, 0) + left
                left = _room(left, lost[standard], self._points[standard])
                lost[standard] += left
                left = _room(left, lost[low], low_cap)
                lost[low] += left
                left = _room(left, lost[high], high_cap)
                lost[high] += left
                weighted += left * weight
            counted.append(left)
        maxima, applicable = self._maxima(applies)
        value = self._value(weighted, applicable)
        return Sums(
            counted,
            tuple([self._standard(name, asked, lost, why) for name, why in applies.items()]),
            tuple([IndicatorScore(name, maximum, lost[name]) for name, maximum in maxima.items()]),
            lost,
            Score(value, weighted, applicable, self._total),
            self._band(value, maxima, lost).grade,
        )

    def _standard(self, name: str, asked: Mapping[str, int], lost: Mapping[str, int], why: Applies) -> StandardScore:
        if name in asked:
            return StandardScore(name, self._points[name], asked[name], lost[name], why)
        return self._whole[name, why]

    def _maxima(self, applies: Mapping[str, Applies]) -> tuple[dict[str, int], int]:
        """Return by indicator the points that apply, and the weighted points the score is a part of."""
        maxima, applicable = dict(self._full), self._total
        for name, why in applies.items():
            if why != "yes":
                low, high, _, _, weight = self._path[name]
                points = self._points[name]
                maxima[low] -= points
                maxima[high] -= points
                applicable -= 0 if self._keeps else points * weight
        return maxima, applicable

    def _value(self, points: int, applicable: int) -> int:
        scoring = self._book.scoring
        if scoring.direction == "lost":
            value = scoring.start - points
            if applicable and applicable != self._total:
                value = divide(scoring.start * (applicable - points), applicable, scoring.rounding)
        else:
            value = scoring.start + points
            if applicable and applicable != self._total:
                value = scoring.start + divide(points * self._total, applicable, scoring.rounding)
        if scoring.floor is not None:
            value = max(value, scoring.floor)
        return value if scoring.ceiling is None else min(value, scoring.ceiling)

    def _band(self, value: int, maxima: Mapping[str, int], lost: Mapping[str, int]) -> Band:
        worst = max([lost[name] for name in self._points], default=0)
        higher = self._book.scoring.better == "higher"
        for band in self._book.bands[:-1]:
            # A total beyond the better end meets the band too: whoever misses a demand falls to the next band.
            if higher and band.low is not None and value < band.low:
                continue
            if not higher and band.high is not None and value > band.high:
                continue
            if band.worst_single is not None and worst > band.worst_single:
                continue
            if all(self._meets(d.indicator, d.at_least, d.at_most, maxima, lost) for d in band.demands):
                return band
        return self._book.bands[-1]

    def _meets(
        self, name: str, least: int | None, most: int | None, maxima: Mapping[str, int], lost: Mapping[str, int]
    ) -> bool:
        amount = maxima[name] - lost[name] if self._book.scoring.direction == "lost" else lost[name]
        return (least is None or amount >= least) and (most is None or amount <= most)

    def limits(self, deductions: Iterable[Deduction], sums: Sums) -> tuple[str, tuple[Limit, ...], tuple[Limit, ...]]:
        """Return the final grade, the ceilings (missed minimums among them) and the vetoes."""
        book = self._book
        resting: dict[str, dict[str, list[Deduction]]] = {"ceiling": {}, "veto": {}}
        for deduction in deductions:
            if deduction.kind in resting:
                resting[deduction.kind].setdefault(deduction.target, []).append(deduction)
        found: list[tuple[str, str, str, tuple[str, ...]]] = []
        for kind, names in (("ceiling", book.ceilings), ("veto", book.vetoes)):
            for name in names:
                if own := resting[kind].get(name):
                    grade = max((str(deduction.grade) for deduction in own), key=self._rank.__getitem__)
                    found.append((name, kind, grade, tuple([deduction.id for deduction in own])))
        found += [(name, "indicator", grade, ()) for name, grade in self._missed(sums)]
        final = max([sums.score_grade, *(grade for _, _, grade, _ in found)], key=self._rank.__getitem__)
        decisive = final if final != sums.score_grade else None
        limits = [Limit(name, kind, grade, ids, grade == decisive) for name, kind, grade, ids in found]  # type: ignore[arg-type]  # one of its literals
        return (
            final,
            tuple([limit for limit in limits if limit.kind != "veto"]),
            tuple([limit for limit in limits if limit.kind == "veto"]),
        )

    def _missed(self, sums: Sums) -> Iterable[tuple[str, str]]:
        maxima = {score.id: score.maximum for score in sums.indicators}
        for indicator in self._book.indicators.values():
            if indicator.minimum is None or indicator.otherwise is None or not maxima[indicator.id]:
                continue
            least, most = (
                (indicator.minimum, None) if self._book.scoring.direction == "lost" else (None, indicator.minimum)
            )
            if not self._meets(indicator.id, least, most, maxima, sums.points):
                yield indicator.id, indicator.otherwise


def divide(top: int, bottom: int, rounding: Rounding) -> int:
    """Return top / bottom as a whole number, halves up where so rounded; bottom is above zero."""
    match rounding:
        case "down":
            return top // bottom
        case "up":
            return -(-top // bottom)
        case _:
            return (2 * top + bottom) // (2 * bottom)


def _room(points: int, taken: int, cap: int | None) -> int:
    return points if cap is None else max(0, min(points, cap - taken))
