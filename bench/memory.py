"""Many gradings in one process: memory must stay flat and no thread be left behind."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from engine.case import CaseFile
from engine.evaluate import Evaluator
from knowledge.rulebook import Rulebook

GRADINGS = 120_000
WARM_UP = 5_000


def measure(rulebook: Rulebook, cases: Sequence[CaseFile]) -> list[tuple[str, str]]:
    """Return lines (what, figure) on growth of resident memory over 120,000 gradings.

    Raises:
        SystemExit: memory grew by more than 20 MB, or a thread was left behind.
    """
    evaluator = Evaluator(rulebook)
    source = cycle(cases)
    for case in islice(source, WARM_UP):
        evaluator.grade(case)
    gc.collect()
    before, threads = _resident_mb(), threading.active_count()
    for case in islice(source, GRADINGS):
        evaluator.grade(case)
    gc.collect()
    growth, left = _resident_mb() - before, threading.active_count() - threads
    evaluator.close()
    if growth > 20 or left:
        raise SystemExit(f"memory grew by {growth:.1f} MB, {left} threads left behind")
    return [
        ("gradings in one process", f"{GRADINGS:,}"),
        ("growth of memory", f"{growth:.1f} MB"),
        ("threads left", "0"),
    ]


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
