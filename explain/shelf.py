"""What explanations need of a rulebook alone, kept for as long as the rulebook is asked about."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from functools import cached_property
from typing import Any, Final

from engine.checker_code import aliases_of as aliases_of_operand
from engine.checker_rules import decisive_measures
from engine.scoring import Scorer
from explain.courses import Course, Inputs, courses, inputs
from knowledge.rulebook import PointsMeasure, Rulebook
from knowledge.rules import Absent, Arithmetic, Match, Pattern, Ref, Rule
from knowledge.strata import clauses_of, formula_measures

_MOST: Final = 16
"""Rulebooks that are kept; those asked for last."""
_MOST_NOTES: Final = 50_000
_kept: Final[OrderedDict[int, Shelf]] = OrderedDict()


class Shelf:
    """One rulebook's rules, orders and weights, looked up once."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self.rules: dict[str, Rule] = {rule.id: rule for rule in rulebook.rules}
        self.order = {band.grade: place for place, band in enumerate(rulebook.bands)}
        self.scorer = Scorer(rulebook)
        self._notes: OrderedDict[tuple[Hashable, ...], dict[Hashable, Any]] = OrderedDict()
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
    def by_score_alone(self) -> bool:
        """Whether nothing but the score decides the grade by score, and no indicator has a minimum."""
        return all(band.worst_single is None and not band.demands for band in self.rulebook.bands) and all(
            one.minimum is None for one in self.rulebook.indicators.values()
        )

    @cached_property
    def courses(self) -> dict[str, tuple[Course, ...]]:
        """By rule, all choices of alternatives."""
        return {rule.id: tuple(courses(rule)) for rule in self.rulebook.rules}

    @cached_property
    def inputs(self) -> dict[str, Inputs]:
        """By rule, all that it looks at."""
        return {rule.id: inputs(rule, self.decisive[rule.id]) for rule in self.rulebook.rules}

    @cached_property
    def reads(self) -> dict[int, frozenset[str]]:
        """By identity of each pattern of a rule, the aliases of other patterns that it reads."""
        return {
            id(one): frozenset(name for test in one.tests for name in aliases_of_operand(test.operand))
            - {"this", one.alias}
            for one in self._patterns()
        }

    @cached_property
    def about_producers(self) -> frozenset[int]:
        """The identities of those patterns that read something of the producer."""
        return frozenset(
            id(one)
            for one in self._patterns()
            for read in (*(test.operand for test in one.tests), one.window.since if one.window is not None else None)
            if isinstance(read, Ref) and read.source == "producer"
        )

    def _patterns(self) -> Iterator[Pattern]:
        for rule in self.rulebook.rules:
            yield from rule.for_each
            yield from (one.pattern for one in clauses_of(rule.when) if isinstance(one, Match | Absent))

    @cached_property
    def aliases(self) -> dict[str, dict[str, str]]:
        """By rule, the type that each of its aliases stands for."""
        return {rule.id: aliases_of(rule) for rule in self.rulebook.rules}

    def notes(self, *about: Hashable) -> dict[Hashable, Any]:
        """Return where to keep what was said about something, such as a day in a language; the last few are kept."""
        kept = self._notes.setdefault(about, {})
        if len(kept) > _MOST_NOTES:
            kept.clear()
        while len(self._notes) > _MOST:
            self._notes.popitem(last=False)
        return kept

    @cached_property
    def below(self) -> dict[str, tuple[str, ...]]:
        """By indicator of either level, the standards under it."""
        found: dict[str, list[str]] = {name: [] for name in self.rulebook.indicators}
        for standard in self.rulebook.standards.values():
            level2 = self.rulebook.indicators[standard.indicator]
            for name in dict.fromkeys((level2.id, level2.parent or level2.id)):
                found[name].append(standard.id)
        return {name: tuple(standards) for name, standards in found.items()}

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


def aliases_of(rule: Rule) -> dict[str, str]:
    """Return the type that each alias of a rule stands for."""
    aliases = {pattern.alias: pattern.type for pattern in rule.for_each}
    for clause in clauses_of(rule.when):
        if isinstance(clause, Match | Absent):
            aliases[clause.pattern.alias] = clause.pattern.type
    return aliases


def shelf_of(rulebook: Rulebook) -> Shelf:
    """Return what is kept of a rulebook; it is known by itself, not by its digest, since tests change some by hand."""
    kept = _kept.get(id(rulebook))
    if kept is None or kept.rulebook is not rulebook:
        kept = _kept[id(rulebook)] = Shelf(rulebook)
        while len(_kept) > _MOST:
            _kept.popitem(last=False)
    return kept
