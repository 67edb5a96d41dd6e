"""Whether the process runs, and whether it can do its work."""

from __future__ import annotations

from typing import Literal

import msgspec
from litestar import get
from litestar.di import NamedDependency

from api.problems import RequestRefused, documented
from api.services import Services


class Health(msgspec.Struct, frozen=True):
    """What a probe wants to know, and nothing more."""

    status: Literal["ok"] = "ok"


@get("/health/live", tags=["health"], responses=documented(), sync_to_thread=False)
def live() -> Health:
    """进程在运行。The process runs; nothing is looked at."""
    return Health()


@get("/health/ready", tags=["health"], responses=documented("health.not_ready"), sync_to_thread=True)
def ready(services: NamedDependency[Services]) -> Health:
    """可以评价。The rulebook loads, the store answers, an evaluation works."""
    trouble = services.trouble()
    if trouble is not None:
        raise RequestRefused("health.not_ready", trouble)
    return Health()
