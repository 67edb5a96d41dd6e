"""The decision's document: canonical, addressed by its hash, and in the words of a case file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from engine.document import DocumentWriter, digest
from engine.evaluate import Evaluator
from knowledge.loader import load_rulebook
from tests.random_cases import random_case

ROOT = Path(__file__).parent.parent.parent
BOOKS = [
    ROOT / "knowledge" / "rulebooks" / "hangzhou" / "2021.1",
    ROOT / "examples" / "hygiene",
    ROOT / "tests" / "rulebooks" / "api" / "orchard" / "1",
]


def no_floats(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(no_floats, value.values()))
    if isinstance(value, list):
        return all(map(no_floats, value))
    return not isinstance(value, float)


@pytest.mark.parametrize("folder", BOOKS, ids=lambda folder: folder.parent.name)
def test_the_document_is_canonical_json_without_floats(folder: Path) -> None:
    rulebook = load_rulebook(folder)
    evaluator, writer = Evaluator(rulebook), DocumentWriter(rulebook)
    for seed in range(25):
        case = random_case(rulebook, seed)
        document = writer.write(case, evaluator.grade(case)).document

        read = json.loads(document)
        assert rfc8785.dumps(read) == document
        assert no_floats(read)
        assert len(digest(document)) == 64
    evaluator.close()


@pytest.mark.parametrize("folder", BOOKS, ids=lambda folder: folder.parent.name)
def test_points_stand_under_the_direction_of_the_scoring(folder: Path) -> None:
    rulebook = load_rulebook(folder)
    evaluator, writer = Evaluator(rulebook), DocumentWriter(rulebook)

    document = writer.document(evaluator.grade(random_case(rulebook, 3)))

    evaluator.close()
    lost = rulebook.scoring.direction == "lost"
    assert set(document["points_lost" if lost else "points_gained"]) == set(rulebook.standards)
    assert document["points_gained" if lost else "points_lost"] == {}
