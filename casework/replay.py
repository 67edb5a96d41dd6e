"""Decides again what is stored, from what was known then, and compares bytes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from typing import Final, Literal, TypeAlias

import msgspec

from casework.decisions import Decided, Decisions
from casework.outcomes import confirmation
from engine.document import digest
from engine.workers import Answer, Batch, Decision, Refusal, Stored, Workers
from knowledge.canonical import read_rulebook_document
from knowledge.problems import RulebookCorrupt, RulebookMissing, ShuoliError
from knowledge.rulebook import Rulebook
from store import history
from store.history import Entry, PastConfirmation, PastGrading
from store.ledger import EVERYONE, Store, StoreCorrupt, Transaction

_BATCH: Final = 40
"""Records that one worker decides at a time."""
_MOST_FACTS: Final = 10_000
"""Facts of one batch, unless it is a single record."""

Past: TypeAlias = PastGrading | PastConfirmation
What: TypeAlias = Literal["altered", "rulebook", "unknown", "document", "columns", "case", "outcome", "refused"]


class RecordMissing(ShuoliError):
    """No stored grading or confirmation has this hash."""

    code = "record.missing"


class Difference(msgspec.Struct, frozen=True):
    """A stored record that is not what is decided now.

    `what`: the record is `altered` (no longer gives its hash), its `rulebook` can't be read, its producer was `unknown`
    then, its `document`, `columns`, `case` or `outcome` differ, or the decision is `refused`.
    """

    kind: Literal["grading", "confirmation", "publication"]
    hash: str
    what: What
    detail: str


class _Confirmed(msgspec.Struct, frozen=True):
    """What replay needs of a confirmation's document."""

    as_of: date
    known_at: str


_Piece: TypeAlias = tuple[Past, Stored]


class Replay:
    """Decides stored gradings and confirmations again."""

    def __init__(self, store: Store, workers: Workers) -> None:
        self.store, self._workers = store, workers

    def count(self) -> int:
        """Return how many records `all` looks at."""
        with self.store.read() as transaction:
            return history.count_decisions(transaction)

    def one(self, name: str) -> tuple[Past, Difference | None]:
        """Return the record with a hash, and in what it differs from what is decided now; None where in nothing.

        Raises:
            RecordMissing: there is none.
        """
        with self.store.read() as transaction:
            past = history.grading(transaction, name) or history.confirmation(transaction, name)
        if past is None:
            raise RecordMissing("no stored grading or confirmation has this hash")
        try:
            rulebook = self.rulebook(past.rulebook_sha256)
        except (StoreCorrupt, RulebookCorrupt) as error:
            return past, _difference(past, "rulebook", error.message)
        return past, next(self._compared(rulebook, [[past]]))[1]

    def all(self, done: Callable[[int], None]) -> Iterator[Difference]:
        """Decide all records again, rulebook by rulebook, and yield those that differ.

        `done` is told the number of records as they are done. Records that are entered meanwhile may be left out.
        """
        with self.store.read() as transaction:
            named = history.rulebooks(transaction)
        for sha256 in named:
            try:
                rulebook = self.rulebook(sha256)
            except (StoreCorrupt, RulebookCorrupt) as error:
                yield Difference("publication", sha256, "altered", error.message)
                for page in self._pages(sha256):
                    yield from (_difference(past, "rulebook", error.message) for past in page)
                    done(len(page))
                continue
            for _, difference in self._compared(rulebook, self._pages(sha256)):
                if difference is not None:
                    yield difference
                done(1)

    def rulebook(self, sha256: str) -> Rulebook:
        """Return a rulebook as it was published in the ledger.

        Raises:
            RulebookMissing: it wasn't.
            StoreCorrupt, RulebookCorrupt: it has been altered, or this program can't read it.
        """
        with self.store.read() as transaction:
            document = transaction.rulebook(sha256)
        if document is None:
            raise RulebookMissing(f"no rulebook {sha256} graded here")
        return read_rulebook_document(document, sha256)

    def published(self, rulebook_id: str, version: str) -> Rulebook | None:
        """Return a version of a rulebook as it was published in the ledger last, None where it wasn't.

        Raises:
            StoreCorrupt, RulebookCorrupt: as `rulebook`.
        """
        with self.store.read() as transaction:
            sha256 = history.rulebook_named(transaction, rulebook_id, version)
        return None if sha256 is None else self.rulebook(sha256)

    def decide(self, rulebook: Rulebook, producer_id: str, as_of: int, known_at: str | None) -> Decided:
        """Return the grading of a producer as of any day, as known at any instant, under any rulebook.

        Raises:
            ProducerMissing, LimitExceeded, EngineFailure, EngineDisagreement: as `Decisions.decide`.
        """
        return Decisions(rulebook, self.store, self._workers).decide(producer_id, as_of, known_at)

    def _pages(self, rulebook_sha256: str) -> Iterator[Sequence[Past]]:
        for read in (history.gradings_under, history.confirmations_under):
            after = ("", "")
            while True:
                with self.store.read() as transaction:
                    page: Sequence[Past] = read(transaction, rulebook_sha256, after, _BATCH)
                if not page:
                    break
                after = (page[-1].producer, page[-1].hash)
                yield page

    def _compared(
        self, rulebook: Rulebook, pages: Iterable[Sequence[Past]]
    ) -> Iterator[tuple[Past, Difference | None]]:
        """Yield each record in order, with its difference if it has one."""
        mine, theirs = itertools.tee(part for page in pages for part in self._parts(page))
        asked = (Batch(tuple(one for _, one in pieces)) for _, pieces in theirs)
        # Every piece carries its own day and instant.
        for (broken, pieces), answers in zip(mine, self._workers.decide(rulebook, asked, 0), strict=True):
            for past, what, detail in broken:
                yield past, _difference(past, what, detail)
            for (past, _), answer in zip(pieces, answers, strict=True):
                yield past, _compare(past, answer)

    def _parts(self, page: Sequence[Past]) -> Iterator[tuple[list[tuple[Past, What, str]], list[_Piece]]]:
        """Yield the records of a page in parts of limited size: those that can't be decided, and those that can."""
        with self.store.read() as transaction:
            producers, facts = _entered(transaction, page)
        broken: list[tuple[Past, What, str]] = []
        pieces: list[_Piece] = []
        size = 0
        for past in page:
            moment = _moment(past)
            if moment is None:
                broken.append((past, "altered", "the document no longer gives its hash"))
                continue
            documents = history.known(producers.get(past.producer, ()), moment[1])
            if not documents:
                broken.append((past, "unknown", f"no producer `{past.producer[:100]}` was known at {moment[1]}"))
                continue
            told = [one for name in (past.producer, EVERYONE) for one in history.known(facts.get(name, ()), moment[1])]
            if pieces and size + len(told) > _MOST_FACTS:
                yield broken, pieces
                broken, pieces, size = [], [], 0
            pieces.append((past, Stored(documents[-1], tuple(told), moment)))
            size += len(told)
        yield broken, pieces


def _entered(transaction: Transaction, page: Sequence[Past]) -> tuple[dict[str, list[Entry]], dict[str, list[Entry]]]:
    names = sorted({past.producer for past in page})
    return history.entries_of(transaction, names), history.facts_of(transaction, [*names, EVERYONE])


def _moment(past: Past) -> tuple[int, str] | None:
    """Return the day and the instant of a record, None where it has been altered."""
    if isinstance(past, PastGrading):
        return None if past.document is None else (past.as_of, past.known_at)
    if digest(past.document) != past.hash:
        return None
    try:
        said = msgspec.json.decode(past.document, type=_Confirmed)
    except msgspec.DecodeError:
        return None
    return said.as_of.toordinal(), said.known_at


def _compare(past: Past, answer: Answer) -> Difference | None:
    if isinstance(answer, Refusal):
        return _difference(past, "refused", f"[{answer.code}] {answer.message}")
    if isinstance(past, PastGrading):
        return _compare_grading(past, answer)
    moment = _moment(past)
    assert moment is not None
    if answer.outcome != past.outcome:
        return _difference(past, "outcome", f"the outcome was {past.outcome} and is {answer.outcome}")
    if confirmation(answer, past.grading, *moment).document != past.document:
        stored = msgspec.json.decode(past.document).get("case")
        if stored != answer.case:
            return _difference(past, "case", f"the case was {stored} and is {answer.case}")
        return _difference(past, "document", "the document differs")
    return None


def _compare_grading(past: PastGrading, answer: Decision) -> Difference | None:
    assert past.document is not None
    if answer.document != past.document:
        return _difference(past, "document", "it differs in " + ", ".join(_parts_that_differ(past, answer)))
    columns = ("producer", "hash", "grade", "score", "next_change_on", "outcome")
    differ = [name for name in columns if getattr(past, name) != getattr(answer, name)]
    return _difference(past, "columns", "its row differs in " + ", ".join(differ)) if differ else None


def _parts_that_differ(past: PastGrading, answer: Decision) -> list[str]:
    assert past.document is not None
    stored, now = msgspec.json.decode(past.document), msgspec.json.decode(answer.document)
    if not isinstance(stored, dict):
        return ["everything"]
    return [name for name in sorted(stored.keys() | now.keys()) if stored.get(name) != now.get(name)] or ["layout"]


def _difference(past: Past, what: What, detail: str) -> Difference:
    return Difference("grading" if isinstance(past, PastGrading) else "confirmation", past.hash, what, detail)
