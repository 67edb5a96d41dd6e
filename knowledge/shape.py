"""Does each file have the shape that its kind asks for? Pydantic's findings, said in the writer's words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, RootModel, ValidationError

from knowledge import written
from knowledge.problems import Problem, nearest
from knowledge.source import Data, Document, Path

FILES: dict[str, type[BaseModel]] = {
    "rulebook.yaml": written.WrittenHead,
    "vocabulary.yaml": written.WrittenVocabulary,
    "indicators.yaml": written.WrittenIndicators,
    "measures.yaml": written.Measures,
    "bands.yaml": written.Bands,
    "remedies.yaml": written.Remedies,
}
REQUIRED = ("rulebook.yaml", "vocabulary.yaml", "indicators.yaml", "bands.yaml")


def model_of(name: str, calendar: str | None) -> type[BaseModel] | None:
    """Return the model of a file by its name; None for scenarios and unknown files."""
    if name.startswith("rules/"):
        return written.Rules
    if name == calendar:
        return written.WrittenCalendar
    return FILES.get(name)


def check_shape(document: Document, model: type[BaseModel]) -> Iterator[Problem]:
    """Yield what is wrong with a file's shape, one problem a place."""
    empty: Data = [] if issubclass(model, RootModel) else {}
    try:
        model.model_validate(document.data if document.data is not None else empty)
    except ValidationError as error:
        seen: set[Path] = set()
        for finding in error.errors(include_url=False):
            path = _path_in(document.data, finding["loc"])
            if path not in seen:
                seen.add(path)
                yield _problem(document, model, path, finding["type"], finding["msg"], finding["loc"])


def _path_in(data: Data, loc: tuple[int | str, ...]) -> Path:
    """Return the part of pydantic's path that exists in the data; names of union members fall out."""
    path: list[str | int] = []
    for part in loc:
        if isinstance(data, dict) and part in data:
            data = data[str(part)]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        elif part == "[key]":
            continue
        else:
            continue
        path.append(part)
    return tuple(path)


def _problem(
    document: Document, model: type[BaseModel], path: Path, kind: str, message: str, loc: tuple[int | str, ...]
) -> Problem:
    name = str(loc[-1]) if loc else ""
    value = _at(document.data, path)
    shown = _shown(value)
    if kind == "extra_forbidden":
        known = _keys_beside(model, loc[:-1])
        near = nearest(name, known)
        help_line = f"did you mean `{near}`?" if near else f"known here: {', '.join(known)}"
        return Problem(document.place(path), "shape.unknown_key", f"unknown key `{name}`", name, None, help_line)
    if kind == "missing":
        return Problem(document.place(path), "shape.missing_key", f"key `{name}` is missing", None, f"`{name}: …`")
    where = f"`{path[-1]}`" if path else "the file"
    return Problem(
        document.place(path),
        "shape.value",
        f"{where} can't be {shown}",
        shown,
        _lower(message),
        "see docs/rulebook-guide.md",
    )


def _keys_beside(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys a map may have, found by walking the model's JSON schema along pydantic's path."""
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    node = schema
    for part in loc:
        node = _resolve(node, definitions)
        if isinstance(part, int) or "items" in node:
            node = node.get("items", node)
        elif part in node.get("properties", {}):
            node = node["properties"][part]
        elif part in definitions:
            node = definitions[part]
        elif isinstance(node.get("additionalProperties"), dict):
            node = node["additionalProperties"]
    return sorted(_resolve(node, definitions).get("properties", {}))


def _resolve(node: dict[str, Any], definitions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    resolved = node
    while "$ref" in resolved:
        resolved = definitions[str(resolved["$ref"]).rpartition("/")[2]]
    for option in resolved.get("anyOf", ()) if "properties" not in resolved else ():
        candidate = _resolve(option, definitions)
        if "properties" in candidate or "items" in candidate:
            return candidate
    return resolved


def _at(data: Data, path: Path) -> Data:
    for part in path:
        data = data[part]  # type: ignore[index]  # the path was found in the data
    return data


def _shown(value: Data) -> str:
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else f"`{value}`"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
