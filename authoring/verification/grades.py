"""Grades that no case is given."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

import msgspec

from authoring.verification.facts import moved, repeated
from authoring.verification.reached import UNBOUNDED, Reached
from authoring.verification.report import Place, Study
from authoring.verification.samples import samples
from engine.case import CaseFile, Fact, Producer
from explain.deeds import Doing

_MOST: Final = 400
"""Cases that are put together to meet a grade, at most."""
_SECONDS: Final = 8.0
_SAMPLES: Final = 4
"""Facts of one type that are made up beside those that known cases hold."""
_COPIES: Final = (1, 1, 1, 2, 3, 5, 9)


def check_grades(study: Study) -> None:
    """Note grades that no case is given."""
    given = {one.grading.grade for one in study.witnesses.all()}
    reached = Reached(study)
    wanted = {band.grade for band in study.rulebook.bands if band.grade not in given and reached.can(band)}
    if wanted:
        given |= walked(study, wanted)
    for band in study.rulebook.bands:
        if band.grade in given:
            continue
        at = Place(band.grade, "bands.yaml")
        if reached.can(band):
            study.unsure(
                "grade.unreachable", (at,), f"能否评为“{band.grade}”级,未能判定。",
                f"It was not decided whether grade `{band.grade}` is ever given.",
            )  # fmt: skip
        else:
            low, high = reached.ends
            zh, en = _scores(reached.scores_of(band))
            study.add(
                "grade.unreachable", (at,),
                f"没有主体会被评为“{band.grade}”级:得分只能在 {low} 到 {high} 之间,"
                f"没有一种得分落在该级({zh}),也没有封顶或否决给出该级;请调整 bands.yaml 的界限。",
                f"No producer is ever given grade `{band.grade}`: scores lie between {low} and {high}, none of them in "
                f"this grade ({en}), and no ceiling or veto gives it; move the bounds in bands.yaml.",
                proof="interval",
            )  # fmt: skip


def _scores(ends: tuple[int, int]) -> tuple[str, str]:
    low, high = ends
    if low <= -UNBOUNDED:
        return f"至多 {high} 分", f"{high} or less"
    return (f"至少 {low} 分", f"{low} or more") if high >= UNBOUNDED else (f"{low}–{high} 分", f"{low}–{high}")


def walked(study: Study, wanted: set[str]) -> set[str]:
    """Return grades that cases come to which are put together of what known cases hold, until the wanted ones are."""
    grades: set[str] = set()
    until = time.process_time() + _SECONDS
    for case in islice(_assembled(study), _MOST):
        if wanted <= grades or time.process_time() > until:
            break
        tried = study.witnesses.graded(case)
        if tried is not None:
            grades.add(tried.grading.grade)
    return grades


def _assembled(study: Study) -> Iterator[CaseFile]:
    """Yield cases: with nothing, with everything mended, with more and more, and with a draw of what is known."""
    book, bags = study.rulebook, _bags(study)
    producers = {kind: Producer("witness", kind, "330100", {}) for kind in book.kinds}
    known = [one.case.producer for one in study.witnesses.all()]
    producers |= {one.kind: one for one in known if one.attributes}
    starts = []
    for producer in producers.values():
        nothing = CaseFile(producer, (), study.witnesses.day)
        starts += [nothing, _mended(study, nothing)]
    yield from starts
    for start in starts:
        for bag in bags:
            start = _with(start, bag)  # noqa: PLW2901  from the best to the worst
            yield start
    draw = random.Random(0)  # noqa: S311  the same cases every time
    while bags:
        case, few = draw.choice(starts), draw.random()
        for bag in bags:
            if draw.random() < few:
                for number in range(draw.choice(_COPIES)):
                    case = _with(case, [repeated(book, fact, number) for fact in bag])
        yield case


def _bags(study: Study) -> list[tuple[Fact, ...]]:
    """Return facts that may be told together, as of the day of the witnesses: of known cases, and made up."""
    book, day = study.rulebook, study.witnesses.day
    bags: dict[str, tuple[Fact, ...]] = {}
    for one in study.witnesses.all():
        bag = tuple(moved(book, fact, day - one.case.as_of) for fact in one.case.facts)
        bags.setdefault(repr(bag), bag)
    for kind in book.types.values():
        if kind.origin == "fact":
            bags |= {repr(fact): (fact,) for fact in islice(samples(study.witnesses, kind), _SAMPLES)}
    return list(bags.values())


def _with(case: CaseFile, more: Iterable[Fact]) -> CaseFile:
    facts = {fact.id: fact for fact in (*case.facts, *more)}
    return msgspec.structs.replace(case, facts=tuple(sorted(facts.values(), key=lambda one: (one.type, one.id))))


def _mended(study: Study, start: CaseFile) -> CaseFile:
    """Return a case after all the deeds that are open to it."""
    tried = study.witnesses.graded(start)
    for _ in range(4):
        if tried is None:
            break
        doing = Doing(study.rulebook, tried.case, tried.grading)
        after: CaseFile = doing.after([doing.deed(offer.id) for offer in tried.grading.remedies])
        if after == tried.case:
            break
        start, tried = after, study.witnesses.graded(after)
    return start
