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


@dataclass(slots=True)
class Document:
    """One file as data, and where each value and key stands."""

    name: str
    data: Data = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """1-based line and column of the key (in maps) or value (in lists) at each path."""
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """1-based line and column of the value itself."""
    spoiled: set[Path] = field(default_factory=set)
    """Where something was refused and left out, so that what is missing there has been said already."""
    unreadable: bool = False
    """Whether the file is no YAML at all, so that nothing is known of its content."""

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
    try:
        if len(text) > LARGEST_FILE:
            most = f"at most {LARGEST_FILE}"
            reader.refuse((1, 1), "yaml.too_large", f"file has {len(text)} bytes", str(len(text)), most)
        # libyaml descends by itself: a deep file must be stopped before it is composed.
        elif _checked(text, reader) > DEEPEST:
            most = f"at most {DEEPEST}"
            reader.refuse((1, 1), "yaml.too_deep", f"file nests deeper than {DEEPEST} levels", None, most)
        elif (node := yaml.compose(text, Loader=_LOADER)) is not None:
            document.data = reader.value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        document.unreadable = True
        if "alias" not in str(error.problem):  # the alias has been noted already
            reader.refuse(at, "yaml.syntax", f"this is not YAML: {error.problem or error.context}")
    except (yaml.YAMLError, UnicodeError, ValueError) as error:
        reader.refuse((1, 1), "yaml.syntax", f"this is not YAML: {str(error).splitlines()[0]}")
    return document


def _checked(text: str | bytes, reader: _Reader) -> int:
    """Return how deep the file nests, as far as it was looked into; anchors and tags are noted on the way."""
    depth = deepest = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.NodeEvent):
            mark = event.start_mark
            at = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
            if isinstance(event, yaml.AliasEvent):
                line = "write the part out"
                reader.problem(at, "yaml.alias", f"alias `*{event.anchor}` is not allowed", event.anchor, None, line)
                continue
            if event.anchor is not None:
                line = "remove the anchor"
                reader.problem(at, "yaml.alias", f"anchor `&{event.anchor}` is not allowed", event.anchor, None, line)
            tag: str | None = getattr(event, "tag", None)
            if tag is not None:
                reader.problem(at, "yaml.tag", f"tag `{tag}` is not allowed", tag, "no tag", "remove the tag")
            depth += isinstance(event, yaml.CollectionStartEvent)
            deepest = max(depth, deepest)
            if deepest > DEEPEST:
                break
    return deepest


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

    def refuse(
        self, at: tuple[int, int], code: str, message: str, given: str | None = None, expected: str | None = None
    ) -> None:
        """Note a problem that leaves nothing of the file."""
        self.problem(at, code, message, given, expected)
        self._document.unreadable = True

    def value(self, node: yaml.Node, path: Path) -> Data:
        at = (node.start_mark.line + 1, node.start_mark.column + 1)
        self._document.values[path] = at
        self._document.places.setdefault(path, at)
        if id(node) in self._seen:
            self._document.spoiled.add(path)
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, place)) for place, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, at)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> Data:
        data: dict[str, Data] = {}
        for key_node, value_node in node.value:
            key_at = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, yaml.ScalarNode) or key_node.value == "<<":
                self.problem(key_at, "yaml.key", "a key must be plain text", expected="text")
                self._document.spoiled.add(path)
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
