"""`shuoli explain …`: what can be said of one producer's grade, one subcommand for each question."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as replace_setting
from datetime import date
from typing import Final, TypeAlias

import click
from msgspec.structs import replace

from api.answers import Answer
from api.cli_grade import as_of_option, decide_file
from api.cli_replay import database, decide_stored
from api.lazily import LazyGroup
from api.ledger import open_store
from api.output import as_json, console, language, print_json
from api.reasoning import tree_of, why_not_of
from api.requests import Lang
from api.selection import Selection
from api.settings import Settings
from api.why_view import print_why, print_why_not
from casework.replay import Replay
from engine.workers import Workers
from explain.proof import Proof
from explain.proofpicture import as_svg
from explain.proofshapes import as_dot, as_text
from store.ledger import Store


@dataclass(frozen=True, slots=True)
class Subject:
    """A decision that is explained, and what was opened to come to it."""

    answer: Answer
    selection: Selection
    workers: Workers
    store: Store | None
    """None where the case came from a file."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose grade is asked about, along which axes, and how the answer is given."""

    case: str | None
    producer: str | None
    rulebook: str | None
    as_of: date | None
    known_at: str | None
    db: str | None
    lang: Lang
    as_json: bool

    @contextmanager
    def subject(self) -> Iterator[Subject]:
        """Give the decision on the case in the file, or on the producer in the ledger.

        Raises:
            click.UsageError: both are named, or neither.
        """
        if (self.case is None) == (self.producer is None):
            raise click.UsageError("give a CASE.json or --producer, and one of them only")
        settings = Settings.from_environment()
        settings = settings if self.db is None else replace_setting(settings, database_url=self.db)
        selection = Selection(settings)
        axes = (self.rulebook, self.as_of, self.known_at)
        with Workers(1) as workers:
            if self.case is not None:
                yield Subject(decide_file(selection, workers, self.case, *axes), selection, workers, None)
                return
            store = open_store(settings)
            try:
                selection = Selection(settings, store)
                answer = decide_stored(Replay(store, workers), selection, str(self.producer), *axes)
                yield Subject(answer, selection, workers, store)
            finally:
                store.close()


Command: TypeAlias = Callable[..., None]
_FORMS: Final[Mapping[str, Callable[[Proof], str]]] = {"text": as_text, "dot": as_dot, "svg": as_svg}


def about_a_producer(command: Command) -> Command:
    """Give a command the argument and options that name whose grade it is about; it takes them as one `Asked`."""

    @click.argument("case", metavar="[CASE.json]", required=False)
    @click.option("--producer", metavar="ID", help="账本中的主体 · a producer of the ledger")
    @click.option(
        "--rulebook", metavar="DIR|ID[@VERSION]", help="规则包 · rulebook; the first of the catalog by default"
    )
    @as_of_option
    @click.option("--known-at", metavar="INSTANT", help="只看此刻已记录的事实 · only facts recorded by then")
    @database
    @language
    @as_json
    @functools.wraps(command)
    def with_asked(
        *,
        case: str | None,
        producer: str | None,
        rulebook: str | None,
        as_of: date | None,
        known_at: str | None,
        db: str | None,
        lang: Lang,
        as_json: bool,
        **more: object,
    ) -> None:
        command(Asked(case, producer, rulebook, as_of, known_at, db, lang, as_json), **more)

    return with_asked


@click.group(
    cls=LazyGroup,
    where={
        "compare": "api.cli_prospects:compare",
        "contested": "api.cli_prospects:contested",
        "forecast": "api.cli_prospects:forecast",
        "letter": "api.cli_letter:letter",
        "plans": "api.cli_plans:plans",
        "position": "api.cli_position:position",
    },
    help="就一个主体的等级逐问作答 · answer questions about one producer's grade",
)
def explain() -> None:
    """Hold one subcommand for each question."""


@explain.command(help="为何是这个等级 · why this grade")
@about_a_producer
def why(asked: Asked) -> None:
    """Print the justification."""
    with asked.subject() as subject:
        told = subject.answer.why(asked.lang)
    if asked.as_json:
        print_json(told)
    else:
        print_why(console(), told)


@explain.command(help="推理树:从等级到每一条事实 · the proof tree, from the grade down to each fact")
@about_a_producer
@click.option(
    "--format",
    "form",
    type=click.Choice(list(_FORMS)),
    default="text",
    show_default=True,
    help="写法 · the form; --json gives it as data",
)
def tree(asked: Asked, form: str) -> None:
    """Print the proof tree."""
    with asked.subject() as subject:
        proof = tree_of(subject.answer, asked.lang)
    if asked.as_json:
        print_json(proof)
    else:
        click.echo(_FORMS[form](proof), nl=False)


@explain.command(
    "why-not", help="为何不是:离上一等级差什么,未触发的规则差什么 · what the next grade and other rules lack"
)
@about_a_producer
@click.option(
    "--rule", "rules", metavar="ID", multiple=True, help="只看这条规则,可多次 · this rule alone; may be repeated"
)
@click.option("--fired", is_flag=True, help="连同已触发的规则 · also what would stop the rules that fired")
def why_not(asked: Asked, rules: tuple[str, ...], *, fired: bool) -> None:
    """Print what stands before the next grade, and why rules did not fire."""
    with asked.subject() as subject:
        known = {rule.id for rule in subject.answer.rulebook.rules}
        told = why_not_of(subject.answer, asked.lang, fired=fired)
    unknown = sorted(set(rules) - known)
    if unknown:
        raise click.UsageError(f"there is no rule `{unknown[0]}`")
    if rules:
        told = replace(
            told,
            rules=tuple(rule for rule in told.rules if rule.rule in rules),
            fired=tuple(one for one in told.fired if one.rule in rules),
        )
    if asked.as_json:
        print_json(told)
    else:
        print_why_not(console(), told)
