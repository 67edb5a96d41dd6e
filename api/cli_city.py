"""`shuoli sample-city | grade-all | demo`: a whole city at once."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from api.answers import Answer
from api.cli_grade import as_of_option
from api.cli_serve import serve_with
from api.ledger import opened, sign
from api.output import as_json, console, print_json, progress
from api.requests import today
from api.selection import Selection
from api.settings import Settings
from api.why_view import print_why
from batch.city import CITY_FILE, load_city
from batch.population import write_city
from casework.decisions import Decisions
from engine.workers import Workers
from knowledge.population import load_population
from knowledge.rulebook import Rulebook
from store.ledger import Store

PRODUCERS, SEED = 3196, 2021
FOLDER = Path("var/sample-city")


@click.command("sample-city", help="生成合成的示例城市 · make a synthetic sample city")
@click.option(
    "--producers", type=click.IntRange(1, 100_000), default=PRODUCERS, show_default=True, help="主体数 · how many"
)
@click.option("--seed", type=int, default=SEED, show_default=True, help="随机种子 · seed")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="文件夹 · folder")
@click.option(
    "--density", type=click.FloatRange(0.1, 10), default=1.0, show_default=True, help="事实密度 · facts, times"
)
@as_of_option
@as_json
def sample_city(producers: int, seed: int, out: Path, density: float, as_of: date | None, as_json: bool) -> None:
    """Write the city's folder."""
    selection = Selection(Settings.from_environment())
    day = as_of or today()
    made = _make(selection.named(None, day), out, producers, seed, day, density)
    if as_json:
        print_json(made)
    else:
        console().print(f"{out}: {made['producers']} 主体 · producers, {made['facts']} 事实 · facts")


@click.command("grade-all", help="载入并评定全部主体 · load and grade all producers")
@click.option("--db", required=True, help="数据库 URL · database URL, sqlite:///… | postgresql+psycopg://…")
@click.option(
    "--in", "folder", type=click.Path(path_type=Path, file_okay=False), help="先载入此城市 · load this city first"
)
@as_of_option
@as_json
def grade_all(db: str, folder: Path | None, as_of: date | None, as_json: bool) -> int:
    """Grade every stored producer and print the counts by grade; 4 if one has no grade."""
    settings = replace(Settings.from_environment(), database_url=db)
    day = as_of or today()
    with opened(settings) as store, progress(quiet=as_json) as bars:
        rulebook = Selection(settings, store).named(None, day)
        if folder is not None:
            _load(folder, rulebook, store, bars)
        report = _grade(rulebook, store, settings.workers, day, bars)
        sign(settings, store)
    if as_json:
        print_json(report)
    else:
        _print_counts(console(), rulebook, report)
    return 4 if report["refused"] else 0


@click.command(help="示例城市:生成、评级、展示理由、提供服务 · sample city: make, grade, show why, serve")
def demo() -> None:
    """Do the main job on the embedded default, then serve until stopped."""
    settings = Settings.from_environment()
    day = today()
    out = console()
    with opened(settings) as store:
        rulebook = Selection(settings, store).named(None, day)
        if not (FOLDER / CITY_FILE).exists():
            made = _make(rulebook, FOLDER, PRODUCERS, SEED, day, 1.0)
            out.print(
                f"{FOLDER}: {made['producers']} 主体 · producers, {made['facts']} 事实 · facts (合成 · synthetic)"
            )
        with progress(quiet=False) as bars:
            _load(FOLDER, rulebook, store, bars)
            report = _grade(rulebook, store, settings.workers, day, bars)
        sign(settings, store)
        _print_counts(out, rulebook, report)
        with Workers(1) as workers:
            decided = Decisions(rulebook, store, workers).decide(_telling(store, rulebook), day.toordinal(), None)
        out.rule("一个主体的理由 · why one of them has its grade")
        print_why(out, Answer(rulebook, decided).why("zh"))
    serve_with(settings)


def _make(rulebook: Rulebook, out: Path, producers: int, seed: int, day: date, density: float) -> dict[str, object]:
    population = load_population(rulebook)
    return write_city(out, rulebook, population, producers=producers, seed=seed, as_of=day, density=density)


def _load(folder: Path, rulebook: Rulebook, store: Store, bars: Progress) -> None:
    task = bars.add_task("载入 · loading", total=_lines(folder))
    load_city(folder, rulebook, store, lambda producers, _: bars.advance(task, producers))


def _grade(rulebook: Rulebook, store: Store, workers: int, day: date, bars: Progress) -> dict[str, object]:
    with store.read() as transaction:
        total = transaction.count_producers()
    task = bars.add_task("评级 · grading", total=total)
    facts = 0

    def done(producers: int, more: int) -> None:
        nonlocal facts
        facts += more
        bars.advance(task, producers)

    with Workers(workers) as pool:
        started = time.perf_counter()
        refused = Decisions(rulebook, store, pool).decide_all(day.toordinal(), done)
        seconds = time.perf_counter() - started
    with store.read() as transaction:
        counts = transaction.grade_counts()
    return {
        "rulebook": {"id": rulebook.id, "version": rulebook.version, "sha256": rulebook.sha256},
        "as_of": day.isoformat(),
        "producers": total,
        "facts": facts,
        "seconds": f"{seconds:.2f}",
        "grades": {band.grade: counts.get(band.grade, 0) for band in rulebook.bands},
        "refused": {name: {"code": one.code, "detail": one.message} for name, one in refused.items()},
    }


def _print_counts(out: Console, rulebook: Rulebook, report: dict[str, object]) -> None:
    grades = report["grades"]
    assert isinstance(grades, dict)
    table = Table("等级 · grade", "", "主体 · producers", box=None, pad_edge=False)
    for band in rulebook.bands:
        words = band.colour_word or band.word
        table.add_row(band.grade, f"{words.zh} · {words.in_language('en')}", str(grades[band.grade]))
    out.print(table)
    seconds = float(str(report["seconds"]))
    speed = float(str(report["facts"])) / seconds if seconds else 0
    out.print(
        f"{rulebook.id}@{rulebook.version} ({rulebook.status}), {report['as_of']}: "
        f"{report['producers']} 主体 · producers, {report['facts']} 事实 · facts, "
        f"{seconds:.1f} s, {speed:,.0f} 事实/秒 · facts/s"
    )
    refused = report["refused"]
    assert isinstance(refused, dict)
    for name, one in refused.items():
        out.print(f"[red]{name}[/]: [{one['code']}] {one['detail']}", markup=True)


def _telling(store: Store, rulebook: Rulebook) -> str:
    """Return the producer with the lowest current grade, the first by id: the one with most to explain."""
    with store.read() as transaction:
        counts = transaction.grade_counts()
        worst = next(band.grade for band in reversed(rulebook.bands) if counts.get(band.grade))
        return transaction.current_of(worst, limit=1)[0]


def _lines(folder: Path) -> int | None:
    path = folder / CITY_FILE
    if not path.exists():
        return None
    with path.open("rb") as file:
        return sum(1 for _ in file)
