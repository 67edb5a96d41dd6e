"""Pages that people open: the city's producers, one producer's letter, the check of a grading, and errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter, QueryParameter
from litestar.static_files import create_static_files_router
from litestar.types import ExceptionHandlersMap
from markupsafe import Markup

from api.documentation import error_text, error_texts
from api.landing import Asked, Listing, address_of, grade_marks, is_public
from api.letters import Letters
from api.page_words import marks, words
from api.problems import MEDIA_TYPE, ProblemDetails, RequestRefused
from api.requests import Lang, Language, ProducerId, language
from api.services import Services
from casework.city import City
from casework.decisions import ProducerMissing
from casework.issuing import GradingMissing
from casework.typesetting import code_of
from explain.letter import printed
from explain.phrases import say
from explain.typography import begun, set_in
from knowledge.problems import Problem, ShuoliError, nearest
from knowledge.rulebook import Rulebook
from store import trail

_HERE: Final = Path(__file__).resolve().parent
ASSETS: Final = _HERE / "assets"
_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_NOT_PAGES: Final = ("/api/", "/health/", "/schema", "/static/", "/assets/")
_PAGES: Final = re.compile(r"/|/(producers|gradings)(/.*)?")
_Handler = Callable[[Request[Any, Any, Any], Any], Response[Any]]

Words = Annotated[str, QueryParameter(description="查询词 · words to search for", max_length=100)]
Kind = Annotated[str, QueryParameter(description="主体类型 · kind")]
Region = Annotated[str, QueryParameter(description="地区 · region")]
Grade = Annotated[str, QueryParameter(description="等级 · grade")]
PageNumber = Annotated[str, QueryParameter(name="page", description="页码 · number of the page")]


class _Told(msgspec.Struct, frozen=True):
    """What is read of a stored grading."""

    producer: str
    as_of: str
    grade: str
    score: int | str
    rulebook: Mapping[str, str]


def assets() -> Router:
    """Return the router of the stylesheet and the icon."""
    fresh = CacheControlHeader(no_cache=True)  # kept, but asked about each time: a new version shows at once
    return create_static_files_router("/assets", directories=[ASSETS], cache_control=fresh)


@get("/", include_in_schema=False, sync_to_thread=True)
def show_landing(  # noqa: PLR0913, PLR0917  one for each part of the query
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    city: NamedDependency[City],
    lang: Language = "zh",
    q: Words = "",
    kind: Kind = "",
    region: Region = "",
    grade: Grade = "",
    page_number: PageNumber = "1",
) -> Response[str]:
    """List the city's producers, searched, filtered and paged."""
    chosen = language(lang)
    rulebook = services.rulebook()
    listing = Listing(rulebook, city.standings(), chosen)
    asked = Asked(q, kind, region, grade, _number(page_number))
    told = listing.find(asked)
    return _page(
        request,
        "landing.html",
        chosen,
        rulebook,
        asked=asked,
        found=told,
        told=told.told,
        counts=listing.counts(),
        columns=listing.columns(),
        kinds=listing.kinds(),
        regions=listing.regions(),
        grades=listing.grades(),
    )


@get("/producers/{producer_id:str}", include_in_schema=False, sync_to_thread=True)
def show_producer(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    letters: NamedDependency[Letters],
    producer_id: ProducerId,
    lang: Language = "zh",
) -> Response[str]:
    """Show the letter about a producer as a page; natural persons have none that is public."""
    chosen = language(lang)
    try:
        answer = services.decision(producer_id)
    except ProducerMissing:
        raise _not_public() from None
    if not is_public(answer.rulebook, answer.case.producer.kind):
        raise _not_public()
    letter = letters.letter(answer, chosen)
    return _page(
        request,
        "producer.html",
        chosen,
        answer.rulebook,
        letter=printed(letter),
        code=Markup(code_of(letter)),  # noqa: S704  made by segno from an address of ours or a hash
        pdf=f"/api/v1/producers/{address_of(producer_id, chosen).removeprefix('/producers/').replace('?', '/letter?')}",
    )


@get("/gradings/{grading_hash:str}", include_in_schema=False, sync_to_thread=True)
def show_check(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    city: NamedDependency[City],
    grading_hash: Annotated[str, PathParameter(description="SHA-256")],
    lang: Language = "zh",
) -> Response[str]:
    """Say whether the ledger holds a grading, and whether it is the one that holds now: where a letter's code leads."""
    chosen = language(lang)
    with services.store.read() as transaction:
        document = transaction.grading(grading_hash)
        leaf = trail.leaf_of(transaction, grading_hash)
    if document is None or leaf is None:
        raise GradingMissing("no stored grading has this hash")
    told = msgspec.json.decode(document, type=_Told)
    rulebook = services.rulebook()
    held = city.standings().get(told.producer)
    public = held is not None and is_public(rulebook, held.kind)
    mark = grade_marks(rulebook, chosen).get(told.grade, {"grade": told.grade, "word": "", "colour": "plain"})
    return _page(
        request,
        "grading.html",
        chosen,
        rulebook,
        hash=grading_hash,
        grade=mark,
        grading={"score": told.score, "as_of": told.as_of, "rulebook": _named(told.rulebook)},
        producer={"id": told.producer, "address": address_of(told.producer, chosen)} if public else None,
        entered={"at": _minute(msgspec.json.decode(leaf.document)["at"]), "index": leaf.index},
        holds=held is not None and held.hash == grading_hash,
    )


@get("/errors/{code:str}", include_in_schema=False, sync_to_thread=True)
def show_error(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    code: Annotated[str, PathParameter(description="an error code")],
    lang: Language = "zh",
) -> Response[Any]:
    """Explain one error code, as a page for browsers and as JSON for programs."""
    texts = error_texts()
    if code not in texts:
        near = nearest(code, texts)
        raise RequestRefused(
            "http.not_found", f"there is no error code `{code[:60]}`", help=f"did you mean `{near}`?" if near else None
        )
    if request.accept.best_match([MediaType.HTML, MediaType.JSON], MediaType.JSON) == MediaType.JSON:
        return Response({"code": code, "text": texts[code]}, media_type=MediaType.JSON)
    chosen = language(lang)
    said = set_in(chosen, error_text(code, chosen))
    return _page(request, "code.html", chosen, services.rulebook(), code=code, said=said)


PAGES: Final[tuple[HTTPRouteHandler, ...]] = (show_landing, show_producer, show_check, show_error)


def with_pages(handlers: ExceptionHandlersMap, rulebook: Callable[[], Rulebook]) -> ExceptionHandlersMap:
    """Return exception handlers that answer browsers with a page in their language, and everybody else as before."""

    def on_page(handler: _Handler) -> _Handler:
        def answer(request: Request[Any, Any, Any], error: Any) -> Response[Any]:  # noqa: ANN401  whatever is raised
            response = handler(request, error)
            document = response.content
            if not isinstance(document, ProblemDetails) or not _wants_a_page(request):
                return response
            try:
                named = rulebook()
            except ShuoliError:
                return response  # whatever keeps the request from being answered may keep the rulebook away, too
            return _error(request, document, named, response)

        return answer

    return {kind: on_page(handler) for kind, handler in handlers.items()}


def _wants_a_page(request: Request[Any, Any, Any]) -> bool:
    path = request.scope["path"]
    if _PAGES.fullmatch(path):
        return True
    if request.method not in ("GET", "HEAD") or path.startswith(_NOT_PAGES):
        return False
    return request.accept.best_match([MEDIA_TYPE, MediaType.HTML], MEDIA_TYPE) == MediaType.HTML


def _error(
    request: Request[Any, Any, Any], document: ProblemDetails, rulebook: Rulebook, response: Response[Any]
) -> Response[str]:
    lang: Lang = "en" if request.query_params.get("lang") == "en" else "zh"
    zh, _, en = document.title.partition(" · ")
    return _page(
        request,
        "error.html",
        lang,
        rulebook,
        status_code=document.status,
        headers=dict(response.headers),
        title=zh if lang == "zh" else begun(lang, en),
        detail=set_in(lang, error_text(document.code, lang)),
        help=document.help if lang == "en" else None,
        errors=document.errors if lang == "en" else (),
        status=document.status,
        code=document.code,
        request_id=document.request_id,
    )


def _page(
    request: Request[Any, Any, Any],
    template: str,
    lang: Lang,
    rulebook: Rulebook,
    *,
    status_code: int = 200,
    headers: dict[str, str] | None = None,
    **told: Any,  # noqa: ANN401  what the template names
) -> Response[str]:
    notice = None if rulebook.notice is None else rulebook.notice.in_language(lang)
    title = set_in(lang, rulebook.title.in_language(lang))
    text = _TEMPLATES.get_template(template).render(
        lang=lang,
        p=words(lang),
        marks=marks(lang),
        site=title,
        rulebook={
            "title": title,
            "version": rulebook.version,
            "status": begun(lang, set_in(lang, say(lang, rulebook.status))),
            "notice": None if notice is None else set_in(lang, notice),
        },
        other_language=_in_other_language(request, lang),
        **told,
    )
    return Response(text, media_type=MediaType.HTML, status_code=status_code, headers=headers)


def _in_other_language(request: Request[Any, Any, Any], lang: Lang) -> str:
    given = [(name, value) for name, value in request.query_params.multi_items() if name != "lang" and value]
    return "?" + urlencode([("lang", "zh" if lang == "en" else "en"), *given])


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 7:
        return int(text)
    shown = text[:60].encode("utf-8", "backslashreplace").decode()
    problem = Problem("?page", "query.value", f"`{shown}` is not a number of a page", shown, "a number such as 2")
    raise RequestRefused("http.query", "`page` can't be understood", problems=(problem,))


def _not_public() -> RequestRefused:
    return RequestRefused("producer.not_public", "no producer that is public has this id")


def _named(rulebook: Mapping[str, str]) -> str:
    return f"{rulebook['id']}@{rulebook['version']}"


def _minute(instant: str) -> str:
    """Return an instant of the ledger to the minute, as people read it."""
    return f"{instant[:10]} {instant[11:16]} UTC"
