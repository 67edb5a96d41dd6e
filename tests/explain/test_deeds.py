"""Doing a deed restores what it declares, on the day it is done: found by grading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest

from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.reading import CaseReader, fact_document
from explain.ahead import ahead
from explain.deeds import Doing, day_done
from knowledge.catalog import SHIPPED
from knowledge.loader import load_rulebook
from knowledge.problems import ShuoliError
from knowledge.rulebook import Rulebook
from knowledge.scenarios import load_scenarios
from tests.explain.drawn_city import drawn

ROOT = Path(__file__).parents[2]
ENOUGH = 12
"""Times that one deed is tried."""
FOLDERS = (
    *sorted(head.parent for head in SHIPPED.glob("*/*/rulebook.yaml")),
    ROOT / "examples" / "hygiene",
    ROOT / "tests" / "rulebooks" / "api" / "orchard" / "1",
)


def _told(folder: Path, rulebook: Rulebook) -> Iterator[CaseFile]:
    """Yield the cases that the rulebook's scenarios tell."""
    reader = CaseReader(rulebook)
    for scenario in load_scenarios(folder, rulebook):
        day = date.fromisoformat(scenario.as_of).toordinal()
        try:
            yield reader.case(msgspec.json.encode(scenario.case), as_of=day, known_at=scenario.known_at)
        except ShuoliError:
            assert "error" in scenario.expect


def _disagreements(evaluator: Evaluator, case: CaseFile, tried: Counter[tuple[str, str]]) -> Iterator[str]:
    rulebook = evaluator.rulebook
    for offer in evaluator.chain(case).remedies:
        remedy, done = rulebook.remedies[offer.id], day_done(rulebook, offer.id, case.as_of)
        if not remedy.does or done is None or all(tried[offer.id, name] >= ENOUGH for name in remedy.restores):
            continue
        case_then = ahead(rulebook, case, done)
        before = evaluator.chain(case_then)
        offered = next((one for one in before.remedies if one.id == offer.id), None)
        doing = Doing(rulebook, case_then, before)
        after = evaluator.chain(doing.after([doing.deed(offer.id)]))
        lost_then = {one.id: one.points for one in after.standards}
        for standard in before.standards:
            declared = offered.standards.get(standard.id, 0) if offered is not None else 0
            restored, share = standard.points - lost_then[standard.id], remedy.restores.get(standard.id)
            if declared:
                tried[offer.id, standard.id] += 1
            if restored < declared or (restored != declared and offered is not None and share in ("all", "half")):
                yield f"{offer.id} on {case.producer.id}: {standard.id} {declared} declared, {restored} restored"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name + "-" + folder.name)
def test_every_deed_restores_what_it_declares(folder: Path) -> None:
    """Over every scenario, and sixty producers of the sample city where the rulebook has one."""
    rulebook = load_rulebook(folder)
    evaluator, tried = Evaluator(rulebook), Counter[tuple[str, str]]()
    cases = list(_told(folder, rulebook)) + (list(drawn(rulebook, 60)) if rulebook.id == "hangzhou" else [])

    found = [line for case in cases for line in _disagreements(evaluator, case, tried)]

    untried = {name for name, remedy in rulebook.remedies.items() if remedy.does} - {name for name, _ in tried}
    assert (found, untried) == ([], set())


@pytest.mark.parametrize("folder", FOLDERS[:-2], ids=lambda folder: folder.parent.name + "-" + folder.name)
def test_every_remedy_that_time_alone_does_not_heal_says_what_it_does(folder: Path) -> None:
    remedies = load_rulebook(folder).remedies.values()

    assert [one.id for one in remedies if bool(one.does) == (one.recovers == "time")] == []


def test_what_deeds_report_can_be_sent_as_facts() -> None:
    """Every fact that a deed adds or changes is one that the rulebook's door takes."""
    rulebook = load_rulebook(FOLDERS[0])
    evaluator, reader = Evaluator(rulebook), CaseReader(rulebook)
    for case in drawn(rulebook, 40):
        grading = evaluator.chain(case)
        doing = Doing(rulebook, case, grading)
        deeds = [doing.deed(offer.id) for offer in grading.remedies]
        facts = [fact for deed in deeds for fact in (*deed.again, *deed.new)]
        assert facts

        read = reader.stored(fact_document(rulebook, fact) for fact in facts)

        assert [(fact.id, fact.values) for fact in read] == [(fact.id, fact.values) for fact in facts]
