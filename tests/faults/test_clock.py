"""A clock that is put back changes neither the order of entries nor what was known when, and is told in the log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Self
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import api.requests
from casework.heads import sign_head
from casework.signing import FileSigner
from engine.workers import Workers
from store.ledger import Store
from tests.faults.checking import DAY, check, desk_of, facts

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 6, 1, tzinfo=UTC)
SetClock = Callable[[datetime], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    def put(moment: datetime) -> None:
        told = moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        monkeypatch.setattr("store.ledger.utc_now", lambda: told)

    return put


def known_over_time(
    store: Store, workers: Workers, set_clock: SetClock, moments: list[datetime]
) -> list[tuple[str, int, str]]:
    """Enter a fact at each reading of the clock; return the record times, and what was answered just after each."""
    set_clock(START)
    desk = desk_of(store, workers, "A")
    answered = []
    for number, moment in enumerate(moments):
        set_clock(moment)
        desk.record("A", facts(f"T{number}"), DAY)
        with store.read() as transaction:
            at = transaction.last_entered_at()
        decided = desk.decide("A", DAY, at)
        answered.append((at, len(decided.case.facts), repr(decided.grading)))
    for at, count, grading in answered:
        again = desk.decide("A", DAY, at)
        assert (len(again.case.facts), repr(again.grading)) == (count, grading)
    return answered


@pytest.mark.parametrize(
    "to",
    [
        START - timedelta(hours=1),
        datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2024, 2, 29, 12, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=SHANGHAI) - timedelta(microseconds=1),
        datetime(2026, 1, 1, tzinfo=SHANGHAI),
        datetime(1970, 1, 1, tzinfo=UTC),
    ],
    ids=["an hour", "the year before", "a leap day", "just before the year in China", "the year in China", "1970"],
)
def test_a_clock_put_back_keeps_the_order_and_what_was_known_and_is_told(
    store: Store,
    workers: Workers,
    signer: FileSigner,
    set_clock: SetClock,
    caplog: pytest.LogCaptureFixture,
    to: datetime,
) -> None:
    answered = known_over_time(store, workers, set_clock, [START + timedelta(seconds=1), to, to + timedelta(seconds=1)])
    sign_head(store, signer)

    assert [count for _, count, _ in answered] == [1, 2, 3]
    assert [at for at, _, _ in answered] == sorted({at for at, _, _ in answered})
    assert all(at.startswith("2026-06-01T00:00:01") for at, _, _ in answered)
    assert "before the ledger's last entry" in caplog.text
    check(store, workers, [("A", facts(f"T{n}")[0].id) for n in range(3)])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.integers(-86_400 * 400, 86_400 * 40), min_size=1, max_size=5))
def test_however_the_clock_jumps_entries_keep_their_order(
    tmp_path_factory: pytest.TempPathFactory, workers: Workers, set_clock: SetClock, steps: list[int]
) -> None:
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('store')}/shuoli.db")
    moments = [START + timedelta(seconds=sum(steps[: n + 1])) for n in range(len(steps))]

    answered = known_over_time(store, workers, set_clock, moments)

    times = [at for at, _, _ in answered]
    assert times == sorted(set(times))
    assert [count for _, count, _ in answered] == [*range(1, len(steps) + 1)]
    check(store, workers)
    store.close()


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-12-31T15:59:59.999999+00:00", "2026-12-31"),
        ("2026-12-31T16:00:00+00:00", "2027-01-01"),
        ("2028-02-28T16:00:00+00:00", "2028-02-29"),
        ("2028-02-29T16:00:00+00:00", "2028-03-01"),
    ],
)
def test_the_day_is_that_of_china(monkeypatch: pytest.MonkeyPatch, moment: str, day: str) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromisoformat(moment).astimezone(tz)

    monkeypatch.setattr(api.requests, "datetime", Clock)

    assert api.requests.today() == date.fromisoformat(day)


def test_grades_follow_days_over_the_end_of_a_leap_february(store: Store, workers: Workers) -> None:
    desk = desk_of(store, workers, "A")
    leap = date(2028, 2, 29).toordinal()
    desk.record("A", facts("T1", fields={"taken_on": "2026-05-31"}), DAY)
    for day in (leap - 1, leap, leap + 1, date(2028, 12, 31).toordinal(), date(2029, 1, 1).toordinal(), leap):
        desk.regrade([["A"]], day, lambda *_: None)

    check(store, workers)
