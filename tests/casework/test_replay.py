"""What is stored is decided again from what was known then: the same bytes, and every difference named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, create_engine, select, text

from casework.decisions import Decisions
from casework.replay import Difference, RecordMissing, Replay
from engine.case import Fact
from engine.document import digest
from engine.reading import CaseReader, instant
from engine.workers import Workers
from knowledge.loader import load_rulebook
from knowledge.rulebook import Rulebook
from store.ledger import Store
from store.packing import packed
from store.tables import CONFIRMATIONS, GRADINGS, RULEBOOKS
from tests.conftest import unprotect

ORCHARD = load_rulebook(Path(__file__).parent.parent / "rulebooks" / "api" / "orchard" / "1")
READER = CaseReader(ORCHARD)
DAY = date(2026, 6, 1).toordinal()


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(1) as pool:
        yield pool


@pytest.fixture
def replay(store: Store, workers: Workers) -> Replay:
    """Return the replay of a ledger in which grades rose and fell, and producers changed."""
    desk = Decisions(ORCHARD, store, workers)
    for number, name in enumerate(("P1", "P2", "P3")):
        desk.put_producer(producer(name), DAY, at(1, 2 * number))
        desk.record(name, [failed("T1")], DAY, at(1, 2 * number + 1))
    desk.record("P1", [failed("T2"), failed("T3")], DAY + 1, at(3))
    desk.put_producer(producer("P1", "gardener"), DAY + 1, at(4))
    desk.record("P1", [failed(f"T{n}", "revoked") for n in (1, 2, 3)], DAY + 2, at(5))
    desk.regrade([["P1", "P2", "P3"]], DAY + 3, lambda *_: None)
    desk.regrade([["P1", "P2", "P3"]], DAY + 3, lambda *_: None)
    return Replay(store, workers)


def producer(name: str, kind: str = "farm") -> Any:
    return READER.producer(msgspec.json.encode({"id": name, "kind": kind, "region": "330110"}))


def failed(number: str, status: str = "effective") -> Fact:
    fields = {"number": number, "result": "fail", "taken_on": "2026-05-01"}
    fact = {"type": "test", "fields": fields, "status": status, "source": {"system": "lab", "ref": number}}
    return READER.facts(msgspec.json.encode({"facts": [fact]}), today=DAY)[0]


def at(hour: int, minute: int = 0) -> str:
    return instant(f"2026-06-01T{hour:02d}:{minute:02d}:00Z")


def hashes(store: Store, table: Any, producer_id: str = "P1") -> list[str]:
    with store.read() as transaction:
        query = select(table.c.hash).where(table.c.producer_id == producer_id).order_by(table.c.hash)
        return list(transaction.connection.execute(query).scalars())


def alter(database_url: str, *tables: str, change: Callable[[Connection], object]) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        unprotect(connection, *tables)
        change(connection)
    engine.dispose()


def all_of(replay: Replay) -> tuple[int, list[Difference]]:
    """Return how many records were replayed, and which differ."""
    told: list[int] = []
    differences = list(replay.all(told.append))
    return sum(told), differences


def test_the_whole_ledger_gives_the_same_bytes(replay: Replay, store: Store) -> None:
    records, differences = all_of(replay)

    assert differences == []
    assert records == replay.count() == 15
    assert len(hashes(store, CONFIRMATIONS)) == 3


@pytest.mark.parametrize("table", [GRADINGS, CONFIRMATIONS], ids=lambda table: table.name)
def test_one_record_is_replayed_by_its_hash(replay: Replay, store: Store, table: Any) -> None:
    name = hashes(store, table)[0]

    past, difference = replay.one(name)

    assert (past.hash, past.producer, difference) == (name, "P1", None)


def test_a_hash_of_nothing_is_said_so(replay: Replay) -> None:
    with pytest.raises(RecordMissing):
        replay.one("0" * 64)


def test_another_grade_under_its_own_hash_is_named_with_what_differs(
    replay: Replay, store: Store, database_url: str
) -> None:
    name = hashes(store, GRADINGS)[0]
    with store.read() as transaction:
        document = transaction.grading(name)
    assert document is not None
    forged = document.replace(b'"grade":"B"', b'"grade":"A"').replace(b'"grade":"C"', b'"grade":"A"')
    hash_of_forged = digest(forged)

    def change(connection: Connection) -> None:
        rows = connection.execute(select(GRADINGS).where(GRADINGS.c.hash == name)).one()._asdict()
        row = rows | {"hash": hash_of_forged, "base": None, "document": packed(forged)}
        connection.execute(GRADINGS.insert().values(row))

    alter(database_url, change=change)
    _, differences = all_of(replay)

    assert [(one.hash, one.what) for one in differences] == [(hash_of_forged, "document")]
    assert "grade" in differences[0].detail


@pytest.mark.parametrize(
    ("column", "value"), [("grade", "A"), ("score", 1), ("next_change_on", 800000), ("outcome", "0" * 64)]
)
def test_an_altered_column_is_named(replay: Replay, store: Store, database_url: str, column: str, value: Any) -> None:
    name = hashes(store, GRADINGS, "P3")[0]

    alter(
        database_url,
        "gradings",
        change=lambda connection: connection.execute(
            GRADINGS.update().where(GRADINGS.c.hash == name).values({column: value})
        ),
    )
    _, differences = all_of(replay)

    assert ("columns", name) in [(one.what, one.hash) for one in differences]
    assert column in next(one.detail for one in differences if one.hash == name)


def test_an_altered_fact_shows_in_every_record_that_rests_on_it(
    replay: Replay, store: Store, database_url: str
) -> None:
    def change(connection: Connection) -> None:
        stored = connection.execute(text("SELECT seq, document FROM facts WHERE producer_id = 'P2'")).one()
        forged = bytes(stored[1]).replace(b'"fail"', b'"pass"')
        connection.execute(text("UPDATE facts SET document = :d WHERE seq = :s"), {"d": forged, "s": stored[0]})

    alter(database_url, "facts", change=change)
    _, differences = all_of(replay)

    assert {one.kind for one in differences} == {"grading", "confirmation"}
    assert {one.hash for one in differences} < {*hashes(store, GRADINGS, "P2"), *hashes(store, CONFIRMATIONS, "P2")}
    assert len(differences) == 3


def test_a_broken_document_and_a_broken_confirmation_are_named_and_the_rest_goes_on(
    replay: Replay, store: Store, database_url: str
) -> None:
    grading, confirmation = hashes(store, GRADINGS)[0], hashes(store, CONFIRMATIONS)[0]

    def change(connection: Connection) -> None:
        connection.execute(GRADINGS.update().where(GRADINGS.c.hash == grading).values(document=b"\0"))
        connection.execute(CONFIRMATIONS.update().where(CONFIRMATIONS.c.hash == confirmation).values(document=b"{}"))

    alter(database_url, "gradings", "confirmations", change=change)
    records, differences = all_of(replay)

    assert {(one.hash, one.what) for one in differences} == {(grading, "altered"), (confirmation, "altered")}
    assert records == replay.count()


def test_an_altered_rulebook_is_named_with_all_that_was_graded_by_it(
    replay: Replay, store: Store, database_url: str
) -> None:
    alter(
        database_url,
        "rulebooks",
        change=lambda connection: connection.execute(RULEBOOKS.update().values(document=b"\0")),
    )

    records, differences = all_of(replay)

    assert (differences[0].kind, differences[0].hash) == ("publication", ORCHARD.sha256)
    assert len(differences) == records + 1 == 16
    assert replay.one(hashes(store, GRADINGS)[0])[1] is not None


def test_a_producer_is_graded_along_all_three_axes(replay: Replay) -> None:
    later: Rulebook = msgspec.structs.replace(ORCHARD, version="2", sha256="2" * 64)
    published = replay.published("orchard", "1")
    assert published is not None

    before = replay.decide(published, "P1", DAY, at(1))
    after = replay.decide(published, "P1", DAY, at(3, 30))
    under_another = replay.decide(later, "P1", DAY, at(3, 30))

    assert (before.grading.score.value, after.grading.score.value) == (90, 45)
    assert (published.sha256, replay.published("orchard", "2")) == (ORCHARD.sha256, None)
    assert under_another.grading.rulebook_version == "2"
