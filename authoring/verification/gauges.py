"""Measures as terms: bounded by what a sketch holds, or counted exactly over the facts that it may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from authoring.verification.logic import Term
from authoring.verification.patterns import alone, narrower
from authoring.verification.terms import Space, Val, both, same
from knowledge.measurebinding import measure_field
from knowledge.rulebook import Aggregate, Measure
from knowledge.rules import Arithmetic, Const, Formula, MeasureTest, Num, Pattern, Ref

if TYPE_CHECKING:
    from authoring.verification.sketch import Sketch, Slot

WHOLE = 10_000
"""All, in the basis points of shares."""


class Gauges:
    """The measures that a sketch reads, each one value."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._values: dict[str, Val] = {}
        self._absent: list[Pattern] = []
        self.sound = True
        """Whether the measures that were read have one value each."""

    @property
    def read(self) -> dict[str, Val]:
        """The measures that were asked for, by name."""
        return self._values

    def value(self, name: str) -> Val:
        """Return a measure's value; it is missing where there is nothing to measure."""
        if name not in self._values:
            measure = self._space.rulebook.measures[name]
            body = measure.body
            self.sound = self.sound and measure.per is None
            self._values[name] = self.formula(body) if isinstance(body, Arithmetic) else self._free(measure)
        return self._values[name]

    def _free(self, measure: Measure) -> Val:
        space = self._space
        found = space.value(measure.name, measure_field(measure, space.rulebook.types))
        sure = measure.when_nothing is not None
        if isinstance(measure.body, Aggregate):
            if measure.body.how in ("count", "distinct"):
                sure = True
            if measure.body.how in ("count", "distinct", "days_since"):
                space.solver.add(found.term >= 0)
        else:
            space.solver.add(found.term >= 0)
            sure = True
        return Val(found.term, space.true if sure else space.flag(f"{measure.name} is there"))

    def formula(self, formula: Formula, scope: Mapping[str, Mapping[str, Val]] | None = None) -> Val:
        """Return what a formula over measures, and fields of the facts in `scope`, comes to."""
        space = self._space
        if isinstance(formula, Num):
            return Val(space.z3.IntVal(formula.value), space.true)
        if isinstance(formula, Ref):
            if formula.source == "measure":
                return self.value(formula.name)
            return (scope or {}).get(formula.source, {}).get(formula.name, space.missing)
        parts = [self.formula(part, scope) for part in formula.args]
        there = both(space, [part.there for part in parts])
        total = parts[0]
        for part in parts[1:]:
            term, known = self._operated(formula, total.term, part.term)
            total, there = Val(term, there), space.z3.And(there, known)
        return Val(total.term, there)

    def _operated(self, formula: Arithmetic, left: Term, right: Term) -> tuple[Term, Term]:
        space, If = self._space, self._space.z3.If  # noqa: N806  z3's own name
        match formula.op:
            case "add":
                return left + right, space.true
            case "subtract":
                return left - right, space.true
            case "multiply":
                return left * right, space.true
            case "min":
                return If(left < right, left, right), space.true
            case "max":
                return If(left > right, left, right), space.true
            case _:
                return self._divided(formula, left, right), right != 0

    def _divided(self, formula: Arithmetic, left: Term, right: Term) -> Term:
        space = self._space
        whole = space.number("quotient")
        if formula.rounding == "half_up":
            left, right = 2 * left + right, 2 * right
        up = formula.rounding == "up"
        low, high = ((whole - 1) * right + 1, whole * right) if up else (whole * right, (whole + 1) * right - 1)
        inside = space.z3.And(low <= left, left <= high)
        space.solver.add(space.z3.Implies(space.z3.And(right > 0, left >= 0), inside))
        return whole

    def meets(self, clause: MeasureTest) -> Term:
        """Return whether a measure is there and meets all tests of a clause."""
        space = self._space
        measure = space.rulebook.measures[clause.measure]
        own, shape = self.value(clause.measure), measure_field(measure, space.rulebook.types)
        terms = [own.there]
        for test in clause.tests:
            if isinstance(test.operand, Ref):
                self.sound = False  # what it is compared with is another fact's or the producer's
                continue
            operand = Val(space.constant(test.operand.value), space.true) if isinstance(test.operand, Const) else None
            holds, known = space.test(test, own, shape, operand)
            terms.append(space.z3.And(holds, known))
        return both(space, terms)

    def without(self, pattern: Pattern) -> None:
        """Note that no fact fits a pattern."""
        plain = alone(pattern)
        if plain is not None:
            self._absent.append(plain)

    def _aggregates(self) -> list[tuple[Measure, Aggregate, Val]]:
        found = []
        for name, value in self._values.items():
            measure = self._space.rulebook.measures[name]
            if isinstance(measure.body, Aggregate) and measure.per is None:
                found.append((measure, measure.body, value))
        return found

    def bound(self, sketch: Sketch) -> None:
        """Say what holds of each measure whatever else a case holds."""
        space = self._space
        z3, known = space.z3, self._aggregates()
        plain = {measure.name: alone(body.pattern) for measure, body, _ in known}
        for measure, body, value in known:
            for slot in [slot for slot in sketch.slots if slot.type == body.pattern.type]:
                seen = self._seen(body, slot, value)
                space.solver.add(z3.Implies(sketch.fits(body.pattern, slot, {}), seen))
            own = plain[measure.name]
            if own is not None and any(narrower(own, absent) for absent in self._absent):
                space.solver.add(self._nothing(measure, body, value))
        for measure, body, value in known:
            own = plain[measure.name]
            for other, wider, than in known:
                most = plain[other.name]
                if own is None or most is None or measure.name == other.name or not narrower(own, most):
                    continue
                if wider.how == "count" and body.how in ("count", "distinct"):
                    space.solver.add(value.term <= than.term)
                elif wider.how == "count" and measure.when_nothing is None and body.how not in ("sum", "count"):
                    space.solver.add(z3.Implies(value.there, than.term >= 1))
                    if own == most and body.how in ("share", "days_since"):
                        space.solver.add(z3.Implies(than.term >= 1, value.there))

    def _seen(self, body: Aggregate, slot: Slot, value: Val) -> Term:
        z3 = self._space.z3
        read = slot.values.get(body.field or "")
        match body.how:
            case "count":
                return value.term >= 1
            case "distinct" | "sum" | "latest" | "first":
                return self._space.true if body.how != "latest" or read is None else z3.Implies(read.there, value.there)
            case "max" if read is not None:
                return z3.Implies(read.there, z3.And(value.there, value.term >= read.term))
            case "min" if read is not None:
                return z3.Implies(read.there, z3.And(value.there, value.term <= read.term))
            case _:
                return value.there

    def _nothing(self, measure: Measure, body: Aggregate, value: Val) -> Term:
        if body.how in ("count", "distinct"):
            return value.term == 0
        if measure.when_nothing is not None:
            return value.term == self._space.constant(measure.when_nothing)
        return self._space.z3.Not(value.there)

    def count(self, sketch: Sketch) -> None:
        """Say that each measure is what the facts of the sketch come to, and nothing else."""
        for measure, body, value in self._aggregates():
            slots = [slot for slot in sketch.slots if slot.type == body.pattern.type]
            self._space.solver.add(self._exact(sketch, measure, body, value, slots))

    def _exact(self, sketch: Sketch, measure: Measure, body: Aggregate, value: Val, slots: Sequence[Slot]) -> Term:
        space, z3 = self._space, self._space.z3
        kind = space.rulebook.types[body.pattern.type]
        identity = kind.same_when or tuple(kind.fields)
        weights: list[Term] = []
        for place, slot in enumerate(slots):
            twice = [z3.And(one.exists, same(space, one.values, slot.values, identity)) for one in slots[:place]]
            fits = sketch.fits(body.pattern, slot, {})
            weights.append(z3.And(slot.exists, fits, z3.Not(z3.Or(twice))))
        number = z3.Sum([z3.If(weight, 1, 0) for weight in weights] or [z3.IntVal(0)])
        if body.how == "count":
            return value.term == number
        nothing = self._nothing(measure, body, value)
        if not slots:
            return nothing
        return z3.If(number == 0, nothing, z3.And(value.there, self._of(sketch, body, value, slots, weights, number)))

    def _of(
        self,
        sketch: Sketch,
        body: Aggregate,
        value: Val,
        slots: Sequence[Slot],
        weights: Sequence[Term],
        number: Term,
    ) -> Term:
        space, z3 = self._space, self._space.z3
        if body.how == "share":
            among = [z3.And(w, self._all(sketch, body, slot)) for w, slot in zip(weights, slots, strict=True)]
            good = z3.Sum([z3.If(one, 1, 0) for one in among])
            cases = [z3.And(number == n, value.term == (WHOLE * good) / n) for n in range(1, len(slots) + 1)]
            return z3.Or(cases)
        reads = [slot.values[body.field] if body.field else None for slot in slots]
        if body.how == "sum":
            return value.term == z3.Sum(
                [z3.If(z3.And(w, r.there), r.term, 0) for w, r in zip(weights, reads, strict=True) if r is not None]
            )
        dated = space.rulebook.types[body.pattern.type].dated
        ways = []
        for place, (weight, read) in enumerate(zip(weights, reads, strict=True)):
            key = self._key(body, slots[place], read, dated)
            if key is None:
                return space.true
            terms = [weight, key.there]
            for other, (theirs, slot, their) in enumerate(zip(weights, slots, reads, strict=True)):
                rank = self._key(body, slot, their, dated)
                if other != place and rank is not None:
                    less = rank.term <= key.term if body.how == "max" else rank.term >= key.term
                    if body.how in ("latest", "days_since"):
                        less = rank.term < key.term if body.how == "latest" else rank.term <= key.term
                    terms.append(z3.Implies(theirs, z3.And(rank.there, less)))
            result = space.as_of - key.term if body.how == "days_since" else key.term if read is None else read.term
            ways.append(z3.And(*terms, value.term == result))
        return space.true if body.how == "distinct" else z3.Or(ways)

    def _key(self, body: Aggregate, slot: Slot, read: Val | None, dated: str | None) -> Val | None:
        if body.how in ("min", "max", "distinct"):
            return read
        return None if dated is None else slot.values[dated]

    def _all(self, sketch: Sketch, body: Aggregate, slot: Slot) -> Term:
        pattern = Pattern("this", body.pattern.type, body.numerator)
        return sketch.fits(pattern, slot, {})
