"""Reports of facts as rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple


class FactRow(NamedTuple):
    """One row of the table of facts, in the order of its columns."""

    producer_id: str
    entered_at: str
    sha256: bytes
    document: bytes
    name: int | None


def fact_name(producer_id: str, fact_id: str) -> int:
    """Return the name under which reports of a producer's fact are found: 64 bits of a hash."""
    digest = hashlib.sha256(f"{producer_id}\0{fact_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def fact_rows(entered_at: str, facts: Iterable[tuple[str, int | None, bytes]]) -> list[FactRow]:
    """Return the rows of facts: (producer, name, document)."""
    return [
        FactRow(producer_id, entered_at, hashlib.sha256(document).digest(), document, name)
        for producer_id, name, document in facts
    ]
