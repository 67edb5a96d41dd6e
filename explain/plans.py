"""Plans: the sets of deeds that bring a producer to a better grade for the least effort, each graded by the engine."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.grading import Grading
from explain.deeds import Deed, day_done, looks_of
from explain.reckoning import Reckoning
from explain.stage import Aim, Stage
from knowledge.problems import LimitExceeded, ShuoliError, nearest
from knowledge.rulebook import Rulebook
from knowledge.workdays import add_months

MOST_GRADINGS = 1_000
"""Gradings that one search may ask for."""
OTHERS = 5
AHEAD_MONTHS = 36
"""How far ahead a search for the day on which time heals looks."""


class GradeNotAsked(ShuoliError):
    """The grade asked for isn't one of the rulebook's."""

    code = "plans.unknown_grade"


@dataclass(frozen=True, slots=True)
class Plan:
    """Deeds that together reach the grade on the day on which the last of them is done.

    `deeds` are in the rulebook's order, `done_on` has the day of each. `before` is the grading of the day `day` with
    nothing done, `after` the one with all of them done, of the case `case`.
    """

    deeds: tuple[Deed, ...]
    done_on: tuple[int, ...]
    effort: int
    day: int
    case: CaseFile
    before: Grading
    after: Grading

    @property
    def remedies(self) -> tuple[str, ...]:
        """The remedies whose deeds these are."""
        return tuple(deed.remedy for deed in self.deeds)


@dataclass(frozen=True, slots=True)
class Heals:
    """When it becomes possible: no set of deeds reaches the grade before `day`, on which `remedies` (or none) do.

    `day` None: not up to `looked_until`, `AHEAD_MONTHS` from now or less where too much would have to be graded.
    `looked_at` are the days on which deeds can be done, and those on which time changes anything with nothing done or
    with everything. `undone` is the grading of the last such day before it, with everything done that can be.
    """

    day: int | None
    remedies: tuple[str, ...]
    undone: Grading
    looked_until: int
    looked_at: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """What came of looking for plans to one grade.

    `plans` are by effort, then by day, then by number of deeds, then in order; none contains another. `all_found`
    says that there are no more. `heals` is set where there is none. `reached` says that the grade is there already.
    """

    grade: str
    reached: bool
    plans: tuple[Plan, ...]
    all_found: bool
    heals: Heals | None


def search_job(case: CaseFile, grading: Grading, to: str | None, others: int, evaluator: Evaluator) -> Search:
    """Return what `find_plans` does; for a worker, which brings the evaluator."""
    return find_plans(evaluator, case, grading, to=to, others=others)


def find_plans(
    evaluator: Evaluator, case: CaseFile, grading: Grading, *, to: str | None = None, others: int = OTHERS
) -> Search:
    """Return the best plan and up to so many others that lead to a grade, the next one up if none is named.

    Raises:
        GradeNotAsked: the rulebook has no such grade.
        LimitExceeded: the search needs too many gradings.
    """
    bands = [band.grade for band in evaluator.rulebook.bands]
    now, place = bands.index(grading.grade), place_asked(evaluator.rulebook, grading, to)
    if now <= place:
        return Search(bands[place], True, (), True, None)
    return _Planner(evaluator, case, grading, place).search(1 + others)


def place_asked(rulebook: Rulebook, grading: Grading, to: str | None) -> int:
    """Return the place among the grades, best first, of the grade asked for: the next one up where none is named.

    Raises:
        GradeNotAsked: the rulebook has no such grade.
    """
    bands = [band.grade for band in rulebook.bands]
    if to is None:
        return max(bands.index(grading.grade) - 1, 0)
    if to not in bands:
        near = nearest(to, bands)
        listed = f"did you mean `{near}`?" if near else f"known: {', '.join(bands)}"
        raise GradeNotAsked(f"there is no grade `{to}`", help=listed)
    return bands.index(to)


class _Planner:
    """One search."""

    def __init__(self, evaluator: Evaluator, case: CaseFile, grading: Grading, place: int) -> None:
        self._evaluator, self._case, self._grading = evaluator, case, grading
        self._rulebook = evaluator.rulebook
        self._left = MOST_GRADINGS
        last = add_months(case.as_of, AHEAD_MONTHS)
        self._offered = {offer.id for offer in grading.remedies}
        planned = [name for name, remedy in self._rulebook.remedies.items() if remedy.does]
        days = {name: day_done(self._rulebook, name, case.as_of) for name in planned}
        self._done_on = {name: day for name, day in days.items() if day is not None and day <= last}
        self._places = {name: place for place, name in enumerate(self._done_on)}
        self._days = sorted({day for name, day in self._done_on.items() if name in self._offered})
        touched = {look for name in self._done_on for look in looks_of(self._rulebook.remedies[name])}
        reckoning, reach = Reckoning(self._rulebook, place), evaluator.reach
        unmovable = tuple(rule for rule in reckoning.limits() if not touched & reach.limits[rule])
        self._aim = Aim(self._rulebook, reckoning, reach, self._grade, unmovable)
        self._stages: dict[int, Stage] = {}

    def search(self, most: int) -> Search:
        plans = tuple(islice(self._enumerate(), most))
        heals = None if plans else self._heals()
        grade = self._rulebook.bands[self._aim.reckoning.place].grade
        return Search(grade, False, plans, len(plans) < most, heals)

    def _enumerate(self) -> Iterator[Plan]:
        """Yield plans, cheapest first.

        Each day on which some deed that is open now is done has a stage; its cheapest set is asked for only when no
        other day can offer a cheaper one.
        """
        efforts = {name: self._rulebook.remedies[name].effort for name in self._done_on}
        todo: list[tuple[int, int, int, tuple[int, ...]]] = []
        for day in self._days:
            least = min(efforts[name] for name, done in self._done_on.items() if done == day)
            heapq.heappush(todo, (least, day, 1, ()))
        shown: list[frozenset[str]] = []
        barred: dict[int, int] = {}
        while todo:
            _, day, _, places = heapq.heappop(todo)
            stage = self._stage(day)
            names = [name for name, place in self._places.items() if place in places]
            if places and not any(one <= set(names) for one in shown):
                plan = self._confirmed(stage, names)
                if plan is not None:
                    shown.append(frozenset(names))
                    yield plan
            for one in shown[barred.get(day, 0) :]:
                if one <= set(stage.names):
                    stage.without_all(stage.set_of(one))
            barred[day] = len(shown)
            key = self._next(stage)
            if key is not None:
                heapq.heappush(todo, key)

    def _stage(self, day: int) -> Stage:
        if day not in self._stages:
            self._stages[day] = self._make_stage(day, self._aim)
        return self._stages[day]

    def _make_stage(self, day: int, aim: Aim) -> Stage:
        names = [name for name, done in self._done_on.items() if done <= day]
        return Stage(aim, self._case, day, names, self._offered)

    def _grade(self, case: CaseFile) -> Grading:
        """Return the grading without the checker's consent, which plans that are shown have in full."""
        self._left -= 1
        if self._left < 0:
            raise LimitExceeded("limit.plans", f"the search for plans takes more than {MOST_GRADINGS} gradings")
        return self._evaluator.chain(case)

    def _next(self, stage: Stage) -> tuple[int, int, int, tuple[int, ...]] | None:
        """Return the key of the stage's cheapest set that isn't idle; None where there is no more.

        A set is idle where fewer of its deeds, all done earlier, have the grade on that day: what is left is to wait.
        """
        last = sum(1 << n for n, name in enumerate(stage.names) if self._done_on[name] == stage.day)
        if not last or stage.heals:
            return None
        while (chosen := stage.cheapest(last)) is not None:
            idle = next((part for part in _subsets(chosen & ~last) if stage.reaches(part)), None)
            if idle is None:
                names = [name for n, name in enumerate(stage.names) if chosen >> n & 1]
                effort = sum(self._rulebook.remedies[name].effort for name in names)
                return effort, stage.day, len(names), tuple(self._places[name] for name in names)
            stage.without_all(idle)
        return None

    def _confirmed(self, stage: Stage, names: Sequence[str]) -> Plan | None:
        """Return the plan as the engine grades it; None where it doesn't lead there, or without some deed does too."""
        chosen = stage.set_of(names)
        case = stage.after(chosen)
        after = self._evaluator.grade(case)
        reaches = stage.confirm(chosen, after)
        stage.without_all(chosen)
        if not reaches or any(self._without(stage, names, name) for name in names):
            return None
        done_on = tuple(self._done_on[name] for name in names)
        effort = sum(self._rulebook.remedies[name].effort for name in names)
        deeds = tuple(deed for deed in stage.deeds if deed.remedy in names)
        return Plan(deeds, done_on, effort, stage.day, case, stage.base, after)

    def _without(self, stage: Stage, names: Sequence[str], left_out: str) -> bool:
        """Say whether the grade is reached without a deed, on the same day or as soon as the others are done."""
        others = [name for name in names if name != left_out]
        if stage.reaches(stage.set_of(others)):
            return True
        day = max((self._done_on[name] for name in others), default=stage.day)
        return day < stage.day and self._stage(day).reaches(self._stage(day).set_of(others))

    def _heals(self) -> Heals:
        """Walk the days on which anything changes until the grade is within reach."""
        last = add_months(self._case.as_of, AHEAD_MONTHS)
        stage = self._stage(self._case.as_of)
        self._left, looked_at = MOST_GRADINGS, [stage.day]
        while True:
            changes = [one.next_change_on for one in (stage.base, stage.everything)]
            coming = min((day for day in (*self._days, *changes) if day is not None and day > stage.day), default=None)
            if coming is None or coming > last:
                return Heals(None, (), self._undone(stage.day), last, tuple(looked_at))
            before = stage
            try:
                stage = self._stage(coming)
                chosen = 0 if stage.heals else stage.cheapest(stage.all, barred=False) if stage.all else None
            except LimitExceeded:
                return Heals(None, (), self._undone(before.day), before.day, tuple(looked_at))
            looked_at.append(coming)
            if chosen is not None:
                names = tuple(name for n, name in enumerate(stage.names) if chosen >> n & 1)
                return Heals(coming, names, self._undone(before.day), coming, tuple(looked_at))

    def _undone(self, day: int) -> Grading:
        """Return the grading of a day with everything done that can be."""
        self._left = MOST_GRADINGS
        return self._make_stage(day, replace(self._aim, unmovable=())).everything


def _subsets(chosen: int) -> Iterator[int]:
    """Yield the subsets of a set, the empty one first."""
    part = 0
    while True:
        yield part
        if part == chosen:
            return
        part = (part - chosen) & chosen
