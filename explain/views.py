"""What an explanation consists of: frozen values, ready for JSON. Dates are ISO text, points whole or decimal text."""

from __future__ import annotations

import msgspec

from explain.phrases import Lang


class Sentence(msgspec.Struct, frozen=True, gc=False):
    """A sentence and the deductions (`D1`) or rules (`rule:<id>`, for what did not fire) that it stands on."""

    text: str
    stands_on: tuple[str, ...]


class LawView(msgspec.Struct, frozen=True, gc=False):
    """An article of law, as it is cited."""

    id: str
    label: str
    href: str | None


class ValueView(msgspec.Struct, frozen=True, gc=False):
    """A value with its label, in words."""

    label: str
    value: str


class FactView(msgspec.Struct, frozen=True, gc=False):
    """A fact that a reason rests on: what it is, since when, from where, and in which state of knowledge."""

    id: str
    label: str
    date: str | None
    values: tuple[ValueView, ...]
    sources: tuple[str, ...]
    """The system and its own reference, with a space between them."""
    status: str


class Reason(msgspec.Struct, frozen=True):
    """One principal reason.

    `kind` is `veto`, `ceiling`, `indicator` (it missed its minimum; then `id` is the indicator) or `standard`.
    `until` is the first day on which it stops counting by itself, if it does.
    `remedies` are ids among the explanation's remedies. The newest of `facts_in_all` facts are shown.
    """

    kind: str
    id: str
    sentence: Sentence
    points: int | str
    facts: tuple[FactView, ...]
    facts_in_all: int
    law: tuple[LawView, ...]
    until: str | None
    remedies: tuple[str, ...]


class IndicatorReasons(msgspec.Struct, frozen=True):
    """An indicator with everything that counted in it, at level 2; level 1 has the sums."""

    id: str
    level: int
    label: str
    maximum: int | str
    points: int | str
    sentences: tuple[Sentence, ...]


class WhyNotHigher(msgspec.Struct, frozen=True):
    """What stands between this grade and the next one up. `points` are missing in the score, if any."""

    grade: str
    points: int | str
    sentences: tuple[Sentence, ...]


class RemedyView(msgspec.Struct, frozen=True):
    """A deed open to the producer; `done_by` if begun on the day of the grade; `grade` and `score` once it is done."""

    id: str
    sentence: Sentence
    standards: dict[str, int | str]
    points: int | str
    effort: int
    lead_time: str
    done_by: str | None
    """None where the calendar doesn't reach."""
    recovers: str
    ask: str | None
    score: int | str
    grade: str


class Explanation(msgspec.Struct, frozen=True):
    """The justification of one grading in one language."""

    lang: Lang
    producer: str
    as_of: str
    rulebook: str
    """`id@version`."""
    status: str
    """The rulebook's standing, in words."""
    notice: str | None
    grade: str
    word: str
    colour: str | None
    colour_word: str | None
    score: int | str
    sentence: Sentence
    reasons: tuple[Reason, ...]
    indicators: tuple[IndicatorReasons, ...]
    why_not_higher: WhyNotHigher | None
    """None for the best grade."""
    remedies: tuple[RemedyView, ...]
    together: tuple[int | str, str] | None
    """Score and grade once all remedies are done; None where there are none."""
    consequences: tuple[Sentence, ...]
    not_counted: tuple[Sentence, ...]
    """Standards that were left out, with why."""
    undecided: tuple[Sentence, ...]
    """Rules that could not be judged because a value is missing, with the values."""
    next_change_on: str | None
