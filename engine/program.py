"""A rulebook compiled once: rules for the kernel, functions for facts and measures, and how to read a firing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.candidates import Admission, compile_admission, places_of
from engine.conditions import Constants, Writer, compile_function, constants_read, split
from engine.lowering import Events, Slots, compile_absences, compile_lowering
from engine.measuring import aggregates_by_type, compile_aggregates
from engine.rete import Kernel, NetworkTooLarge
from engine.rulecode import KernelWriter
from engine.ways import ways_to_fire
from knowledge.problems import Problem, RulebookRefused
from knowledge.rulebook import Aggregate, Measure, Rulebook
from knowledge.rules import (
    FixedPoints,
    FormulaPoints,
    Match,
    MeasureTest,
    Pattern,
    Ref,
    Rule,
    SteppedPoints,
    TablePoints,
)
from knowledge.strata import Strata, clauses_of, formula_measures, measures_read, patterns_of, stratify

_BRACES = re.compile(r"\{([a-z0-9_]+)(?:\.([a-z0-9_]+))?\}")


@dataclass(frozen=True, slots=True)
class Grouped:
    """A measure with `per`, computed group by group."""

    measure: Measure
    field: str
    compute: Callable[..., tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class RulePlan:
    """How a firing of one rule is read."""

    rule: Rule
    rank: int
    """Its place among all rules by id: the order of last resort, which no file or line decides."""
    stage: int
    key: tuple[str, ...]
    """Kernel aliases of the `for_each` patterns, in their order."""
    concludes: bool
    """Whether it makes a finding or consequence."""
    points: int | None
    """What it asks for where that is the same for all; None where it is to be found out."""
    fields: tuple[tuple[int, str, str], ...]
    """What a deduction notes down: place in the key, `alias.field`, field."""
    measures: tuple[str, ...]
    grouped: tuple[str, ...]
    passing: tuple[tuple[int, Pattern], ...]
    """Places in the key whose pattern time alone may end."""
    decisive: tuple[str, ...]
    """Measures without one of which the rule is not applicable: outside `any`, with groups, of a required field."""
    daily: bool
    """Whether it concludes a finding that is another one each day, because as_of is in it."""


@dataclass(slots=True)
class Program:
    """Everything that is the same for all producers graded under one rulebook."""

    rulebook: Rulebook
    strata: Strata
    standard_plans: tuple[RulePlan, ...]
    ways: Mapping[str, tuple[RulePlan, int]]
    """By kernel rule name: the plan, and the step of its points (0 where there are none)."""
    constants: Callable[..., tuple[Any, ...]]
    slots: Slots
    texts: Mapping[Any, int]
    admission: Admission
    finders: Mapping[int, str]
    """By place of a pattern that must find something: its rule."""
    absent: Mapping[int, tuple[tuple[str, Callable[..., Sequence[str]]], ...]]
    """By stage: (type, what of it is absent)."""
    measure: Mapping[int, tuple[tuple[str, tuple[str, ...], Callable[..., tuple[Any, ...]]], ...]]
    """By stage: (type, measures, their values)."""
    grouped: Mapping[int, tuple[Grouped, ...]]
    formulas: Mapping[int, tuple[Measure, ...]]
    suspensions: Mapping[int, Mapping[str, tuple[tuple[str, Callable[..., bool]], ...]]]
    """By stage and finding type: (standard, whether a finding fits)."""
    thresholds: Mapping[str, tuple[int, ...]]
    """By days_since measure: the values at which some test on it flips; None in `daily` measures."""
    daily: frozenset[str]
    """days_since measures that a formula or conclusion reads, so that each day may change something."""
    counting_statuses: frozenset[str]
    dated: Mapping[str, str | None]
    """By type: the date field from which on a fact is seen."""


def compile_program(rulebook: Rulebook) -> tuple[Program, Kernel]:
    """Compile a rulebook; the kernel belongs to the thread that uses it.

    Raises:
        RulebookRefused: `rule.too_complex`, a rule goes beyond what the kernel can hold.
    """
    strata = stratify(rulebook.rules, rulebook.measures, rulebook.standards, rulebook.types)
    constants, slots = Constants(), Slots()
    writer = KernelWriter(rulebook, strata, constants, slots)
    plans: dict[str, RulePlan] = {}
    ways: dict[str, tuple[RulePlan, int]] = {}
    kernel_rules = []
    ranks = {name: rank for rank, name in enumerate(sorted(rule.id for rule in rulebook.rules))}
    for rule in rulebook.rules:
        plans[rule.id] = plan = _plan(rulebook, strata, rule, ranks[rule.id])
        _refuse_unkeyed_recursion(rulebook, rule)
        try:
            for number, way in enumerate(ways_to_fire(rule)):
                name = f"r{rule.index}_{number}"
                ways[name] = (plan, way.step)
                kernel_rules.append(writer.rule(name, rule, way))
        except NetworkTooLarge as error:
            raise _too_complex(rule.source, rule.id, str(error)) from error
    try:
        kernel = Kernel(kernel_rules)
    except NetworkTooLarge as error:
        raise _too_complex("rulebook.yaml:1:1", rulebook.id, str(error)) from error
    places = places_of(kernel_rules)
    lowered = {
        name: compile_lowering(logical, kernel.buckets[name], places, rulebook.calendar)
        for name, logical in writer.types.items()
        if name in kernel.buckets
    }
    measure: dict[int, tuple[tuple[str, tuple[str, ...], Callable[..., tuple[Any, ...]]], ...]] = {}
    for (stage, name), group in aggregates_by_type(rulebook.measures, strata.measures).items():
        compute = compile_aggregates(group, rulebook.types[name], constants, slots, rulebook.calendar)
        measure[stage] = (*measure.get(stage, ()), (name, tuple(one.name for one in group), compute))
    absent: dict[int, tuple[tuple[str, Callable[..., Sequence[str]]], ...]] = {}
    for (name, stage), logical in writer.absences.items():
        look = compile_absences(logical, stage, rulebook.calendar)
        absent[stage] = (*absent.get(stage, ()), (name, look))
    grouped = _by_stage(strata, _grouped(rulebook, constants, slots))
    suspensions = _suspensions(rulebook, strata, constants, slots)
    daily, thresholds = _days_since(rulebook)
    program = Program(
        rulebook=rulebook,
        strata=strata,
        standard_plans=tuple(plan for plan in plans.values() if plan.rule.kind == "standard"),
        ways=ways,
        constants=constants.compile(rulebook.calendar),
        slots=slots,
        texts=writer.texts,
        admission=compile_admission(kernel_rules, places, kernel, lowered),
        finders={
            places[pattern.marker]: ways[rule.name][0].rule.id
            for rule in kernel_rules
            for pattern in rule.patterns
            if not pattern.negated
        },
        absent=absent,
        measure=measure,
        grouped=grouped,
        formulas=_formulas(rulebook, strata),
        suspensions=suspensions,
        thresholds=thresholds,
        daily=daily,
        counting_statuses=frozenset(name for name, status in rulebook.fact_statuses.items() if status.counts),
        dated={name: kind.dated for name, kind in rulebook.types.items()},
    )
    return program, kernel


def _too_complex(place: str, name: str, why: str) -> RulebookRefused:
    problem = Problem(
        place, "rule.too_complex", f"`{name}` can't be compiled: {why}", help="split it into several rules"
    )
    return RulebookRefused(problem.message, problems=(problem,))


def _refuse_unkeyed_recursion(rulebook: Rulebook, rule: Rule) -> None:
    """Refuse a recursive finding read in `when`: what leads to it might then rest on itself."""
    read = {clause.pattern.type for clause in clauses_of(rule.when) if isinstance(clause, Match)}
    if rule.kind not in ("finding", "consequence") or not read:
        return
    needs = {
        kind: {p.type for r in rulebook.rules if r.target == kind for p, _ in patterns_of(r)} for kind in rulebook.types
    }
    seen, todo = set(read), list(read)
    while todo:
        for kind in needs[todo.pop()] - seen:
            seen.add(kind)
            todo.append(kind)
    if rule.target in seen:
        raise _too_complex(rule.source, rule.id, "it reads its own conclusion outside `for_each`")


def _plan(rulebook: Rulebook, strata: Strata, rule: Rule, rank: int) -> RulePlan:
    places = {pattern.alias: place for place, pattern in enumerate(rule.for_each)}
    tested = [(pattern.alias, test.name) for pattern in rule.for_each for test in pattern.tests]
    decisive = [("measure", name) for name in measures_read(rule)]
    noted = dict.fromkeys((*tested, *decisive, *_named_values(rule)))
    measures = [name for source, name in noted if source == "measure" and name in rulebook.measures]
    return RulePlan(
        rule=rule,
        rank=rank,
        stage=strata.rules[rule.id],
        key=tuple(f"k{place}" for place in range(len(rule.for_each))),
        concludes=rule.kind in ("finding", "consequence"),
        points=rule.points.points if isinstance(rule.points, FixedPoints) else None if rule.points else 0,
        fields=tuple((places[source], f"{source}.{name}", name) for source, name in noted if source in places),
        measures=tuple(name for name in measures if rulebook.measures[name].per is None),
        grouped=tuple(name for name in measures if rulebook.measures[name].per is not None),
        passing=tuple(
            (place, pattern)
            for place, pattern in enumerate(rule.for_each)
            if pattern.window is not None or pattern.active is not None
        ),
        decisive=_decisive(rulebook, rule),
        daily=rule.kind == "finding"
        and any(isinstance(expr, Ref) and expr.source == "as_of" for expr in rule.gives.values()),
    )


def _decisive(rulebook: Rulebook, rule: Rule) -> tuple[str, ...]:
    names = {clause.measure: None for clause in rule.when if isinstance(clause, MeasureTest)}
    if isinstance(rule.points, SteppedPoints):
        names[rule.points.measure] = None
    if isinstance(rule.points, FormulaPoints):
        names.update(dict.fromkeys(formula_measures(rule.points.formula)))
    for name, expr in rule.gives.items():
        if isinstance(expr, Ref) and expr.source == "measure":
            grouped = rulebook.measures[expr.name].per is not None
            if grouped or not rulebook.types[rule.target].fields[name].optional:
                names[expr.name] = None
    return tuple(names)


def _named_values(rule: Rule) -> Iterator[tuple[str, str]]:
    """Yield (alias or `measure`, name) for what the rule's conclusion, points and sentence read."""
    refs = [expr for expr in rule.gives.values() if isinstance(expr, Ref)]
    if isinstance(rule.points, FormulaPoints):
        refs += _refs(rule.points.formula)
    if isinstance(rule.points, TablePoints):
        refs.append(rule.points.by)
    yield from ((ref.source, ref.name) for ref in refs)
    if rule.because is not None:
        for source, name in _BRACES.findall(rule.because.zh + (rule.because.en or "")):
            yield (source, name) if name else ("measure", source)


def _refs(formula: Any) -> list[Ref]:
    if isinstance(formula, Ref):
        return [formula]
    return [ref for arg in getattr(formula, "args", ()) for ref in _refs(arg)]


def _grouped(rulebook: Rulebook, constants: Constants, slots: Slots) -> Iterator[Grouped]:
    for measure in rulebook.measures.values():
        if measure.per is not None and isinstance(measure.body, Aggregate):
            kind = rulebook.types[measure.body.pattern.type]
            compute = compile_aggregates([measure], kind, constants, slots, rulebook.calendar)
            yield Grouped(measure, measure.per, compute)


def _by_stage(strata: Strata, groups: Iterator[Grouped]) -> dict[int, tuple[Grouped, ...]]:
    out: dict[int, tuple[Grouped, ...]] = {}
    for group in groups:
        stage = strata.measures[group.measure.name]
        out[stage] = (*out.get(stage, ()), group)
    return out


def _formulas(rulebook: Rulebook, strata: Strata) -> dict[int, tuple[Measure, ...]]:
    """Return formulas and points measures by stage, each after the measures it reads."""
    out: dict[int, list[Measure]] = {}
    done = {name for name, measure in rulebook.measures.items() if isinstance(measure.body, Aggregate)}
    left = [measure for measure in rulebook.measures.values() if measure.name not in done]
    while left:
        ready = [measure for measure in left if all(ref.name in done for ref in _refs(measure.body))]
        assert ready, "stratify refuses cycles of formulas"
        for measure in ready:
            out.setdefault(strata.measures[measure.name], []).append(measure)
            done.add(measure.name)
        left = [measure for measure in left if measure.name not in done]
    return {stage: tuple(measures) for stage, measures in out.items()}


def _suspensions(
    rulebook: Rulebook, strata: Strata, constants: Constants, slots: Slots
) -> dict[int, dict[str, tuple[tuple[str, Callable[..., bool]], ...]]]:
    out: dict[int, dict[str, tuple[tuple[str, Callable[..., bool]], ...]]] = {}
    for standard in rulebook.standards.values():
        if standard.suspended_by is not None:
            kind = standard.suspended_by.type
            by_kind = out.setdefault(strata.types[kind] + 1, {})
            fits = _matcher(rulebook, standard.suspended_by, constants, slots)
            by_kind[kind] = (*by_kind.get(kind, ()), (standard.id, fits))
    return out


def _matcher(rulebook: Rulebook, pattern: Pattern, constants: Constants, slots: Slots) -> Callable[..., bool]:
    """Return `fits(v, T, K, H)`: whether values certainly fit a pattern."""
    writer, events = Writer(constants), Events()
    parts = split(pattern, rulebook.types[pattern.type], writer)
    timed = [condition for _, condition in parts.alone if condition.timed]
    events.note(parts.timeless, timed, constants, slots)
    body = events.lines()
    names = [f"{name} = {code}" for code, name in writer.local.items()]
    lines = "".join(f"    {line}\n" for line in (*constants_read((*names, *body, parts.true)), *names, *body))
    source = f"def fits(v, T, K, H):\n{lines}    return {parts.true}\n"
    compiled: Callable[..., bool] = compile_function(source, rulebook.calendar)
    return compiled


def _days_since(rulebook: Rulebook) -> tuple[frozenset[str], dict[str, tuple[int, ...]]]:
    counting = {
        name
        for name, measure in rulebook.measures.items()
        if isinstance(measure.body, Aggregate) and measure.body.how == "days_since"
    }
    daily: set[str] = set()
    limits: dict[str, set[int]] = {name: set() for name in counting}
    for measure in rulebook.measures.values():
        if not isinstance(measure.body, Aggregate):
            daily |= {ref.name for ref in _refs(measure.body)} & counting
    for rule in rulebook.rules:
        read: list[tuple[str, Sequence[Any]]] = [
            (clause.measure, clause.tests) for clause in clauses_of(rule.when) if isinstance(clause, MeasureTest)
        ]
        if isinstance(rule.points, SteppedPoints):
            read += [(rule.points.measure, step.tests) for step in rule.points.steps]
        if isinstance(rule.points, FormulaPoints):
            daily |= {ref.name for ref in _refs(rule.points.formula)} & counting
        daily |= {e.name for e in rule.gives.values() if isinstance(e, Ref) and e.source == "measure"} & counting
        for name, tests in read:
            for test in tests:
                if name in counting and isinstance(test.operand, Ref):
                    daily.add(name)
                elif name in counting:
                    values = test.operand if isinstance(test.operand, tuple) else (getattr(test.operand, "value", 0),)
                    limits[name] |= {int(value) for value in values if value is not None}
    return frozenset(daily), {name: tuple(sorted(values)) for name, values in limits.items()}
