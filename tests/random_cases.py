"""Random cases for any rulebook, made from its vocabulary alone."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date

from engine.case import CaseFile, Fact, Producer, Source
from knowledge.rulebook import FactType, Field, Rulebook
from knowledge.rules import Value

TEXTS = ("A-1", "A-2", "A-3", '甲"乙', "𠀀 b\\", "")
LAST = date(2026, 11, 1).toordinal()


def random_case(rulebook: Rulebook, seed: int, *, facts: int = 60, as_of: int | None = None) -> CaseFile:
    """Return a case whose facts lie within three years before `as_of` and share few texts, so that joins meet."""
    draw = random.Random(seed)
    day = as_of if as_of is not None else LAST - draw.randrange(400)
    kinds = [kind for kind in rulebook.types.values() if kind.origin == "fact"]
    chosen = draw.choices(kinds, k=draw.randrange(facts + 1))
    made = {fact.id: fact for fact in (random_fact(rulebook, draw, kind, day) for kind in chosen)}
    attributes = {
        name: value for name, field in rulebook.attributes.items() if (value := _value(draw, field, day)) is not None
    }
    producer = Producer(f"P{seed}", draw.choice(list(rulebook.kinds)), "330110", attributes)
    return CaseFile(producer, tuple(sorted(made.values(), key=lambda fact: (fact.type, fact.id))), day)


def random_fact(rulebook: Rulebook, draw: random.Random, kind: FactType, as_of: int) -> Fact:
    """Return one fact of a type, in a random state of knowledge."""
    values: dict[str, Value] = {}
    for field in kind.fields.values():
        value = _value(draw, field, as_of)
        if value is not None:
            values[field.name] = value
    states = list(rulebook.fact_statuses.values())
    weights = [6 if status.counts else 1 for status in states]
    status = draw.choices(states, weights)[0].name
    key: Mapping[str, Value] = {name: values[name] for name in kind.same_when} or values
    number = random.Random(repr((kind.name, sorted(key.items())))).getrandbits(64)
    return Fact(f"F-{number:016x}", kind.name, values, status, (Source("test", "1"),), None)


def _value(draw: random.Random, field: Field, as_of: int) -> Value | None:
    if field.optional and draw.random() < 0.3:
        return None
    match field.type:
        case "text":
            return draw.choice(TEXTS)[: field.maximum or 200]
        case "choice":
            return draw.choice(list(field.choices))
        case "yes_no":
            return draw.random() < 0.6
        case "date":
            return as_of + draw.choice((0, -1, -30, draw.randrange(-1100, 60), draw.randrange(-400, 1)))
        case _:
            low = field.minimum if field.minimum is not None else 0
            high = field.maximum if field.maximum is not None else low + 10 ** (field.places + 2)
            return draw.choice((low, high, draw.randint(low, high)))
