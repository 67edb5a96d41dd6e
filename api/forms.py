"""The forms that policy writers already use, over HTTP: workbooks and DMN in and out, documents and redlines."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from litestar import MediaType, Request, Response, get, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter, RawBody

from api.headers import standing_alone
from api.problems import RequestRefused, documented
from api.requests import Actor, Language, language
from api.rulebook_paths import DRAFT, MISSING, IfMatch, both, tag_of
from api.services import Services
from api.versions import Written, version_or_draft
from authoring.dmn_writing import export_dmn
from authoring.draftfiles import still
from authoring.drafts import Drafts, DraftView
from authoring.incoming import Form, read_dmn, read_workbook
from authoring.policy import policy
from authoring.policy_diff import redline
from authoring.policy_html import policy_page, redline_page
from authoring.policy_pdf import policy_pdf, redline_pdf
from authoring.workbook import export_workbook
from engine.evaluate import Evaluator
from knowledge.problems import Problem

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
XML: Final = "application/xml"
PDF: Final = "application/pdf"
_BY_ACCEPT: Final = "HTML; PDF and JSON by Accept"
LARGEST_FORM: Final = 10_000_000
"""Bytes of a workbook or DMN file."""
_SECONDS: Final = 30.0
_IMPORTING: Final = (
    "draft.missing", "draft.not_ready", "draft.refused", "draft.changed", "draft.unconditional", "http.too_large",
    "xml.refused", "engine.failure",
)  # fmt: skip


class LeftOut(msgspec.Struct, frozen=True):
    """What of a rulebook no DMN table says, or of a DMN file no rulebook: each with its place."""

    items: list[dict[str, str | None]]


class ImportedView(msgspec.Struct, frozen=True):
    """The draft with its new files, and what was left out without harm."""

    draft: DraftView
    left_out: list[dict[str, str | None]]


def _file(media_type: str, description: str) -> ResponseSpec:
    return ResponseSpec(bytes, generate_examples=False, media_type=media_type, description=description)


@both(
    get,
    "workbook",
    responses={
        **documented(*MISSING, "workbook.cell_too_long"),
        200: _file(XLSX, "整个规则包 · the whole rulebook; its ETag names the files"),
    },
)
def show_workbook(written: NamedDependency[Written]) -> Response[bytes]:
    """整个规则包的工作簿。A version or draft as one workbook."""
    with written.laid_out() as found:
        content = export_workbook(found.folder)
    return Response(content, media_type=XLSX, headers=_as_file(written, "xlsx"))


@both(
    get,
    "dmn",
    responses={
        **documented(*MISSING),
        200: _file(XML, "分档与等级的决策表 · its tables; `Link` leads to what they leave out"),
    },
)
def show_dmn(request: Request[Any, Any, Any], written: NamedDependency[Written]) -> Response[bytes]:
    """分档与等级的 DMN 决策表。Steps, points by choice and grades of a version or draft as DMN tables."""
    with written.laid_out() as found:
        content, _ = export_dmn(found.rulebook)
    left_out = {"Link": f'<{request.url.path}/left-out>; rel="describedby"; type="application/json"'}
    return Response(content, media_type=XML, headers=_as_file(written, "dmn") | left_out)


@both(get, "dmn/left-out", responses=documented(*MISSING))
def show_left_out(written: NamedDependency[Written]) -> LeftOut:
    """决策表未包含的规则及原因。What of a version or draft its DMN tables don't say, and why."""
    with written.laid_out() as found:
        return LeftOut([note.as_json() for note in export_dmn(found.rulebook)[1]])


@both(
    get,
    "document",
    media_type=MediaType.HTML,
    responses={
        **documented(*MISSING, "document.glyph_missing"),
        200: ResponseSpec(str, generate_examples=False, media_type=MediaType.HTML, description=_BY_ACCEPT),
    },
)
def show_document(
    request: Request[Any, Any, Any], written: NamedDependency[Written], lang: Language = "zh"
) -> Response[Any]:
    """可打印的规则文本;按 Accept 也可为 PDF、JSON。The rules in words, to print; PDF or JSON by Accept."""
    chosen = language(lang)
    with written.laid_out() as found:
        told = policy(found.rulebook, found.scenarios, chosen)
    return _as_accepted(request, told, lambda: policy_page(told), lambda: policy_pdf(told))


@both(
    get,
    "diff",
    media_type=MediaType.HTML,
    responses={
        **documented(*MISSING, "document.glyph_missing"),
        200: ResponseSpec(str, generate_examples=False, media_type=MediaType.HTML, description=_BY_ACCEPT),
    },
)
def show_diff(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
    written: NamedDependency[Written],
    with_: Annotated[
        str | None,
        QueryParameter(
            name="with",
            description="旧版本或草案;草案默认为其底稿 · the old version or draft; by default what a draft is based on",
            schema_extra={"one_of": None, "type": "string"},
        ),
    ] = None,
    lang: Language = "zh",
) -> Response[Any]:
    """与另一版本逐条对照:旧句在前,新句在后。What it says otherwise than another version, old words before new."""
    chosen = language(lang)
    old = with_ or (None if written.draft is None else written.draft.based_on)
    if old is None:
        problem = Problem("?with", "query.value", "say with which version, as `with=ID@VERSION`", None, "ID@VERSION")
        raise RequestRefused("http.query", "`with` is missing", problems=(problem,))
    with version_or_draft(services, old).laid_out() as before, written.laid_out() as after:
        told = redline(before.rulebook, after.rulebook, chosen)
        new = after.rulebook
        return _as_accepted(request, told, lambda: redline_page(told, new), lambda: redline_pdf(told, new))


@put(
    f"{DRAFT}/workbook",
    tags=["drafts"],
    status_code=200,
    request_max_body_size=LARGEST_FORM,
    responses=documented(*_IMPORTING, "workbook.refused"),
    sync_to_thread=True,
)
def put_workbook(
    services: NamedDependency[Services],
    body: RawBody,
    written: NamedDependency[Written],
    actor: Actor,
    if_match: IfMatch = None,
) -> Response[ImportedView]:
    """以工作簿取代草案的全部文件,或什么也不改。Replace all files of a draft by those of a workbook, or nothing."""
    return _import(services, written, bytes(body), actor, tag_of(if_match), "workbook", read_workbook)


@put(
    f"{DRAFT}/dmn",
    tags=["drafts"],
    status_code=200,
    request_max_body_size=LARGEST_FORM,
    responses=documented(*_IMPORTING, "dmn.refused"),
    sync_to_thread=True,
)
def put_dmn(
    services: NamedDependency[Services],
    body: RawBody,
    written: NamedDependency[Written],
    actor: Actor,
    if_match: IfMatch = None,
) -> Response[ImportedView]:
    """以 DMN 决策表生成的规则取代草案的全部文件,或什么也不改。Replace a draft by what DMN tables say, or nothing."""
    rulebook_id, _, version = written.name.partition("@")
    read = partial(read_dmn, rulebook=(rulebook_id, version))
    return _import(services, written, bytes(body), actor, tag_of(if_match), "dmn", read)


def _import(
    services: Services,
    draft: Written,
    content: bytes,
    actor: str,
    tag: str,
    form: str,
    read: Callable[..., Form],
) -> Response[ImportedView]:
    """Read a form and put its files in the place of the draft's, if these are still those of `tag`.

    Raises:
        WorkbookRefused, DmnRefused, XmlRefused: the form has problems.
        DraftRefused, DraftNotReady, DraftChanged: as `Drafts.put`.
    """
    holds = still(tag)
    holds(draft.files)
    name = {"workbook": "workbook.xlsx", "dmn": "tables.dmn"}[form]
    # The worker has the rulebook that grades at hand; the job doesn't use it.
    job: Callable[[Evaluator], Form] = partial(read, content=content, name=name)
    files, notes = services.workers.run(services.rulebook(), job, _SECONDS)
    changed = dict.fromkeys(draft.files) | {path: text.encode() for path, text in files.items()}
    told = {"form": form, "sha256": hashlib.sha256(content).hexdigest(), "left_out": len(notes)}
    made = Drafts(services.store, services.workers).put(draft.name, changed, actor, holds, told)
    view = ImportedView(made, [note.as_json() for note in notes])
    return Response(view, headers={"ETag": f'"{made.content}"'})


def _as_file(written: Written, suffix: str) -> dict[str, str]:
    name = re.sub(r"[^A-Za-z0-9._-]", "-", written.name)
    return {"ETag": f'"{written.content}"', "Content-Disposition": f'attachment; filename="{name}.{suffix}"'}


def _as_accepted(
    request: Request[Any, Any, Any], told: object, page: Callable[[], str], pdf: Callable[[], bytes]
) -> Response[Any]:
    wanted = request.accept.best_match([MediaType.HTML, MediaType.JSON, PDF], MediaType.HTML)
    if wanted == MediaType.JSON:
        return Response(told, media_type=MediaType.JSON, headers={"Vary": "Accept"})
    if wanted == PDF:
        return Response(pdf(), media_type=PDF, headers={"Vary": "Accept", "Content-Disposition": "inline"})
    shown = page()
    headers = {"Vary": "Accept", "Content-Security-Policy": standing_alone(shown)}
    return Response(shown, media_type=MediaType.HTML, headers=headers)
