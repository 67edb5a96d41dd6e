"""One producer in a warm worker: CPU time per grading, where it goes, and the kernel alone beside it."""

from __future__ import annotations

import gc
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

import durable_rules_engine as kernel

from engine import chaining, rete
from engine.case import CaseFile
from engine.checker import Checker
from engine.evaluate import Evaluator
from engine.workers import MALLOC
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
    """Return lines (what, figure): best and median CPU per grading, the split, and what else it is compared with."""
    for name, value in MALLOC.items():
        os.environ.setdefault(name, value)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(theirs, rulebook, cases))
    process.start()
    theirs.close()
    lines: list[tuple[str, str]] = ours.recv()
    process.join()
    return lines


def _measure(pipe: Connection, rulebook: Rulebook, cases: Sequence[CaseFile]) -> None:
    """Measure in a process like a worker, with its settings of memory and what is compiled kept from the collector."""
    evaluator = Evaluator(rulebook)

    def grade_all() -> None:
        for case in cases:
            evaluator.grade(case)

    grade_all()
    gc.collect()
    gc.freeze()
    batches = batches_of(evaluator, cases)
    rounds, alone, units = [], [], []
    for _ in range(ROUNDS):
        rounds.append(_cpu_ms(grade_all) / len(cases))
        alone.append(_cpu_ms(lambda: replay(batches)) / len(cases))
        units.append(_cpu_ms(_unit_of_work))
    best = min(rounds)
    facts = statistics.mean(len(case.facts) for case in cases)
    deductions = statistics.mean(len(evaluator.grade(case).deductions) for case in cases)
    lines = [
        ("facts and deductions a producer, mean", f"{facts:.0f}, {deductions:.0f}"),
        ("one grading with trail and checker, best round", f"{best:.3f} ms CPU"),
        ("one grading with trail and checker, median round", f"{statistics.median(rounds):.3f} ms CPU"),
        ("as a multiple of durable_rules alone on the same facts", f"{best / min(alone):.1f}"),
        ("as a multiple of 10,000 dictionary look-ups", f"{best / min(units):.2f}"),
    ]
    split = _split(evaluator, cases)
    whole = sum(split.values())
    lines += [
        (f"  of it {label}", f"{best * part / whole:.3f} ms, {part / whole:.0%}") for label, part in split.items()
    ]
    evaluator.close()
    pipe.send(lines)


def _split(evaluator: Evaluator, cases: Sequence[CaseFile]) -> dict[str, float]:
    """Return seconds by part, each the least of all rounds."""
    watch = Stopwatch()
    watch.wrap(chaining.Chain, "_measure_all", "measures")
    watch.wrap(rete.Session, "run", "kernel")
    watch.wrap(chaining.Chain, "run_to_the_grade", "to the grade")
    watch.wrap(chaining.Chain, "run_after_the_grade", "after the grade")
    watch.wrap(Checker, "check", "checker")
    watch.wrap(Evaluator, "grade", "all")
    rounds = []
    for _ in range(ROUNDS):
        watch.seconds.clear()
        for case in cases:
            evaluator.grade(case)
        rounds.append(dict(watch.seconds))
    watch.release()
    seconds = min(rounds, key=lambda one: one["all"])
    chain = seconds["to the grade"] + seconds["after the grade"]
    return {
        "measures": seconds["measures"],
        "chaining: kernel": seconds["kernel"],
        "chaining: facts in, findings out": chain - seconds["measures"] - seconds["kernel"],
        "checker": seconds["checker"],
        "scoring and trail": seconds["all"] - chain - seconds["checker"],
    }


def batches_of(evaluator: Evaluator, cases: Sequence[CaseFile]) -> list[list[tuple[Any, str]]]:
    """Return for each case what the kernel was given: network and facts."""
    seen: list[list[tuple[Any, str]]] = []
    inner = rete.Session._run  # noqa: SLF001  # nothing else sees the batches as they are

    def noted(self: rete.Session, handle: Any, facts: str, found: rete.Firings) -> None:
        seen[-1].append((handle, facts))
        inner(self, handle, facts, found)

    rete.Session._run = noted  # type: ignore[method-assign]  # noqa: SLF001  # put back below
    for case in cases:
        seen.append([])
        evaluator.grade(case)
    rete.Session._run = inner  # type: ignore[method-assign]  # noqa: SLF001
    return seen


def replay(batches: Sequence[Sequence[tuple[Any, str]]]) -> None:
    """Give the kernel the same facts again, by its bare calls."""
    for case in batches:
        for handle, facts in case:
            state = kernel.assert_facts(handle, facts)[1]
            started = kernel.start_action_for_state(handle, state)
            message = started[1] if started else None
            while message is not None:
                message = kernel.complete_and_start_action(handle, state)
        for handle in {handle for handle, _ in case}:
            kernel.delete_state(handle, "s")


def _cpu_ms(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000


def _unit_of_work() -> int:
    table = {n: n for n in range(1000)}
    return sum(table[n % 1000] for n in range(10_000))
