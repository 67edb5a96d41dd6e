"""What is promised comes out once all is done, each deed on its own day; nothing is judged too early or too late."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date

import msgspec
import pytest
from msgspec.structs import replace

from engine.case import CaseFile, Fact
from engine.evaluate import Evaluator
from engine.reading import fact_id, merge
from explain.ahead import ahead
from explain.plans import Plan, find_plans
from explain.promising import LASTS_MONTHS, Judged, Promise, judge, promise
from knowledge.catalog import SHIPPED
from knowledge.loader import load_rulebook
from knowledge.rules import Value
from knowledge.workdays import add_months
from tests.explain.drawn_city import drawn


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    made = Evaluator(load_rulebook(SHIPPED / "hangzhou" / "2021.1"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def planned(evaluator: Evaluator) -> list[tuple[CaseFile, Plan]]:
    """Return plans of twelve producers."""
    found = []
    for case in drawn(evaluator.rulebook, 12):
        search = find_plans(evaluator, case, evaluator.grade(case), others=2)
        found += [(case, plan) for plan in search.plans]
    assert len(found) > 12
    return found


def _carried_out(evaluator: Evaluator, case: CaseFile, plan: Plan, left_out: str | None = None) -> CaseFile:
    """Return the case on the plan's day, with what the plan wants on record, dated on the day of each deed."""
    types = evaluator.rulebook.types
    facts = {fact.id: fact for fact in case.facts}
    for deed, day in zip(plan.deeds, plan.done_on, strict=True):
        if deed.remedy == left_out:
            continue
        before = {fact.id: fact.values for fact in deed.before}
        for fact in (*deed.again, *deed.new):
            old = before.get(fact.id, {})
            dated = {
                name: day if types[fact.type].fields[name].type == "date" and value == plan.day else value
                for name, value in fact.values.items()
                if old.get(name) != value
            }
            if fact.id in before:
                known = facts[fact.id]
                facts[fact.id] = replace(known, values=known.values | dated, status=fact.status)
            else:
                name = fact_id(types[fact.type], dated)
                facts[name] = replace(fact, id=name, values=dated)
    return ahead(evaluator.rulebook, replace(case, facts=merge(facts.values())), plan.day)


def _judged(evaluator: Evaluator, made: Promise, case: CaseFile) -> Judged:
    return judge(made, evaluator.rulebook, case, evaluator.grade(case))


def test_what_is_promised_comes_out(evaluator: Evaluator, planned: list[tuple[CaseFile, Plan]]) -> None:
    for case, plan in planned:
        made = promise(case, plan, evaluator)
        read = msgspec.json.decode(msgspec.json.encode(made), type=Promise)

        assert read == made
        assert not [
            name
            for one in made.expected
            for name in one.fields
            if evaluator.rulebook.types[one.type].fields[name].personal
        ]
        assert _judged(evaluator, read, _carried_out(evaluator, case, plan)) == Judged("kept")


def test_a_promise_lasts_as_long_as_its_grade(evaluator: Evaluator, planned: list[tuple[CaseFile, Plan]]) -> None:
    order = [band.grade for band in evaluator.rulebook.bands]
    ended = 0
    for case, plan in planned:
        until = date.fromisoformat(promise(case, plan, evaluator).until).toordinal()
        days = random.Random(case.producer.id).sample(range(plan.day, until), min(4, until - plan.day))
        for day in (*days, until - 1):
            grading = evaluator.chain(ahead(evaluator.rulebook, plan.case, day))
            assert order.index(grading.grade) <= order.index(plan.after.grade)
        if until < add_months(plan.day, LASTS_MONTHS):
            grading = evaluator.chain(ahead(evaluator.rulebook, plan.case, until))
            assert order.index(grading.grade) > order.index(plan.after.grade)
            ended += 1

    assert ended


def test_a_deed_that_is_missing_leaves_the_promise_open(
    evaluator: Evaluator, planned: list[tuple[CaseFile, Plan]]
) -> None:
    for case, plan in planned:
        made = promise(case, plan, evaluator)
        for remedy in plan.remedies:
            case_then = _carried_out(evaluator, case, plan, left_out=remedy)
            assert _judged(evaluator, made, case_then) == Judged("open", "undone")


def test_nothing_is_judged_before_its_day_or_after_its_time(
    evaluator: Evaluator, planned: list[tuple[CaseFile, Plan]]
) -> None:
    case, plan = next(one for one in planned if one[1].day > one[0].as_of + 1)
    made = promise(case, plan, evaluator)
    done = _carried_out(evaluator, case, plan)

    assert _judged(evaluator, made, ahead(evaluator.rulebook, done, plan.day - 1)) == Judged("open", "early")
    assert _judged(evaluator, replace(made, until=made.day), done) == Judged("lapsed", "time")
    assert _judged(evaluator, replace(made, rulebook_sha256="0" * 64), done) == Judged("lapsed", "rulebook")
    assert _judged(evaluator, replace(made, suspended=("S01",)), done) == Judged("lapsed", "sources")


def test_a_grade_that_does_not_come_out_breaks_the_promise(
    evaluator: Evaluator, planned: list[tuple[CaseFile, Plan]]
) -> None:
    """Here the promise itself is made too good."""
    case, plan = next(one for one in planned if one[1].after.grade == "B")
    made = replace(promise(case, plan, evaluator), grade="A")

    assert _judged(evaluator, made, _carried_out(evaluator, case, plan)) == Judged("broken")


@pytest.mark.parametrize("harmful", [True, False])
def test_only_what_may_tell_against_ends_a_promise(
    evaluator: Evaluator, planned: list[tuple[CaseFile, Plan]], *, harmful: bool
) -> None:
    case, plan = planned[0]
    made, done = promise(case, plan, evaluator), _carried_out(evaluator, case, plan)
    day = plan.day - 1
    against: dict[str, Value] = {"complaint_no": "K-1", "substantiated": True, "received_on": day}
    other = (
        Fact("F-00", "complaint", against, "effective", (), None)
        if harmful
        else Fact("F-00", "training", {"training_no": "T-1", "attended_on": day}, "effective", (), None)
    )
    more = replace(done, facts=merge((*done.facts, other)))

    assert _judged(evaluator, made, more) == (Judged("lapsed", "facts") if harmful else Judged("kept"))
