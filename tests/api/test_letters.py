"""Decision letters over HTTP and from the command line."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pypdf
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from api.app import create_app
from api.settings import Settings, SettingsRefused
from tests.api.conftest import TODAY
from tests.api.test_cli import HYGIENE, Shuoli

Refused = Callable[..., dict[str, Any]]
PUBLIC = "https://credit.example/farms"


@pytest.fixture
def known(client: TestClient[Litestar], a_case: dict[str, Any]) -> TestClient[Litestar]:
    post(client, a_case)
    return client


def post(client: TestClient[Litestar], case: dict[str, Any]) -> None:
    name = case["producer"]["id"]
    assert client.put(f"/api/v1/producers/{name}", json=case["producer"]).status_code < 300
    assert client.post(f"/api/v1/producers/{name}/facts", json={"facts": case["facts"]}).status_code == 200


def text_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    return re.sub(
        r"\s+", "", "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(answer.content)).pages)
    )


@pytest.mark.parametrize(("lang", "title"), [("zh", "信用等级决定书"), ("en", "LetterofCreditGrading")])
def test_the_letter_tells_the_grade_and_the_stored_gradings_hash(
    known: TestClient[Litestar], lang: str, title: str
) -> None:
    grade = known.get("/api/v1/producers/P1/grade").json()
    steps = known.get("/api/v1/producers/P1/history").json()["items"]
    text = text_of(known.get("/api/v1/producers/P1/letter", params={"lang": lang}))

    assert text.startswith(title)
    assert f"{grade['score']}" in text
    assert steps[-1]["hash"] in text
    assert all(step["hash"] in text for step in steps)


def test_an_outcome_that_is_not_stored_is_told_to_be_so(known: TestClient[Litestar]) -> None:
    told = text_of(known.get("/api/v1/producers/P1/letter", params={"as_of": "2026-05-02"}))
    steps = known.get("/api/v1/producers/P1/history").json()["items"]

    assert "没有存入账本" in told
    assert all(step["hash"] not in told for step in steps)
    assert "没有存入账本" not in text_of(known.get("/api/v1/producers/P1/letter"))


def test_a_letter_is_about_what_was_known_at_an_instant(known: TestClient[Litestar], a_case: dict[str, Any]) -> None:
    before = known.get("/api/v1/producers/P1/history").json()["items"][-1]["at"]
    fact = msgspec.json.decode(msgspec.json.encode(a_case["facts"][0]))
    fact["fields"]["number"], fact["source"]["ref"] = "T-LATER", "L-9"
    assert known.post("/api/v1/producers/P1/facts", json={"facts": [fact]}).status_code == 200

    assert "T-LATER" in text_of(known.get("/api/v1/producers/P1/letter"))
    assert "T-LATER" not in text_of(known.get("/api/v1/producers/P1/letter", params={"known_at": before}))


@pytest.mark.usefixtures("known")
def test_a_letter_points_to_the_public_page_and_names_its_office(settings: Settings, tmp_path: Path) -> None:
    made = replace(settings, public_url=PUBLIC, issuer="某某市农业农村局", fonts=(tmp_path,))
    with TestClient(create_app(made, today=lambda: TODAY)) as client:
        text = text_of(client.get("/api/v1/producers/P1/letter"))

    assert f"{PUBLIC}/gradings/" in text
    assert "某某市农业农村局" in text


def test_a_character_without_a_glyph_refuses_the_letter(
    client: TestClient[Litestar], a_case: dict[str, Any], refused: Refused
) -> None:
    a_case["producer"]["id"] = "P-RARE"
    a_case["facts"][0]["fields"]["number"] = "𠮷-1"
    a_case["facts"][0]["source"]["ref"] = "L-RARE"
    post(client, a_case)

    document = refused(client.get("/api/v1/producers/P-RARE/letter"), 422, "letter.glyph_missing")

    assert "U+20BB7" in document["detail"]
    assert [(one["code"], one["given"]) for one in document["errors"]] == [("letter.character", "𠮷")]


def test_an_unknown_producer_has_no_letter(client: TestClient[Litestar], refused: Refused) -> None:
    refused(client.get("/api/v1/producers/nobody/letter"), 404, "producer.missing")


@pytest.fixture
def shuoli(tmp_path: Path) -> Shuoli:
    return Shuoli(tmp_path)


def test_the_command_line_writes_a_letter_about_a_case_in_a_file(shuoli: Shuoli) -> None:
    case = ("explain", "letter", HYGIENE / "case.json", "--rulebook", HYGIENE, "--lang", "en")

    told = shuoli.json(*case, "--out", "letter.pdf")

    assert (shuoli.folder / "letter.pdf").read_bytes().startswith(b"%PDF-1.7")
    assert (told["kept"], told["trail"], told["why"]["producer"]) == (False, [], "K-7")
    assert "cli.usage" in shuoli(*case, code=2)
    assert "letter.unwritable" in shuoli(*case, "--out", "no/such/folder/letter.pdf", code=1)


@pytest.mark.parametrize("address", ["credit.example", "ftp://credit.example", "https://a b", "https://x/?q=1"])
def test_a_public_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(SettingsRefused) as refused:
        Settings.from_environment({"SHUOLI_PUBLIC_URL": address})

    assert [problem.place for problem in refused.value.problems] == ["SHUOLI_PUBLIC_URL"]
    assert Settings.from_environment({"SHUOLI_PUBLIC_URL": PUBLIC}).public_url == PUBLIC
