"""Answers to requests that must not be done twice. They are written beside what the request did, and never change."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from store.ledger import Transaction
from store.packing import packed, unpacked
from store.tables import IDEMPOTENCY


class Kept(msgspec.Struct, frozen=True):
    """An answer that was given: to which route, to the request of which SHA-256, with which status and body."""

    route: str
    sha256: bytes
    status: int
    document: bytes


def kept_answer(transaction: Transaction, key: str) -> Kept | None:
    """Return the answer that was given under a key, None where there is none."""
    row = transaction.connection.execute(select(IDEMPOTENCY).where(IDEMPOTENCY.c.key == key)).first()
    return None if row is None else Kept(row.route, row.sha256, row.status, unpacked(row.document))


def keep_answer(transaction: Transaction, key: str, kept: Kept) -> None:
    """Keep an answer under a key that has none yet; this transaction has looked."""
    row = msgspec.structs.asdict(kept) | {"key": key, "document": packed(kept.document)}
    transaction.connection.execute(IDEMPOTENCY.insert().values(row))
