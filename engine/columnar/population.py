"""Many producers and their facts as columns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, repeat
from typing import Any, Final

import numpy as np

from engine.case import MOST_FACTS, CaseFile, Fact, Producer
from engine.columnar.columns import Column, Flags, Ints, where
from knowledge.rulebook import Field, Rulebook
from knowledge.rules import Value

_MISSING: Final = -(2**63)
_GIVING_OUT: Final = threading.Lock()


class Texts(dict[str | None, int]):
    """Numbers for texts, given out as they come; none for a missing one. May be shared between threads."""

    def __init__(self) -> None:
        super().__init__({None: -1})
        self.by_code: list[str] = []
        self.longest = 0
        """The length of the longest."""

    def __missing__(self, text: str) -> int:
        with _GIVING_OUT:
            code = self.get(text)
            if code is None:
                code = len(self.by_code)
                self.by_code.append(text)
                self.longest = max(self.longest, len(text))
                self[text] = code
        return code

    def codes(self, texts: Sequence[str], check: Callable[[Mapping[str, object]], object]) -> Ints:
        """Return the numbers of many texts; new ones are checked together before any of them has a number."""
        with _GIVING_OUT:
            codes = np.fromiter(map(self.get, texts, repeat(-2)), np.int64, len(texts))
            unknown = codes == -2
            if unknown.any():
                told = list(compress(texts, unknown.tolist()))
                new = dict.fromkeys(told)
                check(new)
                first = len(self.by_code)
                numbers = np.arange(first, first + len(new))
                self.by_code += new
                self.update(zip(new, numbers.tolist(), strict=True))
                self.longest = max(self.longest, *map(len, new))
                if len(new) < len(told):
                    numbers = np.fromiter(map(self.__getitem__, told), np.int64, len(told))
                codes[unknown] = numbers
        return codes

    def code(self, value: Value) -> int:
        """Return any encoded value as a number."""
        return self[value] if isinstance(value, str) else int(value)


@dataclass(slots=True, eq=False)
class Table:
    """Facts, findings or consequences of one type, sorted by producer (its row in the population)."""

    p: Ints
    columns: Mapping[str, Column]
    rounds: Ints | None = None
    """The shortest chain of rules behind each, where that is asked for."""
    cache: dict[Any, Any] = field(default_factory=dict)
    """What of it fits which conditions."""

    def __len__(self) -> int:
        return len(self.p)

    def take(self, rows: Ints) -> Table:
        """Return some rows, ascending."""
        return Table(self.p[rows], {name: column.take(rows) for name, column in self.columns.items()})


@dataclass(slots=True, eq=False)
class Population:
    """Producers by row, and their counting facts by type. Columns stand in the words of one rulebook's vocabulary."""

    ids: Sequence[str]
    attributes: Mapping[str, Column]
    """Kind, region, id and the rulebook's attributes."""
    facts: Mapping[str, Table]
    texts: Texts
    refused: Flags
    """Who has more facts than one producer may have; there is no grade for them."""

    def __len__(self) -> int:
        return len(self.ids)

    def parts(self, size: int) -> Iterator[Population]:
        """Yield the population in parts of at most so many producers."""
        if len(self) <= size:
            yield self
            return
        for start in range(0, len(self), size):
            stop = min(start + size, len(self))
            rows = np.arange(start, stop)
            facts = {}
            for name, table in self.facts.items():
                low, high = (int(end) for end in np.searchsorted(table.p, [start, stop]))
                part = table.take(np.arange(low, high))
                facts[name] = Table(part.p - start, part.columns)
            attributes = {name: column.take(rows) for name, column in self.attributes.items()}
            yield Population(self.ids[start:stop], attributes, facts, self.texts, self.refused[start:stop])


def joined(old: Population, kept: Flags, new: Population) -> Population:
    """Return those of a population that are kept, and another one's after them; both have the same texts."""
    place = np.cumsum(kept) - 1
    first = int(kept.sum())
    facts = {}
    for name, table in old.facts.items():
        mine, others = table.take(where(kept[table.p])), new.facts[name]
        columns = {field: stacked([mine.columns[field], others.columns[field]]) for field in table.columns}
        facts[name] = Table(np.concatenate([place[mine.p], others.p + first]), columns)
    rows = where(kept)
    attributes = {name: stacked([one.take(rows), new.attributes[name]]) for name, one in old.attributes.items()}
    ids = [name for name, stays in zip(old.ids, kept.tolist(), strict=True) if stays]
    return Population([*ids, *new.ids], attributes, facts, old.texts, np.concatenate([old.refused[rows], new.refused]))


def stacked(columns: Sequence[Column]) -> Column:
    """Return the values of some columns, one column after the other."""
    if not columns:
        return Column(np.empty(0, np.int64))
    given = None
    if any(one.given is not None for one in columns):
        given = np.concatenate([one.known(len(one.values)) for one in columns])
    return Column(np.concatenate([one.values for one in columns]), given)


def population_of(rulebook: Rulebook, cases: Iterable[CaseFile]) -> Population:
    """Return the population of these cases; the days for which they were read don't matter."""
    gathering = Gathering(rulebook)
    for case in cases:
        gathering.add(case.producer, case.facts)
    return gathering.population()


class Gathering:
    """Producers and facts on their way into columns."""

    def __init__(self, rulebook: Rulebook, texts: Texts | None = None) -> None:
        self._rulebook, self._codes = rulebook, Texts() if texts is None else texts
        self._producers: list[Producer] = []
        self._sizes: list[int] = []
        self._counting = frozenset(status.name for status in rulebook.fact_statuses.values() if status.counts)
        kinds = [kind for kind in rulebook.types.values() if kind.origin == "fact"]
        self._rows: dict[str, tuple[list[int], list[Mapping[str, Value]]]] = {kind.name: ([], []) for kind in kinds}

    def add(self, producer: Producer, facts: Sequence[Fact]) -> None:
        """Add a producer with its merged facts and those about everyone."""
        row, counting, rows = len(self._producers), self._counting, self._rows
        self._producers.append(producer)
        self._sizes.append(len(facts))
        if len(facts) <= MOST_FACTS:
            for fact in facts:
                if fact.status in counting:
                    owners, told = rows[fact.type]
                    owners.append(row)
                    told.append(fact.values)

    def population(self) -> Population:
        """Return what was added, as columns."""
        texts, producers = self._codes, self._producers
        attributes = {
            "kind": _texts(texts, [one.kind for one in producers]),
            "region": _texts(texts, [one.region for one in producers]),
            "id": _texts(texts, [one.id for one in producers]),
        }
        own = [one.attributes for one in producers]
        attributes |= {name: _column(texts, field, own) for name, field in self._rulebook.attributes.items()}
        facts = {}
        for name, (owners, told) in self._rows.items():
            kind = self._rulebook.types[name]
            columns = {field.name: _column(texts, field, told) for field in kind.fields.values()}
            facts[name] = Table(np.array(owners, np.int64), columns)
        refused = np.array(self._sizes, np.int64) > MOST_FACTS
        return Population([one.id for one in producers], attributes, facts, texts, refused)


def seen(table: Table, dated: str | None, day: int) -> Table:
    """Return the facts whose day has come, or who have none."""
    if dated is None:
        return Table(table.p, table.columns)
    dates = table.columns[dated]
    come = dates.values <= day
    if dates.given is not None:
        come |= ~dates.given
    return Table(table.p, table.columns) if come.all() else table.take(where(come))


def _texts(texts: Texts, values: Sequence[str | None]) -> Column:
    codes = np.array([texts[value] for value in values], np.int64)
    given = codes >= 0
    return Column(codes) if given.all() else Column(np.where(given, codes, 0), given)


def _column(texts: Texts, field: Field, told: Sequence[Mapping[str, Value]]) -> Column:
    name = field.name
    if field.type in ("text", "choice"):
        return _texts(texts, [values.get(name) for values in told])  # type: ignore[misc]  # texts, as their type says
    values = np.array([values.get(name, _MISSING) for values in told], np.int64)
    given = values != _MISSING
    return Column(values) if given.all() else Column(np.where(given, values, 0), given)


def decoder(field: Field, texts: Texts) -> Callable[[int], Value]:
    """Return what turns a number back into the value of a field."""
    match field.type:
        case "text" | "choice":
            return texts.by_code.__getitem__
        case "yes_no":
            return bool
        case _:
            return int
