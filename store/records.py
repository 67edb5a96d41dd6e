"""Rows as they lie in the tables, for whoever looks whether they are still what was stored. Nothing is checked here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row as Found
from sqlalchemy import Select, Table, and_, exists, func, or_, select, text

from store.ledger import Transaction
from store.packing import with_bases
from store.tables import CONFIRMATIONS, CURRENT, FACTS, GRADINGS, LEAVES, NODES, RELEASES, RULEBOOKS

Row = Mapping[str, Any]

LOGGED: Final[Mapping[str, str]] = {
    "grading": GRADINGS.name,
    "confirmation": CONFIRMATIONS.name,
    "publication": RULEBOOKS.name,
    "release": RELEASES.name,
}
"""In which table that stands which leaves of each kind are about."""

_PAGE: Final = 2000
_LOGGED: Final = {
    "grading": (GRADINGS, GRADINGS.c.hash),
    "confirmation": (CONFIRMATIONS, CONFIRMATIONS.c.hash),
    "publication": (RULEBOOKS, RULEBOOKS.c.sha256),
    "release": (RELEASES, RELEASES.c.hash),
}


def damage(transaction: Transaction) -> str | None:
    """Return the first thing wrong with an SQLite file: a damaged page, or an index that tells other than its table.

    None where there is nothing, and of PostgreSQL, which can't be asked.
    """
    if transaction.connection.dialect.name != "sqlite":
        return None
    said = str(transaction.connection.execute(text("PRAGMA integrity_check(1)")).scalar_one())
    return None if said == "ok" else said


def about(transaction: Transaction, kind: str, refs: Sequence[str]) -> dict[str, Row]:
    """Return the rows that leaves of a kind (one of LOGGED) refer to, by their hash.

    Those of gradings come with what is stored of their base, as `base_document`.
    """
    table, key = _LOGGED[kind]
    query = with_bases(*table.c) if table is GRADINGS else select(table)
    rows = transaction.connection.execute(query.where(key.in_(refs)))
    return {row[key.name]: row for row in map(_named, rows)}


def unlogged(transaction: Transaction, kind: str) -> str | None:
    """Return the hash of the first row, by hash, that should have a leaf of a kind and has none."""
    _, key = _LOGGED[kind]
    leaf = exists().where(LEAVES.c.ref == key, LEAVES.c.kind == kind)
    found: str | None = transaction.connection.execute(select(key).where(~leaf).order_by(key).limit(1)).scalar()
    return found


def logged_twice(transaction: Transaction) -> tuple[int, int] | None:
    """Return the indexes of the first two leaves that say the same of one document; None where there are none."""
    first, last = func.min(LEAVES.c.index), func.max(LEAVES.c.index)
    query = select(first, last).group_by(LEAVES.c.ref, LEAVES.c.kind).having(func.count() > 1).order_by(first).limit(1)
    row = transaction.connection.execute(query).first()
    return None if row is None else (row[0], row[1])


def nodes_between(transaction: Transaction, start: int, end: int) -> dict[tuple[int, int], bytes]:
    """Return the stored subtrees that the leaves from `start` until before `end` complete, by level and index."""
    levels = [level for level in range(1, end.bit_length()) if end >> level > start >> level]
    if not levels:
        return {}
    parts = [
        and_(NODES.c.level == level, NODES.c.index >= start >> level, NODES.c.index < end >> level) for level in levels
    ]
    rows = transaction.connection.execute(select(NODES).where(or_(*parts)))
    return {(row[0], row[1]): row[2] for row in rows}


def stray_node(transaction: Transaction, size: int) -> tuple[int, int] | None:
    """Return level and index of a stored subtree that a log of `size` leaves doesn't have, None where there is none."""
    query = select(NODES.c.level, func.min(NODES.c.index), func.max(NODES.c.index)).group_by(NODES.c.level)
    for level, lowest, highest in transaction.connection.execute(query.order_by(NODES.c.level)):
        most = size >> level if 0 < level < 64 else 0
        if highest >= most or lowest < 0:
            return level, highest if highest >= most else lowest
    return None


def rulebooks(transaction: Transaction) -> Iterator[Row]:
    """Yield rulebooks, by hash."""
    return _paged(transaction, RULEBOOKS, "sha256")


def facts(transaction: Transaction) -> Iterator[Row]:
    """Yield facts in the order in which they were entered."""
    return _paged(transaction, FACTS, "seq")


def current(transaction: Transaction) -> Iterator[Row]:
    """Yield what holds now of each producer, by id."""
    return _paged(transaction, CURRENT, "producer_id")


def _paged(transaction: Transaction, table: Table, key: str) -> Iterator[Row]:
    """Yield all rows by their key, read page by page so that no one statement takes long."""
    query: Select[Any] = select(table).order_by(table.c[key]).limit(_PAGE)
    page = [_named(row) for row in transaction.connection.execute(query)]
    while page:
        yield from page
        after = query.where(table.c[key] > page[-1][key])
        page = [_named(row) for row in transaction.connection.execute(after)]


def _named(row: Found[Any]) -> Row:
    return row._asdict()
