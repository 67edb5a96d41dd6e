"""The shipped rulebooks have nothing to be found; what can't be decided is said, and never taken for fine."""

from __future__ import annotations

from pathlib import Path

import pytest

from authoring.scenarios import prepare
from authoring.verification import verify
from authoring.verification.report import Study
from authoring.verification.terms import Space
from authoring.verification.unreachable import check_rules
from authoring.verification.whole import Covers
from authoring.verification.witness import Tried, Witnesses
from engine.evaluate import Evaluator
from knowledge.loader import bind, load_rulebook
from knowledge.rules import Const, Pattern, Ref, Shift, Window
from knowledge.rules import Test as Comparison
from knowledge.scenarios import load_scenarios
from tests.authoring.verification.seeds import HANGZHOU, HYGIENE, ORCHARD, ROOT, Book

SHIPPED = sorted(
    path.parent for root in ("knowledge/rulebooks", "examples") for path in (ROOT / root).rglob("rulebook.yaml")
)


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.parent.name)
def test_nothing_is_found_in_the_shipped_rulebooks(folder: Path) -> None:
    rulebook = load_rulebook(folder)
    evaluator = Evaluator(rulebook)
    cases = [one.case for one in prepare(rulebook, load_scenarios(folder, rulebook)) if one.case is not None]
    report = verify(rulebook, evaluator.grade, cases=cases)
    evaluator.close()

    assert [(one.code, one.text.en) for one in report.findings] == []
    assert [(one.code, one.text.en) for one in report.undecided] == []


def test_every_rule_before_the_grade_is_reached_by_a_case_that_is_built() -> None:
    rulebook = load_rulebook(HYGIENE)
    evaluator = Evaluator(rulebook)
    witnesses = Witnesses(rulebook, evaluator.grade)
    built = {rule.id: witnesses.reach(rule) for rule in rulebook.rules if rule.kind != "consequence"}
    evaluator.close()

    assert [name for name, tried in built.items() if not isinstance(tried, Tried)] == []


def gives_up(_space: Space, *_more: object, day: int | None = None) -> None:
    assert day is None or day > 0


def test_a_solver_that_gives_up_leaves_the_question_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Space, "solve", gives_up)
    book = Book(ORCHARD)
    book.files["rules/rules.yaml"][0]["when"].append({"before": "sample.taken_on - 1 months"})
    rulebook = bind(book.files)
    evaluator = Evaluator(rulebook)
    study = Study(rulebook, Witnesses(rulebook, evaluator.grade))
    check_rules(study, rulebook.rules[:1])
    evaluator.close()

    assert study.findings == []
    assert [one.code for one in study.undecided] == ["rule.unreachable"]


def test_the_same_question_is_answered_where_the_solver_has_time() -> None:
    book = Book(ORCHARD)
    book.files["rules/rules.yaml"][0]["when"].append({"before": "sample.taken_on - 1 months"})
    rulebook = bind(book.files)
    evaluator = Evaluator(rulebook)
    study = Study(rulebook, Witnesses(rulebook, evaluator.grade))
    check_rules(study, rulebook.rules[:1])
    evaluator.close()

    assert [one.code for one in study.findings] == ["rule.unreachable"]


def months(amount: int) -> Window:
    return Window("last", "sampled_on", amount, "months")


def test_a_narrower_pattern_covers_nothing_more() -> None:
    rulebook = load_rulebook(HANGZHOU)
    covers = Covers(rulebook)
    failed = Comparison("verdict", "eq", Const("fail", "choice"))
    narrow = Pattern("this", "sampling_result", (failed,), months(12))
    wide = Pattern("this", "sampling_result", (), months(24))
    since = Comparison("sampled_on", "ge", Ref("as_of", "", "date", Shift(-6, "months")))

    assert covers(narrow, wide)
    assert not covers(wide, narrow)
    assert covers(Pattern("this", "sampling_result", (since, failed)), narrow)
    assert not covers(narrow, Pattern("this", "sampling_result", (since, failed)))
