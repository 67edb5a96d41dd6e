"""Which rulebook is meant: by folder or name on the command line, by name alone over HTTP."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from api.settings import Settings
from knowledge.canonical import read_rulebook_document
from knowledge.catalog import Catalog
from knowledge.problems import RulebookCorrupt, RulebookMissing, nearest
from knowledge.rulebook import Rulebook
from store.ledger import Store, StoreCorrupt
from store.releases import count, releases

LOG = logging.getLogger("shuoli")


@dataclass(frozen=True, slots=True)
class Version:
    """One version, from a folder or released here; days are ordinals, `until` the first not in force."""

    id: str
    version: str
    effective_from: int
    effective_until: int | None
    source: Path | Rulebook


class Selection:
    """The rulebooks that the settings name, and those that were released in the ledger. Loaded ones are kept."""

    def __init__(self, settings: Settings, store: Store | None = None) -> None:
        self._catalog = Catalog(settings.rulebooks)
        self._default = settings.rulebook
        self._store = store
        self._lock = threading.Lock()
        self._read = -1
        self._released: tuple[Version, ...] = ()

    def default(self) -> str:
        """Return the name of the rulebook that grades when nobody names one.

        Raises:
            RulebookMissing: there is no rulebook at all.
        """
        if self._default is not None:
            return self._default
        for entry in self.versions():
            return entry.id
        raise RulebookMissing("there is no rulebook in the catalog")

    def versions(self) -> Sequence[Version]:
        """Return all versions, by id and first day in force; what was released since is seen at once."""
        folders = {
            (one.id, one.version): Version(one.id, one.version, one.effective_from, one.effective_until, one.folder)
            for one in self._catalog.versions()
        }
        known = folders | {(one.id, one.version): one for one in self._releases()}
        return sorted(known.values(), key=lambda one: (one.id, one.effective_from, one.version))

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
        return self._loaded(self.version(self.default() if name is None else name, as_of))

    def version(self, name: str, as_of: date) -> Version:
        """Return the version named by ID@VERSION, or the one of ID that is in force on a day.

        Raises:
            RulebookMissing: there is none.
        """
        rulebook_id, _, version = name.partition("@")
        known = self.versions()
        own = [one for one in known if one.id == rulebook_id]
        if own and not version:
            return _in_force(own, as_of)
        for one in own:
            if one.version == version:
                return one
        near = nearest(name, [word for one in known for word in (one.id, f"{one.id}@{one.version}")])
        raise RulebookMissing(f"no rulebook `{name[:130]}`", help=f"did you mean `{near}`?" if near else None)

    def all(self) -> tuple[Rulebook, ...]:
        """Return every version of every rulebook, by id and first day in force.

        Raises:
            RulebookRefused: one has problems.
        """
        return tuple(map(self._loaded, self.versions()))

    def _loaded(self, one: Version) -> Rulebook:
        return self.load(one.source) if isinstance(one.source, Path) else one.source

    def _releases(self) -> tuple[Version, ...]:
        """Return what was released; read again when there is more of it."""
        if self._store is None:
            return ()
        with self._lock, self._store.read() as transaction:
            if (now := count(transaction)) == self._read:
                return self._released
            found = []
            for one in releases(transaction):
                try:
                    document = transaction.rulebook(one.rulebook_sha256)
                    rulebook = read_rulebook_document(document or b"", one.rulebook_sha256)
                except (StoreCorrupt, RulebookCorrupt):
                    # The version before it goes on; `shuoli log verify` names the record.
                    LOG.exception("release %s@%s can't be read", one.id, one.version)
                    continue
                found.append(Version(one.id, one.version, one.effective_from, rulebook.effective_until, rulebook))
            self._released, self._read = tuple(found), now
            return self._released


def _in_force(versions: Sequence[Version], as_of: date) -> Version:
    today = as_of.toordinal()
    for one in reversed(versions):
        if one.effective_from <= today and (one.effective_until is None or today < one.effective_until):
            return one
    raise RulebookMissing(f"no version of `{versions[0].id}` is in force on {as_of.isoformat()}")
