"""The files of a draft: which there can be, how they are laid out for the loader, and what must hold of them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

from knowledge.problems import Problem, ShuoliError
from knowledge.source import LARGEST_FILE
from store.drafts import content_of, file_tag

_PATH: Final = re.compile(r"(?:[A-Za-z0-9_-]+/)?[A-Za-z0-9._-]+\.yaml|CHANGES\.md")
_LARGEST: Final = 4_000_000
"""Bytes of all files of a draft."""


class DraftChanged(ShuoliError):
    """The file is not, or no longer, what the change was made to."""

    code = "draft.changed"


class DraftRefused(ShuoliError):
    """The draft, or what was asked of it, has problems."""

    code = "draft.refused"


Holds: TypeAlias = Callable[[Mapping[str, bytes]], None]


def unchanged(path: str, tag: str | None) -> Holds:
    """Return what holds where a file has this tag still; None: where there is no such file."""

    def holds(files: Mapping[str, bytes]) -> None:
        found = file_tag(files[path]) if path in files else None
        if found != tag:
            now = "is not there" if found is None else f"has tag {found}"
            raise DraftChanged(f"`{path}` {now}", help="read it again, and send its ETag as If-Match")

    return holds


def still(content: str) -> Holds:
    """Return what holds where all files together have this digest still."""

    def holds(files: Mapping[str, bytes]) -> None:
        if content_of(files) != content:
            raise DraftChanged("the draft was edited meanwhile", help="pull it, and push again")

    return holds


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the files of a rulebook's folder that a draft can have."""
    found = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in found}
    return {name: named[name].read_bytes() for name in sorted(named) if _PATH.fullmatch(name)}


def check_files(files: Mapping[str, bytes]) -> None:
    """Refuse files that can't be those of a rulebook: by name, size or encoding.

    Raises:
        DraftRefused: with the place of each problem.
    """
    problems = [problem for path, document in files.items() for problem in _file_problems(path, document)]
    size = sum(map(len, files.values()))
    if size > _LARGEST:
        problems.append(Problem("", "yaml.too_large", "the draft is too large", f"{size} bytes", f"at most {_LARGEST}"))
    if problems:
        raise DraftRefused("the draft can't have these files", problems=tuple(problems))


def _file_problems(path: str, document: bytes) -> Iterator[Problem]:
    shown = path[:200]
    if len(path) > 200 or not _PATH.fullmatch(path):
        expected = "a name such as rules/testing.yaml, or CHANGES.md"
        yield Problem(f"{shown}:1:1", "file.unknown", f"`{shown}` can't be a file of a rulebook", shown, expected)
    if len(document) > LARGEST_FILE:
        given, most = f"{len(document)} bytes", f"at most {LARGEST_FILE}"
        yield Problem(f"{shown}:1:1", "yaml.too_large", "the file is too large", given, most)
    try:
        document.decode()
    except UnicodeDecodeError as error:
        yield Problem(f"{shown}:1:1", "file.encoding", f"byte {error.start} is not UTF-8", None, "UTF-8")


@contextmanager
def laid_out(name: str, files: Mapping[str, bytes]) -> Iterator[Path]:
    """Give a folder with the files, named as the loader expects it."""
    with tempfile.TemporaryDirectory(prefix="shuoli-draft-") as root:
        folder = Path(root, *name.split("@"))
        for path, document in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(document)
        yield folder
