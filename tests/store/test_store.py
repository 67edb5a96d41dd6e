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

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError, InternalError

from store.database import StoreRefused
from store.ledger import Store, StoreCorrupt, StoredGrading
from store.tables import METADATA

ROOT = Path(__file__).parent.parent.parent


def grading(producer: str, grade: str = "B", document: bytes = b'{"x":1}') -> StoredGrading:
    name = hashlib.sha256(document).hexdigest()
    return StoredGrading(name, producer, 739_500, None, "0" * 64, grade, 812, 739_600, document)


def test_a_producer_is_new_once_and_replaced_after(store: Store) -> None:
    with store.write() as transaction:
        assert transaction.put_producer("P1", b"one")
        assert not transaction.put_producer("P1", b"two")

    with store.read() as transaction:
        assert (transaction.producer("P1"), transaction.producer("P2")) == (b"two", None)
        assert transaction.count_producers() == 1


def test_producers_come_page_by_page_in_one_order(store: Store) -> None:
    names = ["a", "B", "b-1", "一", "𠀀", "é", "10", "9"]
    with store.write() as transaction:
        for name in names:
            transaction.put_producer(name, name.encode())

    found: list[str] = []
    with store.read() as transaction:
        while page := transaction.producers(after=found[-1] if found else "", limit=3):
            assert all(document == name.encode() for name, document in page)
            found += [name for name, _ in page]

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
        transaction.put_producer("P1", b"")
        transaction.put_producer("P2", b"")
        transaction.add_gradings([first])
        transaction.add_gradings([second, grading("P2", "B", b"other")])
        transaction.add_gradings([second])

    with store.read() as transaction:
        assert transaction.grading(first.hash) == b"first"
        assert transaction.current("P1") == second
        assert transaction.current("P3") is None
        assert transaction.grading("0" * 64) is None
        assert transaction.grade_counts() == {"B": 2}
        assert transaction.current_of("B") == ["P1", "P2"]
        assert transaction.current_of("C") == []


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
        transaction.put_producer(name, document)
        transaction.add_facts(name, [document])
        transaction.add_gradings([one])

    with store.read() as transaction:
        assert transaction.producer(name) == document
        assert transaction.facts(name) == [document]
        assert transaction.current(name) == one
        assert transaction.grade_counts() == {"优": 1}


def test_two_writers_to_one_producer_wait_for_each_other(store: Store) -> None:
    with store.write() as transaction:
        transaction.put_producer("P1", b"")

    def add() -> None:
        for _ in range(5):
            with store.write() as transaction:
                transaction.producer("P1", lock=True)
                known = transaction.facts("P1")
                time.sleep(0.001)
                transaction.add_facts("P1", [f"{len(known)}".encode()])

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
        transaction.put_producer("P1", b"")
        transaction.add_gradings([one, other])
    engine = create_engine(database_url)
    with engine.begin() as connection:
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
        names = [name for name, _ in transaction.producers()]
        counts = {len(facts) for facts in transaction.facts_of(names).values()}
    store.close()
    assert len(names) >= len(written)
    assert counts == {50}
    with sqlite3.connect(tmp_path / "shuoli.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
