"""Names that a reader can't tell apart: the Cyrillic А and the Latin A, full-width and plain letters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final

from knowledge.notes import Notes
from knowledge.rulebook import Field, Rulebook
from knowledge.source import Path

_SAME: Final = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухһԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧανορυ",
    "ABESIJKMHOPCTYXaesijopcyxhdqwABEZHIKMNOPTYXavopu",
)


def check_lookalikes(rulebook: Rulebook, notes: Notes) -> None:
    """Note grades of a scale, and choices of a field, that look like another one."""
    _check(((("bands.yaml", place, "grade"), band.grade) for place, band in enumerate(rulebook.bands)), "grade", notes)
    words: Any = notes.documents["vocabulary.yaml"].data
    _check_choices(rulebook.attributes, words.get("attributes") or {}, ("vocabulary.yaml", "attributes"), notes)
    for kind in rulebook.types.values():
        section = f"{kind.origin}s"
        written = (words.get(section) or {}).get(kind.name) or {}
        path: Path = ("vocabulary.yaml", section, kind.name, "fields")
        _check_choices(kind.fields, written.get("fields") or {}, path, notes)


def skeleton(name: str) -> str:
    r"""Return what a name looks like.

    >>> skeleton("\u0410\uff21") == skeleton("AA")
    True
    """
    return unicodedata.normalize("NFKC", name).translate(_SAME)


def _check_choices(fields: Mapping[str, Field], written: Mapping[str, Any], path: Path, notes: Notes) -> None:
    for name, field in fields.items():
        of = written[name].get("of") if isinstance(written.get(name), dict) else None
        keys = [(place if isinstance(of, list) else choice) for place, choice in enumerate(field.choices)]
        places = ((*path, name, "of", key) for key in keys)
        _check(zip(places, field.choices, strict=True), "choice", notes)


def _check(names: Iterable[tuple[Path, str]], what: str, notes: Notes) -> None:
    seen: dict[str, str] = {}
    for path, name in names:
        other = seen.setdefault(skeleton(name), name)
        if other != name:
            codes = " ".join(f"U+{ord(char):04X}" for char in name if char not in other)
            notes.add(
                path, "name.lookalike", f"{what} `{name}` looks like `{other}` and is another", given=name,
                expected="names that a reader can tell apart", help=f"it holds {codes}" if codes else None,
            )  # fmt: skip
