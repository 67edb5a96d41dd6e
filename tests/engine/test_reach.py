"""What touches nothing that a standard or limit looks at leaves it as it is."""

from __future__ import annotations

import os
import random
from collections import Counter

from msgspec.structs import replace

from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.grading import Grading
from engine.reach import ANY, Look
from knowledge.problems import RulebookRefused
from knowledge.rulebook import Rulebook
from tests.engine.random_rulebooks import random_rulebook
from tests.random_cases import random_case, random_fact

RULEBOOKS = 2_000 if os.environ.get("SHUOLI_NIGHTLY") == "1" else 25
CASES, CHANGES = 3, 6


def _changed(rulebook: Rulebook, case: CaseFile, draw: random.Random) -> tuple[CaseFile, Look]:
    """Return the case without a fact, or with one value of it changed, and what that touches."""
    place = draw.randrange(len(case.facts))
    fact = case.facts[place]
    other = random_fact(rulebook, draw, rulebook.types[fact.type], case.as_of)
    field = draw.choice(list(rulebook.types[fact.type].fields))
    if draw.random() < 0.2:
        return replace(case, facts=(*case.facts[:place], *case.facts[place + 1 :])), (fact.type, ANY)
    values = {name: value for name, value in fact.values.items() if name != field}
    if field in other.values:
        values[field] = other.values[field]
    facts = (*case.facts[:place], replace(fact, values=values), *case.facts[place + 1 :])
    return replace(case, facts=facts), (fact.type, field)


def _limits(grading: Grading) -> Counter[str]:
    return Counter(one.rule for one in grading.deductions if one.kind in ("ceiling", "veto"))


def test_what_nothing_looks_at_changes_nothing() -> None:
    seen = Counter[str]()
    for seed in range(RULEBOOKS):
        draw = random.Random(seed)
        try:
            evaluator = Evaluator(random_rulebook(seed))
        except RulebookRefused:
            continue
        for number in range(CASES):
            case = random_case(evaluator.rulebook, 100 * seed + number, facts=20)
            before = evaluator.chain(case)
            for _ in range(CHANGES if case.facts else 0):
                other, look = _changed(evaluator.rulebook, case, draw)
                after = evaluator.chain(other)
                limits = _limits(before), _limits(after)
                for old, new in zip(before.standards, after.standards, strict=True):
                    looked_at = look in evaluator.reach.standards[old.id]
                    assert looked_at or old == new, (seed, number, old.id, look)
                    seen["looked at and changed" if old != new else "not looked at"] += not looked_at or old != new
                for rule, looks in evaluator.reach.limits.items():
                    assert look in looks or limits[0][rule] == limits[1][rule], (seed, number, rule, look)
        evaluator.close()

    assert min(seen["looked at and changed"], seen["not looked at"]) > 5, seen
