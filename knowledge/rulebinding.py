"""Binds measures and rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from knowledge.binding import Misfit, Notes, Scope, ValueBinder, encode, text
from knowledge.clauses import ClauseBinder
from knowledge.formula import FormulaError, parse_formula
from knowledge.rulebook import (
    Aggregate,
    Arithmetic,
    Expr,
    FactType,
    Field,
    FixedPoints,
    Formula,
    FormulaPoints,
    Match,
    Measure,
    Pattern,
    Points,
    PointsMeasure,
    Ref,
    Rule,
    RuleKind,
    Standard,
    Step,
    SteppedPoints,
    TablePoints,
    Text,
    Value,
    Window,
)
from knowledge.source import Path

HOWS = ("count", "sum", "min", "max", "share", "latest", "first", "days_since", "distinct", "formula", "points_lost")
_NEEDS_FIELD = {"sum", "min", "max", "latest", "first", "distinct"}
_KINDS: tuple[RuleKind, ...] = ("finding", "standard", "ceiling", "veto", "status", "consequence")
_NUMBERS = ("whole", "decimal")


def measure_field(measure: Measure, types: Mapping[str, FactType]) -> Field:
    """Return a measure's value as a field, so that tests on it are bound like any other."""
    choices: Mapping[str, Text] = {}
    ordered = False
    if isinstance(measure.body, Aggregate) and measure.body.field is not None:
        source = types[measure.body.pattern.type].fields[measure.body.field]
        choices, ordered = source.choices, source.ordered
    return Field(measure.name, measure.type, measure.label, True, choices, ordered, measure.places, measure.unit)


class MeasureBinder:
    """Binds measures.yaml, formulas after what they read."""

    def __init__(
        self, values: ValueBinder, clauses: ClauseBinder, types: Mapping[str, FactType], points: Sequence[str]
    ) -> None:
        self._values, self._clauses, self._types, self._points = values, clauses, types, points
        self.notes: Notes = values.notes
        self.measures: dict[str, Measure] = {}

    def bind(self, data: Sequence[dict[str, Any]], file: str) -> dict[str, Measure]:
        """Return the measures by name."""
        names = [written["measure"] for written in data]
        for place, written in enumerate(data):
            path: Path = (file, place)
            if names.index(written["measure"]) < place:
                self.notes.add((*path, "measure"), "name.duplicate", f"measure `{written['measure']}` stands twice")
                continue
            hows = [how for how in HOWS if written.get(how) is not None]
            if len(hows) != 1:
                self.notes.add(
                    path, "shape.value", f"measure `{written['measure']}` needs exactly one way of computing it",
                    given=", ".join(hows) or "none", expected=f"one of {', '.join(HOWS)}",
                )  # fmt: skip
                continue
            measure = self._measure(hows[0], written, path, names)
            if measure is not None:
                self.measures[measure.name] = measure
        self._check_formulas(data, file)
        return {name: self.measures[name] for name in names if name in self.measures}

    def _measure(self, how: str, written: dict[str, Any], path: Path, names: Sequence[str]) -> Measure | None:
        label = text(written["label"]) or Text(written["measure"])
        name = written["measure"]
        if how == "formula":
            formula = self.formula(str(written["formula"]), written.get("rounding"), (*path, how), names, Scope())
            if formula is None:
                return None
            body = formula if isinstance(formula, Arithmetic) else Arithmetic("add", (formula,))
            shape = Field(name, "whole", label)
            return Measure(
                name, label, body, "whole", 0, written.get("unit"), None, self._nothing(written, shape, path)
            )
        if how == "points_lost":
            of = written["points_lost"]["of"]
            for place, wanted in enumerate(of):
                if wanted not in self._points:
                    self.notes.unknown((*path, how, "of", place), "standard or indicator", wanted, self._points)
            return Measure(name, label, PointsMeasure(tuple(of)), "whole", 0, written.get("unit"))
        return self._aggregate(how, written, path, label)

    def _aggregate(self, how: str, written: dict[str, Any], path: Path, label: Text) -> Measure | None:
        short = isinstance(written[how], str)
        data: dict[str, Any] = {"of": written[how]} if short else written[how]
        at: Path = (*path, how)
        kind = self._types.get(data["of"])
        if kind is None:
            self.notes.unknown(at if short else (*at, "of"), "type", data["of"], self._types)
            return None
        if how != "share" and "among" in data:
            self.notes.add((*at, "among"), "shape.unknown_key", "`among` is only for `share`", given="among")
        base = data.get("among" if how == "share" else "where") or {}
        written_base = "among" if how == "share" else "where"
        scope = Scope()
        tests = self._clauses.where(kind.fields, base, (*at, written_base), scope)
        numerator = (
            self._clauses.where(kind.fields, data.get("where") or {}, (*at, "where"), scope) if how == "share" else []
        )
        window = self._clauses.window(written, kind, path)
        active = (
            self._clauses.pattern("this", {"is": kind.name, "active": data["active"]}, at, scope)
            if (data.get("active") is not None)
            else None
        )
        pattern = Pattern("this", kind.name, tuple(tests), window, None if active is None else active.active)
        shape = self._shape(how, data, kind, at, written["measure"], window)
        if shape is None:
            return None
        per = written.get("per")
        if per is not None and per not in kind.fields:
            self.notes.unknown((*path, "per"), "field", per, kind.fields)
            per = None
        name = written["measure"]
        unit = written.get("unit") or shape.unit
        body = Aggregate(how, pattern, data.get("field"), tuple(numerator))  # type: ignore[arg-type]  # one of its literals
        return Measure(name, label, body, shape.type, shape.places, unit, per, self._nothing(written, shape, path, how))

    def _shape(
        self, how: str, data: Mapping[str, Any], kind: FactType, path: Path, name: str, window: Window | None
    ) -> Field | None:
        """Return the type of the measure's value, as a field of that type."""
        if how in ("latest", "first", "days_since") and kind.dated is None and not (how == "days_since" and window):
            self.notes.add(path, "rule.window", f"`{kind.name}` has no date to go by", help="give the type `dated`")
            return None
        if how not in _NEEDS_FIELD:
            if data.get("field") is not None:
                self.notes.add((*path, "field"), "shape.unknown_key", f"`{how}` reads no field", given=data["field"])
            return Field(name, "share" if how == "share" else "whole", Text(name))
        wanted = str(data.get("field"))
        if wanted not in kind.fields:
            self.notes.unknown((*path, "field"), "field", wanted, kind.fields)
            return None
        source = kind.fields[wanted]
        numbers = (*_NUMBERS, "date") if how in ("min", "max") else _NUMBERS
        if how in ("sum", "min", "max") and source.type not in numbers:
            self.notes.add(
                (*path, "field"), "type.mismatch", f"`{how}` needs a number, and `{wanted}` is {source.type}",
                given=source.type, expected="whole or decimal",
            )  # fmt: skip
            return None
        return Field(name, "whole", Text(name)) if how == "distinct" else source

    def _nothing(self, written: Mapping[str, Any], shape: Field, path: Path, how: str = "formula") -> Value | None:
        data = written.get("when_nothing")
        if data is None:
            if how not in ("count", "distinct", "formula"):
                self.notes.add(
                    path, "shape.missing_key", f"measure `{written['measure']}` needs `when_nothing`",
                    expected="a value or `not_applicable`",
                )  # fmt: skip
            return None
        if data == "not_applicable":
            return None
        try:
            return encode(Field(shape.name, shape.type, shape.label, True, shape.choices, places=shape.places), data)
        except Misfit as misfit:
            at = (*path, "when_nothing")
            self.notes.add(at, misfit.code, f"`when_nothing` can't be `{data}`", given=data, expected=misfit.expected)
            return None

    def formula(self, written: str, rounding: Any, path: Path, names: Sequence[str], scope: Scope) -> Formula | None:
        """Return a formula over measures and, in rules, over fields of bound facts."""

        def refer(name: str) -> Ref:
            if "." in name:
                alias, _, field = name.partition(".")
                if alias not in scope.aliases or field not in scope.aliases[alias]:
                    raise FormulaError(f"`{name}` names nothing")
                if scope.aliases[alias][field].type not in ("whole", "date"):
                    raise FormulaError(f"`{name}` is no whole number")
                return Ref(alias, field, "whole")
            if name not in names:
                self.notes.unknown(path, "measure", name, names)
            return Ref("measure", name, "whole")

        try:
            return parse_formula(written, rounding, refer)
        except FormulaError as error:
            self.notes.add(
                path, "formula.syntax", str(error), given=written, help="numbers, names, + - * /, min, max, ()"
            )
            return None

    def _check_formulas(self, data: Sequence[dict[str, Any]], file: str) -> None:
        """Formulas compute with numbers without groups, of the same places."""
        for place, written in enumerate(data):
            measure = self.measures.get(written["measure"])
            if measure is None or not isinstance(measure.body, Arithmetic):
                continue
            for name in set(_names(measure.body)):
                part = self.measures.get(name)
                if part is None:
                    continue
                if part.per is not None or part.type not in (*_NUMBERS, "share", "date") or part.places:
                    self.notes.add(
                        (file, place, "formula"), "type.mismatch", f"a formula can't compute with `{name}`",
                        given=f"{part.type}{' per group' if part.per else ''}", expected="whole numbers without groups",
                    )  # fmt: skip


def _names(formula: Formula) -> list[str]:
    if isinstance(formula, Arithmetic):
        return [name for arg in formula.args for name in _names(arg)]
    return [formula.name] if isinstance(formula, Ref) and formula.source == "measure" else []


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
        kinds = [kind for kind in _KINDS if written.get(kind) is not None]
        if len(kinds) != 1:
            self.notes.add(
                path, "conclusion.missing" if not kinds else "conclusion.many", "a rule needs exactly one conclusion",
                given=", ".join(kinds) or "none", expected=f"one of {', '.join(_KINDS)}",
            )  # fmt: skip
            return None
        kind = kinds[0]
        target = str(written[kind])
        if target not in self._known[kind]:
            self.notes.unknown((*path, kind), kind, target, self._known[kind])
            return None
        scope = self._clauses.scope(written.get("for_each") or {}, written.get("when") or (), path)
        for_each = self._for_each(written, path, scope)
        when = self._clauses.clauses(written.get("when") or (), (*path, "when"), scope)
        if kind in ("finding", "consequence") and not for_each:
            for_each = tuple(clause.pattern for clause in when if isinstance(clause, Match))
            when = tuple(clause for clause in when if not isinstance(clause, Match))
        keyed = Scope({pattern.alias: self._types[pattern.type].fields for pattern in for_each})
        self._misplaced(written, kind, path)
        return Rule(
            id=str(written.get("rule") or target),
            kind=kind,
            target=target,
            index=index,
            for_each=for_each,
            when=when,
            because=text(written.get("because")),
            law=self._names(written, "law", "law", path),
            remedies=self._names(written, "remedy", "remedy", path),
            applies_to=self._applies_to(written, kind, target, path),
            unknown_fires=written.get("unknown") == "fires",
            points=self._points(written, kind, target, path, keyed),
            at_most=written.get("at_most"),
            gives=self._gives(written, kind, target, path, keyed),
            grade=self._grade(written, kind, path),
            until=text(written.get("until")),
            shares_event=self._names(written, "shares_event", "standard", path),
            source=self.notes.documents[str(path[0])].place(path[1:]),
        )

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
            self.notes.add((*path, key), "rule.misplaced", f"a {kind} rule takes no `{key}`", given=key)

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
        for name, data in given.items():
            at = (*path, "gives", name)
            if name not in fields:
                self.notes.unknown(at, f"field of `{target}`", name, fields)
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
        missing = [name for name, shape in fields.items() if not shape.optional and name not in given]
        for name in missing:
            self.notes.add(
                (*path, "gives") if given else path, "gives.missing", f"`{target}` needs a value for `{name}`",
                expected=f"`{name}: …` under `gives`", help=f"or make `{name}` optional in vocabulary.yaml",
            )  # fmt: skip
        return bound

    def _points(  # noqa: PLR0911  one way of writing points after the other
        self, written: Mapping[str, Any], kind: RuleKind, target: str, path: Path, scope: Scope
    ) -> Points | None:
        if kind != "standard":
            return None
        key = "lose" if self._direction == "lost" else "gain"
        data = written.get(key)
        if data is None:
            self.notes.add(path, "shape.missing_key", f"a rule of a standard needs `{key}`", expected=f"`{key}: …`")
            return None
        at: Path = (*path, key)
        if isinstance(data, int):
            if data > self._standards[target].points:
                limit = self._standards[target].points
                self.notes.add(
                    at, "points.exceed", f"`{target}` holds {limit} points and can't lose {data}",
                    given=data, expected=f"at most {limit}",
                )  # fmt: skip
            return FixedPoints(data)
        if isinstance(data, list):
            return self._steps(written, data, at, path)
        if set(data) == {"by", "points"}:
            return self._table(data, at, scope)
        if set(data) - {"rounding"} == {"formula"}:
            names = list(self._measures.measures)
            formula = self._measures.formula(str(data["formula"]), data.get("rounding"), (*at, "formula"), names, scope)
            return None if formula is None else FormulaPoints(formula)
        self.notes.add(at, "shape.value", f"`{key}` takes points, steps, a table or a formula", given="a map")
        return None

    def _steps(self, written: Mapping[str, Any], data: Sequence[Any], at: Path, path: Path) -> Points | None:
        name = written.get("measure")
        if name is None:
            self.notes.add(path, "shape.missing_key", "steps need a measure", expected="`measure: <name>`")
            return None
        if name not in self._measures.measures:
            self.notes.unknown((*path, "measure"), "measure", name, self._measures.measures)
            return None
        steps = []
        for place, step in enumerate(data):
            points = step.get("points")
            if not isinstance(points, int) or isinstance(points, bool) or points < 0:
                self.notes.add(
                    (*at, place), "shape.missing_key", "a step needs `points`", given=points, expected="points: n"
                )
                continue
            tests = {word: operand for word, operand in step.items() if word != "points"}
            bound = self._clauses.measure_tests(name, tests, (*at, place)) if tests else []
            steps.append(Step(tuple(bound), points))
        return SteppedPoints(name, tuple(steps))

    def _table(self, data: Mapping[str, Any], at: Path, scope: Scope) -> Points | None:
        alias, _, name = str(data["by"]).partition(".")
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
        points: dict[str, int] = {}
        for value, amount in data["points"].items():
            if value not in shape.choices:
                self.notes.unknown((*at, "points", value), f"value of `{name}`", value, shape.choices)
            elif not isinstance(amount, int) or amount < 0:
                self.notes.add((*at, "points", value), "shape.value", "points are whole numbers", given=amount)
            else:
                points[value] = amount
        return TablePoints(Ref(alias, name, "choice"), points)
