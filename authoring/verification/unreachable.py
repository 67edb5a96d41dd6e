"""Rules that no case fires."""

from __future__ import annotations

from collections.abc import Iterable

from authoring.verification.report import Study
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
