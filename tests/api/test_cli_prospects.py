"""`shuoli explain forecast|contested|compare`, for a case in a file."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.api.test_cli import Shuoli

ORCHARD = Path(__file__).parent.parent / "rulebooks" / "api" / "orchard" / "1"


@pytest.fixture
def shuoli(tmp_path: Path) -> Shuoli:
    return Shuoli(tmp_path)


@pytest.fixture
def case(tmp_path: Path) -> tuple[Any, ...]:
    test = {"number": "T1", "result": "fail", "residue": "0.08", "taken_on": "2026-05-01"}
    told = {
        "producer": {"id": "P1", "kind": "farm", "region": "330110"},
        "facts": [{"type": "test", "fields": test, "source": {"system": "laboratory"}, "status": "disputed"}],
    }
    (tmp_path / "case.json").write_text(json.dumps(told), "utf-8")
    return tmp_path / "case.json", "--rulebook", ORCHARD


def points(changes: Any) -> Fraction:
    return sum((Fraction(change["points"]) for change in changes), Fraction(0))


def test_a_forecast_is_printed_day_by_day(shuoli: Shuoli, case: tuple[Any, ...]) -> None:
    told = shuoli.json("explain", "forecast", *case, "--as-of", "2026-06-01", "--months", 40, "--lang", "en")
    lines = shuoli("explain", "forecast", *case, "--as-of", "2026-06-01", "--months", 40, "--lang", "en").splitlines()

    assert told["until"] == "2029-10-01"
    assert lines[0] == told["sentence"]["text"]
    assert [line for line in lines if line.startswith("From ")] == [day["sentence"]["text"] for day in told["days"]]
    last = told["days"][-1]
    at = shuoli.json("explain", "why", *case, "--as-of", last["as_of"])
    assert (at["score"], at["grade"]) == (last["score"], last["grade"])


def test_what_is_open_and_what_holds_the_grade_are_printed(shuoli: Shuoli, case: tuple[Any, ...]) -> None:
    told = shuoli.json("explain", "contested", *case)
    lines = shuoli("explain", "contested", *case).splitlines()

    assert told["complete"]
    assert told["footing"]["text"] in lines
    assert {f"- {one['sentence']['text']}" for one in (*told["open"], *told["strikes"])} <= set(lines)


def test_two_days_are_compared(shuoli: Shuoli, case: tuple[Any, ...]) -> None:
    told = shuoli.json("explain", "compare", *case, "--as-of", "2028-08-01", "--before-as-of", "2026-06-01")

    assert (told["before"]["as_of"], told["after"]["as_of"]) == ("2026-06-01", "2028-08-01")
    assert points(told["changes"]) == Fraction(told["points"]) != 0


def test_standard_input_is_refused_where_it_would_be_read_twice(shuoli: Shuoli) -> None:
    for command in ("forecast", "contested", "compare"):
        assert "cli.usage" in shuoli("explain", command, "-", "--rulebook", ORCHARD, code=2)
