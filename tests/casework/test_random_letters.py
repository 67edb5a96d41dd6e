"""Letters under random rulebooks of every construct: each one is set, and lacks nothing."""

from __future__ import annotations

import os

import pytest

from casework.typesetting import GlyphMissing, Typesetter
from engine.evaluate import Evaluator
from engine.verdicts import verdicts
from explain.letter import Filing, Letter, compose
from explain.phrases import Lang
from knowledge.problems import LimitExceeded, RulebookRefused
from tests.casework.test_typesetting import a_letter, cases, hangzhou, rest_of
from tests.engine.random_rulebooks import random_rulebook
from tests.random_cases import random_case

NIGHTLY = os.environ.get("SHUOLI_NIGHTLY") == "1"
RULEBOOKS = 400 if NIGHTLY else 12
PRODUCERS = 2_000 if NIGHTLY else 0


@pytest.fixture(scope="module")
def typesetter() -> Typesetter:
    return Typesetter()


def random_letter(seed: int, lang: Lang) -> Letter | None:
    """Return the letter about a random case under a random rulebook, None where there is no such rulebook or grade."""
    try:
        rulebook = random_rulebook(seed)
        case = random_case(rulebook, seed)
        evaluator = Evaluator(rulebook)
        try:
            grading = evaluator.grade(case)
        finally:
            evaluator.close()
    except (RulebookRefused, LimitExceeded):
        return None
    filing = Filing("ab" * 32, kept=bool(seed % 2))
    return compose(rulebook, case, grading, tuple(verdicts(rulebook, case, grading)), lang, filing)


def test_a_letter_lacks_nothing_whatever_the_rulebook(typesetter: Typesetter) -> None:
    lacking: list[tuple[int, list[str]]] = []
    refusals: set[str] = set()
    letters = 0
    for seed in range(RULEBOOKS):
        letter = random_letter(seed, "en" if seed % 3 == 0 else "zh")
        if letter is not None:
            try:
                pdf = typesetter.pdf(letter)
            except GlyphMissing as refused:
                refusals |= {problem.place for problem in refused.problems}
                continue
            letters += 1
            missing, rest = rest_of(pdf, letter)
            if missing or "\ufffd" in rest or "{" in rest:
                lacking.append((seed, missing))

    assert lacking == []
    # The two characters of random texts that the fonts lack.
    assert refusals <= {"U+1F600", "U+20000"}
    assert letters > RULEBOOKS * 0.4


@pytest.mark.skipif(not NIGHTLY, reason="takes minutes; SHUOLI_NIGHTLY=1 does it")
def test_the_whole_sample_city_can_be_written_to(typesetter: Typesetter) -> None:
    for case in cases(PRODUCERS):
        letter = a_letter(hangzhou(), case, "en" if case["producer"]["id"].endswith("0") else "zh")
        lacking, _ = rest_of(typesetter.pdf(letter), letter)

        assert (case["producer"]["id"], lacking) == (case["producer"]["id"], [])
