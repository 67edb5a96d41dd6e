"""JSON as people send it: parsed strictly, so that nothing is read otherwise than it was meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from knowledge.problems import JsonRefused, Problem

LARGEST = 4_000_000
"""Bytes of one document."""


class Inexact:
    """A number written with a fraction or an exponent, kept as text: it fits no field."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def parse(data: bytes) -> Any:
    """Return what the JSON text says, with `Inexact` for each number that is not whole.

    Raises:
        JsonRefused: not UTF-8 JSON, a key given twice, NaN or Infinity, nested too deep, or too large.
    """
    if len(data) > LARGEST:
        raise _refused("json.too_large", f"{len(data)} bytes", expected=f"at most {LARGEST} bytes")
    try:
        text = data.decode("utf-8")
        try:
            return _strict(text)
        except _TwiceError:
            twice = _Twice()
            _decoder(twice.note).decode(text)
    except UnicodeDecodeError as error:
        raise _refused("json.encoding", f"byte {error.start} is not UTF-8", expected="UTF-8") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise _refused("json.syntax", f"{error.msg} at {place}", expected="one JSON document") from None
    except RecursionError:
        raise _refused("json.depth", "nested too deep", expected="a case file: five levels") from None
    except ValueError:
        # A whole number of more digits than Python converts.
        raise _refused("json.syntax", "a number has too many digits", expected="at most 16 digits") from None
    problems = tuple(_problem("json.duplicate_key", f"key `{shown(name)}` is given twice") for name in twice.names)
    raise JsonRefused("the JSON gives a key twice", problems=problems)


class _TwiceError(Exception):
    """An object gives a key twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _TwiceError
    return made


class _Twice:
    """Keeps the names of keys that are given twice."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def note(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        names = [name for name, _ in pairs]
        self.names.extend(name for name in made if names.count(name) > 1)
        return made


def _decoder(pairs: Callable[[list[tuple[str, Any]]], dict[str, Any]]) -> json.JSONDecoder:
    return json.JSONDecoder(object_pairs_hook=pairs, parse_float=Inexact, parse_constant=_constant)


def shown(value: Any, most: int = 60) -> str:
    """Return a value as messages show it: JSON, cut short, always encodable."""
    if isinstance(value, Inexact):
        return value.text[:most]
    words = value if isinstance(value, str) else _sketch(value)
    words = words if len(words) <= most else words[: most - 1] + "…"
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in words)


def _sketch(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    # Not str(): it refuses whole numbers of thousands of digits.
    return json.dumps(value) if not isinstance(value, int) or abs(value) < 10**60 else "a very large number"


def _constant(name: str) -> Any:
    raise _refused("json.syntax", f"`{name}` is not JSON", expected="a whole number, or a decimal as a string")


def _refused(code: str, message: str, expected: str) -> JsonRefused:
    return JsonRefused("the JSON can't be read", problems=(_problem(code, message, expected),))


def _problem(code: str, message: str, expected: str | None = None) -> Problem:
    return Problem("", code, message, expected=expected)


# Made once: making it takes as long as reading a short line.
_strict: Final = _decoder(_once).decode
