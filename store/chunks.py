"""Chunks of bulk deliveries that are committed: a delivery that is sent again goes on after them."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from store.ledger import Transaction
from store.packing import packed, unpacked
from store.tables import CHUNKS


class StoredChunk(msgspec.Struct, frozen=True):
    """The SHA-256 of a chunk's lines, and the answer that they had."""

    sha256: bytes
    results: bytes


def stored_chunk(transaction: Transaction, key: str, number: int) -> StoredChunk | None:
    """Return a committed chunk of a delivery, None where it isn't there."""
    query = select(CHUNKS.c.sha256, CHUNKS.c.results).where(CHUNKS.c.key == key, CHUNKS.c.number == number)
    row = transaction.connection.execute(query).first()
    return None if row is None else StoredChunk(row[0], unpacked(row[1]))


def add_chunk(transaction: Transaction, key: str, number: int, done: StoredChunk) -> None:
    """Keep a chunk of a delivery with its answer."""
    row = {"key": key, "number": number, "sha256": done.sha256, "results": packed(done.results)}
    transaction.connection.execute(CHUNKS.insert().values(row))
