"""Everybody's standing, kept in memory and brought up to date by what the log has grown by."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from store.ledger import Store, Transaction
from store.standing import decided_since, holdings, log_size

_BATCH: Final = 500


class _Counted(msgspec.Struct, frozen=True):
    id: str
    points: int | str
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


class Standing(msgspec.Struct, frozen=True):
    """A producer and the grading that holds of it, as their documents tell them.

    `standards` and `indicators` have points by id; standards that don't apply are left out.
    """

    id: str
    kind: str
    region: str
    attributes: Mapping[str, Any]
    as_of: str
    grade: str
    score: int | str
    hash: str
    rulebook: str
    """SHA-256 of the rulebook that decided."""
    standards: Mapping[str, int | str]
    indicators: Mapping[str, int | str]


class City:
    """The standing of every producer, for several threads. Reading it costs nothing while nothing is new."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._size = 0
        self._standings: Mapping[str, Standing] = {}
        self._one_at_a_time = threading.Lock()

    def standings(self) -> tuple[int, Mapping[str, Standing]]:
        """Return the log's size, and everybody's standing by id, in the order of ids; the mapping never changes.

        Raises:
            StoreCorrupt: a grading has been altered.
        """
        with self._one_at_a_time, self._store.read() as transaction:
            size = log_size(transaction)
            if size != self._size:
                fresh = {one.id: one for one in _read(transaction, decided_since(transaction, self._size))}
                self._standings = dict(sorted({**self._standings, **fresh}.items()))
                self._size = size
            return self._size, self._standings


def _read(transaction: Transaction, names: Iterable[str]) -> Iterable[Standing]:
    left = iter(names)
    while batch := list(itertools.islice(left, _BATCH)):
        for one in holdings(transaction, batch):
            told = msgspec.json.decode(one.grading, type=_Told)
            producer = msgspec.json.decode(one.producer, type=_Producer)
            yield Standing(
                one.id,
                producer.kind,
                producer.region,
                producer.attributes,
                told.as_of,
                told.grade,
                told.score,
                one.hash,
                told.rulebook["sha256"],
                {part.id: part.points for part in told.standards if part.applies == "yes"},
                {part.id: part.points for part in told.indicators},
            )
