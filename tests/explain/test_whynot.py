"""Why not: what is said to fail is what fails, and making exactly that otherwise makes the rule fire."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from engine.checker import compile_checker
from engine.evaluate import Evaluator
from explain.courses import Lacks
from explain.ground import Ground
from explain.nearest import Nearest
from explain.outlook import Outlook
from explain.phrases import Lang
from explain.prospects import Prospects
from explain.stopping import Stopping
from explain.whynot import why_not
from explain.wording import Wording
from knowledge.rulebook import Rulebook
from knowledge.rules import Rule
from tests.explain.conftest import NIGHTLY, Producers, random_producers
from tests.explain.flipping import Unflippable, World, flipped_case, subsets, tangled

RANDOM = range(600 if NIGHTLY else 60)


def flip_all(producers: Producers, tally: Counter[str]) -> list[str]:
    """Return what is wrong with the ways of all rules that did not fire, and count what could be tried."""
    wrong = []
    checker = compile_checker(producers.rulebook)
    for case, grading in producers.cases:
        world = World(checker, case, grading)
        nearest = Nearest(world.ground)
        for outcome in grading.outcomes:
            rule = world.ground.rules[outcome.rule]
            assert world.fires(rule) == (outcome.status == "fired"), (grading.producer, rule.id)
            for lacks in () if outcome.status == "fired" else nearest.ways(rule):
                became = flip(world, rule, lacks)
                tally[became] += 1
                if became not in ("fires", "tangled", "can't be flipped"):
                    wrong.append(f"{became}: {grading.producer} {producers.rulebook.version} {rule.id}: {lacks}")
    return wrong


def flip(world: World, rule: Rule, lacks: Lacks) -> str:
    """Make what fails otherwise, and all of it but one, and say what comes of it."""
    if not lacks:
        return "nothing fails"
    if tangled(rule, lacks):
        return "tangled"
    try:
        if not flipped(world, rule, lacks).fires(rule):
            return "not enough"
        if any(flipped(world, rule, some).fires(rule) for some in subsets(lacks)):
            return "more than enough"
    except Unflippable:
        return "can't be flipped"
    return "fires"


def flipped(world: World, rule: Rule, lacks: Lacks) -> World:
    other = world.copy()
    for lack in lacks:
        other.flip(rule, lack)
    return other


def test_making_what_fails_otherwise_and_no_less_makes_a_rule_fire() -> None:
    tally: Counter[str] = Counter()
    wrong = [what for some in random_producers(RANDOM) for what in flip_all(some, tally)]

    # Six facts are tried for a pattern; rarely only the seventh would have done.
    assert wrong == [] or (NIGHTLY and len(wrong) * 200 < tally["fires"])
    assert tally["fires"] > 6 * len(RANDOM)


def test_likewise_in_the_sample_city(city: Producers) -> None:
    tally: Counter[str] = Counter()
    wrong = flip_all(Producers(city.rulebook, city.cases[:40]), tally)

    assert wrong == []
    assert tally["fires"] > tally["tangled"] + tally["can't be flipped"]


def test_a_case_with_what_failed_made_otherwise_is_graded_with_the_rule_fired(city: Producers) -> None:
    evaluator, checker = Evaluator(city.rulebook), compile_checker(city.rulebook)
    tried = Counter[str]()
    for case, grading in city.cases[: 100 if NIGHTLY else 10]:
        world = World(checker, case, grading)
        nearest = Nearest(world.ground)
        for outcome in grading.outcomes:
            rule = world.ground.rules[outcome.rule]
            if outcome.status == "fired":
                continue
            for lacks in nearest.ways(rule):
                if tangled(rule, lacks):
                    continue
                try:
                    other = flipped_case(case, city.rulebook, rule, lacks, world)
                except Unflippable:
                    continue
                again = {one.rule: one.status for one in evaluator.grade(other).outcomes}

                assert again[rule.id] == "fired", (grading.producer, rule.id, lacks)
                tried[rule.id] += 1
    evaluator.close()
    assert len(tried) > 30


def test_what_stands_before_the_next_grade_is_exactly_what_stands_there(city: Producers) -> None:
    for some in (city, *random_producers(RANDOM)):
        rulebook = some.rulebook
        order = {band.grade: place for place, band in enumerate(rulebook.bands)}
        for case, grading in some.cases:
            ground = Ground(Wording(rulebook, case, grading, "zh", personal=False), case, grading, ())
            told = Outlook(ground).why_not_higher()
            if told is None:
                assert grading.grade == rulebook.bands[0].grade
                continue
            band = rulebook.bands[order[grading.grade] - 1]
            found = Prospects(rulebook, grading).short_of(band)
            reached = bands_reached(rulebook, found.needed if found.missing else grading.score.value)
            sign = 1 if rulebook.scoring.better == "higher" else -1
            short = bands_reached(rulebook, found.needed - sign) if found.missing else ()
            limits = [*grading.ceilings, *grading.vetoes]

            assert told.grade == band.grade
            assert band.grade in reached
            assert not found.missing or band.grade not in short
            assert {limit.id for limit in found.limits} == {
                limit.id for limit in limits if order[limit.grade] > order[band.grade]
            }
            kinds = [limit.kind == "veto" for limit in found.limits]
            assert kinds == sorted(kinds)
            count = bool(found.missing) + len(found.limits) + len(found.singles) + len(found.demands)
            assert len(told.sentences) == count > 0


def bands_reached(rulebook: Rulebook, score: int) -> list[str]:
    """Return the bands that a score reaches by itself."""
    higher = rulebook.scoring.better == "higher"
    return [
        band.grade
        for band in rulebook.bands
        if (band.low is None or score >= band.low if higher else band.high is None or score <= band.high)
    ]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_rule_that_did_not_fire_is_told_in_words(city: Producers, lang: Lang) -> None:
    for some in (Producers(city.rulebook, city.cases[:60]), *random_producers(range(20))):
        for case, grading in some.cases:
            told = why_not(some.rulebook, case, grading, lang)
            idle = [one.rule for one in grading.outcomes if one.status != "fired"]

            assert [one.rule for one in told.rules] == idle
            for one in told.rules:
                assert one.ways
                assert all(one.ways)
                assert one.sentence.stands_on == (f"rule:{one.rule}",)
                assert "None" not in one.sentence.text.replace("x0 is None", "")
                assert not re.search(r"[{}]", one.sentence.text)


def test_an_absence_says_what_was_searched_where_and_over_which_days(city: Producers) -> None:
    case, grading = next((case, grading) for case, grading in city.cases if grading.grade == "B")
    for rule in why_not(city.rulebook, case, grading, "zh").rules:
        for way in rule.ways:
            for lacking in way:
                if lacking.kind in ("fact", "absence"):
                    assert lacking.searched is not None
                    kind = city.rulebook.types[lacking.searched.type]
                    assert lacking.searched.source == kind.source_system
                    assert (lacking.searched.first is None) == (lacking.searched.last is None)
                    assert lacking.searched.looked_at >= len(lacking.facts)


def test_what_would_stop_a_rule_stops_it(city: Producers) -> None:
    tried = Counter[str]()
    for some in (Producers(city.rulebook, city.cases[:25]), *random_producers(range(40))):
        checker = compile_checker(some.rulebook)
        for case, grading in some.cases:
            world = World(checker, case, grading)
            stopping = Stopping(world.ground, Nearest(world.ground))
            for deduction in grading.deductions:
                rule = world.ground.rules[deduction.rule]
                for option in stopping.stops(deduction):
                    if any(len(lack.key) > 1 for lack in option) and tangled(rule, option):
                        continue
                    other = world.copy()
                    try:
                        for lack in option:
                            other.stop(rule, lack)
                    except Unflippable:
                        continue
                    tried[option[0].kind] += 1
                    keys = other.keys(rule)

                    assert deduction.key not in keys, (some.rulebook.version, deduction, option)
    assert set(tried) >= {"fact", "measure", "outcome", "absence", "producer"}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_deduction_says_what_would_stop_it(city: Producers, lang: Lang) -> None:
    for case, grading in city.cases[:60]:
        told = why_not(city.rulebook, case, grading, lang, fired=True)

        assert [one.deduction for one in told.fired] == [one.id for one in grading.deductions]
        for one in told.fired:
            assert one.stops
            assert all(one.stops)
            assert "None" not in one.sentence.text
            assert not re.search(r"[{}]", one.sentence.text)
