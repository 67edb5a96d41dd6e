"""Everybody's standing, kept in memory and brought up to date by what the log has grown by."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from explain.position import Peer
from knowledge.canonical import read_rulebook_document
from knowledge.rulebook import Rulebook
from store.ledger import Store, Transaction
from store.standing import decided_since, held_now, held_then, holdings, log_size

_BATCH: Final = 500
_KEPT: Final = 4
"""Past standings of everybody that are kept."""
_NOTHING: Final = (0, "0", "0.0", "0.00")
"""The most that an indicator may count where none of its standards applies."""


class _Counted(msgspec.Struct, frozen=True):
    id: str
    points: int | str
    maximum: int | str
    applies: str = "yes"


class _Told(msgspec.Struct, frozen=True):
    """What is read of a grading's document."""

    as_of: str
    grade: str
    score: int | str
    rulebook: Mapping[str, str]
    standards: tuple[_Counted, ...]
    indicators: tuple[_Counted, ...]


class _Producer(msgspec.Struct, frozen=True):
    """What is read of a producer's document."""

    kind: str
    region: str = ""
    attributes: Mapping[str, Any] = {}


class Standing(Peer, frozen=True, kw_only=True):
    """A producer and the grading that holds of it, as their documents tell them."""

    as_of: str
    hash: str
    rulebook: str
    """SHA-256 of the rulebook that decided."""


Standings: TypeAlias = Mapping[str, Standing]
"""By id."""


class City:
    """The standing of every producer, for several threads. Reading it costs nothing while nothing is new."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._size = 0
        self._now: Standings = {}
        self._then: OrderedDict[tuple[int, int | None, str | None], Standings] = OrderedDict()
        self._rulebooks: dict[str, Rulebook] = {}
        self._one_at_a_time = threading.Lock()

    def standings(self, as_of: int | None = None, known_at: str | None = None) -> Standings:
        """Return everybody's standing by id, in the order of ids; the mapping never changes.

        With a day or an instant it is what held then: the last grading as of days up to it, from what was known then.

        Raises:
            StoreCorrupt: a grading has been altered.
        """
        with self._one_at_a_time, self._store.read() as transaction:
            size = log_size(transaction)
            if as_of is not None or known_at is not None:
                return self._past(transaction, (size, as_of, known_at))
            if size != self._size:
                names = decided_since(transaction, self._size)
                fresh = {
                    one.id: one for part in _parts(names) for one in _read(transaction, held_now(transaction, part))
                }
                self._now, self._size = dict(sorted({**self._now, **fresh}.items())), size
            return self._now

    def rulebook(self, sha256: str) -> Rulebook:
        """Return a rulebook that graded here, as it was published.

        Raises:
            RulebookCorrupt: it has been altered, or isn't there.
        """
        if sha256 not in self._rulebooks:
            with self._store.read() as transaction:
                document = transaction.rulebook(sha256)
            self._rulebooks[sha256] = read_rulebook_document(document or b"", sha256)
        return self._rulebooks[sha256]

    def _past(self, transaction: Transaction, asked: tuple[int, int | None, str | None]) -> Standings:
        if asked not in self._then:
            _, as_of, known_at = asked
            held = held_then(transaction, as_of, known_at)
            parts = ({name: held[name] for name in part} for part in _parts(sorted(held)))
            read = (one for part in parts for one in _read(transaction, part, known_at))
            self._then[asked] = dict(sorted((one.id, one) for one in read))
            if len(self._then) > _KEPT:
                self._then.popitem(last=False)
        return self._then[asked]


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    yield from (names[start : start + _BATCH] for start in range(0, len(names), _BATCH))


def _read(transaction: Transaction, held: Mapping[str, str], known_at: str | None = None) -> Iterator[Standing]:
    for one in holdings(transaction, held, known_at):
        told = msgspec.json.decode(one.grading, type=_Told)
        producer = msgspec.json.decode(one.producer, type=_Producer)
        yield Standing(
            id=one.id,
            kind=producer.kind,
            region=producer.region,
            attributes=producer.attributes,
            grade=told.grade,
            score=told.score,
            standards={part.id: part.points for part in told.standards if part.applies == "yes"},
            indicators={part.id: part.points for part in told.indicators if part.maximum not in _NOTHING},
            as_of=told.as_of,
            hash=one.hash,
            rulebook=told.rulebook["sha256"],
        )
