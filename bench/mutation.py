"""How long it takes to try every change of a rulebook, and how many its scenarios notice."""

from __future__ import annotations

import time
from pathlib import Path

from authoring.mutation import mutate
from engine.workers import Workers
from knowledge.rulebook import Rulebook
from knowledge.scenarios import load_scenarios


def measure(rulebook: Rulebook, folder: Path) -> list[tuple[str, str]]:
    """Return seconds of the clock with two processes, and the rate."""
    scenarios = load_scenarios(folder, rulebook)
    clock = time.perf_counter()
    with Workers(2) as workers:
        found = mutate(rulebook, scenarios, workers, lambda _: None)
    clock = time.perf_counter() - clock
    tried = sum(found.tried.values())
    return [
        (f"{tried} changes, {len(scenarios)} scenarios", f"{clock:.0f} s, {1000 * clock / tried:.0f} ms each"),
        ("noticed", f"{found.rate / 100:.2f} %"),
    ]
