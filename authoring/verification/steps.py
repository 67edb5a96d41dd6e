"""Steps over a measure: values between them that take nothing, values that two of them claim, and points that turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final

from msgspec.structs import replace

from authoring.verification.report import Study
from authoring.verification.witness import Tried
from authoring.verification.words import called, taking, told
from engine.case import CaseFile
from engine.grading import Grading
from knowledge.measurebinding import measure_field
from knowledge.possible import meets
from knowledge.rulebook import Field, Rulebook
from knowledge.rules import Const, FixedPoints, MeasureTest, Op, Rule, SteppedPoints, Test

_LEAST: Final = -(2**53)
_BELOW: Final = ("lt", "le", "eq")
_ABOVE: Final = ("gt", "ge", "eq")


@dataclass(frozen=True, slots=True)
class Span:
    """Values of a measure, from `low` to `high` (included), that come to the same points."""

    low: int
    high: int
    points: int


def check_steps(study: Study) -> None:
    """Note gaps, overlaps and turns in the steps of each rule, and gaps between rules that share their steps."""
    for rule in study.rulebook.rules:
        if rule.kind == "standard" and isinstance(rule.points, SteppedPoints):
            field = _field(study.rulebook, rule.points.measure)
            own = tuple(test for one in _asked(rule, rule.points.measure) for test in one.tests)
            spans = _spans(field, own, [(step.tests, step.points) for step in rule.points.steps])
            if not _corridor(field, spans):
                _check_gap(study, rule, rule.points.measure, field, spans)
            _check_overlap(study, rule, field)
            _check_turn(study, rule, rule.points.measure, field, spans)
    for rules in _siblings(study.rulebook):
        _check_between(study, rules)


def _check_gap(study: Study, rule: Rule, measure: str, field: Field, spans: Sequence[Span]) -> None:
    for span in _gaps(spans):
        shown, name, verb = _words(field, span), called(study.rulebook, measure), taking(study.rulebook)
        tried = _at(study, rule, measure, field, span)
        if not isinstance(tried, Tried):
            study.unsure(
                "steps.gap", (rule,),
            f"“{rule.id}”的分档之间 {shown} 是否出现,未能判定。",
                f"It was not shown that {shown}, between steps of `{rule.id}`, ever comes up.",
            )  # fmt: skip
            continue
        study.add(
            "steps.gap", (rule,),
            f"“{rule.id}”的分档有空隙:{name.zh}为 {shown} 时不{verb.zh},而上下两侧都{verb.zh};请让两档相接。",
            f"The steps of `{rule.id}` leave a gap: {name.en} of {shown} counts nothing, and values on both sides do; "
            "let the steps meet.",
            proof="graded", witness=study.witnesses.witness(tried, f"{measure} {_read(field, tried, measure)}: –"),
        )  # fmt: skip


def _corridor(field: Field, spans: Sequence[Span]) -> bool:
    """Say whether points are taken at both ends, for too little and too much, and for nothing between."""
    ends = spans and spans[0].points and spans[-1].points
    return bool(ends) and not field.choices and len(list(_gaps(spans))) == 1


def _gaps(spans: Sequence[Span]) -> Iterator[Span]:
    """Yield spans without points that lie between spans with points."""
    for place, span in enumerate(spans):
        if span.points == 0 and any(one.points for one in spans[:place]) and any(s.points for s in spans[place + 1 :]):
            yield span


def _check_overlap(study: Study, rule: Rule, field: Field) -> None:
    """Steps that are bounded on both sides say themselves where each begins and ends."""
    assert isinstance(rule.points, SteppedPoints)
    measure, steps = rule.points.measure, rule.points.steps
    for place, (left, right) in enumerate(pairwise(steps)):
        if not (_bounded(left.tests) and _bounded(right.tests)):
            continue
        shared = [span for span in _spans(field, (), [((*left.tests, *right.tests), 1)]) if span.points]
        if not shared or left.points == right.points:
            continue
        tried = _at(study, rule, measure, field, shared[0])
        words = _words(field, shared[0])
        if not isinstance(tried, Tried):
            study.unsure(
                "steps.overlap", (rule,), f"“{rule.id}”第 {place + 1}、{place + 2} 档是否重叠,未能判定。",
                f"It was not shown that steps {place + 1} and {place + 2} of `{rule.id}` overlap.",
            )  # fmt: skip
            continue
        taken = sum(one.points for one in tried.grading.deductions if one.rule == rule.id)
        study.add(
            "steps.overlap", (rule,),
            f"“{rule.id}”第 {place + 1} 档和第 {place + 2} 档都包含 {words},实际只按前一档计;请让两档只相接、不重叠。",
            f"Steps {place + 1} and {place + 2} of `{rule.id}` both hold {words}, where only the first ever counts; "
            "let them meet without sharing values.",
            proof="graded",
            witness=study.witnesses.witness(tried, f"{measure} {_read(field, tried, measure)}: {taken}"),
        )  # fmt: skip


def _bounded(tests: Sequence[Test]) -> bool:
    return any(test.op in _BELOW for test in tests) and any(test.op in _ABOVE for test in tests)


def _check_turn(study: Study, rule: Rule, measure: str, field: Field, spans: Sequence[Span]) -> None:
    """Points that rise and fall again as the measure grows: a worse value takes less than a better one."""
    taken = [span for place, span in enumerate(spans) if not place or span.points != spans[place - 1].points]
    gaps = list(_gaps(spans))
    for left, middle, right in zip(taken, taken[1:], taken[2:], strict=False):
        if not (left.points < middle.points > right.points) or left in gaps or right in gaps:
            continue
        cases = [_at(study, rule, measure, field, span) for span in (left, middle, right)]
        seen = [(_read(field, one, measure), _points(one, rule)) for one in cases if isinstance(one, Tried)]
        words = " → ".join(f"{_words(field, span)}: {span.points}" for span in (left, middle, right))
        if len(seen) < len(cases) or not seen[0][1] < seen[1][1] > seen[2][1]:
            study.unsure(
                "rule.not_monotone", (rule,), f"“{rule.id}”的分档是否先升后降,未能判定。",
                f"It was not shown that the points of `{rule.id}` rise and fall again.",
            )  # fmt: skip
            continue
        tried = cases[2]
        assert isinstance(tried, Tried)
        name = called(study.rulebook, measure)
        study.add(
            "rule.not_monotone", (rule,),
            f"“{rule.id}”的分值随{name.zh}先升后降({words}),更差的反而得到更好的结果;请按好坏顺序排列各档分值。",
            f"The points of `{rule.id}` rise and fall again as {name.en} grows ({words}), so that a worse value fares "
            "better; put the points of its steps in order.",
            proof="graded",
            witness=study.witnesses.witness(tried, "; ".join(f"{measure} {value}: {points}" for value, points in seen)),
        )  # fmt: skip


def _points(tried: Tried, rule: Rule) -> int:
    return sum(one.points for one in tried.grading.deductions if one.rule == rule.id)


def _check_between(study: Study, rules: Sequence[Rule]) -> None:
    """Rules with steps over one measure share the values of another measure among them, and leave none out."""
    guards = {one.measure for rule in rules for one in rule.when if isinstance(one, MeasureTest)}
    for guard in guards:
        if not all(len(rule.when) == len(list(_asked(rule, guard))) == 1 for rule in rules):
            continue
        field = _field(study.rulebook, guard)
        cases = [(next(iter(_asked(rule, guard))).tests, 1) for rule in rules]
        for span in _gaps(_spans(field, (), cases)):
            first = rules[0]
            assert isinstance(first.points, SteppedPoints)
            worst = max(first.points.steps, key=lambda step: step.points)
            clauses = (MeasureTest(first.points.measure, worst.tests, ""), _between(guard, field, span))
            asked = replace(first, when=clauses, points=FixedPoints(0), applies_to=None)
            silent = {rule.id for rule in rules}
            tried = study.witnesses.search([asked], partial(_silent, silent))
            zh, en = "、".join(f"“{rule.id}”" for rule in rules), ", ".join(f"`{rule.id}`" for rule in rules)
            if not isinstance(tried, Tried):
                study.unsure(
                    "steps.gap", tuple(rules), f"{zh}之间是否有空隙,未能判定。",
                    f"It was not decided whether {en} leave a gap.",
                )  # fmt: skip
                continue
            name = called(study.rulebook, guard)
            study.add(
                "steps.gap", tuple(rules),
                f"{zh}之间有空隙:{name.zh}为 {_words(field, span)} 时没有一条适用;请让它们的条件相接。",
                f"There is a gap between {en}: none of them applies where {name.en} is {_words(field, span)}; "
                "let their conditions meet.",
                proof="graded", witness=study.witnesses.witness(tried, f"{guard} {_read(field, tried, guard)}: –"),
            )  # fmt: skip


def _silent(rules: set[str], _: CaseFile, grading: Grading) -> bool:
    return rules.isdisjoint({one.rule for one in grading.deductions})


def _siblings(book: Rulebook) -> Iterator[list[Rule]]:
    """Yield rules of one standard for the same kinds whose steps are over one measure."""
    groups: dict[tuple[str, str, str], list[Rule]] = {}
    for rule in book.rules:
        if rule.kind == "standard" and isinstance(rule.points, SteppedPoints) and not rule.for_each:
            for kind in book.kinds if rule.applies_to is None else rule.applies_to:
                groups.setdefault((rule.target, rule.points.measure, kind), []).append(rule)
    seen: list[list[Rule]] = []
    for rules in groups.values():
        if len(rules) > 1 and rules not in seen:
            seen.append(rules)
            yield rules


def _at(study: Study, rule: Rule, measure: str, field: Field, span: Span) -> Tried | bool | None:
    """Return a case in which a rule's measure takes one of these values, all its other conditions holding."""
    asked = replace(rule, when=(*rule.when, _between(measure, field, span)), points=FixedPoints(0))
    points = span.points if rule.points is not None else 0

    def shows(tried: Tried) -> bool:
        value = next((one.value for one in tried.grading.measures if one.name == measure), None)
        return isinstance(value, int | str) and span.low <= _ranked(field, value) <= span.high

    return study.witnesses.search(
        [asked],
        lambda case, grading: (
            shows(Tried(case, grading))
            and (bool(points) == any(one.rule == rule.id and one.points for one in grading.deductions))
        ),
    )


def _between(measure: str, field: Field, span: Span) -> MeasureTest:
    if field.choices:
        names = tuple(list(field.choices)[span.low : span.high + 1])
        return MeasureTest(measure, (Test(measure, "in", names),), "")
    tests = []
    ends: tuple[tuple[Op, int], ...] = (("ge", span.low), ("le", span.high))
    for op, value in ends:
        if abs(value) < -_LEAST:
            tests.append(Test(measure, op, Const(value, field.type)))
    return MeasureTest(measure, tuple(tests), "")


def _spans(field: Field, own: Sequence[Test], cases: Sequence[tuple[Sequence[Test], int]]) -> list[Span]:
    """Return by rising value the points that the first of some cases gives, among values that meet `own`."""
    spans: list[Span] = []
    for low, high in _pieces(field, [*own, *(test for tests, _ in cases for test in tests)]):
        value = list(field.choices)[low] if field.choices else low
        if meets(own, value):
            points = next((points for tests, points in cases if meets(tests, value)), 0)
            spans.append(Span(low, high, points))
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].points == span.points and joined[-1].high + 1 == span.low:
            joined[-1] = Span(joined[-1].low, span.high, span.points)
        else:
            joined.append(span)
    return joined


def _pieces(field: Field, tests: Sequence[Test]) -> Iterator[tuple[int, int]]:
    """Yield the values that no test tells apart, as first and last; choices by their places."""
    if field.choices:
        yield from ((place, place) for place in range(len(field.choices) if field.ordered else 0))
        return
    low, high = (0, 10_000) if field.type == "share" else (field.minimum, field.maximum)
    first, last = _LEAST if low is None else low, -_LEAST if high is None else high
    cuts = {first, last + 1}
    for test in tests:
        if isinstance(test.operand, Const) and type(test.operand.value) is int:
            cuts |= {test.operand.value, test.operand.value + 1}
    edges = sorted(cut for cut in cuts if first <= cut <= last + 1)
    yield from ((left, right - 1) for left, right in pairwise(edges))


def _asked(rule: Rule, measure: str) -> Iterator[MeasureTest]:
    for clause in rule.when:
        if isinstance(clause, MeasureTest) and clause.measure == measure:
            yield clause


def _field(book: Rulebook, name: str) -> Field:
    measure = book.measures[name]
    field = measure_field(measure, book.types)
    counts = getattr(measure.body, "how", "") in ("count", "distinct", "days_since")
    return replace(field, minimum=0) if counts else field


def _ranked(field: Field, value: int | str) -> int:
    return list(field.choices).index(str(value)) if field.choices else int(value)


def _read(field: Field, tried: Tried, measure: str) -> str:
    value = next((one.value for one in tried.grading.measures if one.name == measure), None)
    return "–" if value is None else told(field, value)


def _words(field: Field, span: Span) -> str:
    if field.choices:
        return list(field.choices)[span.low]
    if span.low == span.high:
        return told(field, span.low)
    if span.low == _LEAST:
        return f"≤ {told(field, span.high)}"
    return f"≥ {told(field, span.low)}" if span.high == -_LEAST else f"{told(field, span.low)}–{told(field, span.high)}"
