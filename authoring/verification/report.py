"""What verification found, and what it could not decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from authoring.verification.witness import Witness, Witnesses
from knowledge.rulebook import Rulebook
from knowledge.rules import Rule, Text
from knowledge.source import Document, path_to

_KEYS: Final = {"bands.yaml": "grade", "remedies.yaml": "remedy", "indicators.yaml": "id"}
"""By file, the key under which what a finding is about says its name."""

Proof: TypeAlias = Literal["interval", "unsat", "graded", "compared"]
"""How a finding is known: by bounds, by the solver, by grading its witness, or by comparing what is written."""


class Place(msgspec.Struct, frozen=True):
    """A rule, or whatever else a finding is about, and where it stands: `file:line:column`, or only the file."""

    id: str
    source: str


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong with what a rulebook means."""

    code: str
    concerns: tuple[Place, ...]
    text: Text
    proof: Proof
    witness: Witness | None = None


class Undecided(msgspec.Struct, frozen=True):
    """A question that got no answer: neither a case that shows it nor a proof that there is none."""

    code: str
    concerns: tuple[Place, ...]
    text: Text


class Report(msgspec.Struct, frozen=True):
    """Everything that verification has to say of a rulebook."""

    findings: tuple[Finding, ...]
    undecided: tuple[Undecided, ...]


class Study:
    """A rulebook under verification: its witnesses, and what was found so far."""

    def __init__(self, rulebook: Rulebook, witnesses: Witnesses) -> None:
        self.rulebook, self.witnesses = rulebook, witnesses
        self.findings: list[Finding] = []
        self.undecided: list[Undecided] = []

    def add(
        self,
        code: str,
        concerns: tuple[Rule | Place, ...],
        zh: str,
        en: str,
        *,
        proof: Proof,
        witness: Witness | None = None,
    ) -> None:
        """Note a finding."""
        self.findings.append(Finding(code, tuple(map(_place, concerns)), Text(zh, en), proof, witness))

    def unsure(self, code: str, concerns: tuple[Rule | Place, ...], zh: str, en: str) -> None:
        """Note what could not be decided."""
        self.undecided.append(Undecided(code, tuple(map(_place, concerns)), Text(zh, en)))


def located(report: Report, documents: Mapping[str, Document]) -> Report:
    """Return a report whose places outside rules have line and column as well, found in a rulebook's files."""

    def found(place: Place) -> Place:
        if place.source not in documents:
            return place
        key, value = _KEYS.get(place.source, place.id), place.id if place.source in _KEYS else None
        path = path_to(documents, (place.source,), key, value)
        return Place(place.id, documents[place.source].place(path[1:]))

    return Report(
        tuple(replace(one, concerns=tuple(map(found, one.concerns))) for one in report.findings),
        tuple(replace(one, concerns=tuple(map(found, one.concerns))) for one in report.undecided),
    )


def _place(one: Rule | Place) -> Place:
    return one if isinstance(one, Place) else Place(one.id, one.source)
