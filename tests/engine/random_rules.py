"""Random measures and rules, as a rulebook writes them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.engine.random_conditions import (
    DECISIVE,
    KINDS,
    LABEL,
    NUMBERS,
    Conditions,
    Gauge,
    Kind,
    Scope,
    Written,
    required,
)

ROUNDINGS = ("down", "up", "half_up")
NUMBER: Written = {"type": "whole", "optional": "yes"}
PIECES = ("", "甲", " {points}", " {as_of}")


def word(choice: Any) -> str:
    """Return a choice as its values are known."""
    return {True: "yes", False: "no"}[choice] if isinstance(choice, bool) else str(choice)


class Rules(Conditions):
    """Draws measures and rules; what it has made stands in `measures` and `rules`."""

    def __init__(self, draw: random.Random) -> None:
        super().__init__(draw)
        self.standards: list[str] = []
        self.indicators: dict[str, int] = {}
        """Points by indicator."""
        self.measures: list[Written] = []
        self.rules: list[Written] = []
        self.direction = draw.choice(("lost", "gained"))
        self.most: dict[str, int] = {}
        """Points by standard."""
        self.kinds_of: dict[str, list[str] | None] = {}
        """Kinds of producer by standard."""

    # Measures

    def add_measures(self, count: int, level: int, prefix: str) -> None:
        for number in range(count):
            name = f"{prefix}{number}"
            parts = [gauge for gauge in self.gauges.values() if self.computable(gauge) and gauge.level <= level]
            if parts and self.chance(0.3):
                made, gauge = self.formula_measure(name, level, [gauge.name for gauge in parts])
            else:
                made, gauge = self.aggregate(name, level)
            self.add_measure(made, gauge)

    def add_measure(self, made: Written, gauge: Gauge) -> None:
        self.measures.append(made)
        self.gauges[gauge.name] = gauge

    @staticmethod
    def computable(gauge: Gauge) -> bool:
        shape = gauge.shape
        return gauge.per is None and shape["type"] in (*NUMBERS, "date") and not shape.get("places")

    def formula_measure(self, name: str, level: int, parts: Sequence[str]) -> tuple[Written, Gauge]:
        made: Written = {"measure": name, "label": LABEL, **self.formula([*parts, *parts, "3", "0"])}
        if self.chance(0.4):
            made["when_nothing"] = self.draw.choice(("not_applicable", 4))
        return made, Gauge(name, level, dict(NUMBER))

    def formula(self, leaves: Sequence[str]) -> Written:
        """Return a formula and how it rounds."""
        text = self.arithmetic(leaves, 2)
        return {"formula": text, "rounding": self.draw.choice(ROUNDINGS)} if "/" in text else {"formula": text}

    def arithmetic(self, leaves: Sequence[str], depth: int) -> str:
        if depth == 0 or self.chance(0.2):
            return self.draw.choice(leaves)
        left, right = (self.arithmetic(leaves, depth - 1) for _ in range(2))
        sign = self.draw.choice(("+", "-", "*", "/", "min", "max"))
        return f"{sign}({left}, {right})" if sign in ("min", "max") else f"({left} {sign} {right})"

    def aggregate(self, name: str, level: int) -> tuple[Written, Gauge]:
        draw = self.draw
        kind = draw.choice(self.known(level + 1))
        how, of = self.way_to_compute(kind)
        shape = {**NUMBER, "type": "share"} if how == "share" else {**NUMBER, "min": 0}
        if "field" in of and how != "distinct":
            shape = {**kind.fields[of["field"]], "optional": "yes"}
        nothing = self.literal(shape) if self.chance(0.4) else "not_applicable"
        nothing = nothing["text"] if isinstance(nothing, dict) else nothing
        # the dates of a type without one can still be counted from a window's
        on = {"on": draw.choice(kind.dates())} if how == "days_since" and kind.dated is None else {}
        window = {"within": "2 years", **on} if on else self.window(kind) if self.chance(0.3) else {}
        short = set(of) == {"of"} and self.chance(0.7)
        made: Written = {"measure": name, "label": LABEL, how: kind.name if short else of, **window}
        if how not in ("count", "distinct"):
            made["when_nothing"] = nothing
        gauge = Gauge(name, level, shape)
        if self.chance(0.35):
            made["per"] = draw.choice(list(kind.fields))
            gauge.per = kind.fields[made["per"]]
        return made, gauge

    def way_to_compute(self, kind: Kind) -> tuple[str, Written]:
        """Return a way of computing that the type allows, and what it looks at."""
        draw, fields = self.draw, kind.fields
        numbers = [name for name, shape in fields.items() if shape["type"] in ("whole", "decimal")]
        hows = ["count", "count", "share", "share", *(["distinct"] if fields else [])]
        hows += ["sum", "min", "max"] if numbers else ["min", "max"] if kind.dates() else []
        hows += ["latest", "first"] if kind.dated is not None else []
        hows += ["days_since"] if kind.dates() else []
        how = draw.choice(hows)
        of: Written = {"of": kind.name}
        if how in ("sum", "min", "max"):
            of["field"] = draw.choice([*numbers, *(kind.dates() if how != "sum" else [])])
        elif how in ("latest", "first", "distinct"):
            of["field"] = draw.choice(list(fields))
        scope = Scope(kind.level + 1)
        if tests := self.where("this", kind, scope):
            of["among" if how == "share" else "where"] = tests
        if how == "share" and fields:
            name = draw.choice(list(fields))
            of["where"] = {name: self.test(fields[name], {}, kind)}
        if kind.lasts is not None and self.chance(0.3):
            of["active"] = draw.choice(("yes", "no"))
        return how, of

    # Rules

    def add_rules(self, kind: str, target: str, level: int, count: int, given: Kind | None = None) -> None:
        """Add rules of one conclusion; their ids are left out where one is enough."""
        made = [self.rule(kind, target, level, given=given) for _ in range(count)]
        if given is not None:
            self.kinds[given.name] = given
            if not self.sharing and self.chance(0.4):
                made.append(self.rule(kind, target, level, given=given, itself=given))
        for number, rule in enumerate(made):
            if len(made) > 1 or self.chance(0.3):
                rule["rule"] = f"{target}-{number}"
        self.rules += made

    def rule(
        self, kind: str, target: str, level: int, *, given: Kind | None = None, itself: Kind | None = None
    ) -> Written:
        """Return a rule; `given` is the type that it concludes, `itself` too where it rests on its own kind."""
        draw = self.draw
        around = self.around(kind, target)
        self._tested = {"kind"} if "applies_to" in around or self.kinds_of.get(target) else set()
        keys, matches, scope = self.aliases(level, itself, concludes=given is not None)
        key_patterns = {alias: self.pattern(alias, each, scope) for alias, each in keys.items()}
        when = [{alias: self.pattern(alias, each, scope)} for alias, each in matches.items()]
        when += self.more_clauses(scope)
        draw.shuffle(when)
        rule: Written = {kind: target, "unknown": "fires" if scope.fires else "does_not_fire"}
        if given is not None and key_patterns and itself is None and self.chance(0.3):
            when += [{alias: pattern} for alias, pattern in key_patterns.items()]
            keys = {**keys, **matches}
        elif key_patterns:
            rule["for_each"] = key_patterns
        elif given is not None:
            keys = matches
        if when:
            rule["when"] = when
        measured = [self.gauges[str(clause["measure"])] for clause in when if "measure" in clause]
        readable = self.readable(level, [gauge for gauge in measured if gauge.per is not None])
        if kind == "standard":
            rule |= self.points(target, keys, readable)
        if given is not None:
            rule["gives"] = self.gives(given, keys, readable)
        if self.chance(0.2):
            rule["because"] = self.sentence(keys)
        return rule | around

    def aliases(
        self, level: int, itself: Kind | None, *, concludes: bool
    ) -> tuple[dict[str, Kind], dict[str, Kind], Scope]:
        """Return what `for_each` and `when` bind, and the scope that all of it makes."""
        draw, known = self.draw, self.known(level)
        kinds = [itself] if itself is not None else []
        if self.sharing or self.chance(0.85 if concludes else 0.6):
            kinds += [draw.choice(known) for _ in range(draw.choice((1, 1, 2)))]
        keys = {f"k{n}": each for n, each in enumerate(kinds)}
        count = draw.choice((0, 0, 1, 2 if len(keys) < 2 else 1))
        matches = {f"m{n}": draw.choice(known) for n in range(count)}
        return keys, matches, Scope(level, {**keys, **matches}, fires=self.chance(0.2))

    def more_clauses(self, scope: Scope) -> list[Written]:
        clauses = [self.clause(scope) for _ in range(self.draw.choice((0, 0, 1, 1, 2, 3)))]
        grouped = [gauge for gauge in self.usable(scope.level) if gauge.per is not None]
        if grouped and not self.sharing and self.chance(0.15):
            first = self.draw.choice(grouped)
            second = self.draw.choice([gauge for gauge in grouped if fits(gauge, [first])])
            clauses += [
                self.measure_clause(gauge) for gauge in {gauge.name: gauge for gauge in (first, second)}.values()
            ]
        return clauses

    def readable(self, level: int, grouped: Sequence[Gauge]) -> list[Gauge]:
        """Return measures that a rule may read beside those whose groups it has: all of one type of groups."""
        usable = [] if self.sharing else self.usable(level)
        others = [gauge for gauge in usable if gauge.per is not None]
        anchor = grouped or [self.draw.choice(others or usable)] if usable else []
        return [gauge for gauge in usable if fits(gauge, anchor)]

    def points(self, target: str, keys: Mapping[str, Kind], steps: Sequence[Gauge]) -> Written:
        """Return what the rule takes, in one of the four ways that it may be written."""
        draw, most = self.draw, self.most[target]
        key = "lose" if self.direction == "lost" else "gain"
        tables = [(a, f, s) for a, kind in keys.items() for f, s in kind.fields.items() if s["type"] == "choice"]
        made: Written = {key: draw.randint(0, most)}
        way = draw.randrange(4)
        stepped = [gauge for gauge in steps if gauge.name not in self._tested]
        if way == 0 and stepped:
            gauge = draw.choice(stepped)
            made = {"measure": gauge.name, key: [{**s, "points": draw.randint(0, most)} for s in self.steps(gauge)]}
        elif way == 1 and tables:
            alias, name, shape = draw.choice(tables)
            made = {key: {"by": f"{alias}.{name}", "points": {word(c): draw.randint(0, most) for c in shape["of"]}}}
        elif way == 2:
            numbers = [f"{a}.{f}" for a, kind in keys.items() for f, s in kind.fields.items() if s["type"] == "whole"]
            numbers += [gauge.name for gauge in steps if self.computable(Gauge("", 0, gauge.shape))]
            made = {key: self.formula([*numbers, "2", "5"])}
        if self.chance(0.25):
            made["at_most"] = draw.randint(0, most)
        return made

    def steps(self, gauge: Gauge) -> list[Written]:
        """Return tests of a measure's value none of which takes all that the next would."""
        draw, shape = self.draw, gauge.shape
        if shape["type"] in NUMBERS:
            scale = self.scale(shape)
            low, *cuts = [scale[place] for place in sorted(draw.sample(range(len(scale)), min(len(scale), 4)))]
            bands = [{"at_least": a, "below": b} for a, b in zip([low, *cuts], cuts, strict=False)]
            steps = draw.choice((bands, [{"below": cut} for cut in cuts], [{"at_least": cut} for cut in cuts[::-1]]))
        elif shape["type"] == "choice":
            first, second, *_ = draw.sample(list(shape["of"]), 3)
            steps = [{"is": first}, {"in": [second]}]
        else:
            steps = [{"is": self.literal(shape)}]
        others = list(self.references(shape, {}))
        if others and self.chance(0.2):
            steps = [{self.comparison(shape): draw.choice(others)}, {"present": "yes", "not": draw.choice(others)}]
        return [*steps[: draw.randint(1, 3)], *([{}] if self.chance(0.4) else [])]

    def gives(self, kind: Kind, keys: Mapping[str, Kind], usable: Sequence[Gauge]) -> Written:
        draw = self.draw
        given: Written = {}
        for name, shape in kind.fields.items():
            from_facts = list(self.sources(shape, keys))
            measures = [g.name for g in usable if shape["type"] != "text" and assignable(g.shape, shape)]
            producer = {} if self.sharing else {"producer": Kind("producer", "", 0, self.attributes)}
            others = [*self.sources(shape, producer), *measures]
            others += ["as_of" + self.shift(sure=True)] if shape["type"] == "date" else []
            if from_facts and self.chance(0.7):
                given[name] = draw.choice(from_facts)
            elif others and self.chance(0.6):
                given[name] = draw.choice(others)
            elif required(shape) or self.chance(0.7):
                given[name] = self.literal(shape)
        return given

    def sources(self, shape: Written, bound: Mapping[str, Kind]) -> Iterator[str]:
        """Yield what a field can be given; nothing that may be missing where it is required."""
        for alias, kind in bound.items():
            for name, other in kind.fields.items():
                if assignable(other, shape) and (required(other) or not required(shape)):
                    shift = self.shift(sure=required(shape)) if shape["type"] == "date" else ""
                    yield f"{alias}.{name}{shift}"

    def around(self, kind: str, target: str) -> Written:
        """Return what every rule may carry beside its conditions."""
        draw = self.draw
        made: Written = {}
        if kind in ("ceiling", "veto"):
            made["at_best" if kind == "ceiling" else "grade"] = draw.choice(self.grades)
        if kind in ("ceiling", "veto", "status") and self.chance(0.3):
            made["until"] = draw.choice((LABEL, "甲"))
        for key, names in (("law", ("L1", "L2")), ("remedy", ("mend", "wait"))):
            if self.chance(0.3):
                made[key] = draw.choice((names[0], names[1], list(names)))
        allowed = self.kinds_of.get(target) if kind == "standard" else None
        if not self.sharing and self.chance(0.12):
            made["applies_to"] = draw.sample(allowed or KINDS, draw.randint(1, len(allowed or KINDS)))
        if kind == "standard" and self.chance(0.1):
            made["shares_event"] = [draw.choice(self.standards)]
        return made

    def sentence(self, keys: Mapping[str, Kind]) -> str:
        named = [f" {{{alias}.{name}}}" for alias, kind in keys.items() for name in kind.fields]
        if not self.sharing:
            named += [" {producer.size}", *(f" {{{gauge.name}}}" for gauge in self.plain(DECISIVE))]
        return "甲" + "".join(self.draw.choice((*PIECES, *named)) for _ in range(3))

    def add_conclusions(self, name: str, origin: str, level: int) -> None:
        """Add a type and the rules that conclude it, whose fields are some of a fact's."""
        draw = self.draw
        model = draw.choice([kind for kind in self.kinds.values() if kind.origin == "fact"])
        chosen = draw.sample(list(model.fields), min(len(model.fields), draw.choice((1, 2, 2, 3))))
        fields = {
            field: {
                **{key: value for key, value in model.fields[field].items() if key != "optional"},
                **self.draw.choice(({}, {"optional": "yes"})),
            }
            for field in chosen
        }
        dates = [field for field in chosen if fields[field]["type"] == "date"]
        kind = Kind(name, origin, level, fields, dated=dates[0] if dates and self.chance(0.7) else None)
        if dates and self.chance(0.4):
            kind.lasts = {"from": dates[0]}
        self.add_rules(origin, name, level, draw.randint(1, 2), given=kind)


def fits(gauge: Gauge, others: Sequence[Gauge]) -> bool:
    """Return whether a measure has no groups, or groups by values of the type that the others' groups have."""
    return gauge.per is None or all(other.per is None or same_value(gauge.per, other.per) for other in others)


def assignable(source: Written, shape: Written) -> bool:
    """Return whether every value of one field is one of the other's."""
    if shape["type"] == "choice":
        return source["type"] == "choice" and set(map(word, source["of"])) <= set(map(word, shape["of"]))
    return same_value(source, shape) or (source["type"], shape["type"]) == ("choice", "text")


def same_value(one: Written, other: Written) -> bool:
    return one["type"] == other["type"] and one.get("places") == other.get("places")
