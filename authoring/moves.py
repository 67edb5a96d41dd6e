"""What is told of whom a change of rules moves: the whole, each mover, and the table to download."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import polars as pl

from engine.grading import Grading
from knowledge.problems import EngineDisagreement
from knowledge.rules import Text


class Version(msgspec.Struct, frozen=True):
    """A rulebook that is compared."""

    id: str
    version: str
    sha256: str
    grades: list[str]
    """Best first."""


class Part(msgspec.Struct, frozen=True):
    """Producers that share something: how many there are, and how many move, to a better or a worse grade."""

    name: str
    producers: int
    movers: int
    better: int
    worse: int


class StandardMove(msgspec.Struct, frozen=True):
    """What a standard loses (gains) in all, before and after, and for how many producers that is more or less."""

    id: str
    label: Text
    before: int
    after: int
    more: int
    less: int


class RuleMove(msgspec.Struct, frozen=True):
    """A rule that fires otherwise for movers: for how many of those that get worse, and better."""

    rule: str
    changed: bool
    """Whether it, or a measure that it reads, is written otherwise, or it stands in one of the two only."""
    worse: int
    better: int


class Line(msgspec.Struct, frozen=True):
    """Something that follows from a grade, or limits it, and for how many producers it comes or goes.

    `values` are those of a consequence's choices and numbers.
    """

    kind: Literal["consequence", "status", "ceiling", "veto", "indicator"]
    name: str
    values: dict[str, Any]
    label: Text | None
    comes: int
    goes: int


class RuleChange(msgspec.Struct, frozen=True):
    """How often a rule fires for a mover and what it asks for, before and after."""

    rule: str
    changed: bool
    count: tuple[int, int]
    points: tuple[int, int]


class Mover(msgspec.Struct, frozen=True, omit_defaults=True):
    """A producer whose grade is another one; where no rule fires otherwise, the scoring is what changes."""

    id: str
    kind: str
    region: str
    attributes: dict[str, Any]
    grade: tuple[str, str]
    score_grade: tuple[str, str]
    score: tuple[int, int]
    rules: list[RuleChange]
    comes: list[str] = []
    """Consequences, statuses and limits that it has afterwards alone; `goes` those that it had."""
    goes: list[str] = []


class Impact(msgspec.Struct, frozen=True):
    """Whom it moves. Scores and points are in the rulebooks' smallest units."""

    before: Version
    after: Version
    as_of: str
    producers: int
    """Those that have a grade under both."""
    refused: list[str]
    """Those that have none under one of them."""
    matrix: list[list[int]]
    """By grade before (rows) and after (columns), both best first."""
    same: int
    better: int
    worse: int
    scores: int
    """How many have another score."""
    by: dict[str, list[Part]]
    """By region, kind, attribute and `size`, which is how many facts are on record, in quarters.

    Attributes are told by value where they have few, numbers else in quarters, days by year; without a name those that
    have none.
    """
    standards: list[StandardMove]
    rules: list[RuleMove]
    lines: list[Line]
    movers: list[Mover]


def report(impact: Impact) -> dict[str, Any]:
    """Return an impact without the producers: what a publication carries in the log for ever."""
    told: dict[str, Any] = msgspec.to_builtins(impact)
    told["movers"] = len(impact.movers)
    told["refused"] = len(impact.refused)
    return told


def agree(mover: Mover, before: Grading, after: Grading) -> None:
    """See that a mover, graded with its trail, comes to what the columns say.

    Raises:
        EngineDisagreement: it doesn't.
    """
    for place, grading in enumerate((before, after)):
        columns = (mover.grade[place], mover.score_grade[place], mover.score[place])
        traced = (grading.grade, grading.score_grade, grading.score.value)
        if columns != traced:
            who = f"producer `{mover.id}`, rulebook {grading.rulebook_id} {grading.rulebook_version}"
            raise EngineDisagreement(f"columns and trail differ ({who})", chainer=str(traced), checker=str(columns))


def as_csv(impact: Impact) -> str:
    """Return the movers as a table for spreadsheets; no cell is taken for a formula."""
    names = list(dict.fromkeys(name for mover in impact.movers for name in mover.attributes))
    rows = [
        {
            "producer": _cell(mover.id),
            "kind": mover.kind,
            "region": _cell(mover.region),
            **{name: _cell(str(mover.attributes.get(name, ""))) for name in names},
            "grade_before": mover.grade[0],
            "grade_after": mover.grade[1],
            "score_before": mover.score[0],
            "score_after": mover.score[1],
            "rules": "; ".join(f"{one.rule} {_both(one.count)} ({_both(one.points)})" for one in mover.rules),
            "comes": "; ".join(mover.comes),
            "goes": "; ".join(mover.goes),
        }
        for mover in impact.movers
    ]
    texts = ["producer", "kind", "region", *names, "grade_before", "grade_after"]
    schema: dict[str, Any] = dict.fromkeys(texts, pl.String) | dict.fromkeys(("score_before", "score_after"), pl.Int64)
    schema |= dict.fromkeys(("rules", "comes", "goes"), pl.String)
    return pl.DataFrame(rows, schema=schema).write_csv(include_bom=True)


def _cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _both(pair: tuple[int, int]) -> str:
    return f"{pair[0]}→{pair[1]}"
