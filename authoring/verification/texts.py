"""Numbers in a rule's sentence that its conditions, windows and points don't have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

from authoring.verification.report import Study
from authoring.verification.witness import Tried
from knowledge.measurebinding import measure_field
from knowledge.rulebook import Aggregate, Field, Rulebook
from knowledge.rules import Absent as NoFact
from knowledge.rules import (
    AnyOf,
    Arithmetic,
    Clause,
    Const,
    DateTest,
    FixedPoints,
    Formula,
    FormulaPoints,
    Match,
    MeasureTest,
    Num,
    Pattern,
    ProducerTest,
    Ref,
    Rule,
    Shift,
    SteppedPoints,
    TablePoints,
    Test,
    Text,
)

Quantity: TypeAlias = tuple[str, Decimal]
"""A unit (`months`, `days`, `%`, `points`, `count`, `money`) and a number."""
_NUMBER: Final = r"(?P<n>\d[\d,]*(?:\.\d+)?)"
_AFTER: Final[Mapping[str, str]] = {
    "months": r"\s*(?:个)?月(?!\d)|[ -]months?\b",
    "years": r"\s*年(?!\d)|[ -]years?\b",
    "weeks": r"\s*周|[ -]weeks?\b",
    "days": r"\s*(?:个)?(?:工作)?[日天]|[ -](?:working )?days?\b",
    "%": r"\s?[%%]",
    "points": r"\s*分(?!之|钟)|[ -]points?\b",
    "count": r"\s*(?:次|笔|条|起|批|个(?!月|工作日))|[ -]times\b",
    "money": r"\s*(?P<wan>万)?元",
}
_FIND: Final = {unit: re.compile(_NUMBER + f"(?:{after})") for unit, after in _AFTER.items()}
_CNY: Final = re.compile(r"(?:CNY|RMB|¥)\s?" + _NUMBER)
_DATE: Final = re.compile(r"\d{4}\s*年(?:\d{1,2}\s*月(?:\d{1,2}\s*日)?)?|\d{4}-\d{2}-\d{2}|第\s*\d+")
_BRACE: Final = re.compile(r"\{[^{}]*\}")
_KEPT: Final = re.compile(
    r"(?:保存|保留)[^,,。;;]{0,4}?\d+\s*(?:个?月|年|[日天])"
    r"|(?:kept|keep|retain(?:ed)?|stored?) (?:for )?(?:at least )?\d+ \w+"
)
"""How long papers must be kept is a duty of the law, and no rule's window."""
_IN_MONTHS: Final = {"months": 1, "years": 12}
_IN_DAYS: Final = {"days": 1, "weeks": 7, "working_days": 1}
_DEEPEST: Final = 3


def check_texts(study: Study) -> None:
    """Note rules whose `because` names an amount that the rule has others of, but not this one."""
    for rule in study.rulebook.rules:
        if rule.because is None:
            continue
        own = set(_quantities(study.rulebook, rule, 0))
        for text in (rule.because.zh, rule.because.en or ""):
            wrong = [(words, one) for words, one in _said(text) if not _known(one, own)]
            for words, one in wrong[:1]:
                _note(study, rule, words, one, own)
            if wrong:
                break


def _note(study: Study, rule: Rule, words: str, one: Quantity, own: set[Quantity]) -> None:
    unit = _UNITS[one[0]]
    have = ", ".join(f"{number.normalize():f}" for unit, number in sorted(own) if unit == one[0])
    tried = study.witnesses.reach(rule)
    if tried is False:
        return  # a rule that never fires says nothing
    witness = None
    if isinstance(tried, Tried):
        witness = study.witnesses.witness(tried, f"{rule.id}: “{words}” ≠ {have} {unit.en}")
    study.add(
        "text.number", (rule,),
        f"“{rule.id}”的说明写“{words}”,而规则中的{unit.zh}只有 {have};请改正说明或规则。",
        f"The text of `{rule.id}` says “{words}”, but the rule has {have} ({unit.en}); correct the text or the rule.",
        proof="compared", witness=witness,
    )  # fmt: skip


_UNITS: Final = {
    "months": Text("月数", "months"), "days": Text("天数", "days"), "%": Text("百分比", "%"),
    "points": Text("分值", "points"), "count": Text("次数", "times or pieces"), "money": Text("金额", "CNY"),
}  # fmt: skip


def _known(one: Quantity, own: set[Quantity]) -> bool:
    """Say whether a rule has an amount, or none at all in this unit, so that nothing contradicts it."""
    return one in own or all(unit != one[0] for unit, _ in own)


def _said(text: str) -> Iterator[tuple[str, Quantity]]:
    """Yield the amounts that a sentence names, as written and as a quantity."""
    plain = _KEPT.sub(" ", _DATE.sub(" ", _BRACE.sub(" ", text)))
    for unit, pattern in _FIND.items():
        for found in pattern.finditer(plain):
            number = Decimal(found["n"].replace(",", ""))
            if unit == "money" and found["wan"]:
                number *= 10_000
            yield found[0].strip(), _plain_unit(unit, number)
    for found in _CNY.finditer(plain):
        yield found[0].strip(), ("money", Decimal(found["n"].replace(",", "")))


def _plain_unit(unit: str, number: Decimal) -> Quantity:
    if unit in _IN_MONTHS:
        return "months", number * _IN_MONTHS[unit]
    if unit in _IN_DAYS:
        return "days", number * _IN_DAYS[unit]
    return unit, number


def _quantities(book: Rulebook, rule: Rule, deep: int) -> Iterator[Quantity]:
    """Yield every amount of a rule, of the measures it reads and of the rules behind the findings it reads."""
    for pattern in rule.for_each:
        yield from _of_pattern(book, pattern, deep)
    yield from _of_clauses(book, rule.when, deep)
    for expr in rule.gives.values():
        if isinstance(expr, Ref) and expr.shift is not None:
            yield from _of_shift(expr.shift)
    if deep == 0:
        yield from _of_points(book, rule)


def _of_points(book: Rulebook, rule: Rule) -> Iterator[Quantity]:
    if rule.at_most is not None:
        yield "points", Decimal(rule.at_most)
    match rule.points:
        case FixedPoints(points=points):
            yield "points", Decimal(points)
        case TablePoints(points=table):
            yield from (("points", Decimal(points)) for points in table.values())
        case SteppedPoints(measure=measure, steps=steps):
            yield from (("points", Decimal(step.points)) for step in steps)
            yield from _of_measure(book, measure, [test for step in steps for test in step.tests], 0)
        case FormulaPoints(formula=formula):
            yield from (("points", number) for number in (Decimal(1), *_numbers(formula)))  # for each unit of a value


def _numbers(formula: Formula) -> Iterator[Decimal]:
    if isinstance(formula, Num):
        yield Decimal(formula.value)
    elif isinstance(formula, Arithmetic):
        for part in formula.args:
            yield from _numbers(part)


def _of_clauses(book: Rulebook, clauses: Sequence[Clause], deep: int) -> Iterator[Quantity]:
    for clause in clauses:
        match clause:
            case Match(pattern=pattern) | NoFact(pattern=pattern):
                yield from _of_pattern(book, pattern, deep)
            case MeasureTest(measure=measure, tests=tests):
                yield from _of_measure(book, measure, tests, deep)
            case ProducerTest(tests=tests):
                for test in tests:
                    yield from _of_test(test, book.attributes.get(test.name))
            case DateTest(test=test):
                yield from _of_test(test, None)
            case AnyOf(alternatives=alternatives):
                for way in alternatives:
                    yield from _of_clauses(book, way, deep)


def _of_pattern(book: Rulebook, pattern: Pattern, deep: int) -> Iterator[Quantity]:
    kind = book.types[pattern.type]
    for test in pattern.tests:
        yield from _of_test(test, kind.fields[test.name])
    if pattern.window is not None and pattern.window.kind == "last":
        yield from _of_shift(Shift(pattern.window.amount, pattern.window.unit))
    if kind.origin != "fact" and deep < _DEEPEST:
        for rule in book.rules:
            if rule.target == kind.name and rule.kind == kind.origin:
                yield from _quantities(book, rule, deep + 1)


def _of_measure(book: Rulebook, name: str, tests: Sequence[Test], deep: int) -> Iterator[Quantity]:
    measure = book.measures[name]
    field = measure_field(measure, book.types)
    for test in tests:
        yield from _of_test(test, field)
    body = measure.body
    if isinstance(body, Aggregate):
        yield from _of_pattern(book, body.pattern, deep)
        for test in body.numerator:
            yield from _of_test(test, book.types[body.pattern.type].fields[test.name])
    elif isinstance(body, Arithmetic):
        yield from (("count", number) for number in _numbers(body))
        for part in _read(body):
            yield from _of_measure(book, part, (), deep)


def _read(formula: Formula) -> Iterator[str]:
    if isinstance(formula, Ref) and formula.source == "measure":
        yield formula.name
    elif isinstance(formula, Arithmetic):
        for part in formula.args:
            yield from _read(part)


def _of_test(test: Test, field: Field | None) -> Iterator[Quantity]:
    operand = test.operand
    if isinstance(operand, Ref):
        if operand.shift is not None:
            yield from _of_shift(operand.shift)
        return
    if not isinstance(operand, Const) or type(operand.value) is not int or field is None or field.type == "date":
        return
    value = operand.value
    edges = {value, value + 1} if test.op in ("gt", "le") else {value}
    for edge in edges:
        if field.type == "share":
            yield "%", Decimal(edge if edge == value else value).scaleb(-2)
        elif field.unit == "%":
            yield "%", Decimal(edge).scaleb(-field.places)
        elif field.unit in ("CNY", "元", "RMB"):
            yield "money", Decimal(edge).scaleb(-field.places)
        elif field.unit in ("days", "天", "日"):
            yield "days", Decimal(edge)
        else:
            yield "count", Decimal(edge).scaleb(-field.places)


def _of_shift(shift: Shift) -> Iterator[Quantity]:
    amount = Decimal(abs(shift.amount))
    if shift.unit in _IN_MONTHS:
        yield "months", amount * _IN_MONTHS[shift.unit]
    else:
        yield "days", amount * _IN_DAYS[shift.unit]
