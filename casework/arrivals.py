"""What arrives about many producers at once: told apart from what is known, graded, and entered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgspec

from casework.outcomes import enter_decisions
from engine.case import Fact
from engine.reading import fact_document
from engine.workers import Answer, Batch, Decision, Refusal, Stored, Workers
from knowledge.problems import Problem
from knowledge.rulebook import Rulebook
from store.factrows import fact_name
from store.ledger import EVERYONE, Transaction
from store.quick import add_facts_of, known_among, reports_of

Result: TypeAlias = Literal["stored", "duplicate", "updated", "refused"]
_BATCH: Final = 20
"""Producers that one worker decides at a time; a transaction waits for them."""


@dataclass(frozen=True, slots=True)
class Report:
    """A fact that was told about a producer."""

    producer: str
    fact: Fact


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of a report.

    `stored`: a fact that wasn't known; `updated`: another report of a known one; `duplicate`: the same again;
    `refused`: nothing of it was entered, because of `problems`.
    """

    result: Result
    problems: tuple[Problem, ...] = ()


def enter_reports(
    transaction: Transaction,
    rulebook: Rulebook,
    workers: Workers | None,
    reports: Sequence[Report],
    as_of: int,
) -> list[Entry]:
    """Enter reports, grade each producer of whom something is new once, and say what became of each report.

    A producer that isn't known or can't be graded has its reports refused; all others are entered. Without `workers`
    nobody is graded.
    """
    known = known_among(transaction, (one.producer for one in reports))
    sorting = _Sorting(transaction, rulebook, [one for one in reports if one.producer in known])
    entries = [
        sorting.entry(place, report) if report.producer in known else _unknown(report)
        for place, report in enumerate(reports)
    ]
    arrived = sorting.arrived
    decisions: list[Decision] = []
    if workers is not None and arrived:
        facts = transaction.facts_of([*arrived, EVERYONE])
        producers = dict(transaction.producers_of(list(arrived)))
        stored = {
            name: (producers[name], (*facts.get(name, ()), *[document for _, document in new]))
            for name, new in arrived.items()
        }
        decisions, refusals = _decided(transaction, rulebook, workers, stored, facts.get(EVERYONE, ()), as_of)
        for name in refusals:
            del arrived[name]
        entries = [
            _ungraded(refusals[report.producer])
            if report.producer in refusals and place not in sorting.known_before
            else entry
            for place, (report, entry) in enumerate(zip(reports, entries, strict=True))
        ]
    add_facts_of(transaction, ((name, *report) for name, new in arrived.items() for report in new))
    enter_decisions(transaction, rulebook, decisions, as_of, transaction.entered_at)
    return entries


def _decided(
    transaction: Transaction,
    rulebook: Rulebook,
    workers: Workers,
    stored: Mapping[str, tuple[bytes, tuple[bytes, ...]]],
    shared: Iterable[bytes],
    as_of: int,
) -> tuple[list[Decision], dict[str, Refusal]]:
    cases = [Stored(producer, (*facts, *shared)) for producer, facts in stored.values()]
    batches = (Batch(tuple(cases[n : n + _BATCH]), transaction.entered_at) for n in range(0, len(cases), _BATCH))
    answers: list[Answer] = [one for some in workers.decide(rulebook, batches, as_of) for one in some]
    refusals = {name: one for name, one in zip(stored, answers, strict=True) if isinstance(one, Refusal)}
    return [one for one in answers if isinstance(one, Decision)], refusals


def _unknown(report: Report) -> Entry:
    message = f"no producer `{report.producer[:100]}` is known here"
    help_ = "make it known with PUT /api/v1/producers/{id}, then replay the line"
    return Entry("refused", (Problem("/producer", "producer.missing", message, report.producer[:100], help=help_),))


def _ungraded(refusal: Refusal) -> Entry:
    message = f"the producer can't be graded with it: {refusal.message}"
    return Entry("refused", (Problem("/producer", refusal.code, message, help=refusal.help), *refusal.problems))


class _Sorting:
    """Tells new reports from those known, among what is stored and what came earlier in the same delivery.

    Stored reports are compared as text: they are canonical, so that equal ones are equal bytes.
    """

    def __init__(self, transaction: Transaction, rulebook: Rulebook, reports: Sequence[Report]) -> None:
        self._rulebook, self._entered_at = rulebook, transaction.entered_at
        self.arrived: dict[str, list[tuple[int, bytes]]] = {}
        """New reports by producer: the fact's name, and the document."""
        self.known_before: set[int] = set()
        """Places of reports that say nothing new, whatever becomes of the others."""
        self._documents: dict[tuple[str, bytes], int] = {}
        """Where a report stands, with and without its instant; -1 for stored ones."""
        self._names: set[int] = set()
        self._name = {(one.producer, one.fact.id): fact_name(one.producer, one.fact.id) for one in reports}
        for name, producer, document in reports_of(transaction, self._name.values()):
            self._note(producer, name, document, _undated(document), -1)

    def entry(self, place: int, report: Report) -> Entry:
        """Sort one report in and say what it is."""
        fact, producer = report.fact, report.producer
        if self._rulebook.types[fact.type].about_everyone:
            message = f"`{fact.type}` is about everyone"
            problem = Problem("/type", "fact.about_everyone", message, fact.type, help="POST it to /api/v1/facts")
            return Entry("refused", (problem,))
        document = fact_document(self._rulebook, fact)
        earlier = self._documents.get((producer, document))
        if earlier is not None:
            if earlier < 0:
                self.known_before.add(place)
            return Entry("duplicate")
        undated = document
        if fact.recorded_at is None:
            document = fact_document(self._rulebook, msgspec.structs.replace(fact, recorded_at=self._entered_at))
        else:
            undated = _undated(document)
        name = self._name[producer, fact.id]
        known = name in self._names
        self._note(producer, name, document, undated, place)
        self.arrived.setdefault(producer, []).append((name, document))
        return Entry("updated" if known else "stored")

    def _note(self, producer: str, name: int, document: bytes, undated: bytes, place: int) -> None:
        self._documents.setdefault((producer, document), place)
        self._documents.setdefault((producer, undated), place)
        self._names.add(name)


_parts: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_canonical: Final = msgspec.json.Encoder(order="sorted").encode


def _undated(document: bytes) -> bytes:
    """Return a report without the instant at which it was recorded."""
    if b'"recorded_at"' not in document:
        return document
    parts = _parts(document)
    parts.pop("recorded_at", None)
    return _canonical(parts)
