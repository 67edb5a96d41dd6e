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
from store.ledger import EVERYONE, Transaction

Result: TypeAlias = Literal["stored", "duplicate", "updated", "refused"]
_BATCH: Final = 20
"""Producers that one worker decides at a time; a transaction waits for them."""
_Known: TypeAlias = tuple[bytes, ...]


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
    names = sorted({one.producer for one in reports})
    producers = dict(transaction.producers_of(names))
    facts = transaction.facts_of([*producers, EVERYONE])
    sorting = _Sorting(rulebook, facts, reports, transaction.entered_at)
    entries = [
        sorting.entry(place, report) if report.producer in producers else _unknown(report)
        for place, report in enumerate(reports)
    ]
    arrived = sorting.arrived
    if workers is not None and arrived:
        stored = {name: (producers[name], (*facts.get(name, ()), *new)) for name, new in arrived.items()}
        decisions, refusals = _decided(transaction, rulebook, workers, stored, facts.get(EVERYONE, ()), as_of)
        for name in refusals:
            del arrived[name]
        entries = [
            _ungraded(refusals[report.producer])
            if report.producer in refusals and place not in sorting.known_before
            else entry
            for place, (report, entry) in enumerate(zip(reports, entries, strict=True))
        ]
    else:
        decisions = []
    transaction.add_facts_of([(name, document) for name, new in arrived.items() for document in new])
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


class _Told(msgspec.Struct, frozen=True):
    """A stored report, its parts still as text: canonical, so that equal parts are equal bytes."""

    type: str
    fields: msgspec.Raw
    status: str = ""
    source: msgspec.Raw = msgspec.Raw()
    recorded_at: str = ""

    def said(self) -> _Known:
        """Return what it says, but for when it was recorded."""
        return self.type.encode(), bytes(self.fields), self.status.encode(), bytes(self.source)


_told: Final = msgspec.json.Decoder(_Told).decode
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Sorting:
    """Tells new reports from those known, among what is stored and what came earlier in the same delivery.

    Stored reports are compared as text: to read a thousand of them for each that arrives would cost too much.
    """

    def __init__(
        self, rulebook: Rulebook, facts: Mapping[str, Sequence[bytes]], reports: Sequence[Report], entered_at: str
    ) -> None:
        self._rulebook, self._entered_at = rulebook, entered_at
        self.arrived: dict[str, list[bytes]] = {}
        """New documents by producer."""
        self.known_before: set[int] = set()
        """Places of reports that say nothing new, whatever becomes of the others."""
        self._said: dict[tuple[str, _Known], int] = {}
        self._documents: dict[tuple[str, bytes], int] = {}
        self._keys: set[tuple[str, _Known]] = set()
        awaited = {(one.producer, one.fact.type) for one in reports}
        types = {kind for _, kind in awaited}
        for name, documents in facts.items():
            for document in documents:
                told = _told(document)
                if told.type in types and (name, told.type) in awaited:
                    self._note(name, document, told, -1)

    def entry(self, place: int, report: Report) -> Entry:
        """Sort one report in and say what it is."""
        fact = report.fact
        if self._rulebook.types[fact.type].about_everyone:
            message = f"`{fact.type}` is about everyone"
            problem = Problem("/type", "fact.about_everyone", message, fact.type, help="POST it to /api/v1/facts")
            return Entry("refused", (problem,))
        document = fact_document(self._rulebook, fact)
        told = _told(document)
        if fact.recorded_at is None:
            earlier = self._said.get((report.producer, told.said()))
            dated = msgspec.structs.replace(fact, recorded_at=self._entered_at)
            document = fact_document(self._rulebook, dated) if earlier is None else document
        else:
            earlier = self._documents.get((report.producer, document))
        if earlier is not None:
            if earlier < 0:
                self.known_before.add(place)
            return Entry("duplicate")
        known = (report.producer, self._key(told)) in self._keys
        self._note(report.producer, document, told, place)
        self.arrived.setdefault(report.producer, []).append(document)
        return Entry("updated" if known else "stored")

    def _note(self, name: str, document: bytes, told: _Told, place: int) -> None:
        self._said.setdefault((name, told.said()), place)
        self._documents.setdefault((name, document), place)
        self._keys.add((name, self._key(told)))

    def _key(self, told: _Told) -> _Known:
        """Return what makes two reports reports of one fact: the same in text where it is the same in meaning."""
        kind = self._rulebook.types.get(told.type)
        if kind is None or not kind.same_when:
            return told.type.encode(), bytes(told.fields)
        fields = _fields(told.fields)
        return (told.type.encode(), *(bytes(fields.get(name, b"")) for name in kind.same_when))
