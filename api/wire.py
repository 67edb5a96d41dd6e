"""The documents that leave this service, as OpenAPI describes them; `engine` and `explain` write them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from litestar import Response


class RulebookRef(msgspec.Struct, frozen=True):
    """The exact rulebook that decided."""

    id: str
    version: str
    sha256: str
    status: Literal["official", "reconstruction", "draft"]


class GradingDocument(msgspec.Struct, frozen=True):
    """The whole decision with its trail. Points and score are whole numbers, or decimals as text."""

    producer: str
    as_of: str
    known_at: str | None
    rulebook: RulebookRef
    notice: dict[str, str] | None
    grade: str
    score: int | str
    score_grade: str
    colour: str | None
    points: dict[str, int | str]
    points_lost: dict[str, int | str]
    points_gained: dict[str, int | str]
    indicators: list[dict[str, Any]]
    standards: list[dict[str, Any]]
    measures: list[dict[str, Any]]
    deductions: list[dict[str, Any]]
    verdicts: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    consequences: list[dict[str, Any]]
    ceilings: list[dict[str, Any]]
    vetoes: list[dict[str, Any]]
    statuses: list[str]
    remedies: list[dict[str, Any]]
    next_change_on: str | None
    facts: list[str]
    case: str
    """SHA-256 of the case that it was made from."""
    hash: str


class DeductionList(msgspec.Struct, frozen=True):
    """Every rule that fired."""

    deductions: list[dict[str, Any]]


class VerdictList(msgspec.Struct, frozen=True):
    """What became of every rule."""

    verdicts: list[dict[str, Any]]


class ProducerView(msgspec.Struct, frozen=True):
    """A producer as it is known here."""

    id: str
    kind: str
    region: str
    attributes: dict[str, Any]


class LearnedAboutEveryone(msgspec.Struct, frozen=True):
    """How many reports were new, whether every producer was graded again, and who could not be."""

    entered: int
    everyone_regraded: bool
    refused: list[str]


def answer(document: object) -> Response[Any]:
    """Return a response that carries the document."""
    return Response(document, media_type="application/json")
