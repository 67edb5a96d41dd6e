"""`shuoli verify` as its users have it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.evaluate import Evaluator
from knowledge.loader import load_rulebook
from tests.random_cases import random_case
from tests.verifier.certificates import FOLDERS, KEY, ROOT, Issuer, canonical, identified


@pytest.fixture(scope="module")
def good() -> bytes:
    evaluator = Evaluator(load_rulebook(FOLDERS[0]))
    content = Issuer(evaluator).issue(identified(evaluator.rulebook, random_case(evaluator.rulebook, 4)))
    evaluator.close()
    return content


def shuoli(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHUOLI_")}
    return subprocess.run(
        [sys.executable, "-c", "from api.cli import main; main()", "verify", *map(str, arguments)],
        cwd=folder, env=kept | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_it_says_what_is_verified_and_what_is_not_proved(good: bytes, tmp_path: Path) -> None:
    path, key = tmp_path / "certificate.json", tmp_path / "key"
    path.write_bytes(good)
    key.write_text(KEY.hex(), "ascii")
    grading = json.loads(json.loads(good)["grading"])

    with_file, without = shuoli(tmp_path, path, "--key", key), shuoli(tmp_path, path)

    assert (with_file.returncode, without.returncode) == (0, 0), with_file.stderr + without.stderr
    told = [grading["producer"], grading["grade"], grading["as_of"], grading["rulebook"]["sha256"], KEY.hex()]
    assert [word for word in told if word not in with_file.stdout] == []
    assert "the one given" in with_file.stdout
    assert "not shown to be the bureau's" in without.stdout
    assert "that facts are true" in without.stdout


def test_as_json_it_tells_programs_the_same(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "certificate.json"
    path.write_bytes(good)

    told = json.loads(shuoli(tmp_path, path, "--key", KEY.hex(), "--json").stdout)

    grading = json.loads(json.loads(good)["grading"])
    assert {name: told[name] for name in ("producer", "grade", "as_of", "known_at", "rulebook")} == {
        name: grading[name] for name in ("producer", "grade", "as_of", "known_at", "rulebook")
    }
    assert told["key"] == KEY.hex()
    assert told["head"]["size"] == 5


def test_what_is_wrong_is_named_with_its_place(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "certificate.json"
    told = json.loads(good)
    path.write_bytes(canonical(told | {"inclusion": told["inclusion"][:-1]}))

    in_words, in_json = shuoli(tmp_path, path), shuoli(tmp_path, path, "--json")

    assert (in_words.returncode, in_json.returncode) == (1, 1)
    assert "[certificate.proof]" in in_words.stderr
    assert "/inclusion" in in_words.stderr
    assert json.loads(in_json.stderr)["code"] == "certificate.proof"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["missing.json"], 3, "[certificate.missing]"),
        ([], 2, "[cli.usage]"),
        (["certificate.json", "--key", "abc"], 2, "64 hex digits"),
    ],
    ids=["a file that isn't there", "no file", "no key"],
)
def test_wrong_use_has_its_own_exit_codes(
    arguments: list[str], code: int, said: str, good: bytes, tmp_path: Path
) -> None:
    (tmp_path / "certificate.json").write_bytes(good)

    done = shuoli(tmp_path, *arguments)

    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
