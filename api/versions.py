"""The files that a version was written in, and how a draft becomes one: shared by HTTP and the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from api.selection import Version
from api.services import Services
from authoring.draftfiles import DraftRefused, laid_out, read_files
from authoring.drafts import Drafts, DraftView
from authoring.impact import impact
from authoring.moves import report
from knowledge.loader import load_rulebook
from knowledge.problems import RulebookMissing, RulebookRefused
from knowledge.rulebook import Rulebook
from knowledge.scenarios import Scenario, load_scenarios
from knowledge.versions import Entry
from store.drafts import content_of
from store.releases import released_files


@dataclass(frozen=True, slots=True)
class LaidOut:
    """A rulebook with the folder in which its files lie for a while, and its scenarios."""

    folder: Path
    rulebook: Rulebook
    scenarios: Sequence[Scenario]


@dataclass(frozen=True, slots=True)
class Written:
    """A version, or a draft as it is now: its whole name, the files it is written in, and where the draft stands."""

    name: str
    files: Mapping[str, bytes]
    draft: DraftView | None = None

    @property
    def content(self) -> str:
        """Return the digest of the files."""
        return content_of(self.files)

    @contextmanager
    def laid_out(self) -> Iterator[LaidOut]:
        """Give what the files mean.

        Raises:
            DraftRefused: it is a draft and has problems.
            RulebookRefused: it is a version and has problems.
        """
        with laid_out(self.name, self.files) as folder:
            try:
                rulebook = load_rulebook(folder)
                found = LaidOut(folder, rulebook, load_scenarios(folder, rulebook))
            except RulebookRefused as refused:
                if self.draft is None:
                    raise
                raise DraftRefused(f"draft `{self.name}` has problems", problems=refused.problems) from refused
            yield found


def written(services: Services, name: str, *, draft: bool) -> Written:
    """Return the version `ID@VERSION`, or the draft of that name.

    Raises:
        RulebookMissing, DraftMissing: there is none.
    """
    if not draft:
        return Written(*files_of(services, name))
    drafts = Drafts(services.store, services.workers)
    view = drafts.show(name)
    return Written(name, drafts.files(name), view)


def version_or_draft(services: Services, name: str) -> Written:
    """Return the version `ID[@VERSION]` or, where there is none, the draft of that name.

    Raises:
        RulebookMissing, DraftMissing: there is neither.
    """
    is_version = "@" not in name or any(f"{one.id}@{one.version}" == name for one in services.selection.versions())
    return written(services, name, draft=not is_version)


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


def versions_with(rulebook: Rulebook, known: Sequence[Version]) -> list[Entry]:
    """Return the known versions of a rulebook, this one among them, as verification compares them."""
    others = [one for one in known if one.id == rulebook.id and one.version != rulebook.version]
    entries = [Entry(one.id, one.version, Path(one.version), one.effective_from, one.effective_until) for one in others]
    own = Path(rulebook.version)
    return [*entries, Entry(rulebook.id, rulebook.version, own, rulebook.effective_from, rulebook.effective_until)]
