"""In whatever order, company and repetition reports arrive, the same facts are known and the same grades hold."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casework.decisions import Decisions
from casework.intake import Intake, Line
from casework.quarantine import replay
from engine.workers import Workers
from store.ledger import Store
from tests.faults.checking import DAY, READER, check, desk_of, told

EXAMPLES = 1000 if os.environ.get("SHUOLI_NIGHTLY") else 8
REPORTS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["A", "B"]),
        "number": st.sampled_from(["T1", "T2", "T3"]),
        "result": st.sampled_from(["pass", "fail"]),
        "status": st.sampled_from(["effective", "disputed", "revoked"]),
        "system": st.sampled_from(["city", "lab"]),
        "recorded_on": st.integers(1, 4),
    }
)
ORDERS = itertools.count()


def report(drawn: dict[str, Any], prefix: str) -> dict[str, Any]:
    return told(
        f"{prefix}{drawn['name']}",
        drawn["number"],
        fields={"result": drawn["result"]},
        status=drawn["status"],
        source={"system": drawn["system"], "ref": drawn["number"]},
        recorded_at=f"2026-05-{drawn['recorded_on']:02d}T08:00:00+08:00",
    )


def one_by_one(desk: Decisions, _: Store, reports: Sequence[dict[str, Any]]) -> None:
    for one in reports:
        name, fact = READER.report(one, today=DAY)
        desk.record(name, [fact], DAY)


def in_chunks(desk: Decisions, store: Store, reports: Sequence[dict[str, Any]]) -> None:
    intake = Intake(desk, store, as_of=DAY)
    for place in range(0, len(reports), 3):
        some = enumerate(reports[place : place + 3], place)
        intake.take([Line(number, msgspec.json.encode(one), one) for number, one in some], origin="test")


def by_the_quarantine(desk: Decisions, store: Store, reports: Sequence[dict[str, Any]]) -> None:
    """Have every report refused at first, because its producer isn't known, and replayed corrected."""
    intake = Intake(desk, store, as_of=DAY)
    for one in reports:
        wrong = one | {"producer": "NOBODY"}
        kept = intake.take([Line(1, msgspec.json.encode(wrong), wrong)], origin=f"o{next(ORDERS)}")[0].quarantine
        assert kept is not None
        replay(intake, store, kept, "me", msgspec.json.encode(one))


def ends_in(store: Store, prefix: str) -> tuple[Any, ...]:
    """Return what is known of each producer, and what its grade says."""
    with store.read() as transaction:
        facts = {name: sorted(transaction.facts(f"{prefix}{name}")) for name in "AB"}
        held = transaction.current_of_all([f"{prefix}{name}" for name in "AB"])
        documents = {name: msgspec.json.decode(transaction.grading(one.hash) or b"") for name, one in held.items()}
    said = {name[-1]: {part: one[part] for part in ("grade", "score", "deductions")} for name, one in documents.items()}
    return facts, {name[-1]: one.next_change_on for name, one in held.items()}, said


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(REPORTS, min_size=1, max_size=8), seed=st.integers(0, 2**32))
def test_order_company_way_and_repetition_change_neither_facts_nor_grades(
    store: Store, workers: Workers, drawn: list[dict[str, Any]], seed: int
) -> None:
    rng = random.Random(seed)
    ends: list[tuple[Any, ...]] = []
    for way in (in_chunks, one_by_one, by_the_quarantine):
        prefix = f"{next(ORDERS)}-"
        reports = [report(one, prefix) for one in drawn]
        if ends:
            reports += rng.choices(reports, k=len(reports) // 2)
            rng.shuffle(reports)
        desk = desk_of(store, workers, f"{prefix}A", f"{prefix}B")
        way(desk, store, reports)
        ends.append(ends_in(store, prefix))

    assert ends[0] == ends[1] == ends[2]


def test_a_ledger_that_many_orders_were_entered_in_is_whole(store: Store, workers: Workers) -> None:
    rng = random.Random(1)
    numbers = [f"T{n}" for n in range(6)]
    desk = desk_of(store, workers, "A", "B")
    for way in (in_chunks, one_by_one, by_the_quarantine):
        rng.shuffle(numbers)
        way(desk, store, [told(name, one, fields={"result": "pass"}) for one in numbers for name in "AB"])

    ids = {one: READER.report(told("A", one, fields={"result": "pass"}), today=DAY)[1].id for one in numbers}
    check(store, workers, [(name, one) for name in "AB" for one in ids.values()])
