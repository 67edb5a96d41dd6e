"""The commands about workbooks, decision tables, documents and differences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.cli import main
from knowledge.loader import load_rulebook

SMALL = str(Path(__file__).parents[1] / "rulebooks/api/orchard/1")


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in arguments])
    return int(ended.value.code or 0)


def test_a_rulebook_goes_out_as_a_workbook_and_comes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book, folder = tmp_path / "book.xlsx", tmp_path / "orchard" / "1"

    assert run("rulebook", "export", SMALL, "--xlsx", book) == 0
    assert run("rulebook", "import", book, folder) == 0
    assert run("rulebook", "diff", SMALL, folder, "--lang", "en") == 0

    assert capsys.readouterr().out.endswith("The two versions mean the same.\n")
    assert load_rulebook(folder).sha256 == load_rulebook(Path(SMALL)).sha256


def test_what_no_table_says_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rulebook", "export", SMALL, "--dmn", tmp_path / "o.dmn", "--json") == 0

    told = json.loads(capsys.readouterr().out)
    assert {one["given"] for one in told["left_out"]} >= {"FRUIT", "failure"}
    assert run("rulebook", "import", tmp_path / "o.dmn", tmp_path / "tables" / "1", "--id", "tables") == 0
    assert load_rulebook(tmp_path / "tables" / "1").id == "tables"


def test_a_file_that_is_refused_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.dmn").write_text("<!DOCTYPE d><d/>")
    (tmp_path / "bad.xlsx").write_text("no")

    assert run("rulebook", "import", tmp_path / "bad.dmn", tmp_path / "new", "--json") == 1
    assert json.loads(capsys.readouterr().err)["code"] == "xml.refused"
    assert run("rulebook", "import", tmp_path / "bad.xlsx", tmp_path / "new") == 1
    assert not (tmp_path / "new").exists()


def test_a_rulebook_that_is_there_is_replaced_only_when_told_so(tmp_path: Path) -> None:
    book, folder = tmp_path / "book.xlsx", tmp_path / "orchard" / "1"
    run("rulebook", "export", SMALL, "--xlsx", book)
    run("rulebook", "import", book, folder)
    (folder / "rules" / "old.yaml").write_text("[]\n")
    (folder / "README.md").write_text("mine")

    assert run("rulebook", "import", book, folder) == 1
    assert run("rulebook", "import", book, folder, "--force") == 0

    assert not (folder / "rules" / "old.yaml").exists()
    assert (folder / "README.md").read_text() == "mine"


def test_a_folder_that_holds_something_else_is_never_replaced(tmp_path: Path) -> None:
    book, folder = tmp_path / "book.xlsx", tmp_path / "mine"
    run("rulebook", "export", SMALL, "--xlsx", book)
    folder.mkdir()
    (folder / "notes.yaml").write_text("a: 1\n")

    assert run("rulebook", "import", book, folder, "--force") == 1
    assert [path.name for path in folder.iterdir()] == ["notes.yaml"]


def test_the_document_and_the_redline_are_written_as_pdf_by_the_name_of_the_file(tmp_path: Path) -> None:
    page, redline = tmp_path / "rules.pdf", tmp_path / "redline.PDF"

    assert run("rulebook", "document", SMALL, "--out", page) == 0
    assert run("rulebook", "diff", SMALL, SMALL, "--out", redline) == 0
    assert page.read_bytes().startswith(b"%PDF-")
    assert redline.read_bytes().startswith(b"%PDF-")


def test_the_document_is_written_or_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "rules.html"

    assert run("rulebook", "document", SMALL, "--out", page, "--lang", "en", "--json") == 0

    assert json.loads(capsys.readouterr().out)["lang"] == "en"
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert run("rulebook", "document", SMALL) == 2


def test_wrong_use_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")

    assert run("rulebook", "export", SMALL) == 2
    assert run("rulebook", "import", tmp_path / "a.txt", tmp_path / "new") == 2
    assert run("rulebook", "import", tmp_path / "missing.xlsx", tmp_path / "new") == 3
    assert run("rulebook", "export", SMALL, "--xlsx", tmp_path / "no" / "book.xlsx") == 1
    assert run("rulebook", "diff", SMALL, "nothing") == 3
