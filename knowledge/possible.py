"""Can any value meet these tests? What no value meets, no fact does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import eq, ge, gt, le, lt, ne

from knowledge.rulebook import Field
from knowledge.rules import Const, Ref, Test, Value

_COMPARED = {"eq": eq, "ne": ne, "lt": lt, "le": le, "gt": gt, "ge": ge}
_HUNDRED_PERCENT = 10_000


def contradiction(fields: Mapping[str, Field], tests: Sequence[Test]) -> tuple[str, str | None] | None:
    """Return why no value meets the tests and what values there are, None where some may.

    What is compared with another fact's value is taken to be possible.
    """
    for name in dict.fromkeys(test.name for test in tests):
        field, own = fields[name], [test for test in tests if test.name == name]
        if any(test.op == "missing" for test in own):
            if not field.optional:
                return f"`{name}` is never missing", None
            if len(own) > 1:
                return f"`{name}` would have to be missing and given", None
        elif not any(meets(own, value) for value in values(field, own)):
            return f"`{name}` has no value that meets its tests", _range(field)
    return None


def meets(tests: Sequence[Test], value: Value) -> bool:
    """Return whether a value meets all tests whose operands are known."""
    return all(_meets(test, value) for test in tests)


def _meets(test: Test, value: Value) -> bool:
    if isinstance(test.operand, tuple):
        return (value in test.operand) == (test.op == "in")
    if isinstance(test.operand, Ref) or test.op not in _COMPARED:
        return test.op != "missing"
    assert isinstance(test.operand, Const)
    return bool(_COMPARED[test.op](value, test.operand.value))


def values(field: Field, tests: Sequence[Test]) -> Iterator[Value]:
    """Yield values of a field that stand for all others: whatever a test tells apart lies between two of them."""
    if field.type == "yes_no":
        yield from (True, False)
    elif field.type == "choice" and field.choices:
        yield from field.choices
    elif field.type in ("text", "choice"):
        yield from ("", *(str(value) for value in _operands(tests)))
        yield "\0"  # a text that no test names
    else:
        low, high = (0, _HUNDRED_PERCENT) if field.type == "share" else (field.minimum, field.maximum)
        edges = {0} | {end for end in (low, high) if end is not None}
        edges |= {int(value) + step for value in _operands(tests) for step in (-1, 0, 1)}
        yield from (edge for edge in sorted(edges) if (low is None or edge >= low) and (high is None or edge <= high))


def _operands(tests: Sequence[Test]) -> Iterator[Value]:
    for test in tests:
        if isinstance(test.operand, tuple):
            yield from test.operand
        elif isinstance(test.operand, Const):
            yield test.operand.value


def _range(field: Field) -> str | None:
    if field.type == "choice" and field.choices:
        return f"one of {', '.join(field.choices)}"
    if field.type not in ("whole", "decimal") or field.places:
        return None
    low, high = field.minimum, field.maximum
    parts = [f"at least {low}" if low is not None else "", f"at most {high}" if high is not None else ""]
    return " and ".join(part for part in parts if part) or None
