"""`shuoli ingest FILE` and `shuoli pull`: facts from files and from other systems, as a mapping says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import click

from api.cli_grade import as_of_option
from api.ledger import opened, sign
from api.output import as_json, console, print_json, progress
from api.requests import today
from api.selection import Selection
from api.settings import Settings
from casework.connector import Connector, SourceAway
from casework.decisions import Decisions
from casework.everyone import beat_of, learn_about_everyone
from casework.files import Tally, ingest_file
from casework.intake import Intake
from casework.sheets import FileRefused, read_file
from casework.tick import tick
from engine.workers import Workers
from knowledge.mapping import FactMapping, load_mapping
from store.ledger import Store

_database = click.option("--db", metavar="URL", help="数据库 URL · database URL; SHUOLI_DATABASE_URL by default")
_mapping = click.option(
    "--mapping",
    "mapping_path",
    metavar="M.yaml",
    type=click.Path(path_type=Path),
    required=True,
    help="列的映射 · which column tells what",
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What both commands need."""

    intake: Intake
    mapping: FactMapping
    store: Store
    workers: Workers
    day: int

    def beat(self) -> None:
        """Tell everyone's cases that the source was heard of, where the mapping says how; grade who is due then."""
        pull, system = self.mapping.pull, self.mapping.system
        if pull is None or pull.beat is None or system is None:
            return
        rulebook = self.intake.desk.rulebook
        fact = beat_of(rulebook, pull.beat, str(system.constant), self.day)
        if learn_about_everyone(self.store, self.workers, rulebook, [fact], self.day).everyone_due:
            tick(self.store, self.intake.desk, self.day)


@click.command(help="按映射接入 CSV 或 XLSX 文件 · take in a CSV or XLSX file, as a mapping says")
@click.argument("file", type=click.Path(path_type=Path))
@_mapping
@_database
@as_of_option
@as_json
def ingest(file: Path, mapping_path: Path, db: str | None, as_of: date | None, as_json: bool) -> int:
    """Take in every row, grade whom it concerns, and print what became of them; 1 if one is refused."""
    tally = Tally()
    with _entry(mapping_path, db, as_of) as entry:
        if entry.mapping.pull is not None:
            raise FileRefused(f"{mapping_path.name} is for `shuoli pull`", help="a file's format is csv or xlsx")
        rows = read_file(file, entry.mapping)
        with progress(quiet=as_json) as bars:
            task = bars.add_task("接入 · taking in", total=rows.count)
            ingest_file(file, rows, entry.mapping, entry.intake, tally, lambda row: bars.update(task, completed=row))
    _print(tally, as_json=as_json)
    return 1 if tally.counts["refused"] else 0


@click.command(help="按映射从其他系统拉取 · pull from another system, as a mapping says")
@_mapping
@click.option("--once", is_flag=True, help="只拉取一次 · once, and not until stopped")
@_database
@as_of_option
@as_json
def pull(mapping_path: Path, once: bool, db: str | None, as_of: date | None, as_json: bool) -> int:
    """Pull what is new, again and again until stopped; with --once 1 if a line is refused or the source is away."""
    while True:
        tally = Tally()
        # A day may have gone by since the last time.
        with _entry(mapping_path, db, as_of) as entry:
            try:
                if Connector(entry.mapping, entry.intake).pull(tally):
                    entry.beat()
            except SourceAway as away:
                if once:
                    raise
                click.echo(f"shuoli: [{away.code}] {away.message}", err=True)
            seconds = 0 if entry.mapping.pull is None else entry.mapping.pull.every_seconds
        _print(tally, as_json=as_json)
        if once:
            return 1 if tally.counts["refused"] else 0
        time.sleep(seconds)


@contextmanager
def _entry(mapping_path: Path, db: str | None, as_of: date | None) -> Iterator[_Entry]:
    settings = Settings.from_environment()
    settings = settings if db is None else replace(settings, database_url=db)
    day = as_of or today()
    with opened(settings) as store, Workers(settings.workers) as workers:
        rulebook = Selection(settings, store).named(None, day)
        mapping = load_mapping(mapping_path, rulebook)
        desk = Decisions(rulebook, store, workers)
        intake = Intake(desk, store, as_of=day.toordinal(), today=today().toordinal())
        yield _Entry(intake, mapping, store, workers, day.toordinal())
        sign(settings, store)


def _print(tally: Tally, *, as_json: bool) -> None:
    if as_json:
        print_json(tally.document())
        return
    out = console()
    counts = tally.counts
    out.print(
        f"{counts.total()} 行 · lines: {counts['stored']} 新 · stored, {counts['updated']} 更新 · updated, "
        f"{counts['duplicate']} 重复 · duplicate, {counts['refused']} 拒绝 · refused",
        soft_wrap=True,
    )
    for kept, errors in tally.refused:
        for one in errors:
            told = "".join(
                f"; {name} {value}" for name, value in (("given", one.given), ("expected", one.expected)) if value
            )
            out.print(f"  #{kept} {one.pointer}: [{one.code}] {one.message}{told}", markup=False, soft_wrap=True)
    if counts["refused"] > len(tally.refused):
        out.print(f"  … {counts['refused'] - len(tally.refused)} 行在隔离区 · more in the quarantine")
