"""Places among others over HTTP and from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.settings import Settings
from tests.api.test_cli import HYGIENE, Shuoli

Refused = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def six(client: TestClient[Litestar]) -> TestClient[Litestar]:
    for number in range(6):
        producer: dict[str, Any] = {
            "id": f"P{number}",
            "kind": "farm",
            "region": "330110" if number else "330111",
            "attributes": {},
        }
        assert client.put(f"/api/v1/producers/P{number}", json=producer).status_code < 300
    return client


def test_a_producers_place_is_told(six: TestClient[Litestar]) -> None:
    told = six.get("/api/v1/producers/P1/position", params={"lang": "en"}).json()
    grade = six.get("/api/v1/producers/P1/grade").json()

    assert (told["producer"], told["grade"], told["score"]) == ("P1", grade["grade"], grade["score"])
    groups = {one["group"]: one for one in told["groups"]}
    assert (groups["city"]["size"], groups["city"]["rank"], groups["city"]["tied"]) == (6, 1, 5)
    assert groups["city"]["percentile"] == 100
    # One producer alone is elsewhere: told of the five, it would be known what it is.
    assert groups["region"]["suppressed"]
    assert groups["region"]["size"] is None


def test_a_place_is_asked_for_along_both_axes_of_time(six: TestClient[Litestar], refused: Refused) -> None:
    address = "/api/v1/producers/P1/position"
    entered = six.get("/api/v1/producers/P1/history").json()["items"][0]["at"]

    assert six.get(address, params={"as_of": "2026-06-01"}).status_code == 200
    refused(six.get(address, params={"as_of": "2026-05-31"}), 404, "producer.missing")
    then = six.get(address, params={"known_at": entered}).json()
    assert [one["suppressed"] for one in then["groups"]] == [True, True, True]
    refused(six.get(address, params={"rulebook": "orchard@1"}), 400, "http.query", "rulebook")
    refused(six.get("/api/v1/producers/nobody/position"), 404, "producer.missing")


def test_the_command_line_tells_it_too(six: TestClient[Litestar], settings: Settings, tmp_path: Path) -> None:
    shuoli = Shuoli(tmp_path)
    asked = ("explain", "position", "--producer", "P1", "--db", settings.database_url)

    told = six.get("/api/v1/producers/P1/position").json()

    assert shuoli.json(*asked) == told
    assert told["groups"][0]["sentence"]["text"] in shuoli(*asked).replace("\n", "")
    assert "cli.usage" in shuoli("explain", "position", HYGIENE / "case.json", code=2)
