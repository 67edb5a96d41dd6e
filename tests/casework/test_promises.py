"""A plan that is kept is looked at on its day, once: kept, broken with an event, or lapsed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import select

from casework.decisions import Decisions
from casework.promises import BROKEN, Kept, keep, settle_promises, shown
from casework.tick import tick
from engine.evaluate import Evaluator
from engine.workers import Workers
from explain.plans import find_plans
from explain.promising import Promise, promise
from knowledge.canonical import sealed
from knowledge.loader import load_rulebook
from store import promises
from store.ledger import Store
from store.tables import EVENTS

ROOT = Path(__file__).parent.parent.parent
ORCHARD = load_rulebook(ROOT / "tests" / "rulebooks" / "api" / "orchard" / "1")
TODAY = date(2026, 6, 1).toordinal()


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(1) as pool:
        yield pool


@pytest.fixture
def desk(store: Store, workers: Workers) -> Decisions:
    """Return the desk of a ledger with one producer who never took a lesson."""
    made = Decisions(ORCHARD, store, workers)
    made.put_producer(made.reader.producer(b'{"id": "P1", "kind": "farm"}'), TODAY)
    return made


@pytest.fixture
def made(desk: Decisions) -> Promise:
    """Return what taking a lesson promises."""
    decided, evaluator = desk.decide("P1", TODAY, None), Evaluator(ORCHARD)
    plan = find_plans(evaluator, decided.case, decided.grading).plans[0]
    made = promise(decided.case, plan, evaluator)
    evaluator.close()
    assert (plan.remedies, plan.after.grade, plan.day) == (("take_lesson",), "A", TODAY + 7)
    assert made.until == date(2027, 6, 8).isoformat()
    return made


def _tell(desk: Decisions, kind: str, day: int, **fields: str) -> None:
    fact = {"type": kind, "fields": {**fields}}
    document = json.dumps({"facts": [fact]}).encode()
    desk.record("P1", desk.reader.facts(document, today=day), day)


def _take_lesson(desk: Decisions, day: int) -> None:
    _tell(desk, "lesson", day, given_on=date.fromordinal(day).isoformat())


def _only(store: Store) -> Kept:
    with store.read() as transaction:
        found = [shown(one) for one in promises.of_producer(transaction, "P1")]
    assert len(found) == 1
    return found[0]


def _broken_events(store: Store) -> list[dict[str, object]]:
    with store.read() as transaction:
        rows = transaction.connection.execute(select(EVENTS.c.document).where(EVENTS.c.type == BROKEN))
        return [msgspec.json.decode(row[0])["data"] for row in rows]


def test_a_promise_is_kept_once_all_is_done(store: Store, desk: Decisions, made: Promise) -> None:
    kept, again = keep(store, ORCHARD, made), keep(store, ORCHARD, made)
    _take_lesson(desk, TODAY + 3)

    early = tick(store, desk, TODAY + 6)
    ticked = tick(store, desk, TODAY + 7)
    later = tick(store, desk, TODAY + 8)

    assert (kept, kept.verdict, kept.promise) == (again, "open", made)
    assert [sum(one.promises.values()) for one in (early, ticked, later)] == [0, 1, 0]
    assert (ticked.promises["kept"], _only(store).verdict) == (1, "kept")
    assert _broken_events(store) == []


def test_a_promise_stays_open_until_it_is_done(store: Store, desk: Decisions, made: Promise) -> None:
    keep(store, ORCHARD, made)

    settled = settle_promises(store, desk, TODAY + 30)

    assert (sum(settled.values()), _only(store).verdict) == (0, "open")


def test_a_broken_promise_is_told_and_counted(store: Store, desk: Decisions, made: Promise) -> None:
    """Here nothing need be done for what is promised, so that it can't come out."""
    keep(store, ORCHARD, replace(made, expected=()))

    settled = settle_promises(store, desk, TODAY + 7)
    again = settle_promises(store, desk, TODAY + 7)

    with store.read() as transaction:
        assert promises.counts(transaction) == {"open": 0, "kept": 0, "broken": 1, "lapsed": 0}
    assert (settled["broken"], sum(again.values())) == (1, 0)
    event = _broken_events(store)
    assert [(one["producer"], one["promised"], one["grade"]) for one in event] == [("P1", "A", "B")]
    assert event[0]["promise"] == _only(store).hash


@pytest.mark.parametrize("reason", ["facts", "rulebook", "time"])
def test_a_promise_lapses_when_it_can_no_longer_be_tried(
    store: Store, desk: Decisions, made: Promise, workers: Workers, reason: str
) -> None:
    keep(store, ORCHARD, made)
    _take_lesson(desk, TODAY + 3)
    if reason == "facts":
        _tell(desk, "test", TODAY + 4, number="T-1", result="fail", taken_on=date.fromordinal(TODAY + 4).isoformat())
    other = sealed(replace(ORCHARD, version="2"))
    judging = Decisions(other, store, workers) if reason == "rulebook" else desk

    settled = settle_promises(store, judging, TODAY + (700 if reason == "time" else 7))

    assert (settled["lapsed"], _only(store).reason) == (1, reason)
