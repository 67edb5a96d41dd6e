"""Many producers at once: read from a folder into a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import islice
from pathlib import Path

import msgspec

from engine.case import CaseFile, Fact, Producer
from engine.columnar import Population, population_of
from engine.columnar.documents import Documents, Unusual
from engine.reading import CaseReader, fact_document, merge, producer_document
from knowledge.problems import CaseRefused, ShuoliError
from knowledge.rulebook import Rulebook
from store.ledger import EVERYONE, Store, Transaction

CITY_FILE = "producers.jsonl"
"""One case file a line."""
EVERYONE_FILE = "everyone.json"
"""What is about everyone, as `{"facts": […]}`."""
_BATCH = 100


class _Facts(msgspec.Struct, frozen=True):
    facts: tuple[msgspec.Raw, ...]


class _Line(msgspec.Struct, frozen=True):
    producer: msgspec.Raw
    facts: msgspec.Raw


class CityMissing(ShuoliError):
    """The folder holds no city."""

    code = "city.missing"


def load_city(folder: Path, rulebook: Rulebook, store: Store, done: Callable[[int, int], None]) -> None:
    """Put every producer of a folder, with its facts and those about everyone, into the store.

    `done` is told how many of each.

    What is there already stays: the same city loaded twice is there once. Every line is checked against the
    rulebook, and batches are stored as they are read, so that a refused line leaves whole batches before it.

    Raises:
        CityMissing: the folder holds no `producers.jsonl`.
        CaseRefused: a line doesn't fit the rulebook; the places of its problems begin with the line's number.
    """
    reader = CaseReader(rulebook)
    lines = _lines(folder)
    if (folder / EVERYONE_FILE).exists():
        about_everyone = reader.facts((folder / EVERYONE_FILE).read_bytes(), today=date.max.toordinal())
        with store.write() as transaction:
            _add(transaction, rulebook, EVERYONE, about_everyone)
        done(0, len(about_everyone))
    while batch := list(islice(lines, _BATCH)):
        read = [_told(reader, number, line) for number, line in batch]
        with store.write() as transaction:
            for producer, facts in read:
                transaction.put_producer(producer.id, producer_document(rulebook, producer))
                _add(transaction, rulebook, producer.id, facts)
        done(len(read), sum(len(facts) for _, facts in read))


def city_cases(folder: Path, rulebook: Rulebook, day: int) -> Iterator[CaseFile]:
    """Yield the case of every producer in a folder as of a day, each with the facts about everyone.

    Raises:
        CityMissing: the folder holds no `producers.jsonl`.
        CaseRefused: a line doesn't fit the rulebook.
    """
    reader = CaseReader(rulebook)
    lines = _lines(folder)
    shared = folder / EVERYONE_FILE
    about_everyone = reader.facts(shared.read_bytes(), today=date.max.toordinal()) if shared.exists() else ()
    for number, line in lines:
        producer, facts = _told(reader, number, line)
        yield CaseFile(producer, merge([*facts, *about_everyone]), day)


def city_population(folder: Path, rulebook: Rulebook) -> Population:
    """Return every producer in a folder, with its facts and those about everyone, in columns.

    Raises:
        CityMissing, CaseRefused: as `city_cases`.
    """
    shared = folder / EVERYONE_FILE
    try:
        about_everyone = msgspec.json.decode(shared.read_bytes(), type=_Facts).facts if shared.exists() else ()
        documents = Documents(rulebook, [bytes(one) for one in about_everyone])
        for _, line in _lines(folder):
            case = msgspec.json.decode(line, type=_Line)
            documents.add(bytes(case.producer), bytes(case.facts))
        return documents.population()
    except (Unusual, CaseRefused, msgspec.MsgspecError):
        return population_of(rulebook, city_cases(folder, rulebook, 1))


def _add(transaction: Transaction, rulebook: Rulebook, producer_id: str, facts: Sequence[Fact]) -> None:
    documents = [fact_document(rulebook, fact) for fact in facts]
    transaction.add_facts(producer_id, documents, [fact.id for fact in facts])


def _lines(folder: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with (folder / CITY_FILE).open("rb") as file:
            yield from enumerate(file, 1)
    except OSError as error:
        help = "make one with `shuoli sample-city --out DIR`"
        raise CityMissing(f"there is no city in {folder}: {error.strerror}", help=help) from error


def _told(reader: CaseReader, number: int, line: bytes) -> tuple[Producer, list[Fact]]:
    try:
        return reader.told(line)
    except CaseRefused as error:
        problems = tuple(replace(one, place=f"{CITY_FILE}:{number}{one.place}") for one in error.problems)
        raise CaseRefused(f"line {number} is refused", problems=problems) from error
