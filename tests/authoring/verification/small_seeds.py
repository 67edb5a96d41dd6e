"""Defects put into small rulebooks that are drawn: every seed is another rulebook, and another place in it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from tests.authoring.verification.seeds import Seed, accepted
from tests.authoring.verification.small_books import Part, Small, Written, small

Spoil = Callable[[Small, Part], Sequence[str]]
"""Spoils a rulebook at one of its standards; returns the names of which a finding must concern one."""


def window(rule: Written) -> int:
    pattern = next(iter(rule["for_each"].values()))
    return int(pattern["within"].split()[0])


def pattern_of(rule: Written) -> Written:
    found: Written = next(iter(rule["for_each"].values()))
    return found


def counted(book: Small, name: str, of: Any, **more: Any) -> str:
    """Add a measure."""
    book.files["measures.yaml"].append({"measure": name, "label": {"zh": name}, "count": of, **more})
    return name


def measure(book: Small, part: Part) -> Written:
    return next(one for one in book.files["measures.yaml"] if one["measure"] == part.measure)


def limit(book: Small, kind: str, name: str, of: Written, grade: str) -> str:
    """Add a ceiling or a veto."""
    for what in ("ceiling", "veto"):
        names = book.files["vocabulary.yaml"]["ceilings" if what == "ceiling" else "vetoes"]
        names.setdefault(name, {"zh": name}) if what == kind else None
    key = "at_best" if kind == "ceiling" else "grade"
    book.rules.append({kind: name, "rule": f"{name}-rule", **of, key: grade, "until": {"zh": "不再如此"}})
    return f"{name}-rule"


def steps(book: Small, part: Part) -> list[Written]:
    found: list[Written] = book.rule(part)[book.key]
    return found


def percent(step: Written) -> int:
    return int(step["below"].removesuffix("%"))


# rule.unreachable


def before_the_window(book: Small, part: Part) -> Sequence[str]:
    """A date from before the window."""
    rule = book.rule(part)
    pattern_of(rule).setdefault("where", {})["on"] = {"before": f"as_of - {window(rule) + 1} months"}
    return (rule["rule"],)


def none_of_what_is_there(book: Small, part: Part) -> Sequence[str]:
    """A fact that holds, and no fact of its kind that does."""
    name = counted(book, "none", {"of": part.type, "active": "yes"})
    rule = book.rule(part)
    rule["when"] = [{"measure": name, "at_most": 0}]
    return (rule["rule"],)


def some_of_what_is_not(book: Small, part: Part) -> Sequence[str]:
    """No fact that holds, and at least one."""
    name = counted(book, "some", {"of": part.type, "active": "yes"})
    rule = book.rule(part)
    rule["when"] = [*rule["when"], {"measure": name, "at_least": 1}]
    return (rule["rule"],)


def below_its_steps(book: Small, part: Part) -> Sequence[str]:
    """Twice a number that is lower than twice the lowest step."""
    least = steps(book, part)[-1]["at_least"]
    book.files["measures.yaml"].append(
        {"measure": "twice", "label": {"zh": "twice"}, "formula": f"{part.measure} + {part.measure}"}
    )
    rule = book.rule(part)
    rule["when"] = [{"measure": "twice", "at_most": 2 * least - 1}]
    return (rule["rule"],)


def a_share_of_nothing(book: Small, part: Part) -> Sequence[str]:
    """A share that there is only where there are facts, and no fact."""
    name = counted(book, "none", part.type, within=measure(book, part)["within"])
    rule = book.rule(part)
    rule["when"] = [{"measure": name, "at_most": 0}]
    return (rule["rule"],)


def good_and_bad_at_once(book: Small, part: Part) -> Sequence[str]:
    """A finding that only bad facts make, and the same fact good."""
    rule = book.rule(part)
    rule["for_each"]["again"] = {"is": part.type, "where": {"no": "found.no", "result": "good"}}
    return (rule["rule"],)


def last_and_none(book: Small, part: Part) -> Sequence[str]:
    """A last time that was bad, and no time at all."""
    rule = book.rule(part)
    rule["when"] = [{f"no {part.type}": {"is": part.type}}]
    return (rule["rule"],)


# grade.unreachable


def in_fives(book: Small) -> None:
    """Let all points come in fives."""
    book.files["rulebook.yaml"]["scoring"]["not_applicable"] = "keeps_its_points"
    for part in book.parts:
        rule = book.rule(part)
        if part.shape != "absence":
            rule[book.key] = 5


def between_fives(book: Small, part: Part) -> Sequence[str]:
    """A grade that takes only scores that no points come to."""
    del part
    in_fives(book)
    drop_limits(book)
    bands, gains = book.files["bands.yaml"], book.key == "gain"
    place = book.draw.randrange(1, len(bands) - 1)
    width = book.draw.randint(1, 4)
    key = "up_to" if gains else "from"
    edge = max(bands[place - 1][key] // 5 * 5, 5)
    if gains:
        bands[place - 1][key], bands[place][key] = edge, edge + width
    else:
        bands[place - 1][key], bands[place][key] = edge + 5, edge + 5 - width
    for number, band in enumerate(bands[place + 1 : -1], 1):
        band[key] = bands[place][key] + (5 * number if gains else -5 * number)
    return (bands[place]["grade"],)


def drop_limits(book: Small) -> None:
    book.files["rules/all.yaml"] = [one for one in book.rules if "ceiling" not in one and "veto" not in one]


def always_some(book: Small, part: Part) -> Sequence[str]:
    """A rule that always takes points, and a best grade for those who lose none."""
    book.files["rulebook.yaml"]["scoring"]["not_applicable"] = "keeps_its_points"
    book.rules.append({"standard": part.standard, "rule": "always", book.key: 2})
    first = book.files["bands.yaml"][0]
    if book.key == "gain":
        first["up_to"] = 1
    else:
        first["from"] = sum(one.points for one in book.parts) - 1
    return (first["grade"],)


def beyond_the_worst(book: Small, part: Part) -> Sequence[str]:
    """A worst grade for more points than there are, and no limit that gives it."""
    del part
    drop_limits(book)
    bands = book.files["bands.yaml"]
    if book.key == "gain":
        bands[-2]["up_to"] = sum(one.points for one in book.parts)
    else:
        bands[-2]["from"] = 0
    return (bands[-1]["grade"],)


# rule.double


def another(book: Small, part: Part) -> str:
    others = [one.standard for one in book.parts if one is not part]
    return book.draw.choice(others)


def twice(book: Small, part: Part, **more: Any) -> Sequence[str]:
    second = copy.deepcopy(book.rule(part)) | {"standard": another(book, part), "rule": "second", **more}
    for key in ("at_most", "remedy"):
        second.pop(key, None)
    book.rules.append(second)
    return ("second",)


def twice_in_a_shorter_window(book: Small, part: Part) -> Sequence[str]:
    """The same facts of fewer months, under another name."""
    first = book.rule(part)
    (pattern,) = copy.deepcopy(list(first["for_each"].values()))
    pattern["within"] = f"{max(window(first) // 2, 1)} months"
    return twice(book, part, for_each={"other": pattern}, because={"zh": "{other.on} 的一条。"}, **{book.key: 1})


def twice_of_some(book: Small, part: Part) -> Sequence[str]:
    """Some of the same facts."""
    pattern = copy.deepcopy(pattern_of(book.rule(part)))
    pattern["where"] = {**pattern.get("where", {}), "amount": {"at_least": book.draw.randint(1, 9)}}
    return twice(book, part, for_each={"some": pattern}, because={"zh": "{some.on} 的一条。"}, **{book.key: 1})


def twice_for_one_kind(book: Small, part: Part) -> Sequence[str]:
    """The same facts, for one kind of producer."""
    kind = book.draw.choice(list(book.files["vocabulary.yaml"]["kinds"]))
    return twice(book, part, applies_to=[kind], **{book.key: 1})


def twice_the_same(book: Small, part: Part) -> Sequence[str]:
    """The same condition, or the same steps."""
    rule = book.rule(part)
    if isinstance(rule[book.key], list):
        milder = [{**step, "points": max(step["points"] // 3, 1)} for step in rule[book.key]]
        return twice(book, part, **{book.key: milder})
    return twice(book, part, **{book.key: 1})


def facts_behind(book: Small, part: Part) -> Sequence[str]:
    """The facts of which findings are made that cost points already."""
    pattern = {"is": part.type, "where": {"result": ["bad", "poor"]}}
    book.rules.append({"standard": another(book, part), "rule": "second", "for_each": {"one": pattern}, book.key: 1})
    return ("second",)


def once_for_all(book: Small, part: Part) -> Sequence[str]:
    """Points once for any of the facts of which each costs points already."""
    clause = book.draw.choice((
        {"some": {"is": part.type}},
        {"measure": counted(book, "any", part.type), "at_least": 1},
    ))  # fmt: skip
    book.rules.append({"standard": another(book, part), "rule": "second", "when": [clause], book.key: 1})
    return ("second",)


# steps


def both_guards(book: Small, part: Part) -> Sequence[str]:
    """Few, and many, that meet in some numbers."""
    guard = book.rule(part, 1)["when"][0]
    guard["below"] += book.draw.randint(1, 4)
    return (book.rule(part)["rule"],)


def neither_guard(book: Small, part: Part) -> Sequence[str]:
    """Few, and many, and numbers between them."""
    guard = book.rule(part, 1)["when"][0]
    guard["below"] -= book.draw.randint(1, min(guard["below"] - 1, 3))
    return (book.rule(part)["rule"],)


def reaching_steps(book: Small, part: Part) -> Sequence[str]:
    """A step that begins before the one before it has ended."""
    first, second = steps(book, part)[:2]
    if part.shape == "steps":
        high, low = first["at_least"], second["at_least"]
        first["at_most"], second["at_most"] = 40, high + book.draw.randint(0, 3)
        assert low < high
    else:
        low, high = percent(first), percent(second)
        first["at_least"], second["at_least"] = "0%", f"{low - book.draw.randint(1, low - 1)}%"
        assert low < high
    return (book.rule(part)["rule"],)


def steps_for_all(book: Small, part: Part) -> Sequence[str]:
    """A second rule over the same measure, for a kind that has steps already."""
    first = book.rule(part)
    second = copy.deepcopy(first) | {"rule": "second", "applies_to": [book.draw.choice(list(kinds(book)))]}
    second[book.key] = [{**first[book.key][-1], "points": 1}]
    book.rules.append(second)
    return ("second",)


def kinds(book: Small) -> Written:
    found: Written = book.files["vocabulary.yaml"]["kinds"]
    return found


def parted_steps(book: Small, part: Part) -> Sequence[str]:
    """A step that ends before the next one begins."""
    first, second = steps(book, part)[-2:]
    if part.shape == "steps":
        first["at_least"] = second["at_least"] + 4
        second["at_most"] = second["at_least"] + book.draw.randint(0, 2)
        for number, step in enumerate(reversed(steps(book, part)[:-2]), 1):
            step["at_least"] = first["at_least"] + number
    else:
        second["at_least"] = f"{percent(first) + book.draw.randint(1, percent(second) - percent(first) - 1)}%"
    return (book.rule(part)["rule"],)


def skipped_result(book: Small, part: Part) -> Sequence[str]:
    """Points for good and bad, and none for what lies between."""
    steps(book, part)[1] |= {"is": "good"}
    return (book.rule(part)["rule"],)


def milder_for_worse(book: Small, part: Part) -> Sequence[str]:
    """A worse value for which fewer points are taken."""
    rising = steps(book, part)
    rising[0]["points"], rising[1]["points"] = rising[1]["points"], rising[0]["points"]
    return (book.rule(part)["rule"],)


def middle_is_worst(book: Small, part: Part) -> Sequence[str]:
    """A value between two others that costs more than both."""
    one = steps(book, part)[0]
    one["points"] = max(steps(book, part)[1]["points"] - book.draw.randint(1, 3), 1)
    return (book.rule(part)["rule"],)


def middle_result_is_worst(book: Small, part: Part) -> Sequence[str]:
    """A result between two others that costs more than both."""
    bad, poor = steps(book, part)
    bad["points"], poor["points"] = max(poor["points"] - 1, 1), bad["points"]
    return (book.rule(part)["rule"],)


# points


def lower_cap(book: Small, part: Part) -> Sequence[str]:
    rule = book.rule(part)
    rule["at_most"] = part.points - book.draw.randint(1, part.points - rule[book.key])
    return (part.standard,)


def lower_steps(book: Small, part: Part) -> Sequence[str]:
    for rule in (book.rule(part, number) for number in range(len(part.rules))):
        for step in rule[book.key]:
            step["points"] = min(step["points"], part.points - 1)
    return (part.standard,)


def fewer_points(book: Small, part: Part) -> Sequence[str]:
    book.rule(part)[book.key] = part.points - book.draw.randint(1, part.points - 1)
    return (part.standard,)


def lower_least(book: Small, part: Part) -> Sequence[str]:
    book.rule(part)[book.key] = {"formula": f"min(9 * {part.measure}, {part.points - book.draw.randint(1, 8)})"}
    return (part.standard,)


def no_least(book: Small, part: Part) -> Sequence[str]:
    """A formula without its bound."""
    rule = book.rule(part)
    rule[book.key] = {"formula": f"{part.measure} * {part.points // 10 + book.draw.randint(2, 4)}"}
    return (rule["rule"],)


def by_amount(book: Small, part: Part) -> Sequence[str]:
    """Points by a fact's amount, and no cap."""
    rule = book.rule(part)
    rule.pop("at_most")
    alias = next(iter(rule["for_each"]))
    rule[book.key] = {"formula": f"{alias}.amount * {part.points // 12 + 1}"}
    return (rule["rule"],)


def by_number(book: Small, part: Part) -> Sequence[str]:
    """Points by how many there are, and no cap."""
    rule = book.rule(part)
    rule.pop("measure")
    rule |= {
        "when": [{"measure": part.measure, "at_least": 1}],
        book.key: {"formula": f"{part.measure} * {book.draw.randint(2, 7)}"},
    }
    return (rule["rule"],)


def needless_cap(book: Small, part: Part) -> Sequence[str]:
    rule = book.rule(part, book.draw.randrange(len(part.rules)))
    rule["at_most"] = part.points
    return (rule["rule"],)


def needless_cap_of_an_indicator(book: Small, part: Part) -> Sequence[str]:
    indicators = book.files["indicators.yaml"]
    standard = next(one for one in indicators["standards"] if one["id"] == part.standard)
    level2 = next(one for one in indicators["level2"] if one["id"] == standard["of"])
    level2["at_most"] = level2["points"]
    if book.draw.random() < 0.5:
        fewer_points(book, part)
        level2["at_most"] = level2["points"] - (part.points - book.rule(part)[book.key])
    return (level2["id"],)


# limits


def milder(book: Small, grade: str) -> str:
    """Return a grade that is no worse, and not the best."""
    return book.draw.choice(book.grades[1 : book.grades.index(grade) + 1])


def milder_ceiling(book: Small, part: Part) -> Sequence[str]:
    """A ceiling for what another one already limits as low: some of it, or all of it."""
    pattern: Written = {"is": part.type, "active": "yes"}
    grade = book.draw.choice(book.grades[1:])
    limit(book, "ceiling", "first", {"for_each": {"one": pattern}}, grade)
    narrower = pattern | book.draw.choice(
        ({}, {"where": {"result": "bad"}}, {"within": "6 months"}, {"where": {"amount": {"above": 3}}})
    )
    return (limit(book, "ceiling", "milder", {"when": [{"some": narrower}]}, milder(book, grade)),)


def ceiling_under_a_veto(book: Small, part: Part) -> Sequence[str]:
    """A ceiling for so many, and a veto for fewer."""
    many = book.draw.randint(2, 5)
    name = counted(book, "many", {"of": part.type, "where": {"fine": "no"}}, within="12 months")
    limit(book, "veto", "first", {"when": [{"measure": name, "at_least": many}]}, book.grades[-1])
    more = many + book.draw.randint(0, 3)
    of = {"when": [{"measure": name, "at_least": more}]}
    return (limit(book, "ceiling", "milder", of, milder(book, book.grades[-1])),)


def limit_of_fewer_months(book: Small, part: Part) -> Sequence[str]:
    """A number within fewer months, where the number of more months has the same limit."""
    narrow = counted(book, "narrow", part.type, within=f"{book.draw.randint(1, 6)} months")
    wide = counted(book, "wide", part.type, within=f"{book.draw.randint(7, 18)} months")
    many = book.draw.randint(1, 4)
    limit(book, "veto", "first", {"when": [{"measure": wide, "at_least": many}]}, book.grades[-1])
    of = {"when": [{"measure": narrow, "at_least": many}]}
    return (limit(book, book.draw.choice(("veto", "ceiling")), "milder", of, milder(book, book.grades[-1])),)


def ceiling_at_the_best(book: Small, part: Part) -> Sequence[str]:
    of = book.draw.choice((
        {"for_each": {"one": {"is": part.type, "active": "yes"}}},
        {"when": [{f"no {part.type}": {"is": part.type, "within": "12 months"}}]},
        {"for_each": {"one": {"is": part.type, "where": {"result": "bad"}}}},
    ))  # fmt: skip
    return (limit(book, "ceiling", "idle", of, book.grades[0]),)


def veto_of_the_best(book: Small, part: Part) -> Sequence[str]:
    name = counted(book, "many", part.type, within="9 months")
    of = {"when": [{"measure": name, "at_least": book.draw.randint(1, 6)}]}
    return (limit(book, "veto", "idle", of, book.grades[0]),)


# directions


def told_otherwise(book: Small, part: Part) -> Sequence[str]:
    kind = book.facts()[part.type]
    kind["tells"] = "for" if kind["tells"] == "against" else "against"
    return (part.type,)


def told_against(book: Small, part: Part) -> Sequence[str]:
    """Facts of which a good one makes up for others, declared to tell against."""
    book.facts()[part.type]["tells"] = "against"
    return (part.type,)


def told_for(book: Small, part: Part) -> Sequence[str]:
    """Facts of which a bad one costs points, declared to tell for."""
    book.facts()[part.type]["tells"] = "for"
    return (part.type,)


# remedies


def remedies(book: Small) -> list[Written]:
    found: list[Written] = book.files["remedies.yaml"]
    return found


def circle(book: Small, part: Part) -> Sequence[str]:
    """Remedies of facts that hold, each of which brings about what the next one answers."""
    del part
    mending = book.of("state")
    named = [f"mend_{one.type}" for one in mending]
    for place, one in enumerate(mending):
        new = mending[(place + 1) % len(mending)].type
        gives = {"no": f"V{place}", "on": "as_of", "result": "poor", "fine": "no", "amount": 2}
        next(r for r in remedies(book) if r["remedy"] == f"mend_{one.type}")["does"].append(
            {"new": new, "gives": gives}
        )  # fmt: skip
    return named


def either_or(book: Small, part: Part) -> Sequence[str]:
    """Two things that must be there, each of which ends the other."""
    del part
    lacking = book.of("absence")
    for one, other in (lacking[:2], lacking[1::-1]):
        next(r for r in remedies(book) if r["remedy"] == f"mend_{one.type}")["does"].append(
            {"again": {"is": other.type, "active": "yes"}, "gives": {"ended": "as_of"}}
        )  # fmt: skip
    return [f"mend_{one.type}" for one in lacking[:2]]


# texts


def other_number(book: Small, part: Part, language: str, before: str, after: str) -> Sequence[str]:
    rule = book.rule(part, len(part.rules) - 1)
    assert before in rule["because"][language]
    rule["because"][language] = rule["because"][language].replace(before, after)
    return (rule["rule"],)


def other_months(book: Small, part: Part) -> Sequence[str]:
    months = window(book.rule(part))
    return other_number(book, part, "zh", f"近{months}个月", f"近{months + book.draw.choice((-1, 1, 12))}个月")


def other_english_months(book: Small, part: Part) -> Sequence[str]:
    months = window(book.rule(part))
    return other_number(book, part, "en", f"{months} months", f"{months + book.draw.choice((-1, 1, 12))} months")


def other_points(book: Small, part: Part) -> Sequence[str]:
    points = book.rule(part)[book.key]
    return other_number(book, part, "zh", f"每条{points}分", f"每条{points + book.draw.choice((1, 10))}分")


def other_english_points(book: Small, part: Part) -> Sequence[str]:
    points = book.rule(part)[book.key]
    return other_number(book, part, "en", f"{points} points", f"{points + 1} points")


def other_percent(book: Small, part: Part) -> Sequence[str]:
    most = steps(book, part)[-1]["below"]
    wrong = f"{percent(steps(book, part)[-1]) + book.draw.choice((-5, 5, 1))}%"
    language = book.draw.choice(("zh", "en"))
    return other_number(book, part, language, most, wrong)


def other_many(book: Small, part: Part) -> Sequence[str]:
    few = book.rule(part, 1)["when"][0]["below"]
    return other_number(book, part, "zh", f"不足{few}条", f"不足{few + book.draw.choice((1, 2, 5))}条")


def other_count(book: Small, part: Part) -> Sequence[str]:
    least = steps(book, part)[-1]["at_least"]
    return other_number(book, part, "zh", f"少于{least}条", f"少于{least + 11}条")


SPOILS: dict[str, tuple[tuple[Spoil, tuple[str, ...]], ...]] = {
    "rule.unreachable": (
        (before_the_window, ("each",)), (none_of_what_is_there, ("state",)), (some_of_what_is_not, ("absence",)),
        (below_its_steps, ("steps",)), (a_share_of_nothing, ("share",)), (good_and_bad_at_once, ("finding",)),
        (before_the_window, ("finding",)), (last_and_none, ("latest",)),
    ),
    "grade.unreachable": (
        (between_fives, ("each", "state", "absence", "each")), (beyond_the_worst, ("steps",)),
        (always_some, ("share",)), (always_some, ("each",)), (beyond_the_worst, ("finding",)),
    ),
    "rule.double": (
        (twice_in_a_shorter_window, ("each",)), (twice_of_some, ("state",)), (twice_for_one_kind, ("finding",)),
        (twice_the_same, ("absence",)), (twice_the_same, ("share",)), (twice_the_same, ("steps",)),
        (twice_in_a_shorter_window, ("finding",)), (twice_for_one_kind, ("each",)), (facts_behind, ("finding",)),
        (once_for_all, ("each",)), (once_for_all, ("state",)),
    ),
    "steps.overlap": (
        (both_guards, ("guarded",)), (reaching_steps, ("steps",)), (reaching_steps, ("share",)),
        (steps_for_all, ("share",)), (steps_for_all, ("steps",)),
    ),
    "steps.gap": (
        (neither_guard, ("guarded",)), (parted_steps, ("steps",)), (parted_steps, ("share",)),
        (skipped_result, ("latest",)),
    ),
    "rule.not_monotone": (
        (milder_for_worse, ("steps",)), (milder_for_worse, ("share",)), (middle_is_worst, ("share",)),
        (middle_is_worst, ("steps",)), (middle_result_is_worst, ("latest",)),
    ),
    "points.short": (
        (lower_cap, ("each",)), (lower_steps, ("steps",)), (lower_steps, ("guarded",)), (fewer_points, ("absence",)),
        (lower_least, ("formula",)), (lower_steps, ("latest",)), (lower_cap, ("finding",)), (lower_cap, ("state",)),
    ),
    "points.beyond": (
        (no_least, ("formula",)), (by_amount, ("each",)), (by_number, ("steps",)), (by_amount, ("state",)),
    ),
    "cap.idle": (
        (needless_cap, ("absence",)), (needless_cap, ("steps",)), (needless_cap, ("share",)),
        (needless_cap, ("formula",)), (needless_cap_of_an_indicator, ("absence",)), (needless_cap, ("guarded",)),
        (needless_cap, ("latest",)),
    ),
    "limit.dominated": (
        (milder_ceiling, ("state",)), (ceiling_under_a_veto, ("steps",)), (limit_of_fewer_months, ("share",)),
        (milder_ceiling, ("each",)), (ceiling_under_a_veto, ("finding",)),
    ),
    "limit.idle": ((ceiling_at_the_best, ("each",)), (veto_of_the_best, ("share",)), (ceiling_at_the_best, ("state",))),
    "direction.broken": (
        (told_otherwise, ("each",)), (told_otherwise, ("state",)), (told_otherwise, ("absence",)),
        (told_otherwise, ("steps",)), (told_against, ("finding",)), (told_for, ("finding",)), (told_for, ("latest",)),
    ),
    "remedy.cycle": ((circle, ("state", "state")), (either_or, ("absence", "absence")), (circle, ("state",) * 3)),
    "text.number": (
        (other_months, ("each",)), (other_english_months, ("each",)), (other_points, ("each",)),
        (other_english_points, ("each",)), (other_percent, ("share",)), (other_many, ("guarded",)),
        (other_count, ("steps",)), (other_months, ("finding",)),
    ),
}  # fmt: skip


def small_seeds(code: str, most: int) -> list[Seed]:
    """Return so many seeds of a type, in as many drawn rulebooks, each way of spoiling them in its turn."""
    found: list[Seed] = []
    for number in count():
        spoil, shapes = SPOILS[code][number % len(SPOILS[code])]
        book = small(1_000 + number, *shapes)
        seed = Seed(code, tuple(spoil(book, book.of(shapes[0])[0])), book.files)
        if accepted(seed):
            found.append(seed)
        if len(found) == most:
            return found
    raise AssertionError
