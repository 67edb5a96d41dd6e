"""Values between JSON and their encoding: read strictly, and shown again in the same words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final, TypeAlias

from engine.jsontext import Inexact
from knowledge.problems import nearest
from knowledge.rulebook import Field
from knowledge.rules import Value

LONGEST: Final = 200
"""Characters of a text whose field names no other length."""
_DECIMAL: Final = re.compile(r"(-?)(0|[1-9][0-9]{0,14})(?:\.([0-9]+))?", re.ASCII)
_LARGEST: Final = 2**53

Read: TypeAlias = Callable[[Any], Value]
Show: TypeAlias = Callable[[Value], Any]


class Misfit(Exception):
    """A value that its field can't take; `expected` says what it can."""

    def __init__(self, code: str, expected: str, help: str | None = None) -> None:
        super().__init__(code)
        self.code, self.expected, self.help = code, expected, help


def reader(field: Field) -> Read:  # noqa: C901  one closure a type reads better whole
    """Return the function that encodes a JSON value for the field; it raises Misfit where the value doesn't fit."""
    match field.type:
        case "text":
            longest = field.maximum or LONGEST

            def read(data: Any) -> Value:
                return read_text(data, longest)

        case "choice":
            choices = field.choices

            def read(data: Any) -> Value:
                if isinstance(data, str) and data in choices:
                    return data
                near = nearest(data, choices) if isinstance(data, str) else None
                help = f"did you mean `{near}`?" if near else None
                raise Misfit("value.unknown_choice", "one of " + ", ".join(choices), help)

        case "whole":

            def read(data: Any) -> Value:
                if type(data) is not int:
                    raise Misfit("type.mismatch", "a whole number")
                return _bounded(field, data)

        case "yes_no":

            def read(data: Any) -> Value:
                if data is True or data is False:
                    return bool(data)
                raise Misfit("type.mismatch", "true or false")

        case "date":

            def read(data: Any) -> Value:
                try:
                    if isinstance(data, str) and len(data) == 10 and data.isascii() and data[4] == "-":
                        return _bounded(field, date.fromisoformat(data).toordinal())
                except ValueError:
                    pass
                raise Misfit("type.mismatch", "a date such as 2026-03-05")

        case _:

            def read(data: Any) -> Value:
                return _bounded(field, _decimal(data, field.places))

    return read


def read_text(data: Any, longest: int) -> str:
    """Return a text of 1 to `longest` characters without control characters and lone surrogates; else raise Misfit."""
    if not isinstance(data, str):
        raise Misfit("type.mismatch", "a text")
    if not 1 <= len(data) <= longest:
        raise Misfit("value.too_long" if data else "value.empty", f"a text of 1 to {longest} characters")
    if not data.isprintable() and any(c < " " or "\x7f" <= c < "\xa0" or "\ud800" <= c <= "\udfff" for c in data):
        raise Misfit("value.character", "a text without control characters and lone surrogates")
    return data


def _decimal(data: Any, places: int) -> int:
    if isinstance(data, Inexact):
        raise Misfit("type.mismatch", "a decimal as a string", f'write "{data.text[:20]}"')
    found = _DECIMAL.fullmatch(data) if isinstance(data, str) else None
    if found is None:
        raise Misfit("type.mismatch", 'a decimal as a string such as "0.08"')
    sign, whole, fraction = found[1], found[2], found[3] or ""
    if len(fraction) > places:
        raise Misfit("value.too_precise", f"at most {places} places")
    number = int(whole + fraction.ljust(places, "0"))
    return -number if sign else number


def _bounded(field: Field, number: int) -> int:
    low = -_LARGEST if field.minimum is None else field.minimum
    high = _LARGEST if field.maximum is None else field.maximum
    if not low <= number <= high:
        ends = f"{plain(field, low)} to {plain(field, high)}"
        raise Misfit("value.out_of_bounds", f"from {ends}")
    return number


def plain(field: Field, value: Value) -> Value:
    """Return an encoded value as JSON shows it: dates as ISO text, decimals as text with their places."""
    match field.type:
        case "date":
            return day_text(int(value))
        case "decimal":
            return decimal_text(int(value), field.places)
        case "share":
            return f"{decimal_text(int(value), 2)}%"
        case _:
            return value


@lru_cache(maxsize=16384)
def day_text(ordinal: int) -> str:
    """Return a day as ISO text."""
    return date.fromordinal(ordinal).isoformat()


def decimal_text(value: int, places: int) -> str:
    """Return a scaled whole number as a decimal.

    >>> decimal_text(-805, 2), decimal_text(7, 0)
    ('-8.05', '7')
    """
    if not places:
        return str(value)
    digits = f"{abs(value):0{places + 1}d}"
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def shower(field: Field) -> Show | None:
    """Return what turns an encoded value of the field into JSON, None where it stays as it is."""
    match field.type:
        case "date":
            return day_text
        case "decimal" | "share":
            return lambda value: plain(field, value)
        case _:
            return None


def shown(shows: Mapping[str, Show], values: Mapping[str, Value]) -> dict[str, Any]:
    """Return encoded values by name as JSON; `shows` has those of them that don't stay as they are."""
    return {name: shows[name](value) if name in shows else value for name, value in values.items()}
