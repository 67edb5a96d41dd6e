"""What the log shows to anyone: its newest signed head, its leaves, and proofs that fit a head they hold."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from casework.heads import SignedHead
from casework.signing import log_id
from knowledge.problems import ShuoliError
from store import trail
from store.ledger import Store, Transaction

MOST_ENTRIES = 1000
"""Leaves that are shown at a time."""


class LogMissing(ShuoliError):
    """The log has no such leaf, no so many leaves, or no head yet."""

    code = "log.missing"


class LogPending(ShuoliError):
    """A leaf is in the log, and no signed head covers it yet."""

    code = "log.pending"


class LogKey(msgspec.Struct, frozen=True):
    """The public key that checks heads, 32 bytes in hex, and the id of the log."""

    algorithm: str
    key: str
    log: str


class LogEntry(msgspec.Struct, frozen=True):
    """One leaf: the text that its hash is taken of, and the hash in hex."""

    index: int
    document: str
    hash: str


class LogEntries(msgspec.Struct, frozen=True):
    """Leaves in order. `size` is how many the log has."""

    size: int
    entries: tuple[LogEntry, ...]


class Inclusion(msgspec.Struct, frozen=True):
    """The proof that a leaf lies in the log of `size` leaves, from the leaf up, in hex; with the head of that size."""

    leaf: LogEntry
    size: int
    hash: str
    inclusion: tuple[str, ...]
    head: SignedHead | None


class Consistency(msgspec.Struct, frozen=True, rename={"from_size": "from", "to_size": "to"}):
    """The proof that the log of `to` leaves begins with the log of `from` leaves, in hex."""

    from_size: int
    to_size: int
    hash: str
    consistency: tuple[str, ...]


class Proofs:
    """Reads the log of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def head(self) -> SignedHead:
        """Return the newest signed head.

        Raises:
            LogMissing: none was signed yet.
        """
        with self._store.read() as transaction:
            return SignedHead.of(_last(transaction))

    def key(self) -> LogKey:
        """Return the public key of the newest head.

        Raises:
            LogMissing: none was signed yet.
        """
        with self._store.read() as transaction:
            key = _last(transaction).key
        return LogKey("Ed25519", key.hex(), log_id(key))

    def entries(self, start: int, limit: int) -> LogEntries:
        """Return at most `limit` leaves, from index `start` on."""
        with self._store.read() as transaction:
            leaves = trail.leaves_from(transaction, start, min(limit, MOST_ENTRIES))
            return LogEntries(trail.size(transaction), tuple(_entry(one) for one in leaves))

    def inclusion(self, ref: str, size: int | None = None) -> Inclusion:
        """Return the proof for the leaf about a document, in the log of `size` leaves, by default of the newest head.

        Raises:
            LogMissing: there is no such leaf among so many, or there aren't so many.
            LogPending: the newest head doesn't cover it yet.
            StoreCorrupt: a part of the tree is missing.
        """
        with self._store.read() as transaction:
            leaf = trail.leaf_of(transaction, ref)
            if leaf is None:
                raise LogMissing("the log has no leaf about a document with this SHA-256")
            if size is None:
                last = trail.last_head(transaction)
                if last is None or last.size <= leaf.index:
                    raise LogPending(
                        f"leaf {leaf.index} is in the log, and no signed head covers it yet",
                        help="ask again after the next head, an hour from now at the latest",
                    )
                size = last.size
            _check_size(transaction, size)
            if leaf.index >= size:
                raise LogMissing(f"the log of {size} leaves doesn't hold leaf {leaf.index}")
            head = trail.head(transaction, size)
            return Inclusion(
                leaf=_entry(leaf),
                size=size,
                hash=trail.algorithm(transaction),
                inclusion=_hex(trail.inclusion(transaction, leaf.index, size)),
                head=None if head is None else SignedHead.of(head),
            )

    def consistency(self, old: int, new: int | None = None) -> Consistency:
        """Return the proof that the log of `new` leaves, by default of the newest head, begins with that of `old`.

        Raises:
            LogMissing: there aren't so many leaves, or `old` is more than `new`.
            StoreCorrupt: a part of the tree is missing.
        """
        with self._store.read() as transaction:
            size = _last(transaction).size if new is None else new
            _check_size(transaction, size)
            if old > size:
                raise LogMissing(f"the log of {size} leaves can't begin with one of {old}")
            proof = _hex(trail.consistency(transaction, old, size))
            return Consistency(old, size, trail.algorithm(transaction), proof)


def _last(transaction: Transaction) -> trail.StoredHead:
    last = trail.last_head(transaction)
    if last is None:
        raise LogMissing("no head of the log has been signed yet")
    return last


def _check_size(transaction: Transaction, size: int) -> None:
    there = trail.size(transaction)
    if size > there:
        raise LogMissing(f"the log has {there} leaves, not {size}")


def _entry(leaf: trail.StoredLeaf) -> LogEntry:
    return LogEntry(leaf.index, leaf.document.decode("utf-8", "replace"), leaf.hash.hex())


def _hex(hashes: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(one.hex() for one in hashes)
