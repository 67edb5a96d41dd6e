"""Facts of one type that rules tell apart: such as each pattern asks for, such as it doesn't, and with each choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, TypeAlias

from msgspec.structs import replace

from authoring.verification.logic import Term
from authoring.verification.sketch import Dead, Sketch, Ways
from authoring.verification.terms import Space
from authoring.verification.witness import Witnesses
from engine.case import Fact
from knowledge.problems import CaseRefused
from knowledge.rulebook import Aggregate, FactType, Rulebook
from knowledge.rules import Pattern, Ref, Value
from knowledge.strata import patterns_of

Ask: TypeAlias = Callable[[Sketch], Term]
_MOST: Final = 12
_CHOICES: Final = 4


def samples(witnesses: Witnesses, kind: FactType) -> Iterator[Fact]:
    """Yield different facts of a type, as late as they can be on the day of the witnesses."""
    told: set[str] = set()
    for ask in _asked(witnesses.rulebook, kind):
        fact = _solved(witnesses, kind, ask)
        if fact is not None and repr(fact.values) not in told:
            told.add(repr(fact.values))
            yield fact
        if len(told) == _MOST:
            return


def _asked(book: Rulebook, kind: FactType) -> Iterator[Ask]:
    patterns: dict[str, Pattern] = {}
    for rule in book.rules:
        for pattern, _ in patterns_of(rule):
            if pattern.type == kind.name:
                patterns.setdefault(repr(own := _by_itself(pattern)), own)
    for measure in book.measures.values():
        body = measure.body
        if isinstance(body, Aggregate) and body.pattern.type == kind.name:
            patterns.setdefault(repr(own := _by_itself(body.pattern)), own)
            good = _by_itself(replace(body.pattern, tests=(*body.pattern.tests, *body.numerator)))
            patterns.setdefault(repr(good), good)
    for pattern in patterns.values():
        yield partial(_fit, pattern)
    for name, field in kind.fields.items():
        named: Sequence[Value] = list(field.choices)[:_CHOICES]
        choices = named if field.type == "choice" else [True, False] if field.type == "yes_no" else []
        yield from (partial(_chosen, name, choice) for choice in choices)
    for pattern in patterns.values():
        yield partial(_unfit, pattern)


def _by_itself(pattern: Pattern) -> Pattern:
    """Return a pattern without what it reads elsewhere."""
    own = (pattern.alias, "as_of", "producer")
    tests = tuple(t for t in pattern.tests if not isinstance(t.operand, Ref) or t.operand.source in own)
    window = pattern.window
    elsewhere = window is not None and isinstance(window.since, Ref) and window.since.source not in own
    return replace(pattern, tests=tests, window=None if elsewhere else window)


def _fit(pattern: Pattern, sketch: Sketch) -> Term:
    return sketch.fits(pattern, sketch.slots[0], {})


def _unfit(pattern: Pattern, sketch: Sketch) -> Term:
    return sketch.space.z3.Not(_fit(pattern, sketch))


def _chosen(name: str, choice: Value, sketch: Sketch) -> Term:
    space, value = sketch.space, sketch.slots[0].values[name]
    return space.z3.And(value.there, space.z3.same(value.term, space.constant(choice)))


def _solved(witnesses: Witnesses, kind: FactType, ask: Ask) -> Fact | None:
    sketch = Sketch(Space(witnesses.rulebook), Ways())
    space, slot = sketch.space, sketch.fact(kind)
    try:
        wanted = ask(sketch)
    except Dead:
        return None
    model = None
    if kind.dated is not None:
        dated = slot.values[kind.dated]
        model = space.solve(wanted, dated.there, space.z3.same(dated.term, space.as_of), day=witnesses.day)
    model = model or space.solve(wanted, day=witnesses.day)
    if not model:
        return None
    try:
        facts = witnesses.case(sketch, model).facts
    except CaseRefused:
        return None
    return next(iter(facts), None)
