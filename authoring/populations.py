"""Everybody in a ledger as a population in columns, in the words of a rulebook."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final

import msgspec
import numpy as np

from engine.case import CaseFile
from engine.columnar import Gathering, Population
from engine.columnar.documents import Documents, Unusual
from engine.columnar.population import joined
from engine.reading import CaseReader, merge
from knowledge.rulebook import Rulebook
from store.ledger import EVERYONE, Store, Transaction
from store.quick import Marks, entered_after, facts_in_arrays, marks

_BATCH: Final = 200
_SLOWLY: Final = 5
"""Producers that are read between two rests, when nobody waits for them."""
_REST: Final = 3.0
"""How long such a rest is, against the time that was worked since the last."""
_MOST_AHEAD: Final = 20_000
"""Producers of a ledger that is still read before anybody asks: the memory that it takes is theirs."""
_KEPT: Final = 2
"""Vocabularies for which the population is kept."""


def vocabulary(rulebook: Rulebook) -> str:
    """Return a digest of the words in which a rulebook reads producers and facts."""
    kinds = {name: kind for name, kind in rulebook.types.items() if kind.origin == "fact"}
    return hashlib.sha256(msgspec.json.encode([kinds, rulebook.attributes, rulebook.fact_statuses])).hexdigest()


class Populations:
    """The population of one ledger, kept in memory and brought up to date by what was entered since."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[Marks, Population]] = OrderedDict()
        self._hurry = threading.Event()
        self._stopped = False

    def of(self, rulebook: Rulebook) -> Population:
        """Return everybody with all that is known now, in the words of a rulebook.

        Raises:
            CaseRefused: a producer or fact doesn't fit the rulebook.
        """
        self._hurry.set()
        return self._of(rulebook, None)

    def read_ahead(self, rulebook: Rulebook) -> None:
        """Read everybody before anybody asks, with rests in which others work; a question ends the rests."""
        with self._store.read() as transaction:
            if transaction.count_producers() > _MOST_AHEAD:
                return
        with suppress(_Stopped):
            self._of(rulebook, _Rests(self._hurry, lambda: self._stopped))

    def stop(self) -> None:
        """End reading ahead."""
        self._stopped = True
        self._hurry.set()

    def _of(self, rulebook: Rulebook, rest: Callable[[], None] | None) -> Population:
        words = vocabulary(rulebook)
        with self._lock:
            with self._store.read() as transaction:
                now = marks(transaction)
                then, population = self._kept.pop(words, (None, None))
                if population is None or then is None:
                    population = _read(transaction, rulebook, _names(transaction), rest=rest)
                elif then != now:
                    population = _renewed(transaction, rulebook, population, then)
            self._kept[words] = (now, population)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return population

    def case(self, rulebook: Rulebook, producer_id: str, day: int) -> CaseFile | None:
        """Return the case of one producer with all that is known now; None where it isn't known."""
        with self._store.read() as transaction:
            for producer, facts in _documents(transaction, [producer_id]):
                reader, shared = CaseReader(rulebook), transaction.facts_of([EVERYONE]).get(EVERYONE, [])
                return CaseFile(reader.producer(producer), merge(reader.stored([*facts, *shared])), day)
        return None


class _Stopped(Exception):
    """Nobody wants what is being read."""


class _Rests:
    """Rests after each piece of work, until somebody is in a hurry."""

    def __init__(self, hurry: threading.Event, stopped: Callable[[], bool]) -> None:
        self._hurry, self._stopped = hurry, stopped
        self._since = time.perf_counter()

    def __call__(self) -> None:
        self._hurry.wait(_REST * (time.perf_counter() - self._since))
        if self._stopped():
            raise _Stopped
        self._since = time.perf_counter()


def _renewed(transaction: Transaction, rulebook: Rulebook, old: Population, then: Marks) -> Population:
    """Return a population in which whoever something was entered of since then is read anew."""
    changed = entered_after(transaction, then)
    if EVERYONE in changed:
        return _read(transaction, rulebook, _names(transaction))
    if not changed:
        return old
    kept = np.array([name not in changed for name in old.ids], np.bool_)
    return joined(old, kept, _read(transaction, rulebook, sorted(changed), old))


def _read(
    transaction: Transaction,
    rulebook: Rulebook,
    names: Sequence[str],
    beside: Population | None = None,
    rest: Callable[[], None] | None = None,
) -> Population:
    texts = None if beside is None else beside.texts
    shared = transaction.facts_of([EVERYONE]).get(EVERYONE, [])
    try:
        documents = Documents(rulebook, shared, texts, own=True, rest=rest)
        for batch in _batched(names, _BATCH if rest is None else _SLOWLY):
            arrays = facts_in_arrays(transaction, batch)
            for name, producer in transaction.producers_of(batch):
                documents.add(producer, arrays.get(name, b"[]"))
            if rest is not None:
                rest()
        return documents.population()
    except Unusual:
        pass
    # One by one, which takes ten times as long, and says what doesn't fit.
    reader, gathering = CaseReader(rulebook), Gathering(rulebook, texts)
    for producer, facts in _documents(transaction, names):
        gathering.add(reader.producer(producer), merge(reader.stored([*facts, *shared])))
    return gathering.population()


def _documents(transaction: Transaction, names: Sequence[str]) -> Iterator[tuple[bytes, Sequence[bytes]]]:
    """Yield what is known of producers: their documents, and those of their facts."""
    for batch in _batched(names, _BATCH):
        facts = transaction.facts_of(batch)
        for name, producer in transaction.producers_of(batch):
            if name != EVERYONE:
                yield producer, facts.get(name, [])


def _batched(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Yield names, so many at a time."""
    for start in range(0, len(names), size):
        yield names[start : start + size]


def _names(transaction: Transaction) -> list[str]:
    names: list[str] = []
    while batch := transaction.names(after=names[-1] if names else "", limit=10_000):
        names += batch
    return names
