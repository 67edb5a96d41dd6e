"""Columns of whole numbers with missing values: comparisons, dates, exact arithmetic, and pairing within producers.

Every value is a number: a text or choice its code, a date its ordinal, yes and no 1 and 0. Numbers that might
leave 64 bits are held as Python's own, which are exact.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from knowledge.problems import LimitExceeded
from knowledge.rules import Arithmetic, Formula, Num, Ref, Shift
from knowledge.workdays import Calendar

Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Numbers: TypeAlias = npt.NDArray[Any]
"""Whole numbers of 64 bits, or Python's own where those might not do."""

MOST_PAIRS: Final = 100_000_000
"""Pairs of facts that one rule may look at in one batch."""
_SAFE: Final = 2**62
_EPOCH: Final = date(1970, 1, 1).toordinal()
_LAST_DAY: Final = date.max.toordinal()
_OPS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """Values, and which of them are given; None where all are. Both may be single values that stand for all rows."""

    values: Numbers
    given: Flags | None = None

    def take(self, rows: Ints) -> Column:
        """Return the values of some rows."""
        given = self.given if self.given is None or self.given.ndim == 0 else self.given[rows]
        return Column(self.values if self.values.ndim == 0 else self.values[rows], given)

    def spread(self, size: int) -> Column:
        """Return a single value as one for each row."""
        if self.values.ndim and (self.given is None or self.given.ndim):
            return self
        return Column(filling(self.values, size), None if self.given is None else filling(self.given, size))

    def known(self, size: int) -> Flags:
        """Return which values are given, row by row."""
        return np.ones(size, np.bool_) if self.given is None else filling(self.given, size)


def where(flags: Flags) -> Ints:
    """Return the rows at which flags are set."""
    rows: Ints = flags.nonzero()[0]
    return rows


def filling(values: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Return values row by row, whether they are so already or stand for all rows."""
    return values if values.ndim else np.broadcast_to(values, size)


def single(value: int | None) -> Column:
    """Return one value for all rows."""
    if value is None:
        return Column(np.asarray(0, np.int64), np.asarray(False))
    return Column(np.asarray(value, np.int64 if abs(value) < _SAFE else object))


def both_given(left: Column, right: Column) -> Flags | None:
    """Return where both are given; None where that is everywhere."""
    if left.given is None or right.given is None:
        return right.given if left.given is None else left.given
    return left.given & right.given


def compare(op: str, left: Column, right: Column, *, sure: bool) -> Flags:
    """Return where a comparison holds for sure; with `sure` false, where it is not sure to fail."""
    holds: Flags = np.asarray(_OPS[op](left.values, right.values), np.bool_)
    return settled(holds, both_given(left, right), sure=sure)


def among(left: Column, codes: Sequence[int], *, inside: bool, sure: bool) -> Flags:
    """Return where a value is (or is not) one of some; see `compare`."""
    holds: Flags = np.zeros(left.values.shape, np.bool_)
    for code in codes:
        holds = holds | (left.values == code)
    return settled(holds if inside else ~holds, left.given, sure=sure)


def settled(holds: Flags, given: Flags | None, *, sure: bool) -> Flags:
    """Return where something holds for sure, or may hold, when it is unknown wherever values are not given."""
    if given is None:
        return holds
    return holds & given if sure else holds | ~given


def ranked(column: Column, ranks: Ints) -> Column:
    """Return a rank for each code, missing where it has none (-1)."""
    rank = ranks[column.values]
    return Column(rank, _and(column.given, rank >= 0))


def _and(given: Flags | None, more: Flags) -> Flags:
    return more if given is None else given & more


def shifted(days: Column, shift: Shift, calendar: Calendar | None) -> Column:
    """Return days moved, missing beyond the calendar and the years 1 to 9999."""
    values, amount = days.values, shift.amount
    match shift.unit:
        case "days":
            moved, inside = values + amount, None
        case "weeks":
            moved, inside = values + 7 * amount, None
        case "months" | "years":
            moved, inside = _add_months(values, amount * (12 if shift.unit == "years" else 1)), None
        case _:
            moved, inside = _add_working_days(values, amount, calendar)
    reached = np.asarray((moved >= 1) & (moved <= _LAST_DAY), np.bool_)
    if inside is not None:
        reached = reached & inside
    return Column(moved, days.given if bool(reached.all()) else _and(days.given, reached))


def _add_months(values: Numbers, months: int) -> Numbers:
    days = (np.asarray(values, np.int64) - _EPOCH).astype("datetime64[D]")
    month = days.astype("datetime64[M]")
    day = days - month.astype("datetime64[D]")
    start = month + np.timedelta64(months, "M")
    last = (start + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
    moved: Numbers = np.minimum(start.astype("datetime64[D]") + day, last).astype(np.int64) + _EPOCH
    return moved


def _add_working_days(values: Numbers, amount: int, calendar: Calendar | None) -> tuple[Numbers, Flags | None]:
    if calendar is None:
        return values, np.zeros(values.shape, np.bool_)
    if amount == 0:
        return values, None
    working = np.asarray(calendar.working, np.int64)
    side, ahead = ("right", amount - 1) if amount > 0 else ("left", amount)
    place = np.searchsorted(working, values, side) + ahead  # type: ignore[call-overload]  # one of its two sides
    inside = (values >= calendar.first) & (values <= calendar.last) & (place >= 0) & (place < len(working))
    return working[np.clip(place, 0, len(working) - 1)], np.asarray(inside, np.bool_)


# Arithmetic


def computed(formula: Formula, read: Callable[[Ref], Column]) -> Column:
    """Return a formula's exact values, missing where a part is or a divisor is zero."""
    if isinstance(formula, Num):
        return single(formula.value)
    if isinstance(formula, Ref):
        return _zeroed(read(formula))
    args = [computed(arg, read) for arg in formula.args]
    given = args[0].given
    for arg in args[1:]:
        given = arg.given if given is None else given if arg.given is None else given & arg.given
    values = _wide([arg.values for arg in args], formula)
    if formula.op == "divide":
        over, under = values
        zero = np.asarray(under == 0, np.bool_)
        if zero.any():
            under, given = np.where(zero, 1, under), _and(given, ~zero)
        return Column(narrow(_divided(over, under, formula.rounding)), given)
    result = values[0]
    for value in values[1:]:
        result = _ARITHMETIC[formula.op](result, value)
    return Column(narrow(result), given)


_ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "min": np.minimum, "max": np.maximum,
}  # fmt: skip


def _zeroed(column: Column) -> Column:
    """Return a column whose missing values are zero, so that they can't overflow."""
    if column.given is None:
        return column
    return Column(np.where(column.given, column.values, 0), column.given)


def _wide(values: Sequence[Numbers], formula: Arithmetic) -> Sequence[Numbers]:
    """Return the operands as Python's whole numbers where the result might not fit into 64 bits."""
    largest = [magnitude(value) for value in values]
    match formula.op:
        case "multiply":
            most = 1
            for one in largest:
                most *= max(one, 1)
        case "divide":
            most = 2 * largest[0] + 2 * largest[1]
        case _:
            most = sum(largest)
    if most < _SAFE and all(value.dtype != object for value in values):
        return values
    return [np.asarray(value).astype(object) for value in values]


def magnitude(values: Numbers) -> int:
    """Return the largest absolute value, 0 where there is none."""
    return max(abs(int(values.min())), abs(int(values.max()))) if values.size else 0


def narrow(values: Any) -> Numbers:
    """Return numbers as 64 bits again where they fit."""
    numbers = np.asarray(values)
    return numbers.astype(np.int64) if numbers.dtype == object and magnitude(numbers) < _SAFE else numbers


def divided(over: Numbers, under: Numbers, rounding: str) -> Numbers:
    """Return over / under exactly, rounded as said; no divisor is zero."""
    if 2 * magnitude(over) + 2 * magnitude(under) >= _SAFE:
        over, under = np.asarray(over).astype(object), np.asarray(under).astype(object)
    return narrow(_divided(over, under, rounding))


def _divided(over: Numbers, under: Numbers, rounding: str) -> Numbers:
    match rounding:
        case "down":
            result = over // under
        case "up":
            result = -(-over // under)
        case _:
            sign = np.where(np.asarray(under < 0, np.bool_), -1, 1)
            over, under = over * sign, under * sign
            result = (2 * over + under) // (2 * under)
    return np.asarray(result)


def summed(values: Numbers, starts: Ints) -> Numbers:
    """Return the sum of each segment; segments begin at `starts`."""
    if magnitude(values) * max(len(values), 1) >= _SAFE:
        values = values.astype(object)
    return narrow(np.add.reduceat(values, starts))


# Pairing and telling apart


def segments(*keys: Numbers) -> Ints:
    """Return where runs of equal keys begin; there is at least one row."""
    new = np.ones(len(keys[0]), np.bool_)
    new[1:] = keys[0][1:] != keys[0][:-1]
    for key in keys[1:]:
        new[1:] |= key[1:] != key[:-1]
    return where(new)


def dense(values: Numbers) -> Ints:
    """Return numbers as they are, or others that are as different where they exceed 64 bits."""
    if values.dtype != object:
        return values
    return dense_ranks(values)


def first_of_each(keys: Sequence[Numbers]) -> tuple[Ints, Ints]:
    """Return for the distinct combinations of keys, in their order: the first row of each; and of every row, which."""
    if not len(keys[0]):
        none = np.empty(0, np.int64)
        return none, none
    code = _one_code([dense(key) for key in keys])
    if bool((code[1:] > code[:-1]).all()):
        every = np.arange(len(code))
        return every, every
    order = np.argsort(code, kind="stable")
    starts = segments(code[order])
    number = np.zeros(len(order), np.int64)
    number[starts[1:]] = 1
    which = np.empty(len(order), np.int64)
    which[order] = np.cumsum(number)
    return order[starts], which


def _one_code(keys: Sequence[Numbers]) -> Numbers:
    """Return numbers that are as different as the combinations of keys, and in their order."""
    code = np.asarray(keys[0], np.int64)
    for key in keys[1:]:
        other = np.asarray(key, np.int64)
        low = int(other.min())
        span = int(other.max()) - low + 1
        if magnitude(code) >= _SAFE // span:
            code = dense_ranks(code)
            if len(code) >= _SAFE // span:
                other, low, span = dense_ranks(other), 0, len(code)
        code = code * span + (other - low)
    return code


def dense_ranks(values: Numbers) -> Ints:
    """Return the rank of each number among the different ones."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def pairs(left: Ints, right: Ints) -> tuple[Ints, Ints]:
    """Return (row of left, row of right) for all pairs of equal numbers; `right` is ascending.

    Raises:
        LimitExceeded: there are too many.
    """
    low, count = _runs(left, right)
    total = int(count.sum())
    if total > MOST_PAIRS:
        raise LimitExceeded("limit.pairs", f"a rule looks at {total} pairs of facts; at most {MOST_PAIRS} in one batch")
    rows = np.repeat(np.arange(len(left)), count)
    within = np.arange(total) - np.repeat(np.cumsum(count) - count, count)
    return rows, np.repeat(low, count) + within


def _runs(left: Ints, right: Ints) -> tuple[Ints, Ints]:
    """Return where the run of each number of `left` begins in `right`, and how long it is."""
    most = max(int(left.max(initial=0)), int(right.max(initial=0)))
    if most > 4 * (len(left) + len(right)):
        low, count = np.searchsorted(right, left, "left"), np.zeros(len(left), np.int64)
        here = where(right[np.minimum(low, len(right) - 1)] == left) if len(right) else low[:0]
        count[here] = np.searchsorted(right, left[here], "right") - low[here]
        return low, count
    count = np.bincount(right, minlength=most + 1)
    return (np.cumsum(count) - count)[left], count[left]


def keyed_pairs(left: tuple[Ints, Column], right: tuple[Ints, Column], *, sure: bool) -> tuple[Ints, Ints]:
    """Return pairs of one producer (first of each) and equal keys; with `sure` false also where a key is missing."""
    (left_p, left_key), (right_p, right_key) = left, right
    left_key, right_key = left_key.spread(len(left_p)), right_key.spread(len(right_p))
    if left_key.given is None and right_key.given is None:
        return _paired_by((left_p, left_key.values), (right_p, right_key.values))
    l_known, r_known = left_key.known(len(left_p)), right_key.known(len(right_p))
    l_rows, r_rows = where(l_known), where(r_known)
    a, b = _paired_by((left_p[l_rows], left_key.values[l_rows]), (right_p[r_rows], right_key.values[r_rows]))
    found = [(l_rows[a], r_rows[b])]
    if not sure:
        l_rest, r_rest = where(~l_known), where(~r_known)
        a, b = pairs(left_p[l_rest], right_p)
        found.append((l_rest[a], b))
        a, b = pairs(left_p[l_rows], right_p[r_rest])
        found.append((l_rows[a], r_rest[b]))
    return np.concatenate([one for one, _ in found]), np.concatenate([other for _, other in found])


def _paired_by(left: tuple[Ints, Numbers], right: tuple[Ints, Numbers]) -> tuple[Ints, Ints]:
    """Return pairs of one producer and one key, each given as (producers, keys)."""
    (left_p, left_keys), (right_p, right_keys) = left, right
    keys = dense(np.concatenate([left_keys, right_keys]))
    if keys.size:
        keys = keys - keys.min()
        if int(keys.max()) >= _SAFE // (max(int(left_p.max(initial=0)), int(right_p.max(initial=0))) + 1):
            keys = dense_ranks(keys)
    span = int(keys.max(initial=0)) + 1
    code = right_p * span + keys[len(left_p) :]
    order = np.argsort(code, kind="stable")
    a, b = pairs(left_p * span + keys[: len(left_p)], code[order])
    return a, order[b]
