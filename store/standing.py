"""What holds now of every producer, and of whom something has been decided since a place in the log."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec
from sqlalchemy import select

from store import trail
from store.ledger import Transaction, told
from store.packing import unpacked_grading, with_bases
from store.tables import CONFIRMATIONS, CURRENT, GRADINGS, LEAVES


class Holding(msgspec.Struct, frozen=True):
    """A producer's document, and the document and hash of the grading that holds of it."""

    id: str
    producer: bytes
    hash: str
    grading: bytes


def decided_since(transaction: Transaction, index: int) -> list[str]:
    """Return the ids of producers with a grading or confirmation in the log from a leaf's index on."""
    found: set[str] = set()
    for table in (GRADINGS, CONFIRMATIONS):
        query = select(table.c.producer_id).join(LEAVES, LEAVES.c.ref == table.c.hash).where(LEAVES.c.index >= index)
        found.update(transaction.connection.execute(query).scalars())
    return sorted(found)


def holdings(transaction: Transaction, producer_ids: Sequence[str]) -> list[Holding]:
    """Return what holds of producers; those never graded are left out.

    Raises:
        StoreCorrupt: a grading has been altered.
    """
    producers = dict(transaction.producers_of(producer_ids))
    query = with_bases(GRADINGS.c.producer_id, GRADINGS.c.hash, GRADINGS.c.document, GRADINGS.c.base)
    query = query.join(CURRENT, CURRENT.c.hash == GRADINGS.c.hash).where(CURRENT.c.producer_id.in_(producer_ids))
    found = []
    for row in transaction.connection.execute(query):
        document = told("grading", row.hash, partial(unpacked_grading, row.document, row.base, row.base_document))
        found.append(Holding(row.producer_id, producers[row.producer_id], row.hash, document))
    return found


def log_size(transaction: Transaction) -> int:
    """Return the number of leaves in the log: what was read is still so while this stays the same."""
    return trail.size(transaction)
