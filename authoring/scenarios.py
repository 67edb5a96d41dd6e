"""Run a rulebook's scenarios: grade each case and compare with what was expected of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

import msgspec

from engine.case import CaseFile
from engine.document import DocumentWriter
from engine.grading import Grading, Verdict
from engine.reading import CaseReader
from engine.verdicts import verdicts
from knowledge.problems import ShuoliError
from knowledge.rulebook import Rulebook
from knowledge.scenarios import Scenario


class ScenarioResult(msgspec.Struct, frozen=True):
    """What became of one scenario. `failures` holds one sentence for each expectation that was not met."""

    name: str
    place: str
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether all came out as written."""
        return not self.failures


@dataclass(frozen=True, slots=True)
class Prepared:
    """A scenario whose case has been read; `refused` says why it can't be, where it can't."""

    scenario: Scenario
    case: CaseFile | None
    refused: ShuoliError | None = None


def run_scenarios(
    rulebook: Rulebook, scenarios: Iterable[Scenario], grade: Callable[[CaseFile], Grading]
) -> Iterator[ScenarioResult]:
    """Yield the result of each scenario, in their order; `grade` is an `Evaluator`'s."""
    trial = Trial(rulebook, grade)
    for one in prepare(rulebook, scenarios):
        yield ScenarioResult(one.scenario.name, one.scenario.place, tuple(trial.failures(one)))


def prepare(rulebook: Rulebook, scenarios: Iterable[Scenario]) -> Iterator[Prepared]:
    """Yield scenarios with their cases read in the words of the rulebook."""
    reader = CaseReader(rulebook)
    for scenario in scenarios:
        try:
            as_of = date.fromisoformat(scenario.as_of).toordinal()
            case = reader.case(msgspec.json.encode(scenario.case), as_of=as_of, known_at=scenario.known_at)
            yield Prepared(scenario, case)
        except ShuoliError as error:
            yield Prepared(scenario, None, error)


class Trial:
    """Grades scenarios under one rulebook and compares."""

    def __init__(self, rulebook: Rulebook, grade: Callable[[CaseFile], Grading]) -> None:
        self._rulebook, self._grade, self._writer = rulebook, grade, DocumentWriter(rulebook)

    def failures(self, one: Prepared) -> Iterator[str]:
        """Yield a sentence for each expectation of a scenario that is not met."""
        expected = one.scenario.expect.get("error")
        try:
            grading = self._graded(one)
        except ShuoliError as error:
            codes = [error.code, *(problem.code for problem in error.problems)]
            if expected not in codes:
                text = f"error {', '.join(codes)}: {error.message}"
                yield text + "".join(f"\n  {problem.as_text()}" for problem in error.problems)
            return
        if expected is not None:
            yield f"error: expected {expected}, but it was graded {grading.grade}"
            return
        assert one.case is not None
        found = _Found(self._rulebook, self._writer.document(grading), one.case, grading)
        for key, wanted in one.scenario.expect.items():
            yield from (f"{key}: {failure}" for failure in getattr(found, key)(wanted))

    def _graded(self, one: Prepared) -> Grading:
        if one.case is None:
            assert one.refused is not None
            raise one.refused
        return self._grade(one.case)


class _Found:
    """A grading as scenarios speak of it; each method has the name of its expectation and yields what differs."""

    def __init__(self, rulebook: Rulebook, document: dict[str, Any], case: CaseFile, grading: Grading) -> None:
        self._document, self._case, self._grading, self._rulebook = document, case, grading, rulebook
        self._direction = "points_lost" if rulebook.scoring.direction == "lost" else "points_gained"

    @cached_property
    def _verdicts(self) -> Mapping[str, list[Verdict]]:
        """By name: one that a rule has means that rule, any other all rules that conclude it."""
        by_target: dict[str, list[Verdict]] = {}
        found = verdicts(self._rulebook, self._case, self._grading)
        for verdict in found:
            by_target.setdefault(verdict.target, []).append(verdict)
        return by_target | {verdict.rule: [verdict] for verdict in found}

    def grade(self, wanted: Any) -> Iterator[str]:
        yield from self._plain("grade", wanted)

    def score(self, wanted: Any) -> Iterator[str]:
        yield from self._plain("score", wanted)

    def score_grade(self, wanted: Any) -> Iterator[str]:
        yield from self._plain("score_grade", wanted)

    def next_change_on(self, wanted: Any) -> Iterator[str]:
        yield from self._plain("next_change_on", wanted)

    def _plain(self, key: str, wanted: Any) -> Iterator[str]:
        if not _same(self._document[key], wanted):
            yield f"expected {wanted}, found {self._document[key]}"

    def points(self, wanted: Mapping[Any, Any]) -> Iterator[str]:
        for name, points in wanted.items():
            found = self._document[self._direction].get(str(name))
            if not _same(found, points):
                yield f"{name}: expected {points}, found {found}"

    points_lost = points

    def findings(self, wanted: Mapping[Any, Any]) -> Iterator[str]:
        for name, expected in wanted.items():
            yield from _concluded(self._document["findings"], name, expected)

    def consequences(self, wanted: Any) -> Iterator[str]:
        if isinstance(wanted, list):
            wanted = dict.fromkeys(wanted, 1)
        for name, expected in wanted.items():
            yield from _concluded(self._document["consequences"], name, expected)

    def fired(self, wanted: Any) -> Iterator[str]:
        counts = wanted if isinstance(wanted, dict) else dict.fromkeys(wanted)
        for name, count in counts.items():
            fired = sum(verdict.fired for verdict in self._verdicts.get(str(name), ()))
            if (count is None and not fired) or (count is not None and fired != count):
                yield f"{name}: expected {'at least 1' if count is None else count}, found {fired}"

    def law(self, wanted: Mapping[str, list[Any]]) -> Iterator[str]:
        rules = {rule.id for rule in self._rulebook.rules}
        for name, expected in wanted.items():
            by = "rule" if str(name) in rules else "target"
            cited = {law for one in self._document["deductions"] if one[by] == str(name) for law in one["law"]}
            if cited != set(map(str, expected)):
                yield f"{name}: expected {sorted(map(str, expected))}, found {sorted(cited)}"

    def not_fired(self, wanted: Any) -> Iterator[str]:
        labels = wanted if isinstance(wanted, dict) else dict.fromkeys(wanted)
        for name, expected in labels.items():
            found = self._verdicts.get(str(name), [])
            statuses = {verdict.status for verdict in found}
            if "fired" in statuses:
                yield f"{name}: it fired"
            failed = {one.label for verdict in found for one in verdict.conditions if one.holds is not True}
            for label in expected or ():
                if str(label) not in failed:
                    yield f"{name}: `{label}` didn't fail; failed: {', '.join(sorted(failed)) or 'nothing'}"

    def unknown(self, wanted: list[Any]) -> Iterator[str]:
        yield from self._status("unknown", wanted)

    def not_applicable(self, wanted: list[Any]) -> Iterator[str]:
        yield from self._status("not_applicable", wanted)

    def _status(self, status: str, wanted: list[Any]) -> Iterator[str]:
        for name in wanted:
            found = {verdict.status for verdict in self._verdicts.get(str(name), ())}
            if found != {status}:
                yield f"{name}: {', '.join(sorted(found))}"

    def ceilings(self, wanted: list[Any]) -> Iterator[str]:
        yield from _exactly(wanted, [one["id"] for one in self._document["ceilings"]])

    def vetoes(self, wanted: list[Any]) -> Iterator[str]:
        yield from _exactly(wanted, [one["id"] for one in self._document["vetoes"]])

    def statuses(self, wanted: list[Any]) -> Iterator[str]:
        yield from _exactly(wanted, self._document["statuses"])

    def remedies(self, wanted: list[Any]) -> Iterator[str]:
        offered = [one["id"] for one in self._document["remedies"]]
        for name in wanted:
            if str(name) not in offered:
                yield f"`{name}` isn't offered; offered: {', '.join(offered) or 'nothing'}"

    def measures(self, wanted: Mapping[str, Any]) -> Iterator[str]:
        for name, expected in wanted.items():
            found = [one for one in self._document["measures"] if one["name"] == name]
            if isinstance(expected, dict):
                groups = {str(one["group"]): one["value"] for one in found}
                for group, value in expected.items():
                    if not _same(groups.get(str(group)), value):
                        yield f"{name} of {group}: expected {value}, found {groups.get(str(group))}"
            elif not (len(found) == 1 and _same(found[0]["value"], expected)):
                yield f"{name}: expected {expected}, found {', '.join(str(one['value']) for one in found)}"


def _concluded(all_of_them: list[dict[str, Any]], name: Any, expected: Any) -> Iterator[str]:
    found = [one["values"] for one in all_of_them if one["type"] == name]
    if isinstance(expected, int):
        if len(found) != expected:
            yield f"{name}: expected {expected}, found {len(found)}"
        return
    for values in expected if isinstance(expected, list) else [expected]:
        if not any(all(_same(one.get(key), value) for key, value in values.items()) for one in found):
            yield f"{name}: none has {values}; found {found}"


def _exactly(wanted: Iterable[Any], found: Iterable[str]) -> Iterator[str]:
    expected, there = sorted(map(str, wanted or ())), sorted(found)
    if expected != there:
        yield f"expected {expected}, found {there}"


def _same(found: Any, wanted: Any) -> bool:
    """Say whether a value of a document is the one that a scenario's author wrote."""
    if wanted in ("none", "not_applicable", None):
        return found is None or found == wanted
    if isinstance(found, bool) or found is None:
        return bool(found == {"yes": True, "no": False}.get(wanted, wanted))
    if str(found) == str(wanted):
        return True
    left, right = str(found), str(wanted)
    if left.endswith("%") != right.endswith("%"):
        return False
    try:
        return Decimal(left.removesuffix("%")) == Decimal(right.removesuffix("%"))
    except InvalidOperation:
        return False
