"""A tick over 100,000 producers: what it costs when 1 % are due, when 2 % are, and when nobody is."""

from __future__ import annotations

import hashlib
import tempfile
import time
from datetime import date

import msgspec

from casework.decisions import Decisions
from casework.outcomes import publish
from casework.tick import tick
from engine.workers import Workers
from knowledge.rulebook import Rulebook
from store.ledger import Store, StoredGrading

PRODUCERS = 100_000
WORKERS = 2
ROUNDS = 2
_BATCH = 2_000


def measure(rulebook: Rulebook, day: date) -> list[tuple[str, str]]:
    """Return lines (what, figure). The stored gradings are made up; those that are due are graded in earnest.

    Raises:
        SystemExit: twice as many due cost more than two and a half times as much, or a tick did other than what is due.
    """
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(f"sqlite:///{folder}/shuoli.db")
        for start in range(0, PRODUCERS, _BATCH):
            _fill(store, rulebook, day, range(start, start + _BATCH))
        with Workers(WORKERS) as workers:
            desk = Decisions(rulebook, store, workers)
            tick(store, desk, day.toordinal() - 1)
            _warm(store, desk, day)
            none, _ = _timed(store, desk, day.toordinal() - 1)
            # A round is a day on which 1 % are due and then one on which 2 % are; of each the best counts.
            timed = [_timed(store, desk, day.toordinal() + number) for number in range(2 * ROUNDS)]
            again, left = _timed(store, desk, day.toordinal() + 2 * ROUNDS - 1)
        store.close()
    one, two = min(seconds for seconds, _ in timed[::2]), min(seconds for seconds, _ in timed[1::2])
    expected = [PRODUCERS // 100, PRODUCERS // 50] * ROUNDS
    if [due for _, due in timed] != expected or left or two / one > 2.5:
        raise SystemExit(f"{timed}, {left} left")
    return [
        ("producers", f"{PRODUCERS:,}"),
        ("nobody due", f"{none * 1000:.1f} ms"),
        (f"1 % due: {expected[0]:,} graded and stored on {WORKERS} workers", f"{one:.2f} s"),
        (f"2 % due: {expected[1]:,}", f"{two:.2f} s"),
        ("ratio of the two (2 is proportional)", f"{two / one:.2f}"),
        ("producers a second", f"{sum(expected[:2]) / (one + two):,.0f}"),
        ("the same day again", f"{again * 1000:.1f} ms"),
    ]


def _timed(store: Store, desk: Decisions, as_of: int) -> tuple[float, int]:
    started = time.perf_counter()
    ticked = tick(store, desk, as_of)
    return time.perf_counter() - started, ticked.due


def _warm(store: Store, desk: Decisions, day: date) -> None:
    """Have the workers compile the rulebook."""
    with store.read() as transaction:
        names = transaction.names(limit=WORKERS * 2)
    for name in names:
        desk.decide(name, day.toordinal(), None)


def _fill(store: Store, rulebook: Rulebook, day: date, numbers: range) -> None:
    kind, grade = next(iter(rulebook.kinds)), rulebook.bands[0].grade
    gradings = []
    with store.write() as transaction:
        publish(transaction, rulebook)
        for number in numbers:
            name = f"P{number:06d}"
            document = msgspec.json.encode({"id": name, "kind": kind, "region": "", "attributes": {}})
            transaction.put_producer(name, document)
            gradings.append(
                StoredGrading(
                    hash=hashlib.sha256(document).hexdigest(),
                    producer=name,
                    as_of=day.toordinal() - 1,
                    known_at=transaction.entered_at,
                    rulebook_sha256=rulebook.sha256,
                    grade=grade,
                    score=0,
                    next_change_on=_change(number, day.toordinal()),
                    outcome="0" * 64,
                    document=document,
                )
            )
        transaction.add_gradings(gradings)


def _change(number: int, day: int) -> int:
    """Return the day on which a producer is due: of a hundred one on the first day, two on the next, and so on."""
    place, first = number % 100, 0
    for ahead in range(2 * ROUNDS):
        first += 1 + ahead % 2
        if place < first:
            return day + ahead
    return day + 1000
