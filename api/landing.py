"""What the landing page lists: the producers that the public may see, searched, filtered and paged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from api.page_words import found
from api.requests import Lang
from casework.city import Standing
from explain.letter import ink
from explain.typography import begun, set_in
from knowledge.rulebook import Field, Rulebook

PER_PAGE: Final = 25
_MOST_COLUMNS: Final = 3
_NEAR: Final = 2
"""Pages linked on either side of the one that is shown."""


class Asked(msgspec.Struct, frozen=True):
    """What a visitor asks for; empty text asks for everything."""

    q: str = ""
    kind: str = ""
    region: str = ""
    grade: str = ""
    page: int = 1


class GradeMark(msgspec.Struct, frozen=True):
    """A grade as it is shown everywhere: letter, word and ink."""

    grade: str
    word: str
    colour: str


class Row(msgspec.Struct, frozen=True):
    """One producer of the list."""

    id: str
    address: str
    kind: str
    region: str
    attributes: tuple[str, ...]
    grade: GradeMark
    score: str
    as_of: str


class PageLink(msgspec.Struct, frozen=True):
    """A link to a page of the list; a gap has no number."""

    number: int | None
    address: str


class Found(msgspec.Struct, frozen=True):
    """One page of what was found, and how it is told."""

    rows: tuple[Row, ...]
    page: int
    pages: tuple[PageLink, ...]
    told: str


class Listing:
    """Everybody's standing as the public may see it, in one language."""

    def __init__(self, rulebook: Rulebook, standings: Mapping[str, Standing], lang: Lang) -> None:
        self._rulebook, self._lang = rulebook, lang
        self._everyone = standings
        self._listed = [one for one in standings.values() if is_public(rulebook, one.kind)]
        fields = [one for one in rulebook.attributes.values() if not one.personal and one.type in ("choice", "text")]
        self._fields = fields[:_MOST_COLUMNS]
        self._grades = grade_marks(rulebook, lang)

    def columns(self) -> tuple[str, ...]:
        """Return the headings of the attributes that the list shows."""
        labels = (field.label.in_language(self._lang) for field in self._fields)
        return tuple(begun(self._lang, set_in(self._lang, label)) for label in labels)

    def counts(self) -> list[dict[str, Any]]:
        """Return for each grade how many of all producers have it, natural persons included."""
        counted = Counter(one.grade for one in self._everyone.values())
        total = max(1, len(self._everyone))
        return [
            {"grade": mark, "count": counted[name], "share": f"{counted[name] * 100 / total:.1f}%"}
            for name, mark in self._grades.items()
        ]

    def kinds(self) -> list[tuple[str, str]]:
        """Return the kinds that may be listed, with their labels."""
        kinds = self._rulebook.kinds.items()
        return [(name, label.in_language(self._lang)) for name, label in kinds if is_public(self._rulebook, name)]

    def regions(self) -> list[tuple[str, str]]:
        """Return the regions of the producers listed."""
        return [(one, one) for one in sorted({one.region for one in self._listed if one.region})]

    def grades(self) -> list[tuple[str, str]]:
        """Return the grades, best first, with their words."""
        return [(name, f"{name} {mark.word}") for name, mark in self._grades.items()]

    def find(self, asked: Asked) -> Found:
        """Return the page asked for, the last one where there are fewer."""
        fits = list(self._fitting(asked))
        last = max(1, -(-len(fits) // PER_PAGE))
        page = min(max(1, asked.page), last)
        start = (page - 1) * PER_PAGE
        rows = tuple(map(self._row, fits[start : start + PER_PAGE]))
        said = [found(self._lang, "none")]
        if rows:
            said = [found(self._lang, "some", count=len(fits), first=start + 1, last=start + len(rows))]
        if withheld := len(self._everyone) - len(self._listed):
            said.append(found(self._lang, "withheld", count=withheld))
        between = "" if self._lang == "zh" else " "
        return Found(rows, page, tuple(self._links(asked, page, last)), between.join(said))

    def _fitting(self, asked: Asked) -> Iterable[Standing]:
        wanted = [(name, value) for name in ("kind", "region", "grade") if (value := getattr(asked, name))]
        terms = asked.q.casefold().split()
        for one in self._listed:
            if all(getattr(one, name) == value for name, value in wanted):
                said = "\n".join((one.id, *self._shown(one))).casefold() if terms else ""
                if all(term in said for term in terms):
                    yield one

    def _row(self, one: Standing) -> Row:
        mark = self._grades.get(one.grade, GradeMark(one.grade, "", "plain"))
        kind = self._rulebook.kinds[one.kind].in_language(self._lang)
        address = address_of(one.id, self._lang)
        return Row(one.id, address, kind, one.region, tuple(self._shown(one)), mark, str(one.score), one.as_of)

    def _shown(self, one: Standing) -> Iterator[str]:
        for field in self._fields:
            yield self._value(field, one.attributes.get(field.name))

    def _value(self, field: Field, value: object) -> str:
        if value is None:
            return ""
        choice = field.choices.get(str(value)) if field.type == "choice" else None
        return str(value) if choice is None else choice.in_language(self._lang)

    def _links(self, asked: Asked, page: int, last: int) -> Iterator[PageLink]:
        shown = [one for one in range(1, last + 1) if one in (1, last) or abs(one - page) <= _NEAR]
        for place, number in enumerate(shown):
            if place and number != shown[place - 1] + 1:
                yield PageLink(None, "")
            given = {name: value for name, value in msgspec.structs.asdict(asked).items() if value}
            yield PageLink(number, "/?" + urlencode({"lang": self._lang, **given, "page": number}))


def is_public(rulebook: Rulebook, kind: str) -> bool:
    """Say whether the public may see a producer of a kind: natural persons are withheld, and kinds unknown now."""
    return kind in rulebook.kinds and kind not in rulebook.natural_persons


def grade_marks(rulebook: Rulebook, lang: Lang) -> dict[str, GradeMark]:
    """Return every grade as it is shown, best first."""
    return {band.grade: GradeMark(band.grade, band.word.in_language(lang), ink(band.colour)) for band in rulebook.bands}


def address_of(producer_id: str, lang: Lang) -> str:
    """Return the address of a producer's page."""
    return f"/producers/{quote(producer_id, safe='')}?lang={lang}"
