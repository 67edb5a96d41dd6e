"""How the command line prints: JSON for programs, lines and tables for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

as_json = click.option("--json", "as_json", is_flag=True, help="输出 JSON · print JSON")
language = click.option(
    "--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True, help="语言 · language"
)


def print_json(document: object) -> None:
    """Print a document as UTF-8 JSON, indented, whatever the terminal's encoding."""
    encoded = msgspec.json.encode(document, order="deterministic")
    click.echo(msgspec.json.format(encoded, indent=2))


def console() -> Console:
    """Return a console that writes to the present standard output."""
    return Console(highlight=False, emoji=False)


@contextmanager
def progress(*, quiet: bool) -> Iterator[Progress]:
    """Give a progress bar on standard error, or one that shows nothing."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bars:
        yield bars
