"""From written files to meaning: every name, type and unit resolved, every problem noted with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from knowledge.notes import Notes, shortened
from knowledge.problems import nearest
from knowledge.rulebook import Field
from knowledge.rules import Const, Expr, Op, Ref, Scalar, Shift, Test, Text, Unit, Value
from knowledge.source import Path

_REFERENCE = re.compile(
    r"(?:(?P<source>[a-z][a-z0-9_]*)\.(?P<name>[a-z][a-z0-9_]*)|(?P<as_of>as_of))"
    r"(?:\s*(?P<sign>[+-])\s*(?P<amount>[0-9]{1,4})\s+(?P<unit>working days?|days?|weeks?|months?|years?))?"
)
_DURATION = re.compile(r"([0-9]{1,4}) (?:(working) )?(days?|weeks?|months?|years?)")
_NUMBER = re.compile(r"[-+]?[0-9]{1,20}(\.[0-9]{1,20})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNITS: Mapping[str, Unit] = {"day": "days", "week": "weeks", "month": "months", "year": "years"}
_OPERATORS: Mapping[str, Op] = {
    "is": "eq", "not": "ne", "in": "in", "not_in": "not_in", "below": "lt", "at_most": "le", "at_least": "ge",
    "above": "gt", "before": "lt", "up_to": "le", "from": "ge", "after": "gt",
}  # fmt: skip
_ORDER_WORDS = {"below", "at_most", "at_least", "above"}
_DATE_WORDS = {"before", "up_to", "from", "after"}
ORDERED_TYPES = ("whole", "decimal", "share")
LARGEST = 2**53


class Misfit(Exception):
    """A value that its field can't take; `expected` says what it can, `help` names the nearest."""

    def __init__(self, expected: str, code: str = "type.mismatch", help: str | None = None) -> None:
        super().__init__(expected)
        self.expected, self.code, self.help = expected, code, help


@dataclass(slots=True)
class Scope:
    """What a rule's operands may refer to: the fields behind each alias."""

    aliases: dict[str, Mapping[str, Field]] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    """Aliases of unknown types, so that nothing can be said about their fields."""


def text(data: Any) -> Text | None:
    """Return a text from a map or a plain string."""
    if data is None:
        return None
    return Text(data) if isinstance(data, str) else Text(data["zh"], data.get("en"))


def sure_text(data: Any, otherwise: str) -> Text:
    """Return a text, `otherwise` where none is given."""
    return text(data) or Text(otherwise)


def yes(data: Any) -> bool:
    """Return whether a yes/no word says yes."""
    return data is True or data == "yes"


def is_yes_no(data: Any) -> bool:
    """Return whether it is one of the words for yes and no; 0 and 1 aren't."""
    return isinstance(data, bool) or data in ("yes", "no")


def duration(words: str) -> tuple[int, Unit]:
    """Return amount and unit of `12 months`, `5 working days` and the like."""
    found = _DURATION.fullmatch(words)
    if found is None or (found[2] and not found[3].startswith("day")):
        raise Misfit("a length such as `12 months`, `90 days` or `5 working days`")
    return int(found[1]), "working_days" if found[2] else _UNITS[found[3].rstrip("s")]


def day(data: Any) -> int:
    """Return the ordinal of an ISO date."""
    try:
        if _DAY.fullmatch(str(data)):
            return date.fromisoformat(str(data)).toordinal()
    except ValueError:
        pass
    raise Misfit("a date such as `2026-03-01`")


def encode(shape: Field, data: Any) -> Value:  # noqa: C901  one case a type reads better whole
    """Return a literal encoded for a field.

    Raises:
        Misfit: it isn't one of the field's values.
    """
    if isinstance(data, dict) and set(data) == {"text"}:
        data = data["text"]
    match shape.type:
        case "text":
            if not isinstance(data, str | int | Decimal) or isinstance(data, bool):
                raise Misfit("text")
            return str(data)
        case "choice":
            word = {True: "yes", False: "no"}[data] if isinstance(data, bool) else str(data)
            if shape.choices and word not in shape.choices:
                near = nearest(word, shape.choices)
                hint = f"did you mean `{near}`?" if near else None
                raise Misfit(f"one of {', '.join(shape.choices)}", "value.unknown_choice", hint)
            return word
        case "whole":
            if not isinstance(data, int) or isinstance(data, bool):
                raise Misfit("a whole number")
            return _bounded(shape, data)
        case "decimal" | "share":
            return _bounded(shape, _scaled(shape, data))
        case "yes_no":
            if not is_yes_no(data):
                raise Misfit("yes or no")
            return yes(data)
        case "date":
            return day(data)


def _scaled(shape: Field, data: Any) -> int:
    places = shape.places
    words = str(data)
    if shape.type == "share":
        if not (isinstance(data, str) and data.endswith("%")):
            raise Misfit("a percentage such as `70%`")
        words, places = words[:-1], 2
    elif not isinstance(data, int | Decimal | str) or isinstance(data, bool):
        raise Misfit("a number")
    if not _NUMBER.fullmatch(words):
        raise Misfit("a percentage such as `70%`" if shape.type == "share" else "a number")
    scaled = Decimal(words).scaleb(places)
    if scaled != int(scaled):
        raise Misfit(f"at most {places} places", "value.too_precise")
    return int(scaled)


def _bounded(shape: Field, number: int) -> int:
    if shape.minimum is not None and number < shape.minimum:
        raise Misfit(f"at least {_plain(shape, shape.minimum)}", "value.out_of_bounds")
    if shape.maximum is not None and number > shape.maximum:
        raise Misfit(f"at most {_plain(shape, shape.maximum)}", "value.out_of_bounds")
    if abs(number) > LARGEST:
        raise Misfit("a number between -2^53 and 2^53", "value.out_of_bounds")
    return number


def _plain(shape: Field, number: int) -> str:
    return str(Decimal(number).scaleb(-shape.places)) if shape.places else str(number)


class ValueBinder:
    """Binds operands and tests; shared by patterns, measures and producers."""

    def __init__(self, notes: Notes, attributes: Mapping[str, Field], has_calendar: bool) -> None:
        self.notes, self._attributes, self._has_calendar = notes, attributes, has_calendar

    def constant(self, shape: Field, data: Any, path: Path) -> Value | None:
        """Return an encoded literal; notes the problem and returns None where it doesn't fit."""
        try:
            return encode(shape, data)
        except Misfit as misfit:
            shown = (
                "a map" if isinstance(data, dict) else "a list" if isinstance(data, list) else f"`{shortened(data)}`"
            )
            message = f"`{shape.name}` can't be {shown}"
            self.notes.add(path, misfit.code, message, given=data, expected=misfit.expected, help=misfit.help)
            return None

    def operand(self, shape: Field, data: Any, path: Path, scope: Scope, own: Mapping[str, Field]) -> Expr | None:
        """Return a literal or a reference of the field's type."""
        found = _REFERENCE.fullmatch(data.strip()) if isinstance(data, str) else None
        if found is not None and found["source"] in scope.unsure:
            return None
        if found is None or not self._refers(found, scope):
            if found is not None and (shape.type == "text" or not _fits(shape, data)):
                self._unbound(path, found["source"], [*scope.aliases, "this", "producer"], shape, data)
                return None
            value = self.constant(shape, data, path)
            return None if value is None else Const(value, shape.type)
        shift = self._shift(found, path)
        if found["as_of"]:
            source, name, kind = "as_of", "", "date"
        else:
            source, name = found["source"], found["name"]
            fields = own if source == "this" else self._attributes if source == "producer" else scope.aliases[source]
            if source == "producer" and name in ("kind", "region", "id"):
                kind = "text"
            elif name not in fields:
                self.notes.unknown(path, "field", name, fields, source)
                return None
            else:
                kind = fields[name].type
        if shift is not None and kind != "date":
            message = f"only dates can be shifted, and `{source}.{name}` is {kind}"
            self.notes.add(path, "type.mismatch", message, given=data, expected="a date")
            return None
        if not _comparable(shape.type, kind):
            self.notes.add(
                path, "type.mismatch", f"`{shape.name}` ({shape.type}) can't be compared with `{data}` ({kind})",
                given=data, expected=shape.type,
            )  # fmt: skip
            return None
        self._same_places(shape, found, scope, own, path, data)
        return Ref(source, name, kind, shift)  # type: ignore[arg-type]  # kinds are scalars

    def _unbound(self, path: Path, name: str, known: Sequence[str], shape: Field, data: str) -> None:
        near = nearest(name, known)
        line = f"did you mean `{near}`?" if near else f"known: {', '.join(known)}."
        line += f' Text is written `{{text: "{data}"}}`.' if shape.type == "text" else ""
        self.notes.add(path, "name.unknown", f"unknown alias `{name}`", given=name, help=line.removesuffix("."))

    def _same_places(
        self, shape: Field, found: re.Match[str], scope: Scope, own: Mapping[str, Field], path: Path, data: str
    ) -> None:
        fields = own if found["source"] == "this" else scope.aliases.get(found["source"] or "", self._attributes)
        other = fields.get(found["name"] or "")
        if other is None or shape.type not in ("whole", "decimal"):
            return
        # a whole number without a unit may be one of any
        units_differ = other.unit != shape.unit and (shape.type == "decimal" or None not in (other.unit, shape.unit))
        if units_differ or other.places != shape.places:
            message = f"`{shape.name}` and `{data}` differ in unit or places"
            self.notes.add(path, "type.unit", message, given=_measured_in(other), expected=_measured_in(shape))

    def _refers(self, found: re.Match[str], scope: Scope) -> bool:
        return bool(found["as_of"]) or found["source"] in {"this", "producer"} | set(scope.aliases)

    def _shift(self, found: re.Match[str], path: Path) -> Shift | None:
        if found["amount"] is None:
            return None
        amount, unit = duration(f"{found['amount']} {found['unit']}")
        self.needs_calendar(unit, path)
        return Shift(-amount if found["sign"] == "-" else amount, unit)

    def needs_calendar(self, unit: Unit, path: Path) -> None:
        """Note a count of working days in a rulebook without a calendar."""
        if unit == "working_days" and not self._has_calendar:
            self.notes.needs_calendar(path)

    def tests(
        self, shape: Field, data: Any, path: Path, scope: Scope, own: Mapping[str, Field] | None = None
    ) -> list[Test]:
        """Return the tests written for one value: a literal, a list, or a map of operators."""
        if isinstance(data, list):
            data = {"in": data}
        elif not isinstance(data, dict) or set(data) == {"text"}:
            data = {"is": data}
        tests = []
        if not data:
            self.notes.add(
                path, "shape.value", f"`{shape.name}` is tested for nothing", expected="a value or a comparison"
            )
        for word, operand in data.items():
            at = (*path, word) if word in self._written(path) else path
            test = self._test(shape, word, operand, at, scope, own or {})
            if test is not None:
                tests.append(test)
        return tests

    def _written(self, path: Path) -> set[str]:
        document = self.notes.documents[str(path[0])]
        value: Any = document.data
        for part in path[1:]:
            value = value[part]
        return set(value) if isinstance(value, dict) else set()

    def _test(
        self, shape: Field, word: str, operand: Any, path: Path, scope: Scope, own: Mapping[str, Field]
    ) -> Test | None:
        if word == "present":
            if not is_yes_no(operand):
                self.notes.add(path, "type.mismatch", "`present` takes yes or no", given=operand, expected="yes or no")
                return None
            return Test(shape.name, "present" if yes(operand) else "missing", None)
        if word not in _OPERATORS:
            self.notes.unknown(path, "comparison", word, [*_OPERATORS, "present"])
            return None
        op = _OPERATORS[word]
        if op in ("in", "not_in"):
            return self._listed(shape, op, operand, path)
        ordered_choice = shape.type == "choice" and shape.ordered and word in _ORDER_WORDS
        if word in _ORDER_WORDS and shape.type not in ORDERED_TYPES and not ordered_choice:
            self._wrong_word(shape, word, path, "numbers, shares and ordered choices")
            return None
        if word in _DATE_WORDS and shape.type != "date":
            self._wrong_word(shape, word, path, "dates")
            return None
        if ordered_choice:
            return self._ranked(shape, op, operand, path)
        expr = self.operand(shape, operand, path, scope, own)
        return None if expr is None else Test(shape.name, op, expr)

    def _wrong_word(self, shape: Field, word: str, path: Path, what: str) -> None:
        self.notes.add(
            path, "type.mismatch", f"`{word}` compares {what}, and `{shape.name}` is {shape.type}",
            given=shape.type, expected=what,
        )  # fmt: skip

    def _listed(self, shape: Field, op: Op, operand: Any, path: Path) -> Test | None:
        if not isinstance(operand, list) or not operand:
            self.notes.add(path, "type.mismatch", f"`{op}` takes a list", given=operand, expected="a list of values")
            return None
        values = [self.constant(shape, item, (*path, place)) for place, item in enumerate(operand)]
        return Test(shape.name, op, tuple(value for value in values if value is not None))

    def _ranked(self, shape: Field, op: Op, operand: Any, path: Path) -> Test | None:
        value = self.constant(shape, operand, path)
        if value is None or not shape.choices:
            return None
        order = list(shape.choices)
        place = order.index(str(value))
        kept = {"lt": order[:place], "le": order[: place + 1], "ge": order[place:], "gt": order[place + 1 :]}[op]
        return Test(shape.name, "in", tuple(kept))


def _measured_in(shape: Field) -> str:
    return f"{shape.unit or 'no unit'}, {shape.places} place{'' if shape.places == 1 else 's'}"


def _fits(shape: Field, data: Any) -> bool:
    try:
        encode(shape, data)
    except Misfit:
        return False
    return True


def _comparable(left: Scalar, right: str) -> bool:
    words = {"text", "choice"}
    return left == right or (left in words and right in words)
