"""One rule as the kernel's patterns: the ways in which it can fire, and what each asks of whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from engine.conditions import MIRRORED, Condition, Constants, SplitPattern, Writer, conjunction, split
from engine.lowering import LogicalType, Slots, event_lines
from engine.rete import KernelPattern, KernelRule, NetworkTooLarge
from knowledge.rulebook import (
    Absent,
    AnyOf,
    Clause,
    Const,
    DateTest,
    FactType,
    FormulaPoints,
    Match,
    MeasureTest,
    Op,
    OutcomeTest,
    Pattern,
    ProducerTest,
    Ref,
    Rule,
    Rulebook,
    SteppedPoints,
    TablePoints,
    Test,
)
from knowledge.strata import Strata, formula_measures

CASE, OUTCOME = "*0", "*outcome"
_MOST_WAYS = 64
_NATIVE: frozenset[Op] = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
_OPPOSITE: Mapping[Op, Op] = {
    "eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "le": "gt", "gt": "le",
    "in": "not_in", "not_in": "in", "present": "missing", "missing": "present",
}  # fmt: skip


def summary(stage: int) -> str:
    """Return the logical type that carries the measures of a stage."""
    return f"*{stage}"


def group(measure: str) -> str:
    """Return the logical type that carries one group of a measure with `per`."""
    return f"%{measure}"


@dataclass(frozen=True, slots=True)
class Way:
    """One conjunction under which a rule fires: an alternative of each `any`, and a step of its points."""

    clauses: tuple[tuple[Clause, bool], ...]
    """Each with whether it stood inside an `any`."""
    step: int = 0


def ways_to_fire(rule: Rule) -> tuple[Way, ...]:
    """Return all ways; a rule without `any` and steps has one."""
    conjunctions = list(_expand(rule.when, inside=False))
    if isinstance(rule.points, SteppedPoints):
        measure = rule.points.measure
        steps = [(MeasureTest(measure, tests, measure), False) for tests in _exclusive(rule.points)]
        ways = [Way((*clauses, step), n) for clauses in conjunctions for n, step in enumerate(steps)]
    else:
        ways = [Way(clauses) for clauses in conjunctions]
    if len(ways) > _MOST_WAYS:
        raise NetworkTooLarge(f"it can fire in {len(ways)} ways; at most {_MOST_WAYS} are allowed")
    return tuple(ways)


def _expand(clauses: Sequence[Clause], *, inside: bool) -> Iterator[tuple[tuple[Clause, bool], ...]]:
    choices: list[list[tuple[tuple[Clause, bool], ...]]] = []
    for clause in clauses:
        if isinstance(clause, AnyOf):
            choices.append([way for part in clause.alternatives for way in _expand(part, inside=True)])
        else:
            choices.append([((clause, inside),)])
    for combination in product(*choices):
        yield tuple(clause for part in combination for clause in part)


def _exclusive(points: SteppedPoints) -> Iterator[tuple[Test, ...]]:
    """Yield each step's tests and, where an earlier step has one test only, its opposite.

    Steps with several tests may overlap; the lowest step that fired counts.
    """
    earlier: list[Test] = []
    for step in points.steps:
        yield (*step.tests, *(replace(test, op=_OPPOSITE[test.op]) for test in earlier))
        if len(step.tests) == 1:
            earlier.append(step.tests[0])


@dataclass(slots=True)
class _Part:
    """A pattern on its way to the kernel."""

    alias: str
    logical: LogicalType
    tests: list[tuple[str, str, int]] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    """Conditions that become one column of 1 or absent."""
    admits: list[str] = field(default_factory=list)
    joins: list[tuple[str, str, str, str]] = field(default_factory=list)
    negated: bool = False
    split: SplitPattern | None = None


class KernelWriter:
    """Writes rules for the kernel and collects what each type's facts must carry."""

    def __init__(self, rulebook: Rulebook, strata: Strata, constants: Constants, slots: Slots) -> None:
        self._rulebook, self._strata, self._constants, self._slots = rulebook, strata, constants, slots
        self.types: dict[str, LogicalType] = {}
        self.texts: dict[Any, int] = {}
        self._markers = 0

    def rule(self, name: str, rule: Rule, way: Way) -> KernelRule:
        """Return one way to fire as a kernel rule."""
        parts: dict[str, _Part] = {}
        self._case_part(rule, way, parts)
        for clause, inside in way.clauses:
            if isinstance(clause, MeasureTest):
                self._measure_part(rule, clause, inside, parts)
            elif isinstance(clause, OutcomeTest):
                self._flag(parts, "o", OUTCOME, _outcome_code(clause), rule)
        if rule.kind == "consequence":
            self._part(parts, "o", OUTCOME)
        self._read_measures(rule, parts)
        names = self._positive_parts(rule, way, parts)
        self._date_tests(rule, way, names, parts)
        gate = self._absences(rule, way, parts)
        if not any(not part.negated for part in parts.values()):
            parts = {"c0": self._part({}, "c0", CASE), **parts}
        ordered = sorted(parts.values(), key=lambda part: part.negated)
        self._join(ordered, rule, names)
        return KernelRule(name, tuple(self._finish(part) for part in ordered), gate)

    def _logical(self, name: str) -> LogicalType:
        if name not in self.types:
            self.types[name] = LogicalType(name, Writer(self._constants))
        return self.types[name]

    def _part(self, parts: dict[str, _Part], alias: str, logical: str) -> _Part:
        return parts.setdefault(alias, _Part(alias, self._logical(logical)))

    def _flag(self, parts: dict[str, _Part], alias: str, logical: str, condition: Condition, rule: Rule) -> None:
        code = condition.maybe if rule.unknown_fires else condition.true
        part = self._part(parts, alias, logical)
        part.flags.append(code)
        part.admits.append(code)

    def _case_part(self, rule: Rule, way: Way, parts: dict[str, _Part]) -> None:
        writer = self._logical(CASE).writer
        conditions: list[Condition] = []
        if rule.applies_to is not None:
            code = self._constants.name(f"P.get('kind') in {tuple(rule.applies_to)!r}")
            conditions.append(Condition(code, code))
        for clause, _ in way.clauses:
            if isinstance(clause, ProducerTest):
                for test in clause.tests:
                    value = self._constants.name(f"P.get({test.name!r})")
                    conditions.append(writer.test(value, test, frozenset()))
            elif isinstance(clause, DateTest) and _alias_read(clause) is None:
                conditions.append(writer.as_of_test(clause.test, frozenset()))
        for condition in conditions:
            self._flag(parts, "c0", CASE, condition, rule)
        self._note_events(self._logical(CASE), "True", conditions)
        if rule.kind == "standard" and (by := self._rulebook.standards[rule.target].suspended_by) is not None:
            stage = self._strata.types[by.type] + 1
            free = f"{self._logical(summary(stage)).writer.own('!' + rule.target)} is None"
            self._flag(parts, f"c{stage}", summary(stage), Condition(free, free), rule)

    def _measure_part(self, rule: Rule, clause: MeasureTest, inside: bool, parts: dict[str, _Part]) -> None:
        measure = self._rulebook.measures[clause.measure]
        if measure.per is not None:
            if inside:
                raise NetworkTooLarge(f"measure `{measure.name}` has groups and can't stand inside `any`")
            part, field_name = self._group_part(measure.name, parts), "value"
        else:
            stage = self._strata.measures[measure.name]
            part, field_name = self._part(parts, f"c{stage}", summary(stage)), measure.name
        writer = part.logical.writer
        value = writer.own(field_name)
        for test in clause.tests:
            condition = writer.test(value, test, frozenset())
            if inside and rule.unknown_fires:
                part.flags.append(condition.maybe)
                part.admits.append(condition.maybe)
                continue
            part.admits.append(condition.true)
            if test.op in _NATIVE:
                assert isinstance(test.operand, Const)
                column = part.logical.column(value, interned=measure.type in ("text", "choice"))
                part.tests.append((column, test.op, self._literal(test.operand)))
            else:
                part.flags.append(condition.true)

    def _group_part(self, measure: str, parts: dict[str, _Part]) -> _Part:
        alias = next((part.alias for part in parts.values() if part.logical.name == group(measure)), None)
        return self._part(parts, alias or f"m{sum(a[0] == 'm' for a in parts)}", group(measure))

    def _read_measures(self, rule: Rule, parts: dict[str, _Part]) -> None:
        """A rule whose points read a measure waits for it and does not fire where it is not applicable."""
        names = set(formula_measures(rule.points.formula)) if isinstance(rule.points, FormulaPoints) else set()
        given = {expr.name for expr in rule.gives.values() if isinstance(expr, Ref) and expr.source == "measure"}
        for name in sorted(names | given):
            if self._rulebook.measures[name].per is not None:
                self._group_part(name, parts)
                continue
            stage = self._strata.measures[name]
            part = self._part(parts, f"c{stage}", summary(stage))
            if name in names:
                code = f"{part.logical.writer.own(name)} is not None"
                part.flags.append(code)
                part.admits.append(code)

    def _positive_parts(self, rule: Rule, way: Way, parts: dict[str, _Part]) -> dict[str, str]:
        """Add `for_each` and matched patterns; return kernel aliases by the rule's aliases."""
        names: dict[str, str] = {}
        patterns = [(f"k{n}", pattern) for n, pattern in enumerate(rule.for_each)]
        matched = [clause.pattern for clause, _ in way.clauses if isinstance(clause, Match)]
        patterns += [(f"e{n}", pattern) for n, pattern in enumerate(matched)]
        for alias, pattern in patterns:
            names[pattern.alias] = alias
            part = self._pattern_part(alias, pattern, parts)
            assert part.split is not None
            writer = part.logical.writer
            kind = self._rulebook.types[pattern.type]
            for test, condition in part.split.alone:
                part.admits.append(condition.maybe if rule.unknown_fires else condition.true)
                if test is not None and isinstance(test.operand, Const) and not rule.unknown_fires:
                    column = part.logical.column(writer.own(test.name), interned=_is_text(kind, test.name))
                    part.tests.append((column, test.op, self._literal(test.operand)))
                else:
                    part.flags.append(part.admits[-1])
            if isinstance(rule.points, TablePoints) and rule.points.by.source == pattern.alias:
                known = f"{writer.own(rule.points.by.name)} in {tuple(rule.points.points)!r}"
                part.flags.append(known)
                part.admits.append(known)
        return names

    def _pattern_part(self, alias: str, pattern: Pattern, parts: dict[str, _Part]) -> _Part:
        part = self._part(parts, alias, pattern.type)
        part.split = split(pattern, self._rulebook.types[pattern.type], part.logical.writer)
        timed = [condition for _, condition in part.split.alone if condition.timed]
        self._note_events(part.logical, part.split.timeless, timed)
        return part

    def _date_tests(self, rule: Rule, way: Way, names: Mapping[str, str], parts: dict[str, _Part]) -> None:
        for clause, _ in way.clauses:
            if isinstance(clause, DateTest) and (alias := _alias_read(clause)) is not None:
                part = parts[names[alias]]
                condition = part.logical.writer.as_of_test(clause.test, frozenset({alias}))
                part.flags.append(condition.maybe if rule.unknown_fires else condition.true)
                part.admits.append(part.flags[-1])
                assert part.split is not None
                self._note_events(part.logical, part.split.timeless, [condition])

    def _absences(self, rule: Rule, way: Way, parts: dict[str, _Part]) -> int | None:
        absent = [clause.pattern for clause, _ in way.clauses if isinstance(clause, Absent)]
        gates = []
        for n, pattern in enumerate(absent):
            part = self._pattern_part(f"n{n}", pattern, parts)
            part.negated = True
            assert part.split is not None
            # What may fit keeps an absence from being certain; where unknown fires, only what surely fits does.
            code = part.split.true if rule.unknown_fires else part.split.maybe
            part.admits.append(code)
            if code != "True":
                part.flags.append(code)
            waits = self._rulebook.types[pattern.type].origin != "fact"
            gates.append(self._strata.types[pattern.type] + 1 if waits else 0)
        return max(gates, default=None)

    def _join(self, ordered: Sequence[_Part], rule: Rule, names: Mapping[str, str]) -> None:
        places = {part.alias: place for place, part in enumerate(ordered)}
        for part in ordered:
            for test in part.split.joins if part.split is not None else ():
                assert isinstance(test.operand, Ref)
                other = ordered[places[names[test.operand.source]]]
                kind = self._rulebook.types[part.logical.name]
                own = part.logical.column(part.logical.writer.own(test.name), interned=_is_text(kind, test.name))
                writer = other.logical.writer
                theirs = other.logical.column(
                    writer.shifted(writer.own(test.operand.name), test.operand), interned=_is_text(kind, test.name)
                )
                if rule.unknown_fires and _may_miss(self._rulebook.types[other.logical.name], test.operand):
                    raise NetworkTooLarge(
                        f"with `unknown: fires` it compares with `{test.operand.source}.{test.operand.name}`, "
                        "which may be missing or beyond the calendar"
                    )
                if places[other.alias] < places[part.alias]:
                    part.joins.append((own, test.op, other.alias, theirs))
                else:
                    other.joins.append((theirs, MIRRORED[test.op], part.alias, own))
        groups = [part for part in ordered if part.alias[0] == "m"]
        for part in groups[1:]:
            interned = self._group_is_text(part.logical.name)
            own = part.logical.column(part.logical.writer.own("group"), interned=interned)
            first = groups[0].logical
            theirs = first.column(first.writer.own("group"), interned=interned)
            part.joins.append((own, "eq", groups[0].alias, theirs))

    def _group_is_text(self, logical: str) -> bool:
        measure: Any = self._rulebook.measures[logical[1:]]
        return _is_text(self._rulebook.types[measure.body.pattern.type], measure.per)

    def _finish(self, part: _Part) -> KernelPattern:
        if part.flags:
            part.tests.append((part.logical.column(conjunction(part.flags), flag=True), "eq", 1))
        self._markers += 1
        part.logical.admits[self._markers] = conjunction(part.admits)
        return KernelPattern(
            part.alias, part.logical.name, self._markers, tuple(part.tests), tuple(part.joins), part.negated
        )

    def _literal(self, operand: Const) -> int:
        if isinstance(operand.value, str):
            return self.texts.setdefault(operand.value, len(self.texts) + 1)
        return int(operand.value)

    def _note_events(self, logical: LogicalType, timeless: str, conditions: Sequence[Condition]) -> None:
        lines = event_lines(timeless, conditions, self._constants, self._slots)
        if lines and "\n".join(lines) not in "\n".join(logical.events):
            logical.events += lines


def _alias_read(clause: DateTest) -> str | None:
    operand = clause.test.operand
    if isinstance(operand, Ref) and operand.source not in ("as_of", "producer"):
        return operand.source
    return None


def _is_text(kind: FactType, name: str) -> bool:
    return kind.fields[name].type in ("text", "choice")


def _may_miss(kind: FactType, ref: Ref) -> bool:
    beyond = ref.shift is not None and ref.shift.unit == "working_days"
    return kind.fields[ref.name].optional or beyond


def _outcome_code(clause: OutcomeTest) -> Condition:
    if clause.what in ("grade", "score_grade"):
        code = f"v[{clause.what!r}] in {clause.names!r}"
    elif clause.names:
        code = f"not v[{clause.what!r}].isdisjoint({clause.names!r})"
    else:
        code = f"bool(v[{clause.what!r}])"
    code = f"(not ({code}))" if clause.negated else f"({code})"
    return Condition(code, code)
