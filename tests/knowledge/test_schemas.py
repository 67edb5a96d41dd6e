"""The JSON schemas that editors use: current, and of one mind with the loader."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from knowledge.schemas import KINDS, SHIPPED, as_text, schema_of, write_schemas
from knowledge.shape import check_shape, model_of
from knowledge.source import Document, read_document
from tests.knowledge.bad_cases import CASES, HERE, read_case

ROOT = HERE.parent.parent
BOOKS = sorted(
    path.parent
    for folder in ("knowledge/rulebooks", "examples", "tests")
    for path in (ROOT / folder).rglob("rulebook.yaml")
)
SHOWN = [folder for folder in BOOKS if "tests" not in folder.relative_to(ROOT).parts]
FILES = [path for folder in BOOKS for path in sorted(folder.rglob("*.yaml"))]
VALIDATORS = {kind: jsonschema_rs.Draft202012Validator(schema_of(kind)) for kind in KINDS}


def the_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def kind_of(name: str) -> str:
    """Return the kind of a file by its path within a rulebook."""
    folder, _, file = name.rpartition("/")
    return folder.split("/")[0] or file.removesuffix(".yaml")


def as_json(data: Any) -> Any:
    """Return data as an editor sees it: a decimal is a number."""
    if isinstance(data, dict):
        return {key: as_json(value) for key, value in data.items()}
    if isinstance(data, list):
        return [as_json(value) for value in data]
    return float(data) if isinstance(data, Decimal) else data


def read(name: str, content: bytes) -> Document:
    return read_document(name, content, [])


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_what_the_models_give_now(kind: str) -> None:
    """`make schema` writes them."""
    assert (SHIPPED / f"{kind}.json").read_text("utf-8") == as_text(schema_of(kind))


def test_there_is_a_schema_for_each_kind_of_file_and_no_other(tmp_path: Path) -> None:
    write_schemas(tmp_path)

    assert {path.name for path in SHIPPED.iterdir()} == {path.name for path in tmp_path.iterdir()}
    assert {kind_of(path.relative_to(folder).as_posix()) for folder in BOOKS for path in folder.rglob("*.yaml")} == set(
        KINDS
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_one_of_the_dialect_that_it_names(kind: str) -> None:
    schema = schema_of(kind)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.meta.validate(schema)


@pytest.mark.parametrize("kind", KINDS)
def test_every_map_and_every_key_says_in_two_languages_what_it_is(kind: str) -> None:
    schema = schema_of(kind)
    parts = {"": schema, **schema.get("$defs", {})}
    keys = {f"{name}.{key}": value for name, part in parts.items() for key, value in part.get("properties", {}).items()}

    silent = [name for name, part in (parts | keys).items() if not is_said(part)]

    assert silent == []


def is_said(part: dict[str, Any]) -> bool:
    if "anyOf" in part and "description" not in part:
        return all(is_said(one) for one in part["anyOf"])
    words = part.get("description", "")
    return "$ref" in part or (
        any("\u4e00" <= char <= "\u9fff" for char in words) and any("a" <= c <= "z" for c in words)
    )


@pytest.mark.parametrize("path", FILES, ids=the_name)
def test_the_files_of_every_rulebook_are_valid(path: Path) -> None:
    folder = next(folder for folder in BOOKS if folder in path.parents)
    kind = kind_of(path.relative_to(folder).as_posix())

    errors = VALIDATORS[kind].iter_errors(as_json(read(path.name, path.read_bytes()).data))

    assert [error.message for error in errors] == []


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.relative_to(HERE / "bad").with_suffix("").as_posix())
def test_what_the_loader_finds_misshapen_is_invalid(path: Path, tmp_path: Path) -> None:
    folder = read_case(path).put(tmp_path)
    for file in sorted(folder.rglob("*.yaml")):
        name = file.relative_to(folder).as_posix()
        document = read(name, file.read_bytes())
        model = model_of(document, "calendar.yaml")
        if model is None or document.unreadable or document.spoiled or kind_of(name) not in KINDS:
            continue
        problems = [problem for _, problem in check_shape(document, model) if problem is not None]

        valid = VALIDATORS[kind_of(name)].is_valid(as_json(document.data))

        assert not valid or problems == [] or path.stem == "points-with-a-dot", problems
        assert valid or problems or is_open(name), name


def is_open(name: str) -> bool:
    """Tell whether a file's maps are open to the loader's eye for shapes, and its binder looks into them."""
    return kind_of(name) in ("rules", "measures", "indicators", "vocabulary")


def test_only_the_loader_tells_a_whole_decimal_from_a_whole_number() -> None:
    """JSON has one sort of number."""
    assert VALIDATORS["rules"].is_valid([{"standard": "S4", "lose": 15.0}])
    assert not VALIDATORS["rules"].is_valid([{"standard": "S4", "lose": 15.5}])


@pytest.mark.parametrize("folder", SHOWN, ids=the_name)
def test_each_file_names_its_schema_so_that_editors_find_it(folder: Path) -> None:
    for path in sorted(folder.rglob("*.yaml")):
        first = path.read_text("utf-8").split("\n", 1)[0]
        kind = kind_of(path.relative_to(folder).as_posix())
        named = first.removeprefix("# yaml-language-server: $schema=")

        assert named != first, path
        assert (path.parent / named).resolve() == SHIPPED / f"{kind}.json", path
