"""`shuoli rulebook draft …`, `pull` and `push`: drafts of versions in the ledger, edited in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import click
import msgspec

from api.cli_replay import database
from api.output import as_json, console, print_json
from api.requests import today
from api.services import Services
from api.settings import Settings
from api.versions import files_of, release
from authoring.draftfiles import DraftRefused, read_files, still
from authoring.drafts import Drafts, DraftView
from authoring.merging import Side

_MARK: Final = ".shuoli-draft.json"
_name = click.argument("name", metavar="ID@VERSION")
_actor = click.option("--actor", required=True, help="谁在操作 · who acts; recorded")


class _Pulled(msgspec.Struct, frozen=True):
    """Which draft a folder holds, and the digest of what was pulled."""

    name: str
    content: str


@click.group(help="草案:新版本从编写到施行 · drafts: a new version, from writing it to having it in force")
def draft() -> None:
    """Hold the commands about drafts."""


@draft.command("list", help="全部草案 · all drafts")
@database
def list_drafts(db: str | None) -> None:
    """Print each draft's name and state."""
    with _services(db) as services:
        drafts = _drafts(services)
        for name in drafts.names():
            click.echo(f"{name}  {drafts.show(name).state}")


@draft.command("open", help="以某一版本为底稿开一个草案 · open a draft with the files of a version")
@_name
@click.option("--based-on", required=True, metavar="ID[@VERSION]", help="底稿 · whose files it begins with")
@_actor
@database
def open_draft(name: str, based_on: str, actor: str, db: str | None) -> None:
    """Open a draft and print it."""
    with _services(db) as services:
        _print(_drafts(services).open(name, *files_of(services, based_on), actor))


@draft.command(help="状态、文件、经过 · state, files, and what was done")
@_name
@database
@as_json
def show(name: str, db: str | None, as_json: bool) -> None:
    """Print a draft."""
    with _services(db) as services:
        found = _drafts(services).show(name)
    if as_json:
        print_json(found)
    else:
        _print(found)


@draft.command(help="一次列出全部问题 · list every problem at once")
@_name
@_actor
@database
def check(name: str, actor: str, db: str | None) -> int:
    """Check a draft; 1 if there is a problem."""
    with _services(db) as services:
        problems = _drafts(services).check(name, actor)
    for problem in problems:
        click.echo(problem.as_text())
    click.echo(f"{len(problems)} 个问题 · problems" if problems else "没有问题 · no problems")
    return 1 if problems else 0


@draft.command("try", help="运行全部情景 · run the scenarios")
@_name
@_actor
@database
def try_draft(name: str, actor: str, db: str | None) -> int:
    """Try a draft; 1 if a scenario came out otherwise."""
    with _services(db) as services:
        tried = _drafts(services).try_out(name, actor)
    for one in tried.failed:
        click.echo(f"{one.place}: {one.name}")
        for failure in one.failures:
            click.echo(f"  {failure}")
    click.echo(f"{tried.scenarios} 个情景,{len(tried.failed)} 个不符 · scenarios, {len(tried.failed)} failed")
    return 1 if tried.failed else 0


@draft.command(help="复核(须由未参与编写者)· review; nobody reviews what they wrote")
@_name
@click.option("--note", default="", help="意见 · what there is to say")
@_actor
@database
def review(name: str, note: str, actor: str, db: str | None) -> None:
    """Review a draft and print it."""
    with _services(db) as services:
        _print(_drafts(services).review(name, actor, note))


@draft.command(help="改以另一版本为底稿 · base it on another version")
@_name
@click.option("--onto", required=True, metavar="ID[@VERSION]", help="新底稿 · the version to base it on")
@click.option(
    "--take", type=click.Choice(["ours", "theirs"]), help="冲突一律取何方 · which side all conflicts are settled for"
)
@_actor
@database
def rebase(name: str, onto: str, take: Side | None, actor: str, db: str | None) -> int:
    """Rebase a draft; print the conflicts, and 1 if there are any left."""
    with _services(db) as services:
        drafts, (base, files) = _drafts(services), files_of(services, onto)
        found, conflicts = drafts.rebase(name, base, files, {}, actor)
        if conflicts and take is not None:
            settled: dict[str, dict[str, Side]] = {}
            for one in conflicts:
                settled.setdefault(one.file, {})[one.part] = take
            found, conflicts = drafts.rebase(name, base, files, settled, actor)
    for one in conflicts:
        for side, text in (("base", one.base), ("ours", one.ours), ("theirs", one.theirs)):
            click.echo(f"{one.file}: {one.part} [{side}]")
            click.echo("" if text is None else text.rstrip())
    if conflicts:
        click.echo(f"{len(conflicts)} 处冲突,草案未改 · conflicts; the draft is as it was")
        return 1
    _print(found)
    return 0


@draft.command("release", help="发布:自其施行日起生效 · have it in force from the day that it names")
@_name
@_actor
@database
def release_draft(name: str, actor: str, db: str | None) -> None:
    """Release a draft."""
    with _services(db) as services:
        released = release(services, name, actor)
    click.echo(f"{name} {released.sha256}")


@draft.command(help="放弃 · give it up")
@_name
@_actor
@database
def drop(name: str, actor: str, db: str | None) -> None:
    """Drop a draft and print it."""
    with _services(db) as services:
        _print(_drafts(services).drop(name, actor))


@click.command(help="把草案写入文件夹 · write a draft's files into a folder")
@_name
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@database
def pull(name: str, folder: Path, db: str | None) -> None:
    """Write the files; a folder that holds other files of a rulebook is left alone."""
    with _services(db) as services:
        drafts = _drafts(services)
        files, content = drafts.files(name), drafts.show(name).content
    strange = sorted(read_files(folder).keys() - files.keys()) if folder.exists() else []
    if strange and not (folder / _MARK).exists():
        raise DraftRefused(f"{folder} holds other files: {', '.join(strange[:3])}", help="name an empty folder")
    for path in strange:
        (folder / path).unlink()
    for path, document in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(document)
    (folder / _MARK).write_bytes(msgspec.json.encode(_Pulled(name, content)))
    click.echo(f"{folder}: {len(files)} 个文件 · files")


@click.command(help="把文件夹中的改动写回草案 · write what was changed in a folder back into its draft")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@_actor
@database
def push(folder: Path, actor: str, db: str | None) -> None:
    """Write the files back, unless somebody else has changed the draft since it was pulled."""
    mark = folder / _MARK
    if not mark.exists():
        raise DraftRefused(f"{folder} was not pulled from a draft", help="shuoli rulebook pull ID@VERSION DIR")
    pulled = msgspec.json.decode(mark.read_bytes(), type=_Pulled)
    with _services(db) as services:
        drafts = _drafts(services)
        files = read_files(folder)
        changed = dict.fromkeys(drafts.files(pulled.name)) | files
        found = drafts.put(pulled.name, changed, actor, still(pulled.content))
    mark.write_bytes(msgspec.json.encode(_Pulled(found.name, found.content)))
    _print(found)


@contextmanager
def _services(db: str | None) -> Iterator[Services]:
    settings = Settings.from_environment()
    settings = replace(settings, workers=1) if db is None else replace(settings, workers=1, database_url=db)
    services = Services.open(settings, today=today)
    try:
        yield services
    finally:
        services.close()


def _drafts(services: Services) -> Drafts:
    return Drafts(services.store, services.workers)


def _print(found: DraftView) -> None:
    out = console()
    out.print(f"{found.name}  {found.state}  ← {found.based_on}  {found.content}", soft_wrap=True, style="bold")
    for one in found.acts:
        out.print(f"  {one.entered_at}  {one.act}  {one.actor}  {one.content[:12]}", markup=False, soft_wrap=True)
