"""Decisions about stored producers: facts are recorded and the grade follows in the same transaction."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from engine.case import CaseFile, Fact, Producer
from engine.document import DocumentWriter
from engine.grading import Grading
from engine.reading import CaseReader, fact_document, merge, producer_document
from engine.workers import Decision, Refusal, Stored, Workers
from knowledge.problems import ShuoliError
from knowledge.rulebook import Rulebook
from store.ledger import Store, StoredGrading, Transaction

_BATCH = 40
"""Producers that one worker decides at a time: a second's work or less."""


class ProducerMissing(ShuoliError):
    """No such producer is known here."""

    code = "producer.missing"


@dataclass(frozen=True, slots=True)
class Decided:
    """A case and its grading."""

    case: CaseFile
    grading: Grading


class Decisions:
    """Grades stored producers under one rulebook."""

    def __init__(self, rulebook: Rulebook, store: Store, workers: Workers) -> None:
        self.rulebook = rulebook
        self._store, self._workers = store, workers
        self._reader, self._writer = CaseReader(rulebook), DocumentWriter(rulebook)

    def put_producer(self, producer: Producer, as_of: int) -> bool:
        """Make a producer known or replace what is known of it, and grade it anew; return whether it is new.

        Raises:
            LimitExceeded, EngineFailure, EngineDisagreement: it can't be graded; nothing is stored.
        """
        with self._store.write() as transaction:
            created = transaction.put_producer(producer.id, producer_document(self.rulebook, producer))
            self._grade(transaction, producer, self._facts(transaction, producer.id), as_of)
        return created

    def record(self, producer_id: str, facts: Sequence[Fact], as_of: int, now: str) -> Decided:
        """Store new facts and the grade that they lead to: all of it or nothing.

        Facts that say when they were recorded keep that; others get `now` (as `instant` gives it), unless the
        same has been reported before: a report sent twice changes nothing.

        Raises:
            ProducerMissing: the producer isn't known.
            LimitExceeded, EngineFailure, EngineDisagreement: it can't be graded; nothing is stored.
        """
        with self._store.write() as transaction:
            producer = self._producer(transaction, producer_id, lock=True)
            known = self._facts(transaction, producer_id)
            seen = {_said(fact) for fact in known}
            arrived = [
                fact if fact.recorded_at is not None else msgspec.structs.replace(fact, recorded_at=now)
                for fact in facts
                if fact.recorded_at is not None or _said(fact) not in seen
            ]
            transaction.add_facts(producer_id, [fact_document(self.rulebook, fact) for fact in arrived])
            return self._grade(transaction, producer, [*known, *arrived], as_of)

    def decide(self, producer_id: str, as_of: int, known_at: str | None) -> Decided:
        """Return the grading of a stored producer as of a day, from what was known at an instant; stores nothing.

        Raises:
            ProducerMissing: the producer isn't known.
            LimitExceeded, EngineFailure, EngineDisagreement: it can't be graded.
        """
        with self._store.read() as transaction:
            producer = self._producer(transaction, producer_id)
            facts = self._facts(transaction, producer_id)
        case = CaseFile(producer, merge(facts, known_at), as_of, known_at)
        return Decided(case, self._workers.grade(self.rulebook, case))

    def decide_all(self, as_of: int, done: Callable[[int, int], None]) -> dict[str, Refusal]:
        """Grade and store every producer; return those that have no grade, by id.

        `done` is told the numbers of producers and facts after each batch. Batches are stored as they are done, so
        that a stop in between loses only what was under way.
        """
        refused: dict[str, Refusal] = {}
        asked, answered = itertools.tee(self._batches())
        for batch, answers in zip(
            (names for names, _ in answered),
            self._workers.decide(self.rulebook, (stored for _, stored in asked), as_of),
            strict=True,
        ):
            refused |= {name: one for name, one in zip(batch, answers, strict=True) if isinstance(one, Refusal)}
            with self._store.write() as transaction:
                stored = [self._stored(one, as_of) for one in answers if isinstance(one, Decision)]
                transaction.add_gradings(stored)
            done(len(answers), sum(one.facts for one in answers if isinstance(one, Decision)))
        return refused

    def _batches(self) -> Iterator[tuple[list[str], list[Stored]]]:
        last = ""
        while True:
            with self._store.read() as transaction:
                producers = transaction.producers(after=last, limit=_BATCH)
                facts = transaction.facts_of([name for name, _ in producers])
            if not producers:
                return
            last = producers[-1][0]
            yield (
                [name for name, _ in producers],
                [Stored(document, tuple(facts.get(name, ()))) for name, document in producers],
            )

    def _producer(self, transaction: Transaction, producer_id: str, *, lock: bool = False) -> Producer:
        document = transaction.producer(producer_id, lock=lock)
        if document is None:
            raise ProducerMissing(f"no producer `{producer_id[:100]}` is known here")
        return self._reader.producer(document)

    def _facts(self, transaction: Transaction, producer_id: str) -> list[Fact]:
        return self._reader.stored(transaction.facts(producer_id))

    def _grade(self, transaction: Transaction, producer: Producer, facts: Sequence[Fact], as_of: int) -> Decided:
        case = CaseFile(producer, merge(facts), as_of)
        grading = self._workers.grade(self.rulebook, case)
        decision = Decision.of(grading, self._writer.write(case, grading))
        transaction.add_gradings([self._stored(decision, as_of)])
        return Decided(case, grading)

    def _stored(self, one: Decision, as_of: int) -> StoredGrading:
        return StoredGrading(
            hash=one.hash,
            producer=one.producer,
            as_of=as_of,
            known_at=None,
            rulebook_sha256=self.rulebook.sha256,
            grade=one.grade,
            score=one.score,
            next_change_on=one.next_change_on,
            document=one.document,
        )


def _said(fact: Fact) -> tuple[object, ...]:
    return fact.id, fact.status, tuple(sorted(fact.values.items())), fact.sources
