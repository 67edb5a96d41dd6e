"""Bad rulebooks are refused, each with exactly what is wrong with it."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from knowledge.loader import check_rulebook, load_rulebook
from knowledge.problems import Problem, RulebookMissing, RulebookRefused
from tests.knowledge.bad_cases import BASE, CASES, HERE, BadCase, as_written, read_case

KNOWLEDGE = HERE.parent.parent / "knowledge"
ERRORS = HERE.parent.parent / "docs" / "errors.md"


@dataclass(frozen=True)
class Checked:
    """A bad rulebook in its folder, with what was found."""

    case: BadCase
    folder: Path
    problems: tuple[Problem, ...]


@pytest.fixture(
    scope="module", params=CASES, ids=lambda path: path.relative_to(HERE / "bad").with_suffix("").as_posix()
)
def bad(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checked]:
    case, root = read_case(request.param), tmp_path_factory.mktemp("bad")
    folder = case.put(root)
    yield Checked(case, folder, check_rulebook(folder)[1])
    shutil.rmtree(root)


def test_what_is_wrong_is_found_and_nothing_else(bad: Checked) -> None:
    assert [as_written(problem) for problem in bad.problems] == bad.case.finds
    assert bad.problems


def test_a_problem_stands_within_its_file(bad: Checked) -> None:
    assert [problem.place for problem in bad.problems if not stands_in_its_file(problem, bad.folder)] == []


def test_what_has_problems_is_not_loaded(bad: Checked) -> None:
    grave = {problem for problem in bad.problems if not can_be_graded_with(problem)}

    found: set[Problem] = set()
    try:
        load_rulebook(bad.folder)
    except RulebookRefused as refused:
        found = set(refused.problems)

    assert found == grave


def test_a_problem_is_told_in_one_plain_sentence(bad: Checked) -> None:
    said = [text for problem in bad.problems for text in (problem.message, problem.help) if text is not None]

    assert [text for text in said if "\n" in text or "None" in text or text.endswith((".", "。"))] == []
    assert [text for text in said if text[:1].isupper() and not text.startswith("YAML ")] == []


def test_there_are_at_least_eighty_cases_and_each_says_in_two_languages_what_it_is_about() -> None:
    about = [read_case(path).about for path in CASES]

    assert len(CASES) >= 80
    assert len(set(about)) == len(about)
    assert [text for text in about if not re.fullmatch(r".*[\u4e00-\u9fff].* · .*[a-z].*", text)] == []


def test_every_code_that_reading_a_rulebook_gives_has_a_case() -> None:
    given = {code for module in modules_of("loader") - {"problems"} for code in codes_of(module)}
    tried = {finding["code"] for path in CASES for finding in read_case(path).finds}

    assert given == tried


def test_the_small_rulebook_that_the_cases_change_is_right() -> None:
    rulebook, problems = check_rulebook(BASE)

    assert rulebook is not None
    assert problems == ()


def test_a_folder_without_a_head_holds_no_rulebook(tmp_path: Path) -> None:
    (tmp_path / "vocabulary.yaml").write_text("kinds: {}\n")

    with pytest.raises(RulebookMissing) as missing:
        check_rulebook(tmp_path)

    assert missing.value.help == "name a rulebook's folder, or an id of the catalog"


def stands_in_its_file(problem: Problem, folder: Path) -> bool:
    name, line, column = problem.place.rsplit(":", 2)
    if problem.code == "file.missing" and not (folder / name).exists():
        return (line, column) == ("1", "1")
    lines = (folder / name).read_text("utf-8", errors="replace").split("\n")
    return 1 <= int(line) <= len(lines) and 1 <= int(column) <= len(lines[int(line) - 1]) + 1


def can_be_graded_with(problem: Problem) -> bool:
    """Tell whether it concerns only what loading doesn't look into: the meaning of scenarios, other versions."""
    if problem.code in ("version.gap", "version.overlap", "rule.without_scenario"):
        return True
    return problem.place.startswith("scenarios/") and problem.code.startswith(("name.", "scenario."))


def nodes_of(module: str) -> Iterator[ast.AST]:
    yield from ast.walk(ast.parse((KNOWLEDGE / f"{module}.py").read_text("utf-8")))


def modules_of(module: str) -> set[str]:
    """Return a module of knowledge/ and all that it needs."""
    needed = [module]
    for name in needed:
        for node in nodes_of(name):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("knowledge"):
                names = [alias.name for alias in node.names] if node.module == "knowledge" else [node.module or ""]
                needed += [one for part in names if (one := part.removeprefix("knowledge.")) not in needed]
    return set(needed)


def codes_of(module: str) -> set[str]:
    """Return the documented error codes that a module holds as text, in whatever way it comes to give them."""
    nodes = nodes_of(module)
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return texts & set(re.findall(r"^## ([a-z_]+\.[a-z_]+)$", ERRORS.read_text("utf-8"), re.MULTILINE))
