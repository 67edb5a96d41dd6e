"""Binds what deeds do: which facts they change or add, and with which values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from knowledge.binding import Scope, ValueBinder
from knowledge.clauses import ClauseBinder
from knowledge.measurebinding import MeasureBinder
from knowledge.notes import Notes
from knowledge.rulebook import Act, Again, FactType, New, Remedy
from knowledge.rules import Absent, Expr, Formula, Match, Num, Pattern, Ref
from knowledge.source import Path

IT = "it"
"""What the fact that a deed is about is called."""


class RemedyBinder:
    """Binds `does` of the remedies of one rulebook."""

    def __init__(
        self,
        values: ValueBinder,
        clauses: ClauseBinder,
        measures: MeasureBinder,
        types: Mapping[str, FactType],
        statuses: Sequence[str],
    ) -> None:
        self._values, self._clauses, self._measures = values, clauses, measures
        self._types, self._statuses = types, statuses
        self.notes: Notes = values.notes

    def bind(self, data: Sequence[Mapping[str, Any]], remedies: Mapping[str, Remedy], file: str) -> dict[str, Remedy]:
        """Return the remedies with what they do."""
        bound = dict(remedies)
        for place, written in enumerate(data):
            acts = [
                self._act(act, (file, place, "does", number)) for number, act in enumerate(written.get("does") or ())
            ]
            for number, other in enumerate(written.get("excludes") or ()):
                if other not in remedies:
                    self.notes.unknown((file, place, "excludes", number), "remedy", other, remedies)
            if acts and written["recovers"] == "time":
                line = "leave `does` out, or write `recovers: deed`"
                message = f"remedy `{written['remedy']}` heals with time alone, so nothing that is done undoes it"
                self.notes.add((file, place, "does"), "remedy.time_does", message, given="does", help=line)
            found = tuple(act for act in acts if act is not None)
            bound[written["remedy"]] = replace(bound[written["remedy"]], does=found)
        return bound

    def _act(self, written: Mapping[str, Any], path: Path) -> Act | None:
        ways = [way for way in ("again", "new") if written.get(way) is not None]
        if len(ways) != 1:
            self.notes.add(
                path, "remedy.act", "a deed reports facts again or adds new ones",
                given=" and ".join(ways) or "neither", expected="`again: {is: …}` or `new: <type>`",
            )  # fmt: skip
            return None
        self._misplaced(ways[0], written, path)
        return self._again(written, path) if ways == ["again"] else self._new(written, path)

    def _misplaced(self, way: str, written: Mapping[str, Any], path: Path) -> None:
        for key in ("each", "times") if way == "again" else ("status",):
            if written.get(key) not in (None, 1):
                other = "new" if way == "again" else "again"
                message, line = f"`{key}` has no effect beside `{way}`", f"`{key}` goes with `{other}`"
                self.notes.add((*path, key), "rule.misplaced", message, given=key, help=line)

    def _again(self, written: Mapping[str, Any], path: Path) -> Act | None:
        pattern = self._facts(written["again"], (*path, "again"))
        if pattern is None:
            return None
        kind, scope = self._types[pattern.type], Scope({IT: self._types[pattern.type].fields})
        gives = self._gives(kind, written.get("gives") or {}, (*path, "gives"), scope)
        if not kind.same_when:
            message = f"`{kind.name}` has no `same_when`, so what is reported again is another fact"
            line = "give the type `same_when`, or add a `new` one"
            self.notes.add((*path, "again"), "remedy.act", message, given=kind.name, help=line)
        for name in gives:
            if name in kind.same_when:
                message = f"`{name}` tells facts apart, so it can't change"
                self.notes.add((*path, "gives", name), "remedy.act", message, given=name, help="leave it out")
        status = written.get("status")
        if status is not None and status not in self._statuses:
            self.notes.unknown((*path, "status"), "status", status, self._statuses)
        if status is None and not written.get("gives"):
            message = "nothing changes: the facts get neither values nor a status"
            self.notes.add(path, "remedy.act", message, expected="`gives: {…}` or `status: …`")
        return Again(pattern, self._when(written, path, scope), gives, status)

    def _new(self, written: Mapping[str, Any], path: Path) -> Act | None:
        kind = self._fact_type(written["new"], (*path, "new"))
        each = self._facts(written["each"], (*path, "each")) if written.get("each") is not None else None
        if kind is None or (each is None and written.get("each") is not None):
            return None
        scope = Scope() if each is None else Scope({IT: self._types[each.type].fields})
        given = written.get("gives") or {}
        names = tuple(n for n in kind.same_when if n not in given and kind.fields[n].type == "text")
        gives = self._gives(kind, given, (*path, "gives"), scope)
        for name, shape in kind.fields.items():
            if not (shape.optional or name in given or name in names):
                self.notes.add(
                    (*path, "gives") if given else path, "gives.missing", f"`{kind.name}` needs a value for `{name}`",
                    expected=f"`{name}: …` under `gives`",
                )  # fmt: skip
            elif name in gives and not shape.optional and self._may_lack(gives[name], scope):
                self.notes.add(
                    (*path, "gives", name), "type.optional", f"`{name}` is required and may get no value",
                    given=given[name], expected="what is always there",
                )  # fmt: skip
        times = self._times(written.get("times", 1), (*path, "times"))
        if not names and times != Num(1):
            line = "leave a text of `same_when` out of `gives`, and each gets its own"
            message = f"several new `{kind.name}` would be one and the same fact"
            self.notes.add((*path, "times"), "remedy.act", message, given=written.get("times"), help=line)
        return New(kind.name, each, self._when(written, path, scope), times or Num(1), gives, names)

    def _may_lack(self, expr: Expr, scope: Scope) -> bool:
        """Say whether an operand may have no value."""
        if not isinstance(expr, Ref) or expr.source == "as_of":
            return False
        return expr.source == "producer" or scope.aliases[expr.source][expr.name].optional

    def _facts(self, data: Any, path: Path) -> Pattern | None:
        pattern = self._clauses.pattern(IT, data, path, Scope())
        return pattern if pattern is not None and self._fact_type(pattern.type, (*path, "is")) is not None else None

    def _fact_type(self, name: str, path: Path) -> FactType | None:
        kind = self._types.get(name)
        facts = [other.name for other in self._types.values() if other.origin == "fact" and not other.about_everyone]
        if kind is None or name not in facts:
            self.notes.unknown(path, "type of fact about a producer", name, facts)
            return None
        return kind

    def _when(self, written: Mapping[str, Any], path: Path, scope: Scope) -> tuple[Match | Absent, ...]:
        found: list[Match | Absent] = []
        for place, clause in enumerate(self._clauses.clauses(written.get("when") or [], (*path, "when"), scope)):
            if isinstance(clause, Match | Absent):
                found.append(clause)
            else:
                self.notes.add(
                    (*path, "when", place), "remedy.act", "a deed looks only at what is or isn't on record",
                    expected="`<name>: {is: …}` or `no <name>: {is: …}`",
                )  # fmt: skip
        return tuple(found)

    def _gives(self, kind: FactType, given: Mapping[str, Any], path: Path, scope: Scope) -> dict[str, Expr]:
        gives: dict[str, Expr] = {}
        for name, data in given.items():
            if name not in kind.fields:
                self.notes.unknown((*path, name), "field", name, kind.fields, kind.name)
            elif (expr := self._values.operand(kind.fields[name], data, (*path, name), scope, {})) is not None:
                gives[name] = expr
        return gives

    def _times(self, data: Any, path: Path) -> Formula | None:
        if isinstance(data, int):
            return Num(data)
        formula = self._measures.formula(str(data), None, path, list(self._measures.measures), Scope())
        if formula is None or self._measures.reads_unknown(formula):
            return None
        self._measures.check_parts(formula, path)
        return formula
