"""Scenarios for policy that nobody has tested: near those that are there, and changed by what none of them notices.

A proposal says what the rulebook as it is makes of a case; whether that is right is for a person to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from itertools import chain, islice
from random import Random
from typing import Any, Final, Self

import msgspec

from authoring.mutants import Mutant, mutants
from authoring.mutation import Survivor, fails
from authoring.nearby import Neighbourhood
from authoring.scenarios import Prepared, Trial, prepare
from authoring.verification.witness import Tried, Witnesses
from engine.case import CaseFile, Fact
from engine.columnar import Probe
from engine.document import DocumentWriter
from engine.evaluate import Evaluator
from engine.grading import Grading
from engine.reading import fact_document
from engine.values import plain
from engine.workers import Workers
from knowledge.problems import RulebookRefused, ShuoliError
from knowledge.rulebook import Aggregate, Rulebook
from knowledge.scenarios import Scenario

_BEGINNINGS: Final = 10
"""Scenarios from which cases are sought for one rule."""
_STEPS: Final = 4_000
"""Cases one step away that are looked at, and as many further away in each round after."""
_ROUNDS: Final = 4
_TRIED: Final = 12
"""Cases that are tried for one change, of those that it touches."""
_SHRUNK: Final = 14
"""Facts beyond which a case is left as it is."""
_SECONDS: Final = 600.0


class Proposal(msgspec.Struct, frozen=True):
    """A scenario that would notice changes, in the words of a scenario file, for a person to accept."""

    survivors: tuple[Survivor, ...]
    scenario: dict[str, Any]


def propose(
    rulebook: Rulebook,
    scenarios: Sequence[Scenario],
    survivors: Sequence[Survivor],
    workers: Workers,
    done: Callable[[int], None],
) -> list[Proposal]:
    """Return scenarios that would notice survivors, few for many; `done` is told how many survivors were looked at.

    For those that change nothing near the scenarios, none is found.
    """
    wanted = frozenset(survivors)
    by_name: dict[str, list[int]] = {}
    for number, mutant in enumerate(mutants(rulebook)):
        if _survivor(mutant) in wanted:
            by_name.setdefault(mutant.of, []).append(number)

    def ask(numbers: list[int]) -> list[Proposal]:
        job = partial(_propose, numbers=tuple(numbers), scenarios=tuple(scenarios))
        return workers.run(rulebook, job, _SECONDS)

    found: list[Proposal] = []
    with ThreadPoolExecutor(workers.count) as threads:
        for numbers, proposals in zip(by_name.values(), threads.map(ask, by_name.values()), strict=True):
            found += proposals
            done(len(numbers))
    return found


def _survivor(mutant: Mutant) -> Survivor:
    return Survivor(mutant.of, mutant.place, mutant.kind, mutant.change)


def _propose(evaluator: Evaluator, numbers: Sequence[int], scenarios: Sequence[Scenario]) -> list[Proposal]:
    """Return the proposals for some mutants, by number, of one rule, measure, standard, indicator or grade."""
    wanted = frozenset(numbers)
    chosen = [
        mutant
        for number, mutant in enumerate(islice(mutants(evaluator.rulebook), max(numbers) + 1))
        if number in wanted
    ]
    prepared = [one for one in prepare(evaluator.rulebook, scenarios) if "error" not in one.scenario.expect]
    return _Search(evaluator, chosen[0].of, prepared).proposals(chosen)


class _Search:
    """Looks for cases around one rule, measure, standard, indicator or grade."""

    def __init__(self, evaluator: Evaluator, of: str, prepared: Sequence[Prepared]) -> None:
        self._evaluator, self._rulebook, self._of = evaluator, evaluator.rulebook, of
        self._writer = DocumentWriter(evaluator.rulebook)
        self._status = next((one.name for one in evaluator.rulebook.fact_statuses.values() if one.counts), "")
        cases = [one.case for one in prepared if one.case is not None]
        self._around = Neighbourhood(self._rulebook, of, cases)
        self._begin = list(self._beginnings(prepared))
        # Seeded, so that the same proposals are made again.
        self._random = Random(of)  # noqa: S311
        self._found: list[tuple[CaseFile, dict[str, Any], list[Survivor]]] = []

    def proposals(self, wanted: Sequence[Mutant]) -> list[Proposal]:
        """Return what was found for mutants."""
        left = [mutant for mutant in wanted if not self._is_found(mutant)]
        for number in range(_ROUNDS):
            if left:
                left = self._round(left, self._candidates(number))
        return [
            Proposal(tuple(survivors), self._scenario(case, expect, survivors))
            for case, expect, survivors in self._found
        ]

    def _candidates(self, number: int) -> list[CaseFile]:
        if number == 0:
            steps = [self._around.steps(case) for case in self._begin]
            values = self._share_values()
            measured = [self._around.measured(case, values) for case in self._begin[:3]]
            sought: Iterator[CaseFile] = chain(self._begin, *measured, *steps)
        else:
            around = [self._around.far(case, self._random) for case in self._begin]
            sought = (case for cases in zip(*around, strict=False) for case in cases)
        distinct = {msgspec.msgpack.encode(case): case for case in islice(sought, _STEPS)}
        return sorted(distinct.values(), key=lambda case: len(case.facts))

    def _round(self, wanted: Sequence[Mutant], cases: Sequence[CaseFile]) -> list[Mutant]:
        """Look for each mutant among some cases; return those for which there is none."""
        probe = Probe(self._rulebook, cases)

        def found(mutant: Mutant) -> bool:
            touched = [cases[place] for place in probe.touched(mutant.rulebook)]
            return self._is_found(mutant) or self._search(mutant, touched)

        return [mutant for mutant in wanted if not found(mutant)]

    def _is_found(self, mutant: Mutant) -> bool:
        """Say whether a case that was chosen already notices a mutant."""
        if not self._found:
            return False
        with _Judge(mutant) as judge:
            for case, expect, survivors in self._found:
                if judge.notices(case, expect):
                    survivors.append(_survivor(mutant))
                    return True
        return False

    def _search(self, mutant: Mutant, touched: Sequence[CaseFile]) -> bool:
        if not touched:
            return False
        few = [*touched[: _TRIED // 2], *self._random.sample(list(touched), min(len(touched), _TRIED // 2))]
        with _Judge(mutant) as judge:
            for case in few:
                expect = self._noticing(judge, case)
                if expect is not None:
                    self._found.append((*self._shrunk(judge, case, expect), [_survivor(mutant)]))
                    return True
        return False

    def _noticing(self, judge: _Judge, case: CaseFile) -> dict[str, Any] | None:
        """Return the least that one may expect of a case and that a mutant doesn't meet."""
        try:
            grading = self._evaluator.grade(case)
        except ShuoliError:
            return None
        return next((expect for expect in self._expectations(grading) if judge.notices(case, expect)), None)

    def _shrunk(self, judge: _Judge, case: CaseFile, expect: dict[str, Any]) -> tuple[CaseFile, dict[str, Any]]:
        """Return the case without the facts that it can do without."""
        for fact in case.facts if len(case.facts) <= _SHRUNK else ():
            less = msgspec.structs.replace(case, facts=tuple(one for one in case.facts if one.id != fact.id))
            other = self._noticing(judge, less)
            if other is not None and len(other) <= len(expect):
                case, expect = less, other
        return case, expect

    def _beginnings(self, prepared: Sequence[Prepared]) -> Iterator[CaseFile]:
        """Yield the cases nearest to a rule: those in which it fires, then those that have facts it looks at."""
        rules = {rule.id for rule in self._around.rules}
        ranked: list[tuple[int, int, CaseFile]] = []
        for one in prepared:
            if one.case is None:
                continue
            fired = one.scenario.expect.get("fired", {})
            named = {
                str(name) for part in one.scenario.expect.values() if isinstance(part, dict | list) for name in part
            }
            near = (
                0
                if self._of in {str(name) for name in fired}
                else 1
                if named & {self._of}
                else 2
                if named & rules
                else 3
            )
            has = any(fact.type in self._around.types for fact in one.case.facts)
            ranked.append((near if has or not self._around.types else near + 4, len(one.case.facts), one.case))
        ranked.sort(key=lambda one: one[:2])
        built = [case for _, _, case in ranked[:_BEGINNINGS]]
        if not ranked or ranked[0][0] > 1:
            built += self._built()
        yield from built

    def _built(self) -> Iterator[CaseFile]:
        """Yield a case in which the rule fires, where no scenario shows one."""
        witnesses = Witnesses(self._rulebook, self._evaluator.grade)
        for rule in self._rulebook.rules:
            if self._of in (rule.id, rule.target):
                reached = witnesses.reach(rule)
                if isinstance(reached, Tried):
                    yield reached.case

    def _share_values(self) -> dict[str, list[tuple[Fact, int]]]:
        """Return what a measure of shares comes to when there is one fact alone."""
        values: dict[str, list[tuple[Fact, int]]] = {}
        for measure in self._around.measures:
            if not isinstance(measure.body, Aggregate) or measure.body.how != "share":
                continue
            for case in self._begin:
                for fact in (one for one in case.facts if one.type == measure.body.pattern.type):
                    alone = msgspec.structs.replace(case, facts=(fact,))
                    found = [one.value for one in self._evaluator.chain(alone).measures if one.name == measure.name]
                    values.setdefault(measure.name, []).extend(
                        (fact, value) for value in found if isinstance(value, int)
                    )
        return values

    def _expectations(self, grading: Grading) -> Iterator[dict[str, Any]]:
        """Yield what one may expect of a grading, the least first, if the grading is right."""
        document = self._writer.document(grading)
        concerned = [rule for rule in self._rulebook.rules if self._of in (rule.id, rule.target)]
        fired = {rule.id: sum(one.rule == rule.id for one in grading.deductions) for rule in concerned}
        expect: dict[str, Any] = {}
        standards = sorted({rule.target for rule in concerned if rule.kind == "standard"})
        if standards:
            lost = "points_lost" if self._rulebook.scoring.direction == "lost" else "points"
            points = document["points_lost"] or document["points_gained"]
            expect[lost] = {name: points[name] for name in standards}
        if any(fired.values()):
            expect["fired"] = {name: count for name, count in fired.items() if count}
        if not all(fired.values()):
            expect["not_fired"] = [name for name, count in fired.items() if not count]
        findings = {rule.target for rule in concerned if rule.kind in ("finding", "consequence")}
        for key in ("findings", "consequences"):
            told = {name: sum(one["type"] == name for one in document[key]) for name in sorted(findings)}
            own = {name: count for name, count in told.items() if self._rulebook.types[name].origin == key[:-1]}
            expect |= {key: own} if own else {}
        if self._of in self._rulebook.measures:
            found = [one for one in document["measures"] if one["name"] == self._of]
            by_group = {str(one.get("group")): one["value"] for one in found}
            expect["measures"] = {self._of: found[0]["value"] if len(found) == 1 else by_group}
        yield expect
        law = {rule.id: list(rule.law) for rule in concerned if fired[rule.id] and rule.law}
        if law:
            yield expect | {"law": law}
        yield expect | {
            "vetoes": [one["id"] for one in document["vetoes"]],
            "ceilings": [one["id"] for one in document["ceilings"]],
        }
        yield expect | {"grade": document["grade"], "score": document["score"]}
        if concerned:
            values = [
                one["values"]
                for key in ("findings", "consequences")
                for one in document[key]
                if one["type"] in findings
            ]
            key = "consequences" if concerned[0].kind == "consequence" else "findings"
            if values:
                yield expect | {key: {concerned[0].target: values}}

    def _scenario(self, case: CaseFile, expect: dict[str, Any], survivors: Sequence[Survivor]) -> dict[str, Any]:
        # A colon stands between a scenario and its case.
        changes = "; ".join(one.change for one in survivors[:2])
        shapes = self._rulebook.attributes
        attributes = {name: _plain(plain(shapes[name], value)) for name, value in case.producer.attributes.items()}
        return {
            "name": f"{self._of} held against: {changes.replace(': ', ' ')}",
            "as_of": date.fromordinal(case.as_of).isoformat(),
            "producer": {"kind": case.producer.kind, "region": case.producer.region} | attributes,
            "facts": [self._fact(fact) for fact in case.facts],
            "expect": expect,
        }

    def _fact(self, fact: Fact) -> dict[str, Any]:
        told = msgspec.json.decode(fact_document(self._rulebook, fact))
        fields = {name: _plain(value) for name, value in told["fields"].items()}
        status = {} if told["status"] == self._status else {"status": told["status"]}
        return {fact.type: fields} | status


class _Judge:
    """Says of cases whether they come out otherwise than expected under a mutant."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._evaluator: Evaluator | None = None

    def __enter__(self) -> Self:
        try:
            self._evaluator = Evaluator(self._mutant.rulebook)
        except RulebookRefused:
            self._evaluator = None
        return self

    def __exit__(self, *_: object) -> None:
        if self._evaluator is not None:
            self._evaluator.close()

    def notices(self, case: CaseFile, expect: dict[str, Any]) -> bool:
        """Say whether something expected of a case is not met."""
        if self._evaluator is None:
            return False
        scenario = Scenario("", "", "", None, {}, expect)
        return fails(Trial(self._mutant.rulebook, self._evaluator.grade), Prepared(scenario, case))


def _plain(value: Any) -> Any:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
