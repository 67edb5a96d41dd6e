"""Rules that take points twice for one fact, and limits that another limit always outdoes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import combinations, permutations

from msgspec.structs import replace

from authoring.verification.report import Study
from authoring.verification.whole import Implied
from authoring.verification.witness import Tried
from authoring.verification.words import called, taking
from engine.case import CaseFile
from engine.grading import Grading
from knowledge.rulebook import Aggregate, Rulebook
from knowledge.rules import Match, MeasureTest, Pattern, Rule, SteppedPoints
from knowledge.strata import measures_read, patterns_of


def check_doubles(study: Study, implied: Implied) -> None:
    """Note standard rules that always fire together on the same fact, where that isn't declared."""
    rules = [rule for rule in study.rulebook.rules if rule.kind == "standard" and _takes(rule)]
    for left, right in combinations(rules, 2):
        if right.target in left.shares_event or left.target in right.shares_event:
            continue
        one, other = _traced(study.rulebook, left, right), _traced(study.rulebook, right, left)
        there = _alike(one, right, study.rulebook) and implied(one, right)
        back = _alike(other, left, study.rulebook) and implied(other, left)
        if left.target == right.target or not (left.for_each or right.for_each):
            there = back = there and back
        if not (there or back):
            continue
        first, second = (left, right) if there else (right, left)
        tried = study.witnesses.search([first], partial(_both, (first, second)))
        if not isinstance(tried, Tried):
            study.unsure(
                "rule.double", (first, second), f"“{first.id}”与“{second.id}”是否总对同一事实扣分,未能证实。",
                f"It was not shown that `{first.id}` and `{second.id}` always count the same fact.",
            )  # fmt: skip
            continue
        points = [f"{one.rule} {one.points}" for one in tried.grading.deductions if one.rule in (first.id, second.id)]
        verb = taking(study.rulebook)
        zh = (
            f"“{first.id}”与“{second.id}”总对同一事实{verb.zh}"
            if there and back
            else f"凡“{first.id}”{verb.zh}的事实,“{second.id}”也{verb.zh}"
        )
        en = (
            f"`{first.id}` always {verb.en} where `{second.id}` does, for the same fact"
            if there and back
            else f"Wherever `{first.id}` {verb.en} for a fact, `{second.id}` does too"
        )
        study.add(
            "rule.double", (first, second), f"{zh},一事两计;请删去其一,确需并计的请写明 shares_event。",
            f"{en}, so it counts twice; remove one of them, or declare `shares_event` if that is meant.",
            proof="unsat", witness=study.witnesses.witness(tried, ", ".join(points)),
        )  # fmt: skip


def check_limits(study: Study, implied: Implied) -> None:
    """Note ceilings and vetoes that change no grade: another one, as bad or worse, always applies as well."""
    order = [band.grade for band in study.rulebook.bands]
    limits = [rule for rule in study.rulebook.rules if rule.kind in ("ceiling", "veto") and rule.grade is not None]
    for rule in limits:
        if rule.grade == order[0]:
            tried = study.witnesses.reach(rule)
            study.add(
                "limit.idle", (rule,),
                f"“{rule.id}”把等级限为最高的“{order[0]}”级,不起任何作用;请改为更低的等级,或删去。",
                f"`{rule.id}` limits to `{order[0]}`, the best grade, so it changes nothing; "
                "name a lower grade, or remove it.",
                proof="compared",
                witness=study.witnesses.witness(tried, rule.id) if isinstance(tried, Tried) else None,
            )  # fmt: skip
    dominated: set[str] = set()
    for left, right in permutations(limits, 2):
        if left.id in dominated or right.id in dominated or left.grade == order[0]:
            continue
        if order.index(str(right.grade)) < order.index(str(left.grade)) or not implied(left, right):
            continue
        tried = study.witnesses.search([left], partial(_fire, (left, right)))
        if not isinstance(tried, Tried):
            study.unsure(
                "limit.dominated", (left, right), f"“{left.id}”是否总被“{right.id}”盖过,未能证实。",
                f"It was not shown that `{right.id}` always outdoes `{left.id}`.",
            )  # fmt: skip
            continue
        dominated.add(left.id)
        study.add(
            "limit.dominated", (left, right),
            f"凡“{left.id}”({left.grade} 级)适用,“{right.id}”({right.grade} 级)也适用,前者从不起作用;"
            "请删去前者,或改正其中一条的条件或等级。",
            f"Wherever `{left.id}` ({left.grade}) applies, so does `{right.id}` ({right.grade}), "
            "so the first never matters; remove it, or correct a condition or grade.",
            proof="unsat", witness=study.witnesses.witness(tried, f"{left.id} {left.grade}, {right.id} {right.grade}"),
        )  # fmt: skip


def check_overlaps(study: Study) -> None:
    """Note rules with steps over one measure of one standard that take points together: steps exclude each other."""
    for standard in study.rulebook.standards:
        for left, right in combinations(_stepped(study.rulebook, standard), 2):
            if _kinds(study.rulebook, left).isdisjoint(_kinds(study.rulebook, right)):
                continue
            tried = study.witnesses.search([left, right], partial(_fire, (left, right)))
            if tried is False:
                continue
            if tried is None or tried is True:
                study.unsure(
                    "steps.overlap", (left, right), f"“{left.id}”与“{right.id}”的分档是否重叠,未能判定。",
                    f"It was not decided whether the steps of `{left.id}` and `{right.id}` overlap.",
                )  # fmt: skip
                continue
            shown = ", ".join(f"{one.rule} {one.points}" for one in tried.grading.deductions if one.target == standard)
            assert isinstance(left.points, SteppedPoints)
            name, verb = called(study.rulebook, left.points.measure), taking(study.rulebook)
            study.add(
                "steps.overlap", (left, right),
                f"“{left.id}”与“{right.id}”都按{name.zh}分档,却会同时{verb.zh};请让两条的条件互不相交。",
                f"`{left.id}` and `{right.id}` are both steps over {name.en}, and yet fire together "
                "in one case; let their conditions exclude each other.",
                proof="graded", witness=study.witnesses.witness(tried, shown),
            )  # fmt: skip


def _stepped(book: Rulebook, standard: str) -> Iterator[Rule]:
    seen: dict[str, list[Rule]] = {}
    for rule in book.rules:
        if rule.kind == "standard" and rule.target == standard and isinstance(rule.points, SteppedPoints):
            seen.setdefault(rule.points.measure, []).append(rule)
    for rules in seen.values():
        if len(rules) > 1:
            yield from rules


def _kinds(book: Rulebook, rule: Rule) -> set[str]:
    return set(book.kinds if rule.applies_to is None else rule.applies_to)


def _takes(rule: Rule) -> bool:
    return rule.points is not None


def _alike(left: Rule, right: Rule, book: Rulebook) -> bool:
    """Say whether two rules can be about the same fact; what is for findings stands as for the facts behind them.

    Both are for facts of the same types, or one is and the other asks for such facts, or both ask for one measure.
    """
    if left.applies_to is not None and right.applies_to is not None and not {*left.applies_to} & {*right.applies_to}:
        return False
    if left.for_each and right.for_each:
        return _types(left.for_each) == _types(right.for_each)
    if left.for_each or right.for_each:
        one, other = (left, right) if left.for_each else (right, left)
        return _looked_at(book, other) == set(_types(one.for_each))
    return _measures(left) == _measures(right)


def _types(patterns: Iterable[Pattern]) -> list[str]:
    return [pattern.type for pattern in patterns]


def _looked_at(book: Rulebook, rule: Rule) -> set[str]:
    """Return the types of facts that a rule without `for_each` asks for."""
    types = {pattern.type for pattern, absent in patterns_of(rule) if not absent}
    for name in measures_read(rule):
        body = book.measures[name].body
        types.add(body.pattern.type if isinstance(body, Aggregate) else "")
    return types


def _traced(book: Rulebook, rule: Rule, other: Rule) -> Rule:
    """Return a rule for findings as one for the facts of which they are made, if that is what another one is for."""
    if len(rule.for_each) != 1 or len(other.for_each) != 1 or rule.for_each[0].type == other.for_each[0].type:
        return rule
    makers = [one for one in book.rules if one.kind == "finding" and one.target == rule.for_each[0].type]
    if len(makers) != 1 or makers[0].unknown_fires:
        return rule
    made_of = [*makers[0].for_each, *(clause.pattern for clause in makers[0].when if isinstance(clause, Match))]
    if _types(made_of) != _types(other.for_each):
        return rule
    rest = tuple(clause for clause in makers[0].when if not isinstance(clause, Match))
    return replace(rule, for_each=tuple(made_of), when=rest)


def _measures(rule: Rule) -> set[str]:
    names = {clause.measure for clause in rule.when if isinstance(clause, MeasureTest)}
    return names | ({rule.points.measure} if isinstance(rule.points, SteppedPoints) else set())


def _fire(rules: tuple[Rule, Rule], _: CaseFile, grading: Grading) -> bool:
    fired = {one.rule for one in grading.deductions}
    return all(rule.id in fired for rule in rules)


def _both(rules: tuple[Rule, Rule], case: CaseFile, grading: Grading) -> bool:
    """Say whether two rules took points, for the same facts where both are for facts of a type."""
    if _types(rules[0].for_each) != _types(rules[1].for_each):
        return _fire(rules, case, grading)
    taken = [{one.key for one in grading.deductions if one.rule == rule.id and one.points} for rule in rules]
    return bool(taken[0] & taken[1])
