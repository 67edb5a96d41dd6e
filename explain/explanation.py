"""Why this grade: reasons worst first, what stands in the way of the next grade, and what would raise it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import msgspec

from engine.case import CaseFile
from engine.grading import Deduction, Grading, Limit, StandardScore, Verdict
from explain.phrases import Lang
from explain.prospects import Prospects
from explain.trail import FactView, Trail
from explain.wording import Wording
from knowledge.rulebook import Rulebook
from knowledge.workdays import add

MOST_REASONS = 4
_MOST_TEXTS = 3
"""Deductions told in one reason; the rest are counted."""


class Sentence(msgspec.Struct, frozen=True):
    """A sentence and the deductions (`D1`) or rules (`rule:<id>`, for what did not fire) that it stands on."""

    text: str
    stands_on: tuple[str, ...]


class LawView(msgspec.Struct, frozen=True):
    """An article of law, as it is cited."""

    id: str
    label: str
    href: str | None


class Reason(msgspec.Struct, frozen=True):
    """One principal reason. `until` is the first day on which it stops counting by itself, if it does."""

    kind: str
    id: str
    sentence: Sentence
    points: int | str
    facts: tuple[FactView, ...]
    facts_in_all: int
    law: tuple[LawView, ...]
    until: str | None
    remedies: tuple[str, ...]


class IndicatorReasons(msgspec.Struct, frozen=True):
    """An indicator with everything that counted in it, at level 2; level 1 has the sums."""

    id: str
    level: int
    label: str
    maximum: int | str
    points: int | str
    sentences: tuple[Sentence, ...]


class WhyNotHigher(msgspec.Struct, frozen=True):
    """What stands between this grade and the next one up. `points` are missing in the score, if any."""

    grade: str
    points: int | str
    sentences: tuple[Sentence, ...]


class RemedyView(msgspec.Struct, frozen=True):
    """A deed open to the producer; `done_by` if begun on the day of the grade; `grade` and `score` once it is done."""

    id: str
    sentence: Sentence
    standards: dict[str, int | str]
    points: int | str
    effort: int
    lead_time: str
    done_by: str | None
    recovers: str
    ask: str | None
    score: int | str
    grade: str


class Explanation(msgspec.Struct, frozen=True):
    """The justification of one grading in one language."""

    lang: Lang
    producer: str
    as_of: str
    rulebook: str
    status: str
    notice: str | None
    grade: str
    word: str
    colour: str | None
    colour_word: str | None
    score: int | str
    sentence: Sentence
    reasons: tuple[Reason, ...]
    indicators: tuple[IndicatorReasons, ...]
    why_not_higher: WhyNotHigher | None
    remedies: tuple[RemedyView, ...]
    together: tuple[int | str, str] | None
    """Score and grade once all remedies are done; None where there are none."""
    consequences: tuple[Sentence, ...]
    not_counted: tuple[Sentence, ...]
    next_change_on: str | None


def explain(
    rulebook: Rulebook,
    case: CaseFile,
    grading: Grading,
    verdicts: Sequence[Verdict],
    lang: Lang,
    *,
    personal: bool = False,
) -> Explanation:
    """Return the justification of a grading; values of personal fields are withheld unless `personal`."""
    return _Explainer(rulebook, case, grading, verdicts, lang, personal=personal).explanation()


class _Explainer:
    def __init__(
        self,
        rulebook: Rulebook,
        case: CaseFile,
        grading: Grading,
        verdicts: Sequence[Verdict],
        lang: Lang,
        *,
        personal: bool,
    ) -> None:
        self._rulebook, self._case, self._grading, self._lang = rulebook, case, grading, lang
        self._word = Wording(rulebook, case, grading, lang, personal=personal)
        self._trail = Trail(rulebook, case, grading, self._word)
        self._prospects = Prospects(rulebook, grading)
        self._rules = {rule.id: rule for rule in rulebook.rules}
        self._deductions = {deduction.id: deduction for deduction in grading.deductions}
        self._idle = tuple(f"rule:{one.rule}" for one in verdicts if one.kind == "standard" and one.status != "fired")
        self._scores = {score.id: score for score in grading.standards}
        self._by_standard: dict[str, list[Deduction]] = {}
        for deduction in grading.deductions:
            if deduction.kind == "standard":
                self._by_standard.setdefault(deduction.target, []).append(deduction)
        self._verb = "loses" if rulebook.scoring.direction == "lost" else "gains"

    def explanation(self) -> Explanation:
        grading, word, rulebook = self._grading, self._word, self._rulebook
        band = next(band for band in rulebook.bands if band.grade == grading.grade)
        offers = self._remedies()
        after = self._prospects.after(grading.remedies) if offers else None
        return Explanation(
            lang=self._lang,
            producer=grading.producer,
            as_of=_iso(grading.as_of),
            rulebook=f"{grading.rulebook_id}@{grading.rulebook_version}",
            status=word.say(rulebook.status),
            notice=None if rulebook.notice is None else word.text(rulebook.notice),
            grade=grading.grade,
            word=word.text(band.word),
            colour=band.colour,
            colour_word=None if band.colour_word is None else word.text(band.colour_word),
            score=self._points(grading.score.value),
            sentence=self._sentence(),
            reasons=tuple(self._reasons()),
            indicators=tuple(self._indicators()),
            why_not_higher=self._why_not_higher(),
            remedies=offers,
            together=None if after is None else (self._points(after.score), after.grade),
            consequences=tuple(self._consequences()),
            not_counted=tuple(self._not_counted()),
            next_change_on=None if grading.next_change_on is None else _iso(grading.next_change_on),
        )

    def _points(self, points: int) -> int | str:
        return points if self._rulebook.scoring.unit == "whole" else self._word.points(points)

    def _counting(self) -> tuple[str, ...]:
        """Return what the score stands on: every deduction that counted, or the rules that did not fire."""
        counted = tuple(one.id for one in self._grading.deductions if one.counted)
        return counted or self._idle

    def _sentence(self) -> Sentence:
        grading, word = self._grading, self._word
        band = next(band for band in self._rulebook.bands if band.grade == grading.grade)
        words = [word.text(band.word)] + ([] if band.colour_word is None else [word.text(band.colour_word)])
        decisive = [limit for limit in (*grading.vetoes, *grading.ceilings) if limit.decisive]
        limited = changes = ""
        if decisive:
            limits = word.listed(word.say("quoted", what=self._limit_label(limit)) for limit in decisive)
            limited = word.say("limited", score_grade=grading.score_grade, limits=limits, grade=grading.grade)
        if grading.next_change_on is not None:
            changes = word.say("changes", day=word.day(grading.next_change_on))
        text = word.say(
            "decided",
            day=word.day(grading.as_of),
            producer=grading.producer,
            grade=grading.grade,
            word=word.listed(words),
            score=word.points(grading.score.value),
            limited=limited,
            changes=changes,
        )
        rests = tuple(name for limit in decisive for name in self._limit_deductions(limit))
        return Sentence(text, tuple(dict.fromkeys((*rests, *self._counting()))))

    def _limit_label(self, limit: Limit) -> str:
        if limit.kind == "indicator":
            return self._word.text(self._rulebook.indicators[limit.id].label)
        labels = self._rulebook.vetoes if limit.kind == "veto" else self._rulebook.ceilings
        return self._word.text(labels[limit.id])

    def _limit_deductions(self, limit: Limit) -> tuple[str, ...]:
        if limit.kind != "indicator":
            return limit.deductions
        below = self._prospects.standards_below(limit.id)
        return tuple(one.id for one in self._grading.deductions if one.kind == "standard" and one.target in below)

    def _reasons(self) -> Iterable[Reason]:
        grading = self._grading
        decisive = [limit for limit in (*grading.vetoes, *grading.ceilings) if limit.decisive]
        found = [self._limit_reason(limit) for limit in decisive]
        heavy = sorted((score for score in grading.standards if score.points), key=lambda score: -score.points)
        found += [self._standard_reason(score) for score in heavy[:MOST_REASONS]]
        return found[:MOST_REASONS]

    def _limit_reason(self, limit: Limit) -> Reason:
        phrase = {"veto": "vetoed", "ceiling": "ceiling", "indicator": "missed"}[limit.kind]
        label = self._limit_label(limit)
        ids = self._limit_deductions(limit)
        texts = [self._word.say(phrase, what=label, indicator=label, grade=limit.grade)]
        if limit.kind != "indicator":
            texts += self._texts([self._deductions[name] for name in ids])
            rule = self._rules[self._deductions[ids[0]].rule]
            if rule.until is not None:
                texts.append(self._word.say("lasts", until=self._word.text(rule.until).rstrip("。.")))
        return self._reason(limit.kind, limit.id, self._word.join(texts), ids, 0)

    def _standard_reason(self, score: StandardScore) -> Reason:
        mine = [one for one in self._by_standard[score.id] if one.counted] or self._by_standard[score.id]
        change = self._word.say(self._verb, points=self._word.points(score.points))
        label = self._word.text(self._rulebook.standards[score.id].label)
        texts = self._word.join(self._texts(sorted(mine, key=lambda one: -one.counted)))
        text = self._word.say("in_standard", standard=label, change=change, texts=texts)
        return self._reason("standard", score.id, text, tuple(one.id for one in mine), score.points)

    def _texts(self, deductions: Sequence[Deduction]) -> list[str]:
        told = list(dict.fromkeys(filter(None, map(self._word.because, deductions))))
        shown = told[:_MOST_TEXTS]
        if len(told) > _MOST_TEXTS:
            shown.append(self._word.say("and_more", count=len(told) - _MOST_TEXTS))
        return shown

    def _reason(self, kind: str, name: str, text: str, ids: tuple[str, ...], points: int) -> Reason:
        mine = [self._deductions[one] for one in ids]
        facts, count = self._trail.facts(mine)
        laws = dict.fromkeys(law for one in mine for law in one.law)
        ends = [one.until for one in mine]
        until = None if not ends or None in ends else max(end for end in ends if end is not None)
        offered = {one for deduction in mine for one in self._rules[deduction.rule].remedies}
        return Reason(
            kind=kind,
            id=name,
            sentence=Sentence(text, ids or self._counting()),
            points=self._points(points),
            facts=facts,
            facts_in_all=count,
            law=tuple(self._law(law) for law in laws),
            until=None if until is None else _iso(until),
            remedies=tuple(offer.id for offer in self._grading.remedies if offer.id in offered),
        )

    def _law(self, name: str) -> LawView:
        law = self._rulebook.laws[name]
        return LawView(name, self._word.text(law.label), law.href)

    def _indicators(self) -> Iterable[IndicatorReasons]:
        for score in self._grading.indicators:
            indicator = self._rulebook.indicators[score.id]
            yield IndicatorReasons(
                score.id,
                indicator.level,
                self._word.text(indicator.label),
                self._points(score.maximum),
                self._points(score.points),
                tuple(
                    self._deduction_sentence(one)
                    for standard in self._rulebook.standards.values()
                    if standard.indicator == score.id
                    for one in self._by_standard.get(standard.id, ())
                ),
            )

    def _deduction_sentence(self, one: Deduction) -> Sentence:
        word = self._word
        standard = word.text(self._rulebook.standards[one.target].label)
        if one.counted < one.points:
            change = word.say("capped", asked=word.points(one.points), counted=word.points(one.counted))
        else:
            change = word.say(self._verb, points=word.points(one.counted))
        text = word.because(one)
        if text is not None:
            return Sentence(word.say("with_points", text=text, change=change), (one.id,))
        phrase = "lost" if self._verb == "loses" else "gained"
        return Sentence(word.say(phrase, what=standard, points=word.points(one.counted)), (one.id,))

    def _why_not_higher(self) -> WhyNotHigher | None:
        found = self._prospects.next_up()
        if found is None:
            return None
        word, grade = self._word, found.band.grade
        lost = self._rulebook.scoring.direction == "lost"
        sentences = []
        if found.missing:
            higher = self._rulebook.scoring.better == "higher"
            text = word.say(
                "higher_points" if higher else "higher_lower_points",
                grade=grade,
                missing=word.points(found.missing),
                score=word.points(self._grading.score.value),
                needed=word.points(found.needed),
            )
            sentences.append(Sentence(text, self._counting()))
        for limit in found.limits:
            label = word.say("quoted", what=self._limit_label(limit))
            text = word.say("higher_limit", what=label, grade=limit.grade)
            sentences.append(Sentence(text, self._limit_deductions(limit) or self._counting()))
        for score in found.singles:
            label = word.text(self._rulebook.standards[score.id].label)
            most = word.points(found.band.worst_single or 0)
            text = word.say("higher_single", standard=label, points=word.points(score.points), grade=grade, most=most)
            sentences.append(Sentence(text, tuple(one.id for one in self._by_standard[score.id])))
        for demand, amount in found.demands:
            label = word.text(self._rulebook.indicators[demand.indicator].label)
            bounds = [("at_least", demand.at_least), ("at_most", demand.at_most)]
            needed = word.listed(word.say(name, points=word.points(n)) for name, n in bounds if n is not None)
            text = word.say("higher_demand", indicator=label, points=word.points(amount), grade=grade, needed=needed)
            below = self._prospects.standards_below(demand.indicator)
            ids = tuple(one.id for one in self._grading.deductions if lost and one.target in below)
            sentences.append(Sentence(text, ids or self._idle))
        return WhyNotHigher(grade, self._points(found.missing), tuple(sentences))

    def _remedies(self) -> tuple[RemedyView, ...]:
        word, views = self._word, []
        for offer in self._grading.remedies:
            remedy = self._rulebook.remedies[offer.id]
            after = self._prospects.after([offer])
            time = word.time(remedy.lead_time.amount, remedy.lead_time.unit)
            done = add(self._grading.as_of, remedy.lead_time.amount, remedy.lead_time.unit, self._rulebook.calendar)
            text = word.say(
                "remedy" if offer.points else "remedy_no_points",
                text=word.sentence(remedy.text),
                points=word.points(offer.points),
                time=time,
                day=time if done is None else word.day(done),
            )
            if offer.points or after.grade != self._grading.grade:
                text = word.join([text, word.say("remedy_grade", score=word.points(after.score), grade=after.grade)])
            ask = None if remedy.ask is None else word.text(remedy.ask)
            views.append(
                RemedyView(
                    id=offer.id,
                    sentence=Sentence(text, offer.deductions),
                    standards={name: self._points(points) for name, points in offer.standards.items()},
                    points=self._points(offer.points),
                    effort=remedy.effort,
                    lead_time=time,
                    done_by=None if done is None else _iso(done),
                    recovers=remedy.recovers,
                    ask=ask,
                    score=self._points(after.score),
                    grade=after.grade,
                )
            )
        gain = {offer.id: offer.points for offer in self._grading.remedies}
        order = {band.grade: place for place, band in enumerate(self._rulebook.bands)}
        # What lifts the grade comes first, then the most points for the least effort.
        return tuple(sorted(views, key=lambda one: (order[one.grade], -gain[one.id] / one.effort, one.effort, one.id)))

    def _consequences(self) -> Iterable[Sentence]:
        found = {finding.id: finding for finding in self._grading.consequences}
        seen = set()
        for one in self._grading.deductions:
            if one.kind == "consequence" and one.concludes not in seen:
                seen.add(one.concludes)
                finding = found[one.concludes]
                label = self._word.text(self._rulebook.types[finding.type].label)
                pairs = self._word.fields(finding.type, finding.values)
                values = self._word.listed(self._word.say("pair", label=name, value=value) for name, value in pairs)
                text = self._word.because(one) or (
                    self._word.say("concluded", what=label, values=values) if values else label
                )
                yield Sentence(text, (one.id,))

    def _not_counted(self) -> Iterable[Sentence]:
        for score in self._grading.standards:
            if score.applies != "yes":
                label = self._word.text(self._rulebook.standards[score.id].label)
                rules = tuple(f"rule:{rule.id}" for rule in self._rulebook.rules if rule.target == score.id)
                yield Sentence(self._word.say(f"not_counted_{score.applies}", standard=label), rules)


def _iso(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()
