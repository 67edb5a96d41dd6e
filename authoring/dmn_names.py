"""What a DMN file's variables become in a rulebook: names, kinds, and as many decimal places as they need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from authoring.dmn_model import Decision, Model, Output
from authoring.dmn_numbers import places_of
from authoring.dmn_types import Type
from authoring.dmn_values import MOST_PLACES, Kind, Names, NotCarried, Variable, digits, kind_of
from authoring.feel_tree import (
    Bool,
    Compare,
    Day,
    Every,
    Expr,
    Is,
    Lit,
    Name,
    Not,
    Some,
    Test,
    Truth,
    Untrue,
    cases,
    names_of,
    walk,
)
from knowledge.clauses import CLAUSE_WORDS, RESERVED

PLACES: Final = 6
"""Decimal places of inputs, where what is computed of them allows so many."""
_TAKEN: Final = frozenset(
    (*CLAUSE_WORDS, *RESERVED, "id", "kind", "region", "subject", "given", "outcome", "remark", "row", "rank", "same")
)
_LARGEST: Final = Decimal(2**53)


def name_all(model: Model) -> Names:
    """Return the names of everything in a model. Inputs have six places, or fewer where results would have too many.

    Raises:
        NotCarried: a decision gives values of several kinds, or numbers that have more places than a rulebook's.
    """
    literals = [one.value for one in _literals(model) if isinstance(one.value, Decimal)]
    fewest = max([0, *(digits(value) for value in literals)])
    largest = max([Decimal(1), *(abs(value) for value in literals)])
    roomy = next((places for places in range(PLACES, 0, -1) if largest.scaleb(places) <= _LARGEST), 0)
    most = max(fewest, min(PLACES, roomy))
    problem = None
    for places in range(most, fewest - 1, -1):
        try:
            return _named(model, places)
        except _TooManyPlaces as error:
            problem = problem or error  # with the most places
    assert problem is not None
    raise problem


class _TooManyPlaces(NotCarried):
    pass


def _named(model: Model, places: int) -> Names:
    names, taken = Names(), set(_TAKEN)
    for place, (name, type_) in enumerate(model.variables.items(), 1):
        kind = _of_type(type_) or _guessed(model, Name(name)) or "number"
        slug = _slug(name, model.ids.get(name, ""), f"input_{place}", taken)
        fine = places if kind == "number" and type_ != "whole" else 0
        names.variables[Name(name)] = Variable(slug, kind, name, places=fine)
    for place, decision in enumerate(model.decisions, 1):
        finding = _slug(decision.name, decision.id, f"decision_{place}", taken)
        names.findings[decision.name] = finding
        taken.add(f"{finding}_row")
        fields = set(_TAKEN)
        made: list[Variable] = []
        for number, output in enumerate(decision.outputs):
            kind, fine = _shape(decision, number, output, names)
            single = len(decision.outputs) == 1
            slug = _slug("answer" if single else output.name, "", f"output_{number + 1}", fields)
            variable = Variable(slug, kind, output.name, finding, fine)
            made.append(variable)
            if has_one_answer(decision):
                names.variables[Name(decision.name) if single else Name(decision.name, output.name)] = variable
        names.outputs[decision.name] = tuple(made)
    return names


def has_one_answer(decision: Decision) -> bool:
    """Say whether a decision answers with one value of each output, and not with a list."""
    return decision.aggregation is not None or decision.policy in ("unique", "first", "priority", "any")


def reads(decision: Decision) -> set[str]:
    """Return the names of the variables and decisions that a decision reads."""
    return {name.name for tree in _of_decision(decision) for name in names_of(tree)}


def _of_type(type_: Type | None) -> Kind | None:
    return "number" if type_ == "whole" else type_


def _shape(decision: Decision, number: int, output: Output, names: Names) -> tuple[Kind, int]:
    """Return the kind of an output, and how many places its numbers have."""
    if decision.aggregation == "count":
        return "number", 0
    entries = [(row.at, row.outputs[number]) for row in decision.rows]
    entries += [(decision.at, output.default)] if output.default is not None else []
    found: dict[Kind, int] = {}
    for at, entry in entries:
        try:
            for _, value in cases(entry):
                kind, places = _entry(value, names)
                if kind is not None:
                    found[kind] = max(places, found.get(kind, 0))
        except NotCarried as error:
            raise NotCarried(f"`{output.name}`: {error}", at, decision.name) from error
        if found.get("number", 0) > MOST_PLACES:
            message = f"`{output.name}` needs {found['number']} decimal places, and values have at most {MOST_PLACES}"
            raise _TooManyPlaces(message, at, decision.name)
    declared = _of_type(output.type)
    if len(found) > 1:
        raise NotCarried(f"`{output.name}` mixes {' and '.join(sorted(found))}", decision.at, decision.name)
    if declared is not None and found and declared not in found:
        raise NotCarried(
            f"`{output.name}` is declared {declared}, and gives {next(iter(found))}", decision.at, decision.name
        )
    return next(iter(found.items()), (declared or "text", 0))


def _entry(entry: Expr, names: Names) -> tuple[Kind | None, int]:
    match entry:
        case Lit(value):
            return kind_of(value), digits(value) if isinstance(value, Decimal) else 0
        case Name():
            variable = names.of(entry)
            return variable.kind, variable.places
        case Day():
            return "date", 0
    return "number", places_of(entry, names)


def _guessed(model: Model, name: Name) -> Kind | None:
    """Return the kind of a variable without a declared type, by what it is compared with."""
    for decision in model.decisions:
        for place, expr in enumerate(decision.inputs):
            for row in decision.rows:
                tested = (Is(expr, row.tests[place]), *row.also, *(Truth(one) for one in row.tests), *row.outputs)
                for tree in tested:
                    kind = _guessed_by(tree, name)
                    if kind is not None:
                        return kind
    return next((kind for tree in _all(model) if (kind := _guessed_by(tree, name)) is not None), None)


def _guessed_by(tree: Expr | Test, name: Name) -> Kind | None:
    """Return the kind of the first literal that a tree compares a variable with."""
    for part in walk(tree):
        if isinstance(part, Is) and name in (part.on, *_compared(part.test)):
            for other in (part.on, *_compared(part.test)):
                kind = kind_of(other.value) if isinstance(other, Lit) else "date" if isinstance(other, Day) else None
                if kind is not None:
                    return kind
        if isinstance(part, Bool) and part.on == name:
            return "yes_no"
        if isinstance(part, Day) and part.of == name:
            return "date"
    return None


def _compared(test: Test) -> Iterator[Expr]:
    """Yield what a value is compared with."""
    match test:
        case Compare(_, other):
            yield other
        case Every(tests) | Some(tests):
            for one in tests:
                yield from _compared(one)
        case Not(inner) | Untrue(inner):
            yield from _compared(inner)


def _all(model: Model) -> Iterator[Expr | Test]:
    for decision in model.decisions:
        yield from _of_decision(decision)


def _of_decision(decision: Decision) -> Iterator[Expr | Test]:
    yield from decision.inputs
    for row in decision.rows:
        yield from (*row.outputs, *row.tests, *row.also)
    yield from (output.default for output in decision.outputs if output.default is not None)


def _literals(model: Model) -> Iterator[Lit]:
    """Yield the literals that values are compared with."""
    for tree in _all(model):
        for part in walk(tree):
            if isinstance(part, Compare) and isinstance(part.with_, Lit):
                yield part.with_


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
