"""The versions of a rulebook, one after the other: each day must have exactly one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

from knowledge.binding import Misfit, day
from knowledge.problems import Problem
from knowledge.source import Document, read_document

HEAD = "rulebook.yaml"
_UNKNOWN = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of a rulebook in the catalog; days are ordinals, `until` the first not in force."""

    id: str
    version: str
    folder: Path
    effective_from: int
    effective_until: int | None


def read_entry(folder: Path) -> Entry:
    """Return what a rulebook's head says of it; where its days can't be read, it holds from day 1."""
    data = read_document(HEAD, (folder / HEAD).read_bytes(), []).data
    named = data if isinstance(data, dict) else {}
    try:
        begins = day(named.get("effective_from"))
        ends = None if named.get("effective_until") is None else day(named.get("effective_until"))
    except Misfit:
        begins, ends = _UNKNOWN, None
    return Entry(str(named.get("id", folder.parent.name)), str(named.get("version", folder.name)), folder, begins, ends)


def check_versions(folder: Path, head: Document) -> Iterator[Problem]:
    """Yield the gaps and overlaps between a rulebook and the versions before and after it, which lie beside it."""
    own = read_entry(folder)
    beside = (read_entry(path.parent) for path in sorted(folder.parent.glob(f"*/{HEAD}")) if path.parent != folder)
    others = [entry for entry in beside if entry.id == own.id and entry.effective_from != _UNKNOWN]
    if own.effective_from == _UNKNOWN or not others:
        return
    in_order = sorted([own, *others], key=lambda entry: (entry.effective_from, entry.version))
    for before, after in pairwise(in_order):
        if own in (before, after):
            at = ("effective_from",) if after == own else ("effective_until",)
            yield from _between(before, after, head.place(at))


def _between(before: Entry, after: Entry, place: str) -> Iterable[Problem]:
    ends, begins = before.effective_until, after.effective_from
    wanted = f"`effective_until: {_iso(begins)}` in version `{before.version}`"
    if ends is None or ends > begins:
        message = f"versions `{before.version}` and `{after.version}` both hold on {_iso(begins)}"
        yield Problem(place, "version.overlap", message, "no end" if ends is None else _iso(ends), wanted)
    elif ends < begins:
        message = f"no version holds from {_iso(ends)} until {_iso(begins)}"
        line = f"or let version `{after.version}` begin on {_iso(ends)}"
        yield Problem(place, "version.gap", message, _iso(ends), wanted, line)


def _iso(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()
