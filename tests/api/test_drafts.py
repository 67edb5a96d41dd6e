"""A version's life over HTTP: opened, edited, checked, tried, reviewed by somebody else, released, superseded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import create_engine, select

from api.app import create_app
from api.settings import Settings
from casework.audit import audit_log
from store.ledger import Store
from store.packing import packed, unpacked
from store.tables import RELEASES, RULEBOOKS
from tests.conftest import unprotect

Client = TestClient[Litestar]
Refused = Callable[..., dict[str, Any]]
RULEBOOKS_FOLDER = Path(__file__).parent.parent / "rulebooks" / "api"
RULES = "rules/rules.yaml"
LIN, CHEN = {"X-Actor": "lin"}, {"X-Actor": "chen"}
DRAFT = "/api/v1/rulebooks/orchard/2/draft"


class Clock:
    """The day it is, which tests move."""

    day = date(2026, 6, 1)

    def __call__(self) -> date:
        return self.day


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def own(tmp_path: Path, database_url: str) -> Settings:
    return Settings(
        database_url=database_url,
        rulebook="orchard",
        rulebooks=(RULEBOOKS_FOLDER,),
        workers=1,
        signing_key=tmp_path / "key.pem",
    )


@pytest.fixture
def city(own: Settings, clock: Clock) -> Iterator[Client]:
    """Give a service with one producer that failed one test."""
    with TestClient(create_app(own, today=clock), raise_server_exceptions=False) as client:
        client.put("/api/v1/producers/P1", json={"kind": "farm", "region": "330110"}).raise_for_status()
        fields = {"number": "T1", "result": "fail", "taken_on": "2026-05-01"}
        facts = {"facts": [{"type": "test", "fields": fields, "source": {"system": "lab"}}]}
        client.post("/api/v1/producers/P1/facts", json=facts).raise_for_status()
        yield client


def opened(client: Client, address: str = DRAFT, based_on: str = "orchard@1") -> dict[str, Any]:
    response = client.put(address, json={"based_on": based_on}, headers=LIN)
    assert response.status_code == 201, response.text
    return dict(response.json())


def edit(client: Client, path: str, *changes: tuple[str, str], address: str = DRAFT) -> dict[str, Any]:
    """Replace words in a file of a draft, as its author would."""
    found = client.get(f"{address}/files/{path}")
    text = found.text
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    headers = LIN | {"If-Match": found.headers["etag"]}
    response = client.put(f"{address}/files/{path}", content=text.encode(), headers=headers)
    assert response.status_code == 200, response.text
    return dict(response.json())


def renamed(client: Client, begins: str = "2026-07-01", version: str = "2", address: str = DRAFT) -> None:
    """Let a draft call itself by its name, and begin on a day."""
    edit(
        client, "rulebook.yaml", ('version: "1"', f'version: "{version}"'), ("status: draft", "status: official"),
        ("effective_from: 2025-01-01", f"effective_from: {begins}"), address=address,
    )  # fmt: skip


def cost(client: Client, points: int, lesson: int = 10, address: str = DRAFT) -> None:
    """Let a failed test and a missing lesson cost so much, in the rules and in what scenarios expect."""
    edit(client, RULES, ("lose: 15", f"lose: {points}"), ("points: 10", f"points: {lesson}"), address=address)
    expected = (
        ("grade: B, score: 75, points_lost: {FRUIT: 15", f"points_lost: {{FRUIT: {points}"),
        ("LESSON: 10", f"LESSON: {lesson}"),
    )
    edit(client, "scenarios/all.yaml", *expected, address=address)


def act(client: Client, name: str, who: dict[str, str], body: Any = None, address: str = DRAFT) -> httpx.Response:
    return client.post(f"{address}/{name}", headers=who, **({} if body is None else {"json": body}))


def released(client: Client, address: str = DRAFT) -> None:
    """Take a draft through all its steps."""
    for name, who, body in (("check", LIN, None), ("try", LIN, None), ("review", CHEN, {"note": "right"})):
        response = act(client, name, who, body, address)
        assert response.status_code == 200, response.text
        assert response.json().get("ok", True), response.text
    response = act(client, "release", CHEN, address=address)
    assert response.status_code == 200, response.text


def test_a_version_is_written_checked_tried_reviewed_and_in_force_from_its_day(city: Client, clock: Clock) -> None:
    opened(city)
    renamed(city)
    cost(city, 40)

    states = [city.get(DRAFT).json()["state"]]
    for name, who, body in (("check", LIN, None), ("try", LIN, None), ("review", CHEN, {"note": "right"})):
        answer = act(city, name, who, body)
        assert answer.status_code == 200, answer.text
        states.append(city.get(DRAFT).json()["state"])
    before = city.get("/api/v1/producers/P1/grade").json()
    shown = act(city, "release", CHEN).json()
    same_day = city.get("/api/v1/producers/P1/grade").json()
    clock.day = date(2026, 7, 1)
    after = city.get("/api/v1/producers/P1/grade").json()

    told = city.get("/api/v1/rulebooks/orchard/2/release").json()["document"]
    assert states == ["draft", "checked", "tried", "reviewed"]
    assert city.get(DRAFT).json()["state"] == "released"
    assert (before["score"], same_day["score"], after["score"]) == (75, 75, 50)
    assert (after["rulebook"]["version"], after["rulebook"]["sha256"]) == ("2", shown["sha256"])
    assert (told["authors"], told["reviewed_by"], told["released_by"]) == (["lin"], ["chen"], "chen")
    assert city.get("/api/v1/producers/P1/grade", params={"as_of": "2026-06-30"}).json()["score"] == 75


def test_each_edit_begins_anew_and_no_step_can_be_left_out(city: Client, refused: Refused) -> None:
    opened(city)
    renamed(city)

    refused(act(city, "try", LIN), 409, "draft.not_ready")
    act(city, "check", LIN)
    refused(act(city, "review", CHEN, {}), 409, "draft.not_ready")
    act(city, "try", LIN)
    refused(act(city, "review", LIN, {}), 403, "draft.own_review")
    act(city, "review", CHEN, {})
    edit(city, RULES, ("lose: 15", "lose: 16"))
    refused(act(city, "release", CHEN), 409, "draft.not_ready")

    assert city.get(DRAFT).json()["state"] == "draft"
    acts = [(one["act"], one["actor"]) for one in city.get(DRAFT).json()["acts"]]
    assert acts == [("opened", "lin"), ("checked", "lin"), ("tried", "lin"), ("reviewed", "chen")]


def test_nobody_overwrites_what_they_have_not_read(city: Client, refused: Refused) -> None:
    opened(city)
    address = f"{DRAFT}/files/{RULES}"
    tag = city.get(address).headers["etag"]
    edit(city, RULES, ("lose: 15", "lose: 16"))

    refused(city.put(address, content=b"[]", headers=LIN), 428, "draft.unconditional")
    refused(city.put(address, content=b"[]", headers=LIN | {"If-Match": tag}), 412, "draft.changed")
    refused(city.put(address, content=b"[]", headers=LIN | {"If-None-Match": "*"}), 412, "draft.changed")
    refused(city.delete(address, headers=LIN | {"If-Match": tag}), 412, "draft.changed")
    refused(city.put(address, content=b"[]", headers={"If-Match": tag}), 400, "http.request")

    assert "lose: 16" in city.get(address).text
    new = city.put(f"{DRAFT}/files/rules/more.yaml", content=b"[]\n", headers=LIN | {"If-None-Match": "*"})
    assert (new.status_code, city.get(f"{DRAFT}/files/rules/more.yaml").text) == (200, "[]\n")
    gone = city.delete(f"{DRAFT}/files/rules/more.yaml", headers=LIN | {"If-Match": new.headers["etag"]})
    assert "rules/more.yaml" not in gone.json()["files"]
    refused(city.get(f"{DRAFT}/files/rules/more.yaml"), 404, "draft.missing")


def test_a_draft_with_problems_is_not_checked_and_each_problem_has_its_place(city: Client) -> None:
    opened(city)
    edit(city, RULES, ("lose: 15", "loose: 15"))

    told = act(city, "check", LIN).json()

    assert not told["ok"]
    assert "shape.unknown_key" in {one["code"] for one in told["problems"]}
    assert any(one["place"].startswith(f"{RULES}:") for one in told["problems"])
    edit(city, RULES, ("loose: 15", "lose: 15"))
    (misnamed,) = act(city, "check", LIN).json()["problems"]
    assert (misnamed["code"], misnamed["place"]) == ("draft.misnamed", "rulebook.yaml:2:1")
    assert misnamed["help"] == 'write `version: "2"`'
    assert city.get(DRAFT).json()["state"] == "draft"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([("status: official", "status: draft")], "calls itself a draft"),
        ([("effective_from: 2026-07-01", "effective_from: 2026-05-31")], "today is 2026-06-01"),
    ],
)
def test_what_must_not_be_in_force_is_not_released(
    city: Client, refused: Refused, changes: list[tuple[str, str]], words: str
) -> None:
    opened(city)
    renamed(city)
    edit(city, "rulebook.yaml", *changes)
    for name, who, body in (("check", LIN, None), ("try", LIN, None), ("review", CHEN, {})):
        assert act(city, name, who, body).status_code == 200

    told = refused(act(city, "release", CHEN), 409, "draft.not_ready")

    assert words in told["detail"]
    assert [one["version"] for one in city.get("/api/v1/rulebooks").json()["items"] if one["id"] == "orchard"] == ["1"]


def test_two_drafts_at_once_and_the_second_is_rebased_with_its_conflicts_by_rule(city: Client) -> None:
    third = DRAFT.replace("/2/", "/3/")
    opened(city)
    opened(city, third)
    renamed(city)
    cost(city, 20)
    renamed(city, "2026-08-01", "3", third)
    cost(city, 30, 8, third)
    released(city)

    met = act(city, "rebase", LIN, {"onto": "orchard@2"}, third).json()
    take: dict[str, dict[str, str]] = {one["file"]: {} for one in met["conflicts"]}
    for one in met["conflicts"]:
        take[one["file"]][one["part"]] = "ours"
    rebased = act(city, "rebase", LIN, {"onto": "orchard@2", "take": take}, third).json()

    named = {(one["file"], one["part"]) for one in met["conflicts"]}
    assert (RULES, "standard FRUIT") in named
    assert (RULES, "standard LESSON") not in named
    assert met["draft"]["based_on"] == "orchard@1"
    assert (rebased["conflicts"], rebased["draft"]["based_on"]) == ([], "orchard@2")
    assert "lose: 30" in city.get(f"{third}/files/{RULES}").text
    released(city, third)


def test_a_release_is_seen_by_a_running_service_and_by_the_next_one(city: Client, own: Settings, clock: Clock) -> None:
    with TestClient(create_app(own, today=clock)) as other:
        assert other.get("/api/v1/producers/P1/grade").json()["rulebook"]["version"] == "1"
        opened(city)
        renamed(city, "2026-06-01")
        cost(city, 40)
        released(city)

        assert other.get("/api/v1/producers/P1/grade").json()["rulebook"]["version"] == "2"
    with TestClient(create_app(own, today=clock)) as later:
        assert later.get("/api/v1/producers/P1/grade").json()["score"] == 50


def test_a_release_that_cannot_be_read_leaves_the_version_before_in_force(
    city: Client, own: Settings, clock: Clock
) -> None:
    opened(city)
    renamed(city, "2026-06-01")
    released(city)
    owner = create_engine(own.database_url)
    with owner.begin() as connection:
        unprotect(connection, "rulebooks")
        connection.execute(RULEBOOKS.update().where(RULEBOOKS.c.version == "2").values(document=b"altered"))
    owner.dispose()

    with TestClient(create_app(own, today=clock)) as later:
        grade = later.get("/api/v1/producers/P1/grade").json()

    assert grade["rulebook"]["version"] == "1"
    store = Store.open(own.database_url)
    flaw = audit_log(store)
    store.close()
    assert flaw is not None
    assert flaw.table == "rulebooks"


def test_a_release_that_was_altered_is_named(city: Client, own: Settings) -> None:
    opened(city)
    renamed(city)
    released(city)
    store, owner = Store.open(own.database_url), create_engine(own.database_url)
    assert audit_log(store) is None
    with owner.begin() as connection:
        unprotect(connection, "releases")
        row = connection.execute(select(RELEASES)).one()
    document, files = unpacked(row.document), unpacked(row.files)
    changes = {
        "document": packed(document.replace(b'"released_by":"chen"', b'"released_by":"lin"')),
        "effective_from": row.effective_from - 1,
        "files": packed(files.replace(b"lose: 15", b"lose: 14")),
    }

    found = {}
    for column, value in changes.items():
        with owner.begin() as connection:
            connection.execute(RELEASES.update().values({column: value}))
        found[column] = audit_log(store)
        with owner.begin() as connection:
            connection.execute(RELEASES.update().values({column: getattr(row, column)}))

    store.close()
    owner.dispose()
    named = {column: flaw and (flaw.table, flaw.key, flaw.what) for column, flaw in found.items()}
    assert named == {
        "document": ("releases", row.hash, "hash of the document"),
        "effective_from": ("releases", row.hash, "effective_from"),
        "files": ("releases", row.hash, "files"),
    }


def test_a_released_or_dropped_draft_can_no_longer_be_edited(city: Client, refused: Refused) -> None:
    opened(city)
    assert act(city, "drop", LIN).json()["state"] == "dropped"

    tag = city.get(f"{DRAFT}/files/{RULES}").headers["etag"]
    answer = city.put(f"{DRAFT}/files/{RULES}", content=b"[]", headers=LIN | {"If-Match": tag})

    refused(answer, 409, "draft.not_ready")
    refused(city.put(DRAFT, json={"based_on": "orchard@1"}, headers=LIN), 409, "draft.exists")


@pytest.mark.parametrize(
    ("path", "content", "code"),
    [
        ("rules/../../x.yaml", b"[]", None),
        ("rules/deep/er.yaml", b"[]", "file.unknown"),
        ("program.py", b"", "file.unknown"),
        ("rules/more.yaml", b"x" * 1_000_001, "yaml.too_large"),
        ("rules/more.yaml", b"\xff", "file.encoding"),
    ],
)
def test_a_file_that_cannot_be_one_is_refused(
    city: Client, refused: Refused, path: str, content: bytes, code: str | None
) -> None:
    before = opened(city)

    answer = city.put(f"{DRAFT}/files/{path}", content=content, headers=LIN | {"If-None-Match": "*"})

    if code is None:
        assert answer.status_code in (404, 405, 422)
    else:
        told = refused(answer, 422, "draft.refused")
        assert told["errors"][0]["code"] == code
    assert city.get(DRAFT).json()["files"] == before["files"]


def test_drafts_that_are_not_there_are_said_so(city: Client, refused: Refused) -> None:
    refused(city.get(DRAFT), 404, "draft.missing")
    refused(act(city, "check", LIN), 404, "draft.missing")
    refused(city.put(DRAFT, json={"based_on": "vineyard@1"}, headers=LIN), 404, "rulebook.missing")
    refused(city.put(DRAFT, json={"base": "orchard@1"}, headers=LIN), 422, "case.refused")
    refused(city.put(DRAFT.replace("/2/", "/1/"), json={"based_on": "orchard@1"}, headers=LIN), 409, "draft.exists")
    refused(city.get("/api/v1/rulebooks/orchard/1/release"), 404, "rulebook.missing")
    assert city.get("/api/v1/drafts").json() == {"items": []}
