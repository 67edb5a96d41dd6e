"""Scenarios for policy that nobody has tested: near those that are there, and changed by what none of them notices.

A proposal says what the rulebook as it is makes of a case; whether that is right is for a person to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from itertools import islice
from typing import Any, Final

import msgspec

from authoring.mutants import Mutant, mutants
from authoring.mutation import Survivor
from authoring.scenarios import Prepared, prepare
from engine.case import CaseFile, Fact
from engine.document import DocumentWriter
from engine.evaluate import Evaluator
from engine.grading import Grading
from engine.reading import fact_document, fact_id
from engine.workers import Workers
from knowledge.problems import RulebookRefused, ShuoliError
from knowledge.rulebook import Aggregate, Rulebook
from knowledge.rules import AnyOf, Const, Match, Pattern, Rule, Test, Window
from knowledge.scenarios import Scenario
from knowledge.workdays import add

_NUMBERS: Final = ("whole", "decimal", "date", "share")
_MOST_BEGINNINGS: Final = 6
"""Scenarios from which a proposal is sought, for each survivor."""
_MOST_CASES: Final = 400
"""Cases that are tried for each survivor."""
_AT_ONCE: Final = 40
"""Survivors that one worker looks at in one go."""
_SECONDS: Final = 600.0


class Proposal(msgspec.Struct, frozen=True):
    """A scenario that would notice a change, in the words of a scenario file, for a person to accept."""

    survivor: Survivor
    scenario: dict[str, Any]


def propose(
    rulebook: Rulebook,
    scenarios: Sequence[Scenario],
    survivors: Sequence[Survivor],
    workers: Workers,
    done: Callable[[int], None],
) -> list[Proposal]:
    """Return at most one scenario for each survivor; none is found for those that change nothing near the scenarios."""
    wanted = frozenset(survivors)
    numbers = [number for number, mutant in enumerate(mutants(rulebook)) if _survivor(mutant) in wanted]
    parts = [tuple(numbers[start : start + _AT_ONCE]) for start in range(0, len(numbers), _AT_ONCE)]

    def ask(part: tuple[int, ...]) -> list[Proposal]:
        job = partial(_propose, numbers=part, scenarios=tuple(scenarios))
        return workers.run(rulebook, job, _SECONDS)

    found: list[Proposal] = []
    with ThreadPoolExecutor(workers.count) as threads:
        for part, proposals in zip(parts, threads.map(ask, parts), strict=True):
            found += proposals
            done(len(part))
    return found


def _survivor(mutant: Mutant) -> Survivor:
    return Survivor(mutant.of, mutant.place, mutant.kind, mutant.change)


def _propose(evaluator: Evaluator, numbers: Sequence[int], scenarios: Sequence[Scenario]) -> list[Proposal]:
    rulebook = evaluator.rulebook
    writer = DocumentWriter(rulebook)
    prepared = [
        one for one in prepare(rulebook, scenarios) if one.case is not None and "error" not in one.scenario.expect
    ]
    found = []
    for number in numbers:
        mutant = next(islice(mutants(rulebook), number, None))
        try:
            other = Evaluator(mutant.rulebook)
        except RulebookRefused:
            continue
        try:
            made = _search(evaluator, other, mutant, prepared, writer)
        finally:
            other.close()
        if made is not None:
            found.append(Proposal(_survivor(mutant), made))
    return found


def _search(
    evaluator: Evaluator, other: Evaluator, mutant: Mutant, prepared: Sequence[Prepared], writer: DocumentWriter
) -> dict[str, Any] | None:
    patterns = list(_patterns(evaluator.rulebook, mutant.of))
    types = {pattern.type for pattern in patterns}
    tried = 0
    for begin in _beginnings(evaluator, mutant.of, types, prepared):
        for case in _near(evaluator.rulebook, begin, patterns, types):
            tried += 1
            if tried > _MOST_CASES:
                return None
            try:
                here, there = evaluator.chain(case), other.chain(case)
            except ShuoliError:
                continue
            if here != msgspec.structs.replace(there, rulebook_sha256=here.rulebook_sha256):
                expected = _expected(evaluator.rulebook, writer, mutant, here)
                if expected != _expected(mutant.rulebook, writer, mutant, there):
                    return _scenario(evaluator.rulebook, mutant, case) | {"expect": expected}
    return None


def _beginnings(evaluator: Evaluator, of: str, types: set[str], prepared: Sequence[Prepared]) -> Iterator[CaseFile]:
    """Yield the cases nearest to a rule: those in which it fires, then those that have facts it looks at."""
    rules = {rule.id for rule in evaluator.rulebook.rules if of in (rule.id, rule.target)}
    fired: list[CaseFile] = []
    near: list[CaseFile] = []
    for one in prepared:
        assert one.case is not None
        named = {str(name) for part in one.scenario.expect.values() if isinstance(part, dict | list) for name in part}
        has = any(fact.type in types for fact in one.case.facts)
        if not has and not named & {of, *rules}:
            continue
        (fired if named & {of, *rules} else near).append(one.case)
    yield from islice((*fired, *near), _MOST_BEGINNINGS)


def _near(rulebook: Rulebook, case: CaseFile, patterns: Sequence[Pattern], types: set[str]) -> Iterator[CaseFile]:
    """Yield a case, and cases that differ in one value, one fact less or one fact more."""
    yield case
    for place, fact in enumerate(case.facts):
        if fact.type not in types:
            continue
        kind = rulebook.types[fact.type]
        for name, field in kind.fields.items():
            if field.type in _NUMBERS:
                for value in _edges(rulebook, case, fact, name, patterns):
                    yield _with(rulebook, case, place, name, value)
            elif field.type in ("choice", "yes_no"):
                choices: Sequence[Any] = list(field.choices) or [True, False]
                for value in choices:
                    if value != fact.values.get(name):
                        yield _with(rulebook, case, place, name, value)
        yield msgspec.structs.replace(case, facts=(*case.facts[:place], *case.facts[place + 1 :]))
        for name in (name for name in kind.same_when if kind.fields[name].type == "text"):
            again = dict(fact.values) | {name: f"{fact.values.get(name, '')}+"}
            more = msgspec.structs.replace(fact, id=fact_id(kind, again), values=again)
            yield msgspec.structs.replace(case, facts=_sorted((*case.facts, more)))
            break


def _edges(rulebook: Rulebook, case: CaseFile, fact: Fact, name: str, patterns: Sequence[Pattern]) -> Iterator[int]:
    """Yield the values of a field at which a pattern or window begins or ends to fit, and their neighbours."""
    field = rulebook.types[fact.type].fields[name]
    edges = {int(fact.values[name])} if name in fact.values else set()
    for pattern in patterns:
        if pattern.type != fact.type:
            continue
        edges |= {value for test in pattern.tests if test.name == name for value in _constants(test)}
        if pattern.window is not None and pattern.window.field == name:
            edges |= _window_edges(rulebook, pattern.window, case.as_of)
    low = -(1 << 60) if field.minimum is None else field.minimum
    high = 1 << 60 if field.maximum is None else field.maximum
    values = {edge + step for edge in edges for step in (-1, 0, 1)} - {fact.values.get(name)}
    # Nothing that a case file tells lies after the day of the grade.
    last = case.as_of if field.type == "date" and rulebook.types[fact.type].dated == name else high
    yield from sorted(value for value in values if low <= value <= min(high, last))


def _window_edges(rulebook: Rulebook, window: Window, as_of: int) -> set[int]:
    if window.kind == "last":
        start = add(as_of, -window.amount, window.unit, rulebook.calendar)
        return set() if start is None else {start}
    if window.kind == "calendar_year":
        return {date(date.fromordinal(as_of).year, 1, 1).toordinal()}
    return set()


def _constants(test: Test) -> Iterator[int]:
    if isinstance(test.operand, Const) and isinstance(test.operand.value, int):
        yield int(test.operand.value)


def _with(rulebook: Rulebook, case: CaseFile, place: int, name: str, value: Any) -> CaseFile:
    fact = case.facts[place]
    values = dict(fact.values) | {name: value}
    changed = msgspec.structs.replace(fact, id=fact_id(rulebook.types[fact.type], values), values=values)
    others = [one for one in (*case.facts[:place], *case.facts[place + 1 :]) if one.id != changed.id]
    return msgspec.structs.replace(case, facts=_sorted((*others, changed)))


def _sorted(facts: Sequence[Fact]) -> tuple[Fact, ...]:
    return tuple(sorted(facts, key=lambda fact: (fact.type, fact.id)))


def _patterns(rulebook: Rulebook, of: str) -> Iterator[Pattern]:
    """Yield the patterns that a rule, standard, finding or measure looks through, those behind its measures too."""
    todo, seen = [of], set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        found: list[Pattern] = []
        if name in rulebook.measures:
            body = rulebook.measures[name].body
            found = [body.pattern] if isinstance(body, Aggregate) else []
            if isinstance(body, Aggregate) and body.numerator:
                found.append(msgspec.structs.replace(body.pattern, tests=body.numerator))
            todo += [word for word in rulebook.measures if word in str(body)]
        for rule in rulebook.rules:
            if name in (rule.id, rule.target):
                found += _of_rule(rule)
                todo += [word for word in rulebook.measures if f"'{word}'" in str(rule)]
        yield from found
        todo += [pattern.type for pattern in found if rulebook.types[pattern.type].origin == "finding"]


def _of_rule(rule: Rule) -> list[Pattern]:
    found = [*rule.for_each]
    clauses = [*rule.when]
    for clause in clauses:
        if isinstance(clause, AnyOf):
            clauses += [part for way in clause.alternatives for part in way]
        elif isinstance(clause, Match) or hasattr(clause, "pattern"):
            found.append(clause.pattern)
    return found


def _scenario(rulebook: Rulebook, mutant: Mutant, case: CaseFile) -> dict[str, Any]:
    """Return a case as a scenario is written, without what is expected of it."""
    attributes = {name: _plain(value) for name, value in case.producer.attributes.items()}
    return {
        "name": f"{mutant.of}: {mutant.change}",
        "as_of": date.fromordinal(case.as_of).isoformat(),
        "producer": {"kind": case.producer.kind, "region": case.producer.region} | attributes,
        "facts": [_fact(rulebook, fact) for fact in case.facts],
    }


def _expected(rulebook: Rulebook, writer: DocumentWriter, mutant: Mutant, grading: Grading) -> dict[str, Any]:
    """Return what a scenario about the place that was changed would expect, if this grading were right."""
    document = writer.document(grading)
    concerned = [rule for rule in rulebook.rules if mutant.of in (rule.id, rule.target)]
    standards = {rule.target for rule in concerned if rule.kind == "standard"}
    points = document["points_lost"] or document["points_gained"]
    expect: dict[str, Any] = {"grade": document["grade"], "score": document["score"]}
    if standards:
        lost = "points_lost" if rulebook.scoring.direction == "lost" else "points"
        expect[lost] = {name: points[name] for name in sorted(standards)}
    fired = {rule.id: sum(one.rule == rule.id for one in grading.deductions) for rule in concerned}
    if any(fired.values()):
        expect["fired"] = {name: count for name, count in fired.items() if count}
        expect["law"] = {rule.id: list(rule.law) for rule in concerned if fired[rule.id] and rule.law}
    if not all(fired.values()):
        expect["not_fired"] = [name for name, count in fired.items() if not count]
    if mutant.of in rulebook.measures:
        found = [one for one in document["measures"] if one["name"] == mutant.of]
        by_group = {str(one.get("group")): one["value"] for one in found}
        expect["measures"] = {mutant.of: found[0]["value"] if len(found) == 1 else by_group}
    return expect


def _fact(rulebook: Rulebook, fact: Fact) -> dict[str, Any]:
    told = msgspec.json.decode(fact_document(rulebook, fact))
    fields = {name: _plain(value) for name, value in told["fields"].items()}
    status = {} if told["status"] == next(iter(rulebook.fact_statuses), "") else {"status": told["status"]}
    return {fact.type: fields} | status


def _plain(value: Any) -> Any:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
