"""The ledger: what is known of producers since when, and every grading that was made from it. It only grows."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any, Final, Self

import msgspec
from sqlalchemy import Connection, Engine, Select, Table, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from knowledge.problems import ShuoliError
from store.database import begun, open_engines
from store.factrows import fact_name, fact_rows
from store.packing import Unpackable, pack_gradings, packed, unpacked, unpacked_grading, with_bases
from store.tables import (
    CLOCK,
    CONFIRMATIONS,
    CURRENT,
    EVENTS,
    FACTS,
    GRADINGS,
    PRODUCER_ENTRIES,
    PRODUCERS,
    RULEBOOKS,
)

EVERYONE: Final = ""
"""Stands for all producers where facts about everyone are recorded."""
_STEP: Final = timedelta(microseconds=1)
_LOG: Final = logging.getLogger("shuoli")


class StoreCorrupt(ShuoliError):
    """A stored document is not the one that was stored."""

    code = "store.corrupt"


class StoredGrading(msgspec.Struct, frozen=True):
    """A grading's canonical document, its digests, and what tables show of it. Days are ordinals."""

    hash: str
    producer: str
    as_of: int
    known_at: str
    rulebook_sha256: str
    grade: str
    score: int
    next_change_on: int | None
    outcome: str
    document: bytes


class Confirmation(msgspec.Struct, frozen=True):
    """The record that a later day or other facts led to the outcome of a stored grading again."""

    hash: str
    producer: str
    grading: str
    document: bytes


class Current(msgspec.Struct, frozen=True):
    """The grading that holds now: as of which day it was last decided, and until when it can't change by itself."""

    producer: str
    hash: str
    as_of: int
    grade: str
    next_change_on: int | None
    rulebook_sha256: str
    outcome: str


class Store:
    """A database of producers, facts and gradings. Safe to use from several threads and processes."""

    def __init__(self, reading: Engine, writing: Engine, log_hash: str = "sha256") -> None:
        self._reading, self._writing, self._log_hash = reading, writing, log_hash

    @classmethod
    def open(cls, url: str, log_hash: str = "sha256") -> Self:
        """Return the store at an SQLAlchemy URL; an SQLite file and its folder are made, tables migrated.

        `log_hash` (`sha256` or `sm3`) is what a log that has no leaf yet is hashed with.

        Raises:
            StoreRefused: it can't be used.
        """
        return cls(*open_engines(url), log_hash)

    def close(self) -> None:
        """Close all connections."""
        self._reading.dispose()
        self._writing.dispose()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Give one consistent view, whatever is written meanwhile; the database refuses writes in it.

        Raises:
            StoreRefused: the database is away, damaged, or busy for too long.
        """
        with begun(self._reading) as connection:
            yield Transaction(connection, self._log_hash)

    @contextmanager
    def write(self, now: str | None = None) -> Iterator[Transaction]:
        """Give a transaction: everything in it is stored, or, on any exception, nothing.

        Whoever enters something waits for whoever entered before, so that the ledger has one order. `now` is the
        instant in UTC, by default that of this machine.

        Raises:
            StoreRefused: the database is away, full, damaged, or busy for too long.
        """
        with begun(self._writing) as connection:
            transaction = Transaction(connection, self._log_hash)
            transaction.enter(utc_now() if now is None else now)
            yield transaction

    def answers(self) -> bool:
        """Say whether the database answers and has its tables."""
        try:
            with self._reading.connect() as connection:
                connection.execute(select(PRODUCERS.c.id).limit(1)).all()
        except SQLAlchemyError:
            return False
        return True


class Transaction:
    """One transaction. Documents are bytes; the store doesn't look into them."""

    def __init__(self, connection: Connection, log_hash: str = "sha256") -> None:
        self.connection = connection
        """For other modules of this package alone."""
        self.log_hash = log_hash
        """What the log is hashed with if this transaction adds its first leaf."""
        self.entered_at = ""
        """The record time of everything entered in this transaction; empty where it only reads."""
        self._insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert

    def enter(self, now: str) -> None:
        """Take the next instant: `now`, or just after the last one where the clock stands behind it."""
        query = select(CLOCK.c.last).where(CLOCK.c.id == 1).with_for_update()
        last = self.connection.execute(query).scalar_one()
        if now <= last:
            if _moment(now) + timedelta(seconds=1) < _moment(last):
                _LOG.warning(
                    "the clock says %s, before the ledger's last entry at %s: entered just after it", now, last
                )
            now = _text(_moment(last) + _STEP)
        self.connection.execute(CLOCK.update().where(CLOCK.c.id == 1).values(last=now))
        self.entered_at = now

    def last_entered_at(self) -> str:
        """Return the instant of the latest entry: nothing that is entered later can carry it or an earlier one."""
        return str(self.connection.execute(select(CLOCK.c.last)).scalar_one())

    def put_producer(self, producer_id: str, document: bytes) -> bool:
        """Enter what is known of a producer, unless it is known already; return whether the producer is new."""
        known = self.producer(producer_id)
        if known is None:
            new = self._insert(PRODUCERS).values(id=producer_id).on_conflict_do_nothing()
            self.connection.execute(new)
        if known != document:
            entry = {"producer_id": producer_id, "entered_at": self.entered_at, "document": document}
            self.connection.execute(PRODUCER_ENTRIES.insert().values(entry))
        return known is None

    def producer(self, producer_id: str, known_at: str | None = None) -> bytes | None:
        """Return what is known of a producer, or was at an instant; None where nothing is."""
        query = select(PRODUCER_ENTRIES.c.document).where(PRODUCER_ENTRIES.c.producer_id == producer_id)
        query = _known(query, PRODUCER_ENTRIES, known_at).order_by(PRODUCER_ENTRIES.c.seq.desc())
        return self.connection.execute(query.limit(1)).scalar()

    def names(self, after: str = "", limit: int = 500) -> list[str]:
        """Return the ids of producers, in their order, those after `after`."""
        query = select(PRODUCERS.c.id).where(PRODUCERS.c.id > after).order_by(PRODUCERS.c.id).limit(limit)
        return list(self.connection.execute(query).scalars())

    def producers_of(self, producer_ids: Sequence[str]) -> list[tuple[str, bytes]]:
        """Return ids and documents of the producers named, by id."""
        last = select(func.max(PRODUCER_ENTRIES.c.seq)).where(PRODUCER_ENTRIES.c.producer_id.in_(producer_ids))
        query = select(PRODUCER_ENTRIES.c.producer_id, PRODUCER_ENTRIES.c.document)
        query = query.where(PRODUCER_ENTRIES.c.seq.in_(last.group_by(PRODUCER_ENTRIES.c.producer_id)))
        return sorted((row[0], row[1]) for row in self.connection.execute(query))

    def count_producers(self) -> int:
        """Return how many producers are known."""
        known = select(func.count()).select_from(PRODUCERS).where(PRODUCERS.c.id != EVERYONE)
        return int(self.connection.execute(known).scalar_one())

    def add_facts(self, producer_id: str, documents: Iterable[bytes], ids: Iterable[str] = ()) -> int:
        """Enter facts of a producer and return how many are new; one that is there to the byte stays as it is.

        `ids` are those of the facts; without them `reports_of` doesn't find these reports.
        """
        names = [fact_name(producer_id, fact_id) for fact_id in ids]
        told = [(producer_id, name, document) for document, name in zip_longest(documents, names)]
        rows = fact_rows(self.entered_at, told)
        if not rows:
            return 0
        new = self._insert(FACTS).on_conflict_do_nothing().returning(FACTS.c.seq)
        return len(self.connection.execute(new, [row._asdict() for row in rows]).all())

    def facts(self, producer_id: str, known_at: str | None = None) -> list[bytes]:
        """Return a producer's facts in the order in which they were entered, by an instant where one is given."""
        return self.facts_of([producer_id], known_at).get(producer_id, [])

    def facts_of(self, producer_ids: Sequence[str], known_at: str | None = None) -> dict[str, list[bytes]]:
        """Return the facts of several producers (at most 30,000), each in the order in which they were entered."""
        found: dict[str, list[bytes]] = {}
        columns = select(FACTS.c.producer_id, FACTS.c.document)
        # By `seq` alone, PostgreSQL walks through the whole table as long as it has no statistics of it.
        query = columns.where(FACTS.c.producer_id.in_(producer_ids)).order_by(FACTS.c.producer_id, FACTS.c.seq)
        for name, document in self.connection.execute(_known(query, FACTS, known_at)):
            found.setdefault(name, []).append(document)
        return found

    def changed_since(self, producer_ids: Sequence[str], known_at: str) -> set[str]:
        """Return those of the producers (and of everyone) of whom something was entered after an instant."""
        changed: set[str] = set()
        for table in (FACTS, PRODUCER_ENTRIES):
            query = select(table.c.producer_id).where(table.c.producer_id.in_([*producer_ids, EVERYONE]))
            changed |= set(self.connection.execute(query.where(table.c.entered_at > known_at)).scalars())
        return changed

    def has_rulebook(self, sha256: str) -> bool:
        """Say whether a rulebook is kept here."""
        return self.connection.execute(select(RULEBOOKS.c.id).where(RULEBOOKS.c.sha256 == sha256)).first() is not None

    def add_rulebook(self, sha256: str, rulebook_id: str, version: str, document: bytes) -> None:
        """Keep a rulebook for ever."""
        entry = {"sha256": sha256, "id": rulebook_id, "version": version, "entered_at": self.entered_at}
        self.connection.execute(RULEBOOKS.insert().values(entry | {"document": packed(document)}))

    def rulebook(self, sha256: str) -> bytes | None:
        """Return a rulebook's document, None where none has this SHA-256.

        Raises:
            StoreCorrupt: the document no longer gives it.
        """
        stored = self.connection.execute(select(RULEBOOKS.c.document).where(RULEBOOKS.c.sha256 == sha256)).scalar()
        return None if stored is None else told("rulebook", sha256, lambda: unpacked(stored))

    def add_gradings(self, gradings: Sequence[StoredGrading]) -> None:
        """Store gradings, and make each the one that holds for its producer."""
        stored = pack_gradings(self.connection, [(one.producer, one.document) for one in gradings])
        rows = [
            msgspec.structs.asdict(one) | {"producer_id": one.producer, "base": base, "document": document}
            for one, (base, document) in zip(gradings, stored, strict=True)
        ]
        for row in rows:
            del row["producer"]
        if rows:
            self.connection.execute(GRADINGS.insert(), rows)
        self._hold([(g.producer, g.hash, g.as_of, g.grade, g.next_change_on, g.rulebook_sha256) for g in gradings])

    def add_confirmations(self, confirmations: Sequence[tuple[Confirmation, Current]]) -> None:
        """Store confirmations; each comes with what holds for its producer from now on."""
        rows = [
            {"hash": one.hash, "producer_id": one.producer, "grading": one.grading, "document": one.document}
            for one, _ in confirmations
        ]
        if rows:
            self.connection.execute(CONFIRMATIONS.insert(), rows)
        self._hold(
            [(c.producer, c.hash, c.as_of, c.grade, c.next_change_on, c.rulebook_sha256) for _, c in confirmations]
        )

    def _hold(self, held: Sequence[tuple[str, str, int, str, int | None, str]]) -> None:
        names = ("producer_id", "hash", "as_of", "grade", "next_change_on", "rulebook_sha256")
        if held:
            now = self._insert(CURRENT)
            now = now.on_conflict_do_update(
                index_elements=[CURRENT.c.producer_id], set_={name: now.excluded[name] for name in names[1:]}
            )
            self.connection.execute(now, [dict(zip(names, row, strict=True)) for row in held])

    def grading(self, grading_hash: str) -> bytes | None:
        """Return a grading's document, None where no stored grading has this hash.

        Raises:
            StoreCorrupt: the document no longer gives its hash.
        """
        query = with_bases(GRADINGS.c.document, GRADINGS.c.base).where(GRADINGS.c.hash == grading_hash)
        row = self.connection.execute(query).first()
        return None if row is None else told("grading", grading_hash, lambda: unpacked_grading(*row))

    def confirmation(self, confirmation_hash: str) -> bytes | None:
        """Return a confirmation's document, None where none has this hash."""
        query = select(CONFIRMATIONS.c.document).where(CONFIRMATIONS.c.hash == confirmation_hash)
        return self.connection.execute(query).scalar()

    def current(self, producer_id: str) -> Current | None:
        """Return what holds now for a producer, None where it has no grade."""
        return self.current_of_all([producer_id]).get(producer_id)

    def current_of_all(self, producer_ids: Sequence[str]) -> dict[str, Current]:
        """Return what holds now for several producers (at most 30,000), by id."""
        query = select(CURRENT, GRADINGS.c.outcome).join(GRADINGS, CURRENT.c.hash == GRADINGS.c.hash)
        rows = self.connection.execute(query.where(CURRENT.c.producer_id.in_(producer_ids)))
        return {row.producer_id: Current(*row) for row in rows}

    def due(self, as_of: int, rulebook_sha256: str, among: Sequence[str] | None = None) -> list[str]:
        """Return producers, by id, whose grade may no longer hold on a day: a date has come, or another rulebook.

        Reads the producers that are due and no others; with `among`, looks at these alone.
        """
        found: set[str] = set()
        # One index each; a database may answer an `or` of them by reading the whole table.
        for stale in (
            CURRENT.c.next_change_on <= as_of,
            CURRENT.c.rulebook_sha256 < rulebook_sha256,
            CURRENT.c.rulebook_sha256 > rulebook_sha256,
        ):
            query = select(CURRENT.c.producer_id).where(stale, CURRENT.c.as_of <= as_of)
            query = query if among is None else query.where(CURRENT.c.producer_id.in_(among))
            found.update(self.connection.execute(query).scalars())
        return sorted(found)

    def make_all_due(self, as_of: int) -> None:
        """Have every grade decided again on a day, because of something that concerns everyone."""
        later = or_(CURRENT.c.next_change_on.is_(None), CURRENT.c.next_change_on > as_of)
        self.connection.execute(CURRENT.update().where(later).values(next_change_on=as_of))

    def current_of(self, grade: str, limit: int = 500) -> list[str]:
        """Return the ids of producers with a current grade, by id."""
        query = select(CURRENT.c.producer_id).where(CURRENT.c.grade == grade).order_by(CURRENT.c.producer_id)
        return list(self.connection.execute(query.limit(limit)).scalars())

    def grade_counts(self) -> dict[str, int]:
        """Return how many producers have each current grade."""
        query = select(CURRENT.c.grade, func.count()).group_by(CURRENT.c.grade)
        return {row[0]: row[1] for row in self.connection.execute(query)}

    def add_event(self, event_id: str, event_type: str, document: bytes) -> None:
        """Put an event into the outbox; it goes out if this transaction is stored."""
        self.connection.execute(EVENTS.insert().values(id=event_id, type=event_type, document=document))


def told(what: str, name: str, unpack: Callable[[], bytes]) -> bytes:
    """Return an unpacked document.

    Raises:
        StoreCorrupt: it can't be unpacked, or doesn't give its hash.
    """
    try:
        document = unpack()
    except Unpackable:
        document = b""
    if hashlib.sha256(document).hexdigest() != name:
        raise StoreCorrupt(f"the stored {what} {name} has been altered", help="restore it from a backup")
    return document


def utc_now() -> str:
    """Return this machine's instant as the ledger writes it."""
    return _text(datetime.now(UTC))


def _known(query: Select[Any], table: Table, known_at: str | None) -> Select[Any]:
    return query if known_at is None else query.where(table.c.entered_at <= known_at)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
