"""Random values, tests, patterns, windows and clauses, as a rulebook writes them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

from tests.random_cases import LAST, TEXTS

KINDS = ("farm", "co_op", "shop")
LEVELS = ("低", "mid", 'hi"gh')
STATES = ("开", "it's", "😀", "shut\n")
MARKS = (1, "2", True, "n/a")
LABEL = {"zh": "甲", "en": "A"}
UNITS = ("days", "weeks", "months", "years", "working days")
NUMBERS = ("whole", "decimal", "share")
WORDS = ("text", "choice")
DATE = {"type": "date"}
TEXT = {"type": "text"}
TRICKY = ("k0.no", "K0", "T", "x0 is None", "as_of is")
"""Texts that look like a reference, or like the code that conditions are compiled to."""
DECISIVE, AFTER_THE_GRADE = 9, 11
"""Levels of the rules that decide the grade, and of the first consequence."""

Written: TypeAlias = dict[str, Any]
"""Part of a rulebook as YAML would give it."""


@dataclass
class Kind:
    """A type of fact, finding or consequence. Rules may read types of a level below their own."""

    name: str
    origin: str
    level: int
    fields: dict[str, Written]
    dated: str | None = None
    lasts: Written | None = None

    def dates(self) -> list[str]:
        return [name for name, shape in self.fields.items() if shape["type"] == "date"]


@dataclass
class Gauge:
    """A measure: its level, what its value looks like as a field, and the field whose values are its groups."""

    name: str
    level: int
    shape: Written
    per: Written | None = None


@dataclass
class Scope:
    """What a condition may use: types below `level`, and what the aliases around it are bound to."""

    level: int
    bound: dict[str, Kind] = field(default_factory=dict)
    fires: bool = False
    """Whether unknown counts as met, so that what is compared must be there."""

    @property
    def graded(self) -> bool:
        return self.level >= AFTER_THE_GRADE

    def within(self, alias: str, kind: Kind) -> Scope:
        return Scope(self.level, {**self.bound, alias: kind}, self.fires)


def required(shape: Written) -> bool:
    return shape.get("optional") not in ("yes", True)


def as_operators(written: Any) -> Written:
    """Return a test in full: a map of operators."""
    if isinstance(written, list):
        return {"in": written}
    return written if isinstance(written, dict) and set(written) != {"text"} else {"is": written}


def day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


def length(amount: int, unit: str) -> str:
    return f"{amount} {unit if amount != 1 else unit.removesuffix('s')}"


class Conditions:
    """Draws conditions over the types, measures and attributes that it is given."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.has_calendar = self.chance(0.85)
        self.attributes: dict[str, Written] = {}
        self.kinds: dict[str, Kind] = {}
        self.gauges: dict[str, Gauge] = {}
        self.grades: tuple[str, ...] = ()
        self.outcomes: dict[str, Sequence[str]] = {}
        """What consequences may ask of the grading, by the word that opens the question."""
        self.sharing = False
        """Whether the rule at hand may read nothing of any one producer."""
        self._tested: set[str] = set()
        """What clauses of the rule at hand test already; twice might be a contradiction, and would be refused."""
        self._anys = 0

    def chance(self, share: float) -> bool:
        return self.draw.random() < share

    def known(self, level: int) -> list[Kind]:
        return [kind for kind in self.kinds.values() if kind.level < level]

    def first_test_of(self, name: str) -> bool:
        """Return whether a rule tests something for the first time, and note that it does."""
        first = name not in self._tested
        self._tested.add(name)
        return first

    def usable(self, level: int) -> list[Gauge]:
        return [gauge for gauge in self.gauges.values() if gauge.level < level]

    def plain(self, level: int) -> list[Gauge]:
        return [gauge for gauge in self.usable(level) if gauge.per is None]

    # Values

    def literal(self, shape: Written) -> Any:
        draw = self.draw
        match shape["type"]:
            case "text":
                value = draw.choice((*TEXTS, *TRICKY))
                return {"text": value} if "." in value or self.chance(0.2) else value
            case "choice":
                return draw.choice(list(shape["of"]))
            case "yes_no":
                return draw.choice((True, False, "yes", "no"))
            case "date":
                return day(LAST - draw.randrange(700))
            case _:
                return draw.choice(self.scale(shape))

    def scale(self, shape: Written) -> Sequence[Any]:
        """Return numbers that a field may have, ascending, its least and greatest among them."""
        if shape["type"] == "share":
            return ("0%", "25%", "50%", "66.66%", "75%", "100%")
        if shape["type"] == "decimal":
            return ("0", "0.5", Decimal("1.25"), 2, "3")
        low, high = shape.get("min", -2), shape.get("max", 12)
        return sorted({low, *range(max(low, -3), min(high, 12) + 1), high})

    def threshold(self, shape: Written, word: str) -> Any:
        """Return what a value is compared with, such that some values hold and some fail."""
        if shape["type"] not in NUMBERS:
            return self.literal(shape)
        scale = self.scale(shape)
        inner = {"below": scale[1:], "at_least": scale[1:], "above": scale[:-1], "at_most": scale[:-1]}
        return self.draw.choice(inner.get(word, scale))

    def unit(self, *, sure: bool = False) -> str:
        return self.draw.choice(UNITS if self.has_calendar and not sure else UNITS[:-1])

    def shift(self, *, sure: bool = False) -> str:
        if self.chance(0.5):
            return ""
        amount = self.draw.choice((1, 5, 30, 40, 300))
        return f" {self.draw.choice('+-')} {length(amount, self.unit(sure=sure))}"

    def references(self, shape: Written, bound: Mapping[str, Kind], *, sure: bool = False) -> Iterator[str]:
        """Yield what a value may be compared with; where it must be `sure`, of other facts what is always there."""
        every = [(alias, name, other) for alias, kind in bound.items() for name, other in kind.fields.items()]
        producer = self.attributes | dict.fromkeys(("kind", "region", "id"), TEXT)
        every += [("producer", name, other) for name, other in producer.items() if not self.sharing]
        for alias, name, other in every:
            words = {shape["type"], other["type"]} <= set(WORDS)
            same = other["type"] == shape["type"] and other.get("places") == shape.get("places")
            strict = sure and alias in bound and alias != "this"
            if (same or words) and (not strict or required(other)):
                yield f"{alias}.{name}" + (self.shift(sure=strict) if shape["type"] == "date" else "")
        if shape["type"] == "date":
            yield "as_of" + self.shift()

    # Tests

    def test(
        self,
        shape: Written,
        bound: Mapping[str, Kind],
        own: Kind | None = None,
        *,
        sure: bool = False,
        joined: float = 0.6,
    ) -> Any:
        """Return a test of one value: a literal, a list or a map of operators."""
        draw = self.draw
        if self.chance(0.08):
            return {"present": draw.choice(("yes", True) if required(shape) else ("yes", "no", True, False))}
        every = list(self.references(shape, bound, sure=sure))
        joins = [text for text in every if text.partition(".")[0] in bound]
        if own is not None:
            every += self.references(shape, {"this": own})
        if joins and self.chance(joined):
            written = self.compared(shape, draw.choice(joins), equal=0.6)
        elif every and self.chance(0.25):
            written = self.compared(shape, draw.choice(every), equal=0.3)
        else:
            written = self.against_literals(shape)
        return {"present": "yes", **as_operators(written)} if self.chance(0.08) else written

    def comparison(self, shape: Written) -> str:
        words = ["is", "not", "not"]
        if shape["type"] in NUMBERS:
            words += ["below", "at_most", "at_least", "above"] * 2
        if shape["type"] == "date":
            words += ["before", "up_to", "from", "after"] * 2
        return self.draw.choice(words)

    def compared(self, shape: Written, operand: str, *, equal: float) -> Any:
        return operand if self.chance(equal) else {self.comparison(shape): operand}

    def against_literals(self, shape: Written) -> Any:
        kind = shape["type"]
        if shape.get("ordered") and self.chance(0.5):
            return self.ranked(list(shape["of"]))
        if kind in (*NUMBERS, "date") and self.chance(0.15):
            return self.between(shape)
        if kind != "yes_no" and self.chance(0.35 if kind in WORDS else 0.08):
            return self.listed(shape)
        word = self.comparison(shape)
        operand = self.threshold(shape, word)
        return operand if word == "is" and self.chance(0.7) else {word: operand}

    def ranked(self, order: Sequence[str]) -> Written:
        word = self.draw.choice(("below", "at_most", "at_least", "above"))
        return {word: self.draw.choice(order[1:] if word in ("below", "at_least") else order[:-1])}

    def between(self, shape: Written) -> Written:
        if shape["type"] == "date":
            low, high = sorted((self.literal(shape), self.literal(shape)))
            return {"from": low, "up_to": high}
        scale = self.scale(shape)
        low, high = sorted(self.draw.sample(range(len(scale)), 2))
        return {"at_least": scale[low], self.draw.choice(("at_most", "below")): scale[high]}

    def listed(self, shape: Written) -> Any:
        values = [self.literal(shape) for _ in range(2)]
        return self.draw.choice((values, {"in": values}, {"not_in": values}))

    # Patterns

    def window(self, kind: Kind) -> Written:
        """Return `within` and, where needed, `on`; nothing where the type has no date."""
        draw, dates = self.draw, kind.dates()
        if not dates:
            return {}
        on, unit = draw.choice(dates), self.unit()
        most = {"days": 400, "weeks": 60, "months": 24, "years": 3, "working days": 600}[unit]
        # many random facts lie a day or thirty days back: on the edge of such windows
        last = length(draw.choice((1, 30 if unit == "days" else 1, draw.randint(2, most), draw.randint(2, most))), unit)
        starts = [day(LAST - draw.randrange(500)), "as_of - 30 days", *([] if self.sharing else ["producer.born"])]
        since = draw.choice(starts)
        within = draw.choice((last, last, last, "calendar year", {"since": since}))
        return {"within": within} if on == kind.dated and self.chance(0.7) else {"within": within, "on": on}

    def where(self, alias: str, kind: Kind, scope: Scope, *, absent: bool = False) -> Written:
        """Return tests by field; what is compared with another fact is made sure of where that is asked for."""
        mine = not absent and self.chance(0.1)
        others = {name: other for name, other in scope.bound.items() if name != alias or mine}
        count = min(len(kind.fields), self.draw.choice((0, 1, 1, 2, 3)))
        tests: Written = {}
        for name in self.draw.sample(list(kind.fields), count):
            shape = kind.fields[name]
            written = self.test(shape, others, kind, sure=scope.fires)
            joined = any(f"{other}." in str(written) for other in others)
            if joined and (absent or scope.fires) and not required(shape):
                written = {"present": "yes", **as_operators(written)}
            tests[name] = written
        return tests

    def pattern(self, alias: str, kind: Kind, scope: Scope, *, absent: bool = False) -> Written:
        written: Written = {"is": kind.name}
        if tests := self.where(alias, kind, scope, absent=absent):
            written["where"] = tests
        if self.chance(0.3):
            written |= self.window(kind)
        if kind.lasts is not None and self.chance(0.4):
            written["active"] = self.draw.choice(("yes", True, "no"))
        return written

    # Clauses

    def clause(self, scope: Scope, depth: int = 0) -> Written:
        makers = [self.absence, self.absence, self.day_clause, *self.negatable_clauses(scope)]
        if depth < 2:
            makers += [lambda scope: self.any_of(scope, depth)] * 2
        if depth < 2 and not self.sharing:
            makers += [lambda scope: {"not": self.negated(scope)}]
        return self.draw.choice(makers)(scope)

    def negatable_clauses(self, scope: Scope) -> list[Callable[[Scope], Written]]:
        """Return makers of clauses without a pattern, as far as there is something that they can test."""
        makers: list[Callable[[Scope], Written]] = []
        if not self.sharing and {"kind", "region", *self.attributes} - self._tested:
            makers.append(self.producer)
        if not self.sharing and any(gauge.name not in self._tested for gauge in self.plain(scope.level)):
            makers += [self.measured] * 2
        if scope.graded:
            makers += [self.outcome] * 8
        return makers

    def any_of(self, scope: Scope, depth: int) -> Written:
        self._anys += 1
        mark = f"a{self._anys}"
        ways = [self.alternative(scope, depth, mark) for _ in range(self.draw.choice((1, 2, 2, 3)))]
        return {"any": ways[0] if len(ways) == 1 and self.chance(0.5) else ways}

    def alternative(self, scope: Scope, depth: int, mark: str) -> Written:
        clauses: list[Written] = []
        if self.chance(0.5):
            kind = self.draw.choice(self.known(scope.level))
            alias = f"{mark}_{kind.name}"
            scope = scope.within(alias, kind)
            clauses.append({alias: self.pattern(alias, kind, scope)})
        clauses += [self.clause(scope, depth + 1) for _ in range(self.draw.randint(0 if clauses else 1, 1))]
        return clauses[0] if len(clauses) == 1 else {"all": clauses}

    def negated(self, scope: Scope, depth: int = 0) -> Any:
        """Return what may stand under `not`: no pattern, anywhere inside."""
        parts = [
            self.draw.choice([self.day_clause, *self.negatable_clauses(scope)])(scope)
            for _ in range(self.draw.choice((1, 1, 2)))
        ]
        if depth == 0 and self.chance(0.2):
            parts.append({"not": self.negated(scope, 1)})
        return self.draw.choice((parts, {"any": parts}, {"all": parts})) if len(parts) > 1 else parts[0]

    def absence(self, scope: Scope) -> Written:
        kind = self.draw.choice(self.known(scope.level))
        return {"no other": self.pattern("other", kind, scope, absent=True)}

    def producer(self, _scope: Scope) -> Written:
        left = sorted({"kind", "region", *self.attributes} - self._tested)
        tests: Written = {}
        for name in self.draw.sample(left, min(len(left), self.draw.choice((1, 1, 2)))):
            self.first_test_of(name)
            if name == "kind":
                kinds = self.draw.sample(KINDS, 2)
                tests[name] = self.draw.choice((kinds, {"not_in": kinds}, kinds[0], {"not": kinds[0]}))
            else:
                tests[name] = self.test(self.attributes.get(name, TEXT), {})
        return {"producer": tests}

    def day_clause(self, scope: Scope) -> Written:
        """Return what as_of is compared with, sometimes on both sides."""
        dates = [text for text in self.references(DATE, scope.bound) if not text.startswith("as_of")]
        if self.first_test_of("as_of") and (not dates or self.chance(0.3)):
            low, high = sorted((self.literal(DATE), self.literal(DATE)))
            return self.draw.choice(({"after": low}, {"from": low, "up_to": high}, {"before": high}))
        if not dates:
            return self.absence(scope)
        words = self.draw.sample(("after", "from", "before", "up_to"), self.draw.choice((1, 1, 1, 2)))
        return {word: self.draw.choice(dates) for word in words}

    def measured(self, scope: Scope) -> Written:
        return self.measure_clause(
            self.draw.choice([gauge for gauge in self.plain(scope.level) if gauge.name not in self._tested])
        )

    def measure_clause(self, gauge: Gauge) -> Written:
        self.first_test_of(gauge.name)
        return {"measure": gauge.name, **as_operators(self.test(gauge.shape, {}))}

    def outcome(self, _scope: Scope) -> Written:
        what = self.draw.choice([what for what in self.outcomes if what == "points" or what not in self._tested])
        names = self.outcomes[what]
        if what in ("grade", "score_grade"):
            self.first_test_of(what)
        some: Any = self.draw.sample(list(names), min(len(names), 2))
        if what in ("veto", "ceiling", "status") and self.chance(0.5):
            some = self.draw.choice(("any", "none"))
        negated = what != "points" and self.chance(0.3)
        return {f"no {what}" if negated else what: some if len(some) != 1 or self.chance(0.5) else some[0]}
