"""What a rule asks for, in words: patterns, comparisons and windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from engine.checker_code import measured_field
from explain.shelf import shelf_of
from explain.wording import Wording
from knowledge.rulebook import Field
from knowledge.rules import Const, Expr, Pattern, Ref, Test, Text, Value

_DATES: Final = {"lt": "before", "le": "until", "gt": "after", "ge": "from", "eq": "on", "ne": "not_on"}
DAY: Final = Field("as_of", "date", Text("评价日", "the day of the grade"))
_KIND: Final = Text("主体类型", "kind of producer")
_OF_PRODUCERS: Final = {
    "region": Field("region", "text", Text("所在地代码", "code of the region")),
    "id": Field("id", "text", Text("主体标识", "id of the producer")),
}


class Asking:
    """Words for what one rulebook's rules ask for, in one language."""

    def __init__(self, word: Wording) -> None:
        self._word, self._rulebook = word, word.rulebook
        self._kept: dict[Any, str] = shelf_of(word.rulebook).notes("patterns", word.lang, word.personal)
        """Patterns that were told already, by identity: the shelf holds their rulebook."""

    def pattern(self, pattern: Pattern, aliases: Mapping[str, str]) -> str:
        """Return what a pattern looks for; `aliases` name the type that each alias of the rule is bound to."""
        if id(pattern) not in self._kept:
            self._kept[id(pattern)] = self._pattern(pattern, aliases)
        return self._kept[id(pattern)]

    def _pattern(self, pattern: Pattern, aliases: Mapping[str, str]) -> str:
        word, kind = self._word, self._rulebook.types[pattern.type]
        aliases = {**aliases, "this": pattern.type}
        tests = [self.test(test, kind.fields[test.name], aliases) for test in pattern.tests]
        label = word.text(kind.label)
        if pattern.active is not None:
            label = word.say("in_force" if pattern.active else "no_longer_in_force", what=label)
        return word.say("such", what=label, tests=word.listed(tests)) if tests else label

    def test(self, test: Test, field: Field, aliases: Mapping[str, str]) -> str:
        """Return one comparison: `amount below 1000 CNY`."""
        word = self._word
        what = word.text(field.label)
        if test.op in ("present", "missing"):
            return word.say(f"is_{test.op}", what=what)
        operand = test.operand
        if test.op == "eq" and isinstance(operand, Ref) and operand.shift is None and operand.source in aliases:
            kind = self._rulebook.types[aliases[operand.source]]
            if word.text(kind.fields[operand.name].label) == what:
                return word.say("is_same", what=what, value=self._owner(operand, aliases))
        return self.compared(what, test.op, field, self._operand(test, field, aliases))

    def _owner(self, ref: Ref, aliases: Mapping[str, str]) -> str:
        """Return in Chinese whose value it is with the value's name, in English whose it is: the name was said."""
        kind, word = self._rulebook.types[aliases[ref.source]], self._word
        owner = word.text(kind.label)
        return word.say("of", owner=owner, what=word.text(kind.fields[ref.name].label)) if word.lang == "zh" else owner

    def compared(self, what: str, op: str, field: Field, value: str) -> str:
        """Return a comparison of something with a value that is in words already."""
        return self._word.say(f"is_{_DATES.get(op, op) if field.type == 'date' else op}", what=what, value=value)

    def window(self, days: tuple[int, int] | None) -> str:
        """Return a window's first and last day, nothing where there is none."""
        if days is None:
            return ""
        return self._word.say("between", first=self._word.day(days[0]), last=self._word.day(days[1]))

    def alternatives(self, field: Field, values: tuple[Value, ...]) -> str:
        """Return several values of which one is meant."""
        return self._word.say("or").join(self._word.value(field, value) for value in values)

    def measure(self, name: str) -> Field:
        """Return a measure as a field, by whose type its values are told."""
        measure = self._rulebook.measures[name]
        field = measured_field(self._rulebook, measure)
        made = field or Field(name, measure.type, measure.label, places=measure.places, unit=measure.unit)
        return made if made.label == measure.label else replace(made, label=measure.label)

    def attribute(self, name: str) -> Field:
        """Return an attribute of the producer, its kind, region and id included."""
        if name == "kind":
            return Field("kind", "choice", _KIND, choices=self._rulebook.kinds)
        return self._rulebook.attributes.get(name) or _OF_PRODUCERS[name]

    def _operand(self, test: Test, field: Field, aliases: Mapping[str, str]) -> str:
        if isinstance(test.operand, tuple):
            return self.alternatives(field, test.operand)
        assert test.operand is not None
        return self._expr(test.operand, field, aliases)

    def _expr(self, expr: Expr, field: Field, aliases: Mapping[str, str]) -> str:
        word = self._word
        if isinstance(expr, Const):
            return word.value(field, expr.value)
        if expr.source == "as_of":
            name = word.text(DAY.label)
        elif expr.source == "producer":
            name = word.say("of", owner=word.say("producer"), what=word.text(self.attribute(expr.name).label))
        elif expr.source == "this":
            name = word.say("its", what=word.text(self._rulebook.types[aliases["this"]].fields[expr.name].label))
        else:
            kind = self._rulebook.types[aliases[expr.source]]
            name = word.say("of", owner=word.text(kind.label), what=word.text(kind.fields[expr.name].label))
        if expr.shift is None:
            return name
        later = "later" if expr.shift.amount >= 0 else "earlier"
        return word.say(later, what=name, time=word.time(abs(expr.shift.amount), expr.shift.unit))
