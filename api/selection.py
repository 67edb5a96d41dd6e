"""Which rulebook is meant: by folder or name on the command line, by name alone over HTTP."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from api.settings import Settings
from knowledge.catalog import Catalog
from knowledge.problems import RulebookMissing, nearest
from knowledge.rulebook import Rulebook


class Selection:
    """The rulebooks that the settings name. Loaded ones are kept."""

    def __init__(self, settings: Settings) -> None:
        self._catalog = Catalog(settings.rulebooks)
        self._default = settings.rulebook

    def default(self) -> str:
        """Return the name of the rulebook that grades when nobody names one.

        Raises:
            RulebookMissing: there is no rulebook at all.
        """
        if self._default is not None:
            return self._default
        for entry in self._catalog.versions():
            return entry.id
        raise RulebookMissing("there is no rulebook in the catalog")

    def folder(self, name: str | None, as_of: date) -> Path:
        """Return the folder of a rulebook named by folder, ID or ID@VERSION; for people at this machine only.

        Raises:
            RulebookMissing: there is none.
        """
        return self._catalog.locate(self.default() if name is None else name, as_of)

    def load(self, folder: Path) -> Rulebook:
        """Return the rulebook in a folder.

        Raises:
            RulebookMissing: there is none.
            RulebookRefused: it has problems.
        """
        return self._catalog.load(folder)

    def named(self, name: str | None, as_of: date) -> Rulebook:
        """Return the rulebook named by ID or ID@VERSION; a folder's path is never looked at.

        Raises:
            RulebookMissing: there is none, or no version is in force that day.
            RulebookRefused: it has problems.
        """
        name = self.default() if name is None else name
        rulebook_id, _, version = name.partition("@")
        known = self._catalog.versions()
        if not version and any(entry.id == rulebook_id for entry in known):
            return self.load(self._catalog.in_force(rulebook_id, as_of).folder)
        for entry in known:
            if (entry.id, entry.version) == (rulebook_id, version):
                return self.load(entry.folder)
        near = nearest(name, [one for entry in known for one in (entry.id, f"{entry.id}@{entry.version}")])
        raise RulebookMissing(f"no rulebook `{name[:130]}`", help=f"did you mean `{near}`?" if near else None)

    def all(self) -> tuple[Rulebook, ...]:
        """Return every version of every rulebook in the catalog, by id and first day in force.

        Raises:
            RulebookRefused: one has problems.
        """
        return tuple(self.load(entry.folder) for entry in self._catalog.versions())
