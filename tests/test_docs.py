"""Documents are held true: error codes, links, what the guide and the HTTP page promise."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import click
import pytest
from pydantic import BaseModel

from api.app import ROUTES
from api.cli import commands
from api.settings import PREFIX, Settings
from knowledge import written, writtenrules, writtenwords

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
PACKAGES = ("knowledge", "engine", "explain", "authoring", "store", "casework", "batch", "api")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]

FILE_SUFFIXES = {"yaml", "yml", "json", "ini", "html", "css", "js", "md", "db", "txt"}


def the_name(path: Path) -> str:
    """Return the path from the project's root, as test ids and messages show it."""
    return str(path.relative_to(ROOT))


def documented_codes() -> list[str]:
    """Return the headings of docs/errors.md that are codes."""
    page = (ROOT / "docs" / "errors.md").read_text("utf-8")
    return re.findall(r"^## `?([a-z_]+(?:\.[a-z_]+)?)`?$", page, re.MULTILINE)


def codes_in_code() -> Iterator[tuple[str, str]]:
    """Yield place and text of every error code: a `code` attribute, or an argument or key `family.name`."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for part in where_codes_stand(node):
                named = isinstance(node, ast.Assign)
                if isinstance(part, ast.Constant) and (named or looks_like_a_code(part.value)):
                    yield f"{the_name(path)}:{part.lineno}", str(part.value)


def where_codes_stand(node: ast.AST) -> Iterator[ast.AST | None]:
    """Yield the parts of a node that may be a code."""
    match node:
        case ast.Assign(targets=[ast.Name(id="code")], value=value):
            yield value
        case ast.Dict(keys=keys):
            yield from keys
        case ast.Call(args=args, keywords=keywords):
            for value in [*args, *(keyword.value for keyword in keywords)]:
                yield from ast.walk(value) if isinstance(value, ast.IfExp) else [value]


def looks_like_a_code(value: object) -> TypeGuard[str]:
    """Tell whether it is `family.name`, and neither a file nor one of our modules."""
    if not isinstance(value, str) or not re.fullmatch(r"[a-z_]+\.[a-z_]+", value):
        return False
    family, name = value.split(".")
    return name not in FILE_SUFFIXES and not (ROOT / family / f"{name}.py").exists()


def test_every_error_code_has_one_section() -> None:
    documented = documented_codes()

    assert len(documented) == len(set(documented))
    assert [f"{place}: {code}" for place, code in codes_in_code() if code not in documented] == []


def test_every_documented_code_is_one_that_code_gives() -> None:
    given = {code for _, code in codes_in_code()}

    assert [code for code in documented_codes() if code not in given] == []


def test_every_endpoint_stands_in_the_page_about_http() -> None:
    page = (ROOT / "docs" / "http.md").read_text("utf-8")
    endpoints = {
        f"{method} {re.sub(r':(str|int|uuid)}', '}', path)}"
        for route in ROUTES
        for path in route.paths
        for method in route.http_methods
        if method not in ("HEAD", "OPTIONS")
    }

    assert len(endpoints) > 12
    assert sorted(one for one in endpoints if not re.search(rf"{re.escape(one)}(?![a-z/{{:])", page)) == []


def test_every_command_and_setting_stands_in_the_page_about_the_command_line() -> None:
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    names = [f"shuoli {name}" for name in called(commands)]
    settings = [f"`{PREFIX}{name.upper()}`" for name in Settings.__dataclass_fields__]

    assert len(names) > 8
    assert [one for one in (*names, *settings) if one not in page] == []


def called(group: click.Group) -> Iterator[str]:
    """Yield every command as it is called."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from (f"{name} {inner}" for inner in called(command))
        else:
            yield name


@pytest.mark.parametrize("document", DOCUMENTS, ids=the_name)
def test_every_link_between_documents_leads_somewhere(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text("utf-8"), flags=re.DOTALL)
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]

    assert [link for link in links if link and not (document.parent / link).exists()] == []


def test_the_guide_names_every_key_that_a_rulebook_may_hold() -> None:
    guide = (ROOT / "docs" / "rulebook-guide.md").read_text("utf-8")
    modules = (written, writtenwords, writtenrules)
    shapes = [
        shape
        for module in modules
        for _, shape in inspect.getmembers(module, inspect.isclass)
        if issubclass(shape, BaseModel)
    ]
    keys = {field.alias or name for shape in shapes for name, field in shape.model_fields.items()} - {"root"}

    assert len(keys) > 50
    assert sorted(key for key in keys if not re.search(rf"\b{key}\b", guide)) == []
