"""The files that a version was written in, and how a draft becomes one: shared by HTTP and the command line."""

from __future__ import annotations

from datetime import date
from typing import Any

from api.services import Services
from authoring.draftfiles import read_files
from authoring.drafts import Drafts
from authoring.impact import impact
from authoring.moves import report
from knowledge.problems import RulebookMissing
from knowledge.rulebook import Rulebook
from store.releases import released_files


def release(services: Services, name: str, actor: str) -> Rulebook:
    """Release a draft with the report of whom it moves, and sign a head over it.

    Raises:
        DraftNotReady: as `Drafts.release`.
    """
    drafts = Drafts(services.store, services.workers)
    released = drafts.release(name, actor, services.today().toordinal(), _moved(services, drafts, name))
    services.sign_head()
    return released


def _moved(services: Services, drafts: Drafts, name: str) -> dict[str, Any]:
    """Return whom a draft moves on its first day, against the version that would hold then; nothing for a new id."""
    rulebook_id = name.partition("@")[0]
    if not any(one.id == rulebook_id for one in services.selection.versions()):
        return {}
    after = drafts.rulebook(name)
    day = max(after.effective_from, services.today().toordinal())
    try:
        before = services.selection.named(rulebook_id, date.fromordinal(day))
    except RulebookMissing:
        return {}
    return report(impact(before, after, services.populations.of, day))


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
