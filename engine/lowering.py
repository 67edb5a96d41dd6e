"""Turns facts into the lean integer facts that the kernel sees, by functions compiled per type.

A fact is shown to the kernel only if some pattern may fit it, and then only with the columns that the
patterns of that network read. What the kernel can't compare (windows, shifted dates, lists, missing values)
becomes a column that is 1 or absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from engine.conditions import Condition, Constants, Writer, compile_function, constants_read
from engine.rete import Bucket
from knowledge.rules import Window
from knowledge.workdays import Calendar

Admit: TypeAlias = Callable[[Iterable[Any], int, Any, list[int], list[tuple[int, Any]]], int]
Show: TypeAlias = Callable[[Any, int, Mapping[Any, int], int], str]


@dataclass(slots=True)
class Column:
    """One integer column of a logical type: a value, or a flag that is 1 or absent."""

    name: str
    code: str
    interned: bool = False
    """Text and choice values stand for themselves by a number of this case."""
    flag: bool = False


@dataclass(slots=True)
class Slots:
    """Places in the list `H`: 0 holds the next changing day, the others the oldest date in a `last` window."""

    windows: dict[tuple[int, str], int] = field(default_factory=dict)

    def of(self, window: Window) -> int:
        """Return the place for this window's length."""
        return self.windows.setdefault((window.amount, window.unit), len(self.windows) + 1)


@dataclass(slots=True)
class Events:
    """Source that records into `H` when time alone will change what fits, each line of it once."""

    blocks: dict[str, dict[tuple[str, ...], None]] = field(default_factory=dict)
    """By what must hold of a fact for time to matter."""

    def note(self, timeless: str, conditions: Sequence[Condition], constants: Constants, slots: Slots) -> None:
        """Note down the days on which these conditions change for a fact of which `timeless` holds."""
        blocks = self.blocks.setdefault(timeless, {})
        for condition in conditions:
            for event in condition.events:
                blocks[f"c = {event}", "if c is not None and T < c < H[0]:", "    H[0] = c"] = None
            if condition.window is not None:
                day, window = condition.window
                start = constants.name(f"SH(T, {-window.amount}, {window.unit!r})")
                place = slots.of(window)
                within = f"{day} is not None and {start} is not None and {start} < {day} <= T"
                blocks[f"if {within} and {day} < H[{place}]:", f"    H[{place}] = {day}"] = None

    def lines(self) -> list[str]:
        """Return the source."""
        out = []
        for timeless, blocks in self.blocks.items():
            inner = [line for block in blocks for line in block]
            if inner and timeless != "True":
                inner = [f"if {timeless}:", *(f"    {line}" for line in inner)]
            out += inner
        return out


@dataclass(slots=True)
class LogicalType:
    """What the kernel is told about one type of fact, finding, consequence or summary."""

    name: str
    writer: Writer
    columns: dict[str, Column] = field(default_factory=dict)
    admits: dict[int, str] = field(default_factory=dict)
    """By pattern marker: source of the condition under which a fact is shown for it."""
    events: Events = field(default_factory=Events)

    def column(self, code: str, *, interned: bool = False, flag: bool = False) -> str:
        """Return the name of the column with this source, made if it is new."""
        key = f"{code}|{interned}|{flag}"
        if key not in self.columns:
            self.columns[key] = Column(f"f{len(self.columns)}", code, interned, flag)
        return self.columns[key].name


@dataclass(frozen=True, slots=True)
class Lowered:
    """One logical type ready for the kernel; bit `n` of a mask stands for its pattern number `n`."""

    shift: int
    """Where its bits begin among those of all types."""
    width: int
    """All of its bits."""
    admit: Admit
    shows: tuple[tuple[int, int, Show], ...]
    """For each network that has some: the bits of its patterns, the network, and what writes a fact for it."""


def compile_lowering(
    logical: LogicalType, buckets: Sequence[Bucket], places: Mapping[int, int], calendar: Calendar | None
) -> Lowered:
    """Return how a type's facts are matched with its patterns and shown; `places` numbers the patterns of all types."""
    shift = min(places[marker] for marker in logical.admits)
    bits = {marker: 1 << (places[marker] - shift) for marker in logical.admits}
    shows = tuple(
        (sum(bits[m] for m in bucket.markers), bucket.network, _compile_show(logical, bucket, bits, calendar))
        for bucket in buckets
    )
    return Lowered(shift, sum(bits.values()), _compile_admit(logical, bits, calendar), shows)


def _compile_admit(logical: LogicalType, bits: Mapping[int, int], calendar: Calendar | None) -> Admit:
    """Return `admit(things, T, K, H, waiting)`: appends (patterns it may fit, thing) for each that may fit any.

    It returns the patterns that any of them may fit.
    """
    by_condition: dict[str, int] = {}
    for marker, condition in logical.admits.items():
        by_condition[condition] = by_condition.get(condition, 0) | bits[marker]
    body = [f"m = {by_condition.pop('True', 0)}"]
    for condition, mask in by_condition.items():
        body += [f"if {condition}:", f"    m |= {mask}"]
    body += [*logical.events.lines(), "if m:", "    union |= m", "    waiting.append((m, f))"]
    names = logical.writer.names_read(body)
    source = "def admit(things, T, K, H, waiting):\n"
    source += "".join(f"    {line}\n" for line in constants_read((*names, *body)))
    source += "    union = 0\n    for f in things:\n        v = f.values\n"
    source += "".join(f"        {line}\n" for line in (*names, *body))
    compiled: Admit = compile_function(source + "    return union\n", calendar)
    return compiled


def _compile_show(logical: LogicalType, bucket: Bucket, bits: Mapping[int, int], calendar: Calendar | None) -> Show:
    """Return `show(f, m, I, n)`: the kernel's fact number `n` for a thing that may fit the patterns in `m`.

    It carries the columns that these patterns read. `I` numbers the texts of the case.
    """
    body: list[str] = []
    for column in logical.columns.values():
        readers = sum(bits[marker] for marker in bucket.columns.get(column.name, ()))
        if readers:
            body += _column_lines(column, readers)
    names = logical.writer.names_read(body)
    source = "def show(f, m, I, n):\n    v = f.values\n"
    source += "".join(f"    {line}\n" for line in names)
    source += f'    s = f\'{{{{"sid":"s","id":{{n}},"t":{bucket.code}\'\n'
    source += "".join(f"    {line}\n" for line in body)
    compiled: Show = compile_function(source + "    return s + '}'\n", calendar)
    return compiled


def compile_absences(logical: LogicalType, stage: int, calendar: Calendar | None) -> Callable[..., Sequence[str]]:
    """Return `absent(things, T, K, H) -> names`: those of the type's absences that nothing fits."""
    flags = list(logical.columns.values())
    body = [*logical.events.lines(), *(f"if {flag.name} and {flag.code}: {flag.name} = False" for flag in flags)]
    names = logical.writer.names_read(body)
    source = "def absent(things, T, K, H):\n    if not things:\n        return ALL\n"
    source += "".join(f"    {line}\n" for line in constants_read((*names, *body)))
    source += f"    {' = '.join(flag.name for flag in flags)} = True\n    for f in things:\n        v = f.values\n"
    source += "".join(f"        {line}\n" for line in (*names, *body))
    said = {flag.name: f"!{logical.name}.{stage}.{flag.name}" for flag in flags}
    source += f"    return [{', '.join(f'*([{text!r}] if {name} else ())' for name, text in said.items())}]\n"
    compiled: Callable[..., Sequence[str]] = compile_function(source, calendar, ALL=tuple(said.values()))
    return compiled


def _column_lines(column: Column, readers: int) -> list[str]:
    name = column.name
    if column.flag:
        # Whoever reads a flag is admitted only where it is 1.
        return [f"if m & {readers}:", f"    s += ',\"{name}\":1'"]
    value = f"I[{column.code}]" if column.interned else f"{column.code}:d"
    return [f"if m & {readers} and {column.code} is not None:", f"    s += f',\"{name}\":{{{value}}}'"]
