"""Turns facts into the lean integer facts that the kernel sees, by functions compiled per type.

A fact is shown to the kernel only if some pattern may fit it, and then only with the columns that the
patterns of that bucket read. What the kernel can't compare (windows, shifted dates, lists, missing values)
becomes a column that is 1 or absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from engine.conditions import Condition, Constants, Writer, compile_function, constants_read
from engine.rete import Bucket
from knowledge.rules import Window
from knowledge.workdays import Calendar

Lower: TypeAlias = Callable[[Iterable[Any], int, Any, dict[Any, int], list[int], list[str], list[Any]], None]


@dataclass(slots=True)
class Column:
    """One integer column of a logical type: a value, or a flag that is 1 or absent."""

    name: str
    code: str
    interned: bool = False
    """Text and choice values stand for themselves by a number of this case."""
    flag: bool = False


@dataclass(slots=True)
class LogicalType:
    """What the kernel is told about one type of fact, finding, consequence or summary."""

    name: str
    writer: Writer
    columns: dict[str, Column] = field(default_factory=dict)
    admits: dict[int, str] = field(default_factory=dict)
    """By pattern marker: source of the condition under which a fact is shown for it."""
    events: list[str] = field(default_factory=list)
    """Source lines that record the days on which time alone changes a pattern's fit."""

    def column(self, code: str, *, interned: bool = False, flag: bool = False) -> str:
        """Return the name of the column with this source, made if it is new."""
        key = f"{code}|{interned}|{flag}"
        if key not in self.columns:
            self.columns[key] = Column(f"f{len(self.columns)}", code, interned, flag)
        return self.columns[key].name


@dataclass(slots=True)
class Slots:
    """Places in the list `H`: 0 holds the next changing day, the others the oldest date in a `last` window."""

    windows: dict[tuple[int, str], int] = field(default_factory=dict)

    def of(self, window: Window) -> int:
        """Return the place for this window's length."""
        return self.windows.setdefault((window.amount, window.unit), len(self.windows) + 1)


def event_lines(timeless: str, conditions: Sequence[Condition], constants: Constants, slots: Slots) -> list[str]:
    """Return source lines that record into `H` when time will change these conditions on one fact."""
    inner: list[str] = []
    for condition in conditions:
        for event in condition.events:
            inner += [f"c = {event}", "if c is not None and T < c < H[0]:", "    H[0] = c"]
        if condition.window is not None:
            day, window = condition.window
            start = constants.name(f"SH(T, {-window.amount}, {window.unit!r})")
            place = slots.of(window)
            inner += [
                f"if {day} is not None and {start} is not None and {start} < {day} <= T and {day} < H[{place}]:",
                f"    H[{place}] = {day}",
            ]
    if not inner:
        return []
    return [f"if {timeless}:", *(f"    {line}" for line in inner)]


def compile_lowering(logical: LogicalType, buckets: Sequence[Bucket], calendar: Calendar | None) -> Lower:
    """Return `lower(things, T, K, I, H, out, objects)`: appends the kernel's facts for each thing's `values`.

    A fact's id is its place in `objects`, where the thing is put once for each time it is shown.
    `I` numbers the texts of the case.
    """
    body: list[str] = []
    for bucket in buckets:
        columns = [column for column in logical.columns.values() if column.name in bucket.columns]
        admit = " or ".join(dict.fromkeys(f"({logical.admits[marker]})" for marker in sorted(bucket.markers)))
        body += [f"if {admit}:", f'    s = f\'{{{{"sid":"s","id":{{len(objects)}},"t":{bucket.code}\'']
        for column in columns:
            body += [f"    {line}" for line in _column_lines(column)]
        body += ["    out.append(s + '}')", "    objects.append(f)"]
    body += logical.events
    # Codes register their local names in the writer while they are made, so the names come last and stand first.
    names = [f"{name} = {code}" for code, name in logical.writer.local.items()]
    source = "def lower(things, T, K, I, H, out, objects):\n"
    source += "".join(f"    {line}\n" for line in constants_read((*names, *body)))
    source += "    for f in things:\n        v = f.values\n"
    source += "".join(f"        {line}\n" for line in (*names, *body))
    compiled: Lower = compile_function(source, calendar)
    return compiled


def compile_absences(logical: LogicalType, stage: int, calendar: Calendar | None) -> Callable[..., list[str]]:
    """Return `absent(things, T, K, H) -> names`: those of the type's absences that nothing fits."""
    flags = list(logical.columns.values())
    body = [*logical.events, *(f"if {flag.name} and {flag.code}: {flag.name} = False" for flag in flags)]
    names = [f"{name} = {code}" for code, name in logical.writer.local.items()]
    source = "def absent(things, T, K, H):\n"
    source += "".join(f"    {line}\n" for line in constants_read((*names, *body)))
    source += f"    {' = '.join(flag.name for flag in flags)} = True\n    for f in things:\n        v = f.values\n"
    source += "".join(f"        {line}\n" for line in (*names, *body))
    said = ", ".join(f"*(['!{logical.name}.{stage}.{flag.name}'] if {flag.name} else [])" for flag in flags)
    compiled: Callable[..., list[str]] = compile_function(f"{source}    return [{said}]\n", calendar)
    return compiled


def _column_lines(column: Column) -> list[str]:
    name = column.name
    if column.flag:
        return [f"if {column.code}:", f"    s += ',\"{name}\":1'"]
    if column.interned:
        return [
            f"if {column.code} is not None:",
            f"    c = I.get({column.code})",
            "    if c is None:",
            f"        c = I[{column.code}] = len(I) + 1",
            f"    s += f',\"{name}\":{{c}}'",
        ]
    return [f"if {column.code} is not None:", f"    s += f',\"{name}\":{{{column.code}:d}}'"]
