"""Whom a draft moves, from request to matrix: a real server asked over HTTP, and the command line."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from batch.city import load_city
from batch.population import write_city
from bench.serving import server
from knowledge.population import load_population
from knowledge.rulebook import Rulebook
from store.ledger import Store

PRODUCERS = 3196
PROCESSES = 3
SLIDERS = 10
MOST_SECONDS = 3.0


def measure(rulebook: Rulebook, day: date) -> list[tuple[str, str]]:
    """Return lines (what, figure) on a draft of the sample city's rulebook, wall time.

    Raises:
        SystemExit: an answer took 3 seconds, or nobody moved.
    """
    first: list[float] = []
    later: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_city(folder, rulebook, load_population(rulebook), producers=PRODUCERS, seed=2021, as_of=day)
        store = Store.open(f"sqlite:///{folder}/shuoli.db")
        load_city(folder, rulebook, store, lambda *_: None)
        store.close()
        with server(folder, rulebook) as address:
            draft = _draft(address, rulebook)
        for _ in range(PROCESSES):
            with (
                server(folder, rulebook) as address,
                httpx.Client(base_url=address, timeout=60, trust_env=False) as ask,
            ):
                seconds, movers = _asked(ask, _question(rulebook, draft, day, 0))
                first.append(seconds)
                later += [_asked(ask, _question(rulebook, draft, day, step))[0] for step in range(SLIDERS)]
        command = [_commanded(folder, rulebook, draft, day) for _ in range(PROCESSES)]
    if max(*first, *later, *command) >= MOST_SECONDS or not movers:
        raise SystemExit(f"{movers} movers; first {first}, later {max(later):.1f} s, command {command}")
    return [
        (f"first request of a server's process, worst of {PROCESSES}", f"{max(first):.2f} s"),
        (f"a slider moved, median of {len(later)}", f"{statistics.median(later):.2f} s"),
        ("  slowest", f"{max(later):.2f} s"),
        (f"`shuoli impact` from start to end, worst of {PROCESSES}", f"{max(command):.2f} s"),
        ("movers", f"{movers:,}"),
    ]


def _draft(address: str, rulebook: Rulebook) -> str:
    """Open a draft and return its name."""
    place = f"{address}/api/v1/rulebooks/{rulebook.id}/measured/draft"
    based = {"based_on": f"{rulebook.id}@{rulebook.version}"}
    httpx.put(place, json=based, headers={"X-Actor": "bench"}, timeout=30, trust_env=False).raise_for_status()
    return f"{rulebook.id}@measured"


def _changes(rulebook: Rulebook, step: int) -> Sequence[tuple[str, int]]:
    """Return the draft's bands and first weight, moved by a slider's step."""
    best, next_ = rulebook.bands[:2]
    start = (best.low or 0) - 20 + step
    weight = f"indicators/{next(iter(rulebook.indicators))}/weight"
    return [(f"bands/{best.grade}/from", start), (f"bands/{next_.grade}/to", start - 1), (weight, 2)]


def _question(rulebook: Rulebook, draft: str, day: date, step: int) -> dict[str, Any]:
    edits = [{"at": at, "to": to} for at, to in _changes(rulebook, step)]
    return {"from": f"{rulebook.id}@{rulebook.version}", "to": draft, "edits": edits, "as_of": day.isoformat()}


def _asked(client: httpx.Client, question: dict[str, Any]) -> tuple[float, int]:
    """Return seconds until the whole answer is there, and its movers."""
    started = time.perf_counter()
    answer = client.post("/api/v1/impact", json=question)
    seconds = time.perf_counter() - started
    told = answer.raise_for_status().json()
    return seconds, sum(map(sum, told["matrix"])) - told["same"]


def _commanded(folder: Path, rulebook: Rulebook, draft: str, day: date) -> float:
    changes = [part for at, to in _changes(rulebook, 0) for part in ("--set", f"{at}={to}")]
    asked = ["impact", "--from", f"{rulebook.id}@{rulebook.version}", "--to", draft, *changes]
    asked += ["--db", f"sqlite:///{folder}/shuoli.db", "--as-of", day.isoformat()]
    program = [sys.executable, "-c", "import sys; from api.cli import main; main(sys.argv[1:])", *asked]
    started = time.perf_counter()
    subprocess.run(program, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
