"""A running application over a small rulebook, and the one shape that every error has."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.app import create_app
from api.settings import Settings

RULEBOOKS = Path(__file__).parent.parent / "rulebooks" / "api"
TODAY = date(2026, 6, 1)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SHUOLI_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("store")
    return Settings(database_url=f"sqlite:///{folder}/shuoli.db", rulebook="orchard", rulebooks=(RULEBOOKS,), workers=1)


@pytest.fixture(scope="module")
def app(settings: Settings) -> Litestar:
    return create_app(settings, today=lambda: TODAY)


@pytest.fixture(scope="module")
def client(app: Litestar) -> Iterator[TestClient[Litestar]]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def a_case() -> dict[str, Any]:
    return {
        "producer": {"id": "P1", "kind": "farm", "region": "330110", "attributes": {"trees": 120}},
        "facts": [
            {
                "type": "test",
                "fields": {"number": "T1", "result": "fail", "residue": "0.08", "taken_on": "2026-05-01"},
                "source": {"system": "laboratory", "ref": "L-1"},
                "recorded_at": "2026-05-02T08:00:00+08:00",
                "status": "effective",
            }
        ],
    }


Refused = Callable[..., dict[str, Any]]


@pytest.fixture
def refused() -> Refused:
    """Return the check of an error's shape; it returns the entry at `place`, or the whole document."""

    def check(response: httpx.Response, status: int, code: str, place: str | None = None) -> dict[str, Any]:
        assert response.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = response.json()
        assert (response.status_code, document["code"]) == (status, code), document
        assert document["status"] == status
        assert document["type"] == f"/errors/{code}"
        assert document["title"]
        assert document["detail"]
        assert document["request_id"] == response.headers["x-request-id"]
        assert "Traceback" not in response.text
        if place is None:
            return document
        entries = [one for one in document["errors"] if place in (one.get("pointer"), one.get("parameter"))]
        assert entries, document["errors"]
        assert all(one["code"] and one["message"] for one in document["errors"])
        return dict(entries[0])

    return check
