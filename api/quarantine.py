"""The quarantine over HTTP: refused lines, listed, corrected and tried again, or dismissed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter, RawBody

from api.problems import documented
from api.requests import Actor, needs_json
from api.services import Services
from casework.intake import Complaint, LineResult
from casework.quarantine import LineMissing, came, dismiss, replay
from store.quarantine import Quarantined, State, quarantined, quarantined_line

LineId = Annotated[int, PathParameter(description="隔离区中的编号 · its id in the quarantine", ge=1, le=2**53)]


class ActView(msgspec.Struct, frozen=True):
    """What somebody did about a refused line, and with which line or for which reason."""

    at: str
    act: Literal["replayed", "dismissed"]
    actor: str
    document: Any


class LineView(msgspec.Struct, frozen=True):
    """A refused line: `came` is the line or row as it came, `report` what it told, as far as it could be read."""

    id: int
    state: State
    entered_at: str
    origin: str
    line: int
    came: Any
    report: Any
    errors: list[Complaint]
    acts: list[ActView]


class LineList(msgspec.Struct, frozen=True):
    """Refused lines by id. `next` is what to give as `after` for those that follow, null where none do."""

    items: list[LineView]
    next: int | None


class Replayed(msgspec.Struct, frozen=True):
    """What became of a line that was tried again."""

    id: int
    state: Literal["replayed"]
    result: LineResult


@get("/api/v1/quarantine", tags=["quarantine"], responses=documented(), sync_to_thread=True)
def list_quarantine(
    services: NamedDependency[Services],
    in_state: Annotated[
        Literal["open", "replayed", "dismissed"],
        QueryParameter(name="state", description="open | replayed | dismissed"),
    ] = "open",
    after: Annotated[int, QueryParameter(ge=0, le=2**53, description="此编号之后 · those after this id")] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=500, description="最多几行 · at most so many")] = 100,
) -> LineList:
    """被拒绝的行。Refused lines, as they came, with the reasons."""
    with services.store.read() as transaction:
        found = quarantined(transaction, in_state, after, limit + 1)
    return LineList([_view(one) for one in found[:limit]], found[limit - 1].id if len(found) > limit else None)


@get(
    "/api/v1/quarantine/{line_id:int}",
    tags=["quarantine"],
    responses=documented("quarantine.missing"),
    sync_to_thread=True,
)
def show_line(services: NamedDependency[Services], line_id: LineId) -> LineView:
    """一行及其处理。One refused line, and what was done about it."""
    with services.store.read() as transaction:
        found = quarantined_line(transaction, line_id)
    if found is None:
        raise LineMissing(f"no refused line {line_id}")
    return _view(found)


@post(
    "/api/v1/quarantine/{line_id:int}/replay",
    tags=["quarantine"],
    status_code=200,
    responses=documented(
        "quarantine.missing", "quarantine.settled", "quarantine.unreadable", "quarantine.refused", "case.json",
        "http.too_large", "rulebook.missing",
    ),
    sync_to_thread=True,
)  # fmt: skip
def replay_line(services: NamedDependency[Services], body: RawBody, line_id: LineId, actor: Actor) -> Replayed:
    """更正后重试(正文为更正的行),或原样重试(正文为空)。Try a line again: corrected, as the body, or as it came."""
    return Replayed(line_id, "replayed", replay(services.intake(), services.store, line_id, actor, body))


@post(
    "/api/v1/quarantine/{line_id:int}/dismiss",
    tags=["quarantine"],
    status_code=200,
    guards=[needs_json],
    responses=documented(
        "quarantine.missing", "quarantine.settled", "case.json", "case.refused", "http.too_large", "http.media_type"
    ),
    sync_to_thread=True,
)
def dismiss_line(services: NamedDependency[Services], body: RawBody, line_id: LineId, actor: Actor) -> LineView:
    """不再处理,并说明原因。Say why nothing is to be done about a line: `{"reason": …}`."""
    dismiss(services.store, line_id, actor, body)
    with services.store.read() as transaction:
        found = quarantined_line(transaction, line_id)
    assert found is not None
    return _view(found)


def _view(one: Quarantined) -> LineView:
    as_it_came, report = came(one)
    acts = [
        ActView(act.entered_at, act.act, act.actor, msgspec.json.decode(act.document))  # type: ignore[arg-type]
        for act in one.acts
    ]
    errors = msgspec.json.decode(one.refused.problems, type=list[Complaint])
    state: State = one.state  # type: ignore[assignment]  # acts are of these words
    return LineView(
        one.id, state, one.entered_at, one.refused.origin, one.refused.line, as_it_came, _plain(report), errors, acts
    )


def _plain(report: Any) -> Any:  # noqa: ANN401  any JSON
    """Return a report as JSON can show it: numbers that fit no field as text."""
    if isinstance(report, dict):
        return {name: _plain(value) for name, value in report.items()}
    if isinstance(report, list):
        return [_plain(value) for value in report]
    return report if isinstance(report, str | int | bool | None) else report.text
