"""What verification found, and what it could not decide."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from authoring.verification.witness import Witness, Witnesses
from knowledge.rulebook import Rulebook
from knowledge.rules import Rule, Text

Proof: TypeAlias = Literal["interval", "unsat", "graded", "compared"]
"""How a finding is known: by bounds, by the solver, by grading its witness, or by comparing what is written."""


class Place(msgspec.Struct, frozen=True):
    """A rule, or whatever else a finding is about, and where it stands."""

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


def _place(one: Rule | Place) -> Place:
    return one if isinstance(one, Place) else Place(one.id, one.source)
