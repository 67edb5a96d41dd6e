"""A change that no scenario notices is told; what is proposed for it notices it."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from authoring.mutants import mutants
from authoring.mutation import Survivor, mutate
from authoring.proposals import propose
from authoring.scenarios import prepare
from engine.case import CaseFile
from engine.columnar import Probe
from engine.evaluate import Evaluator
from engine.grading import Grading
from engine.workers import Workers
from knowledge.loader import check_rulebook, load_rulebook
from knowledge.rulebook import Rulebook
from knowledge.scenarios import Scenario, load_scenarios

ROOT = Path(__file__).parent.parent.parent
ORCHARD = ROOT / "tests" / "rulebooks" / "api" / "orchard" / "1"
HYGIENE = ROOT / "examples" / "hygiene"
NIGHTLY = bool(os.environ.get("SHUOLI_NIGHTLY"))
NIGHT = pytest.mark.skipif(not NIGHTLY, reason="minutes: make nightly")
SHIPPED = ROOT / "knowledge" / "rulebooks" / "hangzhou" / "2021.1"


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(1) as pool:
        yield pool


@pytest.fixture(scope="module")
def orchard() -> tuple[Rulebook, tuple[Scenario, ...]]:
    rulebook = load_rulebook(ORCHARD)
    return rulebook, load_scenarios(ORCHARD, rulebook)


def test_each_mutant_differs_from_the_rulebook_in_one_part() -> None:
    rulebook = load_rulebook(SHIPPED)
    kinds = set()
    for mutant in mutants(rulebook):
        kinds.add(mutant.kind)
        named = msgspec.structs.replace(mutant.rulebook, sha256=rulebook.sha256)
        changed = [name for name in rulebook.__struct_fields__ if getattr(named, name) != getattr(rulebook, name)]
        assert len(changed) == 1, mutant.change
        if changed == ["rules"]:
            pairs = zip(rulebook.rules, named.rules, strict=True)
            assert [before.id for before, after in pairs if before != after] == [mutant.of]
    assert kinds == {"threshold", "operator", "window", "points", "weight", "exclusion", "law"}


@pytest.mark.parametrize(
    ("folder", "each"), [(ORCHARD, 1), (SHIPPED, 20 if NIGHTLY else 300)], ids=["orchard", "shipped"]
)
def test_whom_a_change_does_not_touch_comes_to_the_same(folder: Path, each: int) -> None:
    rulebook = load_rulebook(folder)
    cases = [one.case for one in prepare(rulebook, load_scenarios(folder, rulebook)) if one.case is not None]
    before = [_outcome(grading) for grading in _graded(rulebook, cases)]
    probe = Probe(rulebook, cases)
    touched_and_same = moved = 0
    for mutant in islice(mutants(rulebook), 0, None, each):
        touched = set(probe.touched(mutant.rulebook))
        after = [_outcome(grading) for grading in _graded(mutant.rulebook, cases)]
        other = {place for place, outcome in enumerate(after) if outcome != before[place]}
        assert other <= touched, (mutant.of, mutant.change)
        moved += len(other)
        touched_and_same += len(touched - other)
    # It would be no use if everybody were touched by everything.
    assert moved > 0
    assert touched_and_same < 20 * moved


def _graded(rulebook: Rulebook, cases: list[CaseFile]) -> list[Grading]:
    evaluator = Evaluator(rulebook)
    try:
        return [evaluator.chain(case) for case in cases]
    finally:
        evaluator.close()


def _outcome(grading: Grading) -> Any:
    """Return what scenarios may expect, but for the next change and the verdicts of rules that don't fire."""
    fired = Counter((one.rule, one.points, one.counted, one.grade, one.law) for one in grading.deductions)
    findings = [(one.type, sorted(one.values.items(), key=str)) for one in (*grading.findings, *grading.consequences)]
    measures = [(one.name, one.value, one.group) for one in grading.measures]
    limits = [(one.id, one.grade) for one in (*grading.ceilings, *grading.vetoes)]
    return (
        grading.grade, grading.score, grading.standards, grading.indicators, fired, sorted(findings, key=str), measures,
        limits, grading.statuses, [one.id for one in grading.remedies],
    )  # fmt: skip


def test_what_scenarios_hold_is_noticed_and_what_they_leave_open_is_told(
    orchard: tuple[Rulebook, tuple[Scenario, ...]], workers: Workers
) -> None:
    told: list[int] = []

    found = mutate(*orchard, workers, told.append)

    changes = {(one.of, one.change) for one in found.survivors}
    assert ("failure", "test within 24 → 25 months") in changes
    assert ("FRUIT", "law without ACT-1") in changes
    assert not any(of == "FRUIT" and "lose" in change for of, change in changes)
    assert found.killed["operator"] == found.tried["operator"] > 0
    assert sum(told) == sum(found.tried.values())
    assert found.rate == (sum(told) - len(found.survivors)) * 10_000 // sum(told)


def test_scenarios_that_are_proposed_and_accepted_notice_what_survived(
    orchard: tuple[Rulebook, tuple[Scenario, ...]], workers: Workers, tmp_path: Path
) -> None:
    survivors = mutate(*orchard, workers, lambda _: None).survivors
    proposals = propose(*orchard, survivors, workers, lambda _: None)
    folder = tmp_path / "orchard" / "1"
    shutil.copytree(ORCHARD, folder)
    accepted = [msgspec.json.encode(one.scenario) for one in proposals]
    (folder / "scenarios" / "accepted.yaml").write_bytes(b"".join(b"- " + one + b"\n" for one in accepted))

    assert check_rulebook(folder)[1] == ()
    rulebook = load_rulebook(folder)
    after = mutate(rulebook, load_scenarios(folder, rulebook), workers, lambda _: None).survivors

    proposed_for = {_key(survivor) for one in proposals for survivor in one.survivors}
    assert len(proposed_for) >= 8
    assert not {_key(one) for one in after} & proposed_for


@pytest.mark.parametrize("folder", [HYGIENE, pytest.param(SHIPPED, marks=NIGHT)], ids=lambda folder: folder.parent.name)
def test_scenarios_of_what_is_shipped_notice_nineteen_changes_of_twenty(folder: Path, workers: Workers) -> None:
    rulebook = load_rulebook(folder)
    found = mutate(rulebook, load_scenarios(folder, rulebook), workers, lambda _: None)

    assert sum(found.tried.values()) > 100
    assert found.rate >= 9_500, found.survivors


def test_a_boundary_moves_by_the_least_that_points_differ_by() -> None:
    changes = {(one.of, one.change) for one in mutants(load_rulebook(HYGIENE))}

    assert {("5", "up to 15 → 10"), ("5", "up to 15 → 20"), ("5", "worst_single 5 → 10")} <= changes
    assert not any(of == "0" for of, _ in changes)


def _key(survivor: Survivor) -> tuple[str, str]:
    return survivor.of, survivor.change
