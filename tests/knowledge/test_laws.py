"""Laws that have ended may stand beside those in force, since facts of their days are judged by them."""

from __future__ import annotations

import shutil
from pathlib import Path

from knowledge.loader import check_rulebook
from tests.knowledge.bad_cases import BASE


def ended(tmp_path: Path, cites: str) -> Path:
    """Lay out a rulebook one of whose laws ended before it begins, with rules that cite `cites` instead of it alone."""
    folder = tmp_path / "workshops" / "1"
    shutil.copytree(BASE, folder)
    head = folder / "rulebook.yaml"
    days = "    effective_from: 2020-01-01\n"
    head.write_text(head.read_text("utf-8").replace(days, f"{days}    effective_until: 2026-01-01\n", 1), "utf-8")
    for path in (folder / "rules").glob("*.yaml"):
        path.write_text(path.read_text("utf-8").replace("law: TRADE-7", f"law: {cites}"), "utf-8")
    return folder


def test_a_law_that_has_ended_may_stand_beside_one_in_force(tmp_path: Path) -> None:
    _, problems = check_rulebook(ended(tmp_path, "[TRADE-7, TRADE-9]"))

    assert problems == ()


def test_a_rule_that_cites_only_laws_that_have_ended_is_named(tmp_path: Path) -> None:
    _, (problem,) = check_rulebook(ended(tmp_path, "TRADE-7"))

    assert (problem.code, problem.place) == ("law.not_in_force", "rulebook.yaml:23:5")
    assert problem.help is not None
    assert "`S1`" in problem.help
    assert "`S2`" not in problem.help
