"""How long the whole verification of a rulebook takes, and what it leaves undecided."""

from __future__ import annotations

import time
from pathlib import Path

from authoring.scenarios import prepare
from authoring.verification import verify
from engine.evaluate import Evaluator
from knowledge.rulebook import Rulebook
from knowledge.scenarios import load_scenarios


def measure(rulebook: Rulebook, folder: Path) -> list[tuple[str, str]]:
    """Return seconds of the clock and of the processor, and the numbers of findings and open questions."""
    cases = [one.case for one in prepare(rulebook, load_scenarios(folder, rulebook)) if one.case is not None]
    evaluator = Evaluator(rulebook)
    clock, processor = time.perf_counter(), time.process_time()
    report = verify(rulebook, evaluator.grade, cases=cases)
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    evaluator.close()
    return [
        (
            f"{len(rulebook.rules)} rules, {len(cases)} known cases",
            f"{clock:.1f} s, {processor:.1f} s of the processor",
        ),
        ("findings", str(len(report.findings))),
        ("not decided", str(len(report.undecided))),
    ]
