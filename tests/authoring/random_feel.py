"""FEEL expressions drawn at random as text beside what they mean, computed by decimals of 34 digits as FEEL says."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import date
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
)

Value = Decimal | str | bool | date | None
Known = Mapping[str, Value]
Number = Callable[[Known], Decimal | None]
Truth = Callable[[Known], bool | None]
FEEL = Context(prec=34)
ROUNDED = {
    "floor": ROUND_FLOOR, "ceiling": ROUND_CEILING, "round up": ROUND_UP, "round down": ROUND_DOWN,
    "round half up": ROUND_HALF_UP, "round half down": ROUND_HALF_DOWN, "decimal": ROUND_HALF_EVEN,
}  # fmt: skip


class Expressions:
    """Draws numbers and conditions over variables: text, and what it comes to (None: null)."""

    def __init__(self, draw: random.Random, numbers: tuple[str, ...]) -> None:
        self._draw, self.numbers = draw, numbers

    def number(self, depth: int = 2) -> tuple[str, Number]:
        draw = self._draw
        kind = draw.choice(("leaf", "sum", "scaled", "divided", "several", "rounded", "quotient", "power", "if"))
        if depth == 0 or kind == "leaf":
            return self._leaf()
        one, first = self.number(depth - 1)
        match kind:
            case "sum":
                other, second = self.number(depth - 1)
                sign = draw.choice("+-")
                return f"{one} {sign} ({other})", both(first, second, FEEL.add if sign == "+" else FEEL.subtract)
            case "scaled":
                by = Decimal(draw.randint(-30, 30)) / draw.choice((1, 2, 10))
                return f"({one}) * {by}", each(first, lambda value: FEEL.multiply(value, by))
            case "divided":
                by = Decimal(draw.choice((2, 4, 5, "-0.5", 10, 8)))
                return f"({one}) / {by}", each(first, lambda value: FEEL.divide(value, by))
            case "several":
                other, second = self.number(depth - 1)
                name = draw.choice(("min", "max"))
                return f"{name}({one}, {other})", both(first, second, min if name == "min" else max)
            case "rounded":
                return self._rounded(one, first)
            case "quotient":
                other, second = self._leaf()
                return self._rounded(f"({one}) / ({other})", both(first, second, divided))
            case "power":
                name, value = self._leaf()
                return f"abs({name}) ** 2", each(value, lambda one: FEEL.multiply(one, one))
        test, truth = self.condition()
        other, second = self.number(depth - 1)
        return f"(if {test} then {one} else {other})", lambda known: (first if truth(known) is True else second)(known)

    def condition(self) -> tuple[str, Truth]:
        draw = self._draw
        left, first = self._leaf()
        right, second = self._leaf()
        op = draw.choice(("<", ">=", "="))
        text, truth = f"{left} {op} {right}", both_compared(op, first, second)
        if draw.random() < 0.4:
            more, other = self.condition()
            word = draw.choice(("and", "or"))
            return f"({text}) {word} ({more})", joined(word, truth, other)
        if draw.random() < 0.3:
            return f"not({text})", lambda known: None if (value := truth(known)) is None else not value
        return text, truth

    def _leaf(self) -> tuple[str, Number]:
        draw = self._draw
        if draw.random() < 0.3:
            value = Decimal(draw.randint(-60, 60)) / draw.choice((1, 4, 100))
            return str(value), lambda _: value
        name = draw.choice(self.numbers)
        return name, lambda known: value if isinstance(value := known.get(name), Decimal) else None

    def _rounded(self, text: str, value: Number) -> tuple[str, Number]:
        name, places = self._draw.choice(list(ROUNDED)), self._draw.randint(0, 2)
        last = Decimal(1).scaleb(-places)
        return f"{name}({text}, {places})", each(value, lambda one: one.quantize(last, ROUNDED[name], FEEL))


def each(value: Number, what: Callable[[Decimal], Decimal]) -> Number:
    return lambda known: None if (found := value(known)) is None else what(found)


def both(one: Number, other: Number, what: Callable[[Decimal, Decimal], Decimal | None]) -> Number:
    def found(known: Known) -> Decimal | None:
        first, second = one(known), other(known)
        return None if first is None or second is None else what(first, second)

    return found


def divided(one: Decimal, other: Decimal) -> Decimal | None:
    return FEEL.divide(one, other) if other else None


def both_compared(op: str, one: Number, other: Number) -> Truth:
    def found(known: Known) -> bool | None:
        first, second = one(known), other(known)
        if op == "=":
            return first == second
        if first is None or second is None:
            return None
        return first < second if op == "<" else first >= second

    return found


def joined(word: str, one: Truth, other: Truth) -> Truth:
    def found(known: Known) -> bool | None:
        values = (one(known), other(known))
        deciding = word == "or"
        return deciding if deciding in values else None if None in values else not deciding

    return found
