"""Everybody's standing: brought up to date by the log, as it was then, and places among those under one rulebook."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from casework.city import City
from casework.decisions import Decisions, ProducerMissing
from casework.ranking import Ranking
from engine.case import Fact, Producer, Source
from engine.workers import Workers
from knowledge.canonical import sealed
from knowledge.loader import load_rulebook
from knowledge.rulebook import Rulebook
from knowledge.rules import Value
from store.ledger import Store

DAY = date(2026, 6, 1).toordinal()
ORCHARD = Path(__file__).parent.parent / "rulebooks" / "api" / "orchard" / "1"


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return load_rulebook(ORCHARD)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(1) as opened:
        yield opened


@pytest.fixture
def desk(rulebook: Rulebook, store: Store, workers: Workers) -> Decisions:
    return Decisions(rulebook, store, workers)


def enter(desk: Decisions, name: str, *, region: str = "1", failed: int = 0, at: str | None = None) -> None:
    desk.put_producer(Producer(name, "farm", region, {"trees": 3}), DAY, at)
    for number in range(failed):
        desk.record(name, [a_failure(f"{name}-{number}")], DAY, at)


def a_failure(number: str) -> Fact:
    taken = date(2026, 5, 1).toordinal()
    values: dict[str, Value] = {"number": number, "result": "fail", "residue": 8, "taken_on": taken}
    sources = (Source("laboratory", number),)
    return Fact(f"F-{number}", "test", values, "effective", sources, "2026-05-02T00:00:00.000000Z")


def test_what_the_log_grew_by_is_all_that_is_read_anew(desk: Decisions, store: Store) -> None:
    for number in range(3):
        enter(desk, f"P{number}")
    city = City(store)
    before = city.standings()
    assert city.standings() is before

    enter(desk, "P1", region="2", failed=2)
    enter(desk, "P9")
    after = city.standings()

    assert after == City(store).standings()
    assert list(after) == ["P0", "P1", "P2", "P9"]
    assert after["P0"] is before["P0"]
    assert (before["P1"].region, after["P1"].region) == ("1", "2")
    assert after["P1"].score != before["P1"].score


def test_everybody_stands_as_was_known_then(desk: Decisions, store: Store) -> None:
    enter(desk, "P0", at="2026-06-01T01:00:00.000000Z")
    enter(desk, "P1", at="2026-06-01T02:00:00.000000Z")
    then = City(store).standings()
    enter(desk, "P0", region="2", failed=2, at="2026-06-01T03:00:00.000000Z")
    city = City(store)

    assert city.standings(known_at="2026-06-01T02:30:00.000000Z") == then
    assert city.standings(as_of=DAY) == city.standings() != then
    assert list(city.standings(known_at="2026-06-01T01:30:00.000000Z")) == ["P0"]
    assert city.standings(as_of=DAY - 1) == {}


def test_a_place_is_kept_until_the_log_grows(desk: Decisions, store: Store) -> None:
    for number in range(6):
        enter(desk, f"P{number}", failed=number % 3)
    ranking = Ranking(City(store))

    first = ranking.position("P1", "zh")
    enter(desk, "P0", failed=2)
    later = ranking.position("P1", "zh")

    assert (first.groups[0].rank, first.groups[0].tied) == (3, 1)
    assert (later.groups[0].rank, later.groups[0].tied) == (2, 1)
    assert later == Ranking(City(store)).position("P1", "zh")


def test_only_gradings_under_one_rulebook_are_compared(
    desk: Decisions, rulebook: Rulebook, store: Store, workers: Workers
) -> None:
    for number in range(6):
        enter(desk, f"P{number}")
    later = Decisions(sealed(replace(rulebook, version="2")), store, workers)
    enter(later, "P6")
    ranking = Ranking(City(store))

    told, alone = ranking.position("P1", "en"), ranking.position("P6", "en")

    assert (told.rulebook, told.groups[0].size) == ("orchard@1", 6)
    assert told.elsewhere is not None
    assert told.elsewhere.text.startswith("1 more")
    assert (alone.rulebook, alone.groups[0].suppressed) == ("orchard@2", True)


def test_nobody_ungraded_has_a_place(store: Store) -> None:
    with pytest.raises(ProducerMissing):
        Ranking(City(store)).position("P1", "zh")
