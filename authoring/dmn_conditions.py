"""The cells of a decision table as conditions of rules: alternatives, each a set of things that must all hold."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from authoring.dmn_names import Names, NotCarried, Variable, bracketed, parts, scaled, times, written
from authoring.feel import OPPOSITE, Compare, Every, Expr, Lit, Name, Not, Op, Some, Test

MOST_WAYS: Final = 64
_NUMBERS: Final[dict[Op, str]] = {"=": "is", "!=": "not", "<": "below", "<=": "at_most", ">": "above", ">=": "at_least"}
_DATES: Final[dict[Op, str]] = {"=": "is", "!=": "not", "<": "before", "<=": "up_to", ">": "after", ">=": "from"}
_EQUAL: Final[dict[Op, str]] = {"=": "is", "!=": "not"}
_MIRROR: Final[dict[Op, Op]] = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Atom:
    """One thing that must hold: a test on a variable or a measure, or that a decision gave nothing.

    Values are literals, tuples of them, or another variable.
    """

    on: Variable | str
    """A variable, or the name of a measure."""
    word: str
    value: Any

    @property
    def is_absence(self) -> bool:
        """Whether it asks that a decision gave no such value."""
        return (
            isinstance(self.on, Variable)
            and self.on.decision is not None
            and (self.word, self.value) == ("present", "no")
        )


Way = tuple[Atom, ...]


@dataclass(slots=True)
class Conditions:
    """Makes conditions; the measures that they need are collected."""

    names: Names
    formulas: dict[str, str] = field(default_factory=dict)
    """Measures by their formula."""
    computed: dict[Variable, None] = field(default_factory=dict)
    """The variables that formulas read, in the order in which they were met."""

    def ways(self, inputs: Sequence[Expr], tests: Sequence[Test]) -> list[Way]:
        """Return the alternatives of a row; none: it never matches.

        Raises:
            NotCarried: there are too many, or a test is none of a rulebook's.
        """
        cells = [self._ways(expr, test) for expr, test in zip(inputs, tests, strict=True)]
        return self._all(cells)

    def formula(self, expr: Expr) -> str:
        """Return the measure that holds an expression's whole-number value.

        Raises:
            NotCarried: it may have fractions, or isn't arithmetic.
        """
        text, below = scaled(expr, self.names)
        if below != 1:
            raise NotCarried("the result may have fractions, and rules compute with whole numbers")
        return self._measure(text, parts(expr))

    def read(self, variable: Variable) -> str:
        """Return the measure that holds a number of a variable."""
        self.computed[variable] = None
        return variable.measure

    def _measure(self, text: str, read: Iterable[Name]) -> str:
        for name in read:
            self.read(self.names.of(name))
        return self.formulas.setdefault(text, f"x_{len(self.formulas) + 1}")

    def _all(self, cells: Sequence[list[Way]]) -> list[Way]:
        if math.prod(len(cell) for cell in cells) > MOST_WAYS:
            raise NotCarried(f"it has more than {MOST_WAYS} alternatives; split it")
        joined = (tuple(dict.fromkeys(itertools.chain(*way))) for way in itertools.product(*cells))
        return [way for way in dict.fromkeys(joined) if not _is_contradiction(way)]

    def _ways(self, expr: Expr, test: Test) -> list[Way]:
        match test:
            case Every(tests):
                return self._all([self._ways(expr, one) for one in tests])
            case Some(tests):
                listed = self._listed(expr, tests)
                return listed or [way for one in tests for way in self._ways(expr, one)]
            case Not(Some(tests)) if listed := self._listed(expr, tests):
                ((atom,),) = listed
                return [(Atom(atom.on, "not_in", atom.value),), *self._missing(expr)]
            case Not(inner):
                return self._ways(expr, _opposite(inner))
            case Compare(op, other):
                return self._compared(expr, op, other)

    def _listed(self, expr: Expr, tests: Sequence[Test]) -> list[Way] | None:
        """Return a list of literals as one test, where it is nothing else."""
        values = [
            test.with_.value
            for test in tests
            if isinstance(test, Compare) and test.op == "=" and isinstance(test.with_, Lit)
        ]
        if not isinstance(expr, Name) or len(values) != len(tests) or None in values:
            return None
        variable = self.names.of(expr)
        if variable.kind == "whole" and any(value != int(value) for value in values if isinstance(value, Decimal)):
            return None
        found = tuple(self.names.literal(value, variable.kind) for value in values if value is not None)
        return [(Atom(variable, "in", found),)]

    def _compared(self, left: Expr, op: Op, right: Expr) -> list[Way]:
        both_missing = self._all([self._missing(left), self._missing(right)])
        if op == "=":
            return [*self._held(left, op, right), *both_missing]
        if op == "!=":
            one = self._all([self._missing(left), self._present(right)])
            other = self._all([self._present(left), self._missing(right)])
            return [*self._held(left, op, right), *one, *other]
        if Lit(None) in (left, right):
            raise NotCarried("nothing is greater or less than null")
        return self._held(left, op, right)

    def _missing(self, expr: Expr) -> list[Way]:
        if isinstance(expr, Lit):
            return [()] if expr.value is None else []
        return [(Atom(self.names.of(name), "present", "no"),) for name in dict.fromkeys(parts(expr))]

    def _present(self, expr: Expr) -> list[Way]:
        if isinstance(expr, Lit):
            return [] if expr.value is None else [()]
        return [tuple(Atom(self.names.of(name), "present", "yes") for name in dict.fromkeys(parts(expr)))]

    def _held(self, left: Expr, op: Op, right: Expr) -> list[Way]:
        """Return when two values that are both there compare so."""
        if Lit(None) in (left, right):
            return []
        if isinstance(left, Lit) and isinstance(right, Name):
            left, right, op = right, left, _MIRROR[op]
        if isinstance(left, Name) and isinstance(right, Lit):
            return self._literal(self.names.of(left), op, right)
        if isinstance(left, Name) and isinstance(right, Name):
            found = self._referring(self.names.of(left), op, self.names.of(right))
            if found is not None:
                return found
        (one, below), (other, under) = scaled(left, self.names), scaled(right, self.names)
        common = math.lcm(below, under)
        text = f"{times(one, common // below)} - {bracketed(times(other, common // under))}"
        return [(Atom(self._measure(text, (*parts(left), *parts(right))), _NUMBERS[op], 0),)]

    def _referring(self, left: Variable, op: Op, right: Variable) -> list[Way] | None:
        """Return a comparison of two variables as a reference; None where it must be computed."""
        if left.kind != right.kind:
            if {left.kind, right.kind} == {"whole", "decimal"}:
                raise NotCarried(f"`{left.label}` and `{right.label}` differ in decimal places")
            raise NotCarried(f"`{left.label}` is {left.kind}, and `{right.label}` {right.kind}")
        if right.decision is not None and left.decision is None:
            left, right, op = right, left, _MIRROR[op]
        if right.decision is not None:
            if left.kind == "whole":
                return None
            raise NotCarried(f"two decisions of the kind {left.kind} are compared")
        return [(Atom(left, self._word(left, op), right),)]

    def _literal(self, variable: Variable, op: Op, literal: Lit) -> list[Way]:
        value = literal.value
        if variable.kind == "whole" and isinstance(value, Decimal) and value != value.to_integral_value():
            low, high = Decimal(math.floor(value)), Decimal(math.ceil(value))
            if op == "=":
                return []
            if op == "!=":
                return [(Atom(variable, "present", "yes"),)]
            value, op = (high, "<") if op in ("<", "<=") else (low, ">")
        assert value is not None
        return [(Atom(variable, self._word(variable, op), self.names.literal(value, variable.kind)),)]

    def _word(self, variable: Variable, op: Op) -> str:
        words = {"decimal": _NUMBERS, "whole": _NUMBERS, "date": _DATES}.get(variable.kind, _EQUAL)
        if op not in words:
            raise NotCarried(f"`{op}` compares numbers and dates, and `{variable.label}` is {variable.kind}")
        return words[op]


def clauses(way: Way) -> list[dict[str, Any]]:
    """Return one alternative as the clauses of a rule.

    Raises:
        NotCarried: one value of a decision is tested twice in the same way.
    """
    found: list[dict[str, Any]] = []
    patterns: dict[str, dict[str, dict[str, Any]]] = {}
    for atom in way:
        if isinstance(atom.on, str):
            found.append({"measure": atom.on, atom.word: atom.value})
        elif atom.on.decision is None:
            found.append({"producer": {atom.on.name: _tested(atom)}})
        elif atom.is_absence:
            given = {"is": atom.on.decision, "where": {atom.on.name: {"present": "yes"}}}
            found.append({f"no {atom.on.decision}_{atom.on.name}": given})
        else:
            tests = patterns.setdefault(atom.on.decision, {}).setdefault(atom.on.name, {})
            if tests.get(atom.word, written(atom.value)) != written(atom.value):
                raise NotCarried(f"`{atom.on.label}` is tested twice with `{atom.word}` in one row")
            tests[atom.word] = written(atom.value)
    for name, where in patterns.items():
        tests = {field: _short(own) for field, own in where.items()}
        found.append({f"the_{name}": {"is": name, "where": tests}})
    return list(_merged(found))


def _is_contradiction(way: Way) -> bool:
    """Say whether a value is asked to be missing and to be something."""
    missing = {atom.on for atom in way if (atom.word, atom.value) == ("present", "no")}
    return any(atom.on in missing and (atom.word, atom.value) != ("present", "no") for atom in way)


def _short(tests: dict[str, Any]) -> Any:
    """Return tests as they are written: equality with a literal bare."""
    bare = tests.get("is") if len(tests) == 1 else None
    return tests if bare is None or isinstance(bare, dict) else bare


def _tested(atom: Atom) -> Any:
    value = written(atom.value)
    return value if atom.word in ("in", "is") and not isinstance(value, dict) else {atom.word: value}


def _merged(found: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield clauses, with the two ends of a range in one."""
    kept: dict[str, dict[str, Any]] = {}
    for clause in found:
        test = clause.get("producer")
        name = next(iter(test)) if test is not None else None
        if name is None or not isinstance(clause["producer"][name], dict) or "text" in clause["producer"][name]:
            yield clause
        elif name in kept and not kept[name].keys() & clause["producer"][name].keys():
            kept[name].update(clause["producer"][name])
        else:
            kept[name] = clause["producer"][name]
            yield clause


def _opposite(test: Test) -> Test:
    match test:
        case Compare(op, other):
            return Compare(OPPOSITE[op], other)
        case Every(tests):
            return Some(tuple(_opposite(one) for one in tests))
        case Some(tests):
            return Every(tuple(_opposite(one) for one in tests))
        case Not(inner):
            return inner
