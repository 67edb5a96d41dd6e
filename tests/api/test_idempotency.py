"""A request sent again under its key is answered as it was and done once, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import func, select

import api.idempotency
from api.app import create_app
from api.settings import Settings
from store.ledger import Store
from store.tables import FACTS, GRADINGS, IDEMPOTENCY
from tests.api.conftest import RULEBOOKS

Client = TestClient[Litestar]
Refused = Callable[..., dict[str, Any]]
P1 = "/api/v1/producers/P1"


@pytest.fixture
def client(database_url: str) -> Iterator[Client]:
    settings = Settings(database_url=database_url, rulebook="orchard", rulebooks=(RULEBOOKS,), workers=1)
    app = create_app(settings, today=lambda: date(2026, 6, 1))
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.put(P1, json={"kind": "farm", "region": ""}).status_code == 201
        yield client


def failures(*numbers: str) -> dict[str, Any]:
    fields = [{"number": number, "result": "fail", "taken_on": "2026-05-01"} for number in numbers]
    return {"facts": [{"type": "test", "fields": one} for one in fields]}


def post(client: Client, body: dict[str, Any], key: str, address: str = f"{P1}/facts") -> httpx.Response:
    return client.post(address, json=body, headers={"Idempotency-Key": key})


def counts(store: Store) -> tuple[int, ...]:
    with store.read() as transaction:
        return tuple(
            transaction.connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (FACTS, GRADINGS, IDEMPOTENCY)
        )


def test_the_same_request_again_gets_the_same_answer_and_does_nothing(client: Client, store: Store) -> None:
    first = post(client, failures("T1"), "key-1")
    client.post(f"{P1}/facts", json=failures("T2"))
    before = counts(store)

    again = post(client, failures("T1"), "key-1")

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert first.json()["score"] == 75
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert counts(store) == before


def test_another_request_under_the_key_is_refused(client: Client, store: Store, refused: Refused) -> None:
    post(client, failures("T1"), "key-1").raise_for_status()
    client.put("/api/v1/producers/P2", json={"kind": "farm", "region": ""})
    before = counts(store)

    refused(post(client, failures("T2"), "key-1"), 422, "idempotency.reused")
    refused(post(client, failures("T1"), "key-1", "/api/v1/producers/P2/facts"), 422, "idempotency.reused")

    assert counts(store) == before


def test_a_refused_request_may_be_corrected_under_its_key(client: Client) -> None:
    wrong = post(client, {"facts": [{"type": "nothing", "fields": {}}]}, "key-1")

    right = post(client, failures("T1"), "key-1")

    assert (wrong.status_code, right.status_code) == (422, 200)


def test_requests_at_once_under_one_key_are_done_once(client: Client, store: Store) -> None:
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(post(client, failures("T1"), "key-1"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [one.status_code for one in answers] == [200] * 6
    assert len({one.content for one in answers}) == 1
    assert sum("idempotency-replayed" not in one.headers for one in answers) == 1
    assert counts(store) == (1, 2, 1)


def test_a_fault_while_the_answer_is_kept_leaves_nothing_behind(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = counts(store)

    def fail(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(api.idempotency, "keep_answer", fail)
        failed = post(client, failures("T1"), "key-1")
    then = counts(store)
    again = post(client, failures("T1"), "key-1")

    assert (failed.status_code, then) == (500, before)
    assert (again.status_code, "idempotency-replayed" in again.headers) == (200, False)


@pytest.mark.parametrize("key", ["", "x" * 201, "two words", "caf\u00e9"])
def test_a_key_that_cannot_be_one_is_refused(client: Client, refused: Refused, key: str) -> None:
    answer = client.post(f"{P1}/facts", json=failures("T1"), headers=[(b"Idempotency-Key", key.encode())])

    refused(answer, 400, "http.request")


def test_facts_about_everyone_and_a_new_status_take_a_key_too(client: Client) -> None:
    post(client, failures("T1"), "key-1")
    fact = client.get(f"{P1}/facts").json()["facts"][0]["id"]
    beat: dict[str, Any] = {"facts": []}

    for address, body in ((f"{P1}/facts/{fact}/status", {"status": "revoked"}), ("/api/v1/facts", beat)):
        first, again = post(client, body, address[-20:], address), post(client, body, address[-20:], address)
        assert (first.status_code, again.content) == (200, first.content)
        assert again.headers["idempotency-replayed"] == "true"
