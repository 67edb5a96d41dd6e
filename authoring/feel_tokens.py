"""The words that FEEL texts are made of: literals, names that may hold spaces, functions, signs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from authoring.feel_tree import Lit

LONGEST: Final = 2_000
MOST_DIGITS: Final = 16

_NUMBER: Final = re.compile(r"(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_DATE: Final = re.compile(
    r'date\s*\(\s*"(\d{4}-\d{2}-\d{2})"\s*\)|@"(\d{4}-\d{2}-\d{2})"|'
    r"date\s*\(\s*(\d{4})\s*,\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)",
    re.ASCII,
)
_DURATION: Final = re.compile(r'(?:duration\s*\(\s*"([^"]*)"\s*\)|@"(-?P[^"]*)")', re.ASCII)
_PERIOD: Final = re.compile(r"(-?)P(?=.)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,6})D)?", re.ASCII)
_SIGN: Final = re.compile(r"\*\*|\.\.|<=|>=|!=|[-+*/(),<>=\[\]?.{}:]")
_WORD: Final = re.compile(r"[^\W\d]\w*")
_PHRASE: Final = re.compile(
    r"(?:round half up|round half down|round up|round down|list contains|starts with|ends with|string length|"
    r"upper case|lower case|substring before|substring after|date and time|years and months duration|day of week|"
    r"day of year|month of year|week of year|insert before|index of|distinct values|list replace|get value|"
    r"get entries|string join|met by|overlaps before|overlaps after|finished by|started by)(?=\s*\()"
)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}


class FeelError(Exception):
    """The text is no FEEL that is carried over; says why. `place` is the place in the text, from 1."""

    def __init__(self, message: str, place: int) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True, slots=True)
class Period:
    """A duration of whole months and days."""

    months: int
    days: int


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a text, with its place from 1."""

    kind: Literal["literal", "period", "name", "word", "sign", "end"]
    text: str
    place: int
    literal: Lit | None = None
    period: Period | None = None


def tokens(text: str, names: Sequence[str]) -> Iterator[Token]:
    """Yield the words of a text, the longest known name first; `end` is the last.

    Raises:
        FeelError: something in it can't be read.
    """
    if len(text) > LONGEST:
        raise FeelError(f"an expression has at most {LONGEST} characters", 1)
    known = sorted(filter(None, names), key=len, reverse=True)
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        token, place = _one(text, place, known)
        yield token
    yield Token("end", "the end", len(text) + 1)


def _one(text: str, place: int, names: Sequence[str]) -> tuple[Token, int]:
    at = place + 1
    for pattern in (_DATE, _NUMBER, _STRING):
        found = pattern.match(text, place)
        if found is not None:
            return Token("literal", found[0], at, Lit(_literal(pattern, found, at))), found.end()
    lasting = _DURATION.match(text, place)
    if lasting is not None:
        return Token("period", lasting[0], at, period=_period(lasting, at)), lasting.end()
    for name in names:
        after = place + len(name)
        if text.startswith(name, place) and not (_is_word(name[-1]) and _is_word(text[after : after + 1])):
            return Token("name", name, at), after
    word = _PHRASE.match(text, place) or _WORD.match(text, place)
    if word is not None:
        literal = {"true": Lit(True), "false": Lit(False), "null": Lit(None)}.get(word[0])
        return Token("word" if literal is None else "literal", word[0], at, literal), word.end()
    sign = _SIGN.match(text, place)
    if sign is None:
        raise FeelError(f"`{text[place : place + 20]}` can't be read", at)
    return Token("sign", sign[0], at), sign.end()


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _literal(pattern: re.Pattern[str], found: re.Match[str], place: int) -> Decimal | str | date:
    if pattern is _NUMBER:
        return _number(found[0], place)
    if pattern is _STRING:
        return re.sub(r"\\(.)", lambda escaped: _ESCAPES.get(escaped[1], escaped[1]), found[1])
    try:
        if found[3]:
            return date(int(found[3]), int(found[4]), int(found[5]))
        return date.fromisoformat(found[1] or found[2])
    except ValueError as error:
        raise FeelError(f"`{found[0]}` is no date", place) from error


def _number(text: str, place: int) -> Decimal:
    value = Decimal(text)
    plain = f"{value:f}" if abs(value.adjusted()) < 2 * MOST_DIGITS else "9" * 99
    if len(plain.replace(".", "")) > MOST_DIGITS:
        raise FeelError(f"numbers have at most {MOST_DIGITS} digits", place)
    return Decimal(plain)


def _period(found: re.Match[str], place: int) -> Period:
    parts = _PERIOD.fullmatch(found[1] or found[2] or "")
    if parts is None:
        raise FeelError(f"`{found[0]}` is no duration of whole years, months or days", place)
    sign = -1 if parts[1] else 1
    months, days = 12 * int(parts[2] or 0) + int(parts[3] or 0), int(parts[4] or 0)
    return Period(sign * months, sign * days)
