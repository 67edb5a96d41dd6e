"""The trail: an append-only log of what was decided, as a Merkle tree whose complete subtrees are stored.

Leaves are added in transactions of `Store.write` only. Those follow each other, the clock of the ledger being locked
until each ends, so that indexes have no gaps and no two writers see the same last leaf.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from sqlalchemy import and_, func, or_, select

from store.ledger import StoreCorrupt, Transaction
from store.merkle import (
    ALGORITHMS,
    Subtree,
    complete,
    consistency_ranges,
    fold,
    inclusion_ranges,
    leaf_hash,
    parents,
)
from store.tables import HEADS, LEAVES, NODES

_canonical: Final = msgspec.json.Encoder(order="sorted").encode


class Leaf(msgspec.Struct, frozen=True):
    """What the log says: at an instant something of a kind was entered whose document has the SHA-256 `ref`."""

    kind: str
    ref: str
    document: bytes


class StoredLeaf(msgspec.Struct, frozen=True):
    """A leaf with its place in the log and its hash."""

    index: int
    kind: str
    ref: str
    document: bytes
    hash: bytes


class StoredHead(msgspec.Struct, frozen=True):
    """A signed head: the log of `size` leaves has the root that `document` tells."""

    size: int
    document: bytes
    signature: bytes
    key: bytes


def leaf(kind: str, ref: str, at: str) -> Leaf:
    """Return a leaf with its canonical document; `at` is the record time.

    >>> leaf("grading", "00" * 32, "2026-03-03T00:00:00.000000Z").document[:44]
    b'{"at":"2026-03-03T00:00:00.000000Z","kind":"'
    """
    return Leaf(kind, ref, _canonical({"at": at, "kind": kind, "ref": ref}))


def append(transaction: Transaction, leaves: Sequence[Leaf]) -> int:
    """Add leaves, and the subtrees that they complete; return the index of the first.

    Raises:
        StoreCorrupt: the log's first leaf or a subtree is not what was stored.
    """
    first = size(transaction)
    if not leaves:
        return first
    used = algorithm(transaction)
    hashes = [leaf_hash(one.document, used) for one in leaves]
    rows = [
        {"index": index, "kind": one.kind, "ref": one.ref, "document": one.document, "hash": made}
        for index, (one, made) in enumerate(zip(leaves, hashes, strict=True), first)
    ]
    above = _completed(transaction, first, hashes, used)
    transaction.connection.execute(LEAVES.insert(), rows)
    if above:
        transaction.connection.execute(NODES.insert(), above)
    return first


def size(transaction: Transaction) -> int:
    """Return how many leaves the log has."""
    last = transaction.connection.execute(select(func.max(LEAVES.c.index))).scalar()
    return 0 if last is None else last + 1


def algorithm(transaction: Transaction) -> str:
    """Return what the log is hashed with: what its first leaf was, or what the store was opened with.

    Raises:
        StoreCorrupt: the first leaf has neither hash.
    """
    first = leaf_at(transaction, 0)
    if first is None:
        return transaction.log_hash
    for name in ALGORITHMS:
        if leaf_hash(first.document, name) == first.hash:
            return name
    raise StoreCorrupt("leaf 0 of the log has been altered", help="see `shuoli log verify`")


def root(transaction: Transaction, of_size: int) -> bytes:
    """Return the root that the log had with so many leaves.

    Raises:
        StoreCorrupt: a part of the tree is missing.
    """
    return _hashes(transaction, [(0, of_size)])[0]


def inclusion(transaction: Transaction, index: int, of_size: int) -> list[bytes]:
    """Return the proof that a leaf lies in the log of `of_size` leaves; there are so many, and `index` is below it.

    Raises:
        StoreCorrupt: a part of the tree is missing.
    """
    return _hashes(transaction, inclusion_ranges(index, of_size))


def consistency(transaction: Transaction, old: int, new: int) -> list[bytes]:
    """Return the proof that the log of `new` leaves begins with that of `old`, at least 1 and at most `new`.

    Raises:
        StoreCorrupt: a part of the tree is missing.
    """
    return _hashes(transaction, consistency_ranges(old, new))


def leaf_of(transaction: Transaction, ref: str) -> StoredLeaf | None:
    """Return the first leaf about a document, None where there is none."""
    query = select(LEAVES).where(LEAVES.c.ref == ref).order_by(LEAVES.c.index).limit(1)
    row = transaction.connection.execute(query).first()
    return None if row is None else StoredLeaf(*row)


def leaf_at(transaction: Transaction, index: int) -> StoredLeaf | None:
    """Return the leaf with an index, None where there is none."""
    row = transaction.connection.execute(select(LEAVES).where(LEAVES.c.index == index)).first()
    return None if row is None else StoredLeaf(*row)


def leaves_from(transaction: Transaction, start: int, limit: int) -> list[StoredLeaf]:
    """Return at most `limit` leaves in order, from index `start` on."""
    query = select(LEAVES).where(LEAVES.c.index >= start).order_by(LEAVES.c.index).limit(limit)
    return [StoredLeaf(*row) for row in transaction.connection.execute(query)]


def head(transaction: Transaction, of_size: int) -> StoredHead | None:
    """Return the signed head of the log of so many leaves, None where none was signed."""
    row = transaction.connection.execute(select(HEADS).where(HEADS.c.size == of_size)).first()
    return None if row is None else StoredHead(*row)


def last_head(transaction: Transaction) -> StoredHead | None:
    """Return the newest signed head, None where none was signed yet."""
    row = transaction.connection.execute(select(HEADS).order_by(HEADS.c.size.desc()).limit(1)).first()
    return None if row is None else StoredHead(*row)


def heads_from(transaction: Transaction, after: int, limit: int) -> list[StoredHead]:
    """Return at most `limit` signed heads in order, those of more leaves than `after`."""
    query = select(HEADS).where(HEADS.c.size > after).order_by(HEADS.c.size).limit(limit)
    return [StoredHead(*row) for row in transaction.connection.execute(query)]


def add_head(transaction: Transaction, signed: StoredHead) -> None:
    """Store a signed head of more leaves than the last one had."""
    transaction.connection.execute(HEADS.insert().values(msgspec.structs.asdict(signed)))


def _completed(
    transaction: Transaction, first: int, hashes: Sequence[bytes], used: str
) -> list[dict[str, int | bytes]]:
    """Return the rows of the subtrees that new leaves from index `first` on complete, level by level."""
    end = first + len(hashes)
    # On each level a new hash with an odd index has its left neighbour among those that are stored.
    needed = [
        (level, (first >> level) - 1)
        for level in range(end.bit_length())
        if first >> level & 1 and end >> level > first >> level
    ]
    stored = _subtrees(transaction, needed)
    rows: list[dict[str, int | bytes]] = []
    level, index, made = 0, first, list(hashes)
    while made:
        if index & 1:
            made.insert(0, stored[level, index - 1])
            index -= 1
        made = parents(made, used)
        level, index = level + 1, index >> 1
        rows += [{"level": level, "index": at, "hash": one} for at, one in enumerate(made, index)]
    return rows


def _hashes(transaction: Transaction, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """Return the hash of each range of leaves, with one or two queries for all of them."""
    parts = [complete(start, end) for start, end in ranges]
    stored = _subtrees(transaction, [one for part in parts for one in part])
    used = algorithm(transaction)
    return [fold([stored[one] for one in part], used) for part in parts]


def _subtrees(transaction: Transaction, wanted: Iterable[Subtree]) -> dict[Subtree, bytes]:
    """Return the stored hashes of complete subtrees; there are at most two for each level."""
    wanted = set(wanted)
    found: dict[Subtree, bytes] = {}
    leaves = [index for level, index in wanted if level == 0]
    if leaves:
        query = select(LEAVES.c.index, LEAVES.c.hash).where(LEAVES.c.index.in_(leaves))
        found |= {(0, row[0]): row[1] for row in transaction.connection.execute(query)}
    # SQLite reads the whole table for `(level, index) IN (...)`, and looks each alternative of an `or` up.
    above = [and_(NODES.c.level == level, NODES.c.index == index) for level, index in wanted if level > 0]
    if above:
        query = select(NODES.c.level, NODES.c.index, NODES.c.hash).where(or_(*above))
        found |= {(row[0], row[1]): row[2] for row in transaction.connection.execute(query)}
    if len(found) < len(wanted):
        level, index = min(wanted - found.keys())
        raise StoreCorrupt(f"subtree {index} of level {level} is missing in the log", help="see `shuoli log verify`")
    return found
