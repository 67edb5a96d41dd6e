"""Subscriptions, and where the delivery of each event to each of them stands.

Events of one subscription go out in the order of the outbox: the next is begun when the one before is done or dead.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec
from sqlalchemy import Select, func, select

from store.ledger import Transaction
from store.tables import DELIVERIES, EVENTS, SUBSCRIPTIONS

State: TypeAlias = Literal["waiting", "done", "dead"]
_LONGEST_TROUBLE: Final = 300


class Subscription(msgspec.Struct, frozen=True):
    """Who is told of events, and with which secret they are signed. Nobody is told once it is no longer active."""

    id: str
    url: str
    secret: bytes
    active: bool


class Event(msgspec.Struct, frozen=True):
    """An event of the outbox, a CloudEvent in JSON; `seq` is its place."""

    seq: int
    id: str
    type: str
    document: bytes


class Delivery(msgspec.Struct, frozen=True):
    """Where a delivery stands: attempts so far, when it is tried next, and why the last attempt failed."""

    seq: int
    event: str
    type: str
    state: State
    attempts: int
    next_at: str
    trouble: str | None


def add_subscription(transaction: Transaction, subscription: Subscription) -> None:
    """Add a subscription to all events from now on."""
    since = transaction.connection.execute(select(func.coalesce(func.max(EVENTS.c.seq), 0))).scalar_one()
    row = msgspec.structs.asdict(subscription) | {"since": since}
    transaction.connection.execute(SUBSCRIPTIONS.insert().values(row))


def subscriptions(transaction: Transaction, *, active: bool | None = None) -> list[Subscription]:
    """Return subscriptions by id, all or those that are active or aren't."""
    query = select(SUBSCRIPTIONS).order_by(SUBSCRIPTIONS.c.id)
    query = query if active is None else query.where(SUBSCRIPTIONS.c.active.is_(active))
    return [Subscription(*row[:4]) for row in transaction.connection.execute(query)]


def subscription(transaction: Transaction, subscription_id: str) -> Subscription | None:
    """Return a subscription, None where there is none."""
    row = transaction.connection.execute(select(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.id == subscription_id)).first()
    return None if row is None else Subscription(*row[:4])


def deactivate(transaction: Transaction, subscription_id: str) -> None:
    """Tell a subscription nothing any more."""
    query = SUBSCRIPTIONS.update().where(SUBSCRIPTIONS.c.id == subscription_id)
    transaction.connection.execute(query.values(active=False))


def waits(transaction: Transaction, subscription_id: str, now: str) -> bool:
    """Say whether there is an event that a subscription is to be told of now."""
    return _next(transaction, subscription_id, now) is not None


def claim(transaction: Transaction, subscription_id: str, now: str, until: str) -> tuple[Event, int] | None:
    """Take the next event of an active subscription for one attempt; return it and the number of the attempt.

    Nobody else takes it before `until`. If whoever took it doesn't say how it ended, it is tried again from then on.
    None where there is nothing to tell yet.
    """
    found = subscription(transaction, subscription_id)
    if found is None or not found.active:
        return None
    seq = _next(transaction, subscription_id, now)
    if seq is None:
        return None
    place = (DELIVERIES.c.subscription == subscription_id) & (DELIVERIES.c.event == seq)
    before = transaction.connection.execute(select(DELIVERIES.c.attempts).where(place)).scalar()
    attempt = 1 if before is None else before + 1
    values = {"state": "waiting", "attempts": attempt, "next_at": until}
    if before is None:
        row = values | {"subscription": subscription_id, "event": seq}
        transaction.connection.execute(DELIVERIES.insert().values(row))
    else:
        transaction.connection.execute(DELIVERIES.update().where(place).values(values))
    event = transaction.connection.execute(select(EVENTS).where(EVENTS.c.seq == seq)).one()
    return Event(*event), attempt


def settle(
    transaction: Transaction, subscription_id: str, seq: int, state: State, next_at: str, trouble: str | None
) -> None:
    """Say how an attempt ended: `done`, `waiting` for the next one at `next_at`, or `dead`."""
    place = (DELIVERIES.c.subscription == subscription_id) & (DELIVERIES.c.event == seq)
    values = {"state": state, "next_at": next_at, "trouble": None if trouble is None else trouble[:_LONGEST_TROUBLE]}
    transaction.connection.execute(DELIVERIES.update().where(place).values(values))


def deliveries(
    transaction: Transaction, subscription_id: str, state: State | None, after: int, limit: int
) -> list[Delivery]:
    """Return deliveries in the order of events, those of a state if one is given, after a place of the outbox."""
    query = _deliveries().where(DELIVERIES.c.subscription == subscription_id, DELIVERIES.c.event > after)
    query = query if state is None else query.where(DELIVERIES.c.state == state)
    return [Delivery(*row) for row in transaction.connection.execute(query.order_by(DELIVERIES.c.event).limit(limit))]


def delivery(transaction: Transaction, subscription_id: str, event_id: str) -> Delivery | None:
    """Return where the delivery of an event stands, None where it hasn't begun."""
    query = _deliveries().where(DELIVERIES.c.subscription == subscription_id, EVENTS.c.id == event_id)
    row = transaction.connection.execute(query).first()
    return None if row is None else Delivery(*row)


def begin_again(transaction: Transaction, subscription_id: str, seq: int, now: str) -> None:
    """Have a delivery begun anew, with all its attempts."""
    place = (DELIVERIES.c.subscription == subscription_id) & (DELIVERIES.c.event == seq)
    values = {"state": "waiting", "attempts": 0, "next_at": now, "trouble": None}
    transaction.connection.execute(DELIVERIES.update().where(place).values(values))


def _deliveries() -> Select[Any]:
    columns = (DELIVERIES.c.state, DELIVERIES.c.attempts, DELIVERIES.c.next_at, DELIVERIES.c.trouble)
    return select(EVENTS.c.seq, EVENTS.c.id, EVENTS.c.type, *columns).join(EVENTS, EVENTS.c.seq == DELIVERIES.c.event)


def _next(transaction: Transaction, subscription_id: str, now: str) -> int | None:
    """Return the place of the event that comes next, None where there is none or its time hasn't come."""
    mine = DELIVERIES.c.subscription == subscription_id
    query = select(DELIVERIES.c.event, DELIVERIES.c.next_at).where(mine, DELIVERIES.c.state == "waiting")
    waiting = transaction.connection.execute(query.order_by(DELIVERIES.c.event).limit(1)).first()
    if waiting is not None:
        return waiting.event if waiting.next_at <= now else None
    told = select(func.max(DELIVERIES.c.event)).where(mine).scalar_subquery()
    since = select(SUBSCRIPTIONS.c.since).where(SUBSCRIPTIONS.c.id == subscription_id).scalar_subquery()
    first = select(func.min(EVENTS.c.seq)).where(EVENTS.c.seq > func.coalesce(told, since))
    found: int | None = transaction.connection.execute(first).scalar()
    return found
