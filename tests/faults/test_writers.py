"""Eight at once write into one ledger: one line of entries without a gap, all of them there."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from casework.decisions import Decisions
from engine.workers import Workers
from store.ledger import Store
from tests.faults.checking import DAY, ORCHARD, check, desk_of, facts

WRITERS, EACH = 8, 6
NAMES = [f"P{number}" for number in range(4)]
ROOT = Path(__file__).parent.parent.parent
# Each grades in its own process: a pool for each of eight would be eight more.
_PROGRAM = """
import os, sys
from casework.decisions import Decisions
from engine.workers import Bench
from store.ledger import Store
from tests.faults.checking import DAY, ORCHARD, facts
from tests.faults.test_writers import NAMES, WRITERS, write

class Here:
    def __init__(self):
        self.bench = Bench(ORCHARD)
    def decide_one(self, rulebook, stored):
        return self.bench.decide(stored, DAY, None)

def run(number):
    store = Store.open(sys.argv[1])
    write(Decisions(ORCHARD, store, Here()), number)
    store.close()

children = []
for number in range(WRITERS):
    child = os.fork()
    if child == 0:
        try:
            run(number)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    children.append(child)
sys.exit(sum(os.waitpid(child, 0)[1] for child in children) > 0)
"""


def write(desk: Decisions, number: int) -> None:
    for step in range(EACH):
        desk.record(NAMES[(number + step) % len(NAMES)], facts(f"T{number}-{step}"), DAY)


def check_all(store: Store, workers: Workers) -> None:
    taken = [
        (NAMES[(number + step) % len(NAMES)], facts(f"T{number}-{step}")[0].id)
        for number in range(WRITERS)
        for step in range(EACH)
    ]
    check(store, workers, taken)
    with store.read() as transaction:
        assert sum(map(len, transaction.facts_of(NAMES).values())) == WRITERS * EACH


def test_eight_threads_write_one_line_of_entries(store: Store, workers: Workers) -> None:
    desk = desk_of(store, workers, *NAMES)
    failed: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  told by the test
            failed.append(error)

    threads = [threading.Thread(target=run, args=(lambda n=n: write(desk, n),)) for n in range(WRITERS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)

    assert failed == []
    check_all(store, workers)


def test_eight_processes_write_one_line_of_entries(store: Store, database_url: str, workers: Workers) -> None:
    desk_of(store, workers, *NAMES)

    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, database_url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )

    assert done.returncode == 0, done.stderr
    check_all(store, workers)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_ledgers_opened_twice_in_one_process_write_one_line_of_entries(
    store: Store, database_url: str, workers: Workers
) -> None:
    desk_of(store, workers, *NAMES)
    stores = [Store.open(database_url) for _ in range(WRITERS)]
    desks = [Decisions(ORCHARD, one, workers) for one in stores]
    threads = [threading.Thread(target=write, args=(desk, number)) for number, desk in enumerate(desks)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    for opened in stores:
        opened.close()

    check_all(store, workers)
