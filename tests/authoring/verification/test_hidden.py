"""What is wrong in ways that are easily overlooked is found, and found where it is."""

from __future__ import annotations

from typing import Any

import pytest

from authoring.verification import verify
from engine.evaluate import Evaluator
from knowledge.loader import bind
from tests.authoring.verification.small_books import Written, label
from tests.authoring.verification.test_near import (
    FALLING,
    TWO,
    book,
    ceiling,
    count,
    each,
    said,
    share,
    steps,
    veto,
)


def rule(standard: str, name: str, lose: int, *when: Written, **more: Any) -> Written:
    return {"standard": standard, "rule": name, "when": list(when), "lose": lose, **more}


LAST = {
    "measure": "last", "label": label("last"), "latest": {"of": "sample", "field": "result"},
    "when_nothing": "not_applicable",
}  # fmt: skip
SUM = {"measure": "all", "label": label("all"), "formula": "some + others"}
NO_VISIT = {"no visit": {"is": "visit"}}
YEAR = "12 months"
FINDING = {"late": {"label": label("late"), "fields": {"no": {"type": "text"}}}}
LATE = {
    "finding": "late", "rule": "late-rule", "when": [{"one": {"is": "sample", "where": {"result": "bad"}}}],
    "gives": {"no": "one.no"},
}  # fmt: skip

HIDDEN: dict[str, tuple[str, list[str], Written]] = {
    "no visit in two years, and one in the last": ("rule.unreachable", ["s"], book(
        [each("S", 10, 20, rule="s") | {
            "when": [{"no visit": {"is": "visit", "within": "24 months"}}, {"measure": "n", "at_least": 1}],
        }],
        [count("n", "visit", within=YEAR)],
    )),
    "parts that are more than their sum": ("rule.unreachable", ["s"], book(
        [rule("S", "s", 20, {"measure": "all", "at_most": 2}, {"measure": "some", "at_least": 2},
              {"measure": "others", "at_least": 1})],
        [count("some"), count("others", "visit"), SUM],
    )),
    "a share of no samples": ("rule.unreachable", ["s"], book(
        [steps("S", "g", FALLING, rule="s", when=[{"no sample": {"is": "sample", "within": YEAR}}])],
        [share("g", within=YEAR)],
    )),
    "points that never fall so low": ("grade.unreachable", ["C"], book(
        [each("S", 10, 20, rule="s")],
        bands=[
            {"grade": "A", "word": label("A"), "from": 90}, {"grade": "B", "word": label("B"), "from": 0},
            {"grade": "C", "word": label("C")},
        ],
    )),
    "a finding, and the facts that make it": ("rule.double", ["s", "t"], book(
        [LATE, {"standard": "S", "rule": "s", "for_each": {"it_was": {"is": "late"}}, "lose": 10, "at_most": 20},
         each("T", 10, 20, rule="t", where={"result": ["bad", "poor"]})],
        points=TWO, findings=FINDING,
    )),
    "each of them, and once for any": ("rule.double", ["s", "t"], book(
        [each("S", 10, 20, rule="s", within="6 months"), steps("T", "n", [{"at_least": 1, "points": 20}], rule="t")],
        [count("n", within=YEAR)], TWO,
    )),
    "the same number in two standards": ("rule.double", ["s", "t"], book(
        [rule("S", "s", 20, {"measure": "n", "at_least": 2}), rule("T", "t", 20, {"measure": "n", "above": 1})],
        [count("n", within=YEAR)], TWO,
    )),
    "kinds that two rules share": ("steps.overlap", ["a", "b"], book(
        [steps("S", "g", FALLING, rule="a", applies_to=["farm", "co_op"]),
         steps("S", "g", FALLING[1:], rule="b", applies_to=["co_op", "shop"])],
        [share("g", within=YEAR)],
    )),
    "above five, and below five": ("steps.gap", ["a", "b"], book(
        [steps("S", "g", FALLING, rule="a", when=[{"measure": "n", "above": 5}]),
         steps("S", "g", FALLING[1:], rule="b", when=[{"measure": "n", "below": 5}])],
        [share("g", within=YEAR), count("n", within=YEAR)],
    )),
    "a result between two that cost points": ("steps.gap", ["s"], book(
        [steps("S", "last", [{"is": "bad", "points": 20}, {"is": "good", "points": 5}], rule="s")], [LAST],
    )),
    "most points in the middle, with a step first that is written last": ("rule.not_monotone", ["s"], book(
        [steps("S", "n", [{"at_least": 3, "below": 6, "points": 20}, {"at_least": 6, "points": 5},
                          {"below": 3, "points": 5}], rule="s")],
        [count("n", within=YEAR)],
    )),
    "rules for other kinds, none of which reaches the points": ("points.short", ["S", "a", "b"], book(
        [rule("S", "a", 12, NO_VISIT, applies_to=["farm"]), rule("S", "b", 15, NO_VISIT, applies_to=["co_op", "shop"])],
    )),
    "rules that reach the points only if both could be": ("points.short", ["S", "a", "b"], book(
        [rule("S", "a", 5, NO_VISIT), rule("S", "b", 6, {"seen": {"is": "visit"}})], points={"S": 8},
    )),
    "a cap on steps, of the highest step": ("cap.idle", ["s"], book(
        [steps("S", "last", [{"is": "bad", "points": 20}], rule="s", at_most=20)], [LAST],
    )),
    "more than a few, where one is enough": ("limit.dominated", ["c1-B", "v1-C"], book(
        [ceiling("c1", "B", {"measure": "n", "at_least": 3}),
         veto("v1", "C", {"one": {"is": "sample", "within": YEAR}}),
         each("S", 10, 20, rule="s")],
        [count("n", within=YEAR)],
    )),
    "a number that only the English has wrong": ("text.number", ["s"], book(
        [said(each("S", 10, 20, rule="s", within=YEAR), "近期的一条。", "Bad within 6 months.")],
    )),
}  # fmt: skip


@pytest.mark.parametrize("name", HIDDEN)
def test_what_is_easily_overlooked_is_found(name: str) -> None:
    code, ids, files = HIDDEN[name]
    rulebook = bind(files)
    evaluator = Evaluator(rulebook)
    report = verify(rulebook, evaluator.grade)
    evaluator.close()

    assert [(one.code, [place.id for place in one.concerns]) for one in report.findings] == [(code, ids)]
    assert report.undecided == ()
