"""The solver's connectives over terms that are sure to be terms: without its own conversions, which take most time.

Terms that always hold are left out, so that a question holds no more than what is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib import import_module
from typing import Any

Term = Any
"""A term of z3, which has no types of its own."""


@cache
def z3() -> Any:
    """Return the solver's package, which takes a while to load."""
    return import_module("z3")


@cache
def logic() -> Logic:
    """Return the one set of connectives, for all questions of a process."""
    return Logic()


class Logic:
    """Connectives named as z3 names them; truth values are terms, numbers terms or whole numbers."""

    def __init__(self) -> None:
        package = z3()
        self._core, self._context = package.z3core, package.main_ctx()
        self._ref = self._context.ref()
        self._truth, self._number = package.BoolRef, package.ArithRef
        self._array = package.Ast
        self.Int, self.Bool, self.IntVal, self.Solver = package.Int, package.Bool, package.IntVal, package.Solver
        self.sat, self.unsat = package.sat, package.unsat
        self.true, self.false = package.BoolVal(True), package.BoolVal(False)
        self.is_true = package.is_true

    def And(self, *terms: Any) -> Term:  # noqa: N802  z3's own name
        """Return what holds where all terms hold; they come one by one or as one list."""
        kept = [term for term in _listed(terms) if term is not self.true]
        if any(term is self.false for term in kept):
            return self.false
        return self._joined(self._core.Z3_mk_and, kept, self.true)

    def Or(self, *terms: Any) -> Term:  # noqa: N802  z3's own name
        """Return what holds where one of the terms does; they come one by one or as one list."""
        kept = [term for term in _listed(terms) if term is not self.false]
        if any(term is self.true for term in kept):
            return self.true
        return self._joined(self._core.Z3_mk_or, kept, self.false)

    def _joined(self, make: Any, terms: Sequence[Term], nothing: Term) -> Term:
        if not terms:
            return nothing
        if len(terms) == 1:
            return terms[0]
        return self._truth(make(self._ref, len(terms), self._asts(terms)), self._context)

    def _asts(self, terms: Sequence[Term]) -> Any:
        return (self._array * len(terms))(*[term.ast for term in terms])

    def Not(self, term: Term) -> Term:  # noqa: N802  z3's own name
        """Return what holds where a term doesn't."""
        if term is self.true:
            return self.false
        if term is self.false:
            return self.true
        return self._truth(self._core.Z3_mk_not(self._ref, term.ast), self._context)

    def Implies(self, left: Term, right: Term) -> Term:  # noqa: N802  z3's own name
        """Return what holds unless the left term holds and the right one doesn't."""
        if left is self.true:
            return right
        if left is self.false or right is self.true:
            return self.true
        return self._truth(self._core.Z3_mk_implies(self._ref, left.ast, right.ast), self._context)

    def If(self, term: Term, this: Term | int, that: Term | int) -> Term:  # noqa: N802  z3's own name
        """Return one number where a term holds, and another where it doesn't."""
        one, other = self._whole(this), self._whole(that)
        if term is self.true:
            return one
        if term is self.false:
            return other
        return self._number(self._core.Z3_mk_ite(self._ref, term.ast, one.ast, other.ast), self._context)

    def Sum(self, terms: Sequence[Term]) -> Term:  # noqa: N802  z3's own name
        """Return the sum of numbers."""
        if not terms:
            return self.IntVal(0)
        return self._number(self._core.Z3_mk_add(self._ref, len(terms), self._asts(terms)), self._context)

    def same(self, left: Term, right: Term) -> Term:
        """Return whether two numbers, or two truth values, are equal."""
        if left is right:
            return self.true
        return self._truth(self._core.Z3_mk_eq(self._ref, left.ast, right.ast), self._context)

    def _whole(self, number: Term | int) -> Term:
        return _whole(number) if isinstance(number, int) else number


@cache
def _whole(number: int) -> Term:
    return z3().IntVal(number)


def _listed(terms: Iterable[Any]) -> Sequence[Term]:
    one = tuple(terms)
    return one[0] if len(one) == 1 and isinstance(one[0], list | tuple) else one
