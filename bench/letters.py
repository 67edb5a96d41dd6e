"""What letters cost: each is another producer's, since typst keeps what it has set before."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from datetime import date

import msgspec

from batch.population import generate
from casework.typesetting import Typesetter
from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.grading import Grading, Verdict
from engine.reading import CaseReader
from engine.verdicts import verdicts
from explain.letter import Filing, Letter, compose
from explain.phrases import Lang
from knowledge.population import load_population
from knowledge.rulebook import Rulebook

PRODUCERS = 100
MOST_MS = 100.0
Graded = tuple[CaseFile, Grading, tuple[Verdict, ...]]


def measure(rulebook: Rulebook, day: date) -> list[tuple[str, str]]:
    """Return lines (what, figure) on writing and setting letters in both languages.

    Raises:
        SystemExit: the median letter takes more than 100 ms of CPU time, in whichever language.
    """
    reader, evaluator = CaseReader(rulebook), Evaluator(rulebook)
    made = generate(rulebook, load_population(rulebook), producers=PRODUCERS, seed=2021, as_of=day)
    cases = [reader.case(msgspec.json.encode(case), as_of=day.toordinal()) for case in made]
    graded = [(case, grading := evaluator.grade(case), verdicts(rulebook, case, grading)) for case in cases]
    evaluator.close()
    typesetter = Typesetter()
    typesetter.pdf(_letter(rulebook, graded[0], "zh"))  # reads the fonts
    lines = [("letters", f"{PRODUCERS} in each language")]
    for lang in ("zh", "en"):
        wall, cpu, sizes = _set(rulebook, graded, "en" if lang == "en" else "zh", typesetter.pdf)
        median = statistics.median(cpu)
        lines += [
            (f"{lang}: said and set, CPU", f"median {median:.0f} ms (at most {MOST_MS:g}), slowest {max(cpu):.0f} ms"),
            (f"{lang}: said and set, wall", f"median {statistics.median(wall):.0f} ms, slowest {max(wall):.0f} ms"),
            (f"{lang}: PDF/A", f"median {statistics.median(sizes) / 1024:.0f} KB"),
        ]
        if median > MOST_MS:
            raise SystemExit(f"the median letter ({lang}) takes {median:.0f} ms; at most {MOST_MS:g}")
    return lines


def _set(
    rulebook: Rulebook, graded: Sequence[Graded], lang: Lang, pdf: Callable[[Letter], bytes]
) -> tuple[list[float], list[float], list[int]]:
    wall, cpu, sizes = [], [], []
    for one in graded:
        begun, spent = time.perf_counter(), time.process_time()
        made = pdf(_letter(rulebook, one, lang))
        wall.append((time.perf_counter() - begun) * 1000)
        cpu.append((time.process_time() - spent) * 1000)
        sizes.append(len(made))
    return wall, cpu, sizes


def _letter(rulebook: Rulebook, graded: Graded, lang: Lang) -> Letter:
    case, grading, verdicts_of_all = graded
    filing = Filing("0" * 64, kept=True, address=f"https://credit.example/gradings/{'0' * 64}")
    return compose(rulebook, case, grading, verdicts_of_all, lang, filing)
