"""The OpenAPI document, its page that works offline, and what is said of error codes."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

from litestar import Router
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.static_files import create_static_files_router

from api.requests import Lang

_HERE = Path(__file__).resolve().parent
STATIC = _HERE / "static"
# In a wheel the document lies beside this file, in a checkout in docs/.
_HAN: Final = re.compile("[\u4e00-\u9fff]")
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


def error_text(code: str, lang: Lang) -> str:
    """Return what is said of a code in one language, without the marks of Markdown; empty where nothing is."""
    lines = error_texts().get(code, "").splitlines()
    said = " ".join(line for line in lines if bool(_HAN.search(line)) == (lang == "zh"))
    return re.sub(r"\[([^]]+)]\([^)]*\)", r"\1", said).replace("`", "")
