"""Explanations: every sentence stands on something, says it in words, and its figures are right."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.grading import Grading
from engine.reading import CaseReader
from engine.scoring import Asked, Scorer, band_of
from engine.verdicts import verdicts
from explain.caps import biting_caps
from explain.explanation import MOST_REASONS, Explanation, Sentence, explain
from explain.phrases import PHRASES, Lang
from knowledge.loader import load_rulebook
from knowledge.rulebook import Rulebook
from knowledge.scenarios import load_scenarios
from tests.engine.random_rulebooks import random_rulebook
from tests.random_cases import random_case

ROOT = Path(__file__).parent.parent.parent
BOOKS = {
    "hangzhou": ROOT / "knowledge" / "rulebooks" / "hangzhou" / "2021.1",
    "hygiene": ROOT / "examples" / "hygiene",
    "orchard": ROOT / "tests" / "rulebooks" / "api" / "orchard" / "1",
}


class Graded:
    """Some cases of one rulebook with their gradings: random ones, and those of its scenarios."""

    def __init__(self, name: str) -> None:
        self.rulebook: Rulebook = load_rulebook(BOOKS[name])
        reader, evaluator = CaseReader(self.rulebook), Evaluator(self.rulebook)
        cases = [random_case(self.rulebook, seed) for seed in range(25)]
        for scenario in load_scenarios(BOOKS[name], self.rulebook)[::9]:
            if "error" not in scenario.expect:
                day = date.fromisoformat(scenario.as_of).toordinal()
                cases.append(reader.case(msgspec.json.encode(scenario.case), as_of=day, known_at=scenario.known_at))
        self.cases: list[tuple[CaseFile, Grading]] = [(case, evaluator.grade(case)) for case in cases]
        evaluator.close()

    def explained(self, lang: Lang = "zh") -> Iterator[tuple[CaseFile, Grading, Explanation]]:
        for case, grading in self.cases:
            yield case, grading, explain(self.rulebook, case, grading, verdicts(self.rulebook, case, grading), lang)


@pytest.fixture(scope="module", params=list(BOOKS))
def graded(request: pytest.FixtureRequest) -> Graded:
    return Graded(request.param)


def sentences(value: Any) -> Iterator[Sentence]:
    if isinstance(value, Sentence):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from sentences(part)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from sentences(getattr(value, name))


def test_every_sentence_stands_on_deductions_or_rules_that_are_there(graded: Graded) -> None:
    rules = {f"rule:{rule.id}" for rule in graded.rulebook.rules}
    for _, grading, explanation in graded.explained():
        known = rules | {deduction.id for deduction in grading.deductions}
        for sentence in sentences(explanation):
            assert sentence.stands_on, sentence
            assert set(sentence.stands_on) <= known, sentence


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_sentences_are_words_and_no_names_of_the_program(graded: Graded, lang: Lang) -> None:
    names = {name for kind in graded.rulebook.types.values() for name in (kind.name, *kind.fields) if "_" in name}
    names |= {name for name in graded.rulebook.measures if "_" in name}
    for case, _, explanation in graded.explained(lang):
        given = {str(value) for fact in case.facts for value in fact.values.values()}
        for sentence in sentences(explanation):
            words = set(re.findall(r"[a-z]+(?:_[a-z]+)+", sentence.text))
            assert not (words & names) - given, sentence.text
            assert "None" not in sentence.text
            assert not re.search(r"[{}]", sentence.text), sentence.text


def test_english_sentences_are_english_but_for_what_the_facts_say(graded: Graded) -> None:
    for case, _, explanation in graded.explained("en"):
        given = sorted({str(value) for fact in case.facts for value in fact.values.values()}, key=len, reverse=True)
        for sentence in sentences(explanation):
            text = sentence.text
            for value in filter(None, given):
                text = text.replace(value, "")
            assert not re.search(r"[\u3000-\u9fff\uff00-\uffef]", text), sentence.text


def test_at_most_four_reasons_the_worst_first_with_law_and_facts(graded: Graded) -> None:
    seen = 0
    for case, grading, explanation in graded.explained():
        reasons = explanation.reasons
        decisive = [limit.id for limit in (*grading.vetoes, *grading.ceilings) if limit.decisive]
        points = [int(reason.points) for reason in reasons if reason.kind == "standard"]
        worst = sorted((score.points for score in grading.standards if score.points), reverse=True)

        assert len(reasons) <= MOST_REASONS
        assert [reason.id for reason in reasons][: len(decisive)] == decisive[:MOST_REASONS]
        assert points == worst[: len(points)]
        assert len(reasons) == min(MOST_REASONS, len(decisive) + len(worst))
        facts = {fact.id for fact in case.facts}
        for reason in reasons:
            assert {fact.id for fact in reason.facts} <= facts
            assert reason.facts_in_all >= len(reason.facts)
            seen += len(reason.law)
    assert seen


def test_points_of_the_indicators_are_those_of_the_grading(graded: Graded) -> None:
    for _, grading, explanation in graded.explained():
        told = {one.id: one.points for one in explanation.indicators}
        firings = [one.id for one in grading.deductions if one.kind == "standard"]
        listed = [name for one in explanation.indicators for part in one.sentences for name in part.stands_on]

        assert told == {one.id: one.points for one in grading.indicators}
        assert sorted(listed) == sorted(firings)


def test_the_points_missing_to_the_next_grade_are_exactly_enough(graded: Graded) -> None:
    rulebook = graded.rulebook
    order = [band.grade for band in rulebook.bands]
    sign = 1 if rulebook.scoring.better == "higher" else -1
    tried = 0
    for _, grading, explanation in graded.explained():
        why = explanation.why_not_higher
        if why is None:
            assert grading.grade == order[0]
            continue
        assert order.index(why.grade) == order.index(grading.grade) - 1
        if why.points:
            tried += 1
            band = rulebook.bands[order.index(why.grade)]
            reached = grading.score.value + sign * int(why.points)
            assert reached == (band.low if sign == 1 else band.high)
        assert why.sentences
    assert tried or not any(grading.score_grade != order[0] for _, grading in graded.cases)


def test_a_remedy_says_the_score_that_the_restored_points_give(graded: Graded) -> None:
    scorer = Scorer(graded.rulebook)
    for _, grading, explanation in graded.explained():
        applies = {one.id: one.applies for one in grading.standards}
        for remedy in explanation.remedies:
            left = {one.id: one.points - int(remedy.standards.get(one.id, 0)) for one in grading.standards}
            scored = scorer.score([Asked("", name, points) for name, points in left.items() if points], applies)
            assert remedy.score == scored.score.value
            if not grading.ceilings and not grading.vetoes:
                assert remedy.grade == band_of(graded.rulebook, scored)


def test_personal_values_are_withheld_unless_asked_for(graded: Graded) -> None:
    rulebook = graded.rulebook
    hidden = {
        name: replace(kind, fields={one: replace(field, personal=True) for one, field in kind.fields.items()})
        for name, kind in rulebook.types.items()
    }
    secret = replace(rulebook, types=hidden)
    for case, grading in graded.cases[:8]:
        told = explain(secret, case, grading, (), "zh")
        values = [one for reason in told.reasons for fact in reason.facts for one in fact.values]
        assert all(one.value == "(不公开)" for one in values)
        if any(fact.values for reason in told.reasons for fact in reason.facts):
            open_ = explain(secret, case, grading, (), "zh", personal=True)
            assert any(one.value != "(不公开)" for reason in open_.reasons for f in reason.facts for one in f.values)


def test_a_measure_leads_back_to_the_facts_that_it_was_made_from() -> None:
    rulebook = load_rulebook(BOOKS["orchard"])
    reader, evaluator = CaseReader(rulebook), Evaluator(rulebook)
    document = {
        "producer": {"id": "P1", "kind": "farm", "region": "330110"},
        "facts": [
            {
                "type": "test",
                "fields": {"number": "T1", "result": "fail", "taken_on": "2025-06-01"},
                "source": {"system": "laboratory", "ref": "L-1"},
            }
        ],
    }
    case = reader.case(msgspec.json.encode(document), as_of=date(2025, 9, 1).toordinal())
    told = explain(rulebook, case, evaluator.grade(case), (), "zh")
    evaluator.close()

    (failed, lesson) = told.reasons
    assert (
        told.sentence.text
        == "截至2025年9月1日,P1 的等级为 B 级(中、黄码),得分 75 分(共扣 25 分);如无新的事实,2027年6月1日起可能变化。"
    )
    assert failed.sentence.text == "果品合格共扣 15 分:检测 T1 不合格。"
    assert [law.label for law in failed.law] == ["《果园法》第1条"]
    assert failed.until == "2027-06-01"
    assert [(fact.label, fact.date, fact.sources, fact.status) for fact in failed.facts] == [
        ("检测", "2025-06-01", ("laboratory L-1",), "生效")
    ]
    assert lesson.facts == ()
    assert [remedy.id for remedy in told.remedies] == ["take_lesson", "retest"]


def test_a_deduction_that_a_cap_cut_names_the_cap(graded: Graded) -> None:
    for _, grading in graded.cases:
        biting = biting_caps(graded.rulebook, grading.deductions)
        asked = [one for one in grading.deductions if one.kind == "standard"]

        assert {one.id for one in asked if one.counted < one.points} == {name for name, caps in biting.items() if caps}


def test_rules_that_lack_a_value_are_told_and_no_others(graded: Graded) -> None:
    for case, grading, explanation in graded.explained():
        told = {name for one in explanation.undecided for name in one.stands_on}
        unknown = {one.rule for one in verdicts(graded.rulebook, case, grading) if one.status == "unknown"}

        assert told <= {f"rule:{name}" for name in unknown}


def test_any_rulebook_can_be_explained_in_full() -> None:
    for seed in range(40):
        rulebook = random_rulebook(seed)
        evaluator = Evaluator(rulebook)
        case = random_case(rulebook, seed, facts=30)
        grading = evaluator.grade(case)
        evaluator.close()
        told = explain(rulebook, case, grading, verdicts(rulebook, case, grading), "zh")
        biting = biting_caps(rulebook, grading.deductions)
        ids = {one.id for one in grading.deductions} | {f"rule:{rule.id}" for rule in rulebook.rules}

        assert len(told.reasons) <= MOST_REASONS
        assert (told.why_not_higher is None) == (grading.grade == rulebook.bands[0].grade)
        for sentence in sentences(told):
            assert sentence.stands_on, sentence
            assert set(sentence.stands_on) <= ids, sentence
            assert "None" not in sentence.text, sentence
        for one in grading.deductions:
            if one.kind == "standard":
                assert (one.counted < one.points) == bool(biting[one.id])


@pytest.mark.parametrize("name", PHRASES)
def test_a_phrase_has_the_same_slots_in_both_languages(name: str) -> None:
    zh, en = (sorted(slot for _, slot, _, _ in string.Formatter().parse(text) if slot) for text in PHRASES[name])

    assert zh == en
