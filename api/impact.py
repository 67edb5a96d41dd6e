"""Whom a change of rules moves, over HTTP; the command line asks in the same way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import RawBody

from api.problems import LOG, documented
from api.requests import body_of, day, needs_json
from api.services import Services
from api.versions import files_of
from authoring.draftfiles import DraftRefused
from authoring.drafts import Drafts
from authoring.edits import Edit, edited
from authoring.impact import impact
from authoring.moves import Impact, agree, as_csv
from casework.decisions import ProducerMissing
from engine.case import CaseFile
from engine.document import DocumentWriter
from engine.workers import Workers
from knowledge.problems import LimitExceeded, RulebookRefused
from knowledge.rulebook import Rulebook

MOST_OPENED: Final = 20
_LONGEST_END: Final = 10.0
_SHOWN: Final = 1_000
"""Movers in an answer; the table has them all."""
_CODES: Final = (
    "rulebook.missing", "draft.missing", "draft.refused", "edit.refused", "case.json", "case.refused",
    "http.media_type", "http.too_large", "http.query", "producer.missing", "limit.pairs", "limit.opened",
)  # fmt: skip


class Asking(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"before": "from", "after": "to"}):
    """Which rulebooks are compared, by `ID` or `ID@VERSION`; `to` may name a draft, and is `from` where left out.

    `edits` are made to `to` for this question alone; `open` names producers that are graded with their trails.
    """

    before: str
    after: str | None = None
    edits: list[Edit] = []
    as_of: str | None = None
    open: list[str] = []


class Opened(msgspec.Struct, frozen=True):
    """A producer graded with its trail under both rulebooks."""

    id: str
    before: dict[str, Any]
    after: dict[str, Any]


class ImpactView(Impact, frozen=True, kw_only=True):
    """Whom a change moves: of the movers at most 1,000, and those opened with their trails."""

    opened: list[Opened]


@dataclass(frozen=True, slots=True)
class Compared:
    """An impact and the rulebooks that it is of."""

    before: Rulebook
    after: Rulebook
    as_of: int
    impact: Impact

    def opened(self, names: Sequence[str], case: Callable[[Rulebook, str], CaseFile], workers: Workers) -> list[Opened]:
        """Grade producers with their trails; each must come to what the columns say.

        Raises:
            EngineDisagreement: it doesn't.
            LimitExceeded: too many are opened at once.
        """
        if len(names) > MOST_OPENED:
            raise LimitExceeded("limit.opened", f"{len(names)} producers are opened; at most {MOST_OPENED} at once")
        movers = {mover.id: mover for mover in self.impact.movers}
        opened = []
        for name in names:
            books = (self.before, self.after)
            cases = [case(book, name) for book in books]
            before, after = (workers.grade(book, one) for book, one in zip(books, cases, strict=True))
            if name in movers:
                agree(movers[name], before, after)
            documents = [DocumentWriter(book).document(one) for book, one in zip(books, (before, after), strict=True)]
            opened.append(Opened(name, documents[0], documents[1]))
        return opened


class Impacts:
    """Answers what a change moves in one ledger, one question at a time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._ahead = threading.Thread(target=self._read_ahead, name="everybody", daemon=True)

    def start(self) -> None:
        """Read everybody beside the server, so that the first question need not wait for it."""
        self._ahead.start()

    def stop(self) -> None:
        """End that."""
        self._services.populations.stop()
        if self._ahead.is_alive():
            self._ahead.join(_LONGEST_END)

    def _read_ahead(self) -> None:
        services = self._services
        try:
            services.populations.read_ahead(services.rulebook())
        except Exception as error:  # noqa: BLE001  the edge of the thread; whoever asks is told
            LOG.warning("everybody can't be read ahead: %s", error)

    def compare(self, asked: Asking) -> Compared:
        """Compare the rulebooks that were asked for."""
        services = self._services
        today = services.today()
        as_of = day(asked.as_of)
        on = today if as_of is None else date.fromordinal(as_of)
        before = services.selection.named(asked.before, on)
        after = named_or_draft(services, asked.before if asked.after is None else asked.after, on, asked.edits)
        with self._lock:
            told = impact(before, after, services.populations.of, on.toordinal())
        return Compared(before, after, on.toordinal(), told)

    def view(self, asked: Asking) -> ImpactView:
        """Return the answer with the producers that are opened."""
        compared = self.compare(asked)
        opened = compared.opened(asked.open, self._case(compared.as_of), self._services.workers)
        told = compared.impact
        parts: Mapping[str, Any] = {name: getattr(told, name) for name in told.__struct_fields__}
        return ImpactView(**{**parts, "movers": told.movers[:_SHOWN]}, opened=opened)

    def _case(self, as_of: int) -> Callable[[Rulebook, str], CaseFile]:
        def case(book: Rulebook, name: str) -> CaseFile:
            found = self._services.populations.case(book, name, as_of)
            if found is None:
                raise ProducerMissing(f"no producer `{name[:100]}` is known here")
            return found

        return case


def named_or_draft(services: Services, name: str, on: date, edits: Sequence[Edit]) -> Rulebook:
    """Return the version of that name, or the draft, with edits.

    Raises:
        RulebookMissing, DraftMissing: there is neither.
        DraftRefused, EditRefused: it has problems, or an edit names nothing.
    """
    if any(f"{one.id}@{one.version}" == name for one in services.selection.versions()) or "@" not in name:
        return edited(files_of(services, name)[1], edits) if edits else services.selection.named(name, on)
    drafts = Drafts(services.store, services.workers)
    if edits:
        return edited(drafts.files(name), edits)
    try:
        return drafts.rulebook(name)
    except RulebookRefused as refused:
        raise DraftRefused("the draft has problems", problems=refused.problems) from refused


@post(
    "/api/v1/impact",
    tags=["rulebooks"],
    status_code=200,
    guards=[needs_json],
    responses=documented(*_CODES),
    sync_to_thread=True,
)
def show_impact(impacts: NamedDependency[Impacts], body: RawBody) -> ImpactView:
    """新规则影响谁:等级迁移矩阵、变动主体及其规则。Whom a change of rules moves: matrix, movers and their rules."""
    return impacts.view(body_of(Asking, body))


@post(
    "/api/v1/impact/movers",
    tags=["rulebooks"],
    status_code=200,
    guards=[needs_json],
    responses={
        **documented(*_CODES),
        200: ResponseSpec(None, media_type="text/csv", description="变动主体清单 · the list of movers"),
    },
    sync_to_thread=True,
)
def list_movers(impacts: NamedDependency[Impacts], body: RawBody) -> Response[str]:
    """变动主体清单(CSV)。All movers as a table."""
    table = as_csv(impacts.compare(body_of(Asking, body)).impact)
    headers = {"Content-Disposition": 'attachment; filename="movers.csv"'}
    return Response(table, media_type="text/csv; charset=utf-8", headers=headers)
