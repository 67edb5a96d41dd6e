"""Asks a rulebook that was made from DMN tables what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import msgspec

from engine.evaluate import Evaluator
from engine.reading import CaseReader
from knowledge.rulebook import Field, Rulebook

DAY = date(2026, 6, 1)


class Answers:
    """Grades cases under a rulebook, and reads the answers from its findings."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._evaluator, self._reader = Evaluator(rulebook), CaseReader(rulebook)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._evaluator.close()

    def of(self, inputs: Mapping[str, Any]) -> dict[str, list[tuple[int, tuple[Any, ...]]]]:
        """Return each decision's answers as row (0 where there is one answer alone) and values."""
        by_label = {field.label.zh: field for field in self._rulebook.attributes.values()}
        attributes = {by_label[name].name: _given(by_label[name], value) for name, value in inputs.items()}
        producer = {"id": "P", "kind": "subject", "region": "330110", "attributes": attributes}
        document = msgspec.json.encode({"producer": producer, "facts": []})
        grading = self._evaluator.grade(self._reader.case(document, as_of=DAY.toordinal()))
        found: dict[str, list[tuple[int, tuple[Any, ...]]]] = {}
        for kind in self._rulebook.types.values():
            if kind.origin == "finding" and not kind.name.endswith("_row") and kind.name != "given":
                names = [name for name in kind.fields if name not in ("row", "rank")]
                rows = [one.values for one in grading.findings if one.type == kind.name]
                answers = [
                    (int(values.get("row", 0)), tuple(_read(kind.fields[name], values.get(name)) for name in names))
                    for values in sorted(rows, key=lambda one: one.get("rank", one.get("row", 0)))
                ]
                found[kind.label.zh] = answers
        return found


def _given(field: Field, value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return int(value) if field.type == "whole" else str(value)
    return value


def _read(field: Field, value: Any) -> Any:
    if value is None or field.type not in ("whole", "decimal"):
        return value
    return Decimal(value).scaleb(-field.places)
