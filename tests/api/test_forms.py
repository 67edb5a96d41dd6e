"""Workbooks, DMN, documents and redlines over HTTP: out of versions and drafts, and into drafts as a whole."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from openpyxl import load_workbook

from tests.api.test_drafts import CHEN, LIN, RULES, act, edit, opened, renamed

Client = TestClient[Litestar]
Refused = Callable[..., dict[str, Any]]
VERSION = "/api/v1/rulebooks/orchard/1"
SAMPLING = Path(__file__).parents[2] / "examples" / "dmn" / "sampling.dmn"


@pytest.fixture
def draft(client: Client, request: pytest.FixtureRequest) -> str:
    """Return the address of a draft of the test's own."""
    name = hashlib.sha256(request.node.name.encode()).hexdigest()[:8]
    address = f"/api/v1/rulebooks/orchard/{name}/draft"
    opened(client, address)
    return address


def changed(workbook: bytes, sheet: str, old: str, new: str) -> bytes:
    """Return a workbook with one value of a sheet changed, as a spreadsheet program would."""
    book = load_workbook(io.BytesIO(workbook))
    (cell,) = [cell for row in book[sheet].iter_rows() for cell in row if cell.value == old]
    cell.value = new
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_version_goes_out_as_a_workbook_and_comes_into_a_draft_as_a_whole(client: Client, draft: str) -> None:
    version = client.get(f"{VERSION}/workbook")
    edit(client, RULES, ("lose: 15", "lose: 16"), address=draft)
    tag = client.get(draft).headers["etag"]
    content = changed(changed(version.content, "rulebook", "1", draft.split("/")[-2]), "rulebook", "draft", "official")

    put = client.put(f"{draft}/workbook", content=content, headers=CHEN | {"If-Match": tag})

    assert version.headers["content-disposition"] == 'attachment; filename="orchard-1.xlsx"'
    assert put.status_code == 200, put.text
    made = put.json()["draft"]
    assert put.json()["left_out"] == []
    assert (made["authors"], made["acts"][-1]["act"], made["acts"][-1]["actor"]) == (
        ["lin", "chen"],
        "imported",
        "chen",
    )
    assert made["acts"][-1]["document"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert put.headers["etag"] == client.get(draft).headers["etag"] == client.get(f"{draft}/workbook").headers["etag"]
    assert "lose: 15" in client.get(f"{draft}/files/{RULES}").text
    assert act(client, "check", CHEN, address=draft).json() == {"ok": True, "problems": []}
    told = client.get(f"{draft}/diff", params={"lang": "en"}, headers={"Accept": "application/json"}).json()
    assert [(one["how"], one["what"]) for one in told["changes"]] == [("changed", "head")]


def test_files_that_the_workbook_does_not_have_are_gone_and_stay_in_the_ledger(client: Client, draft: str) -> None:
    headers = LIN | {"If-None-Match": "*"}
    client.put(f"{draft}/files/rules/more.yaml", content=b"[]\n", headers=headers).raise_for_status()
    tag = client.get(draft).headers["etag"]

    put = client.put(
        f"{draft}/workbook", content=client.get(f"{VERSION}/workbook").content, headers=LIN | {"If-Match": tag}
    )

    assert put.status_code == 200
    assert "rules/more.yaml" not in put.json()["draft"]["files"]


def test_a_workbook_replaces_only_what_whoever_sends_it_has_read(client: Client, draft: str, refused: Refused) -> None:
    tag = client.get(draft).headers["etag"]
    content = client.get(f"{VERSION}/workbook").content
    edit(client, RULES, ("lose: 15", "lose: 16"), address=draft)

    refused(client.put(f"{draft}/workbook", content=content, headers=LIN), 428, "draft.unconditional")
    refused(client.put(f"{draft}/workbook", content=content, headers=LIN | {"If-Match": tag}), 412, "draft.changed")
    refused(client.put(f"{draft}/workbook", content=content, headers={"If-Match": tag}), 400, "http.request")
    refused(client.put(f"{draft}/dmn", content=content, headers=LIN | {"If-Match": "*"}), 400, "http.request")

    assert "lose: 16" in client.get(f"{draft}/files/{RULES}").text
    act(client, "drop", LIN, address=draft)
    now = client.get(draft).headers["etag"]
    refused(client.put(f"{draft}/workbook", content=content, headers=LIN | {"If-Match": now}), 409, "draft.not_ready")


def test_every_problem_of_a_workbook_is_told_with_its_cell_and_nothing_changes(
    client: Client, draft: str, refused: Refused
) -> None:
    before = client.get(draft)
    content = changed(client.get(f"{VERSION}/workbook").content, "rulebook", "whole", "=1+1")
    content = changed(content, "bands", "B", "=A1")

    answer = client.put(f"{draft}/workbook", content=content, headers=LIN | {"If-Match": before.headers["etag"]})

    entry = refused(answer, 422, "workbook.refused", "rulebook!B15")
    assert entry["code"] == "workbook.formula"
    refused(
        client.put(f"{draft}/workbook", content=b"P" * 9_000_000, headers=LIN | {"If-Match": before.headers["etag"]}),
        422, "workbook.refused",
    )  # fmt: skip
    assert [one["pointer"].split("!")[0] for one in answer.json()["errors"]] == ["rulebook", "bands"]
    assert client.get(draft).json() == before.json()


def test_of_very_many_problems_a_thousand_are_told_and_how_many_more(
    client: Client, draft: str, refused: Refused
) -> None:
    book = load_workbook(io.BytesIO(client.get(f"{VERSION}/workbook").content))
    for _ in range(1_200):
        book["bands"].append(["=1"])
    out = io.BytesIO()
    book.save(out)
    tag = client.get(draft).headers["etag"]

    answer = client.put(f"{draft}/workbook", content=out.getvalue(), headers=LIN | {"If-Match": tag})

    told = refused(answer, 422, "workbook.refused")
    assert len(told["errors"]) == 1_001
    assert told["errors"][-1] == {"code": "problems.more", "message": "200 more are not listed"}


def test_the_tables_of_a_version_are_dmn_and_what_they_leave_out_is_told(client: Client) -> None:
    tables = client.get(f"{VERSION}/dmn")

    assert tables.headers["content-type"] == "application/xml"
    (link,) = re.findall(r'<([^>]+)>; rel="describedby"', tables.headers["link"])
    left_out = client.get(link).json()["items"]
    assert {one["given"] for one in left_out} >= {"FRUIT", "failure"}
    assert b"<decisionTable" in tables.content


def test_dmn_tables_take_the_place_of_a_draft_under_its_own_name(client: Client, draft: str) -> None:
    tag = client.get(draft).headers["etag"]

    put = client.put(f"{draft}/dmn", content=SAMPLING.read_bytes(), headers=LIN | {"If-Match": tag})

    assert put.status_code == 200, put.text
    assert {one["code"] for one in put.json()["left_out"]} <= {"dmn.left_out"}
    assert put.json()["draft"]["acts"][-1]["document"]["form"] == "dmn"
    assert act(client, "check", LIN, address=draft).json() == {"ok": True, "problems": []}
    assert f"version: {draft.split('/')[-2]}" in client.get(f"{draft}/files/rulebook.yaml").text


def test_the_rules_in_words_are_a_page_that_loads_nothing_or_json(client: Client) -> None:
    for address in (f"{VERSION}/document", f"{VERSION}/diff?with=orchard@1"):
        page = client.get(address, headers={"Accept": "text/html"})

        policy = page.headers["content-security-policy"]
        styles = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in styles]
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert len(styles) == 1
        assert f"style-src 'sha256-{digests[0]}'" in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"\sstyle=|<script|<link|src=", page.text)
        assert page.headers["cache-control"] == "private, no-store"
    assert '<html lang="en">' in client.get(f"{VERSION}/document?lang=en").text
    told = client.get(f"{VERSION}/document", headers={"Accept": "application/json"}).json()
    assert (told["lang"], told["notice"]) == ("zh", "仅供测试")


def test_the_rules_and_a_redline_are_pdf_where_that_is_asked_for(client: Client) -> None:
    for address in (f"{VERSION}/document", f"{VERSION}/diff?with=orchard@1"):
        answer = client.get(address, headers={"Accept": "application/pdf"})

        assert answer.headers["content-type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF-")


def test_a_redline_is_between_any_two_versions_and_drafts(client: Client, draft: str, refused: Refused) -> None:
    renamed(client, version=draft.split("/")[-2], address=draft)
    edit(client, RULES, ("lose: 15", "lose: 40"), address=draft)
    json, name = {"Accept": "application/json"}, f"orchard@{draft.split('/')[-2]}"

    from_base = client.get(f"{draft}/diff?lang=en", headers=json).json()
    back = client.get(f"{VERSION}/diff", params={"with": name, "lang": "en"}, headers=json).json()

    assert (from_base["old"], from_base["new"], back["old"], back["new"]) == (
        "orchard@1", name, name, "orchard@1",
    )  # fmt: skip
    (fruit,) = [one for one in from_base["changes"] if one["id"] == "FRUIT"]
    (turned,) = [one for one in back["changes"] if one["id"] == "FRUIT"]
    assert fruit["edits"][0]["old"] == turned["edits"][0]["new"] != fruit["edits"][0]["new"]
    assert "<del>" in client.get(f"{draft}/diff").text
    refused(client.get(f"{VERSION}/diff"), 400, "http.query", "with")
    refused(client.get(f"{VERSION}/diff?with=orchard@9"), 404, "draft.missing")
    refused(client.get(f"{VERSION}/diff?with=nothing"), 404, "rulebook.missing")
    refused(client.get(f"{VERSION}/diff?with=orchard@1&lang=fr"), 400, "http.query", "lang")


@pytest.mark.parametrize("what", ["workbook", "dmn", "dmn/left-out", "document", "diff", "coverage", "mutation"])
def test_a_version_and_a_draft_that_are_not_there_are_said_to_be_missing(
    client: Client, refused: Refused, what: str
) -> None:
    refused(client.get(f"/api/v1/rulebooks/orchard/9/{what}"), 404, "rulebook.missing")
    refused(client.get(f"/api/v1/rulebooks/orchard/9/draft/{what}"), 404, "draft.missing")
