"""Sources: when each was last heard from, and where its connector goes on."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from store.ledger import Transaction
from store.tables import SOURCES


class StoredSource(msgspec.Struct, frozen=True):
    """A source system, the instant of its last sign of life, and the cursor of its connector, if it has one."""

    system: str
    beat_at: str
    cursor: str | None


def beats(transaction: Transaction) -> dict[str, str]:
    """Return the instant of the last sign of life of each source, by system."""
    return {one.system: one.beat_at for one in sources(transaction)}


def sources(transaction: Transaction) -> list[StoredSource]:
    """Return all sources, by system."""
    rows = transaction.connection.execute(select(SOURCES).order_by(SOURCES.c.system))
    return [StoredSource(row.system, row.beat_at, row.cursor) for row in rows]


def beat(transaction: Transaction, systems: Iterable[str]) -> None:
    """Enter that these systems were heard from now."""
    rows = [{"system": system, "beat_at": transaction.entered_at} for system in sorted(set(systems))]
    if rows:
        insert = postgresql.insert if transaction.connection.dialect.name == "postgresql" else sqlite.insert
        heard = insert(SOURCES).values(rows)
        heard = heard.on_conflict_do_update(
            index_elements=[SOURCES.c.system], set_={"beat_at": heard.excluded["beat_at"]}
        )
        transaction.connection.execute(heard)


def cursor(transaction: Transaction, system: str) -> str | None:
    """Return where the connector of a system goes on, None where it begins at the beginning."""
    found: str | None = transaction.connection.execute(
        select(SOURCES.c.cursor).where(SOURCES.c.system == system)
    ).scalar()
    return found


def move(transaction: Transaction, system: str, cursor: str | None) -> None:
    """Enter that a system was heard from now, and where its connector goes on."""
    beat(transaction, [system])
    transaction.connection.execute(SOURCES.update().where(SOURCES.c.system == system).values(cursor=cursor))
