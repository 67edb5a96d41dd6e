"""Proposed scenarios as a file: what facts have in common stands once, and what is repeated is counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from authoring.proposals import Proposal
from knowledge.rulebook import Rulebook
from knowledge.yamltext import write_yaml

_NUMBERED: Final = re.compile(r"(.*)-([0-9]+)")
_REPEATED: Final = 3
"""Facts alike that are written as one."""


def scenario_file(rulebook: Rulebook, proposals: Sequence[Proposal]) -> str:
    """Return the text of a file under `scenarios/` with proposals in their order."""
    scenarios = [
        one.scenario | {"facts": _counted(rulebook, one.scenario["facts"])} if one.scenario["facts"] else one.scenario
        for one in proposals
    ]
    usual = _usual([fact for one in scenarios for fact in one["facts"]])
    told = [one | {"facts": [_briefly(fact, usual) for fact in one["facts"]]} for one in scenarios]
    whole: Any = ({"defaults": usual} if usual else {}) | {"scenarios": told}
    return write_yaml(whole)


def _type_of(fact: dict[str, Any]) -> str:
    return next(iter(fact))


def _counted(rulebook: Rulebook, facts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return facts that differ in their number alone as one with `times`."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for fact in facts:
        kind = rulebook.types[_type_of(fact)]
        same = next((name for name in kind.same_when if kind.fields[name].type == "text"), "")
        match = _NUMBERED.fullmatch(str(fact[kind.name].get(same, "")))
        alike = fact if match is None else {**fact, kind.name: {**fact[kind.name], same: match[1]}}
        groups.setdefault(str(alike) if match else f"{fact} alone", []).append(fact)
    return [fact for group in groups.values() for fact in _as_one(rulebook, group)]


def _as_one(rulebook: Rulebook, group: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    if len(group) < _REPEATED:
        return group
    kind = rulebook.types[_type_of(group[0])]
    same = next(name for name in kind.same_when if kind.fields[name].type == "text")
    begin, _, _ = str(group[0][kind.name][same]).rpartition("-")
    if {str(fact[kind.name][same]) for fact in group} != {f"{begin}-{number}" for number in range(1, len(group) + 1)}:
        return group
    return [{**group[0], kind.name: {**group[0][kind.name], same: begin}, "times": len(group)}]


def _usual(facts: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return by type the value that most facts have in a field that all of them have."""
    by_type: dict[str, list[dict[str, Any]]] = {}
    for fact in facts:
        by_type.setdefault(_type_of(fact), []).append(fact[_type_of(fact)])
    usual: dict[str, dict[str, Any]] = {}
    for name, told in sorted(by_type.items()):
        for field in told[0] if len(told) > 1 else ():
            if all(field in one for one in told):
                counts = Counter(one[field] for one in told)
                usual.setdefault(name, {})[field] = min(counts, key=lambda value: (-counts[value], str(value)))
    return usual


def _briefly(fact: dict[str, Any], usual: dict[str, dict[str, Any]]) -> dict[str, Any]:
    name = _type_of(fact)
    known = usual.get(name, {})
    return {**fact, name: {field: value for field, value in fact[name].items() if known.get(field) != value}}
