"""What is stored is there again, to the byte, on both databases; half of anything never is."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InternalError

from store.database import StoreRefused
from store.ledger import Confirmation, Current, Store, StoreCorrupt, StoredGrading, Transaction
from store.quick import entered_after, facts_in_arrays, marks
from store.tables import APPEND_ONLY, METADATA
from tests.conftest import unprotect

ROOT = Path(__file__).parent.parent.parent
NOW = "2026-06-01T00:00:00.000000Z"
RULEBOOK = "0" * 64


def grading(producer: str, grade: str = "B", document: bytes = b'{"x":1}') -> StoredGrading:
    name = hashlib.sha256(document).hexdigest()
    return StoredGrading(name, producer, 739_500, NOW, RULEBOOK, grade, 812, 739_600, "1" * 64, document)


def known(transaction: Transaction, *producers: str) -> None:
    """Make producers known, and the rulebook that gradings name."""
    for name in producers:
        transaction.put_producer(name, b"{}")
    if not transaction.has_rulebook(RULEBOOK):
        transaction.add_rulebook(RULEBOOK, "book", "1", b"{}")


def test_a_producer_is_new_once_and_replaced_after(store: Store) -> None:
    with store.write() as transaction:
        assert transaction.put_producer("P1", b"one")
        assert not transaction.put_producer("P1", b"two")

    with store.read() as transaction:
        assert (transaction.producer("P1"), transaction.producer("P2")) == (b"two", None)
        assert transaction.count_producers() == 1


def test_facts_come_as_arrays_of_those_who_have_any(store: Store) -> None:
    with store.write() as transaction:
        known(transaction, "P1", "P2", "P3")
        transaction.add_facts("P1", [b'{"n":1}', '{"n":"\u852c"}'.encode()])
        transaction.add_facts("P2", [b'{"n":3}'])

    with store.read() as transaction:
        found = facts_in_arrays(transaction, ["P1", "P3", "nobody"])
        assert facts_in_arrays(transaction, []) == {}
    assert found.keys() == {"P1"}
    assert sorted(str(one["n"]) for one in msgspec.json.decode(found["P1"])) == ["1", "\u852c"]


def test_marks_tell_of_whom_something_was_entered_since(store: Store) -> None:
    with store.read() as transaction:
        assert marks(transaction) == (0, 0)
    with store.write() as transaction:
        known(transaction, "P1", "P2", "P3")
        transaction.add_facts("P1", [b"{}"])
    with store.read() as transaction:
        then = marks(transaction)
        assert entered_after(transaction, then) == set()
    with store.write() as transaction:
        transaction.put_producer("P1", b"{}")
        transaction.add_facts("P1", [b"{}"])
        transaction.put_producer("P2", b"other")
        transaction.add_facts("P3", [b"{}"])
    with store.read() as transaction:
        assert entered_after(transaction, then) == {"P2", "P3"}
        assert marks(transaction) > then


def test_what_was_known_of_a_producer_stays_known(store: Store) -> None:
    for now, document in (("2026-06-01", b"one"), ("2026-06-02", b"two"), ("2026-06-03", b"two")):
        with store.write(f"{now}T00:00:00.000000Z") as transaction:
            transaction.put_producer("P1", document)

    with store.read() as transaction:
        asked = ("2026-05-31T00", "2026-06-01T00", "2026-06-01T23", "2026-06-02T00", "2026-06-09T00")
        found = [transaction.producer("P1", f"{instant}:00:00.000000Z") for instant in asked]
        changed = transaction.changed_since(["P1"], "2026-06-02T00:00:00.000000Z")

    assert found == [None, b"one", b"one", b"two", b"two"]
    assert changed == set()


def test_facts_are_told_as_they_were_known(store: Store) -> None:
    for day, document in ((1, b"f1"), (2, b"f2")):
        with store.write(f"2026-06-0{day}T00:00:00.000000Z") as transaction:
            transaction.put_producer("P1", b"")
            transaction.add_facts("P1", [document])

    with store.read() as transaction:
        assert transaction.facts("P1", "2026-06-01T12:00:00.000000Z") == [b"f1"]
        assert transaction.facts("P1") == [b"f1", b"f2"]
        assert transaction.changed_since(["P1", "P2"], "2026-06-01T00:00:00.000000Z") == {"P1"}


def test_record_times_only_grow_even_where_the_clock_goes_back(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    entered = []
    for now in ("2026-06-01T12:00:00.000000Z", "2026-06-01T12:00:00.000000Z", "2026-06-01T11:00:00.000000Z"):
        with store.write(now) as transaction:
            entered.append(transaction.entered_at)

    assert entered == [f"2026-06-01T12:00:00.00000{digit}Z" for digit in range(3)]
    assert "the clock says 2026-06-01T11:00:00" in caplog.text


@pytest.mark.parametrize("act", ["UPDATE", "DELETE"])
@pytest.mark.parametrize("table", [table.name for table in APPEND_ONLY])
def test_the_database_itself_refuses_to_alter_the_ledger(store: Store, database_url: str, table: str, act: str) -> None:
    with store.write() as transaction:
        known(transaction, "P1")
        transaction.add_facts("P1", [b"f1"])
    engine = create_engine(database_url)
    column = METADATA.tables[table].primary_key.columns.values()[0].name
    statement = f'UPDATE {table} SET "{column}" = "{column}"' if act == "UPDATE" else f"DELETE FROM {table}"
    if engine.dialect.name == "sqlite" and table not in ("producers", "producer_entries", "facts", "rulebooks"):
        with engine.begin() as connection:  # SQLite's triggers look at rows
            values = ", ".join(["0"] * len(METADATA.tables[table].columns))
            connection.execute(text(f"INSERT INTO {table} VALUES ({values})"))

    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_the_program_works_in_a_role_that_only_adds(postgres: str) -> None:
    store = Store.open(postgres)
    with store.write() as transaction:
        role = transaction.connection.execute(text("SELECT current_user")).scalar()
        allowed = transaction.connection.execute(
            text(
                "SELECT has_table_privilege('facts', 'INSERT'), has_table_privilege('facts', 'UPDATE'), "
                "has_table_privilege('facts', 'DELETE'), has_table_privilege('facts', 'TRUNCATE')"
            )
        ).one()
    store.close()

    assert role == "shuoli_writer"
    assert tuple(allowed) == (True, False, False, False)


def test_producers_come_page_by_page_in_one_order(store: Store) -> None:
    names = ["a", "B", "b-1", "一", "𠀀", "é", "10", "9"]
    with store.write() as transaction:
        for name in names:
            transaction.put_producer(name, name.encode())

    found: list[str] = []
    with store.read() as transaction:
        while page := transaction.names(after=found[-1] if found else "", limit=3):
            assert transaction.producers_of(page) == [(name, name.encode()) for name in page]
            found += page

    assert found == sorted(names)


def test_the_same_fact_is_stored_once_for_each_producer(store: Store) -> None:
    with store.write() as transaction:
        transaction.put_producer("P1", b"")
        transaction.put_producer("P2", b"")
        assert transaction.add_facts("P1", [b"f1", b"f2", b"f1"]) == 2
        assert transaction.add_facts("P1", [b"f3", b"f2"]) == 1
        assert transaction.add_facts("P2", [b"f1"]) == 1
        assert transaction.add_facts("P2", [b"f1"]) == 0
        assert transaction.add_facts("P2", []) == 0

    with store.read() as transaction:
        assert transaction.facts("P1") == [b"f1", b"f2", b"f3"]
        assert transaction.facts_of(["P1", "P2", "P3"]) == {"P1": [b"f1", b"f2", b"f3"], "P2": [b"f1"]}


def test_a_grading_is_found_by_its_hash_and_the_last_one_holds(store: Store) -> None:
    first, second = grading("P1", "C", b"first"), grading("P1", "B", b"second")
    with store.write() as transaction:
        known(transaction, "P1", "P2")
        transaction.add_gradings([first])
        transaction.add_gradings([second, grading("P2", "B", b"other")])

    with store.read() as transaction:
        current = transaction.current("P1")
        assert transaction.grading(first.hash) == b"first"
        assert current == Current("P1", second.hash, 739_500, "B", 739_600, RULEBOOK, "1" * 64)
        assert transaction.current("P3") is None
        assert transaction.grading("0" * 64) is None
        assert transaction.grade_counts() == {"B": 2}
        assert transaction.current_of("B") == ["P1", "P2"]
        assert transaction.current_of("C") == []


def test_producers_are_due_when_a_day_comes_or_the_rulebook_is_another(store: Store) -> None:
    with store.write() as transaction:
        known(transaction, "P1", "P2", "P3")
        other = msgspec.structs.replace(grading("P2", document=b"2"), next_change_on=None)
        transaction.add_gradings([grading("P1", document=b"1"), other, grading("P3", document=b"3")])
        held = transaction.current("P3")
        assert held is not None
        confirmation = Confirmation("2" * 64, "P3", held.hash, b"{}")
        transaction.add_confirmations(
            [(confirmation, msgspec.structs.replace(held, as_of=739_599, next_change_on=739_700))]
        )

    with store.read() as transaction:
        assert transaction.due(739_599, RULEBOOK) == []
        assert transaction.due(739_600, RULEBOOK) == ["P1"]
        assert transaction.due(739_700, RULEBOOK) == ["P1", "P3"]
        assert transaction.due(739_599, "5" * 64) == ["P1", "P2", "P3"]
        assert transaction.confirmation("2" * 64) == b"{}"


def test_nothing_of_a_failed_transaction_is_stored(store: Store) -> None:
    def fail() -> None:
        with store.write() as transaction:
            transaction.put_producer("P1", b"")
            transaction.add_facts("P1", [b"f1"])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    with store.read() as transaction:
        assert (transaction.count_producers(), transaction.facts("P1")) == (0, [])


def test_a_reader_sees_one_state_whatever_is_written_meanwhile(store: Store) -> None:
    with store.write() as transaction:
        transaction.put_producer("P1", b"before")

    with store.read() as view:
        first = view.producer("P1")
        with store.write() as transaction:
            transaction.put_producer("P1", b"after")
            transaction.put_producer("P2", b"after")
        again, count = view.producer("P1"), view.count_producers()

    assert (first, again, count) == (b"before", b"before", 1)
    with store.read() as view:
        assert (view.producer("P1"), view.count_producers()) == (b"after", 2)


def test_a_reader_can_not_write(store: Store) -> None:
    with pytest.raises((StoreRefused, InternalError), match=r"(?i)read-?only"), store.read() as view:
        view.put_producer("P1", b"")

    with store.read() as view:
        assert view.count_producers() == 0


def test_facts_of_a_producer_that_is_not_known_are_refused(store: Store) -> None:
    with pytest.raises(IntegrityError), store.write() as transaction:
        transaction.add_facts("P1", [b"f1"])


def test_names_and_documents_may_hold_any_character(store: Store) -> None:
    name, document = "𠀀·é-一", '{"名称":"𠀀养殖场"}'.encode()
    one = grading(name, "优", document)
    with store.write() as transaction:
        known(transaction)
        transaction.put_producer(name, document)
        transaction.add_facts(name, [document])
        transaction.add_gradings([one])

    with store.read() as transaction:
        assert transaction.producer(name) == document
        assert transaction.facts(name) == [document]
        assert transaction.grading(one.hash) == document
        assert transaction.grade_counts() == {"优": 1}


def test_two_writers_to_one_producer_wait_for_each_other(store: Store) -> None:
    with store.write() as transaction:
        transaction.put_producer("P1", b"")

    def add() -> None:
        for _ in range(5):
            with store.write() as transaction:
                there = transaction.facts("P1")
                time.sleep(0.001)
                transaction.add_facts("P1", [f"{len(there)}".encode()])

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store.read() as transaction:
        assert transaction.facts("P1") == [str(number).encode() for number in range(20)]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=20))
def test_documents_come_back_to_the_byte(store: Store, documents: list[bytes]) -> None:
    name = hashlib.sha256(repr(documents).encode()).hexdigest()
    with store.write() as transaction:
        transaction.put_producer(name, b"")
        transaction.add_facts(name, documents)

    with store.read() as transaction:
        assert transaction.facts(name) == list(dict.fromkeys(documents))


def test_an_altered_grading_is_refused(store: Store, database_url: str) -> None:
    one, other = grading("P1", document=b"one"), grading("P1", document=b"other")
    with store.write() as transaction:
        known(transaction, "P1")
        transaction.add_gradings([one, other])
    engine = create_engine(database_url)
    with engine.begin() as connection:
        unprotect(connection, "gradings")
        given = {"one": one.hash, "other": other.hash}
        swap = "UPDATE gradings SET document = (SELECT document FROM gradings WHERE hash = :other) WHERE hash = :one"
        connection.execute(text(swap), given)
        connection.execute(text("UPDATE gradings SET document = :junk WHERE hash = :other"), given | {"junk": b"junk"})
    engine.dispose()

    for name in (one.hash, other.hash):
        with store.read() as transaction, pytest.raises(StoreCorrupt, match=name):
            transaction.grading(name)


def test_the_migrated_tables_are_the_declared_ones(store: Store, database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    engine.dispose()

    assert store.answers()
    assert differences == []


def test_a_store_is_opened_by_several_processes_at_once(database_url: str) -> None:
    program = f"from store.ledger import Store; Store.open({database_url!r}).close()"
    started = [subprocess.Popen([sys.executable, "-c", program], cwd=ROOT) for _ in range(3)]

    assert [process.wait(60) for process in started] == [0, 0, 0]


def test_a_database_of_a_newer_program_is_refused(database_url: str) -> None:
    Store.open(database_url).close()
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(StoreRefused, match="newer program"):
        Store.open(database_url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "can't be read"),
        ("nonsense", "can't be read"),
        ("mysql://u:secret@127.0.0.1/x", "`mysql` databases"),
        ("sqlite://", "needs a file"),
        ("sqlite:////proc/none/x.db", "can't be made"),
        ("postgresql+psycopg://u:secret@127.0.0.1:1/x", r"u:\*\*\*@127.0.0.1:1/x can't be used"),
    ],
)
def test_a_wrong_url_is_refused_without_its_password(url: str, says: str) -> None:
    with pytest.raises(StoreRefused, match=says) as caught:
        Store.open(url)

    assert "secret" not in caught.value.message


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database at all, but long enough to be looked at" * 40)

    with pytest.raises(StoreRefused, match="can't be used"):
        Store.open(f"sqlite:///{tmp_path}/x.db")


def test_a_process_killed_while_it_writes_leaves_whole_transactions(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shuoli.db"
    program = f"""
from store.ledger import Store
store = Store.open({url!r})
for number in range(100_000):
    with store.write() as transaction:
        transaction.put_producer(f"P{{number}}", b"")
        transaction.add_facts(f"P{{number}}", [bytes([n]) for n in range(50)])
    print(number, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    written = [process.stdout.readline() for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()

    store = Store.open(url)
    with store.read() as transaction:
        names = transaction.names(limit=100_000)
        counts = {len(facts) for facts in transaction.facts_of(names).values()}
    store.close()
    assert len(names) >= len(written)
    assert counts == {50}
    with sqlite3.connect(tmp_path / "shuoli.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
