"""Does each file have the shape that its kind asks for? Pydantic's findings, said in the writer's words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import ErrorDetails

from knowledge import written, writtencases, writtenrules, writtenwords
from knowledge.problems import Problem, nearest
from knowledge.source import LONGEST_INTEGER, Data, Document, Path

FILES: dict[str, type[BaseModel]] = {
    "rulebook.yaml": written.WrittenHead,
    "vocabulary.yaml": writtenwords.WrittenVocabulary,
    "indicators.yaml": written.WrittenIndicators,
    "measures.yaml": writtenrules.Measures,
    "bands.yaml": written.Bands,
    "remedies.yaml": written.Remedies,
}
FOLDERS = ("rules", "scenarios")
REQUIRED = ("rulebook.yaml", "vocabulary.yaml", "indicators.yaml", "bands.yaml")
_KINDS = {
    "model_type": "a map", "dict_type": "a map", "list_type": "a list", "string_type": "text",
    "int_type": "a whole number", "bool_type": "yes or no", "is_instance_of": "a number",
}  # fmt: skip
_BOUNDS = {"ge": "at least {}", "le": "at most {}"}
_LONGEST = 80
_GUIDE = "see docs/rulebook-guide.md"


def model_of(document: Document, calendar: str | None) -> type[BaseModel] | None:
    """Return the model of a file by its name; None for files that belong to no rulebook."""
    name = document.name
    if name.startswith("rules/"):
        return writtenrules.Rules
    if name.startswith("scenarios/"):
        return writtencases.Scenarios if isinstance(document.data, list) else writtencases.WrittenScenarios
    return written.WrittenCalendar if name == calendar and name not in FILES else FILES.get(name)


def check_shape(document: Document, model: type[BaseModel]) -> Iterator[tuple[Path, Problem | None]]:
    """Yield every misshapen path of a file with its problem, None where another problem has said it already.

    The path of a missing key ends in that key.
    """
    empty: Data = [] if issubclass(model, RootModel) else {}
    try:
        model.model_validate(document.data if document.data is not None else empty)
    except ValidationError as error:
        seen: set[Path] = set()
        chosen = list(_chosen(document.data, error.errors(include_url=False)))
        misspelt = {
            (_path_in(document.data, finding["loc"])[:-1], str(finding["loc"][-1]))
            for finding, _ in chosen
            if finding["type"] == "extra_forbidden"
        }
        for finding, others in chosen:
            path = _path_in(document.data, finding["loc"])
            kind = finding["type"]
            said = (*path, str(finding["loc"][-1])) if kind == "missing" else path
            if said in seen:
                continue
            seen.add(said)
            told = path in document.spoiled or (
                kind == "missing" and any(here == path and nearest(str(said[-1]), [key]) for here, key in misspelt)
            )
            yield said, None if told else _problem(document, model, path, finding, others)


def _chosen(data: Data, findings: Sequence[ErrorDetails]) -> Iterable[tuple[ErrorDetails, Sequence[ErrorDetails]]]:
    """Yield the findings without those of forms that the writer most probably didn't mean.

    Where a value may have several forms, pydantic lists what is wrong with it as each of them. The form meant
    is one of the value's kind (a map, a list, a text), and of these the one with the fewest faults. Where no
    form is of its kind, the first comes with the findings of the others.
    """
    forms: dict[Path, dict[str, list[ErrorDetails]]] = {}
    for finding in findings:
        for path, form in _forms(data, finding["loc"], finding["type"]):
            forms.setdefault(path, {}).setdefault(form, []).append(finding)
    dropped: set[int] = set()
    others: dict[int, list[ErrorDetails]] = {}
    for path, by_form in forms.items():
        meant = min(by_form, key=lambda form: _distance(data, path, by_form[form]))
        rest = [finding for form, some in by_form.items() if form != meant for finding in some]
        dropped |= {id(finding) for finding in rest}
        if _distance(data, path, by_form[meant])[0]:
            others[id(by_form[meant][0])] = [finding for finding in rest if _path_in(data, finding["loc"]) == path]
        elif by_form[meant][0]["type"] == "literal_error":  # one of a few words, or else a number
            others[id(by_form[meant][0])] = [finding for finding in rest if finding["type"] == "int_type"]
    return [(finding, others.get(id(finding), [])) for finding in findings if id(finding) not in dropped]


def _forms(data: Data, loc: tuple[int | str, ...], kind: str) -> Iterator[tuple[Path, str]]:
    """Yield where pydantic tried one of several forms, and the form's name."""
    path: Path = ()
    for place, part in enumerate(loc):
        value = _at(data, path)
        if _holds(value, part):
            path = (*path, part)
        elif part != "[key]" and not (kind == "missing" and place == len(loc) - 1):
            yield path, str(part)


def _distance(data: Data, path: Path, findings: Sequence[ErrorDetails]) -> tuple[bool, int]:
    kinds = _KINDS.keys() | ({"literal_error"} if isinstance(_at(data, path), dict | list) else set())
    here = [f for f in findings if _path_in(data, f["loc"]) == path]
    return any(f["type"] in kinds for f in here), len(findings)


def _path_in(data: Data, loc: tuple[int | str, ...]) -> Path:
    """Return the part of pydantic's path that exists in the data; names of forms fall out."""
    path: Path = ()
    for part in loc:
        if _holds(_at(data, path), part):
            path = (*path, part)
    return path


def _holds(data: Data, part: int | str) -> bool:
    return part in data if isinstance(data, dict) else isinstance(data, list) and part in range(len(data))


def _problem(
    document: Document, model: type[BaseModel], path: Path, finding: ErrorDetails, others: Sequence[ErrorDetails]
) -> Problem:
    loc, kind = finding["loc"], finding["type"]
    place, name = document.place(path), str(loc[-1]) if loc else ""
    if kind == "extra_forbidden":
        known = _keys_beside(model, loc[:-1])
        near = nearest(name, known)
        help_line = f"did you mean `{near}`?" if near else f"known here: {', '.join(known)}"
        return Problem(place, "shape.unknown_key", f"unknown key `{name}`", name, None, help_line)
    if kind == "missing":
        return Problem(place, "shape.missing_key", f"key `{name}` is missing", None, f"`{name}: …`")
    expected = " or ".join(dict.fromkeys(_expected(one) for one in (finding, *others)))
    if loc and loc[-1] == "[key]":
        return Problem(place, "shape.value", f"`{path[-1]}` is no name", str(path[-1]), expected, _GUIDE)
    where = f"`{path[-1]}`" if path and isinstance(path[-1], str) else "this entry" if path else "the file"
    value = _at(document.data, path)
    if kind in ("too_short", "too_long") and value:
        few = "few" if kind == "too_short" else "many"
        return Problem(place, "shape.value", f"{where} has too {few} entries", str(len(value)), expected, _GUIDE)
    shown = _shown(value)
    return Problem(place, "shape.value", f"{where} can't be {shown}", shown.strip("`"), expected, _GUIDE)


def _expected(finding: ErrorDetails) -> str:
    context, kind = finding.get("ctx", {}), finding["type"]
    if kind == "string_pattern_mismatch":
        return written.IN_WORDS[context["pattern"]]
    if kind == "literal_error":
        return str(context["expected"]).replace("'", "`")
    for bound, words in _BOUNDS.items():
        if bound in context:
            return words.format(context[bound])
    for bound, word in (("min_length", "least"), ("max_length", "most")):
        if bound in context:
            unit = "character" if kind.startswith("string") else "entry"
            return f"at {word} {_counted(context[bound], unit)}"
    if kind == "int_type" and isinstance(finding["input"], str) and finding["input"].lstrip("+-").isdigit():
        return f"a whole number of at most {LONGEST_INTEGER} digits, without leading zeros"
    return _KINDS.get(kind) or finding["msg"][:1].lower() + finding["msg"][1:]


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit if number == 1 else {'entry': 'entries'}.get(unit, unit + 's')}"


def _keys_beside(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Return the keys a map may have, found by walking the model's JSON schema along pydantic's path."""
    schema = _schema(model)
    definitions = schema.get("$defs", {})
    node = schema
    for part in loc:
        if part in definitions:
            node = definitions[part]
            continue
        node = _resolve(node, definitions)
        if isinstance(part, int) or "items" in node:
            node = node.get("items", node)
        elif part in node.get("properties", {}):
            node = node["properties"][part]
        elif isinstance(node.get("additionalProperties"), dict):
            node = node["additionalProperties"]
        elif isinstance(node.get("patternProperties"), dict):
            node = next(iter(node["patternProperties"].values()))
    return sorted(_resolve(node, definitions).get("properties", {}))


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True)


def _resolve(node: dict[str, Any], definitions: dict[str, dict[str, Any]]) -> dict[str, Any]:
    resolved = node
    while "$ref" in resolved:
        resolved = definitions[str(resolved["$ref"]).rpartition("/")[2]]
    for option in resolved.get("anyOf", ()) if "properties" not in resolved else ():
        candidate = _resolve(option, definitions)
        if "properties" in candidate or "items" in candidate:
            return candidate
    return resolved


def _at(data: Data, path: Path) -> Any:
    value: Any = data
    for part in path:
        value = value[part]
    return value


def _shown(value: Data) -> str:
    if value is None or value in ("", [], {}):
        return "empty"
    if isinstance(value, dict | list):
        return "a map" if isinstance(value, dict) else "a list"
    return f"`{value}`" if len(str(value)) <= _LONGEST else f"`{str(value)[:_LONGEST]}…`"
