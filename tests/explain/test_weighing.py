"""What is open is weighed as brute force would: by grading every completion, every set of facts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import pytest
from msgspec.structs import replace

from engine.atoms import conjunction
from engine.case import CaseFile, Fact
from engine.evaluate import Evaluator
from engine.grading import Condition
from engine.verdicts import verdicts
from explain.open_points import OPEN, OpenPoint, open_points, settled
from explain.weighing import Struck, Weighed, bad, resting_on, strike, weigh
from knowledge.problems import RulebookRefused
from knowledge.rulebook import Rulebook
from knowledge.rules import Value
from tests.engine.random_rulebooks import random_rulebook
from tests.random_cases import random_case

RULEBOOKS = 80 if os.environ.get("SHUOLI_NIGHTLY") else 13
MOST = 200
BOUNDS = {"whole": range(-3, 10), "decimal": range(301)}
DAYS = range(-1300, 130)


@dataclass(frozen=True, slots=True)
class Drawn:
    evaluator: Evaluator
    case: CaseFile
    weighed: Weighed
    struck: Struck


@pytest.fixture(scope="module")
def drawn() -> Iterator[list[Drawn]]:
    made = []
    for seed in range(RULEBOOKS):
        try:
            evaluator = Evaluator(random_rulebook(seed))
        except RulebookRefused:
            continue
        for number in range(12):
            case = random_case(evaluator.rulebook, 17 * seed + number, facts=9)
            weighed = weigh(evaluator, case, most=MOST if number < 2 else 1)
            struck = strike(evaluator, case, evaluator.grade(case), most=MOST)
            made.append(Drawn(evaluator, case, weighed, struck))
    yield made
    for one in {id(one.evaluator): one.evaluator for one in made}.values():
        one.close()


def graded(evaluator: Evaluator, case: CaseFile) -> tuple[str, int]:
    grading = evaluator.grade(case)
    return grading.grade, grading.score.value


def standing(rulebook: Rulebook, fact: Fact, *, stands: bool) -> Fact:
    """Return the fact in some status that counts, or in none."""
    wanted = [name for name, status in rulebook.fact_statuses.items() if status.counts is stands]
    return replace(fact, status=wanted[-1])


def test_the_outcomes_of_contested_facts_are_those_of_every_way_in_which_they_may_end(drawn: list[Drawn]) -> None:
    tried = 0
    for one in drawn:
        rulebook = one.evaluator.rulebook
        open_facts = [fact for fact in one.case.facts if fact.status in OPEN]
        facts_only = [point for point in one.weighed.points if point.field is None]
        assert [fact.id for fact in open_facts] == [point.fact for point in facts_only]
        size = len(open_facts)
        found = {
            (one.outcomes[:size], one.grade, one.score)
            for one in one.weighed.graded
            if set(one.outcomes[size:]) <= {None}
        }
        if not open_facts or len(found) < 2**size:
            continue
        tried += 1
        brute = set()
        for ends in product((True, False), repeat=len(open_facts)):
            ended = {fact.id: standing(rulebook, fact, stands=end) for fact, end in zip(open_facts, ends, strict=True)}
            facts = tuple(ended.get(fact.id, fact) for fact in one.case.facts)
            brute.add((ends, *graded(one.evaluator, replace(one.case, facts=facts))))
        assert found == brute
    assert tried > 3


def test_the_first_outcome_is_the_present_one(drawn: list[Drawn]) -> None:
    for one in drawn:
        first = one.weighed.graded[0]
        assert (first.grade, first.score) == graded(one.evaluator, one.case)


def all_values(rulebook: Rulebook, case: CaseFile, point: OpenPoint) -> list[Value | None]:
    """Return every value that a missing field could have, the days around three years back for dates."""
    field = rulebook.types[point.type].fields[str(point.field)] if point.type else rulebook.attributes[str(point.field)]
    if field.type == "date":
        return [case.as_of + day for day in DAYS]
    if field.type in BOUNDS:
        values = BOUNDS[field.type]
        low = values[0] if field.minimum is None else max(field.minimum, values[0])
        return [value for value in values if low <= value and (field.maximum is None or value <= field.maximum)]
    return list(point.outcomes)


def test_one_value_of_each_region_stands_for_all_values_of_a_missing_field(drawn: list[Drawn]) -> None:
    tried: dict[str, int] = {}
    for one in drawn:
        rulebook = one.evaluator.rulebook
        for point in one.weighed.points:
            if point.field is None or not point.exact or len(point.outcomes) > 60:
                continue
            fields = rulebook.types[point.type].fields if point.type else rulebook.attributes
            kind = fields[point.field].type
            if tried.get(kind, 0) > (2 if kind == "date" else 6):
                continue

            def come_to(values: Any, point: OpenPoint = point, one: Drawn = one) -> set[tuple[str, int]]:
                cases = (settled(one.evaluator.rulebook, one.case, [(point, value)]) for value in values)
                return {graded(one.evaluator, case) for case in cases}

            assert come_to(all_values(rulebook, one.case, point)) <= come_to(point.outcomes[1:]), point
            tried[kind] = tried.get(kind, 0) + 1
    assert {"whole", "date", "choice", "yes_no"} <= set(tried)


def test_combinations_of_these_values_stand_for_all_combinations(drawn: list[Drawn]) -> None:
    tried = 0
    for one in drawn:
        rulebook = one.evaluator.rulebook
        small = []
        for point in one.weighed.points:
            fields = rulebook.types[point.type].fields if point.type else rulebook.attributes
            kind = "status" if point.field is None else fields[point.field].type
            if point.exact and kind in ("status", "choice", "yes_no", "whole"):
                values = list(point.outcomes) if kind == "status" else [None, *all_values(rulebook, one.case, point)]
                small.append((point, values))
        small = small[:3]
        if len(small) < 2 or tried > 12:
            continue
        tried += 1
        points = [point for point, _ in small]

        def come_to(ways: Iterable[Any], points: Any = points, one: Drawn = one) -> set[tuple[str, int]]:
            cases = (settled(one.evaluator.rulebook, one.case, zip(points, way, strict=True)) for way in ways)
            return {graded(one.evaluator, case) for case in cases}

        everything = come_to(product(*(values for _, values in small)))
        assert everything == come_to(product(*(point.outcomes for point in points)))
    assert tried > 5


def unknown(conditions: Iterable[Condition]) -> Iterator[Condition]:
    """Yield the conditions that are unknown, those inside of alternatives too."""
    for condition in conditions:
        if condition.holds is None and conjunction(condition.atoms) is None:
            yield condition
        for way in condition.alternatives:
            yield from unknown(way)


def test_every_value_for_want_of_which_a_rule_is_unknown_is_listed_as_open(drawn: list[Drawn]) -> None:
    tried = 0
    for one in drawn:
        rulebook = one.evaluator.rulebook
        listed = {(point.fact, point.field) for point in one.weighed.points}
        facts = {fact.id for fact in one.case.facts}
        told = verdicts(rulebook, one.case, one.evaluator.grade(one.case))
        conditions = (part for verdict in told if verdict.kind != "consequence" for part in unknown(verdict.conditions))
        for condition in conditions:
            shown = (*condition.facts, *condition.near)[:1]
            for atom in condition.atoms:
                if atom.holds is None and atom.observed is None:
                    of_producer = condition.searched is None and atom.name in rulebook.attributes
                    if of_producer or (facts.issuperset(shown) and shown):
                        assert (None if of_producer else shown[0], atom.name) in listed
                        tried += 1
    assert tried > 20


def test_beyond_the_limit_the_answer_says_that_it_is_not_all(drawn: list[Drawn]) -> None:
    one = max(drawn, key=lambda one: one.weighed.in_all)
    few = weigh(one.evaluator, one.case, most=3)
    assert (len(few.graded), few.complete, few.in_all) == (3, False, one.weighed.in_all)
    assert not weigh(one.evaluator, one.case, late=lambda: True).complete


def test_the_fewest_facts_whose_fall_makes_the_grade_better_are_those_of_trying_all_sets(drawn: list[Drawn]) -> None:
    found = 0
    for one in drawn:
        rulebook = one.evaluator.rulebook
        order = [band.grade for band in rulebook.bands]
        now = one.evaluator.grade(one.case)
        facts = [fact.id for fact in resting_on(rulebook, one.case, now, bad(rulebook, now))]
        if now.grade == order[0] or not 0 < len(facts) <= 5:
            continue

        def after(gone: Any, one: Drawn = one) -> int:
            kept = tuple(fact for fact in one.case.facts if fact.id not in gone)
            return [b.grade for b in one.evaluator.rulebook.bands].index(
                graded(one.evaluator, replace(one.case, facts=kept))[0]
            )

        subsets = [set(some) for size in range(1, len(facts) + 1) for some in combinations(facts, size)]
        better = [some for some in subsets if after(some) < order.index(now.grade)]
        fewest = min(map(len, better), default=0)
        assert [set(one.facts) for one in one.struck.sets] == [some for some in better if len(some) == fewest]
        holding = [some for some in [set(), *subsets] if after(set(facts) - some) >= order.index(now.grade)]
        least = min(map(len, holding))
        assert [set(one.facts) for one in one.struck.alone] == [some for some in holding if len(some) == least]
        found += bool(better)
    assert found > 3


def test_every_set_is_graded_before_it_is_named(drawn: list[Drawn]) -> None:
    for one in drawn:
        for struck in one.struck.sets:
            kept = tuple(fact for fact in one.case.facts if fact.id not in struck.facts)
            assert graded(one.evaluator, replace(one.case, facts=kept)) == (struck.grade, struck.score)


def test_open_points_have_no_names_twice(drawn: list[Drawn]) -> None:
    for one in drawn:
        points = open_points(one.evaluator.rulebook, one.case)
        assert len({(point.fact, point.place) for point in points}) == len(points)
