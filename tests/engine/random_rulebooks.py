"""Random rulebooks that use every construct of the grammar, made straight from its meaning."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from knowledge.rulebook import (
    Aggregate,
    Band,
    Demand,
    FactStatus,
    FactType,
    Field,
    Indicator,
    Lasting,
    Measure,
    PointsMeasure,
    Remedy,
    Rulebook,
    Scoring,
    Standard,
)
from knowledge.rules import (
    Absent,
    AnyOf,
    Arithmetic,
    Clause,
    Const,
    DateTest,
    Expr,
    FixedPoints,
    Formula,
    FormulaPoints,
    Match,
    MeasureTest,
    Num,
    OutcomeTest,
    Pattern,
    ProducerTest,
    Ref,
    Rule,
    Shift,
    Step,
    SteppedPoints,
    TablePoints,
    Test,
    Text,
    Value,
    Window,
)
from knowledge.workdays import Calendar
from tests.random_cases import LAST, TEXTS

KINDS = ("farm", "co_op", "shop")
LEVELS = ("低", "mid", 'hi"gh')
STATES = ("开", "it's", "😀", "shut\n")
SIGNS = ("eq", "ne", "lt", "le", "gt", "ge")
UNITS = ("days", "weeks", "months", "years", "working_days")
LABEL = Text("甲", "A")
Scope = dict[str, FactType]


def _workdays() -> Calendar:
    first, last = date(2023, 6, 1), date(2027, 3, 31)
    days = (first + timedelta(n) for n in range((last - first).days + 1))
    return Calendar("t", first.toordinal(), last.toordinal(), tuple(d.toordinal() for d in days if d.weekday() < 5))


CALENDAR = _workdays()


def random_rulebook(seed: int) -> Rulebook:
    """Return a rulebook whose findings build on each other up to five deep."""
    return _Maker(random.Random(seed)).rulebook(seed)


class _Maker:
    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.types: dict[str, FactType] = {}
        self.level: dict[str, int] = {}
        self.measures: dict[str, Measure] = {}
        self.measure_level: dict[str, int] = {}
        self.rules: list[Rule] = []
        self.standards: dict[str, Standard] = {}
        self.indicators: dict[str, Indicator] = {}
        self.attributes = {
            field.name: field
            for field in (
                Field("sector", "choice", LABEL, True, dict.fromkeys(STATES, LABEL)),
                Field("rank", "choice", LABEL, True, dict.fromkeys(LEVELS, LABEL), ordered=True),
                Field("size", "whole", LABEL, True, minimum=0, maximum=9),
                Field("born", "date", LABEL, True),
                Field("name", "text", LABEL, True),
                Field("big_one", "yes_no", LABEL, True),
            )
        }

    def chance(self, share: float) -> bool:
        return self.draw.random() < share

    def rulebook(self, seed: int) -> Rulebook:
        draw = self.draw
        for place in range(draw.randint(2, 4)):
            self.fact_type(f"fact{place}")
        self.make_measures(draw.randint(2, 4), 0, "f")
        depth = draw.randint(0, 5)
        for level in range(1, depth + 1):
            self.finding(f"finding{level}", level)
            if self.chance(0.5):
                self.make_measures(1, level, f"l{level}_")
        self.make_indicators()
        for name in self.standards:
            for number in range(draw.randint(1, 2)):
                self.rules.append(self.rule(f"{name}-{number}", "standard", name, 9))
        for kind, names in (("ceiling", ("C1", "C2")), ("veto", ("V1",)), ("status", ("P1", "P2"))):
            for name in names:
                for number in range(draw.randint(0, 2)):
                    self.rules.append(self.rule(f"{name}-{number}", kind, name, 9))
        self.consequences()
        draw.shuffle(self.rules)
        rules = tuple(dataclasses.replace(rule, index=index) for index, rule in enumerate(self.rules))
        return self.assemble(seed, rules)

    def assemble(self, seed: int, rules: tuple[Rule, ...]) -> Rulebook:
        draw = self.draw
        total = sum(standard.points for standard in self.standards.values())
        direction = draw.choice(("lost", "gained"))
        better = "higher" if direction == "lost" else draw.choice(("lower", "lower", "higher"))
        scoring = Scoring(
            start=total if direction == "lost" else draw.choice((0, 7)),
            direction=direction,
            better=better,
            floor=draw.choice((None, 0, total // 3)),
            ceiling=draw.choice((None, total, total * 3 // 4)),
            unit="whole",
            not_applicable=draw.choice(("leaves_the_fraction", "keeps_its_points")),
            rounding=draw.choice(("down", "up", "half_up")),
        )
        return Rulebook(
            id="random", version=str(seed), title=LABEL, status="draft", notice=LABEL,
            effective_from=LAST - 9999, effective_until=None, sha256=f"{seed:064x}", scoring=scoring,
            calendar=CALENDAR, laws={}, kinds=dict.fromkeys(KINDS, LABEL), natural_persons=frozenset(),
            attributes=self.attributes,
            fact_statuses={
                name: FactStatus(name, LABEL, counts)
                for name, counts in (("effective", True), ("disputed", True), ("pending", False), ("revoked", False))
            },
            types=self.types, producer_statuses=dict.fromkeys(("P1", "P2"), LABEL),
            ceilings=dict.fromkeys(("C1", "C2"), LABEL), vetoes={"V1": LABEL}, measures=self.measures,
            standards=self.standards, indicators=self.indicators, rules=rules,
            bands=self.bands(total, better),
            remedies={"mend": Remedy("mend", LABEL, 2, Shift(5, "days"), self.restored(), "deed")},
        )  # fmt: skip

    def restored(self) -> dict[str, Any]:
        return {name: self.draw.choice(("all", "half", 2)) for name in self.standards}

    def bands(self, total: int, better: str) -> tuple[Band, ...]:
        bands = []
        for rank, grade in enumerate("ABC"):
            cut = total * (85 - 25 * rank) // 100
            low, high = (cut, None) if better == "higher" else (None, total - cut)
            single = self.draw.randint(2, total + 2) if self.chance(0.3) else None
            least = self.draw.randint(0, 9)
            demand = Demand(self.draw.choice(list(self.indicators)), *self.draw.choice(((least, None), (None, least))))
            bands.append(Band(grade, LABEL, None, None, low, high, single, (demand,) if self.chance(0.3) else ()))
        return (*bands, Band("D", LABEL, None, None, None, None))

    # What is graded

    def fact_type(self, name: str) -> None:
        draw = self.draw
        fields = [
            Field("no", "text", LABEL, self.chance(0.2), maximum=40),
            Field("tag", "text", LABEL, self.chance(0.5), maximum=40),
            Field("level", "choice", LABEL, self.chance(0.2), dict.fromkeys(LEVELS, LABEL), ordered=True),
            Field("state", "choice", LABEL, self.chance(0.3), dict.fromkeys(STATES, LABEL)),
            Field("number", "whole", LABEL, self.chance(0.3), minimum=-3, maximum=6),
            Field("huge", "whole", LABEL, self.chance(0.3), minimum=-(2**53), maximum=2**53),
            Field("share", "decimal", LABEL, self.chance(0.3), places=2, minimum=0, maximum=3),
            Field("ok", "yes_no", LABEL, self.chance(0.3)),
            Field("since", "date", LABEL, self.chance(0.2)),
            Field("until", "date", LABEL, self.chance(0.6)),
        ]
        kept = [field for field in fields if self.chance(0.7)] or fields[:1]
        kept.append(Field("day", "date", LABEL, self.chance(0.1)))
        lasting = Lasting("day", draw.choice((None, "day")), self.chance(0.5))
        names = {field.name for field in kept}
        if {"since", "until"} <= names:
            lasting = Lasting("since", "until", self.chance(0.5))
        self.types[name] = FactType(
            name, "fact", LABEL, {field.name: field for field in kept},
            dated="day" if self.chance(0.8) else None, lasting=lasting if self.chance(0.8) else None,
        )  # fmt: skip
        self.level[name] = 0

    def finding(self, name: str, level: int) -> None:
        self.concluding(name, "finding", level)

    def consequences(self) -> None:
        self.make_measures(1, 9, "g")
        points = self.draw.sample([*self.standards, *self.indicators], 2)
        self.measures["points"] = Measure("points", LABEL, PointsMeasure(tuple(points)), "whole")
        self.measure_level["points"] = 10
        twice = Arithmetic("multiply", (Ref("measure", "points", "whole"), Num(2)))
        self.measures["twice"] = Measure("twice", LABEL, twice, "whole")
        self.measure_level["twice"] = 10
        for level in range(self.draw.randint(0, 3)):
            self.concluding(f"consequence{level}", "consequence", 11 + level)

    def concluding(self, name: str, origin: str, level: int) -> None:
        """Add a type and the rules that conclude it; a rule may rest on the type itself through for_each."""
        model = self.draw.choice([kind for kind in self.types.values() if kind.origin == "fact"])
        count = self.draw.randint(1, min(3, len(model.fields)))
        chosen = self.draw.sample(list(model.fields.values()), count)
        fields = {f.name: dataclasses.replace(f, optional=True) for f in chosen}
        dates = [f.name for f in chosen if f.type == "date"]
        dated = dates[0] if dates and self.chance(0.7) else None
        lasting = Lasting(dates[0], None, False) if dates and self.chance(0.3) else None
        kind = FactType(name, origin, LABEL, fields, dated=dated, lasting=lasting)  # type: ignore[arg-type]
        made = [self.rule(f"{name}-{n}", origin, name, level, gives=kind) for n in range(self.draw.randint(1, 2))]
        self.types[name], self.level[name] = kind, level
        if self.chance(0.4):
            made.append(self.rule(f"{name}-again", origin, name, level, gives=kind, itself=kind))
        self.rules += made

    def make_indicators(self) -> None:
        draw = self.draw
        findings = [kind for kind in self.types.values() if kind.origin == "finding"]
        for high in range(draw.randint(1, 2)):
            lows: dict[str, int] = {}
            for low in range(draw.randint(1, 2)):
                own = 0
                for number in range(draw.randint(1, 2)):
                    name, points = f"S{high}{low}{number}", draw.randint(1, 20)
                    stop = self.pattern("stop", draw.choice(findings), {}, 9) if findings and self.chance(0.2) else None
                    kinds = tuple(draw.sample(KINDS, 2)) if self.chance(0.3) else None
                    self.standards[name] = Standard(name, LABEL, points, f"K{high}{low}", kinds, stop)
                    own += points
                lows[f"K{high}{low}"] = own
            for name, points in [(f"L{high}", sum(lows.values())), *lows.items()]:
                limit = draw.randint(0, points) if self.chance(0.3) else None
                self.indicators[name] = Indicator(
                    name, 1 if name.startswith("L") else 2, LABEL, points,
                    parent=None if name.startswith("L") else f"L{high}", weight=draw.choice((1, 1, 1, 2, 3)),
                    at_most=draw.randint(1, points) if self.chance(0.3) else None,
                    minimum=limit, otherwise=None if limit is None else draw.choice("BCD"),
                )  # fmt: skip

    # Rules

    def rule(
        self,
        name: str,
        kind: str,
        target: str,
        level: int,
        *,
        gives: FactType | None = None,
        itself: FactType | None = None,
    ) -> Rule:
        draw = self.draw
        fires = self.chance(0.25)
        known = [kind_ for kind_ in self.types.values() if self.level[kind_.name] < level]
        keys = [itself] if itself is not None else []
        if self.chance(0.6) or gives is not None:
            keys += [draw.choice(known) for _ in range(draw.choice((1, 1, 2)))]
        matches = [draw.choice(known) for _ in range(draw.choice((0, 0, 1, 2 if len(keys) < 2 else 1)))]
        scope = {f"k{n}": each for n, each in enumerate(keys)} | {f"m{n}": each for n, each in enumerate(matches)}
        for_each = tuple(self.pattern(f"k{n}", each, scope, level, fires=fires) for n, each in enumerate(keys))
        when: list[Clause] = [
            Match(self.pattern(f"m{n}", each, scope, level, fires=fires), f"m{n}") for n, each in enumerate(matches)
        ]
        grouped = [m for m in self.usable(level) if self.measures[m].per is not None]
        if grouped and self.chance(0.15):
            when += [self.measure_test(draw.choice(grouped))]
        for _ in range(draw.choice((0, 0, 1, 1, 2, 3))):
            when.append(self.clause(scope, known, level, kind, fires))
        draw.shuffle(when)
        points, when = self.points(kind, scope, for_each, level, when)
        return Rule(
            id=name, kind=kind, target=target, index=0, for_each=for_each, when=tuple(when),  # type: ignore[arg-type]
            because=None, law=(), remedies=("mend",) if kind == "standard" and self.chance(0.3) else (),
            applies_to=self.kinds(kind, target), unknown_fires=fires, points=points,
            at_most=draw.randint(1, 15) if points is not None and self.chance(0.3) else None,
            gives={} if gives is None else self.gives(gives, {p.alias: scope[p.alias] for p in for_each}, level, when),
            grade=draw.choice("BCD") if kind in ("ceiling", "veto") else None,
        )  # fmt: skip

    def kinds(self, kind: str, target: str) -> tuple[str, ...] | None:
        allowed = self.standards[target].applies_to if kind == "standard" else None
        if not self.chance(0.15):
            return allowed
        own = self.draw.sample(KINDS, 2)
        return tuple(name for name in own if allowed is None or name in allowed)

    def gives(self, kind: FactType, scope: Scope, level: int, when: Sequence[Clause]) -> dict[str, Expr]:
        given: dict[str, Expr] = {}
        read = {clause.measure for clause in when if isinstance(clause, MeasureTest)}
        plain = [m for m in self.usable(level) if self.measures[m].per is None or m in read]
        for field in kind.fields.values():
            sources: list[Expr] = list(self.refs(field, scope))
            if field.type == "whole":
                sources += [Ref("measure", name, "whole") for name in plain if self.measures[name].type == "whole"]
            if sources and self.chance(0.9):
                given[field.name] = self.draw.choice(sources)
            elif field.type != "whole" or self.chance(0.5):
                given[field.name] = Const(self.literal(field), field.type)
        return given

    def points(
        self, kind: str, scope: Scope, for_each: Sequence[Pattern], level: int, when: list[Clause]
    ) -> tuple[Any, list[Clause]]:
        if kind != "standard":
            return None, when
        draw = self.draw
        keys = {pattern.alias: scope[pattern.alias] for pattern in for_each}
        numbers = [m for m in self.usable(level) if self.measures[m].type in ("whole", "share", "decimal")]
        choices = [(a, f) for a, t in keys.items() for f in t.fields.values() if f.type == "choice"]
        per = {self.measures[c.measure].per for c in when if isinstance(c, MeasureTest)} - {None}
        match draw.randrange(4):
            case 0 if numbers:
                fitting = [m for m in numbers if not per or self.measures[m].per in {None, *per}]
                if fitting:
                    name = draw.choice(fitting)
                    steps = [Step((self.number_test(name),), draw.randint(0, 9)) for _ in range(draw.randint(1, 3))]
                    return SteppedPoints(name, tuple(steps)), when
            case 1 if choices:
                alias, field = draw.choice(choices)
                table = {choice: draw.randint(0, 9) for choice in field.choices if self.chance(0.8)}
                return TablePoints(Ref(alias, field.name, "choice"), table), when
            case 2:
                leaves: list[Formula] = [Num(draw.randint(-2, 5))]
                leaves += [
                    Ref(a, f.name, "whole") for a, t in keys.items() for f in t.fields.values() if f.type == "whole"
                ]
                leaves += [
                    Ref("measure", m, "whole")
                    for m in numbers
                    if self.measures[m].type == "whole" and self.measures[m].per is None
                ]
                return FormulaPoints(self.arithmetic(leaves, 2)), when
        return FixedPoints(draw.randint(0, 12)), when

    def arithmetic(self, leaves: Sequence[Formula], depth: int) -> Formula:
        if depth == 0 or self.chance(0.3):
            return self.draw.choice(leaves)
        op = self.draw.choice(("add", "subtract", "multiply", "divide", "min", "max"))
        args = tuple(self.arithmetic(leaves, depth - 1) for _ in range(2))
        return Arithmetic(op, args, self.draw.choice(("down", "up", "half_up")))  # type: ignore[arg-type]

    # Clauses

    def usable(self, level: int) -> list[str]:
        return [name for name, own in self.measure_level.items() if own < level]

    def clause(
        self, scope: Scope, known: Sequence[FactType], level: int, kind: str, fires: bool, depth: int = 0
    ) -> Clause:
        draw = self.draw
        makers: list[Callable[[], Clause]] = [
            lambda: self.absent(scope, known, level, fires),
            lambda: self.absent(scope, known, level, fires),
            lambda: self.producer_test(),
            lambda: self.date_test(scope, fires),
        ]
        plain = [m for m in self.usable(level) if self.measures[m].per is None]
        if plain:
            makers += [lambda: self.measure_test(draw.choice(plain))] * 2
        if kind == "consequence":
            makers += [self.outcome_test] * 2
        if depth < 2:
            makers += [lambda: self.any_of(scope, known, level, kind, fires, depth)] * 2
        return draw.choice(makers)()

    def any_of(self, scope: Scope, known: Sequence[FactType], level: int, kind: str, fires: bool, depth: int) -> AnyOf:
        alternatives = []
        for _ in range(self.draw.randint(1, 2)):
            alternative: list[Clause] = []
            inner = dict(scope)
            if self.chance(0.5):
                alias = f"a{depth}"
                inner[alias] = self.draw.choice(known)
                alternative.append(Match(self.pattern(alias, inner[alias], inner, level, fires=fires), alias))
            for _ in range(self.draw.randint(0 if alternative else 1, 1)):
                alternative.append(self.clause(inner, known, level, kind, fires, depth + 1))
            alternatives.append(tuple(alternative))
        return AnyOf(tuple(alternatives), "any")

    def absent(self, scope: Scope, known: Sequence[FactType], level: int, fires: bool) -> Absent:
        kind = self.draw.choice(known)
        return Absent(self.pattern("none", kind, scope, level, fires=fires, absent=True), "no none")

    def producer_test(self) -> ProducerTest:
        if self.chance(0.3):
            return ProducerTest((Test("kind", "in", tuple(self.draw.sample(KINDS, 2))),), "producer")
        field = self.draw.choice(list(self.attributes.values()))
        return ProducerTest((self.test(field, {}),), "producer")

    def date_test(self, scope: Scope, fires: bool) -> DateTest:
        field = Field("as_of", "date", LABEL)
        refs = [ref for ref in self.refs(field, scope) if ref.source != "as_of"]
        operand: Expr = self.draw.choice(refs) if refs else Const(LAST - self.draw.randrange(600), "date")
        return DateTest(Test("as_of", self.draw.choice(SIGNS[2:]), operand), "after")  # type: ignore[arg-type]

    def outcome_test(self) -> OutcomeTest:
        names: dict[str, Sequence[str]] = {
            "grade": "ABCD", "score_grade": "ABCD", "veto": ("V1",), "ceiling": ("C1", "C2"), "status": ("P1", "P2"),
            "standard": (*self.standards, *self.indicators),
        }  # fmt: skip
        what = self.draw.choice(list(names))
        some = tuple(self.draw.sample(list(names[what]), min(len(names[what]), 2)))
        empty = what in ("veto", "ceiling", "status") and self.chance(0.5)
        return OutcomeTest(what, () if empty else some, self.chance(0.4), what)  # type: ignore[arg-type]

    def measure_test(self, name: str) -> MeasureTest:
        return MeasureTest(name, tuple(self.number_test(name) for _ in range(self.draw.choice((1, 1, 2)))), name)

    def number_test(self, name: str) -> Test:
        measure = self.measures[name]
        body = measure.body
        if isinstance(body, Aggregate) and body.field is not None and measure.type != "whole":
            field = self.types[body.pattern.type].fields[body.field]
            op = self.sign(field)
            values = tuple({self.literal(field): None for _ in range(2)})
            return Test(name, op, values if op in ("in", "not_in") else Const(values[0], field.type))
        value = self.draw.randrange(0, 10_001, 2500) if measure.type == "share" else self.draw.randint(-2, 12)
        return Test(name, self.draw.choice(SIGNS), Const(value, measure.type))  # type: ignore[arg-type]

    # Patterns

    def pattern(
        self, alias: str, kind: FactType, scope: Scope, level: int, *, fires: bool = False, absent: bool = False
    ) -> Pattern:
        others = {name: other for name, other in scope.items() if name != alias}
        tests: list[Test] = []
        for _ in range(self.draw.choice((0, 1, 1, 2, 3))):
            field = self.draw.choice(list(kind.fields.values()))
            test = self.test(field, others, kind, sure=fires)
            reads = {test.operand.source} if isinstance(test.operand, Ref) else set()
            if field.optional and reads & set(others) and (absent or fires):
                tests.append(Test(field.name, "present", None))
            tests.append(test)
        window = self.window(kind) if self.chance(0.35) else None
        active = self.chance(0.7) if kind.lasting is not None and self.chance(0.4) else None
        return Pattern(alias, kind.name, tuple(tests), window, active)

    def window(self, kind: FactType) -> Window | None:
        dates = [field.name for field in kind.fields.values() if field.type == "date"]
        if not dates:
            return None
        draw = self.draw
        field = draw.choice(dates)
        match draw.randrange(4):
            case 0:
                return Window("calendar_year", field)
            case 1:
                since = draw.choice((Const(LAST - draw.randrange(500), "date"), Ref("producer", "born", "date")))
                return Window("since", field, since=since)
            case _:
                unit = draw.choice(UNITS)
                most = {"days": 400, "weeks": 60, "months": 24, "years": 3, "working_days": 900}[unit]
                return Window("last", field, draw.randint(1, most), unit)  # type: ignore[arg-type]

    def test(self, field: Field, scope: Scope, kind: FactType | None = None, *, sure: bool = False) -> Test:
        """Return a test on a field against a literal or anything of the same type that can be read."""
        if self.chance(0.1):
            return Test(field.name, self.draw.choice(("present", "missing")), None)
        op = self.sign(field)
        if op in ("in", "not_in"):
            return Test(field.name, op, tuple({self.literal(field): None for _ in range(2)}))  # type: ignore[arg-type]
        refs = [*self.refs(field, scope), *([] if kind is None else self.refs(field, {"this": kind}))]
        if sure:
            refs = [ref for ref in refs if ref.source not in scope or self.is_sure(ref, scope)]
        joins = [ref for ref in refs if ref.source in scope]
        if joins and self.chance(0.5):
            return Test(field.name, "eq" if self.chance(0.6) else op, self.draw.choice(joins))  # type: ignore[arg-type]
        if refs and self.chance(0.3):
            return Test(field.name, op, self.draw.choice(refs))  # type: ignore[arg-type]
        return Test(field.name, op, Const(self.literal(field), field.type))  # type: ignore[arg-type]

    @staticmethod
    def is_sure(ref: Ref, scope: Scope) -> bool:
        """Return whether what is read can't be missing."""
        field = scope[ref.source].fields[ref.name]
        return not field.optional and (ref.shift is None or ref.shift.unit != "working_days")

    def sign(self, field: Field) -> Any:
        if field.type in ("text", "yes_no") or (field.type == "choice" and not field.ordered):
            return self.draw.choice(("eq", "eq", "ne", "in", "not_in") if field.type != "yes_no" else ("eq", "ne"))
        return self.draw.choice((*SIGNS, "in", "not_in") if field.type == "choice" else SIGNS)

    def refs(self, field: Field, scope: Scope) -> Iterable[Ref]:
        """Yield what may be compared with a field: same type, places and choices."""
        every = [(alias, other) for alias, kind in scope.items() for other in kind.fields.values()]
        every += [("producer", other) for other in self.attributes.values()]
        for alias, other in every:
            if (other.type, other.places, tuple(other.choices)) == (field.type, field.places, tuple(field.choices)):
                yield Ref(alias, other.name, field.type, self.shift() if field.type == "date" else None)
        if field.type == "date":
            yield Ref("as_of", "", "date", self.shift())

    def shift(self) -> Shift | None:
        if self.chance(0.5):
            return None
        return Shift(self.draw.choice((-30, -1, 1, 5, 40, 300)), self.draw.choice(UNITS[:3] + UNITS[4:]))  # type: ignore[arg-type]

    def literal(self, field: Field) -> Value:
        match field.type:
            case "text":
                return self.draw.choice(TEXTS)
            case "choice":
                return self.draw.choice(list(field.choices))
            case "yes_no":
                return self.chance(0.5)
            case "date":
                return LAST - self.draw.randrange(700)
            case _:
                low, high = field.minimum or 0, field.maximum or 0
                return self.draw.choice((low, high, self.draw.randint(low, high)))

    # Measures

    def make_measures(self, count: int, level: int, prefix: str) -> None:
        for number in range(count):
            name = f"{prefix}{number}"
            whole = [
                m for m, own in self.measure_level.items()
                if own <= level and self.measures[m].per is None and self.measures[m].type == "whole"
            ]  # fmt: skip
            if whole and self.chance(0.3):
                leaves: list[Formula] = [Ref("measure", m, "whole") for m in whole]
                body = Arithmetic(
                    self.draw.choice(("add", "subtract", "divide", "multiply", "min", "max")),  # type: ignore[arg-type]
                    (self.arithmetic([*leaves, Num(3)], 1), self.draw.choice([*leaves, Num(2)])),
                    self.draw.choice(("down", "up", "half_up")),
                )
                self.measures[name] = Measure(name, LABEL, body, "whole", when_nothing=self.draw.choice((None, 4)))
            else:
                self.measures[name] = self.aggregate(name, level)
            self.measure_level[name] = level

    def aggregate(self, name: str, level: int) -> Measure:
        draw = self.draw
        kind = draw.choice([kind for kind in self.types.values() if self.level[kind.name] <= level])
        pattern = self.pattern("this", kind, {}, level)
        fields = list(kind.fields.values())
        numbers = [f for f in fields if f.type in ("whole", "decimal")]
        per = draw.choice([None, None, None, *fields])
        nothing = draw.choice((None, None, 0, 5))
        common = {"label": LABEL, "per": None if per is None else per.name}
        how = draw.choice(("count", "count", "sum", "min", "max", "share", "latest", "first", "days_since", "distinct"))
        if how in ("sum", "min", "max") and numbers:
            field = draw.choice(numbers)
            body = Aggregate(how, pattern, field.name)
            return Measure(name, body=body, type=field.type, places=field.places, when_nothing=nothing, **common)
        if how == "share":
            numerator = (self.test(draw.choice(fields), {}, kind),)
            return Measure(
                name, body=Aggregate("share", pattern, None, numerator), type="share", when_nothing=nothing, **common
            )
        if how in ("latest", "first") and kind.dated is not None:
            field = draw.choice(fields)
            empty = draw.choice((None, self.literal(field)))
            body = Aggregate(how, pattern, field.name)
            return Measure(name, body=body, type=field.type, places=field.places, when_nothing=empty, **common)
        if how == "days_since" and kind.dated is not None:
            return Measure(name, body=Aggregate(how, pattern), type="whole", when_nothing=nothing, **common)
        if how == "distinct":
            body = Aggregate(how, pattern, draw.choice(fields).name)
            return Measure(name, body=body, type="whole", when_nothing=0, **common)
        return Measure(name, body=Aggregate("count", pattern), type="whole", when_nothing=0, **common)
