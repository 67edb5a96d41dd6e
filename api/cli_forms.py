"""`shuoli rulebook export | import | document | diff`: the forms that policy writers already use."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from api.output import as_json, language, print_json
from api.requests import Lang, today
from api.selection import Selection
from api.settings import Settings
from authoring.dmn import import_dmn
from authoring.dmn_writing import export_dmn
from authoring.policy import policy
from authoring.policy_diff import redline, words_of
from authoring.policy_html import policy_page, redline_page
from authoring.policy_pdf import policy_pdf, redline_pdf
from authoring.workbook import Imported, export_workbook, import_workbook
from knowledge.problems import Problem, ShuoliError
from knowledge.scenarios import load_scenarios

named = click.argument("name", metavar="DIR|ID[@VERSION]")
out_file = click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="写入的文件 · the file to write")


class FormMissing(ShuoliError):
    """The file that should be read isn't there."""

    code = "form.missing"


class FormUnwritable(ShuoliError):
    """A file or folder can't be written, or holds something already."""

    code = "form.unwritable"


@click.command("export", help="导出为工作簿或 DMN 决策表 · export as a workbook, or its tables as DMN")
@named
@click.option("--xlsx", type=click.Path(path_type=Path), metavar="FILE.xlsx", help="整个规则包 · the whole rulebook")
@click.option("--dmn", type=click.Path(path_type=Path), metavar="FILE.dmn", help="分档与等级 · its steps and grades")
@as_json
def export(name: str, xlsx: Path | None, dmn: Path | None, as_json: bool) -> None:
    """Write the forms that are asked for, and name what of the rules no DMN table says."""
    if xlsx is None and dmn is None:
        raise click.UsageError("give --xlsx FILE.xlsx, --dmn FILE.dmn or both")
    selection = Selection(Settings.from_environment())
    folder = selection.folder(name, today())
    notes: Sequence[Problem] = ()
    if xlsx is not None:
        _write(xlsx, export_workbook(folder))
    if dmn is not None:
        content, notes = export_dmn(selection.load(folder))
        _write(dmn, content)
    written = [str(path) for path in (xlsx, dmn) if path is not None]
    if as_json:
        print_json({"written": written, "left_out": [note.as_json() for note in notes]})
        return
    for path in written:
        click.echo(path)
    _tell(notes)


@click.command("import", help="从工作簿或 DMN 生成规则包 · make a rulebook from a workbook or DMN file")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.xlsx|FILE.dmn")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--id", "rulebook_id", default="imported", show_default=True, help="DMN 规则包的标识 · id, for DMN")
@click.option("--force", is_flag=True, help="覆盖已有的规则包 · take the place of the rulebook that is there")
@as_json
def import_(file: Path, folder: Path, rulebook_id: str, force: bool, as_json: bool) -> None:
    """Check the whole file, then write the rulebook; nothing is written if anything is wrong."""
    notes: Sequence[Problem] = ()
    content = _read(file)
    if file.suffix.lower() == ".xlsx":
        imported = import_workbook(content, file.name)
    elif file.suffix.lower() in (".dmn", ".xml"):
        imported, notes = import_dmn(content, file.name, rulebook_id)
    else:
        raise click.UsageError("give a file that ends in .xlsx or .dmn")
    _put(imported, folder, force=force)
    if as_json:
        document = {"folder": str(folder), "files": sorted(imported.files), "sha256": imported.rulebook.sha256}
        print_json({**document, "left_out": [note.as_json() for note in notes]})
        return
    click.echo(f"{folder}: {len(imported.files)} 个文件 · files, sha256 {imported.rulebook.sha256}")
    _tell(notes)


@click.command("document", help="可打印的规则文本(HTML 或 PDF)· the rules in words, to print (HTML or PDF)")
@named
@out_file
@language
@as_json
def document(name: str, out: Path | None, lang: Lang, as_json: bool) -> None:
    """Write the policy document; with `--json` print what it says."""
    if out is None and not as_json:
        raise click.UsageError("give --out FILE.html or FILE.pdf, or --json for what the document says")
    selection = Selection(Settings.from_environment())
    folder = selection.folder(name, today())
    rulebook = selection.load(folder)
    told = policy(rulebook, load_scenarios(folder, rulebook), lang)
    if out is not None:
        _write(out, policy_pdf(told) if _is_pdf(out) else policy_page(told).encode())
    if as_json:
        print_json(told)


@click.command("diff", help="两个版本的差异,逐条新旧对照 · what two versions differ by, old words beside new")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@out_file
@language
@as_json
def diff(old: str, new: str, out: Path | None, lang: Lang, as_json: bool) -> None:
    """Print what two rulebooks differ by in meaning; with `--out` write it as HTML or PDF, too."""
    selection = Selection(Settings.from_environment())
    before, after = (selection.load(selection.folder(name, today())) for name in (old, new))
    found = redline(before, after, lang)
    if out is not None:
        _write(out, redline_pdf(found, after) if _is_pdf(out) else redline_page(found, after).encode())
    if as_json:
        print_json(found)
        return
    for line in words_of(found.changes):
        click.echo(line)
    click.echo(found.summary)


def _is_pdf(out: Path) -> bool:
    return out.suffix.lower() == ".pdf"


def _tell(notes: Sequence[Problem]) -> None:
    for note in notes:
        click.echo(note.as_text())
    if notes:
        click.echo(f"{len(notes)} 处未转换 · left out")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise FormMissing(f"{file}: {error.strerror}", help="give the path of a file") from error


def _write(out: Path, content: bytes) -> None:
    try:
        out.write_bytes(content)
    except OSError as error:
        help_ = "name a file in a folder that you may write to"
        raise FormUnwritable(f"{out}: {error.strerror}", help=help_) from error


def _put(imported: Imported, folder: Path, *, force: bool) -> None:
    """Write the files of a rulebook, all of them beside the folder first, so that a full disk leaves it as it was.

    With `force` YAML files that aren't among them go, and whatever else lies there stays.
    """
    present = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    if present and not (force and (folder / "rulebook.yaml").is_file()):
        help_ = (
            "give --force to take the rulebook's place" if (folder / "rulebook.yaml").is_file() else "name a new folder"
        )
        raise FormUnwritable(f"{folder} holds files already", help=help_)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".import-") as apart:
            for name, text in imported.files.items():
                (Path(apart) / name).parent.mkdir(parents=True, exist_ok=True)
                (Path(apart) / name).write_text(text, encoding="utf-8")
            for name in imported.files:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (Path(apart) / name).replace(folder / name)
        for path in present:
            if path.suffix == ".yaml" and path.relative_to(folder).as_posix() not in imported.files:
                path.unlink()
    except OSError as error:
        raise FormUnwritable(f"{folder}: {error.strerror}", help="name a folder that you may write to") from error
