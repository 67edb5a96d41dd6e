"""Where a version and a draft are found over HTTP, and which of the two a request is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from litestar import Request
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter, PathParameter

from api.problems import RequestRefused
from api.services import Services
from api.versions import Written, written

VERSION: Final = "/api/v1/rulebooks/{rulebook_id:str}/{rulebook_version:str}"
DRAFT: Final = f"{VERSION}/draft"
YAML: Final = "application/yaml"
Id = Annotated[str, PathParameter(description="规则包 · the rulebook's id")]
VersionName = Annotated[str, PathParameter(description="版本 · the version")]
IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        description="所改内容的 ETag · the ETag of what is changed",
        schema_extra={"one_of": None, "type": "string"},
    ),
]
MISSING: Final = ("rulebook.missing", "draft.missing", "draft.refused", "rulebook.refused")
"""Codes of what can be wrong with that which is asked about."""


def both(
    method: Callable[..., Any],
    rest: str,
    **options: Any,  # noqa: ANN401  what the decorator of a route takes
) -> Callable[[Callable[..., Any]], tuple[HTTPRouteHandler, HTTPRouteHandler]]:
    """Return the decorator of something that versions and drafts have alike: it makes a handler for each.

    One handler with two paths would be put into a thread twice and never answer.
    """

    def handlers(function: Callable[..., Any]) -> tuple[HTTPRouteHandler, HTTPRouteHandler]:
        version = method(f"{VERSION}/{rest}", tags=["rulebooks"], sync_to_thread=True, **options)(function)
        return version, method(f"{DRAFT}/{rest}", tags=["drafts"], sync_to_thread=True, **options)(function)

    return handlers


def written_at(
    request: Request[Any, Any, Any], services: NamedDependency[Services], rulebook_id: Id, rulebook_version: VersionName
) -> Written:
    """Return the version or draft that a request's path names."""
    # A version may be called "draft"; the template can't be mistaken.
    is_draft = "}/draft/" in request.scope["path_template"]
    return written(services, f"{rulebook_id}@{rulebook_version}", draft=is_draft)


def tag_of(if_match: str | None) -> str:
    """Return the ETag that a request gives, without its quotes.

    Raises:
        RequestRefused: it gives none, or what no ETag can be.
    """
    if if_match is None:
        message = "say what is changed: `If-Match` with its ETag"
        raise RequestRefused("draft.unconditional", message, help="GET it first, or the draft: the answer has an ETag")
    if len(if_match) < 2 or not (if_match.startswith('"') and if_match.endswith('"')):
        raise RequestRefused("http.request", "`If-Match` is no ETag", help='an ETag stands in quotes: "…"')
    return if_match[1:-1]
