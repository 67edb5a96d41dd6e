"""What the rows of a workbook are read into: files as data, each value knowing the cell that it came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from authoring import workbook_sheets as sheets
from authoring.workbook_cells import Shown, meant
from authoring.workbook_rows import Entry
from authoring.workbook_sheets import COMMENT, Sheet
from knowledge.problems import Problem, nearest
from knowledge.source import Data, Document, Path

_PLACE: Final = re.compile(r"([\w./\-]+\.yaml):([0-9]+)(?::1(?![0-9]))?")


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row as it was read: its cells by key, the place of each cell, and notes on cells."""

    sheet: Sheet
    place: str
    """The place of its first cell."""
    cells: Mapping[str, Shown]
    places: Mapping[str, str]
    notes: Mapping[str, str]

    def at(self, key: str) -> str:
        """Return the place of a cell."""
        return self.places.get(key, self.place)


@dataclass(slots=True)
class Files:
    """What a workbook holds: files as data, comments, and CHANGES.md.

    In the files a line is the number of a cell in `cells`; `in_cells` makes it the cell again.
    """

    documents: dict[str, Document] = field(default_factory=dict)
    cells: list[str] = field(default_factory=lambda: [""])
    comments: dict[str, dict[Path, list[str]]] = field(default_factory=dict)
    changes: str | None = None

    def in_cells(self, problem: Problem) -> Problem:
        """Return a problem of the files with cells for its places."""

        def cell(found: re.Match[str]) -> str:
            return self.cells[int(found[2])] if found[1] in self.documents else found[0]

        told = {key: text and _PLACE.sub(cell, text) for key, text in problem.as_json().items()}
        return replace(problem, place=told["place"] or "", message=told["message"] or "", help=told["help"])


class Entries:
    """Reads single rows into files; whatever is wrong is told with its cell."""

    def __init__(self, rows: Mapping[str, Sequence[SheetRow]], problems: list[Problem]) -> None:
        self._rows, self.problems, self.files = rows, problems, Files()

    def refuse(self, place: str, message: str, given: str | None = None, expected: str | None = None) -> None:
        """Note what is wrong with a cell."""
        self.problems.append(Problem(place, "workbook.cell", message, given, expected))

    def of(self, sheet: Sheet) -> Sequence[SheetRow]:
        """Return the rows of a sheet."""
        return self._rows.get(sheet.name, ())

    def start(self, name: str, row: SheetRow | None) -> Any:
        """Return the data of a file, which is begun where it is new."""
        if name not in self.files.documents:
            empty: Data = (
                [] if name.startswith("rules/") or name in ("bands.yaml", "measures.yaml", "remedies.yaml") else {}
            )
            place = row.place if row is not None else self._where(sheets.FILES)
            self.files.documents[name] = Document(name, empty)
            self.note((name,), place)
        return self.files.documents[name].data

    def _where(self, sheet: Sheet) -> str:
        rows = self.of(sheet)
        return rows[0].place if rows else sheet.name

    def entry(self, row: SheetRow, path: Path, apart: Sequence[str] = ()) -> Entry:
        """Return a row's entry without some columns, and note its cells; `path` begins with its file."""
        entry: Entry = {}
        key = next((key for key in ("name", "id", "field", "choice", "value") if key in apart), None)
        self.note(path, row.place if key is None else row.at(key))
        for column in row.sheet.columns:
            if column.key in row.cells and column.key not in (COMMENT, *apart):
                parts = column.key.split(":")
                value = meant(column.kind, row.cells[column.key], row.places[column.key], self.problems)
                if column.key == "more":
                    entry |= value if isinstance(value, dict) else {}
                    continue
                inner = entry
                for part in parts[:-1]:
                    inner = inner.setdefault(part, {})
                inner[parts[-1]] = value
                self.note((*path, *parts), row.places[column.key])
        self.comment(row, path)
        return entry

    def note(self, path: Path, place: str) -> None:
        """Note in which cell a value stands; `path` begins with its file."""
        self.files.documents[str(path[0])].places.setdefault(path[1:], (len(self.files.cells), 1))
        self.files.cells.append(place)

    def comment(self, row: SheetRow, path: Path) -> None:
        """Keep what was noted on a row and its cells."""
        comments = self.files.comments.setdefault(str(path[0]), {})
        own = [row.cells[COMMENT]] if COMMENT in row.cells else []
        noted = [((*path[1:], *(key.split(":") if key != COMMENT else ())), text) for key, text in row.notes.items()]
        for at, text in [*((path[1:], text) for text in own), *noted]:
            comments.setdefault(at, []).extend(line.strip() for line in str(text).splitlines())

    def word(self, row: SheetRow, key: str, known: Iterable[str] | None = None) -> str | None:
        """Return a word that a row must have; what is missing or none of `known` is told."""
        word = str(meant("word", row.cells.get(key, ""), row.at(key), self.problems))
        known = None if known is None else list(known)
        place = row.places.get(key, row.place)
        if not word:
            self.refuse(place, f"`{key}` is empty here", None, "a word")
        elif known is not None and word not in known:
            near = nearest(word, known)
            help_ = f"did you mean `{near}`?" if near else f"known: {', '.join(known)}"[:300]
            self.problems.append(Problem(place, "workbook.cell", f"unknown {key} `{word}`", word, None, help_))
        else:
            return word
        return None

    def taken(self, row: SheetRow, entries: Mapping[str, Any], name: str) -> bool:
        """Say whether a name is among the entries already, which is told."""
        if name in entries:
            self.problems.append(
                Problem(row.place, "name.duplicate", f"`{name}` stands here for the second time", name)
            )
        return name in entries


def in_order(entry: Any, order: Sequence[str]) -> Any:
    """Return an entry with its keys in the order in which people write them; others follow."""
    if not isinstance(entry, dict):
        return entry
    return {key: entry[key] for key in dict.fromkeys([*(key for key in order if key in entry), *entry])}
