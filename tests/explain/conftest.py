"""Graded producers that tests of explanations share: of the sample city, and of random rulebooks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import msgspec
import pytest

from batch.population import generate
from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.grading import Grading
from engine.reading import CaseReader
from knowledge.catalog import Catalog
from knowledge.population import load_population
from knowledge.problems import RulebookRefused
from knowledge.rulebook import Rulebook
from tests.engine.random_rulebooks import random_rulebook
from tests.random_cases import random_case

NIGHTLY = bool(os.environ.get("SHUOLI_NIGHTLY"))
DAY = date(2026, 11, 1)


@dataclass(frozen=True)
class Producers:
    """Cases of one rulebook with their gradings."""

    rulebook: Rulebook
    cases: tuple[tuple[CaseFile, Grading], ...]


@pytest.fixture(scope="session")
def city() -> Producers:
    """Return producers of the sample city: 300, and every night all of them."""
    catalog = Catalog()
    rulebook = catalog.load(next(iter(catalog.versions())).folder)
    reader, evaluator = CaseReader(rulebook), Evaluator(rulebook)
    made = generate(rulebook, load_population(rulebook), producers=3196 if NIGHTLY else 300, seed=2021, as_of=DAY)
    cases = [reader.case(msgspec.json.encode(case), as_of=DAY.toordinal()) for case in made]
    graded = tuple((case, evaluator.grade(case)) for case in cases)
    evaluator.close()
    return Producers(rulebook, graded)


def random_producers(seeds: range) -> Iterator[Producers]:
    """Yield random rulebooks, each with two random cases."""
    for seed in seeds:
        try:
            rulebook = random_rulebook(seed)
            evaluator = Evaluator(rulebook)
        except RulebookRefused:
            continue
        cases = [random_case(rulebook, seed * 10 + number, facts=30) for number in range(2)]
        yield Producers(rulebook, tuple((case, evaluator.grade(case)) for case in cases))
        evaluator.close()
