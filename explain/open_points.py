"""What is not settled in a case: facts that are disputed or pending, and values that are missing where rules ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from engine.atoms import Comparer, conjunction
from engine.case import CaseFile, Fact
from explain.cuts import Blurred, Cuts, Place
from knowledge.rulebook import Aggregate, Field, Rulebook
from knowledge.rules import DateTest, Pattern, ProducerTest, Ref, Rule, Value
from knowledge.strata import clauses_of, patterns_of

OPEN: Final = ("pending", "disputed")
"""The states of knowledge in which it isn't settled whether a fact stands."""


class OpenPoint(msgspec.Struct, frozen=True):
    """A fact of which it is open whether it stands (`field` None), or a value that is missing.

    `fact` is its id, None for the producer's attributes. `outcomes` stand for all that may come out: of a fact that
    it stands or falls (True, False); of a value all that decide differently. `present` is the outcome by which the
    grade was made; None is that the value is missing. Where `exact` is False, other values may decide otherwise.
    """

    fact: str | None
    type: str
    field: str | None
    outcomes: tuple[Value | None, ...]
    present: Value | None
    exact: bool = True

    @property
    def place(self) -> Place:
        """Type and field."""
        return self.type, self.field or ""


def open_points(rulebook: Rulebook, case: CaseFile, statuses: Sequence[str] = OPEN) -> tuple[OpenPoint, ...]:
    """Return what is not settled in a case: facts first, then values, each in the case's order."""
    facts = [
        OpenPoint(fact.id, fact.type, None, (True, False), rulebook.fact_statuses[fact.status].counts)
        for fact in case.facts
        if fact.status in statuses
    ]
    looked = {one.fact for one in facts}
    seen = [fact for fact in case.facts if rulebook.fact_statuses[fact.status].counts or fact.id in looked]
    lacking = _Lacking(rulebook, case, seen)
    cuts = Cuts(rulebook, case)
    values, read = [], {}
    for name, place in lacking.all():
        point = _missing(rulebook, cuts, name, place)
        read[point] = set(cuts.read)
        values.append(point)
    # Values that are both missing can't be cut by each other.
    places = {point: {other.place for other in values if other is not point} for point in values}
    return (*facts, *(replace(one, exact=one.exact and not read[one] & places[one]) for one in values))


def settled(rulebook: Rulebook, case: CaseFile, points: Iterable[tuple[OpenPoint, Value | None]]) -> CaseFile:
    """Return the case in which some points have come out so."""
    facts = {fact.id: fact for fact in case.facts}
    attributes = dict(case.producer.attributes)
    counting = next(name for name, status in rulebook.fact_statuses.items() if status.counts)
    for point, outcome in points:
        if point.fact is None:
            _put(attributes, point, outcome)
        elif point.field is not None:
            if point.fact in facts:
                values = dict(facts[point.fact].values)
                _put(values, point, outcome)
                facts[point.fact] = replace(facts[point.fact], values=values)
        elif outcome:
            fact = facts[point.fact]
            if not rulebook.fact_statuses[fact.status].counts:
                facts[point.fact] = replace(fact, status=counting)
        else:
            del facts[point.fact]
    kept = tuple(facts[fact.id] for fact in case.facts if fact.id in facts)
    return replace(case, facts=kept, producer=replace(case.producer, attributes=attributes))


def _put(values: dict[str, Value], point: OpenPoint, outcome: Value | None) -> None:
    if outcome is not None:
        values[str(point.field)] = outcome


def _missing(rulebook: Rulebook, cuts: Cuts, name: str | None, place: Place) -> OpenPoint:
    field = _field(rulebook, place)
    cuts.read.clear()
    try:
        outcomes: tuple[Value | None, ...] = (None, *cuts.values(field, place))
    except Blurred:
        return OpenPoint(name, place[0], place[1], (None,), None, exact=False)
    finally:
        if field.type in ("choice", "yes_no"):
            cuts.read.clear()
    return OpenPoint(name, place[0], place[1], outcomes, None)


def _field(rulebook: Rulebook, place: Place) -> Field:
    return rulebook.types[place[0]].fields[place[1]] if place[0] else rulebook.attributes[place[1]]


class _Lacking:
    """Finds the values that are missing where a rule or measure that decides the grade asks for them."""

    def __init__(self, rulebook: Rulebook, case: CaseFile, facts: Sequence[Fact]) -> None:
        self._rulebook, self._facts = rulebook, facts
        producer = case.producer
        self._own = {**producer.attributes, "kind": producer.kind, "region": producer.region, "id": producer.id}
        self._compare = Comparer(rulebook, case.as_of, self._own)
        self._of_type: dict[str, list[Fact]] = {}
        for fact in facts:
            self._of_type.setdefault(fact.type, []).append(fact)

    def all(self) -> list[tuple[str | None, Place]]:
        """Return (fact, type and field) of each, None and no type for the producer, in a settled order."""
        found = {point: None for rule in self._rulebook.rules if rule.kind != "consequence" for point in self._of(rule)}
        for measure in self._rulebook.measures.values():
            if isinstance(measure.body, Aggregate):
                pattern = measure.body.pattern
                tests = (*pattern.tests, *measure.body.numerator)
                found |= dict.fromkeys(self._of_pattern(replace(pattern, tests=tests), {}, ()))
        for standard in self._rulebook.standards.values():
            if standard.suspended_by is not None:
                found |= dict.fromkeys(self._of_pattern(standard.suspended_by, {}, ()))
        order = {fact.id: place for place, fact in enumerate(self._facts)}
        return sorted(found, key=lambda point: (-1 if point[0] is None else order[point[0]], point[1]))

    def _of(self, rule: Rule) -> Iterator[tuple[str | None, Place]]:
        patterns = [pattern for pattern, _ in patterns_of(rule)]
        aliases = {pattern.alias: pattern for pattern in patterns}
        tests = [test for pattern in patterns for test in pattern.tests]
        tests += [test for one in clauses_of(rule.when) if isinstance(one, ProducerTest) for test in one.tests]
        tests += [one.test for one in clauses_of(rule.when) if isinstance(one, DateTest)]
        refs = [test.operand for test in tests if isinstance(test.operand, Ref)]
        refs += [p.window.since for p in patterns if p.window is not None and isinstance(p.window.since, Ref)]
        for clause in clauses_of(rule.when):
            if isinstance(clause, ProducerTest):
                names = [test.name for test in clause.tests if test.op not in ("present", "missing")]
                yield from self._of_producer(names)
        yield from self._of_producer(ref.name for ref in refs if ref.source == "producer")
        for pattern in patterns:
            yield from self._of_pattern(pattern, aliases, refs)

    def _of_producer(self, names: Iterable[str]) -> Iterator[tuple[str | None, Place]]:
        for name in names:
            if name in self._rulebook.attributes and self._own.get(name) is None:
                yield None, ("", name)

    def _of_pattern(
        self, pattern: Pattern, aliases: Mapping[str, Pattern], refs: Iterable[Ref]
    ) -> Iterator[tuple[str | None, Place]]:
        asked = [test.name for test in pattern.tests if test.op not in ("present", "missing")]
        own = [test.operand for test in pattern.tests if isinstance(test.operand, Ref)]
        asked += [ref.name for ref in own if ref.source == "this"]
        asked += [ref.name for ref in refs if ref.source == pattern.alias and pattern.alias in aliases]
        lasting = self._rulebook.types[pattern.type].lasting
        if pattern.window is not None:
            asked.append(pattern.window.field)
        if pattern.active is not None and lasting is not None:
            asked.append(lasting.start)
        yield from self._of_producer(ref.name for ref in own if ref.source == "producer")
        for name in dict.fromkeys(asked):
            yield from self._lacking(pattern, name, frozenset())

    def _lacking(self, pattern: Pattern, name: str, seen: frozenset[Place]) -> Iterator[tuple[str | None, Place]]:
        """Yield the facts that may fit a pattern and lack a field; for findings those they may be taken from."""
        for fact in self._of_type.get(pattern.type, ()):
            if fact.values.get(name) is None and self._may_fit(pattern, fact):
                yield fact.id, (fact.type, name)
        if (pattern.type, name) in seen:
            return
        seen |= {(pattern.type, name)}
        for rule in self._rulebook.rules:
            expr = rule.gives.get(name) if rule.target == pattern.type else None
            if isinstance(expr, Ref) and expr.source == "producer":
                yield from self._of_producer((expr.name,))
            elif isinstance(expr, Ref):
                for source in rule.for_each:
                    if source.alias == expr.source:
                        yield from self._lacking(source, expr.name, seen)

    def _may_fit(self, pattern: Pattern, fact: Fact) -> bool:
        return conjunction(self._compare.fact(pattern, fact.values, {})) is not False
