"""One producer's facts driven through the kernel, stage by stage, and what fired."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from engine.candidates import Candidates
from engine.case import CaseFile, Fact
from engine.horizon import NEVER
from engine.measuring import NOTHING, Measured, evaluate_formula
from engine.program import Program, RulePlan
from engine.rete import Batches, Firings, Session
from engine.rulecode import group, summary
from knowledge.rulebook import PointsMeasure
from knowledge.rules import Arithmetic, Const, Expr, FormulaPoints, Ref, SteppedPoints, TablePoints, Value
from knowledge.workdays import add


@dataclass(slots=True, eq=False)
class Draft:
    """A finding or consequence while its place among its kind is not yet known."""

    type: str
    values: dict[str, Value]
    round: int = 1 << 30
    """The shortest chain of rules that leads to it; set when all rules have fired."""
    id: str = ""
    number: int = 0
    until: int = 0
    """The first day on which nothing concludes it any more by itself; 0 until its first firing is written down."""


@dataclass(slots=True, eq=False)
class Shown:
    """Values shown to the kernel that are no fact: what is known at a stage."""

    values: dict[str, Any]


@dataclass(slots=True, eq=False)
class Group:
    """One group of a measure with `per`."""

    values: dict[str, Value]
    measured: Measured


@dataclass(slots=True, eq=False)
class Firing:
    """All firings of one rule for one key."""

    plan: RulePlan
    key: tuple[Fact | Draft, ...]
    group: Value | None
    premises: dict[int, Fact | Draft]
    drafts: list[Draft]
    """Those among the premises that were concluded."""
    step: int
    points: int = 0
    concludes: Draft | None = None
    place: tuple[Any, ...] = ()
    """Stage, round, rule, key: where it stands in the order of inference."""

    def rounds(self) -> int:
        """Return the highest round among the premises; facts are in round 0."""
        return max([draft.round for draft in self.drafts]) if self.drafts else 0


@dataclass(slots=True)
class Chain:
    """The state of one evaluation between its stages."""

    program: Program
    case: CaseFile
    session: Session
    facts: dict[str, list[Any]]
    """Visible facts, then findings and consequences, by type."""
    producer: dict[str, Value] = field(init=False)
    constants: tuple[Any, ...] = field(init=False)
    horizon: list[int] = field(init=False)
    candidates: Candidates = field(init=False)
    measured: dict[str, Measured] = field(default_factory=dict)
    groups: dict[str, dict[Value, Group]] = field(default_factory=dict)
    suspended: set[str] = field(default_factory=set)
    known: dict[str, Any] = field(default_factory=dict)
    """What summaries tell: measures by name, suspended standards by `!`, lone absences, outcomes by `@`."""
    firings: dict[tuple[Any, ...], Firing] = field(default_factory=dict)
    drafts: dict[tuple[Any, ...], Draft] = field(default_factory=dict)
    _settled: int = 0

    def __post_init__(self) -> None:
        producer = self.case.producer
        self.producer = {**producer.attributes, "kind": producer.kind, "region": producer.region, "id": producer.id}
        self.constants = self.program.constants(self.case.as_of, self.producer)
        self.horizon = [NEVER] * (len(self.program.slots.windows) + 1)
        self.candidates = Candidates(self.program.admission, self.case.as_of, self.constants, self.program.texts)

    def run_to_the_grade(self) -> None:
        """Decide everything that the grade rests on."""
        self._stage(0, self.facts, {})
        for stage in range(1, self.program.strata.graded):
            self._stage(stage, {}, {})

    def run_after_the_grade(self, outcome: dict[str, Any], points: Mapping[str, int]) -> None:
        """Decide consequences; `points` lost or gained by standard and indicator."""
        self.known.update({f"@{name}": value for name, value in outcome.items()})
        for stage in range(self.program.strata.graded, self.program.strata.last + 1):
            self._stage(stage, {}, points)

    def _stage(self, stage: int, new: Mapping[str, Iterable[Any]], points: Mapping[str, int]) -> None:
        candidates, horizon = self.candidates, self.horizon
        for kind, things in new.items():
            candidates.add(kind, things, horizon)
        for name, parts in self._measure_all(stage, points).items():
            candidates.add(group(name), parts, horizon)
        candidates.add(summary(stage), (Shown(self.known),), horizon)
        self.session.open_gates(stage)
        while found := self._run(candidates.show()):
            for draft in self._fire(found):
                candidates.add(draft.type, (draft,), horizon)

    def _run(self, facts: Batches) -> Firings:
        session, objects = self.session, self.candidates.objects
        session.last_id = len(objects) - 1
        found = session.run(facts)
        objects.extend([None] * (session.last_id + 1 - len(objects)))  # the numbers of gates and sentinels
        return found

    def _measure_all(self, stage: int, points: Mapping[str, int]) -> dict[str, list[Group]]:
        """Compute a stage's measures and the absences that stand alone; return the groups of those with `per`."""
        program, as_of = self.program, self.case.as_of
        facts, constants, horizon, known = self.facts, self.constants, self.horizon, self.known
        for kind, standards in program.suspensions.get(stage, {}).items():
            for finding in facts.get(kind, ()):
                suspended = [name for name, fits in standards if fits(finding.values, as_of, constants, horizon)]
                self.suspended.update(suspended)
                known.update([(f"!{name}", True) for name in suspended])
        for kind, absent in program.absent.get(stage, ()):
            known.update(dict.fromkeys(absent(facts.get(kind, ()), as_of, constants, horizon), True))
        for kind, names, compute in program.measure.get(stage, ()):
            for name, measured in zip(names, compute(facts.get(kind, ()), as_of, constants, horizon), strict=True):
                self.measured[name], known[name] = measured, measured.value
        for measure in program.formulas.get(stage, ()):
            self.measured[measure.name] = measured = self._formula(measure.body, measure.when_nothing, points)
            known[measure.name] = measured.value
        new = {}
        for grouped in program.grouped.get(stage, ()):
            name = grouped.measure.name
            self.groups[name] = groups = self._group(grouped)
            new[name] = list(groups.values())
        return new

    def _group(self, grouped: Any) -> dict[Value, Group]:
        parts: dict[Value, list[Any]] = {}
        for fact in self.facts.get(grouped.measure.body.pattern.type, ()):
            value = fact.values.get(grouped.field)
            if value is not None:
                parts.setdefault(value, []).append(fact)
        groups = {}
        for value, facts in parts.items():
            (measured,) = grouped.compute(facts, self.case.as_of, self.constants, self.horizon)
            if measured.of:
                values = {"group": value}
                if measured.value is not None:
                    values["value"] = measured.value
                groups[value] = Group(values, measured)
        return groups

    def _formula(self, body: Any, nothing: Value | None, points: Mapping[str, int]) -> Measured:
        if isinstance(body, PointsMeasure):
            return Measured(sum(points[name] for name in body.of), 0, (), NEVER)
        assert isinstance(body, Arithmetic)
        until = NEVER

        def read(ref: Ref) -> Value | None:
            nonlocal until
            measured = self.measured[ref.name]
            until = min(until, measured.until)
            return measured.value

        value = evaluate_formula(body, read)
        return Measured(nothing if value is None else value, 0, (), until)

    def _fire(self, found: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Draft]:
        new: list[Draft] = []
        objects, ways, firings = self.candidates.objects, self.program.ways, self.firings
        for name, bound in found:
            plan, step = ways[name]
            things = {alias: objects[message.id] for alias, message in bound.items()}
            key: tuple[Any, ...] = tuple([things[alias] for alias in plan.key]) if plan.key else ()
            value = things["m0"].values["group"] if "m0" in things else None
            identity = (plan.rule.index, value, *map(id, key))
            firing = firings.get(identity)
            if firing is None:
                firing = Firing(plan, key, value, {}, [], step)
                points = self._points(firing) if plan.points is None else plan.points
                if points is None:
                    continue
                firing.points = points
                firings[identity] = firing
                if plan.concludes:
                    self._conclude(firing, new)
            elif step < firing.step:
                firing.step = step
            for alias, thing in things.items():
                if alias[0] in "ke" and id(thing) not in firing.premises:
                    firing.premises[id(thing)] = thing
                    if isinstance(thing, Draft):
                        firing.drafts.append(thing)
        return new

    def _points(self, firing: Firing) -> int | None:
        """Return what a firing asks for, 0 while its step is not settled; None where its formula has no value."""
        points = firing.plan.rule.points
        if isinstance(points, TablePoints):
            return points.points[str(self.read(firing, points.by))]
        if isinstance(points, FormulaPoints):
            amount = evaluate_formula(points.formula, lambda ref: self.read(firing, ref))
            return None if amount is None else max(0, amount)
        return 0

    def _conclude(self, firing: Firing, new: list[Draft]) -> None:
        rule = firing.plan.rule
        values = {}
        for name, expr in rule.gives.items():
            value = self.read(firing, expr)
            if value is not None:
                values[name] = value
        identity = (rule.target, *sorted(values.items()))
        draft = self.drafts.get(identity)
        if draft is None:
            draft = self.drafts[identity] = Draft(rule.target, values)
            self.facts.setdefault(rule.target, []).append(draft)
            new.append(draft)
        firing.concludes = draft

    def read(self, firing: Firing, expr: Expr) -> Value | None:
        """Return the value an expression has for one firing; None where missing."""
        if isinstance(expr, Const):
            return expr.value
        match expr.source:
            case "as_of":
                value: Value | None = self.case.as_of
            case "producer":
                value = self.producer.get(expr.name)
            case "measure":
                if expr.name in self.groups:
                    part = None if firing.group is None else self.groups[expr.name].get(firing.group)
                    return None if part is None else part.measured.value
                return self.measured.get(expr.name, NOTHING).value
            case "group":
                return firing.group
            case alias:
                place = next(n for n, pattern in enumerate(firing.plan.rule.for_each) if pattern.alias == alias)
                value = firing.key[place].values.get(expr.name)
        if value is None or expr.shift is None:
            return value
        return add(int(value), expr.shift.amount, expr.shift.unit, self.program.rulebook.calendar)

    def settle(self) -> list[Firing]:
        """Settle what is known only when all rules of the stages so far have fired; return the new firings.

        That is the shortest chain of rules behind each finding, so that deductions can be put in order, and
        the points of stepped rules: those of the first step that held.
        """
        new = list(islice(self.firings.values(), self._settled, None))
        self._settled = len(self.firings)
        concluding = [(firing, firing.concludes) for firing in new if firing.concludes is not None]
        changed = bool(concluding)
        while changed:
            changed = False
            for firing, draft in concluding:
                if (rounds := firing.rounds() + 1) < draft.round:
                    draft.round, changed = rounds, True
        for firing in new:
            points = firing.plan.rule.points
            if isinstance(points, SteppedPoints):
                firing.points = points.steps[firing.step].points
        return new


def visible_facts(program: Program, case: CaseFile) -> tuple[dict[str, list[Fact]], int]:
    """Return the facts rules may see, by type in the case's order, and the day the next one appears."""
    counts, dated = program.counting_statuses, program.dated
    as_of, appears = case.as_of, NEVER
    facts: dict[str, list[Fact]] = {}
    kind, name = "", None
    for fact in case.facts:
        if fact.status not in counts:
            continue
        if fact.type != kind:
            kind = fact.type
            name = dated[kind]
            seen = facts.setdefault(kind, [])
        day = None if name is None else fact.values.get(name)
        if day is None or day <= as_of:  # type: ignore[operator]  # dated fields hold ordinals
            seen.append(fact)
        elif day < appears:  # type: ignore[operator]
            appears = int(day)
    return facts, appears
