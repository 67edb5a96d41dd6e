"""What can be known to be wrong with one rule, once all rules are bound."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from knowledge.binding import Notes
from knowledge.groupchecks import check_groups
from knowledge.problems import nearest
from knowledge.rulebook import Field, Rulebook
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
    Ref,
    Rule,
    SteppedPoints,
    TablePoints,
    Test,
    Value,
)
from knowledge.source import Path
from knowledge.strata import clauses_of, patterns_of

_BRACE = re.compile(r"\{([^{}]*)\}|[{}]")
_POINT_WORDS = {"points", "as_of", "group"}
_LOW: Mapping[str, int] = {"lt": -1, "le": 0}
_KEYS: Mapping[str, str] = {"lost": "lose", "gained": "gain"}
_NO_ALIAS = {"this", "producer", "as_of", "measure"}


def check_rule(rulebook: Rulebook, rule: Rule, path: Path, notes: Notes) -> None:
    """Note everything that is wrong with a rule, `path` being its place."""
    _check_conditions(rulebook, rule, path, notes)
    _check_scopes(rule.when, {pattern.alias for pattern in rule.for_each}, rule, path, notes)
    check_groups(rulebook, rule, path, notes)
    _check_points(rulebook, rule, path, notes)
    _check_texts(rulebook, rule, path, notes)
    if rule.applies_to == ():
        notes.add((*path, "applies_to"), "rule.dead", f"`{rule.id}` applies to no kind that `{rule.target}` applies to")
    for name in rule.law:
        law = rulebook.laws.get(name)
        if law is not None and law.effective_until is not None and law.effective_until <= rulebook.effective_from:
            ended = date.fromordinal(law.effective_until).isoformat()
            notes.add((*path, "law"), "law.not_in_force", f"law `{name}` ended on {ended}", given=name)


def _check_conditions(rulebook: Rulebook, rule: Rule, path: Path, notes: Notes) -> None:
    for clause in clauses_of(rule.when):
        if isinstance(clause, OutcomeTest) and rule.kind != "consequence":
            notes.add(
                path, "outcome.not_consequence", f"`{clause.label}` looks at the grade that `{rule.id}` helps decide",
                given=clause.label, help="only consequence rules may look at the outcome",
            )  # fmt: skip
    for pattern, absent in patterns_of(rule):
        kind = rulebook.types[pattern.type]
        if kind.origin == "consequence" and rule.kind != "consequence":
            notes.add(path, "outcome.not_consequence", f"`{rule.id}` reads `{kind.name}`, which comes after the grade")
        if contradiction := next(_contradictions(pattern.tests), None):
            notes.add(
                path, "rule.dead", f"no fact can meet `{pattern.alias}`: {contradiction}", given=contradiction,
                help="one of its tests is wrong",
            )  # fmt: skip
        _check_optional(rulebook, rule, pattern, absent, path, notes)
    for alternative in (way for clause in rule.when if isinstance(clause, AnyOf) for way in clause.alternatives):
        for clause in clauses_of(alternative):
            measure = rulebook.measures.get(clause.measure) if isinstance(clause, MeasureTest) else None
            if measure is not None and measure.per is not None:
                notes.add(
                    (*path, "when"), "rule.clause",
                    f"`{measure.name}` has a value for each group and can't stand inside `any`",
                    given=measure.name, help="write a rule for each alternative",
                )  # fmt: skip


def _check_scopes(clauses: Sequence[Clause], outer: set[str], rule: Rule, path: Path, notes: Notes) -> None:
    """Note what reads a fact that is bound only inside an `any`, where the reader doesn't stand."""
    bound = outer | {clause.pattern.alias for clause in clauses if isinstance(clause, Match)}
    tests = [test for pattern in rule.for_each for test in pattern.tests] if clauses is rule.when else []
    for clause in clauses:
        match clause:
            case Match() | Absent():
                tests += clause.pattern.tests
            case DateTest():
                tests.append(clause.test)
            case AnyOf():
                for alternative in clause.alternatives:
                    _check_scopes(alternative, bound, rule, path, notes)
    for test in tests:
        source = test.operand.source if isinstance(test.operand, Ref) else "this"
        if source not in _NO_ALIAS | bound:
            notes.add(
                (*path, "when"), "name.unknown", f"`{source}` is bound inside `any`, and can't be read elsewhere",
                given=source, help="bind it outside, or move what reads it inside",
            )  # fmt: skip


def _check_points(rulebook: Rulebook, rule: Rule, path: Path, notes: Notes) -> None:
    if isinstance(rule.points, SteppedPoints):
        for step in rule.points.steps:
            _check_size(rulebook, rule, step.points, path, notes)
    elif isinstance(rule.points, TablePoints):
        for points in rule.points.points.values():
            _check_size(rulebook, rule, points, path, notes)
        by = rule.points.by
        pattern = next(pattern for pattern in rule.for_each if pattern.alias == by.source)
        shape = rulebook.types[pattern.type].fields[by.name]
        missing = [value for value in _possible(shape, pattern.tests) if value not in rule.points.points]
        if missing:
            notes.add(
                (*path, _KEYS[rulebook.scoring.direction]), "shape.missing_key",
                f"the table holds no points for {', '.join(f'`{value}`' for value in missing)}",
                expected=", ".join(f"`{value}: …`" for value in missing),
            )  # fmt: skip


def _possible(shape: Field, tests: Sequence[Test]) -> list[str]:
    """Return the choices that a field may have where the tests hold."""
    values = list(shape.choices)
    for test in tests:
        if test.name != shape.name:
            continue
        named = _only(test)
        if named is None and test.op in ("ne", "not_in"):
            named = _only(Test(test.name, "eq" if test.op == "ne" else "in", test.operand))
            values = [value for value in values if named is None or value not in named]
        else:
            values = [value for value in values if named is None or value in named]
    return values


def _check_size(rulebook: Rulebook, rule: Rule, points: int, path: Path, notes: Notes) -> None:
    most = rulebook.standards[rule.target].points
    if points > most:
        notes.add(
            (*path, _KEYS[rulebook.scoring.direction]), "points.exceed",
            f"`{rule.target}` holds {most} points, fewer than {points}",
            given=points, expected=f"at most {most}",
        )  # fmt: skip


def _check_optional(rulebook: Rulebook, rule: Rule, pattern: Pattern, absent: bool, path: Path, notes: Notes) -> None:
    """An absence, or a rule where unknown fires, must know what it compares."""
    if not absent and not rule.unknown_fires:
        return
    fields = rulebook.types[pattern.type].fields
    given = {test.name for test in pattern.tests if test.op == "present"}
    for test in pattern.tests:
        operand = test.operand
        joined = isinstance(operand, Ref) and operand.source not in ("this", "as_of", "producer", pattern.alias)
        if joined and fields[test.name].optional and test.name not in given:
            notes.add(
                path, "absence.optional_field", f"`{pattern.alias}` compares `{test.name}`, which may be missing",
                given=test.name, help=f"add `{test.name}: {{present: yes, …}}` or make the field required",
            )  # fmt: skip


def _check_texts(rulebook: Rulebook, rule: Rule, path: Path, notes: Notes) -> None:
    if rule.because is None:
        return
    fields = {pattern.alias: rulebook.types[pattern.type].fields for pattern in rule.for_each}
    known = [f"{alias}.{name}" for alias, names in fields.items() for name in names]
    known += [
        *rulebook.measures,
        *_POINT_WORDS,
        *(f"producer.{name}" for name in ("kind", "region", *rulebook.attributes)),
    ]
    for lang, words in (("zh", rule.because.zh), ("en", rule.because.en or "")):
        for found in _BRACE.finditer(words):
            name = found[1]
            if name is not None and name in notes.broken:
                continue
            if name is None or name not in known:
                near = nearest(name or "", known)
                notes.add(
                    (*path, "because", lang), "text.brace", f"`{found[0]}` names nothing", given=found[0],
                    expected="alias.field of `for_each`, a measure, points, as_of, group or producer.attribute",
                    help=f"did you mean `{{{near}}}`?" if near else None,
                )  # fmt: skip


def _contradictions(tests: Sequence[Test]) -> Iterator[str]:
    """Yield pairs of tests on one field that no value meets."""
    allowed: dict[str, set[Value]] = {}
    low: dict[str, int] = {}
    high: dict[str, int] = {}
    presence: dict[str, set[str]] = {}
    for test in tests:
        presence.setdefault(test.name, set()).add("missing" if test.op == "missing" else "given")
        if len(presence[test.name]) == 2:
            yield f"`{test.name}` would have to be missing and given"
        values = _only(test)
        if values is not None:
            allowed[test.name] = allowed.get(test.name, values) & values
            if not allowed[test.name]:
                yield f"`{test.name}` would have to be two things at once"
        if (
            isinstance(test.operand, Const)
            and isinstance(test.operand.value, int)
            and not isinstance(test.operand.value, bool)
        ):
            value = test.operand.value
            if test.op in ("gt", "ge"):
                low[test.name] = max(low.get(test.name, value), value + (test.op == "gt"))
            elif test.op in _LOW:
                high[test.name] = min(high.get(test.name, value), value + _LOW[test.op])
            if test.name in low and test.name in high and low[test.name] > high[test.name]:
                yield f"`{test.name}` has no value between its bounds"


def _only(test: Test) -> set[Value] | None:
    if test.op == "in" and isinstance(test.operand, tuple):
        return set(test.operand)
    if test.op == "eq" and isinstance(test.operand, Const):
        return {test.operand.value}
    return None
