"""Producers that are known here: their facts, their grade, and why."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter, RawBody

from api.idempotency import IdempotencyKey
from api.problems import documented
from api.requests import AsOf, KnownAt, Language, ProducerId, RulebookName, day, instant, language, needs_json
from api.services import Services
from api.wire import DeductionList, GradingDocument, LearnedAboutEveryone, ProducerView, VerdictList, answer
from casework.past import FactList, History
from explain.views import Explanation

FactId = Annotated[str, PathParameter(description="事实的标识 · the fact's id, `F-…`")]
LAST_DAY = QueryParameter(
    description="只看评价日不晚于此日的 · only those as of days up to this one",
    schema_extra={"one_of": None, "type": "string", "format": "date"},
)
LAST_INSTANT = QueryParameter(
    description="只看此刻已记录的 · only those entered by then; RFC 3339 with offset",
    schema_extra={"one_of": None, "type": "string", "format": "date-time"},
)
_EVALUATION = ("limit.facts", "limit.deductions", "limit.time", "engine.failure", "rulebook.missing")
_BODY = ("case.json", "http.too_large", "http.media_type", "case.refused")
_READ = documented("producer.missing", *_EVALUATION)


@put(
    "/api/v1/producers/{producer_id:str}",
    tags=["producers"],
    guards=[needs_json],
    responses={
        **documented(*_BODY, *_EVALUATION),
        201: ResponseSpec(ProducerView, generate_examples=False, description="新登记 · new"),
    },
    status_code=200,
    sync_to_thread=True,
)
def put_producer(services: NamedDependency[Services], body: RawBody, producer_id: ProducerId) -> Response[ProducerView]:
    """登记或更新主体。Make a producer known, or replace what is known of it (201 when it is new)."""
    producer, created = services.put_producer(producer_id, body)
    return Response(producer, status_code=201 if created else 200)


@post(
    "/api/v1/producers/{producer_id:str}/facts",
    tags=["producers"],
    status_code=200,
    guards=[needs_json],
    responses=documented("producer.missing", "idempotency.reused", *_BODY, *_EVALUATION),
    sync_to_thread=True,
)
def post_facts(
    services: NamedDependency[Services],
    body: RawBody,
    producer_id: ProducerId,
    idempotency_key: IdempotencyKey = None,
) -> Response[GradingDocument]:
    """记录新事实,立即重评。Record facts; the answer is the grade that they lead to. All are taken or none."""
    once = services.once(idempotency_key, f"POST /api/v1/producers/{producer_id}/facts", body)
    return services.post_facts(producer_id, body, once)


@post(
    "/api/v1/producers/{producer_id:str}/facts/{fact_id:str}/status",
    tags=["producers"],
    status_code=200,
    guards=[needs_json],
    responses=documented("producer.missing", "fact.missing", "idempotency.reused", *_BODY, *_EVALUATION),
    sync_to_thread=True,
)
def post_status(
    services: NamedDependency[Services],
    body: RawBody,
    producer_id: ProducerId,
    fact_id: FactId,
    idempotency_key: IdempotencyKey = None,
) -> Response[GradingDocument]:
    """报告事实的新状态,立即重评。Report a fact's new status; earlier reports stay. The answer is the grade."""
    once = services.once(idempotency_key, f"POST /api/v1/producers/{producer_id}/facts/{fact_id}/status", body)
    return services.post_status(producer_id, fact_id, body, once)


@get("/api/v1/producers/{producer_id:str}/facts", tags=["producers"], responses=_READ, sync_to_thread=True)
def list_facts(
    services: NamedDependency[Services], producer_id: ProducerId, as_of: AsOf = None, known_at: KnownAt = None
) -> FactList:
    """事实及其全部报告。The facts that count, each with every report of it and when that was entered."""
    return services.facts(producer_id, day(as_of), instant(known_at))


@get(
    "/api/v1/producers/{producer_id:str}/history",
    tags=["producers"],
    responses=documented("producer.missing", "store.corrupt"),
    sync_to_thread=True,
)
def show_history(
    services: NamedDependency[Services],
    producer_id: ProducerId,
    as_of: Annotated[str | None, LAST_DAY] = None,
    known_at: Annotated[str | None, LAST_INSTANT] = None,
    after: Annotated[int, QueryParameter(ge=-1, le=2**53, description="此序号之后 · those after this index")] = -1,
    limit: Annotated[int, QueryParameter(ge=1, le=500, description="最多几条 · at most so many")] = 100,
) -> History:
    """评价与确认的历史。Every grading and confirmation of a producer, in the order of the log."""
    return services.history(producer_id, after, limit, as_of=day(as_of), known_at=instant(known_at))


@post(
    "/api/v1/facts",
    tags=["producers"],
    status_code=200,
    guards=[needs_json],
    responses=documented("idempotency.reused", *_BODY, *_EVALUATION),
    sync_to_thread=True,
)
def post_about_everyone(
    services: NamedDependency[Services], body: RawBody, idempotency_key: IdempotencyKey = None
) -> Response[LearnedAboutEveryone]:
    """记录关于全体的事实(如数据源心跳)。Record facts about everyone, such as heartbeats of sources."""
    return services.post_about_everyone(body, services.once(idempotency_key, "POST /api/v1/facts", body))


@get("/api/v1/producers/{producer_id:str}/grade", tags=["producers"], responses=_READ, sync_to_thread=True)
def show_grade(
    services: NamedDependency[Services],
    producer_id: ProducerId,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    rulebook: RulebookName = None,
) -> Response[GradingDocument]:
    """当前等级。The grade, as of a day and as known at an instant."""
    return answer(services.decision(producer_id, day(as_of), instant(known_at), rulebook).document())


@get("/api/v1/producers/{producer_id:str}/why", tags=["producers"], responses=_READ, sync_to_thread=True)
def show_why(
    services: NamedDependency[Services],
    producer_id: ProducerId,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    rulebook: RulebookName = None,
    lang: Language = "zh",
) -> Response[Explanation]:
    """理由与整改建议。The justification, and the remedies open to the producer."""
    lang = language(lang)
    return answer(services.decision(producer_id, day(as_of), instant(known_at), rulebook).why(lang))


@get("/api/v1/producers/{producer_id:str}/deductions", tags=["producers"], responses=_READ, sync_to_thread=True)
def show_deductions(
    services: NamedDependency[Services],
    producer_id: ProducerId,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    rulebook: RulebookName = None,
) -> Response[DeductionList]:
    """推理记录。Every rule that fired, with its premises."""
    return answer(services.decision(producer_id, day(as_of), instant(known_at), rulebook).deductions())


@get("/api/v1/producers/{producer_id:str}/verdicts", tags=["producers"], responses=_READ, sync_to_thread=True)
def show_verdicts(
    services: NamedDependency[Services],
    producer_id: ProducerId,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    rulebook: RulebookName = None,
) -> Response[VerdictList]:
    """每条规则的判定。What became of every rule, with every condition's observed value and threshold."""
    return answer(services.decision(producer_id, day(as_of), instant(known_at), rulebook).verdicts())
