"""Values and templates as people read them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from engine.case import CaseFile, Fact
from engine.checker_code import measured_field
from engine.grading import Deduction, Finding, Grading
from engine.values import decimal_text
from explain.phrases import PHRASES, Lang
from explain.shelf import shelf_of
from knowledge.rulebook import Aggregate, Field, Rulebook
from knowledge.rules import Arithmetic, Rule, Text, Unit, Value
from knowledge.strata import formula_measures

_SLOT: Final = re.compile(r"\{([a-z_0-9.]+)\}")
_PLACES: Final = {"whole": 0, "tenths": 1, "hundredths": 2}
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


class Wording:
    """Says things of one grading in one language; personal values only where allowed."""

    def __init__(self, rulebook: Rulebook, case: CaseFile, grading: Grading, lang: Lang, *, personal: bool) -> None:
        self.rulebook, self.lang, self.personal = rulebook, lang, personal
        self._case = case
        self._second = lang == "en"
        self._places = _PLACES[rulebook.scoring.unit]
        self._said: dict[str, str] = {}
        self._things: dict[str, Fact | Finding] = {fact.id: fact for fact in case.facts}
        self._things |= {finding.id: finding for finding in (*grading.findings, *grading.consequences)}
        self._rules = shelf_of(rulebook).rules
        self._measures = {(one.name, one.group): one.value for one in grading.measures}

    def text(self, text: Text) -> str:
        """Return a text of the rulebook in this language."""
        return text.in_language(self.lang)

    def say(self, name: str, **slots: object) -> str:
        """Return a phrase of the program in this language."""
        return PHRASES[name][self._second].format(**slots)

    def points(self, points: int) -> str:
        """Return points or a score in the rulebook's unit."""
        return decimal_text(points, self._places)

    def amount(self, points: int) -> str:
        """Return points with the word for them."""
        one = points == 1 and not self._places
        return self.say("points_one" if one else "points", n=self.points(points))

    def day(self, ordinal: int) -> str:
        """Return a date as it stands in a sentence."""
        day = date.fromordinal(ordinal)
        if self.lang == "zh":
            return f"{day.year}年{day.month}月{day.day}日"
        return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"

    def time(self, amount: int, unit: Unit) -> str:
        """Return a length of time in words."""
        return self.say(f"{unit}_one" if amount == 1 else unit, n=amount)

    def sentence(self, text: Text) -> str:
        """Return a text of the rulebook as a sentence, with its full stop where the author left it out."""
        return self.stopped(self.text(text))

    def stopped(self, words: str) -> str:
        """Return words with a full stop, unless they end with one."""
        return words if words.endswith(("。", ".", "!", "!", "?", "?")) else words + self.say("stop")

    def begun(self, words: str) -> str:
        """Return words as a sentence begins, with a capital letter in English."""
        return words[:1].upper() + words[1:] if self._second else words

    def join(self, texts: Iterable[str]) -> str:
        """Return sentences one after the other."""
        return self.say("sentences").join(texts)

    def listed(self, texts: Iterable[str]) -> str:
        """Return words as a list within a sentence."""
        return self.say("listed").join(texts)

    def may_show(self, field: Field) -> bool:
        """Say whether a field's values may be seen by whoever reads this."""
        return self.personal or not field.personal

    def value(self, field: Field, value: Value | None) -> str:
        """Return a value in words: choices by their label, decimals and shares with their unit."""
        if not self.may_show(field):
            return self.say("withheld")
        if value is None or value == "":
            return self.say("missing")
        match field.type:
            case "date":
                return self.day(int(value))
            case "yes_no":
                return self.say("yes" if value else "no")
            case "choice":
                return self.text(field.choices[str(value)]) if str(value) in field.choices else str(value)
            case "share":
                percent = decimal_text(int(value), 2).rstrip("0").rstrip(".")
                return f"{percent}%"
            case "decimal":
                return _with_unit(decimal_text(int(value), field.places), field.unit)
            case "whole":
                return _with_unit(str(value), field.unit)
            case _:
                return str(value)

    def measure(self, name: str, value: Value | None) -> str:
        """Return a measure's value in words."""
        measure = self.rulebook.measures[name]
        field = measured_field(self.rulebook, measure)
        shown = field or Field(name, measure.type, measure.label, places=measure.places, unit=measure.unit)
        return self.value(shown, value)

    def fields(self, kind: str, values: Mapping[str, Value], *, iso: bool = False) -> list[tuple[str, str]]:
        """Return label and value of each field that is given; with `iso` dates as ISO text, for lists."""
        shapes = self.rulebook.types[kind].fields
        shown = []
        for name, value in values.items():
            field = shapes[name]
            dated = iso and field.type == "date" and self.may_show(field)
            words = date.fromordinal(int(value)).isoformat() if dated else self.value(field, value)
            shown.append((self.text(field.label), words))
        return shown

    def told(self, kind: str, values: Mapping[str, Value]) -> str:
        """Return the fields that are given as one text: `batch P-1, product tea`."""
        pair = PHRASES["pair"][self._second].format
        said = [pair(label=label, value=value) for label, value in self.fields(kind, values)]
        return PHRASES["enumerated"][self._second].join(said)

    def because(self, deduction: Deduction) -> str:
        """Return the rule's own text with the values that this deduction read, else one made from labels.

        Empty where the rule has no text, bound nothing by `for_each` and read no measure.
        """
        if deduction.id not in self._said:
            self._said[deduction.id] = self._because(deduction)
        return self._said[deduction.id]

    def _because(self, deduction: Deduction) -> str:
        rule = self._rules[deduction.rule]
        if rule.because is None:
            made = self.listed([*self._bound(deduction), *self._read(deduction)])
            return made and made + self.say("stop")
        text = self.text(rule.because)
        return _SLOT.sub(lambda found: self._slot(rule, deduction, found[1]), text)

    def _bound(self, deduction: Deduction) -> Iterable[str]:
        """Yield what `for_each` bound, with its values."""
        for name in deduction.key:
            if name in self._things:
                thing = self._things[name]
                label = self.text(self.rulebook.types[thing.type].label)
                pairs = self.fields(thing.type, thing.values)
                values = self.say("enumerated").join(self.say("pair", label=one, value=value) for one, value in pairs)
                yield self.say("bound", what=label, values=values) if values else label

    def _read(self, deduction: Deduction) -> Iterable[str]:
        """Yield the measures that were read, with their values."""
        for reading in deduction.readings:
            if reading.name in self.rulebook.measures:
                label = self.text(self.rulebook.measures[reading.name].label)
                yield self.say("pair", label=label, value=self.measure(reading.name, reading.value))

    def _slot(self, rule: Rule, deduction: Deduction, name: str) -> str:
        if name in self.rulebook.measures:
            return self.measure(name, self._measured(deduction, name))
        if name == "points":
            return self.points(deduction.points)
        if name == "as_of":
            return self.day(self._case.as_of)
        if name == "group":
            return self._group(deduction)
        alias, _, field = name.partition(".")
        if alias == "producer":
            return self._of_producer(field)
        place = [pattern.alias for pattern in rule.for_each].index(alias)
        thing = self._things[deduction.key[place]]
        return self.value(self.rulebook.types[thing.type].fields[field], thing.values.get(field))

    def _measured(self, deduction: Deduction, name: str) -> Value | None:
        """Return the value that a deduction read, for its own group; else the one for the whole case."""
        for reading in deduction.readings:
            if reading.name == name:
                return reading.value
        group = next((reading.group for reading in deduction.readings if reading.group is not None), None)
        return self._measures.get((name, group), self._measures.get((name, None)))

    def group(self, name: str, group: Value) -> str:
        """Return the group of a measure in words."""
        field = self._split_by(name)
        return str(group) if field is None else self.value(field, group)

    def _group(self, deduction: Deduction) -> str:
        return next((self.group(one.name, one.group) for one in deduction.readings if one.group is not None), "")

    def _split_by(self, name: str) -> Field | None:
        """Return the field by whose values a measure, or a part of its formula, is split into groups."""
        measure = self.rulebook.measures[name]
        if isinstance(measure.body, Aggregate) and measure.per is not None:
            return self.rulebook.types[measure.body.pattern.type].fields[measure.per]
        if isinstance(measure.body, Arithmetic):
            return next(filter(None, map(self._split_by, formula_measures(measure.body))), None)
        return None

    def _of_producer(self, name: str) -> str:
        producer = self._case.producer
        if name == "kind":
            return self.text(self.rulebook.kinds[producer.kind])
        if name in ("id", "region"):
            return str(getattr(producer, name))
        return self.value(self.rulebook.attributes[name], producer.attributes.get(name))


def _with_unit(text: str, unit: str | None) -> str:
    if unit is None:
        return text
    return f"{text}{unit}" if unit == "%" else f"{text} {unit}"
