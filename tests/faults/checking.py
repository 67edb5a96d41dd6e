"""The one checker of all faults: what was acknowledged is there exactly once, and the ledger is whole.

Every grade stands in the log with its trail, the log and its tree verify, what holds now follows from all that is
known, and deciding everything again gives the same bytes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import func, or_, select, text

from casework.audit import audit_log
from casework.decisions import Decisions
from casework.replay import Replay
from engine.case import Fact, Producer
from engine.reading import CaseReader
from engine.workers import Batch, Decision, Stored, Workers
from knowledge.loader import load_rulebook
from store import trail
from store.ledger import EVERYONE, Store
from store.packing import unpacked
from store.tables import CURRENT, FACTS, LEAVES, METADATA
from store.trail import StoredHead

RULEBOOKS: Final = Path(__file__).parent.parent / "rulebooks" / "api"
ORCHARD: Final = load_rulebook(RULEBOOKS / "orchard" / "1")
READER: Final = CaseReader(ORCHARD)
DAY: Final = date(2026, 6, 1).toordinal()
NUMBERED_BY_DATABASE: Final = {"seq", "quarantined", "since", "event"}
"""Columns of numbers that a database may leave gaps in."""


def producer(name: str, kind: str = "farm") -> Producer:
    return READER.producer(msgspec.json.encode({"id": name, "kind": kind, "region": "330110"}))


def told(name: str, number: str, **more: Any) -> dict[str, Any]:
    """Return the report of a failed test, as a line of a delivery tells it."""
    fields = {"number": number, "result": "fail", "taken_on": "2026-05-01"} | more.pop("fields", {})
    return {"producer": name, "type": "test", "fields": fields, "source": {"system": "lab", "ref": number}} | more


def facts(*numbers: str, **more: Any) -> list[Fact]:
    return [READER.report(told("P", number, **more), today=DAY)[1] for number in numbers]


def check(
    store: Store, workers: Workers, acknowledged: Iterable[tuple[str, str]] = (), kept: Iterable[StoredHead] = ()
) -> None:
    """Fail unless the ledger is whole; `acknowledged` are producers and ids of facts of which one report was taken."""
    check_entered(store, acknowledged)
    assert audit_log(store, kept=[*kept]) is None
    check_order(store)
    check_grades_follow(store, workers)
    assert [*Replay(store, workers).all(lambda _: None)] == []


def check_entered(store: Store, acknowledged: Iterable[tuple[str, str]]) -> None:
    wanted = Counter(acknowledged)
    names = sorted({name for name, _ in wanted})
    with store.read() as transaction:
        documents = transaction.facts_of(names)
    there = Counter((name, fact.id) for name in names for fact in READER.stored(documents.get(name, [])))
    assert {one: there[one] for one in wanted} == dict.fromkeys(wanted, 1)


def check_order(store: Store) -> None:
    """Fail unless record times follow the order of the log and of the facts, and the log has no gap."""
    with store.read() as transaction:
        run = transaction.connection.execute
        entered = list(run(select(FACTS.c.entered_at).order_by(FACTS.c.seq)).scalars())
        leaves = list(run(select(LEAVES.c.document).order_by(LEAVES.c.index)).scalars())
        size, last = run(select(func.count(), func.max(LEAVES.c.index))).one()
        latest = transaction.last_entered_at()
        damage = []
        if transaction.connection.dialect.name == "sqlite":
            damage = [run(text(f"PRAGMA {check}")).all() for check in ("integrity_check", "foreign_key_check")]
    logged = [msgspec.json.decode(one)["at"] for one in leaves]
    assert damage in ([], [[("ok",)], []])
    assert entered == sorted(entered)
    assert logged == sorted(logged)
    assert max([*entered, *logged], default="") <= latest
    assert (size, last) == (len(leaves), len(leaves) - 1 if leaves else None)


def check_grades_follow(store: Store, workers: Workers) -> None:
    """Fail unless what holds of each producer that isn't due is what all that is known of it leads to."""
    with store.read() as transaction:
        settled = or_(CURRENT.c.next_change_on.is_(None), CURRENT.c.next_change_on > CURRENT.c.as_of)
        held = transaction.connection.execute(select(CURRENT.c.producer_id, CURRENT.c.as_of).where(settled)).all()
        current = transaction.current_of_all([name for name, _ in held])
        producers = dict(transaction.producers_of([name for name, _ in held]))
        known = transaction.facts_of([*producers, EVERYONE])
    shared = known.get(EVERYONE, [])
    cases = [Stored(producers[name], (*known.get(name, ()), *shared), (as_of, None)) for name, as_of in held]
    batches = [Batch(tuple(cases[n : n + 40])) for n in range(0, len(cases), 40)]
    answers = [one for some in workers.decide(ORCHARD, batches, 0) for one in some]
    outcomes = {one.producer: one.outcome for one in answers if isinstance(one, Decision)}
    assert {name: one.outcome for name, one in current.items()} == outcomes


def content(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables in their order, as they can be compared between databases."""
    with store.read() as transaction:
        return {
            table.name: [
                tuple(_value(column, value) for column, value in row._asdict().items())
                for row in transaction.connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in METADATA.sorted_tables
        }


def _value(column: str, value: Any) -> Any:
    if column in NUMBERED_BY_DATABASE:
        return None
    if column != "results":
        return value
    return re.sub(rb'"quarantine":\d+', b"", unpacked(value))


def grades(store: Store) -> dict[str, tuple[str, str]]:
    """Return the grade and the outcome that hold now, by producer."""
    with store.read() as transaction:
        return {
            name: (one.grade, one.outcome)
            for name, one in transaction.current_of_all(transaction.names(limit=30_000)).items()
        }


def last_head(store: Store) -> StoredHead:
    with store.read() as transaction:
        head = trail.last_head(transaction)
    assert head is not None
    return head


def desk_of(store: Store, workers: Workers, *names: str) -> Decisions:
    """Return what decides in a ledger, with producers made known."""
    desk = Decisions(ORCHARD, store, workers)
    for name in names:
        desk.put_producer(producer(name), DAY)
    return desk
