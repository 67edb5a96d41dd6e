"""The rules that give a decision's answers: which rows match, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from authoring.dmn_clauses import clauses
from authoring.dmn_conditions import Conditions
from authoring.dmn_model import Decision, Row
from authoring.dmn_names import has_one_answer
from authoring.dmn_values import Names, NotCarried, Variable, label, literal, written
from authoring.feel_tree import Call, Day, Expr, Lit, Name, Sum

Rule = dict[str, Any]
Refuse = Callable[[tuple[int, int], str], None]
MOST_IN_ALL: Final = 10_000
"""Alternatives of all rows of a table."""
_HOWS: Mapping[str, str] = {"sum": "sum", "min": "min", "max": "max"}


class DecisionRules:
    """The findings, measures and rules of one decision.

    Rows that match conclude `<decision>_row`; the answer is concluded from these, as the hit policy says.
    """

    def __init__(self, decision: Decision, names: Names, conditions: Conditions, refuse: Refuse) -> None:
        self._decision, self._names, self._conditions, self._refuse = decision, names, conditions, refuse
        self.answer = names.findings[decision.name]
        self._row = f"{self.answer}_row"
        self._outputs = names.outputs[decision.name]
        self.rules: list[tuple[Rule, Row | None]] = []
        self.measures: list[Rule] = []
        self._dead: list[Row] = []
        self._count = 0
        self._lists = not has_one_answer(decision)
        self._ranks = self._ranked() if decision.policy in ("priority", "output order") else []
        self._gather()

    def findings(self) -> dict[str, Any]:
        """Return the types of finding that are concluded."""
        name = label(self._decision.name)
        fields = {one.name: field(one) for one in self._outputs}
        if not self._decision.is_table:
            return {self.answer: {"label": {"zh": name}, "fields": fields}}
        row = {"row": {"type": "whole", "label": {"zh": "行", "en": "row"}}}
        rank = {"rank": {"type": "whole", "label": {"zh": "先后", "en": "rank"}}} if self._ranks else {}
        same = (
            {"same": {"type": "whole", "label": {"zh": "结果", "en": "outcome"}}}
            if self._decision.policy == "any"
            else {}
        )
        shapes: Rule = {**row, **rank, **same, **(fields if self._decision.aggregation in _HOWS else {})}
        matched = {"label": {"zh": f"{name}:符合的行", "en": f"{name}: row that matches"}, "fields": shapes}
        kept = row | rank if self._lists else {}
        return {self._row: matched, self.answer: {"label": {"zh": name}, "fields": kept | fields}}

    def never(self) -> list[tuple[int, int]]:
        """Return where the rows stand that never match, whatever is given."""
        alive = {row.at for row in self._decision.rows if row not in self._dead}
        return list(dict.fromkeys(row.at for row in self._dead if row.at not in alive))

    def _gather(self) -> None:
        decision = self._decision
        if not decision.is_table:
            self._answer(decision.rows[0], [{"producer": {"kind": "subject"}}], f"{self.answer}")
            return
        same = self._same() if decision.policy == "any" else []
        for number, row in enumerate(decision.rows, 1):
            gives: Rule = {"row": number}
            gives |= {"rank": self._ranks[number - 1]} if self._ranks else {}
            gives |= {"same": same[number - 1]} if same else {}
            if decision.aggregation in _HOWS:
                gives |= self._given(row, row.outputs, self._outputs)
            self._matching(number, row, gives)
        if len(self._dead) == len(decision.rows):
            self._refuse(decision.at, f"no row of `{decision.name}` can ever match")
        if decision.aggregation is not None:
            self._aggregated()
        else:
            for number, row in enumerate(decision.rows, 1):
                if row not in self._dead:
                    self._answer(row, self._chosen(number), f"{self.answer}-{number}", number)
        self._default()

    def _matching(self, number: int, row: Row, gives: Rule) -> None:
        """Add the rules that say that a row matches; several where its alternatives can't stand in one rule."""
        if self._count > MOST_IN_ALL:
            return
        try:
            ways = [clauses(way) for way in self._conditions.ways(self._decision.inputs, row.tests, row.also)]
        except NotCarried as error:
            self._refuse(row.at, str(error))
            return
        if not ways:
            self._dead.append(row)
            return
        self._count += len(ways)
        if self._count > MOST_IN_ALL:
            self._refuse(row.at, f"the table has more than {MOST_IN_ALL} alternatives")
            return
        together = [way or [{"producer": {"kind": "subject"}}] for way in ways]
        if len(together) > 1 and not any("measure" in clause for way in together for clause in way):
            together = [[{"any": [way[0] if len(way) == 1 else {"all": way} for way in together]}]]
        for place, when in enumerate(together, 1):
            name = f"{self._row}-{number}" + (f"-{place}" if len(together) > 1 else "")
            self.rules.append(({"finding": self._row, "rule": name, "when": when, "gives": gives}, row))

    def _chosen(self, number: int) -> list[Rule]:
        """Return when a row that matches is the one that answers."""
        hit = {"hit": {"is": self._row, "where": {"row": number}}}
        match self._decision.policy:
            case "unique":
                return [hit, {"no other": {"is": self._row, "where": {"row": {"not": number}}}}]
            case "first":
                earlier = {"no earlier": {"is": self._row, "where": {"row": {"below": number}}}}
                return [hit] if number == 1 else [hit, earlier]
            case "priority":
                rank = self._ranks[number - 1]
                return [hit, {"no better": {"is": self._row, "where": {"rank": {"below": rank}}}}]
            case "any":
                return [
                    hit,
                    {"no earlier": {"is": self._row, "where": {"row": {"below": number}}}},
                    {"no different": {"is": self._row, "where": {"same": {"not": self._same()[number - 1]}}}},
                ]
        return [hit]

    def _answer(self, row: Row, when: list[Rule], name: str, number: int = 0) -> None:
        gives = self._given(row, row.outputs, self._outputs)
        if self._lists:
            gives = {"row": row.number} | ({"rank": self._ranks[number - 1]} if self._ranks else {}) | gives
        rule: Rule = {"finding": self.answer}
        rule |= {} if name == self.answer else {"rule": name}
        self.rules.append((rule | {"when": when} | ({"gives": gives} if gives else {}), row))

    def _given(self, row: Row, values: Sequence[Expr], outputs: Sequence[Variable]) -> Rule:
        gives: Rule = {}
        for value, output in zip(values, outputs, strict=True):
            try:
                found = self._value(value, output)
            except NotCarried as error:
                self._refuse(row.at, f"`{output.label}`: {error}")
                continue
            if found is not None:
                gives[output.name] = found
        return gives

    def _value(self, value: Expr, output: Variable) -> Any:
        if isinstance(value, Lit):
            return None if value.value is None else written(literal(value.value, output.kind))
        if isinstance(value, Day):
            return written(self._names.moved(value))
        if isinstance(value, Name):
            variable = self._names.of(value)
            if variable.decision is None and variable.places == output.places:
                return f"producer.{variable.name}"
            if variable.kind != "number":
                raise NotCarried(f"`{variable.label}` is handed on, and only numbers of other decisions are")
        if any(part == Lit(None) for part in _operands(value)):
            return None
        return self._conditions.formulas.measure(value, output.places)

    def _ranked(self) -> list[int]:
        """Return each row's place among all, by the order of output values and then of rows; from 1."""
        keys: list[tuple[tuple[int, ...], int]] = []
        for number, row in enumerate(self._decision.rows):
            places = []
            for value, output in zip(row.outputs, self._decision.outputs, strict=True):
                if value not in output.values:
                    self._refuse(
                        row.at, f"`{output.name}` gives what its output values don't list, so it has no priority"
                    )
                    return list(range(1, len(self._decision.rows) + 1))
                places.append(output.values.index(value))
            keys.append((tuple(places), number))
        order = sorted(range(len(keys)), key=keys.__getitem__)
        return [order.index(number) + 1 for number in range(len(keys))]

    def _same(self) -> list[int]:
        """Return a number for what each row gives, equal where it gives the same."""
        seen: list[tuple[Expr, ...]] = []
        for row in self._decision.rows:
            if row.outputs not in seen:
                seen.append(row.outputs)
        computed = [given for given in seen if any(not isinstance(value, Lit) for value in given)]
        if computed and len(seen) > 1:
            at = next(row.at for row in self._decision.rows if row.outputs in computed)
            self._refuse(at, "hit policy any compares outputs, and whether computed ones agree is not carried over")
        return [seen.index(row.outputs) + 1 for row in self._decision.rows]

    def _aggregated(self) -> None:
        name, (output,) = label(self._decision.name), self._outputs
        how = str(self._decision.aggregation)
        count, counted = f"{self.answer}_count", {"zh": f"{name}:符合的行数", "en": f"{name}: rows that match"}
        self.measures.append({"measure": count, "label": counted, "count": self._row})
        some: Rule = {"measure": count, "at_least": 0 if how == "count" else 1}
        given = count
        when: list[Rule] = [some]
        if how != "count":
            given = f"{self.answer}_{how}"
            body = {"of": self._row, "field": output.name}
            told = {"zh": name, "en": f"{name}: {how}"}
            self.measures.append({"measure": given, "label": told, how: body, "when_nothing": "not_applicable"})
            if output.kind != "number":
                self._refuse(
                    self._decision.at, f"`{how}` adds up or compares numbers, and `{output.label}` is {output.kind}"
                )
            # a row that gives nothing leaves nothing of the whole
            when.append({"no blank": {"is": self._row, "where": {output.name: {"present": "no"}}}})
        self.rules.append(({"finding": self.answer, "when": when, "gives": {output.name: given}}, None))

    def _default(self) -> None:
        values = [output.default for output in self._decision.outputs]
        if all(value is None for value in values):
            return
        if self._decision.aggregation is not None:
            self._refuse(self._decision.at, "a default beside an aggregation is not carried over")
            return
        row = Row(self._decision.at, (), tuple(value if value is not None else Lit(None) for value in values))
        self._answer(row, [{"no match": {"is": self._row}}], f"{self.answer}-default", 0)


def field(variable: Variable) -> Rule:
    """Return an attribute of the producer, or a field, for a variable."""
    shape: Rule = {"type": variable.type, "label": {"zh": label(variable.label)}, "optional": "yes"}
    shape |= {"places": variable.places} if variable.places else {}
    return shape | ({"max": 2000} if variable.kind == "text" else {})


def _operands(value: Expr) -> Iterator[Expr]:
    """Yield what a number is computed of."""
    yield value
    parts = (value.left, value.right) if isinstance(value, Sum) else value.args if isinstance(value, Call) else ()
    for part in parts:
        yield from _operands(part)


def noted(rules: Sequence[tuple[Rule, Row | None]]) -> Iterator[tuple[int, list[str]]]:
    """Yield what was noted on each rule's row, on the first rule of the row."""
    seen: set[tuple[int, int]] = set()
    for place, (_, row) in enumerate(rules):
        if row is not None and row.notes and row.at not in seen:
            seen.add(row.at)
            yield place, [line.strip() for note in row.notes for line in note.splitlines() if line.strip()]
