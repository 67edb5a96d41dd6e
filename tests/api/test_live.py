"""A server that runs by itself ticks, tells its subscribers of changes of grade, and signs heads."""

from __future__ import annotations

import http.server
import ipaddress
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

import api.live
from api.app import create_app
from api.services import Services
from api.settings import Settings, SettingsRefused
from authoring.populations import Populations
from knowledge.rulebook import Rulebook
from tests.api.conftest import RULEBOOKS

Client = TestClient[Litestar]
Refused = Callable[..., dict[str, Any]]
P1 = "/api/v1/producers/P1"


class Day:
    """The day, which comes when it is told to."""

    def __init__(self) -> None:
        self.day = date(2026, 6, 1)

    def __call__(self) -> date:
        return self.day


@pytest.fixture
def day() -> Day:
    return Day()


@pytest.fixture
def live(database_url: str, tmp_path: Path, day: Day, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Return a client of a server that runs by itself and looks often."""
    monkeypatch.setattr(api.live, "PAUSE", 0.05)
    settings = Settings(
        database_url=database_url,
        rulebook="orchard",
        rulebooks=(RULEBOOKS,),
        workers=1,
        signing_key=tmp_path / "key.pem",
        webhook_http=True,
        webhook_allow=(ipaddress.ip_network("127.0.0.1/32"),),
    )
    with TestClient(create_app(settings, today=day, live=True), raise_server_exceptions=False) as client:
        assert client.put(P1, json={"kind": "farm", "region": ""}).status_code == 201
        yield client


@pytest.fixture
def told() -> Iterator[tuple[str, list[Any]]]:
    """Return the address of a subscriber, and what it is told."""
    came: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", came
    server.shutdown()
    server.server_close()
    thread.join()


def within(seconds: float, happens: Callable[[], object]) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if happens():
            return True
        time.sleep(0.02)
    return False


def failures(*numbers: str) -> dict[str, Any]:
    fields = [{"number": number, "result": "fail", "taken_on": "2026-05-01"} for number in numbers]
    return {"facts": [{"type": "test", "fields": one} for one in fields]}


def test_a_change_of_grade_is_told_and_each_new_day_brings_its_own(
    live: Client, day: Day, told: tuple[str, list[Any]]
) -> None:
    url, came = told
    made = live.post("/api/v1/subscriptions", json={"url": url}).json()
    worse = live.post(f"{P1}/facts", json=failures("T1", "T2", "T3")).json()
    first = within(10, lambda: len(came) == 1)
    day.day = date.fromisoformat(worse["next_change_on"])
    second = within(20, lambda: len(came) == 2)

    assert (first, second) == (True, True), came
    assert [(one["data"]["from"], one["data"]["to"]) for one in came] == [("B", "C"), ("C", "B")]
    assert came[1]["data"]["as_of"] == worse["next_change_on"]
    assert within(5, lambda: len(listed(live, made["id"], "done")) == 2)
    assert live.get(f"{P1}/history").json()["items"][-1]["as_of"] == worse["next_change_on"]


def listed(client: Client, subscription_id: str, state: str) -> list[Any]:
    answer = client.get(f"/api/v1/subscriptions/{subscription_id}/deliveries", params={"state": state})
    return list(answer.json()["items"])


def test_a_head_is_signed_by_itself(live: Client) -> None:
    assert within(10, lambda: live.get("/api/v1/log/head").status_code == 200)


def test_what_fails_is_logged_and_ends_nothing(
    live: Client, day: Day, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api.live, "_AFTER_FAILURE", 0.2)
    failing = threading.Event()
    failing.set()
    due = Services.due

    def fail(services: Services, day: date) -> set[str]:
        if failing.is_set():
            raise RuntimeError("no luck")
        return due(services, day)

    monkeypatch.setattr(Services, "due", fail)
    worse = live.post(f"{P1}/facts", json=failures("T1", "T2", "T3")).json()
    logged = within(10, lambda: "tick failed" in caplog.text)
    failing.clear()
    day.day = date.fromisoformat(worse["next_change_on"]) + timedelta(days=1)

    assert logged
    assert within(20, lambda: live.get(f"{P1}/history").json()["items"][-1]["as_of"] == day.day.isoformat())


def test_the_server_ends_promptly_while_a_subscriber_hangs(
    database_url: str, tmp_path: Path, day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.live, "PAUSE", 0.05)
    hung, release = threading.Event(), threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hung.set()
            release.wait(20)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    settings = Settings(
        database_url=database_url,
        rulebook="orchard",
        rulebooks=(RULEBOOKS,),
        workers=1,
        signing_key=tmp_path / "key.pem",
        webhook_http=True,
        webhook_allow=(ipaddress.ip_network("127.0.0.0/8"),),
    )
    with TestClient(create_app(settings, today=day, live=True)) as client:
        client.put(P1, json={"kind": "farm", "region": ""})
        client.post("/api/v1/subscriptions", json={"url": f"http://127.0.0.1:{server.server_port}/"})
        client.post(f"{P1}/facts", json=failures("T1", "T2", "T3"))
        assert hung.wait(10)
        started = time.monotonic()
    took = time.monotonic() - started
    release.set()
    server.shutdown()
    server.server_close()
    thread.join()

    assert took < 5


def test_the_secret_is_shown_once_and_a_subscription_can_be_ended(client: Client, refused: Refused) -> None:
    made = client.post("/api/v1/subscriptions", json={"url": "https://example.org/hook"})
    address = f"/api/v1/subscriptions/{made.json()['id']}"

    listed_first = client.get("/api/v1/subscriptions")
    ended = client.delete(address)

    assert (made.status_code, ended.status_code) == (201, 204)
    assert made.json()["secret"].startswith("whsec_")
    assert "secret" not in listed_first.text
    assert [one["active"] for one in client.get("/api/v1/subscriptions").json()["items"]][-1:] == [False]
    assert client.get(f"{address}/deliveries").json() == {"items": [], "next": None}
    refused(client.delete("/api/v1/subscriptions/nobody"), 404, "subscription.missing")
    refused(client.post(f"{address}/deliveries/e1/redeliver"), 404, "delivery.missing")
    refused(client.get("/api/v1/subscriptions/nobody/deliveries"), 404, "subscription.missing")


def test_a_subscription_is_made_once_under_its_key(client: Client) -> None:
    before = len(client.get("/api/v1/subscriptions").json()["items"])
    made = [
        client.post("/api/v1/subscriptions", json={"url": "https://example.org/"}, headers={"Idempotency-Key": "sub-1"})
        for _ in range(2)
    ]

    assert [one.status_code for one in made] == [201, 201]
    assert made[0].content == made[1].content
    assert len(client.get("/api/v1/subscriptions").json()["items"]) == before + 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "http://example.org/"}, "subscription.refused"),
        ({"url": "https://127.0.0.1/"}, "subscription.refused"),
        ({"url": "https://169.254.169.254/latest"}, "subscription.refused"),
        ({}, "case.refused"),
        ({"url": 1}, "case.refused"),
        ({"url": "https://example.org/", "secret": "mine"}, "case.refused"),
        ([], "case.refused"),
    ],
)
def test_an_address_inside_or_none_is_refused(client: Client, refused: Refused, body: Any, code: str) -> None:
    refused(client.post("/api/v1/subscriptions", json=body), 422, code)


def test_the_settings_say_who_may_be_told() -> None:
    given = {"SHUOLI_WEBHOOK_ALLOW": "10.1.0.0/16, fd00::/8", "SHUOLI_WEBHOOK_HTTP": "yes", "SHUOLI_LIVE": "no"}

    settings = Settings.from_environment(given)

    assert [str(one) for one in settings.webhook_allow] == ["10.1.0.0/16", "fd00::/8"]
    assert (settings.webhook_http, settings.live) == (True, False)
    with pytest.raises(SettingsRefused) as refusal:
        Settings.from_environment({"SHUOLI_WEBHOOK_ALLOW": "home", "SHUOLI_LIVE": "maybe"})
    assert len(refusal.value.problems) == 2


def test_everybody_is_read_ahead_beside_the_server_and_a_failure_ends_nothing(
    database_url: str, tmp_path: Path, day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def read_ahead(_: Populations, rulebook: Rulebook) -> None:
        read.append(rulebook.id)
        raise RuntimeError

    monkeypatch.setattr(Populations, "read_ahead", read_ahead)
    key = tmp_path / "key.pem"
    settings = Settings(
        database_url=database_url, rulebook="orchard", rulebooks=(RULEBOOKS,), workers=1, signing_key=key
    )
    with TestClient(create_app(settings, today=day, live=True)) as client:
        assert client.put(P1, json={"kind": "farm", "region": ""}).status_code == 201
    assert read == ["orchard"]
