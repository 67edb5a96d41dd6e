"""The past: every grading and confirmation that was stored, and what had been entered by then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, Table, and_, func, or_, select

from store.ledger import StoreCorrupt, Transaction, told
from store.packing import unpacked_grading, with_bases
from store.quick import among
from store.tables import CONFIRMATIONS, FACTS, GRADINGS, LEAVES, PRODUCER_ENTRIES, RULEBOOKS


class PastGrading(msgspec.Struct, frozen=True):
    """A stored grading as its row tells it. `document` is None where it no longer gives the hash."""

    hash: str
    producer: str
    as_of: int
    known_at: str
    rulebook_sha256: str
    grade: str
    score: int
    next_change_on: int | None
    outcome: str
    document: bytes | None


class PastConfirmation(msgspec.Struct, frozen=True):
    """A stored confirmation, and of the grading that it confirms the outcome and the rulebook."""

    hash: str
    producer: str
    grading: str
    document: bytes
    outcome: str
    rulebook_sha256: str


class Entry(msgspec.Struct, frozen=True):
    """A document of a producer or a fact, and when it was entered."""

    entered_at: str
    document: bytes


class Step(msgspec.Struct, frozen=True):
    """A grading or confirmation of a producer at its place in the log."""

    index: int
    kind: str
    leaf: bytes
    hash: str
    document: bytes


def rulebooks(transaction: Transaction) -> list[str]:
    """Return the SHA-256 of every rulebook that graded here, in the order in which they were published."""
    query = select(RULEBOOKS.c.sha256).order_by(RULEBOOKS.c.entered_at, RULEBOOKS.c.sha256)
    return list(transaction.connection.execute(query).scalars())


def rulebook_named(transaction: Transaction, rulebook_id: str, version: str) -> str | None:
    """Return the SHA-256 of a version of a rulebook, of the one published last where a draft was published again."""
    query = select(RULEBOOKS.c.sha256).where(RULEBOOKS.c.id == rulebook_id, RULEBOOKS.c.version == version)
    query = query.order_by(RULEBOOKS.c.entered_at.desc(), RULEBOOKS.c.sha256).limit(1)
    found: str | None = transaction.connection.execute(query).scalar()
    return found


def count_decisions(transaction: Transaction) -> int:
    """Return how many gradings and confirmations are stored."""
    return sum(
        int(transaction.connection.execute(select(func.count()).select_from(table)).scalar_one())
        for table in (GRADINGS, CONFIRMATIONS)
    )


def grading(transaction: Transaction, name: str) -> PastGrading | None:
    """Return the grading with a hash, None where there is none."""
    row = transaction.connection.execute(with_bases(*GRADINGS.c).where(GRADINGS.c.hash == name)).first()
    return None if row is None else _grading(row)


def confirmation(transaction: Transaction, name: str) -> PastConfirmation | None:
    """Return the confirmation with a hash, None where there is none."""
    row = transaction.connection.execute(_confirmations().where(CONFIRMATIONS.c.hash == name)).first()
    return None if row is None else PastConfirmation(*row)


def stored(transaction: Transaction, hashes: Sequence[str]) -> set[str]:
    """Return those hashes that a stored grading or confirmation has."""
    queries = ("SELECT hash FROM gradings WHERE hash", "SELECT hash FROM confirmations WHERE hash")
    return {row[0] for query in queries for row in among(transaction.connection, query, hashes)}


def gradings_under(
    transaction: Transaction, rulebook_sha256: str, after: tuple[str, str], limit: int
) -> list[PastGrading]:
    """Return gradings under a rulebook by producer and hash, those after such a pair."""
    query = with_bases(*GRADINGS.c).where(GRADINGS.c.rulebook_sha256 == rulebook_sha256)
    return [_grading(row) for row in transaction.connection.execute(_page(query, GRADINGS, after, limit))]


def confirmations_under(
    transaction: Transaction, rulebook_sha256: str, after: tuple[str, str], limit: int
) -> list[PastConfirmation]:
    """Return confirmations of gradings under a rulebook by producer and hash, those after such a pair."""
    query = _confirmations().where(GRADINGS.c.rulebook_sha256 == rulebook_sha256)
    rows = transaction.connection.execute(_page(query, CONFIRMATIONS, after, limit))
    return [PastConfirmation(*row) for row in rows]


def entries_of(transaction: Transaction, producer_ids: Sequence[str]) -> dict[str, list[Entry]]:
    """Return all that was ever known of producers, each in the order in which it was entered."""
    return _entries(transaction, PRODUCER_ENTRIES, producer_ids)


def facts_of(transaction: Transaction, producer_ids: Sequence[str]) -> dict[str, list[Entry]]:
    """Return all facts of producers, each in the order in which they were entered."""
    return _entries(transaction, FACTS, producer_ids)


def known(entries: Sequence[Entry], known_at: str | None) -> list[bytes]:
    """Return the documents that had been entered by an instant, all where none is given."""
    return [one.document for one in entries if known_at is None or one.entered_at <= known_at]


def steps(transaction: Transaction, producer_id: str, after: int, limit: int) -> list[Step]:
    """Return what was decided about a producer in the log's order, from the first leaf after index `after` on.

    Raises:
        StoreCorrupt: a grading has been altered.
    """
    found: list[Step] = []
    decided = with_bases(GRADINGS.c.hash, GRADINGS.c.document, GRADINGS.c.base)
    confirmed = select(CONFIRMATIONS.c.hash, CONFIRMATIONS.c.document)
    for table, query in ((GRADINGS, decided), (CONFIRMATIONS, confirmed)):
        asked = query.add_columns(LEAVES.c.index, LEAVES.c.kind, LEAVES.c.document.label("leaf"))
        asked = asked.join(LEAVES, LEAVES.c.ref == table.c.hash)
        asked = asked.where(table.c.producer_id == producer_id, LEAVES.c.index > after)
        found += map(_step, transaction.connection.execute(asked.order_by(LEAVES.c.index).limit(limit)))
    return sorted(found, key=lambda step: step.index)[:limit]


def _step(row: Any) -> Step:  # noqa: ANN401  a row
    document = row.document
    if row.kind == "grading":
        document = told("grading", row.hash, lambda: unpacked_grading(row.document, row.base, row.base_document))
    return Step(row.index, row.kind, row.leaf, row.hash, document)


def _entries(transaction: Transaction, table: Table, producer_ids: Sequence[str]) -> dict[str, list[Entry]]:
    query = select(table.c.producer_id, table.c.entered_at, table.c.document)
    query = query.where(table.c.producer_id.in_(producer_ids)).order_by(table.c.producer_id, table.c.seq)
    found: dict[str, list[Entry]] = {}
    for name, entered_at, document in transaction.connection.execute(query):
        found.setdefault(name, []).append(Entry(entered_at, document))
    return found


def _confirmations() -> Select[Any]:
    columns = select(*CONFIRMATIONS.c, GRADINGS.c.outcome, GRADINGS.c.rulebook_sha256)
    return columns.join(GRADINGS, CONFIRMATIONS.c.grading == GRADINGS.c.hash)


def _page(query: Select[Any], table: Table, after: tuple[str, str], limit: int) -> Select[Any]:
    producer, name = after
    later = or_(table.c.producer_id > producer, and_(table.c.producer_id == producer, table.c.hash > name))
    # The first condition alone lets the database begin at the place in its index.
    query = query.where(table.c.producer_id >= producer, later)
    return query.order_by(table.c.producer_id, table.c.hash).limit(limit)


def _grading(row: Any) -> PastGrading:  # noqa: ANN401  a row
    columns: dict[str, Any] = row._asdict()
    columns["producer"] = columns.pop("producer_id")
    stored = columns["document"], columns.pop("base"), columns.pop("base_document")
    try:
        columns["document"] = told("grading", row.hash, lambda: unpacked_grading(*stored))
    except StoreCorrupt:
        columns["document"] = None
    return PastGrading(**columns)
