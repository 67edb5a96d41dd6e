"""A rule in words: when it applies and what it does, before any producer is graded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from engine.case import CaseFile, Producer
from engine.grading import Grading, Score
from explain.asking import DAY, Asking
from explain.phrases import Lang
from explain.phrases_policy import say
from explain.wording import Wording
from knowledge.rulebook import Measure, PointsMeasure, Rulebook
from knowledge.rules import (
    Absent,
    AnyOf,
    Arithmetic,
    Clause,
    Const,
    DateTest,
    Expr,
    FixedPoints,
    Formula,
    FormulaPoints,
    Match,
    MeasureTest,
    Num,
    OutcomeTest,
    Pattern,
    ProducerTest,
    Ref,
    Rule,
    SteppedPoints,
    TablePoints,
    Test,
    Text,
    Window,
)
from knowledge.strata import patterns_of

_SLOT: Final = re.compile(r"\{([a-z_0-9.]+)\}")
_SIGNS: Final = {"add": "+", "subtract": "−", "multiply": "×", "divide": "÷"}


class PolicyWords:
    """Words for the rules of one rulebook in one language."""

    def __init__(self, rulebook: Rulebook, lang: Lang) -> None:
        self.rulebook, self.lang = rulebook, lang
        self.word = Wording(rulebook, *_nobody(rulebook), lang, personal=False)
        self._asking = Asking(self.word)

    def say(self, name: str, **slots: object) -> str:
        """Return a phrase of policy documents."""
        return say(self.lang, name, **slots)

    def text(self, text: Text | None) -> str:
        """Return a text of the rulebook, empty where there is none."""
        return "" if text is None else self.word.text(text)

    def when(self, rule: Rule) -> tuple[str, ...]:
        """Return what must hold for a rule, one sentence a condition."""
        aliases = {pattern.alias: pattern.type for pattern, _ in patterns_of(rule)}
        found = [
            self.say("each", what=self.pattern(pattern, aliases)) if place == 0
            else self.say("some", what=self.pattern(pattern, aliases))
            for place, pattern in enumerate(rule.for_each)
        ]  # fmt: skip
        found += [self.clause(clause, aliases) for clause in rule.when]
        return tuple(found) or (self.say("always"),)

    def then(self, rule: Rule) -> tuple[str, ...]:
        """Return what a rule does, one sentence a step."""
        match rule.kind:
            case "standard":
                return tuple(self._points(rule))
            case "finding" | "consequence":
                name = "finds" if rule.kind == "finding" else "follows"
                what = self.text(self.rulebook.types[rule.target].label)
                return (self.say(name, what=what, values=self._values(rule)),)
            case "ceiling":
                return (self.say("caps", grade=rule.grade),)
            case "veto":
                return (self.say("fixes", grade=rule.grade),)
            case "status":
                return (self.say("gets_status", what=self.text(self.rulebook.producer_statuses[rule.target])),)

    def because(self, rule: Rule) -> str:
        """Return the reason with the names of what stands in braces."""
        if rule.because is None:
            return ""
        aliases = {pattern.alias: pattern.type for pattern, _ in patterns_of(rule)}
        return _SLOT.sub(lambda found: self.say("slot", what=self._slot(found[1], aliases)), self.text(rule.because))

    def pattern(self, pattern: Pattern, aliases: Mapping[str, str]) -> str:
        """Return what a pattern looks for, with its window."""
        what = self._asking.pattern(pattern, aliases)
        return what if pattern.window is None else self.say("within", what=what, window=self._window(pattern))

    def clause(self, clause: Clause, aliases: Mapping[str, str]) -> str:
        """Return one condition."""
        match clause:
            case Match(pattern=pattern):
                return self.say("some", what=self.pattern(pattern, aliases))
            case Absent(pattern=pattern):
                return self.say("none", what=self.pattern(pattern, aliases))
            case MeasureTest(measure=name, tests=tests):
                return self.say("measure", tests=self._measured(name, tests))
            case ProducerTest(tests=tests):
                told = [self._asking.test(test, self._asking.attribute(test.name), aliases) for test in tests]
                return self.say("producer", tests=self.say("and").join(told))
            case DateTest(test=test):
                return self.say("any_day", test=self._asking.test(test, DAY, aliases))
            case OutcomeTest():
                return self._outcome(clause)
            case AnyOf(alternatives=ways):
                told = [self.say("and").join(self.clause(one, aliases) for one in way) for way in ways]
                numbered = [self.say("way", number=number, what=one) for number, one in enumerate(told, 1)]
                return self.say("any", ways=self.say("ways").join(numbered))

    def measure(self, measure: Measure) -> str:
        """Return how a measure is computed."""
        body = measure.body
        if isinstance(body, PointsMeasure):
            return self.say("points_of", names=self.word.listed(self.names(body.of)))
        nothing = (
            self.say("nothing_na") if measure.when_nothing is None
            else self.say("nothing", value=self.word.measure(measure.name, measure.when_nothing))
        )  # fmt: skip
        if isinstance(body, Arithmetic):
            return self.formula(body) + ("" if measure.when_nothing is None else nothing)
        kind = self.rulebook.types[body.pattern.type]
        field = "" if body.field is None else self.text(kind.fields[body.field].label)
        aliases = {"this": kind.name}
        tests = self.say("and").join(
            self._asking.test(test, kind.fields[test.name], aliases) for test in body.numerator
        )
        told = self.say(body.how, what=self.pattern(body.pattern, aliases), field=field, tests=tests)
        group = "" if measure.per is None else self.say("for_group", what=self.text(kind.fields[measure.per].label))
        return told + group + ("" if body.how in ("count", "distinct") and not measure.when_nothing else nothing)

    def formula(self, formula: Formula, aliases: Mapping[str, str] | None = None) -> str:
        """Return arithmetic with the names of what it reads."""
        match formula:
            case Num(value=value, shown=shown):
                return str(value) if shown is None else shown
            case Ref(source="measure", name=name):
                return self.say("slot", what=self.text(self.rulebook.measures[name].label))
            case Ref():
                return self.say("slot", what=self._slot(f"{formula.source}.{formula.name}", aliases or {}))
            case Arithmetic(op="min" | "max" as op, args=args):
                return f"{op}({', '.join(self.formula(one, aliases) for one in args)})"
            case Arithmetic(op="multiply" | "divide", args=(scaled, Num(value=value, shown="1"))) if value != 1:
                return self.formula(scaled, aliases)
            case Arithmetic(op=op, args=args):
                inner = [self.formula(one, aliases) for one in args]
                bracketed = [
                    f"({one})" if isinstance(arg, Arithmetic) and len(arg.args) > 1 else one
                    for one, arg in zip(inner, args, strict=True)
                ]
                return f" {_SIGNS[op]} ".join(bracketed)

    def names(self, ids: Iterable[str]) -> Iterator[str]:
        """Yield standards and indicators by id and label."""
        for name in ids:
            known = self.rulebook.standards.get(name) or self.rulebook.indicators.get(name)
            yield name if known is None else f"{name} {self.text(known.label)}"

    def laws(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Return articles as they are cited."""
        return tuple(self.text(self.rulebook.laws[name].label) for name in ids)

    def kinds(self, kinds: Sequence[str] | None) -> str:
        """Return kinds of producer, empty for all."""
        return "" if kinds is None else self.word.listed(self.text(self.rulebook.kinds[name]) for name in kinds)

    def _window(self, pattern: Pattern) -> str:
        window = pattern.window
        if window is None:
            return ""
        kind = self.rulebook.types[pattern.type]
        by = "" if window.field == kind.dated else self.say("by_date", what=self.text(kind.fields[window.field].label))
        return self._length(window) + by

    def _length(self, window: Window) -> str:
        if window.kind == "last":
            return self.say("last", time=self.word.time(window.amount, window.unit))
        if window.kind == "calendar_year":
            return self.say("calendar_year")
        since = window.since
        if isinstance(since, Const):
            return self.say("since", day=self.word.day(int(since.value)))
        assert since is not None
        return self.say("since", day=self._shifted(since, {}))

    def _measured(self, name: str, tests: Sequence[Test]) -> str:
        field = self._asking.measure(name)
        return self.say("and").join(self._asking.test(test, field, {}) for test in tests)

    def _outcome(self, clause: OutcomeTest) -> str:
        if clause.what in ("grade", "score_grade"):
            name = f"no_{clause.what}" if clause.negated else clause.what
            return self.say(name, names=self.word.listed(clause.names))
        if clause.what == "standard":
            name = "no_standard" if clause.negated else "standard"
            return self.say(name, names=self.word.listed(self.names(clause.names)))
        labels = {
            "veto": self.rulebook.vetoes,
            "ceiling": self.rulebook.ceilings,
            "status": self.rulebook.producer_statuses,
        }
        what = self.say(f"{'no' if clause.negated else 'some'}_{clause.what}")
        names = [self.text(labels[clause.what][name]) for name in clause.names]
        return self.say("named", what=what, names=self.word.listed(names)) if names else what

    def _points(self, rule: Rule) -> Iterator[str]:
        lost = "lose" if self.rulebook.scoring.direction == "lost" else "gain"
        match rule.points:
            case FixedPoints(points=points):
                yield self.say(lost, points=self.word.amount(points))
            case SteppedPoints(measure=name, steps=steps):
                for step in steps:
                    test = self._measured(name, step.tests) or self.say("always")
                    yield self.say("step", test=test, points=self.say(lost, points=self.word.amount(step.points)))
            case TablePoints(by=by, points=amounts):
                field = self.rulebook.types[self._type_of(rule, by)].fields[by.name]
                told = [
                    self.say(
                        "amount",
                        what=self.word.value(field, choice),
                        points=self.say(lost, points=self.word.amount(points)),
                    )
                    for choice, points in amounts.items()
                ]
                yield self.say("by_choice", what=self.text(field.label), amounts=self.say("ways").join(told))
            case FormulaPoints(formula=formula):
                aliases = {pattern.alias: pattern.type for pattern in rule.for_each}
                yield self.say("by_formula", formula=self.formula(formula, aliases))
        if rule.at_most is not None:
            yield self.say("most", points=self.word.amount(rule.at_most))

    def _type_of(self, rule: Rule, ref: Ref) -> str:
        return next(pattern.type for pattern in rule.for_each if pattern.alias == ref.source)

    def _values(self, rule: Rule) -> str:
        kind = self.rulebook.types[rule.target]
        aliases = {pattern.alias: pattern.type for pattern, _ in patterns_of(rule)}
        told = [
            self.word.say(
                "pair", label=self.text(kind.fields[name].label), value=self._given(kind.name, name, expr, aliases)
            )
            for name, expr in rule.gives.items()
        ]
        return self.say("with_values", values=self.word.say("enumerated").join(told)) if told else ""

    def _given(self, kind: str, name: str, expr: Expr, aliases: Mapping[str, str]) -> str:
        field = self.rulebook.types[kind].fields[name]
        if isinstance(expr, Const):
            return self.word.value(field, expr.value)
        if expr.source == "measure":
            return self.say("slot", what=self.text(self.rulebook.measures[expr.name].label))
        return self.say("slot", what=self._shifted(expr, aliases))

    def _shifted(self, ref: Ref, aliases: Mapping[str, str]) -> str:
        """Return the name of what is read, with what is added to it."""
        what = self._slot(ref.source if ref.source == "as_of" else f"{ref.source}.{ref.name}", aliases)
        if ref.shift is None:
            return what
        later = "later" if ref.shift.amount >= 0 else "earlier"
        return self.word.say(later, what=what, time=self.word.time(abs(ref.shift.amount), ref.shift.unit))

    def _slot(self, name: str, aliases: Mapping[str, str]) -> str:
        if name in self.rulebook.measures:
            return self.text(self.rulebook.measures[name].label)
        alias, _, field = name.partition(".")
        if alias == "producer":
            return self.text(self._asking.attribute(field).label)
        if alias in aliases:
            return self.text(self.rulebook.types[aliases[alias]].fields[field].label)
        return {"points": self.say("points"), "as_of": self.text(DAY.label)}.get(name, name)


def _nobody(rulebook: Rulebook) -> tuple[CaseFile, Grading]:
    """Return a case and grading of nobody, for words that need neither."""
    case = CaseFile(Producer("", next(iter(rulebook.kinds)), "", {}), (), 1)
    grade = rulebook.bands[0].grade
    grading = Grading(
        rulebook.id, rulebook.version, rulebook.sha256, "", 1, None, (), grade, grade, Score(0, 0, 0, 0),
        *((),) * 11, None,
    )  # fmt: skip
    return case, grading
