"""A posted fact to its new stored grade: a real server with one worker, asked 50 times a second whatever it answers."""

from __future__ import annotations

import random
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from batch.population import generate
from bench.serving import server
from knowledge.population import load_population
from knowledge.rulebook import Rulebook

PRODUCERS = 100
A_SECOND = 50
SECONDS = 15
MOST_MS = 60.0


def measure(rulebook: Rulebook, day: date) -> list[tuple[str, str]]:
    """Return lines (what, figure) on the time from a request's moment to its answer.

    Raises:
        SystemExit: the 99th percentile is above 60 ms, or a request failed.
    """
    cases = list(generate(rulebook, load_population(rulebook), producers=PRODUCERS, seed=2021, as_of=day))
    draw = random.Random(1)
    held: list[tuple[str, dict[str, Any]]] = []
    with tempfile.TemporaryDirectory() as folder, server(Path(folder), rulebook) as address:
        with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
            for case in cases:
                name, facts = case["producer"]["id"], case["facts"]
                client.put(f"/api/v1/producers/{name}", json=case["producer"]).raise_for_status()
                held += [
                    (name, fact) for fact in draw.sample(facts, min(len(facts), A_SECOND * SECONDS // PRODUCERS + 1))
                ]
                rest = [fact for fact in facts if (name, fact) not in held]
                client.post(f"/api/v1/producers/{name}/facts", json={"facts": rest}).raise_for_status()
        draw.shuffle(held)
        times = _ask(address, held[: A_SECOND * SECONDS])
    times.sort()
    p99 = times[len(times) * 99 // 100]
    if p99 > MOST_MS:
        raise SystemExit(f"99 % of posts were answered within {p99:.0f} ms; at most {MOST_MS:.0f}")
    return [
        ("posts of one fact, a second", f"{len(times)}, {A_SECOND}"),
        ("answered, median", f"{statistics.median(times):.1f} ms"),
        ("answered, 99 %", f"{p99:.1f} ms"),
        ("answered, slowest", f"{times[-1]:.1f} ms"),
    ]


def _ask(address: str, posts: list[tuple[str, dict[str, Any]]]) -> list[float]:
    """Post at fixed moments, whether earlier ones are answered or not; return milliseconds from moment to answer."""
    clients = threading.local()
    begun = time.perf_counter() + 0.5

    def post(number: int, name: str, fact: dict[str, Any]) -> float:
        if not hasattr(clients, "one"):
            clients.one = httpx.Client(base_url=address, timeout=30, trust_env=False)
        moment = begun + number / A_SECOND
        time.sleep(max(0.0, moment - time.perf_counter()))
        clients.one.post(f"/api/v1/producers/{name}/facts", json={"facts": [fact]}).raise_for_status()
        return (time.perf_counter() - moment) * 1000

    with ThreadPoolExecutor(16) as threads:
        asked = [threads.submit(post, number, name, fact) for number, (name, fact) in enumerate(posts)]
        return [one.result() for one in asked]
