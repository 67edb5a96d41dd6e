"""Facts about everyone are entered once, and reach every producer's grade."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest

from casework.decisions import Decisions
from casework.everyone import check_about, learn_about_everyone
from engine.case import Fact
from engine.reading import CaseReader, instant
from engine.workers import Workers
from knowledge.loader import load_rulebook
from knowledge.problems import CaseRefused
from store.ledger import EVERYONE, Store

ORCHARD = load_rulebook(Path(__file__).parent.parent / "rulebooks" / "api" / "orchard" / "1")
READER = CaseReader(ORCHARD)
DAY = date(2026, 6, 1).toordinal()
NOW = instant("2026-06-01T08:00:00+08:00")


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(1) as pool:
        yield pool


def beat(beat_on: str) -> list[Fact]:
    fact = {"type": "beat", "fields": {"register": "lessons", "beat_on": beat_on}}
    return list(READER.facts(msgspec.json.encode({"facts": [fact]}), today=DAY))


def lessons_lost(desk: Decisions, day: int) -> int:
    standards = desk.decide("P1", day, None).grading.standards
    return next(one.points for one in standards if one.id == "LESSON")


def test_a_beat_that_comes_in_time_changes_no_grade_and_one_that_ends_a_silence_makes_all_due(
    store: Store, workers: Workers
) -> None:
    desk = Decisions(ORCHARD, store, workers)
    for name in ("P1", "P2"):
        producer = READER.producer(msgspec.json.encode({"id": name, "kind": "farm", "region": ""}))
        desk.put_producer(producer, DAY, NOW)

    first = learn_about_everyone(store, workers, ORCHARD, beat("2026-05-28"), DAY)
    again = learn_about_everyone(store, workers, ORCHARD, beat("2026-05-28"), DAY)
    desk.regrade([["P1", "P2"]], DAY, lambda *_: None)
    with store.read() as transaction:
        due_in_time = transaction.due(DAY + 3, ORCHARD.sha256)
        due_when_silent = transaction.due(DAY + 4, ORCHARD.sha256)
        entered = len(transaction.facts(EVERYONE))
    silent = lessons_lost(desk, DAY + 4)
    later = learn_about_everyone(store, workers, ORCHARD, beat("2026-06-01"), DAY + 5)
    with store.read() as transaction:
        due_after = transaction.due(DAY + 5, ORCHARD.sha256)

    assert ((first.entered, first.everyone_due), (again.entered, again.everyone_due)) == ((1, False), (0, False))
    assert entered == 1
    assert (lessons_lost(desk, DAY + 3), silent) == (10, 0)
    assert (due_in_time, due_when_silent) == ([], ["P1", "P2"])
    assert later.everyone_due
    assert due_after == ["P1", "P2"]


def test_a_silence_suspends_the_standard_for_every_producer_from_the_day_it_counts(
    store: Store, workers: Workers
) -> None:
    desk = Decisions(ORCHARD, store, workers)
    producer = READER.producer(msgspec.json.encode({"id": "P1", "kind": "farm", "region": ""}))
    desk.put_producer(producer, DAY, NOW)
    learn_about_everyone(store, workers, ORCHARD, beat("2026-05-28"), DAY)

    lost = [lessons_lost(desk, DAY + days) for days in range(6)]

    assert lost == [10, 10, 10, 10, 0, 0]


def test_facts_told_in_the_wrong_place_are_refused_with_their_places(store: Store, workers: Workers) -> None:
    fact = {"type": "lesson", "fields": {"given_on": "2026-05-01"}}
    lesson = list(READER.facts(msgspec.json.encode({"facts": [fact]}), today=DAY))

    with pytest.raises(CaseRefused) as caught:
        learn_about_everyone(store, workers, ORCHARD, [*beat("2026-05-28"), *lesson], DAY)
    with pytest.raises(CaseRefused) as mirrored:
        check_about(ORCHARD, [*lesson, *beat("2026-05-28")], everyone=False)

    assert [problem.place for problem in caught.value.problems] == ["/facts/1/type"]
    assert [problem.place for problem in mirrored.value.problems] == ["/facts/1/type"]
    with store.read() as transaction:
        assert transaction.facts(EVERYONE) == []
