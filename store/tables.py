"""The tables. Documents are canonical JSON made elsewhere; a column beside one repeats what lists are made from.

Days are proleptic Gregorian ordinals; instants are UTC as text (`2026-03-03T00:00:00.000000Z`), so that they compare
as text. `entered_at` is the record time: when this ledger learned of it, never what a source said.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite makes only INTEGER PRIMARY KEY a row's own number.
_NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")
_ID: Final = String(200, collation="C").with_variant(String(200), "sqlite")
_HASH: Final = String(64)
_INSTANT: Final = String(27)

PRODUCERS: Final = Table("producers", METADATA, Column("id", _ID, primary_key=True))
"""Who is known. The one without a name stands for all: facts about it are facts about every producer."""

PRODUCER_ENTRIES: Final = Table(
    "producer_entries",
    METADATA,
    Column("seq", _NUMBER, primary_key=True, autoincrement=True),
    Column("producer_id", _ID, ForeignKey(PRODUCERS.c.id), nullable=False),
    Column("entered_at", _INSTANT, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index("ix_producer_entries_producer_id_seq", "producer_id", "seq"),
)
"""What is known of a producer; the last entry holds."""

FACTS: Final = Table(
    "facts",
    METADATA,
    Column("seq", _NUMBER, primary_key=True, autoincrement=True),
    Column("producer_id", _ID, ForeignKey(PRODUCERS.c.id), nullable=False),
    Column("entered_at", _INSTANT, nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("name", BigInteger, index=True),
    Index("uq_facts_producer_id_sha256", "producer_id", "sha256", unique=True),
)
"""Reports of facts. A fact's status changes by a later report of it; all reports of one fact have its `name`."""

RULEBOOKS: Final = Table(
    "rulebooks",
    METADATA,
    Column("sha256", _HASH, primary_key=True),
    Column("id", String(60), nullable=False),
    Column("version", String(60), nullable=False),
    Column("entered_at", _INSTANT, nullable=False),
    Column("document", LargeBinary, nullable=False),
)
"""Every rulebook that graded here, packed, so that a replay needs no file."""

_GRADING: Final = Column("hash", _HASH, primary_key=True)
GRADINGS: Final = Table(
    "gradings",
    METADATA,
    _GRADING,
    Column("producer_id", _ID, ForeignKey(PRODUCERS.c.id), nullable=False, index=True),
    Column("as_of", Integer, nullable=False),
    Column("known_at", _INSTANT, nullable=False),
    Column("rulebook_sha256", _HASH, ForeignKey(RULEBOOKS.c.sha256), nullable=False),
    Column("grade", String(60), nullable=False),
    Column("score", BigInteger, nullable=False),
    Column("next_change_on", Integer),
    Column("outcome", _HASH, nullable=False),
    Column("base", _HASH, ForeignKey(_GRADING)),
    Column("document", LargeBinary, nullable=False),
)
"""`document` is packed, against that of the grading `base` where there is one (`store.packing`).
`outcome` is the digest of what the grading says, days and case left aside."""

CONFIRMATIONS: Final = Table(
    "confirmations",
    METADATA,
    Column("hash", _HASH, primary_key=True),
    Column("producer_id", _ID, ForeignKey(PRODUCERS.c.id), nullable=False, index=True),
    Column("grading", _HASH, ForeignKey(GRADINGS.c.hash), nullable=False),
    Column("document", LargeBinary, nullable=False),
)
"""A later day or other facts led to the same outcome as a stored grading."""

CURRENT: Final = Table(
    "current_gradings",
    METADATA,
    Column("producer_id", _ID, ForeignKey(PRODUCERS.c.id), primary_key=True),
    Column("hash", _HASH, ForeignKey(GRADINGS.c.hash), nullable=False),
    Column("as_of", Integer, nullable=False),
    Column("grade", String(60), nullable=False, index=True),
    Column("next_change_on", Integer, index=True),
    Column("rulebook_sha256", _HASH, nullable=False, index=True),
)
"""The grading that holds now, one for each producer, and the day from which it may no longer hold."""

CLOCK: Final = Table(
    "ledger_clock", METADATA, Column("id", Integer, primary_key=True), Column("last", _INSTANT, nullable=False)
)
"""One row: the latest `entered_at`. Whoever enters something holds it until the end of the transaction."""

LEAVES: Final = Table(
    "log_leaves",
    METADATA,
    Column("index", _NUMBER, primary_key=True, autoincrement=False),
    Column("kind", String(20), nullable=False),
    Column("ref", _HASH, nullable=False, index=True),
    Column("document", LargeBinary, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)
"""The log, from 0 without gaps; `document` is what the leaf's hash is taken of."""

NODES: Final = Table(
    "log_nodes",
    METADATA,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("index", _NUMBER, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
)
"""Complete subtrees above the leaves: (level, index) covers leaves index * 2 ** level and the following 2 ** level."""

HEADS: Final = Table(
    "log_heads",
    METADATA,
    Column("size", _NUMBER, primary_key=True, autoincrement=False),
    Column("document", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("key", LargeBinary, nullable=False),
)
"""Signed heads: `document` is what was signed, `key` the public key that checks it."""

IDEMPOTENCY: Final = Table(
    "idempotency",
    METADATA,
    Column("key", String(200), primary_key=True),
    Column("route", String(200), nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("status", Integer, nullable=False),
    Column("document", LargeBinary, nullable=False),
)
"""Answers to requests that must not be done twice: `sha256` is that of the request."""

CHUNKS: Final = Table(
    "ingest_chunks",
    METADATA,
    Column("key", String(200), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("results", LargeBinary, nullable=False),
)
"""Chunks of a bulk delivery that are committed, with the result of each line, so that it can be resumed."""

QUARANTINE: Final = Table(
    "quarantine",
    METADATA,
    Column("seq", _NUMBER, primary_key=True, autoincrement=True),
    Column("entered_at", _INSTANT, nullable=False),
    Column("origin", String(200), nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("problems", Text, nullable=False),
)
"""Lines that were refused, as they came, and why (JSON)."""

QUARANTINE_ACTS: Final = Table(
    "quarantine_acts",
    METADATA,
    Column("seq", _NUMBER, primary_key=True, autoincrement=True),
    Column("quarantined", _NUMBER, ForeignKey(QUARANTINE.c.seq), nullable=False, index=True),
    Column("entered_at", _INSTANT, nullable=False),
    Column("act", String(20), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("document", LargeBinary, nullable=False),
)
"""What was done about a refused line: replayed (with the corrected line) or dismissed (with the reason)."""

SOURCES: Final = Table(
    "sources",
    METADATA,
    Column("system", String(200), primary_key=True),
    Column("beat_at", _INSTANT, nullable=False),
    Column("cursor", Text),
)
"""The last sign of life of each source, and where its connector goes on."""

DRAFT_FILES: Final = Table(
    "draft_files",
    METADATA,
    Column("seq", _NUMBER, primary_key=True, autoincrement=True),
    Column("draft", String(130), nullable=False),
    Column("path", String(200), nullable=False),
    Column("entered_at", _INSTANT, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("document", LargeBinary),
    Index("ix_draft_files_draft_seq", "draft", "seq"),
)
"""Files of drafts of rulebooks; of a path the last row holds, and one without a document says that it was removed."""

DRAFT_ACTS: Final = Table(
    "draft_acts",
    METADATA,
    Column("seq", _NUMBER, primary_key=True, autoincrement=True),
    Column("draft", String(130), nullable=False),
    Column("act", String(20), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("entered_at", _INSTANT, nullable=False),
    Column("content", _HASH, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index("ix_draft_acts_draft_seq", "draft", "seq"),
)
"""What was done with drafts, by whom, and to which content (the digest of all files); `document` is packed JSON."""

RELEASES: Final = Table(
    "releases",
    METADATA,
    Column("hash", _HASH, primary_key=True),
    Column("rulebook_sha256", _HASH, ForeignKey(RULEBOOKS.c.sha256), nullable=False, unique=True),
    Column("effective_from", Integer, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("files", LargeBinary, nullable=False),
)
"""Versions that were put into force from a day: by whom, whom it moves, from which files; both are packed JSON."""

PROMISES: Final = Table(
    "promises",
    METADATA,
    Column("hash", _HASH, primary_key=True),
    Column("producer_id", _ID, ForeignKey(PRODUCERS.c.id), nullable=False, index=True),
    Column("entered_at", _INSTANT, nullable=False),
    Column("day", Integer, nullable=False, index=True),
    Column("document", LargeBinary, nullable=False),
)
"""Plans that producers keep to, with the grade promised from `day` on once all is done; `document` is packed JSON."""

PROMISE_ACTS: Final = Table(
    "promise_acts",
    METADATA,
    Column("promise", _HASH, ForeignKey(PROMISES.c.hash), primary_key=True),
    Column("entered_at", _INSTANT, nullable=False),
    Column("verdict", String(10), nullable=False, index=True),
    Column("reason", String(20), nullable=False),
    Column("grading", _HASH, nullable=False),
)
"""What became of a promise: kept, broken or lapsed, and the case's grading by which that was seen."""

EVENTS: Final = Table(
    "outbox",
    METADATA,
    Column("seq", _NUMBER, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("type", String(100), nullable=False),
    Column("document", LargeBinary, nullable=False),
)
"""Events as CloudEvents in JSON, in the order in which they happened."""

SUBSCRIPTIONS: Final = Table(
    "subscriptions",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("url", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("since", _NUMBER, nullable=False),
)
"""Who is told of events: those after `since`, a `seq` of the outbox."""

DELIVERIES: Final = Table(
    "deliveries",
    METADATA,
    Column("subscription", String(36), ForeignKey(SUBSCRIPTIONS.c.id), primary_key=True),
    Column("event", _NUMBER, ForeignKey(EVENTS.c.seq), primary_key=True, autoincrement=False),
    Column("state", String(10), nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("next_at", _INSTANT, nullable=False),
    Column("trouble", Text),
)
"""Where the delivery of each event to each subscription stands: waiting, done or dead."""

APPEND_ONLY: Final = (
    PRODUCERS,
    PRODUCER_ENTRIES,
    FACTS,
    RULEBOOKS,
    GRADINGS,
    CONFIRMATIONS,
    LEAVES,
    NODES,
    HEADS,
    IDEMPOTENCY,
    CHUNKS,
    QUARANTINE,
    QUARANTINE_ACTS,
    DRAFT_FILES,
    DRAFT_ACTS,
    RELEASES,
    PROMISES,
    PROMISE_ACTS,
    EVENTS,
)
"""What the database itself refuses to change or delete."""
