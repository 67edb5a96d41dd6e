"""Explanations under a small rulebook with groups, caps, weights, tenths, personal fields and a suspension."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from engine.evaluate import Evaluator
from engine.reading import CaseReader
from engine.verdicts import verdicts
from explain.explanation import Explanation, explain
from explain.phrases import Lang
from knowledge.loader import load_rulebook
from knowledge.rulebook import Rulebook

AS_OF = date(2026, 6, 1)


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return load_rulebook(Path(__file__).parent / "hives")


def loss(hive: str, cause: str, **fields: Any) -> dict[str, Any]:
    return {"type": "loss", "fields": {"hive": hive, "cause": cause, "seen_on": "2026-05-01", **fields}}


def outage(system: str) -> dict[str, Any]:
    return {"type": "outage", "fields": {"system": system, "from_on": "2026-05-20"}}


def told(rulebook: Rulebook, *facts: dict[str, Any], lang: Lang = "zh", personal: bool = False) -> Explanation:
    producer = {"id": "P1", "kind": "apiary", "region": "330110", "attributes": {"owner": "Wang"}}
    document = msgspec.json.encode({"producer": producer, "facts": facts})
    case = CaseReader(rulebook).case(document, as_of=AS_OF.toordinal())
    evaluator = Evaluator(rulebook)
    try:
        grading = evaluator.grade(case)
    finally:
        evaluator.close()
    return explain(rulebook, case, grading, verdicts(rulebook, case, grading), lang, personal=personal)


def texts(explanation: Explanation, indicator: str) -> list[str]:
    return next([one.text for one in part.sentences] for part in explanation.indicators if part.id == indicator)


def test_a_sentence_names_the_caps_that_took_points_from_it(rulebook: Rulebook) -> None:
    explanation = told(rulebook, loss("a", "mites"), loss("b", "mites"), loss("c", "cold"))

    assert sorted(
        text[text.index("(扣") if "(扣" in text else text.index("(应") :] for text in texts(explanation, "A")
    ) == [
        "(应扣 0.8 分,因同类情形合计最多 1.4 分,实扣 0.6 分)",
        "(应扣 1.5 分,因“蜂群”合计最多 2.5 分,实扣 1.1 分)",
        "(扣 0.8 分)",
    ]


def test_a_rule_without_text_is_told_by_what_it_bound_and_measured(rulebook: Rulebook) -> None:
    explanation = told(rulebook, loss("a", "mites", grams=300), personal=True)

    assert texts(explanation, "A") == ["蜂群损失(蜂箱 a,原因 蜂螨,发现日期 2026年5月1日,损失量 300 g)。(扣 0.8 分)"]
    assert texts(explanation, "B") == ["损失次数 1。(扣 0.1 分)"]


def test_a_group_is_said_by_its_label_and_rests_on_its_own_facts_alone(rulebook: Rulebook) -> None:
    facts = [loss(hive, "mites") for hive in "abc"] + [loss("d", "cold")]

    explanation = told(rulebook, *facts)

    assert texts(explanation, "B")[0] == "因蜂螨损失 3 次。(扣 0.4 分)"
    reason = next(one for one in explanation.reasons if one.id == "R1")
    assert reason.facts_in_all == 3


def test_reasons_are_ordered_by_what_they_take_from_the_score(rulebook: Rulebook) -> None:
    explanation = told(rulebook, *(loss(hive, "mites") for hive in "abc"))

    # R1 loses 0.4 points that count three times, H1 1.4 that count once.
    assert [(one.id, one.points) for one in explanation.reasons] == [("H1", "1.4"), ("R1", "0.4"), ("R2", "0.1")]
    explanation = told(rulebook, loss("a", "mites"), loss("b", "cold"), loss("c", "cold"), loss("d", "cold"))
    assert [one.id for one in explanation.reasons] == ["H2", "R1", "H1", "R2"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_personal_values_of_facts_and_producer_never_appear(rulebook: Rulebook, lang: Lang) -> None:
    facts = [loss(f"SECRET{n}", "cold", grams=900) for n in range(4)] + [loss("SECRET9", "mites")]

    public = msgspec.json.encode(told(rulebook, *facts, lang=lang)).decode()
    whole = msgspec.json.encode(told(rulebook, *facts, lang=lang, personal=True)).decode()

    assert "SECRET" not in public
    assert "Wang" not in public
    assert "SECRET1" in whole
    assert "Wang" in whole


def test_a_suspended_standard_says_what_suspended_it(rulebook: Rulebook) -> None:
    explanation = told(rulebook, outage("ledger"), outage("gate"), loss("a", "mites"))

    (suspended,) = explanation.not_counted
    assert suspended.text == "因“数据源中断”,在线台账暂停评价,不计入。"
    assert len(suspended.stands_on) == 1
    assert explanation.sentence.text.startswith(
        "截至2026年6月1日,P1 的等级为 A 级(优),得分 9.2 分(适用标准满分 10.0 分,共扣 0.8 分,按比例折算)"
    )


def test_a_rule_that_lacks_a_value_is_told_with_the_value(rulebook: Rulebook) -> None:
    explanation = told(rulebook, loss("a", "mites"))

    assert [(one.text, one.stands_on) for one in explanation.undecided] == [
        ("缺少蜂群损失的损失量,“严重损失”无法判断,暂不生效。", ("rule:many",))
    ]


def test_a_limit_says_how_long_it_lasts_and_stands_in_the_way(rulebook: Rulebook) -> None:
    explanation = told(rulebook, loss("a", "mites", grams=501))

    assert explanation.grade == "C"
    assert explanation.reasons[0].sentence.text == "严重损失:最高只能评为 C 级。至恢复蜂群为止。"
    assert explanation.why_not_higher is not None
    assert [one.text for one in explanation.why_not_higher.sentences] == [
        "因“严重损失”,等级最高为 C 级。至恢复蜂群为止。"
    ]


def test_one_point_is_no_plural_in_english(rulebook: Rulebook) -> None:
    whole = replace(rulebook, scoring=replace(rulebook.scoring, unit="whole"))

    explanation = told(whole, loss("a", "mites"), lang="en")

    assert texts(explanation, "B") == ["losses 1. (1 point lost)"]
    assert texts(explanation, "A")[0].endswith("(8 points lost)")
