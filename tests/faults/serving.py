"""The real server as a process of its own, and a client that keeps what was acknowledged to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.faults.checking import RULEBOOKS

ROOT = Path(__file__).parent.parent.parent
# What takes long to load is loaded once; each server is a fork of this.
_NURSERY = """
import os, signal, sys
import api.cli, api.cli_serve, casework.lines
casework.lines.CHUNK_LINES = {chunk}
sys.argv = ["shuoli", "serve", "--port", "0"]
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in sys.stdin:
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        print(os.getpid(), flush=True)
        api.cli.main()
"""


class Servers:
    """Starts `shuoli serve` over one database, as often as it is ended; its chunks are small."""

    def __init__(self, database_url: str, folder: Path, *, chunk: int) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SHUOLI_")}
        environment = kept | {
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "SHUOLI_RULEBOOKS": str(RULEBOOKS),
            "SHUOLI_RULEBOOK": "orchard",
            "SHUOLI_WORKERS": "1",
            "SHUOLI_DATABASE_URL": database_url,
            "SHUOLI_SIGNING_KEY": str(folder / "signing-key.pem"),
        }
        self.log = folder / "server.log"
        self._errors = self.log.open("wb")
        self._nursery = subprocess.Popen(
            [sys.executable, "-c", _NURSERY.format(chunk=chunk)],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._group = self._left = 0

    def begin(self) -> str:
        """Serve; return the address."""
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(b"\n")
        self._nursery.stdin.flush()
        self._group = int(self._nursery.stdout.readline())
        address = self._nursery.stdout.readline().decode().split(" ")[0]
        assert address.startswith("http://127.0.0.1:"), self.log.read_text("utf-8")
        return address

    def kill(self) -> None:
        """End the server as a system does that has no memory left; what it started must end by itself."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the server as one should."""
        self._end(signal.SIGTERM)

    def close(self) -> None:
        """End what is left, and fail if that is anything but the last server."""
        if self._group:
            with suppress(ProcessLookupError):
                os.killpg(self._group, signal.SIGKILL)
        self._nursery.kill()
        self._nursery.communicate(timeout=10)
        self._errors.close()
        self._wait_until_left()

    def _end(self, how: signal.Signals) -> None:
        os.kill(self._group, how)
        _wait_until_gone(os.kill, self._group)
        self._wait_until_left()
        self._left, self._group = self._group, 0

    def _wait_until_left(self) -> None:
        """Wait until the server before this one has left no process behind."""
        if self._left:
            _wait_until_gone(os.killpg, self._left)
        self._left = 0


def _wait_until_gone(send: Callable[[int, int], None], name: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            send(name, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    pytest.fail("a process of the server outlived it")


def call(
    address: str, method: str, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of the answer to one request."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def put(address: str, name: str) -> None:
    headers = {"content-type": "application/json"}
    status, _, body = call(address, "PUT", f"/api/v1/producers/{name}", b'{"kind": "farm"}', headers)
    assert status in (200, 201), body


class Delivery:
    """A bulk delivery whose lines are sent as they are read, while answers come."""

    def __init__(self, address: str, key: str, lines: Sequence[bytes]) -> None:
        host, port = urlsplit(address).netloc.split(":")
        self.answers: list[bytes] = []
        self._lines, self._refused = lines, b""
        self._connection = socket.create_connection((host, int(port)), timeout=60)
        head = f"POST /api/v1/facts:bulk HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-ndjson\r\n"
        head += f"Idempotency-Key: {key}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        self._connection.sendall(head.encode())
        self._threads = [threading.Thread(target=self._send), threading.Thread(target=self._receive)]
        for thread in self._threads:
            thread.start()

    def finish(self) -> list[dict[str, Any]]:
        """Wait for the end; return all results that came as whole lines."""
        for thread in self._threads:
            thread.join(90)
            assert not thread.is_alive()
        self._connection.close()
        assert not self._refused, self._refused
        return [json.loads(one) for one in self.answers]

    def wait_for(self, count: int) -> None:
        """Wait until so many lines are answered."""
        until = time.monotonic() + 60
        while len(self.answers) < count and time.monotonic() < until:
            time.sleep(0.001)

    def _send(self) -> None:
        with suppress(OSError):
            for one in self._lines:
                self._connection.sendall(b"%x\r\n%s\r\n" % (len(one), one))
            self._connection.sendall(b"0\r\n\r\n")

    def _receive(self) -> None:
        with suppress(OSError, http.client.HTTPException, ValueError):
            answer = http.client.HTTPResponse(self._connection)
            answer.begin()
            if answer.status != 200:
                self._refused = answer.read()
                return
            while line := answer.readline():
                if line.endswith(b"\n"):
                    self.answers.append(line)
