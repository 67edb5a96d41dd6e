"""On days that are passed over, everything that decides the grade is as it was."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.case import CaseFile, Producer
from engine.evaluate import Evaluator
from engine.grading import Grading
from explain.ahead import ahead
from knowledge.loader import bind, load_rulebook
from knowledge.problems import RulebookRefused
from knowledge.rulebook import Rulebook
from tests.engine.random_rulebooks import random_rulebook
from tests.engine.test_agreement import DAY, LABEL, fact, rulebook
from tests.random_cases import random_case

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path.parent for path in (ROOT / "knowledge/rulebooks").rglob("rulebook.yaml"))
RULEBOOKS = 600 if os.environ.get("SHUOLI_NIGHTLY") else 8
DAYS = 1100


def decided(grading: Grading) -> Any:
    """Return everything that the grade is made from."""
    fired = [(one.rule, one.key, one.premises, one.points, one.counted) for one in grading.deductions if _early(one)]
    limits = [(one.id, one.grade, one.decisive) for one in (*grading.ceilings, *grading.vetoes)]
    return grading.grade, grading.score, grading.standards, limits, grading.statuses, grading.findings, fired


def _early(deduction: Any) -> bool:
    return bool(deduction.kind != "consequence")


Later = Callable[[CaseFile, int], CaseFile]


def passed_over(evaluator: Evaluator, case: CaseFile, days: int, later: Later) -> set[int]:
    """Return the days that foresight passes over; see that those it names come one after the other."""
    grading = evaluator.grade(case)
    foresight = evaluator.foresee(case, grading, later)
    last, named = case.as_of + days, [case.as_of]
    while (day := foresight.next_day(last)) is not None:
        assert named[-1] < day <= last
        named.append(day)
        foresight.settle(evaluator.grade(later(case, day)))
    return set(range(case.as_of, last + 1)) - set(named)


@pytest.mark.parametrize("seed", range(RULEBOOKS))
def test_nothing_that_decides_changes_on_a_day_that_is_passed_over(seed: int) -> None:
    try:
        evaluator = Evaluator(random_rulebook(seed))
    except RulebookRefused:
        pytest.skip("what was drawn contradicts itself")
    _see(evaluator, random_case(evaluator.rulebook, 1000 * seed, facts=12), range(1, DAYS), as_it_is)
    goes_along = later_under(evaluator.rulebook)
    _see(evaluator, random_case(evaluator.rulebook, 1000 * seed + 1, facts=12), range(1, DAYS, 7), goes_along)
    evaluator.close()


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: f"{folder.parent.name}@{folder.name}")
def test_nothing_that_decides_changes_on_a_day_that_is_passed_over_under_a_shipped_rulebook(folder: Path) -> None:
    evaluator = Evaluator(load_rulebook(folder))
    for seed in range(4):
        later = later_under(evaluator.rulebook) if seed % 2 else as_it_is
        _see(evaluator, random_case(evaluator.rulebook, seed, facts=60), range(1, DAYS, 3), later)
    evaluator.close()


def as_it_is(case: CaseFile, day: int) -> CaseFile:
    return msgspec.structs.replace(case, as_of=day)


def later_under(rulebook: Rulebook) -> Later:
    return lambda case, day: ahead(rulebook, case, day)


def _see(evaluator: Evaluator, case: CaseFile, steps: range, later: Later) -> None:
    over = passed_over(evaluator, case, DAYS, later)
    before: Any = decided(evaluator.grade(case))
    checked = case.as_of
    for day in (case.as_of + step for step in steps):
        now = decided(evaluator.grade(later(case, day)))
        if now != before:
            assert set(range(checked + 1, day + 1)) - over, f"it changes by day {day}"
        before, checked = now, day


VISITS = {"is": "sample", "within": "30 days"}
COUNT = {"measure": "visits", "label": LABEL, "count": "sample", "within": "30 days"}
AGO = {"measure": "ago", "label": LABEL, "days_since": "sample", "when_nothing": "not_applicable"}
NEWEST = {
    "measure": "newest", "label": LABEL, "max": {"of": "sample", "field": "day"}, "within": "30 days",
    "when_nothing": "not_applicable",
}  # fmt: skip
FOUND = {"finding": "found", "for_each": {"one": {"is": "sample"}}, "gives": {"day": "one.day"}}
LATER = {
    "a value goes into a formula": (rulebook({"standard": "S", "lose": {"formula": "visits"}}, measures=[COUNT]), 20),
    "a count crosses what it is compared with": (
        rulebook({"standard": "S", "lose": 3, "when": [{"measure": "visits", "below": 1}]}, measures=[COUNT]),
        20,
    ),
    "days since cross what they are compared with": (
        rulebook({"standard": "S", "lose": 3, "when": [{"measure": "ago", "above": 15}]}, measures=[AGO]),
        6,
    ),
    "there is nothing more to measure": (
        rulebook(
            {"standard": "S", "lose": 0, "when": [{"measure": "newest", "before": "2020-01-01"}]}, measures=[NEWEST]
        ),
        20,
    ),
    "an absence begins to hold": (rulebook({"standard": "S", "lose": 3, "when": [{"no visit": VISITS}]}), 20),
    "a premise leaves its window": (rulebook({"standard": "S", "lose": 3, "for_each": {"one": VISITS}}), 20),
    "a fact begins to fit": (
        rulebook(
            {
                "standard": "S",
                "lose": 3,
                "for_each": {"one": {"is": "sample", "where": {"day": {"before": "as_of - 20 days"}}}},
            }
        ),
        11,
    ),
    "a date passes": (rulebook({"standard": "S", "lose": 3, "when": [{"after": "2025-10-01"}]}), 26),
    "a suspension ends": (
        rulebook(FOUND, {"standard": "S", "lose": 1}, finding={"day": {"type": "date", "optional": "yes"}}),
        20,
    ),
}


@pytest.mark.parametrize("name", LATER)
def test_the_day_is_named_on_which(name: str) -> None:
    files, days = LATER[name]
    if name == "a suspension ends":
        suspended = {"suspended_by": {"is": "found", "within": "30 days", "on": "day"}}
        files["indicators.yaml"]["standards"][0] |= suspended
    evaluator = Evaluator(bind(files))
    case = CaseFile(Producer("P", "farm", "3301", {}), (fact(1, day=DAY - 10),), DAY)
    grading = evaluator.grade(case)
    wanted = DAY + days

    named = evaluator.foresee(case, grading).next_day(DAY + 400)
    before, after = (decided(evaluator.grade(as_it_is(case, day))) for day in (wanted - 1, wanted))

    evaluator.close()
    assert before != after
    assert named == wanted


def test_no_day_is_named_on_which_what_leaves_its_window_was_no_premise() -> None:
    pair = {"one": VISITS, "two": {"is": "other", "where": {"no": "one.no"}}}
    evaluator = Evaluator(bind(rulebook({"standard": "S", "lose": 3, "for_each": pair})))
    facts = (fact(1, "other", day=DAY - 10, no="a"), fact(2, day=DAY - 10, no="b"))
    case = CaseFile(Producer("P", "farm", "3301", {}), facts, DAY)
    grading = evaluator.grade(case)

    assert grading.next_change_on == DAY + 20
    assert evaluator.foresee(case, grading).next_day(DAY + 400) is None
    evaluator.close()
