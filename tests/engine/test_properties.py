"""What must hold for every rulebook and every case."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.grading import Grading
from knowledge.loader import load_rulebook
from tests.random_cases import random_case

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(
    path.parent
    for root in (ROOT / "knowledge/rulebooks", ROOT / "examples", ROOT / "tests/rulebooks")
    for path in root.rglob("rulebook.yaml")
)
SEEDS = st.integers(0, 10**9)


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
def evaluator(request: pytest.FixtureRequest) -> Iterator[Evaluator]:
    evaluator = Evaluator(load_rulebook(request.param))
    yield evaluator
    evaluator.close()


def outcome(grading: Grading) -> Grading:
    """Return what a reader of the grade would see: everything but the day itself and what depends on it alone."""
    return msgspec.structs.replace(grading, as_of=0, next_change_on=None, measures=(), deductions=(), consequences=())


@given(seed=SEEDS)
@settings(max_examples=150, deadline=None)
def test_the_order_of_facts_never_matters(evaluator: Evaluator, seed: int) -> None:
    case = random_case(evaluator.rulebook, seed)
    shuffled = list(case.facts)
    random.Random(seed).shuffle(shuffled)

    again = evaluator.grade(msgspec.structs.replace(case, facts=tuple(sorted(shuffled, key=lambda f: (f.type, f.id)))))

    assert msgspec.json.encode(again) == msgspec.json.encode(evaluator.grade(case))


@given(seed=SEEDS)
@settings(max_examples=150, deadline=None)
def test_points_add_up_exactly(evaluator: Evaluator, seed: int) -> None:
    grading = evaluator.grade(random_case(evaluator.rulebook, seed))
    scoring = evaluator.rulebook.scoring
    counted = sum(deduction.counted for deduction in grading.deductions)

    assert sum(standard.points for standard in grading.standards) >= counted
    if all(indicator.weight == 1 for indicator in evaluator.rulebook.indicators.values()):
        assert grading.score.points == counted
    if grading.score.applicable == grading.score.total:
        sign = -1 if scoring.direction == "lost" else 1
        score = scoring.start + sign * grading.score.points
        bounds = (scoring.floor, scoring.ceiling)
        assert grading.score.value == score or grading.score.value in bounds


@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_a_fact_that_no_longer_counts_is_as_if_it_had_never_been(evaluator: Evaluator, seed: int) -> None:
    case = random_case(evaluator.rulebook, seed)
    silent = random.Random(seed).choice([s.name for s in evaluator.rulebook.fact_statuses.values() if not s.counts])
    for fact in random.Random(seed).sample(case.facts, min(3, len(case.facts))):
        kept = tuple(other for other in case.facts if other is not fact)
        gone = msgspec.structs.replace(fact, status=silent)
        revoked = tuple(gone if other is fact else other for other in case.facts)

        without = evaluator.grade(msgspec.structs.replace(case, facts=kept))
        struck = evaluator.grade(msgspec.structs.replace(case, facts=revoked))

        assert msgspec.structs.replace(struck, facts=()) == msgspec.structs.replace(without, facts=())


@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_nothing_changes_before_the_announced_day(evaluator: Evaluator, seed: int) -> None:
    case = random_case(evaluator.rulebook, seed, facts=25)
    grading = evaluator.grade(case)
    last = grading.next_change_on - 1 if grading.next_change_on is not None else case.as_of + 1500
    days = {case.as_of + 1, (case.as_of + last) // 2, last} if last > case.as_of else set()

    for day in days:
        later = evaluator.grade(on(case, day))
        assert outcome(later) == outcome(grading)


@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_deductions_stand_after_what_they_rest_on(evaluator: Evaluator, seed: int) -> None:
    grading = evaluator.grade(random_case(evaluator.rulebook, seed))
    known = set(grading.facts)

    for deduction in grading.deductions:
        assert set(deduction.premises) <= known
        known.add(deduction.concludes)


def on(case: CaseFile, day: int) -> CaseFile:
    return msgspec.structs.replace(case, as_of=day)


def test_every_rulebook_of_the_project_is_tried() -> None:
    assert {"knowledge", "examples"} <= {folder.relative_to(ROOT).parts[0] for folder in FOLDERS}


def test_every_rule_has_an_outcome(evaluator: Evaluator) -> None:
    grading = evaluator.grade(random_case(evaluator.rulebook, 7))

    assert [outcome.rule for outcome in grading.outcomes] == [rule.id for rule in evaluator.rulebook.rules]
    assert {d.rule for d in grading.deductions} == {o.rule for o in grading.outcomes if o.status == "fired"}
