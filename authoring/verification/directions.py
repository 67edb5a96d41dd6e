"""Facts that tell against a producer and yet help it, or tell for it and harm: what a rulebook declares, tried out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final

import msgspec

from authoring.verification.facts import moved, plus, repeated
from authoring.verification.report import Place, Study
from authoring.verification.samples import samples
from authoring.verification.witness import Tried
from engine.case import Fact
from engine.grading import Grading
from engine.values import plain
from knowledge.rulebook import FactType, Rulebook
from knowledge.rules import Rule

_MOST: Final = 16
"""Cases that are tried for one type of fact, with a fact left out and with one more."""
_FEW: Final = 3
_SAMPLES: Final = 4
_ANOTHER: Final = 99
"""Marks the identity of a fact that is added, so that it takes no other's place."""


def check_directions(study: Study, kinds: Iterable[FactType]) -> None:
    """Note those declared types of which one more fact makes grade or score better (against) or worse (for)."""
    known = study.witnesses.all()
    for kind in kinds:
        if kind.tells is not None:
            _check(study, kind, known)


def _check(study: Study, kind: FactType, known: list[Tried]) -> None:
    sign = 1 if kind.tells == "against" else -1
    for without, with_it, fact in _pairs(study, kind, known):
        before, after = goodness(study.rulebook, without.grading), goodness(study.rulebook, with_it.grading)
        if not any(sign * (then - now) > 0 for now, then in zip(before, after, strict=True)):
            continue
        rules = _changed(study.rulebook, without.grading, with_it.grading)
        told = "不利" if kind.tells == "against" else "有利"
        effect = "反而变好" if kind.tells == "against" else "反而变差"
        change = f"{_shown(without.grading)} → {_shown(with_it.grading)}"
        names = "、".join(f"“{rule.id}”" for rule in rules) or "规则"
        zh = (
            f"“{kind.label.zh}”({kind.name})申明为{told}事实,但多一条这样的事实,结果{effect}({change});"
            f"请改正 tells,或检查{names}。"
        )
        better = "helps" if kind.tells == "against" else "harms"
        en = (
            f"`{kind.name}` is declared to tell {kind.tells}, and yet one more of these facts {better} ({change}); "
            f"correct `tells`, or look at {', '.join(f'`{rule.id}`' for rule in rules) or 'the rules'}."
        )
        values = ", ".join(f"{name}: {plain(kind.fields[name], value)}" for name, value in fact.values.items())
        shows = f"{change} with {kind.name} ({values})"
        study.add(
            "direction.broken",
            (Place(kind.name, "vocabulary.yaml"), *rules),
            zh,
            en,
            proof="graded",
            witness=study.witnesses.witness(with_it, shows),
        )
        return


def _pairs(study: Study, kind: FactType, known: list[Tried]) -> Iterator[tuple[Tried, Tried, Fact]]:
    """Yield cases without and with a fact of a type, and the fact."""
    book, counting = study.rulebook, _counting(study.rulebook)
    having = [one for one in known if any(fact.type == kind.name for fact in one.case.facts)]
    for with_it in having[:_MOST]:
        yield from _fewer(study, kind, with_it, counting)
    lacking = [one for one in known if one not in having]
    told = list(_samples(having, kind, counting))
    made = [(fact, study.witnesses.day) for fact in samples(study.witnesses, kind)]
    for some, cases in ((told, lacking[-_MOST:]), (made, [*having[:_FEW], *lacking[-_FEW:]])):
        for without, (fact, as_of) in product(cases, some):
            more_of_it = moved(book, repeated(book, fact, _ANOTHER), without.case.as_of - as_of)
            more = study.witnesses.graded(plus(without.case, more_of_it))
            if more is not None and len(more.case.facts) > len(without.case.facts):
                yield without, more, more_of_it


def _fewer(study: Study, kind: FactType, with_it: Tried, counting: set[str]) -> Iterator[tuple[Tried, Tried, Fact]]:
    """Yield a case with less and less facts of a type."""
    for fact in [fact for fact in with_it.case.facts if fact.type == kind.name and fact.status in counting][:_MOST]:
        facts = tuple(one for one in with_it.case.facts if one.id != fact.id)
        without = study.witnesses.graded(msgspec.structs.replace(with_it.case, facts=facts))
        if without is None:
            return
        yield without, with_it, fact
        with_it = without


def _samples(having: Iterable[Tried], kind: FactType, counting: set[str]) -> Iterator[tuple[Fact, int]]:
    seen: set[str] = set()
    for one in having:
        for fact in one.case.facts:
            if fact.type == kind.name and fact.status in counting and fact.id not in seen and len(seen) < _SAMPLES:
                seen.add(fact.id)
                yield fact, one.case.as_of


def _counting(book: Rulebook) -> set[str]:
    return {status.name for status in book.fact_statuses.values() if status.counts}


def goodness(book: Rulebook, grading: Grading) -> tuple[int, int]:
    """Return how good grade and score are: more is better."""
    place = [band.grade for band in book.bands].index(grading.grade)
    return -place, grading.score.value * (1 if book.scoring.better == "higher" else -1)


def _shown(grading: Grading) -> str:
    return f"{grading.grade} {grading.score.value}"


def _changed(book: Rulebook, before: Grading, after: Grading) -> tuple[Rule, ...]:
    """Return the rules whose points or limits differ between two gradings."""
    rules = []
    for rule in book.rules:
        if rule.kind in ("standard", "ceiling", "veto"):
            sides = [sorted(d.points for d in grading.deductions if d.rule == rule.id) for grading in (before, after)]
            if sides[0] != sides[1]:
                rules.append(rule)
    return tuple(rules)
