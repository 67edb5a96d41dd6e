"""Which cap kept a deduction from counting in full."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from engine.grading import Deduction
from explain.shelf import shelf_of
from knowledge.rulebook import Rulebook

Cap: TypeAlias = tuple[Literal["rule", "standard", "indicator"], str, int, int]
"""What has the cap, its id, its most points, and how many it took from the deduction."""


def biting_caps(rulebook: Rulebook, deductions: Iterable[Deduction]) -> Mapping[str, tuple[Cap, ...]]:
    """Return, by deduction, the caps that took points from it; deductions in the grading's order.

    Caps are reached in the order in which the score counts them: rule, standard, level 2, level 1.
    """
    rules = shelf_of(rulebook).rules
    taken: dict[tuple[str, str], int] = {}
    biting = {}
    for one in deductions:
        if one.kind != "standard":
            continue
        level2 = rulebook.indicators[rulebook.standards[one.target].indicator]
        level1 = rulebook.indicators[level2.parent or level2.id]
        rule, standard = rules[one.rule], rulebook.standards[one.target]
        caps: list[tuple[Literal["rule", "standard", "indicator"], str, int | None]] = [
            ("rule", rule.id, rule.at_most),
            ("standard", standard.id, standard.points),
            ("indicator", level2.id, level2.at_most),
            ("indicator", level1.id, level1.at_most),
        ]
        left, bit = one.points, []
        for kind, name, most in dict.fromkeys(caps):
            if most is None:
                continue
            room = most - taken.get((kind, name), 0)
            if left > room:
                bit.append((kind, name, most, left - room))
                left = room
            taken[(kind, name)] = taken.get((kind, name), 0) + left
        biting[one.id] = tuple(bit)
    return biting
