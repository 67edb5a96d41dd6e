"""Patterns taken apart: what each says of a fact alone, and what it compares with other facts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from knowledge.rules import Pattern, Ref, Test

_GIVING_OUT: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Parts:
    """A pattern taken apart: what it says of the fact alone, and what it compares with others."""

    number: int
    """The same for patterns that say the same of the fact alone."""
    own: tuple[tuple[int, Test], ...]
    """Tests, each with a number that is the same for equal ones."""
    joined: tuple[Test, ...]


class Patterns:
    """The patterns of one rulebook taken apart, each once. May be shared between threads."""

    def __init__(self) -> None:
        self._parts: dict[int, tuple[Pattern, Parts]] = {}
        self._numbers: dict[Any, int] = {}

    def parts(self, pattern: Pattern) -> Parts:
        """Return the parts of a pattern."""
        found = self._parts.get(id(pattern))
        if found is None:
            with _GIVING_OUT:
                found = self._parts[id(pattern)] = (pattern, self._taken_apart(pattern))
        return found[1]

    def _taken_apart(self, pattern: Pattern) -> Parts:
        own = [test for test in pattern.tests if not joins(test, pattern)]
        aliases = [pattern.alias if isinstance(test.operand, Ref) else "" for test in own]
        numbered = [(self._number((test, alias)), test) for test, alias in zip(own, aliases, strict=True)]
        whole = (tuple(number for number, _ in numbered), pattern.window, pattern.active)
        alias = pattern.alias if pattern.window is not None and pattern.window.since is not None else ""
        joined = tuple(test for test in pattern.tests if joins(test, pattern))
        return Parts(self._number((*whole, alias)), tuple(numbered), joined)

    def _number(self, key: Any) -> int:
        return self._numbers.setdefault(key, len(self._numbers))


def joins(test: Test, pattern: Pattern) -> bool:
    """Say whether a test of a pattern reads another fact."""
    return any(alias != pattern.alias for alias in aliases_in(test.operand))


def aliases_in(operand: Any) -> Iterator[str]:
    """Yield the alias that an operand reads, if it reads one."""
    if isinstance(operand, Ref) and operand.source not in ("as_of", "producer", "measure", "this"):
        yield operand.source
