"""A failure at any statement or commit leaves all of a transaction or nothing; done again, it is as if undisturbed."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import event

from api.idempotency import Once
from casework import quarantine
from casework.arrivals import Report
from casework.audit import audit_log
from casework.decisions import Decisions
from casework.everyone import learn_about_everyone
from casework.heads import sign_head
from casework.intake import Intake, Line
from casework.lines import RawLine
from casework.posting import Rules, Sender
from casework.signing import FileSigner
from casework.tick import tick
from casework.webhooks import Deliverer, deliveries_of
from engine.workers import Workers
from store import outbox
from store.ledger import Store
from store.outbox import Subscription
from tests.faults.checking import (
    DAY,
    READER,
    check,
    check_grades_follow,
    content,
    desk_of,
    facts,
    grades,
    producer,
    told,
)

NOW = "2026-06-01T00:00:00.000000Z"
NAMES = ("A", "B", "C")
SUBSCRIPTION = Subscription("s1", "http://127.0.0.1/hook", b"secret", active=True)


class Failed(Exception):
    """What a failpoint raises."""


class Failpoint:
    """Raises at a step: before a statement, before a commit, or after one, when nobody is told of it any more."""

    def __init__(self, ledger: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 0
        self._step = 0
        self.committed = False
        engine = ledger._writing
        commit = engine.dialect.do_commit

        def commit_between(connection: Any) -> None:
            self._pass()
            commit(connection)
            self.committed = True
            self._pass()
            self.committed = False

        monkeypatch.setattr(engine.dialect, "do_commit", commit_between)
        event.listen(engine, "before_cursor_execute", lambda *_: self._pass())

    @contextmanager
    def at_step(self, step: int) -> Iterator[None]:
        self.at, self._step, self.committed = step, 0, False
        try:
            yield
        finally:
            self.at = 0

    def _pass(self) -> None:
        self._step += 1
        if self._step == self.at:
            raise Failed


class World:
    """A ledger with producers, a refused line and a subscription; the clock stands still."""

    def __init__(self, ledger: Store, workers: Workers, signer: FileSigner) -> None:
        self.store, self.workers, self.signer = ledger, workers, signer
        self.desk = desk_of(ledger, workers, *NAMES)
        self.intake = Intake(self.desk, ledger, as_of=DAY)
        self.desk.record("A", facts("T0", recorded_at="2026-05-02T08:00:00+08:00"), DAY)
        with ledger.write() as transaction:
            outbox.add_subscription(transaction, SUBSCRIPTION)
        refused = told("NEW", "T1")
        kept = self.intake.take([Line(1, msgspec.json.encode(refused), refused)], origin="bulk")
        self.refused = kept[0].quarantine or 0
        for name in NAMES[:2]:
            self.desk.record(name, facts("T5", "T6", "T7"), DAY)

    def line(self, number: int, report: Any) -> RawLine:
        data = msgspec.json.encode(report)
        return RawLine(number, data, len(data))


def take_chunk(world: World) -> object:
    reports = [told("A", "T1"), told("B", "T1"), told("NOBODY", "T1"), told("A", "T1"), told("A", "T0"), {}]
    lines = [world.line(number, one) for number, one in enumerate(reports, 1)]
    return world.intake.take_raw(lines, origin="bulk:K1", key="K1", number=0)


def post_once(world: World) -> object:
    once = Once(world.store, "K1", "POST /facts", b"body")
    return once.run(
        lambda beside: world.desk.record("C", facts("T1", "T2", "T3"), DAY, beside=beside),
        lambda decision: decision.grade,
    ).content


def about_everyone(world: World) -> object:
    fields = {"register": "R1", "beat_on": "2026-05-01"}
    told_by_all = {"type": "beat", "fields": fields, "source": {"system": "hand"}}
    beats = READER.facts(msgspec.json.encode({"facts": [told_by_all]}), today=DAY)
    return learn_about_everyone(world.store, world.workers, world.desk.rulebook, beats, DAY)


OPERATIONS: dict[str, Callable[[World], object]] = {
    "a new producer": lambda w: w.desk.put_producer(producer("D"), DAY),
    "a producer replaced": lambda w: w.desk.put_producer(producer("A", "gardener"), DAY),
    "facts that change the grade": lambda w: w.desk.record("C", facts("T1", "T2", "T3"), DAY),
    "facts of many": lambda w: w.desk.record_all([one for name in NAMES for one in reports_of(name)], DAY),
    "a chunk of a delivery": take_chunk,
    "a request with a key": post_once,
    "facts about everyone": about_everyone,
    "a regrade": lambda w: w.desk.regrade([NAMES], DAY + 1, lambda *_: None),
    "a tick": lambda w: tick(w.store, w.desk, DAY + 800),
    "a refused line replayed": lambda w: quarantine.replay(
        w.intake, w.store, w.refused, "me", msgspec.json.encode(told("C", "T1"))
    ),
    "a refused line dismissed": lambda w: quarantine.dismiss(w.store, w.refused, "me", b'{"reason": "twice"}'),
    "a head": lambda w: sign_head(w.store, w.signer),
}


def reports_of(name: str) -> list[Any]:
    return [Report(name, fact) for fact in facts("T1", "T2")]


@pytest.fixture
def clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.ledger.utc_now", lambda: NOW)
    monkeypatch.setattr("casework.tick.secrets.randbelow", lambda _: 0)


@pytest.mark.usefixtures("clock_stands_still")
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_failure_at_any_step_leaves_nothing_and_what_is_done_after_it_is_as_if_undisturbed(
    name: str,
    store: Store,
    tmp_path: Path,
    workers: Workers,
    signer: FileSigner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    undisturbed = Store.open(f"sqlite:///{tmp_path}/undisturbed.db")
    worlds = [World(one, workers, signer) for one in (undisturbed, store)]
    before = content(store)
    OPERATIONS[name](worlds[0])
    expected = content(undisturbed)
    undisturbed.close()
    failpoint = Failpoint(store, monkeypatch)

    for step in itertools.count(1):
        with pytest.raises(Failed), failpoint.at_step(step):
            OPERATIONS[name](worlds[1])
        committed, after = failpoint.committed, content(store)
        if after != before:
            break

    # Only after the commit is it there, as a whole; whoever asked for it hasn't been told.
    assert step > 5
    assert committed
    assert after == expected
    check(store, workers)


@pytest.mark.usefixtures("clock_stands_still")
@pytest.mark.parametrize("name", ["a chunk of a delivery", "a request with a key", "a tick", "a head"])
def test_what_was_committed_and_not_acknowledged_is_not_done_twice(
    name: str, store: Store, workers: Workers, signer: FileSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(store, workers, signer)
    failpoint = Failpoint(store, monkeypatch)
    before = content(store)
    for step in itertools.count(1):
        with pytest.raises(Failed), failpoint.at_step(step):
            OPERATIONS[name](world)
        if content(store) != before:
            break
    done = content(store)

    OPERATIONS[name](world)

    assert content(store) == done
    check(store, workers)


def ends_in(ledger: Store) -> str:
    """Return what holds of each producer, but for when it was decided."""
    return repr([row[:1] + row[2:] for row in sorted(content(ledger)["current_gradings"])]) + repr(grades(ledger))


@pytest.mark.usefixtures("clock_stands_still")
def test_a_regrade_of_many_batches_that_fails_at_any_step_is_finished_by_the_next(
    tmp_path: Path, workers: Workers, signer: FileSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def regrade(desk: Decisions) -> None:
        desk.regrade([[name] for name in NAMES[:2]], DAY + 800, lambda *_: None, only_due=True)

    base = tmp_path / "base.db"
    ledger = Store.open(f"sqlite:///{base}")
    World(ledger, workers, signer)
    ledger.close()
    ends = set()
    for step in itertools.count():
        copy = shutil.copy(base, tmp_path / f"{step}.db")
        ledger = Store.open(f"sqlite:///{copy}")
        desk = Decisions(desk_of(ledger, workers).rulebook, ledger, workers)
        failed = False
        with monkeypatch.context() as patched:
            failpoint = Failpoint(ledger, patched)
            try:
                with failpoint.at_step(step):
                    regrade(desk)
            except Failed:
                failed = True
        assert audit_log(ledger) is None
        check_grades_follow(ledger, workers)
        regrade(desk)
        ends.add(ends_in(ledger))
        ledger.close()
        if step and not failed:
            break

    assert step > 20
    assert len(ends) == 1


class Taken(Sender):
    """A subscriber that takes everything."""

    def __init__(self) -> None:
        super().__init__(Rules())
        self.came: list[str] = []

    def post(self, url: str, headers: Any, body: bytes) -> None:
        assert (url, bool(body)) == (SUBSCRIPTION.url, True)
        self.came.append(headers["webhook-id"])


@pytest.mark.usefixtures("clock_stands_still")
def test_a_delivery_that_fails_at_any_step_tells_every_event_in_order_and_at_least_once(
    tmp_path: Path, workers: Workers, signer: FileSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "base.db"
    ledger = Store.open(f"sqlite:///{base}")
    World(ledger, workers, signer)
    ledger.close()
    for step in itertools.count(1):
        ledger = Store.open(f"sqlite:///{shutil.copy(base, tmp_path / f'{step}.db')}")
        told_to = Taken()
        moment = datetime.fromisoformat(NOW)
        with monkeypatch.context() as patched:
            failpoint = Failpoint(ledger, patched)
            failed = False
            try:
                with failpoint.at_step(step):
                    Deliverer(ledger, told_to, now=lambda: NOW).deliver()
            except Failed:
                failed = True
        later = (moment + timedelta(seconds=61)).isoformat(timespec="microseconds").replace("+00:00", "Z")
        Deliverer(ledger, told_to, now=lambda at=later: at).deliver()  # type: ignore[misc]  # bound to this round
        states = [(one.event, one.state) for one in deliveries_of(ledger, SUBSCRIPTION.id, None, 0, 10)]
        ledger.close()

        assert [*dict.fromkeys(told_to.came)] == [name for name, _ in states]
        assert len(told_to.came) <= len(states) + 1
        assert [state for _, state in states] == ["done", "done"]
        if not failed:
            break

    assert step > 10
