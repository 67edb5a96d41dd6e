"""From a row to a report: what stands in the columns, read as a mapping says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final, TypeAlias

from casework.intake import Line
from casework.quarantine import wrapped
from knowledge.mapping import Cell, FactMapping, Told, mapped
from knowledge.problems import Problem
from knowledge.rulebook import Field, Rulebook
from knowledge.rules import Text

Written: TypeAlias = str | int | float | bool | date | datetime | time | None
"""What stands in a cell of a file, or at a place of an item."""
_DIGITS: Final = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
_STAMP: Final = re.compile(r"%([YmdHMS])")
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_INSTANT: Final = Field("recorded_at", "date", Text("记录时刻", "recorded at"))
"""Stands for an instant among the fields."""
_MANY_PLACES: Final = re.compile(r"(-?[0-9]+)\.([0-9]*?)0+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number in the file, and what stands in each column; `problems` if it can't be read at all."""

    number: int
    cells: Mapping[str, Written]
    problems: tuple[Problem, ...] = ()


class RowReader:
    """Reads rows under one mapping and rulebook. `name` is that of the file, for people."""

    def __init__(self, mapping: FactMapping, rulebook: Rulebook, name: str) -> None:
        self._mapping, self._rulebook, self._name = mapping, rulebook, name
        self._formats = {
            one: _pattern(one)
            for cell in (*[cell for _, cell in mapped(mapping)], *_all(mapping.fields))
            for one in cell.formats
        }

    def line(self, row: Row, whole: Any = None) -> Line:  # noqa: ANN401  any JSON
        """Return the line that a row makes, with its report or everything that is wrong with it.

        `whole` is what came, where that is more than the columns that are read.
        """
        shown = {name: _shown(value) for name, value in row.cells.items()}
        whole = shown if whole is None else whole
        if row.problems:
            return Line(row.number, wrapped(whole, None), None, row.problems)
        columns: dict[str, str] = {}
        problems: list[Problem] = []
        report: dict[str, Any] = {}
        for pointer, cell in mapped(self._mapping):
            field = _INSTANT if pointer == "/recorded_at" else None
            self._take(row, pointer, cell, field, report, columns, problems)
        kind = report.get("type")
        report["fields"] = {}
        for name, cell in self._mapping.fields.get(str(kind), {}).items():
            field = self._rulebook.types[str(kind)].fields[name]
            self._take(row, f"/fields/{name}", cell, field, report, columns, problems)

        def told(problem: Problem) -> Problem:
            column = columns.get(problem.place)
            given = problem.given if column is None else (shown.get(column) or None)
            return replace(problem, place=self._place(row.number, column), given=given)

        came = wrapped(whole, None if problems else report)
        return Line(row.number, came, report, tuple(told(one) for one in problems), told)

    def _take(
        self,
        row: Row,
        pointer: str,
        cell: Cell,
        field: Field | None,
        report: dict[str, Any],
        columns: dict[str, str],
        problems: list[Problem],
    ) -> None:
        """Put what a cell tells into the report, at its pointer."""
        if cell.column is not None:
            columns[pointer] = cell.column
        try:
            value = cell.constant if cell.column is None else self._read(cell, row.cells.get(cell.column), field)
        except _Unread as unread:
            problems.append(Problem(pointer, unread.code, unread.message, expected=unread.expected))
            return
        if value is None:
            return
        *above, last = pointer[1:].split("/")
        place = report
        for name in above:
            place = place.setdefault(name, {})
        place[last] = value

    def _read(self, cell: Cell, written: Written, field: Field | None) -> Told | None:
        text = _text(written)
        if not text or text in cell.blank:
            return None
        if cell.values is not None:
            if text in cell.values:
                return cell.values[text]
            raise _Unread("value.unknown_choice", f"`{text[:60]}` has no value", "one of " + ", ".join(cell.values))
        kind = None if field is None else field.type
        if field is _INSTANT:
            return self._instant(cell, written, text)
        if kind == "date":
            return self._day(cell, written, text)
        if kind == "whole" and _WHOLE.fullmatch(text):
            return int(text)
        if kind == "yes_no" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind == "decimal" and field is not None and (found := _MANY_PLACES.fullmatch(text)):
            # Zeros at the end say nothing more; further places than the field has would be refused.
            places = found[2].ljust(min(field.places, len(text) - len(found[1]) - 1), "0")
            return f"{found[1]}.{places}" if places else found[1]
        return text

    def _day(self, cell: Cell, written: Written, text: str) -> str:
        if isinstance(written, date):
            return (written.date() if isinstance(written, datetime) else written).isoformat()
        if not cell.formats:
            return text
        return self._moment(cell, text).date().isoformat()

    def _instant(self, cell: Cell, written: Written, text: str) -> str:
        if isinstance(written, datetime):
            return f"{written.isoformat()}{cell.zone}"
        if isinstance(written, date):
            return f"{written.isoformat()}T00:00:00{cell.zone}"
        return f"{self._moment(cell, text).isoformat()}{cell.zone}" if cell.formats else text

    def _moment(self, cell: Cell, text: str) -> datetime:
        for one in cell.formats:
            found = self._formats[one].fullmatch(text)
            if found is not None:
                told = {"H": 0, "M": 0, "S": 0} | {name: int(digits) for name, digits in found.groupdict().items()}
                try:
                    return datetime(told["Y"], told["m"], told["d"], told["H"], told["M"], told["S"])  # noqa: DTZ001  the zone is added
                except ValueError:
                    break
        raise _Unread("type.mismatch", f"`{text[:60]}` is no such date", " or ".join(cell.formats))

    def _place(self, number: int, column: str | None) -> str:
        return f"{self._name}:{number}" if column is None else f"{self._name}:{number}:{column}"


class _Unread(Exception):
    """What stands in a cell can't be read as the mapping says."""

    def __init__(self, code: str, message: str, expected: str) -> None:
        super().__init__(message)
        self.code, self.message, self.expected = code, message, expected


def _all(fields: Mapping[str, Mapping[str, Cell]]) -> Iterator[Cell]:
    for cells in fields.values():
        yield from cells.values()


def _pattern(text: str) -> re.Pattern[str]:
    """Return what matches a format; leading zeros may be left out, and the year has four digits."""
    parts = _STAMP.split(text)
    made = [
        re.escape(part) if place % 2 == 0 else rf"(?P<{part}>[0-9]{{{4 if part == 'Y' else 1},{_DIGITS[part]}}})"
        for place, part in enumerate(parts)
    ]
    return re.compile("".join(made), re.ASCII)


def _text(written: Written) -> str:
    """Return a cell as text: numbers without an exponent, and whole ones without a fraction."""
    if isinstance(written, str):
        return written.strip()
    if isinstance(written, bool):
        return "true" if written else "false"
    if isinstance(written, float):
        # What a spreadsheet computes is off in the 16th digit; what it shows has at most 15.
        return str(int(written)) if written.is_integer() and abs(written) < 1e15 else f"{Decimal(f'{written:.15g}'):f}"
    return "" if written is None else written.isoformat() if isinstance(written, date | time) else str(written)


def _shown(written: Written) -> str:
    return written if isinstance(written, str) else _text(written)
