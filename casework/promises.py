"""Promises to producers: a plan that is kept, and on its day the question whether the grade came out as promised."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from typing import Final

import msgspec

from casework.decisions import Beside, Decisions
from casework.outcomes import publish
from explain.promising import Judged, Promise, judge
from knowledge.problems import ShuoliError
from knowledge.rulebook import Rulebook
from store import promises
from store.ledger import Store
from store.promises import StoredPromise

BROKEN: Final = "shuoli.promise.broken"
_canonical: Final = msgspec.json.Encoder(order="sorted").encode
_promise: Final = msgspec.json.Decoder(Promise).decode


class PlanUnknown(ShuoliError):
    """The deeds named aren't one of the plans that lead to the grade today."""

    code = "plans.unknown_plan"


class Kept(msgspec.Struct, frozen=True):
    """A promise, and what became of it: `open`, `kept`, `broken` or `lapsed`, with the reason in one word."""

    hash: str
    entered_at: str
    verdict: str
    reason: str | None
    settled_at: str | None
    promise: Promise


def keep(store: Store, rulebook: Rulebook, made: Promise, beside: Beside | None = None) -> Kept:
    """Store a promise with its rulebook; the very same twice is stored once."""
    document = _canonical(made)
    name = hashlib.sha256(document).hexdigest()
    with store.write() as transaction:
        if beside is not None:
            beside.before(transaction)
        publish(transaction, rulebook)
        promises.add(transaction, name, made.producer, date.fromisoformat(made.day).toordinal(), document)
        stored = promises.of_producer(transaction, made.producer)
        kept = next(shown(one) for one in stored if one.hash == name)
        if beside is not None:
            beside.after(transaction, kept)
    return kept


def shown(stored: StoredPromise) -> Kept:
    """Return a stored promise as it is told."""
    verdict = stored.verdict or "open"
    return Kept(stored.hash, stored.entered_at, verdict, stored.reason, stored.settled_at, _promise(stored.document))


def settle_promises(
    store: Store, desk: Decisions, as_of: int, stopped: Callable[[], bool] = lambda: False
) -> dict[str, int]:
    """Look at every open promise whose day has come, and say what became of it; return how many by verdict.

    A broken one leaves an event in the outbox. Those of whom the deeds aren't done yet stay open, as do those of
    producers who can't be graded.
    """
    found = {"kept": 0, "broken": 0, "lapsed": 0}
    for stored in _due(store, as_of):
        if stopped():
            break
        made = _promise(stored.document)
        try:
            decided = desk.decide(made.producer, as_of, None)
        except ShuoliError:
            continue
        judged = judge(made, desk.rulebook, decided.case, decided.grading)
        if judged.verdict != "open" and _settle(store, stored.hash, made, judged, decided.grading.grade, as_of):
            found[judged.verdict] += 1
    return found


def _due(store: Store, as_of: int) -> Iterator[StoredPromise]:
    after = ""
    while True:
        with store.read() as transaction:
            page = promises.due(transaction, as_of, after)
        if not page:
            return
        yield from page
        after = page[-1].hash


def _settle(store: Store, name: str, made: Promise, judged: Judged, grade: str, as_of: int) -> bool:
    with store.write() as transaction:
        current = transaction.current(made.producer)
        if current is None or not promises.settle(transaction, name, judged.verdict, judged.reason, current.hash):
            return False
        if judged.verdict == "broken":
            event = str(uuid.UUID(name[:32]))
            document = _canonical(
                {
                    "specversion": "1.0",
                    "id": event,
                    "source": f"/rulebooks/{made.rulebook.partition('@')[0]}",
                    "type": BROKEN,
                    "subject": made.producer,
                    "time": transaction.entered_at,
                    "datacontenttype": "application/json",
                    "data": {
                        "producer": made.producer,
                        "promise": name,
                        "promised": made.grade,
                        "grade": grade,
                        "as_of": date.fromordinal(as_of).isoformat(),
                        "grading": current.hash,
                        "remedies": list(made.remedies),
                    },
                }
            )
            transaction.add_event(event, BROKEN, document)
    return True
