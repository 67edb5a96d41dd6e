"""Rules asked again by the checker, with some of what they look at made otherwise."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from engine.case import CaseFile, Fact
from engine.checker import Checker, _Check
from engine.grading import Atom, Grading
from explain.asking import Asking
from explain.courses import Lack
from explain.ground import Ground
from explain.smallest import nearest_miss, smallest
from explain.whynot import STEPS
from explain.wording import Wording
from knowledge.rulebook import Field, Rulebook
from knowledge.rules import (
    Absent,
    DateTest,
    FormulaPoints,
    Match,
    MeasureTest,
    OutcomeTest,
    ProducerTest,
    Ref,
    Rule,
    SteppedPoints,
    TablePoints,
    Value,
)
from knowledge.strata import clauses_of

OTHERS = ("as_of", "producer", "measure")
"""What an operand may read that is no alias."""


class Unflippable(Exception):
    """What fails can't be made otherwise by itself."""


class World:
    """What one rule looks at: facts and findings, measures, the producer, the outcome. A copy is changed at will."""

    def __init__(self, checker: Checker, case: CaseFile, grading: Grading) -> None:
        self.checker, self.rulebook = checker, checker.rulebook
        check = _Check(checker, case, grading)
        check.outcomes()
        self.rows: dict[str, list[tuple[str, dict[str, Value]]]] = {
            name: list(check.t[place])
            for name, place in checker._lexicon.types.items()  # its inputs
        }
        self.measures: dict[str, Any] = dict(zip(self.rulebook.measures, check.m, strict=True))
        self.producer: dict[str, Any] = dict(check.p)
        self.days, self.day = check.w, check.day
        sums = {score.id: score.points for score in grading.standards}
        sums |= {score.id: score.points for score in grading.indicators}
        self.outcome: dict[str, Any] = {
            "grade": grading.grade, "score_grade": grading.score_grade,
            "ceiling": {limit.id for limit in grading.ceilings if limit.kind == "ceiling"},
            "veto": {limit.id for limit in grading.vetoes}, "status": set(grading.statuses),
            "standard": {name for name, points in sums.items() if points > 0},
        }  # fmt: skip
        self.ground = Ground(Wording(self.rulebook, case, grading, "zh", personal=False), case, grading, ())
        self.suspended = {score.id for score in grading.standards if score.applies == "suspended"}
        self.kind = case.producer.kind

    def copy(self) -> World:
        made = object.__new__(World)
        made.__dict__ |= self.__dict__
        made.rows = {name: list(rows) for name, rows in self.rows.items()}
        made.measures = {name: dict(v) if isinstance(v, dict) else v for name, v in self.measures.items()}
        made.producer, made.outcome = dict(self.producer), dict(self.outcome)
        made.suspended = set(self.suspended)
        return made

    def fires(self, rule: Rule) -> bool:
        """Say whether the checker lets the rule fire."""
        return bool(self.keys(rule))

    def keys(self, rule: Rule) -> set[tuple[str, ...]]:
        """Return the keys for which the checker lets the rule fire."""
        if rule.applies_to is not None and self.kind not in rule.applies_to:
            return set()
        if rule.target in self.suspended:
            return set()
        needed = self.ground.shelf.decisive[rule.id]
        values = [self.measures[name] for name in needed]
        if any(
            value is None or (isinstance(value, dict) and all(v is None for v in value.values())) for value in values
        ):
            return set()
        place = next(place for place, one in enumerate(self.rulebook.rules) if one.id == rule.id)
        found: dict[int, Any] = {}
        rows = [self.rows[name] for name in self.checker._lexicon.types]
        measures = [self.measures[name] for name in self.rulebook.measures]
        for _, way in self.checker._rules[place].ways:
            way(rows, measures, self.producer, self.days, self.day, self.outcome, found)
        return set(found.get(place, ()))

    def flip(self, rule: Rule, lack: Lack) -> None:
        """Make one condition hold.

        Raises:
            Unflippable: nothing that the rule looks at can be changed so.
        """
        match lack.kind:
            case "kind":
                self.kind = (rule.applies_to or ())[0]
                self.producer["kind"] = self.kind
            case "suspended":
                self.suspended.discard(rule.target)
            case "measure" | "nothing":
                self._flip_measure(rule, lack)
            case "producer":
                self._flip_producer(lack)
            case "outcome":
                self._flip_outcome(lack)
            case "fact":
                self._flip_fact(lack)
            case "absence" if lack.facts and lack.pattern is not None:
                kind = lack.pattern.type
                self.rows[kind] = [row for row in self.rows[kind] if row[0] not in lack.facts]
            case _:
                raise Unflippable(lack.kind)

    def stop(self, rule: Rule, lack: Lack) -> None:
        """Make one condition no longer hold.

        Raises:
            Unflippable: nothing that the rule looks at can be changed so.
        """
        asking = Asking(self.ground.word)
        match lack.kind:
            case "fact" if lack.pattern is not None:
                kind = lack.pattern.type
                self.rows[kind] = [row for row in self.rows[kind] if row[0] not in lack.facts]
            case "outcome" if lack.outcome is not None:
                self._flip_outcome(
                    dataclasses.replace(lack, outcome=replace(lack.outcome, negated=not lack.outcome.negated))
                )
            case "measure" if lack.measure is not None:
                value = self._missed(rule, lack, asking.measure(lack.measure))
                grouped = self.rulebook.measures[lack.measure].per is not None
                self.measures[lack.measure] = {**self.measures[lack.measure], lack.group: value} if grouped else value
            case "producer":
                name = lack.atoms[0].name if lack.atoms else ""
                atoms = [atom for atom in lack.atoms if atom.name == name]
                asked = [one.tests for one in clauses_of(rule.when) if isinstance(one, ProducerTest)]
                itself = any(isinstance(test.operand, Ref) for tests in asked for test in tests)
                if not atoms or itself or any(atom.threshold is None for atom in atoms):
                    raise Unflippable("no comparison, or one with another value of the producer")
                other = nearest_miss([atoms], asking.attribute(name))
                if other is None:
                    raise Unflippable("no value misses it")
                self.producer[name] = other
                self.kind = self.producer["kind"]
            case "absence" if lack.pattern is not None and not any(
                isinstance(t.operand, Ref) for t in lack.pattern.tests
            ):
                self._flip_fact(Lack("fact", lack.key, pattern=lack.pattern))
            case _:
                raise Unflippable(lack.kind)

    def _missed(self, rule: Rule, lack: Lack, field: Field) -> Value:
        groups: list[Sequence[Atom]] = [lack.atoms]
        if lack.key == STEPS and isinstance(rule.points, SteppedPoints):
            value = lack.atoms[0].observed
            groups = [[self.ground.compare.measure(test, value) for test in step.tests] for step in rule.points.steps]
        missed = nearest_miss(groups, field)
        if missed is None or any(atom.threshold is None for atom in lack.atoms):
            raise Unflippable("no value misses it")
        return missed

    def _flip_measure(self, rule: Rule, lack: Lack) -> None:
        assert lack.measure is not None
        field = Asking(self.ground.word).measure(lack.measure)
        atoms = lack.atoms
        if lack.kind == "nothing":
            tests = [
                test for clause in clauses_of(rule.when) if isinstance(clause, MeasureTest) for test in clause.tests
            ]
            steps = rule.points.steps if isinstance(rule.points, SteppedPoints) else ()
            if steps and isinstance(rule.points, SteppedPoints) and rule.points.measure == lack.measure:
                tests += steps[0].tests
            compare = self.ground.compare
            atoms = tuple(compare.measure(test, None) for test in tests if test.name == lack.measure)
        value = some(field) if not atoms else smallest(atoms, field)
        if value is None:
            raise Unflippable("no value will do")
        if self.rulebook.measures[lack.measure].per is None:
            self.measures[lack.measure] = value
        else:
            group = lack.group
            if group is None:
                raise Unflippable("no group")
            self.measures[lack.measure] = {**(self.measures[lack.measure] or {}), group: value}

    def _flip_producer(self, lack: Lack) -> None:
        asking = Asking(self.ground.word)
        for name in {atom.name for atom in lack.failing}:
            atoms = [atom for atom in lack.atoms if atom.name == name]
            set_value(self.producer, name, atoms, asking.attribute(name))
            if name == "kind":
                self.kind = self.producer["kind"]

    def _flip_outcome(self, lack: Lack) -> None:
        clause = lack.outcome
        assert clause is not None
        if clause.what in ("grade", "score_grade"):
            others = [band.grade for band in self.rulebook.bands if band.grade not in clause.names]
            self.outcome[clause.what] = others[0] if clause.negated else clause.names[0]
        elif clause.negated:
            self.outcome[clause.what] = self.outcome[clause.what] - set(clause.names or self.outcome[clause.what])
        else:
            self.outcome[clause.what] = self.outcome[clause.what] | set(clause.names[:1] or ("any",))

    def _flip_fact(self, lack: Lack) -> None:
        pattern = lack.pattern
        assert pattern is not None
        kind, rows = self.rulebook.types[pattern.type], self.rows[pattern.type]
        if lack.facts:
            place = next(place for place, row in enumerate(rows) if row[0] == lack.facts[0])
            values, atoms = dict(rows[place][1]), lack.atoms
        else:
            place, values = len(rows), {}
            atoms = self.ground.compare.fact(pattern, {}, {})
        for name in {atom.name for atom in atoms if atom.holds is not True}:
            set_value(values, name, [atom for atom in atoms if atom.name == name], kind.fields[name])
        if any(atom.holds is not True for atom in self.ground.compare.fact(pattern, values, {})):
            raise Unflippable("one value speaks against another")
        rows[place : place + 1] = [(rows[place][0] if lack.facts else f"new{place}", values)]
        rows.sort(key=lambda row: row[0])


def set_value(values: dict[str, Any], name: str, atoms: Sequence[Atom], field: Field) -> None:
    """Give a field the nearest value that meets the comparisons, or none where none is wanted."""
    if any(atom.op == "missing" for atom in atoms):
        values.pop(name, None)
        return
    if any(atom.threshold is None and atom.op != "present" for atom in atoms):
        raise Unflippable(f"what {name} is compared with is missing")
    value = smallest(atoms, field)
    if value is None and all(atom.op == "present" for atom in atoms):
        value = some(field)
    if value is None and field.type == "text" and all(atom.op in ("ne", "not_in", "present") for atom in atoms):
        value = "another text"
    if value is None:
        raise Unflippable(f"no value of {name} will do")
    values[name] = value


def some(field: Field) -> Value:
    """Return any value of a field."""
    if field.choices:
        return next(iter(field.choices))
    if field.type == "text":
        return "some text"
    return True if field.type == "yes_no" else field.minimum or 1


def subsets(lacks: Sequence[Lack]) -> Iterable[tuple[Lack, ...]]:
    """Yield the sets from which one condition is missing; what they lack, all smaller ones lack too."""
    for place in range(len(lacks)):
        yield (*lacks[:place], *lacks[place + 1 :])


def tangled(rule: Rule, lacks: Sequence[Lack]) -> bool:
    """Say whether something that would change is read by more than one condition of the rule."""
    if isinstance(rule.points, FormulaPoints | TablePoints) or in_each_others_way(rule, lacks):
        return True
    patterns = [*rule.for_each, *(one.pattern for one in clauses_of(rule.when) if isinstance(one, Match | Absent))]
    everything = [test for one in patterns for test in one.tests]
    for clause in clauses_of(rule.when):
        if isinstance(clause, ProducerTest):
            everything += clause.tests
        if isinstance(clause, DateTest):
            everything.append(clause.test)
    refs = [test.operand for test in everything if isinstance(test.operand, Ref)]
    reads = [(ref.source, ref.name) for ref in refs if ref.source not in OTHERS]
    tested = Counter(
        one.measure if isinstance(one, MeasureTest) else test.name
        for one in clauses_of(rule.when)
        if isinstance(one, MeasureTest | ProducerTest)
        for test in one.tests[: 1 if isinstance(one, MeasureTest) else None]
    )
    tested.update(ref.name for ref in refs if ref.source == "producer")
    if isinstance(rule.points, SteppedPoints):
        tested[rule.points.measure] += 1
    for lack in lacks:
        if lack.kind == "fact" and lack.pattern is not None:
            changed = {atom.name for atom in lack.failing}
            own = {(source, name) for source, name in reads if source in (lack.pattern.alias, "this")}
            joined = [test.operand for test in lack.pattern.tests if isinstance(test.operand, Ref)]
            new = not lack.facts and any(ref.source not in OTHERS for ref in joined)
            if new or any(not lack.facts or name in changed for _, name in own):
                return True
        names = {lack.measure} if lack.measure else {atom.name for atom in lack.failing if lack.kind == "producer"}
        if any(tested[name] > 1 for name in names if name):
            return True
    return False


def in_each_others_way(rule: Rule, lacks: Sequence[Lack]) -> bool:
    """Say whether one change may undo or do another: of one outcome, of one fact, of a fact that must not be there."""
    outcomes = [one.what for one in clauses_of(rule.when) if isinstance(one, OutcomeTest)]
    removed = [name for lack in lacks if lack.kind == "absence" for name in lack.facts]
    absent = {one.pattern.type for one in clauses_of(rule.when) if isinstance(one, Absent)}
    changed = {lack.pattern.type for lack in lacks if lack.kind == "fact" and lack.pattern is not None}
    return len({*outcomes}) < len(outcomes) or len({*removed}) < len(removed) or not absent.isdisjoint(changed)


def flipped_case(case: CaseFile, rulebook: Rulebook, rule: Rule, lacks: Sequence[Lack], world: World) -> CaseFile:
    """Return the case with exactly what fails made otherwise, for a whole new grading.

    Raises:
        Unflippable: something of it isn't said by facts or by the producer.
    """
    if any(lack.kind not in ("fact", "absence", "producer", "kind") for lack in lacks):
        raise Unflippable("not only facts")
    for lack in lacks:
        if lack.pattern is not None and rulebook.types[lack.pattern.type].origin != "fact":
            raise Unflippable("a finding")
    other = world.copy()
    for lack in lacks:
        other.flip(rule, lack)
    known = {fact.id: fact for fact in case.facts}
    visible = {row[0] for rows in world.rows.values() for row in rows}
    facts = [fact for fact in case.facts if fact.id not in visible]
    status = next(name for name, one in rulebook.fact_statuses.items() if one.counts)
    for kind, rows in other.rows.items():
        if rulebook.types[kind].origin == "fact":
            for name, values in rows:
                old = known.get(name)
                fact = Fact(name, kind, values, status, (), None) if old is None else replace(old, values=values)
                facts.append(fact)
    attributes = {name: value for name, value in other.producer.items() if name not in ("kind", "region", "id")}
    producer = replace(
        case.producer, kind=other.kind, region=other.producer["region"], id=other.producer["id"], attributes=attributes
    )
    return replace(case, producer=producer, facts=tuple(sorted(facts, key=lambda fact: (fact.type, fact.id))))
