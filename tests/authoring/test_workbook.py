"""A rulebook becomes a workbook and the same rulebook again; what could do harm in a workbook is refused."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.comments import Comment

from authoring import workbook_sheets
from authoring.safe_xml import XmlRefused
from authoring.workbook import Imported, export_workbook, import_workbook
from authoring.workbook_files import files_of
from authoring.workbook_reading import WorkbookRefused, read_rows
from authoring.workbook_rows import rows_of
from authoring.workbook_writing import CellTooLong, write_workbook
from knowledge.loader import bind, check_rulebook, load_rulebook
from knowledge.problems import Problem, RulebookRefused
from knowledge.scenarios import Scenario, load_scenarios
from knowledge.source import Document, read_document
from knowledge.yamltext import read_comments, read_value, write_value, write_yaml
from tests.engine.random_rulebooks import written_rulebook

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(
    path.parent
    for root in (ROOT / "knowledge/rulebooks", ROOT / "examples", ROOT / "tests/rulebooks", ROOT / "tests/knowledge")
    for path in root.rglob("rulebook.yaml")
)
NIGHTLY = os.environ.get("SHUOLI_NIGHTLY") == "1"
SMALL = ROOT / "tests/rulebooks/api/orchard/1"


def put(imported: Imported, folder: Path) -> Path:
    for name, text in imported.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def cases(folder: Path) -> list[tuple[Any, ...]]:
    def content(one: Scenario) -> tuple[Any, ...]:
        return one.name, one.as_of, one.known_at, one.case, one.expect

    return [content(one) for one in load_scenarios(folder, load_rulebook(folder))]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_rulebook_comes_back_the_same(folder: Path, tmp_path: Path) -> None:
    content = export_workbook(folder)

    again = put(import_workbook(content, "book.xlsx"), tmp_path / folder.name)

    rulebook, problems = check_rulebook(again)
    assert rulebook is not None
    assert problems == ()
    assert rulebook.sha256 == load_rulebook(folder).sha256
    assert cases(again) == cases(folder)
    assert (again / "CHANGES.md").read_text("utf-8") == (folder / "CHANGES.md").read_text("utf-8")
    assert comments(again) == comments(folder)
    if len(content) < 100_000:
        assert export_workbook(again) == content


def comments(folder: Path) -> dict[str, list[str]]:
    """Return the comments of each file, in whatever place."""
    found = {}
    for path in folder.rglob("*.yaml"):
        document = read_document(path.name, path.read_bytes(), [])
        lines = [line for part in read_comments(path.read_bytes(), document).values() for line in part]
        if lines:
            found[path.relative_to(folder).as_posix()] = sorted(lines)
    return found


@pytest.mark.parametrize("seed", range(600) if NIGHTLY else range(15))
def test_drawn_rulebooks_come_back_the_same(seed: int) -> None:
    files = written_rulebook(seed)
    try:
        wanted = bind(files)
    except RulebookRefused:
        pytest.skip("what was drawn contradicts itself")
    rows = rows_of({name: Document(name, data) for name, data in files.items()}, None)
    problems: list[Problem] = []

    read = files_of(read_rows(write_workbook(rows, ["drawn"]), "drawn.xlsx", problems), problems)

    assert problems == []
    assert bind({name: one.data for name, one in read.documents.items()}).sha256 == wanted.sha256


def test_every_key_of_every_file_has_a_column() -> None:
    rows = [row for path in FOLDERS for row in _rows(path)]

    assert [row.cells["more"] for row in rows if "more" in row.cells] == []
    assert [row.cells for row in rows if str(row.cells.get("key", "")).startswith("more:")] == []
    assert {cell for row in rows for cell in row.cells} >= {
        "tests",
        "within",
        "below",
        "choice",
        "suspended_by",
        "again",
    }


def _documents(folder: Path) -> dict[str, Document]:
    names = {path: path.relative_to(folder).as_posix() for path in folder.rglob("*.yaml")}
    return {name: read_document(name, path.read_bytes(), []) for path, name in names.items()}


def _rows(folder: Path) -> list[Any]:
    return [row for rows in rows_of(_documents(folder), None).values() for row in rows]


VISIBLE = st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"])
ODD = (
    "yes", "no", "true", "null", "~", "1", "-0.5", "1e3", "a: b", "a #b", "- a", "=1+1", "@a", "{a}", "a\nb", " a",
    "a ", "2026-03-01", "", '"', '""', "a:", "?", "a\tb",
)  # fmt: skip


def test_keys_that_have_no_sheet_are_kept() -> None:
    files: dict[str, Any] = {name: one.data for name, one in _documents(SMALL).items()}
    files["rulebook.yaml"]["later"] = {"a": [1, "b c"]}
    files["vocabulary.yaml"]["words"] = ["x"]
    files["indicators.yaml"]["standards"][0]["extra"] = "y: z"
    rows = rows_of({name: Document(name, data) for name, data in files.items()}, None)
    problems: list[Problem] = []

    read = files_of(read_rows(write_workbook(rows, ["t"]), "t.xlsx", problems), problems).documents

    found: dict[str, Any] = {name: one.data for name, one in read.items()}
    assert problems == []
    assert found["rulebook.yaml"]["later"] == {"a": [1, "b c"]}
    assert found["vocabulary.yaml"]["words"] == ["x"]
    assert found["indicators.yaml"]["standards"][0]["extra"] == "y: z"


TEXTS = st.text(VISIBLE) | st.sampled_from(ODD)
DATA = st.recursive(
    TEXTS | st.integers(-(10**17), 10**17) | st.booleans() | st.none() | st.decimals(-(10**6), 10**6, places=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXTS.filter(lambda key: key != "<<"), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(data=st.dictionaries(TEXTS.filter(lambda key: key != "<<"), DATA, max_size=5))
@settings(max_examples=200, deadline=None)
def test_yaml_that_is_written_reads_back(data: dict[str, Any]) -> None:
    problems: list[Problem] = []

    assert same(read_document("a.yaml", write_yaml(data).encode(), problems).data, data)
    assert same(read_value(write_value(data), "a!A1", problems), data)
    assert problems == []


def same(one: Any, other: Any) -> bool:
    """Compare with types, since 1, True and Decimal(1) are equal to Python."""
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other and str(one) == str(other)


def edited(change: Callable[[Workbook], None], folder: Path = SMALL) -> bytes:
    book = load_workbook(io.BytesIO(export_workbook(folder)))
    change(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def refused(content: bytes) -> list[str]:
    with pytest.raises(WorkbookRefused) as caught:
        import_workbook(content, "book.xlsx")
    return [f"{problem.place} {problem.code}" for problem in caught.value.problems] or [caught.value.message]


def test_another_program_may_save_the_workbook() -> None:
    assert (
        import_workbook(edited(lambda _: None), "book.xlsx").files == import_workbook(export_workbook(SMALL), "b").files
    )


def test_a_comment_on_a_cell_is_kept_at_its_value_and_comes_back_on_its_cell() -> None:
    def on_law(book: Workbook) -> None:
        book["rules"][at(book, "rules", "law", 5)].comment = Comment("与旧条文核对\nask the office", "Li")

    imported = import_workbook(edited(on_law), "book.xlsx")

    assert "  # 与旧条文核对\n  # ask the office\n  law: [ACT-1]\n" in imported.files["rules/rules.yaml"]
    assert imported.rulebook.sha256 == load_rulebook(SMALL).sha256


def test_a_comment_that_turns_the_direction_is_refused_with_its_cell() -> None:
    def change(book: Workbook) -> None:
        book["rules"]["B3"].comment = Comment("a\u202eb", "Li")

    assert refused(edited(change)) == ["rules!B3 yaml.character"]


def test_numbers_dates_and_percentages_that_a_spreadsheet_made_of_text_mean_what_was_typed() -> None:
    def change(book: Workbook) -> None:
        page = book["rulebook"]
        for row in page.iter_rows(min_row=3):
            if row[0].value == "effective_from":
                row[1].value, row[1].number_format = date(2026, 1, 5), "yyyy-mm-dd"

    assert "effective_from: 2026-01-05\n" in import_workbook(edited(change), "book.xlsx").files["rulebook.yaml"]


def test_a_formula_is_refused_with_its_cell() -> None:
    def change(book: Workbook) -> None:
        book["rules"]["F4"] = "=1+1"
        book["laws"]["B3"] = '=HYPERLINK("http://evil.example","x")'

    assert refused(edited(change)) == ["laws!B3 workbook.formula", "rules!F4 workbook.formula"]


def test_text_that_begins_like_a_formula_is_text(tmp_path: Path) -> None:
    def change(book: Workbook) -> None:
        for row in book["rights"].iter_rows(min_row=3, max_row=3):
            row[0].value, row[2].value = "x", "y"
        for place, text in enumerate(("=1+1", "+1", "-1", "@SUM(A1)")):
            cell = book["laws"].cell(row=3, column=2 + place)
            cell.value, cell.data_type = text, "s"
        book["laws"]["D3"] = "1"

    folder = put(import_workbook(edited(change), "book.xlsx"), tmp_path)
    content = export_workbook(folder)

    assert load_workbook(io.BytesIO(content))["laws"]["B3"].data_type == "s"
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        assert [
            name for name in book.namelist() if name.startswith("xl/worksheets/") and b"<f>" in book.read(name)
        ] == []
    assert import_workbook(content, "book.xlsx").rulebook.laws["ACT-1"].title.zh == "=1+1"


def at(book: Workbook, sheet: str, key: str, row: int) -> str:
    return next(f"{cell.coordinate[:-1]}{row}" for cell in book[sheet][2] if cell.value == key)


def test_what_is_wrong_with_the_rulebook_is_told_with_sheet_and_cell() -> None:
    def change(book: Workbook) -> None:
        book["conditions"][at(book, "conditions", "is", 3)] = "tset"
        book["indicators"][at(book, "indicators", "points", 4)] = 7
        book["bands"]["A4"] = "\u0410"

    found = refused(edited(change))

    assert {"conditions!E3 name.unknown", "indicators!F3 points.sum", "bands!A4 name.lookalike"} <= set(found)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda book: book["rules"].__setitem__("C3", "fnding"), "rules!C3 workbook.cell"),
        (lambda book: book["rules"].__setitem__("A3", "rules/../../x.yaml"), "rules!A3 workbook.cell"),
        (lambda book: book["files"].__setitem__("A3", "../x.yaml"), "files!A3 workbook.cell"),
        (lambda book: book["rules"].__setitem__("B2", "rul"), "rules!B2 workbook.column"),
        (lambda book: book.__delitem__("bands"), "bands workbook.sheet"),
        (lambda book: setattr(book["rules"], "title", "rulez"), "rulez workbook.sheet"),
        (lambda book: book["rules"].__setitem__("AZ3", "x"), "rules!AZ3 workbook.column"),
        (lambda book: book["names"].__setitem__("B3", "a\u202eb"), "names!B3 yaml.character"),
        (lambda book: book["names"].__setitem__("B3", "\u0430pple"), "names!B3 shape.value"),
        (lambda book: book["conditions"].__setitem__("F3", "[" * 200), "conditions!F3 yaml.too_deep"),
        (lambda book: book["conditions"].__setitem__("F3", "a: &x [b]"), "conditions!F3 yaml.alias"),
        (lambda book: book["rules"].__setitem__("F4", "nan"), "rules!F4 shape.value"),
    ],
)
def test_what_is_wrong_with_a_cell_is_told(change: Callable[[Workbook], None], found: str) -> None:
    assert found in refused(edited(change))


def test_ten_megabytes_are_refused() -> None:
    assert refused(b"PK" + b"0" * 10_000_000) == ["book.xlsx has 10000002 bytes; at most 10000000"]


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", b"0" * 200_000_000)

    assert refused(out.getvalue()) == ["book.xlsx unpacks to more than 60000000 bytes or 1000 parts"]


def with_part(name: str, change: Callable[[bytes], bytes]) -> bytes:
    out, original = io.BytesIO(), zipfile.ZipFile(io.BytesIO(export_workbook(SMALL)))
    with zipfile.ZipFile(out, "w") as book:
        for one in original.namelist():
            book.writestr(one, change(original.read(one)) if one == name else original.read(one))
    return out.getvalue()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"</sheetData>", b'</sheetData><mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>', "merged cells"),
        (b"</sheetData>", b'</sheetData><hyperlinks><hyperlink ref="A1:XFD1048576"/></hyperlinks>', "A1:XFD1048576"),
        (
            b"</sheetData>",
            b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>',
            "reaches to XFD1048576",
        ),
    ],
    ids=["merged", "link", "far"],
)
def test_a_few_bytes_never_make_a_reader_lay_out_millions_of_cells(old: bytes, new: bytes, said: str) -> None:
    (found,) = refused(with_part("xl/worksheets/sheet9.xml", lambda content: content.replace(old, new)))

    assert said in found


def test_a_part_is_checked_whatever_its_name_is() -> None:
    harm = b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'
    out = io.BytesIO(export_workbook(SMALL))
    with zipfile.ZipFile(out, "a") as book:
        book.writestr("xl/media/picture.png", harm)

    with pytest.raises(XmlRefused):
        import_workbook(out.getvalue(), "book.xlsx")


def test_a_file_that_is_no_workbook_is_refused() -> None:
    assert refused(b"id,name\n") == ["book.xlsx is no XLSX workbook"]
    assert refused(export_workbook(SMALL)[:5000]) == ["book.xlsx is no XLSX workbook"]


@pytest.mark.parametrize(
    "harm",
    [
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'.encode("utf-16"),
        b"<a>" * 1000 + b"</a>" * 1000,
    ],
    ids=["external entity", "entity in UTF-16", "deep"],
)
def test_entities_and_depth_in_a_part_are_refused_with_the_part(harm: bytes) -> None:
    content = with_part("xl/sharedStrings.xml", lambda _: harm)

    with pytest.raises(XmlRefused) as caught:
        import_workbook(content, "book.xlsx")

    assert caught.value.problems[0].place.startswith("book.xlsx!xl/sharedStrings.xml:1:")


def test_a_text_too_long_for_a_cell_is_named() -> None:
    rows = rows_of(
        {path.name: read_document(path.name, path.read_bytes(), []) for path in SMALL.glob("*.yaml")}, "x" * 40_000
    )

    with pytest.raises(CellTooLong) as caught:
        write_workbook(rows, ["long"])

    assert caught.value.problems[0].place == "changes!A3"


def test_drop_downs_offer_what_may_stand_in_a_column() -> None:
    page = load_workbook(io.BytesIO(export_workbook(SMALL)))["rules"]
    offered = {str(rule.sqref).split(":")[0]: rule.formula1 for rule in page.data_validations.dataValidation}

    assert offered["C3"] == f'"{",".join(workbook_sheets.CONCLUSIONS)}"'
    assert offered["A3"] == "'files'!$A$3:$A$5000"


def test_decimals_keep_their_places() -> None:
    assert read_value(write_value(Decimal("0.50")), "a!A1", []) == Decimal("0.50")
