"""The principal reasons, and everything that counted, indicator by indicator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from engine.grading import Deduction, Limit, StandardScore
from explain.caps import Cap, biting_caps
from explain.ground import Ground
from explain.views import FactView, IndicatorReasons, Reason, Sentence

MOST_REASONS = 4
_MOST_TEXTS = 3
"""Deductions told in one reason; the rest are counted."""


class Reasons:
    """Says why one grade is what it is."""

    def __init__(self, ground: Ground) -> None:
        self._ground, self._word, self._rulebook = ground, ground.word, ground.rulebook
        self.caps = biting_caps(ground.rulebook, ground.grading.deductions)
        self._verb = "loses" if ground.loses else "gains"

    def principal(self) -> tuple[Reason, ...]:
        """Return at most four: decisive vetoes, decisive ceilings, then standards by what they count in the score."""
        found = [self._limit(limit) for limit in self._ground.decisive()]
        heavy = sorted((score for score in self._ground.grading.standards if score.points), key=self._weight)
        found += [self._standard(score) for score in heavy[:MOST_REASONS]]
        return tuple(found[:MOST_REASONS])

    def by_indicator(self) -> Iterable[IndicatorReasons]:
        """Yield every indicator with a sentence for each deduction that asked a standard of it for points."""
        for score in self._ground.grading.indicators:
            indicator = self._rulebook.indicators[score.id]
            standards = [one.id for one in self._rulebook.standards.values() if one.indicator == score.id]
            deductions = [one for name in standards for one in self._ground.of_standard(name)]
            yield IndicatorReasons(
                score.id,
                indicator.level,
                self._word.text(indicator.label),
                self._ground.shown(score.maximum),
                self._ground.shown(score.points),
                tuple(map(self.deduction, deductions)),
            )

    def _weight(self, score: StandardScore) -> int:
        level2 = self._rulebook.indicators[self._rulebook.standards[score.id].indicator]
        level1 = self._rulebook.indicators[level2.parent or level2.id]
        return -score.points * level2.weight * level1.weight

    def _limit(self, limit: Limit) -> Reason:
        phrase = {"veto": "vetoed", "ceiling": "ceiling", "indicator": "missed"}[limit.kind]
        ids = self._ground.under(limit)
        texts = [self._word.begun(self._word.say(phrase, what=self._ground.label_of(limit), grade=limit.grade))]
        if limit.kind != "indicator":
            texts += self._texts([self._ground.deductions[name] for name in ids])
            texts += self._ground.lasting(limit)
        return self._reason(limit.kind, limit.id, self._word.join(texts), ids, 0)

    def _standard(self, score: StandardScore) -> Reason:
        everything = self._ground.of_standard(score.id)
        mine = [one for one in everything if one.counted] or everything
        change = self._word.say(self._verb, points=self._word.amount(score.points))
        label = self._word.text(self._rulebook.standards[score.id].label)
        texts = self._word.join(self._texts(sorted(mine, key=lambda one: -one.counted)))
        phrase = "in_standard" if texts else "in_standard_bare"
        text = self._word.say(phrase, standard=label, change=change, texts=texts)
        return self._reason("standard", score.id, text, tuple(one.id for one in mine), score.points)

    def _texts(self, deductions: Sequence[Deduction]) -> list[str]:
        told = list(dict.fromkeys(filter(None, map(self._word.because, deductions))))
        shown = told[:_MOST_TEXTS]
        if len(told) > _MOST_TEXTS:
            shown.append(self._word.say("and_more", count=len(told) - _MOST_TEXTS))
        return shown

    def _reason(self, kind: str, name: str, text: str, ids: tuple[str, ...], points: int) -> Reason:
        mine = [self._ground.deductions[one] for one in ids if one in self._ground.deductions]
        facts, count = self._ground.trail.facts(mine)
        laws = self._in_force(dict.fromkeys(law for one in mine for law in one.law), facts)
        ends = [one.until for one in mine]
        until = None if not ends or None in ends else max(end for end in ends if end is not None)
        offered = {remedy for one in mine for remedy in self._ground.rules[one.rule].remedies}
        return Reason(
            kind=kind,
            id=name,
            sentence=Sentence(text, ids),
            points=self._ground.shown(points),
            facts=facts,
            facts_in_all=count,
            law=tuple(map(self._ground.law, laws)),
            until=None if until is None else date.fromordinal(until).isoformat(),
            remedies=tuple(offer.id for offer in self._ground.grading.remedies if offer.id in offered),
        )

    def _in_force(self, laws: Iterable[str], facts: Iterable[FactView]) -> list[str]:
        """Return the articles that are in force on the day of the grade, or were on the day of a fact."""
        days = {date.fromisoformat(fact.date).toordinal() for fact in facts if fact.date is not None}
        days.add(self._ground.grading.as_of)
        cited = [self._rulebook.laws[name] for name in laws]
        return [law.id for law in cited if any(law.in_force(day) for day in days)]

    def deduction(self, one: Deduction) -> Sentence:
        """Return what a deduction of a standard's rule counts, why, and which caps cut it."""
        word = self._word
        text = word.because(one) or word.text(self._rulebook.standards[one.target].label)
        if one.counted < one.points:
            asked, counted = word.amount(one.points), word.amount(one.counted)
            caps = word.listed(map(self.cap, self.caps[one.id]))
            change = word.say(f"capped_{self._verb}", asked=asked, counted=counted, caps=caps)
        else:
            change = word.say(self._verb, points=word.amount(one.counted))
        return Sentence(word.say("with_points", text=text, change=change), (one.id,))

    def cap(self, cap: Cap) -> str:
        """Return a cap in words."""
        kind, name, most, _ = cap
        if kind == "rule":
            return self._word.say("cap_rule", most=self._word.amount(most))
        label = self._rulebook.standards[name].label if kind == "standard" else self._rulebook.indicators[name].label
        return self._word.say(f"cap_{kind}", what=self._word.text(label), most=self._word.amount(most))
