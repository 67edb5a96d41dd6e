"""Facts that tell against a producer and yet help it, or tell for it and harm: what a rulebook declares, tried out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from authoring.verification.report import Place, Study
from authoring.verification.witness import Tried
from engine.case import CaseFile, Fact
from engine.grading import Grading
from engine.reading import fact_id
from engine.values import plain
from knowledge.rulebook import FactType, Rulebook
from knowledge.rules import Rule

_MOST: Final = 16
"""Cases that are tried for one type of fact, with a fact left out and with one more."""
_SAMPLES: Final = 4


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
        zh = f"“{kind.label.zh}”({kind.name})申明为{told}事实,但多一条这样的事实,结果{effect}。"
        better = "helps" if kind.tells == "against" else "harms"
        en = f"`{kind.name}` is declared to tell {kind.tells}, and yet one more of these facts {better}."
        shows = (
            f"{_shown(without.grading)} → {_shown(with_it.grading)} "
            f"({', '.join(str(plain(kind.fields[name], value)) for name, value in fact.values.items())})"
        )
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
        for fact in [fact for fact in with_it.case.facts if fact.type == kind.name and fact.status in counting][:2]:
            facts = tuple(one for one in with_it.case.facts if one.id != fact.id)
            without = study.witnesses.graded(msgspec.structs.replace(with_it.case, facts=facts))
            if without is not None:
                yield without, with_it, fact
    samples = list(_samples(having, kind, counting))
    for without in [one for one in known if one not in having][-_MOST:]:
        for fact, as_of in samples:
            moved = _moved(book, fact, without.case.as_of - as_of)
            more = study.witnesses.graded(plus(without.case, moved))
            if more is not None:
                yield without, more, moved


def _samples(having: Iterable[Tried], kind: FactType, counting: set[str]) -> Iterator[tuple[Fact, int]]:
    seen: set[str] = set()
    for one in having:
        for fact in one.case.facts:
            if fact.type == kind.name and fact.status in counting and fact.id not in seen and len(seen) < _SAMPLES:
                seen.add(fact.id)
                yield fact, one.case.as_of


def plus(case: CaseFile, fact: Fact) -> CaseFile:
    """Return a case with one more fact, in place of one with its identity."""
    facts = sorted((*(f for f in case.facts if f.id != fact.id), fact), key=lambda one: (one.type, one.id))
    return msgspec.structs.replace(case, facts=tuple(facts))


def _moved(book: Rulebook, fact: Fact, days: int) -> Fact:
    """Return a fact with its dates moved."""
    kind = book.types[fact.type]
    values = {
        name: int(value) + days if kind.fields[name].type == "date" else value for name, value in fact.values.items()
    }
    return msgspec.structs.replace(fact, id=fact_id(kind, values), values=values)


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
