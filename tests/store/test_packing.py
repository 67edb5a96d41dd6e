"""What is packed comes out as it went in, or not at all."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from sqlalchemy import select

from engine.document import digest
from store.ledger import Store, StoreCorrupt, StoredGrading
from store.packing import Unpackable, packed, unpacked, unpacked_grading
from store.tables import GRADINGS
from tests.conftest import unprotect

RULEBOOK = "a" * 64


def document(seed: int, changed: int = 0) -> bytes:
    """Return 20 KB of text, some of whose lines are changed."""
    draw = random.Random(seed)
    lines = [f'"{draw.randrange(10**12)}"' for _ in range(1500)]
    for place in range(changed):
        lines[place * 7] = f'"other {place}"'
    return ",".join(lines).encode()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path}/ledger.db")
    with store.write() as transaction:
        transaction.put_producer("P1", b"{}")
        transaction.put_producer("P2", b"{}")
        transaction.add_rulebook(RULEBOOK, "r", "1", b"{}")
    yield store
    store.close()


def enter(store: Store, producer: str, *documents: bytes) -> list[str]:
    """Store gradings of a producer one after another; return their hashes."""
    for one in documents:
        name = digest(one)
        grading = StoredGrading(name, producer, 1, "2026", RULEBOOK, "A", 1, None, name, one)
        with store.write() as transaction:
            transaction.add_gradings([grading])
    return [digest(one) for one in documents]


def rows(store: Store) -> dict[str, tuple[str | None, bytes]]:
    """Return base and stored bytes of all gradings, by hash."""
    with store.read() as transaction:
        query = select(GRADINGS.c.hash, GRADINGS.c.base, GRADINGS.c.document)
        return {row[0]: (row[1], row[2]) for row in transaction.connection.execute(query)}


def test_gradings_that_are_alike_are_stored_as_differences_from_one_whole(store: Store) -> None:
    documents = [document(1), document(1, 2), document(1, 3), document(2), document(2, 1)]
    first, second, third, other, last = enter(store, "P1", *documents)
    (foreign,) = enter(store, "P2", document(1, 4))

    found = rows(store)

    bases = {name: base for name, (base, _) in found.items()}
    assert bases == {first: None, second: first, third: first, other: None, last: other, foreign: None}
    assert len(found[third][1]) * 4 < len(found[first][1])
    with store.read() as transaction:
        assert [transaction.grading(digest(one)) for one in documents] == documents


def test_a_base_that_was_altered_takes_no_more_gradings_and_is_named_by_those_that_rest_on_it(store: Store) -> None:
    first, second = enter(store, "P1", document(1), document(1, 2))
    with store.write() as transaction:
        unprotect(transaction.connection, "gradings")
        forged = packed(document(1, 1))
        transaction.connection.execute(GRADINGS.update().where(GRADINGS.c.hash == first).values(document=forged))

    (third,) = enter(store, "P1", document(1, 3))

    found = rows(store)
    assert found[third][0] is None
    with pytest.raises(Unpackable, match=f"its base {first} has been altered"):
        unpacked_grading(found[second][1], first, found[first][1])
    with store.read() as transaction:
        assert transaction.grading(third) == document(1, 3)
        with pytest.raises(StoreCorrupt, match=second):
            transaction.grading(second)


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"\0",
        packed(b"text")[:-1],
        packed(b"text") + b"\0",
        packed(b"text") * 2,
        zstandard.ZstdCompressor(write_content_size=False).compress(b"text"),
        # A frame's head that claims 2 ** 62 bytes.
        b"\x28\xb5\x2f\xfd\xe0" + (1 << 62).to_bytes(8, "little") + packed(b"text")[6:],
    ],
    ids=["nothing", "no frame", "cut", "more behind", "twice", "no length", "a huge length"],
)
def test_what_is_not_packed_is_refused(stored: bytes) -> None:
    with pytest.raises(Unpackable):
        unpacked(stored)


def test_an_empty_document_can_be_packed() -> None:
    assert unpacked(packed(b"")) == b""
