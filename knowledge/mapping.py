"""Mappings: how rows of a file, or items of a source, tell facts. Written in YAML, checked against one rulebook."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal, TypeAlias

from knowledge.problems import Problem, ShuoliError, nearest
from knowledge.rulebook import Field, Rulebook
from knowledge.shape import check_shape
from knowledge.source import Document, read_document
from knowledge.source import Path as Place
from knowledge.writtenmapping import WrittenBeat, WrittenMapping, WrittenPull, WrittenValue

Told: TypeAlias = str | int | bool
"""A value as a report has it: decimals and dates are text."""
_STAMP: Final = re.compile(r"%([YmdHMS])|%")


class MappingRefused(ShuoliError):
    """A mapping has problems; `problems` lists all of them."""

    code = "mapping.refused"


class MappingMissing(ShuoliError):
    """The mapping can't be opened."""

    code = "mapping.missing"


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a value comes from: a column, or a constant where there is none; and how it is read.

    `values` turns what stands there into the value. `formats` are those of dates. `blank` are texts that mean that
    nothing stands there. `zone` is that of instants that don't name theirs.
    """

    column: str | None = None
    constant: Told | None = None
    values: Mapping[str, Told] | None = None
    formats: tuple[str, ...] = ()
    blank: frozenset[str] = frozenset()
    zone: str = "+08:00"
    optional: bool = False
    """Whether items of a source may leave it out altogether."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """How a file is laid out. `header` is the row of the columns' names, from 1; `sheet` a name, or a number from 1."""

    format: Literal["csv", "xlsx", "json"]
    encoding: Literal["auto", "utf-8", "gb18030"]
    delimiter: str
    sheet: str | int
    header: int


@dataclass(frozen=True, slots=True)
class FactMapping:
    """How rows tell facts of one rulebook. `fields` has the cells of each fact type's fields."""

    name: str
    sheet: Sheet
    producer: Cell
    type: Cell
    fields: Mapping[str, Mapping[str, Cell]]
    status: Cell | None
    recorded_at: Cell | None
    system: Cell | None
    ref: Cell | None
    pull: WrittenPull | None

    def columns(self) -> set[str]:
        """Return every column that is read."""
        return {cell.column for cell in self._cells() if cell.column is not None}

    def optional_columns(self) -> set[str]:
        """Return the columns that may be left out."""
        return {cell.column for cell in self._cells() if cell.column is not None and cell.optional}

    def _cells(self) -> list[Cell]:
        cells = [self.producer, self.type, self.status, self.recorded_at, self.system, self.ref]
        cells += [cell for fields in self.fields.values() for cell in fields.values()]
        return [cell for cell in cells if cell is not None]


def load_mapping(path: Path, rulebook: Rulebook) -> FactMapping:
    """Return the mapping in a file.

    Raises:
        MappingMissing: it can't be opened.
        MappingRefused: with all its problems, each with line and column.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MappingMissing(f"{path}: {error.strerror}", help="give the path of a mapping") from error
    problems: list[Problem] = []
    document = read_document(path.name, content, problems)
    if not document.unreadable:
        problems += [found for _, found in check_shape(document, WrittenMapping) if found is not None]
    if not problems:
        bound = _Binder(rulebook, document)
        mapping = bound.mapping(path.stem, WrittenMapping.model_validate(document.data))
        problems += bound.problems
        if not problems:
            return mapping
    raise MappingRefused(f"the mapping {path.name} has problems", problems=tuple(problems))


class _Binder:
    """Checks a mapping's words against a rulebook."""

    def __init__(self, rulebook: Rulebook, document: Document) -> None:
        self._rulebook, self._document = rulebook, document
        self.problems: list[Problem] = []

    def mapping(self, name: str, written: WrittenMapping) -> FactMapping:
        """Return the mapping; what is wrong with it is in `problems`."""
        types = {name: kind for name, kind in self._rulebook.types.items() if kind.origin == "fact"}
        told = self._words(written.type, types, ("type",), "fact type")
        source = written.source
        mapping = FactMapping(
            name=name,
            sheet=Sheet(written.format, written.encoding, written.delimiter, written.sheet, written.header),
            producer=self._cell(written.producer, ("producer",)),
            type=told,
            fields={one: self._fields(one, written) for one in self._types_of(told) if one in types},
            status=None
            if written.status is None
            else self._words(written.status, self._rulebook.fact_statuses, ("status",), "status"),
            recorded_at=None
            if written.recorded_at is None
            else self._cell(written.recorded_at, ("recorded_at",), dated=True),
            system=None if source is None else self._constant(source.system, ("source", "system")),
            ref=None if source is None or source.ref is None else self._cell(source.ref, ("source", "ref")),
            pull=written.pull,
        )
        self._known_fields(mapping, written)
        self._form(mapping)
        if written.pull is not None and written.pull.beat is not None:
            self._beat(written.pull.beat)
        return mapping

    def _types_of(self, told: Cell) -> list[str]:
        return [str(one) for one in ((told.values or {}).values() if told.column else [told.constant])]

    def _words(self, written: str | WrittenValue, known: Iterable[str], path: Place, what: str) -> Cell:
        cell = self._constant(written, path)
        if cell.column is not None and cell.values is None:
            self._add(path, "mapping.values", f"a {what} from a column needs `values`", expected="values: {…: …}")
        given = [(path, cell.constant)] if cell.column is None else []
        given += [((*path, "values", text), value) for text, value in (cell.values or {}).items()]
        for place, name in given:
            self._name(str(name), known, place, what)
        return cell

    def _fields(self, kind: str, written: WrittenMapping) -> dict[str, Cell]:
        fields = self._rulebook.types[kind].fields
        cells: dict[str, Cell] = {}
        own = written.fields_of.get(kind, {})
        for name, field in fields.items():
            path: Place = ("fields_of", kind, name) if name in own else ("fields", name)
            value = own.get(name, written.fields.get(name))
            if value is not None:
                cells[name] = self._cell(value, path, dated=field.type == "date", field=field)
            elif not field.optional:
                self._add(
                    ("fields",), "shape.missing_key", f"field `{name}` of `{kind}` must be given", None, f"`{name}: …`"
                )
        return cells

    def _known_fields(self, mapping: FactMapping, written: WrittenMapping) -> None:
        known = {name for kind in mapping.fields for name in self._rulebook.types[kind].fields}
        for name in written.fields if known else ():
            self._name(name, known, ("fields", name), "field")
        for kind, fields in written.fields_of.items():
            if self._name(kind, mapping.fields, ("fields_of", kind), "fact type of this mapping"):
                for name in fields:
                    self._name(name, self._rulebook.types[kind].fields, ("fields_of", kind, name), "field")

    def _form(self, mapping: FactMapping) -> None:
        pulled = mapping.sheet.format == "json"
        if pulled != (mapping.pull is not None):
            self._add(("format",), "mapping.format", "`format: json` and `pull` belong together")
        if pulled and (mapping.system is None or mapping.system.constant is None):
            self._add(
                ("source",), "mapping.source", "a source that is pulled from has a constant `source: {system: …}`"
            )

    def _beat(self, written: WrittenBeat) -> None:
        path: Place = ("pull", "beat")
        everyone = {name: kind for name, kind in self._rulebook.types.items() if kind.about_everyone}
        if not self._name(written.type, everyone, (*path, "type"), "fact type about everyone"):
            return
        fields = everyone[written.type].fields
        self._name(written.day, [f.name for f in fields.values() if f.type == "date"], (*path, "day"), "date field")
        for name, value in written.fields.items():
            if self._name(name, fields, (*path, "fields", name), "field"):
                self._target(value, fields[name], (*path, "fields", name))

    def _constant(self, written: str | WrittenValue, path: Place) -> Cell:
        """Return a cell of which a bare word is the value itself."""
        return Cell(constant=written) if isinstance(written, str) else self._cell(written, path)

    def _cell(
        self, written: str | WrittenValue, path: Place, *, dated: bool = False, field: Field | None = None
    ) -> Cell:
        if isinstance(written, str):
            return Cell(column=written)
        if (written.column is None) == (written.constant is None):
            self._add(path, "mapping.value", "a value has either `column` or `constant`", expected="one of the two")
        formats = (written.format,) if isinstance(written.format, str) else tuple(written.format or ())
        if formats and not dated:
            self._add((*path, "format"), "mapping.format", "only dates and instants have a `format`")
        for one in formats:
            self._check_format(one, (*path, "format"))
        values = {
            text: self._target(value, field, (*path, "values", text)) for text, value in (written.values or {}).items()
        }
        constant = None if written.constant is None else self._target(written.constant, field, (*path, "constant"))
        return Cell(
            written.column,
            constant,
            values or None,
            formats,
            frozenset(written.blank),
            written.zone,
            written.optional in (True, "yes"),
        )

    def _check_format(self, text: str, path: Place) -> None:
        marks = [found[1] for found in _STAMP.finditer(text)]
        if None in marks or len(set(marks)) < len(marks) or not {"Y", "m", "d"} <= set(marks):
            expected = "%Y, %m and %d once each, and %H, %M, %S, such as %Y年%m月%d日"
            self._add(path, "mapping.format", f"`{text}` is no format of dates", text, expected)

    def _target(self, value: str | int | Decimal | bool, field: Field | None, path: Place) -> Told:
        """Return a value of a mapping as a report has it."""
        if field is None:
            return str(value)
        if field.type == "yes_no":
            if isinstance(value, bool) or value in ("yes", "no"):
                return value in (True, "yes")
            self._add(path, "mapping.value", f"`{field.name}` is yes or no", str(value), "yes or no")
        if field.type == "choice":
            self._name(str(value), field.choices, path, f"value of `{field.name}`")
        if field.type == "whole" and (isinstance(value, bool) or not isinstance(value, int)):
            self._add(path, "mapping.value", f"`{field.name}` is a whole number", str(value), "a whole number")
        return value if field.type == "whole" and isinstance(value, int) else str(value)

    def _name(self, name: str, known: Iterable[str], path: Place, what: str) -> bool:
        known = list(known)
        if name in known:
            return True
        near = nearest(name, known)
        help_ = f"did you mean `{near}`?" if near else f"known: {', '.join(known[:12])}"
        self._add(path, "name.unknown", f"unknown {what} `{name}`", name, help=help_)
        return False

    def _add(
        self,
        path: Place,
        code: str,
        message: str,
        given: str | None = None,
        expected: str | None = None,
        help: str | None = None,
    ) -> None:
        self.problems.append(Problem(self._document.place(path), code, message, given, expected, help))


def mapped(mapping: FactMapping) -> Iterator[tuple[str, Cell]]:
    """Yield the cells that every report has, by JSON pointer."""
    yield "/producer", mapping.producer
    yield "/type", mapping.type
    for pointer, cell in (
        ("/status", mapping.status),
        ("/recorded_at", mapping.recorded_at),
        ("/source/system", mapping.system),
        ("/source/ref", mapping.ref),
    ):
        if cell is not None:
            yield pointer, cell
