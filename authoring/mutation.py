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

from authoring.mutants import Kind, Mutant, mutants
from authoring.scenarios import Prepared, Trial, prepare
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
    rulebook = evaluator.rulebook
    known = [_Known.of(one, evaluator) for one in prepare(rulebook, scenarios)]
    return [_is_noticed(mutant, known) for mutant in islice(mutants(rulebook), numbers.start, numbers.stop)]


@dataclass(frozen=True, slots=True)
class _Known:
    """A scenario, how it comes out as the rulebook is, and what it speaks of."""

    prepared: Prepared
    draft: Grading | None
    names: frozenset[str]
    statuses: frozenset[str]
    """Rules and targets that it expects not to fire, for a reason that no grading shows."""

    @classmethod
    def of(cls, one: Prepared, evaluator: Evaluator) -> _Known:
        expect = one.scenario.expect
        quiet = {key: expect.get(key) for key in ("not_fired", "unknown", "not_applicable")}
        draft = None
        if one.case is not None and "error" not in expect:
            draft = evaluator.chain(one.case)
        return cls(one, draft, frozenset(map(str, _names(expect))), frozenset(map(str, _names(quiet))))

    def notices(self, trial: Trial, evaluator: Evaluator, about: frozenset[str]) -> bool:
        """Say whether it comes out otherwise under another rulebook, which differs in what is named by `about`."""
        if self.draft is not None and self.prepared.case is not None and not self.statuses & about:
            draft = evaluator.chain(self.prepared.case)
            # What is decided alike meets the same expectations.
            if msgspec.structs.replace(draft, rulebook_sha256=self.draft.rulebook_sha256) == self.draft:
                return False
        return any(True for _ in trial.failures(self.prepared))


def _is_noticed(mutant: Mutant, known: Sequence[_Known]) -> bool | None:
    try:
        evaluator = Evaluator(mutant.rulebook)
    except RulebookRefused:
        return None
    target = next((rule.target for rule in mutant.rulebook.rules if rule.id == mutant.of), mutant.of)
    about = frozenset((mutant.of, target))
    trial = Trial(mutant.rulebook, evaluator.grade)
    try:
        # What speaks of the place that was changed notices it soonest.
        in_order = sorted(known, key=lambda one: not one.names & about)
        return any(one.notices(trial, evaluator, about) for one in in_order)
    except ShuoliError:
        return True
    finally:
        evaluator.close()


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
