"""Stored documents read straight into columns: what a case reader would read and merge, without its objects."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from engine.case import MOST_FACTS, Fact, Producer
from engine.columnar.columns import Column, Flags, Ints, Numbers, first_of_each, where
from engine.columnar.population import Gathering, Population, Table, Texts, decoder, stacked
from engine.reading import CaseReader, instant, merge
from engine.values import LONGEST, Misfit, reader
from knowledge.problems import ShuoliError
from knowledge.rulebook import FactType, Field, Rulebook
from knowledge.rules import Value

_MISSING: Final = -(2**63)
_TYPES: Final = {"whole": int, "yes_no": bool}
_STATUS: Final = operator.attrgetter("status")
_FIELDS: Final = operator.attrgetter("fields")
_AT_ONCE: Final = 5_000
"""Documents that are held before they are put into columns; those of one producer stay together."""


class Unusual(Exception):
    """Something that only the case reader can read, or refuse with its place."""


class _Source(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    system: str
    ref: str | None = None


class _Codes(dict[Any, int]):
    """Numbers for the values of one field as they are written; each is read, and refused, once."""

    def __init__(self, field: Field, texts: Texts) -> None:
        super().__init__({None: _MISSING})
        self._read, self._texts = reader(field), texts
        self._only = _TYPES.get(field.type)

    def __missing__(self, written: Any) -> int:
        try:
            code = self[written] = self._texts.code(self._read(written))
        except Misfit as misfit:
            raise Unusual from misfit
        return code

    def of(self, values: Sequence[Any]) -> Ints:
        """Return a number for each value, `_MISSING` where it is None."""
        if self._only is not None and not set(map(type, values)) <= {self._only, type(None)}:
            raise Unusual  # True would be found as 1
        try:
            return np.fromiter(map(self.__getitem__, values), np.int64, len(values))
        except (TypeError, OverflowError) as error:
            raise Unusual from error


class _TextCodes:
    """Numbers for the values of one text field: many are seen once, so that they are read together."""

    def __init__(self, field: Field, texts: Texts) -> None:
        self._read, self._texts = reader(field), texts
        self._optional, self._longest = field.optional, field.maximum or LONGEST

    def of(self, values: Sequence[Any]) -> Ints:
        """Return a number for each value, `_MISSING` where it is None."""
        told = values
        if self._optional and None in values:
            told = [value for value in values if value is not None]
        try:
            codes = self._texts.codes(told, self._check)
        except TypeError as error:
            raise Unusual from error
        if self._texts.longest > self._longest or "" in self._texts:
            self._check(dict.fromkeys(told))  # some text is known that this field may not take
        if told is values:
            return np.where(codes < 0, _MISSING, codes)
        numbers = np.full(len(values), _MISSING)
        numbers[[value is not None for value in values]] = codes
        return numbers

    def _check(self, told: Mapping[Any, object]) -> None:
        """See that these are texts as such a field takes them."""
        if not told:
            return
        if set(map(type, told)) == {str}:
            lengths = set(map(len, told))
            if min(lengths) > 0 and max(lengths) <= self._longest and "".join(told).isprintable():
                return
        for value in told:
            try:
                self._read(value)
            except Misfit as misfit:
                raise Unusual from misfit


class _Kind:
    """One fact type: how its documents are decoded, and what was read of them."""

    def __init__(self, number: int, kind: FactType, texts: Texts, source: Any) -> None:
        self.kind = kind
        self._texts = texts
        names = {name: f"f{place}" for place, name in enumerate(kind.fields)}
        shape = [(name, Any, None) for name in names.values()]
        renamed = {short: name for name, short in names.items()}
        inner = msgspec.defstruct(
            f"Fields{number}", shape, rename=renamed, forbid_unknown_fields=True, omit_defaults=True, gc=False
        )
        self.document = msgspec.defstruct(
            f"Document{number}",
            [
                ("fields", inner),
                ("status", str | None, None),
                ("source", source, None),
                ("recorded_at", str | None, None),
            ],
            tag_field="type",
            tag=kind.name,
            forbid_unknown_fields=True,
            omit_defaults=True,
            gc=False,
        )
        self._readers = [
            (field, operator.attrgetter(names[name]), (_TextCodes if field.type == "text" else _Codes)(field, texts))
            for name, field in kind.fields.items()
        ]
        self._decoders = {name: decoder(field, texts) for name, field in kind.fields.items()}
        self.owners: list[int] = []
        self.told: list[Any] = []
        self.tables: list[Table] = []
        """What was put into columns."""

    def columns(self) -> dict[str, Column]:
        """Return the values of the documents at hand.

        Raises:
            Unusual: one doesn't fit its field.
        """
        inner = list(map(_FIELDS, self.told))
        columns = {}
        for field, get, codes in self._readers:
            numbers = codes.of(list(map(get, inner)))
            given = numbers != _MISSING
            if given.all():
                columns[field.name] = Column(numbers)
            elif field.optional:
                columns[field.name] = Column(np.where(given, numbers, 0), given)
            else:
                raise Unusual
        return columns

    def fact(self, table: Table, row: int, status: str) -> Fact:
        """Return a row as the case reader has it when only its values and status matter."""
        values: dict[str, Value] = {}
        for name, column in table.columns.items():
            if column.given is None or column.given[row]:
                values[name] = self._decoders[name](int(column.values[row]))
        return Fact("", self.kind.name, values, status, (), None)

    def whole(self) -> Table:
        """Return all that was put into columns."""
        owners = np.concatenate([np.empty(0, np.int64), *(table.p for table in self.tables)])
        columns = {name: stacked([table.columns[name] for table in self.tables]) for name in self.kind.fields}
        return Table(owners, columns)


class Documents:
    """Producers and the documents of their facts on their way into columns."""

    def __init__(
        self,
        rulebook: Rulebook,
        shared: Sequence[bytes],
        texts: Texts | None = None,
        *,
        own: bool = False,
        rest: Callable[[], object] | None = None,
    ) -> None:
        """Take the documents about everyone.

        `own`: all come from `fact_document`, so that no source need be read. `rest` is called between pieces of work.

        Raises:
            CaseRefused: they don't fit the rulebook.
        """
        self._rulebook, self._reader = rulebook, CaseReader(rulebook)
        self._texts = Texts() if texts is None else texts
        self._shared = merge(self._reader.stored(shared))
        kinds = [kind for kind in rulebook.types.values() if kind.origin == "fact"]
        self._kinds = [
            _Kind(number, kind, self._texts, msgspec.Raw if own else _Source | None)
            for number, kind in enumerate(kinds)
        ]
        self._by_class = {kind.document: kind for kind in self._kinds}
        documents: Any = functools.reduce(operator.or_, self._by_class) if kinds else None
        self._decode = msgspec.json.Decoder(list[documents]).decode
        self._counting: dict[str | None, bool] = {one.name: one.counts for one in rulebook.fact_statuses.values()}
        self._default = next((one.name for one in rulebook.fact_statuses.values() if one.counts), "")
        if self._default:
            self._counting[None] = True
        self._producers: list[Producer] = []
        self._held = 0
        self._refused: list[Flags] = []
        self._rest = rest

    def add(self, producer: bytes, documents: bytes) -> None:
        """Add a producer and its facts as they are stored: a JSON object, and an array of them.

        Raises:
            CaseRefused: the producer doesn't fit the rulebook.
            Unusual: a fact can't be read this way.
        """
        row = len(self._producers)
        self._producers.append(self._reader.producer(producer))
        try:
            decoded = self._decode(documents)
        except (msgspec.MsgspecError, ValueError) as error:
            raise Unusual from error
        by_class = self._by_class
        for one in decoded:
            kind = by_class[type(one)]
            kind.owners.append(row)
            kind.told.append(one)
        self._held += len(decoded)
        if self._held >= _AT_ONCE:
            self._settle()

    def population(self) -> Population:
        """Return what was added, as columns.

        Raises:
            Unusual: a fact can't be read this way.
        """
        self._settle()
        gathering = Gathering(self._rulebook, self._texts)
        for producer in self._producers:
            gathering.add(producer, ())
        bare = gathering.population()
        refused = np.concatenate(self._refused)
        facts = {kind.kind.name: kind.whole() for kind in self._kinds}
        for name, table in self._about_everyone(refused).items():
            if len(facts[name]):
                raise Unusual
            facts[name] = table
        return Population(bare.ids, bare.attributes, facts, self._texts, refused)

    def _settle(self) -> None:
        """Put the documents at hand into columns: all those of some producers, so that each is merged here."""
        first = sum(map(len, self._refused))
        size = len(self._producers) - first
        held = [kind for kind in self._kinds if kind.told]
        tables = [self._table(kind) for kind in held]
        count = np.full(size, len(self._shared))
        for table, _ in tables:
            count += np.bincount(table.p - first, minlength=size)
        refused = count > MOST_FACTS
        for kind, (table, counts) in zip(held, tables, strict=True):
            kept = counts & ~refused[table.p - first]
            kind.tables.append(table if kept.all() else table.take(where(kept)))
            kind.owners, kind.told = [], []
        self._refused.append(refused)
        self._held = 0

    def _table(self, kind: _Kind) -> tuple[Table, Flags]:
        """Return merged facts of a type, and which of them count."""
        statuses = list(map(_STATUS, kind.told))
        if self._rest is not None:
            self._rest()
        try:
            counts = np.fromiter(map(self._counting.__getitem__, statuses), np.bool_, len(statuses))
        except KeyError as error:
            raise Unusual from error
        table = Table(np.array(kind.owners, np.int64), kind.columns())
        keys: list[Numbers] = [table.p]
        for name in kind.kind.same_when or kind.kind.fields:
            column = table.columns[name]
            keys += [column.values] if column.given is None else [column.given, column.values]
        first, which = first_of_each(keys)
        if len(first) == len(table):
            return table, counts
        kept = np.sort(self._latest(kind, table, statuses, which, first))
        return table.take(kept), counts[kept]

    def _latest(self, kind: _Kind, table: Table, statuses: Sequence[str | None], which: Ints, first: Ints) -> Ints:
        """Return the row of the report that counts of each fact."""
        latest = first.copy()
        again = where(np.bincount(which)[which] > 1)
        reports: dict[int, list[int]] = {}
        for row, fact in zip(again.tolist(), which[again].tolist(), strict=True):
            reports.setdefault(fact, []).append(row)
        recorded: dict[str | None, str] = {None: ""}
        for fact, rows in reports.items():
            known = []
            for row in rows:
                told = kind.told[row].recorded_at
                if told not in recorded:
                    recorded[told] = _instant(told)
                known.append((recorded[told], statuses[row] or self._default))
            best = max(known)
            winners = [row for row, one in zip(rows, known, strict=True) if one == best]
            latest[fact] = winners[0] if len(winners) == 1 else _merged(kind, table, winners, best[1])
        return latest

    def _about_everyone(self, refused: Flags) -> dict[str, Table]:
        gathering = Gathering(self._rulebook, self._texts)
        gathering.add(Producer("", next(iter(self._rulebook.kinds)), "", {}), self._shared)
        rows = where(~refused)
        tables = {}
        for name, table in gathering.population().facts.items():
            if len(table):
                every = np.tile(np.arange(len(table)), len(rows))
                tables[name] = Table(np.repeat(rows, len(table)), table.take(every).columns)
        return tables


def _merged(kind: _Kind, table: Table, rows: Sequence[int], status: str) -> int:
    """Return the row of the report that the case reader takes when time and status don't tell."""
    facts = [kind.fact(table, row, status) for row in rows]
    (taken,) = merge(facts)
    return next(row for row, fact in zip(rows, facts, strict=True) if fact.values == taken.values)


def _instant(text: str) -> str:
    try:
        return instant(text)
    except ShuoliError as error:
        raise Unusual from error
