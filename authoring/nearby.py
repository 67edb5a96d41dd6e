"""Cases near to others: one value changed, one fact less or more, another kind of producer, a measure at its limit.

What values are tried is taken from the rules: the days at which windows begin and end, limits and what is next to
them, the values of other facts that they are compared with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from random import Random
from typing import Any, Final

from msgspec.structs import replace

from engine.case import CaseFile, Fact
from engine.reading import fact_id
from knowledge.rulebook import Aggregate, Field, Measure, PointsMeasure, Rulebook
from knowledge.rules import (
    Const,
    MeasureTest,
    OutcomeTest,
    Pattern,
    Ref,
    Rule,
    Shift,
    SteppedPoints,
    Test,
    Value,
    Window,
)
from knowledge.workdays import add

_MOST_MODELS: Final = 30
"""Facts of one type that are put into other cases."""
_MOST_REPEATED: Final = 130
"""Facts of one type that a measure at its limit is made of."""


class Neighbourhood:
    """What a rule, standard, finding, measure or grade looks at, and how cases can come near to it."""

    def __init__(self, rulebook: Rulebook, of: str, cases: Sequence[CaseFile]) -> None:
        self._rulebook = rulebook
        self.rules, self.measures = _behind(rulebook, of)
        parts = [part for one in (*self.rules, *self.measures) for part in _parts(one)]
        self._patterns = [part for part in parts if isinstance(part, Pattern)]
        self.types = {one.type for one in self._patterns if rulebook.types[one.type].origin == "fact"}
        self._tests = [part for part in parts if isinstance(part, Test)]
        self._windows = [part for part in parts if isinstance(part, Window)]
        self._shifts = list({part for part in parts if isinstance(part, Shift)})
        self._limits = _limits(rulebook, self.rules, self.measures)
        self._models = {name: _models(cases, name) for name in sorted(self.types)}

    def steps(self, case: CaseFile) -> Iterator[CaseFile]:
        """Yield the cases one step away."""
        yield from self._other_producers(case)
        for place, fact in enumerate(case.facts):
            if fact.type in self.types:
                yield _without(case, place)
                yield _with(case, self._again(fact))
                for name, field in self._rulebook.types[fact.type].fields.items():
                    for value in self._values(case, fact, name, field):
                        yield self._changed(case, place, name, value)
        for models in self._models.values():
            for model in models:
                yield from self._added(case, model)

    def far(self, case: CaseFile, random: Random) -> Iterator[CaseFile]:
        """Yield cases two steps away, for ever, at random."""
        steps = list(self.steps(case))
        while steps:
            first = random.choice(steps)
            seconds = list(self.steps(first))
            yield from random.sample(seconds, min(40, len(seconds)))

    def measured(self, case: CaseFile, value_of: Mapping[str, Sequence[tuple[Fact, int]]]) -> Iterator[CaseFile]:
        """Yield a case with facts for each measure just below, at and just above each of its limits.

        `value_of` tells for each measure of shares what a single fact makes it, in basis points.
        """
        for measure, limit in self._limits:
            body = measure.body
            assert isinstance(body, Aggregate)
            if body.how == "share":
                whole = [fact for fact, share in value_of.get(measure.name, ()) if share == 10_000]
                none = [fact for fact, share in value_of.get(measure.name, ()) if share == 0]
                for part in (limit - 100, limit, limit + 100) if whole and none and limit % 100 == 0 else ():
                    over, under = _smallest(part)
                    if under:
                        yield self._filled(case, whole[0], over, none[0], under - over)
            else:
                models = self._models.get(body.pattern.type, [])
                for fact in models[:6]:
                    for count in {limit - 1, limit, limit + 1}:
                        if 0 <= count <= _MOST_REPEATED:
                            yield self._filled(case, fact, count, fact, 0)

    # One step

    def _other_producers(self, case: CaseFile) -> Iterator[CaseFile]:
        for kind in self._rulebook.kinds:
            if kind != case.producer.kind:
                yield replace(case, producer=replace(case.producer, kind=kind))
        for name, field in self._rulebook.attributes.items():
            tests = [test for test in self._tests if test.name == name]
            for value in self._choices(field) if tests else ():
                if value != case.producer.attributes.get(name):
                    attributes = {**case.producer.attributes, name: value}
                    yield replace(case, producer=replace(case.producer, attributes=attributes))

    def _added(self, case: CaseFile, model: Fact) -> Iterator[CaseFile]:
        """Yield a case with one fact more: as it is, and as one that belongs to a fact that is there."""
        if not any(fact.id == model.id for fact in case.facts):
            yield _with(case, model)
        fields = self._rulebook.types[model.type].fields
        texts = {name for name, field in fields.items() if field.type == "text" and name in model.values}
        for fact in case.facts:
            shared = {name: fact.values[name] for name in texts & fact.values.keys()}
            if shared and shared != {name: model.values[name] for name in shared}:
                yield _with(case, self._made(model, {**model.values, **shared}))

    def _again(self, fact: Fact) -> Fact:
        kind = self._rulebook.types[fact.type]
        same = next((name for name in kind.same_when if kind.fields[name].type == "text"), None)
        values = fact.values if same is None else {**fact.values, same: f"{fact.values.get(same, '')}+"}
        return self._made(fact, values)

    def _values(self, case: CaseFile, fact: Fact, name: str, field: Field) -> Iterator[Value | None]:
        now = fact.values.get(name)
        if field.optional and now is not None:
            yield None
        values: set[Value]
        match field.type:
            case "choice" | "yes_no":
                values = set(self._choices(field))
            case "date":
                dated = self._rulebook.types[fact.type].dated == name
                values = {day for day in self._days(case) if not dated or day <= case.as_of}
            case "text":
                values = {other.values[name] for other in case.facts if name in other.values} | {f"{now}+"}
            case _:
                low = -(1 << 53) if field.minimum is None else field.minimum
                high = 1 << 53 if field.maximum is None else field.maximum
                values = {number for number in self._numbers(case, name) if low <= number <= high}
        yield from sorted(values - {now}, key=str)

    def _choices(self, field: Field) -> Sequence[Value]:
        return [True, False] if field.type == "yes_no" else list(field.choices)

    def _days(self, case: CaseFile) -> set[int]:
        """Return the days at which something begins or ends to hold, and those next to them."""
        calendar = self._rulebook.calendar
        days = {int(v) for fact in case.facts for name, v in fact.values.items() if self._is_date(fact, name)}
        days.add(case.as_of)
        moved = [
            add(day, sign * one.amount, one.unit, calendar) for day in days for one in self._shifts for sign in (-1, 1)
        ]
        starts = [add(case.as_of, -one.amount, one.unit, calendar) for one in self._windows if one.kind == "last"]
        if any(one.kind == "calendar_year" for one in self._windows):
            starts.append(date(date.fromordinal(case.as_of).year, 1, 1).toordinal())
        days |= {day for day in (*moved, *starts) if day is not None}
        return {day + step for day in days for step in (-1, 0, 1)}

    def _is_date(self, fact: Fact, name: str) -> bool:
        return fact.type in self.types and self._rulebook.types[fact.type].fields[name].type == "date"

    def _numbers(self, case: CaseFile, name: str) -> Iterator[int]:
        for test in self._tests:
            if test.name == name and isinstance(test.operand, Const) and isinstance(test.operand.value, int):
                yield from (test.operand.value - 1, test.operand.value, test.operand.value + 1)
            if test.name == name and isinstance(test.operand, Ref):
                for fact in case.facts:
                    other = fact.values.get(test.operand.name)
                    if isinstance(other, int):
                        yield from (other - 1, other, other + 1)

    # Making cases

    def _changed(self, case: CaseFile, place: int, name: str, value: Value | None) -> CaseFile:
        fact = case.facts[place]
        values = {key: one for key, one in fact.values.items() if key != name}
        if value is not None:
            values[name] = value
        return _with(_without(case, place), self._made(fact, values))

    def _made(self, fact: Fact, values: dict[str, Value]) -> Fact:
        return replace(fact, id=fact_id(self._rulebook.types[fact.type], values), values=values)

    def _filled(self, case: CaseFile, one: Fact, ones: int, other: Fact, others: int) -> CaseFile:
        """Return a case that has just so many facts of a type."""
        kind = self._rulebook.types[one.type]
        same = next((name for name in kind.same_when if kind.fields[name].type == "text"), None)
        facts = [fact for fact in case.facts if fact.type != one.type]
        if same is None:
            return case
        for model, count, sign in ((one, ones, ""), (other, others, "N")):
            begin = f"{model.values.get(same, '')}{sign}"
            facts += [self._made(model, {**model.values, same: f"{begin}-{number}"}) for number in range(1, count + 1)]
        return replace(case, facts=_sorted(facts))


def _with(case: CaseFile, fact: Fact) -> CaseFile:
    return replace(case, facts=_sorted([*(one for one in case.facts if one.id != fact.id), fact]))


def _without(case: CaseFile, place: int) -> CaseFile:
    return replace(case, facts=(*case.facts[:place], *case.facts[place + 1 :]))


def _sorted(facts: Sequence[Fact]) -> tuple[Fact, ...]:
    return tuple(sorted(facts, key=lambda fact: (fact.type, fact.id)))


def _smallest(share: int) -> tuple[int, int]:
    """Return the counts (over, under) with the least `under` whose share in basis points is in [share, share + 100)."""
    if not 0 <= share <= 10_000:
        return 0, 0
    for under in range(1, _MOST_REPEATED):
        over = -(-share * under // 10_000)
        if over <= under and Fraction(over * 10_000, under) < share + 100:
            return over, under
    return 0, 0


def _models(cases: Sequence[CaseFile], name: str) -> list[Fact]:
    """Return facts of a type to put into other cases, the most frequent ones first."""
    counted: dict[str, list[Any]] = {}
    for case in cases:
        for fact in case.facts:
            if fact.type == name:
                key = str(sorted((key, value) for key, value in fact.values.items() if not isinstance(value, str)))
                counted.setdefault(key, [0, fact])[0] += 1
    return [fact for _, fact in sorted(counted.values(), key=lambda one: -one[0])[:_MOST_MODELS]]


def _limits(rulebook: Rulebook, rules: Sequence[Rule], measures: Sequence[Measure]) -> list[tuple[Measure, int]]:
    """Return the limits of measures that are counted, with each number that they are compared with."""
    found: dict[tuple[str, int], None] = {}
    for rule in rules:
        for part in _parts(rule):
            tests: Sequence[Test] = ()
            if isinstance(part, MeasureTest):
                tests = part.tests
            elif isinstance(part, SteppedPoints):
                tests = [test for step in part.steps for test in step.tests]
            for test in tests:
                if isinstance(test.operand, Const) and isinstance(test.operand.value, int):
                    found[test.name, test.operand.value] = None
    counted = [
        (rulebook.measures[name], limit)
        for name, limit in found
        if isinstance(body := rulebook.measures[name].body, Aggregate) and body.how in ("count", "distinct", "share")
    ]
    return [*counted, *((one, 0) for one in measures if isinstance(one.body, Aggregate) and one.body.how == "count")]


def _behind(rulebook: Rulebook, of: str) -> tuple[list[Rule], list[Measure]]:
    """Return the rules and measures that decide something, and those behind what they read."""
    todo, rules, measures = [of], dict[str, Rule](), dict[str, Measure]()
    todo += [rule.id for rule in rulebook.rules if of in rulebook.measures and of in _names_read(rulebook, rule)]
    everything = of in [band.grade for band in rulebook.bands]
    todo += [
        one.id
        for one in rulebook.standards.values()
        if everything or of in (one.indicator, rulebook.indicators[one.indicator].parent)
    ]
    while todo:
        name = todo.pop()
        if name in rulebook.measures and name not in measures:
            measures[name] = rulebook.measures[name]
            todo += _names_read(rulebook, measures[name])
        for rule in rulebook.rules:
            if name in (rule.id, rule.target) and rule.id not in rules:
                rules[rule.id] = rule
                todo += _names_read(rulebook, rule)
    return list(rules.values()), list(measures.values())


def _names_read(rulebook: Rulebook, whole: Rule | Measure) -> list[str]:
    names = [part.type for part in _parts(whole) if isinstance(part, Pattern)]
    names = [name for name in names if rulebook.types[name].origin != "fact"]
    names += [part.name for part in _parts(whole) if isinstance(part, Ref) and part.source == "measure"]
    names += [part.measure for part in _parts(whole) if isinstance(part, MeasureTest | SteppedPoints)]
    names += [name for part in _parts(whole) if isinstance(part, OutcomeTest) for name in part.names]
    names += [name for part in _parts(whole) if isinstance(part, PointsMeasure) for name in part.of]
    return names


def _parts(whole: Any) -> Iterator[Any]:
    """Yield everything that a rule or measure is made of."""
    yield whole
    if isinstance(whole, tuple):
        for part in whole:
            yield from _parts(part)
    elif isinstance(whole, Mapping):
        for part in whole.values():
            yield from _parts(part)
    elif hasattr(whole, "__struct_fields__"):
        for name in whole.__struct_fields__:
            yield from _parts(getattr(whole, name))
