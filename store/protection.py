"""What keeps the ledger from being altered: triggers that refuse, and on PostgreSQL a role that may only add."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, text

WRITER: Final = "shuoli_writer"
"""The PostgreSQL role in which this program works once the tables are there."""

_REFUSE: Final = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; END $$
"""
# An account that may not make roles goes on without one: the triggers still refuse.
_MAKE_ROLE: Final = f"""
DO $$ BEGIN
  CREATE ROLE {WRITER} NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
END $$
"""


def protect(connection: Connection, append_only: Iterable[str], changing: Iterable[str]) -> None:
    """Have the database refuse to change or delete rows of the tables `append_only`."""
    if connection.dialect.name == "sqlite":
        for table in append_only:
            for act in ("UPDATE", "DELETE"):
                refuse = f"SELECT RAISE(ABORT, '{table} is append-only');"
                name = f"{table}_no_{act.lower()}"
                connection.execute(text(f"CREATE TRIGGER {name} BEFORE {act} ON {table} BEGIN {refuse} END"))
        return
    connection.execute(text(_REFUSE))
    for table in append_only:
        acts = "BEFORE UPDATE OR DELETE OR TRUNCATE"
        connection.execute(
            text(f"CREATE TRIGGER append_only {acts} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()")
        )
    connection.execute(text(_MAKE_ROLE))
    if connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": WRITER}).first() is None:
        return
    connection.execute(text(f"GRANT SELECT, INSERT ON {', '.join(append_only)} TO {WRITER}"))
    connection.execute(text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(changing)} TO {WRITER}"))
    connection.execute(text(f"GRANT SELECT ON alembic_version TO {WRITER}"))
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    connection.execute(text(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {WRITER}"))


def may_write_as_writer(connection: Connection) -> bool:
    """Say whether this PostgreSQL account may work in the role that only adds."""
    found = connection.execute(
        text("SELECT pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = :name"), {"name": WRITER}
    ).scalar()
    return bool(found)
