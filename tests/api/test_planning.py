"""Plans over HTTP and on the command line."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from msgspec.structs import replace

from api.answers import Answer
from api.planning import plans_of, search_plans
from casework.decisions import Decided
from engine.reading import CaseReader
from engine.workers import Workers
from knowledge.canonical import sealed
from knowledge.loader import load_rulebook
from tests.api.test_cli import HYGIENE, Shuoli

RULEBOOKS = Path(__file__).parent.parent / "rulebooks" / "api"

ADDRESS = "/api/v1/producers/P1"


@pytest.fixture
def known(client: TestClient[Litestar], a_case: dict[str, Any]) -> dict[str, Any]:
    client.put(ADDRESS, json=a_case["producer"]).raise_for_status()
    client.post(f"{ADDRESS}/facts", json={"facts": a_case["facts"]}).raise_for_status()
    grade: dict[str, Any] = client.get(f"{ADDRESS}/grade").json()
    return grade


def test_plans_lead_from_the_grade_to_a_better_one(client: TestClient[Litestar], known: dict[str, Any]) -> None:
    told = client.get(f"{ADDRESS}/plans", params={"lang": "en"}).json()

    assert (told["grade"], told["as_of"]) == (known["grade"], known["as_of"])
    assert told["reached"] is (told["to"] == told["grade"])
    assert told["plans"] or told["heals"] or told["reached"]
    for plan in told["plans"]:
        assert plan["grade"] <= told["to"]
        assert all(step["records"] for step in plan["steps"])


@pytest.mark.usefixtures("known")
def test_an_unknown_grade_and_too_many_others_are_refused(client: TestClient[Litestar]) -> None:
    strange = client.get(f"{ADDRESS}/plans", params={"to": "Z"})
    many = client.get(f"{ADDRESS}/plans", params={"others": 9})

    assert (strange.status_code, strange.json()["code"]) == (422, "plans.unknown_grade")
    assert (many.status_code, many.json()["code"]) == (400, "http.request")
    assert client.get("/api/v1/producers/nobody/plans").json()["code"] == "producer.missing"


def test_plans_are_printed(tmp_path: Path) -> None:
    shuoli = Shuoli(tmp_path)
    case = json.loads((HYGIENE / "case.json").read_text("utf-8"))
    told = shuoli.json("explain", "plans", HYGIENE / "case.json", "--rulebook", HYGIENE, "--others", "1")
    text = shuoli("explain", "plans", HYGIENE / "case.json", "--rulebook", HYGIENE, "--lang", "en")

    assert told["producer"] == case["producer"]["id"]
    assert told["plans"]
    assert text.startswith("The least effort to")
    assert "on record:" in text


def test_a_plan_is_kept_as_a_promise(client: TestClient[Litestar]) -> None:
    address = "/api/v1/producers/PROMISED"
    client.put(address, json={"id": "PROMISED", "kind": "farm"}).raise_for_status()
    offered = client.get(f"{address}/plans").json()["plans"][0]
    chosen = {"remedies": [step["id"] for step in offered["steps"]]}

    kept = client.post(f"{address}/plans", json=chosen)
    again = client.post(f"{address}/plans", json=chosen)
    strange = client.post(f"{address}/plans", json={"remedies": ["retest"]})
    misshapen = client.post(f"{address}/plans", json={"remedies": [], "two": 2})

    assert (kept.status_code, kept.json()["verdict"]) == (200, "open")
    assert (kept.json()["promise"]["grade"], kept.json()["promise"]["day"]) == (offered["grade"], offered["day"])
    assert again.json() == kept.json()
    assert client.get(f"{address}/promises").json()["items"] == [kept.json()]
    assert client.get("/api/v1/promises").json()["open"] == 1
    assert (strange.status_code, strange.json()["code"]) == (422, "plans.unknown_plan")
    assert [one["pointer"] for one in misshapen.json()["errors"]] == ["/two", "/remedies"]
    assert client.get("/api/v1/producers/nobody/promises").json()["code"] == "producer.missing"


def test_a_plan_that_is_sent_again_under_its_key_is_kept_once(client: TestClient[Litestar]) -> None:
    address = "/api/v1/producers/AGAIN"
    client.put(address, json={"id": "AGAIN", "kind": "farm"}).raise_for_status()
    plan = client.get(f"{address}/plans").json()["plans"][0]
    chosen, key = {"remedies": [step["id"] for step in plan["steps"]]}, {"Idempotency-Key": "K-plan"}

    first = client.post(f"{address}/plans", json=chosen, headers=key)
    again = client.post(f"{address}/plans", json=chosen, headers=key)
    other = client.post(f"{address}/plans", json={**chosen, "to": "A"}, headers=key)

    assert (first.status_code, first.json()) == (200, again.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.reused")
    assert len(client.get(f"{address}/promises").json()["items"]) == 1


def test_plans_are_checked_under_versions_that_take_effect_later() -> None:
    day = date(2026, 6, 1).toordinal()
    rulebook = load_rulebook(RULEBOOKS / "orchard" / "1")
    coming = sealed(replace(rulebook, version="2", effective_from=day + 30))
    over = sealed(replace(rulebook, version="0", effective_from=day - 30))
    case = CaseReader(rulebook).case(b'{"producer": {"id": "P1", "kind": "farm"}, "facts": []}', as_of=day)
    with Workers(1) as workers:
        decided = Answer(rulebook, Decided(case, workers.grade(rulebook, case)))
        search = search_plans(decided, workers, None)
        told = plans_of(decided, workers, (over, rulebook, coming), search, "en")

    versions = told.plans[0].versions
    assert [(one.version, one.day, one.grade, one.holds) for one in versions] == [("2", "2026-07-01", "A", True)]
    assert versions[0].sentence.text.startswith("Under version 2, in force from 1 July 2026, the score on 1 July 2026")
