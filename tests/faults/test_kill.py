"""The server is killed in the middle of deliveries, again and again: nothing acknowledged is lost or done twice."""

from __future__ import annotations

import json
import os
import random
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from casework.audit import audit_log
from engine.workers import Workers
from store.ledger import Store
from tests.faults.checking import check, told
from tests.faults.serving import Delivery, Servers, put

ROUNDS = 500 if os.environ.get("SHUOLI_NIGHTLY") else 20
LINES, CHUNK = 64, 8
BLOCK = 10
"""Rounds after which other producers are told of, so that none has too many facts to be graded quickly."""


def names_of(number: int) -> list[str]:
    """Return the producers that a round is about."""
    return [f"P{number // BLOCK}-{place}" for place in range(6)]


def lines_of(number: int, rng: random.Random) -> list[bytes]:
    """Return the lines of a delivery: new facts, some twice, and some that are refused."""
    reports: list[dict[str, Any]] = []
    for place in range(LINES):
        name = rng.choice(names_of(number))
        report = told(name, f"T{number}-{place}", fields={"result": rng.choice(["pass", "pass", "fail"])})
        if place % 16 == 9:
            report["producer"] = "NOBODY"
        reports.append(rng.choice(reports) if place % 16 == 5 else report)
    return [json.dumps(one).encode() + b"\n" for one in reports]


class Rounds:
    """Servers over one database, each killed in the middle of a delivery that the next one is sent again."""

    def __init__(self, servers: Servers, seed: int) -> None:
        self._servers, self._rng = servers, random.Random(seed)
        self.acknowledged: dict[tuple[str, str], str] = {}
        self._before: tuple[str, list[bytes], list[bytes]] | None = None
        self.broken_off = 0

    def one(self, number: int) -> None:
        """Have the last delivery finished, begin another, and kill the server in the middle of it."""
        address = self._servers.begin()
        if number % BLOCK == 0:
            for name in names_of(number):
                put(address, name)
        self._resume(address)
        key, lines = f"K{number}", lines_of(number, self._rng)
        delivery = Delivery(address, key, lines)
        delivery.wait_for(self._rng.randrange(LINES - CHUNK))
        time.sleep(self._rng.random() * 0.03)
        self._servers.kill()
        results = delivery.finish()
        self.broken_off += len(results) < LINES
        self._acknowledge(lines, results)
        self._before = key, lines, delivery.answers

    def finish(self) -> None:
        """Have the last delivery finished, and stop the server as one should."""
        self._resume(self._servers.begin())
        self._servers.stop()

    def _resume(self, address: str) -> None:
        if self._before is None:
            return
        key, lines, answers = self._before
        delivery = Delivery(address, key, lines)
        results = delivery.finish()
        assert delivery.answers[: len(answers)] == answers
        assert [one["line"] for one in results] == [*range(1, LINES + 1)]
        self._acknowledge(lines, results)

    def _acknowledge(self, lines: list[bytes], results: list[dict[str, Any]]) -> None:
        for line, result in zip(lines, results, strict=False):
            assert "problem" not in result, result
            if result["result"] == "stored":
                self.acknowledged[json.loads(line)["producer"], result["fact"]] = line.decode()
            elif result["result"] == "duplicate":
                assert (json.loads(line)["producer"], result["fact"]) in self.acknowledged
            else:
                assert (result["result"], json.loads(line)["producer"]) == ("refused", "NOBODY")


def kill_in_rounds(database_url: str, folder: Path, workers: Workers, rounds: int, seed: int) -> None:
    with closing(Servers(database_url, folder, chunk=CHUNK)) as servers:
        told_again = Rounds(servers, seed)
        for number in range(rounds):
            told_again.one(number)
            if number % 5 == 0:
                ledger = Store.open(database_url)
                assert audit_log(ledger) is None
                ledger.close()
        told_again.finish()

    ledger = Store.open(database_url)
    check(ledger, workers, told_again.acknowledged)
    with ledger.read() as transaction:
        stored = sum(map(len, transaction.facts_of(transaction.names(limit=10_000)).values()))
    ledger.close()
    assert stored == len(told_again.acknowledged)
    assert told_again.broken_off > rounds // 2


def test_a_server_killed_in_deliveries_loses_nothing_and_repeats_nothing(tmp_path: Path, workers: Workers) -> None:
    kill_in_rounds(f"sqlite:///{tmp_path}/shuoli.db", tmp_path, workers, ROUNDS, 1)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_server_over_postgresql_killed_in_deliveries_loses_nothing_and_repeats_nothing(
    database_url: str, tmp_path: Path, workers: Workers
) -> None:
    kill_in_rounds(database_url, tmp_path, workers, 2 if ROUNDS == 20 else 25, 2)
