"""In which order rules and measures may be decided: stratified Datalog with aggregates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from knowledge.rulebook import Aggregate, FactType, Measure, PointsMeasure, Standard
from knowledge.rules import (
    Absent,
    AnyOf,
    Arithmetic,
    Clause,
    Formula,
    FormulaPoints,
    Match,
    MeasureTest,
    Pattern,
    Ref,
    Rule,
    SteppedPoints,
)

Node: TypeAlias = tuple[str, str]
Edges: TypeAlias = Mapping[Node, Sequence[tuple[Node, int]]]


class Cycle(Exception):
    """Rules depend on their own absence or on a measure of their own conclusions."""

    def __init__(self, cycles: Sequence[Sequence[str]]) -> None:
        super().__init__("; ".join(" → ".join(names) for names in cycles))
        self.cycles = tuple(tuple(names) for names in cycles)
        """Each cycle spelled out, its first name repeated at the end."""


@dataclass(frozen=True, slots=True)
class Strata:
    """The stage at which each rule, measure and type is decided; consequences begin at `graded`."""

    rules: Mapping[str, int]
    measures: Mapping[str, int]
    types: Mapping[str, int]
    graded: int
    last: int


def stratify(
    rules: Iterable[Rule],
    measures: Mapping[str, Measure],
    standards: Mapping[str, Standard],
    types: Mapping[str, FactType],
) -> Strata:
    """Return the lowest stage for everything.

    An absence of, or a measure over, concluded facts waits one stage for them. Rules that conclude
    consequences, and measures that only they may use, start at `graded`, after all others.

    Raises:
        Cycle: an absence or measure waits for itself, or a rule that decides the grade reads a consequence.
    """
    rules = tuple(rules)
    edges = _edges(rules, measures, standards, types)
    before = {("rule", rule.id) for rule in rules if rule.kind != "consequence"}
    early = _reach(edges, before)
    late = early & {("type", name) for name, kind in types.items() if kind.origin == "consequence"}
    late |= {node for node in early if node == ("grade", "")}
    if late:
        node = min(late)
        start = next(node for node in sorted(before) if _path(edges, node, min(late)))
        raise Cycle([_spelled([*(name or kind for kind, name in _path(edges, start, node) or ()), start[1]])])
    stages = _longest(edges, early, {})
    graded = max((stages[node] for node in early), default=0) + 1
    stages[("grade", "")] = graded
    everything = set(edges)
    floor = {("rule", rule.id): graded for rule in rules if rule.kind == "consequence"}
    stages = _longest(edges, everything, stages | floor)
    return Strata(
        rules={rule.id: stages[("rule", rule.id)] for rule in rules},
        measures={name: stages.get(("measure", name), 0) for name in measures},
        types={name: stages.get(("type", name), 0) for name in types},
        graded=graded,
        last=max((*stages.values(), graded)),
    )


def measures_read(rule: Rule) -> Iterator[str]:
    """Yield the measures that decide a rule, its points and what it gives (repeats possible)."""
    for clause in clauses_of(rule.when):
        if isinstance(clause, MeasureTest):
            yield clause.measure
    if isinstance(rule.points, SteppedPoints):
        yield rule.points.measure
    if isinstance(rule.points, FormulaPoints):
        yield from formula_measures(rule.points.formula)
    for expr in rule.gives.values():
        if isinstance(expr, Ref) and expr.source == "measure":
            yield expr.name


def formula_measures(formula: Formula) -> Iterator[str]:
    """Yield the measures that a formula reads (repeats possible)."""
    if isinstance(formula, Ref) and formula.source == "measure":
        yield formula.name
    elif isinstance(formula, Arithmetic):
        for arg in formula.args:
            yield from formula_measures(arg)


def clauses_of(clauses: Sequence[Clause]) -> Iterator[Clause]:
    """Yield clauses and, after each AnyOf, everything inside it."""
    for clause in clauses:
        yield clause
        if isinstance(clause, AnyOf):
            for alternative in clause.alternatives:
                yield from clauses_of(alternative)


def patterns_of(rule: Rule) -> Iterator[tuple[Pattern, bool]]:
    """Yield every pattern of a rule and whether it is an absence."""
    for pattern in rule.for_each:
        yield pattern, False
    for clause in clauses_of(rule.when):
        if isinstance(clause, Match | Absent):
            yield clause.pattern, isinstance(clause, Absent)


def _edges(
    rules: Sequence[Rule],
    measures: Mapping[str, Measure],
    standards: Mapping[str, Standard],
    types: Mapping[str, FactType],
) -> dict[Node, list[tuple[Node, int]]]:
    edges: dict[Node, list[tuple[Node, int]]] = {("grade", ""): []}
    for name, kind in types.items():
        if kind.origin != "fact":
            edges[("type", name)] = []
    for rule in rules:
        node: Node = ("rule", rule.id)
        needs = edges.setdefault(node, [])
        for pattern, negated in patterns_of(rule):
            if ("type", pattern.type) in edges:
                needs.append((("type", pattern.type), int(negated)))
        needs.extend((("measure", name), 0) for name in dict.fromkeys(measures_read(rule)))
        if rule.kind == "consequence":
            needs.append((("grade", ""), 0))
        elif rule.kind == "standard" and (suspension := standards[rule.target].suspended_by) is not None:
            needs.append((("type", suspension.type), 1))
        if rule.kind in ("finding", "consequence"):
            edges[("type", rule.target)].append((node, 0))
    for measure in measures.values():
        edges[("measure", measure.name)] = list(_measure_needs(measure, types))
    return edges


def _measure_needs(measure: Measure, types: Mapping[str, FactType]) -> Iterator[tuple[Node, int]]:
    match measure.body:
        case Aggregate(pattern=pattern):
            if types[pattern.type].origin != "fact":
                yield ("type", pattern.type), 1
        case PointsMeasure():
            yield ("grade", ""), 0
        case Arithmetic() as formula:
            for name in dict.fromkeys(formula_measures(formula)):
                yield ("measure", name), 0


def _reach(edges: Edges, start: Iterable[Node]) -> set[Node]:
    seen, todo = set(start), list(start)
    while todo:
        for node, _ in edges[todo.pop()]:
            if node not in seen:
                seen.add(node)
                todo.append(node)
    return seen


def _longest(edges: Edges, nodes: set[Node], floor: Mapping[Node, int]) -> dict[Node, int]:
    stages = {node: floor.get(node, 0) for node in nodes} | dict(floor)
    for _ in range(len(nodes) + 1):
        changed = False
        for node in nodes:
            stage = max((stages[need] + wait for need, wait in edges[node]), default=0)
            if stage > stages[node]:
                stages[node], changed = stage, True
        if not changed:
            return stages
    raise Cycle(list(_cycles(edges, nodes)))


def _cycles(edges: Edges, nodes: set[Node]) -> Iterator[list[str]]:
    """Yield cycles that wait for themselves, none of which shares anything with another."""
    told: set[Node] = set()
    for node in sorted(nodes):
        for need, wait in edges[node]:
            if wait and node not in told and (back := _path(edges, need, node)) is not None:
                told |= set(back)
                yield _spelled([name for _, name in [node, *back]])


def _spelled(names: Sequence[str]) -> list[str]:
    """Return the names without those that repeat the one before, as a rule does what it concludes."""
    told = [name for name, before in zip(names, [None, *names], strict=False) if name != before]
    return told if len(told) > 1 else [*told, *told]


def _path(edges: Edges, start: Node, goal: Node) -> list[Node] | None:
    came: dict[Node, Node | None] = {start: None}
    todo = [start]
    while todo:
        node = todo.pop(0)
        if node == goal:
            path = [node]
            while (previous := came[path[0]]) is not None:
                path.insert(0, previous)
            return path
        for need, _ in edges[node]:
            if need not in came:
                came[need] = node
                todo.append(need)
    return None
