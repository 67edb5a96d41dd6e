"""What is known of a producer and was decided about it, as lists: every report, every grading and confirmation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

import msgspec

from casework.decisions import ProducerMissing
from engine.case import Fact
from engine.reading import CaseReader, fact_document, merge
from knowledge.rulebook import Rulebook
from store import history
from store.ledger import EVERYONE, Store


class ReportView(msgspec.Struct, frozen=True):
    """One report of a fact: when it was entered here, and what it said. `recorded_at` is what its source told."""

    entered_at: str
    status: str
    recorded_at: str | None
    source: dict[str, str] | None
    fields: dict[str, Any]


class FactView(msgspec.Struct, frozen=True):
    """A fact as it counts, and all reports of it in the order in which they were entered."""

    id: str
    type: str
    about_everyone: bool
    status: str
    recorded_at: str | None
    fields: dict[str, Any]
    sources: list[dict[str, str]]
    reports: list[ReportView]


class FactList(msgspec.Struct, frozen=True):
    """The facts of a producer's case, by type and id."""

    producer: str
    as_of: str
    known_at: str | None
    facts: list[FactView]


class Step(msgspec.Struct, frozen=True):
    """A grading, or the confirmation of one, at its place in the log. `at` is when it was entered."""

    index: int
    at: str
    kind: Literal["grading", "confirmation"]
    hash: str
    as_of: str
    known_at: str
    next_change_on: str | None
    case: str
    confirms: str | None
    """Hash of the grading whose outcome this is again; null of a grading."""
    grade: str | None
    score: int | str | None
    rulebook: dict[str, str] | None


class History(msgspec.Struct, frozen=True):
    """Steps in the order of the log. `next` is what to give as `after` for those that follow, null where none do."""

    producer: str
    items: list[Step]
    next: int | None


def facts_of(store: Store, rulebook: Rulebook, producer_id: str, as_of: int, known_at: str | None) -> FactList:
    """Return what is known of a producer, or was at an instant; facts dated later than `as_of` are left out.

    Raises:
        ProducerMissing: the producer isn't known, or wasn't then.
    """
    with store.read() as transaction:
        if transaction.producer(producer_id, known_at) is None:
            raise ProducerMissing(f"no producer `{producer_id[:100]}` is known here")
        entered = history.facts_of(transaction, [producer_id, EVERYONE])
    entries = [
        one
        for name in (producer_id, EVERYONE)
        for one in entered.get(name, ())
        if known_at is None or one.entered_at <= known_at
    ]
    facts = CaseReader(rulebook).stored([one.document for one in entries])
    reports: dict[str, list[ReportView]] = {}
    for fact, entry in zip(facts, entries, strict=True):
        reports.setdefault(fact.id, []).append(_report(entry))
    counted = [fact for fact in merge(facts) if _day(rulebook, fact) <= as_of]
    listed = [_view(rulebook, fact, reports[fact.id]) for fact in counted]
    return FactList(producer_id, date.fromordinal(as_of).isoformat(), known_at, listed)


def history_of(
    store: Store, producer_id: str, after: int, limit: int, *, as_of: int | None, known_at: str | None
) -> History:
    """Return what was decided about a producer after a place in the log: by an instant, for days up to `as_of`.

    Raises:
        ProducerMissing: the producer isn't known, or wasn't then.
        StoreCorrupt: a grading has been altered.
    """
    with store.read() as transaction:
        if transaction.producer(producer_id, known_at) is None:
            raise ProducerMissing(f"no producer `{producer_id[:100]}` is known here")
        steps = [_step(one) for one in history.steps(transaction, producer_id, after, limit)]
    last = None if as_of is None else date.fromordinal(as_of).isoformat()
    shown = [one for one in steps if (known_at is None or one.at <= known_at) and (last is None or one.as_of <= last)]
    more = len(steps) == limit and (known_at is None or steps[-1].at <= known_at)
    return History(producer_id, shown, steps[-1].index if more else None)


def _step(one: history.Step) -> Step:
    said: dict[str, Any] = msgspec.json.decode(one.document)
    rulebook = said.get("rulebook")
    return Step(
        index=one.index,
        at=str(msgspec.json.decode(one.leaf)["at"]),
        kind="grading" if one.kind == "grading" else "confirmation",
        hash=one.hash,
        as_of=said["as_of"],
        known_at=said["known_at"],
        next_change_on=said["next_change_on"],
        case=said["case"],
        confirms=said.get("confirms"),
        grade=said.get("grade"),
        score=said.get("score"),
        rulebook=None if rulebook is None else {name: rulebook[name] for name in ("id", "version", "sha256")},
    )


def _report(entry: history.Entry) -> ReportView:
    said: dict[str, Any] = msgspec.json.decode(entry.document)
    return ReportView(
        entry.entered_at, said.get("status", ""), said.get("recorded_at"), said.get("source"), said["fields"]
    )


def _view(rulebook: Rulebook, fact: Fact, reports: Sequence[ReportView]) -> FactView:
    said: dict[str, Any] = msgspec.json.decode(fact_document(rulebook, fact))
    sources = [{"system": one.system, "ref": one.ref} for one in fact.sources]
    about_everyone = rulebook.types[fact.type].about_everyone
    return FactView(
        fact.id, fact.type, about_everyone, fact.status, fact.recorded_at, said["fields"], sources, [*reports]
    )


def _day(rulebook: Rulebook, fact: Fact) -> int:
    """Return the day of a fact; one of a type without dates is always there."""
    dated = rulebook.types[fact.type].dated
    return 0 if dated is None else int(fact.values.get(dated, 0))
