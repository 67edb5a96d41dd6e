"""Facts are recorded and the grade follows, all of it or nothing, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from casework.decisions import Decisions, ProducerMissing
from engine.case import Fact
from engine.casedocument import CaseWriter
from engine.document import digest
from engine.evaluate import Evaluator
from engine.reading import CaseReader, fact_document, instant
from engine.workers import Workers
from knowledge.loader import load_rulebook
from knowledge.problems import LimitExceeded
from store.ledger import Store
from store.tables import EVENTS
from store.trail import leaves_from

ORCHARD = load_rulebook(Path(__file__).parent.parent / "rulebooks" / "api" / "orchard" / "1")
READER = CaseReader(ORCHARD)
DAY = date(2026, 6, 1).toordinal()
NOW = instant("2026-06-01T08:00:00+08:00")
LATER = instant("2026-06-02T08:00:00+08:00")


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(1) as pool:
        yield pool


@pytest.fixture
def desk(store: Store, workers: Workers) -> Decisions:
    return Decisions(ORCHARD, store, workers)


def producer(name: str = "P1", kind: str = "farm") -> Any:
    return READER.producer(msgspec.json.encode({"id": name, "kind": kind, "region": "330110"}))


def failed(number: str, recorded_at: str | None = None, status: str = "effective") -> Fact:
    fields = {"number": number, "result": "fail", "taken_on": "2026-05-01"}
    fact: dict[str, Any] = {
        "type": "test",
        "fields": fields,
        "status": status,
        "source": {"system": "lab", "ref": number},
    }
    if recorded_at is not None:
        fact["recorded_at"] = recorded_at
    return READER.facts(msgspec.json.encode({"facts": [fact]}), today=DAY)[0]


def held(store: Store, name: str = "P1") -> dict[str, Any]:
    """Return the document of the grading that holds for a producer."""
    with store.read() as transaction:
        current = transaction.current(name)
        assert current is not None
        document = transaction.grading(current.hash)
    assert document is not None
    assert digest(document) == current.hash
    return dict(msgspec.json.decode(document))


def log(store: Store) -> list[str]:
    """Return the kinds of the log's leaves."""
    with store.read() as transaction:
        return [one.kind for one in leaves_from(transaction, 0, 1000)]


def test_a_producer_has_a_grade_from_the_moment_it_is_known(desk: Decisions, store: Store) -> None:
    assert desk.put_producer(producer(), DAY, NOW)
    assert not desk.put_producer(producer(kind="gardener"), DAY, LATER)

    document = held(store)
    assert (document["grade"], document["score"]) == ("B", 90)


def test_facts_lead_to_a_grade_that_is_stored_with_its_trail(desk: Decisions, store: Store) -> None:
    desk.put_producer(producer(), DAY, NOW)

    decision = desk.record("P1", [failed("T1"), failed("T2")], DAY, NOW)

    with store.read() as transaction:
        facts = transaction.facts("P1")
    document = held(store)
    again = desk.decide("P1", DAY, document["known_at"])
    assert (decision.score, document["score"], again.grading.score.value) == (60, 60, 60)
    assert len(document["deductions"]) == len(again.grading.deductions) > 3
    assert document["case"] == decision.case == digest(CaseWriter(ORCHARD).encode(again.case))
    assert all(document["known_at"].encode() in fact for fact in facts)
    assert log(store) == ["publication", "grading", "grading"]


def test_the_same_report_twice_is_one_and_a_later_one_wins(desk: Decisions, store: Store) -> None:
    desk.put_producer(producer(), DAY, NOW)
    first = desk.record("P1", [failed("T1")], DAY, NOW)
    again = desk.record("P1", [failed("T1")], DAY, LATER)
    revoked = desk.record("P1", [failed("T1", status="revoked")], DAY, LATER)

    with store.read() as transaction:
        reports = len(transaction.facts("P1"))
    assert (again.outcome, again.score) == (first.outcome, first.score)
    assert revoked.score > first.score
    assert reports == 2


def test_a_grade_as_known_then_leaves_later_entries_out(desk: Decisions) -> None:
    desk.put_producer(producer(), DAY, NOW)
    desk.record("P1", [failed("T1", recorded_at="2026-05-20T08:00:00+08:00")], DAY, LATER)
    desk.put_producer(producer(kind="gardener"), DAY, instant("2026-06-03T08:00:00+08:00"))

    before = desk.decide("P1", DAY, instant("2026-06-01T23:00:00Z"))
    after = desk.decide("P1", DAY, instant("2026-06-02T23:00:00Z"))
    latest = desk.decide("P1", DAY, None)

    assert (before.grading.score.value, after.grading.score.value) == (90, 75)
    assert before.grading.known_at == "2026-06-01T23:00:00.000000Z"
    assert (after.case.producer.kind, latest.case.producer.kind) == ("farm", "gardener")
    with pytest.raises(ProducerMissing):
        desk.decide("P1", DAY, instant("2026-05-31T00:00:00Z"))


def test_the_same_outcome_again_is_confirmed_and_not_copied(desk: Decisions, store: Store) -> None:
    desk.put_producer(producer(), DAY, NOW)
    before = held(store)

    refused = desk.regrade([["P1"]], DAY + 1, lambda *_: None)

    with store.read() as transaction:
        current = transaction.current("P1")
    assert refused == {}
    assert held(store) == before
    assert current is not None
    assert current.as_of == DAY + 1
    assert log(store) == ["publication", "grading", "confirmation"]


def test_a_change_of_grade_leaves_one_event(desk: Decisions, store: Store) -> None:
    desk.put_producer(producer(), DAY, NOW)
    desk.record("P1", [failed(f"T{n}") for n in range(6)], DAY, NOW)
    desk.record("P1", [failed("T1")], DAY, LATER)
    desk.record("P1", [failed(f"T{n}", status="revoked") for n in range(6)], DAY, LATER)

    with store.read() as transaction:
        told = [msgspec.json.decode(row[0]) for row in transaction.connection.execute(select(EVENTS.c.document))]
    changes = [(event["data"]["from"], event["data"]["to"]) for event in told]
    assert all(before != after for before, after in changes)
    assert [event["subject"] for event in told] == ["P1"] * len(changes)
    assert changes[-1][1] == "B"
    assert len({event["id"] for event in told}) == len(changes) == 2


def test_what_is_entered_while_workers_grade_is_graded_again(desk: Decisions, store: Store) -> None:
    desk.put_producer(producer(), DAY, NOW)
    fact = fact_document(ORCHARD, failed("T1", recorded_at="2026-05-20T08:00:00+08:00"))

    def names() -> Iterator[list[str]]:
        yield ["P1"]
        # The batch has been read by now and isn't stored yet.
        with store.write() as transaction:
            transaction.add_facts("P1", [fact])

    desk.regrade(names(), DAY, lambda *_: None)

    assert (held(store)["score"], len(held(store)["facts"])) == (75, 1)


def test_what_cannot_be_graded_is_not_stored(desk: Decisions, store: Store) -> None:
    desk.put_producer(producer(), DAY, NOW)
    many = [failed(f"T{n}") for n in range(5001)]

    with pytest.raises(LimitExceeded):
        desk.record("P1", many, DAY, NOW)

    with store.read() as transaction:
        assert transaction.facts("P1") == []


def test_an_unknown_producer_is_said_so(desk: Decisions) -> None:
    with pytest.raises(ProducerMissing, match="`P9`"):
        desk.record("P9", [failed("T1")], DAY, NOW)
    with pytest.raises(ProducerMissing):
        desk.decide("P9", DAY, None)


def test_facts_posted_at_once_all_count(desk: Decisions, store: Store) -> None:
    desk.put_producer(producer(), DAY, NOW)
    posts = [threading.Thread(target=desk.record, args=("P1", [failed(f"T{n}")], DAY, NOW)) for n in range(6)]
    for post in posts:
        post.start()
    for post in posts:
        post.join()

    assert len(held(store)["facts"]) == 6


def test_a_city_is_graded_as_its_producers_are_one_by_one(desk: Decisions, store: Store) -> None:
    names = [f"P{n:03d}" for n in range(95)]
    with store.write() as transaction:
        for place, name in enumerate(names):
            transaction.put_producer(name, msgspec.json.encode({"id": name, "kind": "farm", "region": ""}))
            fields = {"number": "T1", "result": "fail" if place % 3 else "pass", "taken_on": "2026-05-01"}
            transaction.add_facts(name, [msgspec.json.encode({"type": "test", "fields": fields})])
        transaction.put_producer("Q", b'{"id":"Q","kind":"nobody"}')
    told: list[tuple[int, int]] = []

    refused = desk.decide_all(DAY, lambda producers, facts: told.append((producers, facts)))

    evaluator = Evaluator(ORCHARD)
    for name in names:
        document, single = held(store, name), desk.decide(name, DAY, None)
        assert evaluator.grade(single.case) == single.grading
        assert (document["grade"], document["score"]) == (single.grading.grade, single.grading.score.value)
    with store.read() as transaction:
        assert transaction.current("Q") is None
    evaluator.close()
    assert {name: one.code for name, one in refused.items()} == {"Q": "case.refused"}
    assert (sum(one for one, _ in told), sum(facts for _, facts in told)) == (96, 95)
