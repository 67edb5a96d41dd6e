"""From what people and systems send to a case: every value checked against the rulebook, every problem named."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec

from engine.case import MOST_FACTS, CaseFile, Fact, Producer, Source
from engine.jsontext import parse, shown
from engine.values import LONGEST, Misfit, Read, plain, read_text, reader
from knowledge.problems import CaseRefused, LimitExceeded, Problem, nearest
from knowledge.rulebook import FactType, Field, Rulebook
from knowledge.rules import Value

_FACT_KEYS: Final = ("type", "fields", "source", "recorded_at", "status")
_PRODUCER_KEYS: Final = ("id", "kind", "region", "attributes")
_canonical: Final = msgspec.json.Encoder(order="sorted").encode
_plain: Final = msgspec.json.Decoder().decode


class CaseReader:
    """Reads producers and facts in the words of one rulebook.

    Each method either returns what was read or raises with all problems of the document; places are JSON pointers.
    """

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._types = {name: _TypeReader(kind) for name, kind in rulebook.types.items() if kind.origin == "fact"}
        self._attributes = {name: (field, reader(field)) for name, field in rulebook.attributes.items()}
        self._default_status = next((s.name for s in rulebook.fact_statuses.values() if s.counts), "")

    def case(self, data: bytes, *, as_of: int, today: int | None = None, known_at: str | None = None) -> CaseFile:
        """Return the case that a case file tells.

        `as_of` and `today` are ordinals; where `today` is given, facts of later days (than both) are refused.
        `known_at` is RFC 3339 with offset: facts recorded after it are left out.

        Raises:
            JsonRefused: it isn't JSON.
            CaseRefused: something in it doesn't fit the rulebook.
            LimitExceeded: more than 5,000 facts.
        """
        producer, facts = self.told(data, last=None if today is None else max(today, as_of))
        known = None if known_at is None else instant(known_at)
        return CaseFile(producer, merge(facts, known), as_of, known)

    def told(self, data: bytes, *, last: int | None = None) -> tuple[Producer, list[Fact]]:
        """Return the producer and the unmerged facts of a case file; facts of days after `last` are refused.

        Raises:
            JsonRefused, CaseRefused, LimitExceeded: as `case`.
        """
        notes = _Notes()
        document = notes.object(parse(data), "", ("producer", "facts"))
        written = document.get("producer")
        producer = None
        if written is None:
            notes.add("/producer", "shape.missing_key", "`producer` is missing")
        else:
            producer = self._producer(notes, written, "/producer", None)
        facts = self._facts(notes, document, last)
        notes.raise_any("the case is refused")
        assert producer is not None
        return producer, facts

    def producer(self, data: bytes, producer_id: str | None = None) -> Producer:
        """Return the producer that a JSON object tells; where `producer_id` is given, no other id may stand in it.

        Raises:
            JsonRefused: it isn't JSON.
            CaseRefused: something in it doesn't fit the rulebook.
        """
        notes = _Notes()
        producer = self._producer(notes, parse(data), "", producer_id)
        notes.raise_any("the producer is refused")
        assert producer is not None
        return producer

    def facts(self, data: bytes, *, today: int) -> tuple[Fact, ...]:
        """Return the facts of `{"facts": […]}` as they were given, unmerged.

        Raises:
            JsonRefused: it isn't JSON.
            CaseRefused: something in it doesn't fit the rulebook, or lies after `today` (an ordinal).
            LimitExceeded: more than 5,000 facts.
        """
        notes = _Notes()
        facts = self._facts(notes, notes.object(parse(data), "", ("facts",)), today)
        notes.raise_any("the facts are refused")
        return tuple(facts)

    def report(self, document: Any, *, today: int) -> tuple[str, Fact]:
        """Return a producer's id and a fact about it, told in one object: the keys of a fact and `producer`.

        Raises:
            CaseRefused: something in it doesn't fit the rulebook, or lies after `today` (an ordinal).
        """
        notes = _Notes()
        told = dict(document) if isinstance(document, dict) else document
        name = notes.text(told.pop("producer", None), "/producer", "producer") if isinstance(told, dict) else ""
        fact = self._fact(notes, told, "", today)
        notes.raise_any("the report is refused")
        assert fact is not None
        return name, fact

    def stored(self, documents: Iterable[bytes]) -> list[Fact]:
        """Return facts from documents that `fact_document` wrote.

        Raises:
            CaseRefused: one doesn't fit this rulebook; its place is its number among the documents.
        """
        notes = _Notes()
        facts = []
        for number, document in enumerate(documents):
            fact = self._fact(notes, _plain(document), f"/{number}", None)
            if fact is not None:
                facts.append(fact)
        notes.raise_any("stored facts don't fit the rulebook")
        return facts

    def _producer(self, notes: _Notes, data: Any, at: str, named: str | None) -> Producer | None:
        before = len(notes.problems)
        written = notes.object(data, at, _PRODUCER_KEYS)
        name = notes.text(written.get("id", named), f"{at}/id", "id")
        if named is not None and name not in (named, ""):
            notes.add(f"{at}/id", "producer.other", "the id is not that of the address", given=name, expected=named)
        kind = notes.text(written.get("kind"), f"{at}/kind", "kind")
        if kind and kind not in self._rulebook.kinds:
            notes.unknown(f"{at}/kind", "kind of producer", kind, self._rulebook.kinds)
        region = written.get("region")
        region = "" if region in (None, "") else notes.text(region, f"{at}/region", "region")
        values = _values(notes, written.get("attributes", {}), f"{at}/attributes", self._attributes, "attribute")
        return Producer(name, kind, region, values) if len(notes.problems) == before else None

    def _facts(self, notes: _Notes, document: Mapping[str, Any], last: int | None) -> list[Fact]:
        written = document.get("facts")
        if not isinstance(written, list):
            if document or not notes.problems:
                notes.add(
                    "/facts", "type.mismatch", "`facts` must be a list", given=written, expected="a list of facts"
                )
            return []
        if len(written) > MOST_FACTS:
            raise LimitExceeded("limit.facts", f"{len(written)} facts; at most {MOST_FACTS} for one producer")
        read = (self._fact(notes, data, f"/facts/{place}", last) for place, data in enumerate(written))
        return [fact for fact in read if fact is not None]

    def _fact(self, notes: _Notes, data: Any, at: str, last: int | None) -> Fact | None:
        before = len(notes.problems)
        written = notes.object(data, at, _FACT_KEYS)
        if not written:
            if len(notes.problems) == before:
                notes.add(f"{at}/type", "shape.missing_key", "`type` is missing")
            return None
        name = notes.text(written.get("type"), f"{at}/type", "type")
        kind = self._types.get(name)
        status = written.get("status", self._default_status)
        if not isinstance(status, str) or status not in self._rulebook.fact_statuses:
            notes.unknown(f"{at}/status", "status", status, self._rulebook.fact_statuses)
        recorded_at = _recorded(notes, written.get("recorded_at"), f"{at}/recorded_at", last)
        if kind is None:
            if name:
                notes.unknown(f"{at}/type", "fact type", name, self._types)
            return None
        values = _values(notes, written.get("fields", {}), f"{at}/fields", kind.fields, "field")
        source = _source(notes, written.get("source"), f"{at}/source", kind.system)
        day = values.get(kind.dated) if kind.dated is not None else None
        if last is not None and day is not None and int(day) > last:
            notes.future(f"{at}/fields/{kind.dated}", date.fromordinal(int(day)).isoformat(), last)
        if len(notes.problems) > before:
            return None
        return Fact(kind.identify(values), name, values, status, source, recorded_at)


class _TypeReader:
    """What reading one fact type needs, looked up once."""

    __slots__ = ("_key", "_name", "dated", "fields", "system")

    def __init__(self, kind: FactType) -> None:
        self._name, self._key = kind.name, kind.same_when
        self.dated, self.system = kind.dated, kind.source_system
        self.fields = {name: (field, reader(field)) for name, field in kind.fields.items()}

    def identify(self, values: dict[str, Value]) -> str:
        """Return the fact's id: the same for every report of the same thing."""
        return _identify(self._name, self._key, values)


def fact_id(kind: FactType, values: Mapping[str, Value]) -> str:
    """Return the id of a fact of this type: the same for every report of the same thing."""
    return _identify(kind.name, kind.same_when, values)


def _identify(name: str, same_when: Iterable[str], values: Mapping[str, Value]) -> str:
    key = {field: values[field] for field in same_when if field in values} if same_when else values
    return "F-" + hashlib.sha256(_canonical([name, key])).hexdigest()[:16]


def merge(facts: Iterable[Fact], known_at: str | None = None) -> tuple[Fact, ...]:
    """Return the facts with all reports of one thing as one fact, sorted by (type, id).

    The report recorded last wins; all sources stay. Reports recorded after `known_at` (as `instant` gives it)
    are left out. The order in which the facts are given never matters.
    """
    merged: dict[str, Fact] = {}
    again: dict[str, list[Fact]] = {}
    for fact in facts:
        if known_at is not None and fact.recorded_at is not None and fact.recorded_at > known_at:
            continue
        if merged.setdefault(fact.id, fact) is not fact:
            again.setdefault(fact.id, [merged[fact.id]]).append(fact)
    for name, reports in again.items():
        latest = max(reports, key=_recency)
        sources = tuple(sorted({source for report in reports for source in report.sources}))
        merged[name] = msgspec.structs.replace(latest, sources=sources)
    return tuple(sorted(merged.values(), key=lambda fact: (fact.type, fact.id)))


def _recency(fact: Fact) -> tuple[str, str, bytes]:
    return fact.recorded_at or "", fact.status, _canonical(fact.values)


def fact_document(rulebook: Rulebook, fact: Fact) -> bytes:
    """Return one unmerged fact as canonical JSON in the words of a case file."""
    fields = rulebook.types[fact.type].fields
    document: dict[str, Any] = {
        "type": fact.type,
        "fields": {name: plain(fields[name], value) for name, value in fact.values.items()},
        "status": fact.status,
    }
    if fact.sources:
        document["source"] = {"system": fact.sources[0].system, "ref": fact.sources[0].ref}
    if fact.recorded_at is not None:
        document["recorded_at"] = fact.recorded_at
    return _canonical(document)


def producer_view(rulebook: Rulebook, producer: Producer) -> dict[str, Any]:
    """Return a producer in the words of a case file."""
    attributes = {name: plain(rulebook.attributes[name], value) for name, value in producer.attributes.items()}
    return {"id": producer.id, "kind": producer.kind, "region": producer.region, "attributes": attributes}


def producer_document(rulebook: Rulebook, producer: Producer) -> bytes:
    """Return a producer as canonical JSON in the words of a case file."""
    return _canonical(producer_view(rulebook, producer))


def instant(text: str) -> str:
    """Return an RFC 3339 instant in UTC with microseconds, so that instants compare as text.

    >>> instant("2026-03-03T08:00:00+08:00")
    '2026-03-03T00:00:00.000000Z'

    Raises:
        CaseRefused: it isn't one, or has no offset.
    """
    moment = _moment(text)
    if moment is None:
        expected = "an instant with offset such as 2026-03-03T08:00:00+08:00"
        problem = Problem("", "type.mismatch", f"`{shown(text)}` is no instant", shown(text), expected)
        raise CaseRefused("an instant can't be read", problems=(problem,))
    return _utc(moment)


def _moment(text: object) -> datetime | None:
    try:
        if isinstance(text, str) and text.isascii() and 20 <= len(text) <= 40 and text[10] in "Tt":
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo is not None else None
    except ValueError:
        pass
    return None


def _utc(moment: datetime) -> str:
    try:
        return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    except OverflowError:  # the first or last day there is
        return moment.replace(tzinfo=UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class _Notes:
    """The problems of one document."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(
        self,
        at: str,
        code: str,
        message: str,
        *,
        given: Any = None,
        expected: str | None = None,
        help: str | None = None,
    ) -> None:
        self.problems.append(Problem(at, code, message, None if given is None else shown(given), expected, help))

    def unknown(self, at: str, what: str, name: Any, known: Iterable[str]) -> None:
        known = list(known)
        near = nearest(name, known) if isinstance(name, str) else None
        help = f"did you mean `{near}`?" if near else "known: " + ", ".join(known[:12])
        self.add(at, "name.unknown", f"unknown {what} `{shown(name)}`", given=name, help=help)

    def future(self, at: str, given: str, last: int) -> None:
        expected = f"no later than {date.fromordinal(last).isoformat()}"
        self.add(at, "fact.future", f"`{given}` lies in the future", given=given, expected=expected)

    def object(self, data: Any, at: str, keys: Iterable[str]) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.add(at, "type.mismatch", "must be an object", given=data, expected="an object")
            return {}
        for key in data:
            if key not in keys:
                near = nearest(key, keys)
                help = f"did you mean `{near}`?" if near else "known: " + ", ".join(keys)
                self.add(
                    f"{at}/{_pointer(key)}", "shape.unknown_key", f"unknown key `{shown(key)}`", given=key, help=help
                )
        return data

    def text(self, data: Any, at: str, name: str) -> str:
        """Return a text of 1 to 200 characters; notes the problem and returns "" where it is none."""
        if data is None:
            self.add(at, "shape.missing_key", f"`{name}` is missing")
            return ""
        try:
            return str(read_text(data, LONGEST))
        except Misfit as misfit:
            self.add(at, misfit.code, f"`{name}` can't be `{shown(data)}`", given=data, expected=misfit.expected)
            return ""

    def raise_any(self, message: str) -> None:
        if self.problems:
            raise CaseRefused(message, problems=tuple(self.problems))


def _pointer(key: str) -> str:
    return shown(key.replace("~", "~0").replace("/", "~1"))


def _values(notes: _Notes, data: Any, at: str, fields: Mapping[str, tuple[Field, Read]], what: str) -> dict[str, Value]:
    values: dict[str, Value] = {}
    if not isinstance(data, dict):
        notes.add(at, "type.mismatch", f"`{what}s` must be an object", given=data, expected="an object")
        return values
    for name, written in data.items():
        known = fields.get(name)
        if known is None:
            notes.unknown(f"{at}/{_pointer(name)}", what, name, fields)
        elif written is not None:
            try:
                values[name] = known[1](written)
            except Misfit as misfit:
                notes.add(
                    f"{at}/{name}", misfit.code, f"`{name}` can't be `{shown(written)}`",
                    given=written, expected=misfit.expected, help=misfit.help,
                )  # fmt: skip
    for name, (field, _) in fields.items():
        if not field.optional and name not in values and data.get(name) is None:
            notes.add(f"{at}/{name}", "shape.missing_key", f"`{name}` is missing", expected=field.type)
    return values


def _source(notes: _Notes, data: Any, at: str, system: str | None) -> tuple[Source, ...]:
    if data is None:
        return () if system is None else (Source(system),)
    written = notes.object(data, at, ("system", "ref"))
    if not isinstance(data, dict):
        return ()
    name = notes.text(written.get("system"), f"{at}/system", "system")
    reference = written.get("ref")
    return (Source(name, notes.text(reference, f"{at}/ref", "ref") if reference not in (None, "") else ""),)


def _recorded(notes: _Notes, data: Any, at: str, last: int | None) -> str | None:
    if data is None:
        return None
    moment = _moment(data)
    if moment is None:
        expected = "an instant with offset such as 2026-03-03T08:00:00+08:00"
        notes.add(at, "type.mismatch", f"`{shown(data)}` is no instant", given=data, expected=expected)
        return None
    if last is not None and moment.toordinal() > last:
        notes.future(at, str(data), last)
    return _utc(moment)
