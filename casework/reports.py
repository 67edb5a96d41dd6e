"""A later report that a fact has another status. What was reported before stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from engine.case import Fact
from engine.jsontext import parse
from engine.reading import CaseReader, fact_document, merge
from knowledge.problems import CaseRefused, Problem, ShuoliError
from knowledge.rulebook import Rulebook

_TAKEN: Final = ("type", "fields")
_AT: Final = "/facts/0"


class FactMissing(ShuoliError):
    """The producer has no such fact."""

    code = "fact.missing"


def status_report(
    rulebook: Rulebook, body: bytes, fact_id: str, known: Sequence[Fact], entered_at: str, today: int
) -> list[Fact]:
    """Return the report that a producer's fact has the status that the body tells.

    The body is `{"status": …}` with `recorded_at` and `source` where its sender wants to say them. Without
    `recorded_at` it counts as recorded at `entered_at`, or just after the latest report where that lies ahead; it is no
    report at all where the fact has that status already.

    Raises:
        FactMissing: the producer has no such fact.
        JsonRefused: the body isn't JSON.
        CaseRefused: something in it doesn't fit the rulebook.
    """
    told = _told(body)
    fact = next((one for one in merge(known) if one.id == fact_id), None)
    if fact is None or rulebook.types[fact.type].about_everyone:
        raise FactMissing(f"the producer has no fact `{fact_id[:60]}`")
    before: dict[str, Any] = msgspec.json.decode(fact_document(rulebook, fact))
    written = {**told, **{name: before[name] for name in _TAKEN}}
    try:
        report = CaseReader(rulebook).facts(msgspec.json.encode({"facts": [written]}), today=today)[0]
    except CaseRefused as error:
        problems = tuple(replace(one, place=one.place.removeprefix(_AT)) for one in error.problems)
        raise CaseRefused("the status is refused", problems=problems) from error
    if report.recorded_at is not None:
        return [report]
    if report.status == fact.status:
        return []
    return [msgspec.structs.replace(report, recorded_at=max(entered_at, _just_after(fact.recorded_at)))]


def _told(body: bytes) -> dict[str, Any]:
    told = parse(body)
    problems: list[Problem] = []
    if not isinstance(told, dict):
        problems.append(Problem("", "type.mismatch", "must be an object", expected="an object"))
    else:
        if told.get("status") is None:
            problems.append(Problem("/status", "shape.missing_key", "`status` is missing"))
        known = "known: status, recorded_at, source"
        problems += [
            Problem(f"/{name}", "shape.unknown_key", f"unknown key `{name}`", name, help=known)
            for name in _TAKEN
            if name in told
        ]
    if problems:
        raise CaseRefused("the status is refused", problems=tuple(problems))
    assert isinstance(told, dict)
    return told


def _just_after(recorded_at: str | None) -> str:
    if recorded_at is None:
        return ""
    later = datetime.fromisoformat(recorded_at).astimezone(UTC) + timedelta(microseconds=1)
    return later.isoformat(timespec="microseconds").replace("+00:00", "Z")
