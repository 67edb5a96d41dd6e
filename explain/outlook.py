"""Why not the next grade up, and what the producer can do."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from engine.grading import Limit, RemedyOffer, StandardScore
from explain.ground import Ground
from explain.prospects import After, NextUp
from explain.views import RemedyView, Sentence, WhyNotHigher
from knowledge.rulebook import Band, Demand
from knowledge.workdays import add


class Outlook:
    """Says what one grade could become."""

    def __init__(self, ground: Ground) -> None:
        self._ground, self._word, self._rulebook = ground, ground.word, ground.rulebook

    def why_not_higher(self) -> WhyNotHigher | None:
        """Return what stands between this grade and the next one up; None for the best grade."""
        found = self._ground.prospects.next_up()
        if found is None:
            return None
        # Points first, with what else is asked of them, then ceilings, then vetoes.
        sentences = [
            *self._points(found),
            *(self.single(found.band, score) for score in found.singles),
            *(self.demand(found.band, demand, amount) for demand, amount in found.demands),
            *(self._limit(limit) for limit in found.limits),
        ]
        return WhyNotHigher(found.band.grade, self._ground.shown(found.missing), tuple(sentences))

    def _points(self, found: NextUp) -> Iterable[Sentence]:
        if found.missing:
            word, higher = self._word, self._rulebook.scoring.better == "higher"
            text = word.say(
                "higher_points" if higher else "higher_lower_points",
                grade=found.band.grade,
                missing=word.amount(found.missing),
                score=word.points(self._ground.grading.score.value),
                needed=word.points(found.needed),
            )
            # Where points are earned, the missing ones are those of rules that did not fire.
            earned = higher and not self._ground.loses
            yield Sentence(text, (self._ground.idle() if earned else ()) or self._ground.counting())

    def _limit(self, limit: Limit) -> Sentence:
        label = self._word.say("quoted", what=self._ground.label_of(limit))
        texts = [self._word.say("higher_limit", what=label, grade=limit.grade), *self._ground.lasting(limit)]
        return Sentence(self._word.join(texts), self._ground.under(limit))

    def single(self, band: Band, score: StandardScore) -> Sentence:
        """Return that one standard's points alone are more than a band allows."""
        word = self._word
        text = word.say(
            "higher_single",
            standard=word.text(self._rulebook.standards[score.id].label),
            points=word.amount(score.points),
            grade=band.grade,
            most=word.amount(band.worst_single or 0),
        )
        return Sentence(text, tuple(one.id for one in self._ground.of_standard(score.id)))

    def demand(self, band: Band, demand: Demand, amount: int) -> Sentence:
        """Return that an indicator isn't where a band wants it; it stands at `amount`."""
        word = self._word
        bounds = (("at_least", demand.at_least), ("at_most", demand.at_most))
        text = word.say(
            "higher_demand",
            indicator=word.text(self._rulebook.indicators[demand.indicator].label),
            points=word.amount(amount),
            grade=band.grade,
            needed=word.listed(word.say(name, points=word.amount(n)) for name, n in bounds if n is not None),
        )
        return Sentence(text, self._ground.below(demand.indicator))

    def remedies(self) -> tuple[RemedyView, ...]:
        """Return the deeds open to the producer: first what lifts the grade, then most points for least effort."""
        gain = {offer.id: offer.points for offer in self._ground.grading.remedies}
        order = self._ground.order
        return tuple(
            sorted(
                map(self._remedy, self._ground.grading.remedies),
                key=lambda one: (order[one.grade], -gain[one.id] / one.effort, one.effort, one.id),
            )
        )

    def together(self) -> tuple[int | str, str] | None:
        """Return score and grade once everything is done; None where there is nothing to do."""
        if not self._ground.grading.remedies:
            return None
        after = self._ground.prospects.after(self._ground.grading.remedies)
        return self._ground.shown(after.score), after.grade

    def _remedy(self, offer: RemedyOffer) -> RemedyView:
        remedy, word, shown = self._rulebook.remedies[offer.id], self._word, self._ground.shown
        after = self._ground.prospects.after([offer])
        lead = remedy.lead_time
        done = add(self._ground.grading.as_of, lead.amount, lead.unit, self._rulebook.calendar)
        return RemedyView(
            id=offer.id,
            sentence=Sentence(word.join(self._texts(offer, after, done)), offer.deductions),
            standards={name: shown(points) for name, points in offer.standards.items()},
            points=shown(offer.points),
            effort=remedy.effort,
            lead_time=word.time(lead.amount, lead.unit),
            done_by=None if done is None else date.fromordinal(done).isoformat(),
            recovers=remedy.recovers,
            ask=None if remedy.ask is None else word.text(remedy.ask),
            score=shown(after.score),
            grade=after.grade,
        )

    def _texts(self, offer: RemedyOffer, after: After, done: int | None) -> Iterable[str]:
        remedy, word, now = self._rulebook.remedies[offer.id], self._word, self._ground.grading.grade
        yield word.sentence(remedy.text)
        if offer.points:
            yield word.say(
                "restores_lost" if self._ground.loses else "restores_gained", points=word.amount(offer.points)
            )
        time = word.time(remedy.lead_time.amount, remedy.lead_time.unit)
        if done is None:
            yield word.say("takes_some_time", time=time)
        else:
            yield word.say("takes", time=time, day=word.day(done))
        if offer.points or after.grade != now:
            phrase = "then_same" if after.grade == now else "then_other"
            yield word.say(phrase, score=word.points(after.score), grade=after.grade)
