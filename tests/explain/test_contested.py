"""What is open, told in words: complete, founded, and the same as what was graded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from engine.case import CaseFile, Fact, Producer
from engine.evaluate import Evaluator
from explain.change_views import Comparison
from explain.comparison import compare
from explain.contested import Contested, contested
from explain.differences import Side
from explain.open_points import settled
from explain.phrases import Lang
from explain.weighing import Answered, answer
from knowledge.loader import bind
from knowledge.problems import RulebookRefused
from tests.engine.random_rulebooks import random_rulebook
from tests.explain.test_forecast import FILES, LABEL
from tests.random_cases import random_case

RULEBOOKS = 60 if os.environ.get("SHUOLI_NIGHTLY") else 12
DAY = date(2026, 3, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Drawn:
    evaluator: Evaluator
    case: CaseFile
    answered: Answered
    told: Contested


@pytest.fixture(scope="module")
def drawn() -> Iterator[list[Drawn]]:
    made: list[Drawn] = []
    for seed in range(RULEBOOKS):
        try:
            evaluator = Evaluator(random_rulebook(seed))
        except RulebookRefused:
            continue
        for number in range(3):
            case = random_case(evaluator.rulebook, 31 * seed + number, facts=8)
            found = answer(evaluator, case, most=60)
            lang: Lang = "zh" if number % 2 else "en"
            told = contested(evaluator.rulebook, case, evaluator.grade(case), found, lang)
            made.append(Drawn(evaluator, case, found, told))
    yield made
    for evaluator in {id(one.evaluator): one.evaluator for one in made}.values():
        evaluator.close()


def test_no_sentence_about_what_is_open_stands_on_nothing_or_is_left_unfilled(drawn: list[Drawn]) -> None:
    for one in drawn:
        parts: list[Any] = [*one.told.open, *one.told.ways, *one.told.strikes, *one.told.holds]
        for sentence in (one.told.sentence, one.told.footing, *(part.sentence for part in parts)):
            assert sentence.stands_on
            assert sentence.text
            assert "{" not in sentence.text


def test_the_grades_and_scores_told_are_those_that_were_graded(drawn: list[Drawn]) -> None:
    for one in drawn:
        graded = one.answered.weighed.graded
        assert set(one.told.grades) == {found.grade for found in graded}
        assert one.told.graded == len(graded) <= one.told.outcomes
        assert one.told.grade in one.told.grades


def test_a_point_decides_alone_where_one_of_its_outcomes_alone_changes_the_grade(drawn: list[Drawn]) -> None:
    told = set()
    for one in drawn:
        for point, view in zip(one.answered.weighed.points, one.told.open, strict=True):
            grades = {outcome.grade for outcome in view.outcomes} - {None}
            assert (view.decides == "alone") is (len(grades) > 1)
            if view.decides == "nothing":
                for outcome in point.outcomes:
                    case = settled(one.evaluator.rulebook, one.case, [(point, outcome)])
                    assert one.evaluator.grade(case).grade == one.told.grade
            told.add(view.decides)
    assert {"nothing", "unknown"} <= told


LOSES = {
    "standard": "S",
    "lose": 3,
    "for_each": {"visit": {"is": "visit", "within": "12 months"}},
    "because": {"zh": "甲。"},
}


def visit(number: int, status: str) -> Fact:
    return Fact(f"F-{number}", "visit", {"day": DAY - 10 * number}, status, (), None)


def two_visits(*statuses: str) -> Contested:
    evaluator = Evaluator(bind(FILES | {"rules/all.yaml": [LOSES]}))
    facts = tuple(visit(number, status) for number, status in enumerate(statuses, 1))
    case = CaseFile(Producer("P", "farm", "3301", {}), facts, DAY)
    told = contested(evaluator.rulebook, case, evaluator.grade(case), answer(evaluator, case), "zh")
    evaluator.close()
    return told


def test_either_of_two_disputed_facts_alone_keeps_the_grade_and_only_together_they_decide() -> None:
    told = two_visits("disputed", "disputed")

    assert (told.grade, told.grades, told.complete) == ("B", ("A", "B"), True)
    assert [point.decides for point in told.open] == ["together", "together"]
    assert [(way.settled, way.grade) for way in told.ways] == [({"F-1": "falls", "F-2": "falls"}, "A")]
    assert [(one.facts, one.grade) for one in told.strikes] == [(("F-1", "F-2"), "A")]
    assert [one.facts for one in told.holds] == [("F-1",), ("F-2",)]
    assert "撤销2026年2月19日的甲、2026年2月9日的甲,等级即为 A 级(10 分)。" in told.footing.text


def test_a_pending_fact_that_would_lower_the_grade_decides_alone() -> None:
    told = two_visits("pending")

    assert (told.grade, told.grades) == ("A", ("A", "B"))
    (point,) = told.open
    assert point.decides == "alone"
    assert [(one.outcome, one.grade, one.score) for one in point.outcomes] == [("stands", "B", 7), ("falls", "A", 10)]
    assert told.footing.text == "已是最高等级。"


def test_a_case_without_open_points_says_so() -> None:
    told = two_visits("effective")

    assert told.open == ()
    assert told.sentence.text.startswith("没有未决事项")
    assert told.outcomes == told.graded == 1


def test_a_missing_value_is_told_by_the_numbers_that_decide_alike() -> None:
    vocabulary = FILES["vocabulary.yaml"] | {
        "facts": {"sample": {"label": LABEL, "fields": {"amount": {"type": "whole", "min": 0, "optional": "yes"}}}}
    }
    rule = {
        "standard": "S", "lose": 5, "for_each": {"sample": {"is": "sample", "where": {"amount": {"at_least": 4}}}},
        "because": {"zh": "甲。"},
    }  # fmt: skip
    evaluator = Evaluator(bind(FILES | {"vocabulary.yaml": vocabulary, "rules/all.yaml": [rule]}))
    case = CaseFile(Producer("P", "farm", "3301", {}), (Fact("F-1", "sample", {}, "effective", (), None),), DAY)

    told = contested(evaluator.rulebook, case, evaluator.grade(case), answer(evaluator, case), "en")

    evaluator.close()
    (point,) = told.open
    assert [(one.outcome, one.grade) for one in point.outcomes] == [
        ("unknown", "A"), ("3 or less", "A"), ("4", "B"), ("5 or more", "B"),
    ]  # fmt: skip
    assert "if 3 or less, A with 10; if 4 or more, B with 5" in point.sentence.text
    assert (point.decides, told.complete) == ("alone", True)


def compared(before: CaseFile, after: CaseFile, lang: Lang) -> Comparison:
    evaluator = Evaluator(bind(FILES | {"rules/all.yaml": [LOSES]}))
    path = [before, replace(before, as_of=after.as_of), after]
    told = compare([Side(evaluator.rulebook, case, evaluator.grade(case)) for case in path], lang)
    evaluator.close()
    return told


def test_a_comparison_tells_what_days_and_what_facts_changed_apart() -> None:
    before = CaseFile(Producer("P", "farm", "3301", {}), (visit(36, "effective"),), DAY)
    after = replace(before, facts=(visit(1, "effective"), visit(36, "effective")), as_of=DAY + 30)

    told = compared(before, after, "zh")

    assert [(one.cause, one.kind, one.points, one.facts) for one in told.changes] == [
        ("time", "gone", 3, ()),
        ("facts", "came", -3, ("F-1",)),
    ]
    assert (told.points, told.before.score, told.after.score) == (0, 7, 7)
    assert told.changes[0].sentence.stands_on == ("before:D1",)
    assert told.changes[1].sentence.text == "甲:甲(新计入,因有了2026年2月19日的甲,得分 −3)。"


def test_equal_gradings_have_no_changes() -> None:
    case = CaseFile(Producer("P", "farm", "3301", {}), (visit(36, "effective"),), DAY)

    told = compared(case, case, "en")

    assert (told.changes, told.grade_changes, told.points) == ((), (), 0)
    assert "the same score" in told.sentence.text
