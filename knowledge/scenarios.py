"""Cases that must come out as written, kept beside the rules they try."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from knowledge.binding import Misfit, day
from knowledge.problems import Problem, RulebookRefused, nearest
from knowledge.rulebook import FactType, Field, Rulebook
from knowledge.shape import check_shape, model_of
from knowledge.source import Document, read_document

_FACT_KEYS = ("status", "recorded_at", "source", "times")
_MOST_TIMES = 1_000
"""How often one line of a scenario may repeat its fact."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One case with what is expected of it. `case` has the shape of a case file."""

    name: str
    place: str
    as_of: str
    known_at: str | None
    case: dict[str, Any]
    expect: Mapping[str, Any]


@dataclass(slots=True)
class _Draft:
    name: str
    place: str
    as_of: Any = None
    known_at: Any = None
    producer: dict[str, Any] = field(default_factory=dict)
    facts: list[Any] = field(default_factory=list)
    expect: dict[str, Any] = field(default_factory=dict)


def load_scenarios(folder: Path, rulebook: Rulebook) -> tuple[Scenario, ...]:
    """Return a rulebook's scenarios with their cases spread out, in the order of files and lines.

    Raises:
        RulebookRefused: something is wrong with them.
    """
    problems: list[Problem] = []
    names = sorted(path.relative_to(folder).as_posix() for path in (folder / "scenarios").rglob("*.yaml"))
    documents = {name: read_document(name, (folder / name).read_bytes(), problems) for name in names}
    for document in documents.values():
        model = model_of(document, None)
        problems += [problem for _, problem in check_shape(document, model) if problem is not None] if model else []
    scenarios = tuple(_scenarios(rulebook, documents, problems, set())) if not problems else ()
    if problems:
        raise RulebookRefused(
            f"the scenarios have {len(problems)} problems; the first: {problems[0].as_text()}",
            problems=tuple(problems),
        )
    return scenarios


def check_scenarios(rulebook: Rulebook, documents: Mapping[str, Document]) -> list[Problem]:
    """Return what the scenarios, whose shape is right, name wrongly, and the rules that no scenario mentions."""
    problems: list[Problem] = []
    meant: set[str] = set()
    chosen = {name: document for name, document in documents.items() if name.startswith("scenarios/")}
    scenarios = list(_scenarios(rulebook, chosen, problems, meant))
    head = documents["rulebook.yaml"].data
    require = head.get("require") if isinstance(head, dict) else None
    if isinstance(require, dict) and require.get("scenario") in ("no", False):
        return problems
    mentioned = {str(name) for scenario in scenarios for name in _mentioned(scenario.expect)} | meant
    untried = [rule for rule in rulebook.rules if rule.id not in mentioned and rule.target not in mentioned]
    hint = "name it under `expect` in a scenario"
    problems += [
        Problem(rule.source, "rule.without_scenario", f"no scenario tries rule `{rule.id}`", rule.id, help=hint)
        for rule in untried
    ]
    return problems


def _mentioned(expect: Mapping[str, Any]) -> Iterator[str]:
    for value in expect.values():
        if isinstance(value, dict | list):
            yield from (str(name) for name in value)


def _scenarios(
    rulebook: Rulebook, documents: Mapping[str, Document], problems: list[Problem], meant: set[str]
) -> Iterator[Scenario]:
    """Yield the scenarios; names near those that name nothing are added to `meant`."""
    for document in documents.values():
        data: Any = document.data
        if isinstance(data, list):
            yield from _Reader(rulebook, document, problems, meant, {}, {}).read(data, ())
        elif isinstance(data, dict):
            defaults, givens = data.get("defaults") or {}, data.get("givens") or {}
            reader = _Reader(rulebook, document, problems, meant, defaults, givens)
            reader.check_shared()
            yield from reader.read(data.get("scenarios") or [], ("scenarios",))


class _Reader:
    def __init__(
        self,
        rulebook: Rulebook,
        document: Document,
        problems: list[Problem],
        meant: set[str],
        defaults: Mapping[str, Any],
        givens: Mapping[str, Any],
    ) -> None:
        self._rulebook, self._document, self._problems, self._meant = rulebook, document, problems, meant
        self._defaults, self._givens = defaults, givens
        self._kinds = {name: kind for name, kind in rulebook.types.items() if kind.origin == "fact"}

    def check_shared(self) -> None:
        """Note unknown names in defaults and givens, also where no scenario uses these."""
        for name, fields in self._defaults.items():
            self._check_fact(name, fields, ("defaults", name), ("defaults", name))
        for name, given in self._givens.items():
            self._override(_Draft(name, ""), given, ("givens", name))

    def read(self, data: Any, path: tuple[Any, ...]) -> Iterator[Scenario]:
        for place, written in enumerate(data):
            at = (*path, place)
            draft = self._start(written, at)
            cases = written.get("cases") or {}
            if draft.expect or not cases:
                yield from self._finish(draft)
            for name, case in cases.items():
                here = (*at, "cases", name)
                own = replace(
                    draft,
                    name=f"{draft.name}: {name}",
                    place=self._document.place(here),
                    producer=dict(draft.producer),
                    facts=list(draft.facts),
                    expect={},
                )
                self._override(own, case, here)
                yield from self._finish(own)

    def _check_producer(self, producer: Mapping[str, Any], at: tuple[Any, ...]) -> None:
        attributes = self._rulebook.attributes
        for name in producer:
            if name not in ("id", "kind", "region", *attributes):
                self._unknown((*at, name), f"unknown attribute `{name}`", name, ["kind", "region", *attributes])
        kind = producer.get("kind")
        if kind is not None and str(kind) not in self._rulebook.kinds:
            self._unknown((*at, "kind"), f"unknown kind of producer `{kind}`", kind, self._rulebook.kinds)

    def _check_fact(self, name: str, fields: Mapping[str, Any], at: tuple[Any, ...], within: tuple[Any, ...]) -> None:
        kind = self._kinds.get(name)
        if kind is None:
            self._unknown(at, f"unknown type of fact `{name}`", name, self._kinds)
            return
        for key in fields:
            if key not in kind.fields:
                self._unknown((*within, key), f"unknown field `{key}` of `{name}`", key, kind.fields)

    def _start(self, written: dict[str, Any], at: tuple[Any, ...]) -> _Draft:
        draft = _Draft(str(written["name"]), self._document.place(at))
        given = written.get("given")
        if given is not None:
            if given in self._givens:
                self._override(draft, self._givens[given], ("givens", given))
            else:
                self._unknown((*at, "given"), f"unknown given `{given}`", given, self._givens)
        self._override(draft, written, at, adds=given is not None)
        return draft

    def _override(self, draft: _Draft, data: Mapping[str, Any], at: tuple[Any, ...], *, adds: bool = False) -> None:
        draft.as_of = data.get("as_of", draft.as_of)
        draft.known_at = data.get("known_at", draft.known_at)
        draft.producer |= data.get("producer") or {}
        right = not any("error" in (one.get("expect") or {}) for one in (data, *(data.get("cases") or {}).values()))
        if right:
            self._check_producer(data.get("producer") or {}, (*at, "producer"))
        if "facts" in data:
            facts = self._facts(data["facts"] or [], (*at, "facts"), right=right)
            draft.facts = [*draft.facts, *facts] if adds else facts
        draft.facts = [*draft.facts, *self._facts(data.get("and_facts") or [], (*at, "and_facts"), right=right)]
        if "expect" in data:
            draft.expect = dict(data["expect"] or {})
            self._rules_named(draft.expect, (*at, "expect"))

    def _rules_named(self, expect: Mapping[str, Any], at: tuple[Any, ...]) -> None:
        rulebook = self._rulebook
        targets = (rulebook.standards, rulebook.types, rulebook.ceilings, rulebook.vetoes, rulebook.producer_statuses)
        rules = {rule.id for rule in rulebook.rules}.union(*targets)
        known: dict[str, Any] = {
            "points_lost": rulebook.standards, "points": rulebook.standards,
            "findings": self._of_origin("finding"), "consequences": self._of_origin("consequence"),
            "fired": rules, "law": rules, "not_fired": rules, "unknown": rules, "not_applicable": rules,
            "ceilings": {*rulebook.ceilings, *rulebook.indicators}, "vetoes": rulebook.vetoes,
            "statuses": rulebook.producer_statuses, "remedies": rulebook.remedies, "measures": rulebook.measures,
        }  # fmt: skip
        for key, names in known.items():
            value = expect.get(key)
            for place, name in enumerate(value) if isinstance(value, dict | list) else ():
                if str(name) not in names:
                    here = (*at, key, name if isinstance(value, dict) else place)
                    self._unknown(here, f"`{name}` under `{key}` names nothing", name, names)
        grades = [band.grade for band in rulebook.bands]
        for key in ("grade", "score_grade"):
            if key in expect and str(expect[key]) not in grades:
                self._unknown((*at, key), f"unknown grade `{expect[key]}`", expect[key], grades)

    def _of_origin(self, origin: str) -> set[str]:
        return {kind.name for kind in self._rulebook.types.values() if kind.origin == origin}

    def _facts(self, data: Any, at: tuple[Any, ...], *, right: bool) -> list[Any]:
        """Return facts as a case file has them; where they are meant to be right, unknown names are noted."""
        facts = []
        for place, written in enumerate(data):
            names = [name for name in written if name not in _FACT_KEYS]
            if len(names) != 1 or not isinstance(written[names[0]] or {}, dict):
                given = ", ".join(names) or "nothing"
                self._add((*at, place), "scenario.fact", "a fact is one type with its fields", given, "`<type>: {…}`")
                continue
            if right:
                within = (*at, place, names[0])
                self._check_fact(names[0], written[names[0]] or {}, within, within)
            kind = self._rulebook.types.get(names[0])
            fields = (self._defaults.get(names[0]) or {}) | (written[names[0]] or {})
            shapes = kind.fields if kind is not None else {}
            fact = {
                "type": names[0],
                "fields": {name: _json(shapes.get(name), v) for name, v in fields.items() if v is not None},
            }
            fact |= {key: written[key] for key in _FACT_KEYS if key in written}
            facts += self._repeated(kind, fact, (*at, place)) if "times" in fact else [fact]
        return facts

    def _repeated(self, kind: FactType | None, fact: dict[str, Any], at: tuple[Any, ...]) -> list[dict[str, Any]]:
        """Return a fact as often as it says, told apart by a number after the first text of what tells facts apart."""
        times = fact.pop("times")
        same = [] if kind is None else [name for name in kind.same_when if kind.fields[name].type == "text"]
        if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= _MOST_TIMES:
            expected = f"a whole number from 1 to {_MOST_TIMES}"
            message = "`times` says how often there is such a fact"
            self._add((*at, "times"), "scenario.times", message, str(times), expected)
        elif kind is not None and not same:
            line = "write the facts out, or give the type a text under `same_when`"
            message = f"nothing tells one `{kind.name}` from another, so they would be one fact"
            self._add((*at, "times"), "scenario.times", message, str(times), None, line)
        else:
            fields = fact["fields"]
            begin = f"{fields[same[0]]}-" if same and same[0] in fields else ""
            return [
                fact | {"fields": fields | ({same[0]: f"{begin}{number}"} if same else {})}
                for number in range(1, times + 1)
            ]
        return [fact]

    def _finish(self, draft: _Draft) -> Iterator[Scenario]:
        try:
            day(draft.as_of)
        except Misfit as misfit:
            given = None if draft.as_of is None else str(draft.as_of)
            wrong = "no day it is graded on" if given is None else f"`{given}` for a day, which is no date"
            message, line = f"scenario `{draft.name}` has {wrong}", "write `as_of: …`"
            self._meant |= {str(name) for name in _mentioned(draft.expect)}
            self._problems.append(Problem(draft.place, "scenario.as_of", message, given, misfit.expected, line))
            return
        producer = dict(draft.producer)
        attributes = {
            k: _json(self._rulebook.attributes.get(k), v)
            for k, v in producer.items()
            if k not in ("id", "kind", "region")
        }
        case = {
            "producer": {
                "id": str(producer.get("id", "S-1")),
                "kind": producer.get("kind", next(iter(self._rulebook.kinds), "")),
                "region": str(producer.get("region", "330100")),
                "attributes": attributes,
            },
            "facts": draft.facts,
        }
        known_at = None if draft.known_at is None else str(draft.known_at)
        yield Scenario(draft.name, draft.place, str(draft.as_of), known_at, case, draft.expect)

    def _unknown(self, at: tuple[Any, ...], message: str, name: object, known: Iterable[str]) -> None:
        known = list(known)
        near = nearest(str(name), known)
        listed = ", ".join(known[:12]) + (" …" if len(known) > 12 else "")
        help_line = f"did you mean `{near}`?" if near else f"known: {listed}" if known else "none is declared"
        self._meant |= set() if near is None else {near}
        self._add(at, "name.unknown", message, str(name), None, help_line)

    def _add(
        self,
        at: tuple[Any, ...],
        code: str,
        message: str,
        given: str | None,
        expected: str | None,
        help: str | None = None,
    ) -> None:
        problem = Problem(self._document.place(at), code, message, given, expected, help)
        if problem not in self._problems:
            self._problems.append(problem)


def _json(shape: Field | None, value: Any) -> Any:
    """Return a written value as a case file has it: decimals as strings, yes/no as booleans."""
    if isinstance(value, Decimal):
        return str(value)
    if shape is None:
        return value
    if shape.type == "yes_no":
        return {"yes": True, "no": False}.get(value, value) if isinstance(value, str) else value
    if shape.type == "choice" and isinstance(value, bool):
        return "yes" if value else "no"
    if shape.type in ("decimal", "text", "choice", "date") and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value
