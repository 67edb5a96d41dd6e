"""Which facts about everyone are seen the same each day, once their dates go along with the day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from knowledge.rulebook import Aggregate, FactType, Rulebook
from knowledge.rules import DateTest, Expr, Pattern, Ref, Rule, Shift, Test
from knowledge.strata import clauses_of, patterns_of

_EVEN = ("days", "weeks")
"""Units of which a number is equally long wherever it begins."""


def steady_types(rulebook: Rulebook) -> frozenset[str]:
    """Return the types about everyone that rules look at only by distances in days, and copy no date of.

    A window of months is longer in one month than in the other, a working day depends on the calendar, and a date
    that is written out stays where it is: types that are compared with these change from day to day.
    """
    shared = {name: kind for name, kind in rulebook.types.items() if kind.about_everyone}
    return frozenset(name for name, kind in shared.items() if all(_steady(rulebook, kind, shared)))


def _steady(rulebook: Rulebook, kind: FactType, shared: Mapping[str, FactType]) -> Iterator[bool]:
    for measure in rulebook.measures.values():
        body = measure.body
        if isinstance(body, Aggregate) and body.pattern.type == kind.name:
            of_a_date = body.field is not None and kind.fields[body.field].type == "date"
            yield not of_a_date or body.how == "days_since"
            yield measure.per is None or kind.fields[measure.per].type != "date"
            yield _even(body.pattern, body.numerator, kind, {})
    for rule in rulebook.rules:
        patterns = [pattern for pattern, _ in patterns_of(rule)]
        aliases = {pattern.alias: shared[pattern.type] for pattern in patterns if pattern.type in shared}
        if not any(pattern.type == kind.name for pattern in patterns):
            continue
        for pattern in patterns:
            yield pattern.type in shared and _even(pattern, (), shared[pattern.type], aliases)
        yield from _rest(rule, aliases)


def _rest(rule: Rule, aliases: Mapping[str, FactType]) -> Iterator[bool]:
    for clause in clauses_of(rule.when):
        if isinstance(clause, DateTest):
            yield _goes_along(clause.test.operand, aliases)
    for expr in rule.gives.values():
        if isinstance(expr, Ref) and expr.source in aliases:
            yield expr.type != "date"


def _even(pattern: Pattern, more: tuple[Test, ...], kind: FactType, aliases: Mapping[str, FactType]) -> bool:
    for test in (*pattern.tests, *more):
        decided = test.op in ("present", "missing")
        own = {**aliases, "this": kind, pattern.alias: kind}
        if kind.fields[test.name].type == "date" and not decided and not _goes_along(test.operand, own):
            return False
    window = pattern.window
    if window is None:
        return True
    if window.kind == "last":
        return window.unit in _EVEN
    return window.kind == "since" and _goes_along(window.since, {})


def _goes_along(operand: Expr | tuple[object, ...] | None, aliases: Mapping[str, FactType]) -> bool:
    """Say whether a date moves with the day, by whole days."""
    if not isinstance(operand, Ref) or (operand.source != "as_of" and operand.source not in aliases):
        return False
    return _is_even(operand.shift)


def _is_even(shift: Shift | None) -> bool:
    return shift is None or shift.unit in _EVEN
