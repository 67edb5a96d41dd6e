"""What explanations need of a rulebook alone, kept for as long as the rulebook is asked about."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from typing import Final

from engine.checker_rules import decisive_measures
from engine.scoring import Scorer
from explain.courses import Course, courses
from knowledge.rulebook import PointsMeasure, Rulebook
from knowledge.rules import Absent, Arithmetic, Rule
from knowledge.strata import formula_measures

_MOST: Final = 16
"""Rulebooks that are kept; those asked for last."""
_kept: Final[OrderedDict[int, Shelf]] = OrderedDict()


class Shelf:
    """One rulebook's rules, orders and weights, looked up once."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self.rules: dict[str, Rule] = {rule.id: rule for rule in rulebook.rules}
        self.order = {band.grade: place for place, band in enumerate(rulebook.bands)}
        self.scorer = Scorer(rulebook)
        self.rules_of: dict[str, tuple[str, ...]] = {}
        """By standard, the rules that ask it for points."""
        for rule in rulebook.rules:
            if rule.kind == "standard":
                self.rules_of[rule.target] = (*self.rules_of.get(rule.target, ()), rule.id)

    @cached_property
    def weights(self) -> dict[str, int]:
        """By standard, how many times its points count in the score."""
        indicators = self.rulebook.indicators
        weights = {}
        for standard in self.rulebook.standards.values():
            level2 = indicators[standard.indicator]
            weights[standard.id] = level2.weight * indicators[level2.parent or level2.id].weight
        return weights

    @cached_property
    def courses(self) -> dict[str, tuple[Course, ...]]:
        """By rule, all choices of alternatives."""
        return {rule.id: tuple(courses(rule)) for rule in self.rulebook.rules}

    @cached_property
    def decisive(self) -> dict[str, tuple[str, ...]]:
        """By rule, the measures without which it has nothing to measure."""
        return {rule.id: tuple(decisive_measures(self.rulebook, rule)) for rule in self.rulebook.rules}

    @cached_property
    def absences(self) -> dict[str, tuple[int, ...]]:
        """By rule, the places of its clauses that ask for an absence."""
        return {
            rule.id: tuple(place for place, clause in enumerate(rule.when) if isinstance(clause, Absent))
            for rule in self.rulebook.rules
        }

    @cached_property
    def of_points(self) -> frozenset[str]:
        """The measures that are made from points of the score, by themselves or through a formula."""
        found: set[str] = set()
        measures = self.rulebook.measures.items()
        for _ in measures:
            before = len(found)
            for name, measure in measures:
                body = measure.body
                if isinstance(body, PointsMeasure) or (
                    isinstance(body, Arithmetic) and not found.isdisjoint(formula_measures(body))
                ):
                    found.add(name)
            if len(found) == before:
                break
        return frozenset(found)


def shelf_of(rulebook: Rulebook) -> Shelf:
    """Return what is kept of a rulebook; it is known by itself, not by its digest, since tests change some by hand."""
    kept = _kept.get(id(rulebook))
    if kept is None or kept.rulebook is not rulebook:
        kept = _kept[id(rulebook)] = Shelf(rulebook)
        while len(_kept) > _MOST:
            _kept.popitem(last=False)
    return kept
