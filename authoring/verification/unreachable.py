"""Rules that no case fires, and grades that no case is given."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from authoring.verification.reached import Reached
from authoring.verification.report import Place, Study
from authoring.verification.witness import Tried
from engine.case import CaseFile
from explain.deeds import Doing
from knowledge.rules import Rule


def check_rules(study: Study, rules: Iterable[Rule]) -> None:
    """Note rules that no case fires."""
    for rule in rules:
        found = study.witnesses.reach(rule)
        if found is False:
            study.add(
                "rule.unreachable", (rule,), f"规则“{rule.id}”的各项条件不能同时成立,永远不会触发。",
                f"The conditions of rule `{rule.id}` can't all hold, so it never fires.", proof="unsat",
            )  # fmt: skip
        elif found is None:
            study.unsure(
                "rule.unreachable", (rule,), f"规则“{rule.id}”能否触发,未能判定。",
                f"It was not decided whether rule `{rule.id}` can fire.",
            )  # fmt: skip


def check_grades(study: Study) -> None:
    """Note grades that no case is given."""
    given = {one.grading.grade for one in study.witnesses.all()}
    if any(band.grade not in given for band in study.rulebook.bands):
        given = walked(study, given)
    reached = Reached(study)
    for place, band in enumerate(study.rulebook.bands):
        if band.grade in given:
            continue
        at = Place(band.grade, f"bands.yaml ({place + 1})")
        if reached.can(band):
            study.unsure(
                "grade.unreachable", (at,), f"能否评为“{band.grade}”级,未能判定。",
                f"It was not decided whether grade `{band.grade}` is ever given.",
            )  # fmt: skip
        else:
            low, high = reached.ends
            study.add(
                "grade.unreachable", (at,),
                f"没有主体会被评为“{band.grade}”级:得分只能在 {low} 到 {high} 之间,且没有落在该级的。",
                f"No producer is ever given grade `{band.grade}`: scores lie between {low} and {high}, none in it.",
                proof="interval",
            )  # fmt: skip


def walked(study: Study, given: Iterable[str]) -> set[str]:
    """Return, beside grades that are given, those met on the way from the best known case to the worst, by facts."""
    grades = set(given)
    order = [band.grade for band in study.rulebook.bands]
    known = sorted(study.witnesses.all(), key=lambda one: order.index(one.grading.grade))
    for start in known[:3]:
        best = _mended(study, start)
        grades.add(best.grading.grade)
        facts = {fact.id: fact for fact in best.case.facts}
        for other in known:
            if len(grades) == len(order):
                return grades
            facts.update({fact.id: fact for fact in other.case.facts})
            ordered = tuple(sorted(facts.values(), key=lambda fact: (fact.type, fact.id)))
            tried = study.witnesses.graded(msgspec.structs.replace(best.case, facts=ordered))
            if tried is not None:
                grades.add(tried.grading.grade)
    return grades


def _mended(study: Study, start: Tried) -> Tried:
    """Return a case after all the deeds that are open to it."""
    for _ in range(4):
        doing = Doing(study.rulebook, start.case, start.grading)
        after: CaseFile = doing.after([doing.deed(offer.id) for offer in start.grading.remedies])
        tried = study.witnesses.graded(after)
        if tried is None or after == start.case:
            break
        start = tried
    return start
