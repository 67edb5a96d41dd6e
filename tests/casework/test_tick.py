"""A tick grades who is due and nobody else; a second one, or two at once, add nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from casework.decisions import Decisions
from casework.replay import Replay
from casework.tick import tick
from engine.workers import Workers
from knowledge.canonical import sealed
from knowledge.loader import load_rulebook
from store import trail
from store.ledger import Store
from store.tables import CONFIRMATIONS, CURRENT, EVENTS, GRADINGS

ROOT = Path(__file__).parent.parent.parent
ORCHARD = load_rulebook(ROOT / "tests" / "rulebooks" / "api" / "orchard" / "1")
DAY = date(2026, 6, 1).toordinal()
"""Lessons count for twelve months; P1's and P2's end on the day after, P3's later."""
LESSONS = {"P1": "2025-06-02", "P2": "2025-06-02", "P3": "2025-12-01"}


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(1) as pool:
        yield pool


@pytest.fixture
def desk(store: Store, workers: Workers) -> Decisions:
    """Return the desk of a ledger whose producers were graded on DAY."""
    enter(store, LESSONS)
    desk = Decisions(ORCHARD, store, workers)
    desk.decide_all(DAY, lambda *_: None)
    return desk


def enter(store: Store, lessons: dict[str, str]) -> None:
    with store.write() as transaction:
        for name, day in lessons.items():
            transaction.put_producer(name, msgspec.json.encode({"id": name, "kind": "farm", "region": ""}))
            transaction.add_facts(name, [msgspec.json.encode({"type": "lesson", "fields": {"given_on": day}})])


def counts(store: Store) -> dict[str, int]:
    """Return how much the ledger holds."""
    with store.read() as transaction:
        held = {
            table.name: transaction.connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (GRADINGS, CONFIRMATIONS, EVENTS)
        }
        return held | {"leaves": trail.size(transaction)}


def decided_on(store: Store) -> dict[str, int]:
    with store.read() as transaction:
        rows = transaction.connection.execute(select(CURRENT.c.producer_id, CURRENT.c.as_of))
        return {row[0]: row[1] for row in rows}


def due_from(store: Store, name: str) -> int:
    with store.read() as transaction:
        current = transaction.current(name)
    assert current is not None
    assert current.next_change_on is not None
    return current.next_change_on


def test_exactly_those_whose_day_has_come_are_graded_again(desk: Decisions, store: Store) -> None:
    day = due_from(store, "P1")
    told: list[int] = []

    early = tick(store, desk, day - 1)
    ticked = tick(store, desk, day, told.append, told.append)

    assert (early.due, ticked.due, ticked.left, ticked.refused) == (0, 2, 0, {})
    assert told == [2, 2]
    assert decided_on(store) == {"P1": day, "P2": day, "P3": DAY}


def test_a_second_tick_changes_nothing(desk: Decisions, store: Store) -> None:
    day = due_from(store, "P3")
    tick(store, desk, day)
    before = counts(store)

    again = tick(store, desk, day)

    assert again.due == 0
    assert counts(store) == before


@pytest.mark.usefixtures("desk")
def test_a_new_version_of_the_rulebook_grades_everyone_anew(store: Store, workers: Workers) -> None:
    other = sealed(msgspec.structs.replace(ORCHARD, version="2"))

    ticked = tick(store, Decisions(other, store, workers), DAY)

    with store.read() as transaction:
        held = transaction.current_of_all(list(LESSONS))
    assert (ticked.due, ticked.left) == (3, 0)
    assert {one.rulebook_sha256 for one in held.values()} == {other.sha256}
    assert tick(store, Decisions(other, store, workers), DAY).due == 0
    assert list(Replay(store, workers).all(lambda _: None)) == []


def test_who_cannot_be_graded_is_named_and_stays_due(desk: Decisions, store: Store) -> None:
    day = due_from(store, "P1")
    with store.write() as transaction:
        transaction.put_producer("P2", b'{"id":"P2","kind":"nobody"}')

    first, second = tick(store, desk, day), tick(store, desk, day)

    assert [*first.refused] == [*second.refused] == ["P2"]
    assert (first.due, first.left, second.due) == (2, 1, 1)
    assert decided_on(store)["P2"] == DAY


@pytest.mark.usefixtures("desk")
def test_who_was_decided_while_workers_graded_is_left_alone(store: Store, workers: Workers) -> None:
    day = due_from(store, "P1")
    other = Decisions(ORCHARD, store, workers)
    before: dict[str, int] = {}

    def names() -> Iterator[list[str]]:
        yield ["P1", "P2"]
        # The batch has been read by now and isn't stored yet.
        tick(store, other, day)
        before.update(counts(store))

    with Workers(1) as own:
        Decisions(ORCHARD, store, own).regrade(names(), day, lambda *_: None, only_due=True)

    assert counts(store) == before
    assert len(before) == 4


def test_a_tick_that_is_stopped_leaves_the_rest_due(desk: Decisions, store: Store) -> None:
    day = due_from(store, "P1")

    ticked = tick(store, desk, day, stopped=lambda: True)

    assert (ticked.due, ticked.left) == (2, 2)


def test_two_processes_at_once_do_the_work_once(store: Store, database_url: str, workers: Workers) -> None:
    enter(store, {f"P{number:03d}": "2025-06-02" for number in range(200)})
    Decisions(ORCHARD, store, workers).decide_all(DAY, lambda *_: None)
    before = counts(store)
    day = date.fromordinal(due_from(store, "P001")).isoformat()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHUOLI_")}
    settings: dict[str, Any] = {
        "PYTHONPATH": str(ROOT),
        "SHUOLI_RULEBOOKS": str(ROOT / "tests" / "rulebooks" / "api"),
        "SHUOLI_RULEBOOK": "orchard",
        "SHUOLI_WORKERS": "1",
    }
    command = [sys.executable, "-c", "from api.cli import main; main()", "tick"]
    command += ["--db", database_url, "--as-of", day, "--json"]

    both = [
        subprocess.Popen(command, env=kept | settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [one.communicate(timeout=120) for one in both]

    assert [one.returncode for one in both] == [0, 0], told
    assert all(json.loads(out)["left"] == 0 for out, _ in told)
    after = counts(store)
    decided = after["gradings"] + after["confirmations"] - before["gradings"] - before["confirmations"]
    assert decided == after["leaves"] - before["leaves"] == 200
    assert after["outbox"] - before["outbox"] in (0, 200)
    assert set(decided_on(store).values()) == {date.fromisoformat(day).toordinal()}
