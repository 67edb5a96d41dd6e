"""What one producer's explanations cost: CPU time for each kind, for producers of the sample city."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import msgspec

from batch.population import generate
from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.grading import Grading
from engine.reading import CaseReader
from engine.verdicts import verdicts
from explain.explanation import explain, explain_on
from explain.forecast import Stretch, forecast, foresee, last_day
from explain.ground import Ground
from explain.plans import find_plans
from explain.prooftree import prove, prove_on
from explain.whynot import why_not, why_not_on
from explain.wording import Wording
from knowledge.population import load_population
from knowledge.rulebook import Rulebook

PRODUCERS = 200
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Measured:
    """One kind of explanation: what it is called, what is done, and the most ms that its median may take, if any."""

    name: str
    work: Callable[[Evaluator, CaseFile, Grading], object]
    most_ms: float | None = None


def _everything(evaluator: Evaluator, case: CaseFile, grading: Grading) -> None:
    ground = Ground(Wording(evaluator.rulebook, case, grading, "zh", personal=False), case, grading, ())
    explain_on(ground)
    prove_on(ground)
    why_not_on(ground)


def _forecast(evaluator: Evaluator, case: CaseFile, _: Grading) -> None:
    last = last_day(case.as_of)
    forecast([Stretch(evaluator.rulebook, case, foresee(evaluator, case, last))], last, "zh")


MEASURED: list[Measured] = [
    Measured("explanation", lambda e, case, grading: explain(e.rulebook, case, grading, (), "zh")),
    Measured("proof tree", lambda e, case, grading: prove(e.rulebook, case, grading, "zh")),
    Measured("why not", lambda e, case, grading: why_not(e.rulebook, case, grading, "zh")),
    Measured("explanation, proof tree and why not", _everything, 5),
    Measured("best plan", lambda e, case, grading: find_plans(e, case, grading, others=0), 30),
    Measured("six plans", find_plans, 150),
    Measured("verdicts of all rules in full", lambda e, case, grading: verdicts(e.rulebook, case, grading)),
    Measured("forecast of 36 months", _forecast, 40),
]


def measure(rulebook: Rulebook, day: date) -> list[tuple[str, str]]:
    """Return lines (what, figure): median, 95th percentile and slowest producer of each kind.

    Raises:
        SystemExit: the median producer takes more than it may.
    """
    reader, evaluator = CaseReader(rulebook), Evaluator(rulebook)
    made = generate(rulebook, load_population(rulebook), producers=PRODUCERS, seed=2021, as_of=day)
    cases = [reader.case(msgspec.json.encode(case), as_of=day.toordinal()) for case in made]
    graded = [(case, evaluator.grade(case)) for case in cases]
    gc.collect()
    gc.freeze()
    lines = [("producers", f"{PRODUCERS}")]
    for one in MEASURED:
        times = sorted(min(_cpu_ms(one, evaluator, *pair) for _ in range(ROUNDS)) for pair in graded)
        median = statistics.median(times)
        bound = "" if one.most_ms is None else f" (at most {one.most_ms:g})"
        lines.append(
            (one.name, f"{median:.2f} ms CPU{bound}, 95 % {times[len(times) * 95 // 100]:.2f}, slowest {times[-1]:.2f}")
        )
        if one.most_ms is not None and median > one.most_ms:
            raise SystemExit(f"{one.name}: {median:.2f} ms for the median producer; at most {one.most_ms:g}")
    evaluator.close()
    return lines


def _cpu_ms(one: Measured, evaluator: Evaluator, case: CaseFile, grading: Grading) -> float:
    start = time.process_time()
    one.work(evaluator, case, grading)
    return (time.process_time() - start) * 1000
