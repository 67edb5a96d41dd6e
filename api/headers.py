"""Headers of every answer: what a browser may do with it, and the id of the request."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

from api.problems import request_id

STRICT: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# Swagger UI writes its configuration and its icons inline, so its page alone may.
DOCUMENTATION: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Pages load one stylesheet and one icon from here, run nothing, and send their one form back here.
PAGES: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def standing_alone(page: str) -> str:
    """Return the policy of a page that loads nothing: its own styles hold, by their digests."""
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in styles)
    return STRICT + "; style-src " + " ".join(f"'sha256-{one}'" for one in digests)


async def add_headers(message: Message, scope: Scope) -> None:
    """Add the headers to the start of a response, also of an error."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    path = str(scope.get("path", ""))
    documentation = path == "/schema" or path.startswith("/schema/")
    is_page = headers.get("content-type", "").startswith("text/html")
    # A page that brings its styles with it says so itself.
    headers.setdefault("content-security-policy", DOCUMENTATION if documentation else PAGES if is_page else STRICT)
    headers["x-content-type-options"] = "nosniff"
    headers["x-frame-options"] = "DENY"
    headers["referrer-policy"] = "no-referrer"
    headers["cross-origin-resource-policy"] = "same-origin"
    headers["x-request-id"] = request_id(scope)
    if path.startswith(("/api/", "/health/")) or is_page:
        headers["cache-control"] = "private, no-store"
