"""What nobody sees in a DMN file: invisible characters, and names that can't be told apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from authoring.safe_xml import Element
from knowledge.lookalikes import skeleton
from knowledge.problems import Problem
from knowledge.source import is_invisible

_SAID: Final = frozenset(("text", "description"))


def unseen(root: Element, file: str) -> Iterator[Problem]:
    """Yield names and texts with characters that nobody sees, and names that look like another or are given twice."""
    for element in root.walk():
        where = f"{file}:{element.line}:{element.column}"
        said = (element.attributes.get("name", ""), element.text if element.name in _SAID else "")
        for what, text in zip(("a name", "a text"), said, strict=True):
            char = next((char for char in text if is_invisible(char)), None)
            if char is not None:
                code = f"U+{ord(char):04X}"
                message = f"{what} holds the invisible character {code}"
                yield Problem(where, "yaml.character", message, code, "visible text")
    known: dict[str, tuple[str, Element]] = {}
    for element in root.children:
        name = " ".join(element.attributes.get("name", "").split())
        if not name or element.name not in ("inputData", "decision"):
            continue
        other, first = known.setdefault(skeleton(name), (name, element))
        if first is not element:
            where = f"{file}:{element.line}:{element.column}"
            as_other = (
                f"looks like `{other}` in line {first.line}" if other != name else f"is that of line {first.line}"
            )
            message = f"the name `{name}` {as_other}"
            yield Problem(where, "name.lookalike", message, name, "names that a reader can tell apart")
