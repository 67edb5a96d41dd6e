"""Random rulebooks, random cases: chainer and checker come to the same, and so does whoever explains them.

Seeds are fixed, so that a failure comes back; `SHUOLI_NIGHTLY=1` tries many more.
"""

from __future__ import annotations

import os

import pytest

from tests.engine.comparisons import Tally, compare
from tests.engine.random_uses import GRADINGS, RULES

RULEBOOKS, CASES = (20_000, 10) if os.environ.get("SHUOLI_NIGHTLY") else (1_000, 5)


@pytest.fixture(scope="module")
def tally() -> Tally:
    return compare(range(RULEBOOKS), CASES, processes=max(2, os.cpu_count() or 2))


def test_both_engines_agree_on_every_random_case(tally: Tally) -> None:
    assert tally.failures == []


def test_as_many_cases_are_compared_as_are_asked_for(tally: Tally) -> None:
    assert tally.comparisons > RULEBOOKS * CASES * 0.98
    assert tally.over_limit < RULEBOOKS * CASES * 0.01


def test_hardly_any_rulebook_is_refused_and_only_for_its_size(tally: Tally) -> None:
    assert set(tally.refused) <= {"rule.too_complex"}
    assert tally.refused.total() < RULEBOOKS * 0.01


def test_every_construct_comes_up_and_fires(tally: Tally) -> None:
    assert set(tally.occurred) == RULES
    assert set(tally.fired) == RULES | GRADINGS
