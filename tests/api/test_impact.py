"""Whom a change of rules moves, asked over HTTP and on the command line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from litestar.testing import TestClient

from api.app import create_app
from api.cli import commands
from api.impact import MOST_OPENED, Compared
from api.settings import Settings
from authoring.edits import EditRefused
from authoring.impact import impact
from batch.population import write_city
from engine.columnar import population_of
from knowledge.catalog import Catalog
from knowledge.population import load_population
from tests.api.conftest import RULEBOOKS, TODAY, Refused

Client = TestClient[Any]
LIN, CHEN = {"X-Actor": "lin"}, {"X-Actor": "chen"}
STRICTER = [{"at": "rules/FRUIT/lose", "to": 25}]


@pytest.fixture(scope="module")
def orchards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Give an application with three farms: none, one and two failed tests, all taught this year."""
    folder = tmp_path_factory.mktemp("orchards")
    own = Settings(
        database_url=f"sqlite:///{folder}/shuoli.db", rulebook="orchard", rulebooks=(RULEBOOKS,), workers=1,
        signing_key=folder / "key.pem",
    )  # fmt: skip
    with TestClient(create_app(own, today=lambda: TODAY), raise_server_exceptions=False) as client:
        for number in range(3):
            farm = {"kind": "farm", "region": "330110", "attributes": {"trees": 10 * number}}
            assert client.put(f"/api/v1/producers/P{number}", json=farm).status_code == 201
            facts = [failed_test(number, one) for one in range(number)]
            facts.append({"type": "lesson", "fields": {"given_on": "2026-05-01"}})
            assert client.post(f"/api/v1/producers/P{number}/facts", json={"facts": facts}).status_code == 200
        yield client


def failed_test(number: int, one: int) -> dict[str, Any]:
    fields = {"number": f"T{number}{one}", "result": "fail", "residue": "0.08", "taken_on": "2026-05-01"}
    return {"type": "test", "fields": fields}


def ask(client: Client, **asked: Any) -> dict[str, Any]:
    response = client.post("/api/v1/impact", json={"from": "orchard@1", **asked})
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


def test_a_slider_answers_with_the_matrix_and_who_is_moved_by_which_rule(orchards: Client) -> None:
    told = ask(orchards, edits=STRICTER, open=["P2"])

    grades = {one["id"]: one["grade"] for one in told["movers"]}
    assert told["producers"] == 3
    assert told["matrix"] == [[1, 0, 0], [0, 1, 1], [0, 0, 0]]
    assert grades == {"P2": ["B", "C"]}
    assert [one["rule"] for one in told["movers"][0]["rules"]] == ["FRUIT"]
    assert [(one["name"], one["comes"], one["goes"]) for one in told["lines"]] == [("visit", 1, 0)]
    (opened,) = told["opened"]
    assert (opened["before"]["grade"], opened["after"]["grade"]) == ("B", "C")
    assert {one["rule"] for one in opened["after"]["deductions"]} >= {"FRUIT"}


def test_the_list_of_movers_is_a_table(orchards: Client) -> None:
    response = orchards.post("/api/v1/impact/movers", json={"from": "orchard", "edits": STRICTER})

    (row,) = csv.DictReader(io.StringIO(response.text.removeprefix("\ufeff")))
    assert response.headers["content-type"].startswith("text/csv")
    assert (row["producer"], row["grade_before"], row["grade_after"], row["trees"]) == ("P2", "B", "C", "20")


def test_a_draft_is_compared_and_its_publication_tells_whom_it_moves(orchards: Client) -> None:
    at = "/api/v1/rulebooks/orchard/2/draft"
    orchards.put(at, json={"based_on": "orchard"}, headers=LIN)

    def change(path: str, *changes: tuple[str, str]) -> None:
        found = orchards.get(f"{at}/files/{path}")
        text = found.text
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        sent = orchards.put(
            f"{at}/files/{path}", content=text.encode(), headers={**LIN, "If-Match": found.headers["etag"]}
        )
        assert sent.status_code == 200, sent.text

    change("bands.yaml", ("from: 60", "from: 75"))
    drafted = ask(orchards, to="orchard@2")
    assert [one["id"] for one in drafted["movers"]] == ["P2"]
    softer = ask(orchards, to="orchard@2", edits=[{"at": "bands/B/from", "to": 60}])
    assert softer["movers"] == []

    first = {'version: "1"': 'version: "2"', "status: draft": "status: official"}
    change("rulebook.yaml", *first.items(), ("effective_from: 2025-01-01", "effective_from: 2026-06-01"))
    for step, actor in (("check", LIN), ("try", LIN), ("review", CHEN), ("release", CHEN)):
        body = {"note": ""} if step == "review" else None
        assert orchards.post(f"{at}/{step}", json=body, headers=actor).status_code == 200
    said = orchards.get("/api/v1/rulebooks/orchard/2/release").json()["document"]["impact"]
    assert said["movers"] == 1
    assert said["matrix"] == [[1, 0, 0], [0, 1, 1], [0, 0, 0]]
    assert "P2" not in json.dumps(said)


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"from": "orchard@9"}, 404, "rulebook.missing"),
        ({"from": "orchard@1", "to": "orchard@9"}, 404, "draft.missing"),
        ({"from": "orchard@1", "edits": [{"at": "rules/FRUIT/looses", "to": 1}]}, 422, "edit.refused"),
        ({"from": "orchard@1", "edits": [{"at": "bands/A/from", "to": 10}]}, 422, "edit.refused"),
        ({"from": "orchard@1", "edits": [{"at": "bands/A/from", "to": 1.5}]}, 422, "case.refused"),
        ({"from": "orchard@1", "open": ["nobody"]}, 404, "producer.missing"),
        ({"from": "orchard@1", "open": ["P1"] * (MOST_OPENED + 1)}, 422, "limit.opened"),
        ({"from": "orchard@1", "as_of": "soon"}, 400, "http.query"),
        ({"to": "orchard@1"}, 422, "case.refused"),
    ],
)
def test_what_can_t_be_compared_is_refused(
    orchards: Client, refused: Refused, asked: dict[str, Any], status: int, code: str
) -> None:
    refused(orchards.post("/api/v1/impact", json=asked), status, code)


# The command line


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    catalog = Catalog()
    shipped = catalog.load(next(iter(catalog.versions())).folder)
    folder = tmp_path_factory.mktemp("city")
    write_city(folder, shipped, load_population(shipped), producers=60, seed=2021, as_of=date(2026, 11, 1))
    return folder


def run(tmp_path: Path, city: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.chdir(tmp_path)
    given = ["impact", "--from", "hangzhou", "--city", str(city), "--as-of", "2026-11-01", *arguments]
    return CliRunner().invoke(commands, given, standalone_mode=False)


def test_a_city_in_a_folder_is_compared_on_the_command_line(
    tmp_path: Path, city: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = ["--set", "bands/A/from=880", "--set", "bands/B/to=879", "--set", "rules/S14/lose/0/below=75%"]
    told = json.loads(run(tmp_path, city, monkeypatch, *changes, "--json").output)
    mover = told["movers"][0]["id"]
    table = tmp_path / "movers.csv"
    shown = run(tmp_path, city, monkeypatch, *changes, "--csv", str(table), "--open", mover)

    assert told["producers"] == 60
    assert shown.exception is None
    assert f"上升 better {told['better']}" in shown.output
    assert "bands/A/from=880" in shown.output
    assert f"→ {mover}" in shown.output
    assert len(table.read_text("utf-8").splitlines()) == 1 + len(told["movers"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["movers.csv"]


def test_a_folder_is_compared_with_its_version(tmp_path: Path, city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Catalog().versions()[0].folder
    same = run(tmp_path, city, monkeypatch, "--to", str(folder), "--json")
    edited = run(tmp_path, city, monkeypatch, "--to", str(folder), "--set", "indicators/I7/weight=2", "--json")

    assert json.loads(same.output)["movers"] == []
    assert json.loads(edited.output)["scores"] > 0
    assert isinstance(run(tmp_path, city, monkeypatch, "--set", "bands/A/from=950", "--json").exception, EditRefused)
    assert run(tmp_path, city, monkeypatch, "--set", "bands/A/from").exception is not None


def test_an_impact_of_nobody_has_an_empty_matrix() -> None:
    catalog = Catalog()
    shipped = catalog.load(catalog.versions()[0].folder)
    told = impact(shipped, shipped, lambda book: population_of(book, []), 739_000)

    assert Compared(shipped, shipped, 739_000, told).impact.producers == 0
    assert sum(map(sum, told.matrix)) == 0
