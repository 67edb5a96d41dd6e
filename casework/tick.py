"""What time alone changes: grades whose day has come, or that another version of the rulebook is in force for."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from casework.decisions import Decisions, in_batches
from casework.promises import settle_promises
from engine.workers import Refusal
from store.ledger import Store


class Tick(msgspec.Struct, frozen=True):
    """What a tick found: how many producers were due, how many still are, and who can't be graded, by id.

    `promises` counts those that were settled: kept, broken, lapsed.
    """

    due: int
    left: int
    refused: Mapping[str, Refusal]
    promises: Mapping[str, int] = {}


def tick(
    store: Store,
    desk: Decisions,
    as_of: int,
    begun: Callable[[int], None] = lambda _: None,
    done: Callable[[int], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Tick:
    """Grade exactly the producers that are due on a day, under the rulebook of the desk, the one in force that day.

    `begun` is told how many are due, `done` the number of producers after each batch; once `stopped` says yes no
    further batch is begun. Then the promises whose day has come are settled. A second tick finds nothing to do; of two
    at once each leaves alone what the other has decided. Who can't be graded stays due.
    """
    with store.read() as transaction:
        due = transaction.due(as_of, desk.rulebook.sha256)
    begun(len(due))
    refused = desk.regrade(_batches(due, stopped), as_of, lambda producers, _: done(producers), only_due=True)
    with store.read() as transaction:
        left = len(transaction.due(as_of, desk.rulebook.sha256)) if due else 0
    return Tick(len(due), left, refused, settle_promises(store, desk, as_of, stopped))


def _batches(due: Sequence[str], stopped: Callable[[], bool]) -> Iterator[Sequence[str]]:
    """Yield batches from anywhere on and around: two ticks at once then share the work instead of racing for it."""
    start = secrets.randbelow(len(due)) if due else 0
    for batch in in_batches([*due[start:], *due[:start]]):
        if stopped():
            return
        yield batch
