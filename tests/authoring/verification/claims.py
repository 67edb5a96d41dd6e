"""What verification says is proved, put to cases that it hasn't seen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import polars as pl
from msgspec.structs import replace

from authoring.verification.report import Finding
from engine.case import CaseFile
from engine.columnar import Columnar, Graded, population_of
from knowledge.rulebook import Rulebook

Fired = dict[str, Counter[int]]
"""By rule: how often it fired, by row."""


def contradictions(rulebook: Rulebook, findings: Sequence[Finding], cases: Sequence[CaseFile]) -> Iterator[str]:
    """Yield what cases of one day contradict of what is said to hold in every case."""
    proven = [one for one in findings if one.proof != "graded" and one.code in CLAIMS]
    if proven:
        graded = _graded(rulebook, cases)
        fired = _fired(graded)
        for finding in proven:
            wrong = CLAIMS[finding.code](rulebook, finding, graded, fired, cases)
            if wrong:
                yield f"{finding.code}: {finding.text.en} But {wrong}"


def _graded(rulebook: Rulebook, cases: Sequence[CaseFile]) -> Graded:
    return Columnar(rulebook).grade(population_of(rulebook, cases), cases[0].as_of)


def _fired(graded: Graded) -> Fired:
    fired: Fired = {}
    for row, rule, count in graded.fired.select("row", "rule", "count").iter_rows():
        fired.setdefault(rule, Counter())[row] = count
    return fired


def _never_fires(_: Rulebook, finding: Finding, __: Graded, fired: Fired, ___: Sequence[CaseFile]) -> str:
    rows = fired.get(finding.concerns[0].id)
    return f"it fires in {len(rows)} cases" if rows else ""


def _never_given(_: Rulebook, finding: Finding, graded: Graded, __: Fired, ___: Sequence[CaseFile]) -> str:
    given = set(graded.grades["grade"].drop_nulls().to_list())
    return "it is given" if finding.concerns[0].id in given else ""


def _both_fire(book: Rulebook, finding: Finding, _: Graded, fired: Fired, __: Sequence[CaseFile]) -> str:
    first, second = (place.id for place in finding.concerns)
    rules = {rule.id: rule for rule in book.rules}
    ours, theirs = fired.get(first, Counter()), fired.get(second, Counter())
    each = rules[first].for_each and len(rules[first].for_each) == len(rules[second].for_each)
    lacking = [row for row, count in ours.items() if (theirs[row] < count if each else not theirs[row])]
    return f"in {len(lacking)} cases it doesn't" if lacking else ""


def _without(book: Rulebook, finding: Finding, graded: Graded, _: Fired, cases: Sequence[CaseFile]) -> str:
    """Leave out a limit: every grade must stay."""
    name = finding.concerns[0].id
    others = _graded(replace(book, rules=tuple(rule for rule in book.rules if rule.id != name)), cases)
    return _differ(graded.grades["grade"], others.grades["grade"])


def _uncapped(book: Rulebook, finding: Finding, graded: Graded, _: Fired, cases: Sequence[CaseFile]) -> str:
    """Leave out a cap: all points and scores must stay."""
    name = finding.concerns[0].id
    rules = tuple(replace(rule, at_most=None) if rule.id == name else rule for rule in book.rules)
    indicators = {
        key: replace(one, at_most=None) if key == name else one for key, one in book.indicators.items()
    }  # fmt: skip
    others = _graded(replace(book, rules=rules, indicators=indicators), cases)
    return _differ(graded.grades["score"], others.grades["score"])


def _reaches(book: Rulebook, finding: Finding, graded: Graded, _: Fired, __: Sequence[CaseFile]) -> str:
    name = finding.concerns[0].id
    told = re.search(r"reach (\d+)", finding.text.en or "")
    assert told is not None
    assert int(told[1]) < book.standards[name].points
    most = graded.points[name].max()
    return f"a case has {most}" if isinstance(most, int) and most > int(told[1]) else ""


def _differ(before: pl.Series, after: pl.Series) -> str:
    changed = int(
        (before.fill_null("–") != after.fill_null("–")).sum() if before.dtype == pl.String else (before != after).sum()
    )
    return f"without it {changed} cases come to something else" if changed else ""


CLAIMS = {
    "rule.unreachable": _never_fires, "grade.unreachable": _never_given, "rule.double": _both_fire,
    "limit.dominated": _without, "limit.idle": _without, "cap.idle": _uncapped, "points.short": _reaches,
}  # fmt: skip
