"""The store: what is known of producers, and every grading that was made from it."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Self

import msgspec
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from knowledge.problems import ShuoliError
from store.database import begun, open_engines
from store.tables import CURRENT, FACTS, GRADINGS, PRODUCERS

_LEVEL: Final = 1
"""Of zlib: gradings of 30 KB shrink to a fifth in 0.14 ms; level 6 makes it a sixth and takes three times as long."""


class StoreCorrupt(ShuoliError):
    """A stored document is not the one that was stored."""

    code = "store.corrupt"


class StoredGrading(msgspec.Struct, frozen=True):
    """A grading's canonical document, its SHA-256, and what tables show of it. Days are ordinals."""

    hash: str
    producer: str
    as_of: int
    known_at: str | None
    rulebook_sha256: str
    grade: str
    score: int
    next_change_on: int | None
    document: bytes


class Store:
    """A database of producers, facts and gradings. Safe to use from several threads and processes."""

    def __init__(self, reading: Engine, writing: Engine) -> None:
        self._reading, self._writing = reading, writing

    @classmethod
    def open(cls, url: str) -> Self:
        """Return the store at an SQLAlchemy URL; an SQLite file and its folder are made, tables migrated.

        Raises:
            StoreRefused: it can't be used.
        """
        return cls(*open_engines(url))

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
            yield Transaction(connection)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Give a transaction: everything in it is stored, or, on any exception, nothing.

        Raises:
            StoreRefused: the database is away, full, damaged, or busy for too long.
        """
        with begun(self._writing) as connection:
            yield Transaction(connection)

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

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert

    def put_producer(self, producer_id: str, document: bytes) -> bool:
        """Store a producer or replace what is stored; return whether it is new. It stays locked until the end."""
        values = {"id": producer_id, "document": document}
        new = self._insert(PRODUCERS).values(values).on_conflict_do_nothing().returning(PRODUCERS.c.id)
        if self._connection.execute(new).first() is not None:
            return True
        self._connection.execute(PRODUCERS.update().where(PRODUCERS.c.id == producer_id).values(document=document))
        return False

    def producer(self, producer_id: str, *, lock: bool = False) -> bytes | None:
        """Return a producer's document; with `lock`, others who lock it wait until the end of this transaction."""
        query = select(PRODUCERS.c.document).where(PRODUCERS.c.id == producer_id)
        if lock:
            # Not FOR UPDATE: what only refers to the producer, as other gradings do, need not wait.
            query = query.with_for_update(key_share=True)
        return self._connection.execute(query).scalar()

    def producers(self, after: str = "", limit: int = 500) -> list[tuple[str, bytes]]:
        """Return ids and documents of producers, by id, those after `after`."""
        columns = select(PRODUCERS.c.id, PRODUCERS.c.document)
        query = columns.where(PRODUCERS.c.id > after).order_by(PRODUCERS.c.id).limit(limit)
        return [(row[0], row[1]) for row in self._connection.execute(query)]

    def count_producers(self) -> int:
        """Return how many producers are stored."""
        return self._connection.execute(select(func.count()).select_from(PRODUCERS)).scalar_one()

    def add_facts(self, producer_id: str, documents: Iterable[bytes]) -> int:
        """Store facts of a producer and return how many are new; one that is there to the byte stays as it is."""
        rows = [
            {"producer_id": producer_id, "sha256": hashlib.sha256(document).digest(), "document": document}
            for document in documents
        ]
        if not rows:
            return 0
        new = self._insert(FACTS).on_conflict_do_nothing()
        return self._connection.execute(new, rows, execution_options={"preserve_rowcount": True}).rowcount

    def facts(self, producer_id: str) -> list[bytes]:
        """Return a producer's facts in the order in which they arrived."""
        return self.facts_of([producer_id]).get(producer_id, [])

    def facts_of(self, producer_ids: Sequence[str]) -> dict[str, list[bytes]]:
        """Return the facts of several producers (at most 30,000), each in the order in which they arrived."""
        found: dict[str, list[bytes]] = {}
        columns = select(FACTS.c.producer_id, FACTS.c.document)
        # By `seq` alone, PostgreSQL walks through the whole table as long as it has no statistics of it.
        query = columns.where(FACTS.c.producer_id.in_(producer_ids)).order_by(FACTS.c.producer_id, FACTS.c.seq)
        for name, document in self._connection.execute(query):
            found.setdefault(name, []).append(document)
        return found

    def add_gradings(self, gradings: Iterable[StoredGrading]) -> None:
        """Store gradings and make each the current one of its producer; the same hash again is the same grading."""
        made = list(gradings)
        if not made:
            return
        rows = [
            {
                "hash": one.hash,
                "producer_id": one.producer,
                "as_of": one.as_of,
                "known_at": one.known_at,
                "rulebook_sha256": one.rulebook_sha256,
                "grade": one.grade,
                "score": one.score,
                "next_change_on": one.next_change_on,
                "document": zlib.compress(one.document, _LEVEL),
            }
            for one in made
        ]
        self._connection.execute(self._insert(GRADINGS).on_conflict_do_nothing(), rows)
        now = self._insert(CURRENT)
        now = now.on_conflict_do_update(
            index_elements=[CURRENT.c.producer_id], set_={"hash": now.excluded.hash, "grade": now.excluded.grade}
        )
        current = [{"producer_id": one.producer, "hash": one.hash, "grade": one.grade} for one in made]
        self._connection.execute(now, current)

    def grading(self, grading_hash: str) -> bytes | None:
        """Return a grading's document, None where no stored grading has this hash.

        Raises:
            StoreCorrupt: the document no longer gives its hash.
        """
        stored = self._connection.execute(select(GRADINGS.c.document).where(GRADINGS.c.hash == grading_hash)).scalar()
        return None if stored is None else _unpacked(grading_hash, stored)

    def current(self, producer_id: str) -> StoredGrading | None:
        """Return the grading that holds now for a producer.

        Raises:
            StoreCorrupt: its document no longer gives its hash.
        """
        query = select(GRADINGS).join(CURRENT, CURRENT.c.hash == GRADINGS.c.hash)
        row = self._connection.execute(query.where(CURRENT.c.producer_id == producer_id)).first()
        if row is None:
            return None
        return StoredGrading(
            hash=row.hash,
            producer=row.producer_id,
            as_of=row.as_of,
            known_at=row.known_at,
            rulebook_sha256=row.rulebook_sha256,
            grade=row.grade,
            score=row.score,
            next_change_on=row.next_change_on,
            document=_unpacked(row.hash, row.document),
        )

    def current_of(self, grade: str, limit: int = 500) -> list[str]:
        """Return the ids of producers with a current grade, by id."""
        query = select(CURRENT.c.producer_id).where(CURRENT.c.grade == grade).order_by(CURRENT.c.producer_id)
        return list(self._connection.execute(query.limit(limit)).scalars())

    def grade_counts(self) -> dict[str, int]:
        """Return how many producers have each current grade."""
        query = select(CURRENT.c.grade, func.count()).group_by(CURRENT.c.grade)
        return {row[0]: row[1] for row in self._connection.execute(query)}


def _unpacked(grading_hash: str, stored: bytes) -> bytes:
    try:
        document = zlib.decompress(stored)
    except zlib.error:
        document = b""
    if hashlib.sha256(document).hexdigest() != grading_hash:
        raise StoreCorrupt(f"the stored grading {grading_hash} has been altered", help="restore it from a backup")
    return document
