"""Arithmetic as it is written: numbers, measures and fields, + - * /, min, max, brackets.

Decimals are whole numbers times a power of ten. A formula that reads some is brought to whole-number arithmetic when
it is parsed, by factors that only scale, so that whoever computes with it computes exactly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from knowledge.rules import Arithmetic, Formula, Num, Ref, Rounding

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]{1,15}(?:\.[0-9]{1,12})?)|(?P<name>[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?)|(?P<sign>[-+*/(),]))",
    re.ASCII,
)
_DEEPEST = 32
_END = "the end"


class FormulaError(Exception):
    """The text is no formula; says what was met."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How many places a formula's value has, None where that isn't to be settled yet, and each name in it."""

    places: int | None
    of: Callable[[str], int]


@dataclass(frozen=True, slots=True)
class _Scaled:
    """Arithmetic whose value is that of the formula times 10 ** places."""

    formula: Formula
    places: int = 0

    def at(self, places: int) -> Formula:
        """Return it with so many places, at least its own."""
        if places == self.places:
            return self.formula
        power: int = 10 ** (places - self.places)
        if isinstance(self.formula, Num):
            shown = self.formula.shown or str(self.formula.value)
            return Num(self.formula.value * power, shown)
        return Arithmetic("multiply", (self.formula, Num(power, "1")))


def parse_formula(
    text: str, rounding: Rounding | None, refer: Callable[[str], Ref], scale: Scale | None = None
) -> Formula:
    """Return the formula's meaning; `refer` resolves each name. Without a scale, no name in it has decimal places.

    >>> parse_formula("2 * (1 + 3)", None, lambda name: Ref("measure", name, "whole")).op
    'multiply'

    Raises:
        FormulaError: it can't be read, divides without a rounding, or has more places than it may.
    """
    return _Parser(list(_tokens(text)), rounding, refer, scale or Scale(0, lambda _: 0)).whole()


def _tokens(text: str) -> Iterator[str]:
    place = 0
    text = text.rstrip()
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise FormulaError(f"`{text[place:].strip()[:20]}` is not allowed in a formula")
        yield found[0].strip()
        place = found.end()


def _met(token: str) -> str:
    return "the formula ends" if token == _END else f"`{token}` is met"


class _Parser:
    def __init__(self, tokens: list[str], rounding: Rounding | None, refer: Callable[[str], Ref], scale: Scale) -> None:
        self._tokens, self._place, self._depth = tokens, 0, 0
        self._rounding, self._refer, self._scale = rounding, refer, scale

    def whole(self) -> Formula:
        found = self._sum()
        if self._place < len(self._tokens):
            raise FormulaError(f"`{self._tokens[self._place]}` is too much")
        places = self._scale.places
        if places is None:
            return found.formula
        if found.places <= places:
            return found.at(places)
        if self._rounding is None:
            raise FormulaError(
                f"its value has {found.places} places, and {places} are given: say `places` or `rounding`"
            )
        return Arithmetic("divide", (found.formula, Num(10 ** (found.places - places), "1")), self._rounding)

    def _next(self, wanted: str | None = None) -> str:
        token = self._tokens[self._place] if self._place < len(self._tokens) else _END
        if wanted is not None and token != wanted:
            raise FormulaError(f"`{wanted}` is expected and {_met(token)}")
        self._place += 1
        return token

    def _peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _sum(self) -> _Scaled:
        left = self._product()
        while self._peek() in ("+", "-"):
            op: Literal["add", "subtract"] = "add" if self._next() == "+" else "subtract"
            left = _together(op, (left, self._product()))
        return left

    def _product(self) -> _Scaled:
        left = self._atom()
        while self._peek() in ("*", "/"):
            if self._next() == "*":
                right = self._atom()
                product = Arithmetic("multiply", (left.formula, right.formula))
                left = _Scaled(product, left.places + right.places)
            elif self._rounding is None:
                raise FormulaError("`/` needs `rounding: down`, `up` or `half_up` beside the formula")
            else:
                left = self._divided(left, self._atom(), self._rounding)
        return left

    def _divided(self, over: _Scaled, under: _Scaled, rounding: Rounding) -> _Scaled:
        """Return a quotient, rounded to the places of the whole formula."""
        places = self._scale.places or 0
        top = max(over.places, under.places + places)
        divisor = under.at(max(under.places, over.places - places))
        return _Scaled(Arithmetic("divide", (over.at(top), divisor), rounding), places)

    def _atom(self) -> _Scaled:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise FormulaError(f"brackets nest deeper than {_DEEPEST}")
        word = self._next()
        if word == "(":
            found = self._sum()
            self._next(")")
        elif word in ("min", "max"):
            found = self._choice("min" if word == "min" else "max")
        elif word[0].isdigit():
            found = _number(word)
        elif word[0].isalpha() and word != _END:
            found = _Scaled(self._refer(word), self._scale.of(word))
        else:
            raise FormulaError(f"a number or name is expected and {_met(word)}")
        self._depth -= 1
        return found

    def _choice(self, op: Literal["min", "max"]) -> _Scaled:
        self._next("(")
        args = [self._sum()]
        while self._peek() == ",":
            self._next()
            args.append(self._sum())
        self._next(")")
        return _together(op, tuple(args))


def _together(op: Literal["add", "subtract", "min", "max"], args: tuple[_Scaled, ...]) -> _Scaled:
    places = max(arg.places for arg in args)
    return _Scaled(Arithmetic(op, tuple(arg.at(places) for arg in args)), places)


def _number(word: str) -> _Scaled:
    """Return a literal, with as many places as it needs."""
    whole, _, fraction = word.partition(".")
    fraction = fraction.rstrip("0")
    if not fraction:
        return _Scaled(Num(int(whole)))
    value = int(whole + fraction)
    return _Scaled(Num(value, f"{Decimal(value).scaleb(-len(fraction)):f}"), len(fraction))
