"""The shape of each file of a rulebook as people write it. This is also where the JSON schemas come from.

Clauses, patterns and tests are open maps here, because their keys are names that the writer chose; the binder
reads those. Whatever is a fixed word is fixed here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, RootModel

IDENTIFIER = r"^[A-Za-z][A-Za-z0-9_.\-]{0,59}$"
NAME = r"^[a-z][a-z0-9_]{0,59}$"
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
DURATION = r"^[0-9]{1,4} (working days?|days?|weeks?|months?|years?)$"
LINK = r"^https?://[^\s<>\"']+$"
FILE = r"^[A-Za-z0-9_\-]+\.yaml$"
IN_WORDS = {
    IDENTIFIER: "letters, digits, `_`, `-` and `.`, beginning with a letter, at most 60",
    NAME: "lower-case letters, digits and `_`, beginning with a letter, at most 60",
    DAY: "a date such as `2026-03-01`",
    DURATION: "a length such as `12 months`, `90 days` or `5 working days`",
    LINK: "an address such as `https://…`",
    FILE: "a file beside rulebook.yaml, such as `calendar.yaml`",
}
"""What the patterns ask for, said to people."""

Identifier = Annotated[str, Field(pattern=IDENTIFIER)]
Name = Annotated[str, Field(pattern=NAME)]
Day = Annotated[str, Field(pattern=DAY)]
Points = Annotated[int, Field(ge=0, le=1_000_000)]
Total = Annotated[int, Field(ge=-(10**15), le=10**15)]
YesNo: TypeAlias = Literal["yes", "no"] | bool
Scalar: TypeAlias = str | int | Decimal | bool
Duration = Annotated[str, Field(pattern=DURATION)]


class Written(BaseModel):
    """A map whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class WrittenText(Written):
    """A text in Chinese and, where given, English."""

    zh: Annotated[str, Field(min_length=1)]
    en: Annotated[str, Field(min_length=1)] | None = None


AnyText: TypeAlias = WrittenText | Annotated[str, Field(min_length=1)]


class WrittenScoring(Written):
    """How points become a score."""

    start: Points
    points: Literal["lost", "gained"]
    better: Literal["higher", "lower"]
    floor: Total | None = None
    ceiling: Total | None = None
    unit: Literal["whole", "tenths", "hundredths"] = "whole"
    not_applicable: Literal["leaves_the_fraction", "keeps_its_points"] = "leaves_the_fraction"
    rounding: Literal["down", "up", "half_up"] = "half_up"


class WrittenLaw(Written):
    """An article of law."""

    title: AnyText
    article: str | int | None = None
    label: AnyText | None = None
    effective_from: Day | None = None
    effective_until: Day | None = None
    mark: str | None = None
    href: Annotated[str, Field(pattern=LINK)] | None = None


class WrittenRequire(Written):
    """Checks that a small rulebook may switch off."""

    law: YesNo = "yes"
    scenario: YesNo = "yes"


class WrittenHead(Written):
    """rulebook.yaml."""

    id: Identifier
    version: Annotated[str, Field(min_length=1, max_length=30)]
    title: AnyText
    status: Literal["official", "reconstruction", "draft"]
    notice: AnyText | None = None
    effective_from: Day
    effective_until: Day | None = None
    calendar: Annotated[str, Field(pattern=FILE)] | None = None
    scoring: WrittenScoring
    laws: dict[Identifier, WrittenLaw] = {}
    require: WrittenRequire = WrittenRequire()


class WrittenField(Written):
    """A field in full."""

    type: Literal["text", "choice", "whole", "decimal", "yes_no", "date"]
    label: AnyText | None = None
    of: list[Scalar] | dict[str, AnyText] | None = None
    ordered: YesNo = "no"
    optional: YesNo | None = None
    places: Annotated[int, Field(ge=0, le=12)] = 0
    unit: str | None = None
    min: Scalar | None = None
    max: Scalar | None = None
    personal: YesNo = "no"


AnyField: TypeAlias = WrittenField | Literal["text", "whole", "yes_no", "date"]


class WrittenKind(Written):
    """A kind of producer in full."""

    label: AnyText
    natural_person: YesNo = "no"


class WrittenStatus(Written):
    """A state of knowledge about a fact."""

    label: AnyText
    counts: YesNo


class WrittenSource(Written):
    """Where facts of a type come from."""

    system: str
    block: Literal["public", "industry"] | None = None


class WrittenLasts(BaseModel):
    """From when until when a state fact is active."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)
    start: Name = Field(alias="from")
    until: Name | None = None
    through: Name | None = None


class WrittenConclusion(Written):
    """A finding or consequence."""

    label: AnyText
    dated: Name | None = None
    lasts: WrittenLasts | None = None
    fields: dict[Name, AnyField] = {}


class WrittenFactType(WrittenConclusion):
    """A type of fact."""

    source: WrittenSource | None = None
    same_when: list[Name] = []
    tells: Literal["against", "for"] | None = None
    about: Literal["everyone"] | None = None


class WrittenVocabulary(Written):
    """vocabulary.yaml."""

    kinds: Annotated[dict[Name, WrittenKind | AnyText], Field(min_length=1)]
    attributes: dict[Name, AnyField] = {}
    statuses: dict[Name, WrittenStatus] = {}
    facts: Annotated[dict[Name, WrittenFactType], Field(min_length=1)]
    findings: dict[Name, WrittenConclusion] = {}
    consequences: dict[Name, WrittenConclusion] = {}
    producer_statuses: dict[Name, AnyText] = {}
    ceilings: dict[Identifier, AnyText] = {}
    vetoes: dict[Identifier, AnyText] = {}


class WrittenMinimum(Written):
    """What an indicator must reach, and the best grade otherwise."""

    points: Points
    otherwise: str


class WrittenLevel1(Written):
    """A level-1 indicator."""

    id: Identifier
    label: AnyText
    points: Points
    block: Literal["public", "industry"] | None = None
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    at_most: Points | None = None
    minimum: WrittenMinimum | None = None


class WrittenLevel2(WrittenLevel1):
    """A level-2 indicator."""

    of: Identifier


class WrittenStandard(Written):
    """A scoring standard."""

    id: Identifier
    of: Identifier
    label: AnyText
    points: Points
    mode: str | None = None
    applies_to: Annotated[list[Name], Field(min_length=1)] | None = None
    suspended_by: dict[str, Any] | None = None


class WrittenIndicators(Written):
    """indicators.yaml."""

    level1: Annotated[list[WrittenLevel1], Field(min_length=1)]
    level2: Annotated[list[WrittenLevel2], Field(min_length=1)]
    standards: Annotated[list[WrittenStandard], Field(min_length=1)]


class WrittenAggregate(Written):
    """What an aggregate looks at."""

    of: Name
    field: Name | None = None
    where: dict[Name, Any] = {}
    among: dict[Name, Any] = {}
    active: YesNo | None = None


class WrittenPointsLost(Written):
    """Standards and indicators whose points are added."""

    of: Annotated[list[Identifier], Field(min_length=1)]


Aggregated: TypeAlias = WrittenAggregate | Name


class WrittenMeasure(Written):
    """An entry of measures.yaml; exactly one way of computing it."""

    measure: Name
    label: AnyText
    count: Aggregated | None = None
    sum: Aggregated | None = None
    min: Aggregated | None = None
    max: Aggregated | None = None
    share: Aggregated | None = None
    latest: Aggregated | None = None
    first: Aggregated | None = None
    days_since: Aggregated | None = None
    distinct: Aggregated | None = None
    formula: str | int | None = None
    points_lost: WrittenPointsLost | None = None
    within: str | dict[str, Any] | None = None
    on: Name | None = None
    when_nothing: Scalar | None = None
    rounding: Literal["down", "up", "half_up"] | None = None
    unit: str | None = None
    per: Name | None = None


class WrittenRule(Written):
    """An entry of a file of rules; exactly one conclusion."""

    rule: Identifier | None = None
    finding: Name | None = None
    standard: Identifier | None = None
    ceiling: Identifier | None = None
    veto: Identifier | None = None
    status: Name | None = None
    consequence: Name | None = None
    for_each: dict[Name, dict[str, Any]] = {}
    when: list[dict[str, Any]] = []
    measure: Name | None = None
    lose: Points | list[dict[str, Any]] | dict[str, Any] | None = None
    gain: Points | list[dict[str, Any]] | dict[str, Any] | None = None
    at_most: Points | None = None
    gives: dict[Name, Any] = {}
    at_best: str | int | None = None
    grade: str | int | None = None
    until: AnyText | None = None
    because: AnyText | None = None
    law: Identifier | list[Identifier] = []
    remedy: Identifier | list[Identifier] = []
    applies_to: Annotated[list[Name], Field(min_length=1)] | None = None
    unknown: Literal["does_not_fire", "fires"] = "does_not_fire"
    shares_event: list[Identifier] = []


class WrittenDemand(Written):
    """More than a total that a band asks for."""

    indicator: Identifier
    at_least: Points | None = None
    at_most: Points | None = None


class WrittenBand(BaseModel):
    """A grade."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)
    grade: Annotated[str, Field(min_length=1, max_length=20)] | int
    word: AnyText
    colour: str | None = None
    colour_word: AnyText | None = None
    low: Total | None = Field(default=None, alias="from")
    to: Total | None = None
    up_to: Total | None = None
    worst_single: Points | None = None
    demands: list[WrittenDemand] = []


class WrittenRemedy(Written):
    """A deed."""

    remedy: Identifier
    text: AnyText
    effort: Annotated[int, Field(ge=1, le=5)]
    lead_time: Duration
    restores: list[Identifier] | dict[Identifier, Literal["all", "half"] | Annotated[int, Field(ge=1)]] = []
    recovers: Literal["now", "deed", "time"]
    ask: AnyText | None = None


class WrittenSpan(BaseModel):
    """Days from one to another, both included."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)
    start: Day = Field(alias="from")
    through: Day


Weekday: TypeAlias = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class WrittenCalendar(Written):
    """calendar.yaml."""

    id: Identifier
    first: Day
    last: Day
    weekend: list[Weekday]
    holidays: list[Day | WrittenSpan] = []
    worked: list[Day | WrittenSpan] = []
    source: AnyText | None = None


class Measures(RootModel[list[WrittenMeasure]]):
    """measures.yaml."""


class Rules(RootModel[list[WrittenRule]]):
    """A file of rules."""


class Bands(RootModel[Annotated[list[WrittenBand], Field(min_length=2)]]):
    """bands.yaml."""


class Remedies(RootModel[list[WrittenRemedy]]):
    """remedies.yaml."""
