"""What scenarios hold of a rulebook, on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from click.testing import CliRunner, Result

from api.cli import commands

ORCHARD = Path(__file__).parents[1] / "rulebooks" / "api" / "orchard" / "1"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["rulebook", *arguments], standalone_mode=False)


def test_what_survives_is_printed_and_what_is_proposed_notices_it(tmp_path: Path) -> None:
    folder = tmp_path / "orchard" / "1"
    shutil.copytree(ORCHARD, folder)

    shown = run("mutate", str(folder), "--propose", str(folder / "scenarios" / "proposed.yaml"))
    after = json.loads(run("mutate", str(folder), "--json").output)

    assert shown.return_value == 1
    assert "failure: [window] test within 24 → 25 months" in shown.output
    survived = {(one["of"], one["change"]) for one in after["survivors"]}
    assert ("failure", "test within 24 → 25 months") not in survived
    assert after["rate"] > 8_000
    assert run("test", str(folder)).return_value == 0


def test_what_no_scenario_touches_is_printed() -> None:
    told = {one["rule"]: one for one in json.loads(run("coverage", str(ORCHARD), "--json").output)["rules"]}
    shown = run("coverage", str(ORCHARD))

    assert told["FRUIT"]["fired"] > 0
    assert [one["on_it"] for one in told["failure"]["boundaries"]] == [False, False]
    assert shown.return_value == 1
    assert "rules/rules.yaml:1:3: failure: `taken_on` ge on its limit" in shown.output
    assert "FRUIT" not in shown.output
