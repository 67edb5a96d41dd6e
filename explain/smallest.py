"""The smallest change of a value by which comparisons that fail would hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from engine.atoms import COMPARE
from engine.checker_code import order_of
from engine.grading import Atom
from knowledge.rulebook import Field
from knowledge.rules import Value


def smallest(atoms: Sequence[Atom], field: Field) -> Value | None:
    """Return the value nearest to the one observed that meets all comparisons with one field.

    None where nothing is to be said: any value will do, no value is wanted, any text but one will do, or none can be.
    """
    observed = atoms[0].observed
    order = order_of(field)
    fitting = [value for value in _offers(atoms, field) if all(_meets(atom, value, order) for atom in atoms)]
    if not fitting:
        return None
    if observed is None or isinstance(observed, bool):
        return fitting[0]
    if isinstance(observed, int):
        return min(fitting, key=lambda value: abs(int(value) - observed))
    if order and observed in order:
        return min(fitting, key=lambda value: abs(order.index(str(value)) - order.index(str(observed))))
    return fitting[0]


def nearest_miss(groups: Sequence[Sequence[Atom]], field: Field) -> Value | None:
    """Return the value nearest to the one observed that meets no group of comparisons in full.

    None where nothing is to be said, as `smallest`.
    """
    observed = groups[0][0].observed
    order = order_of(field)
    everything = [atom for atoms in groups for atom in atoms]
    offers = [
        value
        for value in _offers(everything, field)
        if not any(all(_meets(atom, value, order) for atom in atoms) for atoms in groups)
    ]
    if not offers or not isinstance(observed, int) or isinstance(observed, bool):
        return offers[0] if offers else None
    return min(offers, key=lambda value: abs(int(value) - observed))


def _offers(atoms: Iterable[Atom], field: Field) -> list[Value]:
    """Return the values among which the nearest is, in the order of the comparisons."""
    if field.choices:
        return list(field.choices)
    if field.type == "yes_no":
        return [True, False]
    offers: list[Value] = []
    for atom in atoms:
        if isinstance(atom.threshold, tuple):
            offers += [*atom.threshold, *(one for many in atom.threshold for one in _beside(many))]
        elif atom.threshold is not None:
            offers += [atom.threshold, *_beside(atom.threshold)]
    low, high = field.minimum, field.maximum
    if field.type == "text":
        return offers
    return [
        value
        for value in dict.fromkeys(offers)
        if not isinstance(value, int) or ((low is None or value >= low) and (high is None or value <= high))
    ]


def _beside(value: Value) -> list[Value]:
    return [value - 1, value + 1] if isinstance(value, int) and not isinstance(value, bool) else []


def _meets(atom: Atom, value: Value, order: Sequence[str]) -> bool:
    if atom.op in ("present", "missing"):
        return atom.op == "present"
    if atom.threshold is None:
        return False
    left: Any = value
    right: Any = atom.threshold
    if order and atom.op in ("lt", "le", "gt", "ge"):
        left, right = order.index(str(left)), order.index(str(right))
    return COMPARE[atom.op](left, right)
