"""Defects of each type are found where they were put, and each finding is shown by a case that the engine grades."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from authoring.scenarios import prepare
from authoring.verification.cycles import check_cycles
from authoring.verification.directions import check_directions
from authoring.verification.doubles import check_doubles, check_limits, check_overlaps
from authoring.verification.grades import check_grades
from authoring.verification.points import check_points
from authoring.verification.report import Finding, Study
from authoring.verification.steps import check_steps
from authoring.verification.texts import check_texts
from authoring.verification.unreachable import check_rules
from authoring.verification.whole import Implied
from authoring.verification.witness import Witnesses
from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.reading import CaseReader
from knowledge.loader import load_rulebook
from knowledge.scenarios import load_scenarios
from tests.authoring.verification.seeds import HANGZHOU, HYGIENE, MAKERS, Seed, shipped_seeds
from tests.authoring.verification.small_seeds import small_seeds

LOG = logging.getLogger(__name__)
SHIPPED, SMALL = (None, 60) if os.environ.get("SHUOLI_NIGHTLY") else (2, 18)
"""Seeds of a type in shipped rulebooks (None: all that there are), and in small ones that are drawn."""
_CASES = 12
FOLDERS = {"hygiene": HYGIENE, "hangzhou": HANGZHOU}
PROVEN = {"rule.unreachable", "grade.unreachable"}
"""What no case can show."""


def checks(study: Study, seed: Seed) -> dict[str, Callable[[], None]]:
    def double() -> None:
        check_doubles(study, Implied(study.rulebook))

    def limits() -> None:
        check_limits(study, Implied(study.rulebook))

    def overlaps() -> None:
        check_steps(study)
        check_overlaps(study)

    def directions() -> None:
        if study.rulebook.id not in FOLDERS:
            check_rules(study, study.rulebook.rules)  # whose witnesses are all the cases that are known
        check_directions(study, [study.rulebook.types[name] for name in seed.names])

    return {
        "rule.unreachable": lambda: check_rules(study, [one for one in study.rulebook.rules if one.id in seed.names]),
        "grade.unreachable": lambda: check_grades(study), "rule.double": double, "steps.overlap": overlaps,
        "steps.gap": lambda: check_steps(study), "rule.not_monotone": lambda: check_steps(study),
        "points.short": lambda: check_points(study), "points.beyond": lambda: check_points(study),
        "cap.idle": lambda: check_points(study), "limit.dominated": limits, "limit.idle": limits,
        "direction.broken": directions, "remedy.cycle": lambda: check_cycles(study, seed.names),
        "text.number": lambda: check_texts(study),
    }  # fmt: skip


@cache
def known_cases(folder: Path) -> tuple[CaseFile, ...]:
    rulebook = load_rulebook(folder)
    return tuple(one.case for one in prepare(rulebook, load_scenarios(folder, rulebook)) if one.case is not None)


def telling(seed: Seed) -> list[CaseFile]:
    """Return cases of scenarios that may show what a fact does: some with it, and some without."""
    if seed.code != "direction.broken" or seed.rulebook.id not in FOLDERS:
        return []
    known = known_cases(FOLDERS[seed.rulebook.id])
    having = [case for case in known if any(fact.type in seed.names for fact in case.facts)]
    return [*having[:_CASES], *[case for case in known if case not in having][-_CASES:]]


def found(seed: Seed) -> tuple[list[Finding], Study, Evaluator]:
    evaluator = Evaluator(seed.rulebook)
    study = Study(seed.rulebook, Witnesses(seed.rulebook, evaluator.grade, telling(seed)))
    checks(study, seed)[seed.code]()
    return [one for one in study.findings if one.code == seed.code], study, evaluator


def is_about(finding: Finding, seed: Seed) -> bool:
    if seed.code == "direction.broken":
        return f"`{seed.names[0]}`" in str(finding.text.en)
    return any(place.id in seed.names for place in finding.concerns)


@pytest.mark.parametrize("code", MAKERS)
def test_a_seeded_defect_is_found_and_its_witness_shows_it(code: str) -> None:
    all_of = [*shipped_seeds(code, SHIPPED), *small_seeds(code, SMALL)]
    missed = []
    for seed in all_of:
        findings, study, evaluator = found(seed)
        own = [one for one in findings if is_about(one, seed)]
        if not own:
            missed.append((seed.rulebook.version, seed.names, [one.text.en for one in study.undecided]))
        for finding in own:
            regraded(finding, study, evaluator)
        evaluator.close()
    LOG.info("%s: %d of %d found", code, len(all_of) - len(missed), len(all_of))

    assert missed == []
    assert len(all_of) >= 20
    assert len({repr(seed.files) for seed in all_of}) == len(all_of)


def regraded(finding: Finding, study: Study, evaluator: Evaluator) -> None:
    """The witness, read anew as a case file, comes to the grade and score that the finding tells."""
    if finding.code in PROVEN:
        assert finding.proof in ("unsat", "interval")
        return
    witness = finding.witness
    assert witness is not None
    case = CaseReader(study.rulebook).case(
        json.dumps(witness.case).encode(), as_of=date.fromisoformat(witness.as_of).toordinal()
    )
    grading = evaluator.grade(case)
    assert (grading.grade, grading.score.value) == (witness.grade, witness.score)
    assert witness.shows
