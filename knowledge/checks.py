"""What can be known to be wrong with a rulebook before any producer is graded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from knowledge.binding import Notes, yes
from knowledge.problems import nearest
from knowledge.rulebook import (
    Const,
    OutcomeTest,
    Pattern,
    Ref,
    Rule,
    Rulebook,
    SteppedPoints,
    TablePoints,
    Test,
    Value,
)
from knowledge.source import Path
from knowledge.strata import Cycle, clauses_of, patterns_of, stratify

_BRACE = re.compile(r"\{([^{}]*)\}|[{}]")
_POINT_WORDS = {"points", "as_of", "group"}
_LOW: Mapping[str, int] = {"lt": -1, "le": 0}


def check_meaning(rulebook: Rulebook, notes: Notes) -> None:
    """Note everything that is wrong with what the files mean together."""
    places = _rule_places(rulebook, notes)
    _check_head(rulebook, notes)
    _check_points(rulebook, notes)
    _check_bands(rulebook, notes)
    _check_remedies(rulebook, notes)
    _check_standards(rulebook, notes)
    seen: dict[str, Path] = {}
    head: Any = notes.documents["rulebook.yaml"].data
    requires = head.get("require") or {}
    for rule in rulebook.rules:
        path = places[rule.index]
        if rule.id in seen:
            notes.add(
                path, "rule.duplicate", f"rule id `{rule.id}` is used twice", given=rule.id,
                help="give one of them its own `rule: <id>`",
            )  # fmt: skip
        seen[rule.id] = path
        _check_rule(rulebook, rule, path, notes)
        if rule.kind in ("standard", "ceiling", "veto") and not rule.law and yes(requires.get("law", "yes")):
            notes.add(
                path, "rule.without_law", f"rule `{rule.id}` names no law", expected="`law: [<id>]`",
                help="or set `require: {law: no}` in rulebook.yaml",
            )  # fmt: skip
    try:
        stratify(rulebook.rules, rulebook.measures, rulebook.standards, rulebook.types)
    except Cycle as cycle:
        guilty = next((places[rule.index] for rule in rulebook.rules if rule.id in cycle.names), ("rulebook.yaml",))
        notes.add(
            guilty, "strata.cycle", f"this waits for itself: {cycle}", given=str(cycle),
            help="an absence or a measure can't look at what depends on it",
        )  # fmt: skip


def _rule_places(rulebook: Rulebook, notes: Notes) -> dict[int, Path]:
    files = sorted(name for name in notes.documents if name.startswith("rules/"))
    places: list[Path] = []
    for name in files:
        data = notes.documents[name].data
        places += [(name, place) for place in range(len(data) if isinstance(data, list) else 0)]
    return {rule.index: places[rule.index] for rule in rulebook.rules}


def _check_head(rulebook: Rulebook, notes: Notes) -> None:
    path: Path = ("rulebook.yaml",)
    if rulebook.status != "official" and rulebook.notice is None:
        notes.add(path, "shape.missing_key", "key `notice` is missing", expected="`notice: {zh: …}`")
    if rulebook.effective_until is not None and rulebook.effective_until <= rulebook.effective_from:
        notes.add((*path, "effective_until"), "version.dates", "the rulebook ends before it begins")
    for law in rulebook.laws.values():
        if law.article is None and law.label.zh == f"《{law.title.zh}》":
            notes.add(
                (*path, "laws", law.id), "law.without_article", f"law `{law.id}` names no article",
                expected="`article: …`", help="or give it a `label` of its own",
            )  # fmt: skip


def _check_points(rulebook: Rulebook, notes: Notes) -> None:
    sums = dict.fromkeys(rulebook.indicators, 0)
    seen: set[str] = set()
    for standard in rulebook.standards.values():
        _add(sums, standard.indicator, standard.points)
    for level, key in ((2, "level2"), (1, "level1")):
        indicators: Any = notes.documents["indicators.yaml"].data
        for place, data in enumerate(indicators[key]):
            indicator = rulebook.indicators[data["id"]]
            path = ("indicators.yaml", key, place)
            if indicator.id in seen:
                notes.add((*path, "id"), "name.duplicate", f"indicator `{indicator.id}` stands twice")
            seen.add(indicator.id)
            if indicator.points != sums[indicator.id]:
                notes.add(
                    (*path, "points"), "points.sum",
                    f"`{indicator.id}` holds {indicator.points} points, what hangs below {sums[indicator.id]}",
                    given=indicator.points, expected=str(sums[indicator.id]),
                )  # fmt: skip
            if indicator.otherwise is not None and indicator.otherwise not in _grades(rulebook):
                notes.unknown((*path, "minimum", "otherwise"), "grade", indicator.otherwise, _grades(rulebook))
            if level == 2:
                level1 = [i.id for i in rulebook.indicators.values() if i.level == 1]
                if indicator.parent not in level1:
                    notes.unknown((*path, "of"), "level-1 indicator", indicator.parent, level1)
                _add(sums, indicator.parent or "", indicator.points)


def _add(sums: dict[str, int], name: str, points: int) -> None:
    if name in sums:
        sums[name] += points


def _grades(rulebook: Rulebook) -> list[str]:
    return [band.grade for band in rulebook.bands]


def _check_bands(rulebook: Rulebook, notes: Notes) -> None:
    scoring = rulebook.scoring
    seen: set[str] = set()
    most = sum(s.points for s in rulebook.standards.values())
    lowest, highest = (
        (scoring.start - most, scoring.start) if scoring.direction == "lost" else (scoring.start, scoring.start + most)
    )
    lowest = max(lowest, scoring.floor) if scoring.floor is not None else lowest
    highest = min(highest, scoring.ceiling) if scoring.ceiling is not None else highest
    edge: int | None = None
    beyond = "below" if scoring.better == "higher" else "above"
    for place, band in enumerate(rulebook.bands):
        path = ("bands.yaml", place)
        if band.grade in seen:
            notes.add((*path, "grade"), "name.duplicate", f"grade `{band.grade}` stands twice")
        seen.add(band.grade)
        last = place == len(rulebook.bands) - 1
        bound = band.low if scoring.better == "higher" else band.high
        if bound is None and not last:
            wanted = "from" if scoring.better == "higher" else "up_to"
            notes.add(
                path,
                "bands.unreachable",
                f"grade `{band.grade}` takes every score, and grades follow it",
                expected=f"`{wanted}: …`",
            )
            continue
        _check_edges(rulebook, band.grade, (band.low, band.high), edge, path, notes)
        if bound is not None and not lowest <= bound <= highest and not (last and bound <= lowest):
            notes.add(
                path, "bands.unreachable", f"no score reaches {bound}", given=bound, expected=f"{lowest} to {highest}"
            )
        if last and bound is not None and (bound > lowest if scoring.better == "higher" else bound < highest):
            notes.add(
                path, "bands.gap", f"no grade takes scores {beyond} {bound}",
                given=bound, help="leave the last band open",
            )  # fmt: skip
        edge = bound
        for number, demand in enumerate(band.demands):
            if demand.indicator not in rulebook.indicators:
                notes.unknown(
                    (*path, "demands", number, "indicator"), "indicator", demand.indicator, rulebook.indicators
                )


def _check_edges(
    rulebook: Rulebook, grade: str, ends: tuple[int | None, int | None], edge: int | None, path: Path, notes: Notes
) -> None:
    if edge is None:
        return
    low, high = ends
    if rulebook.scoring.better == "higher":
        if low is not None and low >= edge:
            notes.add(path, "bands.overlap", f"grade `{grade}` begins at {low}, not below the band above it", given=low)
        elif high is not None and high < edge - 1:
            notes.add(path, "bands.gap", f"no grade takes {high + 1} to {edge - 1}", given=high, expected=str(edge - 1))
        elif high is not None and high >= edge:
            notes.add(
                path,
                "bands.overlap",
                f"grade `{grade}` reaches into the band above it",
                given=high,
                expected=str(edge - 1),
            )
    elif high is not None and high < edge:
        notes.add(path, "bands.overlap", f"grade `{grade}` ends at {high}, before the band above it", given=high)


def _check_remedies(rulebook: Rulebook, notes: Notes) -> None:
    written: Any = notes.documents["remedies.yaml"].data if "remedies.yaml" in notes.documents else []
    used = {name: {rule.target for rule in rulebook.rules if name in rule.remedies} for name in rulebook.remedies}
    ids = [data["remedy"] for data in written or ()]
    for place, name in enumerate(ids):
        path: Path = ("remedies.yaml", place)
        if ids.index(name) < place:
            notes.add((*path, "remedy"), "name.duplicate", f"remedy `{name}` stands twice")
            continue
        remedy = rulebook.remedies[str(name)]
        for standard in remedy.restores:
            if standard not in rulebook.standards:
                notes.unknown((*path, "restores", standard), "standard", standard, rulebook.standards)
        if not used[remedy.id]:
            notes.add(path, "remedy.restores_nothing", f"no rule names remedy `{name}`", help="name it under `remedy`")
        elif remedy.restores and not set(remedy.restores) & used[remedy.id]:
            notes.add(
                (*path, "restores"), "remedy.restores_nothing",
                f"remedy `{name}` restores {', '.join(remedy.restores)}, and no rule of these names it",
                given=", ".join(remedy.restores), expected=", ".join(sorted(used[remedy.id])),
            )  # fmt: skip


def _check_standards(rulebook: Rulebook, notes: Notes) -> None:
    with_rule = {rule.target for rule in rulebook.rules if rule.kind == "standard"}
    for place, standard in enumerate(rulebook.standards.values()):
        path = ("indicators.yaml", "standards", place)
        if standard.id not in with_rule:
            notes.add(path, "standard.without_rule", f"no rule decides standard `{standard.id}`", given=standard.id)
        if standard.indicator not in rulebook.indicators or rulebook.indicators[standard.indicator].level != 2:
            level2 = [i.id for i in rulebook.indicators.values() if i.level == 2]
            notes.unknown((*path, "of"), "level-2 indicator", standard.indicator, level2)


def _check_rule(rulebook: Rulebook, rule: Rule, path: Path, notes: Notes) -> None:  # noqa: C901  a list of checks
    _check_texts(rulebook, rule, path, notes)
    for clause in clauses_of(rule.when):
        if isinstance(clause, OutcomeTest) and rule.kind != "consequence":
            notes.add(
                path, "outcome.not_consequence", f"`{clause.label}` looks at the grade that `{rule.id}` helps decide",
                given=clause.label, help="only consequence rules may look at the outcome",
            )  # fmt: skip
    for pattern, absent in patterns_of(rule):
        kind = rulebook.types[pattern.type]
        if kind.origin == "consequence" and rule.kind != "consequence":
            notes.add(path, "outcome.not_consequence", f"`{rule.id}` reads `{kind.name}`, which comes after the grade")
        if contradiction := next(_contradictions(pattern.tests), None):
            notes.add(
                path, "rule.dead", f"no fact can meet `{pattern.alias}`: {contradiction}", given=contradiction,
                help="one of its tests is wrong",
            )  # fmt: skip
        _check_optional(rulebook, rule, pattern, absent, path, notes)
    if isinstance(rule.points, SteppedPoints):
        for step in rule.points.steps:
            _check_size(rulebook, rule, step.points, path, notes)
    elif isinstance(rule.points, TablePoints):
        for points in rule.points.points.values():
            _check_size(rulebook, rule, points, path, notes)
    for name in rule.law:
        law = rulebook.laws.get(name)
        if law is not None and law.effective_until is not None and law.effective_until <= rulebook.effective_from:
            ended = date.fromordinal(law.effective_until).isoformat()
            notes.add((*path, "law"), "law.not_in_force", f"law `{name}` ended on {ended}", given=name)


def _check_size(rulebook: Rulebook, rule: Rule, points: int, path: Path, notes: Notes) -> None:
    most = rulebook.standards[rule.target].points
    if points > most:
        notes.add(
            path, "points.exceed", f"`{rule.target}` holds {most} points and can't lose {points}",
            given=points, expected=f"at most {most}",
        )  # fmt: skip


def _check_optional(rulebook: Rulebook, rule: Rule, pattern: Pattern, absent: bool, path: Path, notes: Notes) -> None:
    """An absence, or a rule where unknown fires, must know what it compares."""
    if not absent and not rule.unknown_fires:
        return
    fields = rulebook.types[pattern.type].fields
    given = {test.name for test in pattern.tests if test.op == "present"}
    for test in pattern.tests:
        operand = test.operand
        joined = isinstance(operand, Ref) and operand.source not in ("this", "as_of", "producer", pattern.alias)
        if joined and fields[test.name].optional and test.name not in given:
            notes.add(
                path, "absence.optional_field", f"`{pattern.alias}` compares `{test.name}`, which may be missing",
                given=test.name, help=f"add `{test.name}: {{present: yes, …}}` or make the field required",
            )  # fmt: skip


def _check_texts(rulebook: Rulebook, rule: Rule, path: Path, notes: Notes) -> None:
    if rule.because is None:
        return
    fields = {pattern.alias: rulebook.types[pattern.type].fields for pattern in rule.for_each}
    known = [f"{alias}.{name}" for alias, names in fields.items() for name in names]
    known += [
        *rulebook.measures,
        *_POINT_WORDS,
        *(f"producer.{name}" for name in ("kind", "region", *rulebook.attributes)),
    ]
    for lang, words in (("zh", rule.because.zh), ("en", rule.because.en or "")):
        for found in _BRACE.finditer(words):
            name = found[1]
            if name is None or name not in known:
                near = nearest(name or "", known)
                notes.add(
                    (*path, "because", lang), "text.brace", f"`{found[0]}` names nothing", given=found[0],
                    expected="alias.field of `for_each`, a measure, points, as_of, group or producer.attribute",
                    help=f"did you mean `{{{near}}}`?" if near else None,
                )  # fmt: skip


def _contradictions(tests: Sequence[Test]) -> Iterator[str]:
    """Yield pairs of tests on one field that no value meets."""
    allowed: dict[str, set[Value]] = {}
    low: dict[str, int] = {}
    high: dict[str, int] = {}
    presence: dict[str, set[str]] = {}
    for test in tests:
        presence.setdefault(test.name, set()).add("missing" if test.op == "missing" else "given")
        if len(presence[test.name]) == 2:
            yield f"`{test.name}` would have to be missing and given"
        values = _only(test)
        if values is not None:
            allowed[test.name] = allowed.get(test.name, values) & values
            if not allowed[test.name]:
                yield f"`{test.name}` would have to be two things at once"
        if (
            isinstance(test.operand, Const)
            and isinstance(test.operand.value, int)
            and not isinstance(test.operand.value, bool)
        ):
            value = test.operand.value
            if test.op in ("gt", "ge"):
                low[test.name] = max(low.get(test.name, value), value + (test.op == "gt"))
            elif test.op in _LOW:
                high[test.name] = min(high.get(test.name, value), value + _LOW[test.op])
            if test.name in low and test.name in high and low[test.name] > high[test.name]:
                yield f"`{test.name}` has no value between its bounds"


def _only(test: Test) -> set[Value] | None:
    if test.op == "in" and isinstance(test.operand, tuple):
        return set(test.operand)
    if test.op == "eq" and isinstance(test.operand, Const):
        return {test.operand.value}
    return None
