"""Everybody in a ledger as a population in columns, in the words of a rulebook."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
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

_BATCH: Final = 200
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
        self._kept: OrderedDict[str, tuple[str, Population]] = OrderedDict()

    def of(self, rulebook: Rulebook) -> Population:
        """Return everybody with all that is known now, in the words of a rulebook.

        Raises:
            CaseRefused: a producer or fact doesn't fit the rulebook.
        """
        words = vocabulary(rulebook)
        with self._lock:
            with self._store.read() as transaction:
                now = transaction.last_entered_at()
                then, population = self._kept.pop(words, ("", None))
                if population is None:
                    population = _read(transaction, rulebook, _names(transaction))
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


def _renewed(transaction: Transaction, rulebook: Rulebook, old: Population, then: str) -> Population:
    """Return a population in which whoever something was entered of since an instant is read anew."""
    names = _names(transaction)
    changed: set[str] = set()
    for start in range(0, len(names), 20_000):
        changed |= transaction.changed_since(names[start : start + 20_000], then)
    if EVERYONE in changed:
        return _read(transaction, rulebook, names)
    changed |= {*names} - {*old.ids}
    if not changed:
        return old
    kept = np.array([name not in changed for name in old.ids], np.bool_)
    return joined(old, kept, _read(transaction, rulebook, sorted(changed), old))


def _read(
    transaction: Transaction, rulebook: Rulebook, names: Sequence[str], beside: Population | None = None
) -> Population:
    texts = None if beside is None else beside.texts
    shared = transaction.facts_of([EVERYONE]).get(EVERYONE, [])
    try:
        documents = Documents(rulebook, shared, texts)
        for producer, facts in _documents(transaction, names):
            documents.add(producer, facts)
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
    for start in range(0, len(names), _BATCH):
        batch = names[start : start + _BATCH]
        facts = transaction.facts_of(batch)
        for name, producer in transaction.producers_of(batch):
            if name != EVERYONE:
                yield producer, facts.get(name, [])


def _names(transaction: Transaction) -> list[str]:
    names: list[str] = []
    while batch := transaction.names(after=names[-1] if names else "", limit=10_000):
        names += batch
    return names
