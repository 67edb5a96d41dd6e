"""The functions of FEEL that are carried over, brought to arithmetic and conditions; days that durations move."""

from __future__ import annotations

import functools
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, cast

from authoring.feel_tokens import FeelError, Period, Token
from authoring.feel_tree import (
    ALWAYS,
    NEVER,
    Bool,
    Call,
    Compare,
    Day,
    Expr,
    Function,
    If,
    Is,
    It,
    Lit,
    Name,
    Not,
    Some,
    Sum,
    Test,
    Truth,
)
from knowledge.workdays import add_months

MOST_SCALE: Final = 9
ZERO: Final = Lit(Decimal(0))
_ROUNDED: Final = ("round up", "round down", "round half up", "round half down", "decimal")
FUNCTIONS: Final = frozenset(
    ("min", "max", "sum", "mean", "product", "count", "abs", "floor", "ceiling", "modulo", "odd", "even", "not",
     "today", "list contains", *_ROUNDED)
)  # fmt: skip


def condition(expr: Expr, at: Token) -> Test:
    """Return an expression as a condition.

    Raises:
        FeelError: it can't be one.
    """
    match expr:
        case Truth(test):
            return test
        case Lit(bool() as value):
            return ALWAYS if value else NEVER
        case Name() | It() | If():
            return Bool(expr, True)
    raise FeelError(f"a condition is expected, and `{at.text}` begins none", at.place)


def later(day: Expr, period: Period, place: int) -> Expr:
    """Return a day moved by a duration.

    Raises:
        FeelError: it is no day, or was moved before.
    """
    match day:
        case Day(of, months, days):
            if (months or days) and (period.months or days):
                raise FeelError("a day is moved by one duration", place)
            return Day(of, months + period.months, days + period.days)
        case Name() | It():
            return Day(day, period.months, period.days)
        case Lit(date() as value):
            return Lit(date.fromordinal(add_months(value.toordinal(), period.months)) + timedelta(period.days))
    raise FeelError("a duration is added to a day", place)


def call(name: str, args: list[Expr], listed: list[Expr]) -> Expr:
    """Return a function of what it is given.

    Raises:
        ValueError: it takes no such arguments.
    """
    if name in ("min", "max", "sum", "mean", "product", "count"):
        return _of_several(name, listed if listed and not args else args if not listed else [])
    if name == "list contains":
        (sought,) = args
        return Truth(Is(sought, Some(tuple(Compare("=", one) for one in listed))))
    if listed:
        raise ValueError(name)
    if name in _ROUNDED or name in ("floor", "ceiling"):
        first, *rest = args
        places = 0 if not rest and name in ("floor", "ceiling") else _scale(*rest)
        return Call(cast("Function", name), (first,), places)
    if name == "today":
        () = args
        return Day(None)
    first, *rest = args
    if name == "modulo":
        (by,) = rest
        return _modulo(first, by)
    if rest:
        raise ValueError(name)
    if name == "not":
        return Truth(Not(condition(first, Token("word", "not", 1))))
    if name in ("odd", "even"):
        wanted = Lit(Decimal(name == "odd"))
        return Truth(Is(_modulo(first, Lit(Decimal(2))), Compare("=", wanted)))
    return Call("max", (first, Sum("-", ZERO, first)))


def _of_several(name: str, values: list[Expr]) -> Expr:
    if not values:
        raise ValueError(name)
    match name:
        case "count":
            return Lit(Decimal(len(values)))
        case "min" | "max":
            return Call("min" if name == "min" else "max", tuple(values)) if len(values) > 1 else values[0]
        case "product":
            return functools.reduce(lambda left, right: Sum("*", left, right), values)
    whole = functools.reduce(lambda left, right: Sum("+", left, right), values)
    return whole if name == "sum" else Sum("/", whole, Lit(Decimal(len(values))))


def _modulo(number: Expr, by: Expr) -> Expr:
    return Sum("-", number, Sum("*", by, Call("floor", (Sum("/", number, by),))))


def _scale(scale: Expr) -> int:
    value = scale.value if isinstance(scale, Lit) else None
    if not (isinstance(value, Decimal) and value == int(value) and 0 <= value <= MOST_SCALE):
        raise ValueError(scale)
    return int(value)
