"""The database goes away and comes back while facts are posted: requests are refused or wait, and none is lost."""

from __future__ import annotations

import json
import threading
import time
from datetime import date
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.app import create_app
from api.settings import Settings
from engine.workers import Workers
from store.ledger import Store
from tests.faults.checking import DAY, RULEBOOKS, check, told
from tests.faults.cluster import Cluster, own_cluster

NAMES = ("P0", "P1", "P2")


class Poster(threading.Thread):
    """Posts facts about one producer, each under a key of its own until it is taken."""

    def __init__(self, client: TestClient[Litestar], name: str) -> None:
        super().__init__()
        self._client, self._name = client, name
        self.taken: list[tuple[float, str]] = []
        self.refused: list[tuple[int, str, dict[str, str]]] = []
        self.ending = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.ending.is_set():
            fact = told(self._name, f"T{number}", fields={"result": "pass"})
            del fact["producer"]
            headers = {"idempotency-key": f"{self._name}-{number}"}
            path = f"/api/v1/producers/{self._name}/facts"
            answer = self._client.post(path, json={"facts": [fact]}, headers=headers)
            if answer.status_code == 200:
                self.taken.append((time.monotonic(), f"T{number}"))
                number += 1
            else:
                self.refused.append((answer.status_code, answer.json()["code"], dict(answer.headers)))
                time.sleep(0.02)


def wait_for(posters: list[Poster], more: int, seconds: float) -> float:
    """Wait until each has had so many more facts taken; return how long that took."""
    begun = time.monotonic()
    wanted = [len(one.taken) + more for one in posters]
    while any(len(one.taken) < count for one, count in zip(posters, wanted, strict=True)):
        if time.monotonic() - begun > seconds:
            pytest.fail(f"nothing more is taken: {[one.refused[-1:] for one in posters]}")
        time.sleep(0.01)
    return time.monotonic() - begun


@pytest.fixture
def cluster() -> Any:
    with own_cluster() as running:
        yield running


def test_a_database_restarted_under_load_loses_nothing_and_is_back_within_seconds(
    cluster: Cluster, workers: Workers
) -> None:
    settings = Settings(database_url=cluster.url(), rulebook="orchard", rulebooks=(RULEBOOKS,), workers=1)
    app = create_app(settings, today=lambda: date.fromordinal(DAY))
    with TestClient(app, raise_server_exceptions=False) as client:
        for name in NAMES:
            client.put(f"/api/v1/producers/{name}", json={"kind": "farm"}).raise_for_status()
        posters = [Poster(client, name) for name in NAMES]
        for one in posters:
            one.start()
        try:
            wait_for(posters, 3, 30)
            cluster.restart()
            back = wait_for(posters, 1, 20)
            cluster.stop("immediate")
            away = [client.get("/api/v1/producers/P0/grade"), client.get("/health/ready")]
            time.sleep(0.3)
            cluster.start()
            back_again = wait_for(posters, 3, 20)
        finally:
            for one in posters:
                one.ending.set()
            for one in posters:
                one.join(30)

    store = Store.open(cluster.url())
    with store.read() as transaction:
        facts = {name: [json.loads(one)["fields"]["number"] for one in transaction.facts(name)] for name in NAMES}
    check(store, workers)
    store.close()
    assert max(back, back_again) < 5
    assert {name: facts[name] for name in NAMES} == {
        name: [number for _, number in one.taken] for name, one in zip(NAMES, posters, strict=True)
    }
    refusals = [refusal for one in posters for refusal in one.refused]
    assert {(status, code) for status, code, _ in refusals} == {(503, "store.unusable")}
    assert all(int(headers["retry-after"]) > 0 for _, _, headers in refusals)
    assert [one.status_code for one in away] == [503, 503]
    assert all("retry-after" in one.headers for one in away)
