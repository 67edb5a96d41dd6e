"""Facts in bulk: every line has its answer, whatever happens to the connection, on both databases."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

import casework.lines
from api.app import create_app
from api.settings import Settings
from store.ledger import Store
from store.trail import leaves_from

RULEBOOKS = Path(__file__).parent.parent / "rulebooks" / "api"
TODAY = date(2026, 6, 1)
Refused = Callable[..., dict[str, Any]]
LINES = {"content-type": "application/x-ndjson"}


@contextmanager
def serving(database_url: str, folder: Path) -> Iterator[str]:
    """Give the address of a server of its own, with producers P1 and P2; its key lies in the folder."""
    settings = Settings(
        database_url=database_url,
        rulebook="orchard",
        rulebooks=(RULEBOOKS,),
        workers=1,
        signing_key=folder / "key.pem",
    )
    bound = socket.create_server(("127.0.0.1", 0))
    app = create_app(settings, today=lambda: TODAY)
    served = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=served.run, kwargs={"sockets": [bound]})
    thread.start()
    address = f"http://127.0.0.1:{bound.getsockname()[1]}"
    for name in ("P1", "P2"):
        httpx.put(f"{address}/api/v1/producers/{name}", json={"kind": "farm"}, timeout=30).raise_for_status()
    try:
        yield address
    finally:
        served.should_exit = True
        thread.join(30)
        bound.close()


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[str]:
    with serving(database_url, tmp_path) as address:
        yield address


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of one server for all tests that leave nothing behind."""
    folder = tmp_path_factory.mktemp("store")
    with serving(f"sqlite:///{folder}/shuoli.db", folder) as address:
        yield address


@pytest.fixture
def chunks_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(casework.lines, "CHUNK_LINES", 2)


def line(number: str, producer: str = "P1", **more: Any) -> bytes:
    fields = {"number": number, "result": "fail", "taken_on": "2026-05-01"}
    told = {"producer": producer, "type": "test", "fields": fields, "source": {"system": "lab", "ref": number}}
    return json.dumps(told | more).encode() + b"\n"


def post(server: str, body: bytes, key: str | None = None) -> httpx.Response:
    headers = LINES | ({} if key is None else {"Idempotency-Key": key})
    return httpx.post(f"{server}/api/v1/facts:bulk", content=body, headers=headers, timeout=60)


def answers(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(one) for one in response.text.splitlines()]


def stored(database_url: str, name: str = "P1") -> int:
    store = Store.open(database_url)
    with store.read() as transaction:
        count = len(transaction.facts(name))
    store.close()
    return count


def begin(server: str, key: str, *lines: bytes) -> socket.socket:
    """Begin a delivery that goes on: what is sent is a part of the body."""
    host, port = server.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    head = f"POST /api/v1/facts:bulk HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-ndjson\r\n"
    connection.sendall(f"{head}Idempotency-Key: {key}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    go_on(connection, *lines)
    return connection


def go_on(connection: socket.socket, *lines: bytes) -> None:
    for one in lines:
        connection.sendall(b"%x\r\n%s\r\n" % (len(one), one))


def read_until(connection: socket.socket, text: bytes) -> bytes:
    got = b""
    while text not in got:
        more = connection.recv(65536)
        assert more, got
        got += more
    return got


def test_a_delivery_ends_with_a_signed_head_over_all_of_it(server: str, database_url: str) -> None:
    answers(post(server, line("T1") + line("T2", "P2")))

    head = json.loads(httpx.get(f"{server}/api/v1/log/head").json()["document"])["size"]
    store = Store.open(database_url)
    with store.read() as transaction:
        entries = len(leaves_from(transaction, 0, 100))
    store.close()
    assert (head, entries) == (5, 5)


def test_each_line_has_its_result_in_order(server: str) -> None:
    body = line("T1") + line("T1") + b"{bad\n\n" + line("T1", "P9") + line("T1", status="revoked") + line("T2", "P2")

    told = answers(post(server, body))

    assert [(one["line"], one["result"]) for one in told] == [
        (1, "stored"),
        (2, "duplicate"),
        (3, "refused"),
        (5, "refused"),
        (6, "updated"),
        (7, "stored"),
    ]
    assert told[0]["fact"] == told[4]["fact"]
    assert [one["errors"][0]["code"] for one in told if "errors" in one] == ["json.syntax", "producer.missing"]
    assert httpx.get(f"{server}/api/v1/producers/P2/grade").json()["score"] == 75


@pytest.mark.parametrize(
    ("bad", "pointer", "code"),
    [
        (line("T1", type="tset"), "/type", "name.unknown"),
        (line("T1", fields={"number": "T1", "result": "fail"}), "/fields/taken_on", "shape.missing_key"),
        (line("T1", recorded_at="2026-07-01T08:00:00+08:00"), "/recorded_at", "fact.future"),
        (line("T1", ""), "/producer", "value.empty"),
        (line("T1", more=1), "/more", "shape.unknown_key"),
        (b'{"type": "test", "type": "test"}', "", "json.duplicate_key"),
        (b"[" * 2000, "", "json.depth"),
        (b'"\xff"', "", "json.encoding"),
        (b"[1]", "", "type.mismatch"),
        (b'{"producer": "P1"}', "/type", "shape.missing_key"),
    ],
)
def test_a_wrong_line_says_where_and_why(pooled: str, bad: bytes, pointer: str, code: str) -> None:
    told = answers(post(pooled, bad + b"\n"))

    assert [one["result"] for one in told] == ["refused"]
    assert (pointer, code) in [(one["pointer"], one["code"]) for one in told[0]["errors"]]


def test_a_line_that_is_too_long_is_refused_and_its_beginning_kept(server: str) -> None:
    told = answers(post(server, b'"' + b"x" * 3_000_000 + b'"\n' + line("T1")))

    kept = httpx.get(f"{server}/api/v1/quarantine/{told[0]['quarantine']}").json()
    assert [one["result"] for one in told] == ["refused", "stored"]
    assert told[0]["errors"][0] == {
        "pointer": "",
        "code": "line.too_long",
        "message": "the line is too long; its beginning is kept",
        "given": "3000002 bytes",
        "expected": "at most 1000000 bytes",
    }
    assert len(kept["came"]) == 1_000_000


def test_a_delivery_sent_again_is_answered_as_it_was(server: str, database_url: str) -> None:
    body = line("T1") + line("T2", "P9")
    first = post(server, body, "K1")
    httpx.put(f"{server}/api/v1/producers/P9", json={"kind": "farm"}).raise_for_status()

    again, anew = post(server, body, "K1"), post(server, body, "K2")

    assert again.content == first.content
    assert [one["result"] for one in answers(anew)] == ["duplicate", "stored"]
    assert stored(database_url) == 1


def test_other_lines_under_the_same_key_are_refused(server: str, refused: Refused) -> None:
    post(server, line("T1"), "K1")

    refused(post(server, line("T2"), "K1"), 422, "ingest.other_content")


@pytest.mark.usefixtures("chunks_of_two")
def test_other_lines_further_on_end_the_answer_with_a_problem(server: str, database_url: str) -> None:
    post(server, b"".join(line(f"T{n}") for n in range(4)), "K1")

    told = answers(post(server, b"".join(line(f"T{n}") for n in (0, 1, 2, 9, 5, 6)), "K1"))

    assert [one.get("result") for one in told] == ["stored", "stored", None]
    assert told[2]["problem"]["code"] == "ingest.other_content"
    assert stored(database_url) == 4


@pytest.mark.usefixtures("chunks_of_two")
def test_a_broken_connection_leaves_whole_chunks_and_the_delivery_goes_on(server: str, database_url: str) -> None:
    lines = [line(f"T{n}") for n in range(5)]
    with begin(server, "K1", *lines[:3]) as connection:
        read_until(connection, b'"line":2')
    time.sleep(0.3)
    before = stored(database_url)

    told = answers(post(server, b"".join(lines), "K1"))

    assert before == 2
    assert [one["result"] for one in told] == ["stored"] * 5
    assert stored(database_url) == 5


@pytest.mark.usefixtures("chunks_of_two")
def test_results_come_while_lines_are_still_sent(server: str) -> None:
    with begin(server, "K1", line("T1"), line("T2")) as connection:
        first = read_until(connection, b'"line":2')
        go_on(connection, line("T3"), line("T4"))
        second = read_until(connection, b'"line":4')
        connection.sendall(b"0\r\n\r\n")
        read_until(connection, b"0\r\n\r\n")

    assert first.startswith(b"HTTP/1.1 200")
    assert b'"line":3' in second


def test_a_client_that_sends_everything_before_it_reads_is_answered_in_full(pooled: str) -> None:
    count = 20_000

    told = answers(post(pooled, b'{"producer": "P1", "type": "something that is not there"}\n' * count))

    assert [one["line"] for one in told] == list(range(1, count + 1))
    assert {one["result"] for one in told} == {"refused"}


def test_what_is_no_json_lines_is_refused(pooled: str, refused: Refused) -> None:
    address = f"{pooled}/api/v1/facts:bulk"

    refused(httpx.post(address, json={"facts": []}), 415, "http.media_type")
    refused(httpx.post(address, content=b"", headers=LINES | {"content-encoding": "gzip"}), 415, "http.media_type")
    refused(httpx.post(address, content=b"", headers=LINES | {"idempotency-key": "a b"}), 400, "http.request")
    assert answers(post(pooled, b"\n\n")) == []


def test_a_refused_line_is_listed_corrected_and_replayed(server: str, refused: Refused) -> None:
    told = answers(post(server, line("T1", status="gone") + line("T1", "P9"), "K1"))
    wrong, early = (f"{server}/api/v1/quarantine/{one['quarantine']}" for one in told)
    listed = httpx.get(f"{server}/api/v1/quarantine").json()["items"]
    actor = {"X-Actor": "zhang"}

    refused(httpx.post(f"{wrong}/replay", headers=actor), 422, "quarantine.refused", "/status")
    corrected = httpx.post(f"{wrong}/replay", headers=actor, content=line("T1", status="revoked"))
    httpx.put(f"{server}/api/v1/producers/P9", json={"kind": "farm"}).raise_for_status()
    as_it_came = httpx.post(f"{early}/replay", headers=actor)

    assert [(one["line"], one["state"], one["origin"]) for one in listed] == [
        (1, "open", "bulk:K1"),
        (2, "open", "bulk:K1"),
    ]
    assert corrected.json()["result"]["result"] == as_it_came.json()["result"]["result"] == "stored"
    assert httpx.get(f"{server}/api/v1/producers/P9/grade").json()["score"] == 75
    acts = httpx.get(wrong).json()["acts"]
    assert [(one["act"], one["actor"], one["document"]["status"]) for one in acts] == [("replayed", "zhang", "revoked")]
    refused(httpx.post(f"{early}/replay", headers=actor), 409, "quarantine.settled")
    assert httpx.get(f"{server}/api/v1/quarantine").json()["items"] == []
    assert len(httpx.get(f"{server}/api/v1/quarantine?state=replayed&limit=1").json()["items"]) == 1


def test_a_refused_line_is_dismissed_for_a_reason(server: str, refused: Refused) -> None:
    told = answers(post(server, b"{bad\n"))
    address = f"{server}/api/v1/quarantine/{told[0]['quarantine']}"
    actor = {"X-Actor": "zhang"}

    refused(httpx.post(f"{address}/dismiss", json={"reason": "nothing"}), 400, "http.request")
    refused(httpx.post(f"{address}/dismiss", json={}, headers=actor), 422, "case.refused", "/reason")
    refused(httpx.post(f"{address}/replay", headers=actor), 422, "quarantine.unreadable")
    dismissed = httpx.post(f"{address}/dismiss", json={"reason": "重复"}, headers=actor).json()

    assert (dismissed["state"], dismissed["acts"][0]["document"]) == ("dismissed", {"reason": "重复"})
    refused(httpx.post(f"{address}/replay", headers=actor, content=line("T1")), 409, "quarantine.settled")
    refused(httpx.get(f"{server}/api/v1/quarantine/999"), 404, "quarantine.missing")


def test_the_quarantine_is_paged(server: str) -> None:
    post(server, b"{bad\n" * 5)

    first = httpx.get(f"{server}/api/v1/quarantine?limit=2").json()
    second = httpx.get(f"{server}/api/v1/quarantine?limit=3&after={first['next']}").json()

    assert [one["line"] for one in first["items"]] == [1, 2]
    assert [one["line"] for one in second["items"]] == [3, 4, 5]
    assert second["next"] is None


def test_sources_say_when_they_were_last_heard_from(server: str) -> None:
    post(server, line("T1"))

    listed = httpx.get(f"{server}/api/v1/sources").json()["items"]

    assert [(one["system"], one["silent_days"], one["cursor"]) for one in listed] == [("lab", 0, None)]
    assert listed[0]["beat_at"].endswith("Z")
