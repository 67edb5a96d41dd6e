"""How much of a rulebook its scenarios hold: change one thing after another, and see whether any comes out otherwise.

A change that no scenario notices is policy that nobody has tested.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from authoring.mutants import Kind, Mutant, mutants
from authoring.scenarios import Prepared, Trial, prepare
from engine.case import CaseFile
from engine.columnar import Probe
from engine.evaluate import Evaluator
from engine.grading import Grading
from engine.workers import Workers
from knowledge.problems import RulebookRefused, ShuoliError
from knowledge.rulebook import Rulebook
from knowledge.scenarios import Scenario

_AT_ONCE: Final = 150
"""Mutants that one worker tries at a time."""
_SECONDS: Final = 600.0


class Survivor(msgspec.Struct, frozen=True):
    """A change that no scenario notices."""

    of: str
    place: str
    kind: Kind
    change: str


class Mutation(msgspec.Struct, frozen=True):
    """How many mutants there were of each kind, how many were noticed, and which were not."""

    tried: dict[Kind, int]
    killed: dict[Kind, int]
    survivors: list[Survivor]

    @property
    def rate(self) -> int:
        """Return the part that was noticed, in basis points, rounded down."""
        return sum(self.killed.values()) * 10_000 // max(sum(self.tried.values()), 1)


def mutate(
    rulebook: Rulebook, scenarios: Sequence[Scenario], workers: Workers, done: Callable[[int], None]
) -> Mutation:
    """Try every mutant of a rulebook whose scenarios come out as written; `done` is told numbers of mutants.

    Raises:
        EngineFailure: a worker crashed or hung.
    """
    count = sum(1 for _ in mutants(rulebook))
    parts = [range(start, min(start + _AT_ONCE, count)) for start in range(0, count, _AT_ONCE)]

    def ask(numbers: range) -> list[bool | None]:
        job = partial(_try, numbers=numbers, scenarios=tuple(scenarios))
        return workers.run(rulebook, job, _SECONDS)

    noticed: list[bool | None] = []
    with ThreadPoolExecutor(workers.count) as threads:
        for answers in threads.map(ask, parts):
            noticed += answers
            done(len(answers))
    tried: Counter[Kind] = Counter()
    killed: Counter[Kind] = Counter()
    survivors = []
    for mutant, was_noticed in zip(mutants(rulebook), noticed, strict=True):
        if was_noticed is None:
            continue
        tried[mutant.kind] += 1
        killed[mutant.kind] += was_noticed
        if not was_noticed:
            survivors.append(Survivor(mutant.of, mutant.place, mutant.kind, mutant.change))
    return Mutation(dict(tried), dict(killed), survivors)


def _try(evaluator: Evaluator, numbers: range, scenarios: Sequence[Scenario]) -> list[bool | None]:
    """Return for each mutant, by number, whether a scenario notices it; None where it can't be compiled."""
    watch = _Watch(evaluator, scenarios)
    return [watch.notices(mutant) for mutant in islice(mutants(evaluator.rulebook), numbers.start, numbers.stop)]


class _Watch:
    """Scenarios that watch over a rulebook: which of them notices a change.

    The columnar engine says of which scenarios a change touches the outcome; only these, and those that expect what it
    doesn't tell, are tried.
    """

    def __init__(self, evaluator: Evaluator, scenarios: Sequence[Scenario]) -> None:
        self._evaluator = evaluator
        self._known = [_Known.of(one) for one in prepare(evaluator.rulebook, scenarios)]
        with_case = [(place, one.case) for place, one in enumerate(self._known) if one.case is not None]
        self._places = [place for place, _ in with_case]
        self._probe = Probe(evaluator.rulebook, [case for _, case in with_case])
        self._always = {place for place, one in enumerate(self._known) if one.untold}
        self._gradings: dict[int, Grading] = {}

    def notices(self, mutant: Mutant) -> bool | None:
        """Say whether a scenario comes out otherwise; None where the mutant can't be compiled."""
        target = next((rule.target for rule in mutant.rulebook.rules if rule.id == mutant.of), mutant.of)
        about = frozenset((mutant.of, target))
        if mutant.kind == "law":
            return self._notices_law(mutant, about)
        places = {self._places[place] for place in self._probe.touched(mutant.rulebook)} | self._always
        places |= {place for place, one in enumerate(self._known) if one.quiet & about}
        if not places:
            return False
        try:
            evaluator = Evaluator(mutant.rulebook)
        except RulebookRefused:
            return None
        trial = Trial(mutant.rulebook, evaluator.grade)
        try:
            # What speaks of the place that was changed notices it soonest.
            in_order = sorted(places, key=lambda place: not self._known[place].names & about)
            return any(fails(trial, self._known[place].prepared) for place in in_order)
        finally:
            evaluator.close()

    def _notices_law(self, mutant: Mutant, about: frozenset[str]) -> bool:
        """Say whether a scenario expects what a rule cites; nothing else of a grading depends on it."""
        (law,) = (rule.law for rule in mutant.rulebook.rules if rule.id == mutant.of)
        for place, one in enumerate(self._known):
            if one.case is None or not about & one.laws:
                continue
            if place not in self._gradings:
                self._gradings[place] = self._evaluator.grade(one.case)
            grading = self._gradings[place]
            cited = [replace(own, law=law) if own.rule == mutant.of else own for own in grading.deductions]
            changed = replace(grading, deductions=tuple(cited))
            if fails(Trial(mutant.rulebook, partial(_the_same, changed)), one.prepared):
                return True
        return False


def _the_same(grading: Grading, _: CaseFile) -> Grading:
    return grading


def fails(trial: Trial, one: Prepared) -> bool:
    """Say whether a scenario comes out otherwise than it expects, or can't be graded at all."""
    try:
        return any(True for _ in trial.failures(one))
    except ShuoliError:
        return True


@dataclass(frozen=True, slots=True)
class _Known:
    """A scenario and what it speaks of."""

    prepared: Prepared
    case: CaseFile | None
    """None where it expects to be refused when it is read."""
    names: frozenset[str]
    quiet: frozenset[str]
    """Rules and targets of which it expects what became of them where they don't fire."""
    laws: frozenset[str]
    untold: bool
    """Whether it expects something that may differ without a difference in the outcome."""

    @classmethod
    def of(cls, one: Prepared) -> _Known:
        expect = one.scenario.expect
        quiet = {key: expect.get(key) for key in ("not_fired", "unknown", "not_applicable")}
        return cls(
            one,
            one.case,
            frozenset(map(str, _names(expect))),
            frozenset(map(str, _names(quiet))),
            frozenset(map(str, expect.get("law", ()))),
            untold=not expect.keys().isdisjoint(("next_change_on", "error")),
        )


def _names(expected: Any) -> Iterator[Any]:
    """Yield every name that an expectation speaks of."""
    if isinstance(expected, dict):
        for name, part in expected.items():
            yield name
            yield from _names(part)
    elif isinstance(expected, list):
        for part in expected:
            yield from _names(part)
    else:
        yield expected
