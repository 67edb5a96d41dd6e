"""Grades random cases under random rulebooks, on several processes, and tells whatever is not as it should be."""

from __future__ import annotations

import multiprocessing
import random
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

import msgspec

from engine.case import CaseFile
from engine.evaluate import Evaluator
from engine.grading import Grading
from engine.verdicts import verdicts
from knowledge.loader import bind
from knowledge.problems import EngineDisagreement, LimitExceeded, RulebookRefused
from knowledge.rulebook import Rulebook
from knowledge.rules import FormulaPoints, Rule
from tests.engine.random_rulebooks import written_rulebook
from tests.engine.random_uses import Uses, came_to
from tests.random_cases import random_case

_FACTS = 30
_AHEAD = 150
"""Days that are looked ahead."""


@dataclass
class Tally:
    """What came of some rulebooks and cases."""

    rulebooks: int = 0
    comparisons: int = 0
    over_limit: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Rulebooks refused, by code."""
    occurred: Counter[str] = field(default_factory=Counter)
    """Rules by the constructs that they use."""
    fired: Counter[str] = field(default_factory=Counter)
    """Likewise, once for each case in which they fired; and gradings by what they came to."""
    failures: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.rulebooks += other.rulebooks
        self.comparisons += other.comparisons
        self.over_limit += other.over_limit
        self.refused += other.refused
        self.occurred += other.occurred
        self.fired += other.fired
        self.failures += other.failures


def compare(seeds: Sequence[int], cases: int, processes: int) -> Tally:
    """Draw a rulebook for each seed and grade so many cases under it; a process that dies is told with its seed."""
    context = multiprocessing.get_context("spawn")
    tally = Tally()
    at: dict[Connection, int | None] = {}
    """By process that has not ended: the seed at which it is."""
    running = []
    for place in range(processes):
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(seeds[place::processes], cases, writer), daemon=True)
        process.start()
        writer.close()
        running.append(process)
        at[reader] = None
    while at:
        ready = wait(list(at))
        for reader in [one for one in at if one in ready]:
            try:
                told = reader.recv()
            except EOFError:
                tally.failures.append(f"rulebook {at.pop(reader)}: the process that graded under it ended")
                continue
            if isinstance(told, Tally):
                tally.add(told)
                del at[reader]
            else:
                at[reader] = told
    for process in running:
        process.join()
    return tally


def _work(seeds: Sequence[int], cases: int, writer: Connection) -> None:
    warnings.simplefilter("error")
    tally = Tally()
    for seed in seeds:
        writer.send(seed)
        compare_one(seed, cases, tally)
    writer.send(tally)


def compare_one(seed: int, cases: int, tally: Tally) -> None:
    """Draw one rulebook and grade so many cases under it."""
    files = written_rulebook(seed)
    tally.rulebooks += 1
    try:
        rulebook = bind(files)
        evaluator = Evaluator(rulebook)
        other = Evaluator(bind(reordered(files, seed))) if seed % 10 == 0 else None
    except RulebookRefused as refused:
        tally.refused.update(problem.code for problem in refused.problems)
        return
    except Exception as error:  # noqa: BLE001  # whatever goes wrong is told with its seed
        tally.failures.append(f"rulebook {seed}: {error!r}")
        return
    uses = Uses(files).by_rule()
    tally.occurred.update(name for used in uses.values() for name in used)
    for number in range(cases):
        case = random_case(rulebook, seed * 1000 + number, facts=_FACTS)
        try:
            grading = evaluator.grade(case)
            checks = (_misjudged,) if number % 2 == 0 else (_unsteady, _unannounced)
            wrong = [what for check in checks for what in check(evaluator, case, grading)]
            wrong += _disordered(other, case, grading)
        except LimitExceeded:
            tally.over_limit += 1
            continue
        except EngineDisagreement as differ:
            wrong = [f"{differ}\n chainer: {differ.chainer}\n checker: {differ.checker}"]
        except Exception as error:  # noqa: BLE001  # likewise
            wrong = [repr(error)]
        else:
            tally.fired.update(came_to(rulebook, grading))
            fired = {outcome.rule for outcome in grading.outcomes if outcome.status == "fired"}
            tally.fired.update(name for rule in fired for name in uses[rule])
        tally.comparisons += 1
        tally.failures += [f"rulebook {seed}, case {number}: {what}" for what in wrong]
    evaluator.close()
    if other is not None:
        other.close()


def reordered(files: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return the files with the rules in another order, and in other files."""
    rules = [rule for name in sorted(files) if name.startswith("rules/") for rule in files[name]]
    random.Random(seed).shuffle(rules)
    rest = {name: data for name, data in files.items() if not name.startswith("rules/")}
    return rest | {"rules/c.yaml": rules[::2], "rules/d.yaml": rules[1::2]}


def _unsteady(evaluator: Evaluator, case: CaseFile, grading: Grading) -> Iterator[str]:
    if msgspec.json.encode(evaluator.grade(case)) != msgspec.json.encode(grading):
        yield "the same case came out differently the second time"


def _unannounced(evaluator: Evaluator, case: CaseFile, grading: Grading) -> Iterator[str]:
    """Yield that something changed by time alone before the day that was announced."""
    last = min(case.as_of + _AHEAD, (grading.next_change_on or case.as_of + _AHEAD + 1) - 1)
    for day in {(case.as_of + last) // 2, last} - {case.as_of}:
        later = evaluator.grade(msgspec.structs.replace(case, as_of=day))
        if _timeless(later) != _timeless(grading):
            yield f"{day - case.as_of} days later something had changed, before {grading.next_change_on}"


def _timeless(grading: Grading) -> Grading:
    """Return what stays until the announced day: neither the day, nor what is counted from it or concluded for it."""
    return msgspec.structs.replace(grading, as_of=0, next_change_on=None, measures=(), deductions=(), consequences=())


def _disordered(other: Evaluator | None, case: CaseFile, grading: Grading) -> Iterator[str]:
    if other is not None and _orderless(other.grade(case)) != _orderless(grading):
        yield "with its rules in another order it came out differently"


def _misjudged(evaluator: Evaluator, case: CaseFile, grading: Grading) -> Iterator[str]:
    rulebook = evaluator.rulebook
    for rule, verdict in zip(rulebook.rules, verdicts(rulebook, case, grading), strict=True):
        if not _bears_out(rulebook, rule, verdict.status, {condition.holds for condition in verdict.conditions}):
            yield f"rule `{rule.id}` is {verdict.status}: {[(c.label, c.holds) for c in verdict.conditions]}"


def _bears_out(rulebook: Rulebook, rule: Rule, status: str, holds: set[bool | None]) -> bool:
    """Return whether a rule's conditions, as they are explained, lead to its status."""
    match status:
        case "fired":
            return holds <= ({True, None} if rule.unknown_fires else {True})
        case "unknown":
            return False not in holds
        case "not_fired":
            # points without a value, and groups that only what is given has, keep a rule from firing too
            given = {getattr(expr, "name", "") for expr in rule.gives.values()} & set(rulebook.measures)
            return False in holds or isinstance(rule.points, FormulaPoints) or bool(given)
        case _:
            return True


def _orderless(grading: Grading) -> Grading:
    """Return a grading without what tells the order of its rules."""
    outcomes = tuple(sorted(grading.outcomes, key=lambda outcome: outcome.rule))
    return msgspec.structs.replace(grading, rulebook_sha256="", outcomes=outcomes)
