"""Producers, facts, gradings, and which grading holds now."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_ID = sa.String(200, collation="C").with_variant(sa.String(200), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "producers",
        sa.Column("id", _ID, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_producers"),
    )
    op.create_table(
        "facts",
        sa.Column("seq", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("producer_id", _ID, nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_facts"),
        sa.ForeignKeyConstraint(["producer_id"], ["producers.id"], name="fk_facts_producer_id"),
    )
    op.create_index("uq_facts_producer_id_sha256", "facts", ["producer_id", "sha256"], unique=True)
    op.create_table(
        "gradings",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("producer_id", _ID, nullable=False),
        sa.Column("as_of", sa.Integer, nullable=False),
        sa.Column("known_at", sa.String(40)),
        sa.Column("rulebook_sha256", sa.String(64), nullable=False),
        sa.Column("grade", sa.String(60), nullable=False),
        sa.Column("score", sa.BigInteger, nullable=False),
        sa.Column("next_change_on", sa.Integer),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_gradings"),
        sa.ForeignKeyConstraint(["producer_id"], ["producers.id"], name="fk_gradings_producer_id"),
    )
    op.create_index("ix_gradings_producer_id", "gradings", ["producer_id"])
    op.create_table(
        "current_gradings",
        sa.Column("producer_id", _ID, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("grade", sa.String(60), nullable=False),
        sa.PrimaryKeyConstraint("producer_id", name="pk_current_gradings"),
        sa.ForeignKeyConstraint(["producer_id"], ["producers.id"], name="fk_current_gradings_producer_id"),
        sa.ForeignKeyConstraint(["hash"], ["gradings.hash"], name="fk_current_gradings_hash"),
    )
    op.create_index("ix_current_gradings_grade", "current_gradings", ["grade"])
