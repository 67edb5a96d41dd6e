"""All outcomes of what is open, and the fewest facts without which the grade would be better: found by grading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from math import prod
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from engine.case import CaseFile, Fact
from engine.evaluate import Evaluator
from engine.grading import Deduction, Grading
from explain.open_points import OPEN, OpenPoint, open_points, settled
from knowledge.rulebook import Rulebook
from knowledge.rules import Arithmetic, Value
from knowledge.strata import formula_measures

MOST_GRADINGS = 1_000
"""Gradings that one question may take."""
Outcomes: TypeAlias = tuple[Value | None, ...]


class Graded(msgspec.Struct, frozen=True):
    """What one combination of outcomes comes to; `score` in the rulebook's unit."""

    outcomes: Outcomes
    """One for each open point."""
    grade: str
    score: int


class Weighed(msgspec.Struct, frozen=True):
    """The open points of a case, and what their outcomes come to; the first is the present one.

    `complete`: every combination has been graded. `in_all` counts them.
    """

    points: tuple[OpenPoint, ...]
    graded: tuple[Graded, ...]
    in_all: int
    complete: bool


class Strike(msgspec.Struct, frozen=True):
    """Facts that belong together, and score and grade where they fall (or, for what holds a grade, alone are left)."""

    facts: tuple[str, ...]
    grade: str
    score: int


class Struck(msgspec.Struct, frozen=True):
    """The fewest facts whose fall makes the grade better, and the fewest that keep it where it is by themselves.

    `facts` are those that the bad points and limits rest on. All sets of up to `tried` facts have been struck, and all
    of up to `tried_alone` left alone; `sets` and `alone` are all that there are of the smallest size with any.
    """

    facts: tuple[str, ...]
    sets: tuple[Strike, ...]
    tried: int
    alone: tuple[Strike, ...]
    tried_alone: int


class Answered(msgspec.Struct, frozen=True):
    """Everything that can be said of a grade's footing."""

    weighed: Weighed
    struck: Struck


def answer(
    evaluator: Evaluator,
    case: CaseFile,
    *,
    statuses: Sequence[str] = OPEN,
    most: int = MOST_GRADINGS,
    begin: Callable[[], Callable[[], bool]] = lambda: lambda: False,
) -> Answered:
    """Return what comes of everything open in a case, and which facts hold its grade.

    `begin` is called when the search among outcomes begins, and again for the one among facts; what it returns says
    when it is too late for another grading. Each question takes at most `most` gradings.
    """
    weighed = weigh(evaluator, case, statuses=statuses, most=most, late=begin())
    return Answered(weighed, strike(evaluator, case, evaluator.grade(case), most=most, late=begin()))


def weigh(
    evaluator: Evaluator,
    case: CaseFile,
    *,
    statuses: Sequence[str] = OPEN,
    most: int = MOST_GRADINGS,
    late: Callable[[], bool] = lambda: False,
) -> Weighed:
    """Grade every combination of outcomes, those nearest to the present one first."""
    rulebook = evaluator.rulebook
    points = open_points(rulebook, case, statuses)
    graded: dict[Outcomes, Graded] = {}
    in_all = prod(len(point.outcomes) for point in points)
    for outcomes in _in_order(rulebook, points):
        if outcomes in graded:
            continue
        if len(graded) >= most or (graded and late()):
            break
        grading = evaluator.grade(settled(rulebook, case, zip(points, outcomes, strict=True)))
        graded[outcomes] = Graded(outcomes, grading.grade, grading.score.value)
    complete = len(graded) == in_all and all(point.exact for point in points)
    return Weighed(points, tuple(graded.values()), in_all, complete)


def _in_order(rulebook: Rulebook, points: Sequence[OpenPoint]) -> Iterator[Outcomes]:
    """Yield the present outcomes, then by how many are otherwise; after the first of these the extremes."""
    present = tuple(point.present for point in points)
    others = [[one for one in point.outcomes if one != point.present or one is not point.present] for point in points]
    for size in range(len(points) + 1):
        for chosen in combinations(range(len(points)), size):
            for values in product(*(others[place] for place in chosen)):
                outcomes = list(present)
                for place, value in zip(chosen, values, strict=True):
                    outcomes[place] = value
                yield tuple(outcomes)
        if size == 1:
            for stands in (False, True):
                yield tuple(stands if one.field is None else one.present for one in points)
                yield tuple(
                    one.present if one.field is not None else stands is (rulebook.types[one.type].tells != "for")
                    for one in points
                )


def strike(
    evaluator: Evaluator,
    case: CaseFile,
    grading: Grading,
    *,
    most: int = MOST_GRADINGS,
    late: Callable[[], bool] = lambda: False,
) -> Struck:
    """Return the fewest facts whose fall makes the grade better, and the fewest that alone keep it from that."""
    rulebook = evaluator.rulebook
    order = {band.grade: place for place, band in enumerate(rulebook.bands)}
    facts = [fact.id for fact in resting_on(rulebook, case, grading, bad(rulebook, grading))]

    def without(names: Iterable[str]) -> Strike:
        gone = frozenset(names)
        after = evaluator.grade(replace(case, facts=tuple(fact for fact in case.facts if fact.id not in gone)))
        return Strike(tuple(sorted(gone, key=facts.index)), after.grade, after.score.value)

    def better(struck: Strike) -> bool:
        return order[struck.grade] < order[grading.grade]

    def left(names: tuple[str, ...]) -> Strike:
        after = without(name for name in facts if name not in names)
        return Strike(names, after.grade, after.score)

    if order[grading.grade] == 0 or not facts:
        return Struck(tuple(facts), (), len(facts), (), len(facts))
    sets, tried = _smallest(facts, 1, without, better, most, late)
    alone, tried_alone = _smallest(facts, 0, left, lambda one: not better(one), most, late)
    return Struck(tuple(facts), sets, tried, alone, tried_alone)


def _smallest(
    facts: Sequence[str],
    least: int,
    graded: Callable[[tuple[str, ...]], Strike],
    wanted: Callable[[Strike], bool],
    most: int,
    late: Callable[[], bool],
) -> tuple[tuple[Strike, ...], int]:
    """Return the smallest sets of facts that come to what is wanted, and up to which size all have been tried."""
    left = most
    for size in range(least, len(facts) + 1):
        found: list[Strike] = []
        for names in combinations(facts, size):
            if left <= 0 or late():
                return tuple(found), size - 1
            left -= 1
            one = graded(names)
            if wanted(one):
                found.append(one)
        if found:
            return tuple(found), size
    return (), len(facts)


def bad(rulebook: Rulebook, grading: Grading) -> list[Deduction]:
    """Return the deductions that make a grade worse: points that count against the producer, and limits."""
    against = (rulebook.scoring.direction == "lost") is (rulebook.scoring.better == "higher")
    limits = {name for limit in (*grading.ceilings, *grading.vetoes) for name in limit.deductions}
    return [
        one for one in grading.deductions if one.id in limits or (against and one.kind == "standard" and one.counted)
    ]


def resting_on(rulebook: Rulebook, case: CaseFile, grading: Grading, deductions: Iterable[Deduction]) -> list[Fact]:
    """Return the facts that deductions rest on, through findings and measures, in the case's order."""
    measured = {(one.name, one.group): one.facts for one in grading.measures}
    concluding: dict[str, list[Deduction]] = {}
    for deduction in grading.deductions:
        if deduction.kind == "finding":
            concluding.setdefault(deduction.concludes, []).append(deduction)
    found: set[str] = set()
    seen: set[str] = set()
    waiting = list(deductions)
    while waiting:
        one = waiting.pop()
        if one.id in seen:
            continue
        seen.add(one.id)
        names = set(one.premises)
        for reading in one.readings:
            names.update(_made_from(rulebook, measured, reading.name, reading.group))
        found |= names
        waiting += [other for name in names for other in concluding.get(name, ())]
    return [fact for fact in case.facts if fact.id in found]


def _made_from(
    rulebook: Rulebook, measured: Mapping[tuple[str, Value | None], tuple[str, ...]], name: str, group: Value | None
) -> Iterator[str]:
    measure = rulebook.measures.get(name)
    if measure is None:
        return
    yield from measured.get((name, group), measured.get((name, None), ()))
    if isinstance(measure.body, Arithmetic):
        for part in dict.fromkeys(formula_measures(measure.body)):
            yield from _made_from(rulebook, measured, part, group)
