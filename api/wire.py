"""The documents that leave this service, as OpenAPI describes them; `engine` and `explain` write them."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec
from litestar import Response

Status: TypeAlias = Literal["fired", "not_fired", "not_applicable", "unknown"]


class RulebookRef(msgspec.Struct, frozen=True):
    """The exact rulebook that decided."""

    id: str
    version: str
    sha256: str


class GradingDocument(msgspec.Struct, frozen=True):
    """The whole decision with its trail."""

    producer: str
    as_of: str
    known_at: str | None
    rulebook: RulebookRef
    grade: str
    score: int
    score_grade: str
    colour: str | None
    points_lost: dict[str, int]
    indicators: list[dict[str, Any]]
    deductions: list[dict[str, Any]]
    verdicts: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    ceilings: list[dict[str, Any]]
    vetoes: list[dict[str, Any]]
    consequences: list[dict[str, Any]]
    remedies: list[dict[str, Any]]
    next_change_on: str | None
    facts: list[str]


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


class Why(msgspec.Struct, frozen=True):
    """The justification of a grade."""

    lang: Literal["zh", "en"]


def answer(document: object) -> Response[Any]:
    """Return a response that carries the document."""
    return Response(document, media_type="application/json")
