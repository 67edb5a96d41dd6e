"""Opens SQLite or PostgreSQL, and brings the tables to what this program knows."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy import exc as errors
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from knowledge.problems import ShuoliError
from store.protection import WRITER, may_write_as_writer

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_MIGRATING: Final = 7_318_204_112
"""Key of the PostgreSQL lock under which only one process migrates."""
_ALONE: Final = threading.Lock()
"""Alembic keeps what it migrates in a module, so that two threads would migrate each other's database."""
_TIMEOUTS: Final = "-c lock_timeout=15s -c statement_timeout=60s -c idle_in_transaction_session_timeout=60s"

_FULL: Final = (sqlite3.SQLITE_FULL, "53100")
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, "XX001", "XX002")


class StoreRefused(ShuoliError):
    """The database can't be used as it is."""

    code = "store.unusable"


def open_engines(url: str) -> tuple[Engine, Engine]:
    """Return an engine that reads and one that writes, over a migrated database.

    Raises:
        StoreRefused: no SQLite file or PostgreSQL database, or not reachable, or of a newer program.
    """
    place = _parsed(url)
    owner = _sqlite_writing(place) if place.get_backend_name() == "sqlite" else _postgresql(place)
    try:
        migrate(owner)
        if place.get_backend_name() == "sqlite":
            return _sqlite_reading(place), owner
        with owner.connect() as connection:
            role = WRITER if may_write_as_writer(connection) else None
    except CommandError as error:
        owner.dispose()
        help_ = "start the newer program, or give another database"
        raise StoreRefused(f"{shown(place)} was made by a newer program: {error}", help=help_) from error
    except SQLAlchemyError as error:
        owner.dispose()
        raise StoreRefused(f"{shown(place)} can't be used: {_reason(error, place)}", help=_advice(error)) from error
    owner.dispose()
    engine = _postgresql(place, role)
    # At its default level each statement would see another state of the database.
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True), engine


def migrate(engine: Engine) -> None:
    """Bring the tables to the newest revision, in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with _ALONE, engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATING})"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def begun(engine: Engine) -> Iterator[Connection]:
    """Give a connection in one transaction: committed at the end, rolled back on any exception.

    Raises:
        StoreRefused: the database is away, full, damaged, or busy for too long.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        # Of the driver's errors the bare DatabaseError is a damaged file; other kinds are faults of ours.
        passing = isinstance(error, (errors.OperationalError, errors.InterfaceError, errors.TimeoutError))
        if not passing and type(error) is not errors.DatabaseError and _state(error) not in _DAMAGED:
            raise
        said = f"the database can't be used now: {_reason(error, engine.url)}"
        raise StoreRefused(said, help=_advice(error)) from error


def shown(url: URL) -> str:
    """Return a URL as messages show it, without its passwords."""
    return url.difference_update_query(_secret_options(url)).render_as_string(hide_password=True)


def _secret_options(url: URL) -> list[str]:
    return [name for name in url.query if "password" in name]


def _parsed(url: str) -> URL:
    help_ = "sqlite:///path/to/file.db or postgresql+psycopg://user@host/database"
    try:
        place = make_url(url)
    except (ArgumentError, ValueError):
        # What can't be taken apart may quote a part of the password.
        raise StoreRefused("the database URL can't be read", help=help_) from None
    if place.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreRefused(f"`{place.drivername}` databases aren't used here", help=help_)
    if place.get_backend_name() == "sqlite" and place.database in (None, "", ":memory:"):
        raise StoreRefused("an SQLite database needs a file", help=help_)
    if place.get_backend_name() == "sqlite" and place.query:
        raise StoreRefused("the URL of an SQLite database takes no options", help=help_)
    return place.set(drivername="postgresql+psycopg" if place.get_backend_name() == "postgresql" else "sqlite")


def _sqlite_writing(url: URL) -> Engine:
    folder = Path(str(url.database)).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreRefused(f"the folder {folder} can't be made: {error.strerror}") from error
    # One writer at a time, so that writers wait in order here and never fail on each other there.
    engine = create_engine(url, poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=60)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _beginner("BEGIN IMMEDIATE"))
    return engine


def _sqlite_reading(url: URL) -> Engine:
    engine = create_engine(url, poolclass=QueuePool, pool_size=4, max_overflow=16)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _beginner("BEGIN"))
    event.listen(engine, "connect", _only_read_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401  the driver's own connection
    connection.isolation_level = None  # the driver's own transactions would begin too late
    for setting in (
        "busy_timeout=15000",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "trusted_schema=OFF",
        # Without it INSERT OR REPLACE would delete rows past their triggers.
        "recursive_triggers=ON",
        "cache_size=-65536",
    ):
        try:
            connection.execute(f"PRAGMA {setting}")
        except UnicodeDecodeError as error:
            # The driver can't decode the message that quotes what stands in the damaged schema.
            damaged = sqlite3.DatabaseError("the file is damaged")
            damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise damaged from error


def _only_read_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401
    connection.execute("PRAGMA query_only=ON")


def _beginner(statement: str) -> Any:  # noqa: ANN401  an event listener
    def begin(connection: Any) -> None:  # noqa: ANN401
        connection.exec_driver_sql(statement)

    return begin


def _postgresql(url: URL, role: str | None = None) -> Engine:
    options = _TIMEOUTS if role is None else f"{_TIMEOUTS} -c role={role}"
    try:
        return create_engine(
            url,
            pool_size=5,
            max_overflow=15,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10, "options": options},
        )
    except ImportError as error:
        raise StoreRefused("PostgreSQL needs psycopg", help="install shuoli[postgres]") from error


def _state(error: SQLAlchemyError) -> object:
    """Return the driver's own code of an error: SQLSTATE, or SQLite's primary code."""
    cause = getattr(error, "orig", None)
    code = getattr(cause, "sqlite_errorcode", None)
    return getattr(cause, "sqlstate", None) if code is None else code & 0xFF


def _advice(error: SQLAlchemyError) -> str:
    state = _state(error)
    if state in _FULL:
        return "make room on the database's disk, then try again"
    if state in _DAMAGED:
        return "stop the program, restore the database from its backup, then run `shuoli log verify` with a kept head"
    return "try again, or ask who runs the database"


def _reason(error: SQLAlchemyError, url: URL) -> str:
    said = str(getattr(error, "orig", None) or error).strip().splitlines()
    reason = said[0] if said else type(error).__name__
    for secret in (url.password, *(url.query[name] for name in _secret_options(url))):
        if secret:
            reason = reason.replace(str(secret), "***")
    return re.sub(r"password=\S+", "password=***", reason)
