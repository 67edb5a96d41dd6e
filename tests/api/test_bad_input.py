"""Whatever is wrong with a body or an address: a 4xx that says where, and nothing stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

Client = TestClient[Litestar]
Refused = Callable[..., dict[str, Any]]

JSON = {"content-type": "application/json"}
FIELDS = "/facts/0/fields"


def with_field(case: dict[str, Any], name: str, value: Any) -> bytes:
    case["facts"][0]["fields"][name] = value
    return json.dumps(case).encode()


def with_fact(case: dict[str, Any], **more: Any) -> bytes:
    case["facts"][0] |= more
    return json.dumps(case).encode()


WRONG_FACTS: dict[str, tuple[Callable[[dict[str, Any]], bytes], str]] = {
    "unknown fact type": (lambda case: with_fact(case, type="tset"), "/facts/0/type"),
    "unknown field": (lambda case: with_field(case, "reslut", "fail"), f"{FIELDS}/reslut"),
    "unknown key": (lambda case: with_fact(case, sorce={}), "/facts/0/sorce"),
    "unknown status": (lambda case: with_fact(case, status="gone"), "/facts/0/status"),
    "text for a whole number": (lambda case: with_field(case, "count", "3"), f"{FIELDS}/count"),
    "number for a text": (lambda case: with_field(case, "number", 3), f"{FIELDS}/number"),
    "yes/no for a whole number": (lambda case: with_field(case, "count", True), f"{FIELDS}/count"),
    "text for a yes/no": (lambda case: with_field(case, "proven", "yes"), f"{FIELDS}/proven"),
    "not one of the choices": (lambda case: with_field(case, "result", "failed"), f"{FIELDS}/result"),
    "below the bounds": (lambda case: with_field(case, "count", -1), f"{FIELDS}/count"),
    "above the bounds": (lambda case: with_field(case, "residue", "50.01"), f"{FIELDS}/residue"),
    "too many places": (lambda case: with_field(case, "residue", "0.081"), f"{FIELDS}/residue"),
    "too long": (lambda case: with_field(case, "number", "x" * 21), f"{FIELDS}/number"),
    "float": (lambda case: with_field(case, "residue", 0.08), f"{FIELDS}/residue"),
    "float without a fraction": (lambda case: with_field(case, "count", 3.0), f"{FIELDS}/count"),
    "no such date": (lambda case: with_field(case, "taken_on", "2026-02-30"), f"{FIELDS}/taken_on"),
    "future date": (lambda case: with_field(case, "taken_on", "2026-06-02"), f"{FIELDS}/taken_on"),
    "missing field": (lambda case: with_fact(case, fields={"number": "T1", "result": "fail"}), f"{FIELDS}/taken_on"),
    "recorded without an offset": (
        lambda case: with_fact(case, recorded_at="2026-05-02T08:00:00"),
        "/facts/0/recorded_at",
    ),
    "surrogate": (lambda case: with_field(case, "number", "\ud800"), f"{FIELDS}/number"),
}

MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "half of it": b'{"facts": [',
    "NaN": b'{"facts": [{"type": "test", "fields": {"count": NaN}}]}',
    "infinite": b'{"facts": [{"type": "test", "fields": {"count": 1e999}}]}',
    "duplicate key": b'{"facts": [{"type": "test", "type": "lesson"}]}',
    "nested a thousand deep": b"[" * 1000 + b"]" * 1000,
    "nested a hundred thousand deep": b'{"facts":' + b"[" * 100_000,
    "not UTF-8": b'{"facts": "\xff"}',
    "a list": b"[]",
    "null": b"null",
}


def stored_facts(client: Client) -> int:
    return len(client.get("/api/v1/producers/P1/grade").json()["facts"])


@pytest.fixture
def known(client: Client, a_case: dict[str, Any]) -> str:
    """Return the address of a producer that is known and has one fact."""
    producer, fact = a_case["producer"], a_case["facts"][0]
    assert client.put("/api/v1/producers/P1", json=producer).status_code in {200, 201}
    assert client.post("/api/v1/producers/P1/facts", json={"facts": [fact]}).status_code == 200
    return "/api/v1/producers/P1"


@pytest.mark.parametrize("wrong", WRONG_FACTS)
def test_a_wrong_fact_is_refused_with_its_place(
    client: Client, a_case: dict[str, Any], refused: Refused, wrong: str
) -> None:
    make, pointer = WRONG_FACTS[wrong]

    entry = refused(client.post("/api/v1/gradings", content=make(a_case), headers=JSON), 422, "case.refused", pointer)

    assert entry["message"]


@pytest.mark.parametrize("wrong", WRONG_FACTS)
def test_one_wrong_fact_keeps_all_facts_of_the_body_out(
    client: Client, known: str, a_case: dict[str, Any], refused: Refused, wrong: str
) -> None:
    make, pointer = WRONG_FACTS[wrong]
    body = json.loads(make(a_case))
    body["facts"].append({"type": "lesson", "fields": {"given_on": "2026-05-09"}})
    before = stored_facts(client)

    refused(
        client.post(f"{known}/facts", content=json.dumps({"facts": body["facts"]}), headers=JSON),
        422,
        "case.refused",
        pointer,
    )

    assert stored_facts(client) == before


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("address", ["/api/v1/gradings", "/api/v1/producers/P1/facts"])
@pytest.mark.parametrize("body", MALFORMED)
def test_a_body_that_is_no_case_is_refused(client: Client, refused: Refused, address: str, body: str) -> None:
    before = stored_facts(client)

    response = client.post(address, content=MALFORMED[body], headers=JSON)

    assert response.status_code in {400, 422}
    refused(response, response.status_code, response.json()["code"])
    assert stored_facts(client) == before


@pytest.mark.parametrize("address", ["/api/v1/gradings", "/api/v1/producers/P1/facts"])
def test_a_body_of_ten_megabytes_is_refused(client: Client, refused: Refused, address: str) -> None:
    refused(client.post(address, content=b" " * 10_000_000, headers=JSON), 413, "http.too_large")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=gbk"])
def test_a_body_that_is_not_json_by_name_is_refused(client: Client, refused: Refused, kind: str) -> None:
    refused(client.post("/api/v1/gradings", content=b"{}", headers={"content-type": kind}), 415, "http.media_type")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("as_of=2026-13-01", "as_of"),
        ("as_of=tomorrow", "as_of"),
        ("as_of=", "as_of"),
        ("as_off=2026-01-01", "as_off"),
        ("as_of=2026-01-01&as_of=2026-01-02", "as_of"),
        ("known_at=2026-01-01T00:00:00", "known_at"),
        ("lang=fr", "lang"),
    ],
)
def test_a_wrong_parameter_is_named(client: Client, known: str, refused: Refused, query: str, name: str) -> None:
    refused(client.get(f"{known}/why?{query}"), 400, "http.query", name)


def test_a_misspelt_parameter_is_told_its_right_name(client: Client, known: str, refused: Refused) -> None:
    entry = refused(client.get(f"{known}/grade?as_off=2026-01-01"), 400, "http.query", "as_off")

    assert entry["help"] == "did you mean `as_of`?"


@pytest.mark.parametrize(
    ("method", "address", "status", "code"),
    [
        ("GET", "/nowhere", 404, "http.not_found"),
        ("GET", "/api/v1/producers/NOBODY/grade", 404, "producer.missing"),
        ("GET", "/api/v1/producers/NOBODY/why", 404, "producer.missing"),
        ("GET", f"/api/v1/gradings/{'0' * 64}", 404, "grading.missing"),
        ("GET", "/api/v1/gradings/..%2F..%2Fetc", 404, "http.not_found"),
        ("GET", "/api/v1/rulebooks/orchard/9", 404, "rulebook.missing"),
        ("GET", "/api/v1/rulebooks/..%2F..%2Fetc/1", 404, "http.not_found"),
        ("GET", "/errors/no.such_code", 404, "http.not_found"),
        ("DELETE", "/api/v1/rulebooks", 405, "http.method"),
        ("PATCH", "/api/v1/producers/P1", 405, "http.method"),
    ],
)
def test_what_is_not_there_is_said_so(
    client: Client, refused: Refused, method: str, address: str, status: int, code: str
) -> None:
    refused(client.request(method, address), status, code)


def test_a_producer_must_be_known_before_its_facts(client: Client, refused: Refused, a_case: dict[str, Any]) -> None:
    response = client.post("/api/v1/producers/NOBODY/facts", json={"facts": a_case["facts"]})

    refused(response, 404, "producer.missing")


def test_a_missing_rulebook_is_said_so(client: Client, refused: Refused, a_case: dict[str, Any]) -> None:
    refused(client.post("/api/v1/gradings?rulebook=orchrad", json=a_case), 404, "rulebook.missing")


def test_a_grade_before_any_rulebook_was_in_force_is_refused(
    client: Client, refused: Refused, a_case: dict[str, Any]
) -> None:
    refused(client.post("/api/v1/gradings?as_of=2020-01-01", json=a_case), 404, "rulebook.missing")


def test_a_producer_in_the_body_must_be_the_one_of_the_address(
    client: Client, refused: Refused, a_case: dict[str, Any]
) -> None:
    refused(client.put("/api/v1/producers/P2", json=a_case["producer"]), 422, "case.refused", "/id")
