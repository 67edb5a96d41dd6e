"""Releases: versions of rulebooks that were put into force from a day. They never change."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import func, select

from store.ledger import StoreCorrupt, Transaction, told
from store.packing import Unpackable, packed, unpacked
from store.tables import RELEASES, RULEBOOKS
from store.trail import append, leaf

_canonical: Final = msgspec.json.Encoder(order="sorted").encode
_files: Final = msgspec.json.Decoder(dict[str, str]).decode


class Release(msgspec.Struct, frozen=True):
    """One version, and the day (an ordinal) from which it is in force."""

    rulebook_sha256: str
    id: str
    version: str
    effective_from: int


def count(transaction: Transaction) -> int:
    """Return how many releases there are: what has been read of them holds as long as this is the same."""
    return int(transaction.connection.execute(select(func.count()).select_from(RELEASES)).scalar_one())


def releases(transaction: Transaction) -> list[Release]:
    """Return all releases by rulebook and first day in force."""
    query = select(RELEASES.c.rulebook_sha256, RULEBOOKS.c.id, RULEBOOKS.c.version, RELEASES.c.effective_from)
    query = query.join(RULEBOOKS, RELEASES.c.rulebook_sha256 == RULEBOOKS.c.sha256)
    rows = transaction.connection.execute(query.order_by(RULEBOOKS.c.id, RELEASES.c.effective_from))
    return [Release(*row) for row in rows]


def release_document(transaction: Transaction, rulebook_sha256: str) -> dict[str, Any] | None:
    """Return what was said when a version was released, None where it wasn't.

    Raises:
        StoreCorrupt: the document no longer gives its hash.
    """
    query = select(RELEASES.c.hash, RELEASES.c.document).where(RELEASES.c.rulebook_sha256 == rulebook_sha256)
    row = transaction.connection.execute(query).first()
    if row is None:
        return None
    said: dict[str, Any] = msgspec.json.decode(told("release", row.hash, lambda: unpacked(row.document)))
    return said


def released_files(transaction: Transaction, rulebook_sha256: str) -> dict[str, bytes] | None:
    """Return the files that a version was released from, by path; None where it wasn't.

    Raises:
        StoreCorrupt: they can't be read any more.
    """
    query = select(RELEASES.c.files).where(RELEASES.c.rulebook_sha256 == rulebook_sha256)
    stored = transaction.connection.execute(query).scalar()
    if stored is None:
        return None
    try:
        return {path: text.encode() for path, text in _files(unpacked(stored)).items()}
    except (Unpackable, msgspec.DecodeError) as error:
        raise StoreCorrupt(f"the files of rulebook {rulebook_sha256} have been altered") from error


def add_release(
    transaction: Transaction,
    rulebook_sha256: str,
    effective_from: int,
    document: Mapping[str, Any],
    files: Mapping[str, bytes],
) -> str:
    """Release a version that the ledger has, and say so in the log; return the hash of the document."""
    encoded = _canonical(document)
    name = hashlib.sha256(encoded).hexdigest()
    row = {
        "hash": name,
        "rulebook_sha256": rulebook_sha256,
        "effective_from": effective_from,
        "document": packed(encoded),
        "files": packed(_canonical({path: content.decode() for path, content in files.items()})),
    }
    transaction.connection.execute(RELEASES.insert().values(row))
    append(transaction, [leaf("release", name, transaction.entered_at)])
    return name
