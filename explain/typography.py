"""Text as it is set in print: in Chinese the commas, colons and brackets of rulebooks become full-width."""

from __future__ import annotations

import re
from typing import Final

from explain.phrases import Lang

# Ideographs with what stands beside them, in all planes; not the Latin letters in between.
_HAN: Final = (
    "\u2014\u2018\u2019\u201c\u201d\u2026\u3001-\u303f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef"
    "\U00020000-\U0003ffff"
)
_WIDE: Final = {",": "\uff0c", ";": "\uff1b", ":": "\uff1a", "?": "\uff1f", "!": "\uff01"}
_BREAKS: Final = re.compile("[\t\n\v\f\r\x85\u2028\u2029]+")
_MARK: Final = re.compile(rf"(?<=[{_HAN}])([,;:?!]) ?|([,;:?!]) ?(?=[{_HAN}])")
_BRACKETS: Final = re.compile(rf" ?\(([^()]*[{_HAN}][^()]*)\) ?|(?<=[{_HAN}])\(([^()]*)\)")


def set_in(lang: Lang, text: str) -> str:
    """Return a text as it is set in print in a language: on one line, Chinese with its own marks."""
    text = _BREAKS.sub(" ", text)
    if lang != "zh":
        return text
    text = _BRACKETS.sub(lambda found: f"\uff08{found[1] or found[2] or ''}\uff09", text)
    return _MARK.sub(lambda found: _WIDE[found[1] or found[2]], text)


def begun(lang: Lang, text: str) -> str:
    """Return a text as a heading or label: in English its first letter is a capital."""
    return text[:1].upper() + text[1:] if lang == "en" else text
