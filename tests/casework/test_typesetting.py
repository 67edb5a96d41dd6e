"""Letters as PDF: what was put in comes out again, no character is without a glyph, and it is an archival file."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pypdf
import pytest

from batch.population import generate
from casework.typesetting import GlyphMissing, Typesetter, code_of
from engine.document import DocumentWriter
from engine.evaluate import Evaluator
from engine.reading import CaseReader
from engine.verdicts import verdicts
from explain.letter import Filing, Letter, compose, printed
from explain.pasttrail import PastStep, Said
from explain.phrases import Lang
from knowledge.catalog import Catalog
from knowledge.loader import load_rulebook
from knowledge.population import load_population
from knowledge.rulebook import Rulebook

ROOT = Path(__file__).parent.parent.parent
DAY = date(2026, 11, 1)
RARE = "䶮㛃龘镕𬭎𬴊𣲗頔"
"""Ideographs of names, in the basic block, extension A and beyond; the package's fonts have them."""


@pytest.fixture(scope="module")
def typesetter() -> Typesetter:
    return Typesetter()


@cache
def hangzhou() -> Rulebook:
    catalog = Catalog()
    return catalog.load(next(iter(catalog.versions())).folder)


@cache
def cases(producers: int) -> list[dict[str, Any]]:
    rulebook = hangzhou()
    return list(generate(rulebook, load_population(rulebook), producers=producers, seed=2021, as_of=DAY))


def a_letter(
    rulebook: Rulebook, case: dict[str, Any], lang: Lang, *, kept: bool = True, days: tuple[date, ...] = (DAY,)
) -> Letter:
    """Return the letter about a case graded on several days, as of the last of them."""
    reader, evaluator, writer = CaseReader(rulebook), Evaluator(rulebook), DocumentWriter(rulebook)
    steps = []
    try:
        for day in days:
            read = reader.case(msgspec.json.encode(case), as_of=day.toordinal())
            grading = evaluator.grade(read)
            written = writer.write(read, grading)
            said = msgspec.json.decode(written.document, type=Said)
            steps.append(PastStep("grading", f"{day}T01:00:00.000000Z", written.hash, said))
    finally:
        evaluator.close()
    address = f"https://credit.example/gradings/{written.hash}" if kept else None
    filing = Filing(written.hash, kept, tuple(steps), address, "某某市农业农村局" if kept else None)
    return compose(rulebook, read, grading, tuple(verdicts(rulebook, read, grading)), lang, filing)


def bare(text: str) -> str:
    """Return a text without spaces: where lines are broken and scripts meet, they come and go."""
    return re.sub(r"\s+", "", text)


def of_a_reason(reason: dict[str, Any]) -> Iterator[str]:
    """Yield what is told of one principal reason; of its facts the newest three."""
    yield reason["sentence"]["text"]
    yield from (law["label"] for law in reason["law"])
    yield from filter(None, [reason["until"]])
    for fact in reason["facts"][:3]:
        yield from (fact["label"], fact["status"], *fact["sources"], *filter(None, [fact["date"]]))
        for value in fact["values"]:
            yield from value.values()


def told_by(letter: Letter) -> Iterator[str]:
    """Yield every text that the letter must show, in any order."""
    told = printed(letter)
    why = told["why"]
    yield from (why["status"], why["notice"] or "", str(why["score"]), why["sentence"]["text"], letter.hash)
    for value in told["producer"]:
        yield from value.values()
    for one in told["scale"]:
        yield from (one["grade"], one["word"], one["scores"])
    held = next(one for one in told["scale"] if one["held"])
    yield from filter(None, (held["word"], held["colour_word"]))
    for reason in why["reasons"]:
        yield from of_a_reason(reason)
    yield from (one["text"] for one in (why["why_not_higher"] or {"sentences": []})["sentences"])
    for remedy in why["remedies"]:
        yield from (told["deeds"][remedy["id"]], *filter(None, (remedy["done_by"], remedy["ask"])))
        yield f"{remedy['score']}{remedy['grade']}"
    for part in ("consequences", "not_counted", "undecided"):
        yield from (one["text"] for one in why[part])
    for right in told["rights"]:
        yield from (right["title"], right["text"], *right["law"])
    yield from (told["rulebook_title"], told["rulebook_version"], told["day"])
    yield from filter(None, (told["address"], told["issuer"]))
    for indicator in why["indicators"]:
        yield from (indicator["label"], *(one["text"] for one in indicator["sentences"]))
    for step in told["trail"]:
        yield from (step["as_of"], step["hash"], *step["changed"])


def pages_of(pdf: bytes, letter: Letter) -> list[str]:
    """Return each page's text without spaces, head and foot taken off and seen to be right."""
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    told, count, pages = printed(letter), len(reader.pages), []
    for number, page in enumerate(reader.pages, 1):
        text = bare(page.extract_text())
        words = told["words"]
        numbered = f"{words['page']}{number}{words['page_of']}{count}{words['page_end']}"
        foot = bare(told["why"]["status"] + numbered + letter.hash[:16])
        head = "" if number == 1 else bare(words["letter"] + letter.why.producer)
        assert text.endswith(foot)
        assert text.startswith(head)
        pages.append(text[len(head) : -len(foot)])
    return pages


def rest_of(pdf: bytes, letter: Letter) -> tuple[list[str], str]:
    """Return the texts that the PDF lacks, and what it holds beyond texts and fixed words."""
    text = "".join(pages_of(pdf, letter))
    wanted = {bare(one) for one in told_by(letter)} - {""}
    lacking = [one for one in wanted if one not in text]
    fixed = {bare(one) for one in printed(letter)["words"].values()} - {""}
    for one in sorted(wanted | fixed, key=len, reverse=True):
        text = text.replace(one, "\0")
    return lacking, text.replace("\0", "")


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("number", [0, 1, 5, 6])
def test_the_text_of_a_letter_is_what_was_put_in(typesetter: Typesetter, number: int, lang: Lang) -> None:
    days = (date(2025, 6, 1), date(2026, 3, 1), date(2026, 8, 1), DAY)
    letter = a_letter(hangzhou(), cases(7)[number], lang, days=days, kept=number != 6)

    lacking, rest = rest_of(typesetter.pdf(letter), letter)

    assert lacking == []
    # Numbers of parts, points in tables, marks between texts.
    assert re.fullmatch(r"[0-9A-E一二三四五六七八九./:,;()·▲、\uff0c\uff1a\uff1b\uff08\uff09()–—-]*", rest), rest


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_letter_is_set_under_a_rulebook_of_another_kind(typesetter: Typesetter, lang: Lang) -> None:
    folder = ROOT / "examples" / "hygiene"
    letter = a_letter(load_rulebook(folder), msgspec.json.decode((folder / "case.json").read_bytes()), lang)

    lacking, rest = rest_of(typesetter.pdf(letter), letter)

    assert lacking == []
    assert "\ufffd" not in rest


def test_rare_characters_are_shown(typesetter: Typesetter) -> None:
    case = cases(7)[0]
    producer = case["producer"] | {"attributes": case["producer"]["attributes"] | {"township": RARE}}
    letter = a_letter(hangzhou(), case | {"producer": producer}, "zh")

    assert RARE in pages_of(typesetter.pdf(letter), letter)[0]


def with_township(township: str) -> Letter:
    case = cases(7)[0]
    producer = case["producer"] | {"attributes": case["producer"]["attributes"] | {"township": township}}
    return a_letter(hangzhou(), case | {"producer": producer}, "zh")


def test_every_character_without_a_glyph_is_named_and_there_is_no_letter(typesetter: Typesetter) -> None:
    with pytest.raises(GlyphMissing) as refused:
        typesetter.pdf(with_township("𠮷野😀镇"))

    assert [problem.place for problem in refused.value.problems] == ["U+1F600", "U+20BB7"]
    assert "SHUOLI_FONTS" in str(refused.value.help)


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\ue000", "\u0378"])
def test_what_turns_or_hides_text_is_never_set(typesetter: Typesetter, hidden: str) -> None:
    with pytest.raises(GlyphMissing) as refused:
        typesetter.pdf(msgspec.structs.replace(with_township("甲"), issuer=f"甲{hidden}乙"))

    assert [problem.place for problem in refused.value.problems] == [f"U+{ord(hidden):04X}"]


def test_a_further_folder_of_fonts_brings_further_characters(tmp_path: Path) -> None:
    listed = subprocess.run(["fc-list", ":charset=20bb7", "file"], capture_output=True, text=True, check=True).stdout
    if not listed:
        pytest.fail("no font of this machine has U+20BB7: run `make system`", pytrace=False)
    found = Path(listed.splitlines()[0].split(":")[0])
    shutil.copy(found, tmp_path)
    letter = with_township("𠮷野镇")

    assert "𠮷野镇" in pages_of(Typesetter([tmp_path]).pdf(letter), letter)[0]


def test_a_letter_is_an_archival_and_accessible_file_with_its_fonts(typesetter: Typesetter) -> None:
    letter = with_township(RARE)
    reader = pypdf.PdfReader(io.BytesIO(typesetter.pdf(letter)))
    root: Any = reader.trailer["/Root"]
    marks = root["/Metadata"].get_data().decode()

    assert "<pdfaid:part>2</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance>" in marks
    assert "<pdfuaid:part>1</pdfuaid:part>" in marks
    assert root["/OutputIntents"]
    assert root["/Lang"] == "zh-CN"
    assert reader.metadata is not None
    assert reader.metadata.title == f"信用等级决定书 {letter.why.producer}"
    assert dict(fonts_of(reader)) != {}
    assert [name for name, embedded in fonts_of(reader) if not embedded] == []


def fonts_of(reader: pypdf.PdfReader) -> Iterator[tuple[str, bool]]:
    """Yield every font of every page, and whether its file is in the document."""
    for page in reader.pages:
        resources: Any = page["/Resources"]
        for font in resources["/Font"].values():
            descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
            yield str(font["/BaseFont"]), bool({"/FontFile2", "/FontFile3"} & set(descriptor))


def test_the_same_letter_is_the_same_file(typesetter: Typesetter) -> None:
    letter = a_letter(hangzhou(), cases(7)[1], "zh")

    assert typesetter.pdf(letter) == Typesetter().pdf(letter)


def test_the_code_leads_to_the_page_or_holds_the_fingerprint() -> None:
    letter = a_letter(hangzhou(), cases(7)[1], "zh")
    elsewhere = msgspec.structs.replace(letter, address=None)

    assert code_of(letter).startswith("<svg")
    assert code_of(letter) != code_of(elsewhere)
    assert code_of(elsewhere) == code_of(msgspec.structs.replace(elsewhere, lang="en"))
