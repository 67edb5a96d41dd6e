"""A full disk refuses what doesn't fit, as a whole, and says so; once there is room everything goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import text

import casework.lines
from api.app import create_app
from api.settings import Settings
from casework.decisions import Decisions
from engine.workers import Workers
from store.database import StoreRefused
from store.ledger import Store
from tests.faults.checking import DAY, ORCHARD, RULEBOOKS, check, content, desk_of, facts, grades, told
from tests.faults.cluster import own_cluster

TODAY = date.fromordinal(DAY)
LARGE = "x" * 150


@contextmanager
def serving(database_url: str) -> Iterator[tuple[TestClient[Litestar], Store]]:
    settings = Settings(database_url=database_url, rulebook="orchard", rulebooks=(RULEBOOKS,), workers=1)
    app = create_app(settings, today=lambda: TODAY)
    provided: Any = app.dependencies["services"]
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client, provided.dependency().store


def fill(store: Store, free: int) -> None:
    """Let an SQLite file grow by so many pages and no more."""
    with store._writing.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {pages + free}"))


def make_room(store: Store) -> None:
    with store._writing.connect() as connection:
        connection.execute(text("PRAGMA max_page_count = 1073741823"))


def posted(number: int) -> dict[str, Any]:
    one = told("P1", f"T{number}", source={"system": "lab", "ref": f"{number}{LARGE}"})
    del one["producer"]
    return {"facts": [one]}


def test_a_full_disk_refuses_a_request_as_a_whole_and_room_lets_it_through(tmp_path: Path, workers: Workers) -> None:
    with serving(f"sqlite:///{tmp_path}/shuoli.db") as (client, store):
        client.put("/api/v1/producers/P1", json={"kind": "farm"}).raise_for_status()
        fill(store, 3)
        taken, before = 0, content(store)
        while (answer := client.post("/api/v1/producers/P1/facts", json=posted(taken))).status_code == 200:
            taken, before = taken + 1, content(store)
            assert taken < 200

        assert (answer.status_code, answer.json()["code"]) == (503, "store.unusable")
        assert "full" in answer.json()["detail"]
        assert "room" in answer.json()["help"]
        assert int(answer.headers["retry-after"]) > 0
        assert content(store) == before
        assert client.get("/api/v1/producers/P1/grade").status_code == 200
        make_room(store)
        again = client.post("/api/v1/producers/P1/facts", json=posted(taken))
        assert again.status_code == 200, again.text
        with store.read() as transaction:
            assert len(transaction.facts("P1")) == taken + 1
        check(store, workers)


def test_a_disk_that_fills_in_a_delivery_ends_it_after_whole_chunks_and_it_is_resumed(
    tmp_path: Path, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(casework.lines, "CHUNK_LINES", 5)
    reports = [told("P1", f"T{n}", source={"system": "lab", "ref": f"{n}{LARGE}"}) for n in range(60)]
    body = b"".join(json.dumps(one).encode() + b"\n" for one in reports)
    headers = {"content-type": "application/x-ndjson", "idempotency-key": "K1"}
    with serving(f"sqlite:///{tmp_path}/shuoli.db") as (client, store):
        client.put("/api/v1/producers/P1", json={"kind": "farm"}).raise_for_status()
        fill(store, 12)
        first = client.post("/api/v1/facts:bulk", content=body, headers=headers)
        *results, last = first.text.splitlines()

        assert 0 < len(results) < 60
        assert len(results) % 5 == 0
        assert json.loads(last)["problem"]["code"] == "store.unusable"
        assert json.loads(last)["problem"]["status"] == 503
        with store.read() as transaction:
            assert len(transaction.facts("P1")) == len(results)
        make_room(store)
        again = client.post("/api/v1/facts:bulk", content=body, headers=headers).text.splitlines()
        assert again[: len(results)] == results
        check(store, workers, [("P1", json.loads(one)["fact"]) for one in again])
        assert len(again) == 60


@pytest.mark.parametrize("free", range(8))
def test_wherever_the_room_ends_in_a_transaction_nothing_of_it_is_left(
    tmp_path: Path, workers: Workers, free: int
) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/shuoli.db")
    desk = desk_of(store, workers, "A")
    fill(store, free)
    before = content(store)
    many = facts(*[f"T{n}" for n in range(300)])

    with pytest.raises(StoreRefused, match="full"):
        desk.record("A", many, DAY)

    assert content(store) == before
    make_room(store)
    desk.record("A", many, DAY)
    check(store, workers, [("A", one.id) for one in many])
    store.close()


@pytest.mark.parametrize("table", ["facts", "outbox"])
def test_a_disk_of_postgresql_that_is_full_for_a_table_refuses_as_a_whole(workers: Workers, table: str) -> None:
    """The table's file is one that answers every write with ENOSPC, as a full disk does."""
    numbers = ["T0", "T1", "T2"]
    with own_cluster() as cluster:
        store = Store.open(cluster.url())
        desk_of(store, workers, "A", "B")
        with store.read() as transaction:
            path = transaction.connection.execute(text("SELECT pg_relation_filepath(:t)"), {"t": table}).scalar_one()
        before, held = content(store), grades(store)
        store.close()
        cluster.stop()
        file = cluster.data / path
        assert file.stat().st_size == 0
        shutil.move(file, f"{file}.kept")
        file.symlink_to("/dev/full")
        cluster.start()
        store = Store.open(cluster.url())
        desk = Decisions(ORCHARD, store, workers)

        with pytest.raises(StoreRefused, match="No space left"):
            desk.record("A", facts(*numbers), DAY)

        assert content(store) == before
        store.close()
        cluster.stop()
        file.unlink()
        shutil.move(f"{file}.kept", file)
        cluster.start()
        store = Store.open(cluster.url())
        desk = Decisions(ORCHARD, store, workers)
        desk.record("A", facts(*numbers), DAY)
        assert grades(store) != held
        check(store, workers, [("A", one.id) for one in facts(*numbers)])
        store.close()
