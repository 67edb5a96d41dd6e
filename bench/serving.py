"""A real server for measurements, in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from knowledge.rulebook import Rulebook


@contextmanager
def server(folder: Path, rulebook: Rulebook, *, live: bool = False) -> Iterator[str]:
    """Give the address of a server with one worker, ready to answer, over `shuoli.db` in a folder.

    `live`: it does by itself what servers do beside answering.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {
        "SHUOLI_DATABASE_URL": f"sqlite:///{folder}/shuoli.db",
        "SHUOLI_SIGNING_KEY": str(folder / "key.pem"),
        "SHUOLI_RULEBOOK": rulebook.id,
        "SHUOLI_PORT": str(port),
        "SHUOLI_WORKERS": "1",
        "SHUOLI_LIVE": "yes" if live else "no",
    }
    program = [sys.executable, "-c", "from api.cli import main; main(['serve'])"]
    process = subprocess.Popen(program, env=environment, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                if httpx.get(f"{address}/health/ready", timeout=5, trust_env=False).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(30)
