"""The files that a version was written in, and how a draft becomes one: shared by HTTP and the command line."""

from __future__ import annotations

from api.services import Services
from authoring.draftfiles import read_files
from authoring.drafts import Drafts
from knowledge.problems import RulebookMissing
from knowledge.rulebook import Rulebook
from store.releases import released_files


def release(services: Services, name: str, actor: str) -> Rulebook:
    """Release a draft with the report of whom it moves, and sign a head over it.

    Raises:
        DraftNotReady: as `Drafts.release`.
    """
    drafts = Drafts(services.store, services.workers)
    released = drafts.release(name, actor, services.today().toordinal(), {})
    services.sign_head()
    return released


def files_of(services: Services, name: str) -> tuple[str, dict[str, bytes]]:
    """Return the whole name and the files of the version `ID@VERSION`, or of the one of `ID` that is in force today.

    Raises:
        RulebookMissing: there is none.
    """
    found = services.selection.version(name, services.today())
    whole = f"{found.id}@{found.version}"
    if not isinstance(found.source, Rulebook):
        return whole, read_files(found.source)
    with services.store.read() as transaction:
        files = released_files(transaction, found.source.sha256)
    if files is None:
        raise RulebookMissing(f"the files of `{name}` are not here")
    return whole, files
