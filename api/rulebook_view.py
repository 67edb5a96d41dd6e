"""A rulebook as clients see it: its standing, indicators, standards, grades and vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from knowledge.rulebook import Band, Field, Indicator, Rulebook, Scoring, Standard
from knowledge.rules import Text


class Words(msgspec.Struct, frozen=True, omit_defaults=True):
    """A text: Chinese always, English where the rulebook has it."""

    zh: str
    en: str | None = None


class IndicatorView(msgspec.Struct, frozen=True, omit_defaults=True):
    """An indicator of level 1 or 2; `points` in the rulebook's unit."""

    id: str
    label: Words
    points: int
    of: str | None = None
    block: str | None = None
    weight: int = 1
    at_most: int | None = None
    minimum: int | None = None
    otherwise: str | None = None


class StandardView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A standard, the level-2 indicator it belongs to, and the kinds it applies to (none given: all)."""

    id: str
    of: str
    label: Words
    points: int
    mode: str | None = None
    applies_to: tuple[str, ...] | None = None


class GradeView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A grade, best first in the list; `from` and `to` are scores, included; absent means open."""

    grade: str
    word: Words
    colour: str | None = None
    colour_word: Words | None = None
    from_: int | None = msgspec.field(default=None, name="from")
    to: int | None = None
    worst_single: int | None = None


class FieldView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A typed field; `minimum` and `maximum` as they stand in JSON (for text `maximum` is the longest length)."""

    name: str
    type: str
    label: Words
    optional: bool = False
    of: tuple[str, ...] = ()
    places: int = 0
    unit: str | None = None
    minimum: int | str | None = None
    maximum: int | str | None = None
    personal: bool = False


class FactTypeView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A type of fact, finding or consequence."""

    type: str
    label: Words
    fields: tuple[FieldView, ...]
    same_when: tuple[str, ...] = ()
    dated: str | None = None


class LabelledView(msgspec.Struct, frozen=True):
    """A named thing with its words: a kind, a status, a ceiling, a veto."""

    id: str
    label: Words


class ScoringView(msgspec.Struct, frozen=True, omit_defaults=True):
    """How points become a score."""

    start: int
    points: Literal["lost", "gained"]
    better: Literal["higher", "lower"]
    unit: Literal["whole", "tenths", "hundredths"]
    not_applicable: Literal["leaves_the_fraction", "keeps_its_points"]
    rounding: Literal["down", "up", "half_up"]
    floor: int | None = None
    ceiling: int | None = None


class RulebookSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version in the catalog. `effective_until` is the first day on which it is no longer in force."""

    id: str
    version: str
    title: Words
    status: Literal["official", "reconstruction", "draft"]
    effective_from: str
    sha256: str
    notice: Words | None = None
    effective_until: str | None = None


class RulebookView(RulebookSummary, frozen=True, omit_defaults=True, kw_only=True):
    """A whole rulebook version, but for its rules."""

    points_total: int
    scoring: ScoringView
    level1: tuple[IndicatorView, ...]
    level2: tuple[IndicatorView, ...]
    standards: tuple[StandardView, ...]
    grades: tuple[GradeView, ...]
    rules: int
    """How many rules there are."""
    kinds: tuple[LabelledView, ...]
    attributes: tuple[FieldView, ...]
    statuses: tuple[LabelledView, ...]
    facts: tuple[FactTypeView, ...]
    findings: tuple[FactTypeView, ...]
    consequences: tuple[FactTypeView, ...]
    ceilings: tuple[LabelledView, ...]
    vetoes: tuple[LabelledView, ...]


def summary(rulebook: Rulebook) -> RulebookSummary:
    """Return the rulebook's standing."""
    return RulebookSummary(
        id=rulebook.id,
        version=rulebook.version,
        title=_words(rulebook.title),
        status=rulebook.status,
        effective_from=_day(rulebook.effective_from),
        sha256=rulebook.sha256,
        notice=None if rulebook.notice is None else _words(rulebook.notice),
        effective_until=None if rulebook.effective_until is None else _day(rulebook.effective_until),
    )


def view(rulebook: Rulebook) -> RulebookView:
    """Return all of the rulebook but its rules."""
    types = {
        origin: tuple(
            FactTypeView(one.name, _words(one.label), _fields(one.fields.values()), one.same_when, one.dated)
            for one in rulebook.types.values()
            if one.origin == origin
        )
        for origin in ("fact", "finding", "consequence")
    }
    indicators = rulebook.indicators.values()
    statuses = {name: status.label for name, status in rulebook.fact_statuses.items()}
    return RulebookView(
        **msgspec.structs.asdict(summary(rulebook)),
        points_total=rulebook.points_total,
        scoring=_scoring(rulebook.scoring),
        level1=tuple(_indicator(one) for one in indicators if one.level == 1),
        level2=tuple(_indicator(one) for one in indicators if one.level == 2),
        standards=tuple(_standard(one) for one in rulebook.standards.values()),
        grades=tuple(_grade(band) for band in rulebook.bands),
        rules=len(rulebook.rules),
        kinds=_labelled(rulebook.kinds),
        attributes=_fields(rulebook.attributes.values()),
        statuses=_labelled(statuses),
        facts=types["fact"],
        findings=types["finding"],
        consequences=types["consequence"],
        ceilings=_labelled(rulebook.ceilings),
        vetoes=_labelled(rulebook.vetoes),
    )


def _words(text: Text) -> Words:
    return Words(text.zh, text.en)


def _day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


def _labelled(named: Mapping[str, Text]) -> tuple[LabelledView, ...]:
    return tuple(LabelledView(name, _words(text)) for name, text in named.items())


def _indicator(one: Indicator) -> IndicatorView:
    return IndicatorView(
        one.id,
        _words(one.label),
        one.points,
        one.parent,
        one.block,
        one.weight,
        one.at_most,
        one.minimum,
        one.otherwise,
    )


def _standard(one: Standard) -> StandardView:
    return StandardView(one.id, one.indicator, _words(one.label), one.points, one.mode, one.applies_to)


def _grade(band: Band) -> GradeView:
    colour_word = None if band.colour_word is None else _words(band.colour_word)
    return GradeView(
        band.grade, _words(band.word), band.colour, colour_word, band.low, band.high, worst_single=band.worst_single
    )


def _scoring(one: Scoring) -> ScoringView:
    return ScoringView(
        one.start, one.direction, one.better, one.unit, one.not_applicable, one.rounding, one.floor, one.ceiling
    )


def _fields(fields: Iterable[Field]) -> tuple[FieldView, ...]:
    return tuple(
        FieldView(
            one.name,
            one.type,
            _words(one.label),
            one.optional,
            tuple(one.choices),
            one.places,
            one.unit,
            _bound(one, one.minimum),
            _bound(one, one.maximum),
            one.personal,
        )
        for one in fields
    )


def _bound(one: Field, bound: int | None) -> int | str | None:
    """Return a bound as it is written in JSON: decimals and dates as strings."""
    if bound is None or one.type not in ("decimal", "date"):
        return bound
    return _day(bound) if one.type == "date" else f"{Decimal(bound).scaleb(-one.places):f}"
