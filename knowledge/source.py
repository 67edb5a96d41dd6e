"""YAML as people write rulebooks: places kept, YAML 1.2 words, nothing that could surprise.

Plain data comes out: dict, list, str, int, Decimal, bool, None. Dates, `yes`, `no`, `on` and `12:30`
stay text; floats don't exist.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

import yaml

from knowledge.problems import Problem

Data: TypeAlias = "dict[str, Data] | list[Data] | str | int | Decimal | bool | None"
Path: TypeAlias = tuple[str | int, ...]

LARGEST_FILE = 1_000_000
DEEPEST = 64
LONGEST_INTEGER = 19
"""Digits; what is longer stays text."""
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+")
# what YAML doesn't take, and breaks of lines that editors don't count
_FORBIDDEN = re.compile("\r(?!\n)|[^\t\n\r -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_KINDS: Mapping[type[yaml.Node], str] = {yaml.SequenceNode: "a list", yaml.MappingNode: "a map"}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Document:
    """One file as data, and where each value and key stands."""

    name: str
    """As which of a rulebook's files it is read."""
    data: Data = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """1-based line and column of the key (in maps) or value (in lists) at each path."""
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """1-based line and column of the value itself."""
    spoiled: set[Path] = field(default_factory=set)
    """Where something was refused and left out, so that what is missing there has been said already."""
    unreadable: bool = False
    """Whether the file is no YAML at all, so that nothing is known of its content."""
    file: str = ""
    """The name under which it lies in the folder, where that is another one."""

    def place(self, path: Path) -> str:
        """Return `file:line:column` of the nearest known place at or above `path`."""
        while path and path not in self.places:
            path = path[:-1]
        line, column = self.places.get(path, (1, 1))
        return f"{self.file or self.name}:{line}:{column}"


def path_to(documents: Mapping[str, Document], path: Path, key: str, value: str | None = None) -> Path:
    """Return the path of the first `key` (with `value`, if given) at or below `path`, whose first part is the file.

    Where there is none it is `path` itself.
    """
    data: Any = documents[str(path[0])].data
    for part in path[1:]:
        data = data[part]
    todo: list[tuple[Path, Any]] = [(path, data)]
    for at, here in todo:
        if isinstance(here, dict):
            if key in here and (value is None or here[key] == value):
                return (*at, key)
            todo += [((*at, name), part) for name, part in here.items()]
        elif isinstance(here, list):
            todo += [((*at, place), part) for place, part in enumerate(here)]
    return path


def read_document(name: str, content: bytes, problems: list[Problem]) -> Document:
    """Return the file's data; whatever is wrong is added to `problems` and left out of the data."""
    document = Document(name)
    reader = _Reader(document, problems)
    if len(content) > LARGEST_FILE:
        given, most = str(len(content)), f"at most {LARGEST_FILE}"
        reader.refuse((1, 1), "yaml.too_large", f"file has {given} bytes", given, most, "split it into several")
        return document
    text = _decoded(content, reader)
    if text is None:
        return document
    try:
        # libyaml descends by itself: a deep file must be stopped before it is composed.
        if _is_shallow(text, reader) and (node := yaml.compose(text, Loader=_LOADER)) is not None:
            document.data = reader.value(node, ())
    except yaml.MarkedYAMLError as error:
        document.unreadable = True
        if "alias" not in str(error.problem):  # the alias has been noted already
            _note_syntax(error, text, reader)
    return document


def _decoded(content: bytes, reader: _Reader) -> str | None:
    """Return the file's text; None where a character in it, which is noted, is none that YAML takes."""
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        given = f"byte {content[error.start]:02X}"
        at = _end_of(content[: error.start].decode("utf-8"))
        reader.refuse(at, "yaml.character", f"{given} is not UTF-8", given, "UTF-8", "save the file as UTF-8")
        return None
    bad = _FORBIDDEN.search(text)
    if bad is not None:
        given = f"U+{ord(bad[0]):04X}"
        at = _end_of(text[: bad.start()])
        reader.refuse(at, "yaml.character", f"a file can't hold the character {given}", given, "visible text")
        return None
    return text


def _end_of(text: str) -> tuple[int, int]:
    lines = text.split("\n")
    return len(lines), len(lines[-1]) + 1


def _note_syntax(error: yaml.MarkedYAMLError, text: str, reader: _Reader) -> None:
    mark, began = error.problem_mark or error.context_mark, error.context_mark
    at, lines = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1), text.split("\n")
    if at[0] > len(lines):  # libyaml counts one line more where the last one isn't ended
        at = (len(lines), len(lines[-1]) + 1)
    met = lines[at[0] - 1][at[1] - 1 :]
    what = error.problem or error.context or ""
    help_line = None
    if what.startswith("but "):
        what = f"{error.context}, {what}"
    elif met.startswith("\t"):
        what, help_line = "a tab stands where only spaces may", "indent with spaces"
    elif "expected key" in what or "mapping values" in what:
        help_line = "a text that begins with `{` or `[`, or holds `: ` or ` #`, stands in quotes"
    elif began is not None and mark is not None and began.line < mark.line:
        help_line = f"it belongs to what begins in line {began.line + 1}, column {began.column + 1}"
    reader.refuse(at, "yaml.syntax", f"this is not YAML: {what}", help=help_line)


def _is_shallow(text: str, reader: _Reader) -> bool:
    """Return whether the file nests no deeper than it may; anchors and tags are noted on the way."""
    depth = 0
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
                tag = tag.replace("tag:yaml.org,2002:", "!!")
                reader.problem(at, "yaml.tag", f"tag `{tag}` is not allowed", tag, "no tag", "remove the tag")
            depth += isinstance(event, yaml.CollectionStartEvent)
            if depth > DEEPEST:
                most = f"at most {DEEPEST}"
                reader.refuse(at, "yaml.too_deep", f"file nests deeper than {DEEPEST} levels", None, most)
                return False
    return True


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
        self,
        at: tuple[int, int],
        code: str,
        message: str,
        given: str | None = None,
        expected: str | None = None,
        help: str | None = None,
    ) -> None:
        """Note a problem that leaves nothing of the file."""
        self.problem(at, code, message, given, expected, help)
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
                given = key_node.value if isinstance(key_node, yaml.ScalarNode) else _KINDS[type(key_node)]
                self.problem(key_at, "yaml.key", "a key must be a plain word", given, "a word")
                self._document.spoiled.add(path)
                continue
            key = self._visible(str(key_node.value), key_at)
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
                return int(text) if len(text) <= LONGEST_INTEGER else text
            if _DECIMAL.fullmatch(text):
                return Decimal(text)
        return self._visible(text, at)

    def _visible(self, text: str, at: tuple[int, int]) -> str:
        """Return the text without invisible characters, so that what is meant can still be checked."""
        found = next((place for place, char in enumerate(text) if is_invisible(char)), None)
        if found is None:
            return text
        name, before = f"U+{ord(text[found]):04X}", text[max(found - 12, 0) : found].rsplit("\n", maxsplit=1)[-1]
        where = f"after `{before}`" if before else "at its beginning"
        self.problem(at, "yaml.character", f"text holds the invisible character {name} {where}", name, "visible text")
        return "".join(char for char in text if not is_invisible(char))


def is_invisible(char: str) -> bool:
    """Say whether a character shows nothing, or turns the direction of what follows."""
    if char in "\n\t":
        return False
    category = unicodedata.category(char)
    # Han characters that this version of Python doesn't know yet are unassigned to it
    return category in _INVISIBLE and not (category == "Cn" and 0x20000 <= ord(char) < 0x40000)
