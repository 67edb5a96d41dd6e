"""A PostgreSQL cluster that lives as long as a benchmark, durable as it is by default, on a socket alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def postgres() -> Iterator[str | None]:
    """Give the URL of an empty database, None where PostgreSQL isn't installed."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    if initdb is None or pg_ctl is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="shuoli-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    options = f"-c listen_addresses= -c unix_socket_directories={folder}"
    try:
        _as_owner([initdb, "-D", str(data), "-U", "shuoli", "-A", "trust", "-E", "UTF8"], folder)
        _as_owner([pg_ctl, "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start"], folder)
        try:
            yield f"postgresql+psycopg://shuoli@/postgres?host={folder}"
        finally:
            _as_owner([pg_ctl, "-D", str(data), "-w", "-m", "immediate", "stop"], folder)
    finally:
        shutil.rmtree(folder)


def _program(name: str) -> str | None:
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    return shutil.which(name) or (str(installed[-1]) if installed else None)


def _as_owner(command: list[str], folder: Path) -> None:
    """Run one of PostgreSQL's programs; it refuses root, so that root lends it the user `postgres`."""
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=60)
