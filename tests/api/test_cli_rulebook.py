"""`shuoli rulebook check` says all that keeps a rulebook from grading."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from api.cli_rulebook import rulebook
from tests.knowledge.bad_cases import BASE, BadCase, read_case


def checked(folder: Path) -> tuple[int, list[dict[str, str]]]:
    done = CliRunner().invoke(rulebook, ["check", str(folder), "--json"], standalone_mode=False)
    return done.return_value, json.loads(done.output)["problems"]


def test_a_right_rulebook_has_no_problems() -> None:
    assert checked(BASE) == (0, [])


def test_every_problem_is_told_as_the_loader_finds_it(tmp_path: Path) -> None:
    case = read_case(BASE.parent / "bad" / "names" / "many-at-once.yaml")

    code, problems = checked(case.put(tmp_path))

    assert code == 1
    assert [(one["place"], one["code"]) for one in problems] == [(one["at"], one["code"]) for one in case.finds]


def test_a_rule_that_the_kernel_cannot_hold_is_told_before_anything_is_graded(tmp_path: Path) -> None:
    ways = "".join(f"      - a{n}: {{is: repair, where: {{price: {n}}}}}\n" for n in range(70))
    rule = f"- status: watched\n  rule: many\n  when:\n    - any:\n{ways}"
    case = BadCase(Path("x"), "", [{"file": "rules/consequences.yaml", "append": rule}], [])

    code, problems = checked(case.put(tmp_path))

    assert code == 1
    assert [(one["place"], one["code"]) for one in problems] == [("rules/consequences.yaml:21:3", "rule.too_complex")]
