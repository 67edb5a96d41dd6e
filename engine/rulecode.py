"""One way in which a rule fires as the kernel's patterns: what it asks of whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.conditions import MIRRORED, Condition, Constants, SplitPattern, Writer, conjunction, split
from engine.lowering import LogicalType, Slots
from engine.rete import KernelPattern, KernelRule, NetworkTooLarge
from engine.ways import Way
from knowledge.rulebook import FactType, Rulebook
from knowledge.rules import (
    Absent,
    Const,
    DateTest,
    FormulaPoints,
    Match,
    MeasureTest,
    Op,
    OutcomeTest,
    Pattern,
    ProducerTest,
    Ref,
    Rule,
    SteppedPoints,
    TablePoints,
)
from knowledge.strata import Strata, formula_measures

_NATIVE: frozenset[Op] = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})


def summary(stage: int) -> str:
    """Return the logical type that carries what is known of producer, measures and outcome at a stage."""
    return f"*{stage}"


def group(measure: str) -> str:
    """Return the logical type that carries one group of a measure with `per`."""
    return f"%{measure}"


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
        self.absences: dict[tuple[str, int], LogicalType] = {}
        """By type and stage: in `columns` the absences that need no other fact, decided before the kernel is asked."""
        self.texts: dict[Any, int] = {}
        self._markers = 0

    def rule(self, name: str, rule: Rule, way: Way) -> KernelRule:
        """Return one way to fire as a kernel rule."""
        parts: dict[str, _Part] = {}
        stage = self._summary_stage(rule, way)
        if stage is not None:
            self._summary_part(rule, way, self._part(parts, "c", summary(stage)))
        self._group_parts(rule, way, parts)
        names = self._positive_parts(rule, way, parts)
        self._date_tests(rule, way, names, parts)
        gate = self._absences(rule, way, parts)
        if not any(not part.negated for part in parts.values()):
            parts = {"c": self._part({}, "c", summary(0)), **parts}
        ordered = sorted(parts.values(), key=lambda part: part.negated)
        self._join(ordered, rule, names)
        return KernelRule(name, tuple(self._finish(part) for part in ordered), gate, _section(ordered))

    def _summary_stage(self, rule: Rule, way: Way) -> int | None:
        """Return the stage whose summary holds all that the rule asks of producer, measures and outcome."""
        stages = []
        for clause, _ in way.clauses:
            if isinstance(clause, ProducerTest) or (isinstance(clause, DateTest) and _alias_read(clause) is None):
                stages.append(0)
            elif isinstance(clause, MeasureTest) and self._rulebook.measures[clause.measure].per is None:
                stages.append(self._strata.measures[clause.measure])
            elif isinstance(clause, Absent) and self._stands_alone(rule, way, clause.pattern):
                stages.append(self._complete(clause.pattern))
        stages += [
            self._strata.measures[measure]
            for measure in self._measures_given(rule)
            if self._rulebook.measures[measure].per is None
        ]
        if rule.applies_to is not None:
            stages.append(0)
        if rule.kind == "consequence":
            stages.append(self._strata.graded)
        if rule.kind == "standard" and (by := self._rulebook.standards[rule.target].suspended_by) is not None:
            stages.append(self._strata.types[by.type] + 1)
        return max(stages, default=None)

    def _summary_part(self, rule: Rule, way: Way, part: _Part) -> None:  # noqa: C901  one case a clause
        writer = part.logical.writer
        conditions: list[Condition] = []
        if rule.applies_to is not None:
            code = self._constants.name(f"P.get('kind') in {tuple(rule.applies_to)!r}")
            conditions.append(Condition(code, code))
        for clause, inside in way.clauses:
            if isinstance(clause, ProducerTest):
                for test in clause.tests:
                    value = self._constants.name(f"P.get({test.name!r})")
                    conditions.append(writer.test(value, test, frozenset()))
            elif isinstance(clause, DateTest) and _alias_read(clause) is None:
                conditions.append(writer.as_of_test(clause.test, frozenset()))
            elif isinstance(clause, OutcomeTest):
                conditions.append(_outcome_code(clause))
            elif isinstance(clause, MeasureTest) and self._rulebook.measures[clause.measure].per is None:
                self._measure_tests(rule, way, clause, part, inside=inside)
            elif isinstance(clause, Absent) and self._stands_alone(rule, way, clause.pattern):
                nothing = f"{writer.own(self._absence(rule, clause.pattern))} is not None"
                conditions.append(Condition(nothing, nothing))
        if rule.kind == "standard" and self._rulebook.standards[rule.target].suspended_by is not None:
            free = f"{writer.own('!' + rule.target)} is None"
            conditions.append(Condition(free, free))
        needed = [name for name in self._measures_needed(rule) if self._rulebook.measures[name].per is None]
        conditions += [Condition(code, code) for code in (f"{writer.own(name)} is not None" for name in needed)]
        self._note_events(part.logical, "True", conditions)
        for condition in conditions:
            part.flags.append(condition.maybe if rule.unknown_fires else condition.true)
            part.admits.append(part.flags[-1])

    def _measures_given(self, rule: Rule) -> list[str]:
        names = {expr.name for expr in rule.gives.values() if isinstance(expr, Ref) and expr.source == "measure"}
        return sorted(names.union(self._measures_needed(rule)))

    def _measures_needed(self, rule: Rule) -> list[str]:
        """Return the measures without which the rule can't fire: of its points, of required fields, with groups."""
        if isinstance(rule.points, FormulaPoints):
            return sorted(set(formula_measures(rule.points.formula)))
        needed = {
            expr.name
            for name, expr in rule.gives.items()
            if isinstance(expr, Ref)
            and expr.source == "measure"
            and (self._rulebook.measures[expr.name].per is not None or self._is_required(rule, name))
        }
        return sorted(needed)

    def _is_required(self, rule: Rule, field: str) -> bool:
        return not self._rulebook.types[rule.target].fields[field].optional

    def _logical(self, name: str) -> LogicalType:
        if name not in self.types:
            self.types[name] = LogicalType(name, Writer(self._constants))
        return self.types[name]

    def _part(self, parts: dict[str, _Part], alias: str, logical: str) -> _Part:
        return parts.setdefault(alias, _Part(alias, self._logical(logical)))

    def _measure_tests(self, rule: Rule, way: Way, clause: MeasureTest, part: _Part, *, inside: bool) -> None:
        measure = self._rulebook.measures[clause.measure]
        writer = part.logical.writer
        value = writer.own(clause.measure if measure.per is None else "value")
        # A step that is unknown does not hold, whatever an unknown condition does.
        fires = rule.unknown_fires and not (isinstance(rule.points, SteppedPoints) and clause is way.clauses[-1][0])
        if not inside and (fires or all(test.op == "missing" for test in clause.tests)):
            # Outside of `any`, a measure that is not applicable makes the whole rule so.
            part.flags.append(f"{value} is not None")
            part.admits.append(part.flags[-1])
        for test in clause.tests:
            condition = writer.test(value, test, frozenset())
            self._note_events(part.logical, "True", [condition])
            if fires and (inside or isinstance(test.operand, Ref)):
                part.flags.append(condition.maybe)
                part.admits.append(condition.maybe)
                continue
            part.admits.append(condition.true)
            if test.op in _NATIVE and isinstance(test.operand, Const):
                column = part.logical.column(value, interned=measure.type in ("text", "choice"))
                part.tests.append((column, test.op, self._literal(test.operand)))
            else:
                part.flags.append(condition.true)

    def _group_part(self, measure: str, parts: dict[str, _Part]) -> _Part:
        alias = next((part.alias for part in parts.values() if part.logical.name == group(measure)), None)
        return self._part(parts, alias or f"m{sum(a[0] == 'm' for a in parts)}", group(measure))

    def _group_parts(self, rule: Rule, way: Way, parts: dict[str, _Part]) -> None:
        """Add the groups that the rule's measures have in common."""
        for clause, inside in way.clauses:
            if isinstance(clause, MeasureTest) and self._rulebook.measures[clause.measure].per is not None:
                if inside:
                    raise NetworkTooLarge(f"measure `{clause.measure}` has groups and can't stand inside `any`")
                self._measure_tests(rule, way, clause, self._group_part(clause.measure, parts), inside=inside)
        for measure in self._measures_needed(rule):
            if self._rulebook.measures[measure].per is not None:
                part = self._group_part(measure, parts)
                part.flags.append(f"{part.logical.writer.own('value')} is not None")
                part.admits.append(part.flags[-1])

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
        self._note_events(part.logical, part.split.maybe_timeless, timed)
        return part

    def _date_tests(self, rule: Rule, way: Way, names: Mapping[str, str], parts: dict[str, _Part]) -> None:
        for clause, _ in way.clauses:
            if isinstance(clause, DateTest) and (alias := _alias_read(clause)) is not None:
                part = parts[names[alias]]
                condition = part.logical.writer.as_of_test(clause.test, frozenset({alias}))
                part.flags.append(condition.maybe if rule.unknown_fires else condition.true)
                part.admits.append(part.flags[-1])
                assert part.split is not None
                self._note_events(part.logical, part.split.maybe_timeless, [condition])

    def _stands_alone(self, rule: Rule, way: Way, pattern: Pattern) -> bool:
        """Say whether an absence compares with no other fact, nor must differ from one."""
        bound = [*rule.for_each, *(clause.pattern for clause, _ in way.clauses if isinstance(clause, Match))]
        own = ("this", "as_of", "producer", pattern.alias)
        reads = [test.operand.source for test in pattern.tests if isinstance(test.operand, Ref)]
        return all(other.type != pattern.type for other in bound) and all(source in own for source in reads)

    def _complete(self, pattern: Pattern) -> int:
        """Return the stage at which all facts of the pattern's type are known."""
        waits = self._rulebook.types[pattern.type].origin != "fact"
        return self._strata.types[pattern.type] + 1 if waits else 0

    def _absence(self, rule: Rule, pattern: Pattern) -> str:
        """Return the name under which the summary says that nothing fits."""
        key = (pattern.type, self._complete(pattern))
        logical = self.absences.setdefault(key, LogicalType(pattern.type, Writer(self._constants)))
        found = split(pattern, self._rulebook.types[pattern.type], logical.writer)
        self._note_events(logical, found.maybe_timeless, [condition for _, condition in found.alone if condition.timed])
        # What may fit keeps an absence from being certain; where unknown fires, only what surely fits does.
        column = logical.column(found.true if rule.unknown_fires else found.maybe, flag=True)
        return f"!{pattern.type}.{key[1]}.{column}"

    def _absences(self, rule: Rule, way: Way, parts: dict[str, _Part]) -> int | None:
        patterns = [clause.pattern for clause, _ in way.clauses if isinstance(clause, Absent)]
        absent = [pattern for pattern in patterns if not self._stands_alone(rule, way, pattern)]
        gates = []
        for n, pattern in enumerate(absent):
            part = self._pattern_part(f"n{n}", pattern, parts)
            part.negated = True
            assert part.split is not None
            code = part.split.true if rule.unknown_fires else part.split.maybe
            part.admits.append(code)
            if code != "True":
                part.flags.append(code)
            gates.append(self._complete(pattern))
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
        logical.events.note(timeless, conditions, self._constants, self._slots)


def _section(parts: Sequence[_Part]) -> str:
    """Return the first type that a rule binds besides the summary: where there is none of it, the rule is not asked."""
    names = [part.logical.name for part in parts if not part.negated]
    return next((name for name in names if name[0] != "*"), names[0])


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
        code = f"v['@{clause.what}'] in {clause.names!r}"
    elif clause.names:
        code = f"not v['@{clause.what}'].isdisjoint({clause.names!r})"
    else:
        code = f"bool(v['@{clause.what}'])"
    code = f"(not ({code}))" if clause.negated else f"({code})"
    return Condition(code, code)
