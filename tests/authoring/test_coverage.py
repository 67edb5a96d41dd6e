"""What scenarios touch of a rulebook is counted as verdicts show it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from authoring.coverage import Boundary, coverage
from engine.evaluate import Evaluator
from knowledge.loader import load_rulebook
from knowledge.scenarios import Scenario, load_scenarios

ORCHARD = Path(__file__).parent.parent / "rulebooks" / "api" / "orchard" / "1"


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    evaluator = Evaluator(load_rulebook(ORCHARD))
    yield evaluator
    evaluator.close()


@pytest.fixture(scope="module")
def scenarios(evaluator: Evaluator) -> tuple[Scenario, ...]:
    return load_scenarios(ORCHARD, evaluator.rulebook)


def test_rules_conditions_and_limits_are_counted(evaluator: Evaluator, scenarios: tuple[Scenario, ...]) -> None:
    found = {one.rule: one for one in coverage(evaluator, scenarios)}

    poison = found["poison"]
    assert (poison.fired, poison.not_fired) == (1, 4)
    assert [(one.label, one.held, one.failed) for one in poison.conditions] == [("sample", 1, 4)]
    # 20.01 and 20.00 against `above 20`, in hundredths.
    assert Boundary("residue", "gt", 2000, on_it=True, above=1, below=None) in poison.boundaries
    assert found["visit"].gaps == []


def test_what_no_scenario_shows_is_named(evaluator: Evaluator, scenarios: tuple[Scenario, ...]) -> None:
    without = [one for one in scenarios if "residue" not in one.name]

    found = {one.rule: one for one in coverage(evaluator, [one for one in without if "register" not in one.name])}

    assert "fires" in found["poison"].gaps
    assert "`sample` holds" in found["poison"].gaps
    assert "fires" in found["silence"].gaps
    assert found["failure"].gaps == ["`taken_on` ge on its limit", "`taken_on` le on its limit"]
