"""`shuoli rulebook coverage` and `mutate`: how much of a rulebook its scenarios hold, and what they leave open."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from api.cli_rulebook import named
from api.output import as_json, console, print_json, progress
from api.requests import today
from api.selection import Selection
from api.settings import Settings
from authoring.coverage import coverage as cover
from authoring.mutants import mutants
from authoring.mutation import Mutation, mutate
from authoring.proposals import Proposal, propose
from authoring.proposaltext import scenario_file
from engine.evaluate import Evaluator
from engine.workers import Workers
from knowledge.scenarios import load_scenarios


@click.command(help="情景触及哪些规则、条件与界限 · which rules, conditions and limits scenarios touch")
@named
@as_json
def coverage(name: str, as_json: bool) -> int:
    """Print what no scenario shows of each rule; 1 if there is such."""
    selection = Selection(Settings.from_environment())
    folder = selection.folder(name, today())
    rulebook = selection.load(folder)
    evaluator = Evaluator(rulebook)
    try:
        found = cover(evaluator, load_scenarios(folder, rulebook))
    finally:
        evaluator.close()
    open_ones = [one for one in found if one.gaps]
    if as_json:
        print_json({"rules": found})
    else:
        out = console()
        for one in open_ones:
            out.print(f"{one.place}: {one.rule}: {', '.join(one.gaps)}", markup=False, soft_wrap=True)
        out.print(
            f"{len(found)} 条规则,{len(open_ones)} 条有未触及之处 · rules, {len(open_ones)} with something untouched"
        )
    return 1 if open_ones else 0


@click.command(
    "mutate",
    help="逐处改动规则包,看情景是否察觉;未察觉者即未经试验的政策 · change one thing after another; what no scenario "
    "notices is policy that nobody has tested",
)
@named
@click.option(
    "--propose", "proposals", type=click.Path(path_type=Path, dir_okay=False),
    help="把建议的情景写入此文件,供人取舍 · write scenarios for what survived, for a person to accept",
)  # fmt: skip
@as_json
def mutate_rulebook(name: str, proposals: Path | None, as_json: bool) -> int:
    """Print what no scenario notices, and the rate of what one does; 1 if something survived."""
    settings = Settings.from_environment()
    selection = Selection(settings)
    folder = selection.folder(name, today())
    rulebook = selection.load(folder)
    scenarios = load_scenarios(folder, rulebook)
    proposed: list[Proposal] = []
    with progress(quiet=as_json) as bars, Workers(settings.workers) as workers:
        task = bars.add_task("改动 · changing", total=sum(1 for _ in mutants(rulebook)))
        found = mutate(rulebook, scenarios, workers, lambda more: bars.advance(task, more))
        if proposals is not None:
            sought = bars.add_task("建议 · proposing", total=len(found.survivors))
            proposed = propose(rulebook, scenarios, found.survivors, workers, lambda more: bars.advance(sought, more))
            proposals.write_text(scenario_file(rulebook, proposed), encoding="utf-8")
    if as_json:
        print_json({"rate": found.rate, "proposed": len(proposed), **msgspec.structs.asdict(found)})
    else:
        _print(found, len(proposed))
    return 1 if found.survivors else 0


def _print(found: Mutation, proposed: int) -> None:
    out = console()
    for one in found.survivors:
        out.print(f"{one.place}: {one.of}: [{one.kind}] {one.change}", markup=False, soft_wrap=True)
    for kind, tried in sorted(found.tried.items()):
        out.print(f"{kind}: {found.killed.get(kind, 0)}/{tried}")
    rate = f"{found.rate // 100}.{found.rate % 100:02d}%"
    out.print(f"{rate} 被察觉 · noticed; {len(found.survivors)} 未察觉 · survived; {proposed} 条建议 · proposed")
