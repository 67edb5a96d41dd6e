"""Drafts of rulebook versions over HTTP: open, edit file by file, check, try, review, rebase, release."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, PathParameter, RawBody

from api.problems import MOST_TOLD, RequestRefused, documented
from api.requests import Actor, body_of, needs_json
from api.rulebook_paths import DRAFT, VERSION, YAML, Id, IfMatch, VersionName, tag_of
from api.rulebook_view import RulebookView, view
from api.services import Services
from api.versions import files_of, release
from authoring.draftfiles import Holds, unchanged
from authoring.drafts import DraftExists, DraftMissing, Drafts, DraftView
from authoring.merging import Conflict, Side
from authoring.scenarios import ScenarioResult
from knowledge.problems import RulebookMissing
from store.drafts import file_tag
from store.releases import release_document

FilePath = Annotated[str, PathParameter(description="文件,如 rules/testing.yaml · a file such as rules/testing.yaml")]
IfNoneMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-None-Match",
        description="`*`:新文件 · `*` for a file that is new",
        schema_extra={"one_of": None, "type": "string"},
    ),
]
_CHANGES = ("draft.missing", "draft.not_ready", "draft.refused")


class DraftList(msgspec.Struct, frozen=True):
    """All drafts, in the order in which they were opened."""

    items: list[str]


class Opening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a draft begins with: the files of the version `ID@VERSION`."""

    based_on: str


class Checked(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with a draft: place, code, message and help of each problem, and how many more there are."""

    ok: bool
    problems: list[dict[str, str | None]]
    more: int = 0


class TriedOut(msgspec.Struct, frozen=True):
    """What became of a draft's scenarios."""

    ok: bool
    scenarios: int
    failed: list[ScenarioResult]


class Reviewing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a reviewer has to say."""

    note: str = ""


class Rebasing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On which version to base a draft, and by file and part which side of a conflict holds."""

    onto: str
    take: dict[str, dict[str, Side]] = {}


class Rebased(msgspec.Struct, frozen=True):
    """The draft as it is now. Where there are conflicts, nothing has changed."""

    conflicts: list[Conflict]
    draft: DraftView


class ReleaseView(msgspec.Struct, frozen=True):
    """What was said in the log when a version was released: who wrote, reviewed and released it, and whom it moved."""

    document: dict[str, Any]


@get("/api/v1/drafts", tags=["drafts"], responses=documented(), sync_to_thread=True)
def list_drafts(services: NamedDependency[Services]) -> DraftList:
    """全部草案。All drafts, also those that are released or dropped."""
    return DraftList(_drafts(services).names())


@put(
    DRAFT,
    tags=["drafts"],
    status_code=201,
    guards=[needs_json],
    responses=documented(
        "draft.exists", "draft.refused", "rulebook.missing", "case.json", "case.refused", "http.media_type",
        "http.too_large",
    ),
    sync_to_thread=True,
)  # fmt: skip
def open_draft(
    services: NamedDependency[Services], body: RawBody, rulebook_id: Id, rulebook_version: VersionName, actor: Actor
) -> DraftView:
    """以某一版本为底稿,开一个新版本的草案。Open a draft with the files of a version: `{"based_on": …}`."""
    asked = body_of(Opening, body)
    name = f"{rulebook_id}@{rulebook_version}"
    if any(f"{one.id}@{one.version}" == name for one in services.selection.versions()):
        raise DraftExists(f"version `{name}` is there already", help="choose another version")
    return _drafts(services).open(name, *files_of(services, asked.based_on), actor)


@get(DRAFT, tags=["drafts"], responses=documented("draft.missing"), sync_to_thread=True)
def show_draft(
    services: NamedDependency[Services], rulebook_id: Id, rulebook_version: VersionName
) -> Response[DraftView]:
    """草案:状态、文件、经过。A draft: where it stands, its files and their ETags, and what was done with it."""
    found = _drafts(services).show(f"{rulebook_id}@{rulebook_version}")
    return Response(found, headers={"ETag": f'"{found.content}"'})


@get(
    DRAFT + "/files/{path:path}",
    tags=["drafts"],
    responses={
        **documented("draft.missing"),
        200: ResponseSpec(None, media_type=YAML, description="文件 · the file; its ETag names its content"),
    },
    sync_to_thread=True,
)
def show_draft_file(
    services: NamedDependency[Services], rulebook_id: Id, rulebook_version: VersionName, path: FilePath
) -> Response[None]:
    """草案的一个文件。One file of a draft."""
    name = path.removeprefix("/")
    found = _drafts(services).files(f"{rulebook_id}@{rulebook_version}").get(name)
    if found is None:
        raise DraftMissing(f"the draft has no file `{name[:200]}`")
    headers = {"ETag": f'"{file_tag(found)}"'}
    return Response(found, media_type=YAML, headers=headers)  # type: ignore[arg-type]  # its bytes


@put(
    DRAFT + "/files/{path:path}",
    tags=["drafts"],
    responses=documented(*_CHANGES, "draft.changed", "draft.unconditional", "http.too_large"),
    sync_to_thread=True,
)
def put_draft_file(
    services: NamedDependency[Services],
    body: RawBody,
    rulebook_id: Id,
    rulebook_version: VersionName,
    path: FilePath,
    actor: Actor,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response[DraftView]:
    """写入一个文件;须带 If-Match(改)或 If-None-Match: *(新)。Write a file; If-Match for one that is there."""
    name, holds = path.removeprefix("/"), _condition(path, if_match, if_none_match)
    made = _drafts(services).put(f"{rulebook_id}@{rulebook_version}", {name: bytes(body)}, actor, holds)
    return Response(made, headers={"ETag": f'"{made.files[name]}"'})


@delete(
    DRAFT + "/files/{path:path}",
    tags=["drafts"],
    status_code=200,
    responses=documented(*_CHANGES, "draft.changed", "draft.unconditional"),
    sync_to_thread=True,
)
def remove_draft_file(
    services: NamedDependency[Services],
    rulebook_id: Id,
    rulebook_version: VersionName,
    path: FilePath,
    actor: Actor,
    if_match: IfMatch = None,
) -> DraftView:
    """删去一个文件。Remove a file; what it held stays in the ledger."""
    holds = _condition(path, if_match, None)
    return _drafts(services).put(f"{rulebook_id}@{rulebook_version}", {path.removeprefix("/"): None}, actor, holds)


@post(DRAFT + "/check", tags=["drafts"], status_code=200, responses=documented(*_CHANGES), sync_to_thread=True)
def check_draft(
    services: NamedDependency[Services], rulebook_id: Id, rulebook_version: VersionName, actor: Actor
) -> Checked:
    """检查:一次列出全部问题。Check a draft; every problem at once."""
    problems = _drafts(services).check(f"{rulebook_id}@{rulebook_version}", actor)
    told = [one.as_json() for one in problems[:MOST_TOLD]]
    return Checked(not problems, told, len(problems) - len(told))


@post(
    DRAFT + "/try",
    tags=["drafts"],
    status_code=200,
    responses=documented(*_CHANGES, "limit.time", "engine.failure"),
    sync_to_thread=True,
)
def try_draft(
    services: NamedDependency[Services], rulebook_id: Id, rulebook_version: VersionName, actor: Actor
) -> TriedOut:
    """试算:运行全部情景。Run a checked draft's scenarios."""
    tried = _drafts(services).try_out(f"{rulebook_id}@{rulebook_version}", actor)
    return TriedOut(not tried.failed, tried.scenarios, tried.failed)


@post(
    DRAFT + "/review",
    tags=["drafts"],
    status_code=200,
    guards=[needs_json],
    responses=documented(*_CHANGES, "draft.own_review", "case.json", "case.refused", "http.media_type"),
    sync_to_thread=True,
)
def review_draft(
    services: NamedDependency[Services], body: RawBody, rulebook_id: Id, rulebook_version: VersionName, actor: Actor
) -> DraftView:
    """复核(须由未参与编写者)。Review a tried draft; nobody reviews what they wrote: `{"note": …}`."""
    note = body_of(Reviewing, body).note
    return _drafts(services).review(f"{rulebook_id}@{rulebook_version}", actor, note)


@post(
    DRAFT + "/rebase",
    tags=["drafts"],
    status_code=200,
    guards=[needs_json],
    responses=documented(*_CHANGES, "rulebook.missing", "case.json", "case.refused", "http.media_type"),
    sync_to_thread=True,
)
def rebase_draft(
    services: NamedDependency[Services], body: RawBody, rulebook_id: Id, rulebook_version: VersionName, actor: Actor
) -> Rebased:
    """改以另一版本为底稿;冲突按规则列出。Base a draft on another version; conflicts are told rule by rule."""
    asked = body_of(Rebasing, body)
    base, files = files_of(services, asked.onto)
    name = f"{rulebook_id}@{rulebook_version}"
    made, conflicts = _drafts(services).rebase(name, base, files, asked.take, actor)
    return Rebased(conflicts, made)


@post(
    DRAFT + "/release",
    tags=["drafts"],
    status_code=200,
    responses=documented(*_CHANGES, "limit.time", "engine.failure"),
    sync_to_thread=True,
)
def release_draft(
    services: NamedDependency[Services], rulebook_id: Id, rulebook_version: VersionName, actor: Actor
) -> RulebookView:
    """发布:自其施行日起生效。Release a reviewed draft: it is in force from the day that it names."""
    return view(release(services, f"{rulebook_id}@{rulebook_version}", actor))


@post(DRAFT + "/drop", tags=["drafts"], status_code=200, responses=documented(*_CHANGES), sync_to_thread=True)
def drop_draft(
    services: NamedDependency[Services], rulebook_id: Id, rulebook_version: VersionName, actor: Actor
) -> DraftView:
    """放弃草案;内容仍可查阅。Give a draft up; it stays readable."""
    return _drafts(services).drop(f"{rulebook_id}@{rulebook_version}", actor)


@get(
    f"{VERSION}/release",
    tags=["drafts"],
    responses=documented("rulebook.missing", "store.corrupt"),
    sync_to_thread=True,
)
def show_release(services: NamedDependency[Services], rulebook_id: Id, rulebook_version: VersionName) -> ReleaseView:
    """发布记录:编写、复核、发布者及影响。What was said when a version was released."""
    rulebook = services.rulebook(f"{rulebook_id}@{rulebook_version}")
    with services.store.read() as transaction:
        document = release_document(transaction, rulebook.sha256)
    if document is None:
        raise RulebookMissing(f"`{rulebook_id}@{rulebook_version}` was not released here", help="it lies in a folder")
    return ReleaseView(document)


def _drafts(services: Services) -> Drafts:
    return Drafts(services.store, services.workers)


def _condition(path: str, if_match: str | None, if_none_match: str | None) -> Holds:
    if if_none_match == "*" and if_match is None:
        return unchanged(path.removeprefix("/"), None)
    if if_match is None:
        message = "say what is changed: `If-Match` with the file's ETag, or `If-None-Match: *` for a new file"
        raise RequestRefused("draft.unconditional", message)
    return unchanged(path.removeprefix("/"), tag_of(if_match))
