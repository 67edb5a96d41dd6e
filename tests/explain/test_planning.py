"""Plans in words: every sentence stands on something, in both languages, and figures are those of gradings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.grading import Grading
from explain.phrases import Lang
from explain.plan_views import PlansView
from explain.planning import Later, grade_later, later_case, tell_plans
from explain.plans import GradeNotAsked, Search, find_plans
from knowledge.catalog import SHIPPED
from knowledge.loader import load_rulebook
from tests.explain.drawn_city import drawn

HANZI = re.compile(r"[\u4e00-\u9fff]")
RULEBOOK = SHIPPED / "hangzhou" / "2021.1"


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    made = Evaluator(load_rulebook(RULEBOOK))
    yield made
    made.close()


@pytest.fixture(scope="module")
def found(evaluator: Evaluator) -> list[tuple[CaseFile, Grading, Search]]:
    """Return searches of sixteen producers, the last of whom no plan helps."""
    searches = []
    for case in (*drawn(evaluator.rulebook, 15), list(drawn(evaluator.rulebook, 31))[-1]):
        grading = evaluator.grade(case)
        searches.append((case, grading, find_plans(evaluator, case, grading, others=2)))
    assert searches[-1][2].heals is not None
    return searches


def _sentences(view: object) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield every sentence of a view with what it stands on."""
    if isinstance(view, msgspec.Struct):
        fields = {name: getattr(view, name) for name in view.__struct_fields__}
        if set(fields) == {"text", "stands_on"}:
            yield fields["text"], fields["stands_on"]
        for value in fields.values():
            yield from _sentences(value)
    elif isinstance(view, tuple | list):
        for value in view:
            yield from _sentences(value)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_sentence_stands_on_something(
    evaluator: Evaluator, found: list[tuple[CaseFile, Grading, Search]], lang: Lang
) -> None:
    rules = {f"rule:{rule.id}" for rule in evaluator.rulebook.rules}
    for case, grading, search in found:
        known = rules | {one.id for one in grading.deductions}
        told = tell_plans(evaluator.rulebook, case, grading, search, lang)
        sentences = list(_sentences(told))

        assert sentences
        for text, stands_on in sentences:
            assert stands_on, text
            assert set(stands_on) <= known, text
            assert not re.search(r"[{}]|  |。。|\.\.|None", text), text
            assert lang == "zh" or not HANZI.search(text), text


def test_figures_are_those_of_the_gradings(evaluator: Evaluator, found: list[tuple[CaseFile, Grading, Search]]) -> None:
    seen = 0
    for case, grading, search in found:
        told = tell_plans(evaluator.rulebook, case, grading, search, "en")
        for plan, view in zip(search.plans, told.plans, strict=True):
            seen += 1
            assert (view.grade, view.score) == (plan.after.grade, plan.after.score.value)
            assert view.without == (plan.before.grade, plan.before.score.value)
            assert (
                sum(int(points) for points in view.points.values())
                == plan.before.score.points - plan.after.score.points
            )
            assert [step.id for step in view.steps] == list(plan.remedies)
            assert max(step.done_on for step in view.steps) == view.day == date.fromordinal(plan.day).isoformat()
            assert all(step.records for step in view.steps)
    assert seen > 20


def test_a_plan_is_checked_under_a_version_that_takes_effect_later(
    evaluator: Evaluator, found: list[tuple[CaseFile, Grading, Search]]
) -> None:
    """A version that asks for more breaks the promise of a plan that only just reaches the grade."""
    case, grading, search = next(one for one in found if one[2].plans)
    plan, book = search.plans[0], evaluator.rulebook
    harder = tuple(replace(band, low=None if band.low is None else band.low + 60) for band in book.bands)
    version = replace(book, version="2027.1", effective_from=plan.day + 10, bands=harder)
    other = Evaluator(version)

    same = grade_later([later_case(book, plan, book)], evaluator)[0]
    later = grade_later([later_case(book, plan, version)], other)[0]
    told = tell_plans(
        book, case, grading, replace_plans(search), "en",
        later=[[Later(version, plan.day + 10, later), Later(version, plan.day + 10, None)]],
    )  # fmt: skip
    other.close()

    assert same == plan.after
    assert later is not None
    assert (later.grade, later.as_of) != (plan.after.grade, plan.after.as_of)
    assert [(one.version, one.grade, one.holds) for one in told.plans[0].versions] == [
        ("2027.1", later.grade, False),
        ("2027.1", None, False),
    ]


def replace_plans(search: Search) -> Search:
    """Return the search with its best plan alone."""
    return Search(search.grade, search.reached, search.plans[:1], False, None)


def test_a_version_that_cannot_read_the_facts_has_no_grade(
    evaluator: Evaluator, found: list[tuple[CaseFile, Grading, Search]]
) -> None:
    _, _, search = next(one for one in found if one[2].plans)
    stranger = Evaluator(load_rulebook(Path(__file__).parents[2] / "examples" / "hygiene"))

    assert grade_later([later_case(evaluator.rulebook, search.plans[0], stranger.rulebook)], stranger) == (None,)
    stranger.close()


def test_a_grade_that_there_is_not_is_refused(
    evaluator: Evaluator, found: list[tuple[CaseFile, Grading, Search]]
) -> None:
    case, grading, _ = found[0]
    with pytest.raises(GradeNotAsked, match="no grade `S`"):
        find_plans(evaluator, case, grading, to="S")


def test_the_worst_grade_is_there_already(evaluator: Evaluator, found: list[tuple[CaseFile, Grading, Search]]) -> None:
    case, grading, _ = found[0]
    search = find_plans(evaluator, case, grading, to="E")
    told: PlansView = tell_plans(evaluator.rulebook, case, grading, search, "en")

    assert (told.reached, told.plans, told.heals) == (True, (), None)
