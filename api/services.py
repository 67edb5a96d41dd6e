"""What the HTTP interface can do, in one object that is made once for each application."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Self

import msgspec
from litestar import Response

from api.answers import Answer
from api.idempotency import Once
from api.ledger import check_signer, open_store, sign
from api.selection import Selection
from api.settings import Settings
from api.wire import ProducerView
from authoring.populations import Populations
from casework.decisions import Beside, Decided, Decisions
from casework.everyone import check_about, learn_about_everyone
from casework.intake import Intake
from casework.issuing import GradingMissing, issue_certificate
from casework.past import FactList, History, facts_of, history_of
from casework.posting import Rules
from casework.proofs import LogPending, Proofs
from casework.replay import Replay
from casework.reports import status_report
from casework.tick import Tick, tick
from engine.case import CaseFile, Fact, Producer
from engine.document import presented
from engine.reading import CaseReader, instant, producer_view
from engine.workers import Decision, Workers
from knowledge.problems import ShuoliError
from knowledge.rulebook import Rulebook
from store.ledger import Store
from store.trail import StoredHead


class _Decided(msgspec.Struct):
    """What is looked up in a stored grading."""

    rulebook: dict[str, str]


def _stored(rulebook: Rulebook, decision: Decision) -> msgspec.Raw:
    return msgspec.Raw(presented(decision.document, decision.hash, rulebook))


class Services:
    """The rulebooks, the store and the workers of one application."""

    def __init__(
        self, settings: Settings, selection: Selection, store: Store, workers: Workers, today: Callable[[], date]
    ) -> None:
        self._settings, self._selection, self._store = settings, selection, store
        self._workers, self._today = workers, today
        self.populations = Populations(store)
        """Everybody, for questions about all at once."""
        self._desks: dict[str, Decisions] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(cls, settings: Settings, *, today: Callable[[], date]) -> Self:
        """Return the services; the default rulebook is loaded and the store migrated.

        Raises:
            RulebookMissing: the rulebook that grades isn't in the catalog.
            RulebookRefused: it has problems.
            StoreRefused: the database can't be used.
            SigningRefused: heads are signed with a key that isn't there.
        """
        store = open_store(settings)
        try:
            selection = Selection(settings, store)
            selection.named(None, today())
            check_signer(settings, store)
        except ShuoliError:
            store.close()
            raise
        return cls(settings, selection, store, Workers(settings.workers), today)

    def close(self) -> None:
        """End the workers and the database's connections."""
        self._workers.close()
        self._store.close()

    def rulebook(self, name: str | None = None) -> Rulebook:
        """Return the rulebook named `ID` or `ID@VERSION`, the one that grades today where none is named.

        Raises:
            RulebookMissing: there is none.
        """
        return self._selection.named(name, self._today())

    def all_rulebooks(self) -> tuple[Rulebook, ...]:
        """Return every version of every rulebook."""
        return self._selection.all()

    def put_producer(self, producer_id: str, body: bytes) -> tuple[ProducerView, bool]:
        """Make a producer known and grade it; return how it is known, and whether it is new."""
        desk = self._desk(self._today().toordinal())
        producer = desk.reader.producer(body, producer_id)
        created = desk.put_producer(producer, self._today().toordinal())
        return ProducerView(**producer_view(desk.rulebook, producer)), created

    def once(self, key: str | None, route: str, body: bytes) -> Once:
        """Return the request that is done once under its key.

        Raises:
            RequestRefused: the key can't be one.
        """
        return Once(self._store, key, route, body)

    def post_facts(self, producer_id: str, body: bytes, once: Once) -> Response[Any]:
        """Record facts; answer with the decision that they lead to."""
        today = self._today().toordinal()
        desk = self._desk(today)

        def record(beside: Beside) -> Decision:
            facts = desk.reader.facts(body, today=today)
            check_about(desk.rulebook, facts, everyone=False)
            return desk.record(producer_id, facts, today, beside=beside)

        return once.run(record, lambda decision: _stored(desk.rulebook, decision))

    def post_status(self, producer_id: str, fact_id: str, body: bytes, once: Once) -> Response[Any]:
        """Record that a fact has another status; answer with the decision that this leads to."""
        today = self._today().toordinal()
        desk = self._desk(today)

        def report(known: Sequence[Fact], entered_at: str) -> list[Fact]:
            return status_report(desk.rulebook, body, fact_id, known, entered_at, today)

        return once.run(
            lambda beside: desk.enter(producer_id, [fact_id], report, today, beside=beside),
            lambda decision: _stored(desk.rulebook, decision),
        )

    def post_about_everyone(self, body: bytes, once: Once) -> Response[Any]:
        """Record facts about everyone; where they change what all grades share, every producer is graded again."""
        today = self._today().toordinal()
        desk = self._desk(today)

        def learn(_: Beside) -> dict[str, Any]:
            facts = desk.reader.facts(body, today=today)
            learned = learn_about_everyone(self._store, self._workers, desk.rulebook, facts, today)
            refused = tick(self._store, desk, today).refused if learned.everyone_due else {}
            told = {"entered": learned.entered, "everyone_regraded": learned.everyone_due, "refused": sorted(refused)}
            # The grades follow in many transactions; done twice, they are the same.
            once.keep(told)
            return told

        return once.run(learn, lambda told: told)

    def facts(self, producer_id: str, as_of: int | None, known_at: str | None) -> FactList:
        """Return what is known of a producer, with every report of it."""
        day = self._today().toordinal() if as_of is None else as_of
        rulebook = self._selection.named(None, date.fromordinal(day))
        return facts_of(self._store, rulebook, producer_id, day, None if known_at is None else instant(known_at))

    def history(self, producer_id: str, after: int, limit: int, *, as_of: int | None, known_at: str | None) -> History:
        """Return what was decided about a producer, in the log's order."""
        known = None if known_at is None else instant(known_at)
        return history_of(self._store, producer_id, after, limit, as_of=as_of, known_at=known)

    def due(self, day: date) -> set[str]:
        """Return the producers that are due on a day, under the rulebook in force then."""
        with self._store.read() as transaction:
            return set(transaction.due(day.toordinal(), self._desk(day.toordinal()).rulebook.sha256))

    def tick(self, day: date, stopped: Callable[[], bool]) -> Tick:
        """Grade the producers that are due on a day."""
        return tick(self._store, self._desk(day.toordinal()), day.toordinal(), stopped=stopped)

    @property
    def rules(self) -> Rules:
        """Return where subscribers may be."""
        return Rules(self._settings.webhook_http, self._settings.webhook_allow)

    @property
    def store(self) -> Store:
        """Return the store."""
        return self._store

    @property
    def workers(self) -> Workers:
        """Return the processes that evaluate."""
        return self._workers

    @property
    def selection(self) -> Selection:
        """Return the rulebooks there are."""
        return self._selection

    def today(self) -> date:
        """Return the day it is."""
        return self._today()

    @property
    def proofs(self) -> Proofs:
        """Return what the log shows to anyone."""
        return Proofs(self._store)

    def sign_head(self) -> StoredHead | None:
        """Sign and store a head of the log, if it has grown since the last one; return it, None where it hasn't.

        Raises:
            SigningRefused: the key can't be used.
            StoreCorrupt: the log isn't the one that the last head was signed for.
        """
        return sign(self._settings, self._store)

    def certificate(self, grading_hash: str) -> bytes:
        """Return the certificate of a stored grading; a head is signed first if none covers it yet.

        Raises:
            GradingMissing: there is none.
            StoreCorrupt: the ledger no longer holds what it was made from.
        """
        try:
            return issue_certificate(self._store, grading_hash)
        except LogPending:
            self.sign_head()
            return issue_certificate(self._store, grading_hash)

    def intake(self) -> Intake:
        """Return the way in for many lines, graded as of today."""
        today = self._today().toordinal()
        return Intake(self._desk(today), self._store, as_of=today)

    def decision(
        self, producer_id: str, as_of: int | None = None, known_at: str | None = None, rulebook: str | None = None
    ) -> Answer:
        """Return the decision on a stored producer; the rulebook is the one in force on the day, unless named.

        A named version that graded here is read as it was published, whatever has become of its files.
        """
        day = self._today().toordinal() if as_of is None else as_of
        desk = self._desk(day) if rulebook is None else self._decisions(self._version(rulebook, day))
        known = None if known_at is None else instant(known_at)
        return Answer(desk.rulebook, desk.decide(producer_id, day, known))

    def grade_case(self, body: bytes, *, rulebook: str | None, as_of: int | None, known_at: str | None) -> Answer:
        """Return the decision on a case that is not stored."""
        today = self._today().toordinal()
        day = today if as_of is None else as_of
        chosen = self._selection.named(rulebook, date.fromordinal(day))
        case = CaseReader(chosen).case(body, as_of=day, today=today, known_at=known_at)
        return Answer(chosen, Decided(case, self._workers.grade(chosen, case)))

    def grading(self, grading_hash: str) -> bytes:
        """Return a stored grading as it was decided, with its hash and its rulebook's notice, as JSON.

        Raises:
            GradingMissing: there is none.
        """
        with self._store.read() as transaction:
            document = transaction.grading(grading_hash)
        if document is None:
            raise GradingMissing("no stored grading has this hash")
        named = msgspec.json.decode(document, type=_Decided).rulebook["sha256"]
        return presented(
            document, grading_hash, next((one for one in self.all_rulebooks() if one.sha256 == named), None)
        )

    def trouble(self) -> str | None:
        """Return what keeps this application from working, None where nothing does."""
        if not self._store.answers():
            return "the store doesn't answer"
        try:
            rulebook = self.rulebook()
            nobody = Producer("-", next(iter(rulebook.kinds)), "", {})
            self._workers.grade(rulebook, CaseFile(nobody, (), self._today().toordinal()))
        except ShuoliError as error:
            return f"[{error.code}] {error.message}"
        return None

    def _version(self, name: str, as_of: int) -> Rulebook:
        rulebook_id, _, version = name.partition("@")
        published = Replay(self._store, self._workers).published(rulebook_id, version) if version else None
        return published or self._selection.named(name, date.fromordinal(as_of))

    def _desk(self, as_of: int) -> Decisions:
        return self._decisions(self._selection.named(None, date.fromordinal(as_of)))

    def _decisions(self, rulebook: Rulebook) -> Decisions:
        with self._lock:
            if rulebook.sha256 not in self._desks:
                self._desks[rulebook.sha256] = Decisions(rulebook, self._store, self._workers)
            return self._desks[rulebook.sha256]
