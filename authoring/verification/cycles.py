"""Remedies that lead back to where they began: doing one brings about what the other answers, and round again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from authoring.verification.report import Place, Study
from authoring.verification.witness import Tried
from explain.deeds import Doing
from knowledge.rules import Rule

_MOST: Final = 3
"""Cases that are tried for one remedy."""
_LONGEST: Final = 3
"""Remedies in a cycle."""


def check_cycles(study: Study) -> None:
    """Note remedies whose deeds, one after the other, bring back the rule that the first one answered."""
    answers = {
        name: [rule for rule in study.rulebook.rules if name in rule.remedies]
        for name, remedy in study.rulebook.remedies.items()
        if remedy.does
    }
    found: set[frozenset[str]] = set()
    for name, rules in answers.items():
        for start in _starting(study, rules):
            way = _round(study, answers, [(name, start)])
            if way and frozenset(one for one, _ in way[:-1]) not in found:
                found.add(frozenset(one for one, _ in way[:-1]))
                _note(study, answers, way)
                break


def _starting(study: Study, rules: Iterable[Rule]) -> list[Tried]:
    cases = []
    for rule in rules:
        reached = study.witnesses.reach(rule)
        if isinstance(reached, Tried):
            cases.append(reached)
    return cases[:_MOST]


def _round(
    study: Study, answers: dict[str, list[Rule]], way: list[tuple[str, Tried]]
) -> list[tuple[str, Tried]] | None:
    """Return a way that does remedies one after the other until what the first answered is there again."""
    name, before = way[-1]
    after = _done(study, name, before)
    if after is None:
        return None
    gone = {rule.id for rule in answers[way[0][0]] if way[0][1].fired(rule)}
    if len(way) > 1 and any(
        after.fired(rule) and not before.fired(rule) for rule in answers[way[0][0]] if rule.id in gone
    ):
        return [*way, ("", after)]
    if len(way) == 1 and any(after.fired(rule) for rule in answers[name] if rule.id in gone):
        return None  # it doesn't even answer what it is named for, which is not a cycle
    if len(way) == _LONGEST:
        return None
    for other, rules in answers.items():
        if any(after.fired(rule) and not before.fired(rule) for rule in rules):
            found = _round(study, answers, [*way, (other, after)])
            if found:
                return found
    return None


def _done(study: Study, name: str, tried: Tried) -> Tried | None:
    doing = Doing(study.rulebook, tried.case, tried.grading)
    deed = doing.deed(name)
    return study.witnesses.graded(doing.after([deed])) if deed else None


def _note(study: Study, answers: dict[str, list[Rule]], way: list[tuple[str, Tried]]) -> None:
    names = [name for name, _ in way[:-1]]
    shown = " → ".join([*names, names[0]])
    rules = [rule for name in dict.fromkeys(names) for rule in answers[name] if any(one.fired(rule) for _, one in way)]
    steps = " → ".join("+".join(rule.id for rule in rules if one.fired(rule)) or "–" for _, one in way)
    places = tuple(Place(name, "remedies.yaml") for name in dict.fromkeys(names))
    study.add(
        "remedy.cycle", (*places, *rules), f"整改建议循环:{shown},做完一项又触发另一项所针对的规则。",
        f"Remedies run in a circle: {shown}; doing one brings about what the other answers.", proof="graded",
        witness=study.witnesses.witness(way[0][1], steps),
    )  # fmt: skip
