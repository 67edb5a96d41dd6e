"""Until when a deduction stands, where its finding is concluded in more than one way."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from engine.evaluate import Evaluator
from engine.reading import CaseReader
from knowledge.loader import bind

LABEL = {"zh": "甲"}
FILES: dict[str, Any] = {
    "rulebook.yaml": {
        "id": "until", "version": "1", "title": LABEL, "status": "draft", "notice": LABEL,
        "effective_from": "2020-01-01", "require": {"law": "no", "scenario": "no"},
        "scoring": {
            "start": 10, "points": "lost", "better": "higher", "unit": "whole",
            "not_applicable": "keeps_its_points", "rounding": "down",
        },
    },
    "vocabulary.yaml": {
        "kinds": {"farm": LABEL},
        "facts": {"visit": {"label": LABEL, "dated": "day", "fields": {"day": "date"}}},
        "findings": {"fault": {"label": LABEL}},
    },
    "indicators.yaml": {
        "level1": [{"id": "L1", "label": LABEL, "points": 10}],
        "level2": [{"id": "L2", "of": "L1", "label": LABEL, "points": 10}],
        "standards": [{"id": "S", "of": "L2", "label": LABEL, "points": 10}],
    },
    "bands.yaml": [{"grade": "A", "word": LABEL, "from": 8}, {"grade": "B", "word": LABEL}],
}  # fmt: skip
PASSING: dict[str, Any] = {
    "rule": "one",
    "finding": "fault",
    "for_each": {"visit": {"is": "visit", "within": "1 months"}},
}
LONGER: dict[str, Any] = {
    "rule": "two",
    "finding": "fault",
    "for_each": {"visit": {"is": "visit", "within": "3 months"}},
}
LASTING: dict[str, Any] = {"rule": "two", "finding": "fault", "for_each": {"visit": {"is": "visit"}}}
LOSES: dict[str, Any] = {"standard": "S", "lose": 5, "for_each": {"fault": {"is": "fault"}}}
VISIT = {"type": "visit", "fields": {"day": "2026-05-10"}}


@pytest.mark.parametrize(
    ("rules", "until"),
    [
        ([PASSING, LASTING, LOSES], None),
        ([LASTING, PASSING, LOSES], None),
        ([PASSING, LONGER, LOSES], "2026-08-10"),
        ([LONGER, PASSING, LOSES], "2026-08-10"),
    ],
    ids=["the second never ends", "the first never ends", "the second ends later", "the first ends later"],
)
def test_what_rests_on_a_finding_stands_as_long_as_anything_concludes_it(rules: list[Any], until: str | None) -> None:
    evaluator = Evaluator(bind(FILES | {"rules/all.yaml": rules}))
    told = msgspec.json.encode({"producer": {"id": "P1", "kind": "farm"}, "facts": [VISIT]})
    case = CaseReader(evaluator.rulebook).case(told, as_of=date(2026, 6, 1).toordinal())

    grading = evaluator.grade(case)

    evaluator.close()
    (ends,) = [one.until for one in grading.deductions if one.kind == "standard"]
    assert (None if ends is None else date.fromordinal(ends).isoformat()) == until
