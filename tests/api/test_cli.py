"""The command line as its users have it: started as a program, read from its output and its exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
HYGIENE = ROOT / "examples" / "hygiene"
ORCHARD = ROOT / "tests" / "rulebooks" / "api" / "orchard" / "1"


class Shuoli:
    """The installed program in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SHUOLI_")}
        self.environment = kept | {"COLUMNS": "200", "PYTHONPATH": str(ROOT)}
        self.program = [sys.executable, "-c", "from api.cli import main; main()"]

    def __call__(self, *arguments: object, code: int = 0, given: str | None = None, **settings: str) -> str:
        done = subprocess.run(
            [*self.program, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment | settings,
            capture_output=True,
            text=True,
            input=given,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    def json(self, *arguments: object) -> Any:
        return json.loads(self(*arguments, "--json"))


@pytest.fixture
def shuoli(tmp_path: Path) -> Shuoli:
    return Shuoli(tmp_path)


@pytest.fixture
def case(tmp_path: Path, a_case: dict[str, Any]) -> Path:
    path = tmp_path / "case.json"
    path.write_text(json.dumps(a_case), "utf-8")
    return path


def test_a_grade_is_printed_with_its_reasons_in_both_languages(shuoli: Shuoli, case: Path) -> None:
    zh = shuoli("grade", case, "--rulebook", ORCHARD, "--as-of", "2026-06-01")
    en = shuoli("grade", case, "--rulebook", ORCHARD, "--as-of", "2026-06-01", "--lang", "en")

    assert "B 级" in zh
    assert "检测 T1 不合格" in zh
    assert "《果园法》" in zh
    assert "Test T1 failed" in en
    assert not re.search(r"[\u4e00-\u9fff]", en)


def test_the_decision_is_json_with_everything_that_others_build_on(shuoli: Shuoli, case: Path) -> None:
    told = shuoli.json("grade", case, "--rulebook", ORCHARD, "--as-of", "2026-06-01")

    assert {
        "grade", "score", "score_grade", "colour", "points_lost", "indicators", "deductions", "verdicts", "findings",
        "ceilings", "vetoes", "consequences", "remedies", "next_change_on", "rulebook", "as_of",
    } <= set(told)  # fmt: skip
    assert {"id", "version", "sha256"} <= set(told["rulebook"])
    assert (told["grade"], told["score"], told["as_of"]) == ("B", 75, "2026-06-01")
    poison = next(one for one in told["verdicts"] if one["rule"] == "poison")
    assert poison["conditions"][0]["atoms"][0] == {
        "name": "residue", "op": "gt", "holds": False, "observed": "0.08", "threshold": "20.00", "margin": "-19.92",
        "unit": "mg/kg",
    }  # fmt: skip


def test_a_case_is_read_from_standard_input_and_as_known_then(shuoli: Shuoli, case: Path) -> None:
    arguments = ("grade", "-", "--rulebook", ORCHARD, "--as-of", "2026-06-01", "--json")

    now = json.loads(shuoli(*arguments, given=case.read_text()))
    then = json.loads(shuoli(*arguments, "--known-at", "2026-05-01T00:00:00+08:00", given=case.read_text()))

    assert (now["score"], then["score"]) == (75, 90)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["grade", "nowhere.json"], 3, "[case.missing]"),
        (["grade", "case.json", "--rulebook", "hangzou"], 3, "did you mean `hangzhou`"),
        (["grade", "case.json", "--as-of", "2026-02-30"], 2, "[cli.usage]"),
        (["grade", "case.json", "--known-at", "yesterday", "--rulebook", str(ORCHARD)], 1, "instant with offset"),
        (["grade"], 2, "CASE.json"),
        (["nothing"], 2, "nothing"),
        (["rulebook", "check", "nowhere"], 3, "[rulebook.missing]"),
        (["grade-all", "--db", "mysql://u:secret@h/x"], 1, "[store.unusable]"),
        (["sample-city", "--out", "x", "--producers", "0"], 2, "[cli.usage]"),
    ],
)
def test_what_goes_wrong_is_said_and_shown_in_the_exit_code(
    shuoli: Shuoli, case: Path, arguments: list[str], code: int, says: str
) -> None:
    assert case.exists()
    told = shuoli(*arguments, code=code)

    assert says in told
    assert "Traceback" not in told
    assert "secret" not in told


def test_a_refused_case_lists_every_problem_for_people_and_programs(shuoli: Shuoli, case: Path) -> None:
    wrong = json.loads(case.read_text())
    wrong["producer"]["kind"] = "fram"
    wrong["facts"][0]["fields"]["residue"] = 0.08
    case.write_text(json.dumps(wrong))

    told = shuoli("grade", case, "--rulebook", ORCHARD, code=1)
    entry = json.loads(shuoli("grade", case, "--rulebook", ORCHARD, "--json", code=1))

    assert "/producer/kind: [name.unknown] unknown kind of producer `fram`" in told
    assert "/facts/0/fields/residue: [type.mismatch]" in told
    assert [one["place"] for one in entry["errors"]] == ["/producer/kind", "/facts/0/fields/residue"]


def test_a_setting_that_does_not_exist_is_refused(shuoli: Shuoli, case: Path) -> None:
    assert "did you mean SHUOLI_WORKERS" in shuoli("grade", case, code=2, SHUOLI_WORKER="3")


def test_a_rulebook_is_checked_tried_and_shown(shuoli: Shuoli) -> None:
    assert "没有问题" in shuoli("rulebook", "check", "hangzhou")
    assert "0 failed" in shuoli("rulebook", "test", HYGIENE)
    assert shuoli.json("rulebook", "test", HYGIENE)["failed"] == []
    shown = shuoli.json("rulebook", "show", "hangzhou@2021.1")

    counts = [len(shown[name]) for name in ("level1", "level2", "standards", "grades")]
    assert counts == [9, 23, 50, 5]
    assert (shown["points_total"], shown["status"], len(shown["sha256"])) == (1000, "reconstruction", 64)
    assert "重构" in shuoli("rulebook", "show", "hangzhou") or "重建" in shuoli("rulebook", "show", "hangzhou")


def test_a_broken_rulebook_gives_its_problems_and_exit_code_1(shuoli: Shuoli, tmp_path: Path) -> None:
    for path in HYGIENE.rglob("*.yaml"):
        copy = tmp_path / "book" / path.relative_to(HYGIENE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text("utf-8"), "utf-8")
    rules = next(iter(sorted((tmp_path / "book" / "rules").glob("*.yaml"))))
    rules.write_text(rules.read_text("utf-8") + "\n- standard: NOWHERE\n  gain: 5\n", "utf-8")

    told = shuoli("rulebook", "check", tmp_path / "book", code=1)
    entry = json.loads(shuoli("rulebook", "check", tmp_path / "book", "--json", code=1))

    assert f"rules/{rules.name}:" in told
    assert "`NOWHERE`" in told
    assert not entry["ok"]
    assert {"place", "code", "message", "given", "expected", "help"} <= set(entry["problems"][0])


def test_a_city_is_made_loaded_and_graded(shuoli: Shuoli, tmp_path: Path) -> None:
    made = shuoli.json("sample-city", "--producers", "30", "--seed", "5", "--out", "city", "--as-of", "2026-11-01")
    again = shuoli.json("sample-city", "--producers", "30", "--seed", "5", "--out", "twin", "--as-of", "2026-11-01")
    report = shuoli.json("grade-all", "--db", "sqlite:///x.db", "--in", "city", "--as-of", "2026-11-01")
    shown = shuoli("grade-all", "--db", "sqlite:///x.db", "--as-of", "2026-11-01")

    assert (tmp_path / "city" / "producers.jsonl").read_bytes() == (tmp_path / "twin" / "producers.jsonl").read_bytes()
    assert made == again
    assert (report["producers"], sum(report["grades"].values()), report["refused"]) == (30, 30, {})
    assert "绿码 · green code" in shown


def test_it_serves_until_it_is_stopped(shuoli: Shuoli, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*shuoli.program, "serve", "--port", "0"],
        cwd=tmp_path,
        env=shuoli.environment | {"SHUOLI_DATABASE_URL": f"sqlite:///{tmp_path}/x.db", "SHUOLI_WORKERS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().split()[0]
        assert address.startswith("http://127.0.0.1:")
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"{address}/health/ready", timeout=10) as answer:
                    assert json.loads(answer.read()) == {"status": "ok"}
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        taken = shuoli("serve", "--port", address.rpartition(":")[2], code=1)
        assert "[serve.address]" in taken
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert "Traceback" not in errors
