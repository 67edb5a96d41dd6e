"""Plans told: what to do, by when, what it brings, what must be on record; and what only time undoes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from engine.case import CaseFile, Fact, Producer
from engine.evaluate import Evaluator
from engine.grading import Deduction, Grading
from engine.reading import CaseReader, fact_document, producer_document
from explain.ahead import ahead
from explain.ground import Ground
from explain.phrases import Lang
from explain.plan_views import HealsView, PlansView, PlanView, RecordView, StepView, VersionView
from explain.plans import Heals, Plan, Search
from explain.views import Sentence, ValueView
from explain.wording import Wording
from knowledge.problems import ShuoliError
from knowledge.rulebook import Rulebook


class Later:
    """A plan as a version of the rulebook that takes effect later grades it: `grading` None where it can't be read."""

    def __init__(self, rulebook: Rulebook, day: int, grading: Grading | None) -> None:
        self.rulebook, self.day, self.grading = rulebook, day, grading


def later_case(rulebook: Rulebook, plan: Plan, version: Rulebook) -> tuple[bytes, tuple[bytes, ...], int]:
    """Return producer and facts once a plan is done, as documents, and the day for another version to grade them on."""
    day = max(plan.day, version.effective_from)
    case = ahead(rulebook, plan.case, day)
    facts = tuple(fact_document(rulebook, fact) for fact in case.facts)
    return producer_document(rulebook, case.producer), facts, day


def grade_later(
    cases: Sequence[tuple[bytes, tuple[bytes, ...], int]], evaluator: Evaluator
) -> tuple[Grading | None, ...]:
    """Return the grading of each of these under the evaluator's rulebook, None where it can't read or grade it."""
    reader = CaseReader(evaluator.rulebook)
    found: list[Grading | None] = []
    for document, documents, day in cases:
        try:
            producer: Producer = reader.producer(document)
            facts = sorted(reader.stored(documents), key=lambda fact: (fact.type, fact.id))
            found.append(evaluator.grade(CaseFile(producer, tuple(facts), day)))
        except ShuoliError:
            found.append(None)
    return tuple(found)


def tell_plans(
    rulebook: Rulebook,
    case: CaseFile,
    grading: Grading,
    search: Search,
    lang: Lang,
    *,
    later: Sequence[Sequence[Later]] = (),
    personal: bool = False,
) -> PlansView:
    """Return what a search found in words; `later` has for each plan what versions of later days make of it."""
    word = Wording(rulebook, case, grading, lang, personal=personal)
    return _Telling(Ground(word, case, grading, ()), search).view(later or [()] * len(search.plans))


class _Telling:
    def __init__(self, ground: Ground, search: Search) -> None:
        self._ground, self._search = ground, search
        self._word, self._rulebook, self._grading = ground.word, ground.rulebook, ground.grading
        self._offers = {offer.id: offer for offer in ground.grading.remedies}
        self._place = ground.order[search.grade]

    def view(self, later: Sequence[Sequence[Later]]) -> PlansView:
        grading, search = self._grading, self._search
        plans = tuple(self._plan(plan, versions) for plan, versions in zip(search.plans, later, strict=True))
        return PlansView(
            lang=self._word.lang,
            producer=grading.producer,
            as_of=_iso(grading.as_of),
            rulebook=f"{grading.rulebook_id}@{grading.rulebook_version}",
            grade=grading.grade,
            score=self._ground.shown(grading.score.value),
            to=search.grade,
            reached=search.reached,
            sentence=self._all_in_one(),
            plans=plans,
            all_found=search.all_found,
            heals=None if search.heals is None else self._heals(search.heals),
        )

    def _all_in_one(self) -> Sentence:
        search, word = self._search, self._word
        if search.reached:
            return Sentence(word.say("plan_reached", grade=self._grading.grade), self._ground.counting())
        if search.plans:
            best = search.plans[0]
            text = word.say(
                "plan_best", to=search.grade, deeds=self._named(best.remedies), effort=best.effort,
                day=word.day(best.day),
            )  # fmt: skip
            return Sentence(text, self._under(best.remedies))
        assert search.heals is not None
        heals, texts = search.heals, []
        if heals.day is None:
            texts.append(word.say("plan_none", to=search.grade, day=word.day(heals.looked_until)))
        else:
            phrase = "plan_none_later" if heals.remedies else "plan_none_healed"
            deeds = self._named(heals.remedies)
            texts.append(word.say(phrase, to=search.grade, day=word.day(heals.day), deeds=deeds))
        texts.append(word.say("plan_looked_at", n=len(heals.looked_at)))
        return Sentence(word.join(texts), self._undone_rules(heals) or self._ground.counting())

    def _plan(self, plan: Plan, later: Iterable[Later]) -> PlanView:
        shown, word = self._ground.shown, self._word
        before = {one.id: one.points for one in plan.before.standards}
        restored = {one.id: before[one.id] - one.points for one in plan.after.standards if before[one.id] != one.points}
        still = {limit.id for limit in (*plan.after.ceilings, *plan.after.vetoes)}
        lifted = [limit for limit in (*plan.before.vetoes, *plan.before.ceilings) if limit.id not in still]
        texts = [
            word.say(
                "plan_comes_to", score=word.points(plan.after.score.value), grade=plan.after.grade,
                without=word.points(plan.before.score.value), without_grade=plan.before.grade,
            )
        ]  # fmt: skip
        brings = [self._brought(name, before[name], points) for name, points in restored.items()]
        brings += [word.say("plan_lifts", what=self._ground.label_of(limit)) for limit in lifted]
        texts += [word.say("plan_brings", texts=word.listed(brings))] if brings else []
        return PlanView(
            steps=tuple(self._steps(plan)),
            effort=plan.effort,
            day=_iso(plan.day),
            grade=plan.after.grade,
            score=shown(plan.after.score.value),
            without=(plan.before.grade, shown(plan.before.score.value)),
            points={name: shown(points) for name, points in restored.items()},
            lifts=tuple(limit.id for limit in lifted),
            sentence=Sentence(word.join(texts), self._under(plan.remedies)),
            versions=tuple(self._version(plan, one) for one in later),
        )

    def _brought(self, standard: str, before: int, less: int) -> str:
        """Return what becomes of a standard's points."""
        word = self._word
        label = word.text(self._rulebook.standards[standard].label)
        if self._ground.loses and less > 0:
            return word.say("plan_restores", standard=label, points=word.amount(less))
        return word.say("plan_moves", standard=label, before=word.amount(before), after=word.amount(before - less))

    def _steps(self, plan: Plan) -> Iterator[StepView]:
        word = self._word
        for deed, done in zip(plan.deeds, plan.done_on, strict=True):
            remedy = self._rulebook.remedies[deed.remedy]
            time = word.time(remedy.lead_time.amount, remedy.lead_time.unit)
            texts = [word.sentence(remedy.text), word.say("takes", time=time, day=word.day(done))]
            yield StepView(
                id=remedy.id,
                sentence=Sentence(word.join(texts), self._under([remedy.id])),
                effort=remedy.effort,
                done_on=_iso(done),
                ask=None if remedy.ask is None else word.text(remedy.ask),
                records=(
                    *self._records(deed.again, {fact.id: fact for fact in deed.before}, plan.day),
                    *self._records(deed.new, {}, plan.day),
                ),
            )

    def _records(self, facts: Iterable[Fact], before: Mapping[str, Fact], day: int) -> Iterator[RecordView]:
        """Yield what must be on record, facts of one type with the same values changed together.

        Dates on which deeds are done aren't told: they are the producer's to choose, up to the plan's day.
        """
        groups: dict[tuple[str, tuple[str, ...]], list[Fact]] = {}
        for fact in facts:
            groups.setdefault((fact.type, tuple(self._changed(fact, before, day))), []).append(fact)
        for (name, changed), group in groups.items():
            kind, fact, word = self._rulebook.types[name], group[0], self._word
            values = {field: fact.values[field] for field in changed if field in fact.values}
            told = [ValueView(label, value) for label, value in word.fields(name, values, iso=True)]
            if fact.id in before and fact.status != before[fact.id].status:
                status = self._rulebook.fact_statuses[fact.status]
                told.append(ValueView(word.say("plan_status"), word.text(status.label)))
            yield RecordView(name, word.text(kind.label), fact.id not in before, len(group), tuple(told))

    def _changed(self, fact: Fact, before: Mapping[str, Fact], day: int) -> Iterator[str]:
        """Yield the fields of a fact that a deed gives; texts that only tell new facts apart are nobody's to give."""
        kind = self._rulebook.types[fact.type]
        for name, value in fact.values.items():
            if kind.fields[name].type == "date" and value == day:
                continue
            if fact.id in before:
                if before[fact.id].values.get(name) != value:
                    yield name
            elif not (kind.fields[name].type == "text" and name in kind.same_when):
                yield name

    def _version(self, plan: Plan, later: Later) -> VersionView:
        book, word, grading = later.rulebook, self._word, later.grading
        named = {"version": book.version, "from_day": word.day(book.effective_from)}
        if grading is None:
            text, holds = word.say("plan_version_unread", **named), False
        else:
            score = word.points(grading.score.value)
            text = word.say("plan_version", **named, day=word.day(later.day), score=score, grade=grading.grade)
            order = [band.grade for band in book.bands]
            holds = self._search.grade in order and order.index(grading.grade) <= order.index(self._search.grade)
        return VersionView(
            version=book.version,
            effective_from=_iso(book.effective_from),
            day=_iso(later.day),
            grade=None if grading is None else grading.grade,
            score=None if grading is None else self._ground.shown(grading.score.value),
            holds=holds,
            sentence=Sentence(text, self._under(plan.remedies)),
        )

    def _heals(self, heals: Heals) -> HealsView:
        return HealsView(
            day=None if heals.day is None else _iso(heals.day),
            remedies=heals.remedies,
            looked_until=_iso(heals.looked_until),
            days_looked_at=len(heals.looked_at),
            undone=tuple(self._undone(heals.undone)),
        )

    def _undone(self, grading: Grading) -> Iterator[Sentence]:
        """Yield what is left when everything is done: limits that forbid the grade, then points, most first."""
        word, deductions = self._word, {one.id: one for one in grading.deductions}
        for limit in (*grading.vetoes, *grading.ceilings):
            if self._ground.order[limit.grade] <= self._place or limit.kind == "indicator":
                continue
            own = [deductions[name] for name in limit.deductions]
            phrase = "plan_undone_limit_veto" if limit.kind == "veto" else "plan_undone_limit"
            text = word.say(phrase, what=self._ground.label_of(limit), grade=limit.grade)
            yield Sentence(self._until(text, own), self._now(own))
        counted: dict[str, list[Deduction]] = {}
        for one in grading.deductions if self._ground.order[grading.score_grade] > self._place else ():
            if one.kind == "standard" and one.counted:
                counted.setdefault(one.target, []).append(one)
        phrase = "plan_undone_points_lost" if self._ground.loses else "plan_undone_points_gained"
        for name, own in sorted(counted.items(), key=lambda item: (-sum(one.counted for one in item[1]), item[0])):
            points = word.amount(sum(one.counted for one in own))
            text = word.say(phrase, standard=word.text(self._rulebook.standards[name].label), points=points)
            yield Sentence(self._until(text, own), self._now(own))

    def _until(self, text: str, own: Sequence[Deduction]) -> str:
        """Return a sentence with the day on which the last of these deductions ends, where all of them do."""
        days = [one.until for one in own if one.until is not None]
        if len(days) < len(own) or not days:
            return self._word.stopped(text)
        until = self._word.say("plan_undone_until", day=self._word.day(max(days)))
        return self._word.stopped(self._word.say("with_until", text=text, until=until))

    def _now(self, own: Iterable[Deduction]) -> tuple[str, ...]:
        """Return this grading's deductions by the same rules as those of a later one, else the rules."""
        rules = dict.fromkeys(one.rule for one in own)
        return tuple(
            name
            for rule in rules
            for name in [one.id for one in self._grading.deductions if one.rule == rule] or [f"rule:{rule}"]
        )

    def _undone_rules(self, heals: Heals) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for one in self._undone(heals.undone) for name in one.stands_on))

    def _under(self, remedies: Iterable[str]) -> tuple[str, ...]:
        """Return what calls for remedies now, else the rules that would call for them later."""
        return tuple(dict.fromkeys(name for remedy in remedies for name in self._calling(remedy)))

    def _calling(self, remedy: str) -> Iterable[str]:
        if remedy in self._offers:
            return self._offers[remedy].deductions
        return (f"rule:{rule.id}" for rule in self._rulebook.rules if remedy in rule.remedies)

    def _named(self, remedies: Iterable[str]) -> str:
        texts = (self._word.text(self._rulebook.remedies[name].text).rstrip("。.") for name in remedies)
        return self._word.say("deeds_joined").join(texts)


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()
