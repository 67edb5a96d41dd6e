"""Differences between two gradings add up exactly, whatever the rulebook."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from fractions import Fraction

import msgspec
import pytest

from engine.case import CaseFile
from engine.evaluate import Evaluator
from explain.comparison import compare
from explain.differences import Side, Step, scaling, steps
from knowledge.problems import RulebookRefused
from knowledge.rulebook import Rulebook
from tests.engine.random_rulebooks import random_rulebook
from tests.random_cases import random_case

RULEBOOKS = 400 if os.environ.get("SHUOLI_NIGHTLY") else 36
PAIRS = 6


def other_case(rulebook: Rulebook, case: CaseFile, draw: random.Random) -> CaseFile:
    """Return the case on another day, with some facts gone, some new and some in another status."""
    kept = [fact for fact in case.facts if draw.random() < 0.8]
    statuses = list(rulebook.fact_statuses)
    facts = {
        fact.id: msgspec.structs.replace(fact, status=draw.choice(statuses)) if draw.random() < 0.2 else fact
        for fact in (*kept, *random_case(rulebook, draw.randrange(10**6), facts=8, as_of=case.as_of).facts)
    }
    ordered = tuple(sorted(facts.values(), key=lambda fact: (fact.type, fact.id)))
    return msgspec.structs.replace(case, facts=ordered, as_of=case.as_of + draw.choice((0, 1, 30, 200, 700)))


def all_steps(seed: int) -> Iterator[Step]:
    try:
        evaluator = Evaluator(random_rulebook(seed))
    except RulebookRefused:
        return
    draw = random.Random(seed)
    for number in range(PAIRS):
        case = random_case(evaluator.rulebook, 100 * seed + number, facts=14)
        other = other_case(evaluator.rulebook, case, draw)
        path = [case, msgspec.structs.replace(case, as_of=other.as_of), other]
        yield from steps([Side(evaluator.rulebook, one, evaluator.grade(one)) for one in path])
    evaluator.close()


@pytest.fixture(scope="module")
def drawn() -> list[Step]:
    return [step for seed in range(RULEBOOKS) for step in all_steps(seed)]


def test_the_parts_of_each_step_add_up_to_the_difference_in_score(drawn: list[Step]) -> None:
    for step in drawn:
        moved = sum((move.points for move in step.moves), Fraction(0))
        parts = moved + step.start + step.proportion + step.denominator + step.rounding + step.bound
        assert parts == step.total


def test_two_rulebooks_with_other_scores_units_and_weights_add_up_too(drawn: list[Step]) -> None:
    sides = [step.after for step in drawn[::7]]
    made = steps(sides)

    assert {step.cause for step in made} >= {"rules"}
    assert any(step.before.unit != step.after.unit for step in made)
    assert any(step.before.loses != step.after.loses for step in made)
    for step in made:
        moved = sum((move.points for move in step.moves), Fraction(0))
        parts = moved + step.start + step.proportion + step.denominator + step.rounding + step.bound
        assert parts == step.total


def test_what_is_told_of_a_comparison_adds_up_as_shown_and_stands_on_something(drawn: list[Step]) -> None:
    for place in range(0, len(drawn) - 1, 6):
        days, facts = drawn[place], drawn[place + 1]
        told = compare([days.before, days.after, facts.after], "zh" if place % 4 else "en")
        sides = {"before": days.before, "step1": days.after, "after": facts.after}
        ids = {name: {one.id for one in side.grading.deductions} for name, side in sides.items()}

        assert sum((Fraction(change.points) for change in told.changes), Fraction(0)) == Fraction(told.points)
        assert Fraction(told.points) == facts.after.score - days.before.score
        parts = [*(change.sentence for change in told.changes), *(change.sentence for change in told.grade_changes)]
        for sentence in (told.sentence, *parts):
            assert sentence.stands_on
            assert "{" not in sentence.text
            for name in sentence.stands_on:
                side, _, rest = name.partition(":")
                if not rest.startswith("rule:"):
                    assert rest in ids[side]


def test_moves_are_the_difference_in_points_before_scaling(drawn: list[Step]) -> None:
    for step in drawn:
        moved = sum((move.points for move in step.moves), Fraction(0))
        assert moved == scaling(step.after).points - scaling(step.before).points


def test_rounding_is_never_more_than_a_unit_and_nothing_where_nothing_is_scaled(drawn: list[Step]) -> None:
    for step in drawn:
        for side in (step.before, step.after):
            taken = scaling(side)
            assert abs(taken.rounded) < Fraction(1, side.unit)
            assert taken.scaled or not taken.rounded


def test_a_denominator_changes_only_where_standards_come_or_go(drawn: list[Step]) -> None:
    for step in drawn:
        if step.denominator:
            assert step.standards
    assert any(step.denominator for step in drawn)
    assert any(step.proportion for step in drawn)
    assert any(step.bound for step in drawn)


def test_a_grade_changes_only_with_score_or_limits_or_what_a_band_demands_more(drawn: list[Step]) -> None:
    for step in drawn:
        if step.before.grading.grade != step.after.grading.grade:
            assert step.limits or step.before.grading.score_grade != step.after.grading.score_grade


def test_every_kind_of_move_comes_up(drawn: list[Step]) -> None:
    assert {move.how for step in drawn for move in step.moves} == {"came", "gone", "changed", "capped"}
    assert {step.cause for step in drawn} >= {"time", "facts"}
