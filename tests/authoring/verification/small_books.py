"""Small rulebooks as a policy writer might write them: drawn from a seed, each of other parts, and nothing wrong.

Every standard counts facts of its own, so that a defect that is put into one is the only one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Written = dict[str, Any]

KINDS = ("farm", "co_op", "shop")
RESULTS = ("good", "poor", "bad")
NAMES = (
    "sample", "visit", "notice", "delivery", "batch", "lesson", "spraying", "permit", "complaint", "recall",
    "accident", "audit", "penalty", "purchase", "harvest", "stay",
)  # fmt: skip


def label(name: str) -> Written:
    return {"zh": f"“{name}”", "en": name}


@dataclass
class Part:
    """A standard: its shape, what its rules count, and where they stand."""

    shape: str
    standard: str
    points: int
    type: str
    measure: str = ""
    rules: list[int] = field(default_factory=list)
    """Places in `rules/all.yaml`."""


@dataclass
class Small:
    """A rulebook that was drawn, with what one has to know to spoil it."""

    seed: int
    files: Written
    parts: list[Part]
    key: str
    """`lose` or `gain`."""
    grades: tuple[str, ...]
    draw: random.Random

    @property
    def rules(self) -> list[Written]:
        rules: list[Written] = self.files["rules/all.yaml"]
        return rules

    def of(self, *shapes: str) -> list[Part]:
        return [part for part in self.parts if part.shape in shapes]

    def rule(self, part: Part, number: int = 0) -> Written:
        return self.rules[part.rules[number]]

    def facts(self) -> Written:
        facts: Written = self.files["vocabulary.yaml"]["facts"]
        return facts


def small(seed: int, *shapes: str) -> Small:
    """Return a rulebook drawn from a seed, with standards of these shapes and some others."""
    return _Drawing(random.Random(seed)).book(seed, shapes)


class _Drawing:
    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.names = list(NAMES)
        draw.shuffle(self.names)
        self.gains = draw.random() < 0.4
        self.key = "gain" if self.gains else "lose"
        self.kinds = KINDS[: draw.choice((1, 2, 3))]
        self.facts: Written = {}
        self.findings: Written = {}
        self.measures: list[Written] = []
        self.rules: list[Written] = []
        self.remedies: list[Written] = []
        self.parts: list[Part] = []
        self.shapes: dict[str, Callable[[Part], None]] = {
            "each": self.each, "steps": self.steps, "share": self.share, "absence": self.absence,
            "formula": self.formula, "guarded": self.guarded, "finding": self.finding, "state": self.state,
            "latest": self.latest,
        }  # fmt: skip

    def book(self, seed: int, shapes: tuple[str, ...]) -> Small:
        draw = self.draw
        others = [draw.choice(list(self.shapes)) for _ in range(draw.randint(3, 4) - len(shapes))]
        wanted = [*shapes, *others]
        draw.shuffle(wanted)
        for number, shape in enumerate(wanted):
            part = Part(shape, f"S{number + 1}", draw.choice((10, 15, 20, 30)), self.names.pop())
            self.parts.append(part)
            self.shapes[shape](part)
        limits = self.limits()
        total = sum(part.points for part in self.parts)
        grades = ("A", "B", "C", "D")[: draw.choice((3, 4))]
        if self.gains:
            grades = tuple("4321"[: len(grades)])
        for rule in limits:
            key = "grade" if "veto" in rule else "at_best"
            rule[key] = grades[-1] if key == "grade" else draw.choice(grades[1:-1])
        self.rules += limits
        files = {
            "rulebook.yaml": self.head(seed, total), "vocabulary.yaml": self.vocabulary(),
            "indicators.yaml": self.indicators(total), "measures.yaml": self.measures,
            "rules/all.yaml": self.rules, "bands.yaml": self.bands(grades, total), "remedies.yaml": self.remedies,
        }  # fmt: skip
        return Small(seed, files, self.parts, self.key, grades, draw)

    # Parts

    def fact(self, name: str, tells: str | None = None) -> Written:
        made: Written = {
            "label": label(name), "same_when": ["no"], "dated": "on", "lasts": {"from": "on", "until": "ended"},
            "fields": {
                "no": {"type": "text", "max": 20}, "on": {"type": "date"}, "ended": {"type": "date", "optional": "yes"},
                "result": {"type": "choice", "of": dict.fromkeys(RESULTS, label("result")), "ordered": "yes"},
                "fine": {"type": "yes_no"}, "amount": {"type": "whole", "min": 0, "max": 12},
            },
        }  # fmt: skip
        if tells is not None:
            made["tells"] = tells
        self.facts[name] = made
        return made

    def add(self, part: Part, rule: Written, *, remedy: list[Written] | None = None) -> Written:
        made = {"standard": part.standard, "rule": f"{part.standard}-{len(part.rules) + 1}", **rule}
        if remedy is not None:
            name = f"mend_{part.type}"
            made["remedy"] = name
            if all(one["remedy"] != name for one in self.remedies):
                self.remedies.append({
                    "remedy": name, "text": label(name), "effort": 2, "lead_time": "10 days",
                    "restores": [part.standard], "recovers": "deed", "does": remedy,
                })  # fmt: skip
        part.rules.append(len(self.rules))
        self.rules.append(made)
        return made

    def months(self) -> int:
        return self.draw.choice((3, 6, 9, 12, 18, 24))

    def each(self, part: Part) -> None:
        """Points for each fact of a kind within some months, up to a cap."""
        self.fact(part.type, "against")
        months, points = self.months(), part.points // self.draw.choice((2, 3, 5) if part.points % 2 else (2, 5))
        where = self.draw.choice(({"result": "bad"}, {"fine": "no"}, {"result": ["poor", "bad"]}))
        self.add(part, {
            "for_each": {"one": {"is": part.type, "where": where, "within": f"{months} months"}},
            self.key: points, "at_most": part.points,
            "because": {
                "zh": f"近{months}个月内 {{one.on}} 的一条({{one.no}}),每条{points}分。",
                "en": f"One of {{one.on}} ({{one.no}}) within {months} months; each counts {points} points.",
            },
        })  # fmt: skip

    def state(self, part: Part) -> None:
        """Points for each fact that still holds, and a remedy that ends it."""
        self.fact(part.type, "against")
        points = part.points // 5 * self.draw.choice((1, 2))
        self.add(
            part,
            {
                "for_each": {"open": {"is": part.type, "active": "yes"}}, self.key: points, "at_most": part.points,
                "because": {"zh": "{open.on} 起至今未了。", "en": "Open since {open.on}."},
            },
            remedy=[{"again": {"is": part.type, "active": "yes"}, "gives": {"ended": "as_of"}}],
        )  # fmt: skip

    def finding(self, part: Part) -> None:
        """Points for each finding, which a bad fact without a later good one makes."""
        self.fact(part.type)
        name, months = f"found_{part.type}", self.months()
        self.findings[name] = {
            "label": label(name), "dated": "on", "fields": {"no": {"type": "text"}, "on": {"type": "date"}},
        }  # fmt: skip
        later = {"is": part.type, "where": {"result": "good", "on": {"after": "bad.on"}}}
        self.rules.append({
            "finding": name, "rule": f"{name}-rule",
            "when": [{"bad": {"is": part.type, "where": {"result": "bad"}}}, {"no later": later}],
            "gives": {"no": "bad.no", "on": "bad.on"},
            "because": {"zh": "{bad.on} 不合格,此后没有合格。", "en": "Bad on {bad.on}, and none good since."},
        })  # fmt: skip
        self.add(part, {
            "for_each": {"found": {"is": name, "within": f"{months} months"}},
            self.key: part.points // 2, "at_most": part.points,
            "because": {"zh": f"{{found.on}} 的认定,近{months}个月内。", "en": "Found on {found.on}."},
        })  # fmt: skip

    def absence(self, part: Part) -> None:
        """All points where there is nothing that holds."""
        self.fact(part.type, "for")
        self.add(
            part,
            {
                "when": [{f"no {part.type}": {"is": part.type, "active": "yes"}}], self.key: part.points,
                "because": {"zh": "没有现行有效的记录。", "en": "There is none in force."},
            },
            remedy=[{
                "new": part.type,
                "gives": {"on": "as_of", "result": "good", "fine": "yes", "amount": 1},
            }],
        )  # fmt: skip

    def count(self, part: Part, **more: Any) -> str:
        name, months = f"{part.type}_count", self.months()
        counted: Any = {"of": part.type, **more} if more else part.type
        self.measures.append(
            {"measure": name, "label": label(name), "count": counted, "within": f"{months} months"}
        )  # fmt: skip
        part.measure = name
        return name

    def falling(self, part: Part, many: int) -> list[int]:
        """Return points of steps, the first of them all that the standard holds."""
        low = range(5, part.points, 5) if part.points > 10 else range(2, part.points, 2)
        rest = sorted(self.draw.sample(list(low), min(many - 1, len(low))), reverse=True)
        return [part.points, *rest]

    def steps(self, part: Part) -> None:
        """Steps over a number of facts."""
        self.fact(part.type, "against")
        name = self.count(part, where={"fine": "no"})
        points = self.falling(part, self.draw.choice((2, 3)))
        cuts = sorted(self.draw.sample(range(1, 9), len(points)), reverse=True)
        steps = [{"at_least": cut, "points": point} for cut, point in zip(cuts, points, strict=True)]
        self.add(part, {
            "measure": name, self.key: steps,
            "because": {"zh": f"共有 {{{name}}} 条,应少于{cuts[-1]}条。", "en": f"There are {{{name}}}."},
        })  # fmt: skip

    def share_of(self, part: Part) -> tuple[str, list[Written]]:
        name, months = f"{part.type}_share", self.months()
        self.measures.append({
            "measure": name, "label": label(name), "within": f"{months} months",
            "share": {"of": part.type, "where": {"fine": "yes"}}, "when_nothing": "not_applicable",
        })  # fmt: skip
        part.measure = name
        points = self.falling(part, self.draw.choice((2, 3)))
        cuts = sorted(self.draw.sample(range(20, 100, 10), len(points)))
        return name, [{"below": f"{cut}%", "points": point} for cut, point in zip(cuts, points, strict=True)]

    def share(self, part: Part) -> None:
        """Steps over a share."""
        self.fact(part.type)
        name, steps = self.share_of(part)
        most = steps[-1]["below"]
        self.add(part, {
            "measure": name, self.key: steps,
            "because": {"zh": f"占 {{{name}}},应不低于{most}。", "en": f"{{{name}}}; it should be at least {most}."},
        })  # fmt: skip

    def guarded(self, part: Part) -> None:
        """Steps over a share where there are so many facts, and one mild step where there are fewer."""
        self.fact(part.type)
        count = self.count(part)
        name, steps = self.share_of(part)
        self.measures[-1]["within"] = self.measures[-2]["within"]
        few = self.draw.randint(3, 6)
        least = steps[-1]["points"]
        self.add(part, {
            "measure": name, "when": [{"measure": count, "at_least": few}], self.key: steps,
            "because": {"zh": f"{{{count}}} 条中占 {{{name}}}。", "en": f"Of {{{count}}}, {{{name}}}."},
        })  # fmt: skip
        self.add(part, {
            "measure": name, "when": [{"measure": count, "below": few}],
            self.key: [{"below": steps[-1]["below"], "points": least}],
            "because": {"zh": f"不足{few}条({{{count}}} 条),占 {{{name}}}。", "en": f"Fewer, {{{name}}}."},
        })  # fmt: skip

    def formula(self, part: Part) -> None:
        """So many points for each thing missing at the last time, up to what the standard holds."""
        self.fact(part.type)
        name = f"{part.type}_last"
        self.measures.append({
            "measure": name, "label": label(name), "latest": {"of": part.type, "field": "amount"}, "when_nothing": 0,
        })  # fmt: skip
        part.measure = name
        times = -(-part.points // 12) + self.draw.choice((0, 1))
        self.add(part, {
            "when": [{"measure": name, "at_least": 1}],
            self.key: {"formula": f"min({times} * {name}, {part.points})"},
            "because": {"zh": f"最近一次缺 {{{name}}} 项。", "en": f"Lacking at the last time: {{{name}}}."},
        })  # fmt: skip

    def latest(self, part: Part) -> None:
        """Points by the result of the last time."""
        self.fact(part.type)
        name = f"{part.type}_result"
        self.measures.append({
            "measure": name, "label": label(name), "latest": {"of": part.type, "field": "result"},
            "when_nothing": "not_applicable",
        })  # fmt: skip
        part.measure = name
        points = self.falling(part, 2)
        self.add(part, {
            "measure": name,
            self.key: [{"is": "bad", "points": points[0]}, {"is": "poor", "points": points[-1]}],
            "because": {"zh": f"最近一次为“{{{name}}}”。", "en": f"The last one was {{{name}}}."},
        })  # fmt: skip

    # The rest

    def limits(self) -> list[Written]:
        """A ceiling and a veto, each for facts of its own."""
        made: list[Written] = []
        for kind, name in (("ceiling", "held"), ("veto", "struck")):
            if self.draw.random() < 0.8:
                own = self.names.pop()
                self.fact(own, "against")
                months = self.months()
                each = self.draw.choice((
                    {"grave": {"is": own, "where": {"result": "bad"}, "within": f"{months} months"}},
                    {"grave": {"is": own, "active": "yes"}},
                ))  # fmt: skip
                until = {"zh": "不再如此", "en": "it is no longer so"}
                made.append({
                    kind: name, "rule": f"{name}-rule", "for_each": each, "until": until,
                    "because": {"zh": "{grave.on} 的情形。", "en": "What was so on {grave.on}."},
                })  # fmt: skip
        return made

    def indicators(self, total: int) -> Written:
        half = max(len(self.parts) // 2, 1)
        groups = [group for group in (self.parts[:half], self.parts[half:]) if group]
        level2 = [
            {"id": f"K{place}", "of": "L", "label": label("K"), "points": sum(part.points for part in group)}
            for place, group in enumerate(groups)
        ]
        standards = [
            {"id": part.standard, "of": f"K{place}", "label": label(part.standard), "points": part.points}
            for place, group in enumerate(groups)
            for part in group
        ]
        return {
            "level1": [{"id": "L", "label": label("L"), "points": total}], "level2": level2, "standards": standards,
        }  # fmt: skip

    def bands(self, grades: tuple[str, ...], total: int) -> list[Written]:
        """Equal bands over what the points come to."""
        bands: list[Written] = []
        width = total // len(grades)
        for place, grade in enumerate(grades):
            band: Written = {"grade": grade, "word": label(grade)}
            if place + 1 < len(grades):
                if self.gains:
                    band["up_to"] = width * (place + 1)
                else:
                    band["from"] = total - width * (place + 1)
            bands.append(band)
        return bands

    def head(self, seed: int, total: int) -> Written:
        return {
            "id": "small", "version": str(seed), "title": label("small"), "status": "draft", "notice": label("small"),
            "effective_from": "2020-01-01", "require": {"law": "no", "scenario": "no"},
            "scoring": {
                "start": 0 if self.gains else total, "points": "gained" if self.gains else "lost",
                "better": "lower" if self.gains else "higher", "unit": "whole",
                "not_applicable": self.draw.choice(("leaves_the_fraction", "keeps_its_points")),
            },
        }  # fmt: skip

    def vocabulary(self) -> Written:
        made: Written = {
            "kinds": {kind: label(kind) for kind in self.kinds}, "facts": self.facts, "findings": self.findings,
            "ceilings": {"held": label("held")}, "vetoes": {"struck": label("struck")},
        }  # fmt: skip
        return made
