"""What any case at all can be like, seen through the patterns and measures of rules: is one rule's firing another's?

Facts that fit a pattern are a number, at least as large as that of a narrower pattern. What joins facts to each other
stands as it is written: it is the same only where it is written the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from authoring.verification.gauges import Gauges
from authoring.verification.logic import Term
from authoring.verification.patterns import alone, narrower, renamed
from authoring.verification.sketch import Dead, Sketch, Ways
from authoring.verification.terms import Space, Val, both
from knowledge.rulebook import Aggregate, Rulebook
from knowledge.rules import (
    Absent,
    AnyOf,
    Clause,
    Const,
    DateTest,
    Match,
    MeasureTest,
    OutcomeTest,
    Pattern,
    ProducerTest,
    Ref,
    Rule,
    SteppedPoints,
)


class Covers:
    """Says whether whatever fits one pattern fits another, remembering the answers."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._known: dict[tuple[str, str], bool] = {}

    def __call__(self, left: Pattern, right: Pattern) -> bool:
        """Answer for two patterns that read no other fact."""
        if left.type != right.type:
            return False
        if narrower(left, right):
            return True
        key = (repr(left), repr(right))
        if key not in self._known:
            self._known[key] = self._solved(left, right)
        return self._known[key]

    def _solved(self, left: Pattern, right: Pattern) -> bool:
        sketch = Sketch(Space(self._rulebook), Ways())
        slot = sketch.fact(self._rulebook.types[left.type])
        try:
            one, other = sketch.fits(left, slot, {}), sketch.fits(right, slot, {})
        except Dead:
            return False
        return sketch.space.solve(one, sketch.space.z3.Not(other)) is False


class Whole:
    """Any case, and whether rules fire in it."""

    def __init__(self, rulebook: Rulebook, covers: Covers) -> None:
        self.space = Space(rulebook)
        self.gauges = Gauges(self.space)
        self._rulebook, self._covers = rulebook, covers
        self._numbers: dict[str, tuple[Pattern, Term]] = {}
        self._flags: dict[str, Term] = {}

    def fires(self, rule: Rule) -> Term:
        """Return whether a rule fires."""
        names = named(rule)
        terms = [self._clause(clause, names, rule) for clause in rule.when]
        terms += [self._there(pattern, names) for pattern in rule.for_each]
        if rule.applies_to is not None:
            kind = self.space.producer["kind"].term
            terms.append(self.space.z3.Or([kind == self.space.code(one) for one in rule.applies_to]))
        if isinstance(rule.points, SteppedPoints):
            points = rule.points
            steps = [MeasureTest(points.measure, step.tests, "") for step in points.steps if step.points]
            terms.append(self.space.z3.Or([self._measured(step) for step in steps]))
        return both(self.space, terms)

    def _there(self, pattern: Pattern, names: Mapping[str, str]) -> Term:
        plain = alone(pattern)
        return self.number(plain) >= 1 if plain is not None else self._flag(repr(renamed(pattern, names)))

    def number(self, pattern: Pattern) -> Term:
        """Return how many facts fit a pattern that reads no other fact."""
        key = repr(pattern)
        if key not in self._numbers:
            own = self.space.number(pattern.type)
            self.space.solver.add(own >= 0)
            for other, theirs in self._numbers.values():
                if self._covers(pattern, other):
                    self.space.solver.add(own <= theirs)
                if self._covers(other, pattern):
                    self.space.solver.add(theirs <= own)
            self._numbers[key] = (pattern, own)
        return self._numbers[key][1]

    def _flag(self, key: str) -> Term:
        return self._flags.setdefault(key, self.space.flag("written"))

    def _clause(self, clause: Clause, names: Mapping[str, str], rule: Rule) -> Term:  # noqa: C901  each kind
        space = self.space
        match clause:
            case Match(pattern=pattern):
                return self._there(pattern, names)
            case Absent(pattern=pattern):
                plain = alone(pattern)
                binds = any(name.rpartition("/")[0] == pattern.type for name in names.values())
                if plain is None or binds or rule.unknown_fires or self._doubtful(plain):
                    return self._flag(f"no {renamed(pattern, names)!r}")
                return self.number(plain) == 0
            case MeasureTest():
                if rule.unknown_fires:
                    return self._flag(repr((clause.measure, clause.tests)))
                return self._measured(clause)
            case AnyOf(alternatives=alternatives):
                ways = [both(space, [self._clause(one, names, rule) for one in way]) for way in alternatives]
                return space.z3.Or(ways)
            case ProducerTest(tests=tests) if not rule.unknown_fires:
                if any(isinstance(test.operand, Ref) or test.name == "region" for test in tests):
                    return self._flag(repr(tests))
                terms: list[Term] = []
                for test in tests:
                    operand = test.operand
                    given = Val(space.constant(operand.value), space.true) if isinstance(operand, Const) else None
                    field = self._rulebook.attributes.get(test.name)
                    terms += space.test(test, space.producer[test.name], field, given)
                return both(space, terms)
            case DateTest(test=test):
                return self._flag(repr(renamed(Pattern("", "", (test,)), names)))
            case OutcomeTest():
                return self._flag(repr((clause.what, sorted(clause.names), clause.negated)))
            case _:
                return self._flag(repr(clause))

    def _doubtful(self, pattern: Pattern) -> bool:
        """Say whether an optional field may leave it open that nothing fits."""
        fields = self._rulebook.types[pattern.type].fields
        return any(fields[t.name].optional and t.op not in ("present", "missing") for t in pattern.tests)

    def _measured(self, clause: MeasureTest) -> Term:
        term = self.gauges.meets(clause)
        for name, value in self.gauges.read.items():
            body = self._rulebook.measures[name].body
            if not isinstance(body, Aggregate) or self._rulebook.measures[name].per is not None:
                continue
            plain = alone(body.pattern)
            if plain is None or name in self._flags:
                continue
            self._flags[name] = self.space.true
            many = self.number(plain)
            if body.how == "count":
                self.space.solver.add(value.term == many)
            elif self._rulebook.measures[name].when_nothing is None:
                self.space.solver.add(self.space.z3.Implies(value.there, many >= 1))
        return term


class Implied:
    """Says of two rules whether one fires whenever the other does."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook, self.covers = rulebook, Covers(rulebook)

    def __call__(self, left: Rule, right: Rule) -> bool:
        """Say whether `right` surely fires wherever `left` does; False too where that can't be decided."""
        if not self._may(left, right) or not self._same_facts(left, right):
            return False
        whole = Whole(self._rulebook, self.covers)
        one, other = whole.fires(left), whole.fires(right)
        return whole.space.solve(one, whole.space.z3.Not(other)) is False

    def _may(self, left: Rule, right: Rule) -> bool:
        """Say whether it is worth asking: whatever types `right` looks for, `left` must look at as well."""
        wanted = {p.type for p in (*right.for_each, *(c.pattern for c in right.when if isinstance(c, Match)))}
        return wanted <= self._types(left)

    def _types(self, rule: Rule) -> set[str]:
        found = {pattern.type for pattern in rule.for_each}
        for clause in rule.when:
            if isinstance(clause, Match):
                found.add(clause.pattern.type)
            elif isinstance(clause, MeasureTest):
                body = self._rulebook.measures[clause.measure].body
                if isinstance(body, Aggregate):
                    found.add(body.pattern.type)
        return found

    def _same_facts(self, left: Rule, right: Rule) -> bool:
        """Say whether facts that other conditions of `right` read are such as `left` has in the same role."""
        own, theirs = _bound(left), _bound(right)
        for name in read_elsewhere(right):
            mine, other = own.get(name), theirs.get(name)
            if mine is None or other is None:
                return False
            one, two = alone(mine), alone(other)
            if one is None or two is None:
                if repr(renamed(mine, named(left))) != repr(renamed(other, named(right))):
                    return False
            elif not self.covers(one, two):
                return False
        return True


def named(rule: Rule) -> dict[str, str]:
    """Return names for the aliases of a rule that don't depend on what its writer called them."""
    names: dict[str, str] = {}
    for pattern in _patterns(rule.for_each, rule.when):
        taken = sum(name.rpartition("/")[0] == pattern.type for name in names.values())
        names.setdefault(pattern.alias, f"{pattern.type}/{taken}")
    return names


def read_elsewhere(rule: Rule) -> set[str]:
    """Return the names of the facts that conditions other than their own read."""
    names, read = named(rule), set()
    absent = [clause.pattern for clause in rule.when if isinstance(clause, Absent)]
    tests = [(p.alias, test) for p in (*_patterns(rule.for_each, rule.when), *absent) for test in p.tests]
    tests += [("", clause.test) for clause in rule.when if isinstance(clause, DateTest)]
    for alias, test in tests:
        if isinstance(test.operand, Ref) and test.operand.source in names and test.operand.source != alias:
            read.add(names[test.operand.source])
    return read


def _bound(rule: Rule) -> dict[str, Pattern]:
    names = named(rule)
    return {names[pattern.alias]: pattern for pattern in _patterns(rule.for_each, rule.when)}


def _patterns(for_each: Iterable[Pattern], when: Sequence[Clause]) -> list[Pattern]:
    found = list(for_each)
    found += [clause.pattern for clause in when if isinstance(clause, Match)]
    return found
