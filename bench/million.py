"""A million producers with 60 facts each: seconds and memory at several sizes, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable, Sequence
from datetime import date
from multiprocessing.connection import Connection
from typing import NamedTuple

import msgspec
import numpy as np

from batch.population import generate
from engine.case import CaseFile
from engine.columnar import Columnar, Population, population_of
from engine.columnar.columns import Column
from engine.columnar.documents import Documents
from engine.columnar.population import Table
from engine.reading import CaseReader, fact_document, producer_document
from knowledge.population import load_population
from knowledge.rulebook import Rulebook

SIZES = (10_000, 250_000, 500_000, 1_000_000)
READ_SIZES = (40_000, 80_000)
MOST_GB = 8.0
_MADE = 500
_AT_ONCE = 20_000


class Taken(NamedTuple):
    """What a run took."""

    cpu: float
    seconds: float
    gigabytes: float
    facts: float
    """Of a producer."""


def measure(rulebook: Rulebook, day: date) -> list[tuple[str, str]]:
    """Return lines (what, figure).

    In columns, 500 producers stand over and over, so that texts are few. Read from documents, they are others each
    time, with their own numbers and batches: 20,000 are read, graded and let go before the next.

    Raises:
        SystemExit: some number of producers takes 8 GB or more.
    """
    lines = []
    for work, sizes, how in ((_in_columns, SIZES, "in columns"), (_from_documents, READ_SIZES, "from documents")):
        for size in sizes:
            taken = apart(work, rulebook, day, size)
            if taken.gigabytes >= MOST_GB:
                raise SystemExit(f"{size:,} producers {how} took {taken.gigabytes:.1f} GB")
            each = f"{taken.cpu / size * 1e6:.1f} µs CPU a producer"
            figure = f"{each}, {taken.seconds:.1f} s, {taken.gigabytes:.1f} GB at most"
            lines.append((f"{size:,} producers with {taken.facts:.0f} facts each, {how}", figure))
    return lines


def apart(work: Callable[[Rulebook, date, int], Taken], rulebook: Rulebook, day: date, size: int) -> Taken:
    """Return what grading so many takes in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_sent, args=(theirs, work, rulebook, day, size))
    process.start()
    theirs.close()
    taken: Taken = ours.recv()
    process.join()
    return taken


def _sent(
    pipe: Connection, work: Callable[[Rulebook, date, int], Taken], rulebook: Rulebook, day: date, size: int
) -> None:
    pipe.send(work(rulebook, day, size))


def _cases(rulebook: Rulebook, day: date) -> list[CaseFile]:
    reader = CaseReader(rulebook)
    made = generate(rulebook, load_population(rulebook), producers=_MADE, seed=2021, as_of=day, density=60 / 122)
    return [reader.case(msgspec.json.encode(case), as_of=day.toordinal()) for case in made]


def _in_columns(rulebook: Rulebook, day: date, size: int) -> Taken:
    cases = _cases(rulebook, day)
    population = _repeated(population_of(rulebook, cases), size // _MADE)
    columnar = Columnar(rulebook)

    def work() -> int:
        return columnar.grade(population, day.toordinal(), concluded=False).grades.height

    return _taken(work, size, cases)


def _from_documents(rulebook: Rulebook, day: date, size: int) -> Taken:
    cases, columnar = _cases(rulebook, day), Columnar(rulebook)
    stored = [
        (producer_document(rulebook, case.producer), b",".join(fact_document(rulebook, fact) for fact in case.facts))
        for case in cases
    ]
    own = [case.producer.id.rpartition("-")[2].encode() for case in cases]

    def work() -> int:
        graded = []
        for first in range(0, size, _AT_ONCE):
            documents = Documents(rulebook, [], own=True)
            for number in range(first, min(first + _AT_ONCE, size)):
                (producer, facts), old = stored[number % _MADE], own[number % _MADE]
                new = np.base_repr(number, 36).zfill(len(old)).encode()
                documents.add(producer.replace(old, new), b"[" + facts.replace(old, new) + b"]")
            graded.append(columnar.grade(documents.population(), day.toordinal(), concluded=False))
        return sum(one.grades["id"].n_unique() for one in graded)

    return _taken(work, size, cases)


def _taken(work: Callable[[], int], size: int, cases: Sequence[CaseFile]) -> Taken:
    cpu, seconds = time.process_time(), time.perf_counter()
    if work() != size:
        raise SystemExit("not everybody was graded")
    cpu, seconds = time.process_time() - cpu, time.perf_counter() - seconds
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return Taken(cpu, seconds, peak, sum(len(case.facts) for case in cases) / len(cases))


def _repeated(population: Population, times: int) -> Population:
    """Return the same producers over and over, each time as others."""
    size = len(population)

    def column(one: Column) -> Column:
        return Column(np.tile(one.values, times), None if one.given is None else np.tile(one.given, times))

    facts = {}
    for name, table in population.facts.items():
        owners = np.tile(table.p, times) + np.repeat(np.arange(times) * size, len(table))
        facts[name] = Table(owners, {field: column(one) for field, one in table.columns.items()})
    attributes = {name: column(one) for name, one in population.attributes.items()}
    ids = [f"{number}-{name}" for number in range(times) for name in population.ids]
    return Population(ids, attributes, facts, population.texts, np.tile(population.refused, times))
