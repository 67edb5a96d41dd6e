"""Answers that take many gradings of one producer: ahead in time, over all outcomes, from one moment to another.

The gradings are made in worker processes. What is asked for comes from the ledger over HTTP, from there or from a file
on the command line: either way as a function that decides along the three axes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from msgspec.structs import replace

from api.answers import Answer
from api.requests import Lang
from api.selection import Selection
from casework.reports import FactMissing
from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.jsontext import parse
from engine.workers import Workers
from explain.ahead import ahead
from explain.change_views import Comparison, Forecast
from explain.comparison import compare
from explain.contested import Contested, contested
from explain.differences import Side
from explain.forecast import Stretch, forecast, foresee, last_day
from explain.weighing import Answered, answer
from knowledge.problems import CaseRefused, Problem, RulebookMissing
from knowledge.rulebook import Rulebook

SECONDS: Final = 20.0
"""What the gradings of one answer may take."""
_SEARCH: Final = 3.0
"""Seconds after which no grading begins in one search, among outcomes or among facts."""
MOST_STRUCK: Final = 500
"""Facts that one what-if may strike."""


class Decide(Protocol):
    """Decides on the producer as of a day, as known at an instant, under a rulebook `ID` or `ID@VERSION`."""

    def __call__(self, as_of: int | None, known_at: str | None, rulebook: str | None) -> Answer:
        """Return the decision; what is None is as by default."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Along which axes one side of a comparison is decided."""

    as_of: int | None
    known_at: str | None
    rulebook: str | None


class Outlooks:
    """Asks workers for many gradings of one producer and puts what they come to into words."""

    def __init__(self, decide: Decide, workers: Workers, selection: Selection) -> None:
        self._decide, self._workers, self._selection = decide, workers, selection

    def forecast(self, asked: Moment, months: int, lang: Lang) -> Forecast:
        """Return score and grade ahead.

        Versions that take effect meanwhile are followed, and it ends where the last of them does, unless one version
        is asked for by its name.
        """
        now = self._decide(asked.as_of, asked.known_at, asked.rulebook)
        case, last = now.case, last_day(now.case.as_of, months)
        follow = asked.rulebook is None or "@" not in asked.rulebook
        later = self._later(now, last) if follow else []
        ends = (later[-1] if later else now.rulebook).effective_until
        if follow and ends is not None:
            last = max(case.as_of, min(last, ends - 1))
        begins = [one.effective_from for one in later]
        stretches = [self._stretch(now, case, [*begins, last][0], closing=bool(later))]
        for place, version in enumerate(later):
            known = self._decide(begins[place], asked.known_at, f"{version.id}@{version.version}")
            # What is recorded about everyone goes along from today, not from the day on which the version begins.
            then = ahead(known.rulebook, replace(known.case, as_of=case.as_of), begins[place])
            end = [*begins, last][place + 1]
            stretches.append(self._stretch(known, then, end, closing=place + 1 < len(later)))
        return forecast(stretches, last, lang)

    def _stretch(self, known: Answer, case: CaseFile, end: int, *, closing: bool) -> Stretch:
        job = partial(foresee, case=case, last=end, closing=closing)
        return Stretch(known.rulebook, case, self._workers.run(known.rulebook, job, SECONDS))

    def _later(self, now: Answer, last: int) -> list[Rulebook]:
        """Return the versions that take effect after the day of a decision, one after the other."""
        own = [one for one in self._selection.all() if one.id == now.rulebook.id]
        return [one for one in own if now.case.as_of < one.effective_from <= last]

    def contested(self, asked: Moment, lang: Lang) -> Contested:
        """Return what everything open may come to, and which facts hold the grade."""
        now = self._decide(asked.as_of, asked.known_at, asked.rulebook)
        found = self._workers.run(now.rulebook, partial(_answered, case=now.case), SECONDS)
        return contested(now.rulebook, now.case, now.grading, found, lang)

    def compare(self, before: Moment, after: Moment, lang: Lang) -> Comparison:
        """Return what changed from one moment to another: by days, then by facts, then by rules."""
        first = self._decide(before.as_of, before.known_at, before.rulebook)
        last = self._decide(after.as_of, after.known_at, after.rulebook)
        named = f"{first.rulebook.id}@{first.rulebook.version}"
        way = [first]
        for day, known in ((last.case.as_of, before.known_at), (last.case.as_of, after.known_at)):
            try:
                step = self._decide(day, known, named)
            except (CaseRefused, RulebookMissing):
                # The earlier rulebook can't read what is known later: facts and rules are told as one.
                continue
            way.append(step)
        way.append(last)
        return compare(list(_different(way)), lang)

    def what_if(self, asked: Moment, body: bytes, lang: Lang) -> Comparison:
        """Return what would change if some facts fell; nothing is stored.

        Raises:
            FactMissing: the producer has no such fact.
            CaseRefused: the body isn't `{"strike": ["F-…"]}`.
        """
        names = _struck(body)
        now = self._decide(asked.as_of, asked.known_at, asked.rulebook)
        missing = set(names) - {fact.id for fact in now.case.facts}
        if missing:
            raise FactMissing(f"the producer has no fact `{min(missing)[:60]}`")
        kept = tuple(fact for fact in now.case.facts if fact.id not in names)
        case = replace(now.case, facts=kept)
        after = self._workers.grade(now.rulebook, case)
        return compare([Side(now.rulebook, now.case, now.grading), Side(now.rulebook, case, after)], lang)


def _answered(evaluator: Evaluator, case: CaseFile) -> Answered:
    return answer(evaluator, case, begin=_begin)


def _begin() -> Callable[[], bool]:
    deadline = time.monotonic() + _SEARCH
    return lambda: time.monotonic() > deadline


def _different(way: Sequence[Answer]) -> Iterator[Side]:
    """Yield the gradings along a way that differ from the one before in day, facts or rulebook."""
    seen: tuple[Any, ...] | None = None
    for one in way:
        now = (one.rulebook.sha256, one.case.as_of, one.case.facts, one.case.producer)
        if now != seen:
            yield Side(one.rulebook, one.case, one.grading)
        seen = now


def _struck(body: bytes) -> list[str]:
    told = parse(body)
    problems = []
    if not isinstance(told, dict):
        problems.append(Problem("", "type.mismatch", "must be an object", expected="an object"))
    else:
        names = told.get("strike")
        problems += [
            Problem(f"/{name}", "shape.unknown_key", f"unknown key `{name}`", str(name), help="known: strike")
            for name in told
            if name != "strike"
        ]
        fits = isinstance(names, list) and all(isinstance(name, str) for name in names)
        if names is None:
            problems.append(Problem("/strike", "shape.missing_key", "`strike` is missing"))
        elif not fits or not 0 < len(names) <= MOST_STRUCK:
            expected = f"1 to {MOST_STRUCK} ids of facts"
            problems.append(Problem("/strike", "type.mismatch", "`strike` must name facts", expected=expected))
        elif not problems:
            return [str(name) for name in names]
    raise CaseRefused("the what-if is refused", problems=tuple(problems))
