"""Policy documents and redlines as PDF, set by typst in fonts that a package brings: contents with pages, bookmarks."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import typst
from pylopdf_fonts_zh_cn import serif_path

from authoring.policy import EntryView, Policy, Section, iso
from authoring.policy_diff import ChangeView, Redline
from authoring.policy_marks import Mark, marks
from explain.phrases import Lang
from explain.phrases_policy import say
from explain.typography import set_in
from knowledge.problems import Problem, ShuoliError
from knowledge.rulebook import Rulebook

TEMPLATE: Final = Path(__file__).resolve().parent / "templates" / "policy.typ"
_JOINED: Final = frozenset(("law", "scenarios", "shares_event", "restores"))
_QUIET: Final = frozenset(("scenarios",))
_LONG: Final = 900
"""Characters from which an entry may be cut across two pages."""
_UNSEEN: Final = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"))


class DocumentGlyphMissing(ShuoliError):
    """A document holds a character that no font shows."""

    code = "document.glyph_missing"


def policy_pdf(policy: Policy) -> bytes:
    """Return a policy document as PDF.

    Raises:
        DocumentGlyphMissing: it holds a character that no font shows.
    """
    lang = policy.lang
    known = {line.name: line.texts[0] for line in policy.head}
    head = [_line(line.label, [[Mark("both", text)] for text in line.texts]) for line in policy.head]
    told = {
        "lang": lang, "title": policy.title, "kind": say(lang, "document"), "notice": policy.notice, "head": head,
        "standing": known.get("standing", ""), "footer": known["version"], "contents": say(lang, "contents"),
        "sections": [_section(one, lang) for one in policy.sections],
    }  # fmt: skip
    return _set(told, lang, known["in_force_from"])


def redline_pdf(redline: Redline, new: Rulebook) -> bytes:
    """Return what two versions differ by as PDF, old words struck out and new ones underlined.

    Raises:
        DocumentGlyphMissing: it holds a character that no font shows.
    """
    lang = redline.lang
    head = [
        _line(say(lang, name), [[Mark("both", text)]]) for name, text in (("old", redline.old), ("new", redline.new))
    ]
    head.append(_line("", [[Mark("both", redline.summary)]]))
    kinds = dict.fromkeys(change.what for change in redline.changes)
    sections = [
        {"title": say(lang, kind), "parts": [],
         "entries": [_change(one, lang) for one in redline.changes if one.what == kind]}
        for kind in kinds
    ]  # fmt: skip
    told = {
        "lang": lang, "title": new.title.in_language(lang), "kind": say(lang, "redline"),
        "notice": None if new.notice is None else new.notice.in_language(lang), "head": head,
        "standing": say(lang, "redline"), "footer": f"{redline.old} → {redline.new}", "contents": "",
        "sections": sections,
    }  # fmt: skip
    return _set(told, lang, iso(new.effective_from))


def _section(section: Section, lang: Lang) -> dict[str, Any]:
    entries = [_entry(one, lang) for one in section.entries]
    return {"title": section.title, "entries": entries, "parts": [_section(one, lang) for one in section.parts]}


def _entry(entry: EntryView, lang: Lang) -> dict[str, Any]:
    lines = []
    for line in entry.lines:
        texts = (("; " if lang == "en" else "\uff1b").join(line.texts),) if line.name in _JOINED else line.texts
        lines.append(_line(line.label, [[Mark("both", text)] for text in texts], quiet=line.name in _QUIET))
    return _block(entry.id, entry.title, lines)


def _change(change: ChangeView, lang: Lang) -> dict[str, Any]:
    lines = [_line(edit.label, marks(edit)) for edit in change.edits]
    return _block(change.id, change.title, lines, say(lang, change.how))


def _block(identity: str, title: str, lines: list[dict[str, Any]], tag: str = "") -> dict[str, Any]:
    length = sum(len(mark["text"]) for line in lines for text in line["texts"] for mark in text)
    return {"id": identity, "title": title, "tag": tag, "lines": lines, "long": length > _LONG}


def _line(label: str, texts: list[list[Mark]], *, quiet: bool = False) -> dict[str, Any]:
    return {"label": label, "texts": [[mark._asdict() for mark in text] for text in texts], "quiet": quiet}


def _set(told: Mapping[str, Any], lang: Lang, day: str) -> bytes:
    """Return it as PDF; it bears the day on which the rules come into force, so that it is always the same."""
    printed = _printed(told, lang)
    unseen = sorted({char for text in _texts(printed) for char in text if unicodedata.category(char) in _UNSEEN})
    if unseen:
        raise _missing(f"U+{ord(unseen[0]):04X}")
    inputs = {"told": msgspec.json.encode(printed).decode()}
    try:
        made = _compiler().compile(
            TEMPLATE.read_bytes(), format="pdf", sys_inputs=inputs, pdf_standards=["ua-1"],
            timestamp=datetime.fromisoformat(day).replace(tzinfo=UTC),
        )  # fmt: skip
    except typst.TypstError as error:
        if "glyph" in str(error) or "font" in str(error):
            raise _missing(str(error)) from error
        raise
    assert isinstance(made, bytes)
    return made


@cache
def _compiler() -> typst.Compiler:
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=[serif_path().parent])
    return typst.Compiler(font_paths=fonts)


def _printed(value: Any, lang: Lang) -> Any:
    """Return everything with the marks of Chinese print in its texts."""
    match value:
        case str():
            return set_in(lang, value)
        case list():
            return [_printed(one, lang) for one in value]
        case dict():
            return {key: one if key in ("lang", "side") else _printed(one, lang) for key, one in value.items()}
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _missing(what: str) -> DocumentGlyphMissing:
    problem = Problem("document", "document.character", f"no font shows {what}")
    help_ = "write another character, or take the document as HTML"
    return DocumentGlyphMissing(problem.message, help=help_, problems=(problem,))
