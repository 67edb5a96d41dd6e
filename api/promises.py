"""Plans that producers keep to: promised, and later kept or broken, over HTTP."""

from __future__ import annotations

import functools
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import RawBody

from api.idempotency import IdempotencyKey
from api.planning import MOST_SECONDS, search_plans
from api.problems import documented
from api.requests import ProducerId, needs_json
from api.services import Services
from casework.decisions import Beside, ProducerMissing
from casework.promises import Kept, PlanUnknown, keep, shown
from engine.jsontext import parse
from explain.promising import promise
from knowledge.problems import CaseRefused, Problem
from store import promises


class KeptList(msgspec.Struct, frozen=True):
    """The promises made to a producer, the newest first."""

    items: list[Kept]


class PromiseCounts(msgspec.Struct, frozen=True):
    """How many promises there are by what became of them."""

    open: int
    kept: int
    broken: int
    lapsed: int


@post(
    "/api/v1/producers/{producer_id:str}/plans",
    tags=["producers"],
    status_code=200,
    guards=[needs_json],
    responses=documented(
        "producer.missing", "case.json", "case.refused", "http.too_large", "http.media_type", "plans.unknown_plan",
        "plans.unknown_grade", "limit.plans", "limit.facts", "limit.deductions", "limit.time", "engine.failure",
        "idempotency.reused",
    ),
    sync_to_thread=True,
)  # fmt: skip
def keep_plan(
    services: NamedDependency[Services],
    body: RawBody,
    producer_id: ProducerId,
    idempotency_key: IdempotencyKey = None,
) -> Response[Kept]:
    """认领一个今天的方案,并存为承诺。Keep one of today's plans: what it promises is stored and later looked at."""
    once = services.once(idempotency_key, f"POST /api/v1/producers/{producer_id}/plans", body)
    return once.run(lambda beside: _keep(services, producer_id, body, beside), lambda kept: kept)


@get(
    "/api/v1/producers/{producer_id:str}/promises",
    tags=["producers"],
    responses=documented("producer.missing"),
    sync_to_thread=True,
)
def list_promises(services: NamedDependency[Services], producer_id: ProducerId) -> KeptList:
    """所认领的方案及其结果。The plans that a producer keeps to, and what became of each; the newest hundred."""
    with services.store.read() as transaction:
        if transaction.producer(producer_id) is None:
            raise ProducerMissing(f"no producer `{producer_id[:100]}` is known here")
        return KeptList([shown(one) for one in promises.of_producer(transaction, producer_id)])


@get("/api/v1/promises", tags=["producers"], responses=documented(), sync_to_thread=True)
def count_promises(services: NamedDependency[Services]) -> PromiseCounts:
    """承诺的数目:未到、兑现、未兑现、失效。How many promises are open, kept, broken and lapsed."""
    with services.store.read() as transaction:
        return PromiseCounts(**promises.counts(transaction))


def _keep(services: Services, producer_id: str, body: bytes, beside: Beside) -> Kept:
    remedies, to = _chosen(body)
    decided = services.decision(producer_id)
    search = search_plans(decided, services.workers, to)
    plan = next((one for one in search.plans if set(one.remedies) == remedies), None)
    if plan is None:
        known = "; ".join(", ".join(one.remedies) for one in search.plans)
        raise PlanUnknown("these deeds aren't one of the plans of today", help=known or "there is no plan")
    made = services.workers.run(decided.rulebook, functools.partial(promise, decided.case, plan), MOST_SECONDS)
    return keep(services.store, decided.rulebook, made, beside)


def _chosen(body: bytes) -> tuple[set[str], str | None]:
    """Return the remedies and the grade that a body names.

    Raises:
        CaseRefused: it isn't `{"remedies": ["…"], "to": "…"}`; `to` may be absent.
    """
    told: Any = parse(body)
    problems: list[Problem] = []
    names = told.get("remedies") if isinstance(told, dict) else None
    to = told.get("to") if isinstance(told, dict) else None
    if not isinstance(told, dict):
        problems.append(Problem("", "type.mismatch", "must be an object", expected="an object"))
    else:
        unknown = [name for name in told if name not in ("remedies", "to")]
        problems += [Problem(f"/{name[:60]}", "shape.unknown_key", "unknown key", name[:60]) for name in unknown]
        if not (isinstance(names, list) and names and all(isinstance(one, str) for one in names)):
            problems.append(Problem("/remedies", "type.mismatch", "`remedies` lists ids", expected="a list of ids"))
        if to is not None and not isinstance(to, str):
            problems.append(Problem("/to", "type.mismatch", "`to` is a grade", expected="a grade"))
    if problems:
        raise CaseRefused("the plan is refused", problems=tuple(problems))
    return set(names or ()), to
