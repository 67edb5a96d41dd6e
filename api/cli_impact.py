"""`shuoli impact`: whom a change of rules moves, in a ledger or in a city's folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli_grade import as_of_option
from api.cli_replay import database
from api.impact import Compared, named_or_draft
from api.output import as_json, console, language, print_json
from api.requests import Lang, today
from api.services import Services
from api.settings import Settings
from authoring.draftfiles import read_files
from authoring.edits import Edit, edited
from authoring.impact import impact
from authoring.moves import Impact, Line, as_csv
from authoring.populations import vocabulary
from batch.city import city_cases, city_population
from casework.decisions import ProducerMissing
from engine.case import CaseFile
from engine.columnar import Population
from knowledge.catalog import Catalog
from knowledge.rulebook import Rulebook

_SHOWN = 15


@click.command("impact", help="新规则影响谁 · whom a change of rules moves")
@click.option("--from", "before", required=True, metavar="ID[@VERSION]", help="现行版本 · the version to move from")
@click.option("--to", "after", metavar="ID@VERSION|DIR", help="新版本、草案或文件夹 · version, draft or folder")
@click.option(
    "--set", "changes", multiple=True, metavar="ADDRESS=VALUE", help="临时改一个数 · change one number for now"
)
@click.option("--city", type=click.Path(path_type=Path, file_okay=False), help="城市文件夹 · a city's folder")
@click.option("--open", "opened", multiple=True, metavar="ID", help="留痕展开的主体 · producers to grade with trails")
@click.option("--csv", "table", type=click.Path(path_type=Path, dir_okay=False), help="变动主体清单 · list of movers")
@database
@as_of_option
@language
@as_json
def impact_of(  # noqa: PLR0913, PLR0917  one for each option
    before: str,
    after: str | None,
    changes: tuple[str, ...],
    city: Path | None,
    opened: tuple[str, ...],
    table: Path | None,
    db: str | None,
    as_of: date | None,
    lang: Lang,
    as_json: bool,
) -> None:
    """Print the matrix, who is moved by which rule, and what comes and goes."""
    day, edits = as_of or today(), [_edit(change) for change in changes]
    with _services(db, alone=city is not None and db is None) as services:
        old = services.selection.named(before, day)
        new = _new(services, before if after is None else after, day, edits)
        population, case = _everybody(services, city, day.toordinal())
        compared = Compared(old, new, day.toordinal(), impact(old, new, population, day.toordinal()))
        trails = compared.opened(opened, case, services.workers)
    if table is not None:
        table.write_text(as_csv(compared.impact), "utf-8", newline="")
    if as_json:
        print_json(msgspec.to_builtins(compared.impact) | {"opened": msgspec.to_builtins(trails)})
        return
    _print(console(), compared.impact, edits, lang)
    for one in trails:
        for when, document in (("→", one.before), ("⇒", one.after)):
            console().print(f"{when} {one.id}")
            print_json(document)


def _edit(change: str) -> Edit:
    at, sign, value = change.partition("=")
    if not sign:
        raise click.UsageError(f"--set takes ADDRESS=VALUE, not `{change[:60]}`")
    whole = value.removeprefix("-").isascii() and value.removeprefix("-").isdigit()
    return Edit(at, int(value) if whole and len(value) < 19 else value)


@contextmanager
def _services(db: str | None, *, alone: bool) -> Iterator[Services]:
    """Give what answers, over a ledger; over an empty one for the moment where it is `alone` with a city's folder."""
    # One worker grades whoever is opened; others would start for nothing.
    settings = replace(Settings.from_environment(), workers=1)
    with ExitStack() as stack:
        if alone:
            db = f"sqlite:///{stack.enter_context(TemporaryDirectory())}/shuoli.db"
        services = Services.open(settings if db is None else replace(settings, database_url=db), today=today)
        stack.callback(services.close)
        yield services


def _new(services: Services, name: str, day: date, edits: Sequence[Edit]) -> Rulebook:
    folder = Path(name)
    if (folder / "rulebook.yaml").is_file():
        return edited(read_files(folder), edits) if edits else Catalog().load(folder)
    return named_or_draft(services, name, day, edits)


def _everybody(
    services: Services, city: Path | None, day: int
) -> tuple[Callable[[Rulebook], Population], Callable[[Rulebook, str], CaseFile]]:
    """Return the ways to the population and to one case: in the ledger, or in a city's folder."""
    if city is None:
        return services.populations.of, lambda book, name: _found(services.populations.case(book, name, day), name)
    read: dict[str, Population] = {}

    def population(book: Rulebook) -> Population:
        words = vocabulary(book)
        if words not in read:
            read[words] = city_population(city, book)
        return read[words]

    def case(book: Rulebook, name: str) -> CaseFile:
        return _found(next((one for one in city_cases(city, book, day) if one.producer.id == name), None), name)

    return population, case


def _found(case: CaseFile | None, name: str) -> CaseFile:
    if case is None:
        raise ProducerMissing(f"no producer `{name[:100]}` is known here")
    return case


def _print(out: Console, told: Impact, edits: Sequence[Edit], lang: Lang) -> None:
    names = [f"{one.id}@{one.version}" for one in (told.before, told.after)]
    names[1] += "".join(f" {one.at}={one.to}" for one in edits)
    out.print(f"[bold]{escape(names[0])} → {escape(names[1])}[/] · {told.as_of} · {told.producers} 主体 · producers")
    out.print(
        f"不变 same {told.same} · 上升 better {told.better} · 下降 worse {told.worse} · 分数变 scores {told.scores}"
    )
    if told.refused:
        out.print(f"无法评定 · without a grade: {len(told.refused)}", style="red")
    matrix = _table("↓ →", *told.after.grades)
    for grade, counts in zip(told.before.grades, told.matrix, strict=True):
        matrix.add_row(grade, *(str(count) if count else "·" for count in counts))
    out.print(matrix)
    _part(out, "规则 · rule", ("下降 worse", "上升 better"), [(one.rule, one.worse, one.better) for one in told.rules])
    _part(
        out,
        "标准 · standard",
        ("前 before", "后 after", "增 more", "减 less"),
        [
            (f"{one.id} {one.label.in_language(lang)}", one.before, one.after, one.more, one.less)
            for one in told.standards
            if one.more or one.less
        ],
    )
    _part(
        out,
        "随之 · what follows",
        ("得 comes", "失 goes"),
        [(_line(one, lang), one.comes, one.goes) for one in told.lines],
    )
    for name, parts in told.by.items():
        rows = [(one.name or "–", one.producers, one.worse, one.better) for one in parts if one.movers]
        _part(out, name, ("主体 producers", "下降 worse", "上升 better"), rows)


def _part(out: Console, title: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    shown = list(rows)
    if not shown:
        return
    table = _table(title, *columns)
    for row in shown[:_SHOWN]:
        table.add_row(*map(str, row))
    out.print(table)
    if len(shown) > _SHOWN:
        out.print(f"  … {len(shown) - _SHOWN}(--json)", style="dim")


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right")
    return table


def _line(one: Line, lang: Lang) -> str:
    label = one.name if one.label is None else one.label.in_language(lang)
    values = " ".join(f"{key}={value}" for key, value in one.values.items())
    return f"{one.kind} {label} {values}".strip()
