"""The synthetic city: the same for a seed, in the proportions that were set, and true to the rulebook's words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from batch.city import CITY_FILE, CityMissing, load_city
from batch.population import generate, write_city
from engine.evaluate import Evaluator
from engine.reading import CaseReader
from knowledge.catalog import SHIPPED
from knowledge.loader import load_rulebook
from knowledge.population import load_population
from knowledge.problems import CaseRefused, RulebookMissing, RulebookRefused
from store.ledger import EVERYONE, Store

ROOT = Path(__file__).parent.parent.parent
DAY = date(2026, 11, 1)
HANGZHOU = load_rulebook(SHIPPED / "hangzhou" / "2021.1")
POPULATION = load_population(HANGZHOU)


@pytest.fixture(scope="module")
def city() -> list[dict[str, Any]]:
    return list(generate(HANGZHOU, POPULATION, producers=400, seed=7, as_of=DAY))


def test_a_seed_gives_the_same_city_in_any_process_and_at_any_size(city: list[dict[str, Any]]) -> None:
    program = (
        "import sys, json; from tests.batch.test_population import *\n"
        "print(json.dumps(list(generate(HANGZHOU, POPULATION, producers=3, seed=7, as_of=DAY))))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "99", "PYTHONPATH": str(ROOT)}
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, cwd=ROOT, check=True)

    assert json.loads(told.stdout) == city[:3]
    assert next(generate(HANGZHOU, POPULATION, producers=1, seed=8, as_of=DAY)) != city[0]


def test_every_fact_fits_the_rulebook_and_every_producer_is_graded(city: list[dict[str, Any]]) -> None:
    reader, evaluator = CaseReader(HANGZHOU), Evaluator(HANGZHOU)
    grades: Counter[str] = Counter()
    for document in city[:150]:
        case = reader.case(msgspec.json.encode(document), as_of=DAY.toordinal(), today=DAY.toordinal())
        grades[evaluator.grade(case).grade] += 1
    evaluator.close()

    assert grades["B"] > grades["A"]
    assert grades["B"] > grades["C"]


def test_every_type_of_fact_is_drawn_and_the_proportions_are_those_set(city: list[dict[str, Any]]) -> None:
    facts = [fact for document in city for fact in document["facts"]]
    types = Counter(fact["type"] for fact in facts)
    kinds = Counter(document["producer"]["kind"] for document in city)
    shares = {name: float(weight) for name, weight in POPULATION.kinds.items()}

    declared = {rate.fact for rate in POPULATION.facts}
    assert declared == {name for name, kind in HANGZHOU.types.items() if kind.origin == "fact"}
    assert len(types) > 40
    assert 100 < len(facts) / len(city) < 140
    for name, share in shares.items():
        assert abs(kinds[name] / len(city) - share / sum(shares.values())) < 0.08
    failures = [fact["fields"]["verdict"] for fact in facts if fact["type"] == "sampling_result"]
    assert 0.002 < failures.count("fail") / len(failures) < 0.05


def test_some_facts_arrive_late_twice_or_in_another_status(city: list[dict[str, Any]]) -> None:
    facts = [fact for document in city for fact in document["facts"]]
    systems = Counter(fact["source"]["system"] for fact in facts)
    statuses = Counter(fact["status"] for fact in facts)
    late = [
        fact
        for fact in facts
        if fact["type"] == "training"
        and (date.fromisoformat(fact["recorded_at"][:10]) - date.fromisoformat(fact["fields"]["attended_on"])).days > 10
    ]

    assert systems[POPULATION.arrival.second_system] > len(facts) * 0.01
    assert {"effective", "disputed", "revoked", "repaired", "pending"} <= set(statuses)
    assert late


def test_density_multiplies_what_happens_every_year() -> None:
    def facts(density: float) -> int:
        cases = generate(HANGZHOU, POPULATION, producers=40, seed=1, as_of=DAY, density=density)
        return sum(len(case["facts"]) for case in cases)

    assert 1.7 < facts(2.0) / facts(1.0) < 2.1
    assert facts(7.0) / 40 / 2 > 300


def test_a_city_is_written_and_loaded_once(tmp_path: Path) -> None:
    made = write_city(tmp_path / "city", HANGZHOU, POPULATION, producers=5, seed=3, as_of=DAY)
    store = Store.open(f"sqlite:///{tmp_path}/x.db")
    counts: list[int] = []
    for _ in range(2):
        load_city(tmp_path / "city", HANGZHOU, store, lambda _, facts: counts.append(facts))
    with store.read() as transaction:
        names = transaction.names()
        stored = sum(len(facts) for facts in transaction.facts_of([*names, EVERYONE]).values())
        about_everyone = len(transaction.facts(EVERYONE))
    store.close()

    assert names == [f"HZ-{number:05d}" for number in range(1, 6)]
    assert counts == [about_everyone, made["facts"] - about_everyone] * 2
    assert about_everyone > 9
    assert stored == made["facts"]
    assert "synthetic" in (tmp_path / "city" / "README.md").read_text("utf-8")
    assert json.loads((tmp_path / "city" / "city.json").read_text("utf-8")) == made


def test_a_wrong_line_of_a_city_is_named(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(CityMissing, match="there is no city"):
        load_city(tmp_path, HANGZHOU, store, lambda *_: None)
    (tmp_path / CITY_FILE).write_text(
        '{"producer":{"id":"P","kind":"family_farm"},"facts":[]}\n{"producer":{},"facts":[]}\n'
    )

    with pytest.raises(CaseRefused, match="line 2") as caught:
        load_city(tmp_path, HANGZHOU, store, lambda *_: None)

    store.close()
    assert [one.place for one in caught.value.problems] == [
        f"{CITY_FILE}:2/producer/id",
        f"{CITY_FILE}:2/producer/kind",
    ]


WRONG = {
    "percent: 4\n    kinds": ("percent: 4\n    kindz", "population.shape", "extra inputs are not permitted"),
    "fact: honour": ("fact: honor", "population.name", "unknown fact type `honor`"),
    "for_each: penalty": ("for_each: penalti", "population.name", "unknown type drawn before `penalti`"),
    "each: 4": ("each: 4\n    percent: 3", "population.shape", "needs exactly one of per_year, each, percent"),
    "{in_business: 997": ("{in_busyness: 997", "population.name", "unknown choice `in_busyness`"),
    "years: 2": ("years: 0", "population.shape", "input should be greater than or equal to 1"),
    "cooperative: 1210": ("cooperation: 1210", "population.name", "unknown kind `cooperation`"),
}


@pytest.mark.parametrize("right", WRONG)
def test_a_population_is_checked_against_its_rulebook(tmp_path: Path, right: str) -> None:
    wrong, code, message = WRONG[right]
    text = (SHIPPED.parent / "populations" / "hangzhou.yaml").read_text("utf-8")
    assert right in text
    (tmp_path / "hangzhou.yaml").write_text(text.replace(right, wrong, 1), "utf-8")

    with pytest.raises(RulebookRefused) as caught:
        load_population(HANGZHOU, tmp_path / "hangzhou.yaml")

    found = [(one.code, one.message) for one in caught.value.problems]
    assert (code, message) in found
    line = int(caught.value.problems[0].place.split(":")[1])
    assert line > 1 or right == "years: 2"


def test_a_rulebook_without_a_population_is_said_so() -> None:
    hygiene = load_rulebook(ROOT / "examples" / "hygiene")

    with pytest.raises(RulebookMissing, match="no population"):
        load_population(hygiene)
