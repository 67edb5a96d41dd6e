"""`shuoli tick`: grades that time alone changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import click

from api.cli_grade import as_of_option
from api.cli_replay import database
from api.ledger import opened, sign
from api.output import as_json, console, print_json, progress
from api.requests import today
from api.selection import Selection
from api.settings import Settings
from casework.decisions import Decisions
from casework.tick import Tick
from casework.tick import tick as tick_on
from engine.workers import Workers
from knowledge.rulebook import Rulebook


@click.command(
    help="重评到期的主体:日期已到,或换了规则包版本 · regrade who is due: a date has come, or another version"
)
@database
@as_of_option
@as_json
def tick(db: str | None, as_of: date | None, as_json: bool) -> int:
    """Regrade the producers that are due, and print how many; 4 if one has no grade and stays due."""
    settings = Settings.from_environment()
    settings = settings if db is None else replace(settings, database_url=db)
    day = as_of or today()
    with opened(settings) as store:
        rulebook = Selection(settings, store).named(None, day)
        with progress(quiet=as_json) as bars, Workers(settings.workers) as pool:
            task = bars.add_task("重评 · regrading", total=0)
            ticked = tick_on(
                store,
                Decisions(rulebook, store, pool),
                day.toordinal(),
                lambda due: bars.update(task, total=due),
                lambda more: bars.advance(task, more),
            )
        sign(settings, store)
    report = _report(rulebook, day, ticked)
    if as_json:
        print_json(report)
    else:
        _print(rulebook, day, ticked)
    return 4 if ticked.refused else 0


def _report(rulebook: Rulebook, day: date, ticked: Tick) -> dict[str, object]:
    return {
        "rulebook": {"id": rulebook.id, "version": rulebook.version, "sha256": rulebook.sha256},
        "as_of": day.isoformat(),
        "due": ticked.due,
        "left": ticked.left,
        "promises": dict(ticked.promises),
        "refused": {name: {"code": one.code, "detail": one.message} for name, one in ticked.refused.items()},
    }


def _print(rulebook: Rulebook, day: date, ticked: Tick) -> None:
    out = console()
    out.print(
        f"{rulebook.id}@{rulebook.version}, {day.isoformat()}: "
        f"{ticked.due} 到期 · due, {ticked.left} 仍到期 · still due"
    )
    if any(ticked.promises.values()):
        kept, broken, lapsed = (ticked.promises[name] for name in ("kept", "broken", "lapsed"))
        words = f"承诺 · promises: 兑现 {kept} kept, 未兑现 {broken} broken, 失效 {lapsed} lapsed"
        out.print(words, style="red" if broken else None)
    for name, one in ticked.refused.items():
        out.print(f"{name}: [{one.code}] {one.message}", style="red", markup=False)
