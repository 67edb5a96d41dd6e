"""Rules that no case fires."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from authoring.verification.report import Study
from authoring.verification.words import conditions
from knowledge.rules import FixedPoints, Pattern, Rule, SteppedPoints, Text


def check_rules(study: Study, rules: Iterable[Rule]) -> None:
    """Note rules that no case fires."""
    for rule in rules:
        found = study.witnesses.reach(rule)
        if found is False:
            told = conflict(study, rule)
            study.add(
                "rule.unreachable", (rule,),
                f"规则“{rule.id}”的各项条件不能同时成立{told.zh},永远不会触发;请改正其中一项,或删去这条规则。",
                f"The conditions of rule `{rule.id}` can't all hold{told.en}, so it never fires; "
                "correct one of them, or remove the rule.",
                proof="unsat",
            )  # fmt: skip
        elif found is None:
            study.unsure(
                "rule.unreachable", (rule,), f"规则“{rule.id}”能否触发,未能判定。",
                f"It was not decided whether rule `{rule.id}` can fire.",
            )  # fmt: skip


def conflict(study: Study, rule: Rule) -> Text:
    """Return in brackets those conditions of a rule without any of which it could fire; empty where there are none."""
    places = [
        place for place, other in enumerate(_relaxed(rule))
        if study.witnesses.search([other], lambda _case, _grading: True) is not False
    ]  # fmt: skip
    if not places:
        return Text("", "")
    words = conditions(study.rulebook, rule, places)
    return Text(f"({words.zh})", f" ({words.en})")


def _relaxed(rule: Rule) -> list[Rule]:
    """Return a rule without each of its conditions in turn: `for_each` first, then `when`, the steps last."""
    others = [
        replace(rule, for_each=(*rule.for_each[:place], Pattern(one.alias, one.type), *rule.for_each[place + 1 :]))
        for place, one in enumerate(rule.for_each)
    ]
    others += [replace(rule, when=(*rule.when[:place], *rule.when[place + 1 :])) for place in range(len(rule.when))]
    if isinstance(rule.points, SteppedPoints):
        others.append(replace(rule, points=FixedPoints(0)))
    return others
