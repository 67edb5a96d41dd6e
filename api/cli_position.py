"""`shuoli explain position`: where a producer of the ledger stands among others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import click
from rich.console import Console
from rich.table import Table

from api.cli_explain import Asked, about_a_producer
from api.ledger import open_store
from api.output import console, print_json
from api.settings import Settings
from casework.city import City
from casework.ranking import Ranking
from engine.reading import instant as in_utc
from explain.position import GroupView, Position


@click.command("position", help="排名与同类对比 · rank, percentile and peers' medians")
@about_a_producer
def position(asked: Asked) -> None:
    """Print where a producer stands; only stored gradings are compared, so that a case in a file has no place."""
    if asked.producer is None or asked.rulebook is not None:
        raise click.UsageError("give --producer, and no --rulebook: stored gradings are compared")
    settings = Settings.from_environment()
    with closing(open_store(settings if asked.db is None else replace(settings, database_url=asked.db))) as store:
        told = Ranking(City(store)).position(
            asked.producer,
            asked.lang,
            as_of=None if asked.as_of is None else asked.as_of.toordinal(),
            known_at=None if asked.known_at is None else in_utc(asked.known_at),
        )
    if asked.as_json:
        print_json(told)
    else:
        _print(console(), told)


def _print(out: Console, told: Position) -> None:
    out.print(f"[bold]{told.producer} · {told.grade} · {told.score} · {told.as_of}[/] {told.rulebook}")
    out.print(told.order, style="dim")
    for group in told.groups:
        out.print(group.sentence.text)
    for sentence in (one.sentence for group in told.groups[:1] for one in group.often):
        out.print(f"  · {sentence.text}", style="dim")
    if told.elsewhere is not None:
        out.print(told.elsewhere.text)
    shown = [group for group in told.groups if not group.suppressed]
    if shown:
        table = Table(box=None, pad_edge=False)
        table.add_column("", overflow="fold")
        table.add_column(told.producer, justify="right")
        for group in shown:
            table.add_column(group.label, justify="right", overflow="fold")
        for row in _rows(shown):
            table.add_row(*row)
        out.print(table)


def _rows(shown: list[GroupView]) -> Iterator[list[str]]:
    """Yield for each indicator its label, this producer's points, and the median of each group."""
    for one in shown[0].indicators:
        medians = [{median.id: str(median.median) for median in group.indicators} for group in shown]
        label = one.label if one.level == 1 else f"  {one.label}"
        yield [label, str(one.yours), *(of_group.get(one.id, "") for of_group in medians)]
