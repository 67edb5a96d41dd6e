"""The tables. Documents are canonical JSON made elsewhere; a column beside one repeats what lists are made from."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table

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

PRODUCERS: Final = Table(
    "producers",
    METADATA,
    Column("id", _ID, primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

FACTS: Final = Table(
    "facts",
    METADATA,
    Column("seq", _NUMBER, primary_key=True, autoincrement=True),
    Column("producer_id", _ID, ForeignKey(PRODUCERS.c.id), nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index("uq_facts_producer_id_sha256", "producer_id", "sha256", unique=True),
)

GRADINGS: Final = Table(
    "gradings",
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("producer_id", _ID, ForeignKey(PRODUCERS.c.id), nullable=False, index=True),
    Column("as_of", Integer, nullable=False),
    Column("known_at", String(40)),
    Column("rulebook_sha256", String(64), nullable=False),
    Column("grade", String(60), nullable=False),
    Column("score", BigInteger, nullable=False),
    Column("next_change_on", Integer),
    Column("document", LargeBinary, nullable=False),
)
"""`document` is compressed with zlib; days are proleptic Gregorian ordinals."""

CURRENT: Final = Table(
    "current_gradings",
    METADATA,
    Column("producer_id", _ID, ForeignKey(PRODUCERS.c.id), primary_key=True),
    Column("hash", String(64), ForeignKey(GRADINGS.c.hash), nullable=False),
    Column("grade", String(60), nullable=False, index=True),
)
"""The grading that holds now, one for each producer."""
