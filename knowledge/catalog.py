"""Finds rulebooks by id, version and day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

from knowledge.binding import Misfit, day
from knowledge.loader import load_rulebook
from knowledge.problems import Problem, RulebookMissing, nearest
from knowledge.rulebook import Rulebook
from knowledge.source import read_document

SHIPPED = Path(str(files("knowledge") / "rulebooks"))


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of a rulebook in the catalog; days are ordinals, `until` the first not in force."""

    id: str
    version: str
    folder: Path
    effective_from: int
    effective_until: int | None


class Catalog:
    """Rulebooks under `<root>/<id>/<version>/`, shipped ones last. What has been loaded is kept."""

    def __init__(self, roots: Sequence[Path] = ()) -> None:
        self._roots = (*roots, SHIPPED)
        self._loaded: dict[Path, Rulebook] = {}
        self._entries: tuple[Entry, ...] | None = None

    def versions(self) -> tuple[Entry, ...]:
        """Return everything that was in the catalog when first asked, by id and first day in force."""
        if self._entries is None:
            self._entries = self._read()
        return self._entries

    def _read(self) -> tuple[Entry, ...]:
        found: dict[tuple[str, str], Entry] = {}
        for root in self._roots:
            for head in sorted(root.glob("*/*/rulebook.yaml")):
                entry = _entry(head)
                found.setdefault((entry.id, entry.version), entry)
        return tuple(sorted(found.values(), key=lambda entry: (entry.id, entry.effective_from, entry.version)))

    def in_force(self, rulebook_id: str, as_of: date) -> Entry:
        """Return the version of a rulebook that holds on a day.

        Raises:
            RulebookMissing: unknown id, or no version in force that day.
        """
        known = [entry for entry in self.versions() if entry.id == rulebook_id]
        if not known:
            raise self._missing(rulebook_id)
        today = as_of.toordinal()
        for entry in reversed(known):
            if entry.effective_from <= today and (entry.effective_until is None or today < entry.effective_until):
                return entry
        raise RulebookMissing(f"no version of `{rulebook_id}` is in force on {as_of.isoformat()}")

    def locate(self, name: str, as_of: date) -> Path:
        """Return the folder of a rulebook named by folder, `id` or `id@version`.

        Raises:
            RulebookMissing: it is neither a folder with a rulebook nor in the catalog.
        """
        folder = Path(name)
        if (folder / "rulebook.yaml").is_file():
            return folder.resolve()
        rulebook_id, _, version = name.partition("@")
        if not version:
            return self.in_force(rulebook_id, as_of).folder
        for entry in self.versions():
            if (entry.id, entry.version) == (rulebook_id, version):
                return entry.folder
        raise self._missing(name)

    def load(self, folder: Path) -> Rulebook:
        """Return the rulebook in a folder, loaded once.

        Raises:
            RulebookMissing: no rulebook is there.
            RulebookRefused: it has problems.
        """
        if folder not in self._loaded:
            self._loaded[folder] = load_rulebook(folder)
        return self._loaded[folder]

    def _missing(self, name: str) -> RulebookMissing:
        known = [*dict.fromkeys(entry.id for entry in self.versions())]
        known += [f"{entry.id}@{entry.version}" for entry in self.versions()]
        near = nearest(name, known)
        listed = f"did you mean `{near}`?" if near else f"known: {', '.join(known) or 'none'}"
        return RulebookMissing(f"no rulebook `{name}`", help=listed)


def check_versions(entries: Iterable[Entry]) -> tuple[Problem, ...]:
    """Return gaps and overlaps between the dates of one rulebook's versions."""
    problems = []
    ordered = sorted(entries, key=lambda entry: (entry.id, entry.effective_from))
    for before, after in pairwise(ordered):
        if before.id != after.id:
            continue
        place = f"{after.id}/{after.version}/rulebook.yaml:1:1"
        ends = before.effective_until
        begins = date.fromordinal(after.effective_from).isoformat()
        if ends is None or ends > after.effective_from:
            problems.append(
                Problem(place, "version.overlap", f"version `{before.version}` still holds on {begins}", begins)
            )
        elif ends < after.effective_from:
            problems.append(Problem(place, "version.gap", f"no version holds the day before {begins}", begins))
    return tuple(problems)


def _entry(head: Path) -> Entry:
    data = read_document(head.name, head.read_bytes(), []).data
    named = data if isinstance(data, dict) else {}
    try:
        begins = day(named.get("effective_from"))
        ends = None if named.get("effective_until") is None else day(named.get("effective_until"))
    except Misfit:
        begins, ends = 1, None
    folder = head.parent
    return Entry(str(named.get("id", folder.parent.name)), str(named.get("version", folder.name)), folder, begins, ends)
