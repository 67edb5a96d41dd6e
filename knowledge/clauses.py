"""Patterns and clauses: how conditions are written, bound to their meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from knowledge.binding import Misfit, Scope, ValueBinder, duration, is_yes_no, yes
from knowledge.notes import Notes
from knowledge.problems import nearest
from knowledge.rulebook import FactType, Field
from knowledge.rules import (
    Absent,
    AnyOf,
    Clause,
    DateTest,
    Match,
    MeasureTest,
    Op,
    OutcomeTest,
    Pattern,
    ProducerTest,
    Ref,
    Test,
    Text,
    Window,
)
from knowledge.source import Path

DATE = Field("date", "date", Text("日期", "date"))
_PATTERN_KEYS = ("is", "where", "within", "on", "active")
_DATE_WORDS: Mapping[str, Op] = {"after": "gt", "from": "ge", "before": "lt", "up_to": "le"}
_OUTCOMES = ("grade", "score_grade", "veto", "ceiling", "status")
RESERVED = frozenset({"this", "producer", "as_of", "measure", "group", "points"})
CLAUSE_WORDS = (*_DATE_WORDS, *_OUTCOMES, "measure", "producer", "any", "all", "not", "points")
_ALIAS = re.compile(r"[a-z][a-z0-9_]{0,59}")
OPPOSITE: Mapping[Op, Op] = {
    "eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "le": "gt", "gt": "le",
    "in": "not_in", "not_in": "in", "present": "missing", "missing": "present",
}  # fmt: skip


class ClauseBinder:
    """Binds the conditions of one rulebook. `measures` gives each measure's value as a field."""

    def __init__(
        self,
        values: ValueBinder,
        types: Mapping[str, FactType],
        producer: Mapping[str, Field],
        measures: Mapping[str, Field],
        outcomes: Mapping[str, Sequence[str]],
    ) -> None:
        self._values, self._types, self._producer = values, types, producer
        self._measures, self._outcomes = measures, outcomes
        self.notes: Notes = values.notes

    def scope(self, for_each: Mapping[str, Any], when: Sequence[Any], path: Path) -> Scope:
        """Return every alias that a rule binds, at whatever depth; the same alias twice is a problem."""
        scope, taken = Scope(), set[str]()
        for alias, pattern in for_each.items():
            self._declare(scope, taken, alias, pattern, (*path, "for_each", alias))
        self._collect(when, (*path, "when"), scope, taken)
        return scope

    def _collect(self, clauses: Any, path: Path, scope: Scope, taken: set[str]) -> None:
        """Declare what clauses bind; `taken` are the aliases that may not be bound again beside them."""
        for at, clause in _parts(clauses, path):
            for key, value in clause.items() if isinstance(clause, dict) and "measure" not in clause else ():
                here = (*at, key)
                if key == "all":
                    self._collect(value, here, scope, taken)
                elif key == "any":
                    ways = [(place, way, set(taken)) for place, way in _parts(value, here)]
                    for place, way, inner in ways:
                        self._collect([way], place, scope, inner)
                    taken.update(*(inner for _, _, inner in ways))
                elif isinstance(value, dict) and key not in CLAUSE_WORDS and not key.startswith("no "):
                    self._declare(scope, taken, key, value, here)

    def _declare(self, scope: Scope, taken: set[str], alias: str, pattern: Any, path: Path) -> None:
        kind = self._types.get(str(pattern.get("is"))) if isinstance(pattern, dict) else None
        fields: Mapping[str, Field] = kind.fields if kind is not None else {}
        if alias in taken or alias in RESERVED:
            why = "is a word of the language of rules" if alias in RESERVED else "is bound twice"
            self.notes.add(path, "rule.alias", f"`{alias}` {why}", given=alias, help="choose another name")
        elif not _ALIAS.fullmatch(alias):
            line = "lower-case letters, digits and `_`, beginning with a letter"
            self.notes.add(path, "rule.alias", f"`{alias}` can't be an alias", given=alias, expected=line)
        elif scope.aliases.get(alias, fields) != fields:
            line = "give each alternative its own alias"
            self.notes.add(path, "rule.alias", f"`{alias}` stands for another type here", given=alias, help=line)
        taken.add(alias)
        scope.aliases.setdefault(alias, fields)
        if kind is None:
            scope.unsure.add(alias)

    def pattern(self, alias: str, data: Any, path: Path, scope: Scope) -> Pattern | None:
        """Return a pattern; None where its type is unknown."""
        if not isinstance(data, dict) or "is" not in data:
            near = nearest(alias, CLAUSE_WORDS)
            line = f"did you mean `{near}`?" if near else None
            self.notes.add(path, "shape.missing_key", f"`{alias}` needs `is: <type>`", expected="`is: …`", help=line)
            return None
        for key in data:
            if key not in _PATTERN_KEYS:
                near = nearest(key, _PATTERN_KEYS)
                line = f"did you mean `{near}`?" if near else f"known here: {', '.join(_PATTERN_KEYS)}"
                self.notes.add((*path, key), "shape.unknown_key", f"unknown key `{key}`", given=key, help=line)
        kind = self._types.get(str(data["is"]))
        if kind is None:
            self.notes.unknown((*path, "is"), "type", data["is"], self._types)
            return None
        tests = self.where(kind, data.get("where") or {}, (*path, "where"), scope)
        active = data.get("active")
        if active is not None and kind.lasting is None:
            self.notes.add(
                (*path, "active"), "type.mismatch", f"`{kind.name}` has no `lasts`, so it is never active or not",
                help="declare `lasts` in vocabulary.yaml",
            )  # fmt: skip
            active = None
        elif active is not None and not is_yes_no(active):
            self.notes.add(
                (*path, "active"), "type.mismatch", "`active` takes yes or no", given=active, expected="yes or no"
            )
            active = None
        window = self.window(data, kind, path)
        return Pattern(alias, kind.name, tuple(tests), window, None if active is None else yes(active))

    def where(self, kind: FactType, data: Any, path: Path, scope: Scope) -> list[Test]:
        """Return the tests of a `where` map."""
        fields = kind.fields
        if not isinstance(data, dict):
            self.notes.add(path, "shape.value", "`where` takes a map of fields", expected="a map")
            return []
        tests: list[Test] = []
        for name, test in data.items():
            if name in fields:
                tests += self._values.tests(fields[name], test, (*path, name), scope, fields)
            else:
                self.notes.unknown((*path, name), "field", name, fields, kind.name)
        return tests

    def window(self, data: Mapping[str, Any], kind: FactType, path: Path) -> Window | None:
        """Return the window written beside a pattern or measure."""
        within, on = data.get("within"), data.get("on") or kind.dated
        if within is None:
            if data.get("on") is not None:
                message = "`on` needs `within` beside it"
                self.notes.add((*path, "on"), "rule.window", message, given=data["on"], expected="`within: …`")
            return None
        at = (*path, "within")
        if not isinstance(on, str) or on not in kind.fields or kind.fields[on].type != "date":
            which = f"date `{on}`" if isinstance(on, str) else "date"
            self.notes.add(
                at, "rule.window", f"`{kind.name}` has no {which} for a window", given=on,
                help="give the type `dated`, or name a date field with `on`",
            )  # fmt: skip
            return None
        if within == "calendar year":
            return Window("calendar_year", on)
        if isinstance(within, dict) and set(within) == {"since"}:
            since = self._values.operand(DATE, within["since"], (*at, "since"), Scope(), {})
            return None if since is None else Window("since", on, since=since)
        try:
            amount, unit = duration(str(within))
        except Misfit:
            expected = "`12 months`, `5 working days`, `calendar year` or `{since: date}`"
            self.notes.add(at, "rule.window", f"`{within}` is no window", given=within, expected=expected)
            return None
        self._values.needs_calendar(unit, at)
        return Window("last", on, amount, unit)

    def clauses(self, data: Sequence[Any], path: Path, scope: Scope) -> tuple[Clause, ...]:
        """Return the meaning of a list of clauses."""
        bound: list[Clause] = []
        for at, clause in _parts(data, path):
            bound += (
                self._clause(clause, at, scope) if isinstance(clause, dict) and clause else self._no_clause(clause, at)
            )
        return tuple(bound)

    def _no_clause(self, data: Any, path: Path) -> list[Clause]:
        line = f"write `{{measure: {data}, at_least: …}}`" if isinstance(data, str) and data in self._measures else None
        self.notes.add(path, "rule.clause", "a condition is a map", given=data or "empty", expected="a map", help=line)
        return []

    def _clause(self, data: Mapping[str, Any], path: Path, scope: Scope) -> list[Clause]:
        if "measure" in data:
            return self._measure(data, path)
        bound: list[Clause] = []
        for key, value in data.items():
            bound += self._keyed(key, value, (*path, key), scope)
            if key not in CLAUSE_WORDS and not isinstance(value, dict):
                break  # the key is misspelt, and what stands beside it belongs to it
        return bound

    def _keyed(self, key: str, value: Any, path: Path, scope: Scope) -> list[Clause]:
        if key == "producer":
            return self._producer_test(value, path)
        if key in _DATE_WORDS:
            expr = self._values.operand(DATE, value, path, scope, {})
            return [] if expr is None else [DateTest(Test("as_of", _DATE_WORDS[key], expr), key)]
        if key in ("any", "all", "not"):
            return self._group(key, value, path, scope)
        if key in _OUTCOMES or key == "points" or (key.startswith("no ") and key[3:] in _OUTCOMES):
            return self._outcome(key, value, path)
        alias = key.removeprefix("no ")
        pattern = self.pattern(alias, value, path, scope)
        if pattern is None:
            return []
        if not key.startswith("no "):
            return [Match(pattern, key)]
        if alias in [test.operand.source for test in pattern.tests if isinstance(test.operand, Ref)]:
            line = f"give the absence another name than `{alias}`, or write `this` for the fact that is missing"
            message = f"`{alias}` is here both a fact that is bound and the one that is missing"
            self.notes.add(path, "rule.alias", message, given=alias, help=line)
        return [Absent(pattern, key)]

    def _group(self, key: str, value: Any, path: Path, scope: Scope) -> list[Clause]:
        bound = []
        if value == []:
            self.notes.add(path, "rule.clause", f"`{key}` holds no condition", expected="conditions")
        for at, part in _parts(value, path):
            sound = isinstance(part, dict) and part
            bound.append(tuple(self._clause(part, at, scope) if sound else self._no_clause(part, at)))
        if key == "any":
            return [AnyOf(tuple(bound), "any")]
        flat = [clause for part in bound for clause in part]
        if key == "all":
            return flat
        return [self._opposite(flat, path)] if flat else []

    def _opposite(self, clauses: Sequence[Clause], path: Path) -> Clause:
        """Push `not` down to the tests: not all is any of the opposites."""
        ways: list[tuple[Clause, ...]] = []
        for clause in clauses:
            match clause:
                case Match() | Absent():
                    self.notes.add(
                        path, "rule.not", "`not` can't hold a pattern", help="write `no <name>: {is: …}` instead"
                    )
                case MeasureTest(tests=tests) | ProducerTest(tests=tests):
                    ways += [(replace(clause, tests=(_opposite_test(test),)),) for test in tests]
                case DateTest(test=test):
                    ways.append((replace(clause, test=_opposite_test(test)),))
                case OutcomeTest(negated=negated):
                    ways.append((replace(clause, negated=not negated),))
                case AnyOf(alternatives=alternatives):
                    ways.append(tuple(self._opposite(alternative, path) for alternative in alternatives))
        if len(ways) == 1 and len(ways[0]) == 1:
            return ways[0][0]
        return AnyOf(tuple(ways), "not")

    def _measure(self, data: Mapping[str, Any], path: Path) -> list[Clause]:
        name = str(data["measure"])
        if name not in self._measures:
            self.notes.unknown((*path, "measure"), "measure", name, self._measures)
            return []
        tests: list[Test] = []
        for word, operand in data.items():
            if word != "measure":
                tests += self.measure_tests(name, {word: operand}, path)
        if not tests and len(data) == 1:
            message = f"measure `{name}` is compared with nothing"
            self.notes.add(path, "rule.clause", message, given=name, help="add `at_least: …`, `below: …` or another")
        return [MeasureTest(name, tuple(tests), name)]

    def measure_tests(self, name: str, data: Mapping[str, Any], path: Path) -> list[Test]:
        """Return tests on a measure's value; operands are literals."""
        return self._values.tests(self._measures[name], dict(data), path, Scope(), {})

    def _producer_test(self, data: Any, path: Path) -> list[Clause]:
        if not isinstance(data, dict):
            self.notes.add(path, "shape.value", "`producer` takes a map", expected="a map")
            return []
        tests: list[Test] = []
        for name, test in data.items():
            if name in self._producer:
                tests += self._values.tests(self._producer[name], test, (*path, name), Scope(), {})
            else:
                self.notes.unknown((*path, name), "attribute", name, self._producer)
        return [ProducerTest(tuple(tests), "producer")]

    def _outcome(self, key: str, value: Any, path: Path) -> list[Clause]:
        what = key.removeprefix("no ")
        negated = key != what
        if what == "points":
            what = "standard"
        if value in ("any", "none") and what not in ("grade", "score_grade", "standard"):
            names: tuple[str, ...] = ()
            negated = negated != (value == "none")
        else:
            listed = value if isinstance(value, list) else [value]
            for place, name in enumerate(listed):
                if str(name) not in self._outcomes[what]:
                    shown = "standard or indicator" if what == "standard" else what
                    self.notes.unknown((*path, place), shown, name, self._outcomes[what])
            names = tuple(str(name) for name in listed)
        return [OutcomeTest(what, names, negated, key)]  # type: ignore[arg-type]  # one of its literals


def _opposite_test(test: Test) -> Test:
    return replace(test, op=OPPOSITE[test.op])


def _parts(value: Any, path: Path) -> list[tuple[Path, Any]]:
    """Return the clauses of a list with their paths; one clause may stand without a list."""
    return [((*path, place), part) for place, part in enumerate(value)] if isinstance(value, list) else [(path, value)]
