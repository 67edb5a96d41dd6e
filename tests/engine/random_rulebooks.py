"""Random rulebooks that use every construct of the guide, written as people write them and read by the loader."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from knowledge.loader import bind
from knowledge.rulebook import Rulebook
from tests.engine.random_conditions import (
    AFTER_THE_GRADE,
    DECISIVE,
    KINDS,
    LABEL,
    LEVELS,
    MARKS,
    STATES,
    Gauge,
    Kind,
    Scope,
    Written,
)
from tests.engine.random_rules import ROUNDINGS, Rules

CALENDAR = {
    "id": "t", "first": "2023-06-01", "last": "2029-12-31", "weekend": ["saturday", "sunday"],
    "holidays": ["2026-01-01", {"from": "2026-02-15", "through": "2026-02-23"}], "worked": ["2026-02-14"],
}  # fmt: skip
FIELDS: dict[str, tuple[float, Written]] = {
    "no": (0.2, {"type": "text", "max": 40}),
    "tag": (0.5, {"type": "text"}),
    "level": (0.2, {"type": "choice", "of": list(LEVELS), "ordered": "yes"}),
    "state": (0.3, {"type": "choice", "of": dict.fromkeys(STATES, LABEL)}),
    "mark": (0.3, {"type": "choice", "of": list(MARKS)}),
    "number": (0.3, {"type": "whole", "min": -3, "max": 6}),
    "huge": (0.3, {"type": "whole", "min": -(2**53), "max": 2**53}),
    "rate": (0.3, {"type": "decimal", "places": 2, "min": 0, "max": 3, "unit": "%"}),
    "dose": (0.3, {"type": "decimal", "places": 2, "min": 0, "max": "3.00", "unit": "%"}),
    "ok": (0.3, {"type": "yes_no"}),
    "since": (0.2, {"type": "date"}),
    "until": (0.6, {"type": "date"}),
}
"""Fields with the chance that they are optional."""


def written_rulebook(seed: int) -> dict[str, Any]:
    """Return the files of a rulebook by name, whose findings build on each other up to five deep."""
    return _Book(random.Random(seed)).files(seed)


def random_rulebook(seed: int) -> Rulebook:
    """Return a drawn rulebook, read by the loader.

    Raises:
        RulebookRefused: what was drawn contradicts itself.
    """
    return bind(written_rulebook(seed))


class _Book(Rules):
    """Draws the parts of a rulebook in the order in which they may refer to each other."""

    def __init__(self, draw: random.Random) -> None:
        super().__init__(draw)
        lower = (self.direction == "gained" and self.chance(0.6)) or self.chance(0.1)
        self.better = "lower" if lower else "higher"
        self.grades = tuple("12345" if lower else "ABCDE")[: draw.randint(3, 5)]
        self.attributes = {
            "sector": {"type": "choice", "of": list(STATES), "optional": "yes"},
            "rank": {"type": "choice", "of": dict.fromkeys(LEVELS, "甲"), "ordered": True, "optional": True},
            "size": {"type": "whole", "min": 0, "max": 9, "optional": "yes"},
            "born": {"type": "date", "optional": "yes"},
            "name": {"type": "text", "personal": "yes", "optional": "yes"},
            "big_one": {"type": "yes_no", "optional": "no"},
        }
        self.shared: dict[str, Kind] = {}
        """Facts about everyone."""
        self.limits = {
            "ceiling": ("C1", "C2")[: draw.choice((0, 1, 2, 2))],
            "veto": ("V1",)[: draw.choice((0, 1, 1))],
            "status": ("p1", "p2")[: draw.choice((0, 1, 2, 2))],
        }

    def files(self, seed: int) -> dict[str, Any]:
        draw = self.draw
        if self.chance(0.3):
            self.add_facts_about_everyone()
        for place in range(draw.randint(2, 4)):
            self.add_fact(f"fact{place}")
        self.add_measures(draw.randint(2, 4), 0, "f")
        for level in range(1, draw.randint(0, 5) + 1):
            self.add_conclusions(f"finding{level}", "finding", level)
            if self.chance(0.5):
                self.add_measures(1, level, f"l{level}_")
        indicators = self.write_indicators()
        scoring = self.write_scoring()
        bands = self.write_bands(scoring)
        for indicator in (*indicators["level1"], *indicators["level2"]):
            if self.chance(0.3):
                points = draw.randint(0, indicator["points"])
                indicator["minimum"] = {"points": points, "otherwise": draw.choice(self.grades)}
        self.add_measures(1, DECISIVE - 1, "g")
        for name in self.standards:
            self.add_rules("standard", name, DECISIVE, draw.randint(1, 2))
        for kind, names in self.limits.items():
            for name in names:
                self.add_rules(kind, name, DECISIVE, draw.randint(1, 2))
        self.add_consequences()
        remedies = list(self.write_remedies())
        self.add_exact(random.Random(seed))
        draw.shuffle(self.rules)
        cut = draw.randint(0, len(self.rules))
        files = {
            "rulebook.yaml": self.write_head(seed, scoring), "vocabulary.yaml": self.write_vocabulary(),
            "indicators.yaml": indicators, "measures.yaml": self.measures, "bands.yaml": bands,
            "rules/a.yaml": self.rules[:cut], "rules/b.yaml": self.rules[cut:], "remedies.yaml": remedies,
        }  # fmt: skip
        return files | ({"calendar.yaml": CALENDAR} if self.has_calendar else {})

    # What is graded

    def add_fact(self, name: str) -> None:
        kept = [field for field in FIELDS if self.chance(0.6)] or ["no"]
        fields = {field: self.field(*FIELDS[field]) for field in kept}
        fields["day"] = self.field(0.1, {"type": "date"})
        kind = Kind(name, "fact", 0, fields, dated="day" if self.chance(0.8) else None)
        if self.chance(0.8):
            start, end = ("since", "until") if {"since", "until"} <= set(fields) else ("day", "day")
            kind.lasts = {"from": start} | self.draw.choice(({}, {"until": end}, {"through": end}))
        self.kinds[name] = kind

    def add_facts_about_everyone(self) -> None:
        """Add a fact that all producers share, and the finding through which alone others read it."""
        self.add_fact("notice")
        self.sharing = True
        self.add_conclusions("finding0", "finding", 1)
        self.sharing = False
        self.shared["notice"] = self.kinds.pop("notice")

    def field(self, optional: float, shape: Written) -> Written:
        made = {**shape, "optional": self.draw.choice(("yes", True))} if self.chance(optional) else dict(shape)
        if self.chance(0.1):
            made["label"] = LABEL
        if self.chance(0.1):
            made["personal"] = "yes"
        return made

    def add_consequences(self) -> None:
        self.outcomes = {
            "grade": self.grades,
            "score_grade": self.grades,
            "points": [*self.standards, *self.indicators],
        }
        self.outcomes |= {what: names for what, names in self.limits.items() if names}
        points = self.draw.sample([*self.standards, *self.indicators], 2)
        above = DECISIVE + 1
        self.add_measure(
            {"measure": "points", "label": LABEL, "points_lost": {"of": points}},
            Gauge("points", above, {"type": "whole"}),
        )
        self.add_measure(*self.formula_measure("twice", above, ["points"]))
        for place in range(self.draw.randint(1, 3)):
            level = AFTER_THE_GRADE + place
            self.add_conclusions(f"consequence{place}", "consequence", level)
            if self.chance(0.3):
                self.add_measures(1, level, f"c{place}_")

    def add_exact(self, draw: random.Random) -> None:
        """Add a formula of decimals and a rule of a standard that reads it, without a draw that others depend on."""
        fine = [
            gauge.name
            for gauge in self.gauges.values()
            if gauge.shape.get("places") and gauge.per is None and gauge.level <= DECISIVE
        ]
        if fine:
            text = draw.choice(("{0} * 0.25 - 1.5", "({0} + 2) / {0}", "max({0}, {1}) * {1}", "{0} / 3 + {1} * 2"))
            formula = text.format(draw.choice(fine), draw.choice(fine))
            exact: Written = {
                "measure": "exact",
                "label": LABEL,
                "formula": formula,
                "rounding": draw.choice(ROUNDINGS),
            }
            self.measures.append(exact | draw.choice(({}, {"places": 1}, {"places": 5})))
            rule = draw.choice([rule for rule in self.rules if "standard" in rule])
            word = draw.choice(("above", "at_most", "not"))
            rule["when"] = [*(rule.get("when") or []), {"measure": "exact", word: draw.randint(-1, 2)}]

    # Files

    def write_indicators(self) -> Written:
        draw = self.draw
        made: dict[str, list[Written]] = {"level1": [], "level2": [], "standards": []}
        for high in range(draw.randint(1, 2)):
            for low in range(draw.randint(1, 2)):
                for number in range(draw.randint(1, 2)):
                    made["standards"].append(self.standard(f"S{high}{low}{number}", f"K{high}{low}"))
                made["level2"].append(self.indicator(f"K{high}{low}", made["standards"]) | {"of": f"L{high}"})
            made["level1"].append(self.indicator(f"L{high}", made["level2"]))
        self.standards += [standard["id"] for standard in made["standards"]]
        self.indicators |= {
            indicator["id"]: indicator["points"] for key in ("level1", "level2") for indicator in made[key]
        }
        return made

    def standard(self, name: str, indicator: str) -> Written:
        draw = self.draw
        findings = [kind for kind in self.kinds.values() if kind.origin == "finding"]
        made: Written = {"id": name, "of": indicator, "label": LABEL, "points": draw.randint(6, 20)}
        if self.chance(0.25):
            made["applies_to"] = draw.sample(KINDS, 2)
        if findings and self.chance(0.2):
            made["suspended_by"] = self.pattern("suspended", draw.choice(findings), Scope(DECISIVE))
        if self.chance(0.2):
            made["mode"] = draw.choice(("negative", "derived"))
        self.most[name], self.kinds_of[name] = made["points"], made.get("applies_to")
        return made

    def indicator(self, name: str, below: list[Written]) -> Written:
        """Return an indicator with the points of what hangs below it."""
        draw = self.draw
        points = sum(part["points"] for part in below if part["of"] == name)
        made: Written = {"id": name, "label": LABEL, "points": points}
        if self.chance(0.4):
            made["weight"] = draw.choice((2, 3))
        if self.chance(0.3):
            made["at_most"] = draw.randint(points // 2, points)
        if self.chance(0.2):
            made["block"] = draw.choice(("public", "industry"))
        return made

    def write_scoring(self) -> Written:
        draw, most = self.draw, sum(self.most.values())
        start = draw.choice((most, most, 1000)) if self.direction == "lost" else draw.choice((0, 7))
        made: Written = {"start": start, "points": self.direction, "better": self.better}
        lowest = start - most if self.direction == "lost" else start
        if self.chance(0.4):
            made["floor"] = lowest + most // 8
        if self.chance(0.4):
            made["ceiling"] = lowest + most * 7 // 8
        made["unit"] = draw.choice(("whole", "tenths", "hundredths"))
        made["rounding"] = draw.choice(("down", "up", "half_up"))
        made["not_applicable"] = draw.choice(("leaves_the_fraction", "keeps_its_points"))
        return made

    def write_bands(self, scoring: Written) -> list[Written]:
        """Return bands whose bounds can be reached, the last one open."""
        draw = self.draw
        # caps of indicators leave at least half of the points
        reach = sum(self.most.values()) // 4
        low, high = (-reach, 0) if self.direction == "lost" else (0, reach)
        ends = [
            max(scoring.get("floor", 0), min(scoring.get("ceiling", 10**6), scoring["start"] + end))
            for end in (low, high)
        ]
        cuts = sorted(draw.sample(range(ends[0], ends[1] + 1), min(len(self.grades) - 1, ends[1] + 1 - ends[0])))
        self.grades = self.grades[: len(cuts) + 1]
        bands: list[Written] = []
        for grade, cut in zip(self.grades, cuts if self.better == "lower" else reversed(cuts), strict=False):
            band: Written = {"grade": grade, "word": LABEL, "up_to" if self.better == "lower" else "from": cut}
            if bands and self.better == "higher" and self.chance(0.4):
                band["to"] = bands[-1]["from"] - 1
            if self.chance(0.25):
                band["worst_single"] = draw.randint(1, 20)
            if self.chance(0.25):
                indicator, points = draw.choice(list(self.indicators.items()))
                limit = {draw.choice(("at_least", "at_most")): draw.randint(0, points)}
                band["demands"] = [{"indicator": indicator, **limit}]
            bands.append(band)
        return [*bands, {"grade": self.grades[-1], "word": LABEL, "colour": "red", "colour_word": "红码"}]

    def write_remedies(self) -> Iterator[Written]:
        """Yield the deeds that rules name, each with a standard to restore where one of its rules is of a standard."""
        draw = self.draw
        for name in ("mend", "wait"):
            naming = [rule for rule in self.rules if name in rule.get("remedy", ())]
            standards = [rule["standard"] for rule in naming if "standard" in rule]
            if not naming:
                continue
            restored = {standard: draw.choice(("all", "half", 2)) for standard in standards}
            yield {
                "remedy": name, "text": LABEL, "effort": 2, "recovers": draw.choice(("now", "deed", "time")),
                "lead_time": "5 days", "restores": draw.choice((restored, list(restored), {})),
            }  # fmt: skip

    def write_head(self, seed: int, scoring: Written) -> Written:
        head: Written = {
            "id": "random", "version": str(seed), "title": LABEL, "status": "draft", "notice": LABEL,
            "effective_from": "2000-01-01", "scoring": scoring, "require": {"law": "no", "scenario": False},
            "laws": {"L1": {"title": "甲", "article": 1}, "L2": {"title": LABEL, "label": LABEL}},
        }  # fmt: skip
        return head | ({"calendar": "calendar.yaml"} if self.has_calendar else {})

    def write_vocabulary(self) -> Written:
        sections: dict[str, Written] = {"facts": {}, "findings": {}, "consequences": {}}
        for kind in (*self.shared.values(), *self.kinds.values()):
            given = {
                "dated": kind.dated,
                "lasts": kind.lasts,
                "about": "everyone" if kind.name in self.shared else None,
            }
            fields = {name: self.shortened(shape) for name, shape in kind.fields.items()}
            written: Written = {"label": LABEL, "fields": fields}
            written |= {key: value for key, value in given.items() if value is not None}
            if kind.origin == "fact" and self.chance(0.5):
                same = [name for name, shape in kind.fields.items() if "optional" not in shape]
                written["same_when"] = self.draw.sample(same, min(2, len(same)))
                written["source"] = {"system": "test"}
            sections[f"{kind.origin}s"][kind.name] = written
        return {
            "kinds": {"farm": LABEL, "co_op": "甲", "shop": {"label": LABEL, "natural_person": "yes"}},
            "attributes": self.attributes, **sections, "producer_statuses": dict.fromkeys(self.limits["status"], "甲"),
            "statuses": {"doubted": {"label": LABEL, "counts": "yes"}, "disputed": {"label": "甲", "counts": "no"}},
            "ceilings": dict.fromkeys(self.limits["ceiling"], LABEL),
            "vetoes": dict.fromkeys(self.limits["veto"], LABEL),
        }  # fmt: skip

    def shortened(self, shape: Written) -> Any:
        short = set(shape) == {"type"} and shape["type"] != "decimal" and self.chance(0.5)
        return shape["type"] if short else shape
