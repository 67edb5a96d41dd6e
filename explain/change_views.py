"""What a comparison and a forecast consist of: frozen values, ready for JSON. Dates are ISO text.

Points are whole numbers or decimal text. Sentences stand on deductions and rules of one of the gradings: `before:D3`,
`after:rule:S14`, or `step1:D5` of one in between.
"""

from __future__ import annotations

import msgspec

from explain.phrases import Lang
from explain.views import Sentence


class Change(msgspec.Struct, frozen=True):
    """One part of a difference in score.

    `cause`: `time` (days passed), `facts` (some became known, ceased to count or were corrected), `rules` (another
    rulebook), `score` (how points become a score).
    `kind` of a deduction: `came`, `gone`, `changed` (it asks for other points) or `capped` (a cap leaves it others).
    `kind` under `score`: `start`, `proportion`, `denominator`, `rounding` or `bound`.
    `facts` are ids of those that this is due to.
    """

    cause: str
    kind: str
    standard: str | None
    rule: str | None
    points: int | str
    """What it adds to the score."""
    sentence: Sentence
    facts: tuple[str, ...] = ()


class GradeChange(msgspec.Struct, frozen=True):
    """A limit that came, went or fixes another grade, or the grade by score alone (`kind` `score`, `id` None)."""

    kind: str
    id: str | None
    change: str
    """`came`, `gone` or `changed`."""
    sentence: Sentence


class SideView(msgspec.Struct, frozen=True):
    """One of the gradings that are compared."""

    as_of: str
    known_at: str | None
    rulebook: str
    """`id@version`."""
    grade: str
    score: int | str


class Comparison(msgspec.Struct, frozen=True):
    """Two gradings of one producer; the points of `changes` add up to `points`, the difference in score."""

    lang: Lang
    producer: str
    before: SideView
    after: SideView
    way: tuple[SideView, ...]
    """The gradings in between, `step1` and so on, each of which differs from the last in day, facts or rulebook."""
    points: int | str
    sentence: Sentence
    changes: tuple[Change, ...]
    grade_changes: tuple[GradeChange, ...]


class ForecastDay(msgspec.Struct, frozen=True):
    """A day on which score or grade changes; `points` of `changes` add up to `points`.

    Sentences stand on the grading as of the day before (`before`), as of the day (`after`), or, where another version
    takes effect, as of the day under the version before (`step1`).
    """

    as_of: str
    rulebook: str
    grade: str
    score: int | str
    points: int | str
    sentence: Sentence
    changes: tuple[Change, ...]
    grade_changes: tuple[GradeChange, ...]


class Forecast(msgspec.Struct, frozen=True):
    """Score and grade on every day up to `until` on which they change, if nothing new becomes known."""

    lang: Lang
    producer: str
    as_of: str
    until: str
    """The last day that was looked at."""
    rulebook: str
    grade: str
    score: int | str
    sentence: Sentence
    days: tuple[ForecastDay, ...]
