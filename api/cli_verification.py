"""`shuoli rulebook verify`: what no loader can see, each finding with a case that shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
import msgspec

from api.output import as_json, print_json
from api.requests import today
from api.selection import Selection
from api.settings import Settings
from api.versions import versions_with
from authoring.scenarios import prepare
from authoring.verification import Finding, Report, Undecided, located, verify
from engine.evaluate import Evaluator
from knowledge.loader import read_folder
from knowledge.scenarios import load_scenarios

_PROOFS: Final = {
    "unsat": "求解器已证明无例外 · the solver proved that no case is otherwise",
    "interval": "由上下界得出,无例外 · bounds leave nothing else",
    "compared": "对照文本得出 · what is written says so",
    "graded": "引擎已评定 · graded by the engine",
}


@click.command(
    "verify", help="逐条核验规则的含义,每个发现附一份由引擎评定的案卷 · verify what rules mean, with witnesses"
)
@click.argument("name", metavar="DIR|ID[@VERSION]")
@click.option(
    "--witness", type=click.Path(file_okay=False), help="把案卷写入此文件夹 · write the witnesses into a folder"
)
@as_json
def verify_rulebook(name: str, witness: str | None, as_json: bool) -> int:
    """Print every finding; 1 if there is one."""
    selection = Selection(Settings.from_environment())
    folder = selection.folder(name, today())
    rulebook = selection.load(folder)
    cases = [one.case for one in prepare(rulebook, load_scenarios(folder, rulebook)) if one.case is not None]
    evaluator = Evaluator(rulebook)
    try:
        report = verify(rulebook, evaluator.grade, cases=cases, versions=versions_with(rulebook, selection.versions()))
    finally:
        evaluator.close()
    report = located(report, read_folder(folder)[0])
    if witness is not None:
        _write(report, Path(witness))
    if as_json:
        print_json({"ok": not report.findings, "findings": report.findings, "undecided": report.undecided})
    else:
        _print(report)
    return 1 if report.findings else 0


def _print(report: Report) -> None:
    for number, one in enumerate(report.findings, 1):
        click.echo(f"{_places(one)}: [{one.code}] {one.text.zh}")
        click.echo(f"  {one.text.en}")
        seen = one.witness
        if seen is None:
            click.echo(f"  {_PROOFS[one.proof]}")
        else:
            click.echo(f"  案卷 · witness {number}: {seen.as_of} → {seen.grade} {seen.score} ({seen.shows})")
            if one.proof in ("unsat", "interval"):
                click.echo(f"  {_PROOFS[one.proof]}")
    for left in report.undecided:
        click.echo(f"{_places(left)}: [{left.code}] 未判定 · not decided: {left.text.zh}")
        click.echo(f"  {left.text.en}")
    findings, undecided = len(report.findings), len(report.undecided)
    click.echo(f"{findings} 个发现,{undecided} 个未判定 · {findings} findings, {undecided} not decided")


def _places(one: Finding | Undecided) -> str:
    return ", ".join(place.source or place.id for place in one.concerns) or "rulebook.yaml"


def _write(report: Report, folder: Path) -> None:
    """Write each witness as a case file that `shuoli grade` takes, named by its number and the finding's code."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(report.findings, 1):
        if one.witness is not None:
            path = folder / f"{number:03d}-{one.code}-{one.witness.as_of}.json"
            path.write_bytes(_encoded(one.witness.case))


def _encoded(case: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(case), indent=2)
