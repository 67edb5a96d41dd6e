"""What FEEL texts mean, as trees: values, conditions, and tests of one value. Nothing is evaluated here.

A condition is true, false or null. `opposite` is true where it is false, `Untrue` where it is false or null.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal, TypeAlias

Op: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]
Function: TypeAlias = Literal[
    "min", "max", "floor", "ceiling", "round up", "round down", "round half up", "round half down", "decimal"
]
OPPOSITE: Final[dict[Op, Op]] = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


@dataclass(frozen=True, slots=True)
class Lit:
    """A literal: number, text, yes/no, date or null."""

    value: Decimal | str | bool | date | None


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or one output of a decision (`decision.output`)."""

    name: str
    part: str | None = None


@dataclass(frozen=True, slots=True)
class It:
    """The value under test: `?`."""


@dataclass(frozen=True, slots=True)
class Sum:
    """Two values added, subtracted, multiplied or divided."""

    sign: Literal["+", "-", "*", "/"]
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Call:
    """A function of numbers; those that round do so to so many places."""

    function: Function
    args: tuple[Expr, ...]
    places: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """A day, or today where it says of none, and so much later."""

    of: Name | It | None
    months: int = 0
    days: int = 0


@dataclass(frozen=True, slots=True)
class If:
    """One value where a condition is true, another where it is false or null."""

    test: Test
    then: Expr
    other: Expr


@dataclass(frozen=True, slots=True)
class Truth:
    """What a condition comes to: true, false or null."""

    test: Test


Expr: TypeAlias = Lit | Name | It | Sum | Call | Day | If | Truth


@dataclass(frozen=True, slots=True)
class Compare:
    """The value under test compared with another."""

    op: Op
    with_: Expr


@dataclass(frozen=True, slots=True)
class Every:
    """All tests hold; none stands for no test."""

    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """One of the tests holds."""

    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The test doesn't hold; where it comes to null, neither does this."""

    test: Test


@dataclass(frozen=True, slots=True)
class Is:
    """A test of another value than the one under test."""

    on: Expr
    test: Test


@dataclass(frozen=True, slots=True)
class Bool:
    """A value of yes or no is what is wanted; null where it is missing."""

    on: Expr
    wanted: bool


@dataclass(frozen=True, slots=True)
class Untrue:
    """A test is false or null. Never null itself."""

    test: Test


Test: TypeAlias = Compare | Every | Some | Not | Is | Bool | Untrue
ALWAYS: Final = Every(())
NEVER: Final = Some(())


def opposite(test: Test) -> Test:
    """Return a test that is true where this is false, and null where this is null."""
    match test:
        case Compare(op, other):
            return Compare(OPPOSITE[op], other)
        case Every(tests):
            return Some(tuple(opposite(one) for one in tests))
        case Some(tests):
            return Every(tuple(opposite(one) for one in tests))
        case Is(on, inner):
            return Is(on, opposite(inner))
        case Bool(on, wanted):
            return Bool(on, not wanted)
        case Not(inner) | Untrue(inner):
            return inner


def cases(expr: Expr) -> list[tuple[Test, Expr]]:
    """Return the values that an expression may have, each with when it has it: always exactly one of them."""
    match expr:
        case If(test, then, other):
            found = [(_both(test, when), value) for when, value in cases(then)]
            return [*found, *((_both(Untrue(test), when), value) for when, value in cases(other))]
        case Truth(test):
            no = opposite(test)
            null = Every((Untrue(test), Untrue(no)))
            return [(test, Lit(True)), (no, Lit(False)), (null, Lit(None))]
        case Sum(sign, left, right):
            pairs = itertools.product(cases(left), cases(right))
            return [(_both(one, other), Sum(sign, a, b)) for (one, a), (other, b) in pairs]
        case Call(function, args, places):
            every = itertools.product(*(cases(arg) for arg in args))
            return [
                (_both(*(when for when, _ in way)), Call(function, tuple(value for _, value in way), places))
                for way in every
            ]
    return [(ALWAYS, expr)]


def how_many(expr: Expr) -> int:
    """Return how many cases an expression has."""
    match expr:
        case If(_, then, other):
            return how_many(then) + how_many(other)
        case Truth():
            return 3
        case Sum(_, left, right):
            return how_many(left) * how_many(right)
        case Call(_, args):
            return math.prod(how_many(arg) for arg in args)
    return 1


def first_cases(expr: Expr) -> list[tuple[Test, Expr]]:
    """Return the values that an expression may have, each with its condition, of which the first that is true counts.

    The last one always holds.
    """
    match expr:
        case If(test, then, other):
            return [*((_both(test, when), value) for when, value in first_cases(then)), *first_cases(other)]
        case Truth(test):
            return [(test, Lit(True)), (opposite(test), Lit(False)), (ALWAYS, Lit(None))]
    found = cases(expr)
    return [*found[:-1], (ALWAYS, found[-1][1])]


def _both(*tests: Test) -> Test:
    parts = tuple(test for test in tests if test != ALWAYS)
    return parts[0] if len(parts) == 1 else Every(parts)


def names_of(tree: Expr | Test) -> Iterator[Name]:
    """Yield every variable that is read."""
    match tree:
        case Name():
            yield tree
        case Day(of=Name() as name):
            yield name
        case _:
            for part in inside(tree):
                yield from names_of(part)


def inside(tree: Expr | Test) -> tuple[Expr | Test, ...]:
    """Return what a tree is made of."""
    match tree:
        case Sum(_, left, right):
            return (left, right)
        case Call(_, args, _):
            return args
        case If(test, then, other):
            return (test, then, other)
        case Truth(test) | Not(test) | Untrue(test):
            return (test,)
        case Compare(_, other):
            return (other,)
        case Every(tests) | Some(tests):
            return tests
        case Is(on, test):
            return (on, test)
        case Bool(on, _):
            return (on,)
    return ()


def walk(tree: Expr | Test) -> Iterator[Expr | Test]:
    """Yield a tree and everything inside."""
    yield tree
    for part in inside(tree):
        yield from walk(part)


def filled(test: Test, it: Expr) -> Test:
    """Return a test with the value under test put where `?` stands."""
    return _put_in_test(test, {It(): it})


def replaced(expr: Expr, values: Mapping[Expr, Expr]) -> Expr:
    """Return an expression with values put where names stand.

    Raises:
        ValueError: a day that is moved would be none of a variable.
    """
    return _put(expr, values)


def _put_in_test(test: Test, values: Mapping[Expr, Expr]) -> Test:
    match test:
        case Compare(op, other):
            return Compare(op, _put(other, values))
        case Every(tests):
            return Every(tuple(_put_in_test(one, values) for one in tests))
        case Some(tests):
            return Some(tuple(_put_in_test(one, values) for one in tests))
        case Not(inner):
            return Not(_put_in_test(inner, values))
        case Untrue(inner):
            return Untrue(_put_in_test(inner, values))
        case Is(on, inner):
            return Is(_put(on, values), _put_in_test(inner, values))
        case Bool(on, wanted):
            return Bool(_put(on, values), wanted)


def _put(expr: Expr, values: Mapping[Expr, Expr]) -> Expr:
    match expr:
        case It() | Name():
            return values.get(expr, expr)
        case Day(It() | Name() as of, months, days):
            day = _put(of, values)
            if isinstance(day, Name | It):
                return Day(day, months, days)
            raise ValueError(day)
        case Sum(sign, left, right):
            return Sum(sign, _put(left, values), _put(right, values))
        case Call(function, args, places):
            return Call(function, tuple(_put(arg, values) for arg in args), places)
        case If(test, then, other):
            return If(_put_in_test(test, values), _put(then, values), _put(other, values))
        case Truth(test):
            return Truth(_put_in_test(test, values))
    return expr
