"""A PostgreSQL cluster of a test's own, which may be restarted, filled up and thrown away."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import _as_owner, _program


class Cluster:
    """A cluster on a socket alone; `fsync` is off, so that only a crash of the machine would hurt it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c full_page_writes=off"
        self._control = [_program("pg_ctl"), "-D", str(self.data), "-w", "-l", str(folder / "log"), "-o", options]
        start = [_program("initdb"), "-D", str(self.data), "-U", "shuoli", "-A", "trust", "-E", "UTF8", "--no-sync"]
        _as_owner(start, folder)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://shuoli@/{database}?host={self.folder}"

    def start(self) -> None:
        _as_owner([*self._control, "start"], self.folder)

    def stop(self, mode: str = "fast") -> None:
        _as_owner([*self._control, "-m", mode, "stop"], self.folder)

    def restart(self) -> None:
        """Have every process of it end at once, as in a crash, and start again."""
        _as_owner([*self._control, "-m", "immediate", "restart"], self.folder)

    def run(self, program: str, *arguments: object) -> None:
        """Run one of PostgreSQL's programs against it."""
        _as_owner([_program(program), "-h", str(self.folder), "-U", "shuoli", *map(str, arguments)], self.folder)


@contextmanager
def own_cluster() -> Iterator[Cluster]:
    """Give a cluster that runs."""
    folder = Path(tempfile.mkdtemp(prefix="shuoli-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    try:
        cluster = Cluster(folder)
        cluster.start()
        try:
            yield cluster
        finally:
            if (cluster.data / "postmaster.pid").exists():
                cluster.stop("immediate")
    finally:
        shutil.rmtree(folder)
