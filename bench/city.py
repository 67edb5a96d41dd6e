"""The sample city: every producer read from the store, graded by two workers, stored with its trail."""

from __future__ import annotations

import tempfile
import time
from datetime import date
from pathlib import Path

from batch.city import load_city
from batch.population import write_city
from casework.decisions import Decisions
from engine.workers import Workers
from knowledge.population import load_population
from knowledge.rulebook import Rulebook
from store.ledger import Store

PRODUCERS = 3196
WORKERS = 2
MOST_SECONDS = 20.0


def measure(rulebook: Rulebook, day: date) -> list[tuple[str, str]]:
    """Return lines (what, figure) on making, loading and grading the city on an SQLite store.

    Raises:
        SystemExit: grading took 20 seconds or more, or a producer has no grade.
    """
    population = load_population(rulebook)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.perf_counter()
        made = write_city(folder, rulebook, population, producers=PRODUCERS, seed=2021, as_of=day)
        written = time.perf_counter()
        store = Store.open(f"sqlite:///{folder}/shuoli.db")
        load_city(folder, rulebook, store, lambda *_: None)
        loaded = time.perf_counter()
        with Workers(WORKERS) as workers:
            refused = Decisions(rulebook, store, workers).decide_all(day.toordinal(), lambda *_: None)
        graded = time.perf_counter()
        with store.read() as transaction:
            counts = transaction.grade_counts()
        store.close()
        size = (folder / "shuoli.db").stat().st_size / 1e6
    seconds = graded - loaded
    if refused or seconds >= MOST_SECONDS:
        raise SystemExit(f"{seconds:.1f} s, {len(refused)} producers without a grade")
    return [
        ("producers, facts", f"{PRODUCERS:,}, {made['facts']:,}"),
        ("making the city", f"{written - started:.1f} s"),
        ("checking and loading it", f"{loaded - written:.1f} s"),
        (f"reading, grading, storing on {WORKERS} workers", f"{seconds:.1f} s"),
        ("facts a second", f"{made['facts'] / seconds:,.0f}"),
        ("database", f"{size:.0f} MB"),
        ("grades", ", ".join(f"{band.grade} {counts.get(band.grade, 0)}" for band in rulebook.bands)),
    ]
