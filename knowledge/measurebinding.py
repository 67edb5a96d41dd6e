"""Binds measures: named numbers over facts, formulas of such numbers, and points already lost or gained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from knowledge.binding import Misfit, Scope, ValueBinder, encode, sure_text
from knowledge.clauses import ClauseBinder
from knowledge.formula import FormulaError, Scale, parse_formula
from knowledge.notes import Notes
from knowledge.rulebook import Aggregate, FactType, Field, Measure, PointsMeasure
from knowledge.rules import Arithmetic, Formula, Pattern, Ref, Text, Value, Window
from knowledge.source import Path
from knowledge.strata import formula_measures

HOWS = ("count", "sum", "min", "max", "share", "latest", "first", "days_since", "distinct", "formula", "points_lost")
_NEEDS_FIELD = {"sum", "min", "max", "latest", "first", "distinct"}
_NUMBERS = ("whole", "decimal")
_COMPUTABLE = (*_NUMBERS, "share", "date")


def _body(formula: Formula) -> Arithmetic:
    return formula if isinstance(formula, Arithmetic) else Arithmetic("add", (formula,))


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
                first = (file, names.index(written["measure"]), "measure")
                self.notes.twice((*path, "measure"), "measure", written["measure"], first)
                continue
            measure = self._one(written, path, names)
            if measure is None:
                self.notes.broken.add(written["measure"])
            else:
                self.measures[measure.name] = measure
        self._leave_out_broken()
        for place, written in enumerate(data):
            measure = self.measures.get(written["measure"])
            if measure is not None and isinstance(measure.body, Arithmetic) and written.get("formula") is not None:
                self._settle(measure, written, (file, place, "formula"))
        self._check_formulas(data, file)
        return {name: self.measures[name] for name in names if name in self.measures}

    def _settle(self, measure: Measure, written: Mapping[str, Any], path: Path) -> None:
        """Bind a formula again, now that the places of all that it reads are known."""

        def places(name: str) -> int:
            return self.measures[name].places if name in self.measures else 0

        formula = self.formula(
            str(written["formula"]), written.get("rounding"), path, list(self.measures), Scope(),
            Scale(measure.places, places),
        )  # fmt: skip
        if formula is not None:
            self.measures[measure.name] = replace(measure, body=_body(formula))

    def _leave_out_broken(self) -> None:
        """Leave out formulas of measures that couldn't be bound, and formulas of these."""
        while gone := {name for name, measure in self.measures.items() if self.reads_unknown(measure.body)}:
            self.notes.broken |= gone
            self.measures = {name: measure for name, measure in self.measures.items() if name not in gone}

    def reads_unknown(self, body: object) -> bool:
        """Return whether a formula reads a measure that isn't bound."""
        read = formula_measures(body) if isinstance(body, Arithmetic | Ref) else ()
        return any(name not in self.measures for name in read)

    def _one(self, written: dict[str, Any], path: Path, names: Sequence[str]) -> Measure | None:
        hows = [how for how in HOWS if written.get(how) is not None]
        if len(hows) == 1:
            self._misplaced(hows[0], written, path)
            return self._measure(hows[0], written, path, names)
        self.notes.add(
            path, "shape.value", f"measure `{written['measure']}` needs exactly one way of computing it",
            given=", ".join(hows) or "none", expected=f"one of {', '.join(HOWS)}",
        )  # fmt: skip
        return None

    def _misplaced(self, how: str, written: Mapping[str, Any], path: Path) -> None:
        """Note what only other ways of computing take, because it would be passed over in silence."""
        other = {"rounding", "places"} if how != "formula" else {"within", "on", "per"}
        if how == "points_lost":
            other = {"within", "on", "per", "rounding", "places", "when_nothing"}
        for key in sorted(other & {key for key, value in written.items() if value is not None}):
            self.notes.add((*path, key), "rule.misplaced", f"`{how}` takes no `{key}`", given=key)

    def _measure(self, how: str, written: dict[str, Any], path: Path, names: Sequence[str]) -> Measure | None:
        label = sure_text(written["label"], written["measure"])
        name = written["measure"]
        if how == "formula":
            any_places = Scale(None, lambda _: 0)
            formula = self.formula(
                str(written["formula"]), written.get("rounding"), (*path, how), names, Scope(), any_places
            )
            if formula is None:
                return None
            places = written.get("places") or 0
            shape = Field(name, "decimal" if places else "whole", label, places=places)
            nothing = self._nothing(written, shape, path)
            return Measure(name, label, _body(formula), shape.type, places, written.get("unit"), None, nothing)
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
        tests = self._clauses.where(kind, base, (*at, written_base), scope)
        numerator = self._clauses.where(kind, data.get("where") or {}, (*at, "where"), scope) if how == "share" else []
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
            self.notes.unknown((*path, "per"), "field", per, kind.fields, kind.name)
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
                self.notes.add((*path, "field"), "shape.unknown_key", f"`{how}` reads no field", given="field")
            return Field(name, "share" if how == "share" else "whole", Text(name))
        wanted = str(data.get("field"))
        if wanted not in kind.fields:
            self.notes.unknown((*path, "field"), "field", wanted, kind.fields, kind.name)
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
            message = f"`when_nothing` can't be `{data}`"
            self.notes.add(at, misfit.code, message, given=data, expected=misfit.expected, help=misfit.help)
            return None

    def formula(
        self, written: str, rounding: Any, path: Path, names: Sequence[str], scope: Scope, scale: Scale | None = None
    ) -> Formula | None:
        """Return a formula over measures and, in rules, over fields of bound facts."""

        def refer(name: str) -> Ref:
            if "." in name:
                alias, _, field = name.partition(".")
                if alias in scope.unsure:
                    return Ref(alias, field, "whole")
                fields = scope.aliases.get(alias)
                if fields is None:
                    self.notes.unknown(path, "alias", alias, scope.aliases)
                elif field not in fields:
                    self.notes.unknown(path, "field", field, fields, alias)
                elif fields[field].type not in ("whole", "date"):
                    kind, message = fields[field].type, f"a formula computes with whole numbers, not with `{name}`"
                    self.notes.add(path, "type.mismatch", message, given=kind, expected="whole")
                return Ref(alias, field, "whole")
            if name not in names:
                self.notes.unknown(path, "measure", name, names)
            return Ref("measure", name, "whole")

        try:
            return parse_formula(written, rounding, refer, scale)
        except FormulaError as error:
            self.notes.add(
                path, "formula.syntax", str(error), given=written, help="numbers, names, + - * /, min, max, ()"
            )
            return None

    def _check_formulas(self, data: Sequence[dict[str, Any]], file: str) -> None:
        """Formulas compute with numbers without groups, and never with themselves."""
        for place, written in enumerate(data):
            measure = self.measures.get(written["measure"])
            if measure is not None and isinstance(measure.body, Arithmetic):
                path: Path = (file, place, "formula")
                self.check_parts(measure.body, path, decimals=True)
                way = self._way_back(measure.name)
                if way and measure.name == min(way):
                    shown = " → ".join((*way, measure.name))
                    self.notes.add(
                        path, "strata.cycle", f"this waits for itself: {shown}", given=shown,
                        help="a formula can't compute with what is computed from it",
                    )  # fmt: skip

    def check_parts(self, formula: Formula, path: Path, *, grouped: bool = False, decimals: bool = False) -> None:
        """Note the measures of a formula that it can't compute with; groups and decimals may be allowed."""
        for name in sorted(set(formula_measures(formula))):
            part = self.measures.get(name)
            if part is not None and (
                (part.per is not None and not grouped) or part.type not in _COMPUTABLE or (part.places and not decimals)
            ):
                self.notes.add(
                    path, "type.mismatch", f"a formula can't compute with `{name}`",
                    given=f"{part.type}{' per group' if part.per else ''}", expected="whole numbers without groups",
                )  # fmt: skip

    def _way_back(self, goal: str) -> tuple[str, ...]:
        """Return the measures on a shortest way from `goal` through formulas back to it, none where there is none."""
        ways: dict[str, tuple[str, ...]] = {goal: (goal,)}
        todo = [goal]
        while todo:
            name = todo.pop(0)
            measure = self.measures.get(name)
            if measure is None or not isinstance(measure.body, Arithmetic):
                continue
            for part in formula_measures(measure.body):
                if part == goal:
                    return ways[name]
                if part not in ways:
                    ways[part] = (*ways[name], part)
                    todo.append(part)
        return ()
