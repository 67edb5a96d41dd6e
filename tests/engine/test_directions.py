"""A worse fact never helps, and a better one never harms, where a rulebook says which way its facts tell."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.case import CaseFile, Fact
from engine.evaluate import Evaluator
from engine.grading import Grading
from knowledge.loader import load_rulebook
from knowledge.rulebook import FactType, Rulebook
from knowledge.strata import patterns_of
from tests.random_cases import random_case, random_fact

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(
    path.parent
    for root in ("knowledge/rulebooks", "examples", "tests/rulebooks", "tests/knowledge/base")
    for path in (ROOT / root).rglob("rulebook.yaml")
)
DECLARING = [folder for folder in FOLDERS if "\n    tells: " in (folder / "vocabulary.yaml").read_text("utf-8")]
SEEDS = st.integers(0, 10**9)


@pytest.fixture(scope="module", params=DECLARING, ids=lambda path: path.relative_to(ROOT).as_posix())
def evaluator(request: pytest.FixtureRequest) -> Iterator[Evaluator]:
    evaluator = Evaluator(load_rulebook(request.param))
    yield evaluator
    evaluator.close()


def near(rulebook: Rulebook, name: str) -> list[str]:
    """Return the fact types that rules read beside a type, or beside what is concluded from it."""
    met = {name}
    for _ in range(3):
        for rule in rulebook.rules:
            read = {pattern.type for pattern, _ in patterns_of(rule)}
            if rule.kind == "finding" and read & met:
                met |= read | {rule.target}
            elif read & met:
                met |= read
    return sorted(one for one in met if rulebook.types[one].origin == "fact")


def case_with_one_more(rulebook: Rulebook, kind: FactType, draw: random.Random) -> tuple[CaseFile, Fact]:
    """Return a case, half of whose facts are of types that meet this one, and one more fact of the type."""
    case = random_case(rulebook, draw.randrange(10**9), facts=20)
    names = draw.choices(near(rulebook, kind.name), k=draw.randrange(16))
    drawn = [random_fact(rulebook, draw, rulebook.types[name], case.as_of) for name in names]
    more = random_fact(rulebook, draw, kind, case.as_of)
    counting = [status.name for status in rulebook.fact_statuses.values() if status.counts]
    facts = {fact.id: fact for fact in (*case.facts, *drawn) if fact.id != more.id}
    ordered = tuple(sorted(facts.values(), key=lambda fact: (fact.type, fact.id)))
    return msgspec.structs.replace(case, facts=ordered), msgspec.structs.replace(more, status=draw.choice(counting))


def plus(case: CaseFile, fact: Fact) -> CaseFile:
    facts = sorted((*case.facts, fact), key=lambda fact: (fact.type, fact.id))
    return msgspec.structs.replace(case, facts=tuple(facts))


def goodness(rulebook: Rulebook, grading: Grading) -> tuple[int, int]:
    """Return how good grade and score are: more is better."""
    place = [band.grade for band in rulebook.bands].index(grading.grade)
    sign = 1 if rulebook.scoring.better == "higher" else -1
    return -place, sign * grading.score.value


def compare(evaluator: Evaluator, kind: FactType, seed: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return how good the outcome is without and with one more fact of a type."""
    case, fact = case_with_one_more(evaluator.rulebook, kind, random.Random(seed))
    without, with_it = evaluator.grade(case), evaluator.grade(plus(case, fact))
    return goodness(evaluator.rulebook, without), goodness(evaluator.rulebook, with_it)


def declared(rulebook: Rulebook, tells: str) -> list[FactType]:
    return [kind for kind in rulebook.types.values() if kind.tells == tells]


@given(seed=SEEDS)
@settings(max_examples=400, deadline=None)
def test_one_more_fact_that_tells_against_never_helps(evaluator: Evaluator, seed: int) -> None:
    kinds = declared(evaluator.rulebook, "against")
    kind = kinds[seed % len(kinds)]

    (grade, score), (grade_then, score_then) = compare(evaluator, kind, seed)

    assert grade_then <= grade, kind.name
    assert score_then <= score, kind.name


@given(seed=SEEDS)
@settings(max_examples=300, deadline=None)
def test_one_more_fact_that_tells_for_never_harms(evaluator: Evaluator, seed: int) -> None:
    kinds = declared(evaluator.rulebook, "for")
    if not kinds:
        return  # a rulebook may have nothing that tells for
    kind = kinds[seed % len(kinds)]

    (grade, score), (grade_then, score_then) = compare(evaluator, kind, seed)

    assert grade_then >= grade, kind.name
    assert score_then >= score, kind.name


def test_each_type_with_a_direction_makes_a_difference(evaluator: Evaluator) -> None:
    kinds = [kind for kind in evaluator.rulebook.types.values() if kind.tells is not None]

    idle = [kind.name for kind in kinds if not any(differs(evaluator, kind, seed) for seed in range(2000))]

    assert idle == []


def differs(evaluator: Evaluator, kind: FactType, seed: int) -> bool:
    before, after = compare(evaluator, kind, seed)
    return before != after


def test_a_type_without_a_direction_is_seen_to_have_none() -> None:
    """The comparison can fail: in the small rulebook, repairs help at times and harm at others."""
    evaluator = Evaluator(load_rulebook(ROOT / "tests" / "knowledge" / "base"))
    kind = evaluator.rulebook.types["repair"]
    seen = [compare(evaluator, kind, seed) for seed in range(400)]
    evaluator.close()

    assert kind.tells is None
    assert any(after > before for before, after in seen)
    assert any(after < before for before, after in seen)


@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_a_fact_that_is_repaired_or_revoked_restores_what_it_took(evaluator: Evaluator, seed: int) -> None:
    rulebook, draw = evaluator.rulebook, random.Random(seed)
    case, fact = case_with_one_more(rulebook, draw.choice(declared(rulebook, "against")), draw)
    without = goodness(rulebook, evaluator.grade(case))

    for status in rulebook.fact_statuses.values():
        if not status.counts:
            restored = evaluator.grade(plus(case, msgspec.structs.replace(fact, status=status.name)))
            assert goodness(rulebook, restored) == without, status.name


def test_the_shipped_rulebooks_declare_directions() -> None:
    assert {folder.relative_to(ROOT).parts[0] for folder in DECLARING} == {"knowledge", "examples", "tests"}
