"""What can be known to be wrong with one rule, once all rules are bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from knowledge.conclusionchecks import check_given
from knowledge.deadchecks import check_dead
from knowledge.groupchecks import check_groups
from knowledge.notes import Notes
from knowledge.possible import meets
from knowledge.rulebook import PointsMeasure, Rulebook
from knowledge.rules import (
    Absent,
    AnyOf,
    Arithmetic,
    Clause,
    DateTest,
    Match,
    MeasureTest,
    OutcomeTest,
    Pattern,
    Ref,
    Rule,
    SteppedPoints,
    TablePoints,
)
from knowledge.source import Path, path_to
from knowledge.strata import clauses_of, formula_measures, measures_read, patterns_of
from knowledge.textchecks import check_because

_KEYS: Mapping[str, str] = {"lost": "lose", "gained": "gain"}
_NO_ALIAS = {"this", "producer", "as_of", "measure"}


def check_rule(rulebook: Rulebook, rule: Rule, path: Path, notes: Notes) -> None:
    """Note everything that is wrong with a rule, `path` being its place."""
    _check_conditions(rulebook, rule, path, notes)
    _check_scopes(rule.when, {pattern.alias for pattern in rule.for_each}, rule, path, notes)
    check_groups(rulebook, rule, path, notes)
    check_given(rulebook, rule, path, notes)
    _check_points(rulebook, rule, path, notes)
    check_dead(rulebook, rule, path, notes)
    check_because(rulebook, rule, path, notes)


def _check_conditions(rulebook: Rulebook, rule: Rule, path: Path, notes: Notes) -> None:
    for clause in clauses_of(rule.when):
        if isinstance(clause, OutcomeTest) and rule.kind != "consequence":
            notes.add(
                path_to(notes.documents, path, clause.label), "outcome.not_consequence",
                f"`{clause.label}` looks at the grade that `{rule.id}` helps decide",
                given=clause.label, help="only consequence rules may look at the outcome",
            )  # fmt: skip
    for name in dict.fromkeys(measures_read(rule)):
        if rule.kind != "consequence" and _comes_late(rulebook, name):
            at, message = path_to(notes.documents, path, "measure", name), f"`{name}` is known only after the grade"
            notes.add(at, "outcome.not_consequence", message, given=name, help="only consequence rules may read it")
    for pattern, absent in patterns_of(rule):
        kind = rulebook.types[pattern.type]
        if kind.origin == "consequence" and rule.kind != "consequence":
            at, message = _place_of(pattern, absent, path, notes), f"`{kind.name}` is known only after the grade"
            notes.add(
                at, "outcome.not_consequence", message, given=kind.name, help="only consequence rules may read it"
            )
        _check_optional(rulebook, rule, pattern, absent, path, notes)
    for alternative in (way for clause in rule.when if isinstance(clause, AnyOf) for way in clause.alternatives):
        for clause in clauses_of(alternative):
            measure = rulebook.measures.get(clause.measure) if isinstance(clause, MeasureTest) else None
            if measure is not None and measure.per is not None:
                notes.add(
                    path_to(notes.documents, path, "measure", measure.name), "rule.clause",
                    f"`{measure.name}` has a value for each group and can't stand inside `any`",
                    given=measure.name, help="write a rule for each alternative",
                )  # fmt: skip


def _comes_late(rulebook: Rulebook, name: str) -> bool:
    """Return whether a measure counts points lost, itself or through what its formula reads."""
    todo = [name]
    for part in todo:
        measure = rulebook.measures.get(part)
        if measure is not None and isinstance(measure.body, PointsMeasure):
            return True
        if measure is not None and isinstance(measure.body, Arithmetic):
            todo += [read for read in formula_measures(measure.body) if read not in todo]
    return False


def _place_of(pattern: Pattern, absent: bool, path: Path, notes: Notes) -> Path:
    return path_to(notes.documents, path, f"no {pattern.alias}" if absent else pattern.alias)


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
    at: Path = (*path, _KEYS[rulebook.scoring.direction])
    if rule.kind == "standard" and rule.at_most is not None:
        _check_size(rulebook, rule, rule.at_most, (*path, "at_most"), notes)
    if isinstance(rule.points, SteppedPoints):
        for place, step in enumerate(rule.points.steps):
            _check_size(rulebook, rule, step.points, (*at, place, "points"), notes)
    elif isinstance(rule.points, TablePoints):
        for value, points in rule.points.points.items():
            _check_size(rulebook, rule, points, (*at, "points", value), notes)
        by = rule.points.by
        pattern = next(pattern for pattern in rule.for_each if pattern.alias == by.source)
        shape = rulebook.types[pattern.type].fields[by.name]
        own = [test for test in pattern.tests if test.name == shape.name]
        missing = [value for value in shape.choices if meets(own, value) and value not in rule.points.points]
        if missing:
            notes.add(
                at, "shape.missing_key",
                f"the table holds no points for {', '.join(f'`{value}`' for value in missing)}",
                expected=", ".join(f"`{value}: …`" for value in missing),
            )  # fmt: skip


def _check_size(rulebook: Rulebook, rule: Rule, points: int, path: Path, notes: Notes) -> None:
    most = rulebook.standards[rule.target].points
    if points > most:
        message = f"`{rule.target}` holds {most} points, fewer than {points}"
        notes.add(path, "points.exceed", message, given=points, expected=f"at most {most}")


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
                _place_of(pattern, absent, path, notes), "absence.optional_field",
                f"`{pattern.alias}` compares `{test.name}`, which may be missing",
                given=test.name, help=f"add `{test.name}: {{present: yes, …}}` or make the field required",
            )  # fmt: skip
