"""Steps between gradings told as sentences, each with what it adds to the score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from fractions import Fraction
from typing import Final

from engine.case import Fact
from engine.grading import Deduction, Limit, StandardScore
from engine.values import decimal_text
from explain.change_views import Change, GradeChange, SideView
from explain.differences import PLACES, Move, Reach, Side, Step, changed_facts
from explain.phrases import Lang
from explain.views import Sentence
from explain.wording import Wording
from knowledge.rulebook import Rulebook

_MOST_FACTS: Final = 3
"""Facts that are named in one sentence; all are listed by id."""
_PHRASES: Final = {"veto": "vetoed", "ceiling": "ceiling", "indicator": "missed"}


class Told:
    """One side of a comparison, with the words for it."""

    def __init__(self, side: Side, lang: Lang, *, personal: bool) -> None:
        self.side, self.grading, self.rulebook = side, side.grading, side.rulebook
        self.word = Wording(side.rulebook, side.case, side.grading, lang, personal=personal)
        self.rules = {rule.id for rule in side.rulebook.rules}

    def view(self) -> SideView:
        """Return which grading it is."""
        return SideView(
            as_of=iso(self.grading.as_of),
            known_at=self.grading.known_at,
            rulebook=f"{self.rulebook.id}@{self.rulebook.version}",
            grade=self.grading.grade,
            score=shown(self.side.score, self.rulebook),
        )

    def counting(self) -> tuple[str, ...]:
        """Return what the score stands on: the deductions that count, else the rules that could have taken points."""
        found = tuple(one.id for one in self.grading.deductions if one.kind == "standard" and one.counted)
        return found or tuple(f"rule:{rule.id}" for rule in self.rulebook.rules if rule.kind == "standard")

    def rules_of(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the rules that conclude one of these."""
        wanted = set(names)
        return tuple(f"rule:{rule.id}" for rule in self.rulebook.rules if rule.target in wanted)

    def limit_label(self, limit: Limit) -> str:
        """Return what a limit is called."""
        if limit.kind == "indicator":
            return self.word.text(self.rulebook.indicators[limit.id].label)
        labels = self.rulebook.vetoes if limit.kind == "veto" else self.rulebook.ceilings
        return self.word.text(labels[limit.id])

    def under(self, limit: Limit) -> tuple[str, ...]:
        """Return the deductions that a limit stands on; for an indicator the rules of the standards below it."""
        if limit.kind != "indicator":
            return limit.deductions
        indicators = self.rulebook.indicators
        below = {
            one.id
            for one in self.rulebook.standards.values()
            if limit.id in (one.indicator, indicators[one.indicator].parent)
        }
        counted = tuple(one.id for one in self.grading.deductions if one.target in below and one.counted)
        return counted or self.rules_of(below)


class Telling:
    """Tells one step in one language; `names` are what its two gradings are called in what sentences stand on."""

    def __init__(self, step: Step, before: Told, after: Told, reach: Reach, names: tuple[str, str]) -> None:
        self._step, self._before, self._after, self._reach = step, before, after, reach
        self._was, self._now = names
        self._word = after.word
        self._facts = changed_facts(before.side.case, after.side.case, after.rulebook) if step.cause == "facts" else ()

    def changes(self) -> Iterator[Change]:
        """Yield what adds to the score: deductions, then how points became a score, but not its rounding.

        Standards of which the deductions come to nothing together are left out.
        """
        net: dict[str, Fraction] = {}
        for move in self._step.moves:
            net[move.standard] = net.get(move.standard, Fraction(0)) + move.points
        for move in sorted(self._step.moves, key=lambda move: (-abs(net[move.standard]), move.standard)):
            if net[move.standard]:
                yield self._move(move)
        step, word = self._step, self._word
        if step.start:
            yield self._scored("start", step.start, word.say("start_differs", by=self._by(step.start)))
        if part := rounded(step.proportion, self._after.rulebook):
            yield self._scored("proportion", part, word.say("in_proportion", by=self._by(part)))
        if part := rounded(step.denominator, self._after.rulebook):
            yield self._denominator(part)
        if step.bound:
            yield self._scored("bound", step.bound, word.say("bounded", by=self._by(step.bound)))

    def grade_changes(self) -> Iterator[GradeChange]:
        """Yield the limits that came, went or changed, then the grade by score alone."""
        for was, now in self._step.limits:
            limit = now or was
            assert limit is not None
            told, name = (self._before, self._was) if now is None else (self._after, self._now)
            change = "gone" if now is None else "came" if was is None else "changed"
            said = self._word.say(_PHRASES[limit.kind], what=told.limit_label(limit), grade=limit.grade)
            text = self._word.say(f"limit_{change}", text=said)
            yield GradeChange(limit.kind, limit.id, change, Sentence(text, _on(name, told.under(limit))))
        was_grade, now_grade = self._before.grading.score_grade, self._after.grading.score_grade
        if was_grade != now_grade:
            yield GradeChange("score", None, "changed", self._by_score(was_grade, now_grade))

    def _by_score(self, was: str, now: str) -> Sentence:
        told = self._after
        order = {band.grade: place for place, band in enumerate(told.rulebook.bands)}
        better = min((grade for grade in (was, now) if grade in order), key=order.__getitem__)
        band = told.rulebook.bands[order[better]]
        higher = told.rulebook.scoring.better == "higher"
        bound = band.low if higher else band.high
        stands_on = _on(self._now, told.counting())
        if bound is None:
            return Sentence(self._word.say("by_score_bare", was=was, now=now), stands_on)
        needed = self._word.say("at_least_score" if higher else "at_most_score", points=told.word.amount(bound))
        return Sentence(self._word.say("by_score", was=was, now=now, grade=better, needed=needed), stands_on)

    def _move(self, move: Move) -> Change:
        told = self._before if move.after is None else self._after
        deduction = move.after or move.before
        assert deduction is not None
        text = told.word.because(deduction).rstrip("。.")
        notes = [self._note(move), *self._why(move)]
        facts = self._facts_of(move)
        if facts:
            notes.append(self._word.say("why_facts", facts=self._named(facts)))
        notes.append(self._by(move.points))
        phrase = "moved" if text else "moved_bare"
        label = told.word.text(told.rulebook.standards[move.standard].label)
        said = self._word.say(phrase, standard=label, text=text, notes=self._word.say("notes").join(notes))
        stands_on = tuple(
            f"{name}:{one.id}" for name, one in ((self._was, move.before), (self._now, move.after)) if one is not None
        )
        return Change(
            cause=self._step.cause,
            kind=move.how,
            standard=move.standard,
            rule=move.rule,
            points=shown(move.points, self._after.rulebook),
            sentence=Sentence(said, stands_on),
            facts=tuple(fact.id for fact, _ in facts),
        )

    def _note(self, move: Move) -> str:
        word = self._word
        if move.before is not None and move.after is not None:
            was, now = self._before.word.amount(move.before.counted), self._after.word.amount(move.after.counted)
            return word.say(f"moved_{move.how}", was=was, now=now)
        if move.after is not None:
            return word.say("moved_came")
        assert move.before is not None
        return self._gone(move.before)

    def _gone(self, deduction: Deduction) -> str:
        if any(move.standard == deduction.target and move.how == "came" for move in self._step.moves):
            return self._word.say("moved_replaced")
        expired = deduction.until is not None and deduction.until <= self._after.grading.as_of
        return self._word.say("moved_expired" if expired and self._step.cause == "time" else "moved_gone")

    def _why(self, move: Move) -> Iterable[str]:
        """Yield what became of the rule, where the rulebooks differ."""
        if self._step.cause == "rules":
            if move.rule not in self._before.rules:
                yield self._word.say("why_rule_new")
            elif move.rule not in self._after.rules:
                yield self._word.say("why_rule_gone")
            else:
                yield self._word.say("why_rules")

    def _facts_of(self, move: Move) -> list[tuple[Fact, str]]:
        """Return the facts among those that changed that the rule looks at, each with what became of it."""
        types = self._reach.types(move.rule)
        found = []
        for was, now in self._facts:
            fact = now or was
            if fact is not None and fact.type in types:
                found.append((fact, "gone" if now is None else "new" if was is None else "other"))
        return found

    def _named(self, facts: Sequence[tuple[Fact, str]]) -> str:
        word = self._word
        texts = [word.say(f"fact_{change}", what=self.named(fact)) for fact, change in facts[:_MOST_FACTS]]
        if len(facts) > _MOST_FACTS:
            texts.append(word.say("and_others", count=len(facts)))
        return word.listed(texts)

    def named(self, fact: Fact) -> str:
        """Return a fact by its label and day."""
        return named(self._after, fact)

    def _denominator(self, part: Fraction) -> Change:
        word = self._word
        come = [now for was, now in self._step.standards if now is not None and now.applies == "yes"]
        go = [was for was, now in self._step.standards if was is not None and was.applies == "yes"]
        texts = []
        if go:
            texts.append(word.say("standards_go", names=self._labels(self._before, go)))
        if come:
            texts.append(word.say("standards_come", names=self._labels(self._after, come)))
        was, now = self._before.grading.score.applicable, self._after.grading.score.applicable
        said = word.say(
            "standards_differ",
            texts=word.say("notes").join(texts),
            was=self._before.word.amount(was),
            now=self._after.word.amount(now),
            by=self._by(part),
        )
        rules = self._after.rules_of(one.id for one in come) or self._before.rules_of(one.id for one in go)
        stands_on = _on(self._now if come else self._was, rules) or _on(self._now, self._after.counting())
        return Change("score", "denominator", None, None, shown(part, self._after.rulebook), Sentence(said, stands_on))

    def _labels(self, told: Told, scores: Iterable[StandardScore]) -> str:
        return self._word.listed(
            self._word.say("quoted", what=told.word.text(told.rulebook.standards[one.id].label)) for one in scores
        )

    def _scored(self, kind: str, part: Fraction, text: str) -> Change:
        stands_on = _on(self._now, self._after.counting())
        return Change("score", kind, None, None, shown(part, self._after.rulebook), Sentence(text, stands_on))

    def _by(self, points: Fraction) -> str:
        return self._word.say("score_by", points=signed(points, self._after.rulebook))


def rounding(points: Fraction, after: Told) -> Change:
    """Return the part of a difference that is left by rounding."""
    word = after.word
    said = word.say("rounded", by=word.say("score_by", points=signed(points, after.rulebook)))
    sentence = Sentence(said, _on("after", after.counting()))
    return Change("score", "rounding", None, None, shown(points, after.rulebook), sentence)


def named(told: Told, fact: Fact) -> str:
    """Return a fact by its label and, where it has one that may be shown, its day."""
    word, kind = told.word, told.rulebook.types[fact.type]
    label = word.text(kind.label)
    day = None if kind.dated is None else fact.values.get(kind.dated)
    if day is None or kind.dated is None or not word.may_show(kind.fields[kind.dated]):
        return label
    return word.say("dated_fact", day=word.day(int(day)), what=label)


def rounded(points: Fraction, rulebook: Rulebook) -> Fraction:
    """Return points with two more places than the rulebook's unit has."""
    return round(points, 2 + PLACES[rulebook.scoring.unit])


def shown(points: Fraction, rulebook: Rulebook) -> int | str:
    """Return points for JSON: whole numbers as such where the rulebook counts whole, else decimal text."""
    if rulebook.scoring.unit == "whole" and points.denominator == 1:
        return int(points)
    return _decimal(points, rulebook)


def signed(points: Fraction, rulebook: Rulebook) -> str:
    """Return points with their sign."""
    return f"{'−' if points < 0 else '+'}{_decimal(abs(points), rulebook)}"


def _decimal(points: Fraction, rulebook: Rulebook) -> str:
    least = PLACES[rulebook.scoring.unit]
    whole, _, part = decimal_text(round(points * 10 ** (least + 2)), least + 2).partition(".")
    part = part[:least] + part[least:].rstrip("0")
    return f"{whole}.{part}" if part else whole


def _on(name: str, ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{name}:{one}" for one in ids)


def iso(ordinal: int) -> str:
    """Return a day as ISO text."""
    return date.fromordinal(ordinal).isoformat()
