"""The pages need nothing from outside this machine."""

from __future__ import annotations

import re
import shutil
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import uvicorn
from litestar import Litestar
from litestar.testing import TestClient
from playwright.sync_api import sync_playwright

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def address(app: Litestar) -> Iterator[str]:
    """Serve the application on a free port of this machine and return its address."""
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)


@pytest.mark.parametrize("page", ["/schema", "/errors/case.refused"])
def test_no_page_refers_to_another_host(client: TestClient[Litestar], page: str) -> None:
    text = client.get(page, headers={"accept": "text/html"}).text

    assert re.findall(r"""(?:src|href|action)\s*=\s*["']?(?:https?:)?//[^"'\s>]+""", text) == []


def test_the_documentation_shows_every_route_without_leaving_this_machine(address: str) -> None:
    browser_path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert browser_path, "no Chromium: run `make system`"
    asked: list[str] = []
    faults: list[str] = []

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=QUIET)
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"{address}/schema", wait_until="networkidle", timeout=60_000)
        # A quiet network doesn't mean that the page has been drawn.
        page.locator(".opblock-summary-path").nth(11).wait_for(timeout=60_000)
        routes = page.locator(".opblock-summary-path").count()
        browser.close()

    assert routes >= 12
    assert faults == []
    assert {urlsplit(url).hostname for url in asked if not url.startswith("data:")} == {"127.0.0.1"}
