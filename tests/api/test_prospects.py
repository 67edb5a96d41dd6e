"""What a grade may become, asked over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.app import create_app
from api.settings import Settings
from tests.api.test_versions import version

Client = TestClient[Litestar]
ADDRESS = "/api/v1/producers/P1"
TODAY = date(2026, 6, 1)


def fact(number: str, day: str, **more: Any) -> dict[str, Any]:
    fields = {"number": number, "result": "fail", "residue": "0.08", "taken_on": day}
    return {"type": "test", "fields": fields, "source": {"system": "laboratory", "ref": number}, **more}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Two versions of a rulebook, the second of which takes effect in August; one failed test, one disputed."""
    folder = tmp_path_factory.mktemp("prospects")
    catalog = folder / "rulebooks"
    version(catalog, "1", "15", "2025-01-01", "2026-08-01")
    version(catalog, "2", "8", "2026-08-01", None)
    database = f"sqlite:///{folder}/shuoli.db"
    settings = Settings(database_url=database, rulebook="orchard", rulebooks=(catalog,), workers=1)
    with TestClient(create_app(settings, today=lambda: TODAY), raise_server_exceptions=False) as client:
        client.put(ADDRESS, json={"kind": "farm", "region": "330110"}).raise_for_status()
        told = [fact("T1", "2026-01-10", recorded_at="2026-01-12T08:00:00+08:00")]
        told.append(fact("T2", "2026-03-10", recorded_at="2026-03-12T08:00:00+08:00", status="disputed"))
        client.post(f"{ADDRESS}/facts", json={"facts": told}).raise_for_status()
        yield client


def ask(client: Client, part: str, **query: Any) -> Any:
    answer = client.get(f"{ADDRESS}/{part}", params=query)
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()


def grade(client: Client, **query: Any) -> tuple[Any, str]:
    told = ask(client, "grade", **query)
    return told["score"], told["grade"]


def points(changes: Any) -> Fraction:
    return sum((Fraction(change["points"]) for change in changes), Fraction(0))


def test_a_forecast_is_the_grade_on_each_of_its_days_and_the_days_before(client: Client) -> None:
    told = ask(client, "forecast")

    assert (told["as_of"], told["until"], told["rulebook"]) == ("2026-06-01", "2029-06-01", "orchard@1")
    assert len(told["days"]) > 1
    before = (told["score"], told["grade"])
    for one in told["days"]:
        day = date.fromisoformat(one["as_of"])
        assert grade(client, as_of=date.fromordinal(day.toordinal() - 1).isoformat()) == before
        before = (one["score"], one["grade"])
        assert grade(client, as_of=one["as_of"]) == before
        assert points(one["changes"]) == Fraction(one["points"])


def test_a_forecast_follows_the_version_that_takes_effect_meanwhile(client: Client) -> None:
    days = {one["as_of"]: one for one in ask(client, "forecast")["days"]}

    assert days["2026-08-01"]["rulebook"] == "orchard@2"
    assert "rules" in {change["cause"] for change in days["2026-08-01"]["changes"]}


def test_a_forecast_ends_with_the_last_version_there_is(tmp_path: Path) -> None:
    version(tmp_path / "rulebooks", "1", "15", "2025-01-01", "2026-08-01")
    database = f"sqlite:///{tmp_path}/shuoli.db"
    settings = Settings(database_url=database, rulebook="orchard", rulebooks=(tmp_path / "rulebooks",), workers=1)
    with TestClient(create_app(settings, today=lambda: TODAY)) as client:
        client.put(ADDRESS, json={"kind": "farm", "region": "330110"}).raise_for_status()

        assert ask(client, "forecast")["until"] == "2026-07-31"
        assert ask(client, "forecast", rulebook="orchard@1")["until"] == "2029-06-01"


def test_a_forecast_under_a_named_version_stays_with_it(client: Client) -> None:
    told = ask(client, "forecast", rulebook="orchard@1")

    assert {one["rulebook"] for one in told["days"]} == {"orchard@1"}


def test_a_forecast_goes_as_far_as_it_is_asked_to(client: Client) -> None:
    assert ask(client, "forecast", months=1)["until"] == "2026-07-01"
    assert ask(client, "forecast", months=1)["days"] == []


def test_a_disputed_fact_is_open_and_both_ways_are_graded(client: Client) -> None:
    told = ask(client, "contested", lang="en")

    disputed = [one for one in told["open"] if one["field"] is None]
    assert [[way["outcome"] for way in one["outcomes"]] for one in disputed] == [["stands", "falls"]]
    assert told["complete"]
    assert told["graded"] == told["outcomes"]
    assert told["strikes"] or told["struck_up_to"] == len(told["behind"])
    struck = client.post(f"{ADDRESS}/what-if", json={"strike": [disputed[0]["fact"]]}).json()
    falls = disputed[0]["outcomes"][1]
    assert (struck["after"]["score"], struck["after"]["grade"]) == (falls["score"], falls["grade"])


def test_a_comparison_of_two_days_adds_up(client: Client) -> None:
    told = ask(client, "comparison", before_as_of="2026-02-01", as_of="2028-06-01", rulebook="orchard@1")

    assert (told["before"]["score"], told["before"]["grade"]) == grade(client, as_of="2026-02-01", rulebook="orchard@1")
    assert points(told["changes"]) == Fraction(told["points"]) != 0
    assert {change["cause"] for change in told["changes"]} == {"time"}


def test_a_comparison_of_what_was_known_then_and_is_known_now_names_the_facts(client: Client) -> None:
    client.put("/api/v1/producers/P2", json={"kind": "farm", "region": "330110"}).raise_for_status()
    known_then = datetime.now(UTC).isoformat()
    client.post("/api/v1/producers/P2/facts", json={"facts": [fact("T3", "2026-05-10")]}).raise_for_status()

    told = client.get("/api/v1/producers/P2/comparison", params={"before_known_at": known_then}).json()

    (posted,) = client.get("/api/v1/producers/P2/facts").json()["facts"]
    assert [(one["cause"], one["facts"]) for one in told["changes"]] == [("facts", [posted["id"]])]
    assert told["changes"][0]["points"] == told["points"]


def test_a_comparison_of_two_rulebooks_names_the_rules(client: Client) -> None:
    told = ask(client, "comparison", before_rulebook="orchard@1", rulebook="orchard@2", lang="en")

    assert (told["before"]["rulebook"], told["after"]["rulebook"]) == ("orchard@1", "orchard@2")
    assert {change["cause"] for change in told["changes"]} == {"rules"}
    assert points(told["changes"]) == Fraction(told["points"]) != 0
    assert all(change["sentence"]["stands_on"] for change in told["changes"])


def test_versions_in_force_on_the_two_days_are_compared_by_days_first_and_rules_last(client: Client) -> None:
    told = ask(client, "comparison", before_as_of="2026-06-01", as_of="2026-08-02")

    assert (told["before"]["rulebook"], told["after"]["rulebook"]) == ("orchard@1", "orchard@2")
    assert points(told["changes"]) == Fraction(told["points"])


def test_a_what_if_stores_nothing(client: Client) -> None:
    facts = [one["id"] for one in ask(client, "facts")["facts"]]
    before = grade(client)
    history = ask(client, "history")

    told = client.post(f"{ADDRESS}/what-if", json={"strike": facts}, params={"lang": "en"}).json()

    assert (told["before"]["score"], told["before"]["grade"]) == before
    assert {change["cause"] for change in told["changes"]} == {"facts"}
    assert points(told["changes"]) == Fraction(told["points"])
    assert grade(client) == before
    assert ask(client, "history") == history


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        ({"strike": ["F-0123456789abcdef"]}, "fact.missing", 404),
        ({}, "case.refused", 422),
        ({"strike": []}, "case.refused", 422),
        ({"strike": "F-1"}, "case.refused", 422),
        ({"strike": [1]}, "case.refused", 422),
        ({"strike": ["F-1"], "more": 1}, "case.refused", 422),
        ([], "case.refused", 422),
    ],
)
def test_a_what_if_that_can_not_be_understood_is_refused(client: Client, body: Any, code: str, status: int) -> None:
    answer = client.post(f"{ADDRESS}/what-if", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("part", ["forecast", "contested", "comparison"])
def test_an_unknown_producer_has_no_prospects(client: Client, part: str) -> None:
    answer = client.get(f"/api/v1/producers/nobody/{part}")

    assert (answer.status_code, answer.json()["code"]) == (404, "producer.missing")


def test_a_day_that_is_none_is_refused_by_its_own_name(client: Client) -> None:
    answer = client.get(f"{ADDRESS}/comparison", params={"before_as_of": "yesterday"})

    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert '"parameter":"before_as_of"' in answer.text
