"""Plans are the cheapest sets of deeds there are, as trying every set finds."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.grading import Grading
from explain.plans import Heals, find_plans
from knowledge.catalog import SHIPPED
from knowledge.loader import load_rulebook
from knowledge.problems import RulebookRefused
from knowledge.rulebook import Rulebook
from tests.explain.brute_plans import Brute
from tests.explain.drawn_city import drawn
from tests.explain.random_ladders import random_ladder
from tests.random_cases import random_case

NIGHTLY = os.environ.get("SHUOLI_NIGHTLY") == "1"
RULEBOOKS = 400 if NIGHTLY else 14
PRODUCERS = 100 if NIGHTLY else 6
MOST_DEEDS = 6


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    made = Evaluator(load_rulebook(SHIPPED / "hangzhou" / "2021.1"))
    yield made
    made.close()


def _compare(evaluator: Evaluator, case: CaseFile, grading: Grading, to: str, seen: Counter[str]) -> None:
    """Hold one search to trying everything."""
    grades = [band.grade for band in evaluator.rulebook.bands]
    search = find_plans(evaluator, case, grading, to=to)
    brute = Brute(evaluator, case, grading, grades.index(to))

    assert [plan.remedies for plan in search.plans] == brute.plans(6)
    seen["plans"] += len(search.plans)
    seen["several"] += any(len(plan.remedies) > 1 for plan in search.plans)
    for plan in search.plans:
        assert grades.index(plan.after.grade) <= grades.index(to)
        assert evaluator.grade(plan.case) == plan.after
    if search.heals is not None:
        _hold_to_days(search.heals, case, brute, seen)


def _hold_to_days(heals: Heals, case: CaseFile, brute: Brute, seen: Counter[str]) -> None:
    """No set of deeds has the grade on any day before the one named; on that day one does."""
    draw = random.Random(case.producer.id)
    before = [day for day in heals.looked_at if day != heals.day]
    days = {*(day for day in brute.days if day in before), *draw.sample(before, min(4, len(before)))}
    assert [day for day in days if brute.reachable(day)] == []
    if heals.day is not None:
        assert brute.reaches(frozenset(heals.remedies), heals.day)
    seen["never" if heals.day is None else "healed with time" if not heals.remedies else "healed with deeds"] += 1


def _with_few_deeds(rulebook: Rulebook, grading: Grading) -> Rulebook:
    """Return the rulebook in which a few deeds are open to a producer and all others do nothing."""
    kept = random.Random(grading.producer).sample(grading.remedies, min(len(grading.remedies), MOST_DEEDS))
    names = {offer.id for offer in kept}
    remedies = {name: one if name in names else replace(one, does=()) for name, one in rulebook.remedies.items()}
    return replace(rulebook, remedies=remedies)


def test_plans_of_the_sample_city_are_those_that_trying_everything_finds(
    evaluator: Evaluator, capfd: pytest.CaptureFixture[str]
) -> None:
    seen = Counter[str]()
    for case in drawn(evaluator.rulebook, PRODUCERS):
        few = Evaluator(_with_few_deeds(evaluator.rulebook, evaluator.grade(case)))
        grading = few.grade(case)
        place = [band.grade for band in few.rulebook.bands].index(grading.grade)
        if place:
            _compare(few, case, grading, few.rulebook.bands[place - 1].grade, seen)
        if place > 1:
            _compare(few, case, grading, few.rulebook.bands[0].grade, seen)
        few.close()

    assert seen["plans"] > PRODUCERS
    assert seen["several"]
    assert capfd.readouterr().out == ""


def test_plans_under_random_rulebooks_are_those_that_trying_everything_finds() -> None:
    seen = Counter[str]()
    for seed in range(RULEBOOKS):
        try:
            evaluator = Evaluator(random_ladder(seed))
        except RulebookRefused:
            continue
        grades = [band.grade for band in evaluator.rulebook.bands]
        for number in range(4):
            case = random_case(evaluator.rulebook, 10 * seed + number, facts=24)
            grading = evaluator.grade(case)
            place = grades.index(grading.grade)
            if place:
                to = grades[random.Random(seed).randrange(place) if number == 0 else place - 1]
                _compare(evaluator, case, grading, to, seen)
        evaluator.close()

    assert min(seen[what] for what in ("plans", "several", "never", "healed with time")) > 0, seen
