"""What stands in a cell, and the value that it means."""

from __future__ import annotations

import json
import math
import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final, TypeAlias

from authoring.workbook_sheets import Kind
from knowledge.problems import Problem
from knowledge.yamltext import read_value, write_value

Shown: TypeAlias = str | int
Written: TypeAlias = str | int | float | bool | date | datetime | time | None
_NAME: Final = re.compile(r"[^\s,、\uff0c\[\]]+")
_WIDE_NUMBER: Final = re.compile(r"(?=.*[\uff01-\uff5e])[0-9\uff10-\uff19.\uff0e%\uff05\uff0d\uff0b+-]+")
"""A number, percentage or date with full-width characters in it, as Chinese keyboards type them."""
_WIDE: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
LONGEST: Final = 32_767
"""Characters that a cell of a spreadsheet holds."""


def shown(kind: Kind, value: Any) -> Shown:
    """Return what stands in a cell for a value."""
    match kind:
        case "number" if isinstance(value, int):
            return value
        case "names" if isinstance(value, list) and all(isinstance(one, str) and _NAME.fullmatch(one) for one in value):
            return ", ".join(value) or "[]"
        case "lines" | "facts" if isinstance(value, dict) and value:
            return "\n".join(write_value({key: part})[1:-1] for key, part in value.items())
        case "facts" if isinstance(value, list) and value:
            return "\n".join(_fact(one) for one in value)
        case "prose" | "word" if not isinstance(value, dict | list):
            return {True: "yes", False: "no"}[value] if isinstance(value, bool) else _quoted(str(value))
        case "yaml" if isinstance(value, str) and "\n" not in value and read_value(value, "", []) == value:
            return value
    return write_value(value)


def meant(kind: Kind, cell: Shown, place: str, problems: list[Problem]) -> Any:
    """Return the value that a cell means; what can't be read is told at its place."""
    text = half_width(str(cell)) if kind != "prose" and _WIDE_NUMBER.fullmatch(str(cell)) else str(cell)
    cell = text if text != str(cell) else cell
    match kind:
        case "prose" | "word":
            bare = text.strip()
            quoted = _unquoted(bare)
            return quoted if quoted is not None else bare
        case "names" if not text.lstrip().startswith("["):
            return [one.strip() for one in text.replace("、", ",").replace("\uff0c", ",").split(",") if one.strip()]
        case "lines":
            return _lines(text, place, problems)
        case "facts" if text.strip() != "[]":
            return [_map(line, place, problems) for line in text.splitlines() if line.strip()]
    return cell if isinstance(cell, int) else read_value(text, place, problems)


def half_width(text: str) -> str:
    """Return a text with half-width letters, digits and signs in place of full-width ones."""
    return text.translate(_WIDE)


def plain(written: Written, number_format: str) -> Shown | None:
    """Return a cell of a spreadsheet as its text, or as a whole number; None where it is empty.

    >>> plain(0.7, "0%"), plain(3.0, "General"), plain(date(2026, 3, 1), "yyyy-mm-dd")
    ('70%', 3, '2026-03-01')
    """
    match written:
        case None | "":
            return None
        case bool():
            return "yes" if written else "no"
        case datetime() if not (written.hour or written.minute or written.second):
            return written.date().isoformat()
        case datetime() | date() | time():
            return written.isoformat()
        case float() if not math.isfinite(written):
            return str(written)
        case int() | float():
            exact = Decimal(repr(written))
            if "%" in number_format:
                return f"{(exact * 100).normalize():f}%"
            return int(exact) if exact == exact.to_integral_value() else f"{exact:f}"
        case _:
            return written


def _quoted(text: str) -> str:
    """Return a text in quotes where spaces at its ends, or quotes around it, would be lost."""
    return (
        json.dumps(text, ensure_ascii=False)
        if text != text.strip() or not text or _unquoted(text) is not None
        else text
    )


def _unquoted(text: str) -> str | None:
    """Return what stands in quotes; None where it isn't one quoted text."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return None
    try:
        return str(json.loads(text))
    except ValueError:
        return None


def _fact(value: Any) -> str:
    text = write_value(value)
    return text[1:-1] if isinstance(value, dict) and len(value) == 1 else text


def _lines(text: str, place: str, problems: list[Problem]) -> Any:
    if text.lstrip().startswith(("{", "[")):
        return read_value(text, place, problems)
    found: dict[str, Any] = {}
    for line in text.splitlines():
        part = _map(line, place, problems) if line.strip() else {}
        for key, value in part.items() if isinstance(part, dict) else ():
            if key in found:
                problems.append(
                    Problem(place, "yaml.duplicate_key", f"key `{key}` stands here for the second time", key)
                )
            found[key] = value
    return found


def _map(line: str, place: str, problems: list[Problem]) -> Any:
    """Return one entry of a map, or a map in braces."""
    braced = line.strip() if line.strip().startswith("{") else "{" + line.strip() + "}"
    value = read_value(braced, place, problems)
    if isinstance(value, dict):
        return value
    if not any(problem.place == place for problem in problems):
        expected = "`key: value`"
        problems.append(
            Problem(place, "workbook.cell", f"`{line.strip()[:60]}` is no entry", line.strip()[:60], expected)
        )
    return {}
