"""Grades of cases that are not stored, and stored gradings by their hash."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, RawBody

from api.problems import documented
from api.requests import AsOf, KnownAt, RulebookName, day, instant, needs_json
from api.services import Services
from api.wire import GradingDocument, answer
from casework.certificate import Certificate


@post(
    "/api/v1/gradings",
    tags=["gradings"],
    status_code=200,
    guards=[needs_json],
    responses=documented(
        "case.json",
        "http.too_large",
        "http.media_type",
        "case.refused",
        "rulebook.missing",
        "limit.facts",
        "limit.deductions",
        "limit.time",
        "engine.failure",
    ),
    sync_to_thread=True,
)
def grade_case(
    services: NamedDependency[Services],
    body: RawBody,
    rulebook: RulebookName = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> Response[GradingDocument]:
    """评定正文中的主体,不存储。Grade the case in the body; nothing is stored."""
    decision = services.grade_case(body, rulebook=rulebook, as_of=day(as_of), known_at=instant(known_at))
    return answer(decision.document())


@get(
    "/api/v1/gradings/{grading_hash:str}",
    tags=["gradings"],
    responses=documented("grading.missing"),
    sync_to_thread=True,
)
def show_grading(
    services: NamedDependency[Services],
    grading_hash: Annotated[str, PathParameter(description="评价结果的 SHA-256 · the grading's SHA-256")],
) -> Response[GradingDocument]:
    """存储的评价结果。A stored grading, by the hash of its canonical document."""
    return Response(services.grading(grading_hash), media_type="application/json")  # type: ignore[arg-type]  # its bytes


@get(
    "/api/v1/gradings/{grading_hash:str}/certificate",
    tags=["gradings"],
    responses=documented("grading.missing", "store.corrupt"),
    sync_to_thread=True,
)
def show_certificate(
    services: NamedDependency[Services],
    grading_hash: Annotated[str, PathParameter(description="评价结果的 SHA-256 · the grading's SHA-256")],
) -> Response[Certificate]:
    """证书:规则包、案卷、评价、日志证明与签名,可离线核验。A certificate that anyone can verify offline."""
    return Response(services.certificate(grading_hash), media_type="application/json")  # type: ignore[arg-type]  # its bytes
