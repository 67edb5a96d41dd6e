"""Whole populations in columns, beside the traced engine, the kernel alone, zen-engine and a numpy bound."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from batch.city import city_cases
from batch.population import write_city
from bench.producer import batches_of, replay
from bench.zen import Zen, part_of
from engine.case import CaseFile
from engine.columnar import Columnar, Population, population_of
from engine.columnar.columns import among, compare, single
from engine.columnar.population import Table
from engine.evaluate import Evaluator
from knowledge.population import load_population
from knowledge.rulebook import Aggregate, Rulebook
from knowledge.rules import Const, Pattern
from knowledge.strata import patterns_of

PRODUCERS, TRACED = 3196, 200
LEAST_RATIO = 30.0
_ROUNDS = 7


def measure(rulebook: Rulebook, day: date) -> list[tuple[str, str]]:
    """Return lines (what, figure).

    Raises:
        SystemExit: columns are less than 30 times faster than the traced engine, or zen-engine comes to other points.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_city(folder, rulebook, load_population(rulebook), producers=PRODUCERS, seed=2021, as_of=day)
        cases = list(city_cases(folder, rulebook, day.toordinal()))
    facts = sum(len(case.facts) for case in cases)
    started = time.process_time()
    population = population_of(rulebook, cases)
    gathered = (time.process_time() - started) / len(cases)
    part = part_of(rulebook)
    zen = Zen(part, day.toordinal())
    same = _agreed(part, zen, population, cases, day.toordinal())
    whole = _Round(rulebook, population, cases, day.toordinal(), None)
    other = _Round(part, population, cases, day.toordinal(), zen)
    for _ in range(_ROUNDS):
        whole.run()
        other.run()
    if whole.ratio() < LEAST_RATIO:
        raise SystemExit(f"columns are only {whole.ratio():.1f} times faster than the traced engine")
    asked = sum(rule.kind == "standard" for rule in rulebook.rules)
    return [
        ("producers, facts of the sample city", f"{len(cases):,}, {facts:,}"),
        ("from cases into columns", f"{gathered * 1e6:.0f} µs CPU a producer"),
        (f"all {len(rulebook.rules)} rules, fired rules listed", f"{min(whole.columns) * 1e6:.1f} µs CPU a producer"),
        *whole.lines(),
        ("  times faster than the traced engine, median of rounds", f"{whole.ratio():.0f}"),
        (
            f"{len(part.rules)} of {asked} rules for points, which zen-engine can be told",
            f"{zen.tables} decision tables, the rest expressions; {same:,} points, all the same",
        ),
        *other.lines(),
    ]


@dataclass(slots=True)
class _Round:
    """Engines at the same work, each measured in turn: CPU seconds a producer."""

    rulebook: Rulebook
    population: Population
    cases: Sequence[CaseFile]
    day: int
    zen: Zen | None
    columns: list[float] = field(default_factory=list)
    traced: list[float] = field(default_factory=list)
    kernel: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)
    bound: list[float] = field(default_factory=list)
    columnar: Columnar = field(init=False)

    def __post_init__(self) -> None:
        self.columnar = Columnar(self.rulebook)

    def run(self) -> None:
        """Have each do it once: columns and the bound everybody, the others some producers."""
        columnar, evaluator = self.columnar, Evaluator(self.rulebook)
        some = self.cases[:TRACED]
        batches = batches_of(evaluator, some)
        everybody = len(self.cases)
        self.columns.append(_cpu(lambda: columnar.grade(self.population, self.day, concluded=False)) / everybody)
        self.traced.append(_cpu(lambda: _grade(evaluator, some)) / len(some))
        self.kernel.append(_cpu(lambda: replay(batches)) / len(some))
        self.bound.append(_cpu(lambda: _bound(self.rulebook, self.population)) / everybody)
        evaluator.close()
        if self.zen is not None:
            zen, contexts = self.zen, [self.zen.context(case) for case in some]
            self.told.append(_cpu(lambda: [zen.points(context) for context in contexts]) / len(some))

    def ratio(self) -> float:
        """Return how many times columns are faster than the traced engine."""
        return statistics.median(a / b for a, b in zip(self.traced, self.columns, strict=True))

    def lines(self) -> list[tuple[str, str]]:
        """Return the best round of each, as producers a second."""
        each = [
            ("in columns", self.columns),
            ("numpy bound (each test compared, each pattern counted)", self.bound),
            ("zen-engine", self.told),
            ("durable_rules alone", self.kernel),
            ("traced engine, with trail and checker", self.traced),
        ]
        return [(f"  {what}, producers a second", f"{1 / min(seconds):,.0f}") for what, seconds in each if seconds]


def _agreed(part: Rulebook, zen: Zen, population: Population, cases: Sequence[CaseFile], day: int) -> int:
    """Return the points of everybody and each standard together; zen-engine says the same of every one."""
    told = Columnar(part).grade(population, day, concluded=False).points
    total = 0
    for case, row in zip(cases, told.iter_rows(named=True), strict=True):
        found = zen.points(zen.context(case))
        for name in part.standards:
            total += row[name]
            if found.get(name, 0) != row[name]:
                raise SystemExit(
                    f"{case.producer.id} {name}: {row[name]} in columns, {found.get(name, 0)} in zen-engine"
                )
    return total


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


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
