"""Getting data in: JSON lines of the sample city, in the order in which they were recorded, into both databases."""

from __future__ import annotations

import random
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from batch.population import generate
from bench.postgres import postgres
from casework.decisions import Decisions
from casework.intake import Intake, RawChunk
from casework.lines import LineSplitter, RawLine
from engine.reading import CaseReader, producer_document
from engine.workers import Workers
from knowledge.population import load_population
from knowledge.rulebook import Rulebook
from store.ledger import Store

PRODUCERS = 1500
LIVE = 2000
"""Facts that are taken with regrading."""
WANTED = {"SQLite": 5000, "PostgreSQL": 10_000}
WORKERS = 2


def measure(rulebook: Rulebook, day: date) -> list[tuple[str, str]]:
    """Return lines (what, figure) on taking facts in without regrading, and a last part of them with it."""
    cases = list(generate(rulebook, load_population(rulebook), producers=PRODUCERS, seed=2021, as_of=day, density=1.0))
    told = [{"producer": case["producer"]["id"], **fact} for case in cases for fact in case["facts"]]
    random.Random(1).shuffle(told)
    told.sort(key=lambda one: str(one.get("recorded_at", "")))
    encode = msgspec.json.Encoder().encode
    body = [encode(one) + b"\n" for one in told]
    lines = [("facts, bytes a fact", f"{len(body):,}, {sum(map(len, body)) / len(body):.0f}")]
    with tempfile.TemporaryDirectory() as folder, postgres() as server:
        lines += _into("SQLite", f"sqlite:///{Path(folder)}/shuoli.db", rulebook, cases, body, day)
        if server is not None:
            lines += _into("PostgreSQL", server, rulebook, cases, body, day)
    return lines


def _into(
    name: str, url: str, rulebook: Rulebook, cases: list[dict[str, Any]], body: list[bytes], day: date
) -> list[tuple[str, str]]:
    store = Store.open(url)
    reader = CaseReader(rulebook)
    with store.write() as transaction:
        for case in cases:
            producer = reader.producer(msgspec.json.encode(case["producer"]))
            transaction.put_producer(producer.id, producer_document(rulebook, producer))
    with Workers(WORKERS) as workers:
        desk = Decisions(rulebook, store, workers)
        quiet, live = (Intake(desk, store, as_of=day.toordinal(), regrade=regrade) for regrade in (False, True))
        seconds = _take(quiet, body[:-LIVE], "quiet")
        _take(live, body[-LIVE : -LIVE + 40], "warm")  # the workers compile the rulebook
        rest = body[-LIVE + 40 :]
        graded = _take(live, rest, "live")
    store.close()
    rate = len(body[:-LIVE]) / seconds
    producers = sum(len({_producer(line) for line in rest[n : n + 500]}) for n in range(0, len(rest), 500))
    return [
        (f"{name}: facts a second, without regrading (wanted: {WANTED[name]:,})", f"{rate:,.0f}"),
        (f"{name}: with regrading on {WORKERS} workers, producers a second", f"{producers / graded:,.0f}"),
        (f"{name}: with regrading, facts a second", f"{len(rest) / graded:,.0f}"),
    ]


def _producer(line: bytes) -> str:
    return str(msgspec.json.decode(line)["producer"])


def _take(intake: Intake, body: list[bytes], key: str) -> float:
    """Take lines in as the HTTP interface does, a chunk being read while another is entered; return the seconds."""
    started = time.perf_counter()
    with ThreadPoolExecutor(1) as reader:
        under_way: deque[Future[RawChunk]] = deque()
        for number, lines in enumerate(_chunks(body)):
            under_way.append(reader.submit(intake.read_raw, lines, key=key, number=number))
            if len(under_way) > 2:
                intake.enter_raw(under_way.popleft().result(), origin="bench")
        while under_way:
            intake.enter_raw(under_way.popleft().result(), origin="bench")
    return time.perf_counter() - started


def _chunks(body: list[bytes]) -> Iterator[list[RawLine]]:
    splitter = LineSplitter()
    for place in range(0, len(body), 200):
        yield from splitter.feed(b"".join(body[place : place + 200]))
    last = splitter.end()
    if last:
        yield last
