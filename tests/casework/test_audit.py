"""Whoever alters the ledger behind the program's back is found out, and the first record that was altered is named."""

from __future__ import annotations

import hashlib
import random
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, Table, create_engine, delete, func, insert, select, text, update

from casework import recordchecks as checks
from casework.audit import KEPT, audit_log
from casework.decisions import Decisions
from casework.heads import sign_head
from casework.recordchecks import Flaw
from casework.signing import FileSigner
from engine.document import outcome_digest
from engine.reading import CaseReader
from engine.workers import Workers
from knowledge.loader import load_rulebook
from store import trail
from store.ledger import Store
from store.merkle import Growing, leaf_hash
from store.packing import Unpackable, packed, unpacked, unpacked_grading, with_bases
from store.tables import (
    CONFIRMATIONS,
    CURRENT,
    FACTS,
    GRADINGS,
    HEADS,
    LEAVES,
    NODES,
    RULEBOOKS,
)
from store.trail import StoredHead, StoredLeaf
from tests.conftest import unprotect

ORCHARD = load_rulebook(Path(__file__).parent.parent / "rulebooks" / "api" / "orchard" / "1")
READER = CaseReader(ORCHARD)
DAY = date(2026, 6, 1).toordinal()
PROTECTED = [one.name for one in (FACTS, RULEBOOKS, GRADINGS, CONFIRMATIONS, LEAVES, NODES, HEADS)]
HEAD_SIZES = (5, 8, 12)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(1) as pool:
        yield pool


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> FileSigner:
    return FileSigner.open(tmp_path_factory.mktemp("key") / "key.pem", None)


def enter(store: Store, workers: Workers, signer: FileSigner) -> None:
    """Enter four producers, a publication, gradings and confirmations, and sign three heads."""
    desk = Decisions(ORCHARD, store, workers)
    for name in ("P1", "P2", "P3", "P4"):
        case = {"id": name, "kind": "farm", "region": "330110"}
        desk.put_producer(READER.producer(msgspec.json.encode(case)), DAY)
    sign_head(store, signer)
    for name, number in (("P1", "T1"), ("P2", "T2"), ("P1", "T3")):
        fact = {
            "type": "test",
            "fields": {"number": number, "result": "fail", "taken_on": "2026-05-01"},
            "status": "effective",
            "source": {"system": "lab", "ref": number},
        }
        desk.record(name, READER.facts(msgspec.json.encode({"facts": [fact]}), today=DAY), DAY)
    sign_head(store, signer)
    desk.decide_all(DAY + 1, lambda _producers, _facts: None)
    sign_head(store, signer)


Copy = Callable[[Path], AbstractContextManager[str]]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def entered(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, workers: Workers, signer: FileSigner
) -> Copy:
    """Return what lends copies of one ledger, on SQLite and on PostgreSQL in turn, by their URLs."""
    if request.param == "sqlite":
        file = tmp_path_factory.mktemp("ledger") / "shuoli.db"
        url = f"sqlite:///{file}"
    else:
        server: str = request.getfixturevalue("postgres")
        url = server.replace("/postgres?", "/audited?")
        run(server, 'CREATE DATABASE "audited"')
    store = Store.open(url)
    enter(store, workers, signer)
    store.close()

    @contextmanager
    def copy(folder: Path) -> Iterator[str]:
        if request.param == "sqlite":
            yield f"sqlite:///{shutil.copy(file, folder)}"
            return
        name = f"audited_{secrets.token_hex(8)}"
        run(server, f'CREATE DATABASE "{name}" TEMPLATE "audited"')
        yield server.replace("/postgres?", f"/{name}?")
        run(server, f'DROP DATABASE "{name}" WITH (FORCE)')

    return copy


def run(server: str, statement: str) -> None:
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(statement))
    admin.dispose()


@pytest.fixture
def database_url(entered: Copy, tmp_path: Path) -> Iterator[str]:
    with entered(tmp_path) as url:
        yield url


@pytest.fixture
def ledger(store: Store) -> Store:
    assert audit_log(store) is None
    return store


Altered = Callable[[Callable[[Connection], object]], Flaw | None]


@pytest.fixture
def altered(ledger: Store, database_url: str) -> Altered:
    """Return what alters the ledger as somebody could who owns the database, and audits it then."""

    def alter(act: Callable[[Connection], object]) -> Flaw | None:
        engine = create_engine(database_url)
        with engine.begin() as connection:
            unprotect(connection, *PROTECTED)
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET session_replication_role = replica")
            act(connection)
        engine.dispose()
        return audit_log(ledger)

    return alter


def hash_at(connection: Connection, index: int) -> str:
    return str(connection.execute(select(LEAVES.c.ref).where(LEAVES.c.index == index)).scalar_one())


def set_leaf(at: int, /, **values: object) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(update(LEAVES).where(LEAVES.c.index == at).values(**values))


def set_head(of_size: int, /, **values: object) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(update(HEADS).where(HEADS.c.size == of_size).values(**values))


def forged(kind: str = "grading", ref: str = "a" * 64) -> dict[str, object]:
    one = trail.leaf(kind, ref, "2026-06-01T00:00:00.000000Z")
    return {"kind": kind, "ref": ref, "document": one.document, "hash": leaf_hash(one.document)}


def rechain(connection: Connection) -> None:
    """Number the leaves anew and compute every hash and subtree again, as one without the key can."""
    rows = connection.execute(select(LEAVES).order_by(LEAVES.c.index)).all()
    connection.execute(delete(LEAVES))
    connection.execute(delete(NODES))
    growing = Growing()
    for index, row in enumerate(rows):
        made = leaf_hash(row.document)
        connection.execute(insert(LEAVES).values(row._asdict() | {"index": index, "hash": made}))
        for (level, at), node in growing.add(made):
            connection.execute(insert(NODES).values(level=level, index=at, hash=node))


def test_a_ledger_as_it_was_entered_has_no_flaw(ledger: Store, signer: FileSigner) -> None:
    counted: list[int] = []

    with ledger.read() as transaction:
        heads = trail.heads_from(transaction, 0, 10)
        assert [one.size for one in heads] == list(HEAD_SIZES)
        assert trail.size(transaction) == 12

    assert audit_log(ledger, key=signer.key, kept=heads, done=counted.append) is None
    assert sum(counted) == 12


def test_an_empty_ledger_has_no_flaw(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/empty.db")

    assert audit_log(store) is None
    store.close()


@pytest.mark.parametrize(
    ("act", "table", "key", "what"),
    [
        (set_leaf(0, document=b"{}"), "log_leaves", "0", "hash of the document"),
        (set_leaf(3, document=b"\xff"), "log_leaves", "3", "hash of the document"),
        (set_leaf(3, hash=b"x" * 32), "log_leaves", "3", "hash of the document"),
        (set_leaf(3, kind="decision"), "log_leaves", "3", "kind"),
        (set_leaf(3, ref="0" * 64), "log_leaves", "3", "ref"),
        (set_leaf(3, document=b"{}", hash=leaf_hash(b"{}")), "log_leaves", "3", "kind"),
        (set_leaf(3, document=b"[]", hash=leaf_hash(b"[]")), "log_leaves", "3", "document"),
        (set_leaf(3, **forged()), "log_nodes", "1/1", "hash"),
        (set_leaf(2, **forged()), "gradings", "a" * 64, "row"),
        (set_leaf(11, index=12), "log_leaves", "11", "index"),
        (set_leaf(4, index=-4), "log_leaves", "0", "index"),
        (lambda c: c.execute(delete(LEAVES).where(LEAVES.c.index == 0)), "log_leaves", "0", "index"),
        (lambda c: c.execute(delete(LEAVES).where(LEAVES.c.index == 6)), "log_leaves", "6", "index"),
        (lambda c: c.execute(delete(LEAVES).where(LEAVES.c.index == 11)), "log_leaves", "11", "row"),
        (lambda c: c.execute(delete(LEAVES).where(LEAVES.c.index >= 8)), "log_leaves", "8", "row"),
        (lambda c: c.execute(delete(LEAVES)), "log_leaves", "0", "row"),
        (lambda c: c.execute(insert(LEAVES).values(index=12, **forged())), "gradings", "a" * 64, "row"),
    ],
    ids=[
        "other document of the first leaf",
        "junk",
        "other hash",
        "other kind",
        "other ref",
        "other document with its hash",
        "no object with its hash",
        "other leaf",
        "other leaf that completes nothing",
        "moved",
        "moved before the first",
        "first deleted",
        "one deleted",
        "last deleted",
        "truncated at an earlier head",
        "all deleted",
        "appended",
    ],
)
def test_an_altered_leaf_is_named(altered: Altered, act: Any, table: str, key: str, what: str) -> None:
    flaw = altered(act)

    assert flaw is not None
    assert (flaw.table, flaw.key, flaw.what) == (table, key, what)
    assert flaw.expected != flaw.found


def swap(connection: Connection, first: int = 5, second: int = 6) -> None:
    connection.execute(update(LEAVES).where(LEAVES.c.index == first).values(index=99))
    connection.execute(update(LEAVES).where(LEAVES.c.index == second).values(index=first))
    connection.execute(update(LEAVES).where(LEAVES.c.index == 99).values(index=second))


def drop_and_close(connection: Connection) -> None:
    connection.execute(delete(LEAVES).where(LEAVES.c.index == 6))
    rows = connection.execute(select(LEAVES).where(LEAVES.c.index > 6).order_by(LEAVES.c.index)).all()
    connection.execute(delete(LEAVES).where(LEAVES.c.index > 6))
    for row in rows:
        connection.execute(insert(LEAVES).values(row._asdict() | {"index": row._mapping["index"] - 1}))


def insert_and_open(connection: Connection) -> None:
    rows = connection.execute(select(LEAVES).where(LEAVES.c.index >= 6).order_by(LEAVES.c.index.desc())).all()
    connection.execute(delete(LEAVES).where(LEAVES.c.index >= 6))
    for row in rows:
        connection.execute(insert(LEAVES).values(row._asdict() | {"index": row._mapping["index"] + 1}))
    connection.execute(insert(LEAVES).values(index=6, **forged("decision")))


def repeat_last(connection: Connection) -> None:
    row = connection.execute(select(LEAVES).where(LEAVES.c.index == 11)).one()
    connection.execute(insert(LEAVES).values(row._asdict() | {"index": 12}))


@pytest.mark.parametrize(
    ("act", "table", "key"),
    [
        (swap, "log_nodes", "1/2"),
        (drop_and_close, "log_nodes", "1/3"),
        (insert_and_open, "log_nodes", "1/3"),
        (repeat_last, "log_leaves", "12"),
    ],
    ids=["swapped", "deleted and closed up", "inserted and opened up", "duplicated"],
)
def test_leaves_in_another_order_are_named(altered: Altered, act: Any, table: str, key: str) -> None:
    flaw = altered(act)

    assert flaw is not None
    assert (flaw.table, flaw.key) == (table, key)


@pytest.mark.parametrize("act", [swap, drop_and_close, insert_and_open])
def test_a_log_that_was_chained_anew_fails_at_the_first_head_over_what_changed(altered: Altered, act: Any) -> None:
    def change(connection: Connection) -> None:
        act(connection)
        rechain(connection)

    flaw = altered(change)

    assert flaw is not None
    assert (flaw.table, flaw.key, flaw.what) == ("log_heads", "8", "root of leaves 0 to 7")


def test_a_grading_altered_with_its_leaf_and_all_hashes_fails_at_the_head(altered: Altered) -> None:
    def change(connection: Connection) -> None:
        name = hash_at(connection, 2)
        row = connection.execute(select(GRADINGS).where(GRADINGS.c.hash == name)).one()
        assert row.base is None
        document = unpacked(row.document).replace(b'"score":90', b'"score":99')
        other = hashlib.sha256(document).hexdigest()
        values = {"hash": other, "document": packed(document), "score": 99}
        said = msgspec.json.decode(document)
        values["outcome"] = outcome_digest(said)
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        connection.execute(update(GRADINGS).where(GRADINGS.c.hash == name).values(**values))
        connection.execute(update(CURRENT).where(CURRENT.c.hash == name).values(hash=other))
        connection.execute(update(CONFIRMATIONS).where(CONFIRMATIONS.c.grading == name).values(grading=other))
        leaf = msgspec.json.decode(
            connection.execute(select(LEAVES.c.document).where(LEAVES.c.index == 2)).scalar_one()
        )
        set_leaf(2, ref=other, document=trail.leaf("grading", other, leaf["at"]).document)(connection)
        rechain(connection)

    flaw = altered(change)

    assert flaw is not None
    assert (flaw.table, flaw.key) == ("log_heads", "5")


@pytest.mark.parametrize(
    ("act", "key", "what"),
    [
        (set_head(8, signature=b"x" * 64), "8", "signature"),
        (set_head(8, signature=b""), "8", "signature"),
        (set_head(8, document=b"{}"), "8", "signature"),
        (set_head(8, key=b"x" * 32), "8", "key"),
        (set_head(5, key=b"x" * 32), "5", "signature"),
        (set_head(8, size=9), "9", "size in the document"),
        (set_head(8, size=-8), "-8", "size"),
        (set_head(12, size=40), "40", "size"),
    ],
)
def test_an_altered_head_is_named(altered: Altered, act: Any, key: str, what: str) -> None:
    flaw = altered(act)

    assert flaw is not None
    if key == "40":  # its signature is genuine: a log of that size has been cut
        assert (flaw.table, flaw.key, flaw.what) == ("log_leaves", "12", "row")
    else:
        assert (flaw.table, flaw.key, flaw.what) == ("log_heads", key, what)


def test_a_head_replaced_by_an_older_one_is_named(altered: Altered) -> None:
    def change(connection: Connection) -> None:
        older = connection.execute(select(HEADS).where(HEADS.c.size == 5)).one()
        set_head(12, document=older.document, signature=older.signature)(connection)

    flaw = altered(change)

    assert flaw is not None
    assert (flaw.table, flaw.key, flaw.what) == ("log_heads", "12", "size in the document")


def test_swapped_signatures_are_named(altered: Altered) -> None:
    def change(connection: Connection) -> None:
        rows = {row.size: row.signature for row in connection.execute(select(HEADS))}
        set_head(5, signature=rows[8])(connection)
        set_head(8, signature=rows[5])(connection)

    flaw = altered(change)

    assert flaw is not None
    assert (flaw.table, flaw.key, flaw.what) == ("log_heads", "5", "signature")


def test_a_log_signed_anew_with_another_key_is_told_by_the_key(
    altered: Altered, ledger: Store, signer: FileSigner, tmp_path: Path
) -> None:
    with ledger.read() as transaction:
        heads = trail.heads_from(transaction, 0, 10)
    other = FileSigner.open(tmp_path / "other.pem", None)

    def change(connection: Connection) -> None:
        for head in heads:
            said = msgspec.json.decode(head.document)
            said["log"] = hashlib.sha256(other.key).hexdigest()[:16]
            document = msgspec.json.encode(said, order="sorted")
            set_head(head.size, document=document, signature=other.sign(document), key=other.key)(connection)

    assert altered(change) is None

    flaw = audit_log(ledger, key=signer.key)
    assert flaw is not None
    assert (flaw.table, flaw.key, flaw.what) == ("log_heads", "5", "key")
    flaw = audit_log(ledger, kept=heads[:1])
    assert flaw is not None
    assert (flaw.table, flaw.what) == ("log_heads", "key")


@pytest.mark.parametrize(
    ("act", "key"),
    [
        (lambda c: c.execute(update(NODES).where(NODES.c.level == 2).values(hash=b"x" * 32)), "2/0"),
        (lambda c: c.execute(delete(NODES).where(NODES.c.level == 3)), "3/0"),
        (lambda c: c.execute(update(NODES).where(NODES.c.level == 3).values(index=1)), "3/0"),
        (lambda c: c.execute(insert(NODES).values(level=1, index=6, hash=b"x" * 32)), "1/6"),
        (lambda c: c.execute(insert(NODES).values(level=0, index=0, hash=b"x" * 32)), "0/0"),
        (lambda c: c.execute(insert(NODES).values(level=2, index=-1, hash=b"x" * 32)), "2/-1"),
        (lambda c: c.execute(insert(NODES).values(level=900, index=0, hash=b"x" * 32)), "900/0"),
    ],
)
def test_an_altered_subtree_is_named(altered: Altered, act: Any, key: str) -> None:
    flaw = altered(act)

    assert flaw is not None
    assert (flaw.table, flaw.key) == ("log_nodes", key)


def change_row(table: Table, column: str, value: Any) -> Callable[[Connection], str]:
    """Return what changes one column of the row of which the log speaks first; that returns the row's key."""
    kind = {"gradings": "grading", "confirmations": "confirmation", "rulebooks": "publication"}[table.name]
    key = next(iter(table.primary_key.columns))

    def change(connection: Connection) -> str:
        query = select(LEAVES.c.ref).where(LEAVES.c.kind == kind).order_by(LEAVES.c.index).limit(1)
        name = str(connection.execute(query).scalar_one())
        was = connection.execute(select(table.c[column]).where(key == name)).scalar_one()
        values = {column: value(was) if callable(value) else value}
        connection.execute(update(table).where(key == name).values(**values))
        return name

    return change


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        (GRADINGS, "document", lambda was: packed(unpacked(was).replace(b'"P', b'"Q'))),
        (GRADINGS, "document", lambda was: packed(unpacked(was) + b" ")),
        (GRADINGS, "document", lambda was: was[:-1]),
        (GRADINGS, "document", lambda was: was + b"\0"),
        (GRADINGS, "document", b""),
        (GRADINGS, "producer_id", "P4"),
        (GRADINGS, "as_of", DAY + 7),
        (GRADINGS, "known_at", "2026-06-01T00:00:00.000000Z"),
        (GRADINGS, "grade", "A"),
        (GRADINGS, "score", 99),
        (GRADINGS, "next_change_on", 1),
        (GRADINGS, "outcome", "0" * 64),
        (CONFIRMATIONS, "document", lambda was: was.replace(b'"P', b'"Q')),
        (CONFIRMATIONS, "document", b"{}"),
        (CONFIRMATIONS, "producer_id", "P4"),
        (RULEBOOKS, "document", lambda was: packed(unpacked(was).replace(b"farm", b"firm"))),
        (RULEBOOKS, "id", "vineyard"),
        (RULEBOOKS, "version", "2"),
        (RULEBOOKS, "entered_at", "2026-01-01T00:00:00.000000Z"),
    ],
)
def test_an_altered_row_is_named(altered: Altered, table: Table, column: str, value: Any) -> None:
    named: list[str] = []

    flaw = altered(lambda connection: named.append(change_row(table, column, value)(connection)))

    assert flaw is not None
    assert (flaw.table, flaw.key) == (table.name, named[0])
    assert flaw.expected != flaw.found


@pytest.mark.parametrize("table", [GRADINGS, CONFIRMATIONS], ids=lambda table: table.name)
def test_a_deleted_or_exchanged_row_is_named(altered: Altered, table: Table) -> None:
    named: list[str] = []

    def change(connection: Connection) -> None:
        # No other row speaks of the first producer's first grading, so that no foreign key keeps it.
        kind = "grading" if table is GRADINGS else "confirmation"
        index = select(func.min(LEAVES.c.index)).where(LEAVES.c.kind == kind).scalar_subquery()
        named.append(str(connection.execute(select(LEAVES.c.ref).where(LEAVES.c.index == index)).scalar_one()))
        connection.execute(delete(table).where(table.c.hash == named[0]))

    flaw = altered(change)

    assert flaw is not None
    assert (flaw.table, flaw.key, flaw.what) == (table.name, named[0], "row")


@pytest.mark.parametrize("table", [GRADINGS, CONFIRMATIONS, RULEBOOKS], ids=lambda table: table.name)
def test_a_row_that_the_log_does_not_speak_of_is_named(altered: Altered, table: Table) -> None:
    name = next(iter(table.primary_key.columns)).name

    def change(connection: Connection) -> None:
        row = connection.execute(select(table).limit(1)).one()
        connection.execute(insert(table).values(row._asdict() | {name: "f" * 64}))

    flaw = altered(change)

    assert flaw is not None
    assert (flaw.table, flaw.key, flaw.what) == (table.name, "f" * 64, "leaf")


def test_an_altered_fact_is_named(altered: Altered) -> None:
    flaw = altered(lambda connection: connection.execute(update(FACTS).where(FACTS.c.seq == 2).values(document=b"{}")))

    assert flaw is not None
    assert (flaw.table, flaw.key, flaw.what) == ("facts", "2", "sha256")


@pytest.mark.parametrize(
    ("act", "key", "what"),
    [
        (lambda c: c.execute(update(CURRENT).where(CURRENT.c.producer_id == "P1").values(grade="A")), "P1", "grade"),
        (lambda c: c.execute(update(CURRENT).where(CURRENT.c.producer_id == "P2").values(as_of=DAY)), "P2", "as_of"),
        (
            lambda c: c.execute(update(CURRENT).where(CURRENT.c.producer_id == "P1").values(hash=hash_at(c, 1))),
            "P1",
            "hash",
        ),
        (lambda c: c.execute(delete(CURRENT).where(CURRENT.c.producer_id == "P3")), "P3", "row"),
    ],
    ids=["grade", "day", "an older grading", "deleted"],
)
def test_what_holds_now_is_what_the_log_says_last(altered: Altered, act: Any, key: str, what: str) -> None:
    flaw = altered(act)

    assert flaw is not None
    assert (flaw.table, flaw.key, flaw.what) == ("current_gradings", key, what)


def test_an_earlier_state_of_the_whole_ledger_is_told_by_a_later_head(altered: Altered, ledger: Store) -> None:
    with ledger.read() as transaction:
        later = trail.last_head(transaction)
        earlier = trail.head(transaction, 8)
    assert later is not None
    assert earlier is not None

    def restore(connection: Connection) -> None:
        """Leave what a backup held that was made after the second head."""
        connection.execute(delete(CURRENT))
        names = select(LEAVES.c.ref).where(LEAVES.c.index >= 8)
        connection.execute(delete(CONFIRMATIONS).where(CONFIRMATIONS.c.hash.in_(names)))
        connection.execute(delete(LEAVES).where(LEAVES.c.index >= 8))
        connection.execute(delete(NODES).where((NODES.c.level == 1) & (NODES.c.index >= 4)))
        connection.execute(delete(NODES).where((NODES.c.level == 2) & (NODES.c.index >= 2)))
        connection.execute(delete(HEADS).where(HEADS.c.size > 8))
        for name, index in (("P1", 7), ("P2", 6), ("P3", 3), ("P4", 4)):
            row = connection.execute(select(GRADINGS).where(GRADINGS.c.hash == hash_at(connection, index))).one()
            columns = {one.name: getattr(row, one.name) for one in CURRENT.columns}
            assert row.producer_id == name
            connection.execute(insert(CURRENT).values(columns))

    assert altered(restore) is None

    assert audit_log(ledger, kept=[earlier]) is None
    flaw = audit_log(ledger, kept=[later])
    assert flaw is not None
    assert (flaw.table, flaw.key, flaw.what) == ("log_leaves", "8", "row")


def test_a_kept_head_that_the_log_does_not_begin_with_is_named(ledger: Store, signer: FileSigner) -> None:
    with ledger.read() as transaction:
        head = trail.head(transaction, 8)
    assert head is not None
    document = head.document.replace(b'"size":8', b'"size":7')
    other = StoredHead(7, document, signer.sign(document), signer.key)

    flaw = audit_log(ledger, kept=[other])

    assert flaw is not None
    assert (flaw.table, flaw.key, flaw.what) == (KEPT, "7", "root of leaves 0 to 6")


def flipped(value: Any, bit: int) -> Any:
    """Return a value with one bit of its bytes turned, as its column would give it."""
    if isinstance(value, int):
        return value ^ (1 << bit)
    content = bytearray(value.encode() if isinstance(value, str) else value)
    content[bit // 8] ^= 1 << bit % 8
    return content.decode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(content)


def bits(value: Any) -> int:
    return 63 if isinstance(value, int) else 8 * len(value.encode() if isinstance(value, str) else value)


def test_every_bit_of_a_thousand_leaves_counts() -> None:
    rng = random.Random(1)
    for index in range(1000):
        one = trail.leaf(rng.choice(checks.KINDS), rng.randbytes(32).hex(), "2026-06-01T00:00:00.000000Z")
        stored = StoredLeaf(index, one.kind, one.ref, one.document, leaf_hash(one.document))
        assert checks.check_leaf(stored, index, "sha256") is None
        values = msgspec.structs.astuple(stored)
        for column, value in enumerate(values):
            for bit in range(bits(value)):
                fields = [*values]
                fields[column] = flipped(value, bit)
                other = StoredLeaf(*fields)
                assert checks.check_leaf(other, index, "sha256") is not None, (index, column, bit)


def test_every_bit_of_a_head_counts(ledger: Store, signer: FileSigner) -> None:
    with ledger.read() as transaction:
        for head in trail.heads_from(transaction, 0, 10):
            root = trail.root(transaction, head.size)
            assert checks.check_head(head, head.size, root, "sha256", signer.key) is None
            values = msgspec.structs.asdict(head)
            for name, value in values.items():
                for bit in range(bits(value)):
                    other = StoredHead(**values | {name: flipped(value, bit)})
                    assert checks.check_head(other, head.size, root, "sha256", signer.key) is not None, (name, bit)


def document_of(row: dict[str, Any]) -> bytes | None:
    try:
        return unpacked_grading(row["document"], row["base"], row["base_document"])
    except Unpackable:
        return None


@pytest.mark.parametrize(
    ("table", "check"),
    [(GRADINGS, checks.check_grading), (CONFIRMATIONS, checks.check_confirmation)],
    ids=["gradings", "confirmations"],
)
def test_every_bit_of_a_stored_decision_counts(
    ledger: Store, table: Table, check: Callable[[Any, str], Flaw | None]
) -> None:
    with ledger.read() as transaction:
        query = with_bases(*GRADINGS.c).order_by(GRADINGS.c.base) if table is GRADINGS else select(table)
        found = [row._asdict() for row in transaction.connection.execute(query)]
    rows = [found[0], found[-1]]
    assert table is not GRADINGS or {row["base"] is None for row in rows} == {True, False}
    for row in rows:
        assert check(row, row["hash"]) is None
        for name, value in row.items():
            for bit in range(0 if value is None else bits(value)):
                other = flipped(value, bit)
                # A few bits of the packing can turn without the document being another.
                packing = table is GRADINGS and name in ("document", "base_document")
                harmless = packing and document_of(row | {name: other}) == document_of(row)
                assert harmless or check(row | {name: other}, row["hash"]) is not None, (name, bit)
