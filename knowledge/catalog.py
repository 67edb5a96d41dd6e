"""Finds rulebooks by id, version and day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from importlib.resources import files
from pathlib import Path

from knowledge.loader import load_rulebook
from knowledge.problems import RulebookMissing, nearest
from knowledge.rulebook import Rulebook
from knowledge.versions import Entry, read_entry

SHIPPED = Path(str(files("knowledge") / "rulebooks"))


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
                entry = read_entry(head.parent)
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
