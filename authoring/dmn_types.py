"""The types that a DMN file defines: what values of them are, their parts, and their allowed values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from authoring.feel import FeelError, read_expression
from authoring.feel_tree import Lit
from authoring.safe_xml import Element

Type: TypeAlias = Literal["number", "whole", "text", "yes_no", "date"]
_TYPES: Final[Mapping[str, Type]] = {
    "string": "text", "number": "number", "double": "number", "decimal": "number", "float": "number",
    "boolean": "yes_no", "date": "date", "integer": "whole", "long": "whole", "int": "whole", "short": "whole",
}  # fmt: skip
UNKNOWN: Final = frozenset(
    ("time", "date and time", "dateTime", "days and time duration", "dayTimeDuration", "years and months duration",
     "yearMonthDuration", "context", "list", "function")
)  # fmt: skip
"""Types of FEEL that no field of a rulebook has."""
_DEEPEST: Final = 10


class Types:
    """The item definitions of a file."""

    def __init__(self, definitions: Sequence[Element]) -> None:
        self._definitions = {one.attributes.get("name", ""): one for one in definitions}

    def of(self, given: str | None) -> Type | None:
        """Return a type by the reference to it, None where any value may stand."""
        return _TYPES.get(self._base(given))

    def refused(self, given: str | None) -> str | None:
        """Return what values of a type are that is not carried over, None of all others."""
        base = self._base(given)
        found = next((one for one in self._chain(given) if one.attributes.get("isCollection") == "true"), None)
        return "a list" if found is not None else f"a value of the type `{base}`" if base in UNKNOWN else None

    def parts(self, given: str | None) -> Iterator[tuple[str, str | None, Element]]:
        """Yield the parts of a structure by their path from it, with the reference to their type."""
        yield from self._parts(given, "", 0)

    def allowed(self, given: str | None) -> Element | None:
        """Return where the allowed values of a type stand."""
        return next((found for one in self._chain(given) if (found := one.one("allowedValues")) is not None), None)

    def _parts(self, given: str | None, path: str, depth: int) -> Iterator[tuple[str, str | None, Element]]:
        for definition in self._chain(given) if depth < _DEEPEST else ():
            for component in definition.all("itemComponent"):
                name = f"{path}.{' '.join(component.attributes.get('name', '').split())}"
                inner = list(self._inside(component, name, depth + 1))
                yield from inner or [(name.removeprefix("."), _reference(component), component)]

    def _inside(self, component: Element, path: str, depth: int) -> Iterator[tuple[str, str | None, Element]]:
        if component.all("itemComponent"):
            nested = Types([component])
            nested._definitions = {**self._definitions, "": component}
            yield from nested._parts("", path, depth)
        else:
            yield from self._parts(_reference(component), path, depth)

    def _chain(self, given: str | None) -> Iterator[Element]:
        """Yield the definition that is referred to, and those that it goes by."""
        name: str | None = _local(given)
        for _ in range(_DEEPEST):
            found = self._definitions.get(name or "") if name is not None else None
            if found is None:
                return
            yield found
            name = _local(_reference(found)) if _reference(found) else None

    def _base(self, given: str | None) -> str:
        last = _local(given)
        for one in self._chain(given):
            last = _local(_reference(one))
        return last


def _reference(definition: Element) -> str | None:
    found = definition.one("typeRef")
    return None if found is None else found.text.strip()


def _local(given: str | None) -> str:
    return (given or "").rpartition(":")[2].rpartition("}")[2].strip()


def literals(text: str) -> Iterator[Lit]:
    """Yield the values of a list as far as they are literals, in their order."""
    for part in split(text):
        try:
            found = read_expression(part, {})
        except FeelError:
            return
        if isinstance(found, Lit):
            yield found


def split(text: str) -> list[str]:
    """Return the values of a list, commas in texts left alone."""
    parts, quoted = [""], False
    for char in text:
        quoted ^= char == '"'
        if char == "," and not quoted:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]
