"""`shuoli explain forecast|contested|compare`: what a grade may become, and what lies between two of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Final

import click
from rich.console import Console

from api.answers import Answer
from api.cli_explain import Asked, Subject, about_a_producer
from api.cli_grade import Day, decide_file
from api.cli_replay import decide_stored
from api.outlooks import Moment, Outlooks
from api.output import console, print_json
from api.requests import Lang
from casework.replay import Replay
from explain.change_views import Change, Comparison, Forecast, GradeChange
from explain.contested import Contested
from explain.forecast import MONTHS
from explain.views import Sentence

_TITLES: Final[Mapping[str, tuple[str, str]]] = {
    "open": ("未决事项", "What is open"),
    "ways": ("怎样才会改变等级", "What would change the grade"),
    "strikes": ("撤销哪些事实,等级会提高", "Which facts would have to fall for a better grade"),
    "changes": ("得分的变化", "What changed the score"),
    "grades": ("等级的变化", "What changed the grade"),
}


@click.command("forecast", help="如无新的事实,得分与等级何时变化 · when score and grade change with no new fact")
@about_a_producer
@click.option(
    "--months",
    type=click.IntRange(1, 60),
    default=MONTHS,
    show_default=True,
    help="多少个月 · months ahead",
)
def forecast(asked: Asked, months: int) -> None:
    """Print the days ahead on which something changes."""
    with _outlooks(asked) as outlooks:
        told = outlooks.forecast(_moment(asked), months, asked.lang)
    if asked.as_json:
        print_json(told)
    else:
        _Printer(console(), asked.lang).forecast(told)


@click.command(
    "contested", help="未决事项会怎样,等级依据哪些事实 · what comes of all that is open; what holds the grade"
)
@about_a_producer
def contested(asked: Asked) -> None:
    """Print what everything open may come to."""
    with _outlooks(asked) as outlooks:
        told = outlooks.contested(_moment(asked), asked.lang)
    if asked.as_json:
        print_json(told)
    else:
        _Printer(console(), asked.lang).contested(told)


@click.command("compare", help="两次评价之间变了什么 · what changed between two gradings")
@about_a_producer
@click.option("--before-as-of", type=Day(), help="前一方的评价日 · the day of the earlier side")
@click.option("--before-known-at", metavar="INSTANT", help="前一方所知的时刻 · what the earlier side knew")
@click.option("--before-rulebook", metavar="ID[@VERSION]", help="前一方的规则包 · the rulebook of the earlier side")
def compare(asked: Asked, before_as_of: date | None, before_known_at: str | None, before_rulebook: str | None) -> None:
    """Print what lies between two gradings."""
    after = _moment(asked)
    before = Moment(
        after.as_of if before_as_of is None else before_as_of.toordinal(),
        before_known_at or after.known_at,
        before_rulebook or after.rulebook,
    )
    with _outlooks(asked) as outlooks:
        told = outlooks.compare(before, after, asked.lang)
    if asked.as_json:
        print_json(told)
    else:
        _Printer(console(), asked.lang).compare(told)


def _moment(asked: Asked) -> Moment:
    return Moment(None if asked.as_of is None else asked.as_of.toordinal(), asked.known_at, asked.rulebook)


@contextmanager
def _outlooks(asked: Asked) -> Iterator[Outlooks]:
    """Give what answers for the producer asked about.

    Raises:
        click.UsageError: the case comes from standard input, which can be read only once.
    """
    if asked.case == "-":
        raise click.UsageError("give a file: the case is read more than once")
    with asked.subject() as subject:
        yield Outlooks(lambda *axes: _decide(asked, subject, *axes), subject.workers, subject.selection)


def _decide(asked: Asked, subject: Subject, as_of: int | None, known_at: str | None, rulebook: str | None) -> Answer:
    day = None if as_of is None else date.fromordinal(as_of)
    if subject.store is None:
        return decide_file(subject.selection, subject.workers, str(asked.case), rulebook, day, known_at)
    past = Replay(subject.store, subject.workers)
    return decide_stored(past, subject.selection, str(asked.producer), rulebook, day, known_at)


class _Printer:
    def __init__(self, out: Console, lang: Lang) -> None:
        self._out, self._lang = out, lang

    def forecast(self, told: Forecast) -> None:
        self._line(told.sentence.text, "bold")
        for day in told.days:
            self._out.print()
            self._line(day.sentence.text, "bold")
            self._changes(day.changes, day.grade_changes)

    def contested(self, told: Contested) -> None:
        self._line(told.sentence.text, "bold")
        self._part("open", (one.sentence for one in told.open))
        self._part("ways", (one.sentence for one in told.ways))
        self._out.print()
        self._line(told.footing.text, "bold")
        self._part("strikes", (one.sentence for one in told.strikes))

    def compare(self, told: Comparison) -> None:
        self._line(told.sentence.text, "bold")
        self._part("changes", (one.sentence for one in told.changes))
        self._part("grades", (one.sentence for one in told.grade_changes))

    def _changes(self, changes: Iterable[Change], grades: Iterable[GradeChange]) -> None:
        for change in changes:
            self._line(f"- {change.sentence.text}", "dim" if change.cause == "score" else None)
        for grade in grades:
            self._line(f"- {grade.sentence.text}")

    def _part(self, title: str, sentences: Iterable[Sentence]) -> None:
        texts = [sentence.text for sentence in sentences]
        if texts:
            self._out.print()
            self._line(_TITLES[title][self._lang == "en"], "bold underline")
            for text in texts:
                self._line(f"- {text}")

    def _line(self, text: str, style: str | None = None) -> None:
        self._out.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
