"""Plans as frozen values, ready for JSON. Dates are ISO text, points whole or decimal text."""

from __future__ import annotations

import msgspec

from explain.phrases import Lang
from explain.views import Sentence, ValueView


class RecordView(msgspec.Struct, frozen=True):
    """What must be on record once a deed is done: `count` facts of a type, `new` or reported again, with values."""

    type: str
    label: str
    new: bool
    count: int
    values: tuple[ValueView, ...]
    """Of the first of them: all values of a new fact, those that change of one that is reported again."""


class StepView(msgspec.Struct, frozen=True):
    """One deed of a plan."""

    id: str
    sentence: Sentence
    effort: int
    done_on: str
    ask: str | None
    records: tuple[RecordView, ...]


class VersionView(msgspec.Struct, frozen=True):
    """What a version of the rulebook that is published for a later day makes of the plan.

    `grade` and `score` are as of `day`, None where the version can't read the facts; `holds` says whether the grade
    is still reached.
    """

    version: str
    effective_from: str
    day: str
    grade: str | None
    score: int | str | None
    holds: bool
    sentence: Sentence


class PlanView(msgspec.Struct, frozen=True):
    """Deeds that together bring the grade by `day`.

    `points` has for each standard how many points it loses (gains) less than with nothing done; `lifts` the ids of
    the limits that end.
    """

    steps: tuple[StepView, ...]
    effort: int
    day: str
    grade: str
    score: int | str
    without: tuple[str, int | str]
    """Grade and score on that day with nothing done."""
    points: dict[str, int | str]
    lifts: tuple[str, ...]
    sentence: Sentence
    versions: tuple[VersionView, ...]


class HealsView(msgspec.Struct, frozen=True):
    """From when on the grade is within reach where no plan reaches it now.

    `day` None: not up to `looked_until`. `undone` names what no deed can undo, with the day on which it ends.
    """

    day: str | None
    remedies: tuple[str, ...]
    looked_until: str
    days_looked_at: int
    undone: tuple[Sentence, ...]


class PlansView(msgspec.Struct, frozen=True):
    """What leads to a grade: `plans` least effort first, or `heals` where there is none.

    `all_found` says that there are no further plans.
    """

    lang: Lang
    producer: str
    as_of: str
    rulebook: str
    grade: str
    score: int | str
    to: str
    reached: bool
    sentence: Sentence
    plans: tuple[PlanView, ...]
    all_found: bool
    heals: HealsView | None
