"""The log grows without gaps and proves itself from its stored subtrees, on both databases."""

from __future__ import annotations

import hashlib
import random
import threading

import pytest
from sqlalchemy import create_engine, text

from store import trail
from store.ledger import Store, StoreCorrupt
from store.merkle import Growing, leaf_hash, verify_consistency, verify_inclusion
from store.tables import LEAVES, NODES
from store.trail import Leaf, StoredHead
from tests.conftest import unprotect

AT = "2026-06-01T00:00:00.000000Z"


def numbered(count: int, start: int = 0) -> list[Leaf]:
    return [trail.leaf("grading", hashlib.sha256(b"%d" % n).hexdigest(), AT) for n in range(start, start + count)]


def grow(store: Store, *counts: int) -> None:
    start = 0
    for count in counts:
        with store.write() as transaction:
            assert trail.append(transaction, numbered(count, start)) == start
        start += count


def root(leaves: list[Leaf], algorithm: str = "sha256") -> bytes:
    growing = Growing(algorithm)
    for one in leaves:
        growing.add(leaf_hash(one.document, algorithm))
    return growing.root()


def test_a_log_begins_empty(store: Store) -> None:
    with store.read() as transaction:
        assert trail.size(transaction) == 0
        assert trail.root(transaction, 0) == hashlib.sha256(b"").digest()
        assert trail.leaf_at(transaction, 0) is None
        assert trail.leaf_of(transaction, "0" * 64) is None
        assert trail.last_head(transaction) is None
        assert trail.head(transaction, 0) is None


def test_a_leaf_says_when_what_was_entered(store: Store) -> None:
    grow(store, 3)
    one = numbered(1, 2)[0]

    assert one.document == b'{"at":"%b","kind":"grading","ref":"%b"}' % (AT.encode(), one.ref.encode())
    with store.read() as transaction:
        stored = trail.leaf_of(transaction, one.ref)
        assert stored is not None
        assert (stored.index, stored.kind, stored.ref, stored.document) == (2, "grading", one.ref, one.document)
        assert stored.hash == leaf_hash(one.document)
        assert trail.leaf_at(transaction, 2) == stored
        assert trail.leaves_from(transaction, 1, 5) == [trail.leaf_at(transaction, 1), stored]


@pytest.mark.parametrize("counts", [(1,) * 20, (0, 7, 0, 1, 12), (20,), (3, 5, 1, 11)])
def test_however_leaves_arrive_the_tree_is_the_same(store: Store, counts: tuple[int, ...]) -> None:
    grow(store, *counts)
    leaves = numbered(20)

    with store.read() as transaction:
        nodes = transaction.connection.execute(NODES.select()).all()
        assert len(nodes) == 20 - (20).bit_count()
        assert [trail.root(transaction, size) for size in range(21)] == [root(leaves[:size]) for size in range(21)]


def test_every_proof_of_a_log_holds(store: Store) -> None:
    grow(store, 5, 1, 17, 10)
    leaves = numbered(33)
    roots = [root(leaves[:size]) for size in range(34)]
    rng = random.Random(1)

    with store.read() as transaction:
        for size in (1, 2, 3, 7, 8, 23, 32, 33):
            for index in {0, size - 1, rng.randrange(size)}:
                proof = trail.inclusion(transaction, index, size)
                assert verify_inclusion(leaf_hash(leaves[index].document), index, size, proof, roots[size])
            for old in {1, size, rng.randrange(1, size + 1)}:
                proof = trail.consistency(transaction, old, size)
                assert verify_consistency(old, roots[old], size, roots[size], proof)


def test_a_log_keeps_the_hash_that_it_began_with(database_url: str) -> None:
    first = Store.open(database_url, log_hash="sm3")
    grow(first, 3)
    first.close()
    again = Store.open(database_url)
    with again.write() as transaction:
        trail.append(transaction, numbered(2, 3))

    with again.read() as transaction:
        assert trail.algorithm(transaction) == "sm3"
        assert trail.root(transaction, 5) == root(numbered(5), "sm3")
    again.close()


def test_writers_at_once_leave_no_gap_and_no_leaf_twice(store: Store) -> None:
    def add(name: int) -> None:
        for number in range(5):
            with store.write() as transaction:
                trail.append(transaction, numbered(3, name * 1000 + number * 10))

    threads = [threading.Thread(target=add, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store.read() as transaction:
        stored = trail.leaves_from(transaction, 0, 100)
        assert [one.index for one in stored] == list(range(60))
        assert len({one.ref for one in stored}) == 60
        assert trail.root(transaction, 60) == root([Leaf(one.kind, one.ref, one.document) for one in stored])


def test_nothing_of_a_failed_transaction_is_in_the_log(store: Store) -> None:
    grow(store, 3)

    def fail() -> None:
        with store.write() as transaction:
            trail.append(transaction, numbered(2, 3))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    with store.read() as transaction:
        assert (trail.size(transaction), trail.root(transaction, 3)) == (3, root(numbered(3)))


def test_heads_are_found_by_their_size(store: Store) -> None:
    small, large = (StoredHead(size, b"document", b"signature", b"key") for size in (3, 70))
    with store.write() as transaction:
        trail.add_head(transaction, small)
        trail.add_head(transaction, large)

    with store.read() as transaction:
        assert trail.last_head(transaction) == large
        assert (trail.head(transaction, 3), trail.head(transaction, 4)) == (small, None)
        assert trail.heads_from(transaction, 3, 10) == [large]


def test_a_tree_with_a_hole_gives_no_proof(store: Store, database_url: str) -> None:
    grow(store, 20)
    engine = create_engine(database_url)
    with engine.begin() as connection:
        unprotect(connection, "log_nodes", "log_leaves")
        connection.execute(NODES.delete().where(NODES.c.level == 3, NODES.c.index == 1))
        connection.execute(LEAVES.update().where(LEAVES.c.index == 0).values(hash=b"x" * 32))
    engine.dispose()

    with store.read() as transaction, pytest.raises(StoreCorrupt, match="subtree 1 of level 3"):
        trail.inclusion(transaction, 2, 20)
    with store.read() as transaction, pytest.raises(StoreCorrupt, match="leaf 0"):
        trail.inclusion(transaction, 2, 8)
    with store.write() as transaction, pytest.raises(StoreCorrupt, match="leaf 0"):
        trail.append(transaction, numbered(1, 20))


def test_the_database_refuses_to_change_the_log(store: Store, database_url: str) -> None:
    grow(store, 2)
    with store.write() as transaction:
        trail.add_head(transaction, StoredHead(2, b"document", b"signature", b"key"))
    engine = create_engine(database_url)

    for table in ("log_leaves", "log_nodes", "log_heads"):
        column = "hash" if table == "log_nodes" else "document"
        for act in (f"DELETE FROM {table}", f"UPDATE {table} SET {column} = {column}"):
            with pytest.raises(Exception, match="append-only"), engine.begin() as connection:
                connection.execute(text(act))
    engine.dispose()
