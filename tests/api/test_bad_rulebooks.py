"""Files that would harm, sent into a real draft: each is refused with its place, and the version in force goes on."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from openpyxl import load_workbook

from api.app import create_app
from api.settings import Settings
from authoring.workbook import export_workbook
from tests.api.test_drafts import DRAFT, LIN, RULEBOOKS_FOLDER, RULES, act, opened, renamed

Client = TestClient[Litestar]
Refused = Callable[..., dict[str, Any]]
ORCHARD = RULEBOOKS_FOLDER / "orchard" / "1"
SAMPLING = (Path(__file__).parents[2] / "examples" / "dmn" / "sampling.dmn").read_text("utf-8")
CYRILLIC_A, CYRILLIC_E, TURNED = "\u0410", "\u0435", "\u202e"


def of(path: str, *changes: tuple[str, str]) -> bytes:
    """Return a file of the orchard's with words replaced."""
    text = (ORCHARD / path).read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


def bomb(levels: int = 9) -> bytes:
    """Return YAML of a few lines that would unfold to ten to the ninth words."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines).encode()


def with_cell(sheet: str, old: str, new: str) -> bytes:
    """Return the orchard's workbook with the one cell that holds `old` changed."""
    book = load_workbook(io.BytesIO(export_workbook(ORCHARD)))
    cell = next(cell for row in book[sheet].iter_rows() for cell in row if cell.value == old)
    cell.value = new
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def with_part(name: str, content: bytes) -> bytes:
    """Return the orchard's workbook with one part replaced."""
    out, original = io.BytesIO(), zipfile.ZipFile(io.BytesIO(export_workbook(ORCHARD)))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        for part in original.infolist():
            book.writestr(part.filename, content if part.filename == name else original.read(part))
    return out.getvalue()


@dataclass(frozen=True)
class Bad:
    """What is sent, and what is said of it; `code` is None where the file is taken, and `check` lists its problem."""

    to: str
    content: Callable[[], bytes]
    problem: str
    place: str
    status: int = 200
    code: str | None = None


SHEET = "xl/worksheets/sheet1.xml"
ENTITY = b'<?xml version="1.0"?><!DOCTYPE w [<!ENTITY e SYSTEM "file:///etc/passwd">]><w>&e;</w>'
DMN_ENTITY = SAMPLING.replace("<definitions", '<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]>\n<definitions', 1)
BAD: dict[str, Bad] = {
    "a file of ten megabytes": Bad(f"files/{RULES}", lambda: b" " * 10_000_000, "", "", 413, "http.too_large"),
    "a file of two megabytes": Bad(
        f"files/{RULES}", lambda: b"#" * 2_000_000, "yaml.too_large", f"{RULES}:1:1", 422, "draft.refused"
    ),
    "bytes that are no text": Bad(
        f"files/{RULES}", lambda: b"- \xff", "file.encoding", f"{RULES}:1:1", 422, "draft.refused"
    ),
    "a path out of the folder": Bad(
        "files/..%2F..%2Fetc%2Fa.yaml", lambda: b"", "file.unknown", "../../etc/a.yaml:1:1", 422, "draft.refused"
    ),
    "an alias bomb": Bad(f"files/{RULES}", bomb, "yaml.alias", f"{RULES}:2:10"),
    "a thousand levels": Bad(f"files/{RULES}", lambda: b"[" * 1000 + b"]" * 1000, "yaml.too_deep", f"{RULES}:1:65"),
    "points that are not a number": Bad(
        f"files/{RULES}", lambda: of(RULES, ("lose: 15", "lose: .nan")), "shape.value", f"{RULES}:11:3"
    ),
    "a name that turns the direction": Bad(
        f"files/{RULES}", lambda: of(RULES, ("finding: failure", f"finding: {TURNED}failure")), "yaml.character",
        f"{RULES}:1:12",
    ),
    "a grade that looks like another": Bad(
        "files/bands.yaml", lambda: of("bands.yaml", ("grade: B", f"grade: {CYRILLIC_A}")), "name.lookalike",
        "bands.yaml:2:4",
    ),
    "a type that looks like another": Bad(
        f"files/{RULES}", lambda: of(RULES, ("is: test", f"is: t{CYRILLIC_E}st")), "name.unknown", f"{RULES}:3:16"
    ),
    "a formula in a cell": Bad(
        "workbook", lambda: with_cell("bands", "B", '=HYPERLINK("http://x.example")'), "workbook.formula", "bands!A4",
        422, "workbook.refused",
    ),
    "a name in a cell that turns the direction": Bad(
        "workbook", lambda: with_cell("rules", "FRUIT", f"FRUIT{TURNED}"), "yaml.character", "rules!B5", 422,
        "workbook.refused",
    ),
    "a grade in a cell that looks like another": Bad(
        "workbook", lambda: with_cell("bands", "B", CYRILLIC_A), "name.lookalike", "bands!A4", 422, "workbook.refused"
    ),
    "a workbook that is a zip bomb": Bad(
        "workbook", lambda: with_part(SHEET, b" " * 100_000_000), "", "", 422, "workbook.refused"
    ),
    "a workbook with an entity": Bad(
        "workbook", lambda: with_part(SHEET, ENTITY), "xml.doctype", f"workbook.xlsx!{SHEET}:1:34", 422, "xml.refused"
    ),
    "a workbook beyond ten megabytes": Bad("workbook", lambda: b"P" * 10_000_001, "", "", 413, "http.too_large"),
    "tables with an external entity": Bad(
        "dmn", DMN_ENTITY.encode, "xml.doctype", "tables.dmn:2:13", 422, "xml.refused"
    ),
    "tables nested a thousand deep": Bad(
        "dmn", lambda: b"<a>" * 1000 + b"</a>" * 1000, "xml.too_deep", "tables.dmn:1:301", 422, "xml.refused"
    ),
    "tables beyond ten megabytes": Bad("dmn", lambda: b"<" * 10_000_001, "", "", 413, "http.too_large"),
}  # fmt: skip


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("store")
    settings = Settings(
        database_url=f"sqlite:///{folder}/s.db", rulebook="orchard", rulebooks=(RULEBOOKS_FOLDER,), workers=1
    )
    with TestClient(create_app(settings, today=lambda: date(2026, 6, 1)), raise_server_exceptions=False) as client:
        client.put("/api/v1/producers/P1", json={"kind": "farm", "region": "330110"}).raise_for_status()
        opened(client)
        renamed(client)
        yield client


def tag_for(client: Client, to: str) -> dict[str, str]:
    """Return the header that says what is changed: the file, where there is one, or the whole draft."""
    found = client.get(f"{DRAFT}/{to}" if to.startswith("files/") else DRAFT)
    return {"If-Match": found.headers["etag"]} if found.status_code == 200 else {"If-None-Match": "*"}


@pytest.mark.parametrize("name", BAD)
def test_what_would_harm_is_refused_with_its_place_and_the_version_in_force_goes_on(
    client: Client, refused: Refused, name: str
) -> None:
    bad = BAD[name]
    grade, draft = client.get("/api/v1/producers/P1/grade").json(), client.get(DRAFT).json()

    answer = client.put(f"{DRAFT}/{bad.to}", content=bad.content(), headers=LIN | tag_for(client, bad.to))

    if bad.code is not None:
        entry = refused(answer, bad.status, bad.code, bad.place or None)
        assert entry["code"] == (bad.problem or bad.code)
        assert client.get(DRAFT).json() == draft
    else:
        assert answer.status_code == 200, answer.text
        told = act(client, "check", LIN).json()
        tried = act(client, "try", LIN)
        put_back(client, bad.to)
        assert not told["ok"]
        assert (bad.place, bad.problem) in {(one["place"], one["code"]) for one in told["problems"]}
        refused(tried, 409, "draft.not_ready")
        assert client.get(DRAFT).json()["content"] == draft["content"]
    assert client.get("/api/v1/producers/P1/grade").json() == grade
    assert [one["version"] for one in client.get("/api/v1/rulebooks").json()["items"] if one["id"] == "orchard"] == [
        "1"
    ]


def put_back(client: Client, to: str) -> None:
    content = (ORCHARD / to.removeprefix("files/")).read_bytes()
    client.put(f"{DRAFT}/{to}", content=content, headers=LIN | tag_for(client, to)).raise_for_status()


def test_of_very_many_problems_a_thousand_are_listed_and_all_are_counted(client: Client) -> None:
    content = "".join(f"- {{standard: FRUIT, x{n}: 1}}\n" for n in range(1_500)).encode()
    client.put(f"{DRAFT}/files/{RULES}", content=content, headers=LIN | tag_for(client, f"files/{RULES}"))

    told = act(client, "check", LIN).json()

    act_of_it = client.get(DRAFT).json()["acts"][-1]
    put_back(client, f"files/{RULES}")
    assert len(told["problems"]) == 1_000
    assert told["more"] == act_of_it["document"]["problems"] - 1_000 >= 500


def fnv(name: str) -> int:
    """Return the hash by which durable_rules compares names."""
    value = 0x811C9DC5
    for byte in name.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return value


def test_names_that_share_a_hash_of_the_kernel_are_told_apart(client: Client) -> None:
    renaming = {"failure": "costarring", "silence": "liquid"}
    assert fnv("costarring") == fnv("liquid")
    for path in client.get(DRAFT).json()["files"]:
        text = client.get(f"{DRAFT}/files/{path}").text
        for old, new in renaming.items():
            text = text.replace(old, new)
        headers = LIN | tag_for(client, f"files/{path}")
        client.put(f"{DRAFT}/files/{path}", content=text.encode(), headers=headers).raise_for_status()

    assert "costarring" in client.get(f"{DRAFT}/files/{RULES}").text
    assert act(client, "check", LIN).json() == {"ok": True, "problems": []}
    assert act(client, "try", LIN).json() == {"ok": True, "scenarios": 6, "failed": []}
