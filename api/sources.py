"""Sources over HTTP: when each was last heard from."""

from __future__ import annotations

from datetime import date, datetime

import msgspec
from litestar import get
from litestar.di import NamedDependency

from api.problems import documented
from api.requests import SHANGHAI
from api.services import Services
from store.sources import StoredSource, sources


class SourceView(msgspec.Struct, frozen=True):
    """A source, its last sign of life, how many days ago that was (0: today), and where its connector goes on."""

    system: str
    beat_at: str
    silent_days: int
    cursor: str | None


class SourceList(msgspec.Struct, frozen=True):
    """All sources, by system."""

    items: list[SourceView]


@get("/api/v1/sources", tags=["sources"], responses=documented(), sync_to_thread=True)
def list_sources(services: NamedDependency[Services]) -> SourceList:
    """数据来源及其最近的消息。Sources, and when each was last heard from."""
    with services.store.read() as transaction:
        found = sources(transaction)
    return SourceList([_view(one, services.today()) for one in found])


def _view(one: StoredSource, today: date) -> SourceView:
    heard = datetime.fromisoformat(one.beat_at).astimezone(SHANGHAI).date()
    return SourceView(one.system, one.beat_at, max((today - heard).days, 0), one.cursor)
