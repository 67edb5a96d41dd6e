"""What a decision leaves in the ledger: a grading or the confirmation of one, its leaf in the log, and an event."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from engine.document import digest
from engine.workers import Decision
from knowledge.canonical import rulebook_document
from knowledge.rulebook import Rulebook
from store.history import stored
from store.ledger import Confirmation, Current, StoredGrading, Transaction
from store.trail import Leaf, append, leaf

GRADE_CHANGED: Final = "shuoli.grade.changed"
_canonical: Final = msgspec.json.Encoder(order="sorted").encode


def enter_decisions(
    transaction: Transaction, rulebook: Rulebook, decisions: Sequence[Decision], as_of: int, known_at: str
) -> None:
    """Enter decisions made under one rulebook, as of one day, from what was known at one instant.

    Where the outcome is the one that holds already, a confirmation is entered and no copy. A change of grade leaves
    one event in the outbox. What somebody else has entered to the byte meanwhile is left alone.
    """
    if not decisions:
        return
    publish(transaction, rulebook)
    held = transaction.current_of_all([one.producer for one in decisions])
    same = {
        one.producer: confirmation(one, held[one.producer].hash, as_of, known_at)
        for one in decisions
        if one.producer in held and _holds_already(held[one.producer], one, rulebook)
    }
    entered = stored(transaction, [*(one.hash for one in decisions), *(one.hash for one in same.values())])
    gradings: list[StoredGrading] = []
    confirmations: list[tuple[Confirmation, Current]] = []
    leaves: list[Leaf] = []
    for one in decisions:
        before = held.get(one.producer)
        confirmed = same.get(one.producer)
        if (one.hash if confirmed is None else confirmed.hash) in entered:
            continue
        if before is not None and confirmed is not None:
            now = msgspec.structs.replace(before, as_of=as_of, next_change_on=one.next_change_on)
            confirmations.append((confirmed, now))
            leaves.append(leaf("confirmation", confirmed.hash, transaction.entered_at))
            continue
        gradings.append(_grading(one, rulebook, as_of, known_at))
        leaves.append(leaf("grading", one.hash, transaction.entered_at))
        if before is not None and before.grade != one.grade:
            _tell(transaction, rulebook, before, gradings[-1])
    transaction.add_gradings(gradings)
    transaction.add_confirmations(confirmations)
    append(transaction, leaves)


def _holds_already(before: Current, one: Decision, rulebook: Rulebook) -> bool:
    return (before.outcome, before.rulebook_sha256) == (one.outcome, rulebook.sha256)


def publish(transaction: Transaction, rulebook: Rulebook) -> None:
    """Keep the rulebook in the ledger and the log, if it isn't there yet."""
    if not transaction.has_rulebook(rulebook.sha256):
        transaction.add_rulebook(rulebook.sha256, rulebook.id, rulebook.version, rulebook_document(rulebook))
        append(transaction, [leaf("publication", rulebook.sha256, transaction.entered_at)])


def _grading(one: Decision, rulebook: Rulebook, as_of: int, known_at: str) -> StoredGrading:
    return StoredGrading(
        hash=one.hash,
        producer=one.producer,
        as_of=as_of,
        known_at=known_at,
        rulebook_sha256=rulebook.sha256,
        grade=one.grade,
        score=one.score,
        next_change_on=one.next_change_on,
        outcome=one.outcome,
        document=one.document,
    )


def confirmation(one: Decision, grading: str, as_of: int, known_at: str) -> Confirmation:
    """Return the record that a decision has the outcome of a stored grading, given by its hash."""
    document = _canonical(
        {
            "producer": one.producer,
            "confirms": grading,
            "as_of": _day(as_of),
            "known_at": known_at,
            "case": one.case,
            "next_change_on": None if one.next_change_on is None else _day(one.next_change_on),
        }
    )
    return Confirmation(digest(document), one.producer, grading, document)


def _tell(transaction: Transaction, rulebook: Rulebook, before: Current, now: StoredGrading) -> None:
    """Leave an event (CloudEvents 1.0) that the grade has changed."""
    event = str(uuid.UUID(now.hash[:32]))
    document = _canonical(
        {
            "specversion": "1.0",
            "id": event,
            "source": f"/rulebooks/{rulebook.id}",
            "type": GRADE_CHANGED,
            "subject": now.producer,
            "time": transaction.entered_at,
            "datacontenttype": "application/json",
            "data": {
                "producer": now.producer,
                "from": before.grade,
                "to": now.grade,
                "as_of": _day(now.as_of),
                "grading": now.hash,
                "rulebook": {"id": rulebook.id, "version": rulebook.version, "sha256": rulebook.sha256},
            },
        }
    )
    transaction.add_event(event, GRADE_CHANGED, document)


def _day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()
