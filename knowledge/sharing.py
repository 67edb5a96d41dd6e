"""Facts about everyone: recorded once, read by rules that look at nothing of any one producer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from knowledge.notes import Notes
from knowledge.rulebook import Aggregate, Rulebook
from knowledge.rules import Absent, AnyOf, DateTest, Match, Ref, Rule
from knowledge.source import Path, path_to
from knowledge.strata import clauses_of, patterns_of


def shared_types(rulebook: Rulebook) -> frozenset[str]:
    """Return the fact types about everyone, and the findings that follow from them and the day alone.

    These findings are the same for every producer, so that a new fact about everyone changes no grade as long as
    they stay as they are.
    """
    shared = {name for name, kind in rulebook.types.items() if kind.about_everyone}
    concluding: dict[str, list[Rule]] = {}
    for rule in rulebook.rules:
        if rule.kind == "finding":
            concluding.setdefault(rule.target, []).append(rule)
    while new := {
        name
        for name, rules in concluding.items()
        if name not in shared and all(_rests_on(rule, shared) for rule in rules)
    }:
        shared |= new
    return frozenset(shared)


def check_sharing(rulebook: Rulebook, places: Mapping[int, Path], notes: Notes) -> None:
    """Note rules and measures that read facts about everyone beside what is about one producer."""
    everyone = {name for name, kind in rulebook.types.items() if kind.about_everyone}
    if not everyone:
        return
    shared = shared_types(rulebook)
    for rule in rulebook.rules:
        read = everyone.intersection(pattern.type for pattern, _ in patterns_of(rule))
        if read and rule.target not in shared:
            _note(notes, places[rule.index], f"rule `{rule.id}`", read)
    for measure in rulebook.measures.values():
        body = measure.body
        if isinstance(body, Aggregate) and body.pattern.type in everyone:
            path = path_to(notes.documents, ("measures.yaml",), "measure", measure.name)
            _note(notes, path, f"measure `{measure.name}`", {body.pattern.type})


def _rests_on(rule: Rule, shared: Iterable[str]) -> bool:
    """Say whether a rule reads nothing but such types and the day."""
    patterns = [pattern for pattern, _ in patterns_of(rule)]
    types = {pattern.type for pattern in patterns}
    clauses = all(isinstance(clause, Match | Absent | DateTest | AnyOf) for clause in clauses_of(rule.when))
    operands = [test.operand for pattern in patterns for test in pattern.tests]
    operands += [clause.test.operand for clause in clauses_of(rule.when) if isinstance(clause, DateTest)]
    operands += [pattern.window.since for pattern in patterns if pattern.window is not None]
    personal = any(isinstance(one, Ref) and one.source == "producer" for one in (*operands, *rule.gives.values()))
    return bool(types) and types <= set(shared) and clauses and not personal and rule.applies_to is None


def _note(notes: Notes, path: Path, who: str, read: Iterable[str]) -> None:
    name = min(read)
    notes.add(
        path, "fact.about_everyone", f"{who} reads `{name}`, which is about everyone, with what is about one producer",
        given=name, expected="a finding that reads nothing but facts about everyone",
        help="conclude a finding from it first, and read that",
    )  # fmt: skip
