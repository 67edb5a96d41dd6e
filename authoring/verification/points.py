"""Standards whose rules can't reach their points or ask for more, and caps that never bite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from msgspec.structs import replace

from authoring.verification.reached import Reached, once, single
from authoring.verification.report import Place, Study
from authoring.verification.sketch import Sketch
from authoring.verification.witness import Tried, Witness, asked_points
from engine.case import CaseFile
from engine.grading import Grading
from knowledge.rules import FormulaPoints, Rule, SteppedPoints


def check_points(study: Study) -> None:
    """Note what points, caps and rules make impossible of each other."""
    reached = Reached(study)
    _check_short(study, reached)
    _check_beyond(study)
    _check_caps(study, reached)


def _check_short(study: Study, reached: Reached) -> None:
    book = study.rulebook
    for standard in book.standards.values():
        kinds = standard.applies_to or tuple(book.kinds)
        asked = {kind: reached.live(standard.id, kind) for kind in kinds}
        short = {kind: reached.most(standard, kind) for kind in kinds if asked[kind]}
        if not short or max(short.values()) >= standard.points:
            continue
        most = max(short.values())
        at = Place(standard.id, "indicators.yaml")
        rules = tuple({rule.id: rule for live in asked.values() for rule in live}.values())
        study.add(
            "points.short", (at, *rules),
            f"标准“{standard.id}”有 {standard.points} 分,而各条规则合计最多只到 {most} 分;"
            "请提高规则的分值,或降低标准的分值。",
            f"Standard `{standard.id}` holds {standard.points} points, and its rules together reach {most} at most; "
            "let a rule count more, or lower the standard's points.",
            proof="interval", witness=_most(study, standard.id, [standard.id], rules),
        )  # fmt: skip


def _most(study: Study, name: str, standards: Sequence[str], rules: Iterable[Rule]) -> Witness | None:
    """Return the case that is known to ask for most points of some standards, which are called by one name."""
    rules = tuple(rules)
    for rule in rules:
        study.witnesses.reach(rule)

    def asked(tried: Tried) -> int:
        points = asked_points(tried.grading)
        return sum(points.get(standard, 0) for standard in standards)

    most = [study.witnesses.search([_worst(rule)], partial(_fires, rule)) for rule in rules if _stepped(rule)]
    known = [*study.witnesses.all(), *(one for one in most if isinstance(one, Tried))]
    best = max(known, key=asked, default=None)
    if best is None or not asked(best):
        return None
    return study.witnesses.witness(best, f"{name}: {asked(best)}")


def _stepped(rule: Rule) -> bool:
    return isinstance(rule.points, SteppedPoints)


def _worst(rule: Rule) -> Rule:
    """Return a rule that has only the step with most points."""
    assert isinstance(rule.points, SteppedPoints)
    step = max(rule.points.steps, key=lambda one: one.points)
    return replace(rule, points=SteppedPoints(rule.points.measure, (step,)))


def _fires(rule: Rule, _: CaseFile, grading: Grading) -> bool:
    return any(one.rule == rule.id for one in grading.deductions)


def _check_beyond(study: Study) -> None:
    for rule in study.rulebook.rules:
        if rule.kind != "standard" or rule.at_most is not None:
            continue
        points, most = study.rulebook.standards[rule.target].points, single(study.rulebook, rule)
        if most <= points:
            continue
        tried = study.witnesses.search(
            [rule],
            partial(_asks_more, rule, points),
            partial(_beyond, rule, points),
        )
        if tried is False:
            continue
        if not isinstance(tried, Tried):
            study.unsure(
                "points.beyond", (rule,), f"“{rule.id}”一次能否超过“{rule.target}”的 {points} 分,未能判定。",
                f"It was not decided whether `{rule.id}` can ask for more than the {points} points of `{rule.target}`.",
            )  # fmt: skip
            continue
        asked = max(one.points for one in tried.grading.deductions if one.rule == rule.id)
        study.add(
            "points.beyond", (rule,),
            f"“{rule.id}”一次可计 {asked} 分,超过标准“{rule.target}”的 {points} 分,超出的不计;请写明 at_most。",
            f"One deduction of `{rule.id}` can ask for {asked} points, more than the {points} of `{rule.target}`, "
            "and the rest doesn't count; write `at_most`.",
            proof="graded", witness=study.witnesses.witness(tried, f"{rule.id}: {asked} > {points}"),
        )  # fmt: skip


def _beyond(rule: Rule, points: int, sketch: Sketch) -> None:
    """Ask that a formula comes to more than so many points."""
    if isinstance(rule.points, FormulaPoints):
        scope = dict(zip([p.alias for p in rule.for_each], sketch.keys[rule.id], strict=True))
        found = sketch.gauges.formula(rule.points.formula, {name: slot.values for name, slot in scope.items()})
        sketch.space.solver.add(found.there, found.term > points)


def _asks_more(rule: Rule, points: int, _: CaseFile, grading: Grading) -> bool:
    return any(one.rule == rule.id and one.points > points for one in grading.deductions)


def _check_caps(study: Study, reached: Reached) -> None:
    book = study.rulebook
    for rule in book.rules:
        if rule.at_most is None or not once(book, rule) or single(book, rule) > rule.at_most:
            continue
        tried = study.witnesses.reach(rule)
        if not isinstance(tried, Tried):
            continue
        study.add(
            "cap.idle", (rule,),
            f"“{rule.id}”最多触发一次,计 {single(book, rule)} 分,上限 {rule.at_most} 从不起作用;请删去上限,或改低。",
            f"`{rule.id}` fires once at most, for {single(book, rule)} points, "
            f"so its cap of {rule.at_most} never bites; remove the cap, or lower it.",
            proof="interval", witness=study.witnesses.witness(tried, f"{rule.id}: {_taken(tried, rule)}"),
        )  # fmt: skip
    for indicator in book.indicators.values():
        if indicator.at_most is None:
            continue
        below = [
            s for s in book.standards.values() if indicator.id in (s.indicator, book.indicators[s.indicator].parent)
        ]
        most = max(sum(reached.most(one, kind) for one in below) for kind in book.kinds)
        if most <= indicator.at_most:
            names = [one.id for one in below]
            rules = [rule for rule in book.rules if rule.kind == "standard" and rule.target in names]
            study.add(
                "cap.idle", (Place(indicator.id, "indicators.yaml"),),
                f"指标“{indicator.id}”之下最多 {most} 分,上限 {indicator.at_most} 从不起作用;请删去上限,或改低。",
                f"What lies below `{indicator.id}` comes to {most} points at most, "
                f"so its cap of {indicator.at_most} never bites; remove the cap, or lower it.",
                proof="interval", witness=_most(study, indicator.id, names, rules),
            )  # fmt: skip


def _taken(tried: Tried, rule: Rule) -> int:
    return sum(one.points for one in tried.grading.deductions if one.rule == rule.id)
