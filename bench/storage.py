"""What a year takes on disk: facts entered day by day as they were recorded, each day graded as it came."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path

import msgspec

from batch.population import generate
from casework.decisions import Decisions
from engine.case import Fact
from engine.reading import CaseReader
from engine.workers import Workers
from knowledge.population import load_population
from knowledge.rulebook import Rulebook
from store.ledger import Store

PRODUCERS = 40
CITY = 3196
MOST_BYTES = 1e9


def measure(rulebook: Rulebook, day: date) -> list[tuple[str, str]]:
    """Return lines (what, figure) on bytes of a grading and of a city-year on SQLite.

    Raises:
        SystemExit: a year of a city takes 1 GB or more.
    """
    reader = CaseReader(rulebook)
    cases = generate(rulebook, load_population(rulebook), producers=PRODUCERS, seed=2021, as_of=day)
    told = [reader.told(msgspec.json.encode(case)) for case in cases]
    begin = day - timedelta(days=365)
    by_day: dict[date, dict[str, list[Fact]]] = defaultdict(lambda: defaultdict(list))
    for producer, facts in told:
        for fact in facts:
            recorded = date.fromisoformat(str(fact.recorded_at)[:10])
            by_day[max(recorded, begin)][producer.id].append(fact)
    with tempfile.TemporaryDirectory() as folder, Workers(1) as workers:
        path = Path(folder, "shuoli.db")
        store = Store.open(f"sqlite:///{path}")
        desk = Decisions(rulebook, store, workers)
        for producer, _ in told:
            desk.put_producer(producer, begin.toordinal())
        counts = []
        for now in (begin, *sorted(by_day.keys() - {begin})):
            for name, facts in by_day[now].items():
                desk.record(name, facts, now.toordinal())
            if now == begin:
                before = _size(store, path)
            counts.append(len(by_day[now]))
        with store.read() as transaction:
            execute = transaction.connection.exec_driver_sql
            gradings, mean = execute("SELECT count(*), avg(length(document)) FROM gradings").one()
            confirmations = execute("SELECT count(*) FROM confirmations").scalar_one()
        year = (_size(store, path) - before) / PRODUCERS * CITY
        store.close()
    if year >= MOST_BYTES:
        raise SystemExit(f"a year of a city takes {year / 1e9:.2f} GB")
    return [
        ("producers, days of a producer with news in a year", f"{PRODUCERS}, {sum(counts[1:]) / PRODUCERS:.0f}"),
        ("bytes of a grading, compressed", f"{mean:,.0f}"),
        ("gradings, confirmations", f"{gradings:,}, {confirmations:,}"),
        (f"a year of {CITY:,} producers, indexes included", f"{year / 1e6:,.0f} MB"),
    ]


def _size(store: Store, path: Path) -> int:
    with store.write() as transaction:
        transaction.last_entered_at()
    return sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*"))
