"""A workbook as spreadsheets save it and as policy writers edit it: it means the same, or its cell is named."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.comments import Comment
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.worksheet.worksheet import Worksheet

from authoring import workbook_sheets
from authoring.workbook import export_workbook, import_workbook
from authoring.workbook_reading import WorkbookRefused
from knowledge.loader import load_rulebook

ROOT = Path(__file__).parents[2]
HANGZHOU = ROOT / "knowledge/rulebooks/hangzhou/2021.1"
NIGHTLY = os.environ.get("SHUOLI_NIGHTLY") == "1"
SMALL = ROOT / "tests/rulebooks/api/orchard/1"
WIDE = {code - 0xFEE0: code for code in range(0xFF01, 0xFF5F)}
SHEETS = {sheet.name: sheet for sheet in workbook_sheets.SHEETS}


def cells(book: Workbook) -> Iterator[tuple[Any, str]]:
    """Yield each cell that holds something with the kind of its column."""
    for page in book.worksheets:
        sheet = SHEETS.get(page.title)
        keys = [cell.value for cell in page[2]] if sheet is not None and sheet is not workbook_sheets.CHANGES else []
        for row in page.iter_rows(min_row=3):
            for cell, key in zip(row, keys, strict=False):
                column = sheet.column(str(key)) if sheet is not None else None
                if column is not None and cell.value is not None:
                    yield cell, column.kind


def percentages(book: Workbook) -> None:
    for cell, _ in cells(book):
        if isinstance(cell.value, str) and re.fullmatch(r"\d+%", cell.value):
            cell.value, cell.number_format = float(cell.value[:-1]) / 100, "0.00%"


def dates(book: Workbook) -> None:
    for cell, _ in cells(book):
        if isinstance(cell.value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", cell.value):
            cell.value, cell.number_format = datetime.fromisoformat(cell.value), "yyyy/m/d"


def old_dates(book: Workbook) -> None:
    book.epoch = CALENDAR_MAC_1904
    dates(book)


def booleans(book: Workbook) -> None:
    for cell, _ in cells(book):
        if cell.value in ("yes", "no"):
            cell.value = cell.value == "yes"


def floats(book: Workbook) -> None:
    for cell, _ in cells(book):
        if isinstance(cell.value, str) and re.fullmatch(r"[1-9]\d*", cell.value):
            cell.value = float(cell.value)


def texts(book: Workbook) -> None:
    for cell, _ in cells(book):
        if isinstance(cell.value, int):
            cell.value, cell.number_format = str(cell.value), "@"


def spaces(book: Workbook) -> None:
    for number, (cell, _) in enumerate(cells(book)):
        if isinstance(cell.value, str):
            cell.value = f"{cell.value}{('  ', chr(0xA0), chr(0x3000), chr(10))[number % 4]}"


def wide_numbers(book: Workbook) -> None:
    for cell, kind in cells(book):
        if kind != "prose" and re.fullmatch(r"-?\d+(\.\d+)?%?|\d{4}-\d\d-\d\d", str(cell.value)):
            cell.value = str(cell.value).translate(WIDE)


def rearranged(book: Workbook) -> None:
    book.move_sheet("rules", -4)
    book.create_sheet("Sheet1")
    for page in book.worksheets:
        page.auto_filter.ref = page.dimensions
        page.row_dimensions[4].hidden = True
        page.cell(row=page.max_row + 9, column=1).value = " "


def blank_rows(book: Workbook) -> None:
    book["rules"].insert_rows(5)
    book["conditions"].insert_rows(8, 3)


CHANGES = (percentages, dates, booleans, floats, spaces, rearranged, blank_rows, old_dates, texts, wide_numbers)


def at_once(book: Workbook) -> None:
    for change in CHANGES[:7]:
        change(book)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_spreadsheets_make_of_cells_means_the_same(change: Callable[[Workbook], None]) -> None:
    rulebook = import_workbook(edited(change), "book.xlsx").rulebook

    assert rulebook.sha256 == load_rulebook(SMALL).sha256


@pytest.mark.parametrize("change", [at_once, *CHANGES] if NIGHTLY else [at_once], ids=lambda change: change.__name__)
def test_a_large_workbook_that_was_saved_again_means_the_same(change: Callable[[Workbook], None]) -> None:
    rulebook = import_workbook(edited(change, export_workbook(HANGZHOU)), "book.xlsx").rulebook

    assert rulebook.sha256 == load_rulebook(HANGZHOU).sha256


def edited(change: Callable[[Workbook], None], content: bytes | None = None) -> bytes:
    book = load_workbook(io.BytesIO(content or export_workbook(SMALL)))
    change(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def with_parts(parts: dict[str, Callable[[bytes], bytes]], content: bytes | None = None) -> bytes:
    """Return a workbook with some of its parts changed, or added."""
    out, original = io.BytesIO(), zipfile.ZipFile(io.BytesIO(content or export_workbook(SMALL)))
    with zipfile.ZipFile(out, "w") as book:
        for name in dict.fromkeys([*original.namelist(), *parts]):
            given = original.read(name) if name in original.namelist() else b""
            book.writestr(name, parts[name](given) if name in parts else given)
    return out.getvalue()


def test_texts_in_runs_of_several_looks_mean_what_they_say() -> None:
    def runs(strings: bytes) -> bytes:
        return re.sub(
            r"<si><t(?: [^>]*)?>([^<&]{2})([^<&]+)</t></si>",
            r'<si><r><rPr><b/></rPr><t xml:space="preserve">\1</t></r><r><t xml:space="preserve">\2</t></r></si>',
            strings.decode(),
        ).encode()

    plain = export_workbook(SMALL)
    content = with_parts({"xl/sharedStrings.xml": runs}, plain)

    assert import_workbook(content, "b.xlsx").files == import_workbook(plain, "b.xlsx").files
    assert zipfile.ZipFile(io.BytesIO(content)).read("xl/sharedStrings.xml").count(b"<r>") > 100


def test_what_was_said_in_a_thread_of_comments_is_kept_without_the_words_of_the_spreadsheet() -> None:
    thread = (
        "[Threaded comment]\n\nYour version of Excel allows you to read this threaded comment; however, any edits to "
        "it will get removed.\n\nComment:\n    why twenty?\nReply:\n    the office said so"
    )

    def change(book: Workbook) -> None:
        book["rules"]["C3"].comment = Comment(thread, "tc={1}")

    text = import_workbook(edited(change), "book.xlsx").files["rules/rules.yaml"]

    assert "# why twenty?\n" in text
    assert "# the office said so\n" in text
    assert "Excel" not in text


def refused(content: bytes) -> list[str]:
    with pytest.raises(WorkbookRefused) as caught:
        import_workbook(content, "book.xlsx")
    return [f"{one.place} {one.help or one.message}" for one in caught.value.problems] or [caught.value.message]


def column(page: Worksheet, key: str) -> int:
    return next(int(cell.column or 0) for cell in page[2] if cell.value == key)


def test_a_rule_that_is_deleted_leaves_conditions_and_they_are_named() -> None:
    found = refused(edited(lambda book: book["rules"].delete_rows(3)))

    assert found[0].startswith("conditions!A3 known: ")


def test_a_rule_that_is_renamed_in_one_sheet_alone_is_missed_in_the_others() -> None:
    def change(book: Workbook) -> None:
        page = book["rules"]
        page.cell(3, column(page, "id")).value = "renamed"

    assert refused(edited(change))[0].startswith("conditions!A3 known: renamed, ")


def test_a_rule_is_renamed_by_find_and_replace() -> None:
    old = str(load_workbook(io.BytesIO(export_workbook(SMALL)))["rules"].cell(3, 2).value)

    def change(book: Workbook) -> None:
        for cell, kind in cells(book):
            if kind != "prose" and isinstance(cell.value, str):
                cell.value = re.sub(rf"\b{old}\b", "renamed", cell.value)

    rulebook = import_workbook(edited(change), "book.xlsx").rulebook

    assert "renamed" in {rule.id for rule in rulebook.rules}
    assert len(rulebook.rules) == len(load_rulebook(SMALL).rules)


def test_a_law_and_a_step_are_added() -> None:
    def change(book: Workbook) -> None:
        laws = book["laws"]
        for key, value in {"id": "NEW-5", "title:zh": "新办法", "article": "5"}.items():
            laws.cell(laws.max_row + (key == "id"), column(laws, key)).value = value
        steps = book["steps"]
        steps.insert_rows(4)
        for cell in steps[3]:
            steps.cell(4, int(cell.column or 0)).value = cell.value
        steps.cell(4, column(steps, "below")).value = 2
        steps.cell(4, column(steps, "points")).value = 1

    before, after = load_rulebook(SMALL), import_workbook(edited(change, export_workbook(SMALL)), "b").rulebook

    assert set(after.laws) - set(before.laws) == {"NEW-5"}
    assert after.sha256 != before.sha256
    changed = [one for one, old in zip(after.rules, before.rules, strict=True) if one.points != old.points]
    assert len(changed) == 1


def test_full_width_signs_where_half_width_ones_are_meant_are_named_with_their_cell() -> None:
    def change(book: Workbook) -> None:
        page = book["conditions"]
        place = column(page, "tests")
        found = [cell for (cell,) in page.iter_rows(3, min_col=place, max_col=place) if ":" in str(cell.value or "")]
        found[0].value = str(found[0].value).replace(":", chr(0xFF1A))

    (found,) = refused(edited(change))

    assert re.match(r"conditions!\w+ full-width characters stand here: write `:` for `\uff1a`", found)


@pytest.mark.parametrize("number", ["NaN", "INF", "-INF", "1E+999", "1E+300", "0.1000000000000000055"])
def test_numbers_that_are_none_are_refused_with_their_cell(number: str) -> None:
    def change(sheet: bytes) -> bytes:
        return re.sub(
            rb'(<c r="F3"[^>]*?)(?: t="\w+")?>(<is>.*?</is>|<v>.*?</v>)</c>',
            rb"\1><v>%s</v></c>" % number.encode(),
            sheet,
        )

    names = load_workbook(io.BytesIO(export_workbook(SMALL))).sheetnames
    part = f"xl/worksheets/sheet{names.index('indicators') + 1}.xml"

    found = refused(with_parts({part: change}))

    assert any(one.startswith(("indicators!F3 ", f"{part}!F3 ")) for one in found)


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ("xl/vbaProject.bin", "macros"),
        ("xl/externalLinks/externalLink1.xml", "links to other workbooks"),
        ("xl/connections.xml", "links to data elsewhere"),
        ("xl/embeddings/oleObject1.bin", "other files"),
    ],
)
def test_macros_and_links_elsewhere_are_refused_with_the_part(part: str, what: str) -> None:
    assert refused(with_parts({part: lambda _: b"<a/>"})) == [f"book.xlsx!{part}: the workbook holds {what}"]


@pytest.mark.parametrize("name", ["\u0430b", "a\u202eb", "a\u200bb"])
def test_names_that_look_like_others_or_turn_the_direction_are_refused(name: str) -> None:
    def change(book: Workbook) -> None:
        page = book["names"]
        for row, own in ((3, "ab"), (4, name)):
            page.cell(row, column(page, "section")).value = "kinds"
            page.cell(row, column(page, "name")).value = own

    assert any(one.startswith("names!B4 ") for one in refused(edited(change)))
