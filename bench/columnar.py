"""Whole populations in columns: beside the traced engine, the kernel alone and a numpy bound; a million; an impact."""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import numpy as np

from authoring.draftfiles import read_files
from authoring.edits import Edit, edited
from authoring.impact import impact
from authoring.populations import Populations
from batch.city import city_cases, load_city
from batch.population import generate, write_city
from bench.producer import batches_of, replay
from engine.case import CaseFile
from engine.columnar import Columnar, Population, population_of
from engine.columnar.columns import Column, among, compare, single
from engine.columnar.population import Table
from engine.evaluate import Evaluator
from engine.reading import CaseReader
from knowledge.catalog import Catalog
from knowledge.population import load_population
from knowledge.rulebook import Aggregate, Rulebook
from knowledge.rules import Const, Pattern
from knowledge.strata import patterns_of
from store.ledger import Store

PRODUCERS, TRACED = 3196, 200
SIZES = (10_000, 100_000, 1_000_000)
MOST_GB = 8.0
LEAST_RATIO = 30.0
MOST_SECONDS = 3.0
_ROUNDS = 7
_EDIT_ROUNDS = 3


def measure(rulebook: Rulebook, day: date) -> list[tuple[str, str]]:
    """Return lines (what, figure).

    Raises:
        SystemExit: columns are less than 30 times faster than the traced engine, a million producers need 8 GB or
            more, or an impact takes 3 seconds.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_city(folder, rulebook, load_population(rulebook), producers=PRODUCERS, seed=2021, as_of=day)
        lines = _side_by_side(rulebook, folder, day.toordinal())
        lines += _impact(rulebook, folder, day.toordinal())
    return lines + _million(rulebook, day)


def _side_by_side(rulebook: Rulebook, folder: Path, day: int) -> list[tuple[str, str]]:
    cases = list(city_cases(folder, rulebook, day))
    gathered = _cpu(lambda: population_of(rulebook, cases))
    population = population_of(rulebook, cases)
    columnar, evaluator = Columnar(rulebook), Evaluator(rulebook)
    some = cases[:TRACED]
    batches = batches_of(evaluator, some)
    columns, traced, kernel, bound = [], [], [], []
    for _ in range(_ROUNDS):
        columns.append(_cpu(lambda: columnar.grade(population, day, concluded=False)) / len(cases))
        traced.append(_cpu(lambda: _grade(evaluator, some)) / len(some))
        kernel.append(_cpu(lambda: replay(batches)) / len(some))
        bound.append(_cpu(lambda: _bound(rulebook, population)) / len(cases))
    evaluator.close()
    ratio = statistics.median(a / b for a, b in zip(traced, columns, strict=True))
    if ratio < LEAST_RATIO:
        raise SystemExit(f"columns are only {ratio:.1f} times faster than the traced engine")
    facts = sum(len(case.facts) for case in cases)
    return [
        ("producers, facts of the sample city", f"{len(cases):,}, {facts:,}"),
        ("scored in columns with fired rules listed, best round", f"{min(columns) * 1e6:.1f} µs CPU a producer"),
        ("  likewise, producers a second", f"{1 / min(columns):,.0f}"),
        ("traced engine, with trail and checker, producers a second", f"{1 / min(traced):,.0f}"),
        ("durable_rules alone on the same facts, producers a second", f"{1 / min(kernel):,.0f}"),
        ("numpy bound (each test compared, each pattern counted), producers a second", f"{1 / min(bound):,.0f}"),
        ("times faster than the traced engine, median of rounds", f"{ratio:.0f}"),
        ("from cases into columns", f"{gathered / len(cases) * 1e6:.0f} µs CPU a producer"),
    ]


def _grade(evaluator: Evaluator, cases: Sequence[CaseFile]) -> None:
    for case in cases:
        evaluator.grade(case)


def _bound(rulebook: Rulebook, population: Population) -> None:
    """Compare each test with a literal once, and count by producer what each pattern lets through."""
    patterns = [pattern for rule in rulebook.rules for pattern, _ in patterns_of(rule)]
    patterns += [one.body.pattern for one in rulebook.measures.values() if isinstance(one.body, Aggregate)]
    for pattern in patterns:
        table = population.facts.get(pattern.type)
        if table is not None:
            fits = np.ones(len(table), np.bool_)
            for flags in _compared(pattern, table, population):
                fits &= flags
            np.bincount(table.p[fits], minlength=len(population))


def _compared(pattern: Pattern, table: Table, population: Population) -> list[np.ndarray]:
    flags = []
    for test in pattern.tests:
        column = table.columns[test.name]
        if isinstance(test.operand, tuple):
            codes = [population.texts.code(value) for value in test.operand]
            flags.append(among(column, codes, inside=True, sure=True))
        elif isinstance(test.operand, Const):
            flags.append(compare(test.op, column, single(population.texts.code(test.operand.value)), sure=True))
    return flags


# A draft's impact


def _impact(rulebook: Rulebook, folder: Path, day: int) -> list[tuple[str, str]]:
    store = Store.open(f"sqlite:///{folder}/shuoli.db")
    load_city(folder, rulebook, store, lambda *_: None)
    populations = Populations(store)
    started = time.perf_counter()
    populations.of(rulebook)
    read = time.perf_counter() - started
    files = read_files(Catalog().locate(f"{rulebook.id}@{rulebook.version}", date.fromordinal(day)))
    best = rulebook.bands[0].low or 0
    edits = [
        Edit(f"bands/{rulebook.bands[0].grade}/from", best - 20),
        Edit(f"bands/{rulebook.bands[1].grade}/to", best - 21),
        Edit(f"indicators/{next(iter(rulebook.indicators))}/weight", 2),
    ]
    seconds = []
    for _ in range(_EDIT_ROUNDS):
        started = time.perf_counter()
        told = impact(rulebook, edited(files, edits), populations.of, day)
        msgspec.json.encode(told)
        seconds.append(time.perf_counter() - started)
    store.close()
    if min(seconds) >= MOST_SECONDS:
        raise SystemExit(f"an impact took {min(seconds):.1f} s")
    return [
        ("impact of a draft on the city, from request to matrix and movers", f"{min(seconds):.2f} s"),
        ("  the first time, reading the ledger as well", f"{min(seconds) + read:.1f} s"),
        ("  movers", f"{len(told.movers):,}"),
    ]


# A million producers


def _million(rulebook: Rulebook, day: date) -> list[tuple[str, str]]:
    lines = []
    for size in SIZES:
        seconds, peak, facts = _apart(rulebook, day, size)
        if peak >= MOST_GB:
            raise SystemExit(f"{size:,} producers took {peak:.1f} GB")
        figure = f"{seconds / size * 1e6:.1f} µs CPU a producer, {peak:.1f} GB at most"
        lines.append((f"{size:,} producers with {facts:.0f} facts each", figure))
    return lines


def _apart(rulebook: Rulebook, day: date, size: int) -> tuple[float, float, float]:
    """Return CPU seconds, gigabytes at most and facts a producer, measured in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_many, args=(theirs, rulebook, day, size))
    process.start()
    theirs.close()
    told: tuple[float, float, float] = ours.recv()
    process.join()
    return told


def _many(pipe: Connection, rulebook: Rulebook, day: date, size: int) -> None:
    reader = CaseReader(rulebook)
    made = generate(
        rulebook, load_population(rulebook), producers=500, seed=2021, as_of=day, density=60 / 122
    )  # fmt: skip
    cases = [reader.case(msgspec.json.encode(case), as_of=day.toordinal()) for case in made]
    population = _repeated(population_of(rulebook, cases), size // len(cases))
    columnar = Columnar(rulebook)
    seconds = _cpu(lambda: columnar.grade(population, day.toordinal(), concluded=False))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    pipe.send((seconds, peak, sum(len(case.facts) for case in cases) / len(cases)))


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


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
