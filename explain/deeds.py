"""What deeds do to the facts: each remedy's `does`, carried out on a case as of the day on which it is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from engine.atoms import Comparer, Values, conjunction
from engine.case import CaseFile, Fact, Source
from engine.grading import Grading
from engine.measuring import divide
from engine.reach import ANY, Look
from engine.reading import fact_id
from knowledge.remedybinding import IT
from knowledge.rulebook import Again, FactType, New, Remedy, Rulebook
from knowledge.rules import Absent, Arithmetic, Formula, Match, Num, Pattern, Value
from knowledge.workdays import add

MOST_NEW = 1000
"""New facts that one deed adds at most."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What one remedy changes in a case: facts as they are reported again, and new ones; sorted by type and id.

    `before` has the facts that are reported again as they were.
    """

    remedy: str
    before: tuple[Fact, ...]
    again: tuple[Fact, ...]
    new: tuple[Fact, ...]

    def __bool__(self) -> bool:
        """Say whether anything changes."""
        return bool(self.again or self.new)


class Doing:
    """Carries out deeds on one case, all on the case's day; `grading` is that of the case with nothing done.

    What a deed touches is read from the facts as they are before any deed, so that deeds done beside each other
    never depend on their order.
    """

    def __init__(self, rulebook: Rulebook, case: CaseFile, grading: Grading) -> None:
        self._rulebook, self._case = rulebook, case
        producer = case.producer
        own = {**producer.attributes, "kind": producer.kind, "region": producer.region, "id": producer.id}
        self._compare = Comparer(rulebook, case.as_of, own)
        self._measures = {one.name: one.value for one in grading.measures if one.group is None}
        self._places = {name: place for place, name in enumerate(rulebook.remedies)}
        self._seen: dict[str, list[tuple[Values, Fact | None]]] = {}
        for fact in case.facts:
            dated = rulebook.types[fact.type].dated
            day = None if dated is None else fact.values.get(dated)
            if rulebook.fact_statuses[fact.status].counts and (day is None or int(day) <= case.as_of):
                self._seen.setdefault(fact.type, []).append((fact.values, fact))
        for finding in grading.findings:
            self._seen.setdefault(finding.type, []).append((finding.values, None))

    def deed(self, remedy: str) -> Deed:
        """Return what a remedy changes; nothing where its `does` fits no fact."""
        again: dict[str, Fact] = {}
        before: dict[str, Fact] = {}
        new: list[Fact] = []
        for act in self._rulebook.remedies[remedy].does:
            if isinstance(act, New):
                new += self._new(act, remedy, len(new))
                continue
            for fact in self._fitting(act.facts):
                changed = self._changed(act, fact, again.get(fact.id, fact))
                if changed is not None:
                    before[fact.id], again[fact.id] = fact, changed
        return Deed(remedy, _sorted(before), _sorted(again), tuple(sorted(new, key=_place)))

    def after(self, deeds: Iterable[Deed]) -> CaseFile:
        """Return the case with deeds done. Where two report one fact again, what each changes is put together."""
        facts = {fact.id: fact for fact in self._case.facts}
        for deed in deeds:
            for old, now in zip(deed.before, deed.again, strict=True):
                values = {name: value for name, value in now.values.items() if old.values.get(name) != value}
                status = now.status if now.status != old.status else facts[now.id].status
                facts[now.id] = replace(facts[now.id], values=facts[now.id].values | values, status=status)
            for fact in deed.new:
                facts[fact.id] = fact
        return replace(self._case, facts=_sorted(facts))

    def _fitting(self, pattern: Pattern) -> Iterator[Fact]:
        for values, fact in self._seen.get(pattern.type, ()):
            if fact is not None and conjunction(self._compare.fact(pattern, values, {})) is True:
                yield fact

    def _changed(self, act: Again, fact: Fact, sofar: Fact) -> Fact | None:
        bound = {IT: fact.values}
        if not self._holds(act.when, bound):
            return None
        values = {name: self._compare.value(expr, bound) for name, expr in act.gives.items()}
        given = {name: value for name, value in values.items() if value is not None}
        return replace(sofar, values=sofar.values | given, status=act.status or sofar.status)

    def _new(self, act: New, remedy: str, made: int) -> list[Fact]:
        kind = self._rulebook.types[act.type]
        times = min(max(0, self._number(act.times) or 0), MOST_NEW)
        bounds = [{}] if act.each is None else [{IT: fact.values} for fact in self._fitting(act.each)]
        facts: list[Fact] = []
        for bound in bounds:
            if not self._holds(act.when, bound):
                continue
            for _ in range(times):
                number = made + len(facts) + 1
                values = {name: self._compare.value(expr, bound) for name, expr in act.gives.items()}
                given = {name: value for name, value in values.items() if value is not None}
                given |= {name: self._name(kind, name, remedy, number) for name in act.names}
                facts.append(self._fact(kind, given))
        return facts

    def _name(self, kind: FactType, field: str, remedy: str, number: int) -> str:
        return f"deed-{self._places[remedy]}-{number}"[: kind.fields[field].maximum]

    def _fact(self, kind: FactType, values: dict[str, Value]) -> Fact:
        status = next(one.name for one in self._rulebook.fact_statuses.values() if one.counts)
        ordered = {name: values[name] for name in kind.fields if name in values}
        source = () if kind.source_system is None else (Source(kind.source_system),)
        return Fact(fact_id(kind, ordered), kind.name, ordered, status, source, None)

    def _holds(self, when: Iterable[Match | Absent], bound: Mapping[str, Values]) -> bool:
        for clause in when:
            things = self._seen.get(clause.pattern.type, ())
            found = any(conjunction(self._compare.fact(clause.pattern, values, bound)) is True for values, _ in things)
            if found is isinstance(clause, Absent):
                return False
        return True

    def _number(self, formula: Formula) -> int | None:
        """Return what a formula comes to; None where a measure isn't applicable."""
        if isinstance(formula, Num):
            return formula.value
        if not isinstance(formula, Arithmetic):
            value = self._measures.get(formula.name)
            return None if value is None else int(value)
        parts = [self._number(part) for part in formula.args]
        numbers = [part for part in parts if part is not None]
        if len(numbers) < len(parts):
            return None
        match formula.op:
            case "add":
                return numbers[0] + numbers[1]
            case "subtract":
                return numbers[0] - numbers[1]
            case "multiply":
                return numbers[0] * numbers[1]
            case "divide":
                return divide(numbers[0], numbers[1], formula.rounding) if numbers[1] else None
            case "min":
                return min(numbers)
            case _:
                return max(numbers)


def day_done(rulebook: Rulebook, remedy: str, begun: int) -> int | None:
    """Return the day on which a remedy begun on a day is done, None beyond the calendar."""
    lead = rulebook.remedies[remedy].lead_time
    return add(begun, lead.amount, lead.unit, rulebook.calendar)


def looks_of(remedy: Remedy) -> frozenset[Look]:
    """Return what a remedy may touch, whatever the facts."""
    touched = set[Look]()
    for act in remedy.does:
        if isinstance(act, New):
            touched.add((act.type, ANY))
        else:
            touched |= {(act.facts.type, name) for name in act.gives}
            touched |= {(act.facts.type, ANY)} if act.status is not None else set()
    return frozenset(touched)


def _place(fact: Fact) -> tuple[str, str]:
    return fact.type, fact.id


def _sorted(facts: Mapping[str, Fact]) -> tuple[Fact, ...]:
    return tuple(sorted(facts.values(), key=_place))
