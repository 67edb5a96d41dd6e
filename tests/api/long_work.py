"""Work that takes for ever, for other processes: apart from the tests, so that these import little."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from authoring.apart import Tell
from engine.evaluate import Evaluator
from engine.workers import Workers


def sleeping(_: Evaluator, **__: Any) -> None:
    """Stand for a study; the process says so by its name."""
    Path("/proc/self/comm").write_text("asleep", "ascii")
    time.sleep(600)


def endless(tell: Tell, **_: Any) -> None:
    """Stand for a mutation, in a process of its own and in another below it."""
    with Workers(1):
        tell("waiting", 0, 1)
        time.sleep(600)
