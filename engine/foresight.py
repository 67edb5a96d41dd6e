"""The days ahead on which a grade may change by itself: what rules see of a case from day to day, without grading it.

`Grading.next_change_on` names the first day on which anything may come out otherwise, so also the day on which
a count goes from nine to eight that no rule asks for below five. Here it is seen on such a day whether anything
that decides has changed: which facts fit which patterns, which comparisons of measures hold, which values are given
on. Where nothing new fits a rule that may fire, and what fits no longer was no premise, every rule fires as it did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.case import CaseFile, Fact
from engine.chaining import Shown
from engine.grading import Finding, Grading
from engine.horizon import NEVER, day_leaves
from engine.lowering import Lowered
from engine.measuring import Measured, evaluate_formula
from engine.program import Grouped, Program
from engine.rulecode import group, summary
from engine.steady import steady_types
from knowledge.rulebook import Aggregate
from knowledge.rules import Arithmetic, FormulaPoints, Ref, Value
from knowledge.strata import formula_measures


@dataclass(slots=True)
class _Looks:
    """What is computed of one type of fact or finding before the grade."""

    lowered: Lowered | None = None
    measures: list[tuple[tuple[str, ...], Any]] = field(default_factory=list)
    absent: list[Any] = field(default_factory=list)
    grouped: list[Grouped] = field(default_factory=list)
    suspensions: list[tuple[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class _Sight:
    """What was seen of one type on a day; the same until `due`."""

    day: int
    due: int
    fits: dict[str, int]
    """By thing: the patterns that it fits, as bits at their places among those of all types."""
    union: int
    known: dict[str, Any]
    """Absences and suspensions that hold."""
    measured: dict[str, Measured]
    groups: dict[str, list[tuple[Value, Measured]]]


@dataclass(slots=True)
class _View:
    """What was seen of a whole case on a day."""

    values: list[Any]
    """Values that decide by themselves."""
    summaries: int
    """The patterns that are fitted by what is known of producer and measures."""
    groups: list[tuple[str, Value, int]]
    awake: int
    """The patterns of rules that may fire: all that they need finds something."""


class Outlines:
    """A rulebook's program laid out by type, once."""

    def __init__(self, program: Program) -> None:
        self.program = program
        book, graded = program.rulebook, program.strata.graded
        looks = {name: _Looks(program.admission.types.get(name)) for name in book.types}
        for stage in range(graded):
            for name, names, compute in program.measure.get(stage, ()):
                looks[name].measures.append((names, compute))
            for name, absent in program.absent.get(stage, ()):
                looks[name].absent.append(absent)
            for one in program.grouped.get(stage, ()):
                assert isinstance(one.measure.body, Aggregate)
                looks[one.measure.body.pattern.type].grouped.append(one)
            for name, standards in program.suspensions.get(stage, {}).items():
                looks[name].suspensions += standards
        self.facts = {name: looks[name] for name, kind in book.types.items() if kind.origin == "fact"}
        self.findings = {name: looks[name] for name, kind in book.types.items() if kind.origin == "finding"}
        self.formulas = [one for stage in range(graded) for one in program.formulas.get(stage, ())]
        types = program.admission.types
        self.counting = [
            (name, kind)
            for kind, look in looks.items()
            for names, _ in look.measures
            for name in names
            if name in program.thresholds
        ]
        """Measures that count the days since something, with the type that they look at."""
        self.summaries = [types[name] for name in map(summary, range(graded)) if name in types]
        rules = [rule for rule in book.rules if rule.kind != "consequence"]
        self.by_value = {
            name
            for rule in rules
            for name in (
                *(e.name for e in rule.gives.values() if isinstance(e, Ref) and e.source == "measure"),
                *(formula_measures(rule.points.formula) if isinstance(rule.points, FormulaPoints) else ()),
            )
        }
        """Measures whose values, not only comparisons, decide."""
        self.asked = {name for plan in program.standard_plans for name in plan.decisive}
        """Measures whose lack takes a standard out of the score."""
        self.daily = {plan.rule.id for plan, _ in program.ways.values() if plan.daily}
        """Rules whose findings are other ones each day."""
        self.shared = {name for name, kind in book.types.items() if kind.about_everyone}
        self.steady = steady_types(book)
        self.suspending = tuple(f"!{one.id}" for one in book.standards.values() if one.suspended_by is not None)
        self.leaves = day_leaves(book.calendar)
        self.needs = tuple({need[:2] for needs in program.admission.needs.values() for need in needs})


class Foresight:
    """One case from its day on. `settle` takes what was graded, `next_day` says where to grade next.

    `ahead` returns the case as of a later day, in which facts about everyone may have gone along with the day, all
    by as many days; all other facts stay as they are.
    """

    def __init__(
        self, outlines: Outlines, case: CaseFile, grading: Grading, ahead: Callable[[CaseFile, int], CaseFile] | None
    ) -> None:
        self._outlines, self._program = outlines, outlines.program
        self._case, self._ahead = case, ahead
        who = case.producer
        self._producer = {**who.attributes, "kind": who.kind, "region": who.region, "id": who.id}
        self._windows = tuple(self._program.slots.windows.items())
        self._nothing = [NEVER] * (len(self._windows) + 1)
        self._awake: dict[int, int] = {}
        self._facts: dict[str, list[Fact]] = {name: [] for name in outlines.facts}
        for fact in case.facts:
            if fact.status in self._program.counting_statuses:
                self._facts[fact.type].append(fact)
        self._findings: dict[str, list[Finding]] = {}
        self._others_due = NEVER
        constants = self._program.constants(grading.as_of, self._producer)
        self._sights: dict[str, _Sight] = {}
        self._known: dict[str, Any] = {}
        for name in (*outlines.facts, *outlines.findings):
            self._see(name, self._look_at(name, grading.as_of, constants))
        self.settle(grading)

    def settle(self, grading: Grading) -> None:
        """Take what was graded, as of the first day or the one named last, as what later days are compared with."""
        self._day = grading.as_of
        findings: dict[str, list[Finding]] = {}
        for finding in grading.findings:
            findings.setdefault(finding.type, []).append(finding)
        changed = findings.keys() | self._findings.keys()
        self._findings = findings
        self._fired = {deduction.rule for deduction in grading.deductions}
        self._premises = {(one.rule, premise) for one in grading.deductions for premise in one.premises}
        constants = self._program.constants(self._day, self._producer)
        # Where every day is graded, nobody has looked at the facts in between.
        due = [name for name, sight in self._sights.items() if sight.due <= self._day or name in changed]
        for name in due:
            self._see(name, self._look_at(name, self._day, constants))
        self._view = self._look_around(self._day, constants)

    def next_day(self, last: int) -> int | None:
        """Return the first day up to `last` on which score or grade may differ from those settled; None if none."""
        if not self._outlines.daily.isdisjoint(self._fired):
            return self._day + 1 if self._day < last else None
        while True:
            day = min(self._others_due, *[sight.due for sight in self._sights.values()])
            if day > last:
                return None
            constants = self._program.constants(day, self._producer)
            gained, lost = 0, []
            for name in [name for name, sight in self._sights.items() if sight.due == day]:
                before, now = self._sights[name], self._look_at(name, day, constants)
                self._see(name, now)
                if before.fits != now.fits:
                    for thing in before.fits.keys() | now.fits.keys():
                        old, new = before.fits.get(thing, 0), now.fits.get(thing, 0)
                        gained |= new & ~old
                        lost.append((thing, old & ~new))
            before_all, self._view, self._day = self._view, self._look_around(day, constants), day
            if self._differs(before_all, self._view, gained, lost):
                return day

    def _differs(self, before: _View, now: _View, gained: int, lost: Sequence[tuple[str, int]]) -> bool:
        """Say whether any rule may fire otherwise."""
        if before.values != now.values or before.groups != now.groups:
            return True
        awake = before.awake | now.awake
        if (gained | now.summaries & ~before.summaries) & awake:
            return True
        finders = self._program.finders
        if any(finders[place] in self._fired for place in _places(before.summaries & ~now.summaries & awake)):
            return True
        for thing, bits in lost:
            for place in _places(bits & awake):
                # What no longer keeps a rule from firing may let it fire.
                if place not in finders or (finders[place], thing) in self._premises:
                    return True
        return False

    def _look_at(self, name: str, day: int, constants: Any) -> _Sight:
        """Look at what there is of a type on a day; the next fact to come is waited for."""
        looks = self._outlines.findings.get(name)
        if looks is not None:
            return self._look(looks, self._findings.get(name, ()), day, constants, NEVER)
        if self._ahead is not None and name in self._outlines.shared:
            return self._look_at_shared(name, day, constants, self._ahead)
        things: Sequence[Any] = self._facts[name]
        dated, appears = self._program.dated[name], NEVER
        if dated is not None and things:
            days = [NEVER if (on := fact.values.get(dated)) is None else int(on) for fact in things]
            appears = min([on for on in days if day < on], default=NEVER)
            if appears < NEVER:
                things = [fact for fact, on in zip(things, days, strict=True) if on <= day or on == NEVER]
        return self._look(self._outlines.facts[name], things, day, constants, appears)

    def _look_at_shared(
        self, name: str, day: int, constants: Any, ahead: Callable[[CaseFile, int], CaseFile]
    ) -> _Sight:
        """Look at facts about everyone that go along with the day."""
        looks, dated, counts = self._outlines.facts[name], self._program.dated[name], self._program.counting_statuses
        things = [fact for fact in ahead(self._case, day).facts if fact.type == name and fact.status in counts]
        if dated is not None:
            things = [fact for fact in things if int(fact.values.get(dated, 0)) <= day]
        sight = self._look(looks, things, day, constants, NEVER)
        sight.due = NEVER if name in self._outlines.steady or not things else day + 1
        return sight

    def _look(self, looks: _Looks, things: Sequence[Any], day: int, constants: Any, appears: int) -> _Sight:
        horizon = [appears, *self._nothing[1:]]
        fits: dict[str, int] = {}
        union = 0
        if looks.lowered is not None and things:
            met: list[tuple[int, Any]] = []
            shift = looks.lowered.shift
            union = looks.lowered.admit(things, day, constants, horizon, met) << shift
            fits = {thing.id: mask << shift for mask, thing in met}
        measured: dict[str, Measured] = {}
        for names, compute in looks.measures:
            measured.update(zip(names, compute(things, day, constants, horizon), strict=True))
        known: dict[str, Any] = {}
        for absent in looks.absent:
            known.update(dict.fromkeys(absent(things, day, constants, horizon), True))
        for standard, suspends in looks.suspensions:
            # All are asked, since each tells its days.
            if True in [suspends(thing.values, day, constants, horizon) for thing in things]:
                known[f"!{standard}"] = True
        groups = {one.measure.name: self._group(one, things, day, constants, horizon) for one in looks.grouped}
        counting = [*measured.items(), *((name, part) for name, parts in groups.items() for _, part in parts)]
        return _Sight(day, self._due(day, horizon, counting), fits, union, known, measured, groups)

    def _group(
        self, grouped: Grouped, things: Iterable[Any], day: int, constants: Any, horizon: list[int]
    ) -> list[tuple[Value, Measured]]:
        parts: dict[Value, list[Any]] = {}
        for thing in things:
            value = thing.values.get(grouped.field)
            if value is not None:
                parts.setdefault(value, []).append(thing)
        found = ((value, grouped.compute(part, day, constants, horizon)[0]) for value, part in parts.items())
        return [(value, measured) for value, measured in found if measured.of]

    def _due(self, day: int, horizon: Sequence[int], measured: Iterable[tuple[str, Measured]]) -> int:
        """Return the first day after `day` on which any of it may be otherwise."""
        due = horizon[0]
        for (amount, unit), place in self._windows:
            if horizon[place] < NEVER:
                due = min(due, self._outlines.leaves(horizon[place], amount, unit))  # type: ignore[arg-type]  # units come from windows
        thresholds, daily = self._program.thresholds, self._program.daily
        for name, one in measured:
            if name in thresholds and one.of and one.value is not None:
                if name in daily:
                    return day + 1
                latest = day - int(one.value)
                days = [latest + limit + extra for limit in thresholds[name] for extra in (0, 1)]
                due = min([due, *(one for one in days if one > day)])
        return due

    def _look_around(self, day: int, constants: Any) -> _View:
        """Look at everything that is known on a day, with what was seen of each type."""
        outlines, types = self._outlines, self._program.admission.types
        known = self._known_on(day)
        present = 0
        for sight in self._sights.values():
            present |= sight.union
        horizon = [*self._nothing]
        summaries = 0
        shown = (Shown(known),)
        for lowered in outlines.summaries:
            summaries |= lowered.admit(shown, day, constants, horizon, []) << lowered.shift
        values: list[Any] = [known[name] for name in outlines.by_value if name in known]
        values += [known[name] is None for name in outlines.asked if name in known]
        values.append([name for name in outlines.suspending if name in known])
        groups = []
        for sight in self._sights.values():
            for name, parts in sight.groups.items():
                told = [(value, self._moved(name, one, day - sight.day)) for value, one in parts]
                if name in outlines.by_value:
                    values.append(told)
                if name in outlines.asked:
                    values.append(any(amount is not None for _, amount in told))
                if (lowered_group := types.get(group(name))) is not None:
                    found = list(_fitting(lowered_group, told, day, constants, horizon))
                    groups += [(name, value, mask) for value, mask in found]
                    for _, mask in found:
                        present |= mask
        self._others_due = self._due(day, horizon, ())
        return _View(values, summaries, groups, self._awake_when(present | summaries))

    def _see(self, name: str, sight: _Sight) -> None:
        """Take what was seen of a type in the place of what was seen before."""
        before = self._sights.get(name)
        if before is not None:
            for gone in before.known.keys() - sight.known.keys():
                del self._known[gone]
        self._sights[name] = sight
        self._known |= sight.known
        for measure, one in sight.measured.items():
            self._known[measure] = one.value

    def _known_on(self, day: int) -> dict[str, Any]:
        """Return measures, absences and suspensions on a day, by name."""
        known = self._known
        for name, kind in self._outlines.counting:
            sight = self._sights[kind]
            known[name] = self._moved(name, sight.measured[name], day - sight.day)
        for measure in self._outlines.formulas:
            assert isinstance(measure.body, Arithmetic)
            value = evaluate_formula(measure.body, lambda ref: known[ref.name])
            known[measure.name] = measure.when_nothing if value is None else value
        return known

    def _moved(self, name: str, one: Measured, days: int) -> Value | None:
        """Return a measure's value some days after it was computed: days since an event go on by themselves."""
        if days and name in self._program.thresholds and one.of and one.value is not None:
            return int(one.value) + days
        return one.value

    def _awake_when(self, present: int) -> int:
        if present not in self._awake:
            awake = 0
            for patterns, absences in self._outlines.needs:
                if patterns & present == patterns:
                    awake |= patterns | absences
            self._awake[present] = awake
        return self._awake[present]


def _places(bits: int) -> Iterator[int]:
    """Yield the places of the bits that are set."""
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low


def _fitting(
    lowered: Lowered, told: Iterable[tuple[Value, Value | None]], day: int, constants: Any, horizon: list[int]
) -> Iterator[tuple[Value, int]]:
    """Yield the groups of a measure that fit patterns, with these."""
    shown = [Shown({"group": group} if value is None else {"group": group, "value": value}) for group, value in told]
    met: list[tuple[int, Any]] = []
    lowered.admit(shown, day, constants, horizon, met)
    for mask, one in met:
        yield one.values["group"], mask << lowered.shift
