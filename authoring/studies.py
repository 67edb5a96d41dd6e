"""What is found out about a rulebook as a whole, as jobs for other processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from authoring.apart import Tell
from authoring.draftfiles import laid_out
from authoring.mutants import mutants
from authoring.mutation import Mutation, mutate
from authoring.proposals import Proposal, propose
from authoring.proposaltext import scenario_file
from authoring.scenarios import prepare
from authoring.verification import Report, verify
from engine.evaluate import Evaluator
from engine.workers import Workers
from knowledge.loader import load_rulebook
from knowledge.scenarios import Scenario, load_scenarios
from knowledge.versions import Entry


class Mutated(msgspec.Struct, frozen=True):
    """What its scenarios hold of a rulebook, and scenarios proposed for what they don't."""

    mutation: Mutation
    proposals: list[Proposal]
    file: str
    """The proposals as a file of scenarios."""


def verified(evaluator: Evaluator, scenarios: Sequence[Scenario], versions: Sequence[Entry]) -> Report:
    """Verify the evaluator's rulebook with the cases of its scenarios as evidence."""
    cases = [one.case for one in prepare(evaluator.rulebook, scenarios) if one.case is not None]
    return verify(evaluator.rulebook, evaluator.grade, cases=cases, versions=versions)


def mutated(tell: Tell, name: str, files: Mapping[str, bytes], processes: int, *, proposing: bool) -> Mutated:
    """Mutate the rulebook `ID@VERSION` that files mean, in so many processes.

    With `proposing` look for scenarios that notice what survived.

    Raises:
        RulebookRefused: it has problems.
    """
    with laid_out(name, files) as folder:
        rulebook = load_rulebook(folder)
        scenarios = load_scenarios(folder, rulebook)

    def counted(stage: str, of: int) -> Callable[[int], None]:
        done = 0

        def count(more: int) -> None:
            nonlocal done
            done += more
            tell(stage, done, of)

        count(0)
        return count

    with Workers(processes) as workers:
        found = mutate(rulebook, scenarios, workers, counted("mutating", sum(1 for _ in mutants(rulebook))))
        proposals: list[Proposal] = []
        if proposing:
            told = counted("proposing", len(found.survivors))
            proposals = propose(rulebook, scenarios, found.survivors, workers, told)
    return Mutated(found, proposals, scenario_file(rulebook, proposals))
