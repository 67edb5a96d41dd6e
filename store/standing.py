"""What holds of every producer, now or at an earlier time, and of whom something has been decided since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
from sqlalchemy import func, select

from store import history, trail
from store.ledger import Transaction, told
from store.packing import unpacked_grading, with_bases
from store.tables import CONFIRMATIONS, GRADINGS, LEAVES


class Holding(msgspec.Struct, frozen=True):
    """A producer's document, and the document and hash of the grading that holds of it."""

    id: str
    producer: bytes
    hash: str
    grading: bytes


def log_size(transaction: Transaction) -> int:
    """Return the number of leaves in the log: what was read is still so while this stays the same."""
    return trail.size(transaction)


def decided_since(transaction: Transaction, index: int) -> list[str]:
    """Return the ids of producers with a grading or confirmation in the log from a leaf's index on."""
    found: set[str] = set()
    for table in (GRADINGS, CONFIRMATIONS):
        query = select(table.c.producer_id).join(LEAVES, LEAVES.c.ref == table.c.hash).where(LEAVES.c.index >= index)
        found.update(transaction.connection.execute(query).scalars())
    return sorted(found)


def held_now(transaction: Transaction, producer_ids: Sequence[str]) -> dict[str, str]:
    """Return the hash of the grading that holds of each producer; those never graded are left out."""
    return {name: held.hash for name, held in transaction.current_of_all(producer_ids).items()}


def held_then(transaction: Transaction, as_of: int | None, known_at: str | None) -> dict[str, str]:
    """Return the hash of each producer's last grading as of days up to one, from what was known up to an instant.

    Confirmations need not be asked: they say again what holds.
    """
    query = select(GRADINGS.c.producer_id, func.max(LEAVES.c.index).label("last"))
    query = query.join(LEAVES, LEAVES.c.ref == GRADINGS.c.hash).group_by(GRADINGS.c.producer_id)
    if as_of is not None:
        query = query.where(GRADINGS.c.as_of <= as_of)
    if known_at is not None:
        query = query.where(GRADINGS.c.known_at <= known_at)
    last = query.subquery()
    rows = transaction.connection.execute(
        select(last.c.producer_id, LEAVES.c.ref).join(last, LEAVES.c.index == last.c.last).order_by(last.c.producer_id)
    )
    return {name: ref for name, ref in rows}  # noqa: C416  rows are no pairs to the type checker


def holdings(transaction: Transaction, held: Mapping[str, str], known_at: str | None = None) -> list[Holding]:
    """Return producers, as they were known at an instant, with the gradings whose hashes are given by producer.

    Raises:
        StoreCorrupt: a grading has been altered.
    """
    entries = history.entries_of(transaction, list(held))
    producers = {name: history.known(found, known_at) for name, found in entries.items()}
    query = with_bases(GRADINGS.c.producer_id, GRADINGS.c.hash, GRADINGS.c.document, GRADINGS.c.base)
    found = []
    for row in transaction.connection.execute(query.where(GRADINGS.c.hash.in_(list(held.values())))):
        if producers.get(row.producer_id):
            document = told("grading", row.hash, partial(unpacked_grading, row.document, row.base, row.base_document))
            found.append(Holding(row.producer_id, producers[row.producer_id][-1], row.hash, document))
    return found
