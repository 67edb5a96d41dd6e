"""The rulebooks that this installation knows."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import PathParameter

from api.problems import documented
from api.rulebook_view import RulebookSummary, RulebookView, summary, view
from api.services import Services


class RulebookList(msgspec.Struct, frozen=True):
    """All versions of all rulebooks, by id, oldest first."""

    items: tuple[RulebookSummary, ...]


@get("/api/v1/rulebooks", tags=["rulebooks"], responses=documented(), sync_to_thread=True)
def list_rulebooks(services: NamedDependency[Services]) -> RulebookList:
    """全部规则包。All rulebooks and versions."""
    return RulebookList(tuple(summary(rulebook) for rulebook in services.all_rulebooks()))


@get(
    "/api/v1/rulebooks/{rulebook_id:str}/{rulebook_version:str}",
    tags=["rulebooks"],
    responses=documented("rulebook.missing"),
    sync_to_thread=True,
)
def show_rulebook(
    services: NamedDependency[Services],
    rulebook_id: Annotated[str, PathParameter(description="规则包 · its id")],
    rulebook_version: Annotated[str, PathParameter(description="版本 · its version")],
) -> RulebookView:
    """一个版本:指标、标准、等级、词汇。One version: indicators, standards, grades, vocabulary."""
    return view(services.rulebook(f"{rulebook_id}@{rulebook_version}"))
