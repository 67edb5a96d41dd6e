"""`shuoli grade CASE.json`: one producer's grade, with its reasons."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path

import click

from api.answers import Answer
from api.output import as_json, console, language, print_json
from api.requests import instant, today
from api.selection import Selection
from api.settings import Settings
from api.why_view import print_why
from casework.decisions import Decided
from engine.jsontext import LARGEST
from engine.reading import CaseReader
from engine.workers import Workers
from knowledge.problems import ShuoliError


class CaseMissing(ShuoliError):
    """The case file can't be opened."""

    code = "case.missing"


class Day(click.ParamType[date]):
    """A day such as 2026-03-05."""

    name = "DATE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return the date; a usage error says what was given."""
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(str(value), "%Y-%m-%d").date()  # noqa: DTZ007  a day has no zone
        except ValueError:
            return self.fail(f"`{value}` is not a date such as 2026-03-05", param, ctx)


as_of_option = click.option("--as-of", type=Day(), help="评价日,默认今天 · the day the grade is for; today by default")


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
    with Workers(1) as workers:
        answer = decide_file(selection, workers, case, rulebook, as_of, known_at)
    if as_json:
        print_json(answer.document())
    else:
        print_why(console(), answer.why(lang))


def decide_file(
    selection: Selection, workers: Workers, name: str, rulebook: str | None, as_of: date | None, known_at: str | None
) -> Answer:
    """Return the decision on the case in a file; `-` reads standard input.

    Raises:
        CaseMissing: the file can't be opened.
        RulebookMissing, CaseRefused: the rulebook isn't there, or the case can't be read with it.
    """
    now = today()
    day = as_of or now
    chosen = selection.load(selection.folder(rulebook, day))
    read = CaseReader(chosen).case(
        _read(name), as_of=day.toordinal(), today=now.toordinal(), known_at=instant(known_at)
    )
    return Answer(chosen, Decided(read, workers.grade(chosen, read)))


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
