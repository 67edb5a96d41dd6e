"""DMN files drawn at random, each with its own evaluator: cells are drawn as text beside what they mean."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from html import escape
from typing import Any

from tests.authoring.random_feel import Expressions

Value = Decimal | str | bool | date | None
Holds = Callable[[Value, Mapping[str, Value]], bool | None]
Gives = Callable[[Mapping[str, Value]], Value]
POLICIES = ("UNIQUE", "FIRST", "PRIORITY", "ANY", "RULE ORDER", "COLLECT", "SUM", "MIN", "MAX", "COUNT")
INPUTS = {
    "Amount": "number",
    "Count of visits": "integer",
    "扣分": "integer",
    "Sector": "string",
    "Urgent": "boolean",
    "Since": "date",
}
DAY = date(2026, 3, 1)
WORDS = ("plant", "fish", "a.b", 'say "hi"', "混合, 其他")


@dataclass
class Column:
    name: str
    text: str
    kind: str
    read: Gives


@dataclass
class DrawnRow:
    cells: list[tuple[str, Holds]]
    outputs: list[tuple[str, Gives]]


@dataclass
class Table:
    name: str
    policy: str
    columns: list[Column]
    rows: list[DrawnRow]
    outputs: list[str]
    listed: list[str]
    default: tuple[str, Value] | None
    numeric: bool

    def answer(self, known: Mapping[str, Value]) -> Any:
        """Return what DMN says: a value or tuple for one answer, a list for several."""
        hits = [row for row in self.rows if self._matches(row, known)]
        given = [tuple(gives(known) for _, gives in row.outputs) for row in hits]
        numbers = [self.rows.index(row) + 1 for row in hits]
        match self.policy:
            case "COUNT":
                return (Decimal(len(given)),)
            case "SUM" | "MIN" | "MAX":
                values = [one for (one,) in given]
                if not values or None in values:
                    return None
                return ({"SUM": sum, "MIN": min, "MAX": max}[self.policy](values),)  # type: ignore[operator]
            case "RULE ORDER" | "COLLECT":
                return list(zip(numbers, given, strict=True)) or ([(0, (self.default[1],))] if self.default else [])
        if not given:
            return None if self.default is None else (self.default[1],)
        if self.policy == "UNIQUE":
            return given[0] if len(given) == 1 else None
        if self.policy == "ANY":
            return given[0] if all(one == given[0] for one in given) else None
        if self.policy == "PRIORITY":
            order = [text.strip('"') for text in self.listed]
            return min(given, key=lambda one: order.index(str(one[0])))
        return given[0]

    def _matches(self, row: DrawnRow, known: Mapping[str, Value]) -> bool:
        return all(
            holds(column.read(known), known) is True for column, (_, holds) in zip(self.columns, row.cells, strict=True)
        )

    def xml(self, needs: Sequence[str]) -> str:
        aggregated = self.policy in ("SUM", "MIN", "MAX", "COUNT")
        policy = f'hitPolicy="COLLECT" aggregation="{self.policy}"' if aggregated else f'hitPolicy="{self.policy}"'
        required = "".join(
            f'<informationRequirement><requiredDecision href="#{escape(need)}"/></informationRequirement>'
            for need in needs
        )
        columns = "".join(f"<input><inputExpression>{text(one.text)}</inputExpression></input>" for one in self.columns)
        values = f"<outputValues>{text(', '.join(self.listed))}</outputValues>" if self.listed else ""
        default = "" if self.default is None else f"<defaultOutputEntry>{text(self.default[0])}</defaultOutputEntry>"
        outputs = "".join(f'<output name="{one}">{values}{default}</output>' for one in self.outputs)
        rows = "".join(
            "<rule>"
            + "".join(f"<inputEntry>{text(cell)}</inputEntry>" for cell, _ in row.cells)
            + "".join(f"<outputEntry>{text(cell)}</outputEntry>" for cell, _ in row.outputs)
            + "</rule>"
            for row in self.rows
        )
        return (
            f'<decision id="{self.name}" name="{self.name}">{required}'
            f"<decisionTable {policy}>{columns}{outputs}{rows}</decisionTable></decision>"
        )


def text(content: str) -> str:
    return f"<text>{escape(content)}</text>"


class Drawn:
    """A file of one to three tables, each of which may read the answers of those before."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._expressions = Expressions(self._draw, ("Amount", "Count of visits", "扣分"))
        self.tables: list[Table] = []
        for number in range(self._draw.randint(1, 3)):
            table = self._table(f"Step {number + 1}")
            self.tables.append(table)
            if table.policy not in ("RULE ORDER", "COLLECT", "PRIORITY", "ANY") and table.numeric:
                self._expressions.numbers += (table.name,)

    def xml(self) -> bytes:
        inputs = "".join(
            f'<inputData id="{place}" name="{name}"><variable name="{name}" typeRef="{kind}"/></inputData>'
            for place, (name, kind) in enumerate(INPUTS.items())
        )
        names = [table.name for table in self.tables]
        tables = "".join(table.xml(names[:place]) for place, table in enumerate(self.tables))
        space = "https://www.omg.org/spec/DMN/20191111/MODEL/"
        return f'<definitions xmlns="{space}" name="drawn">{inputs}{tables}</definitions>'.encode()

    def inputs(self) -> dict[str, Value]:
        """Return values, some of them missing."""
        draw = self._draw
        values: dict[str, Value] = {
            "Amount": Decimal(draw.randint(-20, 140)) / 4,
            "Count of visits": Decimal(draw.randint(-3, 30)),
            "扣分": Decimal(draw.randint(0, 30)),
            "Sector": draw.choice(WORDS),
            "Urgent": draw.random() < 0.5,
            "Since": DAY + timedelta(draw.randint(-40, 40)),
        }
        return {name: value for name, value in values.items() if draw.random() < 0.85}

    def answers(self, known: Mapping[str, Value]) -> dict[str, Any]:
        """Return what each table answers."""
        seen, found = dict(known), {}
        for table in self.tables:
            found[table.name] = table.answer(seen)
            if isinstance(found[table.name], tuple) and len(found[table.name]) == 1:
                seen[table.name] = found[table.name][0]
        return found

    def _table(self, name: str) -> Table:
        draw = self._draw
        policy = draw.choice(POLICIES)
        columns = [self._column() for _ in range(draw.randint(1, 3))]
        columns = list({one.text: one for one in columns}.values())
        number = policy in ("SUM", "MIN", "MAX") or (policy != "PRIORITY" and draw.random() < 0.4)
        listed = (
            [f'"{word}"' for word in draw.sample(("low", "fair", "high", "best"), 4)] if policy == "PRIORITY" else []
        )
        count = draw.randint(1, 2) if policy in ("FIRST", "UNIQUE") and not number else 1
        rows = []
        for _ in range(draw.randint(2, 5)):
            outputs = [self._output(policy, number=number) for _ in range(count)]
            rows.append(DrawnRow([self._cell(column) for column in columns], outputs))
        default = None
        if policy in ("FIRST", "UNIQUE", "ANY", "PRIORITY", "RULE ORDER") and count == 1 and draw.random() < 0.3:
            default = ("7", Decimal(7)) if number else ('"low"', "low")
        return Table(name, policy, columns, rows, [f"out {place}" for place in range(count)], listed, default, number)

    def _column(self) -> Column:
        draw = self._draw
        if self.tables and draw.random() < 0.5:
            table = self.tables[-1]
            if len(table.outputs) == 1 and table.policy not in ("RULE ORDER", "COLLECT"):
                first = next((gives({}) for row in table.rows for _, gives in row.outputs), None)
                kind = "whole" if table.policy == "COUNT" or not isinstance(first, str) else "string"
                return Column(table.name, table.name, kind, lambda known: known.get(table.name))
        if draw.random() < 0.25:
            return Column("sum", "Count of visits - 扣分 * 2", "computed", difference)
        if draw.random() < 0.2:
            return Column("drawn", *self._drawn("computed"))
        if draw.random() < 0.1:
            return Column("condition", *self._condition())
        name = draw.choice(list(INPUTS))
        kind = {"integer": "whole"}.get(INPUTS[name], INPUTS[name])
        return Column(name, name, kind, lambda known: known.get(name))

    def _drawn(self, kind: str) -> tuple[str, str, Gives]:
        text, gives = self._expressions.number()
        return text, kind, gives

    def _condition(self) -> tuple[str, str, Gives]:
        text, gives = self._expressions.condition()
        return text, "boolean", gives

    def _output(self, policy: str, *, number: bool) -> tuple[str, Gives]:
        draw = self._draw
        if policy == "PRIORITY" or not number:
            word = draw.choice(("low", "fair", "high", "best")[: 2 if policy == "ANY" else 4])
            return f'"{word}"', lambda _: word
        if policy != "ANY" and draw.random() < 0.3:
            return "-(扣分 - 3) * 2 + Count of visits", computed
        if policy != "ANY" and draw.random() < 0.4:
            return self._expressions.number()
        value = Decimal(draw.randint(-3, 3))
        return str(value), lambda _: value

    def _cell(self, column: Column) -> tuple[str, Holds]:
        if self._draw.random() < 0.25:
            return "-", lambda _value, _known: True
        cell, holds = self._positive(column)
        if self._draw.random() < 0.2:
            return f"not({cell})", lambda value, known: opposite(holds(value, known))
        return cell, holds

    def _positive(self, column: Column) -> tuple[str, Holds]:
        draw = self._draw
        if column.kind in ("number", "whole", "computed"):
            return self._numeric(column)
        if column.kind == "date":
            one, other = sorted((DAY + timedelta(draw.randint(-30, 30)), DAY + timedelta(draw.randint(-30, 30))))
            return draw.choice(
                [
                    (f'>= date("{one}")', lambda value, _: compared(">=", value, one)),
                    (f'[date("{one}")..@"{other}"]', lambda value, _: within(value, one, other)),
                    (f'@"{one}"', lambda value, _: value == one),
                ]
            )
        if column.kind == "boolean":
            wanted = draw.random() < 0.5
            return str(wanted).lower(), lambda value, _: value is wanted
        words = draw.sample((*WORDS, "low", "fair", "high"), draw.randint(1, 3))
        if draw.random() < 0.3:
            return '? != "low" and not(? in ("fair", "fish"))', lambda value, _: value not in ("low", "fair", "fish")
        quoted = [f'"{word.replace(chr(34), chr(92) + chr(34))}"' for word in words]
        return ", ".join(quoted), lambda value, _: value in words

    def _numeric(self, column: Column) -> tuple[str, Holds]:
        draw = self._draw
        fine = 4 if column.kind == "number" else 2 if column.kind == "whole" else 1
        low = Decimal(draw.randint(-5, 60)) / fine
        high = low + draw.randint(1, 15)
        op = draw.choice(("<", "<=", ">", ">="))
        even = low if low == int(low) else Decimal(int(low))
        forms: list[tuple[str, Holds]] = [
            (f"{op} {low}", lambda value, _: compared(op, value, low)),
            (f"[{low}..{high}]", lambda value, _: within(value, low, high)),
            (f"]{low} .. {high}[", lambda value, _: both(compared(">", value, low), compared("<", value, high))),
            (f"{even}, {even + 2}", lambda value, _: value in (even, even + 2)),
            (f"{even}, > {high}", lambda value, _: either(value == even, compared(">", value, high))),
        ]
        if column.kind in ("whole", "computed") and column.name != "Amount":
            forms.append((f"{op} 扣分 / 2", lambda value, known: compared(op, value, half(known))))
            forms.append(("扣分 + 1", lambda value, known: value == plus_one(known)))
            text, gives = self._expressions.number(1)
            forms.append((f"{op} {text}", lambda value, known: compared(op, value, gives(known))))
        return draw.choice(forms)


def difference(known: Mapping[str, Value]) -> Value:
    one, other = known.get("Count of visits"), known.get("扣分")
    return one - other * 2 if isinstance(one, Decimal) and isinstance(other, Decimal) else None


def computed(known: Mapping[str, Value]) -> Value:
    one, other = known.get("Count of visits"), known.get("扣分")
    return -(other - 3) * 2 + one if isinstance(one, Decimal) and isinstance(other, Decimal) else None


def half(known: Mapping[str, Value]) -> Value:
    points = known.get("扣分")
    return points / 2 if isinstance(points, Decimal) else None


def plus_one(known: Mapping[str, Value]) -> Value:
    points = known.get("扣分")
    return points + 1 if isinstance(points, Decimal) else None


def compared(op: str, one: Any, other: Any) -> bool | None:
    if one is None or other is None:
        return None
    return bool({"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[op])


def within(value: Any, low: Any, high: Any) -> bool | None:
    return both(compared(">=", value, low), compared("<=", value, high))


def both(one: bool | None, other: bool | None) -> bool | None:
    return False if False in (one, other) else None if None in (one, other) else True


def either(one: bool | None, other: bool | None) -> bool | None:
    return True if True in (one, other) else None if None in (one, other) else False


def opposite(holds: bool | None) -> bool | None:
    return None if holds is None else not holds
