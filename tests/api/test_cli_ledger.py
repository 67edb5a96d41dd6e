"""`shuoli replay` and `shuoli tick` as their users have them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
RULEBOOKS = ROOT / "tests" / "rulebooks" / "api"


class Shuoli:
    """The installed program over a ledger of three producers that were graded on 2026-06-01."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SHUOLI_")}
        self.environment = kept | {
            "COLUMNS": "200",
            "PYTHONPATH": str(ROOT),
            "SHUOLI_RULEBOOKS": str(RULEBOOKS),
            "SHUOLI_RULEBOOK": "orchard",
            "SHUOLI_DATABASE_URL": f"sqlite:///{folder}/shuoli.db",
        }

    def __call__(self, *arguments: object, code: int = 0, **settings: str) -> str:
        program = [sys.executable, "-c", "from api.cli import main; main()"]
        done = subprocess.run(
            [*program, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment | settings,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    def json(self, *arguments: object, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code))


@pytest.fixture
def shuoli(tmp_path: Path) -> Shuoli:
    lines = [
        {
            "producer": {"id": f"P{number}", "kind": "farm", "region": ""},
            "facts": [
                {"type": "test", "fields": {"number": "T1", "result": "fail", "taken_on": "2026-05-01"}},
                {"type": "lesson", "fields": {"given_on": f"2025-06-1{number}"}},
            ],
        }
        for number in range(3)
    ]
    (tmp_path / "producers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    shuoli = Shuoli(tmp_path)
    shuoli("grade-all", "--db", f"sqlite:///{tmp_path}/shuoli.db", "--in", tmp_path, "--as-of", "2026-06-01")
    return shuoli


def test_the_whole_ledger_is_replayed_with_its_progress(shuoli: Shuoli) -> None:
    told = shuoli.json("replay", "--all")
    words = shuoli("replay", "--all")

    assert told == {"records": 3, "differences": []}
    assert "3 条 · records, 0 条不同 · differ" in words


def test_one_producer_is_replayed_along_three_axes_and_its_grading_by_hash(shuoli: Shuoli) -> None:
    axes = ("--producer", "P1", "--as-of", "2026-06-11", "--known-at", "2999-01-01T00:00:00Z")

    grading = shuoli.json("replay", *axes, "--rulebook", "orchard@1")

    assert (grading["as_of"], grading["score"], grading["rulebook"]["version"]) == ("2026-06-11", 75, "1")
    assert "《果园法》" in shuoli("replay", *axes)
    assert "record.missing" in shuoli("replay", "0" * 64, code=3)
    assert "cli.usage" in shuoli("replay", code=2)
    assert "cli.usage" in shuoli("replay", "0" * 64, "--as-of", "2026-01-01", code=2)


def test_a_tick_grades_who_is_due_and_again_nobody(shuoli: Shuoli) -> None:
    first = shuoli.json("tick", "--as-of", "2026-06-12")
    second = shuoli("tick", "--as-of", "2026-06-12")

    assert (first["as_of"], first["due"], first["left"], first["refused"]) == ("2026-06-12", 3, 0, {})
    assert "0 到期 · due" in second
    assert shuoli.json("replay", "--all")["differences"] == []
