"""`shuoli rulebook check | test | show`."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from api.lazily import LazyGroup
from api.output import as_json, console, print_json
from api.requests import today
from api.rulebook_view import RulebookView, Words, view
from api.selection import Selection
from api.settings import Settings
from authoring.scenarios import run_scenarios
from engine.evaluate import Evaluator
from knowledge.loader import check_rulebook
from knowledge.problems import Problem, RulebookRefused
from knowledge.rulebook import Rulebook
from knowledge.scenarios import load_scenarios

named = click.argument("name", metavar="DIR|ID[@VERSION]")


@click.group(
    cls=LazyGroup,
    where={
        "coverage": "api.cli_trials:coverage",
        "diff": "api.cli_forms:diff",
        "document": "api.cli_forms:document",
        "draft": "api.cli_drafts:draft",
        "export": "api.cli_forms:export",
        "import": "api.cli_forms:import_",
        "mutate": "api.cli_trials:mutate_rulebook",
        "pull": "api.cli_drafts:pull",
        "push": "api.cli_drafts:push",
        "verify": "api.cli_verification:verify_rulebook",
    },
    help="规则包:检查、试算、查看 · rulebooks: check, test, show",
)
def rulebook() -> None:
    """Hold the commands about rulebooks."""


@rulebook.command(help="一次列出全部问题 · list every problem at once")
@named
@as_json
def check(name: str, as_json: bool) -> int:
    """Print every problem; 1 if there is one."""
    rulebook, problems = check_rulebook(_selection().folder(name, today()))
    if rulebook is not None and not problems:
        problems = _beyond_the_kernel(rulebook)
    if as_json:
        print_json({"ok": not problems, "problems": [problem.as_json() for problem in problems]})
    else:
        for problem in problems:
            click.echo(problem.as_text())
        click.echo(f"{len(problems)} 个问题 · problems" if problems else "没有问题 · no problems")
    return 1 if problems else 0


@rulebook.command(help="运行情景 · run the scenarios")
@named
@as_json
def test(name: str, as_json: bool) -> int:
    """Print what became of each scenario; 1 if one failed."""
    selection = _selection()
    folder = selection.folder(name, today())
    rulebook = selection.load(folder)
    evaluator = Evaluator(rulebook)
    try:
        results = list(run_scenarios(rulebook, load_scenarios(folder, rulebook), evaluator.grade))
    finally:
        evaluator.close()
    failed = [one for one in results if not one.passed]
    if as_json:
        print_json({"ok": not failed, "scenarios": len(results), "failed": failed})
    else:
        for one in failed:
            click.echo(f"{one.place}: {one.name}")
            for failure in one.failures:
                click.echo(f"  {failure}")
        click.echo(f"{len(results)} 个情景,{len(failed)} 个不符 · scenarios, {len(failed)} failed")
    return 1 if failed else 0


@rulebook.command(help="指标、标准、等级、摘要 · indicators, standards, grades, digest")
@named
@as_json
def show(name: str, as_json: bool) -> int:
    """Print the rulebook but for its rules."""
    selection = _selection()
    shown = view(selection.load(selection.folder(name, today())))
    if as_json:
        print_json(shown)
    else:
        _print(shown, console())
    return 0


def _beyond_the_kernel(rulebook: Rulebook) -> tuple[Problem, ...]:
    """Return what is right as it is written and yet more than the kernel can hold."""
    try:
        Evaluator(rulebook).close()
    except RulebookRefused as refused:
        return refused.problems
    return ()


def _selection() -> Selection:
    return Selection(Settings.from_environment())


def _print(shown: RulebookView, to: Console) -> None:
    to.print(f"[bold]{shown.id}@{shown.version}[/]  {_both(shown.title)}")
    to.print(f"状态 · status: {shown.status}  自 · from {shown.effective_from}  sha256: {shown.sha256}", soft_wrap=True)
    if shown.notice is not None:
        to.print(f"[yellow]{_both(shown.notice)}[/]")
    scoring = shown.scoring
    to.print(
        f"计分 · scoring: {scoring.start}, points {scoring.points}, {scoring.better} is better, "
        f"{shown.points_total} 分 · points ({scoring.unit})"
    )
    table = Table("", "", "分 · points", show_header=True, box=None, pad_edge=False)
    for first in shown.level1:
        table.add_row(f"[bold]{first.id}[/]", f"[bold]{_both(first.label)}[/]", f"[bold]{first.points}[/]")
        for second in (one for one in shown.level2 if one.of == first.id):
            table.add_row(f"  {second.id}", _both(second.label), str(second.points))
            for standard in (one for one in shown.standards if one.of == second.id):
                table.add_row(f"    {standard.id}", _both(standard.label), str(standard.points))
    to.print(table)
    grades = Table("等级 · grade", "", "分数 · score", box=None, pad_edge=False)
    for grade in shown.grades:
        low = "" if grade.from_ is None else str(grade.from_)
        high = "" if grade.to is None else str(grade.to)
        grades.add_row(grade.grade, _both(grade.word), f"{low}–{high}")
    to.print(grades)


def _both(words: Words) -> str:
    return words.zh if words.en is None else f"{words.zh} · {words.en}"
