"""Small random rulebooks in which deeds matter: caps of all levels, weights, limits, demands, both directions."""

from __future__ import annotations

import random
from typing import Any

from knowledge.loader import bind
from knowledge.rulebook import Rulebook

TYPES = ("t0", "t1", "t2", "t3")
LABEL = {"zh": "甲", "en": "a"}


def random_ladder(seed: int) -> Rulebook:
    """Return a rulebook of six standards under two levels, with five remedies that change what they look at.

    Raises:
        RulebookRefused: what was drawn contradicts itself.
    """
    return bind(_Ladder(random.Random(seed)).files())


class _Ladder:
    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.gained = draw.random() < 0.4
        self.lower = draw.random() < (0.7 if self.gained else 0.1)
        self.points = {f"S{place}": draw.choice((10, 20, 30)) for place in range(6)}
        self.remedies = [f"deed{place}" for place in range(5)]

    def files(self) -> dict[str, Any]:
        return {
            "rulebook.yaml": self.head(), "vocabulary.yaml": self.vocabulary(), "indicators.yaml": self.indicators(),
            "measures.yaml": list(self.measures()), "bands.yaml": self.bands(),
            "rules/all.yaml": [*map(self.rule, self.points), *self.limits()],
            "remedies.yaml": list(map(self.remedy, self.remedies)),
        }  # fmt: skip

    def head(self) -> dict[str, Any]:
        scoring: dict[str, Any] = {
            "start": 0 if self.gained else self.draw.choice((sum(self.points.values()), 100)),
            "points": "gained" if self.gained else "lost", "better": "lower" if self.lower else "higher",
            "not_applicable": self.draw.choice(("leaves_the_fraction", "keeps_its_points")),
            "rounding": self.draw.choice(("down", "up", "half_up")),
        }  # fmt: skip
        self.start = scoring["start"]
        return {
            "id": "ladder", "version": "1", "title": LABEL, "status": "draft", "notice": LABEL,
            "effective_from": "2000-01-01", "scoring": scoring, "require": {"law": "no", "scenario": "no"},
        }  # fmt: skip

    def vocabulary(self) -> dict[str, Any]:
        fields = {
            "no": "text", "sort": {"type": "choice", "of": ["good", "bad"]}, "on": "date",
            "until": {"type": "date", "optional": "yes"},
        }  # fmt: skip
        kind = {
            "label": LABEL, "same_when": ["no"], "dated": "on", "lasts": {"from": "on", "until": "until"},
            "fields": fields,
        }  # fmt: skip
        limits = {"ceilings": {"C1": LABEL, "C2": LABEL}, "vetoes": {"V1": LABEL}}
        return {"kinds": {"farm": LABEL}, "facts": dict.fromkeys(TYPES, kind), **limits}

    def indicators(self) -> dict[str, Any]:
        draw, below = self.draw, {"P0": ("S0", "S1"), "P1": ("S2", "S3"), "P2": ("S4", "S5")}
        points = {name: sum(self.points[one] for one in names) for name, names in below.items()}
        points |= {"L0": points["P0"] + points["P1"], "L1": points["P2"]}
        made: dict[str, dict[str, Any]] = {}
        for name, total in points.items():
            made[name] = {"id": name, "label": LABEL, "points": total}
            if draw.random() < 0.3:
                made[name]["at_most"] = draw.randint(1, total)
            if draw.random() < 0.3:
                made[name]["weight"] = draw.randint(1, 3)
            if draw.random() < 0.1:
                made[name]["minimum"] = {"points": draw.randint(0, total), "otherwise": draw.choice("BC")}
        standards = [
            {"id": one, "of": name, "label": LABEL, "points": self.points[one]}
            for name, names in below.items()
            for one in names
        ]
        level2 = [{**made[name], "of": "L1" if name == "P2" else "L0"} for name in below]
        return {"level1": [made["L0"], made["L1"]], "level2": level2, "standards": standards}

    def measures(self) -> Any:
        for name in TYPES:
            of = {"of": name, "active": "yes", **self.draw.choice(({}, {"where": {"sort": "bad"}}))}
            yield {"measure": f"count_{name}", "label": LABEL, "count": of}
            share = {"of": name, "where": {"sort": "good"}}
            yield {
                "measure": f"share_{name}", "label": LABEL, "share": share, "within": "12 months",
                "when_nothing": "not_applicable",
            }  # fmt: skip

    def bands(self) -> list[dict[str, Any]]:
        total, draw = sum(self.points.values()), self.draw
        cuts = sorted(draw.sample(range(1, total), 3))
        edges = [cut if self.gained else self.start - cut for cut in cuts]
        edges.sort(reverse=not self.lower)
        key = "up_to" if self.lower else "from"
        bands: list[dict[str, Any]] = []
        for grade, edge in zip("ABC", edges, strict=True):
            band: dict[str, Any] = {"grade": grade, "word": LABEL, key: edge}
            if draw.random() < 0.15:
                band["worst_single"] = draw.choice((5, 10, 20))
            if draw.random() < 0.15:
                band["demands"] = [
                    {
                        "indicator": draw.choice(("P0", "P2", "L0")),
                        draw.choice(("at_least", "at_most")): draw.randint(0, 30),
                    }
                ]
            bands.append(band)
        return [*bands, {"grade": "D", "word": LABEL}]

    def rule(self, standard: str) -> dict[str, Any]:
        draw, verb, most = self.draw, "gain" if self.gained else "lose", self.points[standard]
        name, other = draw.sample(TYPES, 2)
        named = {"remedy": draw.sample(self.remedies, draw.randint(2, 4))}
        each = draw.choice((2, 5, 10))
        match draw.randrange(5):
            case 0:
                pattern = {"is": name, "active": "yes"} | draw.choice(({}, {"where": {"sort": "bad"}}))
                return {"standard": standard, "for_each": {"fact": pattern}, verb: each, "at_most": most, **named}
            case 1:
                steps = [
                    {"at_least": 4, "points": most},
                    {"at_least": 2, "points": most // 2},
                    {"at_least": 1, "points": 1},
                ]
                return {"standard": standard, "measure": f"count_{name}", verb: steps, **named}
            case 2:
                when = [{"no such": {"is": name, "within": "6 months", "active": "yes"}}]
                return {"standard": standard, "when": when, verb: most, **named}
            case 3:
                shares: list[dict[str, Any]] = [{"below": "40%", "points": most}, {"below": "80%", "points": most // 2}]
                return {"standard": standard, "measure": f"share_{name}", verb: shares, **named}
            case _:
                both = [{"one": {"is": name, "active": "yes"}}, {"two": {"is": other, "where": {"sort": "bad"}}}]
                return {"standard": standard, "when": both, verb: most, **named}

    def limits(self) -> list[dict[str, Any]]:
        rules: list[dict[str, Any]] = []
        for key, target, word in (("ceiling", "C1", "at_best"), ("ceiling", "C2", "at_best"), ("veto", "V1", "grade")):
            name = self.draw.choice(TYPES)
            when = [{"measure": f"count_{name}", "at_least": self.draw.choice((4, 6, 8))}]
            named = self.draw.sample(self.remedies, 2)
            rules.append({key: target, word: self.draw.choice("BC"), "when": when, "remedy": named})
        return rules

    def remedy(self, name: str) -> dict[str, Any]:
        draw = self.draw
        acts = []
        for kind in draw.sample(TYPES, draw.choice((1, 2, 3))):
            pattern = {"is": kind} | draw.choice(({}, {"where": {"sort": "bad"}}, {"active": "yes"}))
            ended = {"again": pattern, "gives": {"until": "as_of"}}
            bettered = {"again": pattern, "gives": {"sort": "good"}}
            struck = {"again": pattern, "status": "repaired"}
            added = {"new": kind, "times": draw.choice((1, 2)), "gives": {"sort": "good", "on": "as_of"}}
            acts.append(draw.choice((ended, bettered, struck, added)))
        others = [one for one in self.remedies if one != name]
        return {
            "remedy": name, "text": LABEL, "effort": draw.randint(1, 4), "recovers": "deed", "does": acts,
            "lead_time": draw.choice(("1 days", "10 days", "10 days", "3 months", "200 days")),
            "excludes": [draw.choice(others)] if draw.random() < 0.2 else [],
        }  # fmt: skip
