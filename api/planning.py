"""What to do for a better grade: the cheapest plans, over HTTP."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Annotated, Final

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from api.answers import Answer
from api.problems import documented
from api.requests import AsOf, KnownAt, Lang, Language, ProducerId, RulebookName, day, instant, language
from api.services import Services
from api.wire import answer
from engine.workers import Workers
from explain.plan_views import PlansView
from explain.planning import Later, grade_later, later_case, tell_plans
from explain.plans import OTHERS, Search, place_asked, search_job
from knowledge.rulebook import Rulebook

MOST_SECONDS: Final = 60.0
_ERRORS: Final = documented(
    "producer.missing", "limit.facts", "limit.deductions", "limit.time", "limit.plans", "plans.unknown_grade",
    "engine.failure", "rulebook.missing",
)  # fmt: skip
To = Annotated[
    str | None,
    QueryParameter(
        description="要达到的等级,默认上一等级 · the grade to reach; the next one up by default",
        schema_extra={"one_of": None, "type": "string"},
    ),
]
Others = Annotated[int, QueryParameter(description="另外几个方案 · how many other plans", ge=0, le=OTHERS)]


def search_plans(decided: Answer, workers: Workers, to: str | None, others: int = OTHERS) -> Search:
    """Return the plans for a decision, searched for in a worker.

    Raises:
        GradeNotAsked: the rulebook has no such grade.
        ShuoliError: a limit was passed.
    """
    place_asked(decided.rulebook, decided.grading, to)
    job = functools.partial(search_job, decided.case, decided.grading, to, others)
    return workers.run(decided.rulebook, job, MOST_SECONDS)


def plans_of(decided: Answer, workers: Workers, published: Iterable[Rulebook], search: Search, lang: Lang) -> PlansView:
    """Return plans in words, each with what those of the `published` versions that take effect later make of it."""
    rulebook, as_of = decided.rulebook, decided.case.as_of
    later: list[list[Later]] = [[] for _ in search.plans]
    coming = [one for one in published if one.id == rulebook.id and one.effective_from > as_of]
    for version in sorted(coming, key=lambda one: one.effective_from) if search.plans else ():
        cases = [later_case(rulebook, plan, version) for plan in search.plans]
        graded = workers.run(version, functools.partial(grade_later, cases), MOST_SECONDS)
        for own, (_, _, on), grading in zip(later, cases, graded, strict=True):
            own.append(Later(version, on, grading))
    return tell_plans(rulebook, decided.case, decided.grading, search, lang, later=later)


@get("/api/v1/producers/{producer_id:str}/plans", tags=["producers"], responses=_ERRORS, sync_to_thread=True)
def show_plans(
    services: NamedDependency[Services],
    producer_id: ProducerId,
    to: To = None,
    others: Others = OTHERS,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    rulebook: RulebookName = None,
    lang: Language = "zh",
) -> Response[PlansView]:
    """最省力的整改方案。The plans of least effort to a better grade, each graded by the engine."""
    lang = language(lang)
    decided = services.decision(producer_id, day(as_of), instant(known_at), rulebook)
    search = search_plans(decided, services.workers, to, others)
    return answer(plans_of(decided, services.workers, services.all_rulebooks(), search, lang))
