"""When time alone changes something: the first day a window closes or a date passes."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from knowledge.rules import Unit
from knowledge.workdays import Calendar, add

NEVER = 1 << 40
"""Later than any date: nothing changes."""


@lru_cache(maxsize=16)
def day_shifts(calendar: Calendar | None) -> Callable[[int | None, int, Unit], int | None]:
    """Return a function `(day, amount, unit)` that moves a day; None where it is missing or the calendar ends."""

    @lru_cache(maxsize=65536)
    def shift(day: int | None, amount: int, unit: Unit) -> int | None:
        return None if day is None else add(day, amount, unit, calendar)

    return shift


@lru_cache(maxsize=16)
def day_leaves(calendar: Calendar | None) -> Callable[[int, int, Unit], int]:
    """Return a function `(day, amount, unit)` that says on which as_of a `last` window first loses `day`.

    That is the first as_of for which as_of minus the window is `day` or later; NEVER beyond the calendar.
    """

    @lru_cache(maxsize=65536)
    def leaves(day: int, amount: int, unit: Unit) -> int:
        return first_day(lambda as_of: add(as_of, -amount, unit, calendar), day, add(day, amount, unit, calendar))

    return leaves


def first_day(start_of: Callable[[int], int | None], day: int, guess: int | None) -> int:
    """Return the first as_of whose `start_of(as_of)` is `day` or later, searching around `guess`.

    `start_of` never decreases. Month ends and holidays shift the answer by a few days only.
    """
    if guess is None:
        return NEVER
    while (start := start_of(guess)) is not None and start >= day:
        guess -= 1
    while (start := start_of(guess)) is not None and start < day:
        guess += 1
    return NEVER if start is None else guess
