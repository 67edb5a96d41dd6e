"""Stored documents read straight into columns: what a case reader would read and merge, without its objects."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np

from engine.case import MOST_FACTS, Producer
from engine.columnar.columns import Column, Flags, Ints, Numbers, first_of_each, where
from engine.columnar.population import Gathering, Population, Table, Texts
from engine.reading import CaseReader, instant, merge
from engine.values import Misfit, reader
from knowledge.problems import ShuoliError
from knowledge.rulebook import FactType, Field, Rulebook

_MISSING: Final = -(2**63)
_TYPES: Final = {"whole": int, "yes_no": bool}


class Unusual(Exception):
    """Something that only the case reader can read, or refuse with its place."""


class _Codes(dict[Any, int]):
    """Numbers for the values of one field as they are written; each is read, and refused, once."""

    def __init__(self, field: Field, texts: Texts) -> None:
        super().__init__({None: _MISSING})
        self._read, self._texts = reader(field), texts

    def __missing__(self, written: Any) -> int:
        try:
            code = self[written] = self._texts.code(self._read(written))
        except Misfit as misfit:
            raise Unusual from misfit
        return code


class _Kind:
    """One fact type: how its documents are decoded, and what was read of them."""

    def __init__(self, number: int, kind: FactType, texts: Texts) -> None:
        self.kind = kind
        self._texts = texts
        self._names = {name: f"f{place}" for place, name in enumerate(kind.fields)}
        shape = [(name, Any, None) for name in self._names.values()]
        renamed = {short: name for name, short in self._names.items()}
        inner = msgspec.defstruct(
            f"Fields{number}", shape, rename=renamed, forbid_unknown_fields=True, omit_defaults=True, gc=False
        )
        self.document = msgspec.defstruct(
            f"Document{number}",
            [
                ("fields", inner),
                ("status", str | None, None),
                ("source", dict[str, str] | None, None),
                ("recorded_at", str | None, None),
            ],
            tag_field="type",
            tag=kind.name,
            forbid_unknown_fields=True,
            omit_defaults=True,
            gc=False,
        )
        self.owners: list[int] = []
        self.told: list[Any] = []

    def column(self, field: Field) -> Column:
        """Return a field's values.

        Raises:
            Unusual: one doesn't fit the field.
        """
        values = list(map(operator.attrgetter(f"fields.{self._names[field.name]}"), self.told))
        if field.type in _TYPES and not set(map(type, values)) <= {_TYPES[field.type], type(None)}:
            raise Unusual
        codes = _Codes(field, self._texts)
        try:
            numbers = np.array(list(map(codes.__getitem__, values)), np.int64)
        except (TypeError, OverflowError) as error:
            raise Unusual from error
        given = numbers != _MISSING
        if given.all():
            return Column(numbers)
        if not field.optional:
            raise Unusual
        return Column(np.where(given, numbers, 0), given)


class Documents:
    """Producers and the documents of their facts on their way into columns."""

    def __init__(self, rulebook: Rulebook, shared: Sequence[bytes], texts: Texts | None = None) -> None:
        """Take the documents about everyone.

        Raises:
            CaseRefused: they don't fit the rulebook.
        """
        self._rulebook, self._reader = rulebook, CaseReader(rulebook)
        self._texts = Texts() if texts is None else texts
        self._shared = merge(self._reader.stored(shared))
        kinds = [kind for kind in rulebook.types.values() if kind.origin == "fact"]
        self._kinds = [_Kind(number, kind, self._texts) for number, kind in enumerate(kinds)]
        self._by_class = {kind.document: kind for kind in self._kinds}
        documents: Any = functools.reduce(operator.or_, self._by_class) if kinds else None
        self._decode = msgspec.json.Decoder(list[documents]).decode if kinds else None
        self._default = next((one.name for one in rulebook.fact_statuses.values() if one.counts), "")
        self._producers: list[Producer] = []

    def add(self, producer: bytes, documents: Sequence[bytes]) -> None:
        """Add a producer and its facts, as they are stored.

        Raises:
            CaseRefused: the producer doesn't fit the rulebook.
            Unusual: a fact can't be read this way.
        """
        row = len(self._producers)
        self._producers.append(self._reader.producer(producer))
        if not documents or self._decode is None:
            return
        try:
            decoded = self._decode(b"[" + b",".join(documents) + b"]")
        except (msgspec.MsgspecError, ValueError) as error:
            raise Unusual from error
        by_class = self._by_class
        for one in decoded:
            kind = by_class[type(one)]
            kind.owners.append(row)
            kind.told.append(one)

    def population(self) -> Population:
        """Return what was added, as columns.

        Raises:
            Unusual: a fact can't be read this way.
        """
        gathering = Gathering(self._rulebook, self._texts)
        for producer in self._producers:
            gathering.add(producer, ())
        bare = gathering.population()
        size = len(bare)
        tables = {kind.kind.name: self._table(kind) for kind in self._kinds}
        count = np.full(size, len(self._shared))
        for table, _ in tables.values():
            count += np.bincount(table.p, minlength=size)
        refused = count > MOST_FACTS
        facts = {name: table.take(where(counts & ~refused[table.p])) for name, (table, counts) in tables.items()}
        for name, table in self._about_everyone(refused).items():
            if len(facts[name]):
                raise Unusual
            facts[name] = table
        return Population(bare.ids, bare.attributes, facts, self._texts, refused)

    def _table(self, kind: _Kind) -> tuple[Table, Flags]:
        """Return merged facts of a type, and which of them count."""
        statuses = [one.status or self._default for one in kind.told]
        if not set(statuses) <= self._rulebook.fact_statuses.keys():
            raise Unusual
        table = Table(np.array(kind.owners, np.int64), {f.name: kind.column(f) for f in kind.kind.fields.values()})
        counting = {status.name for status in self._rulebook.fact_statuses.values() if status.counts}
        counts = np.array([status in counting for status in statuses], np.bool_)
        if not len(table):
            return table, counts
        keys: list[Numbers] = [table.p]
        for name in kind.kind.same_when or kind.kind.fields:
            column = table.columns[name]
            keys += [column.values] if column.given is None else [column.given, column.values]
        first, which = first_of_each(keys)
        if len(first) == len(table):
            return table, counts
        kept = np.sort(self._latest(kind, statuses, which, first))
        return table.take(kept), counts[kept]

    def _latest(self, kind: _Kind, statuses: Sequence[str], which: Ints, first: Ints) -> Ints:
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
                known.append((recorded[told], statuses[row]))
            best = max(known)
            winners = [row for row, one in zip(rows, known, strict=True) if one == best]
            latest[fact] = winners[0] if len(winners) == 1 else self._merged(kind, winners)
        return latest

    def _merged(self, kind: _Kind, rows: Sequence[int]) -> int:
        """Return the row of the report that the case reader takes when time and status don't tell."""
        facts = self._reader.stored([msgspec.json.encode(kind.told[row]) for row in rows])
        (taken,) = merge(facts)
        return next(row for row, fact in zip(rows, facts, strict=True) if fact.values == taken.values)

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


def _instant(text: str) -> str:
    try:
        return instant(text)
    except ShuoliError as error:
        raise Unusual from error
