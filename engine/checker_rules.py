"""Rules as plain nested loops: every complete way of satisfying a rule, found by direct matching."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

from engine.checker_code import (
    FAIL,
    UNKNOWN,
    Lexicon,
    aliases_of,
    formula_refs,
    formula_text,
    lines_of_test,
    measured_field,
    order_of,
    pattern_checks,
    settle,
)
from engine.sources import code_of
from knowledge.rulebook import Rulebook
from knowledge.rules import (
    Absent,
    AnyOf,
    Clause,
    DateTest,
    FixedPoints,
    FormulaPoints,
    Match,
    MeasureTest,
    OutcomeTest,
    Pattern,
    ProducerTest,
    Ref,
    Rule,
    SteppedPoints,
    TablePoints,
    Value,
)

Hits: TypeAlias = dict[tuple[str, ...], tuple[set[str], int, dict[str, Value]]]
"""By key: premises, points asked, values concluded."""
WayFunction: TypeAlias = Callable[..., bool]
"""Adds what one way finds to the `Hits` of its rule, by the rule's place; returns whether some stayed unknown."""


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """A rule ready to be matched."""

    rule: Rule
    ways: tuple[tuple[int, WayFunction], ...]
    """Each with the types it binds, as bits of the lexicon: without a fact of each it finds nothing."""
    needs: int
    """The measures and the standard, as bits, without which it is not applicable."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """A pattern that binds a fact; `n` numbers its variables."""

    n: int
    pattern: Pattern
    scope: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Way:
    """One choice of an alternative in each AnyOf: patterns that bind, and everything else."""

    bound: tuple[_Bound, ...]
    rest: tuple[tuple[Clause, Mapping[str, str]], ...]


def compile_rules(lexicon: Lexicon) -> tuple[CheckedRule, ...]:
    """Compile every rule, in the rulebook's order."""
    names = lexicon.names
    names["groups"] = _groups
    ways: list[list[tuple[int, str]]] = []
    for place, rule in enumerate(lexicon.rulebook.rules):
        ways.append([])
        for number, way in enumerate(_ways_of(rule)):
            name = f"rule_{place}_{number}"
            bits = {lexicon.bits["type", bound.pattern.type] for bound in way.bound}
            ways[-1].append((sum(bits), name))
            source = "\n".join(_WayText(lexicon, rule, place, way).lines(name))
            exec(code_of(source), names)  # noqa: S102  # text made from the rulebook's meaning, all literals by repr
    return tuple(
        CheckedRule(rule, tuple((bits, names[name]) for bits, name in own), _needs(lexicon, rule))
        for rule, own in zip(lexicon.rulebook.rules, ways, strict=True)
    )


def decisive_measures(book: Rulebook, rule: Rule) -> list[str]:
    """Return the measures without which a rule has nothing to measure.

    Those are what its top level and its points read, what it gives to a required field, and whatever has groups.
    """
    names = [clause.measure for clause in rule.when if isinstance(clause, MeasureTest)]
    if isinstance(rule.points, SteppedPoints):
        names.append(rule.points.measure)
    if isinstance(rule.points, FormulaPoints):
        names += [ref.name for ref in formula_refs(rule.points.formula) if ref.source == "measure"]
    for name, expr in rule.gives.items():
        if isinstance(expr, Ref) and expr.source == "measure":
            required = not book.types[rule.target].fields[name].optional
            names += [expr.name] if required or book.measures[expr.name].per is not None else []
    return list(dict.fromkeys(names))


def _needs(lexicon: Lexicon, rule: Rule) -> int:
    needs = [("measure", name) for name in decisive_measures(lexicon.rulebook, rule)]
    if rule.kind == "standard":
        needs.append(("standard", rule.target))
    return sum(lexicon.bits[need] for need in needs)


def _groups(*tables: Mapping[Value, Value | None]) -> list[Value]:
    return [group for group in tables[0] if all(table.get(group) is not None for table in tables)]


def _ways_of(rule: Rule) -> list[_Way]:
    numbers = count()
    keys = tuple((next(numbers), pattern) for pattern in rule.for_each)
    scope = {pattern.alias: f"v{n}" for n, pattern in keys}
    ways = _expand(rule.when, scope, numbers)
    # Patterns of for_each may read what `when` binds.
    return [
        _Way((*(_Bound(n, pattern, outer) for n, pattern in keys), *way.bound), way.rest)
        for way, outer in ((way, _outermost(rule, way, scope)) for way in ways)
    ]


def _outermost(rule: Rule, way: _Way, scope: Mapping[str, str]) -> dict[str, str]:
    own = [clause.pattern for clause in rule.when if isinstance(clause, Match)]
    return {**scope, **{b.pattern.alias: f"v{b.n}" for b in way.bound if any(b.pattern is p for p in own)}}


def _expand(clauses: Sequence[Clause], scope: Mapping[str, str], numbers: Iterator[int]) -> list[_Way]:
    matched = [(next(numbers), clause.pattern) for clause in clauses if isinstance(clause, Match)]
    inner = {**scope, **{pattern.alias: f"v{n}" for n, pattern in matched}}
    rest = tuple((clause, inner) for clause in clauses if not isinstance(clause, Match | AnyOf))
    ways = [_Way(tuple(_Bound(n, pattern, inner) for n, pattern in matched), rest)]
    for clause in clauses:
        if isinstance(clause, AnyOf):
            chosen = [way for alternative in clause.alternatives for way in _expand(alternative, inner, numbers)]
            ways = [_Way(a.bound + b.bound, a.rest + b.rest) for a in ways for b in chosen]
    return ways


class _WayText:
    """Writes one way of one rule as a function of nested loops, each condition as early as its values are bound."""

    def __init__(self, lexicon: Lexicon, rule: Rule, place: int, way: _Way) -> None:
        self.lexicon, self.rule, self.place, self.way = lexicon, rule, place, way
        self.book = lexicon.rulebook
        self.depth = {f"v{bound.n}": depth for depth, bound in enumerate(way.bound, 1)}
        self.at: list[list[str]] = [[] for _ in range(len(way.bound) + 1)]
        self.grouped = [name for name in decisive_measures(self.book, rule) if self.book.measures[name].per is not None]

    def lines(self, name: str) -> list[str]:
        """Return the whole function."""
        out = [f"def {name}(t, m, p, w, day, o, found):", " unknown = False", " u0 = False"]
        indent = " "
        if self.grouped:
            tables = ", ".join(self._measure(name) for name in self.grouped)
            out.append(f"{indent}for g in groups({tables}):")
            indent += " "
            out.append(f"{indent}u0 = False")
        self._place_checks()
        for depth in range(len(self.at)):
            if depth:
                out += [indent + line for line in self._loop(depth)]
                indent += " "
                out += [f"{indent}u{depth} = u{depth - 1}"]
                out += [f"{indent}if i{depth} == i{other}: continue" for other in self._twins(depth)]
            fail = "continue" if depth or self.grouped else "return unknown"
            out += [indent + line for line in settle(self.at[depth], fail=fail, unknown=f"u{depth} = True")]
        fail = "continue" if len(self.at) > 1 or self.grouped else "return unknown"
        out += [indent + line for line in settle(self._record(), fail=fail, unknown=f"unknown = True; {fail}")]
        return [*out, " return unknown"]

    def _loop(self, depth: int) -> list[str]:
        place = self.lexicon.types[self.way.bound[depth - 1].pattern.type]
        return [f"for i{depth}, v{self.way.bound[depth - 1].n} in t[{place}]:"]

    def _twins(self, depth: int) -> list[int]:
        kind = self.way.bound[depth - 1].pattern.type
        return [other for other in range(1, depth) if self.way.bound[other - 1].pattern.type == kind]

    def _place_checks(self) -> None:
        if isinstance(self.rule.points, SteppedPoints):
            self.at[0] += self._steps(self.rule.points)
        for clause, scope in self.way.rest:
            if isinstance(clause, Absent):
                continue
            for lines, depth in self._clause(clause, scope):
                self.at[depth] += lines
        for depth, bound in enumerate(self.way.bound, 1):
            for lines, reads in pattern_checks(self.lexicon, bound.pattern, f"v{bound.n}", bound.scope):
                self.at[max([depth, *(self.depth[bound.scope[alias]] for alias in reads)])] += lines
        for clause, scope in self.way.rest:
            if isinstance(clause, Absent):
                self._absence(clause.pattern, scope)

    def _clause(self, clause: Clause, scope: Mapping[str, str]) -> Iterator[tuple[list[str], int]]:
        match clause:
            case MeasureTest():
                read = self._measure(clause.measure)
                if self.book.measures[clause.measure].per is not None:
                    read += "[g]"
                order = order_of(measured_field(self.book, self.book.measures[clause.measure]))
                for test in clause.tests:
                    yield lines_of_test(self.lexicon, test, read, scope, order=order), 0
            case ProducerTest():
                for test in clause.tests:
                    order = order_of(self.book.attributes.get(test.name))
                    lines = lines_of_test(self.lexicon, test, f"p.get({test.name!r})", scope, order=order)
                    yield lines, self._deepest(scope, aliases_of(test.operand))
            case DateTest(test=test):
                yield lines_of_test(self.lexicon, test, "day", scope), self._deepest(scope, aliases_of(test.operand))
            case OutcomeTest():
                yield _outcome_lines(clause), 0
            case _:
                raise AssertionError(clause)

    def _deepest(self, scope: Mapping[str, str], aliases: Iterator[str]) -> int:
        return max((self.depth[scope[alias]] for alias in aliases), default=0)

    def _absence(self, pattern: Pattern, scope: Mapping[str, str]) -> None:
        twins = [depth for depth, bound in enumerate(self.way.bound, 1) if bound.pattern.type == pattern.type]
        depth = max(twins, default=0)
        inner: list[str] = [f"if i == i{twin}: continue" for twin in twins]
        missing: list[str] = []
        for lines, reads in pattern_checks(self.lexicon, pattern, "v", scope):
            inner += settle(lines, fail="continue", unknown="seen = 1")
            depth = max([depth, *(self.depth[scope[alias]] for alias in reads)])
        for test in pattern.tests:
            if any(alias not in ("this", pattern.alias) for alias in aliases_of(test.operand)):
                assert isinstance(test.operand, Ref)
                missing.append(f"{self.lexicon.value(test.operand, scope)} is None")
        # hit: 0 nothing fits, 1 something might fit or cannot be told, 2 something fits
        loop = [
            "hit = 0",
            f"for i, v in t[{self.lexicon.types[pattern.type]}]:",
            " seen = 2",
            *(f" {x}" for x in inner),
        ]
        loop += [" if seen > hit: hit = seen", " if hit == 2: break"]
        if missing:
            loop = [f"if {' or '.join(missing)}: hit = 1", "else:", *(f" {x}" for x in loop)]
        self.at[depth] += [*loop, f"if hit == 2: {FAIL}", f"if hit == 1: {UNKNOWN}"]

    def _measure(self, name: str) -> str:
        return f"m[{self.lexicon.measures[name]}]"

    def _steps(self, points: SteppedPoints) -> list[str]:
        measure = self.book.measures[points.measure]
        read = self._measure(points.measure) + ("[g]" if measure.per is not None else "")
        order = order_of(measured_field(self.book, measure))
        lines = ["points = None"]
        for step in points.steps:
            lines += ["while points is None:"]
            for test in step.tests:
                tests = lines_of_test(self.lexicon, test, read, {}, order=order)
                lines += [f" {line}" for line in settle(tests, fail="break", unknown="break")]
            lines += [f" points = {step.points}"]
        return [*lines, f"if points is None: {FAIL}"]

    def _points(self) -> list[str]:
        points = self.rule.points
        scope = {bound.pattern.alias: f"v{bound.n}" for bound in self.way.bound[: len(self.rule.for_each)]}
        match points:
            case None:
                return ["points = 0"]
            case FixedPoints():
                return [f"points = {points.points}"]
            case TablePoints():
                table = self.lexicon.constant(dict(points.points))
                read = self.lexicon.value(points.by, scope)
                return [
                    f"x = {read}",
                    f"if x is None: {UNKNOWN}",
                    f"points = {table}.get(x)",
                    f"if points is None: {FAIL}",
                ]
            case FormulaPoints(formula=formula):
                read_by = {
                    ref: self._reading(ref) if ref.source == "measure" else self.lexicon.value(ref, scope)
                    for ref in formula_refs(formula)
                }
                leaves: dict[str, str] = {}
                text = formula_text(formula, leaves, read_by)
                lines = [f"{leaf} = {code}" for leaf, code in leaves.items()]
                lines += [f"if {leaf} is None: {UNKNOWN}" for leaf in leaves]
                return [*lines, f"try: points = max(0, {text})", f"except ZeroDivisionError: {FAIL}"]
            case _:
                return []

    def _reading(self, ref: Ref) -> str:
        return self._measure(ref.name) + (".get(g)" if self.book.measures[ref.name].per is not None else "")

    def _record(self) -> list[str]:
        bound = range(1, len(self.way.bound) + 1)
        key = [f"i{depth}" for depth in range(1, len(self.rule.for_each) + 1)]
        group = ["('yes' if g is True else 'no' if g is False else str(g))"] if self.grouped else []
        scope = {b.pattern.alias: f"v{b.n}" for b in self.way.bound}
        gives = ", ".join(
            f"{name!r}: "
            + (
                self._reading(expr)
                if isinstance(expr, Ref) and expr.source == "measure"
                else self.lexicon.value(expr, scope)
            )
            for name, expr in self.rule.gives.items()
        )
        ids = "".join(f"i{depth}, " for depth in bound)
        unless = [] if self.rule.unknown_fires else [f"if u{len(self.at) - 1}: {UNKNOWN}"]
        return [
            *self._points(),
            *unless,
            f"key = ({''.join(f'{part}, ' for part in key + group)})",
            f"fired = found.get({self.place})",
            f"if fired is None: fired = found[{self.place}] = {{}}",
            "hit = fired.get(key)",
            f"if hit is None: fired[key] = (set(({ids})), points, {{{gives}}})",
            *([f"else: hit[0].update(({ids}))"] if ids else []),
        ]


def _outcome_lines(clause: OutcomeTest) -> list[str]:
    if clause.what in ("grade", "score_grade"):
        holds = f"o[{clause.what!r}] in {clause.names!r}"
    elif clause.names:
        holds = f"not o[{clause.what!r}].isdisjoint({clause.names!r})"
    else:
        holds = f"bool(o[{clause.what!r}])"
    return [f"if {holds}: {FAIL}" if clause.negated else f"if not ({holds}): {FAIL}"]
