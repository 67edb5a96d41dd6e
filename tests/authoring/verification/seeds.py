"""Defects put into rulebooks that have none: the same kind at one place after the other."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from knowledge.loader import bind, read_folder
from knowledge.problems import RulebookRefused
from knowledge.rulebook import Rulebook

ROOT = Path(__file__).parents[3]
HANGZHOU = ROOT / "knowledge" / "rulebooks" / "hangzhou" / "2021.1"
HYGIENE = ROOT / "examples" / "hygiene"
ORCHARD = ROOT / "tests" / "rulebooks" / "api" / "orchard" / "1"
KINDS = ("finding", "standard", "ceiling", "veto", "status", "consequence")

Written = dict[str, Any]


@dataclass
class Seed:
    """A rulebook with one defect, and the names of which a finding must concern one."""

    code: str
    names: tuple[str, ...]
    files: Written

    @cached_property
    def rulebook(self) -> Rulebook:
        return bind(self.files)


@dataclass
class Book:
    """The files of a rulebook as plain data."""

    folder: Path
    files: Written = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.files:
            documents, _ = read_folder(self.folder)
            self.files = {name: one.data for name, one in documents.items() if not name.startswith("scenarios/")}

    def copied(self, *names: str) -> Book:
        """Return the same files, of which these may be changed."""
        return Book(self.folder, self.files | {name: copy.deepcopy(self.files[name]) for name in names})

    def rules(self) -> Iterator[tuple[str, int, Written]]:
        for name in sorted(name for name in self.files if name.startswith("rules/")):
            yield from ((name, place, rule) for place, rule in enumerate(self.files[name]))

    def changed(self, file: str, place: int, change: Callable[[Written], None]) -> Book:
        book = self.copied(file)
        change(book.files[file][place])
        return book

    @property
    def key(self) -> str:
        return "gain" if self.folder == HYGIENE else "lose"


def id_of(rule: Written) -> str:
    return str(rule.get("rule") or next(rule[kind] for kind in KINDS if kind in rule))


def unreachable(book: Book) -> Iterator[Seed]:
    """A window of so many months, and a date from before it."""
    types = book.files["vocabulary.yaml"]
    dated = {
        name: kind.get("dated") for part in ("facts", "findings") for name, kind in (types.get(part) or {}).items()
    }
    for file, place, rule in book.rules():
        for alias, pattern in (rule.get("for_each") or {}).items():
            found = re.fullmatch(r"(\d+) months", str(pattern.get("within")))
            if found and dated.get(pattern["is"]):

                def change(
                    one: Written, alias: str = alias, date: str = dated[pattern["is"]], months: int = int(found[1])
                ) -> None:
                    where = dict(one["for_each"][alias].get("where") or {})
                    where[date] = {"before": f"as_of - {months + 1} months"}
                    one["for_each"][alias]["where"] = where

                yield Seed("rule.unreachable", (id_of(rule),), book.changed(file, place, change).files)


def unreachable_by_measure(book: Book) -> Iterator[Seed]:
    """So many of something, and none of it."""
    measures = {one["measure"]: one for one in book.files["measures.yaml"]}
    for file, place, rule in book.rules():
        for clause in rule.get("when") or []:
            name = clause.get("measure") if isinstance(clause, dict) else None
            measure = measures.get(name)
            if measure and "count" in measure and clause.get("at_least", 0) and "applies_to" not in measure:
                counted = measure["count"]
                pattern = {"is": counted} if isinstance(counted, str) else {"is": counted["of"]} | {
                    key: value for key, value in counted.items() if key != "of"
                }  # fmt: skip
                if "within" in measure:
                    pattern["within"] = measure["within"]

                def change(one: Written, pattern: Written = pattern) -> None:
                    one["when"] = [*one["when"], {"no such thing": pattern}]

                yield Seed("rule.unreachable", (id_of(rule),), book.changed(file, place, change).files)


def grades(book: Book) -> Iterator[Seed]:
    """Points come in fives, and a grade that takes only scores between them."""
    for start in (0, 5, 10):
        for place, low in ((1, 15), (3, 30), (4, 40)):
            for width in range(1, 5):
                one = book.copied("bands.yaml", "rulebook.yaml")
                bands = one.files["bands.yaml"]
                for band in bands:
                    band.pop("worst_single", None)
                one.files["rulebook.yaml"]["scoring"]["start"] = start
                bands[place - 1]["up_to"] = low
                bands[place]["up_to"] = low + width
                yield Seed("grade.unreachable", (bands[place]["grade"],), one.files)


def doubles(book: Book) -> Iterator[Seed]:
    """A second standard loses points for the same facts."""
    standards = [one["id"] for one in book.files["indicators.yaml"]["standards"]]
    for file, place, rule in book.rules():
        if "standard" in rule and "for_each" in rule:
            other = standards[standards.index(rule["standard"]) - 1]
            one = book.copied(file)
            second = copy.deepcopy(rule) | {"standard": other, "rule": "second", book.key: 1}
            for key in ("at_most", "shares_event", "remedy"):
                second.pop(key, None)
            first = one.files[file][place]
            if other in (first.get("shares_event") or []):
                first.pop("shares_event")
            one.files[file].append(second)
            yield Seed("rule.double", ("second",), one.files)


def overlaps(book: Book) -> Iterator[Seed]:
    """Steps that reach into those of the rule, or of the step, beside them."""
    for file, place, rule in book.rules():
        for number, clause in enumerate(rule.get("when") or []):
            if "standard" in rule and "measure" in rule and isinstance(clause, dict) and "below" in clause:
                for more in (1, 2, 3):

                    def change(one: Written, number: int = number, more: int = more) -> None:
                        one["when"][number]["below"] += more

                    yield Seed("steps.overlap", (id_of(rule),), book.changed(file, place, change).files)


def overlapping_steps(book: Book) -> Iterator[Seed]:
    """A step that begins before the one before it has ended."""
    for file, place, rule in book.rules():
        steps = rule.get(book.key)
        if isinstance(steps, list) and len(steps) > 1 and all("below" in one for one in steps):
            low, high = (number(one["below"]) for one in steps[:2])

            def change(one: Written, low: int = low, high: int = high) -> None:
                first, second = one[book.key][:2]
                first |= {"at_least": written(first, 0)}
                second |= {"at_least": written(second, max(low - 1 - (high - low) // 4, 0))}

            if low > 0:
                yield Seed("steps.overlap", (id_of(rule),), book.changed(file, place, change).files)


def gaps(book: Book) -> Iterator[Seed]:
    """Values that no rule, or no step, takes, between those that one does."""
    for file, place, rule in book.rules():
        if "standard" not in rule or "measure" not in rule:
            continue
        for turn, clause in enumerate(rule.get("when") or []):
            if isinstance(clause, dict) and clause.get("below", 0) and "rule" in rule:
                for less in (1, 2):

                    def narrow(one: Written, turn: int = turn, less: int = less) -> None:
                        one["when"][turn]["below"] -= less

                    yield Seed("steps.gap", (id_of(rule),), book.changed(file, place, narrow).files)
        steps = rule[book.key]
        if len(steps) > 1 and all("below" in one for one in steps):
            low, high = (number(one["below"]) for one in steps[-2:])

            def change(one: Written, low: int = low, high: int = high) -> None:
                second = one[book.key][-1]
                second |= {"at_least": written(second, low + (high - low + 1) // 2)}

            if high - low > 1:
                yield Seed("steps.gap", (id_of(rule),), book.changed(file, place, change).files)


def number(value: Any) -> int:
    return int(str(value).removesuffix("%"))


def written(step: Written, value: int) -> Any:
    return f"{value}%" if str(step["below"]).endswith("%") else value


def turns(book: Book) -> Iterator[Seed]:
    """Steps whose points rise and fall again."""
    for file, place, rule in book.rules():
        steps = rule.get(book.key)
        if isinstance(steps, list) and len(steps) > 1:
            for less in (1, 2, 3):

                def change(one: Written, less: int = less) -> None:
                    worst, next_ = one[book.key][:2]
                    worst["points"] = max(next_["points"] - less, 0)

                if steps[1]["points"] > less:
                    yield Seed("rule.not_monotone", (id_of(rule),), book.changed(file, place, change).files)


def short(book: Book) -> Iterator[Seed]:
    """A cap, or the only points, below what the standard holds."""
    many: dict[str, int] = {}
    for _, _, rule in book.rules():
        many[str(rule.get("standard"))] = many.get(str(rule.get("standard")), 0) + 1
    for file, place, rule in book.rules():
        if "standard" in rule and many[rule["standard"]] == 1:

            def change(one: Written) -> None:
                steps = one[book.key]
                if "measure" not in one:
                    one["at_most"] = one[book.key] = 1
                for step in steps if isinstance(steps, list) else ():
                    step["points"] = 1

            yield Seed("points.short", (rule["standard"],), book.changed(file, place, change).files)


def beyond(book: Book) -> Iterator[Seed]:
    """A formula without a cap, that comes to more than the standard holds."""
    plain = [one for one in book.rules() if "standard" in one[2] and not {"for_each", "measure"} & set(one[2])]
    counts = [one["measure"] for one in book.files["measures.yaml"] if "count" in one and "per" not in one]
    for turn in range(2 * len(counts)):
        again, number = divmod(turn, len(counts))
        name, (file, place, rule) = counts[number], plain[(number + again) % len(plain)]

        def change(one: Written, name: str = name) -> None:
            one.pop("at_most", None)
            one[book.key] = {"formula": f"{name} * 7"}
            one["when"] = [{"measure": name, "at_least": 1}]

        yield Seed("points.beyond", (id_of(rule),), book.changed(file, place, change).files)


def caps(book: Book) -> Iterator[Seed]:
    """A cap on a rule that fires once."""
    points = {one["id"]: one["points"] for one in book.files["indicators.yaml"]["standards"]}
    for file, place, rule in book.rules():
        if "standard" in rule and "for_each" not in rule and "at_most" not in rule:

            def change(one: Written) -> None:
                one["at_most"] = points[one["standard"]]

            yield Seed("cap.idle", (id_of(rule),), book.changed(file, place, change).files)


def dominated(book: Book) -> Iterator[Seed]:
    """A limit that another one outdoes: it asks for the same and more, for no worse a grade."""
    order = [band["grade"] for band in book.files["bands.yaml"]]
    for file, _, rule in book.rules():
        if not ("ceiling" in rule or "veto" in rule):
            continue
        grade = rule.get("grade") or rule.get("at_best")
        for milder in order[1 : order.index(grade) + 1]:
            one = book.copied(file)
            kind = "ceiling" if "ceiling" in rule else "veto"
            second = copy.deepcopy(rule) | {"rule": "milder", ("at_best" if kind == "ceiling" else "grade"): milder}
            second.pop("remedy", None)
            one.files[file].append(second)
            yield Seed("limit.dominated", ("milder",), one.files)


def idle(book: Book) -> Iterator[Seed]:
    """A ceiling at the best grade."""
    best = book.files["bands.yaml"][0]["grade"]
    for file, place, rule in book.rules():
        if "ceiling" in rule:
            yield Seed(
                "limit.idle", (id_of(rule),), book.changed(file, place, lambda one: one.update(at_best=best)).files
            )


def directions(book: Book) -> Iterator[Seed]:
    """Facts declared to tell the other way."""
    for name, kind in book.files["vocabulary.yaml"]["facts"].items():
        if "tells" in kind:
            one = book.copied("vocabulary.yaml")
            told = one.files["vocabulary.yaml"]["facts"][name]
            told["tells"] = "for" if told["tells"] == "against" else "against"
            yield Seed("direction.broken", (name,), one.files)


def cycles(book: Book) -> Iterator[Seed]:
    """Two remedies, each of which brings about what the other answers."""
    facts = {
        "leave_abnormal_list": {
            "new": "abnormal_entry", "gives": {"register": "abnormal_operation", "listed_on": "as_of"},
        },
        "pay_arrears": {"new": "arrears_notice", "gives": {"owed": "tax", "announced_on": "as_of"}},
        "perform_financing_judgment": {
            "new": "judgment_default", "gives": {"cause": "financing", "listed": "no", "filed_on": "as_of"},
        },
        "perform_judgment": {
            "new": "judgment_default", "gives": {"cause": "other", "listed": "yes", "filed_on": "as_of"},
        },
        "leave_other_list": {"new": "list_entry", "gives": {"list": "甲", "decided_on": "as_of"}},
        "remediate_site": {"new": "site_restriction", "gives": {"plot": "甲", "found_on": "as_of"}},
        "close_hazard": {"new": "hazard_finding", "gives": {"level": "serious", "found_on": "as_of"}},
    }  # fmt: skip
    places = {one["remedy"]: place for place, one in enumerate(book.files["remedies.yaml"])}
    for first in facts:
        for second in facts:
            if first < second:
                one = book.copied("remedies.yaml")
                for remedy, other in ((first, second), (second, first)):
                    one.files["remedies.yaml"][places[remedy]]["does"].append(copy.deepcopy(facts[other]))
                yield Seed("remedy.cycle", (first, second), one.files)


def texts(book: Book) -> Iterator[Seed]:
    """A sentence with another number than its rule."""
    for file, place, rule in book.rules():
        because = rule.get("because")
        if not isinstance(because, dict) or "zh" not in because:
            continue
        found = re.search(r"近(\d+)个月|满(\d+)个月|不低于(\d+)%|未满(\d+)", because["zh"])
        if found:

            def change(one: Written, found: re.Match[str] = found) -> None:
                told = next(group for group in found.groups() if group)
                words = found[0].replace(told, str(int(told) - 1))
                one["because"]["zh"] = one["because"]["zh"].replace(found[0], words)

            yield Seed("text.number", (id_of(rule),), book.changed(file, place, change).files)


def accepted(seed: Seed) -> bool:
    """Say whether the loader lets it pass, so that it is left to verification."""
    try:
        assert seed.rulebook
    except RulebookRefused:
        return False
    return True


MAKERS: dict[str, tuple[tuple[Callable[[Book], Iterator[Seed]], Path], ...]] = {
    "rule.unreachable": ((unreachable, HANGZHOU), (unreachable_by_measure, HANGZHOU)),
    "grade.unreachable": ((grades, HYGIENE),),
    "rule.double": ((doubles, HYGIENE), (doubles, HANGZHOU)),
    "steps.overlap": ((overlaps, HANGZHOU), (overlapping_steps, HANGZHOU)),
    "steps.gap": ((gaps, HANGZHOU),),
    "rule.not_monotone": ((turns, HYGIENE), (turns, HANGZHOU)),
    "points.short": ((short, HYGIENE), (short, HANGZHOU)),
    "points.beyond": ((beyond, HANGZHOU),),
    "cap.idle": ((caps, HYGIENE), (caps, HANGZHOU)),
    "limit.dominated": ((dominated, HYGIENE), (dominated, HANGZHOU)),
    "limit.idle": ((idle, HYGIENE), (idle, HANGZHOU)),
    "direction.broken": ((directions, HYGIENE), (directions, HANGZHOU)),
    "remedy.cycle": ((cycles, HANGZHOU),),
    "text.number": ((texts, HANGZHOU),),
}


def shipped_seeds(code: str, most: int | None = None) -> list[Seed]:
    """Return so many seeds of a type in the shipped rulebooks, taken evenly from all that the loader lets pass."""
    made = [seed for maker, folder in MAKERS[code] for seed in maker(Book(folder))]
    step = 1 if most is None else max(len(made) // most, 1)
    ordered = [*made[::step], *(one for place, one in enumerate(made) if place % step)]
    return list(islice((seed for seed in ordered if accepted(seed)), most))
