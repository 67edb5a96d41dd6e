"""Score and grade on every day ahead on which they change, with no new fact, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise

import msgspec

from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.grading import Grading
from explain.ahead import ahead
from explain.change_views import Forecast, ForecastDay
from explain.comparison import Teller
from explain.differences import Side
from explain.phrases import Lang
from explain.telling import Told, iso, shown, signed
from explain.views import Sentence
from knowledge.rulebook import Rulebook
from knowledge.workdays import add

MONTHS = 36


class Stretch(msgspec.Struct, frozen=True):
    """The days on which one version of a rulebook is in force, as gradings.

    `gradings` are in order: the first as of the case's day, then one for each day on which something may differ.
    Where another version follows, the last is as of the day on which that one takes effect.
    """

    rulebook: Rulebook
    case: CaseFile
    gradings: tuple[Grading, ...]


def last_day(as_of: int, months: int = MONTHS) -> int:
    """Return the last day of a forecast."""
    day = add(as_of, months, "months", None)
    assert day is not None
    return day


def foresee(evaluator: Evaluator, case: CaseFile, last: int, *, closing: bool = False) -> tuple[Grading, ...]:
    """Return the gradings as of the case's day and of each later day up to `last` on which score or grade may differ.

    With `closing` the last one is as of `last`, whether or not anything may differ then. What is recorded about
    everyone goes on as it does today.
    """
    gradings = [evaluator.grade(case)]
    later = _Later(evaluator.rulebook)
    foresight = evaluator.foresee(case, gradings[0], later)
    while (day := foresight.next_day(last)) is not None:
        gradings.append(evaluator.grade(later(case, day)))
        foresight.settle(gradings[-1])
    if closing and gradings[-1].as_of != last:
        gradings.append(evaluator.grade(later(case, last)))
    return tuple(gradings)


class _Later:
    """Cases as of later days under one rulebook."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook

    def __call__(self, case: CaseFile, day: int) -> CaseFile:
        return ahead(self._rulebook, case, day)


def forecast(stretches: Sequence[Stretch], until: int, lang: Lang, *, personal: bool = False) -> Forecast:
    """Return the days ahead on which score or grade change; `until` is the last that was looked at."""
    teller = Teller(lang, personal=personal)
    days = []
    for sides in _ways(stretches):
        changed = sides[-1].grading.grade != sides[0].grading.grade
        if changed or sides[-1].score != sides[0].score:
            days.append(_day(teller, sides))
    start = Side(stretches[0].rulebook, stretches[0].case, stretches[0].gradings[0])
    told = teller.told(start)
    view = told.view()
    return Forecast(
        lang=lang,
        producer=start.grading.producer,
        as_of=view.as_of,
        until=iso(until),
        rulebook=view.rulebook,
        grade=view.grade,
        score=view.score,
        sentence=_sentence(told, days, until),
        days=tuple(days),
    )


def _ways(stretches: Sequence[Stretch]) -> Iterator[list[Side]]:
    """Yield for each day that was graded the gradings from the day before to it.

    These are two, but three where another version takes effect: days pass first, then the rules change.
    """
    ended: list[Side] = []
    for place, stretch in enumerate(stretches):
        sides = [
            Side(stretch.rulebook, ahead(stretch.rulebook, stretch.case, one.as_of), one) for one in stretch.gradings
        ]
        if ended:
            yield [*ended, sides[0]]
        closing = place + 1 < len(stretches)
        yield from map(list, pairwise(sides[:-1] if closing else sides))
        ended = sides[-2:] if closing else []


def _day(teller: Teller, sides: Sequence[Side]) -> ForecastDay:
    """Tell what changes on a day."""
    changes, grades = teller.parts(sides)
    told, before = teller.told(sides[-1]), sides[0].grading
    view, points = told.view(), sides[-1].score - sides[0].score
    by = told.word.say("score_by", points=signed(points, told.rulebook)) if points else told.word.say("by_nothing")
    text = told.word.say(
        "from_day",
        day=told.word.day(told.grading.as_of),
        score=told.word.points(told.grading.score.value),
        by=by,
        grade=view.grade,
        word="" if before.grade == view.grade else told.word.say("grade_was", grade=before.grade),
    )
    sentences = [*(change.sentence for change in changes), *(change.sentence for change in grades)]
    stands_on = dict.fromkeys(one for sentence in sentences for one in sentence.stands_on)
    return ForecastDay(
        as_of=view.as_of,
        rulebook=view.rulebook,
        grade=view.grade,
        score=view.score,
        points=shown(points, told.rulebook),
        sentence=Sentence(text, tuple(stands_on)),
        changes=changes,
        grade_changes=grades,
    )


def _sentence(told: Told, days: Sequence[ForecastDay], until: int) -> Sentence:
    """Say how often score and grade change, where they end, and when the grade first rises and falls."""
    word, grading = told.word, told.grading
    order = {band.grade: place for place, band in enumerate(told.rulebook.bands)}
    now, score = grading.grade, word.points(grading.score.value)
    if not days:
        text = word.say("foreseen_steady", day=word.day(until), score=score, grade=now)
        return Sentence(text, told.counting())
    grades = [now, *(day.grade for day in days)]
    changes = sum(one != other for one, other in pairwise(grades))
    last = days[-1]
    moves = "grade_stays" if not changes else "grade_moves_once" if changes == 1 else "grade_moves"
    often = word.say(moves, count=changes)
    day = word.day(until)
    texts = [word.say("foreseen", day=day, count=len(days), grades=often, score=last.score, grade=last.grade)]
    for phrase, better in (("better_first", True), ("worse_first", False)):
        first = next((day for day in days if _beats(order, day.grade, now, better=better)), None)
        if first is not None:
            texts.append(word.say(phrase, day=word.day(date.fromisoformat(first.as_of).toordinal()), grade=first.grade))
    return Sentence(word.join(texts), told.counting())


def _beats(order: Mapping[str, int], grade: str, now: str, *, better: bool) -> bool:
    """Say whether a grade is better (worse) than the one now; grades of another rulebook's letters are neither."""
    if grade not in order:
        return False
    return order[grade] < order[now] if better else order[grade] > order[now]
