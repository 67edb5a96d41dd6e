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
UP = 20.0
"""Seconds after which a server has read everybody ahead."""
MOST_SECONDS = 3.0


def measure(rulebook: Rulebook, day: date) -> list[tuple[str, str]]:
    """Return lines (what, figure) on a draft of the sample city's rulebook, wall time.

    Raises:
        SystemExit: a server that has been up for a while took 3 seconds, or nobody moved.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_city(folder, rulebook, load_population(rulebook), producers=PRODUCERS, seed=2021, as_of=day)
        store = Store.open(f"sqlite:///{folder}/shuoli.db")
        load_city(folder, rulebook, store, lambda *_: None)
        store.close()
        with server(folder, rulebook) as address:
            draft = _draft(address, rulebook)
        at_once = [_questions(folder, rulebook, draft, day, 0.0) for _ in range(PROCESSES)]
        after = [_questions(folder, rulebook, draft, day, UP) for _ in range(PROCESSES)]
        command = [_commanded(folder, rulebook, draft, day) for _ in range(PROCESSES)]
    first, sliders = [one[0] for one in after], [seconds for _, *more in (*at_once, *after) for seconds in more]
    if max(*first, *sliders) >= MOST_SECONDS:
        raise SystemExit(f"whom a draft moves took {max(*first, *sliders):.1f} s")
    return [
        (f"first request of a server up for {UP:.0f} s, worst of {PROCESSES}", f"{max(first):.2f} s"),
        (f"first request the moment a server answers, of {PROCESSES}", _spread([one[0] for one in at_once])),
        (f"a slider moved, median of {len(sliders)}", f"{statistics.median(sliders):.2f} s"),
        ("  slowest", f"{max(sliders):.2f} s"),
        (f"`shuoli impact`, the whole command, of {PROCESSES}", _spread(command)),
    ]


def _spread(seconds: Sequence[float]) -> str:
    return f"{min(seconds):.2f} to {max(seconds):.2f} s"


def _questions(folder: Path, rulebook: Rulebook, draft: str, day: date, after: float) -> list[float]:
    """Return the seconds of the first question that a server is asked, so long after it can be, and of those after."""
    with (
        server(folder, rulebook, live=True) as address,
        httpx.Client(base_url=address, timeout=60, trust_env=False) as client,
    ):
        time.sleep(after)
        return [_asked(client, _question(rulebook, draft, day, max(step - 1, 0))) for step in range(SLIDERS + 1)]


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


def _asked(client: httpx.Client, question: dict[str, Any]) -> float:
    """Return seconds until the whole answer is there.

    Raises:
        SystemExit: nobody moves.
    """
    started = time.perf_counter()
    answer = client.post("/api/v1/impact", json=question)
    seconds = time.perf_counter() - started
    told = answer.raise_for_status().json()
    if sum(map(sum, told["matrix"])) == told["same"]:
        raise SystemExit("nobody moves")
    return seconds


def _commanded(folder: Path, rulebook: Rulebook, draft: str, day: date) -> float:
    changes = [part for at, to in _changes(rulebook, 0) for part in ("--set", f"{at}={to}")]
    asked = ["impact", "--from", f"{rulebook.id}@{rulebook.version}", "--to", draft, *changes]
    asked += ["--db", f"sqlite:///{folder}/shuoli.db", "--as-of", day.isoformat()]
    program = [sys.executable, "-c", "import sys; from api.cli import main; main(sys.argv[1:])", *asked]
    started = time.perf_counter()
    subprocess.run(program, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
