"""Writes plain data as the YAML that rulebooks are written in, comments included; `source` reads the same data back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

import yaml

from knowledge.problems import Problem
from knowledge.source import Data, Document, Path, read_document

WIDEST: Final = 120
Comments: TypeAlias = Mapping[Path, Sequence[str]]
"""Lines of comment, without their `#`, by the path of what they stand before."""

# words that begin with a letter, digit or ideograph and hold nothing that YAML reads as its own
_PLAIN: Final = re.compile(r"[^\W_](?:[^\s,\[\]{}:#]|[ :](?=[^\s,\[\]{}:#]))*")
_OTHER: Final = re.compile(r"true|false|null|~|[-+]?[0-9][0-9_]*(?:\.[0-9]*)?")
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MARKER: Final = "yaml-language-server:"


def write_yaml(data: Data, comments: Comments | None = None) -> str:
    """Return the text of a file; what fits on a line stands on it, unless a comment belongs inside.

    Comments whose place isn't in the data stand before what would hold it.
    """
    placed = _placed(data, comments or {})
    head = [f"# {line}".rstrip() for line in placed.get((), ())]
    body = list(_block(data, (), 0, placed))
    return "\n".join([*head, *body]) + "\n"


def write_value(data: Data) -> str:
    """Return a value on one line, as it may stand in a cell.

    >>> write_value({"at_least": 1000, "in": ["a, b", "no"]})
    '{at_least: 1000, in: ["a, b", no]}'
    """
    match data:
        case dict():
            return "{" + ", ".join(f"{_text(key)}: {write_value(value)}" for key, value in data.items()) + "}"
        case list():
            return "[" + ", ".join(map(write_value, data)) + "]"
        case bool():
            return "true" if data else "false"
        case None:
            return "null"
        case int() | Decimal():
            return str(data)
        case _:
            return _text(data)


def read_value(text: str, place: str, problems: list[Problem]) -> Data:
    """Return the value that a text on its own means; whatever is wrong with it is told at `place`."""
    found: list[Problem] = []
    document = read_document(place, text.encode(), found)
    problems += [Problem(place, one.code, one.message, one.given, one.expected, one.help) for one in found]
    return document.data


def read_comments(content: bytes, document: Document) -> dict[Path, list[str]]:
    """Return a file's comments by the path of what they stand before or beside; () for those of the whole file."""
    text = content.decode("utf-8").removeprefix("\ufeff")
    places = sorted((at, len(path), path) for path, at in document.places.items())
    found: dict[Path, list[str]] = {}
    for line, own_line, comment in _comments(text):
        if comment.startswith(_MARKER):
            path: Path = ()
        elif own_line:
            path = next((path for at, _, path in places if at[0] > line), ())
        else:
            before = [path for at, _, path in places if at[0] == line] or [path for at, _, path in places[::-1]]
            path = before[0] if before else ()
        found.setdefault(path, []).append(comment)
    return found


def _comments(text: str) -> Iterator[tuple[int, bool, str]]:
    """Yield line, whether it stands by itself, and text of each comment: whatever lies between tokens."""
    edges = [(0, 0), *((token.start_mark.index, token.end_mark.index) for token in yaml.scan(text, Loader=_LOADER))]
    end = 0
    for start, after in [*edges[1:], (len(text), len(text))]:
        for match in re.finditer(r"#[^\n]*", text[end:start]) if start > end else ():
            at = end + match.start()
            lead = text[text.rfind("\n", 0, at) + 1 : at]
            yield text.count("\n", 0, at) + 1, not lead.strip(), match[0][1:].strip()
        end = max(end, after)


def _placed(data: Data, comments: Comments) -> dict[Path, list[str]]:
    placed: dict[Path, list[str]] = {}
    for path, lines in comments.items():
        at = path
        while at and not _is_in(data, at):
            at = at[:-1]
        placed.setdefault(at, []).extend(lines)
    return placed


def _is_in(data: Any, path: Path) -> bool:
    for part in path:
        known = data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
        if part not in known:
            return False
        data = data[part]
    return True


def _block(data: Data, path: Path, indent: int, comments: Mapping[Path, list[str]]) -> Iterator[str]:
    """Yield the lines of a map or list, each item on lines of its own."""
    lead = " " * indent
    if isinstance(data, dict) and data:
        items = [((*path, key), f"{_text(key)}:", value) for key, value in data.items()]
    elif isinstance(data, list) and data:
        items = [((*path, place), "-", value) for place, value in enumerate(data)]
    else:
        yield lead + write_value(data)
        return
    for at, opens, value in items:
        yield from (f"{lead}# {line}".rstrip() for line in comments.get(at, ()))
        flat = f"{lead}{opens} {write_value(value)}"
        inside = any(len(other) > len(at) and other[: len(at)] == at for other in comments)
        if not isinstance(value, dict | list) or not value or (_is_short(value, flat, at) and not inside):
            yield flat
        elif opens != "-":
            yield lead + opens
            yield from _block(value, at, indent + 2, comments)
        else:
            yield from _item(value, at, indent, comments)


def _item(value: Data, at: Path, indent: int, comments: Mapping[Path, list[str]]) -> Iterator[str]:
    """Yield a map or list that is an item of a list: its first line beside the dash, if no comment stands there."""
    lines = list(_block(value, at, indent + 2, comments))
    if lines[0].lstrip().startswith("#"):
        yield " " * indent + "-"
        yield from lines
    else:
        yield f"{' ' * indent}- {lines[0][indent + 2 :]}"
        yield from lines[1:]


def _is_short(value: Any, flat: str, path: Path) -> bool:
    """Say whether a map or list reads well on one line."""
    if isinstance(value, list):
        return len(flat) <= WIDEST and _depth(value) <= (1 if len(value) > 1 or len(path) == 1 else 2)
    most = 2 if len(path) == 1 and isinstance(path[0], int) else 1 if len(path) == 1 else 3
    return len(flat) <= WIDEST and _depth(value) <= most


def _depth(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)


def _text(text: str) -> str:
    """Return a text as a word of YAML, in quotes where it would otherwise be read as something else."""
    if _PLAIN.fullmatch(text) and not _OTHER.fullmatch(text):
        return text
    return json.dumps(text, ensure_ascii=False)
