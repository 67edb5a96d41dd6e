"""Small rulebooks changed here and there without looking, so that something may be wrong with what they mean."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

from tests.authoring.verification.small_books import RESULTS, Small, Written, small

Change = Callable[[Small, random.Random], None]


def shaken(seed: int) -> Small:
    """Return a drawn rulebook after some changes; the loader may refuse it."""
    book, draw = small(seed), random.Random(seed)
    for _ in range(draw.randint(2, 6)):
        draw.choice(CHANGES)(book, draw)
    return book


def _standards(book: Small) -> list[Written]:
    return [rule for rule in book.rules if "standard" in rule]


def _patterns(book: Small) -> list[Written]:
    found = [pattern for rule in book.rules for pattern in rule.get("for_each", {}).values()]
    for rule in book.rules:
        for clause in rule.get("when", []):
            found += [one for one in clause.values() if isinstance(one, dict) and "is" in one]
    return found


def _counts(book: Small) -> list[Written]:
    return [one for one in book.files["measures.yaml"] if "count" in one]


def shift_a_step(book: Small, draw: random.Random) -> None:
    steps = [step for rule in _standards(book) if isinstance(rule[book.key], list) for step in rule[book.key]]
    if not steps:
        return
    step = draw.choice(steps)
    for key in ("at_least", "at_most"):
        if isinstance(step.get(key), int):
            step[key] = max(step[key] + draw.randint(-2, 2), 0)
    if "below" in step:
        step["below"] = f"{min(max(int(step['below'][:-1]) + draw.choice((-20, -10, 10, 20)), 1), 100)}%"
    step["points"] = max(step["points"] + draw.randint(-4, 4), 1)


def bound_a_step(book: Small, draw: random.Random) -> None:
    lists = [rule[book.key] for rule in _standards(book) if isinstance(rule[book.key], list)]
    steps = [step for one in lists for step in one if "below" in step]
    if steps:
        step = draw.choice(steps)
        step["at_least"] = f"{draw.randint(0, int(step['below'][:-1]) - 1)}%"


def shift_a_guard(book: Small, draw: random.Random) -> None:
    for rule in _standards(book):
        for clause in rule.get("when", []):
            if isinstance(clause.get("below"), int) and draw.random() < 0.5:
                clause["below"] = max(clause["below"] + draw.randint(-2, 2), 1)


def change_points(book: Small, draw: random.Random) -> None:
    rule = draw.choice(_standards(book))
    if isinstance(rule[book.key], int):
        rule[book.key] = max(rule[book.key] + draw.randint(-6, 6), 1)


def change_a_cap(book: Small, draw: random.Random) -> None:
    rule = draw.choice(_standards(book))
    rule["at_most"] = draw.randint(1, 30)
    if draw.random() < 0.3:
        del rule["at_most"]


def cap_an_indicator(book: Small, draw: random.Random) -> None:
    level2 = draw.choice(book.files["indicators.yaml"]["level2"])
    level2["at_most"] = draw.randint(max(level2["points"] - 12, 1), level2["points"])


def change_a_window(book: Small, draw: random.Random) -> None:
    patterns = _patterns(book)
    if not patterns:
        return
    pattern = draw.choice(patterns)
    pattern["within"] = f"{draw.choice((1, 3, 6, 12))} months"


def narrow_a_pattern(book: Small, draw: random.Random) -> None:
    patterns = [pattern for pattern in _patterns(book) if pattern["is"] in book.facts()]
    if patterns:
        pattern = draw.choice(patterns)
        more: Written = draw.choice((
            {"result": draw.choice(RESULTS)}, {"fine": draw.choice(("yes", "no"))},
            {"amount": {"above": draw.randint(0, 12)}}, {"on": {"before": f"as_of - {draw.randint(1, 20)} months"}},
            {"ended": {"present": draw.choice(("yes", "no"))}},
        ))  # fmt: skip
        pattern["where"] = {**pattern.get("where", {}), **more}


def ask_for_a_number(book: Small, draw: random.Random) -> None:
    """Let a rule ask for a number of facts besides, of its own type if there is such a measure."""
    rule = draw.choice(book.rules)
    name = f"number_{len(book.files['measures.yaml'])}"
    own = [pattern["is"] for pattern in _patterns(book) if pattern["is"] in book.facts()]
    if "finding" in rule:
        return
    kind = draw.choice(own or list(book.facts()))
    book.files["measures.yaml"].append(
        {"measure": name, "label": {"zh": name}, "count": {"of": kind, "active": draw.choice(("yes", "no"))}}
        | draw.choice(({}, {"within": "12 months"}))
    )
    clause = {"measure": name, draw.choice(("at_least", "at_most")): draw.randint(0, 3)}
    rule["when"] = [*rule.get("when", []), clause]


def ask_for_none(book: Small, draw: random.Random) -> None:
    rule = draw.choice(book.rules)
    kind = draw.choice(list(book.facts()))
    if "finding" not in rule:
        pattern: Written = {"is": kind} | draw.choice(({}, {"active": "yes"}, {"where": {"result": "bad"}}))
        rule["when"] = [*rule.get("when", []), {f"no {draw.randint(100, 999)}": pattern}]


def count_twice(book: Small, draw: random.Random) -> None:
    first, other = draw.choice(_standards(book)), draw.choice(book.parts)
    second = copy.deepcopy(first) | {"standard": other.standard, "rule": f"second{len(book.rules)}"}
    for key in ("at_most", "remedy", "because"):
        second.pop(key, None)
    if isinstance(second[book.key], int):
        second[book.key] = draw.randint(1, 5)
    for pattern in second.get("for_each", {}).values():
        pattern["within"] = f"{draw.choice((2, 5, 8, 20))} months"
    book.rules.append(second)


def add_a_limit(book: Small, draw: random.Random) -> None:
    kind = draw.choice(("ceiling", "veto"))
    name = f"limit{len(book.rules)}"
    names = "ceilings" if kind == "ceiling" else "vetoes"
    book.files["vocabulary.yaml"][names][name] = {"zh": name}
    of: dict[str, Any] = draw.choice((
        {"when": [{"some": {"is": draw.choice(list(book.facts())), "active": "yes"}}]},
        {"when": [{"no such": {"is": draw.choice(list(book.facts()))}}]},
        {"for_each": {"one": {"is": draw.choice(list(book.facts())), "where": {"result": "bad"}}}},
    ))  # fmt: skip
    if _counts(book) and draw.random() < 0.5:
        of = {"when": [{"measure": draw.choice(_counts(book))["measure"], "at_least": draw.randint(1, 6)}]}
    key = "at_best" if kind == "ceiling" else "grade"
    book.rules.append({kind: name, "rule": name, **of, key: draw.choice(book.grades), "until": {"zh": "不再如此"}})


def copy_a_limit(book: Small, draw: random.Random) -> None:
    limits = [rule for rule in book.rules if "ceiling" in rule or "veto" in rule]
    if limits:
        first = draw.choice(limits)
        second = copy.deepcopy(first) | {"rule": f"limit{len(book.rules)}"}
        second.pop("because", None)
        second["at_best" if "ceiling" in first else "grade"] = draw.choice(book.grades)
        book.rules.append(second)
        if draw.random() < 0.5:
            narrow_a_pattern(book, draw)


def move_a_band(book: Small, draw: random.Random) -> None:
    band = draw.choice(book.files["bands.yaml"][:-1])
    key = "up_to" if book.key == "gain" else "from"
    band[key] += draw.randint(-15, 15)


CHANGES: tuple[Change, ...] = (
    shift_a_step, bound_a_step, shift_a_guard, change_points, change_a_cap, cap_an_indicator, change_a_window,
    narrow_a_pattern, narrow_a_pattern, ask_for_a_number, ask_for_none, count_twice, count_twice, add_a_limit,
    add_a_limit, copy_a_limit, copy_a_limit, move_a_band,
)  # fmt: skip
