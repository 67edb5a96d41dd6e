"""A file of proposals says what the proposals say, once read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from authoring.mutation import Survivor
from authoring.proposals import Proposal
from authoring.proposaltext import scenario_file
from knowledge.loader import load_rulebook
from knowledge.scenarios import load_scenarios

ROOT = Path(__file__).parent.parent.parent
ORCHARD = load_rulebook(ROOT / "tests" / "rulebooks" / "api" / "orchard" / "1")
SURVIVOR = Survivor("FRUIT", "rules.yaml:1:1", "law", "law without ACT-1")


def fact(number: str, taken_on: str = "2025-06-01", **more: Any) -> dict[str, Any]:
    return {"test": {"number": number, "result": "fail", "taken_on": taken_on}} | more


def proposal(name: str, facts: list[dict[str, Any]]) -> Proposal:
    producer = {"kind": "farm", "region": "330110"}
    expect = {"fired": {"failure": len(facts)}}
    scenario = {"name": name, "as_of": "2025-09-01", "producer": producer, "facts": facts, "expect": expect}
    return Proposal((SURVIVOR,), scenario)


def test_what_is_alike_is_counted_and_what_is_usual_stands_once(tmp_path: Path) -> None:
    many = [fact(f"T-{number}") for number in range(1, 13)]
    gap = [fact(f"G-{number}") for number in (1, 2, 4)]
    told = [
        proposal("many", many),
        proposal("gap", gap),
        proposal("other", [fact("X", "2025-05-01", status="disputed")]),
    ]

    text = scenario_file(ORCHARD, told)
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "proposed.yaml").write_text(text, encoding="utf-8")
    read = load_scenarios(tmp_path, ORCHARD)

    assert "times: 12" in text
    assert text.count("result: fail") == 1
    assert [one.name for one in read] == ["many", "gap", "other"]
    for one, written in zip(read, told, strict=True):
        facts = [
            {got["type"]: got["fields"]} | {k: v for k, v in got.items() if k == "status"} for got in one.case["facts"]
        ]
        assert facts == written.scenario["facts"]
        assert one.expect == written.scenario["expect"]
