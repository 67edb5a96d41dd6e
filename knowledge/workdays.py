"""Dates as ordinals: months, working days and the calendar that a rulebook carries."""

from __future__ import annotations

import calendar as _gregorian
from bisect import bisect_left, bisect_right
from datetime import date

from msgspec import Struct


class Calendar(Struct, frozen=True):
    """Working days between two dates, as data, so that a replay in ten years counts the same days."""

    id: str
    first: int
    """First ordinal the calendar knows."""
    last: int
    """Last ordinal the calendar knows."""
    working: tuple[int, ...]
    """Every working day between first and last, ascending."""

    def add(self, day: int, working_days: int) -> int | None:
        """Return the ordinal `working_days` after `day` (before it if negative), None beyond the calendar.

        The day itself never counts: one working day after a Friday is the next Monday, or the
        next day that is worked. Zero returns the day unchanged.
        """
        if working_days == 0:
            return day
        if working_days > 0:
            place = bisect_right(self.working, day) + working_days - 1
        else:
            place = bisect_left(self.working, day) + working_days
        if not self.first <= day <= self.last or not 0 <= place < len(self.working):
            return None
        return self.working[place]


def add_months(day: int, months: int) -> int:
    """Return the ordinal `months` later, the month's last day where the date doesn't exist.

    >>> date.fromordinal(add_months(date(2026, 1, 31).toordinal(), 1)).isoformat()
    '2026-02-28'
    """
    start = date.fromordinal(day)
    month = start.month - 1 + months
    year, month = start.year + month // 12, month % 12 + 1
    return date(year, month, min(start.day, _gregorian.monthrange(year, month)[1])).toordinal()


def add(day: int, amount: int, unit: str, calendar: Calendar | None) -> int | None:
    """Return `day` moved by `amount` units, None where the calendar doesn't reach or the year leaves 1 to 9999."""
    try:
        match unit:
            case "days":
                moved = day + amount
            case "weeks":
                moved = day + 7 * amount
            case "months":
                moved = add_months(day, amount)
            case "years":
                moved = add_months(day, 12 * amount)
            case "working_days":
                return None if calendar is None else calendar.add(day, amount)
            case _:
                raise AssertionError(unit)
    except ValueError:
        return None
    return moved if 1 <= moved <= date.max.toordinal() else None
