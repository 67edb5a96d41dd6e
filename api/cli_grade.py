"""`shuoli grade CASE.json`: one producer's grade, with its reasons."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.output import as_json, console, language, print_json
from api.requests import instant, today
from api.selection import Selection
from api.services import Answer
from api.settings import Settings
from casework.decisions import Decided
from engine.jsontext import LARGEST
from engine.reading import CaseReader
from engine.workers import Workers
from explain.explanation import Explanation
from knowledge.problems import ShuoliError


class CaseMissing(ShuoliError):
    """The case file can't be opened."""

    code = "case.missing"


class _Day(click.ParamType):
    name = "DATE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return the date; a usage error says what was given."""
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(str(value), "%Y-%m-%d").date()  # noqa: DTZ007  a day has no zone
        except ValueError:
            return self.fail(f"`{value}` is not a date such as 2026-03-05", param, ctx)


as_of_option = click.option("--as-of", type=_Day(), help="评价日,默认今天 · the day the grade is for; today by default")


@click.command(help="评定一个主体并说明理由 · grade one producer, and say why")
@click.argument("case", metavar="CASE.json")
@click.option("--rulebook", metavar="DIR|ID[@VERSION]", help="规则包 · rulebook; the first of the catalog by default")
@as_of_option
@click.option("--known-at", metavar="INSTANT", help="只看此刻已记录的事实 · only facts recorded by then")
@language
@as_json
def grade(case: str, rulebook: str | None, as_of: date | None, known_at: str | None, lang: str, as_json: bool) -> None:
    """Print the decision on the case in the file; `-` reads standard input."""
    selection = Selection(Settings.from_environment())
    now = today()
    day = as_of or now
    with Workers(1) as workers:
        chosen = selection.load(selection.folder(rulebook, day))
        read = CaseReader(chosen).case(
            _read(case), as_of=day.toordinal(), today=now.toordinal(), known_at=instant(known_at)
        )
        answer = Answer(chosen, Decided(read, workers.grade(chosen, read)))
    if as_json:
        print_json(answer.document())
    else:
        print_why(console(), answer.why(lang))


def print_why(out: Console, why: Explanation) -> None:
    """Print a justification for a person at a terminal."""
    zh = why.lang == "zh"
    out.print(why.sentence.text, style="bold", markup=False)
    out.print(f"{why.rulebook}:{why.status}" if zh else f"{why.rulebook}: {why.status}", style="yellow", markup=False)
    if why.notice is not None:
        out.print(why.notice, style="dim", markup=False)
    _heading(out, "主要理由" if zh else "Principal reasons", len(why.reasons))
    for number, reason in enumerate(why.reasons, 1):
        out.print(f"{number}. {reason.sentence.text}", markup=False)
        if reason.law:
            out.print("   " + (";" if zh else "; ").join(law.label for law in reason.law), style="cyan", markup=False)
        if reason.until is not None:
            out.print(f"   计至 {reason.until} 前" if zh else f"   counts until {reason.until}", markup=False)
        for fact in reason.facts:
            values = [f"{one.label} {one.value}" for one in fact.values]
            said = " · ".join(filter(None, [fact.label, fact.date, *values, *fact.sources, fact.status, fact.id]))
            out.print(f"   - {said}", style="dim", markup=False)
        if reason.facts_in_all > len(reason.facts):
            out.print(f"   … {reason.facts_in_all}", style="dim", markup=False)
    higher = why.why_not_higher
    if higher is not None:
        _heading(out, f"为何不是 {higher.grade} 级" if zh else f"Why not {higher.grade}", 1)
        for sentence in higher.sentences:
            out.print(f"- {sentence.text}", markup=False)
    _heading(out, "可以做什么(先后有序)" if zh else "What to do, first things first", len(why.remedies))
    for remedy in why.remedies:
        ask = "" if remedy.ask is None else f"({remedy.ask})" if zh else f" ({remedy.ask})"
        out.print(f"- {remedy.sentence.text}{ask}", markup=False)
    if len(why.remedies) > 1 and why.together is not None:
        score, grade = why.together
        text = f"全部完成:{score} 分,{grade} 级。" if zh else f"All of it done: {score}, grade {grade}."
        out.print(text, style="bold", markup=False)
    _heading(out, "后果" if zh else "Consequences", len(why.consequences))
    for sentence in why.consequences:
        out.print(f"- {sentence.text}", markup=False)
    table = Table("", "指标" if zh else "indicator", "计分" if zh else "counted", "满分" if zh else "of", box=None)
    for indicator in why.indicators:
        style = "bold" if indicator.level == 1 else None
        table.add_row(indicator.id, indicator.label, str(indicator.points), str(indicator.maximum), style=style)
        for sentence in indicator.sentences:
            table.add_row("", Text(f"  {sentence.text} [{', '.join(sentence.stands_on)}]", style="dim"), "", "")
    _heading(out, "全部指标" if zh else "All indicators", 1)
    out.print(table)


def _heading(out: Console, text: str, count: int) -> None:
    if count:
        out.print()
        out.print(text, style="bold underline", markup=False)


def _read(name: str) -> bytes:
    """Return the file's content, but no more of it than is needed to see that it is too large."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(LARGEST + 1)
        with Path(name).open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise CaseMissing(
            f"{name}: {error.strerror}", help="give the path of a case file, or - for standard input"
        ) from error
