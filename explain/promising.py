"""Promises: a plan that a producer was told to reach a grade, and whether it came out so once all was done."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final, Literal, TypeAlias

import msgspec

from engine.case import CaseFile, Fact
from engine.evaluate import Evaluator
from engine.grading import Grading
from engine.values import plain, reader
from explain.ahead import ahead
from explain.plans import Plan
from knowledge.rulebook import Field, Rulebook
from knowledge.rules import Value
from knowledge.workdays import add_months

Verdict: TypeAlias = Literal["open", "kept", "broken", "lapsed"]
LASTS_MONTHS: Final = 12
"""How long after its day a promise is looked at."""
_canonical: Final = msgspec.json.Encoder(order="sorted").encode


class Expected(msgspec.Struct, frozen=True):
    """A fact that must be on record: that of `id` changed, or a new one. Fields as in a case file, none personal."""

    remedy: str
    type: str
    id: str | None
    status: str | None
    fields: dict[str, Any]


class Promise(msgspec.Struct, frozen=True):
    """What was promised. Days are ISO text.

    Once everything `expected` is on record, dated between `as_of` and `day`, and nothing else has come that may tell
    against the producer, the grade from `day` until before `until` must be `grade` or better. `known` has a digest of
    each of the producer's facts when it was made, `about` one of the producer, `suspended` the standards that the
    promised score leaves out for want of a source.
    """

    producer: str
    rulebook: str
    """`id@version`."""
    rulebook_sha256: str
    as_of: str
    day: str
    until: str
    grade: str
    score: int
    remedies: tuple[str, ...]
    expected: tuple[Expected, ...]
    known: dict[str, str]
    about: str
    suspended: tuple[str, ...]


class Judged(msgspec.Struct, frozen=True):
    """What became of a promise, and why in one word: `undone`, `early`, `rulebook`, `time`, `facts`, `sources`."""

    verdict: Verdict
    reason: str = ""


def promise(case: CaseFile, plan: Plan, evaluator: Evaluator) -> Promise:
    """Return what a plan promises to the producer of a case, as of the case's day."""
    rulebook = evaluator.rulebook
    return Promise(
        producer=case.producer.id,
        rulebook=f"{rulebook.id}@{rulebook.version}",
        rulebook_sha256=rulebook.sha256,
        as_of=_iso(case.as_of),
        day=_iso(plan.day),
        until=_iso(_holds_until(plan, evaluator)),
        grade=plan.after.grade,
        score=plan.after.score.value,
        remedies=plan.remedies,
        expected=tuple(_expected(rulebook, plan)),
        known={fact.id: _digest(rulebook, fact) for fact in _own(rulebook, case)},
        about=_about(case),
        suspended=_suspended(plan.after),
    )


def judge(made: Promise, rulebook: Rulebook, case: CaseFile, grading: Grading) -> Judged:
    """Return what became of a promise by the day of a case and its grading."""
    if grading.rulebook_sha256 != made.rulebook_sha256:
        return Judged("lapsed", "rulebook")
    today = _iso(case.as_of)
    if today >= made.until:
        return Judged("lapsed", "time")
    if today < made.day:
        return Judged("open", "early")
    facts = {fact.id: fact for fact in _own(rulebook, case)}
    done = _done(made, rulebook, facts)
    if done is None:
        return Judged("open", "undone")
    if made.about != _about(case) or _others(made, rulebook, facts, done):
        return Judged("lapsed", "facts")
    if made.suspended != _suspended(grading):
        return Judged("lapsed", "sources")
    order = [band.grade for band in rulebook.bands]
    kept = order.index(grading.grade) <= order.index(made.grade)
    return Judged("kept" if kept else "broken")


def _holds_until(plan: Plan, evaluator: Evaluator) -> int:
    """Return the first day on which the promised grade is gone by itself, `LASTS_MONTHS` after the plan's at most."""
    rulebook, last = evaluator.rulebook, add_months(plan.day, LASTS_MONTHS)
    order = [band.grade for band in rulebook.bands]

    def later(case: CaseFile, day: int) -> CaseFile:
        return ahead(rulebook, case, day)

    foresight = evaluator.foresee(plan.case, plan.after, later)
    while (day := foresight.next_day(last)) is not None:
        grading = evaluator.chain(later(plan.case, day))
        if order.index(grading.grade) > order.index(plan.after.grade):
            return day
        foresight.settle(grading)
    return last


def _expected(rulebook: Rulebook, plan: Plan) -> Iterable[Expected]:
    for deed in plan.deeds:
        for old, now in zip(deed.before, deed.again, strict=True):
            changed = {name: value for name, value in now.values.items() if old.values.get(name) != value}
            status = now.status if now.status != old.status else None
            yield Expected(deed.remedy, now.type, now.id, status, _public(rulebook, now.type, changed))
        for fact in deed.new:
            kind = rulebook.types[fact.type]
            names = [name for name in fact.values if name not in kind.same_when or kind.fields[name].type != "text"]
            given = {name: fact.values[name] for name in names}
            yield Expected(deed.remedy, fact.type, None, None, _public(rulebook, fact.type, given))


def _plain(rulebook: Rulebook, kind: str, values: Mapping[str, Value]) -> dict[str, Any]:
    fields = rulebook.types[kind].fields
    return {name: plain(fields[name], value) for name, value in values.items()}


def _public(rulebook: Rulebook, kind: str, values: Mapping[str, Value]) -> dict[str, Any]:
    """Return values without those of personal fields, which promises neither tell nor ask for."""
    fields = rulebook.types[kind].fields
    return _plain(rulebook, kind, {name: value for name, value in values.items() if not fields[name].personal})


def _done(made: Promise, rulebook: Rulebook, facts: Mapping[str, Fact]) -> set[str] | None:
    """Return the facts that show all deeds done, None where one isn't."""
    used: set[str] = set()
    for one in made.expected:
        if one.id is not None:
            candidates = [one.id] if one.id in facts else []
        else:
            candidates = [name for name, fact in facts.items() if fact.type == one.type and name not in made.known]
        left = candidates if one.id is not None else [name for name in candidates if name not in used]
        found = next((name for name in left if _shows(made, rulebook, one, facts[name])), None)
        if found is None:
            return None
        used.add(found)
    return used


def _shows(made: Promise, rulebook: Rulebook, one: Expected, fact: Fact) -> bool:
    """Say whether a fact is as a deed leaves it: the same choices and numbers; texts are the producer's own."""
    if one.status is not None and fact.status != one.status:
        return False
    if one.status is None and not rulebook.fact_statuses[fact.status].counts:
        return False
    fields = rulebook.types[one.type].fields
    return all(_agrees(made, fields[name], value, fact.values.get(name)) for name, value in one.fields.items())


def _agrees(made: Promise, field: Field, expected: object, value: Value | None) -> bool:
    if value is None:
        return False
    if field.type == "text":
        return True
    if field.type == "date":
        day = _iso(int(value))
        return made.as_of <= day <= made.day if str(expected) <= made.day else day >= made.day
    return reader(field)(expected) == value


def _others(made: Promise, rulebook: Rulebook, facts: Mapping[str, Fact], done: set[str]) -> bool:
    """Say whether the facts differ from those known then by anything that may tell against the producer."""
    if made.known.keys() - facts.keys():
        return True
    for name, fact in facts.items():
        if name in done or made.known.get(name) == _digest(rulebook, fact):
            continue
        if name in made.known or rulebook.types[fact.type].tells != "for":
            return True
    return False


def _own(rulebook: Rulebook, case: CaseFile) -> Iterable[Fact]:
    return (fact for fact in case.facts if not rulebook.types[fact.type].about_everyone)


def _digest(rulebook: Rulebook, fact: Fact) -> str:
    told = [fact.type, fact.status, _plain(rulebook, fact.type, fact.values)]
    return hashlib.sha256(_canonical(told)).hexdigest()[:16]


def _about(case: CaseFile) -> str:
    who = case.producer
    return hashlib.sha256(_canonical([who.kind, who.region, who.attributes])).hexdigest()[:16]


def _suspended(grading: Grading) -> tuple[str, ...]:
    return tuple(one.id for one in grading.standards if one.applies == "suspended")


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()
