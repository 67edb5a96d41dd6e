"""The project's own promises: what is packaged, what code may not name, what no file may hold."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
TRACKED = [
    ROOT / name
    for name in subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split(
        "\n"
    )
    if name and (ROOT / name).is_file()
]
CODE = [path for path in TRACKED if path.suffix == ".py" and path.relative_to(ROOT).parts[0] != "tests"]
RULEBOOKS = sorted({path.parent for path in TRACKED if path.name == "rulebook.yaml" and "tests" not in path.parts})

# Words of a rulebook that are also words of the program, with what they mean there.
SHARED_WORDS: dict[str, str] = {
    "0": "the digit",
    "1": "the digit",
    "C": "PostgreSQL's collation by bytes",
    "D": "opens the id of a deduction",
    "P1": "the id of the producer in examples",
    "profile": "how a synthetic producer behaves",
}


def the_name(path: Path) -> str:
    """Return the path from the project's root, as test ids and messages show it."""
    return str(path.relative_to(ROOT))


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8")) if path.exists() else None


def names_of(rulebook: Path) -> set[str]:
    """Return every name that the rulebook gives to something of its field."""
    vocabulary = read_yaml(rulebook / "vocabulary.yaml")
    sections = ["kinds", "facts", "findings", "consequences", "producer_statuses", "ceilings", "vetoes"]
    names = {str(name) for section in sections for name in vocabulary.get(section) or {}}
    indicators = read_yaml(rulebook / "indicators.yaml")
    names |= {entry["id"] for section in ("level1", "level2", "standards") for entry in indicators[section]}
    names |= {entry["measure"] for entry in read_yaml(rulebook / "measures.yaml") or []}
    names |= {entry["remedy"] for entry in read_yaml(rulebook / "remedies.yaml") or []}
    names |= {str(entry["grade"]) for entry in read_yaml(rulebook / "bands.yaml")}
    rules = [rule for path in sorted((rulebook / "rules").glob("*.yaml")) for rule in read_yaml(path)]
    names |= {rule["rule"] for rule in rules if "rule" in rule}
    return names | set(read_yaml(rulebook / "rulebook.yaml").get("laws") or {})


def words_of(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of every string and identifier of a module, but for docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                yield node.lineno, text
                for word in re.findall(r"\w+", text):
                    if "_" in word and word != text:
                        yield node.lineno, word
            case ast.Name(id=name) | ast.Attribute(attr=name) if "_" in name:
                yield node.lineno, name


@pytest.mark.parametrize("rulebook", RULEBOOKS, ids=the_name)
def test_no_code_names_anything_of_a_rulebook(rulebook: Path) -> None:
    names = names_of(rulebook) - SHARED_WORDS.keys()

    named = [
        f"{the_name(path)}:{line}: {word}"
        for path in CODE
        for line, word in words_of(ast.parse(path.read_text("utf-8")))
        if word in names
    ]

    assert named == []


def test_the_words_shared_with_rulebooks_are_still_shared() -> None:
    names = set().union(*map(names_of, RULEBOOKS))

    assert SHARED_WORDS.keys() <= names


@pytest.mark.parametrize("path", CODE, ids=the_name)
def test_a_module_stays_under_four_hundred_lines(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400


def test_no_file_holds_a_path_of_one_machine_or_the_host_of_a_registry() -> None:
    machine = re.compile(r"(^|[^A-Za-z0-9_.~-])/(work|farm|root|home|Users|tmp/[a-z])(/|\b)", re.MULTILINE)
    registry = re.compile(r"https?://[a-z0-9.-]*(pypi|pythonhosted|npm|debian)[a-z0-9.-]*\.[a-z]{2,3}/", re.IGNORECASE)

    found = []
    for path in TRACKED:
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{the_name(path)}: {hit.group(0)}" for pattern in (machine, registry) if (hit := pattern.search(text))
        ]

    assert found == []


def test_every_package_lies_at_the_top_and_says_what_it_is() -> None:
    for package in PACKAGES:
        text = (ROOT / package / "__init__.py").read_text("utf-8")

        assert ast.get_docstring(ast.parse(text)), package
        assert (ROOT / package / "py.typed").exists(), package


def test_every_dependency_is_pinned_by_version_alone() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").split()
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *(one for extra in extras.values() for one in extra)]

    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9.]+", line) for line in lines)
    pinned = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines}
    named = {re.sub(r"[-_.]+", "-", re.split(r"[\[=<>]", want)[0]).lower() for want in wanted}
    assert named - pinned == set()


def test_continuous_integration_runs_what_people_run() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    recipe = (ROOT / "Makefile").read_text("utf-8")

    assert script[-1] == "make test"
    assert re.search(r"^test:.*\bsetup\b.*\bcheck\b", recipe, re.MULTILINE)
