"""Bad rulebooks as data: what is changed in `base`, and exactly what is found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from knowledge.problems import Problem

HERE = Path(__file__).parent
BASE = HERE / "base"
CASES = sorted((HERE / "bad").rglob("*.yaml"))


@dataclass(frozen=True)
class BadCase:
    """One file under `bad/`.

    `edit` lists changes, each to one `file` (a path from the rulebook's folder, new or in `base`):
    `replace` a part that stands there once `with` another, `append`, `write` the whole file, `remove` it,
    `copy` it from another file; `times` repeats the new text, `hex` gives it as bytes.
    `finds` is everything that must be found, in order.
    """

    path: Path
    about: str
    edit: list[dict[str, Any]]
    finds: list[dict[str, str]]

    def put(self, folder: Path) -> Path:
        """Write the changed rulebook below a folder, and return its own folder."""
        own = folder / "workshops" / "1"
        files = {path.relative_to(BASE).as_posix(): path.read_bytes() for path in BASE.rglob("*") if path.is_file()}
        for change in self.edit:
            _apply(change, files)
        for name, content in files.items():
            path = (own / name).resolve()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return own


def read_case(path: Path) -> BadCase:
    """Return the case in a file."""
    written = yaml.safe_load(path.read_text("utf-8"))
    return BadCase(path, written["about"], written["edit"], written.get("finds") or [])


def as_written(problem: Problem) -> dict[str, str]:
    """Return a problem as cases have it: nothing stands for what it doesn't say."""
    said = {"at": problem.place, **problem.as_json()}
    return {key: value for key, value in said.items() if value is not None and key != "place"}


def _apply(change: dict[str, Any], files: dict[str, bytes]) -> None:
    name = change["file"]
    new = bytes.fromhex(change["hex"]) if "hex" in change else str(change.get("with", "")).encode()
    new *= change.get("times", 1)
    match change:
        case {"remove": True}:
            del files[name]
        case {"copy": str(source)}:
            files[name] = files[source]
        case {"write": str(text)}:
            files[name] = text.encode()
        case {"append": str(text)}:
            files[name] += text.encode() * change.get("times", 1)
        case {"replace": str(old)}:
            assert files[name].count(old.encode()) == 1, f"`{old}` stands {files[name].count(old.encode())} times"
            files[name] = files[name].replace(old.encode(), new)
        case _:
            raise AssertionError(change)
