"""The shape of scenarios as people write them: cases that must come out as written."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, RootModel

from knowledge.written import Day, Name, Scalar, Written


class WrittenExpectation(Written):
    """What must come out of a case."""

    grade: str | int | None = None
    score: Scalar | None = None
    score_grade: str | int | None = None
    points_lost: dict[str, Scalar] | None = None
    points: dict[str, Scalar] | None = None
    findings: dict[str, Any] | None = None
    fired: dict[str, int | None] | list[Scalar] | None = None
    not_fired: dict[str, Any] | list[Scalar] | None = None
    unknown: list[Scalar] | None = None
    not_applicable: list[Scalar] | None = None
    ceilings: list[Scalar] | None = None
    vetoes: list[Scalar] | None = None
    statuses: list[Scalar] | None = None
    consequences: dict[str, Any] | list[Scalar] | None = None
    remedies: list[Scalar] | None = None
    next_change_on: Day | None = None
    measures: dict[str, Any] | None = None
    error: str | None = None


class WrittenCase(Written):
    """What a case of a scenario, or a named beginning, may say."""

    as_of: Day | None = None
    known_at: str | None = None
    producer: dict[str, Any] | None = None
    facts: list[dict[str, Any]] | None = None
    and_facts: list[dict[str, Any]] | None = None
    expect: WrittenExpectation | None = None


class WrittenScenario(WrittenCase):
    """A scenario; each of its cases overrides it."""

    name: Annotated[str, Field(min_length=1)]
    given: str | None = None
    cases: dict[str, WrittenCase] | None = None


class WrittenScenarios(Written):
    """A file of scenarios with what they share."""

    defaults: dict[Name, dict[str, Any]] | None = None
    givens: dict[str, WrittenCase] | None = None
    scenarios: list[WrittenScenario]


class Scenarios(RootModel[list[WrittenScenario]]):
    """A file of scenarios that share nothing."""
