"""The HTTP interface does what it says, on the small rulebook of these tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

Client = TestClient[Litestar]
Refused = Callable[..., dict[str, Any]]


def failure(number: str, taken_on: str = "2026-05-01", **more: str) -> dict[str, Any]:
    fields = {"number": number, "result": "fail", "taken_on": taken_on, **more}
    return {"type": "test", "fields": fields, "source": {"system": "laboratory", "ref": number}}


@pytest.fixture
def a_producer(client: Client, request: pytest.FixtureRequest) -> str:
    """Return the address of a producer of this test alone, with no facts."""
    name = f"P-{abs(hash(request.node.name)) % 10**9}"
    assert client.put(f"/api/v1/producers/{name}", json={"kind": "farm", "region": "330110"}).status_code == 201
    return f"/api/v1/producers/{name}"


def test_a_case_is_graded_with_its_whole_trail(client: Client, a_case: dict[str, Any]) -> None:
    grading = client.post("/api/v1/gradings?as_of=2026-06-01", json=a_case).json()

    assert (grading["grade"], grading["score"], grading["score_grade"], grading["colour"]) == ("B", 75, "B", "yellow")
    assert grading["points_lost"] == {"FRUIT": 15, "LESSON": 10}
    assert [(one["rule"], one["status"]) for one in grading["verdicts"]] == [
        ("failure", "fired"),
        ("silence", "not_fired"),
        ("FRUIT", "fired"),
        ("LESSON", "fired"),
        ("no_lesson", "fired"),
        ("poison", "not_fired"),
        ("visit", "not_fired"),
    ]
    assert grading["as_of"] == "2026-06-01"
    assert (grading["rulebook"]["id"], grading["rulebook"]["version"]) == ("orchard", "1")
    assert len(grading["deductions"]) == 4
    assert {"indicators", "findings", "ceilings", "vetoes", "consequences", "remedies", "next_change_on"} <= set(
        grading
    )


def test_the_same_case_gives_the_same_bytes(client: Client, a_case: dict[str, Any]) -> None:
    answers = {client.post("/api/v1/gradings?as_of=2026-06-01", json=a_case).content for _ in range(3)}

    assert len(answers) == 1


def test_grading_a_case_stores_nothing(client: Client, a_case: dict[str, Any], refused: Refused) -> None:
    a_case["producer"]["id"] = "UNSEEN"

    client.post("/api/v1/gradings", json=a_case).raise_for_status()

    refused(client.get("/api/v1/producers/UNSEEN/grade"), 404, "producer.missing")


def test_a_fact_posted_changes_the_grade_in_the_same_request(client: Client, a_producer: str) -> None:
    before = client.get(f"{a_producer}/grade").json()

    answer = client.post(f"{a_producer}/facts", json={"facts": [failure("T1"), failure("T2"), failure("T3")]})

    assert (before["grade"], before["score"]) == ("B", 90)
    assert answer.status_code == 200
    assert (answer.json()["grade"], answer.json()["score"]) == ("C", 45)
    assert client.get(f"{a_producer}/grade").json()["score"] == 45


def test_the_same_fact_again_changes_nothing(client: Client, a_producer: str) -> None:
    first = client.post(f"{a_producer}/facts", json={"facts": [failure("T1")]}).json()

    second = client.post(f"{a_producer}/facts", json={"facts": [failure("T1")]}).json()

    assert (second["score"], second["facts"]) == (first["score"], first["facts"])


def test_a_producer_put_again_is_replaced(client: Client, a_producer: str) -> None:
    answer = client.put(a_producer, json={"kind": "gardener", "region": "330111", "attributes": {"trees": 3}})

    assert answer.status_code == 200
    assert answer.json()["kind"] == "gardener"


def test_a_grade_can_be_asked_for_as_of_an_earlier_day(client: Client, a_producer: str) -> None:
    client.post(f"{a_producer}/facts", json={"facts": [failure("T1", "2026-05-01")]})

    assert client.get(f"{a_producer}/grade?as_of=2026-04-30").json()["score"] == 90
    assert client.get(f"{a_producer}/grade?as_of=2026-05-01").json()["score"] == 75


def test_a_grade_can_be_asked_for_as_known_then(client: Client, a_producer: str) -> None:
    before = datetime.now(UTC).isoformat()
    client.post(f"{a_producer}/facts", json={"facts": [failure("T1") | {"recorded_at": "2026-05-20T08:00:00+08:00"}]})

    known = client.get(f"{a_producer}/grade", params={"known_at": before}).json()
    now = client.get(f"{a_producer}/grade").json()
    nothing = client.get(f"{a_producer}/grade", params={"known_at": "2020-01-01T00:00:00Z"})

    assert (known["score"], now["score"]) == (90, 75)
    assert nothing.json()["code"] == "producer.missing"


@pytest.mark.parametrize(("lang", "word"), [("zh", "重新检测"), ("en", "have it tested again")])
def test_why_gives_reasons_and_remedies_in_the_language_asked_for(
    client: Client, a_producer: str, lang: str, word: str
) -> None:
    client.post(f"{a_producer}/facts", json={"facts": [failure("T1")]})

    why = client.get(f"{a_producer}/why?lang={lang}")

    assert why.status_code == 200
    assert word in why.text


def test_every_rule_has_its_verdict(client: Client, a_producer: str) -> None:
    verdicts = client.get(f"{a_producer}/verdicts").json()["verdicts"]

    assert {one["rule"] for one in verdicts} == {
        "failure",
        "silence",
        "FRUIT",
        "LESSON",
        "no_lesson",
        "poison",
        "visit",
    }


def test_deductions_name_their_premises(client: Client, a_producer: str) -> None:
    client.post(f"{a_producer}/facts", json={"facts": [failure("T1")]})

    deductions = client.get(f"{a_producer}/deductions").json()["deductions"]

    first = next(one for one in deductions if one["rule"] == "failure")
    assert first["premises"][0].startswith("F-")
    assert next(one for one in deductions if one["rule"] == "FRUIT")["premises"] == [first["concludes"]]


def test_a_stored_grading_is_found_by_its_hash(client: Client, a_producer: str) -> None:
    stored = client.post(f"{a_producer}/facts", json={"facts": [failure("T1")]}).json()

    again = client.get(f"/api/v1/gradings/{stored['hash']}")

    assert again.status_code == 200
    assert again.json()["score"] == {**stored}["score"]


def test_rulebooks_are_listed_and_shown(client: Client) -> None:
    listed = client.get("/api/v1/rulebooks").json()["items"]
    shown = client.get("/api/v1/rulebooks/orchard/1").json()

    assert [(one["id"], one["version"], one["status"]) for one in listed] == [
        ("hangzhou", "2021.1", "reconstruction"),
        ("orchard", "1", "draft"),
    ]
    assert [one["id"] for one in shown["standards"]] == ["FRUIT", "LESSON"]
    assert [one["grade"] for one in shown["grades"]] == ["A", "B", "C"]
    assert (shown["points_total"], shown["notice"]["zh"]) == (100, "仅供测试")


def test_health(client: Client) -> None:
    assert client.get("/health/live").json() == {"status": "ok"}
    assert client.get("/health/ready").json() == {"status": "ok"}


def test_error_pages_explain_a_code_to_people_and_programs(client: Client) -> None:
    page = client.get("/errors/case.refused", headers={"accept": "text/html"})
    entry = client.get("/errors/case.refused", headers={"accept": "application/json"}).json()

    assert page.headers["content-type"].startswith("text/html")
    assert "case.refused" in page.text
    assert entry["code"] == "case.refused"
    assert entry["text"]


@pytest.mark.parametrize("address", ["/health/live", "/api/v1/rulebooks", "/nowhere", "/schema"])
def test_every_answer_carries_the_protective_headers(client: Client, address: str) -> None:
    headers = client.get(address).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-request-id"]
    assert ("unsafe-inline" in headers["content-security-policy"]) == (address == "/schema")


def test_the_examples_of_the_openapi_document_are_accepted(client: Client) -> None:
    document = client.get("/schema/openapi.json").json()
    body = document["paths"]["/api/v1/gradings"]["post"]["requestBody"]["content"]["application/json"]

    answer = client.post(
        "/api/v1/gradings",
        content=json.dumps(body["examples"]["example"]["value"]),
        headers={"content-type": "application/json"},
    )

    assert answer.status_code == 200, answer.text
