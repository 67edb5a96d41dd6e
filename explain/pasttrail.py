"""What was decided about a producer in the last 12 months, step by step, as a letter tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final, Literal

import msgspec

from explain.phrases import Lang
from explain.phrases_letter import change
from knowledge.rulebook import Rulebook
from knowledge.workdays import add_months

MONTHS: Final = 12


class Counted(msgspec.Struct, frozen=True):
    """The points of one standard in a grading's document."""

    id: str
    points: int | str


class Bound(msgspec.Struct, frozen=True):
    """A ceiling, veto or missed minimum in a grading's document."""

    id: str
    kind: str


class Said(msgspec.Struct, frozen=True):
    """What is read of the document of a grading or a confirmation."""

    as_of: str
    confirms: str | None = None
    grade: str | None = None
    score: int | str | None = None
    rulebook: Mapping[str, str] = {}
    standards: tuple[Counted, ...] = ()
    ceilings: tuple[Bound, ...] = ()
    vetoes: tuple[Bound, ...] = ()


class PastStep(msgspec.Struct, frozen=True):
    """A grading or a confirmation as the ledger holds it. `at` is when it was entered."""

    kind: Literal["grading", "confirmation"]
    at: str
    hash: str
    said: Said


class StepView(msgspec.Struct, frozen=True):
    """One step in words. `kind` is `grading` or `confirmation`; `as_of` an ISO date."""

    kind: Literal["grading", "confirmation"]
    as_of: str
    at: str
    hash: str
    grade: str
    score: int | str
    changed: tuple[str, ...]


def past_year(steps: Sequence[PastStep], as_of: int, rulebook: Rulebook, lang: Lang) -> tuple[StepView, ...]:
    """Return the steps as of days in the 12 months up to `as_of`, newest first.

    `steps` are all of the producer in the order of the log, so that the oldest one shown is compared with the one
    before it. A confirmation has grade and score of the grading that it confirms.
    """
    first = date.fromordinal(add_months(as_of, -MONTHS)).isoformat()
    last = date.fromordinal(as_of).isoformat()
    shown = []
    before: Said | None = None
    gradings: dict[str, Said] = {}
    for step in steps:
        if step.kind == "grading":
            held, changed = step.said, tuple(_changes(before, step.said, rulebook, lang))
            gradings[step.hash] = before = held
        else:
            held, changed = gradings[str(step.said.confirms)], (change(lang, "same"),)
        if first < step.said.as_of <= last:
            grade, score = str(held.grade), held.score if held.score is not None else ""
            shown.append(StepView(step.kind, step.said.as_of, step.at, step.hash, grade, score, changed))
    return tuple(reversed(shown))


def _changes(before: Said | None, now: Said, rulebook: Rulebook, lang: Lang) -> Iterator[str]:
    """Yield what differs between two gradings: what they come to, their rulebooks, points and limits."""
    if before is None:
        yield change(lang, "first")
        return
    told = False
    pairs = [("grade", before.grade, now.grade), ("score", before.score, now.score)]
    pairs.append(("rulebook", _named(before.rulebook), _named(now.rulebook)))
    for name, was, is_now in pairs:
        if was != is_now:
            told = True
            yield change(lang, name, before=was, after=is_now)
    had = {one.id: one.points for one in before.standards}
    for one in now.standards:
        was = had.get(one.id, 0)
        if was != one.points:
            told = True
            standard = rulebook.standards.get(one.id)
            what = one.id if standard is None else standard.label.in_language(lang)
            yield change(lang, rulebook.scoring.direction, what=what, before=was, after=one.points)
    held, holds = ({one.id for one in (*said.ceilings, *said.vetoes)} for said in (before, now))
    for name, ids in (("limit", holds - held), ("lifted", held - holds)):
        for limit in sorted(ids):
            told = True
            yield change(lang, name, what=_limit(rulebook, limit, lang))
    if not told:
        yield change(lang, "same_points")


def _named(rulebook: Mapping[str, str]) -> str:
    return f"{rulebook.get('id', '')}@{rulebook.get('version', '')}"


def _limit(rulebook: Rulebook, name: str, lang: Lang) -> str:
    indicator = rulebook.indicators.get(name)
    label = rulebook.vetoes.get(name) or rulebook.ceilings.get(name) or (indicator.label if indicator else None)
    return name if label is None else label.in_language(lang)
