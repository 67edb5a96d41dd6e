"""The ledger: what is known, what was decided from it, the log that proves both, and what goes out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.protection import protect

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ID = sa.String(200, collation="C").with_variant(sa.String(200), "sqlite")
_HASH = sa.String(64)
_INSTANT = sa.String(27)
_APPEND_ONLY = (
    "producers",
    "producer_entries",
    "facts",
    "rulebooks",
    "gradings",
    "confirmations",
    "log_leaves",
    "log_nodes",
    "log_heads",
    "idempotency",
    "ingest_chunks",
    "quarantine",
    "quarantine_acts",
    "draft_files",
    "draft_acts",
    "releases",
    "promises",
    "promise_acts",
    "outbox",
)
_CHANGING = ("current_gradings", "ledger_clock", "sources", "subscriptions", "deliveries")


def upgrade() -> None:
    """Make the tables, and have the database refuse changes to what is only ever added to."""
    _what_is_known()
    _what_was_decided()
    _the_log()
    _what_comes_in()
    _what_is_written()
    _what_is_promised()
    _what_goes_out()
    op.execute("INSERT INTO producers (id) VALUES ('')")
    op.execute("INSERT INTO ledger_clock (id, last) VALUES (1, '0001-01-01T00:00:00.000000Z')")
    protect(op.get_bind(), _APPEND_ONLY, _CHANGING)


def _what_is_known() -> None:
    op.create_table(
        "producers", sa.Column("id", _ID, nullable=False), sa.PrimaryKeyConstraint("id", name="pk_producers")
    )
    op.create_table(
        "producer_entries",
        sa.Column("seq", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("producer_id", _ID, nullable=False),
        sa.Column("entered_at", _INSTANT, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["producer_id"], ["producers.id"], name="fk_producer_entries_producer_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_producer_entries"),
    )
    op.create_index("ix_producer_entries_producer_id_seq", "producer_entries", ["producer_id", "seq"])
    op.create_table(
        "facts",
        sa.Column("seq", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("producer_id", _ID, nullable=False),
        sa.Column("entered_at", _INSTANT, nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.BigInteger, nullable=True),
        sa.ForeignKeyConstraint(["producer_id"], ["producers.id"], name="fk_facts_producer_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_facts"),
    )
    op.create_index("ix_facts_name", "facts", ["name"])
    op.create_index("uq_facts_producer_id_sha256", "facts", ["producer_id", "sha256"], unique=True)
    op.create_table(
        "rulebooks",
        sa.Column("sha256", _HASH, nullable=False),
        sa.Column("id", sa.String(60), nullable=False),
        sa.Column("version", sa.String(60), nullable=False),
        sa.Column("entered_at", _INSTANT, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_rulebooks"),
    )
    op.create_table(
        "ledger_clock",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("last", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_clock"),
    )


def _what_was_decided() -> None:
    op.create_table(
        "gradings",
        sa.Column("hash", _HASH, nullable=False),
        sa.Column("producer_id", _ID, nullable=False),
        sa.Column("as_of", sa.Integer, nullable=False),
        sa.Column("known_at", _INSTANT, nullable=False),
        sa.Column("rulebook_sha256", _HASH, nullable=False),
        sa.Column("grade", sa.String(60), nullable=False),
        sa.Column("score", sa.BigInteger, nullable=False),
        sa.Column("next_change_on", sa.Integer, nullable=True),
        sa.Column("outcome", _HASH, nullable=False),
        sa.Column("base", _HASH, nullable=True),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["base"], ["gradings.hash"], name="fk_gradings_base"),
        sa.ForeignKeyConstraint(["producer_id"], ["producers.id"], name="fk_gradings_producer_id"),
        sa.ForeignKeyConstraint(["rulebook_sha256"], ["rulebooks.sha256"], name="fk_gradings_rulebook_sha256"),
        sa.PrimaryKeyConstraint("hash", name="pk_gradings"),
    )
    op.create_index("ix_gradings_producer_id", "gradings", ["producer_id"])
    op.create_table(
        "confirmations",
        sa.Column("hash", _HASH, nullable=False),
        sa.Column("producer_id", _ID, nullable=False),
        sa.Column("grading", _HASH, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["grading"], ["gradings.hash"], name="fk_confirmations_grading"),
        sa.ForeignKeyConstraint(["producer_id"], ["producers.id"], name="fk_confirmations_producer_id"),
        sa.PrimaryKeyConstraint("hash", name="pk_confirmations"),
    )
    op.create_index("ix_confirmations_producer_id", "confirmations", ["producer_id"])
    op.create_table(
        "current_gradings",
        sa.Column("producer_id", _ID, nullable=False),
        sa.Column("hash", _HASH, nullable=False),
        sa.Column("as_of", sa.Integer, nullable=False),
        sa.Column("grade", sa.String(60), nullable=False),
        sa.Column("next_change_on", sa.Integer, nullable=True),
        sa.Column("rulebook_sha256", _HASH, nullable=False),
        sa.ForeignKeyConstraint(["hash"], ["gradings.hash"], name="fk_current_gradings_hash"),
        sa.ForeignKeyConstraint(["producer_id"], ["producers.id"], name="fk_current_gradings_producer_id"),
        sa.PrimaryKeyConstraint("producer_id", name="pk_current_gradings"),
    )
    op.create_index("ix_current_gradings_grade", "current_gradings", ["grade"])
    op.create_index("ix_current_gradings_next_change_on", "current_gradings", ["next_change_on"])
    op.create_index("ix_current_gradings_rulebook_sha256", "current_gradings", ["rulebook_sha256"])


def _the_log() -> None:
    op.create_table(
        "log_leaves",
        sa.Column("index", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("ref", _HASH, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("index", name="pk_log_leaves"),
    )
    op.create_index("ix_log_leaves_ref", "log_leaves", ["ref"])
    op.create_table(
        "log_nodes",
        sa.Column("level", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("index", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("level", "index", name="pk_log_nodes"),
    )
    op.create_table(
        "log_heads",
        sa.Column("size", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_log_heads"),
    )


def _what_comes_in() -> None:
    op.create_table(
        "sources",
        sa.Column("system", sa.String(200), nullable=False),
        sa.Column("beat_at", _INSTANT, nullable=False),
        sa.Column("cursor", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("system", name="pk_sources"),
    )
    op.create_table(
        "idempotency",
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("route", sa.String(200), nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_idempotency"),
    )
    op.create_table(
        "ingest_chunks",
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("results", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("key", "number", name="pk_ingest_chunks"),
    )
    op.create_table(
        "quarantine",
        sa.Column("seq", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("entered_at", _INSTANT, nullable=False),
        sa.Column("origin", sa.String(200), nullable=False),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("problems", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_quarantine"),
    )
    op.create_table(
        "quarantine_acts",
        sa.Column("seq", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("quarantined", _NUMBER, nullable=False),
        sa.Column("entered_at", _INSTANT, nullable=False),
        sa.Column("act", sa.String(20), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["quarantined"], ["quarantine.seq"], name="fk_quarantine_acts_quarantined"),
        sa.PrimaryKeyConstraint("seq", name="pk_quarantine_acts"),
    )
    op.create_index("ix_quarantine_acts_quarantined", "quarantine_acts", ["quarantined"])


def _what_is_written() -> None:
    op.create_table(
        "draft_files",
        sa.Column("seq", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("draft", sa.String(130), nullable=False),
        sa.Column("path", sa.String(200), nullable=False),
        sa.Column("entered_at", _INSTANT, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_draft_files"),
    )
    op.create_index("ix_draft_files_draft_seq", "draft_files", ["draft", "seq"])
    op.create_table(
        "draft_acts",
        sa.Column("seq", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("draft", sa.String(130), nullable=False),
        sa.Column("act", sa.String(20), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("entered_at", _INSTANT, nullable=False),
        sa.Column("content", _HASH, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_draft_acts"),
    )
    op.create_index("ix_draft_acts_draft_seq", "draft_acts", ["draft", "seq"])
    op.create_table(
        "releases",
        sa.Column("hash", _HASH, nullable=False),
        sa.Column("rulebook_sha256", _HASH, nullable=False),
        sa.Column("effective_from", sa.Integer, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.Column("files", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["rulebook_sha256"], ["rulebooks.sha256"], name="fk_releases_rulebook_sha256"),
        sa.PrimaryKeyConstraint("hash", name="pk_releases"),
        sa.UniqueConstraint("rulebook_sha256", name="uq_releases_rulebook_sha256"),
    )


def _what_is_promised() -> None:
    op.create_table(
        "promises",
        sa.Column("hash", _HASH, nullable=False),
        sa.Column("producer_id", _ID, nullable=False),
        sa.Column("entered_at", _INSTANT, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["producer_id"], ["producers.id"], name="fk_promises_producer_id"),
        sa.PrimaryKeyConstraint("hash", name="pk_promises"),
    )
    op.create_index("ix_promises_producer_id", "promises", ["producer_id"])
    op.create_index("ix_promises_day", "promises", ["day"])
    op.create_table(
        "promise_acts",
        sa.Column("promise", _HASH, nullable=False),
        sa.Column("entered_at", _INSTANT, nullable=False),
        sa.Column("verdict", sa.String(10), nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("grading", _HASH, nullable=False),
        sa.ForeignKeyConstraint(["promise"], ["promises.hash"], name="fk_promise_acts_promise"),
        sa.PrimaryKeyConstraint("promise", name="pk_promise_acts"),
    )
    op.create_index("ix_promise_acts_verdict", "promise_acts", ["verdict"])


def _what_goes_out() -> None:
    op.create_table(
        "outbox",
        sa.Column("seq", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_outbox"),
        sa.UniqueConstraint("id", name="uq_outbox_id"),
    )
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("since", _NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subscriptions"),
    )
    op.create_table(
        "deliveries",
        sa.Column("subscription", sa.String(36), nullable=False),
        sa.Column("event", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", _INSTANT, nullable=False),
        sa.Column("trouble", sa.Text, nullable=True),
        sa.ForeignKeyConstraint(["event"], ["outbox.seq"], name="fk_deliveries_event"),
        sa.ForeignKeyConstraint(["subscription"], ["subscriptions.id"], name="fk_deliveries_subscription"),
        sa.PrimaryKeyConstraint("subscription", "event", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_state", "deliveries", ["state"])
