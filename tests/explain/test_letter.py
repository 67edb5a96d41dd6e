"""What letters say beyond the explanation: rights in force, the year's trail, Chinese as it is set in print."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from engine.evaluate import Evaluator
from engine.reading import CaseReader
from explain.letter import Filing, Letter, compose, printed
from explain.pasttrail import Bound, Counted, PastStep, Said, past_year
from explain.phrases import Lang
from explain.phrases_letter import CHANGES, WORDS
from explain.typography import set_in
from knowledge.loader import load_rulebook
from knowledge.rulebook import Law, Right, Rulebook
from knowledge.rules import Text

AS_OF = date(2026, 6, 1)


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return load_rulebook(Path(__file__).parent / "hives")


def a_letter(
    rulebook: Rulebook, *, personal: bool = False, lang: Lang = "zh", facts: Sequence[dict[str, Any]] = ()
) -> Letter:
    producer = {"id": "P1,甲", "kind": "apiary", "region": "330110", "attributes": {"owner": "王,䶮"}}
    case = CaseReader(rulebook).case(
        msgspec.json.encode({"producer": producer, "facts": facts}), as_of=AS_OF.toordinal()
    )
    evaluator = Evaluator(rulebook)
    try:
        grading = evaluator.grade(case)
    finally:
        evaluator.close()
    return compose(rulebook, case, grading, (), lang, Filing("ab" * 32, kept=False), personal=personal)


def test_a_right_is_told_with_the_articles_in_force_on_the_day(rulebook: Rulebook) -> None:
    def law(name: str, begins: int | None, ends: int | None) -> Law:
        return Law(name, Text(name), Text(name), "1", begins, ends, None)

    day = AS_OF.toordinal()
    laws = {"old": law("old", None, day), "now": law("now", day, None), "later": law("later", day + 1, None)}
    rights = (
        Right(Text("一"), Text("可以申诉"), ("old", "now")),
        Right(Text("二"), Text("可以修复"), ("old", "later")),
        Right(Text("三", "Three"), Text("可以询问", "Ask"), ()),
    )
    made = replace(rulebook, laws=laws, rights=rights)

    assert [(one.title, one.law) for one in a_letter(made).rights] == [("一", ("now",)), ("三", ())]
    assert [one.text for one in a_letter(made, lang="en").rights] == ["可以申诉", "Ask"]


def test_a_reason_cites_the_articles_in_force_on_the_day_of_a_fact_or_of_the_grade(rulebook: Rulebook) -> None:
    spans = {"older": (None, 10), "then": (10, 739676), "now": (739676, None), "later": (800_000, None)}
    laws = {name: Law(name, Text(name), Text(name), "1", *span, None) for name, span in spans.items()}
    rules = tuple(replace(rule, law=tuple(spans)) for rule in rulebook.rules)
    fact = {"type": "loss", "fields": {"hive": "a", "cause": "mites", "seen_on": "2026-05-01"}}

    def cited(seen_on: str) -> list[str]:
        fact["fields"] = {"hive": "a", "cause": "mites", "seen_on": seen_on}
        letter = a_letter(replace(rulebook, laws=laws, rules=rules), facts=[fact])
        return [law.id for law in letter.why.reasons[0].law]

    assert cited("2026-05-01") == ["now"]
    assert cited("2026-01-01") == ["then", "now"]


def test_personal_attributes_are_withheld(rulebook: Rulebook) -> None:
    assert "王" not in str(printed(a_letter(rulebook)))
    assert "王" in str(printed(a_letter(rulebook, personal=True)))


def test_the_scale_marks_the_grade_that_is_held(rulebook: Rulebook) -> None:
    letter = a_letter(rulebook)

    assert [one.grade for one in letter.scale] == [band.grade for band in rulebook.bands]
    assert [one.grade for one in letter.scale if one.held] == [letter.why.grade]


@pytest.mark.parametrize("table", [WORDS, CHANGES])
def test_every_phrase_has_both_languages_with_the_same_slots(table: dict[str, tuple[str, str]]) -> None:
    for zh, en in table.values():
        assert zh.count("{") == en.count("{")
        assert all(f"{{{slot.split('}')[0]}}}" in en for slot in zh.split("{")[1:])


def test_ids_and_hashes_are_printed_as_they_are(rulebook: Rulebook) -> None:
    told = printed(a_letter(rulebook))

    assert told["hash"] == "ab" * 32
    assert told["why"]["rulebook"] == f"{rulebook.id}@{rulebook.version}"


@pytest.mark.parametrize(
    ("written", "set_"),
    [
        ("共扣 25 分:没有,或者(见附件)。", "共扣 25 分\uff1a没有\uff0c或者\uff08见附件\uff09。"),
        ("现行 (有效); 其余", "现行\uff08有效\uff09\uff1b其余"),
        ("县(区)农业部门", "县\uff08区\uff09农业部门"),
        ("2,000 元,12:30 起", "2,000 元\uff0c12:30 起"),
        ("A (b), c: d", "A (b), c: d"),
        ("𠮷,甲", "𠮷\uff0c甲"),
        ("一行\n两行\r\n\t三行", "一行 两行 三行"),
        ("“良好”, 蓝码", "“良好”\uff0c蓝码"),
    ],
)
def test_chinese_is_set_with_its_own_marks(written: str, set_: str) -> None:
    assert set_in("zh", written) == set_
    assert set_in("en", written) == " ".join(written.split())


def a_step(rulebook: Rulebook, as_of: str, name: str, points: int, *, ceilings: tuple[str, ...] = ()) -> PastStep:
    standard = next(iter(rulebook.standards))
    bounds = tuple(Bound(one, "ceiling") for one in ceilings)
    said = Said(as_of, None, "A", 100 - points, {"id": "r", "version": "1"}, (Counted(standard, points),), bounds)
    return PastStep("grading", f"{as_of}T01:00:00.000000Z", name, said)


def test_the_year_is_told_newest_first_with_what_changed(rulebook: Rulebook) -> None:
    label = next(iter(rulebook.standards.values())).label.zh
    steps = [
        a_step(rulebook, "2025-06-01", "g0", 0),
        a_step(rulebook, "2025-06-02", "g1", 5),
        PastStep("confirmation", "2025-07-01T01:00:00.000000Z", "c1", Said("2025-07-01", "g1")),
        a_step(rulebook, "2025-08-01", "g2", 5, ceilings=("NEW",)),
        a_step(rulebook, "2025-09-01", "g3", 5),
        a_step(rulebook, "2025-10-01", "g4", 5),
        a_step(rulebook, "2026-06-02", "g5", 9),
    ]

    told = past_year(steps, AS_OF.toordinal(), rulebook, "zh")

    # The first is 12 months old to the day, the last lies ahead.
    assert [(one.hash, one.grade, one.score) for one in told] == [
        ("g4", "A", 95),
        ("g3", "A", 95),
        ("g2", "A", 95),
        ("c1", "A", 95),
        ("g1", "A", 95),
    ]
    verb = "扣分" if rulebook.scoring.direction == "lost" else "记分"
    assert [one.changed for one in told] == [
        ("理由有变,分值不变",),
        ("解除限制“NEW”",),
        ("新增限制“NEW”",),
        ("结果不变",),
        ("得分 100 → 95", f"“{label}”{verb} 0 → 5"),
    ]
    assert past_year(steps[:1], date(2025, 6, 1).toordinal(), rulebook, "en")[0].changed == ("first grading",)
