"""Scenarios: those of every rulebook come out as written, and one that doesn't says what differs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from authoring.scenarios import run_scenarios
from engine.evaluate import Evaluator
from knowledge.loader import load_rulebook
from knowledge.scenarios import Scenario, load_scenarios

ROOT = Path(__file__).parent.parent.parent
BOOKS = [
    ROOT / "knowledge" / "rulebooks" / "hangzhou" / "2021.1",
    ROOT / "examples" / "hygiene",
    ROOT / "tests" / "rulebooks" / "api" / "orchard" / "1",
]


@pytest.mark.parametrize("folder", BOOKS, ids=lambda folder: folder.parent.name)
def test_every_scenario_of_a_rulebook_comes_out_as_written(folder: Path) -> None:
    rulebook = load_rulebook(folder)
    evaluator = Evaluator(rulebook)
    results = list(run_scenarios(rulebook, load_scenarios(folder, rulebook), evaluator.grade))
    evaluator.close()

    assert results
    assert [(one.place, one.name, one.failures) for one in results if not one.passed] == []


ORCHARD = load_rulebook(BOOKS[-1])
CASE: dict[str, Any] = {
    "producer": {"id": "P1", "kind": "farm", "region": "330110"},
    "facts": [{"type": "test", "fields": {"number": "T1", "result": "fail", "taken_on": "2025-06-01"}}],
}


def failures(**expect: Any) -> tuple[str, ...]:
    evaluator = Evaluator(ORCHARD)
    scenario = Scenario("one", "x.yaml:1:1", "2025-09-01", None, CASE, expect)
    (result,) = run_scenarios(ORCHARD, [scenario], evaluator.grade)
    evaluator.close()
    return result.failures


@pytest.mark.parametrize(
    ("key", "right", "wrong"),
    [
        ("grade", "B", "A"),
        ("score", 75, 76),
        ("score_grade", "B", "A"),
        ("points_lost", {"FRUIT": 15, "LESSON": 10}, {"FRUIT": 14}),
        ("points", {"FRUIT": 15}, {"LESSON": 15}),
        ("findings", {"failure": 1}, {"failure": 2}),
        ("findings", {"failure": {"number": "T1"}}, {"failure": {"number": "T2"}}),
        ("fired", {"FRUIT": 1}, {"FRUIT": 2}),
        ("fired", ["FRUIT"], ["poison"]),
        ("not_fired", ["no_such_rule"], ["FRUIT"]),
        ("not_fired", {"poison": ["sample"]}, {"poison": ["lessons"]}),
        ("unknown", ["poison"], ["FRUIT"]),
        ("not_applicable", [], ["poison"]),
        ("ceilings", ["no_lesson"], []),
        ("vetoes", [], ["poison"]),
        ("statuses", [], ["any"]),
        ("consequences", {"visit": 0}, {"visit": 1}),
        ("remedies", ["retest"], ["none_such"]),
        ("next_change_on", "2027-06-01", "2027-06-02"),
        ("measures", {"lessons": 0}, {"lessons": 1}),
    ],
)
def test_each_expectation_is_met_or_said_to_differ(key: str, right: Any, wrong: Any) -> None:
    assert failures(**{key: right}) == ()
    (told,) = failures(**{key: wrong})
    assert told.startswith(f"{key}: ")


def test_an_expected_error_is_an_expectation_too() -> None:
    evaluator = Evaluator(ORCHARD)
    scenario = Scenario(
        "one", "x.yaml:1:1", "2025-09-01", None, {"producer": {}, "facts": []}, {"error": "case.refused"}
    )

    good, other, graded = run_scenarios(
        ORCHARD,
        [scenario, replace(scenario, expect={"grade": "A"}), replace(scenario, case=CASE)],
        evaluator.grade,
    )

    evaluator.close()
    assert good.passed
    assert other.failures[0].startswith("error case.refused")
    assert graded.failures == ("error: expected case.refused, but it was graded B",)


def test_a_fact_that_is_repeated_is_told_apart_by_a_number(tmp_path: Path) -> None:
    folder = tmp_path / "orchard" / "1"
    shutil.copytree(BOOKS[-1], folder)
    text = """
- name: five tests
  as_of: 2025-09-01
  facts:
    - test: {number: T, result: pass, taken_on: 2025-06-01}
      times: 3
      status: disputed
    - test: {result: pass, taken_on: 2025-06-01}
      times: 2
  expect: {grade: A}
"""
    (folder / "scenarios" / "repeated.yaml").write_text(text, encoding="utf-8")

    (scenario,) = [one for one in load_scenarios(folder, ORCHARD) if one.name == "five tests"]

    told = [(fact["fields"]["number"], fact.get("status")) for fact in scenario.case["facts"]]
    assert told == [("T-1", "disputed"), ("T-2", "disputed"), ("T-3", "disputed"), ("1", None), ("2", None)]
    assert all("times" not in fact for fact in scenario.case["facts"])
