"""Values of facts, producers and measures as terms of z3.

Every value is an integer: dates are ordinals, yes/no is 1 or 0, texts and choices are numbered as they come.
A value may be missing, which is a term of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from authoring.verification.logic import Term, logic
from knowledge.rulebook import Field, Rulebook
from knowledge.rules import Const, Expr, Shift, Test, Value
from knowledge.workdays import add

_FIRST_DAY, _LAST_DAY = 693_962, 803_533
"""1901-01-01 to 2200-12-31."""
_LARGEST: Final = 2**53
_MONTH: Final = 30_436_875
"""Millionths of a day."""
_ROUNDS: Final = 24
_EFFORT: Final = 4_000_000
"""Steps of the solver for one question, so that the answer does not hang on how busy the machine is."""
_ORDER: Final = ("lt", "le", "gt", "ge")


@dataclass(frozen=True, slots=True)
class Val:
    """A value and whether it is there."""

    term: Term
    there: Term


class Space:
    """One question to the solver: terms for what a case may hold, and what is known of them.

    Moving dates by months or working days is bounded at first and made exact for the days that a model takes.
    """

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook, self.z3 = rulebook, logic()
        self.solver = self.z3.Solver()
        self.solver.set("rlimit", _EFFORT)
        self.codes: dict[str, int] = {}
        self._shifts: dict[tuple[str, int, str], tuple[Term, Term]] = {}
        self._made = 0
        self.as_of = self.z3.Int("as_of")
        until = rulebook.effective_until
        self.solver.add(self.as_of >= rulebook.effective_from)
        self.solver.add(self.as_of < (_LAST_DAY - 20_000 if until is None else until))
        kind = Field("kind", "choice", next(iter(rulebook.kinds.values())), choices=rulebook.kinds)
        self.producer = {"kind": self.value("kind of producer", kind)}
        for name, field in rulebook.attributes.items():
            self.producer[name] = self.value(f"producer.{name}", field)

    def value(self, name: str, field: Field) -> Val:
        """Return a new value of a field, within its bounds."""
        self._made += 1
        term = self.z3.Int(f"{name}#{self._made}")
        if field.type == "choice" and field.choices:
            self.solver.add(self.z3.Or([term == self.code(choice) for choice in field.choices]))
        elif field.type in ("text", "choice"):
            self.solver.add(term >= 0, term < 100_000)
        elif field.type == "yes_no":
            self.solver.add(term >= 0, term <= 1)
        else:
            low, high = {"date": (_FIRST_DAY, _LAST_DAY), "share": (0, 10_000)}.get(field.type, (-_LARGEST, _LARGEST))
            low = low if field.minimum is None else field.minimum
            high = high if field.maximum is None else field.maximum
            self.solver.add(term >= low, term <= high)
        there = self.z3.Bool(f"{name}?{self._made}") if field.optional else self.true
        return Val(term, there)

    @property
    def true(self) -> Term:
        """What always holds."""
        return self.z3.true

    @property
    def missing(self) -> Val:
        """A value that isn't there."""
        return Val(self.z3.IntVal(0), self.z3.false)

    def number(self, name: str) -> Term:
        """Return a new whole number."""
        self._made += 1
        return self.z3.Int(f"{name}#{self._made}")

    def flag(self, name: str) -> Term:
        """Return a new truth value."""
        self._made += 1
        return self.z3.Bool(f"{name}#{self._made}")

    def code(self, text: str) -> int:
        """Return the number that stands for a text."""
        return self.codes.setdefault(text, len(self.codes))

    def constant(self, value: Value) -> Term:
        """Return what stands for a value."""
        return self.z3.IntVal(self.code(value) if isinstance(value, str) else int(value))

    def test(self, test: Test, own: Val, field: Field | None, operand: Val | None) -> tuple[Term, Term]:
        """Return whether a value meets a test, and whether that is known; `operand` is what it is compared with."""
        Or = self.z3.Or  # noqa: N806  z3's own name
        if test.op in ("present", "missing"):
            return own.there if test.op == "present" else self.z3.Not(own.there), self.true
        if isinstance(test.operand, tuple):
            among = Or([own.term == self.constant(value) for value in test.operand])
            return among if test.op == "in" else self.z3.Not(among), own.there
        assert operand is not None
        left, right = own.term, operand.term
        if field is not None and field.type == "choice" and test.op in _ORDER:
            left, right = self._rank(left, field.choices), self._rank(right, field.choices)
        holds = {
            "eq": left == right, "ne": left != right, "lt": left < right, "le": left <= right,
            "gt": left > right, "ge": left >= right,
        }[test.op]  # fmt: skip
        return holds, self.z3.And(own.there, operand.there)

    def _rank(self, term: Term, choices: Iterable[str]) -> Term:
        ranked = self.z3.IntVal(-1)
        for place, choice in enumerate(choices):
            ranked = self.z3.If(term == self.code(choice), place, ranked)
        return ranked

    def moved(self, val: Val, shift: Shift | None) -> Val:
        """Return a date moved by a distance."""
        if shift is None or shift.amount == 0:
            return val
        if shift.unit in ("days", "weeks"):
            return Val(val.term + shift.amount * (7 if shift.unit == "weeks" else 1), val.there)
        there = val.there
        calendar = self.rulebook.calendar
        if shift.unit == "working_days":
            if calendar is None:
                return self.missing
            there = self.z3.And(there, val.term >= calendar.first, val.term <= calendar.last)
        key = (str(val.term), shift.amount, shift.unit)
        if key not in self._shifts:
            to = self.number("moved")
            low, high = _distance(shift)
            self.solver.add(to >= val.term + low, to <= val.term + high)
            for (_, amount, unit), (other, moved) in self._shifts.items():
                if (amount, unit) == (shift.amount, shift.unit):
                    self.solver.add(self.z3.Implies(other <= val.term, moved <= to))
                    self.solver.add(self.z3.Implies(val.term <= other, to <= moved))
            self._shifts[key] = (val.term, to)
        return Val(self._shifts[key][1], there)

    def literal(self, expr: Expr) -> Val | None:
        """Return the value of a literal, None for what is read elsewhere."""
        return Val(self.constant(expr.value), self.true) if isinstance(expr, Const) else None

    def solve(self, *more: Term, day: int | None = None) -> Any:
        """Return a model, False where there is none, None where that can't be decided."""
        self.solver.push()
        try:
            for one in more:
                self.solver.add(one)
            if day is not None:
                self.solver.add(self.as_of == day)
            return self._solve()
        finally:
            self.solver.pop()

    def _solve(self) -> Any:
        pinned = False
        for turn in range(_ROUNDS):
            found = self.solver.check()
            if found == self.z3.unsat:
                return None if pinned else False
            if found != self.z3.sat:
                return None
            model = self.solver.model()
            wrong = self._inexact(model)
            if not wrong:
                return model
            for term, at, to, true in wrong:
                self.solver.add(term != at if true is None else self.z3.Implies(term == at, to == true))
                if turn >= _ROUNDS // 2 and true is not None:
                    pinned = True
                    self.solver.add(term == at)
        return None

    def _inexact(self, model: Any) -> list[tuple[Term, int, Term, int | None]]:
        wrong = []
        for (_, amount, unit), (term, to) in self._shifts.items():
            at = self.read(model, term)
            true = add(at, amount, unit, self.rulebook.calendar)
            known = unit != "working_days" or self._covers(at)
            if known and true != self.read(model, to):
                wrong.append((term, at, to, true))
        return wrong

    def _covers(self, day: int) -> bool:
        calendar = self.rulebook.calendar
        return calendar is not None and calendar.first <= day <= calendar.last

    def read(self, model: Any, term: Term) -> int:
        """Return a whole number of a model."""
        return int(model.eval(term, model_completion=True).as_long())

    def holds(self, model: Any, term: Term) -> bool:
        """Return a truth value of a model."""
        return bool(self.z3.is_true(model.eval(term, model_completion=True)))


def decoded(space: Space, field: Field, number: int) -> Value:
    """Return the encoded value of a field that a number stands for."""
    if field.type == "yes_no":
        return bool(number)
    if field.type not in ("text", "choice"):
        return number
    known = {code: text for text, code in space.codes.items()}
    return known.get(number) or f"W{number}"


def both(space: Space, terms: Sequence[Term]) -> Term:
    """Return the conjunction of terms."""
    return space.z3.And(list(terms))


def same(space: Space, left: Mapping[str, Val], right: Mapping[str, Val], names: Iterable[str]) -> Term:
    """Return whether two facts agree in fields: both missing, or both there and equal."""
    z3, terms = space.z3, []
    for name in names:
        one, other = left[name], right[name]
        if one.there is not other.there:
            terms.append(z3.same(one.there, other.there))
        terms.append(z3.Or(z3.Not(one.there), z3.same(one.term, other.term)))
    return z3.And(terms)


def _distance(shift: Shift) -> tuple[int, int]:
    """Return bounds of the days that a distance comes to."""
    if shift.unit == "working_days":
        ends = (shift.amount, shift.amount * 2 + (40 if shift.amount > 0 else -40))
    else:
        days = shift.amount * _MONTH * (12 if shift.unit == "years" else 1) // 1_000_000
        ends = (days - 4, days + 4)
    return min(ends), max(ends)
