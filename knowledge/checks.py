"""What can be known to be wrong with a rulebook before any producer is graded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from knowledge.binding import Notes, yes
from knowledge.rulebook import Remedy, Rulebook
from knowledge.rulechecks import check_rule
from knowledge.rules import Match
from knowledge.source import Path
from knowledge.strata import Cycle, clauses_of, patterns_of, stratify


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
                help=f"the first stands in {_line(notes, seen[rule.id])}; give one of them its own `rule: <id>`",
            )  # fmt: skip
        seen[rule.id] = path
        check_rule(rulebook, rule, path, notes)
        if rule.kind in ("standard", "ceiling", "veto") and not rule.law and yes(requires.get("law", "yes")):
            notes.add(
                path, "rule.without_law", f"rule `{rule.id}` names no law", expected="`law: [<id>]`",
                help="or set `require: {law: no}` in rulebook.yaml",
            )  # fmt: skip
    _check_recursion(rulebook, places, notes)
    try:
        stratify(rulebook.rules, rulebook.measures, rulebook.standards, rulebook.types)
    except Cycle as cycle:
        guilty = next((places[rule.index] for rule in rulebook.rules if rule.id in cycle.names), ("rulebook.yaml",))
        notes.add(
            guilty, "strata.cycle", f"this waits for itself: {cycle}", given=str(cycle),
            help="an absence or a measure can't look at what depends on it",
        )  # fmt: skip


def _line(notes: Notes, path: Path) -> str:
    return notes.documents[str(path[0])].place(path[1:]).rpartition(":")[0]


def _check_recursion(rulebook: Rulebook, places: Mapping[int, Path], notes: Notes) -> None:
    """Note rules that take for complete, under `when`, what they help to conclude."""
    needs: dict[str, set[str]] = {}
    for rule in rulebook.rules:
        if rule.kind in ("finding", "consequence"):
            needs.setdefault(rule.target, set()).update(pattern.type for pattern, _ in patterns_of(rule))
    for rule in rulebook.rules:
        for clause in clauses_of(rule.when):
            way = _way(needs, clause.pattern.type, rule.target) if isinstance(clause, Match) else ()
            if way and rule.kind in ("finding", "consequence"):
                shown = " → ".join((rule.target, *way))
                notes.add(
                    (*places[rule.index], "when"), "strata.cycle", f"this waits for itself: {shown}", given=shown,
                    help="a finding may depend on itself only through `for_each`",
                )  # fmt: skip


def _way(needs: Mapping[str, set[str]], start: str, goal: str) -> tuple[str, ...]:
    ways: dict[str, tuple[str, ...]] = {start: (start,)}
    todo = [start]
    while todo:
        name = todo.pop(0)
        if name == goal:
            return ways[name]
        for need in sorted(needs.get(name, set()) - set(ways)):
            ways[need] = (*ways[name], need)
            todo.append(need)
    return ()


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
    written: Any = notes.documents["bands.yaml"].data
    beyond = "below" if scoring.better == "higher" else "above"
    for place, band in enumerate(rulebook.bands):
        path: Path = ("bands.yaml", place)
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
        _check_words(rulebook, written[place], path, notes)
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


def _check_words(rulebook: Rulebook, written: Mapping[str, Any], path: Path, notes: Notes) -> None:
    """Note bounds that only the other direction of scores has, and demands that demand nothing."""
    better = rulebook.scoring.better
    for key in ("from", "to") if better == "lower" else ("up_to",):
        if written.get(key) is not None:
            right = "up_to" if better == "lower" else "from"
            line = f"where {better} is better, a grade has `{right}`"
            notes.add((*path, key), "shape.unknown_key", f"`{key}` has no effect here", given=key, help=line)
    for number, demand in enumerate(written.get("demands") or ()):
        if demand.get("at_least") is None and demand.get("at_most") is None:
            notes.add(
                (*path, "demands", number), "shape.missing_key", "a demand needs `at_least` or `at_most`",
                expected="`at_least: …`",
            )  # fmt: skip


def _check_edges(
    rulebook: Rulebook, grade: str, ends: tuple[int | None, int | None], edge: int | None, path: Path, notes: Notes
) -> None:
    low, high = ends
    if low is not None and high is not None and high < low:
        notes.add(path, "bands.overlap", f"grade `{grade}` ends at {high}, before it begins at {low}", given=high)
    if edge is None:
        return
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
        _check_lead(rulebook, remedy, path, notes)
        if not used[remedy.id]:
            notes.add(path, "remedy.restores_nothing", f"no rule names remedy `{name}`", help="name it under `remedy`")
        elif remedy.restores and not set(remedy.restores) & used[remedy.id]:
            notes.add(
                (*path, "restores"), "remedy.restores_nothing",
                f"remedy `{name}` restores {', '.join(remedy.restores)}, and no rule of these names it",
                given=", ".join(remedy.restores), expected=", ".join(sorted(used[remedy.id])),
            )  # fmt: skip


def _check_lead(rulebook: Rulebook, remedy: Remedy, path: Path, notes: Notes) -> None:
    if remedy.lead_time.unit == "working_days" and rulebook.calendar is None:
        notes.add(
            (*path, "lead_time"), "calendar.missing", "working days are counted, but the rulebook names no calendar",
            help="add `calendar: calendar.yaml` to rulebook.yaml",
        )  # fmt: skip


def _check_standards(rulebook: Rulebook, notes: Notes) -> None:
    with_rule = {rule.target for rule in rulebook.rules if rule.kind == "standard"} | notes.broken
    level2 = [indicator.id for indicator in rulebook.indicators.values() if indicator.level == 2]
    written: Any = notes.documents["indicators.yaml"].data
    for place, data in enumerate(written["standards"]):
        path = ("indicators.yaml", "standards", place)
        if data["id"] not in with_rule:
            notes.add(path, "standard.without_rule", f"no rule decides standard `{data['id']}`", given=data["id"])
        if data["id"] in rulebook.indicators:
            line = "points are asked for by either id, so each stands once"
            notes.add(
                (*path, "id"), "name.duplicate", f"`{data['id']}` is an indicator too", given=data["id"], help=line
            )
        if data["of"] not in level2:
            notes.unknown((*path, "of"), "level-2 indicator", data["of"], level2)
