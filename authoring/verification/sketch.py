"""What a case must hold so that rules fire: one fact for each pattern, findings unfolded down to facts.

A sketch leaves out what it can't hold against a rule, so where it has no solution no case fires the rule. Where it
has one, the facts of the solution are a case to try.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from authoring.verification.gauges import Gauges
from authoring.verification.logic import Term
from authoring.verification.terms import Space, Val, both, same
from knowledge.rulebook import FactType, Field, Rulebook
from knowledge.rules import (
    Absent,
    AnyOf,
    Clause,
    Const,
    DateTest,
    Expr,
    Match,
    MeasureTest,
    OutcomeTest,
    Pattern,
    ProducerTest,
    Rule,
    Shift,
    SteppedPoints,
    Test,
    Window,
)

MOST_WAYS: Final = 1_000
"""Ways of firing one rule that are looked at."""
_DEEPEST: Final = 9


class Dead(Exception):
    """This way leads nowhere."""


class TooDeep(Dead):
    """Findings rest on findings deeper than is looked at."""


class Ways:
    """Says which of several alternatives to take, so that each combination has its turn."""

    def __init__(self) -> None:
        self._taken: list[tuple[int, int]] = []
        self._place = 0

    def pick(self, many: int) -> int:
        """Return the alternative of `many` that is taken this time."""
        if many == 1:
            return 0
        if self._place == len(self._taken):
            self._taken.append((0, many))
        self._place += 1
        return self._taken[self._place - 1][0]

    def restart(self) -> None:
        """Take the same alternatives again from the first."""
        self._place = 0

    def another(self) -> bool:
        """Go to the next combination; False where all had their turn."""
        del self._taken[self._place :]
        self._place = 0
        while self._taken:
            taken, many = self._taken.pop()
            if taken + 1 < many:
                self._taken.append((taken + 1, many))
                return True
        return False


@dataclass(frozen=True, slots=True)
class Slot:
    """A fact or finding that a case holds; `exists` says whether it does."""

    type: str
    values: Mapping[str, Val]
    exists: Term
    concluded: bool = False


@dataclass(slots=True)
class Sketch:
    """Everything that one way of firing rules asks of a case."""

    space: Space
    ways: Ways
    slots: list[Slot] = field(default_factory=list)
    absences: list[tuple[Pattern, Mapping[str, Slot]]] = field(default_factory=list)
    asked: list[tuple[MeasureTest, Term]] = field(default_factory=list)
    sound: bool = True
    """Whether no solution proves that no case fires the rules."""
    gauges: Gauges = field(init=False)
    keys: dict[str, tuple[Slot, ...]] = field(default_factory=dict)
    """By rule, the facts that `for_each` binds."""

    def __post_init__(self) -> None:
        """Give the sketch its measures."""
        self.gauges = Gauges(self.space)

    @property
    def rulebook(self) -> Rulebook:
        """The rulebook it is about."""
        return self.space.rulebook

    def fire(self, rule: Rule, shared: Mapping[str, Slot] | None = None, deep: int = 0) -> Mapping[str, Slot]:
        """Ask that a rule fires; `shared` binds aliases of its `for_each` to facts that are there already."""
        space = self.space
        if rule.unknown_fires:
            self.sound = False  # what is unknown may fire it in more ways than are followed
        if rule.applies_to is not None:
            self._kinds(rule.applies_to)
        scope: dict[str, Slot] = {}
        for pattern in rule.for_each:
            given = (shared or {}).get(pattern.alias)
            scope[pattern.alias] = given or self._slot(pattern.type, deep)
        for pattern in rule.for_each:
            self.fit(pattern, scope[pattern.alias], scope, rule)
        if deep == 0:
            self.keys[rule.id] = tuple(scope[pattern.alias] for pattern in rule.for_each)
        bound = self.clauses(rule.when, scope, rule, deep)
        if deep == 0 and isinstance(rule.points, SteppedPoints):
            points = rule.points
            steps = [MeasureTest(points.measure, step.tests, "steps") for step in points.steps]
            term = space.z3.Or([self.gauges.meets(step) for step in steps])
            space.solver.add(term)
            self.asked += [(steps[0], term)]
        return bound

    def _kinds(self, kinds: Iterable[str]) -> None:
        space = self.space
        space.solver.add(space.z3.Or([space.producer["kind"].term == space.code(kind) for kind in kinds]))

    def clauses(  # noqa: C901, PLR0912  a case for each kind of clause
        self, clauses: Sequence[Clause], outer: Mapping[str, Slot], rule: Rule, deep: int
    ) -> dict[str, Slot]:
        """Ask that clauses hold together; return what they bind."""
        space, scope = self.space, dict(outer)
        matches = [clause for clause in clauses if isinstance(clause, Match)]
        for match in matches:
            scope[match.pattern.alias] = self._slot(match.pattern.type, deep)
        for match in matches:
            self.fit(match.pattern, scope[match.pattern.alias], scope, rule)
        for clause in clauses:
            match clause:
                case Absent(pattern=pattern):
                    self.absences.append((pattern, scope))
                case MeasureTest():
                    term = self.gauges.meets(clause)
                    if rule.unknown_fires:
                        term = space.z3.Or(term, space.z3.Not(self.gauges.value(clause.measure).there))
                    space.solver.add(term)
                    self.asked.append((clause, term))
                case ProducerTest(tests=tests):
                    for test in tests:
                        if test.name == "region":
                            continue
                        shape = self.rulebook.attributes.get(test.name)
                        self._ask(test, space.producer[test.name], shape, scope, rule)
                case DateTest(test=test):
                    self._ask(test, Val(space.as_of, space.true), None, scope, rule)
                case AnyOf(alternatives=alternatives):
                    if not alternatives:
                        raise Dead
                    self.clauses(alternatives[self.ways.pick(len(alternatives))], scope, rule, deep)
                case OutcomeTest():
                    self._outcome(clause, deep)
        return scope

    def _outcome(self, clause: OutcomeTest, deep: int) -> None:
        """Ask for the limit or status that a clause looks at; of a grade nothing is known, a veto may bring it."""
        if clause.negated or clause.what in ("score_grade", "standard"):
            return
        graded = clause.what == "grade"
        kind = "veto" if graded else clause.what
        rules = [
            rule
            for rule in self.rulebook.rules
            if rule.kind == kind and ((rule.grade if graded else rule.target) in clause.names or not clause.names)
        ]
        if not graded and not rules and kind == "ceiling":
            return  # an indicator that misses its minimum counts as one
        if not graded and not rules:
            raise Dead
        taken = self.ways.pick(len(rules) + graded)
        if taken < len(rules):
            self.fire(rules[taken], None, deep + 1)

    def _ask(self, test: Test, own: Val, shape: Field | None, scope: Mapping[str, Slot], rule: Rule) -> None:
        space = self.space
        holds, known = space.test(test, own, shape, self._operand(test, scope))
        lenient = space.z3.Or(holds, space.z3.Not(known))
        space.solver.add(lenient if rule.unknown_fires else space.z3.And(holds, known))

    def _slot(self, name: str, deep: int) -> Slot:
        kind = self.rulebook.types[name]
        return self.fact(kind) if kind.origin == "fact" else self._concluded(kind, deep)

    def fact(self, kind: FactType, exists: Term | None = None) -> Slot:
        """Return a new fact of a type; it is visible on the day."""
        space = self.space
        values = {name: space.value(f"{kind.name}.{name}", shape) for name, shape in kind.fields.items()}
        slot = Slot(kind.name, values, space.true if exists is None else exists)
        if kind.dated is not None:
            dated = values[kind.dated]
            space.solver.add(space.z3.Or(space.z3.Not(dated.there), dated.term <= space.as_of))
        identity = kind.same_when or tuple(kind.fields)
        for other in self.slots:
            if other.type == kind.name:
                equal = same(space, values, other.values, identity)
                space.solver.add(space.z3.Implies(equal, same(space, values, other.values, kind.fields)))
        self.slots.append(slot)
        return slot

    def _concluded(self, kind: FactType, deep: int) -> Slot:
        if deep >= _DEEPEST:
            raise TooDeep
        makers = [rule for rule in self.rulebook.rules if rule.target == kind.name and rule.kind == kind.origin]
        if not makers:
            raise Dead
        rule = makers[self.ways.pick(len(makers))]
        scope = self.fire(rule, None, deep + 1)
        values = dict.fromkeys(kind.fields, self.space.missing)
        for name, expr in rule.gives.items():
            values[name] = self._value(expr, scope)
        slot = Slot(kind.name, values, self.space.true, concluded=True)
        self.slots.append(slot)
        return slot

    def _another(self, kind: FactType) -> None:
        """Conclude a finding that differs from those that are there."""
        others = [slot for slot in self.slots if slot.type == kind.name]
        slot = self._concluded(kind, 0)
        for other in others:
            self.space.solver.add(self.space.z3.Not(same(self.space, slot.values, other.values, kind.fields)))

    def fit(self, pattern: Pattern, slot: Slot, scope: Mapping[str, Slot], rule: Rule | None = None) -> None:
        """Ask that a fact fits a pattern."""
        lenient = rule is not None and rule.unknown_fires
        self.space.solver.add(self.fits(pattern, slot, scope, lenient=lenient))

    def fits(self, pattern: Pattern, slot: Slot, scope: Mapping[str, Slot], *, lenient: bool = False) -> Term:
        """Return whether a fact fits a pattern; what is unknown counts as fitting where `lenient`."""
        space = self.space
        fields = self.rulebook.types[pattern.type].fields
        inner = {**scope, "this": slot, pattern.alias: slot}
        terms = []
        for test in pattern.tests:
            operand = self._operand(test, inner)
            holds, known = space.test(test, slot.values[test.name], fields[test.name], operand)
            terms.append(space.z3.Or(holds, space.z3.Not(known)) if lenient else space.z3.And(holds, known))
        if pattern.window is not None:
            terms.append(self._within(pattern.window, slot, inner))
        if pattern.active is not None:
            terms.append(self._active(pattern, slot))
        return both(space, terms)

    def _operand(self, test: Test, scope: Mapping[str, Slot]) -> Val | None:
        if isinstance(test.operand, tuple) or test.operand is None:
            return None
        return self._value(test.operand, scope)

    def _value(self, expr: Expr, scope: Mapping[str, Slot]) -> Val:
        space = self.space
        if isinstance(expr, Const):
            return Val(space.constant(expr.value), space.true)
        if expr.source == "as_of":
            found = Val(space.as_of, space.true)
        elif expr.source == "producer":
            found = space.producer.get(expr.name) or Val(space.number("region"), space.true)
        elif expr.source == "measure":
            found = self.gauges.value(expr.name)
        elif expr.source in scope:
            found = scope[expr.source].values.get(expr.name, space.missing)
        else:
            self.sound = False  # a fact that is bound later, or elsewhere, is not followed
            found = Val(space.number("elsewhere"), space.true)
        return space.moved(found, expr.shift)

    def _within(self, window: Window, slot: Slot, scope: Mapping[str, Slot]) -> Term:
        space, And = self.space, self.space.z3.And  # noqa: N806  z3's own name
        date = slot.values[window.field]
        today = Val(space.as_of, space.true)
        if window.kind == "last":
            start = space.moved(today, _back(window))
            return And(date.there, start.there, date.term > start.term, date.term <= space.as_of)
        if window.kind == "since" and window.since is not None:
            first = self._value(window.since, scope)
            return And(date.there, first.there, date.term >= first.term, date.term <= space.as_of)
        return And(date.there, date.term <= space.as_of, date.term > space.as_of - 366)

    def _active(self, pattern: Pattern, slot: Slot) -> Term:
        space, z3 = self.space, self.space.z3
        lasting = self.rulebook.types[pattern.type].lasting
        if lasting is None:
            return space.true
        start = slot.values[lasting.start]
        inside = z3.And(start.there, start.term <= space.as_of)
        if lasting.end is not None:
            end = slot.values[lasting.end]
            later = end.term >= space.as_of if lasting.end_included else end.term > space.as_of
            inside = z3.And(inside, z3.Or(z3.Not(end.there), later))
        return inside if pattern.active else z3.And(start.there, z3.Not(inside))

    def close(self, *, pools: Mapping[str, int] | None = None) -> None:
        """Say what holds of absences and measures; with `pools`, add so many facts of types and count them exactly."""
        for name, many in (pools or {}).items():
            kind, before = self.rulebook.types[name], self.space.true
            for _ in range(many):
                if kind.origin == "fact":
                    there = self.space.flag(f"{name} exists")
                    self.space.solver.add(self.space.z3.Implies(there, before))  # they are alike: the first ones exist
                    self.fact(kind, there)
                    before = there
                else:
                    self._another(kind)
        space = self.space
        for pattern, scope in self.absences:
            for slot in [slot for slot in self.slots if slot.type == pattern.type]:
                # An absence looks for other facts than those that its rule binds.
                bound = [one for one in scope.values() if one.type == pattern.type]
                itself = [same(space, slot.values, one.values, self.rulebook.types[slot.type].fields) for one in bound]
                fits = self.fits(pattern, slot, scope)
                space.solver.add(space.z3.Or(space.z3.Not(space.z3.And(slot.exists, fits)), *itself))
            if pools is None and all(one.type != pattern.type for one in scope.values()):
                self.gauges.without(pattern)
        if pools is None:
            self.gauges.bound(self)
        else:
            self.gauges.count(self)


def drawn(rulebook: Rulebook, rules: Sequence[Rule], ways: Ways) -> Sketch:
    """Return what it takes that rules fire together, in the way whose turn it is.

    Raises:
        Dead: this way leads nowhere; TooDeep: it is not looked at.
    """
    ways.restart()
    sketch = Sketch(Space(rulebook), ways)
    for rule in rules:
        sketch.fire(rule)
    return sketch


def _back(window: Window) -> Shift:
    return Shift(-window.amount, window.unit)
