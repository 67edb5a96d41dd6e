"""A fact's status changes by later reports; what was known and decided when can be read back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

Client = TestClient[Litestar]
Refused = Callable[..., dict[str, Any]]


@pytest.fixture
def a_producer(client: Client, request: pytest.FixtureRequest) -> str:
    """Return the address of a producer of this test alone, with one failed test."""
    address = f"/api/v1/producers/T-{abs(hash(request.node.name)) % 10**9}"
    client.put(address, json={"kind": "farm", "region": "330110"})
    fields = {"number": "T1", "result": "fail", "taken_on": "2026-05-01"}
    client.post(f"{address}/facts", json={"facts": [{"type": "test", "fields": fields, "source": {"system": "lab"}}]})
    return address


def the_fact(client: Client, address: str, **query: str) -> dict[str, Any]:
    facts = client.get(f"{address}/facts", params=query).json()["facts"]
    assert len(facts) == 1
    return dict(facts[0])


def test_a_fact_is_disputed_revoked_and_restored_by_later_reports(client: Client, a_producer: str) -> None:
    fact = the_fact(client, a_producer)
    status = f"{a_producer}/facts/{fact['id']}/status"

    scores = [
        client.post(status, json={"status": name}).json()["score"]
        for name in ("disputed", "effective", "disputed", "revoked")
    ]

    later = the_fact(client, a_producer)
    assert scores == [75, 75, 75, 90]
    assert [one["status"] for one in later["reports"]] == [
        "effective", "disputed", "effective", "disputed", "revoked",
    ]  # fmt: skip
    assert (later["id"], later["status"]) == (fact["id"], "revoked")
    assert later["sources"] == fact["sources"] == [{"system": "lab", "ref": ""}]


def test_the_same_status_again_enters_no_report(client: Client, a_producer: str) -> None:
    fact = the_fact(client, a_producer)

    answer = client.post(f"{a_producer}/facts/{fact['id']}/status", json={"status": "effective"})

    assert answer.status_code == 200
    assert len(the_fact(client, a_producer)["reports"]) == 1


def test_an_earlier_report_that_arrives_late_changes_nothing_that_counts(client: Client, a_producer: str) -> None:
    fact = the_fact(client, a_producer)
    late = {"status": "revoked", "recorded_at": "2026-05-02T08:00:00+08:00", "source": {"system": "lab", "ref": "L"}}

    answer = client.post(f"{a_producer}/facts/{fact['id']}/status", json=late)

    after = the_fact(client, a_producer)
    assert answer.json()["score"] == 75
    assert (after["status"], len(after["reports"]), len(after["sources"])) == ("effective", 2, 2)


def test_facts_are_listed_as_known_then_and_up_to_the_day(client: Client, a_producer: str) -> None:
    entered_at = the_fact(client, a_producer)["reports"][0]["entered_at"]
    client.post(f"{a_producer}/facts/{the_fact(client, a_producer)['id']}/status", json={"status": "revoked"})

    assert the_fact(client, a_producer, known_at=entered_at)["status"] == "effective"
    assert the_fact(client, a_producer)["status"] == "revoked"
    assert client.get(f"{a_producer}/facts", params={"as_of": "2026-04-30"}).json()["facts"] == []


@pytest.mark.parametrize(
    ("body", "place", "code"),
    [
        ({}, "/status", "shape.missing_key"),
        ({"status": "gone"}, "/status", "name.unknown"),
        ({"status": "revoked", "fields": {}}, "/fields", "shape.unknown_key"),
        ({"status": "revoked", "recorded_at": "soon"}, "/recorded_at", "type.mismatch"),
        ({"status": "revoked", "recorded_at": "2099-01-01T00:00:00Z"}, "/recorded_at", "fact.future"),
        ({"status": "revoked", "reason": "none"}, "/reason", "shape.unknown_key"),
    ],
)
def test_a_status_that_cannot_be_one_is_refused(
    client: Client, a_producer: str, refused: Refused, body: dict[str, Any], place: str, code: str
) -> None:
    status = f"{a_producer}/facts/{the_fact(client, a_producer)['id']}/status"

    entry = refused(client.post(status, json=body), 422, "case.refused", place)

    assert entry["code"] == code
    assert len(the_fact(client, a_producer)["reports"]) == 1


def test_a_fact_that_is_not_there_is_said_so(client: Client, a_producer: str, refused: Refused) -> None:
    refused(
        client.post(f"{a_producer}/facts/F-0000000000000000/status", json={"status": "revoked"}), 404, "fact.missing"
    )


def test_the_history_lists_gradings_and_confirmations_in_the_order_of_the_log(client: Client, a_producer: str) -> None:
    fact = the_fact(client, a_producer)
    client.post(f"{a_producer}/facts/{fact['id']}/status", json={"status": "effective"})

    items = client.get(f"{a_producer}/history").json()["items"]

    assert [one["kind"] for one in items] == ["grading", "grading", "confirmation"]
    assert (items[2]["confirms"], items[1]["score"]) == (items[1]["hash"], 75)
    assert all(one["as_of"] == "2026-06-01" and one["known_at"] <= one["at"] for one in items)
    assert client.get(f"/api/v1/gradings/{items[0]['hash']}").json()["score"] == 90


def test_the_history_is_read_page_by_page_and_as_known_then(client: Client, a_producer: str) -> None:
    whole = client.get(f"{a_producer}/history").json()["items"]

    first = client.get(f"{a_producer}/history", params={"limit": 1}).json()
    second = client.get(f"{a_producer}/history", params={"limit": 1, "after": first["next"]}).json()
    then = client.get(f"{a_producer}/history", params={"known_at": whole[0]["at"]}).json()
    before = client.get(f"{a_producer}/history", params={"as_of": "2026-05-31"}).json()

    assert first["items"] + second["items"] == whole
    assert (then["items"], then["next"]) == (whole[:1], None)
    assert before["items"] == []
