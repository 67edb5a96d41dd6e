"""What is sent becomes a case only if it fits; the HTTP tests try every kind of misfit through the door."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.case import CaseFile
from engine.jsontext import LARGEST, parse
from engine.reading import CaseReader, fact_document, instant, merge, producer_document
from knowledge.loader import load_rulebook
from knowledge.problems import CaseRefused, JsonRefused, LimitExceeded

ORCHARD = load_rulebook(Path(__file__).parent.parent / "rulebooks" / "api" / "orchard" / "1")
READER = CaseReader(ORCHARD)
DAY = 739_500


def a_test(
    number: str = "T1", *, status: str = "effective", recorded_at: str | None = None, **more: Any
) -> dict[str, Any]:
    fields = {"number": number, "result": "fail", "taken_on": "2025-06-01"} | more
    fact: dict[str, Any] = {"type": "test", "fields": fields, "status": status}
    return fact if recorded_at is None else fact | {"recorded_at": recorded_at}


def case(*facts: dict[str, Any], known_at: str | None = None, today: int | None = None, **producer: Any) -> CaseFile:
    document = {"producer": {"id": "P1", "kind": "farm", "region": "330110"} | producer, "facts": list(facts)}
    return READER.case(msgspec.json.encode(document), as_of=DAY, today=today, known_at=known_at)


def test_values_are_encoded_once() -> None:
    (fact,) = case(a_test(residue="0.08")).facts

    assert fact.values == {"number": "T1", "result": "fail", "taken_on": 739403, "residue": 8}


def test_reports_of_one_thing_are_one_fact_and_the_one_recorded_last_wins() -> None:
    first = a_test(result="fail", recorded_at="2025-06-02T08:00:00+08:00") | {"source": {"system": "city", "ref": "1"}}
    later = a_test(result="pass", recorded_at="2025-06-02T00:30:00Z") | {"source": {"system": "county", "ref": "9"}}

    (one,) = case(first, later).facts
    (other,) = case(later, first).facts

    assert one == other
    assert one.values["result"] == "pass"
    assert [source.system for source in one.sources] == ["city", "county"]


@given(st.permutations(range(5)))
def test_the_order_of_reports_never_matters(order: list[int]) -> None:
    reports = [a_test(f"T{n % 2}", residue=f"0.0{n}") for n in range(5)]

    assert case(*(reports[n] for n in order)) == case(*reports)


def test_what_was_recorded_later_was_not_known() -> None:
    facts = [
        a_test("T1", recorded_at="2025-06-02T08:00:00+08:00"),
        a_test("T2", recorded_at="2025-06-03T08:00:00+08:00"),
    ]

    known = case(*facts, known_at="2025-06-03T00:00:00.000001Z").facts
    before = case(*facts, known_at="2025-06-02T23:59:59.999999Z").facts

    assert (len(known), len(before)) == (2, 1)


def test_a_fact_may_lie_after_the_day_asked_for_but_not_after_today() -> None:
    tomorrow = a_test(taken_on="2025-09-07")

    assert len(case(tomorrow, today=DAY + 1).facts) == 1
    with pytest.raises(CaseRefused) as caught:
        case(tomorrow, today=DAY)
    assert [(one.code, one.place) for one in caught.value.problems] == [("fact.future", "/facts/0/fields/taken_on")]


def test_all_problems_are_told_at_once_with_the_nearest_right_name() -> None:
    with pytest.raises(CaseRefused) as caught:
        case(a_test(result="fial"), {"type": "tset"}, a_test(taken_on=3), kind="fram", size="big")

    told = {one.place: (one.code, one.help) for one in caught.value.problems}
    assert told == {
        "/producer/kind": ("name.unknown", "did you mean `farm`?"),
        "/producer/size": ("shape.unknown_key", "known: id, kind, region, attributes"),
        "/facts/0/fields/result": ("value.unknown_choice", "did you mean `fail`?"),
        "/facts/1/type": ("name.unknown", "did you mean `test`?"),
        "/facts/2/fields/taken_on": ("type.mismatch", None),
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b'{"a": 1, "a": 2}', "json.duplicate_key"),
        (b"[" * 200_000, "json.depth"),
        (b"{", "json.syntax"),
        (b"[NaN]", "json.syntax"),
        (b"[-Infinity]", "json.syntax"),
        (b"[" + b"9" * 5000 + b"]", "json.syntax"),
        (b'"\xff"', "json.encoding"),
        (b" " * (LARGEST + 1), "json.too_large"),
    ],
)
def test_json_that_can_be_misread_is_refused(text: bytes, code: str) -> None:
    with pytest.raises(JsonRefused) as caught:
        parse(text)

    assert [one.code for one in caught.value.problems] == [code]


def test_more_than_five_thousand_facts_are_refused_by_number() -> None:
    with pytest.raises(LimitExceeded) as caught:
        case(*[a_test(f"T{n}") for n in range(5001)])

    assert (caught.value.code, caught.value.message) == ("limit.facts", "5001 facts; at most 5000 for one producer")


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_lead_to_anything_but_a_case_or_a_refusal(data: bytes) -> None:
    with pytest.raises(CaseRefused):
        READER.case(data, as_of=DAY)


def test_what_is_written_reads_back_the_same() -> None:
    draw = random.Random(5)
    facts = [
        a_test(
            f"T{n}",
            residue=f"{draw.randrange(50)}.{draw.randrange(100):02d}",
            recorded_at="2025-06-02T08:00:00.5+08:00",
        )
        for n in range(30)
    ]
    given_case = case(*facts, attributes={"trees": 7})

    documents = [fact_document(ORCHARD, fact) for fact in given_case.facts]

    assert merge(READER.stored(documents)) == given_case.facts
    assert READER.producer(producer_document(ORCHARD, given_case.producer)) == given_case.producer
    assert all(b"0.0" not in document or b'"0.0' in document for document in documents)


@pytest.mark.parametrize("text", ["", "2026-03-03", "2026-03-03T08:00:00", "2026-03-03 08:00:00+08:00", "x" * 25])
def test_an_instant_needs_day_time_and_offset(text: str) -> None:
    with pytest.raises(CaseRefused):
        instant(text)


def test_instants_compare_as_text() -> None:
    assert instant("2026-03-03T08:00:00+08:00") < instant("2026-03-03T00:00:00.5Z") < instant("2026-03-03T00:00:01Z")
