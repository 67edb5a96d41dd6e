"""The variables of a DMN file as a rulebook knows them: names, kinds, decimal places, and how literals are written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

from authoring.feel_tree import Day, Name

MOST_PLACES: Final = 12
_BRACES: Final = str.maketrans("{}", "\uff5b\uff5d")
_REFERENCE: Final = re.compile(r"\s*(?:[a-z][a-z0-9_]*\.[a-z]|as_of)")
Kind: TypeAlias = Literal["number", "text", "yes_no", "date"]


class NotCarried(Exception):
    """Something that no construct of a rulebook says; tells why, and of which decision and where, if that is known."""

    def __init__(self, message: str, at: tuple[int, int] | None = None, decision: str | None = None) -> None:
        super().__init__(message)
        self.at, self.decision = at, decision


@dataclass(frozen=True, slots=True)
class Variable:
    """One value that tests read: an attribute of the producer, or a field of a decision's answer."""

    name: str
    """The attribute, or the field."""
    kind: Kind
    label: str
    decision: str | None = None
    """The finding whose field it is."""
    places: int = 0
    """Decimal places, of numbers."""

    @property
    def measure(self) -> str:
        """The measure that holds it as a number."""
        return f"v_{self.name}" if self.decision is None else f"w_{self.decision}_{self.name}"

    @property
    def type(self) -> str:
        """Its type in the vocabulary."""
        return self.kind if self.kind != "number" else "decimal" if self.places else "whole"

    def fits(self, value: object) -> bool:
        """Say whether a literal number has no more places than it."""
        return not isinstance(value, Decimal) or digits(value) <= self.places


@dataclass(frozen=True, slots=True)
class Moved:
    """A day that a test refers to: of a variable, or as_of where it says of none, and so much later."""

    of: Variable | None
    months: int
    days: int

    @property
    def text(self) -> str:
        """As rulebooks write it."""
        whole = "as_of" if self.of is None else f"producer.{self.of.name}"
        amount, unit = (self.months, "months") if self.months else (self.days, "days")
        return f"{whole} {'-' if amount < 0 else '+'} {abs(amount)} {unit}" if amount else whole


@dataclass(slots=True)
class Names:
    """Every variable of a model by what FEEL calls it, and the findings of its decisions."""

    variables: dict[Name, Variable] = field(default_factory=dict)
    findings: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, tuple[Variable, ...]] = field(default_factory=dict)

    def of(self, name: Name) -> Variable:
        """Return a variable.

        Raises:
            NotCarried: nothing has this name, or it stands for several values.
        """
        found = self.variables.get(name)
        if found is None:
            part = "" if name.part is None else f".{name.part}"
            raise NotCarried(f"`{name.name}{part}` is a list or several values, and only single values are tested")
        return found

    def moved(self, day: Day) -> Moved:
        """Return a day that is referred to.

        Raises:
            NotCarried: it is moved from something else than an attribute.
        """
        if not isinstance(day.of, Name):
            return Moved(None, day.months, day.days)
        variable = self.of(day.of)
        if variable.kind != "date" or variable.decision is not None:
            raise NotCarried(f"`{variable.label}` is no input that is a date, and only such are moved")
        return Moved(variable, day.months, day.days)


def literal(value: Decimal | str | bool | date, kind: Kind) -> Any:
    """Return a literal as a rulebook writes it for a variable.

    Raises:
        NotCarried: it is none of the variable's kind.
    """
    match value:
        case bool() if kind == "yes_no":
            return "yes" if value else "no"
        case Decimal() if kind == "number":
            return value if digits(value) else int(value)
        case date() if kind == "date":
            return value.isoformat()
        case str() if kind == "text" and value:
            return value
    raise NotCarried(f"`{value}` is not of the kind {kind}")


def kind_of(value: Decimal | str | bool | date | None) -> Kind | None:
    """Return the kind of a literal, None of null."""
    match value:
        case bool():
            return "yes_no"
        case Decimal():
            return "number"
        case str():
            return "text"
        case date():
            return "date"
    return None


def digits(value: Decimal) -> int:
    """Return how many decimal places a number needs."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def label(text: str) -> str:
    """Return a name as a label: braces, which stand for values in texts of rulebooks, become full-width."""
    return text.translate(_BRACES)


def written(value: Any) -> Any:
    """Return a literal as YAML has it: a text that might be read as a reference says that it is none."""
    if isinstance(value, Variable):
        return f"producer.{value.name}"
    if isinstance(value, Moved):
        return value.text
    if isinstance(value, tuple):
        return list(value)
    return {"text": value} if isinstance(value, str) and _REFERENCE.match(value) else value
