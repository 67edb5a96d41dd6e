"""What would become of the grade: the next one up, and the one after remedies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from engine.grading import Grading, Limit, RemedyOffer, StandardScore
from engine.scoring import (
    Applies,
    Asked,
    band_of,
    band_of_score,
    limited_grade,
    missed_minimums,
    standing,
)
from explain.shelf import shelf_of
from knowledge.rulebook import Band, Demand, Rulebook


@dataclass(frozen=True, slots=True)
class NextUp:
    """What the next grade up asks for and this grading hasn't: all in the rulebook's unit."""

    band: Band
    missing: int
    """Distance of the score to the band; 0 where it reaches it."""
    needed: int
    limits: tuple[Limit, ...]
    singles: tuple[StandardScore, ...]
    demands: tuple[tuple[Demand, int], ...]
    """Demands that are missed, with what the indicator stands at."""


@dataclass(frozen=True, slots=True)
class After:
    """Score and grade once something has been done, all else being equal."""

    score: int
    grade: str


class Prospects:
    """Asks what if of one grading."""

    def __init__(self, rulebook: Rulebook, grading: Grading) -> None:
        self._rulebook, self._grading = rulebook, grading
        shelf = shelf_of(rulebook)
        self._scorer, self._order, self._below = shelf.scorer, shelf.order, shelf.below
        self._by_score_alone = shelf.by_score_alone

    def standards_below(self, indicator: str) -> tuple[str, ...]:
        """Return the standards under an indicator of either level."""
        return self._below[indicator]

    def next_up(self) -> NextUp | None:
        """Return what the next grade up asks for; None for the best grade."""
        place = self._order[self._grading.grade]
        if place == 0:
            return None
        return self.short_of(self._rulebook.bands[place - 1])

    def short_of(self, band: Band) -> NextUp:
        """Return what a band asks for and this grading hasn't."""
        place, score = self._order[band.grade] + 1, self._grading.score.value
        if self._rulebook.scoring.better == "higher":
            needed = score if band.low is None else band.low
            missing = max(0, needed - score)
        else:
            needed = score if band.high is None else band.high
            missing = max(0, score - needed)
        limits = (*self._grading.ceilings, *self._grading.vetoes)
        single = band.worst_single
        by_id = {one.id: one for one in self._grading.indicators}
        demands = []
        for demand in band.demands:
            amount = standing(self._rulebook, by_id[demand.indicator])
            low, high = demand.at_least, demand.at_most
            if (low is not None and amount < low) or (high is not None and amount > high):
                demands.append((demand, amount))
        return NextUp(
            band,
            missing,
            needed,
            tuple(limit for limit in limits if self._order[limit.grade] >= place),
            tuple(one for one in self._grading.standards if single is not None and one.points > single),
            tuple(demands),
        )

    def after(self, offers: Iterable[RemedyOffer]) -> After:
        """Return score and grade once deeds are done: their points restored, their limits lifted."""
        restored: dict[str, int] = {}
        done: set[str] = set()
        for offer in offers:
            done |= set(offer.deductions)
            for name, points in offer.standards.items():
                restored[name] = restored.get(name, 0) + points
        lost, applies = self._lost
        asked = [Asked("", name, max(0, points - restored.get(name, 0))) for name, points in lost]
        if self._by_score_alone:
            score = self._scorer.score_alone(asked, applies)
            return After(score.value, self._limited(band_of_score(self._rulebook, score.value), [], done))
        scored = self._scorer.score(asked, applies)
        missed = missed_minimums(self._rulebook, scored)
        return After(scored.score.value, self._limited(band_of(self._rulebook, scored), missed, done))

    @cached_property
    def _lost(self) -> tuple[list[tuple[str, int]], dict[str, Applies]]:
        """The points of standards that have any, and which standards apply."""
        standards = self._grading.standards
        return [(one.id, one.points) for one in standards if one.points], {one.id: one.applies for one in standards}

    def _limited(self, grade: str, missed: Iterable[tuple[str, str]], done: set[str]) -> str:
        """Return the grade by score under the limits that are left once deeds are done."""
        kept = [limit for limit in self._grading.ceilings if limit.kind == "ceiling" and set(limit.deductions) - done]
        kept += [Limit(name, "indicator", best, (), False) for name, best in missed]
        vetoes = [limit for limit in self._grading.vetoes if set(limit.deductions) - done]
        return limited_grade(self._rulebook, grade, kept, vetoes)[0]
