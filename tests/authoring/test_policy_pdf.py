"""The policy document and the redline as PDF: contents with pages, bookmarks, everything that the page says."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest
from pypdf import PdfReader

from authoring.policy import Policy, policy
from authoring.policy_diff import redline
from authoring.policy_pdf import DocumentGlyphMissing, policy_pdf, redline_pdf
from explain.phrases import Lang
from explain.typography import set_in
from knowledge.loader import load_rulebook
from knowledge.scenarios import load_scenarios

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "tests/rulebooks/api/orchard/1"
HYGIENE = ROOT / "examples/hygiene"


def document(folder: Path, lang: Lang) -> Policy:
    rulebook = load_rulebook(folder)
    return policy(rulebook, load_scenarios(folder, rulebook), lang)


def text_of(pdf: bytes) -> str:
    return "".join("".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf)).pages)


@pytest.mark.parametrize("folder", [SMALL, HYGIENE], ids=lambda path: path.name)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_rule_stands_in_the_document(folder: Path, lang: Lang) -> None:
    told = document(folder, lang)
    pdf = policy_pdf(told)
    reader, text = PdfReader(io.BytesIO(pdf)), text_of(pdf)

    assert [str(one["/Title"]) for one in reader.outline if isinstance(one, dict)] == [
        section.title for section in told.sections
    ]
    assert all(rule.id in text for rule in load_rulebook(folder).rules)
    assert reader.metadata is not None
    assert reader.metadata.title == set_in(lang, told.title)
    assert all(page.mediabox.width == pytest.approx(595.28, abs=0.1) for page in reader.pages)
    assert policy_pdf(told) == pdf


def test_contents_lead_to_the_sections() -> None:
    first = PdfReader(io.BytesIO(policy_pdf(document(SMALL, "en")))).pages[0]
    links = first.annotations

    assert links is not None
    assert len(links) >= len(document(SMALL, "en").sections)
    assert "Contents" in first.extract_text()


def test_a_redline_strikes_and_underlines_so_that_no_colour_is_needed() -> None:
    old = load_rulebook(SMALL)
    bands = (msgspec.structs.replace(old.bands[0], low=(old.bands[0].low or 0) - 1), *old.bands[1:])
    new = msgspec.structs.replace(old, bands=bands)
    found = redline(old, new, "en")

    text = text_of(redline_pdf(found, new))

    assert str(old.bands[0].low) in text
    assert str(bands[0].low) in text
    template = (ROOT / "authoring/templates/policy.typ").read_text("utf-8")
    assert "strike(" in template
    assert "underline(" in template


@pytest.mark.parametrize("char", ["\U0001f600", "\u202e", "\ue000"])
def test_a_character_that_no_font_shows_stops_the_document(char: str) -> None:
    told = msgspec.structs.replace(document(SMALL, "zh"), notice=f"注意{char}")

    with pytest.raises(DocumentGlyphMissing):
        policy_pdf(told)
