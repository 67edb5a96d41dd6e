"""Days on which no version of a rulebook holds, or more than one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from authoring.verification.report import Place, Study
from authoring.verification.witness import Tried, Witness
from engine.case import CaseFile, Producer
from engine.values import day_text
from knowledge.versions import Entry


def check_days(study: Study, versions: Sequence[Entry]) -> None:
    """Note gaps and overlaps between the versions of a catalog, and an end after which nothing holds.

    The loader compares a version with those in the folder beside it; here versions may come from anywhere.
    """
    entries = sorted(_own(study, versions), key=lambda one: (one.effective_from, one.version))
    for before, after in pairwise(entries):
        ends, begins = before.effective_until, after.effective_from
        if ends is not None and ends < begins:
            last = day_text(begins - 1)
            study.add(
                "days.gap", (_place(before), _place(after)),
                f"{day_text(ends)} 至 {last} 没有任何版本施行;请让前一版本的止期与后一版本的起期相接。",
                f"No version is in force from {day_text(ends)} through {last}; let one end where the next begins.",
                proof="interval",
                witness=_on(study, entries, ends),
            )  # fmt: skip
        elif ends is not None and ends > begins:  # a version without an end gives way to the next
            study.add(
                "days.overlap", (_place(before), _place(after)),
                f"{day_text(begins)} 起“{before.version}”与“{after.version}”同时施行;请让前一版本在后一版本起期结束。",
                f"Versions `{before.version}` and `{after.version}` are both in force on {day_text(begins)}; "
                "let the first end where the second begins.",
                proof="interval", witness=_on(study, entries, begins),
            )  # fmt: skip
    ends = max((one.effective_until or 0 for one in entries), default=0)
    if entries and all(one.effective_until is not None for one in entries):
        study.add(
            "days.end", (_place(entries[-1]),), f"自 {day_text(ends)} 起没有任何版本施行;请准备后续版本,或删去止期。",
            f"From {day_text(ends)} on no version is in force; prepare the next one, or leave out the end.",
            proof="interval", witness=_on(study, entries, ends),
        )  # fmt: skip


def _own(study: Study, versions: Sequence[Entry]) -> list[Entry]:
    return [one for one in versions if one.id == study.rulebook.id]


def _place(entry: Entry) -> Place:
    return Place(f"{entry.id}@{entry.version}", f"{entry.folder.name}/rulebook.yaml")


def _on(study: Study, entries: Sequence[Entry], day: int) -> Witness:
    """Return any known case, or one without facts, asked for on a day, with the versions that hold then."""
    known: Tried | None = next(iter(study.witnesses.all()), None)
    nothing = CaseFile(Producer("witness", next(iter(study.rulebook.kinds)), "330100", {}), (), day)
    hold = [one.version for one in entries if _holds(one, day)]
    case = study.witnesses.document(nothing if known is None else known.case)
    return Witness(case, day_text(day), "–", 0, f"in force: {', '.join(hold) or 'none'}")


def _holds(entry: Entry, day: int) -> bool:
    return entry.effective_from <= day and (entry.effective_until is None or day < entry.effective_until)
