"""What a DMN file decides: decisions with their rows, in the order in which they need each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from authoring.dmn_types import Type
from authoring.feel_tree import ALWAYS, Expr, Lit, Test, cases, first_cases
from knowledge.problems import Problem

Policy: TypeAlias = Literal["unique", "first", "priority", "any", "rule order", "output order", "collect"]
Aggregation: TypeAlias = Literal["sum", "min", "max", "count"]


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a decision; `values` are its allowed values, best first."""

    name: str
    type: Type | None
    values: tuple[Lit, ...] = ()
    default: Expr | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One rule of a table, and where it stands; `also` must hold besides its cells."""

    at: tuple[int, int]
    tests: tuple[Test, ...]
    outputs: tuple[Expr, ...]
    notes: tuple[str, ...] = ()
    also: tuple[Test, ...] = ()
    number: int = 0
    """Its place in the table, from 1."""

    def split(self, policy: Policy) -> Iterator[Row]:
        """Yield the row once for each case of its outputs, so that no output is a condition."""
        ways = itertools.product(*((first_cases if policy == "first" else cases)(one) for one in self.outputs))
        for number, way in enumerate(ways):
            also = tuple(test for test, _ in way if test != ALWAYS)
            notes = self.notes if number == 0 else ()
            yield Row(self.at, self.tests, tuple(value for _, value in way), notes, (*self.also, *also), self.number)


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision: a table, or a single expression (one row without tests)."""

    id: str
    name: str
    at: tuple[int, int]
    inputs: tuple[Expr, ...]
    outputs: tuple[Output, ...]
    rows: tuple[Row, ...]
    policy: Policy = "unique"
    aggregation: Aggregation | None = None
    is_table: bool = True


@dataclass(slots=True)
class Model:
    """What a DMN file decides. Decisions stand after those that they need."""

    name: str
    variables: dict[str, Type | None] = field(default_factory=dict)
    """Input data by name."""
    ids: dict[str, str] = field(default_factory=dict)
    """Their ids in the file."""
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Where they stand in the file."""
    decisions: list[Decision] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    """What is left out and changes no answer."""
