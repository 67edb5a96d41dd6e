"""Every error as application/problem+json (RFC 9457), with a stable code and a page that explains it."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ExceptionHandlersMap, Scope

from knowledge.problems import EngineDisagreement, Problem, ShuoliError

MEDIA_TYPE = "application/problem+json"
LOG = logging.getLogger("shuoli")


class ErrorEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing wrong, at one place of the body (`pointer`, RFC 6901) or in one query parameter."""

    code: str
    message: str
    pointer: str | None = None
    parameter: str | None = None
    given: str | None = None
    expected: str | None = None
    help: str | None = None


class ProblemDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error of RFC 9457. `type` is the address of the page about `code`; `errors` lists every problem."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    help: str | None = None
    errors: tuple[ErrorEntry, ...] = ()


class RequestRefused(ShuoliError):
    """A request that can't be served as it is; `code` names why."""

    def __init__(self, code: str, message: str, *, help: str | None = None, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message, help=help, problems=problems)
        self.code = code


# code: status, title. Codes of single problems (`errors[].code`) aren't listed: they come with one of these.
TITLES: dict[str, tuple[int, str]] = {
    "http.request": (400, "请求无法理解 · the request can't be understood"),
    "case.json": (400, "正文不是可用的 JSON · the body isn't usable JSON"),
    "http.query": (400, "查询参数有误 · a query parameter is wrong"),
    "http.not_found": (404, "没有此地址 · there is nothing at this address"),
    "http.method": (405, "不支持此方法 · the address doesn't take this method"),
    "http.too_large": (413, "正文过大 · the body is too large"),
    "http.media_type": (415, "正文类型须为 application/json · the body must be application/json"),
    "case.refused": (422, "主体或事实有误 · the producer or its facts are refused"),
    "producer.missing": (404, "没有此主体 · there is no such producer"),
    "fact.missing": (404, "没有此事实 · there is no such fact"),
    "idempotency.reused": (422, "此键曾用于另一请求 · the key named another request before"),
    "subscription.missing": (404, "没有此订阅 · there is no such subscription"),
    "delivery.missing": (404, "没有此投递 · there is no such delivery"),
    "subscription.refused": (422, "不能向此地址投递 · nothing may be sent to this address"),
    "producer.not_public": (404, "没有可以公开的此主体 · no such producer is public"),
    "grading.missing": (404, "没有此评价结果 · there is no such grading"),
    "rulebook.missing": (404, "没有此规则包 · there is no such rulebook"),
    "rulebook.refused": (500, "规则包有误 · the rulebook has problems"),
    "rulebook.corrupt": (500, "规则包已被改动 · the rulebook has been altered"),
    "limit.facts": (413, "事实过多 · too many facts"),
    "limit.deductions": (422, "推理过多 · too many deductions"),
    "limit.pairs": (422, "需比对的事实过多 · too many pairs of facts"),
    "limit.opened": (422, "同时打开的主体过多 · too many producers opened at once"),
    "limit.time": (422, "评价超时 · the evaluation took too long"),
    "limit.plans": (422, "方案搜索过大 · the search for plans is too large"),
    "plans.unknown_plan": (422, "今天没有此方案 · there is no such plan today"),
    "plans.unknown_grade": (422, "没有此等级 · there is no such grade"),
    "engine.failure": (503, "评价进程失败 · the evaluation failed"),
    "engine.disagreement": (500, "两个引擎不一致,未出等级 · the two engines disagree, so there is no grade"),
    "ingest.other_content": (422, "同一键下内容不同 · the key stands for another delivery"),
    "quarantine.missing": (404, "隔离区没有此行 · the quarantine has no such line"),
    "quarantine.settled": (409, "此行已处理 · something was done about the line already"),
    "quarantine.unreadable": (422, "此行不能原样重试 · the line can't be tried as it came"),
    "quarantine.refused": (422, "此行仍被拒绝 · the line is refused again"),
    "log.missing": (404, "日志中没有 · the log has no such thing"),
    "letter.glyph_missing": (422, "字体中没有某个字 · no font has one of its characters"),
    "document.glyph_missing": (422, "规则文本中有字体不含的字 · no font has a character of the document"),
    "log.pending": (409, "尚无树头覆盖 · no signed head covers it yet"),
    "draft.missing": (404, "没有此草案或文件 · there is no such draft or file"),
    "draft.exists": (409, "已有此版本或草案 · this version or draft is there already"),
    "draft.changed": (412, "文件已被他人修改 · the file is not what the change was made to"),
    "draft.unconditional": (428, "须说明所改的是哪一内容 · say which content is changed"),
    "draft.refused": (422, "草案有误 · the draft has problems"),
    "edit.refused": (422, "改动有误 · a change has problems"),
    "draft.not_ready": (409, "前一步尚未完成 · the step before is not done"),
    "draft.own_review": (403, "编写者不能自己复核 · authors can't review what they wrote"),
    "workbook.refused": (422, "工作簿有误 · the workbook is refused"),
    "workbook.cell_too_long": (422, "某个值放不进单元格 · a value doesn't fit into a cell"),
    "dmn.refused": (422, "DMN 不能完整转换 · the DMN file can't be carried over"),
    "xml.refused": (422, "不是本程序读取的 XML · it is no XML that this program reads"),
    "mutation.busy": (409, "另一项改动试验正在运行 · another mutation runs"),
    "mutation.missing": (404, "没有就此内容做过改动试验 · no mutation of these files was asked for"),
    "mutation.unfinished": (409, "改动试验尚无结果 · the mutation has no result yet"),
    "store.corrupt": (500, "存储内容已被改动 · what was stored has been altered"),
    "store.unusable": (503, "数据库暂不可用 · the database can't be used now"),
    "health.not_ready": (503, "尚未就绪 · not ready"),
    "internal.fault": (500, "内部错误 · internal error"),
}

MOST_TOLD = 1_000
"""Problems that one answer lists."""
RETRY_AFTER = 5
"""Seconds after which a request that was answered with 503 may succeed."""
_BY_STATUS = {404: "http.not_found", 405: "http.method", 413: "http.too_large", 415: "http.media_type"}


def request_id(scope: Scope) -> str:
    """Return the id of the request, made when first asked for."""
    state: dict[str, Any] = scope.setdefault("state", {})
    return str(state.setdefault("request_id", uuid.uuid4().hex))


def problem_handlers() -> ExceptionHandlersMap:
    """Return the handlers that turn whatever is raised into a problem document."""
    return {HTTPException: _from_http, ShuoliError: _from_ours, RecursionError: _from_depth, Exception: _from_fault}


def documented(*codes: str) -> dict[int, ResponseSpec]:
    """Return what OpenAPI says of the errors with these codes, by status, with those that any request may meet."""
    by_status: dict[int, list[str]] = {}
    for code in (*codes, "http.query", "http.request", "internal.fault", "store.unusable"):
        by_status.setdefault(TITLES[code][0], []).append(code)
    return {
        status: ResponseSpec(
            ProblemDetails, generate_examples=False, description=", ".join(sorted(found)), media_type=MEDIA_TYPE
        )
        for status, found in sorted(by_status.items())
    }


def problem_document(scope: Scope, error: ShuoliError) -> ProblemDetails:
    """Return what is told of an error in the answer to a request."""
    status, title = TITLES.get(error.code, TITLES["internal.fault"])
    return ProblemDetails(
        type=f"/errors/{error.code}",
        title=title,
        status=status,
        detail=error.message,
        code=error.code,
        request_id=request_id(scope),
        help=error.help,
        errors=problem_entries(error),
    )


def problem_entries(error: ShuoliError) -> tuple[ErrorEntry, ...]:
    """Return what is told of each problem of an error; of more than a thousand how many more there are."""
    told = tuple(_entry(problem) for problem in error.problems[:MOST_TOLD])
    more = len(error.problems) - len(told)
    return (*told, ErrorEntry("problems.more", f"{more} more are not listed")) if more else told


def _respond(
    request: Request[Any, Any, Any], error: ShuoliError, headers: dict[str, str] | None = None
) -> Response[Any]:
    document = problem_document(request.scope, error)
    if document.status == 503:
        headers = {"Retry-After": str(RETRY_AFTER)} | (headers or {})
    return Response(document, status_code=document.status, media_type=MEDIA_TYPE, headers=headers)


def _entry(problem: Problem) -> ErrorEntry:
    in_query = problem.place.startswith("?")
    return ErrorEntry(
        problem.code,
        problem.message,
        pointer=None if in_query else problem.place,
        parameter=problem.place[1:] if in_query else None,
        given=problem.given,
        expected=problem.expected,
        help=problem.help,
    )


def _from_ours(request: Request[Any, Any, Any], error: ShuoliError) -> Response[Any]:
    if isinstance(error, EngineDisagreement):
        LOG.error("%s: chainer %s; checker %s", request_id(request.scope), error.chainer, error.checker)
    elif TITLES.get(error.code, TITLES["internal.fault"])[0] >= 500:
        LOG.error("%s: %s: %s", request_id(request.scope), error.code, error.message)
    return _respond(request, error)


def _from_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    if error.status_code >= 500:
        return _from_fault(request, error)
    code = _BY_STATUS.get(error.status_code, "http.request")
    detail = error.detail if code == "http.request" else TITLES[code][1].split(" · ")[1]
    return _respond(request, RequestRefused(code, detail), headers=error.headers)


def _from_depth(request: Request[Any, Any, Any], _error: RecursionError) -> Response[Any]:
    return _respond(request, RequestRefused("case.json", "the body is nested too deeply"))


def _from_fault(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    LOG.error("%s: fault", request_id(request.scope), exc_info=error)
    return _respond(
        request, RequestRefused("internal.fault", "something failed here; the log has it under the request id")
    )
