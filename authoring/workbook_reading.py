"""Reads an XLSX workbook into rows: no formulas, no entities, nothing that unpacks without end."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from authoring import workbook_sheets as sheets
from authoring.safe_xml import XmlRefused, check_xml
from authoring.workbook_cells import Shown, plain
from authoring.workbook_entries import SheetRow
from authoring.workbook_sheets import FIRST_ROW, KEYS, Sheet
from knowledge.problems import Problem, ShuoliError, nearest
from knowledge.source import is_invisible

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

LARGEST: Final = 10_000_000
LARGEST_UNPACKED: Final = 60_000_000
MOST_PARTS: Final = 1_000
MOST_CELLS: Final = 400_000
_HARM: Final = (
    ("vbaProject", "macros"), ("xl/macrosheets/", "macros"), ("xl/externalLinks/", "links to other workbooks"),
    ("xl/connections.xml", "links to data elsewhere"), ("xl/activeX/", "controls"), ("xl/embeddings/", "other files"),
)  # fmt: skip
"""Parts of a workbook that bring something from elsewhere, or that run."""
_CELL: Final = re.compile(rb'<c r="([A-Z]{1,3}[0-9]{1,7})"([^>]*)>\s*<v>([^<]*)</v>')
_NUMBER: Final = re.compile(r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?", re.ASCII)
_THREAD: Final = "[Threaded comment]"


class WorkbookRefused(ShuoliError):
    """A workbook can't be read as a rulebook; nothing was written."""

    code = "workbook.refused"


def read_rows(content: bytes, name: str, problems: list[Problem]) -> dict[str, list[SheetRow]]:
    """Return the rows of each sheet; formulas, unknown sheets and columns are told with their cells.

    Raises:
        WorkbookRefused: it is too large, or no XLSX.
        XmlRefused: a part of it declares entities or nests too deep.
    """
    _check(content, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of extensions that are passed over, such as newer drop-downs
            book = load_workbook(io.BytesIO(content), keep_links=False)
    except Exception as error:  # a workbook that breaks the reader in any way is refused
        found = tuple(_no_numbers(content))
        why = found[0].as_text() if found else str(error)
        raise WorkbookRefused(
            f"{name} is no XLSX workbook: {why}", help="save it as XLSX, without a password", problems=found
        ) from error
    known = {sheet.name: sheet for sheet in sheets.SHEETS}
    rows: dict[str, list[SheetRow]] = {}
    for title in book.sheetnames:
        if title == sheets.README:
            continue
        page = book[title]
        if title not in known:
            if not any(str(cell or "").strip() for line in getattr(page, "values", ()) for cell in line):
                continue  # an empty sheet, as spreadsheets add them
            near = nearest(title, known)
            help_ = f"did you mean `{near}`?" if near else f"the sheets are {', '.join(known)}"
            problems.append(
                Problem(title, "workbook.sheet", f"there is no sheet `{title}` in a rulebook", title, None, help_)
            )
        elif hasattr(page, "iter_rows"):
            if page.max_row * page.max_column > MOST_CELLS:
                end = f"{get_column_letter(page.max_column)}{page.max_row}"
                raise WorkbookRefused(f"{name}: sheet `{title}` reaches to {end}", help="clear what is empty there")
            rows[title] = list(_rows(page, known[title], problems))
    missing = [one for one in ("files", "rulebook", "types", "indicators", "bands") if one not in rows]
    problems += [Problem(one, "workbook.sheet", f"sheet `{one}` is missing", None, one) for one in missing]
    return rows


def _no_numbers(content: bytes) -> Iterator[Problem]:
    """Yield the cells that say that they hold a number and don't, at which readers of workbooks break."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        for part in book.namelist():
            for cell in _CELL.finditer(book.read(part)) if part.startswith("xl/worksheets/") else ():
                value = cell[3].decode("utf-8", "replace").strip()
                if (b't="' not in cell[2] or b't="n"' in cell[2]) and not _NUMBER.fullmatch(value):
                    at = f"{part}!{cell[1].decode()}"
                    yield Problem(at, "workbook.cell", f"`{value[:60]}` is no number", value[:60], "a number")


@dataclass(slots=True)
class _Seen:
    """What a reader of workbooks would lay out."""

    cells: int = 0
    ranges: list[str] = field(default_factory=list)

    def __call__(self, name: str, attributes: Mapping[str, str]) -> None:
        self.cells += name == "c"
        if name in ("mergeCell", "hyperlink", "comment") and ":" in attributes.get("ref", ""):
            self.ranges.append(attributes["ref"][:40])


def _check_part(content: bytes, place: str, name: str, seen: _Seen) -> None:
    """Check a part whatever its name: which parts are sheets is said elsewhere; pictures are no XML and never read."""
    try:
        check_xml(content, place, seen)
    except XmlRefused as refused:
        if refused.problems[0].code != "xml.syntax" or name.endswith((".xml", ".rels")):
            raise


def _check(content: bytes, name: str) -> None:
    """Look at what unpacks to what before anything is laid out."""
    if len(content) > LARGEST:
        raise WorkbookRefused(f"{name} has {len(content)} bytes; at most {LARGEST}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            parts = book.infolist()
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > LARGEST_UNPACKED:
                raise WorkbookRefused(f"{name} unpacks to more than {LARGEST_UNPACKED} bytes or {MOST_PARTS} parts")
            for where, what in ((one.filename, what) for one in parts for mark, what in _HARM if mark in one.filename):
                raise WorkbookRefused(f"{name}!{where}: the workbook holds {what}", help="save it as XLSX without them")
            seen = _Seen()
            for part in parts:
                _check_part(book.read(part), f"{name}!{part.filename}", part.filename, seen)
            if seen.cells > MOST_CELLS:
                raise WorkbookRefused(f"{name} has {seen.cells} cells; at most {MOST_CELLS}")
            if seen.ranges:
                message = f"{name} has merged cells, or links and comments over several: {', '.join(seen.ranges[:5])}"
                raise WorkbookRefused(message, help="each cell stands for itself: take the merging back")
    except XmlRefused:
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise WorkbookRefused(f"{name} is no XLSX workbook", help="save it as XLSX, without a password") from error


def _rows(page: Worksheet, sheet: Sheet, problems: list[Problem]) -> Iterator[SheetRow]:
    columns = _columns(page, sheet, problems)
    for cells in page.iter_rows(min_row=FIRST_ROW):
        found: dict[str, Shown] = {}
        places, notes = {}, {}
        for place, key in columns.items():
            cell: Any = cells[place] if place < len(cells) else None
            if cell is None:
                continue
            at = f"{sheet.name}!{get_column_letter(place + 1)}{cells[0].row}"
            places[key] = at
            value = _value(cell, at, problems)
            if value is not None:
                found[key] = value
            if cell.comment is not None and cell.comment.text.strip():
                notes[key] = _said(cell.comment.text.replace("\r\n", "\n"))
                _note_unseen(notes[key], at, problems)
        stray = [cell for place, cell in enumerate(cells) if place not in columns and cell.value not in (None, "")]
        for cell in stray:
            at = f"{sheet.name}!{get_column_letter(cell.column)}{cell.row}"
            message = "a value stands in a column without a key"
            problems.append(Problem(at, "workbook.column", message, str(cell.value)[:60], "a key in row 2"))
        if found or notes or sheet is sheets.CHANGES:  # blank lines of a text count
            yield SheetRow(sheet, f"{sheet.name}!A{cells[0].row}", found, places, notes)


def _columns(page: Worksheet, sheet: Sheet, problems: list[Problem]) -> Mapping[int, str]:
    """Return the keys in row 2 by column, counted from 0."""
    columns: dict[int, str] = {}
    for cell in page[KEYS] if page.max_row >= KEYS else ():
        key = str(cell.value or "").strip()
        at = f"{sheet.name}!{get_column_letter(cell.column or 1)}{KEYS}"
        if not key:
            continue
        if sheet.column(key) is None:
            near = nearest(key, [column.key for column in sheet.columns])
            help_ = f"did you mean `{near}`?" if near else None
            problems.append(
                Problem(at, "workbook.column", f"there is no column `{key}` in this sheet", key, None, help_)
            )
        elif key in columns.values():
            problems.append(Problem(at, "workbook.column", f"column `{key}` stands here for the second time", key))
        else:
            columns[(cell.column or 1) - 1] = key
    return columns


def _value(cell: Cell, at: str, problems: list[Problem]) -> Shown | None:
    if cell.data_type == "f":
        given = str(getattr(cell.value, "text", None) or cell.value)[:60]
        help_ = "put the value itself here: copy the cell, then paste special, values"
        problems.append(Problem(at, "workbook.formula", f"a formula stands here: `{given}`", given, "a value", help_))
        return None
    if cell.data_type == "e":
        problems.append(
            Problem(at, "workbook.cell", f"an error stands here: `{cell.value}`", str(cell.value), "a value")
        )
        return None
    value = plain(cell.value, cell.number_format or "")  # type: ignore[arg-type]  # arrays of formulas are refused above
    if isinstance(value, int | None):
        return value
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    _note_unseen(value, at, problems)
    if at.startswith(f"{sheets.CHANGES.name}!"):
        return value if value.strip() else None
    return value.strip() or None


def _said(comment: str) -> str:
    """Return what people wrote in a comment, without the words that a spreadsheet puts before a thread of them."""
    if not comment.startswith(_THREAD):
        return comment
    said = comment.partition("\nComment:\n")[2] or comment
    return "\n".join(line.strip() for line in said.replace("\nReply:\n", "\n").split("\n"))


def _note_unseen(text: str, at: str, problems: list[Problem]) -> None:
    """Note what nobody sees in a text: controls, and marks that turn the direction of what follows."""
    unseen = next((char for char in text if is_invisible(char)), None)
    if unseen is not None:
        name = f"U+{ord(unseen):04X}"
        message = f"text holds the invisible character {name}"
        problems.append(Problem(at, "yaml.character", message, name, "visible text"))
