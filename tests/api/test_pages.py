"""Pages: what the public may see, found by search, in two languages, without script, for screen, phone and print."""

from __future__ import annotations

import re
import shutil
import socket
import threading
from collections.abc import Iterator
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from litestar import Litestar
from litestar.testing import TestClient
from playwright.sync_api import Browser, Page, sync_playwright

from api.app import create_app
from api.pages import ASSETS, PAGES, with_pages
from api.problems import problem_handlers
from api.settings import Settings
from batch.population import generate
from knowledge.catalog import Catalog
from knowledge.population import load_population
from knowledge.problems import RulebookMissing
from knowledge.rulebook import Rulebook
from tests.api.test_offline import QUIET

ROOT = Path(__file__).parent.parent.parent
DAY = date(2026, 11, 1)
PRODUCERS = 60


@pytest.fixture(scope="module")
def cases() -> list[dict[str, Any]]:
    catalog = Catalog()
    rulebook = catalog.load(next(iter(catalog.versions())).folder)
    made = generate(rulebook, load_population(rulebook), producers=PRODUCERS, seed=2021, as_of=DAY)
    return list(made)


@pytest.fixture(scope="module")
def pages(cases: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Litestar:
    """Return an application over a small city, with its first producers' facts."""
    folder = tmp_path_factory.mktemp("city")
    made = Settings(database_url=f"sqlite:///{folder}/city.db", workers=1, public_url="https://credit.example")
    app = create_app(made, today=lambda: DAY)
    with TestClient(app) as client:
        for number, case in enumerate(cases):
            name = case["producer"]["id"]
            client.put(f"/api/v1/producers/{name}", json=case["producer"]).raise_for_status()
            if number < 8:
                client.post(f"/api/v1/producers/{name}/facts", json={"facts": case["facts"]}).raise_for_status()
    return create_app(made, today=lambda: DAY)


@pytest.fixture(scope="module")
def visitor(pages: Litestar) -> Iterator[TestClient[Litestar]]:
    with TestClient(pages, raise_server_exceptions=False) as client:
        yield client


def listed(text: str) -> list[str]:
    """Return the ids in a page's list."""
    return re.findall(r'<th scope="row"><a href="[^"]*">([^<]*)</a>', text)


def of_kind(cases: list[dict[str, Any]], *kinds: str) -> list[str]:
    return [case["producer"]["id"] for case in cases if case["producer"]["kind"] in kinds]


def everything(visitor: TestClient[Litestar], **asked: str) -> list[str]:
    """Return the ids on all pages of a list."""
    found: list[str] = []
    for number in range(1, 20):
        text = visitor.get("/", params={**asked, "page": str(number)}).text
        fresh = [one for one in listed(text) if one not in found]
        if not fresh:
            return found
        found += fresh
    return found


def test_the_landing_page_lists_everybody_but_natural_persons(
    visitor: TestClient[Litestar], cases: list[dict[str, Any]]
) -> None:
    text = visitor.get("/").text
    hidden = of_kind(cases, "family_farm", "large_grower")

    assert everything(visitor) == of_kind(cases, "enterprise", "cooperative")
    assert len(hidden) > 5
    assert not [name for name in hidden if name in text]
    assert f"另有 {len(hidden)} 个自然人主体" in text
    counted = [int(one) for one in re.findall(r'class="how-many numbers">(\d+)<', text)]
    assert sum(counted) == PRODUCERS


@pytest.mark.parametrize("name", ["kind", "region", "grade"])
def test_the_list_is_filtered(visitor: TestClient[Litestar], cases: list[dict[str, Any]], name: str) -> None:
    by_id = {case["producer"]["id"]: case["producer"] for case in cases}
    grades = {one: visitor.get(f"/api/v1/producers/{one}/grade").json()["grade"] for one in everything(visitor)}
    value = {"kind": "cooperative", "region": "330110", "grade": grades[min(grades)]}[name]

    found = everything(visitor, **{name: value})

    assert 0 < len(found) < len(grades)
    assert {grades[one] if name == "grade" else by_id[one][name] for one in found} == {value}
    rest = set(grades) - set(found)
    assert value not in {grades[one] if name == "grade" else by_id[one][name] for one in rest}


def test_the_list_is_searched_by_id_and_by_what_it_shows(
    visitor: TestClient[Litestar], cases: list[dict[str, Any]]
) -> None:
    public = [case["producer"] for case in cases if case["producer"]["id"] in everything(visitor)]
    one = public[3]
    town = one["attributes"]["township"]

    assert everything(visitor, q=one["id"].lower()) == [one["id"]]
    assert everything(visitor, q=town) == [other["id"] for other in public if other["attributes"]["township"] == town]
    assert one["id"] in everything(visitor, q=f"{town} {one['id'][:4]}")
    assert "没有符合条件的主体" in visitor.get("/", params={"q": "没有这样的"}).text


def test_a_page_of_the_list_keeps_what_was_asked(visitor: TestClient[Litestar]) -> None:
    text = visitor.get("/", params={"q": "HZ", "lang": "en"}).text
    address = unescape(re.findall(r'<a href="(/\?[^"]*page=2)"', text)[0])

    assert listed(visitor.get(address).text) == everything(visitor, q="HZ")[25:50]
    assert "lang=en" in address
    everyone = everything(visitor)
    assert listed(visitor.get("/", params={"page": "999"}).text) == everyone[(len(everyone) - 1) // 25 * 25 :]


def test_a_producers_page_says_what_the_letter_says(visitor: TestClient[Litestar], cases: list[dict[str, Any]]) -> None:
    name = of_kind(cases[:8], "enterprise", "cooperative")[0]
    for lang in ("zh", "en"):
        text = unescape(re.sub(r"<[^>]*>", "", visitor.get(f"/producers/{name}", params={"lang": lang}).text))
        why = visitor.get(f"/api/v1/producers/{name}/why", params={"lang": "en"}).json()
        history = visitor.get(f"/api/v1/producers/{name}/history").json()["items"]

        assert history[-1]["hash"] in text
        assert str(why["score"]) in text
        if lang == "en":
            told = [why["sentence"], *(one["sentence"] for one in why["reasons"])]
            told += [one for part in why["indicators"] for one in part["sentences"]] + why["consequences"]
            assert [one["text"] for one in told if one["text"] not in text] == []


def test_a_natural_person_has_the_same_page_as_nobody(
    visitor: TestClient[Litestar], cases: list[dict[str, Any]]
) -> None:
    person = of_kind(cases, "family_farm")[0]
    answers = [visitor.get(f"/producers/{name}") for name in (person, "nobody")]

    assert [answer.status_code for answer in answers] == [404, 404]
    masked = [re.sub(r"[0-9a-f]{32}|/producers/[^\"?]*", "", answer.text) for answer in answers]
    assert masked[0] == masked[1]
    assert person not in answers[0].text


def test_a_code_leads_to_the_check_of_its_grading(visitor: TestClient[Litestar], cases: list[dict[str, Any]]) -> None:
    name = of_kind(cases[:8], "enterprise", "cooperative")[0]
    steps = visitor.get(f"/api/v1/producers/{name}/history").json()["items"]
    first, last = (visitor.get(f"/gradings/{steps[place]['hash']}").text for place in (0, -1))

    assert len(steps) > 1
    assert "现行的评价结果" in last
    assert "已被后来的评价取代" in first
    assert name in first
    assert visitor.get("/gradings/" + "0" * 64).status_code == 404


def test_the_check_of_a_natural_persons_grading_names_nobody(
    visitor: TestClient[Litestar], cases: list[dict[str, Any]]
) -> None:
    person = of_kind(cases, "family_farm", "large_grower")[0]
    step = visitor.get(f"/api/v1/producers/{person}/history").json()["items"][-1]
    text = visitor.get(f"/gradings/{step['hash']}").text

    assert person not in text
    assert "依法不公开" in text
    assert f'<dd class="numbers">{step["score"]}</dd>' in text


@pytest.mark.parametrize(
    ("address", "status", "zh", "en"),
    [
        ("/producers/nobody", 404, "没有可以公开的此主体", "no such producer is public"),
        ("/gradings/00", 404, "没有此评价结果", "there is no such grading"),
        ("/?page=x", 400, "查询参数有误", "a query parameter is wrong"),
        ("/?colour=red", 400, "查询参数有误", "a query parameter is wrong"),
        ("/nothing", 404, "没有此地址", "there is nothing at this address"),
    ],
)
def test_an_error_on_a_page_is_a_page_in_the_readers_language(
    visitor: TestClient[Litestar], address: str, status: int, zh: str, en: str
) -> None:
    for lang, title in (("zh", zh), ("en", en)):
        joined = address + ("&" if "?" in address else "?") + f"lang={lang}"
        answer = visitor.get(joined, headers={"accept": "text/html"})

        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")
        assert f"<h1>{title[:1].upper()}{title[1:]}</h1>" in answer.text
        assert f'<html lang="{"zh-CN" if lang == "zh" else "en"}">' in answer.text


def test_where_no_page_can_be_made_the_problem_is_told_as_it_is() -> None:
    def away() -> Rulebook:
        raise RulebookMissing("it is away")

    app = Litestar([], exception_handlers=with_pages(problem_handlers(), away))
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/", headers={"accept": "text/html"})

    assert (answer.status_code, answer.json()["code"]) == (404, "http.not_found")


def test_programs_get_problems_and_not_pages(visitor: TestClient[Litestar]) -> None:
    assert visitor.get("/nothing").headers["content-type"] == "application/problem+json"
    answer = visitor.get("/api/v1/producers/nobody/grade", headers={"accept": "text/html"})
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><img src=x>', "{{ 7*7 }}"])
def test_what_a_visitor_types_is_shown_and_not_run(visitor: TestClient[Litestar], hostile: str) -> None:
    text = visitor.get("/", params={"q": hostile}).text
    found = re.search(r'name="q"[^>]* value="([^"]*)"', text)

    assert found is not None
    assert unescape(found[1]) == hostile
    assert "<script" not in text
    assert "src=x" not in re.sub(r'value="[^"]*"', "", text)


def test_pages_run_nothing_and_load_from_here_alone(visitor: TestClient[Litestar]) -> None:
    for address in ("/", "/nothing", "/producers/HZ-00006"):
        answer = visitor.get(address, headers={"accept": "text/html"})
        policy = answer.headers["content-security-policy"]

        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'")
        assert re.findall(r"<script|<style|\sstyle=|\son\w+=|javascript:", answer.text) == []
        assert re.findall(r"""(?:src|href|action)\s*=\s*["']?(?:https?:)?//[^"'\s>]+""", answer.text) == []


def test_every_page_stands_in_the_page_about_http() -> None:
    page = (ROOT / "docs" / "http.md").read_text("utf-8")

    assert [one for route in PAGES for one in route.paths if f"`GET {one.replace(':str', '')}`" not in page] == []


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_inks_are_readable_on_their_fills_and_apart_without_hue() -> None:
    css = (ASSETS / "pages.css").read_text("utf-8")
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", css))
    pairs = [(colours[name.removeprefix("on-")], colours[name]) for name in colours if name.startswith("on-")]
    pairs += [(colours["paper"], colours[name]) for name in ("ink", "quiet", "accent", "seal")]
    pairs += [(colours["ground"], colours["quiet"]), (colours["notice"], colours["ink"])]

    assert len(pairs) > 10
    for fill, ink in pairs:
        light, dark = sorted((luminance(fill), luminance(ink)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (fill, ink)


@pytest.fixture(scope="module")
def address(pages: Litestar) -> Iterator[str]:
    """Serve the pages on a free port of this machine and return their address."""
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(pages, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert found, "no Chromium: run `make system`"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=QUIET)
        yield opened
        opened.close()


def open_page(browser: Browser, url: str, faults: list[str], asked: list[str], width: int = 1200) -> Page:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(url, wait_until="networkidle", timeout=60_000)
    return page


PATHS = ("/?lang=zh", "/?lang=en&q=HZ&page=2", "/producers/HZ-00006?lang=zh", "/producers/HZ-00006?lang=en")


def test_pages_need_no_script_and_nobody_else(browser: Browser, address: str) -> None:
    faults: list[str] = []
    asked: list[str] = []
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: faults.append(message.text))
    page.goto(address, wait_until="networkidle")
    page.get_by_label("主体标识").fill("HZ-00006")
    page.get_by_role("button", name="查询").click()
    page.get_by_role("link", name="HZ-00006").click()
    page.wait_for_url("**/producers/HZ-00006*")
    title = page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("link", name="English").click()
    english = page.get_by_role("heading", level=1).inner_text()
    context.close()

    assert (title, english) == ("信用等级决定书", "Letter of Credit Grading")
    assert faults == []
    assert {urlsplit(url).hostname for url in asked} == {"127.0.0.1"}


@pytest.mark.parametrize(("path", "width"), [*((path, 360) for path in PATHS), (PATHS[0], 1200)])
def test_a_page_has_no_fault_and_fits(browser: Browser, address: str, path: str, width: int) -> None:
    faults: list[str] = []
    asked: list[str] = []
    page = open_page(browser, address + path, faults, asked, width)
    wide = page.evaluate("document.documentElement.scrollWidth")
    grade = page.locator(".grade, .mark").first.evaluate("one => getComputedStyle(one).backgroundColor")
    page.close()

    assert faults == []
    assert wide <= width
    assert grade not in ("rgba(0, 0, 0, 0)", "rgb(255, 255, 255)")
    assert {urlsplit(url).hostname for url in asked} == {"127.0.0.1"}


@pytest.mark.parametrize("path", [PATHS[0], PATHS[3], "/producers/nobody"])
def test_a_page_is_accessible(browser: Browser, address: str, path: str) -> None:
    rules = ROOT / "ui" / "node_modules" / "axe-core" / "axe.min.js"
    # The pages' own policy runs no script at all, the checker's neither.
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(address + path, wait_until="networkidle")
    page.add_script_tag(path=rules)
    found = page.evaluate("axe.run(document)")
    context.close()

    assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]] == []
    assert len(found["passes"]) > 15


def test_the_keyboard_reaches_the_content_first(browser: Browser, address: str) -> None:
    page = open_page(browser, address + "/?lang=zh", [], [])
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.className")
    shown = page.locator(".skip").bounding_box()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    inside = page.evaluate("document.querySelector('main').contains(document.activeElement)")
    page.close()

    assert first == "skip"
    assert shown is not None
    assert shown["x"] >= 0
    assert inside


def test_print_holds_the_letter_alone(browser: Browser, address: str) -> None:
    page = open_page(browser, address + "/producers/HZ-00006?lang=zh", [], [])
    page.emulate_media(media="print")
    shown = {name: page.locator(name).first.is_visible() for name in (".top", ".bottom", ".actions", ".letter")}
    page.close()

    assert shown == {".top": False, ".bottom": False, ".actions": False, ".letter": True}
