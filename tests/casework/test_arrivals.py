"""Reports about many producers are told apart, entered and graded in one transaction, on both databases."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.arrivals import Report
from casework.decisions import Decisions
from casework.intake import Intake, Line
from engine.reading import CaseReader
from engine.workers import Workers
from knowledge.loader import load_rulebook
from store.ledger import Store
from store.quarantine import quarantined
from store.sources import beats

ORCHARD = load_rulebook(Path(__file__).parent.parent / "rulebooks" / "api" / "orchard" / "1")
READER = CaseReader(ORCHARD)
DAY = date(2026, 6, 1).toordinal()


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(1) as pool:
        yield pool


@pytest.fixture
def desk(store: Store, workers: Workers) -> Decisions:
    return with_producers(Decisions(ORCHARD, store, workers), store)


def with_producers(desk: Decisions, store: Store, names: str = "ABC") -> Decisions:
    with store.write() as transaction:
        for name in names:
            transaction.put_producer(name, msgspec.json.encode({"id": name, "kind": "farm", "region": ""}))
    return desk


def told(producer: str, number: str, **more: Any) -> dict[str, Any]:
    fields = {"number": number, "result": "fail", "taken_on": "2026-05-01"} | more.pop("fields", {})
    return {"producer": producer, "type": "test", "fields": fields, "source": {"system": "lab", "ref": number}, **more}


def report(producer: str, number: str, **more: Any) -> Report:
    return Report(*READER.report(told(producer, number, **more), today=DAY))


def results(desk: Decisions, *reports: Report) -> list[str]:
    return [one.result for one in desk.record_all(reports, DAY)]


def grade(store: Store, name: str) -> tuple[str, int] | None:
    with store.read() as transaction:
        current = transaction.current(name)
        document = None if current is None else transaction.grading(current.hash)
    if document is None:
        return None
    decided = msgspec.json.decode(document)
    return decided["grade"], decided["score"]


def gradings(store: Store, name: str) -> int:
    with store.read() as transaction:
        counted = transaction.connection.exec_driver_sql(
            f"SELECT (SELECT count(*) FROM gradings WHERE producer_id = '{name}')"
            f" + (SELECT count(*) FROM confirmations WHERE producer_id = '{name}')"
        )
        return int(counted.scalar_one())


def test_each_report_is_stored_a_duplicate_or_an_update(desk: Decisions) -> None:
    first = results(desk, report("A", "T1"), report("A", "T1"), report("B", "T1"), report("A", "T2"))
    second = results(
        desk, report("A", "T1"), report("A", "T1", status="revoked"), report("A", "T1", source={"system": "city"})
    )

    assert first == ["stored", "duplicate", "stored", "stored"]
    assert second == ["duplicate", "updated", "updated"]


def test_a_report_that_says_when_it_was_recorded_is_known_by_that_too(desk: Decisions) -> None:
    early, late = "2026-05-02T08:00:00+08:00", "2026-05-03T08:00:00+08:00"

    assert results(desk, report("A", "T1", recorded_at=early), report("A", "T1", recorded_at=late)) == [
        "stored",
        "updated",
    ]
    assert results(desk, report("A", "T1", recorded_at=early), report("A", "T1")) == ["duplicate", "duplicate"]


def test_each_touched_producer_is_graded_once(desk: Decisions, store: Store) -> None:
    results(desk, *[report(name, f"T{n}") for n in range(3) for name in "AB"])
    results(desk, report("A", "T0"), report("B", "T9"))

    assert (grade(store, "A"), grade(store, "B"), grade(store, "C")) == (("C", 45), ("C", 30), None)
    assert (gradings(store, "A"), gradings(store, "B")) == (1, 2)


def test_without_regrading_facts_alone_are_entered(desk: Decisions, store: Store) -> None:
    entries = desk.record_all([report("A", "T1")], DAY, regrade=False)

    with store.read() as transaction:
        assert len(transaction.facts("A")) == 1
    assert [one.result for one in entries] == ["stored"]
    assert grade(store, "A") is None


def test_the_lines_of_a_producer_that_cannot_be_graded_are_refused_and_all_others_kept(
    desk: Decisions, store: Store
) -> None:
    results(desk, report("A", "T0"))
    many = [report("A", f"T{n}") for n in range(5001)]

    entries = desk.record_all([report("B", "T1"), *many, report("C", "T1")], DAY)

    with store.read() as transaction:
        assert {name: len(transaction.facts(name)) for name in "ABC"} == {"A": 1, "B": 1, "C": 1}
    assert [entries[0].result, entries[1].result, entries[-1].result] == ["stored", "duplicate", "stored"]
    assert {one.result for one in entries[2:-1]} == {"refused"}
    assert {one.problems[0].code for one in entries[2:-1]} == {"limit.facts"}
    assert grade(store, "B") is not None


def test_an_unknown_producer_is_refused_by_line(desk: Decisions) -> None:
    entries = desk.record_all([report("NOBODY", "T1"), report("A", "T1")], DAY)

    assert [one.result for one in entries] == ["refused", "stored"]
    assert (entries[0].problems[0].code, entries[0].problems[0].place) == ("producer.missing", "/producer")


def lines(reports: list[dict[str, Any]], first: int = 1) -> list[Line]:
    return [Line(place, msgspec.json.encode(one), one) for place, one in enumerate(reports, first)]


def test_refused_lines_are_kept_once_however_often_they_come(desk: Decisions, store: Store) -> None:
    intake = Intake(desk, store, as_of=DAY)
    delivery = lines([told("A", "T1"), told("A", "T2", fields={"result": "perhaps"})])

    taken = [intake.take(delivery, origin="test") for _ in range(2)]

    with store.read() as transaction:
        kept = quarantined(transaction, "open")
    assert [[one.result for one in some] for some in taken] == [["stored", "refused"], ["duplicate", "refused"]]
    assert [(one.refused.line, one.refused.document) for one in kept] == [(2, delivery[1].came)]
    assert {some[1].quarantine for some in taken} == {kept[0].id}


def test_a_source_is_heard_from_when_a_line_of_it_is_taken(desk: Decisions, store: Store) -> None:
    Intake(desk, store, as_of=DAY).take(
        lines([told("A", "T1"), told("NOBODY", "T1", source={"system": "silent"})]), origin="test"
    )

    with store.read() as transaction:
        heard, last = beats(transaction), transaction.last_entered_at()
    assert heard == {"lab": last}


REPORTS = st.fixed_dictionaries(
    {
        "producer": st.sampled_from("ABC"),
        "number": st.sampled_from(["T1", "T2", "T3"]),
        "result": st.sampled_from(["pass", "fail"]),
        "status": st.sampled_from(["effective", "revoked"]),
        "system": st.sampled_from(["city", "lab"]),
        "recorded_on": st.integers(1, 4),
    }
)


def as_told(drawn: dict[str, Any]) -> dict[str, Any]:
    return told(
        drawn["producer"],
        drawn["number"],
        fields={"result": drawn["result"]},
        status=drawn["status"],
        source={"system": drawn["system"], "ref": drawn["number"]},
        recorded_at=f"2026-05-{drawn['recorded_on']:02d}T08:00:00+08:00",
    )


def outcome(store: Store) -> tuple[Any, ...]:
    """Return all facts as a set, and what every grade rests on and says."""
    with store.read() as transaction:
        facts = {name: sorted(transaction.facts(name)) for name in "ABC"}
        current = transaction.current_of_all(list("ABC"))
    return facts, {name: (one.grade, one.outcome) for name, one in current.items()}


@settings(max_examples=12, deadline=None)
@given(drawn=st.lists(REPORTS, min_size=1, max_size=14), seed=st.integers(0, 2**32), size=st.integers(1, 5))
def test_order_chunks_and_redelivery_change_neither_facts_nor_grades(
    tmp_path_factory: pytest.TempPathFactory, workers: Workers, drawn: list[dict[str, Any]], seed: int, size: int
) -> None:
    delivery = [as_told(one) for one in drawn]
    shuffled = delivery + random.Random(seed).choices(delivery, k=len(delivery))
    random.Random(seed).shuffle(shuffled)
    outcomes = []
    for reports, step in ((delivery, len(delivery)), (shuffled, size)):
        store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('store')}/shuoli.db")
        intake = Intake(with_producers(Decisions(ORCHARD, store, workers), store), store, as_of=DAY)
        for place in range(0, len(reports), step):
            intake.take(lines(reports[place : place + step]), origin="test")
        outcomes.append(outcome(store))
        store.close()

    assert outcomes[0] == outcomes[1]
