"""What a grade may become: forecast, everything open, comparison and what-if."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter, RawBody

from api.answers import Answer
from api.outlooks import Moment, Outlooks
from api.problems import documented
from api.requests import AsOf, KnownAt, Language, ProducerId, RulebookName, day, instant, language, needs_json
from api.services import Services
from api.wire import answer
from explain.change_views import Comparison, Forecast
from explain.contested import Contested
from explain.forecast import MONTHS

_ERRORS: Final = (
    "producer.missing",
    "limit.facts",
    "limit.deductions",
    "limit.time",
    "engine.failure",
    "rulebook.missing",
)
_READ: Final = documented(*_ERRORS)
_BODY: Final = ("case.json", "http.too_large", "http.media_type", "case.refused", "fact.missing")
_OTHER: Final = "比较的前一方,默认同后一方 · the earlier side of the comparison; by default as the later one"


def _parameter(format_: str | None = None) -> QueryParameter:
    kind = {"type": "string"} if format_ is None else {"type": "string", "format": format_}
    return QueryParameter(description=_OTHER, schema_extra={"one_of": None, **kind})


def outlooks(services: Services, producer_id: str) -> Outlooks:
    """Return what answers for one producer of the ledger."""

    def decide(as_of: int | None, known_at: str | None, rulebook: str | None) -> Answer:
        return services.decision(producer_id, as_of, known_at, rulebook)

    return Outlooks(decide, services.workers, services.selection)


@get("/api/v1/producers/{producer_id:str}/forecast", tags=["producers"], responses=_READ, sync_to_thread=True)
def show_forecast(
    services: NamedDependency[Services],
    producer_id: ProducerId,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    rulebook: RulebookName = None,
    months: Annotated[int, QueryParameter(ge=1, le=60, description="多少个月 · months ahead")] = MONTHS,
    lang: Language = "zh",
) -> Response[Forecast]:
    """预测:如无新的事实,得分与等级何时变化、为何变化。When score and grade change with no new fact, and why."""
    asked = Moment(day(as_of), instant(known_at), rulebook)
    return answer(outlooks(services, producer_id).forecast(asked, months, language(lang)))


@get("/api/v1/producers/{producer_id:str}/contested", tags=["producers"], responses=_READ, sync_to_thread=True)
def show_contested(
    services: NamedDependency[Services],
    producer_id: ProducerId,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    rulebook: RulebookName = None,
    lang: Language = "zh",
) -> Response[Contested]:
    """未决事项的各种结果,以及等级依据哪些事实。What everything open may come to, and which facts hold the grade."""
    asked = Moment(day(as_of), instant(known_at), rulebook)
    return answer(outlooks(services, producer_id).contested(asked, language(lang)))


@get("/api/v1/producers/{producer_id:str}/comparison", tags=["producers"], responses=_READ, sync_to_thread=True)
def show_comparison(  # noqa: PLR0913, PLR0917  # each is a parameter of the query
    services: NamedDependency[Services],
    producer_id: ProducerId,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    rulebook: RulebookName = None,
    before_as_of: Annotated[str | None, _parameter("date")] = None,
    before_known_at: Annotated[str | None, _parameter("date-time")] = None,
    before_rulebook: Annotated[str | None, _parameter()] = None,
    lang: Language = "zh",
) -> Response[Comparison]:
    """两次评价之间的变化,逐项相加等于分差。What changed between two gradings, adding up to the difference in score."""
    after = Moment(day(as_of), instant(known_at), rulebook)
    earlier, known = day(before_as_of, "before_as_of"), instant(before_known_at, "before_known_at")
    before = Moment(
        after.as_of if earlier is None else earlier,
        after.known_at if known is None else known,
        rulebook if before_rulebook is None else before_rulebook,
    )
    return answer(outlooks(services, producer_id).compare(before, after, language(lang)))


@post(
    "/api/v1/producers/{producer_id:str}/what-if",
    tags=["producers"],
    status_code=200,
    guards=[needs_json],
    responses=documented(*_ERRORS, *_BODY),
    sync_to_thread=True,
)
def ask_what_if(
    services: NamedDependency[Services],
    body: RawBody,
    producer_id: ProducerId,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    rulebook: RulebookName = None,
    lang: Language = "zh",
) -> Response[Comparison]:
    """如某些事实不成立会怎样,不存储。What would change if these facts fell; nothing is stored."""
    asked = Moment(day(as_of), instant(known_at), rulebook)
    return answer(outlooks(services, producer_id).what_if(asked, body, language(lang)))
