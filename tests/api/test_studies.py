"""What is found out about versions and drafts over HTTP: verification, coverage, mutation."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api import mutation, studies
from api.app import create_app
from api.services import Services
from api.settings import Settings
from api.versions import written
from knowledge.problems import EngineFailure
from tests.api import long_work
from tests.api.test_drafts import CHEN, DRAFT, LIN, RULEBOOKS_FOLDER, RULES, act, edit, opened, renamed

Client = TestClient[Litestar]
Refused = Callable[..., dict[str, Any]]
VERSION = "/api/v1/rulebooks/orchard/1"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("store")
    return Settings(
        database_url=f"sqlite:///{folder}/s.db", rulebook="orchard", rulebooks=(RULEBOOKS_FOLDER,), workers=1
    )


@pytest.fixture(scope="module")
def client(own: Settings) -> Iterator[Client]:
    with TestClient(create_app(own, today=lambda: date(2026, 6, 1)), raise_server_exceptions=False) as client:
        opened(client)
        renamed(client)
        yield client


def finished(client: Client, address: str) -> dict[str, Any]:
    """Wait for a mutation; return what is told of it."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        told: dict[str, Any] = client.get(f"{address}/mutation").json()
        if told["state"] != "running":
            return told
        time.sleep(0.1)
    raise AssertionError(told)


def put(client: Client, path: str, content: bytes) -> None:
    response = client.put(f"{DRAFT}/files/{path}", content=content, headers=LIN | {"If-None-Match": "*"})
    assert response.status_code == 200, response.text


def test_what_is_wrong_with_a_version_is_told_with_a_case_that_grades_as_it_says(client: Client) -> None:
    told = client.post(f"{VERSION}/verify").json()

    found = {one["code"]: one for one in told["findings"]}
    assert (told["name"], told["ok"], told["undecided"]) == ("orchard@1", False, [])
    assert found.keys() == {"points.short"}
    places = [one["source"] for one in found["points.short"]["concerns"]]
    assert [re.sub(r":\d+:\d+$", "", one) for one in places] == ["indicators.yaml", RULES]
    assert all(re.search(r":\d+:\d+$", one) for one in places)
    seen = found["points.short"]["witness"]
    graded = client.post(
        "/api/v1/gradings", json=seen["case"], params={"as_of": seen["as_of"], "rulebook": "orchard@1"}
    )
    assert (graded.json()["grade"], graded.json()["score"]) == (seen["grade"], seen["score"])


def test_verifying_a_draft_finds_what_was_written_into_it_and_notes_who_asked(client: Client) -> None:
    edit(client, RULES, ("below: 1, points: 10", "below: 1, points: 10}, {at_least: 1, below: 3, points: 20"))

    told = client.post(f"{DRAFT}/verify", headers=CHEN).json()

    last = client.get(DRAFT).json()["acts"][-1]
    codes = {one["code"] for one in told["findings"]}
    edit(client, RULES, ("below: 1, points: 10}, {at_least: 1, below: 3, points: 20", "below: 1, points: 10"))
    assert "rule.not_monotone" in codes
    assert (last["act"], last["actor"], last["content"]) == ("verified", "chen", told["content"])
    assert last["document"] == {"findings": len(told["findings"]), "undecided": len(told["undecided"])}
    assert client.get(DRAFT).json()["state"] == "draft"


def test_a_draft_with_problems_is_told_them_whatever_is_asked_of_it(client: Client, refused: Refused) -> None:
    edit(client, RULES, ("lose: 15", "loose: 15"))
    try:
        for method, what in (("POST", "verify"), ("GET", "coverage"), ("GET", "workbook"), ("GET", "document")):
            answer = client.request(method, f"{DRAFT}/{what}", headers=LIN)
            entry = refused(answer, 422, "draft.refused", f"{RULES}:11:3")
            assert entry["code"] == "shape.unknown_key"
    finally:
        edit(client, RULES, ("loose: 15", "lose: 15"))


def test_coverage_tells_what_no_scenario_shows(client: Client) -> None:
    told = client.get(f"{VERSION}/coverage").json()
    name = "scenarios/more.yaml"
    fact = "{test: {number: T7, result: fail, taken_on: 2024-06-02}}"
    more = f"- name: on the edge\n  as_of: 2026-06-01\n  producer: {{kind: farm, region: '1'}}\n  facts: [{fact}]\n"
    put(client, name, f"{more}  expect: {{fired: {{failure: 1}}}}\n".encode())

    after = client.get(f"{DRAFT}/coverage").json()

    client.delete(f"{DRAFT}/files/{name}", headers=LIN | {"If-Match": f'"{client.get(DRAFT).json()["files"][name]}"'})
    before = {one["rule"]: one["gaps"] for one in told["open"]}
    now = {one["rule"]: one["gaps"] for one in after["open"]}
    assert (told["scenarios"], after["scenarios"]) == (6, 7)
    assert set(before["failure"]) - set(now["failure"]) == {"`taken_on` ge on its limit"}


def test_a_mutation_runs_beside_and_its_proposals_notice_what_survived(client: Client, refused: Refused) -> None:
    refused(client.get(f"{DRAFT}/mutation"), 404, "mutation.missing")
    refused(client.post(f"{DRAFT}/mutation", headers=LIN), 409, "draft.not_ready")
    for name in ("check", "try"):
        assert act(client, name, LIN).json()["ok"]

    begun = client.post(f"{DRAFT}/mutation", headers=LIN, params={"propose": "true"})
    told = finished(client, DRAFT)
    again = client.post(f"{DRAFT}/mutation", headers=CHEN)

    assert (begun.status_code, begun.json()["state"]) == (202, "running")
    assert (told["state"], told["asked_by"], told["problem"]) == ("done", "lin", None)
    assert (again.json()["state"], again.json()["seconds"]) == ("done", told["seconds"])
    result = told["result"]
    assert 0 < sum(result["noticed"].values()) < sum(result["tried"].values())
    assert len(result["survivors"]) == sum(result["tried"].values()) - sum(result["noticed"].values())
    last = client.get(DRAFT).json()["acts"][-1]
    assert (last["act"], last["actor"], last["document"]["rate"]) == ("mutated", "lin", result["rate"])
    put(client, "scenarios/proposed.yaml", client.get(f"{DRAFT}/mutation/proposals").content)
    refused(client.get(f"{DRAFT}/mutation"), 404, "mutation.missing")
    assert act(client, "check", LIN).json() == {"ok": True, "problems": []}
    assert act(client, "try", LIN).json() == {"ok": True, "scenarios": 6 + result["proposed"], "failed": []}
    assert client.post(f"{DRAFT}/mutation", headers=LIN).status_code == 202
    assert finished(client, DRAFT)["result"]["rate"] > result["rate"]


def children(of: int) -> set[int]:
    """Return all processes below a process."""
    found: set[int] = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            continue
        if int(text.rpartition(")")[2].split()[1]) == of:
            found |= {int(path.parent.name)} | children(int(path.parent.name))
    return found


def test_one_mutation_runs_at_a_time_and_is_ended_with_all_its_processes(
    client: Client, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = children(os.getpid())
    monkeypatch.setattr(mutation, "mutated", long_work.endless)
    edit(client, "CHANGES.md", ("first", "second"))
    for name in ("check", "try"):
        act(client, name, LIN)
    client.post(f"{DRAFT}/mutation", headers=LIN).raise_for_status()
    while client.get(f"{DRAFT}/mutation").json()["stage"] != "waiting":
        time.sleep(0.05)

    other = client.post(f"{VERSION}/mutation", headers=CHEN)
    unfinished = client.get(f"{DRAFT}/mutation/proposals")
    running = children(os.getpid()) - before
    ended = client.delete(f"{DRAFT}/mutation", headers=LIN).json()

    refused(other, 409, "mutation.busy")
    refused(unfinished, 409, "mutation.unfinished")
    assert len(running) >= 2
    assert (ended["state"], ended["result"], ended["problem"]) == ("ended", None, None)
    until = time.monotonic() + 20
    while children(os.getpid()) & running:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert client.post(f"{DRAFT}/mutation", headers=LIN).json()["state"] == "running"
    client.delete(f"{DRAFT}/mutation", headers=LIN).raise_for_status()


def test_a_study_under_way_ends_with_the_service(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studies, "verified", long_work.sleeping)
    services = Services.open(own, today=lambda: date(2026, 6, 1))
    asked, begun = written(services, "orchard@1", draft=False), studies.Studies(services)
    with ThreadPoolExecutor(2) as threads:
        under_way, next_one = threads.submit(begun.verify, asked), threads.submit(begun.verify, asked)
        while not (own_children := children(os.getpid())) or not any(map(sleeps, own_children)):
            time.sleep(0.05)

        before = time.monotonic()
        begun.stop()

        for one in (under_way, next_one):
            with pytest.raises(EngineFailure):
                one.result()
        assert time.monotonic() - before < 30
    services.close()


def sleeps(process: int) -> bool:
    """Say whether a process has said that it sleeps, by the name of its first thread."""
    try:
        return Path(f"/proc/{process}/comm").read_text().strip() == "asleep"
    except OSError:
        return False
