"""What the ledger holds of a decision: the stored grading with its outcome, and every step of the producer's past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from engine.case import CaseFile
from engine.document import DocumentWriter, outcome_digest
from engine.grading import Grading
from engine.values import day_text
from explain.letter import Filing
from explain.pasttrail import PastStep, Said
from knowledge.rulebook import Rulebook
from store import history
from store.ledger import Store

_PAGE: Final = 500


def file_of(
    store: Store | None,
    rulebook: Rulebook,
    case: CaseFile,
    grading: Grading,
    *,
    public_url: str | None = None,
    issuer: str | None = None,
) -> Filing:
    """Return what the ledger holds of a grading: steps entered by `known_at`, as of days up to the grading's.

    The stored grading is the newest of these with the same outcome under the same rulebook. Without a store, or where
    there is none, the grading is not kept. `public_url` is where this installation shows stored gradings.

    Raises:
        StoreCorrupt: a stored grading has been altered.
    """
    written = DocumentWriter(rulebook).write(case, grading)
    steps = [] if store is None else _steps(store, case)
    kept = _same(steps, written.outcome)
    name = written.hash if kept is None else kept
    address = None if kept is None or public_url is None else f"{public_url.rstrip('/')}/gradings/{name}"
    told = tuple(map(_told, steps))
    return Filing(name, kept is not None, told, address, issuer)


def _steps(store: Store, case: CaseFile) -> list[history.Step]:
    """Return the steps that count, in the log's order."""
    found: list[history.Step] = []
    with store.read() as transaction:
        after, more = -1, True
        while more:
            page = history.steps(transaction, case.producer.id, after, _PAGE)
            found += page
            more = len(page) == _PAGE
            after = page[-1].index if page else after
    last = day_text(case.as_of)
    return [
        one
        for one in found
        if (case.known_at is None or _entered(one) <= case.known_at)
        and msgspec.json.decode(one.document, type=Said).as_of <= last
    ]


def _told(step: history.Step) -> PastStep:
    said = msgspec.json.decode(step.document, type=Said)
    kind: Literal["grading", "confirmation"] = "grading" if step.kind == "grading" else "confirmation"
    return PastStep(kind, _entered(step), step.hash, said)


def _entered(step: history.Step) -> str:
    return str(msgspec.json.decode(step.leaf)["at"])


def _same(steps: Sequence[history.Step], outcome: str) -> str | None:
    """Return the hash of the newest grading with an outcome."""
    gradings = (one for one in reversed(steps) if one.kind == "grading")
    return next((one.hash for one in gradings if outcome_digest(msgspec.json.decode(one.document)) == outcome), None)
