"""The OpenAPI document, its page that works offline, and the pages that explain error codes."""

from __future__ import annotations

import html
import re
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from litestar import MediaType, Request, Response, Router, get
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.params import PathParameter
from litestar.static_files import create_static_files_router

from api.problems import RequestRefused
from knowledge.problems import nearest

_HERE = Path(__file__).resolve().parent
STATIC = _HERE / "static"
# In a wheel the document lies beside this file, in a checkout in docs/.
_ERRORS = (_HERE / "errors.md", _HERE.parent / "docs" / "errors.md")


def openapi() -> OpenAPIConfig:
    """Return the configuration of /schema (the page) and /schema/openapi.json (the document)."""
    page = SwaggerRenderPlugin(
        path="/",
        js_url="/static/swagger/swagger-ui-bundle.js",
        css_url="/static/swagger/swagger-ui.css",
        standalone_preset_js_url="/static/swagger/swagger-ui-standalone-preset.js",
        favicon='<link rel="icon" type="image/png" href="/static/swagger/favicon-32x32.png">',
    )
    return OpenAPIConfig(
        title="说理 shuoli",
        version=version("shuoli"),
        description="信用评价,逐条说明理由。Credit grades, each with its reasons.",
        path="/schema",
        render_plugins=[page],
        use_handler_docstrings=True,
    )


def static_files() -> Router:
    """Return the router of the files that set-up brought."""
    return create_static_files_router("/static", directories=[STATIC])


@cache
def error_texts() -> dict[str, str]:
    """Return what docs/errors.md says of each code, as Markdown, by code."""
    text = next(path for path in _ERRORS if path.exists()).read_text(encoding="utf-8")
    parts = re.split(r"^##+ `?([a-z][a-z0-9_.-]*)`?\s*$", text, flags=re.MULTILINE)
    return {code: body.strip() for code, body in zip(parts[1::2], parts[2::2], strict=True)}


@get("/errors/{code:str}", include_in_schema=False, sync_to_thread=False)
def error_page(
    request: Request[Any, Any, Any], code: Annotated[str, PathParameter(description="an error code")]
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
    paragraphs = "".join(f"<p>{html.escape(part)}</p>" for part in re.split(r"\n\s*\n", texts[code]))
    return Response(
        f'<!doctype html><html lang="zh"><meta charset="utf-8"><title>{code}</title><h1>{code}</h1>{paragraphs}</html>',
        media_type=MediaType.HTML,
    )
