"""YAML as people write rulebooks: places kept, YAML 1.2 words, nothing that could surprise.

Plain data comes out: dict, list, str, int, Decimal, bool, None. Dates, `yes`, `no`, `on` and `12:30`
stay text; floats don't exist.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

import yaml

from knowledge.problems import Problem

Data: TypeAlias = "dict[str, Data] | list[Data] | str | int | Decimal | bool | None"
Path: TypeAlias = tuple[str | int, ...]

LARGEST_FILE = 1_000_000
DEEPEST = 64
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "value")}
_OPEN_TAGS = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}


@dataclass(slots=True)
class Document:
    """One file as data, and where each value and key stands."""

    name: str
    data: Data = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """1-based line and column of the key (in maps) or value (in lists) at each path."""
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """1-based line and column of the value itself."""

    def place(self, path: Path) -> str:
        """Return `file:line:column` of the nearest known place at or above `path`."""
        while path and path not in self.places:
            path = path[:-1]
        line, column = self.places.get(path, (1, 1))
        return f"{self.name}:{line}:{column}"


def read_document(name: str, text: str | bytes, problems: list[Problem]) -> Document:
    """Return the file's data; whatever is wrong is added to `problems` and left out of the data."""
    document = Document(name)
    reader = _Reader(document, problems)
    if len(text) > LARGEST_FILE:
        reader.problem(
            (1, 1), "yaml.too_large", f"file has {len(text)} bytes", str(len(text)), f"at most {LARGEST_FILE}"
        )
        return document
    try:
        # libyaml descends by itself: a deep file must be stopped before it is composed.
        if _too_deep(text):
            reader.problem(
                (1, 1), "yaml.too_deep", f"file nests deeper than {DEEPEST} levels", None, f"at most {DEEPEST}"
            )
            return document
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        code = "yaml.alias" if "alias" in str(error.problem) else "yaml.syntax"
        reader.problem(at, code, f"this is not YAML: {error.problem or error.context}")
        return document
    except (yaml.YAMLError, UnicodeError, ValueError) as error:
        reader.problem((1, 1), "yaml.syntax", f"this is not YAML: {str(error).splitlines()[0]}")
        return document
    if node is not None:
        document.data = reader.value(node, ())
    return document


def _too_deep(text: str | bytes) -> bool:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                return True
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return False


class _Reader:
    def __init__(self, document: Document, problems: list[Problem]) -> None:
        self._document, self._problems = document, problems
        self._seen: set[int] = set()

    def problem(
        self,
        at: tuple[int, int],
        code: str,
        message: str,
        given: str | None = None,
        expected: str | None = None,
        help: str | None = None,
    ) -> None:
        place = f"{self._document.name}:{at[0]}:{at[1]}"
        self._problems.append(Problem(place, code, message, given, expected, help))

    def value(self, node: yaml.Node, path: Path) -> Data:
        at = (node.start_mark.line + 1, node.start_mark.column + 1)
        self._document.values[path] = at
        self._document.places.setdefault(path, at)
        if id(node) in self._seen:
            self.problem(at, "yaml.alias", "an alias repeats another part of the file", help="write the part out")
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, at)
        if isinstance(node, yaml.SequenceNode):
            self._tag(node, at, _OPEN_TAGS)
            return [self.value(item, (*path, place)) for place, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        self._tag(node, at, _PLAIN_TAGS)
        return self._scalar(node, at)

    def _tag(self, node: yaml.Node, at: tuple[int, int], allowed: set[str]) -> None:
        if node.tag not in allowed:
            self.problem(at, "yaml.tag", f"tag `{node.tag}` is not allowed", node.tag, "no tag", "remove the tag")

    def _mapping(self, node: yaml.MappingNode, path: Path, at: tuple[int, int]) -> Data:
        self._tag(node, at, _OPEN_TAGS)
        data: dict[str, Data] = {}
        for key_node, value_node in node.value:
            key_at = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, yaml.ScalarNode) or key_node.value == "<<":
                self.problem(key_at, "yaml.key", "a key must be plain text", expected="text")
                continue
            key = str(key_node.value)
            self._text(key, key_at)
            if key in data:
                first = self._document.places[(*path, key)]
                self.problem(
                    key_at,
                    "yaml.duplicate_key",
                    f"key `{key}` stands here for the second time",
                    key,
                    f"one `{key}`",
                    f"the first stands in line {first[0]}",
                )
                continue
            self._document.places[(*path, key)] = key_at
            data[key] = self.value(value_node, (*path, key))
        return data

    def _scalar(self, node: yaml.ScalarNode, at: tuple[int, int]) -> Data:
        text = str(node.value)
        if not node.style:
            if text in ("", "~", "null"):
                return None
            if text in ("true", "false"):
                return text == "true"
            if _INTEGER.fullmatch(text):
                return int(text) if len(text) < 20 else text
            if _DECIMAL.fullmatch(text):
                return Decimal(text)
        self._text(text, at)
        return text

    def _text(self, text: str, at: tuple[int, int]) -> None:
        bad = next(
            (c for c in text if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn")), None
        )
        if bad is not None:
            name = f"U+{ord(bad):04X}"
            self.problem(at, "yaml.character", f"text holds the invisible character {name}", name, "visible characters")
