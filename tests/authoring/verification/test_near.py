"""What looks wrong and isn't: nothing is found in it, and no question is left open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from authoring.verification import verify
from engine.evaluate import Evaluator
from knowledge.loader import bind
from tests.authoring.verification.small_books import KINDS, RESULTS, Written, label

Rules = list[Written]
TOTAL = 100
BANDS = [
    {"grade": "A", "word": label("A"), "from": 90}, {"grade": "B", "word": label("B"), "from": 70},
    {"grade": "C", "word": label("C")},
]  # fmt: skip


def fact(**more: Any) -> Written:
    fields = {
        "no": {"type": "text", "max": 20}, "on": {"type": "date"}, "ended": {"type": "date", "optional": "yes"},
        "place": {"type": "text", "max": 20},
        "result": {"type": "choice", "of": dict.fromkeys(RESULTS, label("result")), "ordered": "yes"},
        "fine": {"type": "yes_no"}, "amount": {"type": "whole", "min": 0, "max": 12},
    }  # fmt: skip
    lasts = {"from": "on", "until": "ended"}
    return {"label": label("fact"), "same_when": ["no"], "dated": "on", "lasts": lasts, "fields": fields} | more


def book(rules: Rules, measures: Sequence[Written] = (), points: dict[str, int] | None = None, **more: Any) -> Written:
    """Return the files of a rulebook with facts `sample`, `visit` and `notice`, and standards of these points.

    What they leave of 100 points is a standard of its own, lost for notices in force.
    """
    standards = dict(points or {"S": 20})
    standards["REST"] = TOTAL - sum(standards.values())
    rest = {
        "standard": "REST", "rule": "rest", "for_each": {"one": {"is": "notice", "active": "yes"}}, "lose": 10,
        "at_most": standards["REST"],
    }  # fmt: skip
    facts = {name: fact() for name in ("sample", "visit", "notice")}
    files: Written = {
        "rulebook.yaml": {
            "id": "near", "version": "1", "title": label("near"), "status": "draft", "notice": label("near"),
            "effective_from": "2020-01-01", "require": {"law": "no", "scenario": "no"},
            "scoring": {"start": TOTAL, "points": "lost", "better": "higher"} | more.pop("scoring", {}),
        },
        "vocabulary.yaml": {
            "kinds": {kind: label(kind) for kind in KINDS}, "facts": facts | more.pop("facts", {}),
            "attributes": {"workers": {"type": "whole", "min": 0, "max": 1000}},
            "findings": more.pop("findings", {}),
            "ceilings": dict.fromkeys(("c1", "c2"), label("c")), "vetoes": dict.fromkeys(("v1", "v2"), label("v")),
        },
        "indicators.yaml": {
            "level1": [{"id": "L", "label": label("L"), "points": TOTAL}],
            "level2": [{"id": "K", "of": "L", "label": label("K"), "points": TOTAL} | more.pop("level2", {})],
            "standards": [
                {"id": name, "of": "K", "label": label(name), "points": most}
                for name, most in standards.items()
            ],
        },
        "measures.yaml": list(measures), "rules/all.yaml": [*rules, rest],
        "bands.yaml": more.pop("bands", BANDS),
        "remedies.yaml": more.pop("remedies", []),
    }  # fmt: skip
    assert not more
    return files


def count(name: str, of: Any = "sample", **more: Any) -> Written:
    return {"measure": name, "label": label(name), "count": of, **more}


def share(name: str, **more: Any) -> Written:
    shared = {"of": "sample", "where": {"fine": "yes"}}
    return {"measure": name, "label": label(name), "share": shared, "when_nothing": "not_applicable", **more}


def each(standard: str, lose: int, cap: int | None = None, *, rule: str, **pattern: Any) -> Written:
    of = {"is": "sample", **pattern}
    made: Written = {"standard": standard, "rule": rule, "for_each": {"one": of}, "lose": lose}
    return made if cap is None else made | {"at_most": cap}


def steps(standard: str, name: str, points: list[Written], *, rule: str, **more: Any) -> Written:
    return {"standard": standard, "rule": rule, "measure": name, "lose": points, **more}


def ceiling(name: str, grade: str, *when: Written) -> Written:
    return {"ceiling": name, "rule": f"{name}-{grade}", "at_best": grade, "when": list(when), "until": label("end")}


def veto(name: str, grade: str, *when: Written) -> Written:
    return {"veto": name, "rule": f"{name}-{grade}", "grade": grade, "when": list(when), "until": label("end")}


TWO = {"S": 20, "T": 20}
FALLING = [{"below": "60%", "points": 20}, {"below": "80%", "points": 10}]

DOUBLE: dict[str, Written] = {
    "a shared fact that is declared": book([
        each("S", 10, 20, rule="s", where={"result": "bad"}) | {"shares_event": ["T"]},
        each("T", 10, 20, rule="t", where={"result": "bad"}),
    ], points=TWO),
    "what is in force and what is over": book([
        each("S", 10, 20, rule="s", active="yes"), each("T", 10, 20, rule="t", active="no"),
    ], points=TWO),
    "results that exclude each other": book([
        each("S", 10, 20, rule="s", where={"result": "bad"}), each("T", 10, 20, rule="t", where={"result": "poor"}),
    ], points=TWO),
    "facts that overlap, and neither are the other's": book([
        each("S", 10, 20, rule="s", where={"result": ["bad", "poor"]}),
        each("T", 10, 20, rule="t", where={"result": ["poor", "good"]}),
    ], points=TWO),
    "the same facts for kinds that exclude each other": book([
        each("S", 10, 20, rule="s", within="12 months") | {"applies_to": ["farm"]},
        each("T", 10, 20, rule="t", within="12 months") | {"applies_to": ["co_op", "shop"]},
    ], points=TWO),
    "one standard that counts grave facts twice": book([
        each("S", 5, 20, rule="s", where={"result": ["bad", "poor"]}),
        each("S", 5, 20, rule="more", where={"result": "bad"}),
    ]),
    "two steps over measures of other windows": book(
        [
            steps("S", "short", [{"at_least": 3, "points": 20}], rule="s"),
            steps("T", "long", [{"at_least": 12, "points": 20}], rule="t"),
        ],
        [count("short", within="3 months"), count("long", within="12 months")], TWO,
    ),
}  # fmt: skip

STEPS: dict[str, Written] = {
    "steps that meet, written from the best to the worst": book(
        [steps("S", "good", [
            {"at_least": "60%", "below": "80%", "points": 10}, {"below": "60%", "points": 20},
        ], rule="s")],
        [share("good", within="12 months")],
    ),
    "rules that share the numbers among them": book(
        [
            steps("S", "good", FALLING, rule="many", when=[{"measure": "number", "at_least": 5}]),
            steps("S", "good", FALLING[1:], rule="few", when=[{"measure": "number", "at_most": 4}]),
        ],
        [share("good", within="12 months"), count("number", within="12 months")],
    ),
    "rules that share the kinds among them": book(
        [
            steps("S", "good", FALLING, rule="farms", applies_to=["farm"]),
            steps("S", "good", [{"below": "90%", "points": 20}], rule="others", applies_to=["co_op", "shop"]),
        ],
        [share("good", within="12 months")],
    ),
    "points that are taken beside each other, with nothing between": book([
        each("S", 5, 10, rule="poor", where={"amount": {"below": 3}}),
        each("S", 10, 20, rule="bad", where={"amount": {"above": 8}}),
    ]),
    "a corridor: too few and too many": book(
        [steps("S", "number", [
            {"below": 3, "points": 20}, {"above": 9, "points": 10},
        ], rule="s")],
        [count("number", within="12 months")],
    ),
    "steps over numbers that leave out nothing that there is": book(
        [steps("S", "number", [
            {"at_least": 5, "points": 20}, {"at_least": 2, "at_most": 4, "points": 10}, {"is": 1, "points": 5},
        ], rule="s")],
        [count("number", within="12 months")],
    ),
    "choices in their order, the last without points": book(
        [steps("S", "last", [{"is": "bad", "points": 20}, {"is": "poor", "points": 10}], rule="s")],
        [{
            "measure": "last", "label": label("last"), "latest": {"of": "sample", "field": "result"},
            "when_nothing": "not_applicable",
        }],
    ),
    "rising points for a number of which less is worse": book(
        [steps("S", "number", [
            {"below": 2, "points": 20}, {"below": 4, "points": 10}, {"below": 6, "points": 5},
        ], rule="s")],
        [count("number", within="12 months")],
    ),
}  # fmt: skip

POINTS: dict[str, Written] = {
    "rules that reach the points only together": book([
        each("S", 5, 10, rule="s", where={"result": "bad"}), each("S", 5, 10, rule="t", where={"result": "poor"}),
    ]),
    "two of three rules exclude each other, and the third makes up for it": book([
        {"standard": "S", "rule": "none", "when": [{"no sample": {"is": "sample"}}], "lose": 10},
        {"standard": "S", "rule": "some", "when": [{"some": {"is": "sample"}}], "lose": 5},
        {"standard": "S", "rule": "old", "when": [{"no visit": {"is": "visit", "within": "12 months"}}], "lose": 10},
    ]),
    "other kinds reach them": book([
        {"standard": "S", "rule": "farms", "applies_to": ["farm"], "when": [{"no visit": {"is": "visit"}}], "lose": 5},
        {
            "standard": "S", "rule": "others", "applies_to": ["co_op", "shop"], "when": [{"no visit": {"is": "visit"}}],
            "lose": 20,
        },
    ]),
    "small points without a cap, often enough": book([each("S", 1, rule="s", where={"result": "bad"})]),
    "a formula that its bound holds": book(
        [{"standard": "S", "rule": "s", "when": [{"measure": "last", "at_least": 1}],
          "lose": {"formula": "min(5 * last, 20)"}}],
        [{"measure": "last", "label": label("last"), "latest": {"of": "sample", "field": "amount"}, "when_nothing": 0}],
    ),
    "a formula that its field holds": book([
        {"standard": "S", "rule": "s", "for_each": {"one": {"is": "sample", "where": {"amount": {"below": 3}}}},
         "lose": {"formula": "one.amount"}},
        each("S", 10, 20, rule="t", where={"result": "bad"}),
    ]),
    "a cap below what two facts come to": book([each("S", 15, 20, rule="s")]),
    "a cap of an indicator below its standards": book([each("S", 5, 20, rule="s")], level2={"at_most": 95}),
    "a cap on a rule that fires once, below its points": book(
        [
            steps("S", "number", [{"at_least": 4, "points": 20}, {"at_least": 1, "points": 10}], rule="s", at_most=15),
            {"standard": "S", "rule": "t", "when": [{"no visit": {"is": "visit"}}], "lose": 5},
        ],
        [count("number", within="12 months")],
    ),
}  # fmt: skip

LIMITS: dict[str, Written] = {
    "a lower ceiling for more, a higher one for less": book(
        [
            ceiling("c1", "B", {"measure": "number", "at_least": 1}),
            ceiling("c2", "C", {"measure": "number", "at_least": 3}), each("S", 10, 20, rule="s"),
        ],
        [count("number", {"of": "sample", "where": {"result": "bad"}}, within="12 months")],
    ),
    "the same grade for facts of other windows and other results": book([
        ceiling("c1", "B", {"bad": {"is": "sample", "where": {"result": "bad"}, "within": "24 months"}}),
        ceiling("c2", "B", {"poor": {"is": "sample", "where": {"result": ["bad", "poor"]}, "within": "12 months"}}),
        each("S", 10, 20, rule="s"),
    ]),
    "a ceiling for who was not visited, a veto for who was": book([
        ceiling("c1", "B", {"no visit": {"is": "visit", "within": "12 months"}}),
        veto("v1", "C", {"bad": {"is": "visit", "where": {"result": "bad"}, "within": "12 months"}}),
        each("S", 10, 20, rule="s"),
    ]),
    "the same limit for kinds that exclude each other": book([
        ceiling("c1", "B", {"bad": {"is": "sample", "active": "yes"}}) | {"applies_to": ["farm"]},
        veto("v1", "C", {"bad": {"is": "sample", "active": "yes"}}) | {"applies_to": ["co_op"]},
        each("S", 10, 20, rule="s"),
    ]),
    "two of any kind, or one that is grave": book(
        [
            veto("v1", "C", {"measure": "number", "at_least": 2}),
            veto("v2", "C", {"grave": {"is": "sample", "where": {"amount": {"above": 10}}, "within": "12 months"}}),
            each("S", 10, 20, rule="s"),
        ],
        [count("number", {"of": "sample", "where": {"result": "bad"}}, within="12 months")],
    ),
}  # fmt: skip

REACHED: dict[str, Written] = {
    "a window and a date inside it": book([
        each("S", 10, 20, rule="s", within="12 months", where={"on": {"before": "as_of - 11 months"}}),
    ]),
    "none of what is good, and one that is bad": book([
        each("S", 10, 20, rule="s", where={"result": "bad"})
        | {"when": [{"no good one": {"is": "sample", "where": {"result": "good"}}}]},
    ]),
    "no other of the same place": book([
        each("S", 10, 20, rule="s", where={"result": "bad"})
        | {"when": [{"no other": {"is": "sample", "where": {"place": "one.place", "result": "bad"}}}]},
    ]),
    "a share of all, of many": book(
        [steps("S", "good", [{"below": "5%", "points": 20}], rule="s", when=[{"measure": "number", "at_least": 20}])],
        [share("good", within="12 months"), count("number", within="12 months")],
    ),
    "a grade that a veto alone gives": book(
        [
            each("S", 10, 20, rule="s"),
            veto("v1", "D", {"grave": {"is": "visit", "where": {"result": "bad"}, "within": "12 months"}}),
        ],
        bands=[
            {"grade": "A", "word": label("A"), "from": 90}, {"grade": "B", "word": label("B"), "from": 70},
            {"grade": "C", "word": label("C"), "from": 0}, {"grade": "D", "word": label("D")},
        ],
    ),
    "a grade of one score, which points come to": book(
        [
            each("S", 10, 20, rule="s"),
            {"standard": "T", "rule": "t", "when": [{"no visit": {"is": "visit"}}], "lose": 4},
        ],
        points={"S": 20, "T": 4},
        bands=[
            {"grade": "A", "word": label("A"), "from": 90}, {"grade": "B", "word": label("B"), "from": 77},
            {"grade": "C", "word": label("C"), "from": 76}, {"grade": "D", "word": label("D")},
        ],
    ),
}  # fmt: skip


def mending(name: str, standard: str, does: Rules) -> Written:
    return {
        "remedy": name, "text": label(name), "effort": 2, "lead_time": "9 days", "restores": [standard],
        "recovers": "deed", "does": does,
    }  # fmt: skip


VISITED = {"on": "as_of", "result": "good", "fine": "yes", "amount": 0, "place": "here"}
OVER = {"again": {"is": "sample", "active": "yes"}, "gives": {"ended": "as_of"}}

DIRECTIONS: dict[str, Written] = {
    "more of what tells against costs more, up to a cap": book(
        [each("S", 10, 20, rule="s")], facts={"sample": fact(tells="against")},
    ),
    "what tells for keeps points": book(
        [{"standard": "S", "rule": "s", "when": [{"no visit": {"is": "visit", "active": "yes"}}], "lose": 20}],
        facts={"visit": fact(tells="for")},
    ),
    "good ones raise a share, bad ones lower it, and it has no direction": book(
        [steps("S", "good", FALLING, rule="s")], [share("good", within="12 months")],
    ),
    "what is over costs less than what is in force, and both cost": book(
        [each("S", 10, 20, rule="s", active="yes"), each("S", 5, 20, rule="t", active="no")],
        facts={"sample": fact(tells="against")},
    ),
}  # fmt: skip

CYCLES: dict[str, Written] = {
    "two remedies that mend what they are for": book(
        [
            each("S", 10, 20, rule="s", active="yes") | {"remedy": "end"},
            {"standard": "T", "rule": "t", "when": [{"no visit": {"is": "visit"}}], "lose": 20, "remedy": "call"},
        ],
        points=TWO, remedies=[mending("end", "S", [OVER]), mending("call", "T", [{"new": "visit", "gives": VISITED}])],
    ),
    "one remedy mends what the other one brings": book(
        [
            each("S", 10, 20, rule="s", active="yes") | {"remedy": "end"},
            {"standard": "T", "rule": "t", "when": [{"no visit": {"is": "visit"}}], "lose": 20, "remedy": "call"},
        ],
        points=TWO, remedies=[
            mending("end", "S", [OVER]),
            mending("call", "T", [{"new": "visit", "gives": VISITED}, {"new": "sample", "gives": VISITED}]),
        ],
    ),
    "two remedies for one rule": book(
        [each("S", 10, 20, rule="s", active="yes") | {"remedy": ["end", "call"]}],
        remedies=[mending("end", "S", [OVER]), mending("call", "S", [OVER, {"new": "visit", "gives": VISITED}])],
    ),
}  # fmt: skip


def said(rule: Written, zh: str, en: str = "It is so.") -> Written:
    return rule | {"because": {"zh": zh, "en": en}}


TEXTS: dict[str, Written] = {
    "a year for twelve months": book([
        said(each("S", 10, 20, rule="s", within="12 months"), "近1年内的一条,每条10分,最多20分。",
             "One within 1 year; 10 points each, 20 points at most."),
    ]),
    "another law's number, a date and a number of papers to be kept": book([
        said(each("S", 10, 20, rule="s", within="12 months"),
             "依2022年9月公布的第70条,近12个月内不合格;记录应保存24个月。",
             "Bad within 12 months; records must be kept for 24 months."),
    ]),
    "not below, and less than": book(
        [said(steps("S", "good", FALLING, rule="s"), "占 {good},应不低于80%;低于60%的扣20分。")],
        [share("good", within="12 months")],
    ),
    "a number that only the rule behind a finding has": book(
        [
            {"finding": "late", "rule": "late-rule", "when": [{"one": {"is": "sample", "within": "18 months"}}],
             "gives": {"no": "one.no"}},
            said({"standard": "S", "rule": "s", "for_each": {"it_was": {"is": "late"}}, "lose": 10, "at_most": 20},
                 "近18个月内不合格。", "Bad within 18 months."),
        ],
        findings={"late": {"label": label("late"), "fields": {"no": {"type": "text"}}}},
    ),
    "a number in a unit that the rule has none of": book([
        said(each("S", 10, 20, rule="s", where={"result": "bad"}), "请在30天内整改。", "Please mend within 30 days."),
    ]),
}  # fmt: skip

NEAR = {
    f"{kind}: {name}": files
    for kind, made in {
        "double": DOUBLE, "steps": STEPS, "points": POINTS, "limits": LIMITS, "reached": REACHED,
        "directions": DIRECTIONS, "cycles": CYCLES, "texts": TEXTS,
    }.items()
    for name, files in made.items()
}  # fmt: skip


@pytest.mark.parametrize("name", NEAR)
def test_nothing_is_found_where_nothing_is_wrong(name: str) -> None:
    rulebook = bind(NEAR[name])
    evaluator = Evaluator(rulebook)
    report = verify(rulebook, evaluator.grade)
    evaluator.close()

    assert [(one.code, one.text.en) for one in report.findings] == []
    assert [(one.code, one.text.en) for one in report.undecided] == []
