"""Plans found by trying every set of deeds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.grading import Grading
from explain.ahead import ahead
from explain.deeds import Deed, Doing, day_done
from knowledge.workdays import add_months


class Brute:
    """Every set of the deeds open to one producer, each graded on whatever day."""

    def __init__(self, evaluator: Evaluator, case: CaseFile, grading: Grading, place: int) -> None:
        self._evaluator, self._case, self._place = evaluator, case, place
        self.rulebook = evaluator.rulebook
        last = add_months(case.as_of, 36)
        planned = [name for name, remedy in self.rulebook.remedies.items() if remedy.does]
        days = {name: day_done(self.rulebook, name, case.as_of) for name in planned}
        self.done_on = {name: day for name, day in days.items() if day is not None and day <= last}
        self._offered = {one.id for one in grading.remedies}
        self.days = sorted({day for name, day in self.done_on.items() if name in self._offered})
        self._doings: dict[int, tuple[Doing, dict[str, Deed]]] = {}
        self._open: dict[int, set[str]] = {}
        self._reached: dict[tuple[frozenset[str], int], bool] = {}

    def reaches(self, names: frozenset[str], day: int) -> bool:
        """Say whether the grade is there on a day with just these deeds done, of those open by then."""
        names &= self.open_on(day)
        if (names, day) not in self._reached:
            doing, deeds = self._on(day)
            grading = self._evaluator.chain(doing.after([deeds[name] for name in sorted(names)]))
            grades = [band.grade for band in self.rulebook.bands]
            self._reached[names, day] = grades.index(grading.grade) <= self._place
        return self._reached[names, day]

    def plans(self, most: int) -> list[tuple[str, ...]]:
        """Return the cheapest plans of which none contains another that is cheaper."""
        found: list[tuple[str, ...]] = []
        for _, names in sorted(self._valid()):
            if len(found) < most and not any(set(one) <= set(names) for one in found):
                found.append(names)
        return found

    def reachable(self, day: int) -> bool:
        """Say whether any set of the deeds that can be done by a day, or none, has the grade there."""
        names = sorted(self.open_on(day))
        return any(self.reaches(part, day) for part in _subsets(names) if self._allowed(part))

    def open_on(self, day: int) -> set[str]:
        """Return the deeds that can be done by a day, and are open to the producer now or then."""
        self._on(day)
        return self._open[day]

    def _on(self, day: int) -> tuple[Doing, dict[str, Deed]]:
        if day not in self._doings:
            case = ahead(self.rulebook, self._case, day)
            base = self._evaluator.chain(case)
            doing, offered = Doing(self.rulebook, case, base), self._offered | {one.id for one in base.remedies}
            self._open[day] = {name for name, done in self.done_on.items() if done <= day and name in offered}
            self._doings[day] = doing, {name: doing.deed(name) for name in self.done_on}
        return self._doings[day]

    def _valid(self) -> Iterator[tuple[tuple[object, ...], tuple[str, ...]]]:
        places = {name: place for place, name in enumerate(self.done_on)}
        for day in self.days:
            for chosen in _subsets(sorted(self.open_on(day))):
                if max((self.done_on[name] for name in chosen), default=0) < day or not self._allowed(chosen):
                    continue
                idle = not all(self._on(day)[1][name] for name in chosen)
                if idle or not self.reaches(chosen, day) or self._does_with_less(chosen, day):
                    continue
                names = tuple(sorted(chosen, key=places.__getitem__))
                effort = sum(self.rulebook.remedies[name].effort for name in names)
                yield (effort, day, len(names), [places[name] for name in names]), names

    def _does_with_less(self, chosen: frozenset[str], day: int) -> bool:
        if any(self.reaches(part, day) for part in _subsets(sorted(chosen)) if part != chosen):
            return True
        for name in chosen:
            rest = chosen - {name}
            if rest and self.reaches(rest, max(self.done_on[one] for one in rest)):
                return True
        return False

    def _allowed(self, chosen: frozenset[str]) -> bool:
        return not any(other in chosen for name in chosen for other in self.rulebook.remedies[name].excludes)


def _subsets(names: list[str]) -> Iterator[frozenset[str]]:
    for count in range(len(names) + 1):
        yield from map(frozenset, combinations(names, count))
