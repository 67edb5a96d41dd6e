"""The decision in writing: everything that a letter, or the page that shows it, says of one grading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from engine.case import CaseFile
from engine.grading import Grading, Verdict
from explain.explanation import explain
from explain.pasttrail import PastStep, StepView, past_year
from explain.phrases import Lang
from explain.phrases_letter import words
from explain.typography import begun, set_in
from explain.views import Explanation, ValueView
from explain.wording import Wording
from knowledge.rulebook import Band, Rulebook

COLOURS: Final = frozenset(("green", "blue", "yellow", "orange", "red", "grey"))
"""The colours that letters and pages have an ink for; others are shown in the ink of the text."""
_AS_IT_IS: Final = frozenset(("hash", "address", "id", "href", "colour", "stands_on", "lang", "rulebook", "at"))
"""Keys whose text is no prose."""


class Filing(msgspec.Struct, frozen=True):
    """What the ledger holds of a grading, and where it can be checked.

    `hash` is that of the stored grading with this outcome. Where there is none, `kept` is no, and it is the grading's.
    `address` is the page that a reader may check it at, None where this installation has no public address.
    """

    hash: str
    kept: bool
    steps: tuple[PastStep, ...] = ()
    address: str | None = None
    issuer: str | None = None


class GradeView(msgspec.Struct, frozen=True):
    """One grade of the scale: its letter, words, ink, and the scores that reach it."""

    grade: str
    word: str
    colour_word: str | None
    colour: str
    scores: str
    held: bool


class RightView(msgspec.Struct, frozen=True):
    """What the producer may do, with the articles in force that it rests on."""

    title: str
    text: str
    law: tuple[str, ...]


class Letter(msgspec.Struct, frozen=True):
    """A decision letter in one language; `words` are its headings and fixed sentences."""

    lang: Lang
    words: Mapping[str, str]
    why: Explanation
    deeds: Mapping[str, str]
    """What each remedy asks for, by its id, in the rulebook's words alone."""
    day: str
    known_at: str | None
    rulebook_title: str
    rulebook_version: str
    direction: str
    producer: tuple[ValueView, ...]
    scale: tuple[GradeView, ...]
    rights: tuple[RightView, ...]
    trail: tuple[StepView, ...]
    hash: str
    kept: bool
    address: str | None
    issuer: str | None


def compose(
    rulebook: Rulebook,
    case: CaseFile,
    grading: Grading,
    verdicts: Sequence[Verdict],
    lang: Lang,
    filing: Filing,
    *,
    personal: bool = False,
) -> Letter:
    """Return the letter about a grading; values of personal fields are withheld unless `personal`."""
    word = Wording(rulebook, case, grading, lang, personal=personal)
    return Letter(
        lang=lang,
        words=words(lang),
        why=_grouped(explain(rulebook, case, grading, verdicts, lang, personal=personal), rulebook),
        deeds={one.id: word.text(rulebook.remedies[one.id].text) for one in grading.remedies},
        day=word.day(grading.as_of),
        known_at=case.known_at,
        rulebook_title=word.text(rulebook.title),
        rulebook_version=rulebook.version,
        direction=rulebook.scoring.direction,
        producer=tuple(_producer(word, case)),
        scale=tuple(_grade(word, band, held=band.grade == grading.grade) for band in rulebook.bands),
        rights=tuple(_rights(word, grading.as_of)),
        trail=past_year(filing.steps, grading.as_of, rulebook, lang),
        hash=filing.hash,
        kept=filing.kept,
        address=filing.address,
        issuer=filing.issuer,
    )


def printed(letter: Letter) -> dict[str, Any]:
    """Return the letter as JSON has it, its prose as it is set in print."""
    told: dict[str, Any] = msgspec.to_builtins(letter)
    return {key: _printed(value, letter.lang, key) for key, value in told.items()}


def prose(told: object) -> Iterator[str]:
    """Yield every text of a letter that was `printed`."""
    if isinstance(told, str):
        yield told
    elif isinstance(told, Mapping):
        for value in told.values():
            yield from prose(value)
    elif isinstance(told, Sequence):
        for value in told:
            yield from prose(value)


def ink(colour: str | None) -> str:
    """Return the name of the ink for a rulebook's colour: one of COLOURS, or `plain`."""
    return colour if colour in COLOURS else "plain"


def _printed(told: Any, lang: Lang, key: str) -> Any:  # noqa: ANN401  JSON
    if isinstance(told, str):
        return told if key in _AS_IT_IS else set_in(lang, told)
    if isinstance(told, dict):
        return {name: _printed(value, lang, name) for name, value in told.items()}
    if isinstance(told, list | tuple):
        return [_printed(value, lang, key) for value in told]
    return told


def _grouped(why: Explanation, rulebook: Rulebook) -> Explanation:
    """Return an explanation with each indicator of level 2 below its own of level 1."""
    place = {name: number for number, name in enumerate(rulebook.indicators)}

    def below(name: str) -> tuple[int, int]:
        parent = rulebook.indicators[name].parent
        return (place[name], -1) if parent is None else (place[parent], place[name])

    indicators = tuple(sorted(why.indicators, key=lambda one: below(one.id)))
    return replace(why, status=begun(why.lang, why.status), indicators=indicators)


def _producer(word: Wording, case: CaseFile) -> Iterator[ValueView]:
    """Yield what identifies the producer: its id, kind and region, and its attributes in the rulebook's order."""
    rulebook, producer = word.rulebook, case.producer
    labels = words(word.lang)
    yield ValueView(labels["producer"], producer.id)
    yield ValueView(labels["kind"], word.text(rulebook.kinds[producer.kind]))
    if producer.region:
        yield ValueView(labels["region"], producer.region)
    for name, field in rulebook.attributes.items():
        if producer.attributes.get(name) is not None:
            yield ValueView(begun(word.lang, word.text(field.label)), word.value(field, producer.attributes[name]))


def _grade(word: Wording, band: Band, *, held: bool) -> GradeView:
    low, high = (None if end is None else word.points(end) for end in (band.low, band.high))
    ends = [end for end in (low, high) if end is not None]
    scores = "–".join(ends) if len(ends) != 1 else f"≤ {ends[0]}" if low is None else f"≥ {ends[0]}"
    colour_word = None if band.colour_word is None else word.text(band.colour_word)
    return GradeView(band.grade, word.text(band.word), colour_word, ink(band.colour), scores, held)


def _rights(word: Wording, as_of: int) -> Iterator[RightView]:
    """Yield the rulebook's rights; one that rests on articles none of which is in force on the day is left out."""
    laws = word.rulebook.laws
    for right in word.rulebook.rights:
        cited = [laws[name] for name in right.law]
        valid = [law for law in cited if law.in_force(as_of)]
        if valid or not cited:
            yield RightView(word.text(right.title), word.text(right.text), tuple(word.text(law.label) for law in valid))
