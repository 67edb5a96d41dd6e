"""The proof tree and why not, over HTTP."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

ADDRESS = "/api/v1/producers/P1"


@pytest.fixture(autouse=True)
def known(client: TestClient[Litestar], a_case: dict[str, Any]) -> None:
    client.put(ADDRESS, json=a_case["producer"]).raise_for_status()
    client.post(f"{ADDRESS}/facts", json={"facts": a_case["facts"]}).raise_for_status()


def test_the_tree_is_of_the_same_grade_in_every_form(client: TestClient[Litestar]) -> None:
    grade = client.get(f"{ADDRESS}/grade").json()
    proof = client.get(f"{ADDRESS}/tree").json()
    drawing, text, dot = (client.get(f"{ADDRESS}/tree.{suffix}") for suffix in ("svg", "txt", "dot"))
    nodes = {node["id"]: node for node in proof["nodes"]}

    assert nodes["score"]["numbers"]["value"] == grade["score"]
    assert {one["id"] for one in grade["deductions"]} <= nodes.keys()
    assert grade["facts"][0] in nodes
    assert drawing.headers["content-type"].startswith("image/svg+xml")
    assert len(ET.fromstring(drawing.text).findall("{*}g")) == len(nodes)
    assert text.headers["content-type"].startswith("text/plain")
    assert all(f"[{name}]" in text.text for name in nodes)
    assert dot.text.startswith("digraph")


def test_axes_and_language_are_those_of_the_request(client: TestClient[Litestar]) -> None:
    before = client.get(f"{ADDRESS}/tree", params={"as_of": "2026-04-01", "lang": "en"}).json()

    assert (before["as_of"], before["lang"]) == ("2026-04-01", "en")
    assert not any(node["kind"] == "fact" for node in before["nodes"])


def test_why_not_names_every_rule_that_did_not_fire(client: TestClient[Litestar]) -> None:
    grade = client.get(f"{ADDRESS}/grade").json()
    told = client.get(f"{ADDRESS}/why-not", params={"lang": "en"}).json()
    idle = [one["rule"] for one in grade["verdicts"] if one["status"] != "fired"]

    assert [rule["rule"] for rule in told["rules"]] == idle
    assert all(rule["ways"] for rule in told["rules"])
    assert told["grade"] == grade["grade"]


@pytest.mark.parametrize("what", ["tree", "tree.svg", "why-not"])
def test_an_unknown_producer_has_neither(client: TestClient[Litestar], what: str) -> None:
    answer = client.get(f"/api/v1/producers/nobody/{what}")

    assert answer.status_code == 404
    assert answer.json()["code"] == "producer.missing"
