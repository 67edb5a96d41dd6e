"""Two people's changes to one version brought together, part by part: a rule, a fact type, a measure, a key.

Texts are merged as they were written, so that comments and layout stay. A part is an item of a list, a key of a map,
or a key below that, with the comments before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

from knowledge.source import read_document

Side: TypeAlias = Literal["ours", "theirs"]
_KEY: Final = re.compile(r"( {2})?([^\s#:-][^:]*):(?:\s|$)")


class Conflict(msgspec.Struct, frozen=True):
    """A part of a file that both sides changed, each otherwise; None where it isn't there."""

    file: str
    part: str
    base: str | None
    ours: str | None
    theirs: str | None


def merge(
    base: Mapping[str, bytes],
    ours: Mapping[str, bytes],
    theirs: Mapping[str, bytes],
    take: Mapping[str, Mapping[str, Side]],
) -> tuple[dict[str, bytes], list[Conflict]]:
    """Return the files with what either side changed since `base`, and what both changed otherwise.

    `take` says by file and part which side of a conflict holds; of one that is left, ours stands in the files.
    """
    merged: dict[str, bytes] = {}
    conflicts: list[Conflict] = []
    for path in sorted({*base, *ours, *theirs}):
        was, our, their = (_parts(path, files.get(path)) for files in (base, ours, theirs))
        taken, left = _merge_file(path, was, our, their, take.get(path, {}))
        conflicts += left
        if taken:
            merged[path] = _joined(list(taken.values())).encode()
    return merged, conflicts


def _joined(parts: Sequence[str]) -> str:
    """Put parts together; one that ended its file without a line's end gets it where something follows."""
    return "".join(part if part.endswith("\n") else f"{part}\n" for part in parts[:-1]) + "".join(parts[-1:])


def _merge_file(
    path: str, base: Mapping[str, str], ours: Mapping[str, str], theirs: Mapping[str, str], take: Mapping[str, Side]
) -> tuple[dict[str, str], list[Conflict]]:
    taken: dict[str, str] = {}
    conflicts = []
    for part in _in_order(ours, theirs):
        was, our, their = base.get(part), ours.get(part), theirs.get(part)
        holds = our
        if our == was:
            holds = their
        elif their not in (our, was):
            if part not in take:
                conflicts.append(Conflict(path, part, was, our, their))
            holds = their if take.get(part) == "theirs" else our
        if holds is not None:
            taken[part] = holds
    return taken, conflicts


def _in_order(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """Return all parts: theirs in their order, each of ours after the one that it follows in ours."""
    order = list(theirs)
    last = -1
    for part in ours:
        if part in theirs:
            last = order.index(part)
        else:
            last += 1
            order.insert(last, part)
    return order


def _parts(path: str, document: bytes | None) -> dict[str, str]:
    """Return the parts of a file by name, which put together are the file; those of one that isn't there are none."""
    if document is None:
        return {}
    text = document.decode()
    data = read_document(path, document, []).data if path.endswith(".yaml") else None
    if not isinstance(data, dict | list):
        return {"": text}
    names = iter(_item_names(data)) if isinstance(data, list) else None
    parts: dict[str, str] = {}
    name, top, comments = "", "", ""
    for line in text.splitlines(keepends=True):
        begins = _begins(line, top, names)
        if begins is not None:
            name, top = begins
            # A key that is given twice is refused later, and kept apart here.
            name = name if name not in parts else f"{name} ({len(parts)})"
            parts[name] = comments + line
        elif line.strip() == "" or line.lstrip().startswith("#"):
            comments += line
            continue
        else:
            parts[name] = parts.get(name, "") + comments + line
        comments = ""
    if comments:
        parts[name] = parts.get(name, "") + comments
    return parts


def _begins(line: str, top: str, names: Iterator[str] | None) -> tuple[str, str] | None:
    """Return the name of the part that a line begins, and of the key above it; None where it goes on with one."""
    if names is not None:
        return (next(names, "?"), "") if line.startswith(("- ", "-\n")) else None
    found = _KEY.match(line)
    if found is None:
        return None
    key = found[2].strip("\"'")
    return (f"{top}/{key}", top) if found[1] else (key, key)


def _item_names(data: list[Any]) -> Iterator[str]:
    """Yield a name for each item of a list: its id, or its first key with its value; told apart where alike."""
    seen: dict[str, int] = {}
    for item in data:
        name = str(item)[:80]
        if isinstance(item, dict) and item:
            key = "rule" if "rule" in item else next(iter(item))
            name = f"{key} {item[key]}"[:120]
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})"
