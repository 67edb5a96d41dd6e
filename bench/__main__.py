"""`make bench [WHAT=NAME]`: speed and memory, each measured in one run; the names stand in `main`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date

import msgspec
from rich.console import Console
from rich.table import Table

from batch.population import generate
from bench import (
    city,
    columnar,
    explain,
    impact,
    ingest,
    letters,
    log,
    memory,
    million,
    mutation,
    posting,
    producer,
    storage,
    tick,
    verification,
)
from engine.case import CaseFile
from engine.reading import CaseReader
from knowledge.catalog import Catalog
from knowledge.population import load_population
from knowledge.rulebook import Rulebook

DAY = date(2026, 11, 1)
Lines = list[tuple[str, str]]


def main(wanted: list[str]) -> None:
    """Run the benchmarks that are named, all of them if none is."""
    catalog = Catalog()
    entry = next(iter(catalog.versions()))
    rulebook = catalog.load(entry.folder)
    benches: dict[str, Callable[[], Lines]] = {
        "producer": lambda: producer.measure(rulebook, _cases(rulebook, 60)),
        "explain": lambda: explain.measure(rulebook, DAY),
        "letters": lambda: letters.measure(rulebook, DAY),
        "impact": lambda: impact.measure(rulebook, DAY),
        "columnar": lambda: columnar.measure(rulebook, DAY),
        "million": lambda: million.measure(rulebook, DAY),
        "memory": lambda: memory.measure(rulebook, _cases(rulebook, 60)),
        "city": lambda: city.measure(rulebook, DAY),
        "ingest": lambda: ingest.measure(rulebook, DAY),
        "posting": lambda: posting.measure(rulebook, DAY),
        "storage": lambda: storage.measure(rulebook, DAY),
        "tick": lambda: tick.measure(rulebook, DAY),
        "log": log.measure,
        "verification": lambda: verification.measure(rulebook, entry.folder),
        "mutation": lambda: mutation.measure(rulebook, entry.folder),
    }
    unknown = [name for name in wanted if name not in benches]
    if unknown:
        raise SystemExit(f"there are {', '.join(benches)}, not {', '.join(unknown)}")
    for name in wanted or benches:
        table = Table(name, "", box=None, pad_edge=False)
        for what, figure in benches[name]():
            table.add_row(what, figure)
        Console().print(table)


def _cases(rulebook: Rulebook, facts: int) -> list[CaseFile]:
    """Return producers of the sample city, made so dense that they have about so many facts."""
    population = load_population(rulebook)
    reader = CaseReader(rulebook)
    made = generate(rulebook, population, producers=200, seed=2021, as_of=DAY, density=facts / 122)
    return [reader.case(msgspec.json.encode(case), as_of=DAY.toordinal()) for case in made]


main(sys.argv[1:])
