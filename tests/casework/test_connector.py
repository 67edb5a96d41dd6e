"""A connector against a platform that pages, fails, repeats itself and changes: nothing is lost, nothing crashes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from casework.connector import Connector, SourceAway, SourceRefused
from casework.decisions import Decisions
from casework.files import Tally
from casework.intake import Intake
from engine.workers import Workers
from knowledge.loader import load_rulebook
from knowledge.mapping import load_mapping
from store.ledger import Store
from store.quarantine import quarantined
from store.sources import beats, cursor

ORCHARD = load_rulebook(Path(__file__).parent.parent / "rulebooks" / "api" / "orchard" / "1")
DAY = date(2026, 6, 1).toordinal()
FACTS = """\
format: json
producer: subject.code
type: test
source: {system: platform, ref: id}
recorded_at: updated_at
fields:
  number: sample
  result: {column: verdict, values: {合格: pass, 不合格: fail}}
  residue: {column: residue, optional: yes}
  taken_on: {column: taken, format: "%Y/%m/%d"}
"""
PULL = """\
pull:
  url: {address}/api/samples?kind=all
  items: data.list
  headers: {{Authorization: {{environment: PLATFORM_TOKEN, prefix: "Bearer "}}}}
  timeout_seconds: 1
  attempts: 4
  {way}
"""
BY_CURSOR = "cursor: {parameter: since, next: data.next}"
BY_PAGE = "pages: {parameter: page, size: 3, size_parameter: page_size}"
BY_OPEN_PAGE = "pages: {parameter: page}"


class Platform(BaseHTTPRequestHandler):
    """Plays a provincial platform: gives `items` in pages of three; `outages` come first, one a request."""

    items: ClassVar[list[Any]] = []
    outages: ClassVar[list[str]] = []
    asked: ClassVar[list[dict[str, str]]] = []
    token: ClassVar[str] = "Bearer secret"

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.asked.append(query)
        if self.headers["authorization"] != self.token:
            self.answer(401, b"{}")
        elif self.outages:
            getattr(self, self.outages.pop(0))()
        else:
            self.answer(200, json.dumps(self.page(query), ensure_ascii=False).encode())

    def page(self, query: dict[str, str]) -> Any:
        at = int(query["since"]) if "since" in query else 3 * (int(query.get("page", 1)) - 1)
        given = self.items[at : at + 3]
        return {"data": {"list": given, "next": at + len(given) or None}}

    def answer(self, status: int, body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def error(self) -> None:
        self.answer(500, b"{}")

    def busy(self) -> None:
        self.send_response(429)
        self.send_header("retry-after", "7")
        self.send_header("content-length", "0")
        self.end_headers()

    def slow(self) -> None:
        time.sleep(1.5)

    def dropped(self) -> None:
        self.answer(200, b'{"data": {"list": [', 1000)
        self.close_connection = True

    def gone(self) -> None:
        self.answer(404, b"{}")

    def moved(self) -> None:
        self.send_response(302)
        self.send_header("location", "http://127.0.0.1:9/")
        self.send_header("content-length", "0")
        self.end_headers()

    def page_of_html(self) -> None:
        self.answer(200, "<html>系统维护</html>".encode())

    def same(self) -> None:
        self.outages.append("same")
        self.answer(200, json.dumps({"data": {"list": self.items[:3]}}, ensure_ascii=False).encode())

    def log_message(self, *_: object) -> None:
        pass


def item(number: int, producer: str = "A", **more: Any) -> dict[str, Any]:
    told = {
        "id": f"X{number}",
        "subject": {"code": producer},
        "sample": f"T{number}",
        "verdict": "不合格",
        "taken": "2026/5/1",
        "updated_at": "2026-05-02T08:00:00+08:00",
    }
    return told | more


@pytest.fixture
def platform() -> Iterator[str]:
    Platform.items, Platform.asked = [item(n) for n in range(7)], []
    Platform.outages.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Platform)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(1) as pool:
        yield pool


Pull = Callable[..., dict[str, int]]
waits: list[float] = []


@pytest.fixture
def pull(store: Store, workers: Workers, platform: str, tmp_path: Path) -> Pull:
    """Return what pulls once by a way of paging, and says how many lines had which result."""
    with store.write() as transaction:
        for name in "AB":
            transaction.put_producer(name, msgspec.json.encode({"id": name, "kind": "farm", "region": ""}))
    intake = Intake(Decisions(ORCHARD, store, workers), store, as_of=DAY)
    waits.clear()

    def pulled(way: str = BY_CURSOR) -> dict[str, int]:
        path = tmp_path / "m.yaml"
        path.write_text(FACTS + PULL.format(address=platform, way=way), "utf-8")
        mapping, tally = load_mapping(path, ORCHARD), Tally()
        environment = {"PLATFORM_TOKEN": "secret"}
        Connector(mapping, intake, sleep=waits.append, environment=environment).pull(tally)
        return dict(tally.counts)

    return pulled


def known(store: Store, name: str = "A") -> int:
    with store.read() as transaction:
        return len(transaction.facts(name))


def at(store: Store) -> str | None:
    with store.read() as transaction:
        return cursor(transaction, "platform")


def heard(store: Store) -> str | None:
    with store.read() as transaction:
        return beats(transaction).get("platform")


def test_all_pages_are_taken_and_the_next_pull_goes_on_after_them(pull: Pull, store: Store) -> None:
    first, second = pull(), pull()
    Platform.items.append(item(7, "B"))
    third = pull()

    assert (first, second, third) == ({"stored": 7}, {}, {"stored": 1})
    assert (known(store), known(store, "B"), at(store)) == (7, 1, "8")
    assert Platform.asked[0] == {"kind": "all"}
    assert [one.get("since") for one in Platform.asked] == [None, "3", "6", "7", "7", "7", "8"]


@pytest.mark.parametrize("way", [BY_PAGE, BY_OPEN_PAGE])
def test_numbered_pages_go_on_at_the_page_that_was_not_full(pull: Pull, store: Store, way: str) -> None:
    first = pull(way)
    Platform.items += [item(7), item(8), item(9)]
    second = pull(way)
    third = pull(way)

    assert (first, second) == ({"stored": 7}, {"duplicate": 1, "stored": 3})
    assert third.keys() == {"duplicate"}
    assert known(store) == 10
    assert Platform.asked[0].get("page_size") == ("3" if way == BY_PAGE else None)


def test_an_empty_pull_is_a_sign_of_life(pull: Pull, store: Store) -> None:
    pull()
    before = heard(store)

    assert pull() == {}
    assert before is not None
    assert str(heard(store)) > before


@pytest.mark.parametrize("outage", ["error", "busy", "slow", "dropped"])
def test_outages_are_waited_for(pull: Pull, store: Store, outage: str) -> None:
    Platform.outages += [outage, outage]

    assert pull() == {"stored": 7}
    assert waits == ([7, 14] if outage == "busy" else [1, 2])
    assert known(store) == 7


def test_a_source_that_stays_away_is_given_up_and_what_came_before_is_kept(pull: Pull, store: Store) -> None:
    pull()
    before = heard(store)
    Platform.items += [item(n) for n in range(7, 11)]
    Platform.outages += ["error"] * 4

    with pytest.raises(SourceAway, match="asked 4 times; it answers 500"):
        pull()

    assert (known(store), at(store), heard(store)) == (7, "7", before)
    assert pull() == {"stored": 4}


def test_an_outage_in_the_middle_loses_nothing_and_repeats_nothing(pull: Pull, store: Store) -> None:
    page = Platform.page

    def fails_at_six(self: Platform, query: dict[str, str]) -> Any:
        if query.get("since") == "6" and not Platform.outages and len(Platform.asked) < 4:
            Platform.outages.extend(["dropped"] * 3)
            return "not a page"
        return page(self, query)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Platform, "page", fails_at_six)
        assert pull() == {"stored": 6, "refused": 1}
        assert at(store) == "6"
        assert pull() == {"stored": 1}

    assert known(store) == 7


@pytest.mark.parametrize(("trouble", "said"), [("gone", "answers 404"), ("moved", "answers 302")])
def test_a_request_that_is_refused_is_not_repeated(pull: Pull, trouble: str, said: str) -> None:
    Platform.outages.append(trouble)

    with pytest.raises(SourceRefused, match=said):
        pull()
    assert (len(Platform.asked), waits) == (1, [])


def test_a_wrong_token_is_said_so(pull: Pull, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Platform, "token", "Bearer other")

    with pytest.raises(SourceRefused, match="401"):
        pull()


def test_the_same_page_over_and_over_ends_the_pull(pull: Pull, store: Store) -> None:
    Platform.outages.append("same")

    with pytest.raises(SourceRefused, match="again and again"):
        pull(BY_PAGE)
    assert known(store) == 3


def test_items_that_come_again_change_nothing(pull: Pull, store: Store) -> None:
    Platform.items = [item(0), item(0), item(1), item(0), item(1, verdict="合格", updated_at="2026-05-03T08:00:00Z")]

    assert pull() == {"stored": 2, "duplicate": 2, "updated": 1}
    assert known(store) == 3


def test_items_of_another_schema_are_kept_one_by_one_and_told(pull: Pull, store: Store) -> None:
    renamed = item(1)
    renamed["result"] = renamed.pop("verdict")
    Platform.items = [item(0), renamed, "text", item(2, sample={"no": 1}), item(3, verdict="优"), item(4, residue=0.08)]

    told = pull()

    with store.read() as transaction:
        kept = quarantined(transaction)
    problems = [msgspec.json.decode(one.refused.problems)[0] for one in kept]
    assert told == {"stored": 2, "refused": 4}
    assert [(one["code"], one["pointer"]) for one in problems] == [
        ("source.changed", "platform:2:verdict"),
        ("source.changed", "platform:3"),
        ("source.changed", "platform@3:1:sample"),
        ("value.unknown_choice", "platform@3:2:verdict"),
    ]
    assert msgspec.json.decode(kept[0].refused.document)["row"] == renamed
    assert (at(store), pull()) == ("6", {})


@pytest.mark.parametrize(
    "page",
    [
        {"rows": []},
        {"data": {"list": {}, "next": None}},
        {"data": {"list": []}},
        {"data": {"list": [], "next": [1]}},
        [],
        None,
        "text",
        7,
    ],
    ids=str,
)
def test_a_page_of_another_schema_is_kept_whole_and_ends_the_pull(
    pull: Pull, store: Store, monkeypatch: pytest.MonkeyPatch, page: Any
) -> None:
    monkeypatch.setattr(Platform, "page", lambda *_: page)

    assert pull() == {"refused": 1}
    assert pull() == {"refused": 1}

    with store.read() as transaction:
        kept = quarantined(transaction)
    assert [msgspec.json.decode(one.refused.document)["row"] for one in kept] == [json.dumps(page)]
    assert (at(store), heard(store)) == (None, None)


def test_a_page_that_is_no_json_is_kept_whole(pull: Pull, store: Store) -> None:
    Platform.outages.append("page_of_html")

    assert pull() == {"refused": 1}
    with store.read() as transaction:
        kept = quarantined(transaction)
    assert "系统维护" in msgspec.json.decode(kept[0].refused.document)["row"]
    assert pull() == {"stored": 7}


def test_a_page_without_end_is_not_read_to_its_end(pull: Pull, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Platform, "page", lambda *_: "x" * 5_000_000)

    assert pull() == {"refused": 1}


def test_a_variable_that_is_not_set_is_said_so(store: Store, workers: Workers, tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(FACTS + PULL.format(address="http://127.0.0.1:9", way=BY_CURSOR), "utf-8")
    intake = Intake(Decisions(ORCHARD, store, workers), store, as_of=DAY)

    with pytest.raises(SourceRefused, match="PLATFORM_TOKEN is not set"):
        Connector(load_mapping(path, ORCHARD), intake, environment={})
