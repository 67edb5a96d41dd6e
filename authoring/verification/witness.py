"""Cases that make rules fire: solutions of sketches as case files, graded by the engine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from authoring.verification.gauges import WHOLE
from authoring.verification.sketch import MOST_WAYS, Dead, Sketch, TooDeep, Ways, drawn
from authoring.verification.terms import decoded
from engine.case import CaseFile
from engine.grading import Grading
from engine.reading import CaseReader
from engine.values import day_text, plain
from knowledge.possible import meets
from knowledge.problems import CaseRefused, ShuoliError
from knowledge.rulebook import Aggregate, Measure, Rulebook
from knowledge.rules import Arithmetic, Const, Formula, MeasureTest, Ref, Rule, Test

Grade: TypeAlias = Callable[[CaseFile], Grading]
Shows: TypeAlias = Callable[[CaseFile, Grading], bool]
More: TypeAlias = Callable[[Sketch], None]
_POOLS: Final = (0, 8, 22)
"""Facts of one measured type that are tried at least, one size after the other."""
_SECONDS: Final = 8.0
"""For one question."""
_MOST_POOL: Final = 26
_GUESS: Final = 4
_SETTLED: Final = 1_100
"""Days after its first on which a rulebook is tried: windows look back into days before."""


class Witness(msgspec.Struct, frozen=True):
    """A case file, the day it is graded for, and what the engine made of it."""

    case: dict[str, Any]
    as_of: str
    grade: str
    score: int
    shows: str = ""


class Tried(msgspec.Struct, frozen=True):
    """A case that was built or given, and its grading."""

    case: CaseFile
    grading: Grading

    def fired(self, rule: Rule) -> bool:
        """Say whether a rule fired."""
        return any(one.rule == rule.id for one in self.grading.deductions)


class Witnesses:
    """Builds cases under one rulebook, and keeps those that it was given as evidence."""

    def __init__(self, rulebook: Rulebook, grade: Grade, cases: Iterable[CaseFile] = ()) -> None:
        self.rulebook, self._grade = rulebook, grade
        self._reader = CaseReader(rulebook)
        self.evidence: list[Tried] = [one for case in cases if (one := self.graded(case)) is not None]
        self._reached: dict[str, Tried | bool | None] = {}
        self.day = self._day()

    def _day(self) -> int:
        book = self.rulebook
        day = book.effective_from + _SETTLED
        if book.calendar is not None:
            day = min(day, book.calendar.last - 90)
        if book.effective_until is not None:
            day = min(day, book.effective_until - 1)
        return max(day, book.effective_from)

    def graded(self, case: CaseFile) -> Tried | None:
        """Return a case with its grading, None where the engine refuses it."""
        try:
            return Tried(case, self._grade(case))
        except ShuoliError:
            return None

    def reach(self, rule: Rule) -> Tried | bool | None:
        """Return a case in which a rule fires, False where none can, None where that isn't decided."""
        if rule.id not in self._reached:
            known = next((one for one in self.evidence if one.fired(rule)), None)
            self._reached[rule.id] = known or self.search([rule], lambda _, grading: _fires(grading, rule))
        return self._reached[rule.id]

    def all(self) -> list[Tried]:
        """Return every case that was given or built so far."""
        return [*self.evidence, *(one for one in self._reached.values() if isinstance(one, Tried))]

    def search(self, rules: Sequence[Rule], shows: Shows, more: More | None = None) -> Tried | bool | None:
        """Return a case in which rules fire together and that shows something when it is graded.

        `more` asks for more of each sketch. False: there is none; None: none was found, and that proves nothing.
        """
        ways, sure, until = Ways(), True, time.process_time() + _SECONDS
        for _ in range(MOST_WAYS):
            if time.process_time() > until:
                return None
            try:
                found = self._try(rules, shows, more, ways)
            except TooDeep:
                found = None
            except Dead:
                found = False
            if isinstance(found, Tried):
                return found
            sure = sure and found is False
            if not ways.another():
                return False if sure else None
        return None

    def _try(self, rules: Sequence[Rule], shows: Shows, more: More | None, ways: Ways) -> Tried | bool | None:
        sketch = self._drawn(rules, more, ways)
        sketch.close()
        if sketch.space.solve() is False:
            return False if sketch.sound and sketch.gauges.sound else None
        for size in _POOLS:
            sketch = self._drawn(rules, more, ways)
            pools = _pools(sketch, size)
            if size and (not pools or max(pools.values()) < size):
                continue
            sketch.close(pools=pools)
            model = sketch.space.solve(day=self.day) or sketch.space.solve()
            if model:
                tried = self._told(sketch, model)
                if tried is not None and shows(tried.case, tried.grading):
                    return tried
        return None

    def _told(self, sketch: Sketch, model: Any) -> Tried | None:
        try:
            return self.graded(self.case(sketch, model))
        except CaseRefused:
            return None

    def _drawn(self, rules: Sequence[Rule], more: More | None, ways: Ways) -> Sketch:
        sketch = drawn(self.rulebook, rules, ways)
        if more is not None:
            more(sketch)
        return sketch

    def case(self, sketch: Sketch, model: Any) -> CaseFile:
        """Return the case that a model of a sketch tells, read by the engine's own reader."""
        space, book = sketch.space, self.rulebook
        facts: list[dict[str, Any]] = []
        for slot in sketch.slots:
            if slot.concluded or not space.holds(model, slot.exists):
                continue
            kind = book.types[slot.type]
            fields = {
                name: plain(kind.fields[name], decoded(space, kind.fields[name], space.read(model, value.term)))
                for name, value in slot.values.items()
                if space.holds(model, value.there)
            }
            ref = f"W{len(facts) + 1}"
            source = {"system": kind.source_system or "verification", "ref": ref}
            facts.append({"type": slot.type, "fields": fields, "source": source})
        attributes = {
            name: plain(field, decoded(space, field, space.read(model, space.producer[name].term)))
            for name, field in book.attributes.items()
            if space.holds(model, space.producer[name].there)
        }
        codes = {code: text for text, code in space.codes.items()}
        kind_of = codes[space.read(model, space.producer["kind"].term)]
        producer = {"id": "witness", "kind": kind_of, "region": "330100", "attributes": attributes}
        data = json.dumps({"producer": producer, "facts": facts}, ensure_ascii=False).encode()
        return self._reader.case(data, as_of=space.read(model, space.as_of))

    def witness(self, tried: Tried, shows: str) -> Witness:
        """Return a case with what it shows, to be handed out."""
        return Witness(
            self.document(tried.case), day_text(tried.case.as_of), tried.grading.grade,
            tried.grading.score.value, shows,
        )  # fmt: skip

    def document(self, case: CaseFile) -> dict[str, Any]:
        """Return a case as the JSON of a case file."""
        book, producer = self.rulebook, case.producer
        attributes = {name: plain(book.attributes[name], value) for name, value in producer.attributes.items()}
        facts = [
            {
                "type": fact.type,
                "fields": {
                    name: plain(book.types[fact.type].fields[name], value) for name, value in fact.values.items()
                },
                "status": fact.status,
                **(
                    {"source": {"system": one.system, "ref": one.ref}}
                    if (one := next(iter(fact.sources), None))
                    else {}
                ),
            }
            for fact in case.facts
        ]
        head = {"id": producer.id, "kind": producer.kind, "region": producer.region, "attributes": attributes}
        return {"producer": head, "facts": facts}


def _fires(grading: Grading, rule: Rule) -> bool:
    return any(one.rule == rule.id for one in grading.deductions)


def _pools(sketch: Sketch, least: int) -> dict[str, int]:
    """Return by fact type how many facts more the measures of a sketch may need."""
    pools: dict[str, int] = {}
    book = sketch.rulebook
    needs = dict.fromkeys(sketch.gauges.read, 1)
    for clause, _ in sketch.asked:
        needs[clause.measure] = max(needs.get(clause.measure, 1), _need(book, clause))
    for name, need in needs.items():
        for measure in _under(book, book.measures[name]):
            body = measure.body
            if not isinstance(body, Aggregate):
                continue
            kind = body.pattern.type
            if book.types[kind].origin == "fact":
                wanted = max(need, least, 3 if body.how == "share" else 1)
                pools[kind] = min(max(pools.get(kind, 0), wanted), _MOST_POOL)
            else:
                pools[kind] = min(max(pools.get(kind, 0), need if _counts(sketch, measure.name) else 0), 4)
    return pools


def _counts(sketch: Sketch, name: str) -> bool:
    book = sketch.rulebook
    for clause, _ in sketch.asked:
        if _asks(clause) and any(one.name == name for one in _under(book, book.measures[clause.measure])):
            return True
    return False


def _asks(clause: MeasureTest) -> bool:
    """Say whether a clause asks for more than nothing."""
    return any(test.op in ("ge", "gt", "eq") for test in clause.tests)


def _need(book: Rulebook, clause: MeasureTest) -> int:
    """Return how many facts a measure may need to meet the tests of a clause; a first guess where it is a formula."""
    how = getattr(book.measures[clause.measure].body, "how", "formula")
    if how == "share":
        return next((many for many in range(1, _MOST_POOL) if _shared(clause.tests, many)), _MOST_POOL)
    most = _GUESS if how == "formula" else _MOST_POOL if how in ("count", "distinct", "sum") else 1
    need = 1
    for test in clause.tests:
        if isinstance(test.operand, Const) and type(test.operand.value) is int and test.op in ("ge", "gt", "eq"):
            need = max(need, min(test.operand.value + (test.op == "gt"), most))
    return need


def _shared(tests: Sequence[Test], many: int) -> bool:
    """Say whether some share of so many facts meets tests."""
    plain = [test for test in tests if not isinstance(test.operand, Ref)]
    return any(meets(plain, WHOLE * good // many) for good in range(many + 1))


def _under(book: Rulebook, measure: Measure) -> Iterator[Measure]:
    if isinstance(measure.body, Arithmetic):
        for name in _named(measure.body):
            yield from _under(book, book.measures[name])
    else:
        yield measure


def _named(formula: Formula) -> Iterator[str]:
    if isinstance(formula, Ref) and formula.source == "measure":
        yield formula.name
    elif isinstance(formula, Arithmetic):
        for part in formula.args:
            yield from _named(part)


def asked_points(grading: Grading) -> Mapping[str, int]:
    """Return the points that each standard's deductions asked for."""
    asked: dict[str, int] = {}
    for one in grading.deductions:
        asked[one.target] = asked.get(one.target, 0) + one.points
    return asked
