"""Arithmetic as it is written: whole numbers, measures and fields, + - * /, min, max, brackets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from knowledge.rules import Arithmetic, Formula, Num, Ref, Rounding

_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]{1,15})|(?P<name>[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?)|(?P<sign>[-+*/(),]))"
)
_DEEPEST = 32
_END = "the end"


class FormulaError(Exception):
    """The text is no formula; says what was met."""


def parse_formula(text: str, rounding: Rounding | None, refer: Callable[[str], Ref]) -> Formula:
    """Return the formula's meaning; `refer` resolves each name.

    >>> parse_formula("2 * (1 + 3)", None, lambda name: Ref("measure", name, "whole")).op
    'multiply'

    Raises:
        FormulaError: it can't be read, or divides without a rounding.
    """
    return _Parser(list(_tokens(text)), rounding, refer).whole()


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
    def __init__(self, tokens: list[str], rounding: Rounding | None, refer: Callable[[str], Ref]) -> None:
        self._tokens, self._place, self._depth = tokens, 0, 0
        self._rounding, self._refer = rounding, refer

    def whole(self) -> Formula:
        formula = self._sum()
        if self._place < len(self._tokens):
            raise FormulaError(f"`{self._tokens[self._place]}` is too much")
        return formula

    def _next(self, wanted: str | None = None) -> str:
        token = self._tokens[self._place] if self._place < len(self._tokens) else _END
        if wanted is not None and token != wanted:
            raise FormulaError(f"`{wanted}` is expected and {_met(token)}")
        self._place += 1
        return token

    def _peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _sum(self) -> Formula:
        left = self._product()
        while self._peek() in ("+", "-"):
            left = Arithmetic("add" if self._next() == "+" else "subtract", (left, self._product()))
        return left

    def _product(self) -> Formula:
        left = self._atom()
        while self._peek() in ("*", "/"):
            if self._next() == "*":
                left = Arithmetic("multiply", (left, self._atom()))
            elif self._rounding is None:
                raise FormulaError("`/` needs `rounding: down`, `up` or `half_up` beside the formula")
            else:
                left = Arithmetic("divide", (left, self._atom()), self._rounding)
        return left

    def _atom(self) -> Formula:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise FormulaError(f"brackets nest deeper than {_DEEPEST}")
        word = self._next()
        if word == "(":
            formula = self._sum()
            self._next(")")
        elif word in ("min", "max"):
            formula = self._choice(word)
        elif word.isdigit():
            formula = Num(int(word))
        elif word[0].isalpha() and word != _END:
            formula = self._refer(word)
        else:
            raise FormulaError(f"a number or name is expected and {_met(word)}")
        self._depth -= 1
        return formula

    def _choice(self, word: str) -> Formula:
        self._next("(")
        args = [self._sum()]
        while self._peek() == ",":
            self._next()
            args.append(self._sum())
        self._next(")")
        return Arithmetic("min" if word == "min" else "max", tuple(args))
