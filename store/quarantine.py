"""The quarantine: lines that were refused, as they came, and what was done about each since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec
from sqlalchemy import Select, exists, select

from store.ledger import Transaction
from store.tables import QUARANTINE, QUARANTINE_ACTS

State: TypeAlias = Literal["open", "replayed", "dismissed"]
OPEN: Final = "open"


class RefusedLine(msgspec.Struct, frozen=True):
    """A line as it came, where it stood in what, and why it was refused (JSON)."""

    origin: str
    line: int
    document: bytes
    problems: str


class Act(msgspec.Struct, frozen=True):
    """What somebody did about a refused line: `document` is the line as it was taken, or the reason."""

    entered_at: str
    act: str
    actor: str
    document: bytes


class Quarantined(msgspec.Struct, frozen=True):
    """A refused line in the quarantine, with what was done about it, the first act first."""

    id: int
    entered_at: str
    refused: RefusedLine
    acts: tuple[Act, ...] = ()

    @property
    def state(self) -> str:
        """Return `open`, or what was done last."""
        return self.acts[-1].act if self.acts else OPEN


def put_aside(transaction: Transaction, lines: Sequence[RefusedLine]) -> list[int]:
    """Enter refused lines and return their ids; one that lies here open already, from the same place, has that id."""
    known = _open_ones(transaction, lines)
    fresh = list(dict.fromkeys(one for one in lines if _place(one) not in known))
    if fresh:
        rows = [msgspec.structs.asdict(one) | {"entered_at": transaction.entered_at} for one in fresh]
        new = QUARANTINE.insert().returning(QUARANTINE.c.seq, sort_by_parameter_order=True)
        entered = transaction.connection.execute(new, rows).scalars()
        known |= {_place(one): seq for one, seq in zip(fresh, entered, strict=True)}
    return [known[_place(one)] for one in lines]


def _open_ones(transaction: Transaction, lines: Sequence[RefusedLine]) -> dict[tuple[str, int, bytes], int]:
    if not lines:
        return {}
    query = select(QUARANTINE.c.origin, QUARANTINE.c.line, QUARANTINE.c.document, QUARANTINE.c.seq)
    query = query.where(QUARANTINE.c.origin.in_({one.origin for one in lines}))
    query = query.where(QUARANTINE.c.line.in_([one.line for one in lines]), ~_acted())
    return {(row[0], row[1], row[2]): row[3] for row in transaction.connection.execute(query)}


def _place(line: RefusedLine) -> tuple[str, int, bytes]:
    return line.origin, line.line, line.document


def quarantined(
    transaction: Transaction, state: State | None = None, after: int = 0, limit: int = 100
) -> list[Quarantined]:
    """Return refused lines by id, those after `after`; all of them, or those in one state."""
    query = select(QUARANTINE).where(QUARANTINE.c.seq > after).order_by(QUARANTINE.c.seq).limit(limit)
    if state == OPEN:
        query = query.where(~_acted())
    elif state is not None:
        query = query.where(_acted(state))
    return _with_acts(transaction, query)


def quarantined_line(transaction: Transaction, line_id: int) -> Quarantined | None:
    """Return one refused line, None where none has this id."""
    found = _with_acts(transaction, select(QUARANTINE).where(QUARANTINE.c.seq == line_id))
    return found[0] if found else None


def act_on(transaction: Transaction, line_id: int, act: str, actor: str, document: bytes) -> None:
    """Enter what somebody did about a refused line."""
    row = {"quarantined": line_id, "entered_at": transaction.entered_at, "act": act, "actor": actor}
    transaction.connection.execute(QUARANTINE_ACTS.insert().values(row | {"document": document}))


def _acted(act: str | None = None) -> Any:  # noqa: ANN401  an SQL expression
    found = exists().where(QUARANTINE_ACTS.c.quarantined == QUARANTINE.c.seq)
    return found if act is None else found.where(QUARANTINE_ACTS.c.act == act)


def _with_acts(transaction: Transaction, query: Select[Any]) -> list[Quarantined]:
    rows = transaction.connection.execute(query).all()
    acts: dict[int, list[Act]] = {}
    done = select(QUARANTINE_ACTS).where(QUARANTINE_ACTS.c.quarantined.in_([row.seq for row in rows]))
    for row in transaction.connection.execute(done.order_by(QUARANTINE_ACTS.c.seq)):
        acts.setdefault(row.quarantined, []).append(Act(row.entered_at, row.act, row.actor, row.document))
    return [
        Quarantined(
            row.seq,
            row.entered_at,
            RefusedLine(row.origin, row.line, row.document, row.problems),
            tuple(acts.get(row.seq, ())),
        )
        for row in rows
    ]
