"""`shuoli rulebook verify`: findings with their places, in both languages, and witnesses that anyone can grade."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from api.cli import main

ROOT = Path(__file__).parents[2]
HYGIENE = ROOT / "examples" / "hygiene"


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def spoiled(tmp_path: Path) -> Path:
    """The example with a standard that holds more than its rule takes, and a ceiling at the best grade."""
    folder = tmp_path / "hygiene"
    shutil.copytree(HYGIENE, folder)
    for file, before, after in (
        ("rules/standards.yaml", "{at_least: 10, points: 25}", "{at_least: 10, points: 24}"),
        ("rules/limits.yaml", 'at_best: "3"', 'at_best: "5"'),
    ):
        text = (folder / file).read_text("utf-8")
        assert before in text
        (folder / file).write_text(text.replace(before, after), "utf-8")
    return folder


def test_nothing_is_told_of_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rulebook", "verify", HYGIENE) == 0
    assert capsys.readouterr().out == "0 个发现,0 个未判定 · 0 findings, 0 not decided\n"


def test_each_finding_is_told_with_its_line_in_both_languages(
    spoiled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("rulebook", "verify", spoiled) == 1

    told = capsys.readouterr().out
    lines = (spoiled / "indicators.yaml").read_text("utf-8").splitlines()
    line = next(number for number, one in enumerate(lines, 1) if "id: H2" in one)
    assert f"indicators.yaml:{line}:" in told
    assert "标准“H2”有 25 分,而各条规则合计最多只到 24 分" in told
    assert "Standard `H2` holds 25 points, and its rules together reach 24 at most" in told
    assert "[limit.idle] “not_yet_inspected”把等级限为最高的“5”级" in told
    assert told.endswith("2 个发现,0 个未判定 · 2 findings, 0 not decided\n")


def test_a_witness_that_is_written_is_graded_as_told(
    spoiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("rulebook", "verify", spoiled, "--witness", tmp_path / "cases", "--json") == 1
    told = json.loads(capsys.readouterr().out)["findings"]
    paths = sorted((tmp_path / "cases").iterdir())

    assert [one["code"] for one in told] == [path.name[4:].removesuffix(path.name[-16:]) for path in paths]
    for finding, path in zip(told, paths, strict=True):
        seen = finding["witness"]
        assert run("grade", path, "--rulebook", spoiled, "--as-of", seen["as_of"], "--json") == 0
        grading = json.loads(capsys.readouterr().out)
        assert (grading["grade"], grading["score"]) == (seen["grade"], seen["score"])
