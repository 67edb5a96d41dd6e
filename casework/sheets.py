"""Files of rows: CSV in UTF-8 or GB18030, and XLSX. Whatever can't be read is said with its line, never guessed."""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from python_calamine import CalamineError, CalamineWorkbook

from casework.rows import Row, Written
from knowledge.mapping import FactMapping, Sheet
from knowledge.problems import Problem, ShuoliError, nearest

LARGEST_XLSX: Final = 5_000_000
MOST_CELLS: Final = 100_000
_LARGEST_UNPACKED: Final = 60_000_000
_CELL: Final = re.compile(rb"<(?:\w+:)?c(?=[\s/>])([^>]*)>")
_AT: Final = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_ROW_AT: Final = re.compile(rb'<(?:\w+:)?row\s[^>]*\br="([0-9]{1,7})"')
_SHEET: Final = re.compile(rb'<(?:\w+:)?sheet\s[^>]*?name="([^"]*)"[^>]*?\br:id="([^"]*)"')
_RELATION: Final = re.compile(rb"<Relationship\s([^>]*)>")


class FileRefused(ShuoliError):
    """A file can't be read as its mapping says; nothing of it, or nothing after the rows before, was taken."""

    code = "file.refused"


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a file as they are read, and how many lines there are at most."""

    count: int
    rows: Iterator[Row]


def read_file(path: Path, mapping: FactMapping) -> Rows:
    """Return the rows of a file.

    Raises:
        FileRefused: it can't be opened or isn't what the mapping says, also while rows are read.
    """
    try:
        if mapping.sheet.format == "csv":
            return _csv(path, mapping)
        return _xlsx(path, mapping)
    except OSError as error:
        raise FileRefused(f"{path}: {error.strerror}", help="give the path of a file") from error


def _csv(path: Path, mapping: FactMapping) -> Rows:
    encoding, count = _encoding(path, mapping.sheet)
    return Rows(count, _csv_rows(path, encoding, mapping))


def _csv_rows(path: Path, encoding: str, mapping: FactMapping) -> Iterator[Row]:
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    with path.open(encoding=codec, errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, delimiter=mapping.sheet.delimiter, strict=True)
        names: list[str] | None = None
        begins = 1
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                help_ = "look for a quotation mark that is not closed"
                raise FileRefused(f"{path.name}:{begins}: this is not CSV: {error}", help=help_) from error
            number, begins = begins, reader.line_num + 1
            if cells is None:
                break
            if names is None:
                if number >= mapping.sheet.header:
                    names = _header([_mended(one, encoding) for one in cells], path, number, mapping)
            elif any(one.strip() for one in cells):
                yield _csv_row(path, encoding, names, number, cells)
    if names is None:
        raise FileRefused(f"{path.name}: there is no row {mapping.sheet.header} with the columns' names")


def _csv_row(path: Path, encoding: str, names: Sequence[str], number: int, cells: Sequence[str]) -> Row:
    place = f"{path.name}:{number}"
    problems = [
        Problem(
            f"{place}:{name}", "file.encoding", f"`{_mended(cell, encoding)[:60]}` is not {encoding}",
            _mended(cell, encoding)[:60], encoding, "save the file anew, or declare its encoding",
        )
        for name, cell in zip(names, cells, strict=False)
        if _is_broken(cell)
    ]  # fmt: skip
    if len(cells) != len(names):
        message = f"the row has {len(cells)} cells, and the header {len(names)}"
        problems.append(Problem(place, "file.width", message, str(len(cells)), f"{len(names)} cells"))
    named: dict[str, Written] = {
        name: _mended(cell, encoding) for name, cell in zip(names, cells, strict=False) if name
    }
    named |= {f"+{place}": _mended(cell, encoding) for place, cell in enumerate(cells[len(names) :], 1)}
    return Row(number, named, tuple(problems))


def _is_broken(cell: str) -> bool:
    return any("\udc80" <= char <= "\udcff" for char in cell)


def _mended(cell: str, encoding: str) -> str:
    r"""Return a cell with its bytes that can't be read as `\xNN`."""
    if not _is_broken(cell):
        return cell
    return cell.encode(encoding, "surrogateescape").decode(encoding, "backslashreplace")


def _header(cells: Sequence[str], path: Path, number: int, mapping: FactMapping) -> list[str]:
    """Return the columns' names; each that the mapping reads stands there once."""
    names = [one.strip() for one in cells]
    problems = []
    for column in sorted(mapping.columns()):
        place = f"{path.name}:{number}"
        if column not in names:
            near = nearest(column, names)
            help_ = f"did you mean `{near}`?" if near else "the columns are " + ", ".join(one for one in names if one)
            problems.append(Problem(place, "file.column", f"there is no column `{column}`", column, help=help_))
        elif names.count(column) > 1:
            problems.append(Problem(place, "file.column", f"column `{column}` stands there twice", column))
    if problems:
        raise FileRefused(f"{path.name}: the columns aren't those of the mapping", problems=tuple(problems))
    return names


def _encoding(path: Path, sheet: Sheet) -> tuple[str, int]:
    """Return the encoding of a file and its number of lines.

    Where none is declared, a file is in UTF-8 if all of it is, and in GB18030 if all of it is and hardly a line with
    Chinese text is UTF-8. Anything else would be a guess.
    """
    count = utf8 = other = 0
    first: int | None = None
    gb18030 = True
    with path.open("rb") as file:
        for count, line in enumerate(file, 1):
            if sheet.encoding != "auto" or line.isascii():
                continue
            if _decodes(line, "utf-8"):
                utf8 += 1
            else:
                other += 1
                first = first or count
                gb18030 = gb18030 and _decodes(line, "gb18030")
    if sheet.encoding != "auto":
        return sheet.encoding, count
    if not other:
        return "utf-8", count
    if gb18030 and utf8 * 10 <= other:
        return "gb18030", count
    problem = Problem(
        f"{path.name}:{first}", "file.encoding", "the line is not UTF-8, and the file is not all GB18030",
        expected="UTF-8 or GB18030 throughout", help="declare the `encoding` in the mapping to take all other lines",
    )  # fmt: skip
    raise FileRefused(f"{path.name}: its encoding can't be told", problems=(problem,))


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _xlsx(path: Path, mapping: FactMapping) -> Rows:
    size = path.stat().st_size
    if size > LARGEST_XLSX:
        raise FileRefused(
            f"{path.name}: {size} bytes; at most {LARGEST_XLSX}", help="split it into several, or save it as CSV"
        )
    broken = _checked(path)
    try:
        with CalamineWorkbook.from_path(path) as book:
            name = _sheet_name(path, book.sheet_names, mapping.sheet.sheet)
            table = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except CalamineError as error:
        raise FileRefused(f"{path.name} can't be read: {error}", help="save it as XLSX, without a password") from error
    header = mapping.sheet.header
    if len(table) < header:
        raise FileRefused(f"{path.name}: there is no row {header} with the columns' names")
    names = _header([str(one) for one in table[header - 1]], path, header, mapping)
    return Rows(len(table), _xlsx_rows(path, names, table[header:], header + 1, broken.get(name, set())))


def _xlsx_rows(
    path: Path, names: Sequence[str], table: Sequence[Sequence[object]], first: int, broken: set[tuple[int, int]]
) -> Iterator[Row]:
    for number, cells in enumerate(table, first):
        errors = [place for place in range(len(names)) if (number, place + 1) in broken]
        if any(cell not in ("", None) for cell in cells) or errors:
            problems = tuple(
                Problem(f"{path.name}:{number}:{names[place]}", "file.formula", "the formula came to an error")
                for place in errors
            )
            named: dict[str, Written] = {
                name: cell if isinstance(cell, Written) else str(cell)
                for name, cell in zip(names, cells, strict=False)
                if name
            }
            yield Row(number, named, problems)


def _sheet_name(path: Path, names: Sequence[str], wanted: str | int) -> str:
    if isinstance(wanted, int) and wanted <= len(names):
        return names[wanted - 1]
    if wanted in names:
        return str(wanted)
    raise FileRefused(f"{path.name}: there is no sheet `{wanted}`", help="the sheets are " + ", ".join(names))


def _checked(path: Path) -> dict[str, set[tuple[int, int]]]:
    """Return the cells (row, column) of each sheet whose formula came to an error.

    A few bytes can unpack to gigabytes, and one cell in the last row and column makes a reader lay out all before it:
    this looks before anything is laid out.
    """
    try:
        with zipfile.ZipFile(path) as book:
            if sum(one.file_size for one in book.infolist()) > _LARGEST_UNPACKED:
                raise FileRefused(f"{path.name} unpacks to more than {_LARGEST_UNPACKED} bytes")
            found = {
                one: _cells(path, book.read(one))
                for one in book.namelist()
                if re.fullmatch(r"xl/worksheets/[^/]+\.xml", one)
            }
            names = _names(book.read("xl/workbook.xml"), book.read("xl/_rels/workbook.xml.rels"))
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise FileRefused(f"{path.name} is not XLSX", help="save it as XLSX, without a password") from error
    return {name: found.get(target, set()) for name, target in names.items()}


def _names(workbook: bytes, relations: bytes) -> dict[str, str]:
    targets: dict[bytes, bytes] = {}
    for relation in _RELATION.finditer(relations):
        told = dict(re.findall(rb'(\w+)="([^"]*)"', relation[1]))
        targets[told.get(b"Id", b"")] = told.get(b"Target", b"")
    return {
        _unescaped(found[1].decode("utf-8", "replace")): "xl/"
        + targets.get(found[2], b"").decode().removeprefix("/xl/")
        for found in _SHEET.finditer(workbook)
    }


def _unescaped(text: str) -> str:
    for name, char in (("lt", "<"), ("gt", ">"), ("quot", '"'), ("apos", "'"), ("amp", "&")):
        text = text.replace(f"&{name};", char)
    return text


def _cells(path: Path, content: bytes) -> set[tuple[int, int]]:
    broken: set[tuple[int, int]] = set()
    last_row = last_column = count = 0
    for cell in _CELL.finditer(content):
        count += 1
        at = _AT.search(cell[1])
        if at is not None:
            row, column = int(at[2]), _column(at[1])
            last_row, last_column = max(last_row, row), max(last_column, column)
            if b't="e"' in cell[1]:
                broken.add((row, column))
    rows = [int(found[1]) for found in _ROW_AT.finditer(content)]
    last_row = max([last_row, *rows])
    if max(last_row * last_column, count) > MOST_CELLS:
        raise FileRefused(
            f"{path.name}: a sheet reaches to row {last_row}, column {last_column}",
            help=f"at most {MOST_CELLS} cells a sheet: clear what is empty, split it, or save it as CSV",
        )
    return broken


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
