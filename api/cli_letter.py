"""`shuoli explain letter`: the decision in writing, as a PDF file."""

from __future__ import annotations

from pathlib import Path

import click

from api.cli_explain import Asked, about_a_producer
from api.letters import Letters
from api.output import print_json
from api.settings import Settings
from knowledge.problems import ShuoliError


class LetterUnwritable(ShuoliError):
    """The file for a letter can't be written."""

    code = "letter.unwritable"


@click.command("letter", help="写成决定书(PDF/A) · the decision letter, as PDF/A")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE.pdf", help="写入的文件 · the file to write")
@about_a_producer
def letter(asked: Asked, out: Path | None) -> None:
    """Write the letter; with `--json` print what it says instead."""
    if out is None and not asked.as_json:
        raise click.UsageError("give --out FILE.pdf, or --json for what the letter says")
    with asked.subject() as subject:
        letters = Letters(Settings.from_environment(), subject.store)
        if out is not None:
            _write(out, letters.pdf(subject.answer, asked.lang))
        if asked.as_json:
            print_json(letters.letter(subject.answer, asked.lang))


def _write(out: Path, content: bytes) -> None:
    try:
        out.write_bytes(content)
    except OSError as error:
        help_ = "name a file in a folder that you may write to"
        raise LetterUnwritable(f"{out}: {error.strerror}", help=help_) from error
