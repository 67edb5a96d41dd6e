"""`shuoli explain …`: the same answers for a case in a file and for a producer of the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.test_cli import HYGIENE, Shuoli


@pytest.fixture
def shuoli(tmp_path: Path) -> Shuoli:
    return Shuoli(tmp_path)


def test_a_case_in_a_file_is_explained(shuoli: Shuoli) -> None:
    told = shuoli.json("explain", "why", HYGIENE / "case.json", "--rulebook", HYGIENE, "--lang", "en")

    assert (told["producer"], told["lang"], told["grade"]) == ("K-7", "en", "3")
    assert told["reasons"]


def test_one_thing_is_explained_at_a_time(shuoli: Shuoli) -> None:
    assert "cli.usage" in shuoli("explain", "why", code=2)
    assert "cli.usage" in shuoli("explain", "why", HYGIENE / "case.json", "--producer", "K-7", code=2)


def test_an_unknown_producer_is_missing(shuoli: Shuoli) -> None:
    assert "producer.missing" in shuoli("explain", "why", "--producer", "nobody", code=3)


def test_a_tree_is_printed_in_all_its_forms(shuoli: Shuoli) -> None:
    case = (HYGIENE / "case.json", "--rulebook", HYGIENE)
    proof = shuoli.json("explain", "tree", *case)
    text = shuoli("explain", "tree", *case, "--lang", "en")

    assert proof["nodes"][0]["id"] == "grade"
    assert text.splitlines()[0].startswith("As of")
    assert len(text.splitlines()) >= len(proof["nodes"])
    assert shuoli("explain", "tree", *case, "--format", "dot").startswith("digraph")
    assert shuoli("explain", "tree", *case, "--format", "svg").startswith("<svg")


def test_why_not_tells_of_one_rule_or_of_all(shuoli: Shuoli) -> None:
    case = (HYGIENE / "case.json", "--rulebook", HYGIENE)
    told = shuoli.json("explain", "why-not", *case)
    names = [rule["rule"] for rule in told["rules"]]
    lines = shuoli("explain", "why-not", *case, "--rule", names[0]).splitlines()

    assert told["higher"]["sentences"]
    assert [line for line in lines if line.endswith("]")] == [f"- {told['rules'][0]['sentence']['text']} [{names[0]}]"]
    assert "cli.usage" in shuoli("explain", "why-not", *case, "--rule", "X", code=2)
