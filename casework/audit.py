"""Whether the ledger still is what was entered: everything that the log speaks of is hashed again, from its first leaf.

This finds what was altered since a head was signed, by whomever. It does not derive grades again: that is what a replay
does. What no head covers yet can be taken back unseen, and a ledger that was cut to an earlier state as a whole agrees
with itself: only a later head that somebody kept shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from casework import recordchecks as checks
from casework.heads import HeadRefused, read_head
from casework.recordchecks import Flaw
from casework.signing import is_signed
from store import records, trail
from store.ledger import Store, StoreCorrupt, Transaction
from store.merkle import ALGORITHMS, Growing, leaf_hash
from store.records import LOGGED, Row
from store.trail import StoredHead, StoredLeaf

KEPT: Final = "kept head"
"""The table that flaws name where a head that was kept outside doesn't fit."""
FILE: Final = "file"
"""The table that flaws name where a file of SQLite is damaged."""
_WINDOW: Final = 1000
_BEFORE_ALL: Final = -(2**62)


def audit_log(
    store: Store,
    *,
    key: bytes | None = None,
    kept: Sequence[StoredHead] = (),
    done: Callable[[int], None] = lambda _leaves: None,
) -> Flaw | None:
    """Return the first record that is not what was stored, in the order of the log; None where there is none.

    `key` is the public key that heads must be signed with, by default that of the first kept or stored head. `kept`
    are heads that somebody kept outside: the log must begin with each of them. `done` is told numbers of leaves.
    """
    with store.read() as transaction:
        return next(_Audit(transaction, key, kept).flaws(done), None)


class _Audit:
    """One pass over the ledger."""

    def __init__(self, transaction: Transaction, key: bytes | None, kept: Sequence[StoredHead]) -> None:
        self._transaction = transaction
        first = next(iter(trail.heads_from(transaction, _BEFORE_ALL, 1)), None)
        self._key = key or next((one.key for one in (*kept, *((first,) if first else ()))), b"")
        self._algorithm = _algorithm(transaction, first)
        self._tree = Growing(self._algorithm)
        self._heads = _heads(transaction)
        self._head = next(self._heads, None)
        self._kept = sorted(kept, key=lambda one: one.size)
        self._last: dict[str, Mapping[str, object]] = {}

    def flaws(self, done: Callable[[int], None]) -> Iterator[Flaw]:
        """Yield what is wrong; after the first, more of it may follow from the first."""
        yield from self._at_size()
        start = _BEFORE_ALL
        while leaves := trail.leaves_from(self._transaction, start, _WINDOW):
            yield from self._window(leaves)
            start = leaves[-1].index + 1
            done(len(leaves))
        yield from self._beyond()
        yield from self._not_in_the_log()
        for fact in records.facts(self._transaction):
            yield from _found(checks.check_fact(fact))
        for held in records.current(self._transaction):
            yield from _found(checks.check_current(held, self._last.pop(held["producer_id"], None)))
        for name, last in self._last.items():
            yield Flaw("current_gradings", name, "row", f"grading {last['hash']}", "none")
        damage = records.damage(self._transaction)
        if damage is not None:
            yield Flaw(FILE, "sqlite", "integrity", "a whole file", damage)

    def _window(self, leaves: Sequence[StoredLeaf]) -> Iterator[Flaw]:
        nodes = records.nodes_between(self._transaction, self._tree.size, self._tree.size + len(leaves))
        rows = {
            kind: records.about(self._transaction, kind, [one.ref for one in leaves if one.kind == kind])
            for kind in LOGGED
        }
        for leaf in leaves:
            yield from _found(checks.check_leaf(leaf, self._tree.size, self._algorithm))
            for (level, index), made in self._tree.add(leaf_hash(leaf.document, self._algorithm)):
                stored = nodes.get((level, index))
                if stored != made:
                    found = "none" if stored is None else stored.hex()
                    yield Flaw("log_nodes", f"{level}/{index}", "hash", made.hex(), found)
            yield from self._at_size()
            if leaf.kind in LOGGED:
                yield from self._spoken_of(leaf, rows[leaf.kind].get(leaf.ref))

    def _at_size(self) -> Iterator[Flaw]:
        """Check heads of the log as large as it is by now."""
        size = self._tree.size
        while self._head is not None and self._head.size <= size:
            yield from _found(
                checks.check_head(self._head, max(size, 1), self._tree.root(), self._algorithm, self._key)
            )
            self._head = next(self._heads, None)
        while self._kept and self._kept[0].size <= size:
            kept = self._kept.pop(0)
            flaw = checks.check_head(kept, size, self._tree.root(), self._algorithm, self._key)
            if flaw is not None:
                yield Flaw(KEPT, flaw.key, flaw.what, flaw.expected, flaw.found)

    def _spoken_of(self, leaf: StoredLeaf, row: Row | None) -> Iterator[Flaw]:
        """Check the row that a leaf is about."""
        if row is None:
            yield Flaw(LOGGED[leaf.kind], leaf.ref, "row", f"one, as leaf {leaf.index} says", "none")
            return
        if leaf.kind == "publication":
            yield from _found(checks.check_rulebook(row, leaf))
            return
        if leaf.kind == "release":
            yield from _found(checks.check_release(row, leaf.ref))
            return
        check = checks.check_grading if leaf.kind == "grading" else checks.check_confirmation
        flaw = check(row, leaf.ref)
        if flaw is not None:
            yield flaw
            return
        name, said = checks.last_said(leaf.kind, row, self._last.get(row["producer_id"]))
        self._last[name] = said

    def _beyond(self) -> Iterator[Flaw]:
        """Find leaves that heads speak of and that aren't there any more."""
        size = self._tree.size
        if self._head is not None:
            if is_signed(self._head.document, self._head.signature, self._key):
                yield _cut(size, self._head, f"head {self._head.size}")
            else:
                yield Flaw("log_heads", str(self._head.size), "size", f"at most {size}", str(self._head.size))
        for kept in self._kept:
            yield _cut(size, kept, "the kept head")

    def _not_in_the_log(self) -> Iterator[Flaw]:
        """Find what isn't part of the log and stands beside it."""
        stray = records.stray_node(self._transaction, self._tree.size)
        if stray is not None:
            level, index = stray
            yield Flaw("log_nodes", f"{level}/{index}", "row", f"none in a log of {self._tree.size} leaves", "one")
        twice = records.logged_twice(self._transaction)
        if twice is not None:
            first, again = twice
            yield Flaw("log_leaves", str(again), "ref", "one that no other leaf has", f"that of leaf {first}")
        for kind, table in LOGGED.items():
            name = records.unlogged(self._transaction, kind)
            if name is not None:
                yield Flaw(table, name, "leaf", "one in the log", "none")


def _algorithm(transaction: Transaction, first: StoredHead | None) -> str:
    """Return what the log is hashed with, as its first head says, or its first leaf; SHA-256 where neither is whole."""
    try:
        said = "" if first is None else read_head(first.document).hash
        return said if said in ALGORITHMS else trail.algorithm(transaction)
    except (HeadRefused, StoreCorrupt):
        return ALGORITHMS[0]


def _heads(transaction: Transaction) -> Iterator[StoredHead]:
    after = _BEFORE_ALL
    while heads := trail.heads_from(transaction, after, _WINDOW):
        yield from heads
        after = heads[-1].size


def _cut(size: int, head: StoredHead, what: str) -> Flaw:
    return Flaw("log_leaves", str(size), "row", f"one, as {what} says: {head.size} leaves", f"{size} leaves")


def _found(flaw: Flaw | None) -> Iterator[Flaw]:
    if flaw is not None:
        yield flaw
