"""What tests of several packages need: a PostgreSQL cluster of their own, and stores on both databases."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text

from store.ledger import Store


def _program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs, the newest version installed."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    found = shutil.which(name) or (str(installed[-1]) if installed else None)
    if found is None:
        pytest.fail(f"PostgreSQL's {name} is missing: run `make system`", pytrace=False)
    return found


def _as_owner(command: list[str], folder: Path) -> None:
    """Run one of PostgreSQL's programs; it refuses root, so that root lends it the user `postgres`."""
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        pytest.fail(f"{command}: {done.stdout}{done.stderr}", pytrace=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Return the URL of the database `postgres` of a cluster that lives as long as the tests, on a socket alone."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    folder = Path(tempfile.mkdtemp(prefix="shuoli-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c full_page_writes=off"
    try:
        _as_owner([initdb, "-D", str(data), "-U", "shuoli", "-A", "trust", "-E", "UTF8", "--no-sync"], folder)
        _as_owner([pg_ctl, "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start"], folder)
        try:
            yield f"postgresql+psycopg://shuoli@/postgres?host={folder}"
        finally:
            _as_owner([pg_ctl, "-D", str(data), "-w", "-m", "immediate", "stop"], folder)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the URL of an empty database, on SQLite and on PostgreSQL in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/shuoli.db"
        return
    server: str = request.getfixturevalue("postgres")
    name = f"t{abs(hash(request.node.nodeid)):x}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    yield server.replace("/postgres?", f"/{name}?")
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """Return an open, empty store, on SQLite and on PostgreSQL in turn."""
    opened = Store.open(database_url)
    yield opened
    opened.close()


def unprotect(connection: Connection, *tables: str) -> None:
    """Take the triggers off, as only somebody who owns the database can."""
    for table in tables:
        if connection.dialect.name == "sqlite":
            for act in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{act}"))
        else:
            connection.execute(text(f"DROP TRIGGER IF EXISTS append_only ON {table}"))
