"""The part of FEEL that decision tables are made of, as a small closed grammar. Nothing is evaluated here.

Literals, names, negation and arithmetic; tests of one value: comparisons, ranges, lists, `not(…)`, `-`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal, TypeAlias

LONGEST: Final = 2_000
DEEPEST: Final = 32
Op: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]

_NUMBER: Final = re.compile(r"\d+(\.\d+)?|\.\d+", re.ASCII)
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_DATE: Final = re.compile(r'date\s*\(\s*"(\d{4}-\d{2}-\d{2})"\s*\)|@"(\d{4}-\d{2}-\d{2})"', re.ASCII)
_SIGN: Final = re.compile(r"\*\*|\.\.|<=|>=|!=|[-+*/(),<>=\[\]?.]")
_WORD: Final = re.compile(r"[^\W\d]\w*")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}
OPPOSITE: Final[dict[Op, Op]] = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


class FeelError(Exception):
    """The text is no FEEL that is carried over; says why. `place` is the place in the text, from 1."""

    def __init__(self, message: str, place: int) -> None:
        super().__init__(message)
        self.place = place


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
class Sum:
    """Two values added, subtracted, multiplied or divided."""

    sign: Literal["+", "-", "*", "/"]
    left: Expr
    right: Expr


Expr: TypeAlias = Lit | Name | Sum


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


Test: TypeAlias = Compare | Every | Some | Not


def read_expression(text: str, names: Sequence[str]) -> Expr:
    """Return an expression; `names` are those that may stand in it, also with spaces.

    >>> read_expression("1 + 2 * rate", ["rate"]).sign
    '+'

    Raises:
        FeelError: it is none of this grammar.
    """
    reader = _Reader(text, names)
    found = reader.sum()
    reader.end()
    return found


def read_tests(text: str, names: Sequence[str]) -> Test:
    """Return the unary tests of a cell.

    >>> read_tests("[1..5), > 7", []).tests[1]
    Compare(op='>', with_=Lit(value=Decimal('7')))

    Raises:
        FeelError: they are none of this grammar.
    """
    if text.strip() in ("", "-"):
        return Every(())
    reader = _Reader(text, names)
    found = reader.tests()
    reader.end()
    return found


@dataclass(frozen=True, slots=True)
class _Token:
    kind: Literal["literal", "name", "word", "sign", "end"]
    text: str
    place: int
    literal: Lit | None = None


class _Reader:
    def __init__(self, text: str, names: Sequence[str]) -> None:
        if len(text) > LONGEST:
            raise FeelError(f"an expression has at most {LONGEST} characters", 1)
        self._names = sorted(filter(None, names), key=len, reverse=True)
        self._tokens = self._read(text)
        self._place = self._depth = 0

    def _read(self, text: str) -> list[_Token]:
        tokens: list[_Token] = []
        place = 0
        while place < len(text):
            if text[place].isspace():
                place += 1
                continue
            token, after = self._one(text, place)
            tokens.append(token)
            place = after
        return [*tokens, _Token("end", "the end", len(text) + 1)]

    def _one(self, text: str, place: int) -> tuple[_Token, int]:
        at = place + 1
        for pattern in (_DATE, _NUMBER, _STRING):
            found = pattern.match(text, place)
            if found is not None:
                return _Token("literal", found[0], at, Lit(_literal(pattern, found, at))), found.end()
        for name in self._names:
            after = place + len(name)
            if text.startswith(name, place) and not (name[-1].isalnum() and text[after : after + 1].isalnum()):
                return _Token("name", name, at), after
        word = _WORD.match(text, place)
        if word is not None:
            literal = {"true": Lit(True), "false": Lit(False), "null": Lit(None)}.get(word[0])
            return _Token("word" if literal is None else "literal", word[0], at, literal), word.end()
        sign = _SIGN.match(text, place)
        if sign is None:
            raise FeelError(f"`{text[place : place + 20]}` can't be read", at)
        return _Token("sign", sign[0], at), sign.end()

    @property
    def _next(self) -> _Token:
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

    def tests(self) -> Test:
        self._deeper()
        if self._take("not"):
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
        if self._take("?"):
            return self._questions()
        op = self._take("<", "<=", ">", ">=", "=", "!=")
        if op is not None:
            return Compare(op, self.sum())  # type: ignore[arg-type]  # one of its literals
        if self._is_range():
            return self._range()
        return Compare("=", self.sum())

    def _questions(self) -> Test:
        """Read `? > 1 and ? < 5 or ? = 7`, behind the first question mark."""
        ways: list[list[Test]] = [[self._question()]]
        while True:
            if self._take("and"):
                self._need("?")
                ways[-1].append(self._question())
            elif self._take("or"):
                self._need("?")
                ways.append([self._question()])
            else:
                return Some(tuple(Every(tuple(way)) for way in ways))

    def _question(self) -> Test:
        if self._take("in"):
            if self._is_range():
                return self._range()
            self._need("(")
            found = self.tests()
            self._need(")")
            return found
        return Compare(self._need("<", "<=", ">", ">=", "=", "!="), self.sum())  # type: ignore[arg-type]  # likewise

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

    def sum(self) -> Expr:
        self._deeper()
        left = self._product()
        while sign := self._take("+", "-"):
            left = Sum(sign, left, self._product())  # type: ignore[arg-type]  # likewise
        self._depth -= 1
        return left

    def _product(self) -> Expr:
        left = self._atom()
        while sign := self._take("*", "/"):
            left = Sum(sign, left, self._atom())  # type: ignore[arg-type]  # likewise
        if self._next.text == "**":
            raise FeelError("powers are not carried over", self._next.place)
        return left

    def _atom(self) -> Expr:
        token = self._next
        if self._take("-"):
            self._deeper()
            inner = self._atom()
            self._depth -= 1
            if isinstance(inner, Lit) and isinstance(inner.value, Decimal):
                return Lit(-inner.value)
            return Sum("-", Lit(Decimal(0)), inner)
        if self._take("("):
            found = self.sum()
            self._need(")")
            return found
        if token.literal is not None:
            self._place += 1
            return token.literal
        if token.kind == "name":
            self._place += 1
            part = self._part() if self._take(".") else None
            return Name(token.text, part)
        if token.kind == "word":
            called = self._tokens[self._place + 1].text == "("
            what = f"function `{token.text}(…)` is" if called else f"`{token.text}` is no variable here, or is"
            raise FeelError(f"{what} not carried over", token.place)
        raise FeelError(f"a value is expected, and `{token.text}` stands there", token.place)

    def _part(self) -> str:
        token = self._next
        if token.kind not in ("word", "name"):
            raise FeelError(f"an output's name is expected, and `{token.text}` stands there", token.place)
        self._place += 1
        return token.text


def _literal(pattern: re.Pattern[str], found: re.Match[str], place: int) -> Decimal | str | date:
    if pattern is _NUMBER:
        if len(found[0]) > 17:
            raise FeelError("numbers have at most 16 digits", place)
        return Decimal(found[0])
    if pattern is _STRING:
        return re.sub(r"\\(.)", lambda escaped: _ESCAPES.get(escaped[1], escaped[1]), found[1])
    try:
        return date.fromisoformat(found[1] or found[2])
    except ValueError as error:
        raise FeelError(f"`{found[0]}` is no date", place) from error
