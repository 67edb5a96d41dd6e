"""What can be known to be wrong with a rulebook before any producer is graded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from knowledge.binding import yes
from knowledge.lookalikes import check_lookalikes
from knowledge.notes import Notes
from knowledge.rulebook import Rulebook
from knowledge.rulechecks import check_rule
from knowledge.rules import Match
from knowledge.scorechecks import check_scores
from knowledge.sharing import check_sharing
from knowledge.source import Path
from knowledge.strata import Cycle, clauses_of, patterns_of, stratify
from knowledge.textchecks import check_texts


def check_meaning(rulebook: Rulebook, notes: Notes) -> None:
    """Note everything that is wrong with what the files mean together."""
    places = _rule_places(rulebook, notes)
    _check_head(rulebook, notes)
    _check_laws(rulebook, notes)
    check_scores(rulebook, notes)
    _check_remedies(rulebook, notes)
    _check_standards(rulebook, notes)
    _check_conclusions(rulebook, notes)
    check_texts(notes)
    check_lookalikes(rulebook, notes)
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
    if any(problem.code == "outcome.not_consequence" for problem in notes.problems):
        return  # what reads the grade before it is known would be a cycle too
    _check_recursion(rulebook, places, notes)
    check_sharing(rulebook, places, notes)
    try:
        stratify(rulebook.rules, rulebook.measures, rulebook.standards, rulebook.types)
    except Cycle as cycle:
        for names in cycle.cycles:
            taking_part = (rule for rule in rulebook.rules if rule.id in names or rule.target in names)
            guilty = next((places[rule.index] for rule in taking_part), ("rulebook.yaml",))
            shown = " → ".join(names)
            notes.add(
                guilty, "strata.cycle", f"this waits for itself: {shown}", given=shown,
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
    ends = rulebook.effective_until
    if ends is not None and ends <= rulebook.effective_from:
        notes.add(
            (*path, "effective_until"), "version.dates", "the rulebook ends before it begins",
            given=_iso(ends), expected=f"later than {_iso(rulebook.effective_from)}",
        )  # fmt: skip


def _check_laws(rulebook: Rulebook, notes: Notes) -> None:
    for law in rulebook.laws.values():
        path: Path = ("rulebook.yaml", "laws", law.id)
        if law.article is None and law.label.zh == f"《{law.title.zh}》":
            notes.add(
                path, "law.without_article", f"law `{law.id}` names no article",
                expected="`article: …`", help="or give it a `label` of its own",
            )  # fmt: skip
        begins, ends = law.effective_from, law.effective_until
        if begins is not None and ends is not None and ends <= begins:
            notes.add(
                (*path, "effective_until"), "law.not_in_force", f"law `{law.id}` ends before it begins",
                given=_iso(ends), expected=f"later than {_iso(begins)}",
            )  # fmt: skip
        elif ends is not None and ends <= rulebook.effective_from and (alone := _citing_ended(rulebook, law.id)):
            notes.add(
                (*path, "effective_until"), "law.not_in_force", f"law `{law.id}` ended before the rulebook begins",
                given=_iso(ends), expected=f"later than {_iso(rulebook.effective_from)}",
                help=f"{', '.join(alone)} cite nothing that came after it",
            )  # fmt: skip
        elif begins is not None and rulebook.effective_until is not None and begins >= rulebook.effective_until:
            notes.add(
                (*path, "effective_from"), "law.not_in_force", f"law `{law.id}` begins after the rulebook ends",
                given=_iso(begins), expected=f"before {_iso(rulebook.effective_until)}",
            )  # fmt: skip


def _citing_ended(rulebook: Rulebook, law_id: str) -> list[str]:
    """Return the rules and rights that cite a law and none but laws that ended before the rulebook begins.

    Beside another an ended law may stand: facts of its days are judged by it.
    """
    citing = [(f"`{rule.id}`", rule.law) for rule in rulebook.rules]
    citing += [(f"right `{right.title.zh}`", right.law) for right in rulebook.rights]
    ends = {law.id: law.effective_until for law in rulebook.laws.values()}
    begins = rulebook.effective_from
    return [
        name
        for name, laws in citing
        if law_id in laws and all((end := ends.get(law)) is not None and end <= begins for law in laws)
    ]


def _iso(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


def _check_remedies(rulebook: Rulebook, notes: Notes) -> None:
    written: Any = notes.documents["remedies.yaml"].data if "remedies.yaml" in notes.documents else []
    used = {name: {rule.target for rule in rulebook.rules if name in rule.remedies} for name in rulebook.remedies}
    ids = [data["remedy"] for data in written or ()]
    for place, name in enumerate(ids):
        path: Path = ("remedies.yaml", place)
        if ids.index(name) < place:
            notes.twice((*path, "remedy"), "remedy", name, ("remedies.yaml", ids.index(name), "remedy"))
            continue
        remedy = rulebook.remedies[str(name)]
        listed = written[place].get("restores") or {}
        for number, (standard, share) in enumerate(remedy.restores.items()):
            at = (*path, "restores", number if isinstance(listed, list) else standard)
            _check_restored(rulebook, remedy.id, (standard, share), used[remedy.id], at, notes)
        if remedy.lead_time.unit == "working_days" and rulebook.calendar is None:
            notes.needs_calendar((*path, "lead_time"))
        if not used[remedy.id] and remedy.id not in notes.broken:
            notes.add(
                (*path, "remedy"), "remedy.restores_nothing", f"no rule names remedy `{name}`",
                given=name, help=f"write `remedy: {name}` in the rules that it answers",
            )  # fmt: skip


def _check_restored(
    rulebook: Rulebook, name: str, restored: tuple[str, int | str], used: set[str], path: Path, notes: Notes
) -> None:
    standard, share = restored
    known = rulebook.standards.get(standard)
    if known is None:
        notes.unknown(path, "standard", standard, rulebook.standards)
    elif used and standard not in used and standard not in notes.broken:
        near = sorted(used & set(rulebook.standards))
        message = f"remedy `{name}` restores `{standard}`, and no rule of `{standard}` names it"
        line = f"write `remedy: {name}` in a rule of `{standard}`"
        notes.add(path, "remedy.restores_nothing", message, given=standard, expected=", ".join(near) or None, help=line)
    elif isinstance(share, int) and share > known.points:
        notes.add(
            path, "points.exceed", f"`{standard}` holds {known.points} points, fewer than {share}",
            given=share, expected=f"at most {known.points}",
        )  # fmt: skip


def _check_standards(rulebook: Rulebook, notes: Notes) -> None:
    with_rule = {rule.target for rule in rulebook.rules if rule.kind == "standard"} | notes.broken
    written: Any = notes.documents["indicators.yaml"].data
    for place, data in enumerate(written["standards"]):
        path = ("indicators.yaml", "standards", place)
        if data["id"] in rulebook.indicators:
            line = "points are asked for by either id, so each stands once"
            message = f"`{data['id']}` is an indicator too"
            notes.add((*path, "id"), "name.duplicate", message, given=data["id"], help=line)
        elif data["id"] not in with_rule:
            notes.add(
                (*path, "id"), "standard.without_rule", f"no rule decides standard `{data['id']}`",
                given=data["id"], help=f"write `- standard: {data['id']}` in a file under rules/",
            )  # fmt: skip


def _check_conclusions(rulebook: Rulebook, notes: Notes) -> None:
    """Whatever the vocabulary says can be concluded must be concluded by some rule."""
    concluded = {(rule.kind, rule.target) for rule in rulebook.rules}
    types = rulebook.types.values()
    declared: tuple[tuple[str, str, Iterable[str]], ...] = (
        ("finding", "findings", [kind.name for kind in types if kind.origin == "finding"]),
        ("consequence", "consequences", [kind.name for kind in types if kind.origin == "consequence"]),
        ("status", "producer_statuses", rulebook.producer_statuses),
        ("ceiling", "ceilings", rulebook.ceilings),
        ("veto", "vetoes", rulebook.vetoes),
    )
    for kind, section, names in declared:
        for name in names:
            if (kind, name) not in concluded and name not in notes.broken:
                notes.add(
                    ("vocabulary.yaml", section, name), "conclusion.without_rule", f"no rule concludes {kind} `{name}`",
                    given=name, help=f"write `- {kind}: {name}` in a file under rules/, or leave it out",
                )  # fmt: skip
