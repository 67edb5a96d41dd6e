"""The quick ways to look up and enter many facts at once, each database's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from store.factrows import FactRow, fact_rows
from store.ledger import EVERYONE, Transaction
from store.tables import FACTS, PRODUCER_ENTRIES


class Marks(NamedTuple):
    """The last numbers that were given to reports of facts and to entries of producers."""

    facts: int
    entries: int


_COLUMNS: Final = "(producer_id, entered_at, sha256, document, name)"
_SQLITE: Final = f"INSERT INTO facts {_COLUMNS} VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"  # noqa: S608  constants
_COPY: Final = f"COPY facts {_COLUMNS} FROM STDIN (FORMAT BINARY)"
_SQLITE_ARRAYS: Final = "SELECT producer_id, CAST('[' || group_concat(document) || ']' AS BLOB) FROM facts"
_POSTGRESQL_ARRAYS: Final = "SELECT producer_id, '['::bytea || string_agg(document, ',') || ']'::bytea FROM facts"
_TYPES: Final = ("text", "text", "bytea", "bytea", "int8")


def reports_of(transaction: Transaction, names: Iterable[int]) -> list[tuple[int, str, bytes]]:
    """Return (`fact_name`, producer, document) of all reports of facts given by name."""
    wanted = sorted(set(names))
    found = among(transaction.connection, "SELECT name, producer_id, document FROM facts WHERE name", wanted)
    return [(row[0], row[1], row[2]) for row in found]


def known_among(transaction: Transaction, producer_ids: Iterable[str]) -> set[str]:
    """Return those of the ids that stand for a producer known here."""
    wanted = sorted(set(producer_ids) - {EVERYONE})
    return {row[0] for row in among(transaction.connection, "SELECT id FROM producers WHERE id", wanted)}


def facts_in_arrays(transaction: Transaction, producer_ids: Sequence[str]) -> dict[str, bytes]:
    """Return the facts of producers, each producer's as one JSON array; those without facts are left out.

    The database puts the arrays together: a row for each fact takes three times as long.
    """
    grouped = {"sqlite": _SQLITE_ARRAYS, "postgresql": _POSTGRESQL_ARRAYS}[transaction.connection.dialect.name]
    found = among(transaction.connection, f"{grouped} WHERE producer_id", producer_ids, "GROUP BY producer_id")
    return {row[0]: row[1] for row in found}


def marks(transaction: Transaction) -> Marks:
    """Return where the ledger ends now."""
    last = (select(func.max(table.c.seq)).scalar_subquery() for table in (FACTS, PRODUCER_ENTRIES))
    facts, entries = transaction.connection.execute(select(*last)).one()
    return Marks(facts or 0, entries or 0)


def entered_after(transaction: Transaction, then: Marks) -> set[str]:
    """Return the producers (and everyone) of whom something was entered after the ledger ended there.

    Whoever enters waits for whoever entered before, so that nothing comes later with a lower number.
    """
    changed: set[str] = set()
    for table, last in zip((FACTS, PRODUCER_ENTRIES), then, strict=True):
        query = select(table.c.producer_id).distinct().where(table.c.seq > last)
        changed |= set(transaction.connection.execute(query).scalars())
    return changed


def among(connection: Connection, query: str, values: Sequence[Any], then: str = "") -> Iterable[Any]:
    """Return rows where a column, with which the query ends, has one of many values (all numbers, or all texts).

    `then` is what of the query comes after that.

    They are one parameter: 500 of them take longer than to find the rows.
    """
    if not values:
        return ()
    if connection.dialect.name == "sqlite":
        listed = msgspec.json.encode(values).decode()
        # The query is a constant of this module.
        return connection.exec_driver_sql(f"{query} IN (SELECT value FROM json_each(?)) {then}", (listed,))  # noqa: S608
    kind = "bigint[]" if isinstance(values[0], int) else "text[]"
    return connection.exec_driver_sql(f"{query} = ANY(%s::{kind}) {then}", (list(values),))


def add_facts_of(transaction: Transaction, facts: Iterable[tuple[str, int, bytes]]) -> None:
    """Enter facts (producer, `fact_name`, document); one that is there to the byte stays as it is."""
    connection, rows = transaction.connection, fact_rows(transaction.entered_at, facts)
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_SQLITE, [tuple(row) for row in rows])
        return
    dbapi: Any = connection.dialect.dbapi
    try:
        # COPY takes half the time of an INSERT, but no row that is there already.
        with connection.begin_nested():
            _copy(connection.connection.driver_connection, rows)
    except dbapi.IntegrityError:
        new = postgresql.insert(FACTS).on_conflict_do_nothing()
        connection.execute(new, [row._asdict() for row in rows])
    except dbapi.Error as error:
        raise DBAPIError.instance(_COPY, None, error, dbapi.Error, dialect=connection.dialect) from error


def _copy(driver: Any, rows: Sequence[FactRow]) -> None:  # noqa: ANN401  psycopg's connection
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_TYPES)
        for row in rows:
            copy.write_row(row)
