"""What is asked for: days, instants, languages, and the guards that refuse what nobody asked us to understand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import HeaderParameter, PathParameter, QueryParameter

from api.problems import RequestRefused
from engine.jsontext import parse
from knowledge.problems import CaseRefused, Problem, nearest

_T = TypeVar("_T")
Lang: TypeAlias = Literal["zh", "en"]
Connection: TypeAlias = ASGIConnection[Any, Any, Any, Any]

AsOf = Annotated[
    str | None,
    QueryParameter(
        description="评价日,默认今天(上海)· the day the grade is for; today in Shanghai by default",
        schema_extra={"one_of": None, "type": "string", "format": "date"},
    ),
]
KnownAt = Annotated[
    str | None,
    QueryParameter(
        description="只看此刻已记录的事实 · only facts recorded by then; RFC 3339 with offset",
        schema_extra={"one_of": None, "type": "string", "format": "date-time"},
    ),
]
RulebookName = Annotated[
    str | None,
    QueryParameter(
        description="规则包 ID 或 ID@版本 · a rulebook's ID or ID@VERSION",
        schema_extra={"one_of": None, "type": "string"},
    ),
]
Language = Annotated[str, QueryParameter(description="zh | en", enum=["zh", "en"])]
Actor = Annotated[
    str,
    HeaderParameter(
        name="X-Actor",
        min_length=1,
        max_length=200,
        pattern=r"\S",
        description="谁做的 · who does it; 1 to 200 characters",
    ),
]
ProducerId = Annotated[str, PathParameter(description="主体的标识 · the producer's id")]

SHANGHAI = ZoneInfo("Asia/Shanghai")


def today() -> date:
    """Return the day it is in China."""
    return datetime.now(SHANGHAI).date()


def day(text: str | None, name: str = "as_of") -> int | None:
    """Return the ordinal of an ISO date (`2026-03-05`), None for None.

    Raises:
        RequestRefused: it isn't one.
    """
    if text is None:
        return None
    try:
        if len(text) == 10 and text.isascii():
            return date.fromisoformat(text).toordinal()
    except ValueError:
        pass
    raise _refused(name, text, "a date such as 2026-03-05")


def instant(text: str | None, name: str = "known_at") -> str | None:
    """Return an RFC 3339 instant unchanged, None for None.

    Raises:
        RequestRefused: it isn't one, or has no offset.
    """
    if text is None:
        return None
    try:
        if text.isascii() and 20 <= len(text) <= 40 and text[10] in "Tt" and datetime.fromisoformat(text).tzinfo:
            return text
    except ValueError:
        pass
    help_ = "write + as %2B in an address" if " " in text else None
    raise _refused(name, text, "an instant with offset such as 2026-03-05T08:00:00+08:00", help_)


def language(text: str) -> Lang:
    """Return `zh` or `en`.

    Raises:
        RequestRefused: it is neither.
    """
    if text == "zh":
        return "zh"
    if text == "en":
        return "en"
    raise _refused("lang", text, "zh or en")


def _refused(name: str, given: str, expected: str, help_: str | None = None) -> RequestRefused:
    shown = given[:60].encode("utf-8", "backslashreplace").decode("utf-8")
    problem = Problem(f"?{name}", "query.value", f"`{shown}` is not {expected}", shown, expected, help_)
    return RequestRefused("http.query", f"`{name}` can't be understood", problems=(problem,))


def body_of(kind: type[_T], body: bytes) -> _T:
    """Return a JSON body as a struct.

    Raises:
        JsonRefused: it isn't JSON.
        CaseRefused: it hasn't this shape; with the place.
    """
    told = parse(body)
    try:
        return msgspec.convert(told, kind, strict=True)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        pointer = place.rstrip("`").replace(".", "/").replace("[", "/").replace("]", "")
        problem = Problem(pointer, "type.mismatch", message[:1].lower() + message[1:])
        raise CaseRefused("the body is refused", problems=(problem,)) from error


def needs_json(connection: Connection, _handler: BaseRouteHandler) -> None:
    """Refuse a body that doesn't say it is JSON."""
    given = connection.headers.get("content-type", "")
    kind, _, parameters = given.partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise RequestRefused(
            "http.media_type", "the body's content type is not JSON", help="send Content-Type: application/json"
        )


def knows_parameters(connection: Connection, handler: BaseRouteHandler) -> None:
    """Refuse query parameters that the route doesn't have: a misspelt `as_of` must not grade as of today."""
    known = {
        parameter.kwarg_definition.query or parameter.kwarg_definition.name or name
        for name, parameter in handler.parsed_fn_signature.parameters.items()
        if isinstance(parameter.kwarg_definition, QueryParameter)
    }
    given = [name for name, _ in connection.query_params.multi_items()]
    problems = [_unknown(name, known) for name in given if name not in known]
    problems += [
        Problem(f"?{name}", "query.twice", f"`{name}` is given twice") for name in known if given.count(name) > 1
    ]
    if problems:
        raise RequestRefused("http.query", "the query can't be understood", problems=tuple(problems))


def _unknown(name: str, known: set[str]) -> Problem:
    shown = name[:60].encode("utf-8", "backslashreplace").decode("utf-8")
    near = nearest(name, known)
    advice = f"did you mean `{near}`?" if near else "it takes " + (", ".join(sorted(known)) or "no parameters")
    return Problem(f"?{shown}", "query.unknown", f"there is no parameter `{shown}` here", given=shown, help=advice)


GUARDS: tuple[Callable[[Connection, BaseRouteHandler], None], ...] = (knows_parameters,)
