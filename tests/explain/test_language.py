"""Every sentence of every explanation is a whole one, in both languages, and shows nothing that is for programs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.verdicts import verdicts
from explain.explanation import explain
from explain.phrases import Lang
from explain.prooftree import prove
from explain.views import Sentence
from explain.whynot import why_not
from knowledge.loader import load_rulebook
from knowledge.rulebook import Rulebook
from knowledge.rules import Absent, Const, Match, Rule
from knowledge.strata import clauses_of
from tests.explain.conftest import NIGHTLY, Producers
from tests.explain.test_explanation import BOOKS
from tests.random_cases import random_case

SHARES = {"hangzhou": 150, "hygiene": 150}
"""Random producers by rulebook: 300 in all."""
TIMES = 20 / 3 if NIGHTLY else 1


def texts(value: Any) -> Iterator[str]:
    """Yield every sentence and every text of a change within a value."""
    if isinstance(value, Sentence):
        yield value.text
    elif isinstance(value, tuple):
        for part in value:
            yield from texts(part)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            part = getattr(value, name)
            if name in ("wanted", "observed", "to", "by", "label", "value") and isinstance(part, str):
                yield part
            else:
                yield from texts(part)


def wrong_with(text: str, lang: Lang, names: set[str], given: list[str]) -> str | None:
    """Return what is wrong with a text, None where nothing is; `given` is what facts say, whatever it is."""
    if not text.strip():
        return "it is empty"
    if re.search(r" {2}|  | ,|,,|。。|、、|:。|\(\)|\(\)|。\.|\.。|,。", text):
        return "a gap"
    for value in given:
        text = text.replace(value, "")
    if re.search(r"[{}]", text):
        return "a brace"
    if re.search(r"\bNone\b|\bTrue\b", text):
        return "a word of Python"
    if found := set(re.findall(r"[a-z0-9]+(?:_[a-z0-9]+)+", text)) & names:
        return f"a name of the rulebook: {found}"
    if lang == "en" and re.search(r"[\u3000-\u9fff\uff00-\uffef]", text):
        return "Chinese"
    return None


def raw_names(rulebook: Rulebook) -> set[str]:
    names = {*rulebook.types, *rulebook.measures, *rulebook.attributes, *rulebook.remedies, *rulebook.fact_statuses}
    for kind in rulebook.types.values():
        names |= {*kind.fields, *(choice for field in kind.fields.values() for choice in field.choices)}
    names |= {kind.source_system for kind in rulebook.types.values() if kind.source_system}
    return {name for name in (*names, *(rule.id for rule in rulebook.rules)) if "_" in name}


def constants(rule: Rule) -> Iterator[str]:
    """Yield the texts that a rule compares with; they are in one language, as the facts are."""
    patterns = [*rule.for_each, *(one.pattern for one in clauses_of(rule.when) if isinstance(one, Match | Absent))]
    for test in [test for pattern in patterns for test in pattern.tests]:
        if isinstance(test.operand, tuple):
            yield from (str(value) for value in test.operand)
        elif isinstance(test.operand, Const) and isinstance(test.operand.value, str):
            yield test.operand.value


def all_wrong(rulebook: Rulebook, case: CaseFile, evaluator: Evaluator, lang: Lang) -> Iterator[str]:
    grading = evaluator.grade(case)
    told = (
        explain(rulebook, case, grading, verdicts(rulebook, case, grading), lang),
        prove(rulebook, case, grading, lang),
        why_not(rulebook, case, grading, lang, fired=True),
    )
    names = raw_names(rulebook)
    said = {str(value) for fact in case.facts for value in fact.values.values() if isinstance(value, str)}
    said |= {str(value) for value in case.producer.attributes.values()} | {grading.producer}
    said |= {f"{source.system} {source.ref}" for fact in case.facts for source in fact.sources}
    said |= {const for rule in rulebook.rules for const in constants(rule)}
    given = sorted(filter(None, said), key=len, reverse=True)
    for text in texts(told):
        if what := wrong_with(text, lang, names, given):
            yield f"{grading.producer}: {what}: {text}"


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("name", SHARES)
def test_every_sentence_about_a_random_producer_is_whole(name: str, lang: Lang) -> None:
    rulebook = load_rulebook(BOOKS[name])
    evaluator = Evaluator(rulebook)
    cases = [random_case(rulebook, seed) for seed in range(int(SHARES[name] * TIMES))]
    wrong = [what for case in cases for what in all_wrong(rulebook, case, evaluator, lang)]
    evaluator.close()

    assert wrong[:20] == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_sentence_about_the_sample_city_is_whole(city: Producers, lang: Lang) -> None:
    evaluator = Evaluator(city.rulebook)
    cases = [case for case, _ in city.cases[: 1000 if NIGHTLY else 30]]
    wrong = [what for case in cases for what in all_wrong(city.rulebook, case, evaluator, lang)]
    evaluator.close()

    assert wrong[:20] == []
