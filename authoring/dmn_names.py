"""What a DMN file's variables become in a rulebook: names, types, and numbers that may be computed with."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, Literal, TypeAlias

from authoring.dmn_reading import Decision, Model, Output, Type
from authoring.feel import Compare, Every, Expr, Lit, Name, Not, Some, Sum, Test
from knowledge.clauses import CLAUSE_WORDS, RESERVED

FEWEST_PLACES: Final = 6
MOST_PLACES: Final = 9
_TAKEN: Final = frozenset(
    (*CLAUSE_WORDS, *RESERVED, "id", "kind", "region", "subject", "given", "outcome", "remark", "row", "rank", "same")
)
_BRACES: Final = str.maketrans("{}", "\uff5b\uff5d")
_REFERENCE: Final = re.compile(r"\s*(?:[a-z][a-z0-9_]*\.[a-z]|as_of)")
Kind: TypeAlias = Literal["decimal", "whole", "text", "yes_no", "date"]


class NotCarried(Exception):
    """Something that no construct of a rulebook says; tells why."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One value that tests read: an attribute of the producer, or a field of a decision's answer."""

    name: str
    """The attribute, or the field."""
    kind: Kind
    label: str
    decision: str | None = None
    """The finding whose field it is."""

    @property
    def measure(self) -> str:
        """The measure that holds it as a number."""
        return f"v_{self.name}" if self.decision is None else f"w_{self.decision}_{self.name}"


@dataclass(slots=True)
class Names:
    """Every variable of a model by what FEEL calls it, and the findings of its decisions."""

    variables: dict[Name, Variable] = field(default_factory=dict)
    findings: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, tuple[Variable, ...]] = field(default_factory=dict)
    places: int = FEWEST_PLACES

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

    def literal(self, value: Decimal | str | bool | date, kind: Kind) -> Any:
        """Return a literal as a rulebook writes it for a variable.

        Raises:
            NotCarried: it is none of the variable's kind.
        """
        match value:
            case bool() if kind == "yes_no":
                return "yes" if value else "no"
            case Decimal() if kind == "whole" and value == value.to_integral_value():
                return int(value)
            case Decimal() if kind == "decimal":
                return value if value.as_tuple().exponent else int(value)
            case date() if kind == "date":
                return value.isoformat()
            case str() if kind == "text" and value:
                return value
        raise NotCarried(f"`{value}` is not of the kind {kind}")


def label(text: str) -> str:
    """Return a name as a label: braces, which stand for values in texts of rulebooks, become full-width."""
    return text.translate(_BRACES)


def written(value: Any) -> Any:
    """Return a literal as YAML has it: a text that might be read as a reference says that it is none."""
    if isinstance(value, Variable):
        return f"producer.{value.name}"
    if isinstance(value, tuple):
        return list(value)
    return {"text": value} if isinstance(value, str) and _REFERENCE.match(value) else value


def name_all(model: Model) -> Names:
    """Return the names of everything in a model.

    Raises:
        NotCarried: a number is both computed with and has fractions.
    """
    names, taken = Names(), set(_TAKEN)
    computed = set(_computed(model))
    names.places = min(MOST_PLACES, max([FEWEST_PLACES, *(_places(lit) for lit in _literals(model))]))
    for place, (name, type_) in enumerate(model.variables.items(), 1):
        kind = _of_type(type_) or _guessed(model, Name(name)) or "decimal"
        kind = "whole" if kind == "decimal" and Name(name) in computed else kind
        names.variables[Name(name)] = Variable(
            _slug(name, model.ids.get(name, ""), f"input_{place}", taken), kind, name
        )
    for place, decision in enumerate(model.decisions, 1):
        finding = _slug(decision.name, decision.id, f"decision_{place}", taken)
        names.findings[decision.name] = finding
        taken.add(f"{finding}_row")
        fields = set(_TAKEN)
        made: list[Variable] = []
        for number, output in enumerate(decision.outputs):
            kind = _kind_of(decision, number, output, names)
            single = len(decision.outputs) == 1
            slug = _slug("answer" if single else output.name, "", f"output_{number + 1}", fields)
            variable = Variable(slug, kind, output.name, finding)
            made.append(variable)
            if has_one_answer(decision):
                whole = Name(decision.name) if single else Name(decision.name, output.name)
                names.variables[whole] = variable
                if whole in computed and kind == "decimal":
                    raise NotCarried(f"`{output.name}` has fractions and is computed with: only whole numbers are")
        names.outputs[decision.name] = tuple(made)
    return names


def has_one_answer(decision: Decision) -> bool:
    """Say whether a decision answers with one value of each output, and not with a list."""
    return decision.aggregation is not None or decision.policy in ("unique", "first", "priority", "any")


def scaled(expr: Expr, names: Names) -> tuple[str, int]:
    """Return whole-number arithmetic in the rulebook's words, and the number by which its result is divided.

    Raises:
        NotCarried: it isn't arithmetic of whole numbers.
    """
    match expr:
        case Lit(Decimal() as value):
            exact = Fraction(value)
            if abs(exact.numerator) > 10**15 or exact.denominator > 10**12:
                raise NotCarried(f"the number {value} is too long to compute with")
            return (str(exact.numerator) if exact >= 0 else f"(0 - {-exact.numerator})"), exact.denominator
        case Name():
            variable = names.of(expr)
            if variable.kind != "whole":
                raise NotCarried(f"`{variable.label}` is {variable.kind}, and only whole numbers are computed with")
            return variable.measure, 1
        case Sum("/", left, right):
            if not (isinstance(right, Lit) and isinstance(right.value, Decimal) and right.value):
                raise NotCarried("a division by what is no number is not exact in whole numbers")
            inverse = 1 / Fraction(right.value)
            text, below = scaled(left, names)
            sign = bracketed(text) if inverse > 0 else f"(0 - {bracketed(text)})"
            return times(sign, abs(inverse.numerator)), below * inverse.denominator
        case Sum("*", left, right):
            (one, below), (other, under) = scaled(left, names), scaled(right, names)
            return f"{bracketed(one)} * {bracketed(other)}", below * under
        case Sum(sign, left, right):
            (one, below), (other, under) = scaled(left, names), scaled(right, names)
            common = math.lcm(below, under)
            return f"{times(one, common // below)} {sign} {bracketed(times(other, common // under))}", common
    raise NotCarried(f"only numbers are computed with, and `{_shown(expr)}` is none")


def parts(expr: Expr) -> Iterator[Name]:
    """Yield every variable that an expression reads."""
    match expr:
        case Name():
            yield expr
        case Sum(_, left, right):
            yield from parts(left)
            yield from parts(right)


def bracketed(text: str) -> str:
    """Return arithmetic as it may stand beside any sign."""
    return f"({text})" if " " in text else text


def times(text: str, number: int) -> str:
    """Return arithmetic times a number."""
    return text if number == 1 else f"{bracketed(text)} * {number}"


def _shown(expr: Expr) -> str:
    return str(expr.value) if isinstance(expr, Lit) else "it"


def _of_type(type_: Type | None) -> Kind | None:
    return "decimal" if type_ == "number" else type_


def _kind_of(decision: Decision, number: int, output: Output, names: Names) -> Kind:
    """Return the kind of an output: numbers are whole where all that may come out is."""
    if decision.aggregation == "count":
        return "whole"
    entries = [row.outputs[number] for row in decision.rows]
    entries += [output.default] if output.default is not None else []
    kinds = {_entry_kind(entry, names) for entry in entries} - {None}
    if kinds == {"whole", "decimal"}:
        if any(not isinstance(entry, Lit) for entry in entries):
            raise NotCarried(f"`{output.name}` mixes fractions with what is computed or read")
        return "decimal"
    if len(kinds) > 1:
        raise NotCarried(f"`{output.name}` mixes {' and '.join(sorted(str(kind) for kind in kinds))}")
    found = next(iter(kinds), None) or _of_type(output.type) or "text"
    declared = _of_type(output.type)
    if declared is not None and found != declared and {found, declared} != {"whole", "decimal"}:
        raise NotCarried(f"`{output.name}` is declared {output.type}, and gives {found}")
    return found


def _entry_kind(entry: Expr, names: Names) -> Kind | None:
    match entry:
        case Lit(None):
            return None
        case Lit(value):
            return _literal_kind(value)
        case Name():
            return names.of(entry).kind
    return "whole"


def _literal_kind(value: Decimal | str | bool | date | None) -> Kind | None:
    match value:
        case bool():
            return "yes_no"
        case Decimal():
            return "whole" if value == value.to_integral_value() else "decimal"
        case str():
            return "text"
        case date():
            return "date"
    return None


def _guessed(model: Model, name: Name) -> Kind | None:
    """Return the kind of a variable without a declared type, by what it is compared with."""
    for decision in model.decisions:
        for place, expr in enumerate(decision.inputs):
            if expr == name:
                for row in decision.rows:
                    for other in _compared(row.tests[place]):
                        kind = _literal_kind(other.value) if isinstance(other, Lit) else None
                        if kind is not None:
                            return "decimal" if kind == "whole" else kind
    return None


def _compared(test: Test) -> Iterator[Expr]:
    match test:
        case Compare(_, other):
            yield other
        case Every(tests) | Some(tests):
            for one in tests:
                yield from _compared(one)
        case Not(inner):
            yield from _compared(inner)


def reads(decision: Decision) -> set[str]:
    """Return the names of the variables and decisions that a decision reads."""
    return {name.name for expr in _of_decision(decision) for name in parts(expr)}


def _expressions(model: Model) -> Iterator[Expr]:
    for decision in model.decisions:
        yield from _of_decision(decision)


def _of_decision(decision: Decision) -> Iterator[Expr]:
    yield from decision.inputs
    for row in decision.rows:
        yield from row.outputs
        for test in row.tests:
            yield from _compared(test)


def _computed(model: Model) -> Iterator[Name]:
    """Yield the variables that are computed with, or compared with another number."""
    for expr in _expressions(model):
        if isinstance(expr, Sum):
            yield from parts(expr)
    for decision in model.decisions:
        for place, expr in enumerate(decision.inputs):
            for row in decision.rows:
                for other in _compared(row.tests[place]):
                    if not isinstance(other, Lit):
                        yield from (*parts(expr), *parts(other))


def _literals(model: Model) -> Iterator[Lit]:
    for expr in _expressions(model):
        if isinstance(expr, Lit):
            yield expr


def _places(literal: Lit) -> int:
    exponent = literal.value.as_tuple().exponent if isinstance(literal.value, Decimal) else 0
    return -exponent if isinstance(exponent, int) else 0


def _slug(name: str, identity: str, otherwise: str, taken: set[str]) -> str:
    """Return a name of a rulebook, as near to the given one as may be: made from its id where it isn't in ASCII."""
    slugs = [_plain(one) for one in (name, identity) if one.isascii()]
    slug = next((one for one in slugs if re.match(r"[a-z]", one)), otherwise)
    number, base = 1, slug
    while slug in taken:
        number += 1
        slug = f"{base}_{number}"
    taken.add(slug)
    return slug


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40]
