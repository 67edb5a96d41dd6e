"""Gradings of the traced engine and of the columnar one, told in the same way, and where they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from engine.case import CaseFile
from engine.columnar import Columnar, Graded, population_of
from engine.evaluate import Evaluator
from engine.grading import Grading
from knowledge.problems import LimitExceeded
from knowledge.rulebook import Rulebook

Told: TypeAlias = dict[str, Any]


def told(rulebook: Rulebook, grading: Grading) -> Told:
    """Return what a grading comes to."""
    caps = {rule.id: rule.at_most for rule in rulebook.rules}
    most = {name: standard.points for name, standard in rulebook.standards.items()}
    asked: Counter[str] = Counter()
    for one in grading.deductions:
        asked[one.rule] += min(one.points, most[one.target]) if one.kind == "standard" else 0
    count = Counter(one.rule for one in grading.deductions)
    concluded = Counter((one.type, frozenset(one.values.items())) for one in (*grading.findings, *grading.consequences))
    return {
        "grade": (grading.grade, grading.score_grade, grading.score.value),
        "points": {one.id: one.points for one in grading.standards},
        "fired": {rule: (count[rule], _capped(asked[rule], caps[rule])) for rule in count},
        "limits": {(one.id, one.kind, one.grade) for one in (*grading.ceilings, *grading.vetoes)},
        "statuses": set(grading.statuses),
        "concluded": concluded,
    }


def _capped(points: int, cap: int | None) -> int:
    return points if cap is None else min(points, cap)


def told_by_row(graded: Graded) -> list[Told]:
    """Return likewise what everyone in a population came to, by row."""
    everyone: list[Told] = [
        {
            "grade": (row["grade"], row["score_grade"], row["score"]),
            "points": {},
            "fired": {},
            "limits": set(),
            "statuses": set(),
            "concluded": Counter(),
        }
        for row in graded.grades.iter_rows(named=True)
    ]
    for row in graded.points.iter_rows(named=True):
        everyone[row.pop("row")]["points"] = row
    for row in graded.fired.iter_rows(named=True):
        everyone[row["row"]]["fired"][row["rule"]] = (row["count"], row["points"])
    for row in graded.limits.iter_rows(named=True):
        everyone[row["row"]]["limits"].add((row["id"], row["kind"], row["grade"]))
    for row in graded.statuses.iter_rows(named=True):
        everyone[row["row"]]["statuses"].add(row["status"])
    for name, frame in graded.concluded.items():
        for row in frame.iter_rows(named=True):
            place = row.pop("row")
            values = frozenset((key, value) for key, value in row.items() if value is not None)
            everyone[place]["concluded"][name, values] += 1
    return everyone


def differences(rulebook: Rulebook, cases: Sequence[CaseFile], evaluator: Evaluator | None = None) -> Iterator[str]:
    """Yield how the engines differ on cases of one day; those that the traced engine refuses for size are left out."""
    own = evaluator or Evaluator(rulebook)
    graded = Columnar(rulebook).grade(population_of(rulebook, cases), cases[0].as_of)
    columns = told_by_row(graded)
    for row, case in enumerate(cases):
        try:
            grading = own.grade(case)
        except LimitExceeded:
            continue
        ours = told(rulebook, grading)
        for what, theirs in columns[row].items():
            if theirs != ours[what]:
                more, less = _only(theirs, ours[what]), _only(ours[what], theirs)
                yield f"{case.producer.id}: {what}: columns {more}, traced {less}"
    if evaluator is None:
        own.close()


def _only(these: Any, those: Any) -> Any:
    if isinstance(these, Counter):
        return dict(these - those)
    if isinstance(these, dict):
        return {key: value for key, value in these.items() if those.get(key) != value}
    return these - those if isinstance(these, set) else these
