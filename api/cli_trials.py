"""`shuoli rulebook mutate`: how much of a rulebook its scenarios hold, and scenarios for what they don't."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from api.cli_rulebook import named
from api.output import as_json, console, print_json, progress
from api.requests import today
from api.selection import Selection
from api.settings import Settings
from authoring.mutation import Mutation, mutate
from authoring.proposals import Proposal, propose
from engine.workers import Workers
from knowledge.scenarios import load_scenarios


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
        task = bars.add_task("改动 · changing", total=None)
        found = mutate(rulebook, scenarios, workers, lambda more: bars.advance(task, more))
        if proposals is not None:
            sought = bars.add_task("建议 · proposing", total=len(found.survivors))
            proposed = propose(rulebook, scenarios, found.survivors, workers, lambda more: bars.advance(sought, more))
            # JSON in this layout is YAML as well.
            written = [msgspec.json.format(msgspec.json.encode(one.scenario), indent=2) for one in proposed]
            proposals.write_bytes(b"".join(b"- " + one.replace(b"\n", b"\n  ") + b"\n" for one in written))
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
