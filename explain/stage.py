"""One day on which deeds may be done: what each set of them would come to, as gradings of that day have shown."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from engine.case import CaseFile
from engine.grading import Grading
from engine.reach import ANY, Look, Reach
from explain.ahead import ahead
from explain.deeds import Deed, Doing
from explain.reckoning import Amounts, Reckoning
from explain.solver import Question, Tabled, cheapest
from knowledge.rulebook import Rulebook

Grade: TypeAlias = Callable[[CaseFile], Grading]
TOLD_APART = 16
"""Deeds whose order decides between sets of one cost; more would ask too many digits of the solver."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What is asked for, the same on every day; `unmovable` are limits in its way that no deed touches."""

    rulebook: Rulebook
    reckoning: Reckoning
    reach: Reach
    grade: Grade
    unmovable: tuple[str, ...]


class Stage:
    """A day, the deeds that can be done by then, and what gradings have told of sets of them.

    Of `remedies` those count that are open to the producer: on the first day (`offered`) or on this one. Sets are bits
    in the order of `names`. Deeds that change nothing on that day are left out. Where one of the aim's
    `unmovable` rules fires, no set of deeds reaches the grade, and none is looked at.
    """

    def __init__(self, aim: Aim, case: CaseFile, day: int, remedies: Sequence[str], offered: Collection[str]) -> None:
        rulebook, reckoning, reach = aim.rulebook, aim.reckoning, aim.reach
        self.day, self._rulebook, self._reckoning, self._grade = day, rulebook, reckoning, aim.grade
        self._case = ahead(rulebook, case, day)
        self.base = aim.grade(self._case)
        self._doing = Doing(rulebook, self._case, self.base)
        blocked = any(deduction.rule in aim.unmovable for deduction in self.base.deductions)
        open_to = set() if blocked else {*offered, *(offer.id for offer in self.base.remedies)}
        found = [(name, deed) for name in remedies if name in open_to and (deed := self._doing.deed(name))]
        self.names = tuple(name for name, _ in found)
        self.deeds = tuple(deed for _, deed in found)
        self.all = (1 << len(self.names)) - 1
        self._known: dict[int, bool] = {}
        self._never_all: list[int] = []
        self._refused: list[tuple[int, int]] = []
        looks = [_touched(deed) for deed in self.deeds]
        touching = [_touching(looks, reach, part.standards) for part in reckoning.parts]
        self._places = [place for place, deeds in enumerate(touching) if deeds]
        self._tables = [Tabled(touching[place], reckoning.parts[place].most) for place in self._places]
        self._limits = {
            rule: (sum(1 << n for n, look in enumerate(looks) if look & reach.limits[rule]), dict[int, bool]())
            for rule in reckoning.limits()
        }
        self._fixed = Tabled(0, (0,) * reckoning.width)
        self._learn(0, self.base)
        self.everything = self._graded(self.all) if self.all else self.base

    @property
    def heals(self) -> bool:
        """Say whether the grade is reached by this day with nothing done."""
        return self.reaches(0)

    def after(self, chosen: int) -> CaseFile:
        """Return the case with a set of deeds done."""
        return self._doing.after(deed for n, deed in enumerate(self.deeds) if chosen >> n & 1)

    def set_of(self, names: Collection[str]) -> int:
        """Return the set of these deeds, without those that can't be done by this day or change nothing."""
        return sum(1 << n for n, name in enumerate(self.names) if name in names)

    def reaches(self, chosen: int) -> bool:
        """Say whether a set of deeds reaches the grade: by what is known, or by grading it."""
        if chosen not in self._known:
            known = self._by_tables(chosen)
            if known is None:
                self._graded(chosen)
            else:
                self._known[chosen] = known
        return self._known[chosen]

    def confirm(self, chosen: int, grading: Grading) -> bool:
        """Take what the engine says of a set of deeds, whatever was thought, and say whether it reaches the grade."""
        self._learn(chosen, grading)
        return self._known[chosen]

    def without_all(self, chosen: int) -> None:
        """Look from now on only for sets that leave out one of these deeds."""
        self._never_all.append(chosen)

    def cheapest(self, one_of: int, *, barred: bool = True) -> int | None:
        """Return the set of least effort, then fewest deeds, then first in order, that reaches the grade.

        At least one of the deeds in `one_of` is in it; None where there is no such set. `barred` says whether what
        `without_all` was told holds.
        """
        if any(deeds == 0 and fired.get(0) for deeds, fired in self._limits.values()):
            return None
        while True:
            chosen = cheapest(self._question(one_of, self._never_all if barred else ()))
            if chosen is None:
                return None
            if self.reaches(chosen):
                return chosen
            self._refused.append((self.all, chosen))

    def _graded(self, chosen: int) -> Grading:
        grading = self._grade(self.after(chosen))
        self._learn(chosen, grading)
        return grading

    def _learn(self, chosen: int, grading: Grading) -> None:
        amounts = self._reckoning.amounts(grading)
        if chosen == 0:
            own = set(self._places)
            rest = [amount for place, amount in enumerate(amounts) if place not in own]
            sums = tuple(sum(column) for column in zip(*(one for one, _ in rest), strict=True)) if rest else ()
            self._fixed.known[0] = sums or (0,) * self._reckoning.width
            self._fixed.worst[0] = max((worst for _, worst in rest), default=0)
        for place, table in zip(self._places, self._tables, strict=True):
            table.known[chosen & table.deeds], table.worst[chosen & table.deeds] = amounts[place]
        fired = {deduction.rule for deduction in grading.deductions if deduction.kind in ("ceiling", "veto")}
        for rule, (deeds, known) in self._limits.items():
            known[chosen & deeds] = rule in fired
        order = [band.grade for band in self._rulebook.bands]
        self._known[chosen] = order.index(grading.grade) <= self._reckoning.place

    def _by_tables(self, chosen: int) -> bool | None:
        """Return whether a set reaches the grade; None where what some part or limit comes to isn't known."""
        if any(known.get(chosen & deeds) for deeds, known in self._limits.values()):
            return False
        if any(chosen & deeds not in known for deeds, known in self._limits.values()):
            return None
        amounts: list[Amounts] = []
        worst = 0
        for table in (self._fixed, *self._tables):
            own = chosen & table.deeds
            if own not in table.known:
                return None
            amounts.append(table.known[own])
            worst = max(worst, table.worst[own])
        return self._reckoning.reaches(amounts, worst)

    def _question(self, one_of: int, never_all: Sequence[int]) -> Question:
        heavy, told = len(self.names) + 1, min(len(self.names), TOLD_APART)
        order = [1 << told - 1 - n if n < told else 0 for n in range(len(self.names))]
        efforts = [self._rulebook.remedies[name].effort for name in self.names]
        costs = [(effort * heavy + 1 << told) - first for effort, first in zip(efforts, order, strict=True)]
        forbidden = [(deeds, done) for deeds, known in self._limits.values() for done, fired in known.items() if fired]
        tables = [self._fixed, *self._tables]
        always = [
            row
            for place, row in self._reckoning.always_asked()
            if any(table.complete and all(one[place] for one in table.known.values()) for table in tables)
        ]
        return Question(
            costs, tables, self._reckoning.ways(), always, (*forbidden, *self._refused),
            (*never_all, *self._excluding()), (one_of,),
        )  # fmt: skip

    def _excluding(self) -> list[int]:
        places = {name: 1 << n for n, name in enumerate(self.names)}
        return [
            places[name] | places[other]
            for name in self.names
            for other in self._rulebook.remedies[name].excludes
            if other in places and other != name
        ]


def _touched(deed: Deed) -> frozenset[Look]:
    touched = {(fact.type, ANY) for fact in deed.new}
    for old, now in zip(deed.before, deed.again, strict=True):
        if old.status != now.status:
            touched.add((now.type, ANY))
        touched |= {(now.type, name) for name, value in now.values.items() if old.values.get(name) != value}
    return frozenset(touched)


def _touching(looks: Sequence[frozenset[Look]], reach: Reach, standards: Iterable[str]) -> int:
    """Return the deeds, as bits, that touch what these standards look at."""
    seen = frozenset[Look]().union(*(reach.standards[name] for name in standards))
    return sum(1 << place for place, look in enumerate(looks) if look & seen)
