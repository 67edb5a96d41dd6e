"""What must hold together, as clauses of a rule; and whether anything can meet it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeAlias

from authoring.dmn_values import Moved, NotCarried, Variable, written

MISSING: Final = ("present", "no")
PRESENT: Final = ("present", "yes")
_TESTS: Final[Mapping[str, Callable[[Any, tuple[Any, ...]], bool]]] = {
    "is": lambda value, asked: value == asked[0],
    "not": lambda value, asked: value != asked[0],
    "in": lambda value, asked: value in asked,
    "not_in": lambda value, asked: value not in asked,
    **dict.fromkeys(("below", "before"), lambda value, asked: value < asked[0]),
    **dict.fromkeys(("at_most", "up_to"), lambda value, asked: value <= asked[0]),
    **dict.fromkeys(("above", "after"), lambda value, asked: value > asked[0]),
    **dict.fromkeys(("at_least", "from"), lambda value, asked: value >= asked[0]),
}


@dataclass(frozen=True, slots=True)
class Atom:
    """One thing that must hold: a test on a variable, a measure or the day, or that a decision gave nothing.

    Values are literals, tuples of them, another variable, or a day that is referred to.
    """

    on: Variable | str | None
    """A variable, the name of a measure, or None for the day of the case."""
    word: str
    value: Any

    @property
    def is_absence(self) -> bool:
        """Whether it asks that a decision gave no such value."""
        return isinstance(self.on, Variable) and self.on.decision is not None and (self.word, self.value) == MISSING


Way: TypeAlias = tuple[Atom, ...]


def clauses(way: Way) -> list[dict[str, Any]]:
    """Return one alternative as the clauses of a rule.

    Raises:
        NotCarried: one value of a decision is tested twice in a way that can't stand in one pattern.
    """
    found: list[dict[str, Any]] = []
    patterns: dict[str, dict[str, list[Atom]]] = {}
    for atom in way:
        if atom.on is None:
            found.append({atom.word: written(atom.value)})
        elif isinstance(atom.on, str):
            found.append({"measure": atom.on, atom.word: atom.value})
        elif atom.on.decision is None:
            found.append({"producer": {atom.on.name: _tested(atom)}})
        elif atom.is_absence:
            given = {"is": atom.on.decision, "where": {atom.on.name: {"present": "yes"}}}
            found.append({f"no {atom.on.decision}_{atom.on.name}": given})
        else:
            patterns.setdefault(atom.on.decision, {}).setdefault(atom.on.name, []).append(atom)
    for name, fields in patterns.items():
        where = {field: _short(_together(atoms)) for field, atoms in fields.items()}
        found.append({f"the_{name}": {"is": name, "where": where}})
    return list(_merged(found))


def _together(atoms: Sequence[Atom]) -> dict[str, Any]:
    """Return tests of one value as one map, each word once: two patterns would bind different findings."""
    tests: dict[str, Any] = {}
    others = [atom for atom in atoms if atom.word in ("not", "not_in")]
    for atom in atoms:
        word, value = atom.word, atom.value
        if len(others) > 1 and atom in others:
            word, value = "not_in", tuple(dict.fromkeys(one for other in others for one in _literals(other)))
        elif word in tests and tests[word] != value:
            value = _narrower(atom, tests[word])
        tests[word] = value
    return {word: written(value) for word, value in tests.items()}


def _literals(atom: Atom) -> tuple[Any, ...]:
    if isinstance(atom.value, Variable | Moved):
        raise _twice(atom)
    return atom.value if isinstance(atom.value, tuple) else (atom.value,)


def _narrower(atom: Atom, other: Any) -> Any:
    """Return the value with which a test says what it and the same test with another value say together."""
    if not any(isinstance(value, Variable | Moved) for value in (atom.value, other)):
        if atom.word == "in":
            return tuple(value for value in atom.value if value in other)
        if atom.word in ("below", "at_most", "before", "up_to"):
            return min(atom.value, other)
        if atom.word in ("above", "at_least", "after", "from"):
            return max(atom.value, other)
    raise _twice(atom)


def _twice(atom: Atom) -> NotCarried:
    label = atom.on.label if isinstance(atom.on, Variable) else atom.word
    return NotCarried(f"`{label}` is tested twice with `{atom.word}` in one row")


def never_holds(way: Way) -> bool:
    """Say whether no value of some variable meets all that is asked of it."""
    asked: dict[Variable | str | None, list[Atom]] = {}
    referred: set[Variable | str | None] = set()
    for atom in way:
        if isinstance(atom.value, Variable | Moved):
            referred |= {atom.on, atom.value.of if isinstance(atom.value, Moved) else atom.value}
        else:
            asked.setdefault(atom.on, []).append(atom)
    if any((atom.word, atom.value) == MISSING and atom.on in referred for atom in way):
        return True
    return any(len(atoms) > 1 and _is_contradiction(atoms) for atoms in asked.values())


def _is_contradiction(atoms: Sequence[Atom]) -> bool:
    on, tested = atoms[0].on, [atom for atom in atoms if atom.word != "present"]
    known = [value for atom in tested for value in _values(atom)]
    step = Decimal(1).scaleb(-on.places) if isinstance(on, Variable) else Decimal(1)
    near = [value + way for value in known if isinstance(value, int | Decimal) for way in (-step, step)]
    other = {"yes_no": ["yes", "no"], "text": ["-".join(map(str, ("other", *known)))]}
    others = other.get(on.kind, [0]) if isinstance(on, Variable) else [0]
    return not any(all(_meets(atom, value) for atom in atoms) for value in (None, *known, *near, *others))


def _values(atom: Atom) -> Iterator[Any]:
    """Yield the literals of a test, days as numbers."""
    for value in atom.value if isinstance(atom.value, tuple) else (atom.value,):
        is_day = isinstance(atom.on, Variable) and atom.on.kind == "date"
        yield date.fromisoformat(value).toordinal() if is_day else value


def _meets(atom: Atom, value: Any) -> bool:
    if atom.word == "present":
        return (value is None) == ((atom.word, atom.value) == MISSING)
    return value is not None and _TESTS[atom.word](value, tuple(_values(atom)))


def _short(tests: dict[str, Any]) -> Any:
    """Return tests as they are written: equality with a literal bare."""
    bare = tests.get("is") if len(tests) == 1 else None
    return tests if bare is None or isinstance(bare, dict) else bare


def _tested(atom: Atom) -> Any:
    value = written(atom.value)
    return value if atom.word in ("in", "is") and not isinstance(value, dict) else {atom.word: value}


def _merged(found: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield clauses, with the two ends of a range in one."""
    kept: dict[str, dict[str, Any]] = {}
    for clause in found:
        test = clause.get("producer")
        name = next(iter(test)) if test is not None else None
        if name is None or not isinstance(clause["producer"][name], dict) or "text" in clause["producer"][name]:
            yield clause
        elif name in kept and not kept[name].keys() & clause["producer"][name].keys():
            kept[name].update(clause["producer"][name])
        else:
            kept[name] = clause["producer"][name]
            yield clause
