"""One producer in a warm process: CPU time per grading, and where it goes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from engine import chaining, rete
from engine.case import CaseFile
from engine.checker import Checker
from engine.evaluate import Evaluator
from knowledge.rulebook import Rulebook

ROUNDS = 15


class Stopwatch:
    """CPU time spent inside chosen methods while they are wrapped."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._undo: list[Callable[[], None]] = []

    def wrap(self, owner: Any, name: str, label: str) -> None:
        """Count the time of `owner.name` under `label`."""
        inner = getattr(owner, name)

        def timed(*args: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return inner(*args, **named)
            finally:
                self.seconds[label] = self.seconds.get(label, 0.0) + time.perf_counter() - start

        setattr(owner, name, timed)
        self._undo.append(lambda: setattr(owner, name, inner))

    def release(self) -> None:
        """Put the wrapped methods back."""
        while self._undo:
            self._undo.pop()()


def measure(rulebook: Rulebook, cases: Sequence[CaseFile]) -> list[tuple[str, str]]:
    """Return lines (what, figure): best and median CPU per grading, the split, and a plain loop beside it."""
    evaluator = Evaluator(rulebook)
    for case in cases:
        evaluator.grade(case)
    rounds = sorted(_cpu_ms(lambda: [evaluator.grade(case) for case in cases]) / len(cases) for _ in range(ROUNDS))
    unit = min(_cpu_ms(_unit_of_work) for _ in range(ROUNDS))
    facts = statistics.mean(len(case.facts) for case in cases)
    lines = [
        ("facts a producer, mean", f"{facts:.0f}"),
        ("one grading with trail and checker, best round", f"{rounds[0]:.3f} ms CPU"),
        ("one grading with trail and checker, median round", f"{statistics.median(rounds):.3f} ms CPU"),
        ("ratio to 10,000 dictionary look-ups in the same run", f"{rounds[0] / unit:.2f}"),
    ]
    watch = Stopwatch()
    watch.wrap(chaining.Chain, "_measure_all", "measures")
    watch.wrap(rete.Session, "run", "kernel")
    watch.wrap(chaining.Chain, "run_to_the_grade", "to the grade")
    watch.wrap(chaining.Chain, "run_after_the_grade", "after the grade")
    watch.wrap(Checker, "check", "checker")
    start = time.perf_counter()
    for case in cases:
        evaluator.grade(case)
    total = time.perf_counter() - start
    watch.release()
    seconds = watch.seconds
    chain = seconds["to the grade"] + seconds["after the grade"]
    split = {
        "measures": seconds["measures"],
        "chaining: kernel": seconds["kernel"],
        "chaining: facts in, findings out": chain - seconds["measures"] - seconds["kernel"],
        "checker": seconds["checker"],
        "scoring and trail": total - chain - seconds["checker"],
    }
    lines += [(f"  of it {label}", f"{part / total:.0%}") for label, part in split.items()]
    evaluator.close()
    return lines


def _cpu_ms(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000


def _unit_of_work() -> int:
    table = {n: n for n in range(1000)}
    return sum(table[n % 1000] for n in range(10_000))
