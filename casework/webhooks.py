"""Tells subscribers of events: each at least once, in order, signed; what can't be told is kept as dead.

Signed as Standard Webhooks say: `webhook-signature` is `v1,` and the base64 of the HMAC-SHA-256, under the secret, of
`webhook-id`, `webhook-timestamp` and the body, joined by full stops.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

from casework.decisions import Beside
from casework.posting import Rules, Sender, SendFailed, SendStopped, check_url
from knowledge.problems import ShuoliError
from store import outbox
from store.ledger import Store, utc_now
from store.outbox import Delivery, Event, State, Subscription

MEDIA_TYPE: Final = "application/cloudevents+json"
PREFIX: Final = "whsec_"
DELAYS: Final = tuple(timedelta(seconds=seconds) for seconds in (10, 60, 300, 900, 3600, 7200, 14_400, 21_600, 36_000))
"""Between one attempt and the next, give or take a fifth; after the attempt that follows the last one: dead."""
_LEASE: Final = timedelta(seconds=60)
"""For how long an attempt is nobody else's; longer than it may take."""
_IN_A_ROW: Final = 100
"""Events that one subscription is told of before others have their turn."""
_AT_ONCE: Final = 8
_SECRET_BYTES: Final = 32


class SubscriptionMissing(ShuoliError):
    """No subscription has this id."""

    code = "subscription.missing"


class DeliveryMissing(ShuoliError):
    """The subscription was never to be told of this event, or hasn't been yet."""

    code = "delivery.missing"


def subscribe(store: Store, url: str, rules: Rules, beside: Beside) -> Subscription:
    """Add a subscription to all events from now on, with a secret of its own.

    Raises:
        AddressRefused: nothing may be sent to the address.
    """
    check_url(url, rules)
    made = Subscription(str(uuid.uuid4()), url, secrets.token_bytes(_SECRET_BYTES), active=True)
    with store.write() as transaction:
        beside.before(transaction)
        outbox.add_subscription(transaction, made)
        beside.after(transaction, made)
    return made


def unsubscribe(store: Store, subscription_id: str) -> None:
    """Tell a subscription nothing any more.

    Raises:
        SubscriptionMissing: there is none.
    """
    with store.write() as transaction:
        _check(outbox.subscription(transaction, subscription_id))
        outbox.deactivate(transaction, subscription_id)


def deliveries_of(store: Store, subscription_id: str, state: State | None, after: int, limit: int) -> list[Delivery]:
    """Return where the deliveries of a subscription stand, in the order of events after a place of the outbox.

    Raises:
        SubscriptionMissing: there is none.
    """
    with store.read() as transaction:
        _check(outbox.subscription(transaction, subscription_id))
        return outbox.deliveries(transaction, subscription_id, state, after, limit)


def redeliver(store: Store, subscription_id: str, event_id: str) -> Delivery:
    """Have the delivery of an event begun anew, before any event that hasn't been told yet.

    Raises:
        SubscriptionMissing: there is no such subscription.
        DeliveryMissing: it was never to be told of this event.
    """
    with store.write() as transaction:
        _check(outbox.subscription(transaction, subscription_id))
        found = outbox.delivery(transaction, subscription_id, event_id)
        if found is None:
            raise DeliveryMissing("this subscription has no delivery of such an event")
        outbox.begin_again(transaction, subscription_id, found.seq, transaction.entered_at)
        again = outbox.delivery(transaction, subscription_id, event_id)
    assert again is not None
    return again


def shown_secret(secret: bytes) -> str:
    """Return a secret as its subscriber is given it."""
    return PREFIX + base64.b64encode(secret).decode()


def signature(secret: bytes, event_id: str, timestamp: int, document: bytes) -> str:
    """Return the signature of a document as it stands in the header.

    >>> signature(bytes(32), "e1", 1780272000, b"{}")
    'v1,qh1mDo+W3ZdnrHjq8dwYo0axLeSavEPLYpanCkI5X7E='
    """
    signed = b".".join((event_id.encode(), str(timestamp).encode(), document))
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


class Deliverer:
    """Delivers what waits in the outbox. Several processes may do so at once: each event is one's at a time."""

    def __init__(
        self,
        store: Store,
        sender: Sender,
        *,
        now: Callable[[], str] = utc_now,
        spread: Callable[[], float] = lambda: 0.8 + secrets.randbelow(401) / 1000,
    ) -> None:
        self._store, self._sender, self._now, self._spread = store, sender, now, spread

    def deliver(self, stopped: Callable[[], bool] = lambda: False) -> int:
        """Deliver all that is due, to several subscriptions at once; return how many attempts there were.

        One that can't be told holds up no other. Once `stopped` says yes no further attempt is begun.
        """
        with self._store.read() as transaction:
            active = outbox.subscriptions(transaction, active=True)
            waiting = [one for one in active if outbox.waits(transaction, one.id, self._now())]
        if not waiting:
            return 0
        with ThreadPoolExecutor(min(_AT_ONCE, len(waiting))) as threads:
            return sum(threads.map(lambda one: self._deliver_to(one, stopped), waiting))

    def _deliver_to(self, subscription: Subscription, stopped: Callable[[], bool]) -> int:
        for attempts in range(_IN_A_ROW):
            if stopped():
                return attempts
            now = self._now()
            with self._store.write() as transaction:
                claimed = outbox.claim(transaction, subscription.id, now, _later(now, _LEASE))
            if claimed is None:
                return attempts
            event, attempt = claimed
            try:
                trouble = self._attempt(subscription, event)
            except SendStopped:
                self._settle(subscription, event, 0, "broken off when the program ended")
                return attempts
            # If this process dies before the next line, the event is told again: at least once.
            self._settle(subscription, event, attempt, trouble)
            if trouble is not None:
                return attempts + 1
        return _IN_A_ROW

    def _attempt(self, subscription: Subscription, event: Event) -> str | None:
        """Post an event; return why it wasn't taken, None where it was."""
        timestamp = int(datetime.fromisoformat(self._now()).timestamp())
        headers = {
            "content-type": MEDIA_TYPE,
            "webhook-id": event.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(subscription.secret, event.id, timestamp, event.document),
            "user-agent": "shuoli",
        }
        try:
            self._sender.post(subscription.url, headers, event.document)
        except SendFailed as failure:
            return str(failure)
        return None

    def _settle(self, subscription: Subscription, event: Event, attempt: int, trouble: str | None) -> None:
        """Say how an attempt ended; attempt 0 is one that doesn't count, so that the next may follow at once."""
        now = self._now()
        state: State = "done" if trouble is None else "waiting" if attempt <= len(DELAYS) else "dead"
        again = state == "waiting" and attempt > 0
        next_at = _later(now, DELAYS[attempt - 1] * self._spread()) if again else now
        with self._store.write() as transaction:
            outbox.settle(transaction, subscription.id, event.seq, state, next_at, trouble)


def _check(found: Subscription | None) -> None:
    if found is None:
        raise SubscriptionMissing("no subscription has this id")


def _later(now: str, delay: timedelta) -> str:
    moment = datetime.fromisoformat(now) + delay
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
