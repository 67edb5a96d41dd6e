"""The same reports, in whatever order and however they are batched, lead to the same final grades."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from casework.decisions import Decisions
from casework.replay import Replay
from engine.case import Fact
from engine.reading import CaseReader, instant
from engine.workers import Workers
from knowledge.loader import load_rulebook
from store.ledger import Store

ORCHARD = load_rulebook(Path(__file__).parent.parent / "rulebooks" / "api" / "orchard" / "1")
READER = CaseReader(ORCHARD)
DAY = date(2026, 6, 1).toordinal()
PRODUCERS = ("P1", "P2")
_FRESH = itertools.count()


def report(number: int, result: str, status: str, hour: int, source: str) -> dict[str, Any]:
    return {
        "type": "test",
        "fields": {"number": f"T{number}", "result": result, "taken_on": "2026-05-01"},
        "status": status,
        "source": {"system": source, "ref": str(hour)},
        "recorded_at": f"2026-05-02T{hour:02d}:00:00+08:00",
    }


REPORTS = some.builds(
    report,
    some.integers(1, 3),
    some.sampled_from(("pass", "fail")),
    some.sampled_from(tuple(ORCHARD.fact_statuses)),
    some.integers(0, 5),
    some.sampled_from(("city", "province")),
)
TOLD = some.lists(some.tuples(some.sampled_from(PRODUCERS), REPORTS), min_size=1, max_size=10)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(1) as pool:
        yield pool


def read(told: dict[str, Any]) -> Fact:
    return READER.facts(msgspec.json.encode({"facts": [told]}), today=DAY)[0]


def final(store: Store, workers: Workers, batches: list[list[tuple[str, dict[str, Any]]]]) -> list[Any]:
    """Return what the last grade of each producer says, but for when it was known and made."""
    desk = Decisions(ORCHARD, store, workers)
    for name in PRODUCERS:
        desk.put_producer(READER.producer(msgspec.json.encode({"id": name, "kind": "farm"})), DAY)
    for batch in batches:
        for name in PRODUCERS:
            facts = [read(told) for owner, told in batch if owner == name]
            if facts:
                desk.record(name, facts, DAY, instant("2026-06-01T08:00:00+08:00"))
    with store.read() as transaction:
        held = transaction.current_of_all(PRODUCERS)
    assert list(Replay(store, workers).all(lambda _: None)) == []
    cases = [desk.decide(name, DAY, None).case.facts for name in PRODUCERS]
    return [(held[name].outcome, held[name].grade, held[name].next_change_on) for name in PRODUCERS] + cases


def test_the_order_of_arrival_and_the_batches_do_not_matter(tmp_path: Path, workers: Workers) -> None:
    @settings(max_examples=12, deadline=None, database=None)
    @given(told=TOLD, data=some.data())
    def check(told: list[tuple[str, dict[str, Any]]], data: Any) -> None:
        shuffled = data.draw(some.permutations(told))
        again = data.draw(some.lists(some.sampled_from(told), max_size=3))
        cut = data.draw(some.integers(0, len(told)))
        outcomes = []
        for batches in ([told], [[one] for one in shuffled], [shuffled[:cut] + again, shuffled[cut:]]):
            store = Store.open(f"sqlite:///{tmp_path}/{next(_FRESH)}.db")
            outcomes.append(final(store, workers, batches))
            store.close()
        assert outcomes[0] == outcomes[1] == outcomes[2]

    check()


@pytest.mark.parametrize("turned", [False, True], ids=["as told", "turned round"])
def test_the_last_report_counts_on_both_databases(store: Store, workers: Workers, turned: bool) -> None:
    told = [
        ("P1", report(1, "fail", status, hour, source))
        for hour, (status, source) in enumerate(itertools.product(("effective", "revoked"), ("city", "province")))
    ]

    outcome = final(store, workers, [[one] for one in (reversed(told) if turned else told)])

    assert outcome[0][1] == "B"
    assert [(fact.status, len(fact.sources)) for fact in outcome[2]] == [("revoked", 4)]
