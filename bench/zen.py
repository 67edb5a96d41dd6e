"""A part of a rulebook's rules written for zen-engine: expressions for measures and counts, decision tables for steps.

A rule can be written when it deducts for each fact of one type, or by the steps of a measure that counts facts, and
everything that it asks is about the producer's facts one by one, without another fact's values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import zen

from engine.case import CaseFile
from engine.columnar.columns import shifted, single
from knowledge.rulebook import Aggregate, FactType, Rulebook
from knowledge.rules import (
    Absent,
    Clause,
    Const,
    FixedPoints,
    Match,
    MeasureTest,
    Pattern,
    ProducerTest,
    Ref,
    Rule,
    Shift,
    SteppedPoints,
    TablePoints,
    Test,
)
from knowledge.strata import measures_read

_OPS: Final = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


class _NotWritten(Exception):
    """What can't be written in a way that zen-engine understands."""


def part_of(rulebook: Rulebook) -> Rulebook:
    """Return a rulebook of those rules for points that can be written for zen-engine, and nothing beside them."""
    writer, rules = _Writer(rulebook, 700_000), []
    for rule in rulebook.rules:
        try:
            writer.rule(rule)
        except _NotWritten:
            continue
        rules.append(rule)
    used = {name for rule in rules for name in measures_read(rule)}
    asked = {rule.target for rule in rules}
    standards = {
        name: msgspec.structs.replace(one, suspended_by=None)
        for name, one in rulebook.standards.items()
        if name in asked
    }
    measures = {name: one for name, one in rulebook.measures.items() if name in used}
    return msgspec.structs.replace(rulebook, rules=tuple(rules), measures=measures, standards=standards)


class Zen:
    """The rules of a part as one decision of zen-engine, as of a day."""

    def __init__(self, part: Rulebook, day: int) -> None:
        self._part = part
        self._writer = _Writer(part, day)
        graph = _graph(self._writer, part)
        self.tables = sum(node["type"] == "decisionTableNode" for node in graph["nodes"])
        self._decision = zen.ZenEngine().create_decision(msgspec.json.encode(graph).decode())

    def context(self, case: CaseFile) -> bytes:
        """Return a case as the decision reads it: its counting facts by type, with the fields that are asked about."""
        counting = {status.name for status in self._part.fact_statuses.values() if status.counts}
        facts: dict[str, list[Mapping[str, Any]]] = {name: [] for name in self._writer.read}
        for fact in case.facts:
            if fact.status in counting and fact.type in facts:
                asked = self._writer.read[fact.type]
                facts[fact.type].append({name: fact.values[name] for name in asked if name in fact.values})
        producer = case.producer
        return msgspec.json.encode({"kind": producer.kind, "producer": producer.attributes, "facts": facts})

    def points(self, context: bytes) -> Mapping[str, int]:
        """Return the points of each standard; those without any may be left out."""
        found: dict[str, int] = self._decision.evaluate(context)["result"]
        return found


class _Writer:
    """Rules as expressions of zen-engine. It answers only true and false: what is missing is asked for each time."""

    def __init__(self, book: Rulebook, day: int) -> None:
        self._book, self._day = book, day
        self.read: dict[str, set[str]] = {}
        """By fact type: the fields that are asked about."""
        self.measures: dict[str, str] = {}
        """By name: how each is computed, once."""

    def rule(self, rule: Rule) -> tuple[str, str, SteppedPoints | None]:
        """Return when a rule is asked, what it takes, and the steps if it is by steps.

        Raises:
            _NotWritten: it says more than can be written here.
        """
        if rule.kind != "standard" or rule.unknown_fires or len(rule.for_each) > 1:
            raise _NotWritten
        cap = self._book.standards[rule.target].points
        bound = rule.for_each[0] if rule.for_each else None
        when = " and ".join(self._clause(clause, bound) for clause in rule.when) or "true"
        match rule.points:
            case SteppedPoints(measure=name) if bound is None:
                return when, self.measure(name), rule.points
            case FixedPoints(points=points) if bound is None:
                asked = str(min(points, cap))
            case FixedPoints(points=points) if bound is not None:
                asked = f"{min(points, cap)} * count({self._facts(bound)}, {self._fits(bound, sure=True)})"
            case TablePoints(by=by, points=table) if bound is not None and by.source == bound.alias and not by.shift:
                self._note(bound.type, by.name)
                each = "0"
                for name, points in table.items():
                    each = f"(#.{by.name} == {_value(name)} ? {min(points, cap)} : {each})"
                asked = f"sum(map(filter({self._facts(bound)}, {self._fits(bound, sure=True)}), {each}))"
            case _:
                raise _NotWritten
        return when, asked if rule.at_most is None else f"min([{asked}, {rule.at_most}])", None

    def measure(self, name: str) -> str:
        """Return the place of a measure's value, which is null where it has none."""
        self.measures.setdefault(name, self._measured(name))
        return f"m.{name}"

    def _measured(self, name: str) -> str:
        measure = self._book.measures[name]
        body = measure.body
        if not isinstance(body, Aggregate) or measure.per is not None:
            raise _NotWritten
        facts, fits = self._facts(body.pattern), self._fits(body.pattern, sure=True)
        if body.how == "count":
            return f"count({facts}, {fits})"
        if body.how != "share":
            raise _NotWritten
        inside = " and ".join([fits, *(self._test(body.pattern, test, sure=True) for test in body.numerator)])
        nothing = "null" if measure.when_nothing is None else _value(measure.when_nothing)
        whole = f"count({facts}, {fits})"
        return f"({whole} == 0 ? {nothing} : floor(10000 * count({facts}, {inside}) / {whole}))"

    def measure_test(self, test: Test, value: str) -> str:
        """Return a test of a measure whose value stands in a place."""
        if not isinstance(test.operand, Const):
            raise _NotWritten
        return f"{value} {_OPS[test.op]} {_value(test.operand.value)}"

    def _clause(self, clause: Clause, bound: Pattern | None) -> str:
        match clause:
            case Match(pattern=pattern) if bound is None or pattern.type != bound.type:
                return f"some({self._facts(pattern)}, {self._fits(pattern, sure=True)})"
            case Absent(pattern=pattern) if bound is None or pattern.type != bound.type:
                return f"none({self._facts(pattern)}, {self._fits(pattern, sure=False)})"
            case MeasureTest(measure=name, tests=tests):
                value = self.measure(name)
                return " and ".join([f"{value} != null", *(self.measure_test(test, value) for test in tests)])
            case ProducerTest(tests=tests):
                return " and ".join(self._attribute(test) for test in tests)
            case _:
                raise _NotWritten

    def _attribute(self, test: Test) -> str:
        field = self._book.attributes.get(test.name)
        if field is None or not isinstance(test.operand, Const) or (field.type == "choice" and test.op in _OPS):
            raise _NotWritten
        place = f"producer.{test.name}"
        return f"({place} != null and {place} {_OPS[test.op]} {_value(test.operand.value)})"

    def _facts(self, pattern: Pattern) -> str:
        if self._book.types[pattern.type].origin != "fact":
            raise _NotWritten
        self._note(pattern.type)
        return f"facts.{pattern.type}"

    def _note(self, kind: str, *names: str) -> None:
        self.read.setdefault(kind, set()).update(names)

    def _fits(self, pattern: Pattern, *, sure: bool) -> str:
        kind = self._book.types[pattern.type]
        parts = [self._test(pattern, test, sure=sure) for test in pattern.tests]
        if kind.dated is not None:
            self._note(kind.name, kind.dated)
            parts.append(f"(#.{kind.dated} == null or #.{kind.dated} <= {self._day})")
        if pattern.window is not None:
            if pattern.window.kind != "last":
                raise _NotWritten
            back = Shift(-pattern.window.amount, pattern.window.unit)
            start = int(shifted(single(self._day), back, self._book.calendar).values)
            day = self._guarded(kind, pattern.window.field, lambda f: f"{f} > {start} and {f} <= {self._day}", sure)
            parts.append(day)
        if pattern.active is not None:
            parts.append(self._active(pattern, kind, sure=sure))
        return " and ".join(parts) or "true"

    def _active(self, pattern: Pattern, kind: FactType, *, sure: bool) -> str:
        lasting = kind.lasting
        assert lasting is not None

        def inside(start: str) -> str:
            told = f"{start} <= {self._day}"
            if lasting.end is not None:
                end, sign = f"#.{lasting.end}", "<=" if lasting.end_included else "<"
                told += f" and ({end} == null or {self._day} {sign} {end})"
                self._note(kind.name, lasting.end)
            return told if pattern.active else f"not ({told})"

        return self._guarded(kind, lasting.start, inside, sure)

    def _test(self, pattern: Pattern, test: Test, *, sure: bool) -> str:
        kind = self._book.types[pattern.type]
        field, operand = kind.fields[test.name], test.operand
        self._note(kind.name, test.name)
        if test.op in ("present", "missing"):
            return f"#.{test.name} {'!=' if test.op == 'present' else '=='} null"
        if isinstance(operand, tuple):
            words = ", ".join(map(_value, operand))
            sign = "in" if test.op == "in" else "not in"
            return self._guarded(kind, test.name, lambda f: f"{f} {sign} [{words}]", sure)
        if isinstance(operand, Ref) or operand is None or (field.type == "choice" and test.op not in ("eq", "ne")):
            raise _NotWritten
        return self._guarded(kind, test.name, lambda f: f"{f} {_OPS[test.op]} {_value(operand.value)}", sure)

    def _guarded(self, kind: FactType, name: str, told: Callable[[str], str], sure: bool) -> str:
        """Return what is told of a field, false (or, if not `sure`, true) where it is missing."""
        self._note(kind.name, name)
        place = f"#.{name}"
        if not kind.fields[name].optional:
            return f"({told(place)})"
        return f"({place} != null and ({told(place)}))" if sure else f"({place} == null or ({told(place)}))"


def _value(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


def _graph(writer: _Writer, part: Rulebook) -> dict[str, Any]:
    """Return a decision: measures, then what is asked and counted, a table for each rule by steps, and all points."""
    counted: list[tuple[str, str]] = []
    tables: list[dict[str, Any]] = []
    taken: dict[str, list[str]] = {}
    for place, rule in enumerate(part.rules):
        when, asked, steps = writer.rule(rule)
        when = " and ".join([when, *_kinds(rule)])
        taken.setdefault(rule.target, []).append(f"r{place}")
        if steps is None:
            counted.append((f"r{place}", f"({when}) ? {asked} : 0"))
        else:
            counted += [(f"w{place}", when), (f"m{place}", asked)]
            tables.append(_table(writer, part, place, rule, steps))
    sums = [
        (standard, f"min([{' + '.join(names)}, {part.standards[standard].points}])")
        for standard, names in taken.items()
    ]
    measures = _expressions("measures", [(f"m.{name}", told) for name, told in writer.measures.items()])
    measures["content"]["passThrough"] = True
    nodes: list[dict[str, Any]] = [
        {"id": "in", "name": "in", "type": "inputNode"},
        measures,
        _expressions("counted", counted),
        *tables,
        _expressions("points", sums),
        {"id": "out", "name": "out", "type": "outputNode"},
    ]
    ways = [("in", "measures"), ("measures", "counted"), ("counted", "points"), ("points", "out")]
    ways += [way for table in tables for way in (("counted", table["id"]), (table["id"], "points"))]
    edges = [
        {"id": f"e{place}", "type": "edge", "sourceId": start, "targetId": end}
        for place, (start, end) in enumerate(ways)
    ]
    return {"nodes": nodes, "edges": edges}


def _kinds(rule: Rule) -> Iterator[str]:
    if rule.applies_to is not None:
        yield f"kind in [{', '.join(map(_value, rule.applies_to))}]"


def _expressions(name: str, told: Sequence[tuple[str, str]]) -> dict[str, Any]:
    rows = [{"id": f"{name}-{key}", "key": key, "value": value} for key, value in told]
    return {"id": name, "name": name, "type": "expressionNode", "content": {"expressions": rows}}


def _table(writer: _Writer, part: Rulebook, place: int, rule: Rule, steps: SteppedPoints) -> dict[str, Any]:
    """Return the steps of a rule, whose first row that holds counts; the last row holds where none does."""
    cap = part.standards[rule.target].points
    rows = []
    for number, step in enumerate(steps.steps):
        tests = " and ".join(["$ != null", *(writer.measure_test(test, "$") for test in step.tests)])
        rows.append({"_id": f"{place}-{number}", "w": "true", "m": tests, "p": str(min(step.points, cap))})
    rows.append({"_id": f"{place}-none", "w": "", "m": "", "p": "0"})
    content = {
        "hitPolicy": "first",
        "inputs": [
            {"id": "w", "name": "asked", "field": f"w{place}"},
            {"id": "m", "name": steps.measure, "field": f"m{place}"},
        ],
        "outputs": [{"id": "p", "name": "points", "field": f"r{place}"}],
        "rules": rows,
    }
    return {"id": f"t{place}", "name": rule.id, "type": "decisionTableNode", "content": content}
