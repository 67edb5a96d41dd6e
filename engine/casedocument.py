"""The case as one canonical JSON document: who was graded, from which facts, as of which day and as known when."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engine.case import CaseFile, Fact
from engine.reading import producer_view
from engine.values import day_text, shower, shown
from knowledge.rulebook import Rulebook

_canonical: Final = msgspec.json.Encoder(order="sorted").encode


class CaseWriter:
    """Writes cases under one rulebook. What depends on the rulebook alone is looked up once."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._types = {
            name: {field.name: show for field in kind.fields.values() if (show := shower(field)) is not None}
            for name, kind in rulebook.types.items()
        }

    def encode(self, case: CaseFile) -> bytes:
        """Return the case as canonical JSON (RFC 8785); a grading carries its SHA-256 as `case`."""
        return _canonical(
            {
                "producer": producer_view(self._rulebook, case.producer),
                "as_of": day_text(case.as_of),
                "known_at": case.known_at,
                "facts": [self._fact(fact) for fact in case.facts],
            }
        )

    def _fact(self, fact: Fact) -> dict[str, Any]:
        return {
            "id": fact.id,
            "type": fact.type,
            "fields": shown(self._types[fact.type], fact.values),
            "status": fact.status,
            "sources": fact.sources,
            "recorded_at": fact.recorded_at,
        }
