"""Decisions about stored producers: what is learned is entered, and the grade follows in the same transaction."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from casework.arrivals import Entry, Report, enter_reports
from casework.outcomes import enter_decisions
from engine.case import CaseFile, Fact, Producer
from engine.grading import Grading
from engine.reading import CaseReader, fact_document, merge, producer_document
from engine.workers import Answer, Batch, Decision, Refusal, Stored, Workers
from knowledge.problems import ShuoliError
from knowledge.rulebook import Rulebook
from store.factrows import fact_name
from store.ledger import EVERYONE, Store, Transaction
from store.quick import reports_of

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


class Beside(Protocol):
    """What is done in the same transaction as an entry, so that neither is ever there without the other."""

    def before(self, transaction: Transaction) -> None:
        """Do what comes before the entry; an exception leaves everything as it was."""
        ...

    def after(self, transaction: Transaction, made: object) -> None:
        """Do what comes after the entry, which made this: a `Decision` where a grade followed."""
        ...


class Decisions:
    """Grades stored producers under one rulebook."""

    def __init__(self, rulebook: Rulebook, store: Store, workers: Workers) -> None:
        self.rulebook = rulebook
        self._store, self._workers = store, workers
        self.reader = CaseReader(rulebook)

    def put_producer(self, producer: Producer, as_of: int, now: str | None = None) -> bool:
        """Make a producer known or replace what is known of it, and grade it anew; return whether it is new.

        `now` is the record time, by default this machine's instant.

        Raises:
            LimitExceeded, EngineFailure, EngineDisagreement: it can't be graded; nothing is stored.
        """
        document = producer_document(self.rulebook, producer)
        with self._store.write(now) as transaction:
            created = transaction.put_producer(producer.id, document)
            self._grade(transaction, producer.id, document, as_of)
        return created

    def record(
        self,
        producer_id: str,
        facts: Sequence[Fact],
        as_of: int,
        now: str | None = None,
        *,
        beside: Beside | None = None,
    ) -> Decision:
        """Store new facts and the grade that they lead to: all of it or nothing.

        Facts whose source doesn't say when it recorded them count as recorded at the record time, unless the same has
        been reported before: a report sent twice changes nothing.

        Raises:
            ProducerMissing: the producer isn't known.
            LimitExceeded, EngineFailure, EngineDisagreement: it can't be graded; nothing is stored.
        """
        named = [fact.id for fact in facts]
        return self.enter(producer_id, named, lambda known, at: dated(facts, known, at), as_of, now, beside=beside)

    def enter(
        self,
        producer_id: str,
        named: Sequence[str],
        told: Callable[[Sequence[Fact], str], Sequence[Fact]],
        as_of: int,
        now: str | None = None,
        *,
        beside: Beside | None = None,
    ) -> Decision:
        """Store the reports that `told` makes of earlier reports of the facts named and the record time; and the grade.

        Raises:
            ProducerMissing, LimitExceeded, EngineFailure, EngineDisagreement: as `record`.
        """
        with self._store.write(now) as transaction:
            if beside is not None:
                beside.before(transaction)
            producer = self._producer(transaction, producer_id)
            before = reports_of(transaction, {fact_name(producer_id, name) for name in named})
            known = self.reader.stored([document for _, owner, document in before if owner == producer_id])
            arrived = told(known, transaction.entered_at)
            documents = [fact_document(self.rulebook, fact) for fact in arrived]
            transaction.add_facts(producer_id, documents, [fact.id for fact in arrived])
            decision = self._grade(transaction, producer_id, producer, as_of)
            if beside is not None:
                beside.after(transaction, decision)
        return decision

    def record_all(
        self, reports: Sequence[Report], as_of: int, now: str | None = None, *, regrade: bool = True
    ) -> list[Entry]:
        """Store reports about many producers in one transaction, and the grade of each of whom something is new.

        See `enter_all`.
        """
        with self._store.write(now) as transaction:
            return self.enter_all(transaction, reports, as_of, regrade=regrade)

    def enter_all(
        self, transaction: Transaction, reports: Sequence[Report], as_of: int, *, regrade: bool = True
    ) -> list[Entry]:
        """Enter reports about many producers, grade each once, and say what became of each report.

        Reports of a producer that isn't known, or can't be graded with them, are refused; all others are entered.
        Without `regrade` the grades stay as they are.
        """
        return enter_reports(transaction, self.rulebook, self._workers if regrade else None, reports, as_of)

    def decide(self, producer_id: str, as_of: int, known_at: str | None) -> Decided:
        """Return the grading of a stored producer as of a day, from what was known at an instant; stores nothing.

        Raises:
            ProducerMissing: the producer isn't known, or wasn't then.
            LimitExceeded, EngineFailure, EngineDisagreement: it can't be graded.
        """
        with self._store.read() as transaction:
            producer = self.reader.producer(self._producer(transaction, producer_id, known_at))
            facts = self.reader.stored(_facts(transaction, producer_id, known_at))
        case = CaseFile(producer, merge(facts), as_of, known_at)
        return Decided(case, self._workers.grade(self.rulebook, case))

    def decide_all(self, as_of: int, done: Callable[[int, int], None]) -> dict[str, Refusal]:
        """Grade and store every producer; return those that have no grade, by id. See `regrade`."""
        return self.regrade(self._everyone(), as_of, done)

    def regrade(
        self,
        producers: Iterable[Sequence[str]],
        as_of: int,
        done: Callable[[int, int], None],
        *,
        only_due: bool = False,
    ) -> dict[str, Refusal]:
        """Grade producers, named in batches, and store what comes out; return those that have no grade, by id.

        Nobody waits while workers grade: a producer of whom something was entered meanwhile is graded again. With
        `only_due`, one that isn't due, or no longer because somebody else has decided it meanwhile, is left alone.
        `done` is told the numbers of producers and facts after each batch. Batches are stored as they are done, so that
        a stop in between loses only what was under way.
        """
        refused: dict[str, Refusal] = {}
        again: list[str] = []
        named: deque[Sequence[str]] = deque()
        due = as_of if only_due else None
        read = (self._batch(names, named, due) for names in producers)
        # The workers read ahead; what was named first is answered first.
        for batch, answers in self._answered(read, as_of):
            names = named.popleft()
            fresh, stale = self._enter_fresh(names, batch, answers, as_of, only_due=only_due)
            again += stale
            refused |= {name: one for name, one in fresh.items() if isinstance(one, Refusal)}
            done(len(names) - len(stale), sum(one.facts for one in fresh.values() if isinstance(one, Decision)))
        if not again:
            return refused
        return refused | self.regrade(in_batches(again), as_of, done, only_due=only_due)

    def _answered(self, read: Iterable[Batch], as_of: int) -> Iterator[tuple[Batch, Sequence[Answer]]]:
        asked, kept = itertools.tee(read)
        return zip(kept, self._workers.decide(self.rulebook, asked, as_of), strict=True)

    def _batch(self, names: Sequence[str], named: deque[Sequence[str]], due: int | None) -> Batch:
        with self._store.read() as transaction:
            if due is not None:
                names = transaction.due(due, self.rulebook.sha256, among=names)
            producers = transaction.producers_of(names)
            facts = transaction.facts_of([*names, EVERYONE])
            known_at = transaction.last_entered_at()
        named.append([name for name, _ in producers])
        shared = facts.get(EVERYONE, [])
        return Batch(tuple(Stored(one, (*facts.get(name, ()), *shared)) for name, one in producers), known_at)

    def _enter_fresh(
        self, names: Sequence[str], batch: Batch, answers: Sequence[Answer], as_of: int, *, only_due: bool
    ) -> tuple[dict[str, Answer], list[str]]:
        """Enter the decisions that rest on all that is known now.

        Returns these answers by producer, and who has to be graded again.
        """
        if not names:
            return {}, []
        with self._store.write() as transaction:
            wanted = names if not only_due else transaction.due(as_of, self.rulebook.sha256, among=names)
            changed = transaction.changed_since(wanted, str(batch.known_at))
            stale = [name for name in wanted if name in changed or EVERYONE in changed]
            left = {*wanted} - {*stale}
            fresh = {name: one for name, one in zip(names, answers, strict=True) if name in left}
            decisions = [one for one in fresh.values() if isinstance(one, Decision)]
            enter_decisions(transaction, self.rulebook, decisions, as_of, str(batch.known_at))
        return fresh, stale

    def _everyone(self) -> Iterator[Sequence[str]]:
        last = ""
        while True:
            with self._store.read() as transaction:
                names = transaction.names(after=last, limit=_BATCH)
            if not names:
                return
            last = names[-1]
            yield names

    def _producer(self, transaction: Transaction, producer_id: str, known_at: str | None = None) -> bytes:
        document = transaction.producer(producer_id, known_at)
        if document is None:
            raise ProducerMissing(f"no producer `{producer_id[:100]}` is known here")
        return document

    def _grade(self, transaction: Transaction, producer_id: str, producer: bytes, as_of: int) -> Decision:
        """Enter the decision on all that is known, in what this transaction has entered."""
        known_at = transaction.entered_at
        stored = Stored(producer, tuple(_facts(transaction, producer_id)), (as_of, known_at))
        decision = self._workers.decide_one(self.rulebook, stored)
        enter_decisions(transaction, self.rulebook, [decision], as_of, known_at)
        return decision


def _facts(transaction: Transaction, producer_id: str, known_at: str | None = None) -> list[bytes]:
    """Return what is known of a producer and of everyone."""
    facts = transaction.facts_of([producer_id, EVERYONE], known_at)
    return [*facts.get(producer_id, ()), *facts.get(EVERYONE, ())]


def in_batches(names: Iterable[str], size: int = _BATCH) -> Iterator[Sequence[str]]:
    """Yield names in batches that one worker decides at a time."""
    left = iter(names)
    while batch := list(itertools.islice(left, size)):
        yield batch


def dated(facts: Iterable[Fact], known: Iterable[Fact], entered_at: str) -> list[Fact]:
    """Return reports as they are entered.

    Those that don't say when they were recorded count as recorded now; they are left out where the same has been
    reported before, so that a report sent twice changes nothing.
    """
    seen = {_said(fact) for fact in known}
    return [
        fact if fact.recorded_at is not None else msgspec.structs.replace(fact, recorded_at=entered_at)
        for fact in facts
        if fact.recorded_at is not None or _said(fact) not in seen
    ]


def _said(fact: Fact) -> tuple[object, ...]:
    return fact.id, fact.status, tuple(sorted(fact.values.items())), fact.sources
