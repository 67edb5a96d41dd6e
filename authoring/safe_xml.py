"""Reads XML that a stranger wrote: no document types, so no entities of any kind; no depth without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from knowledge.problems import Problem, ShuoliError

DEEPEST: Final = 100


class XmlRefused(ShuoliError):
    """A file isn't XML, or holds what this program never reads: a document type, or elements nested too deep."""

    code = "xml.refused"


@dataclass(slots=True)
class Element:
    """One element. Names have no prefix; `space` is the namespace."""

    name: str
    space: str
    attributes: dict[str, str]
    line: int
    column: int
    """Counted from 1."""
    text: str = ""
    """Its own text, without that of the elements inside."""
    children: list[Element] = field(default_factory=list)

    def all(self, name: str) -> list[Element]:
        """Return the children of a name."""
        return [child for child in self.children if child.name == name]

    def one(self, name: str) -> Element | None:
        """Return the first child of a name."""
        return next((child for child in self.children if child.name == name), None)

    def walk(self) -> Iterator[Element]:
        """Yield this element and all inside."""
        todo = [self]
        while todo:
            here = todo.pop()
            yield here
            todo.extend(reversed(here.children))


def read_xml(content: bytes, place: str) -> Element:
    """Return the root element.

    Raises:
        XmlRefused: with `place:line:column` of what is refused.
    """
    return _Reader(place).read(content)


def check_xml(content: bytes, place: str, see: Callable[[str, Mapping[str, str]], None]) -> None:
    """Make sure that a part of a file is harmless XML, without keeping it.

    `see` is told each element's name and attributes.

    Raises:
        XmlRefused: with `place:line:column` of what is refused.
    """
    _Reader(place, see=see).read(content)


class _Reader:
    def __init__(self, place: str, see: Callable[[str, Mapping[str, str]], None] | None = None) -> None:
        self._place, self._see, self._depth = place, see, 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        if see is None:
            self._parser.CharacterDataHandler = self._text
        self._open: list[Element] = []
        self._root: Element | None = None

    def read(self, content: bytes) -> Element:
        try:
            self._parser.Parse(content, True)
        except expat.ExpatError as error:
            at = f"{self._place}:{error.lineno}:{error.offset + 1}"
            problem = Problem(at, "xml.syntax", f"this is not XML: {expat.ErrorString(error.code)}")
            raise XmlRefused(problem.as_text(), problems=(problem,)) from error
        return self._root or Element("", "", {}, 1, 1)

    def _refuse(self, code: str, message: str, help_: str) -> XmlRefused:
        at = f"{self._place}:{self._parser.CurrentLineNumber}:{self._parser.CurrentColumnNumber + 1}"
        problem = Problem(at, code, message, help=help_)
        return XmlRefused(problem.as_text(), help=help_, problems=(problem,))

    def _doctype(self, *_: object) -> None:
        message = "a document type stands here, and with it entities"
        raise self._refuse("xml.doctype", message, "take out <!DOCTYPE …> and write its entities out")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._refuse("xml.too_deep", f"elements nest deeper than {DEEPEST}", "take out needless nesting")
        space, _, local = name.rpartition(" ")
        plain = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        if self._see is not None:
            self._see(local, plain)
            return
        at = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        element = Element(local, space, plain, *at)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._depth -= 1
        if self._see is None:
            self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].text += text
