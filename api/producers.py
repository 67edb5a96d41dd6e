"""Producers that are known here: their facts, their grade, and why."""

from __future__ import annotations

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import RawBody

from api.problems import documented
from api.requests import AsOf, KnownAt, Language, ProducerId, day, instant, language, needs_json
from api.services import Services
from api.wire import DeductionList, GradingDocument, LearnedAboutEveryone, ProducerView, VerdictList, answer
from explain.views import Explanation

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
    responses=documented("producer.missing", *_BODY, *_EVALUATION),
    sync_to_thread=True,
)
def post_facts(
    services: NamedDependency[Services], body: RawBody, producer_id: ProducerId
) -> Response[GradingDocument]:
    """记录新事实,立即重评。Record facts; the answer is the grade that they lead to. All are taken or none."""
    return answer(services.post_facts(producer_id, body))


@post(
    "/api/v1/facts",
    tags=["producers"],
    status_code=200,
    guards=[needs_json],
    responses=documented(*_BODY, *_EVALUATION),
    sync_to_thread=True,
)
def post_about_everyone(services: NamedDependency[Services], body: RawBody) -> Response[LearnedAboutEveryone]:
    """记录关于全体的事实(如数据源心跳)。Record facts about everyone, such as heartbeats of sources."""
    return answer(services.post_about_everyone(body))


@get("/api/v1/producers/{producer_id:str}/grade", tags=["producers"], responses=_READ, sync_to_thread=True)
def show_grade(
    services: NamedDependency[Services], producer_id: ProducerId, as_of: AsOf = None, known_at: KnownAt = None
) -> Response[GradingDocument]:
    """当前等级。The grade, as of a day and as known at an instant."""
    return answer(services.decision(producer_id, day(as_of), instant(known_at)).document())


@get("/api/v1/producers/{producer_id:str}/why", tags=["producers"], responses=_READ, sync_to_thread=True)
def show_why(
    services: NamedDependency[Services],
    producer_id: ProducerId,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    lang: Language = "zh",
) -> Response[Explanation]:
    """理由与整改建议。The justification, and the remedies open to the producer."""
    lang = language(lang)
    return answer(services.decision(producer_id, day(as_of), instant(known_at)).why(lang))


@get("/api/v1/producers/{producer_id:str}/deductions", tags=["producers"], responses=_READ, sync_to_thread=True)
def show_deductions(
    services: NamedDependency[Services], producer_id: ProducerId, as_of: AsOf = None, known_at: KnownAt = None
) -> Response[DeductionList]:
    """推理记录。Every rule that fired, with its premises."""
    return answer(services.decision(producer_id, day(as_of), instant(known_at)).deductions())


@get("/api/v1/producers/{producer_id:str}/verdicts", tags=["producers"], responses=_READ, sync_to_thread=True)
def show_verdicts(
    services: NamedDependency[Services], producer_id: ProducerId, as_of: AsOf = None, known_at: KnownAt = None
) -> Response[VerdictList]:
    """每条规则的判定。What became of every rule, with every condition's observed value and threshold."""
    return answer(services.decision(producer_id, day(as_of), instant(known_at)).verdicts())
