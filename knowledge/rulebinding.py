"""Binds rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from knowledge.binding import Scope, ValueBinder, text
from knowledge.clauses import ClauseBinder
from knowledge.measurebinding import MeasureBinder
from knowledge.notes import Notes
from knowledge.problems import nearest
from knowledge.rulebook import FactType, Standard
from knowledge.rules import (
    Expr,
    FixedPoints,
    FormulaPoints,
    Match,
    Pattern,
    Points,
    Ref,
    Rule,
    RuleKind,
    Step,
    SteppedPoints,
    TablePoints,
)
from knowledge.source import Path

_KINDS: tuple[RuleKind, ...] = ("finding", "standard", "ceiling", "veto", "status", "consequence")


class RuleBinder:
    """Binds the rules of one rulebook."""

    def __init__(
        self,
        values: ValueBinder,
        clauses: ClauseBinder,
        measures: MeasureBinder,
        types: Mapping[str, FactType],
        standards: Mapping[str, Standard],
        known: Mapping[str, Sequence[str]],
        direction: str,
    ) -> None:
        self._values, self._clauses, self._measures, self._types = values, clauses, measures, types
        self._standards, self._known, self._direction = standards, known, direction
        self.notes: Notes = values.notes

    def rule(self, written: dict[str, Any], path: Path, index: int) -> Rule | None:
        """Return one rule; None where it has no single conclusion or concludes nothing known."""
        kind = self._kind(written, path)
        scope = self._clauses.scope(written.get("for_each") or {}, written.get("when") or [], path)
        for_each = self._for_each(written, path, scope)
        when = self._clauses.clauses(written.get("when") or [], (*path, "when"), scope)
        law, remedies = self._names(written, "law", "law", path), self._names(written, "remedy", "remedy", path)
        shares_event = self._names(written, "shares_event", "standard", path)
        if kind is None:
            self.notes.broken |= {str(written["rule"])} if written.get("rule") else set()
            return None
        target = str(written[kind])
        if kind in ("finding", "consequence") and not for_each:
            for_each = tuple(clause.pattern for clause in when if isinstance(clause, Match))
            when = tuple(clause for clause in when if not isinstance(clause, Match))
        keyed = Scope({pattern.alias: self._types[pattern.type].fields for pattern in for_each}, scope.unsure)
        self._misplaced(written, kind, path)
        rule = Rule(
            id=str(written.get("rule") or target),
            kind=kind,
            target=target,
            index=index,
            for_each=for_each,
            when=when,
            because=text(written.get("because")),
            law=law,
            remedies=remedies,
            applies_to=self._applies_to(written, kind, target, path),
            unknown_fires=written.get("unknown") == "fires",
            points=self._points(written, kind, target, path, keyed),
            at_most=written.get("at_most"),
            gives=self._gives(written, kind, target, path, keyed),
            grade=self._grade(written, kind, path),
            until=text(written.get("until")),
            shares_event=shares_event,
            source=self.notes.documents[str(path[0])].place(path[1:]),
        )
        if scope.unsure:
            self.notes.broken |= {rule.id, target}
            return None
        return rule

    def _kind(self, written: Mapping[str, Any], path: Path) -> RuleKind | None:
        """Return what the rule concludes; None where that isn't one known thing."""
        kinds = [kind for kind in _KINDS if written.get(kind) is not None]
        if len(kinds) != 1:
            self.notes.add(
                path, "conclusion.missing" if not kinds else "conclusion.many", "a rule needs exactly one conclusion",
                given=", ".join(kinds) or "none", expected=f"one of {', '.join(_KINDS)}",
            )  # fmt: skip
            self.notes.broken |= {str(written[kind]) for kind in kinds}
            return None
        kind = kinds[0]
        if written[kind] in self._known[kind]:
            return kind
        self.notes.unknown((*path, kind), kind, written[kind], self._known[kind])
        return None

    def _for_each(self, written: Mapping[str, Any], path: Path, scope: Scope) -> tuple[Pattern, ...]:
        bound = (
            self._clauses.pattern(alias, data, (*path, "for_each", alias), scope)
            for alias, data in (written.get("for_each") or {}).items()
        )
        return tuple(pattern for pattern in bound if pattern is not None)

    def _misplaced(self, written: Mapping[str, Any], kind: RuleKind, path: Path) -> None:
        allowed = {
            "standard": {"lose", "gain", "at_most", "measure", "shares_event"},
            "finding": {"gives"}, "consequence": {"gives"},
            "ceiling": {"at_best", "until"}, "veto": {"grade", "until"}, "status": {"until"},
        }[kind]  # fmt: skip
        special = {"lose", "gain", "at_most", "measure", "shares_event", "gives", "at_best", "grade", "until"}
        for key in sorted((special - allowed) & {key for key, value in written.items() if value not in (None, [], {})}):
            line = f"it takes {', '.join(f'`{name}`' for name in sorted(allowed))}"
            self.notes.add((*path, key), "rule.misplaced", f"a {kind} rule takes no `{key}`", given=key, help=line)
        if kind != "standard":
            return
        other, right = ("gain", "lose") if self._direction == "lost" else ("lose", "gain")
        if written.get(other) is not None:
            line = f"write `{right}`, because the points of this rulebook are {self._direction}"
            self.notes.add((*path, other), "rule.misplaced", f"`{other}` has no effect here", given=other, help=line)
        if written.get("measure") is not None and not isinstance(written.get(right), list):
            line = "write `{measure: …, at_least: …}` under `when`, or steps"
            self.notes.add(
                (*path, "measure"), "rule.misplaced", "`measure` stands without steps", given="measure", help=line
            )

    def _names(self, written: Mapping[str, Any], key: str, what: str, path: Path) -> tuple[str, ...]:
        data = written.get(key) or []
        listed = [data] if isinstance(data, str) else data
        for place, name in enumerate(listed):
            if name not in self._known[what]:
                at = (*path, key) if isinstance(data, str) else (*path, key, place)
                self.notes.unknown(at, what, name, self._known[what])
        return tuple(listed)

    def _applies_to(
        self, written: Mapping[str, Any], kind: RuleKind, target: str, path: Path
    ) -> tuple[str, ...] | None:
        own = written.get("applies_to")
        for place, name in enumerate(own or ()):
            if name not in self._known["kind"]:
                self.notes.unknown((*path, "applies_to", place), "kind of producer", name, self._known["kind"])
        of_standard = self._standards[target].applies_to if kind == "standard" else None
        if own is None:
            return of_standard
        return tuple(name for name in own if of_standard is None or name in of_standard)

    def _grade(self, written: Mapping[str, Any], kind: RuleKind, path: Path) -> str | None:
        key = {"ceiling": "at_best", "veto": "grade"}.get(kind)
        if key is None:
            return None
        grade = written.get(key)
        if grade is None:
            self.notes.add(path, "shape.missing_key", f"a {kind} needs `{key}`", expected=f"`{key}: <grade>`")
            return None
        if str(grade) not in self._known["grade"]:
            self.notes.unknown((*path, key), "grade", grade, self._known["grade"])
        return str(grade)

    def _gives(
        self, written: Mapping[str, Any], kind: RuleKind, target: str, path: Path, scope: Scope
    ) -> dict[str, Expr]:
        if kind not in ("finding", "consequence"):
            return {}
        fields = self._types[target].fields
        given = written.get("gives") or {}
        bound: dict[str, Expr] = {}
        meant: set[str | None] = set()
        for name, data in given.items():
            at = (*path, "gives", name)
            if name not in fields:
                self.notes.unknown(at, "field", name, fields, target)
                meant.add(nearest(name, fields))
            elif isinstance(data, str) and data in self.notes.broken:
                continue
            elif isinstance(data, str) and data in self._measures.measures and fields[name].type != "text":
                measure = self._measures.measures[data]
                if measure.type != fields[name].type or measure.places != fields[name].places:
                    self.notes.add(
                        at, "type.mismatch", f"`{name}` can't take measure `{data}`",
                        given=measure.type, expected=fields[name].type,
                    )  # fmt: skip
                bound[name] = Ref("measure", data, measure.type)
            elif (expr := self._values.operand(fields[name], data, at, scope, {})) is not None:
                bound[name] = expr
        missing = [name for name, shape in fields.items() if not (shape.optional or name in given or name in meant)]
        for name in missing:
            self.notes.add(
                (*path, "gives") if given else path, "gives.missing", f"`{target}` needs a value for `{name}`",
                expected=f"`{name}: …` under `gives`", help=f"or make `{name}` optional in vocabulary.yaml",
            )  # fmt: skip
        return bound

    def _points(
        self, written: Mapping[str, Any], kind: RuleKind, target: str, path: Path, scope: Scope
    ) -> Points | None:
        if kind != "standard":
            return None
        key = "lose" if self._direction == "lost" else "gain"
        data = written.get(key)
        if data is None:
            if written.get("gain" if key == "lose" else "lose") is None:
                self.notes.add(path, "shape.missing_key", f"a rule of a standard needs `{key}`", expected=f"`{key}: …`")
            return None
        at: Path = (*path, key)
        if isinstance(data, int):
            if data > self._standards[target].points:
                limit = self._standards[target].points
                self.notes.add(
                    at, "points.exceed", f"`{target}` holds {limit} points, fewer than {data}",
                    given=data, expected=f"at most {limit}",
                )  # fmt: skip
            return FixedPoints(data)
        if isinstance(data, list):
            return self._steps(written, data, at, path)
        if set(data) == {"by", "points"} and isinstance(data["points"], dict):
            return self._table(data, at, scope)
        if set(data) - {"rounding"} == {"formula"}:
            names = list(self._measures.measures)
            formula = self._measures.formula(str(data["formula"]), data.get("rounding"), (*at, "formula"), names, scope)
            if formula is None or self._measures.reads_unknown(formula):
                return None
            self._measures.check_parts(formula, (*at, "formula"), grouped=True)
            return FormulaPoints(formula)
        expected = "a whole number, a list of steps, `{by: …, points: …}` or `{formula: …}`"
        message = f"`{key}` takes points, steps, a table or a formula"
        self.notes.add(at, "shape.value", message, given=", ".join(data) or "empty", expected=expected)
        return None

    def _steps(self, written: Mapping[str, Any], data: Sequence[Any], at: Path, path: Path) -> Points | None:
        name = written.get("measure")
        if not data:
            self.notes.add(at, "shape.value", "there are no steps", given="empty", expected="`- {below: …, points: …}`")
        if name is None:
            self.notes.add(path, "shape.missing_key", "steps need a measure", expected="`measure: <name>`")
            return None
        if name not in self._measures.measures:
            self.notes.unknown((*path, "measure"), "measure", name, self._measures.measures)
            return None
        steps, sound = [], True
        for place, step in enumerate(data):
            points = step.get("points")
            if not isinstance(points, int) or isinstance(points, bool) or points < 0:
                self.notes.add(
                    (*at, place), "shape.missing_key", "a step needs `points`", given=points, expected="`points: …`"
                )
                continue
            tests = {word: operand for word, operand in step.items() if word != "points"}
            bound = self._clauses.measure_tests(name, tests, (*at, place)) if tests else []
            sound = sound and len(bound) == len(tests)
            steps.append(Step(tuple(bound), points))
        return SteppedPoints(name, tuple(steps)) if sound else None

    def _table(self, data: Mapping[str, Any], at: Path, scope: Scope) -> Points | None:
        alias, _, name = str(data["by"]).partition(".")
        if alias in scope.unsure:
            return None
        if alias not in scope.aliases or name not in scope.aliases[alias]:
            known = [f"{alias}.{field}" for alias, fields in scope.aliases.items() for field in fields]
            self.notes.unknown((*at, "by"), "value", data["by"], known)
            return None
        shape = scope.aliases[alias][name]
        if shape.type != "choice":
            self.notes.add(
                (*at, "by"), "type.mismatch", f"`{data['by']}` is {shape.type}", given=shape.type, expected="choice"
            )
            return None
        points = {str(nearest(value, shape.choices)): 0 for value in data["points"] if value not in shape.choices}
        for value, amount in data["points"].items():
            if value not in shape.choices:
                self.notes.unknown((*at, "points", value), "value", value, shape.choices, name)
            elif not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
                message, points[value] = "points are whole numbers", 0
                self.notes.add((*at, "points", value), "shape.value", message, given=amount, expected="a whole number")
            else:
                points[value] = amount
        return TablePoints(Ref(alias, name, "choice"), points)
