"""The part of FEEL that decision tables are made of, as a small closed grammar. Nothing is evaluated here.

Literals, names, arithmetic, functions of numbers, `if`, conditions; tests of one value: comparisons, ranges, lists,
`not(…)`, `-`, and conditions that speak of it as `?`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias, cast

from authoring.feel_functions import FUNCTIONS, ZERO, call, condition, later
from authoring.feel_tokens import FeelError, Period, Token, tokens
from authoring.feel_tree import (
    ALWAYS,
    Call,
    Compare,
    Every,
    Expr,
    If,
    Is,
    It,
    Lit,
    Name,
    Not,
    Op,
    Some,
    Sum,
    Test,
    Truth,
    how_many,
    replaced,
    walk,
)

__all__ = ["Defined", "FeelError", "read_expression", "read_tests"]

DEEPEST: Final = 32
MOST_SIGNS: Final = 100
_OPS: Final = ("<", "<=", ">", ">=", "=", "!=")
MOST_CASES: Final = 64
MOST_PARTS: Final = 500
Names: TypeAlias = Sequence[str] | Mapping[str, Name] | Mapping[str, Name | It]


@dataclass(frozen=True, slots=True)
class Defined:
    """A function that a file defines: its parameters, and what it comes to."""

    parameters: tuple[Name, ...]
    body: Expr


def read_expression(text: str, names: Names, functions: Mapping[str, Defined] | None = None) -> Expr:
    """Return an expression; `names` are those that may stand in it, also with spaces, and what they stand for.

    >>> read_expression("1 + 2 * rate", ["rate"]).sign
    '+'

    Raises:
        FeelError: it is none of this grammar.
    """
    reader = _Reader(text, names, functions)
    found = reader.expression()
    reader.end()
    _check_cases(found)
    if any(isinstance(part, It) for part in walk(found)):
        raise FeelError("`?` stands for the value under test, and none is tested here", 1)
    return found


def read_tests(text: str, names: Names, functions: Mapping[str, Defined] | None = None) -> Test:
    """Return the unary tests of a cell.

    >>> read_tests("[1..5), > 7", []).tests[1]
    Compare(op='>', with_=Lit(value=Decimal('7')))

    Raises:
        FeelError: they are none of this grammar.
    """
    if text.strip() in ("", "-"):
        return ALWAYS
    reader = _Reader(text, names, functions)
    found = reader.tests()
    reader.end()
    _check_cases(found)
    return found


def _check_cases(found: Expr | Test) -> None:
    """Refuse what has too many cases to be written out."""
    for part in walk(found):
        if isinstance(part, Sum | Call | If) and how_many(part) > MOST_CASES:
            raise FeelError(f"it comes to more than {MOST_CASES} cases", 1)


class _Reader:
    def __init__(self, text: str, names: Names, functions: Mapping[str, Defined] | None) -> None:
        self._names = names if isinstance(names, Mapping) else {name: Name(name) for name in names}
        self._functions = functions or {}
        self._tokens: list[Token] = list(tokens(text, (*self._names, *self._functions)))
        self._place = self._depth = 0
        if sum(token.kind == "sign" for token in self._tokens) > MOST_SIGNS:
            raise FeelError(f"an expression has at most {MOST_SIGNS} signs", 1)

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self, *signs: str) -> str | None:
        token = self._next
        if token.kind in ("sign", "word") and token.text in signs:
            self._place += 1
            return token.text
        return None

    def _need(self, *signs: str) -> str:
        found = self._take(*signs)
        if found is None:
            wanted = " or ".join(f"`{sign}`" for sign in signs)
            raise FeelError(f"{wanted} is expected, and `{self._next.text}` stands there", self._next.place)
        return found

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise FeelError(f"it nests deeper than {DEEPEST}", self._next.place)

    def end(self) -> None:
        token = self._next
        if token.kind != "end":
            known = "; a function" if token.kind == "word" else ""
            raise FeelError(f"`{token.text}` is not carried over{known}", token.place)

    # Tests of one value

    def tests(self) -> Test:
        self._deeper()
        if self._next.text == "not" and self._next.kind == "word":
            self._place += 1
            self._need("(")
            found: Test = Not(self.tests())
            self._need(")")
        else:
            some = [self._test()]
            while self._take(","):
                some.append(self._test())
            found = some[0] if len(some) == 1 else Some(tuple(some))
        self._depth -= 1
        return found

    def _test(self) -> Test:
        op = self._take(*_OPS)
        if op is not None:
            return Compare(cast("Op", op), self.sum())
        if self._is_range():
            return self._range()
        if self._next.text == "[":
            return Some(tuple(Compare("=", one) for one in self._list()))
        at = self._next.place
        found = self.expression()
        if isinstance(found, Truth):
            if not any(isinstance(part, It) for part in walk(found)):
                raise FeelError("a condition in a cell speaks of the value as `?`", at)
            return found.test
        return Compare("=", found)

    def _is_range(self) -> bool:
        """Say whether a range begins here: a bracket with `..` before the bracket that closes it."""
        if self._next.text not in ("[", "]", "("):
            return False
        depth = 0
        for token in self._tokens[self._place + 1 :]:
            if token.kind == "sign" and token.text == ".." and depth == 0:
                return True
            depth += (token.text == "(") - (token.text == ")")
            if depth < 0 or token.kind == "end" or (token.text in (",", "[", "]") and depth == 0):
                return False
        return False

    def _range(self) -> Test:
        opens = self._need("[", "]", "(")
        low = self.sum()
        self._need("..")
        high = self.sum()
        closes = self._need("]", "[", ")")
        return Every((Compare(">=" if opens == "[" else ">", low), Compare("<=" if closes == "]" else "<", high)))

    # Conditions

    def expression(self) -> Expr:
        self._deeper()
        found = self._if() if self._take("if") else self._or()
        self._depth -= 1
        return found

    def _if(self) -> Expr:
        test = self._condition(self.expression)
        self._need("then")
        then = self.expression()
        self._need("else")
        return If(test, then, self.expression())

    def _or(self) -> Expr:
        at, left = self._next, self._and()
        while self._take("or"):
            left = Truth(Some((condition(left, at), self._condition(self._and))))
        return left

    def _and(self) -> Expr:
        at, left = self._next, self._comparison()
        while self._take("and"):
            left = Truth(Every((condition(left, at), self._condition(self._comparison))))
        return left

    def _condition(self, read: Callable[[], Expr]) -> Test:
        at = self._next
        return condition(read(), at)

    def _comparison(self) -> Expr:
        left = self.sum()
        op = self._take(*_OPS)
        if op is not None:
            return Truth(Is(left, Compare(cast("Op", op), self.sum())))
        if self._take("in"):
            if self._is_range() or self._next.text == "[" or not self._take("("):
                return Truth(Is(left, self._test()))
            found = self.tests()
            self._need(")")
            return Truth(Is(left, found))
        if self._take("between"):
            low = self.sum()
            self._need("and")
            return Truth(Is(left, Every((Compare(">=", low), Compare("<=", self.sum())))))
        return left

    # Values

    def sum(self) -> Expr:
        self._deeper()
        left = self._product()
        while sign := self._take("+", "-"):
            period = self._next.period
            if period is not None:
                left = later(left, period if sign == "+" else Period(-period.months, -period.days), self._next.place)
                self._place += 1
            else:
                left = Sum("+" if sign == "+" else "-", left, self._product())
        self._depth -= 1
        return left

    def _product(self) -> Expr:
        left = self._power()
        while sign := self._take("*", "/"):
            left = Sum("*" if sign == "*" else "/", left, self._power())
        return left

    def _power(self) -> Expr:
        base = self._atom()
        if self._next.text != "**":
            return base
        at = self._next.place
        self._place += 1
        power = self._atom()
        if not (isinstance(power, Lit) and power.value in (Decimal(2), Decimal(3), Decimal(4))):
            raise FeelError("only the powers 2, 3 and 4 are carried over", at)
        return functools.reduce(lambda left, right: Sum("*", left, right), [base] * int(cast("Decimal", power.value)))

    def _atom(self) -> Expr:
        token = self._next
        if self._take("-"):
            self._deeper()
            inner = self._atom()
            self._depth -= 1
            if isinstance(inner, Lit) and isinstance(inner.value, Decimal):
                return Lit(-inner.value)
            return Sum("-", ZERO, inner)
        if self._take("("):
            found = self.expression()
            self._need(")")
            return found
        if self._take("?"):
            return It()
        if token.literal is not None:
            self._place += 1
            return token.literal
        if token.kind == "name":
            return self._named(token)
        if token.kind == "word":
            return self._called(token)
        if token.kind == "period":
            raise FeelError("a duration by itself is not carried over", token.place)
        raise FeelError(f"a value is expected, and `{token.text}` stands there", token.place)

    def _named(self, token: Token) -> Expr:
        if token.text not in self._names or self._is_called(token):
            return self._defined(token)
        self._place += 1
        known = self._names[token.text]
        if isinstance(known, Name) and known.part is None and self._take("."):
            return Name(known.name, self._part())
        return known

    def _part(self) -> str:
        token = self._next
        if token.kind not in ("word", "name"):
            raise FeelError(f"an output's name is expected, and `{token.text}` stands there", token.place)
        self._place += 1
        return token.text

    # Functions

    def _is_called(self, token: Token) -> bool:
        return token.text in self._functions and self._tokens[self._place + 1].text == "("

    def _defined(self, token: Token) -> Expr:
        """Return what a function of the file comes to, with what it is given put in."""
        if not self._is_called(token):
            raise FeelError(f"function `{token.text}` is not called here", token.place)
        self._place += 1
        args, listed = self._args()
        function = self._functions[token.text]
        if listed or len(args) != len(function.parameters):
            wanted = len(function.parameters)
            raise FeelError(f"`{token.text}(…)` takes {wanted} single values", token.place)
        try:
            found = replaced(function.body, dict(zip(function.parameters, args, strict=True)))
        except ValueError:
            raise FeelError(f"`{token.text}(…)` moves a day that is no input", token.place) from None
        if sum(1 for _ in itertools.islice(walk(found), MOST_PARTS + 1)) > MOST_PARTS:
            raise FeelError(f"`{token.text}(…)` comes to more than {MOST_PARTS} parts", token.place)
        return found

    def _called(self, token: Token) -> Expr:
        if self._tokens[self._place + 1].text != "(":
            raise FeelError(f"`{token.text}` is no variable here, or is not carried over", token.place)
        self._place += 1
        if token.text not in FUNCTIONS:
            raise FeelError(f"function `{token.text}(…)` is not carried over", token.place)
        args, listed = self._args()
        try:
            return call(token.text, args, listed)
        except ValueError:
            raise FeelError(f"`{token.text}(…)` is not carried over with these arguments", token.place) from None

    def _args(self) -> tuple[list[Expr], list[Expr]]:
        """Return the arguments of a function, without and with those in a list that stands first."""
        self._need("(")
        args: list[Expr] = []
        listed: list[Expr] = []
        if self._next.text == "[":
            listed = self._list()
        elif self._next.text != ")":
            args.append(self.expression())
        while self._take(","):
            args.append(self.expression())
        self._need(")")
        return args, listed

    def _list(self) -> list[Expr]:
        self._need("[")
        found = [self.expression()]
        while self._take(","):
            found.append(self.expression())
        self._need("]")
        return found
