"""The decision as JSON: dates as ISO text, decimals as text, one canonical order, one hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from engine.case import CaseFile
from engine.casedocument import CaseWriter
from engine.grading import Atom, Condition, Deduction, Finding, Grading, Limit, MeasureValue, Verdict
from engine.values import Show, day_text, decimal_text, shower, shown
from knowledge.rulebook import Field, Measure, Rulebook
from knowledge.rules import Rule, Text, Value

_canonical: Final = msgspec.json.Encoder(order="sorted").encode
_PLACES: Final = {"whole": 0, "tenths": 1, "hundredths": 2}
_PASSING: Final = frozenset(("as_of", "known_at", "case", "facts", "measures", "next_change_on"))
"""What differs between two gradings of the same outcome."""


def digest(document: bytes) -> str:
    """Return the SHA-256 by which a canonical document is addressed, as 64 hex digits."""
    return hashlib.sha256(document).hexdigest()


def outcome_digest(grading: Mapping[str, object]) -> str:
    """Return the SHA-256 of what a grading's document says, days, case and measures left aside."""
    return digest(_canonical({name: part for name, part in grading.items() if name not in _PASSING}))


class Written(msgspec.Struct, frozen=True):
    """A grading's canonical document, its SHA-256, and those of its outcome and its case.

    Two gradings with one outcome differ in days, case and measures alone: the same rules fired with the same readings.
    """

    document: bytes
    hash: str
    outcome: str
    case: str


class DocumentWriter:
    """Writes gradings under one rulebook. What depends on the rulebook alone is looked up once."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook, self._cases = rulebook, CaseWriter(rulebook)
        self._places = _PLACES[rulebook.scoring.unit]
        self._bands = {band.grade: band for band in rulebook.bands}
        self._measures = {name: shower(_measure_field(one)) for name, one in rulebook.measures.items()}
        self._types = {
            name: {field.name: show for field in kind.fields.values() if (show := shower(field)) is not None}
            for name, kind in rulebook.types.items()
        }
        self._readings = {rule.id: self._shown_readings(rule) for rule in rulebook.rules}
        self._laws = {rule.id: list(rule.law) for rule in rulebook.rules}

    def document(self, grading: Grading) -> dict[str, Any]:
        """Return the decision with its trail. `verdicts` says of each rule only what became of it."""
        band = self._bands[grading.grade]
        score = grading.score
        lost = {one.id: self._points(one.points) for one in grading.standards}
        lost_not_gained = self._rulebook.scoring.direction == "lost"
        return {
            "producer": grading.producer,
            "as_of": day_text(grading.as_of),
            "known_at": grading.known_at,
            "rulebook": {
                "id": grading.rulebook_id,
                "version": grading.rulebook_version,
                "sha256": grading.rulebook_sha256,
                "status": self._rulebook.status,
            },
            "grade": grading.grade,
            "score": self._points(score.value),
            "score_grade": grading.score_grade,
            "colour": band.colour,
            "points": {
                "counted": self._points(score.points),
                "applicable": self._points(score.applicable),
                "total": self._points(score.total),
            },
            "points_lost": lost if lost_not_gained else {},
            "points_gained": {} if lost_not_gained else lost,
            "indicators": [
                {"id": one.id, "maximum": self._points(one.maximum), "points": self._points(one.points)}
                for one in grading.indicators
            ],
            "standards": [
                {
                    "id": one.id,
                    "maximum": self._points(one.maximum),
                    "asked": self._points(one.asked),
                    "points": self._points(one.points),
                    "applies": one.applies,
                }
                for one in grading.standards
            ],
            "measures": [self._measure(one) for one in grading.measures],
            "deductions": [self._deduction(one) for one in grading.deductions],
            "verdicts": [{"rule": one.rule, "status": one.status} for one in grading.outcomes],
            "findings": [self._finding(one) for one in grading.findings],
            "consequences": [self._finding(one) for one in grading.consequences],
            "ceilings": [_limit(one) for one in grading.ceilings],
            "vetoes": [_limit(one) for one in grading.vetoes],
            "statuses": grading.statuses,
            "remedies": [
                {
                    "id": one.id,
                    "standards": {name: self._points(points) for name, points in one.standards.items()},
                    "points": self._points(one.points),
                    "deductions": one.deductions,
                }
                for one in grading.remedies
            ],
            "next_change_on": None if grading.next_change_on is None else day_text(grading.next_change_on),
            "facts": grading.facts,
        }

    def write(self, case: CaseFile, grading: Grading) -> Written:
        """Return the decision as canonical JSON (RFC 8785), with the digest of the case that it was made from."""
        told = digest(self._cases.encode(case))
        document = self.document(grading) | {"case": told}
        encoded = _canonical(document)
        return Written(encoded, digest(encoded), outcome_digest(document), told)

    def full(self, case: CaseFile, grading: Grading, verdicts: Sequence[Verdict]) -> dict[str, Any]:
        """Return the decision with every rule's verdict in full, its hash, and the rulebook's notice."""
        document = self.document(grading) | {"case": digest(self._cases.encode(case))}
        name = digest(_canonical(document))
        return document | {"verdicts": self.verdicts(verdicts), "hash": name, "notice": notice(self._rulebook)}

    def verdicts(self, verdicts: Iterable[Verdict]) -> list[dict[str, Any]]:
        """Return what became of each rule, with every condition's observed value and threshold."""
        return [
            {
                "rule": one.rule,
                "kind": one.kind,
                "target": one.target,
                "status": one.status,
                "fired": one.fired,
                "reason": one.reason,
                "conditions": [self._condition(condition) for condition in one.conditions],
            }
            for one in verdicts
        ]

    def _points(self, points: int) -> int | str:
        return points if not self._places else decimal_text(points, self._places)

    def _deduction(self, one: Deduction) -> dict[str, Any]:
        shown = self._readings[one.rule]
        return {
            "id": one.id,
            "rule": one.rule,
            "kind": one.kind,
            "target": one.target,
            "key": one.key,
            "premises": one.premises,
            "readings": [
                {"name": reading.name, "value": _shown(shown.get(reading.name), reading.value)}
                if reading.group is None
                else {
                    "name": reading.name,
                    "value": _shown(shown.get(reading.name), reading.value),
                    "group": reading.group,
                }
                for reading in one.readings
            ],
            "concludes": one.concludes,
            "points": self._points(one.points),
            "counted": self._points(one.counted),
            "grade": one.grade,
            "law": self._laws[one.rule],
            "until": None if one.until is None else day_text(one.until),
        }

    def _measure(self, one: MeasureValue) -> dict[str, Any]:
        document = {
            "name": one.name,
            "value": _shown(self._measures[one.name], one.value),
            "of": one.of,
            "facts": one.facts,
        }
        return document if one.group is None else document | {"group": one.group}

    def _finding(self, one: Finding) -> dict[str, Any]:
        return {"id": one.id, "type": one.type, "values": shown(self._types[one.type], one.values)}

    def _condition(self, one: Condition) -> dict[str, Any]:
        fields = self._rulebook.types[one.searched].fields if one.searched is not None else {}
        return {
            "label": one.label,
            "holds": one.holds,
            "atoms": [self._atom(atom, fields) for atom in one.atoms],
            "searched": one.searched,
            "looked_at": one.looked_at,
            "window": None if one.window is None else [day_text(one.window[0]), day_text(one.window[1])],
            "facts": one.facts,
            "near": one.near,
            "alternatives": [[self._condition(part) for part in way] for way in one.alternatives],
        }

    def _atom(self, one: Atom, fields: Mapping[str, Field]) -> dict[str, Any]:
        field = self._field(one.name, fields)
        show = None if field is None else shower(field)
        margin = one.margin
        if margin is not None and field is not None and field.type in ("decimal", "share"):
            margin = show(margin) if show is not None else margin
        threshold = one.threshold
        return {
            "name": one.name,
            "op": one.op,
            "holds": one.holds,
            "observed": _shown(show, one.observed),
            "threshold": [_shown(show, part) for part in threshold]
            if isinstance(threshold, tuple)
            else _shown(show, threshold),
            "margin": margin,
            "unit": one.unit,
        }

    def _field(self, name: str, fields: Mapping[str, Field]) -> Field | None:
        """Return what a value compared in a verdict is: a field, a measure, a producer's attribute, or as_of."""
        if name in fields:
            return fields[name]
        if name in self._rulebook.measures:
            return _measure_field(self._rulebook.measures[name])
        if name == "as_of":
            return Field(name, "date", Text(name))
        return self._rulebook.attributes.get(name.removeprefix("producer."))

    def _shown_readings(self, rule: Rule) -> dict[str, Show]:
        shown = {name: show for name, show in self._measures.items() if show is not None}
        for pattern in rule.for_each:
            for name, show in self._types[pattern.type].items():
                shown[f"{pattern.alias}.{name}"] = show
        return shown


def presented(document: bytes, grading_hash: str, rulebook: Rulebook | None) -> bytes:
    """Return a grading's canonical document with its hash and its rulebook's notice (null without a rulebook)."""
    words = None if rulebook is None else notice(rulebook)
    return document[:-1] + b"," + _canonical({"hash": grading_hash, "notice": words})[1:]


def notice(rulebook: Rulebook) -> dict[str, str] | None:
    """Return what readers must know of the rulebook's standing, by language."""
    text = rulebook.notice
    return None if text is None else {"zh": text.zh, "en": text.in_language("en")}


def _measure_field(measure: Measure) -> Field:
    return Field(measure.name, measure.type, measure.label, places=measure.places, unit=measure.unit)


def _shown(show: Show | None, value: Value | None) -> Any:
    return value if show is None or value is None else show(value)


def _limit(one: Limit) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "grade": one.grade,
        "deductions": one.deductions,
        "decisive": one.decisive,
    }
