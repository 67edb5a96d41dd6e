"""`shuoli replay`: decides again what is stored, and compares bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Final

import click
import msgspec

from api.answers import Answer
from api.cli_grade import as_of_option
from api.ledger import open_store
from api.output import as_json, console, print_json, progress
from api.requests import instant, today
from api.selection import Selection
from api.settings import Settings
from api.why_view import print_why
from casework.replay import Difference, Replay, What
from engine.reading import instant as in_utc
from engine.workers import Workers
from knowledge.rulebook import Rulebook
from store.history import PastConfirmation

database = click.option("--db", help="数据库 URL · database URL; SHUOLI_DATABASE_URL")
_WORDS: Final[dict[What, str]] = {
    "altered": "已被改动 · altered",
    "rulebook": "规则包不可读 · its rulebook can't be read",
    "unknown": "当时没有此主体 · its producer was unknown then",
    "document": "文件不同 · another document",
    "columns": "表中所示不同 · its row shows otherwise",
    "case": "案情不同 · another case",
    "outcome": "结果不同 · another outcome",
    "refused": "无法重评 · can't be graded",
}


@click.command(help="重新推出存储的评价并逐字节比较 · derive stored gradings again and compare their bytes")
@click.argument("name", metavar="HASH", required=False)
@click.option("--all", "everything", is_flag=True, help="整个账本 · the whole ledger")
@click.option("--producer", metavar="ID", help="任一主体,配合下列三轴 · any producer, along the three axes below")
@as_of_option
@click.option("--known-at", metavar="INSTANT", help="只看此刻已记录的 · only what was entered by then")
@click.option("--rulebook", metavar="ID@VERSION", help="规则包,账本所存的优先 · the ledger's own where it has it")
@database
@as_json
def replay(
    name: str | None,
    everything: bool,
    producer: str | None,
    as_of: date | None,
    known_at: str | None,
    rulebook: str | None,
    db: str | None,
    as_json: bool,
) -> int:
    """Replay one record, all of them, or a producer; 1 if something differs, 4 if it only can't be graded."""
    if sum((name is not None, everything, producer is not None)) != 1:
        raise click.UsageError("give a HASH, --all or --producer, and one of them only")
    if producer is None and (as_of, known_at, rulebook) != (None, None, None):
        raise click.UsageError("--as-of, --known-at and --rulebook go with --producer: a record has its own")
    settings = Settings.from_environment()
    settings = settings if db is None else replace(settings, database_url=db)
    with _opened(settings, settings.workers if everything else 1) as past:
        if producer is not None:
            answer = decide_stored(past, Selection(settings, past.store), producer, rulebook, as_of, known_at)
            if as_json:
                print_json(answer.document())
            else:
                print_why(console(), answer.why("zh"))
            return 0
        return _one(past, str(name), as_json=as_json) if not everything else _all(past, as_json=as_json)


def decide_stored(
    past: Replay, selection: Selection, producer: str, rulebook: str | None, as_of: date | None, known_at: str | None
) -> Answer:
    """Return the decision on a producer of the ledger along the three axes; each may be left open.

    Raises:
        ProducerMissing, RulebookMissing: there is none.
    """
    day = as_of or today()
    chosen = _rulebook(past, selection, rulebook, day)
    known = None if known_at is None else in_utc(str(instant(known_at)))
    return Answer(chosen, past.decide(chosen, producer, day.toordinal(), known))


def _one(past: Replay, name: str, *, as_json: bool) -> int:
    record, difference = past.one(name)
    kind = "confirmation" if isinstance(record, PastConfirmation) else "grading"
    if as_json:
        told = None if difference is None else msgspec.structs.asdict(difference)
        print_json({"kind": kind, "hash": record.hash, "producer": record.producer, "difference": told})
    elif difference is None:
        words = "案情与结果相同 · same case, same outcome" if kind == "confirmation" else "字节相同 · same bytes"
        console().print(f"{record.hash} {record.producer}: {words}", soft_wrap=True)
    else:
        _print(difference)
    return _code([] if difference is None else [difference])


def _all(past: Replay, *, as_json: bool) -> int:
    found: list[Difference] = []
    records = 0
    with progress(quiet=as_json) as bars:
        task = bars.add_task("重放 · replaying", total=past.count())

        def done(more: int) -> None:
            nonlocal records
            records += more
            bars.advance(task, more)

        for difference in past.all(done):
            found.append(difference)
            if not as_json:
                _print(difference)
    if as_json:
        print_json({"records": records, "differences": [msgspec.structs.asdict(one) for one in found]})
    else:
        console().print(f"{records} 条 · records, {len(found)} 条不同 · differ")
    return _code(found)


def _rulebook(past: Replay, selection: Selection, name: str | None, day: date) -> Rulebook:
    rulebook_id, _, version = ("" if name is None else name).partition("@")
    published = past.published(rulebook_id, version) if version else None
    return published or selection.named(name, day)


def _print(one: Difference) -> None:
    words = f"{one.hash} {one.kind}: {_WORDS[one.what]}: {one.detail}"
    console().print(words, style="red", markup=False, soft_wrap=True)


def _code(found: list[Difference]) -> int:
    if any(one.what != "refused" for one in found):
        return 1
    return 4 if found else 0


@contextmanager
def _opened(settings: Settings, workers: int) -> Iterator[Replay]:
    store = open_store(settings)
    try:
        with Workers(workers) as pool:
            yield Replay(store, pool)
    finally:
        store.close()
