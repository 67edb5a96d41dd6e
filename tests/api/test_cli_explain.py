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
