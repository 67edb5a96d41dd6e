"""Promises that were made to producers, and what became of them. Nothing of either is ever changed."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Select, exists, func, select

from store.ledger import Transaction
from store.packing import packed, unpacked
from store.tables import PROMISE_ACTS, PROMISES

_VERDICTS: Final = ("kept", "broken", "lapsed")


class StoredPromise(msgspec.Struct, frozen=True):
    """A promise as it was made; `verdict`, `reason` and `settled_at` say what became of it, None while it is open."""

    hash: str
    producer: str
    entered_at: str
    document: bytes
    verdict: str | None = None
    reason: str | None = None
    grading: str | None = None
    settled_at: str | None = None


def add(transaction: Transaction, promise_hash: str, producer: str, day: int, document: bytes) -> None:
    """Keep a promise that is looked at from a day on, unless the very same is kept already."""
    if transaction.connection.execute(select(PROMISES.c.hash).where(PROMISES.c.hash == promise_hash)).first() is None:
        row = {
            "hash": promise_hash, "producer_id": producer, "entered_at": transaction.entered_at, "day": day,
            "document": packed(document),
        }  # fmt: skip
        transaction.connection.execute(PROMISES.insert().values(row))


def of_producer(transaction: Transaction, producer: str, most: int = 100) -> list[StoredPromise]:
    """Return the promises made to a producer, the newest first."""
    query = _promises().where(PROMISES.c.producer_id == producer)
    return _read(transaction, query.order_by(PROMISES.c.entered_at.desc(), PROMISES.c.hash).limit(most))


def due(transaction: Transaction, day: int, after: str = "", most: int = 100) -> list[StoredPromise]:
    """Return open promises whose day has come, by hash."""
    query = _promises().where(PROMISES.c.day <= day, PROMISES.c.hash > after, PROMISE_ACTS.c.verdict.is_(None))
    return _read(transaction, query.order_by(PROMISES.c.hash).limit(most))


def settle(transaction: Transaction, promise_hash: str, verdict: str, reason: str, grading: str) -> bool:
    """Say what became of a promise; return False where that has been said already."""
    said = select(exists().where(PROMISE_ACTS.c.promise == promise_hash))
    if transaction.connection.execute(said).scalar():
        return False
    row = {
        "promise": promise_hash, "entered_at": transaction.entered_at, "verdict": verdict, "reason": reason,
        "grading": grading,
    }  # fmt: skip
    transaction.connection.execute(PROMISE_ACTS.insert().values(row))
    return True


def counts(transaction: Transaction) -> dict[str, int]:
    """Return how many promises there are by what became of them; `open` are those nothing was said of yet."""
    rows = transaction.connection.execute(select(PROMISE_ACTS.c.verdict, func.count()).group_by(PROMISE_ACTS.c.verdict))
    found = {row[0]: int(row[1]) for row in rows}
    made = transaction.connection.execute(select(func.count()).select_from(PROMISES)).scalar_one()
    return {"open": made - sum(found.values()), **{name: found.get(name, 0) for name in _VERDICTS}}


def _promises() -> Select[Any]:
    acts = PROMISE_ACTS.c
    return select(
        PROMISES.c.hash, PROMISES.c.producer_id, PROMISES.c.entered_at, PROMISES.c.document,
        acts.verdict, acts.reason, acts.grading, acts.entered_at,
    ).outerjoin(PROMISE_ACTS, acts.promise == PROMISES.c.hash)  # fmt: skip


def _read(transaction: Transaction, query: Select[Any]) -> list[StoredPromise]:
    return [
        StoredPromise(name, producer, entered_at, unpacked(document), *act)
        for name, producer, entered_at, document, *act in transaction.connection.execute(query)
    ]
