"""Sets letters as PDF/A with typst, in fonts that a package brings; a character without a glyph stops the letter."""

from __future__ import annotations

import io
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import segno
import typst
from pylopdf_fonts_zh_cn import serif_path

from explain.letter import Letter, printed, prose
from knowledge.problems import Problem, ShuoliError

TEMPLATE: Final = Path(__file__).resolve().parent / "letters" / "letter.typ"
# Level a is tagged; with UA-1 it can be read aloud.
STANDARDS: Final[list[typst.PDFStandard]] = ["a-2a", "ua-1"]
_NEVER_SHOWN: Final = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"))
"""Unicode's classes of controls, private and unassigned characters; some turn the direction of what follows."""


class GlyphMissing(ShuoliError):
    """A letter holds a character that no font shows."""

    code = "letter.glyph_missing"


class Typesetter:
    """Sets letters; safe to use from several threads. Fonts are read once."""

    def __init__(self, fonts: Sequence[Path] = ()) -> None:
        """Take further folders of fonts, for characters that the package's fonts lack."""
        folders = [serif_path().parent, *fonts]
        self._fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=folders)
        self._template = TEMPLATE.read_bytes()
        self._compiler = typst.Compiler(font_paths=self._fonts)
        self._one_at_a_time = threading.Lock()

    def pdf(self, letter: Letter) -> bytes:
        """Return the letter as PDF/A-2a and PDF/UA-1.

        Raises:
            GlyphMissing: it holds characters that can't be shown; all of them are named.
        """
        return self._set(letter, "pdf")[0]

    def pictures(self, letter: Letter, ppi: float = 100) -> list[bytes]:
        """Return the letter's pages as PNG."""
        return self._set(letter, "png", ppi)

    def _set(self, letter: Letter, form: Literal["pdf", "png"], ppi: float | None = None) -> list[bytes]:
        told = printed(letter)
        texts = set(prose(told))
        unshowable = sorted({one for text in texts for one in text if unicodedata.category(one) in _NEVER_SHOWN})
        if unshowable:
            raise _missing(unshowable, letter)
        inputs = {"letter": msgspec.json.encode(told).decode(), "qr": code_of(letter)}
        try:
            made = self._compile(self._template, form, inputs, letter.why.as_of, ppi)
        except typst.TypstError as error:
            lacking = list(self._lacking("".join(texts)))
            if lacking:
                raise _missing(lacking, letter) from error
            raise
        return made if isinstance(made, list) else [made]

    def _compile(
        self, source: bytes, form: Literal["pdf", "png"], inputs: dict[str, str], day: str, ppi: float | None = None
    ) -> Any:  # noqa: ANN401  bytes, or a list of them for several pictures
        moment = datetime.fromisoformat(day).replace(tzinfo=UTC)
        standards = STANDARDS if form == "pdf" else []
        with self._one_at_a_time:
            return self._compiler.compile(
                source, format=form, ppi=ppi, sys_inputs=inputs, pdf_standards=standards, timestamp=moment
            )

    def _lacking(self, texts: Iterable[str]) -> Iterator[str]:
        """Yield each character that no font shows: typst names only the first, so each is tried by itself."""
        source = b'#set document(title: "-")\n#set text(lang: "zh", font: "Noto Serif SC")\n#sys.inputs.one'
        for one in sorted(set(texts)):
            try:
                self._compile(source, "pdf", {"one": f"{one}"}, "2000-01-01")
            except typst.TypstError:
                yield one


def code_of(letter: Letter) -> str:
    """Return the QR code of a letter as SVG: the page to check it at, else the grading's fingerprint."""
    out = io.BytesIO()
    code = segno.make(letter.address or f"sha256:{letter.hash}", error="m", micro=False)
    code.save(out, kind="svg", border=0, xmldecl=False, svgclass=None, lineclass=None)
    return out.getvalue().decode()


def _missing(characters: Sequence[str], letter: Letter) -> GlyphMissing:
    problems = tuple(
        Problem(
            f"U+{ord(one):04X}",
            "letter.character",
            f"`{one if one.isprintable() else ascii(one)[1:-1]}` ({unicodedata.name(one, 'no name')}) has no glyph",
            given=one if one.isprintable() else None,
        )
        for one in characters
    )
    named = ", ".join(problem.place for problem in problems)
    return GlyphMissing(
        f"the letter to `{letter.why.producer[:100]}` holds characters that no font shows: {named}",
        help="name a folder with a font that has them in SHUOLI_FONTS; Hanazono has most rare ideographs",
        problems=problems,
    )
