"""What findings call things: measures by their labels, values with their units, points as lost or gained."""

from __future__ import annotations

from authoring.policy_words import PolicyWords
from engine.values import plain
from knowledge.measurebinding import measure_field
from knowledge.rulebook import Field, Rulebook
from knowledge.rules import Rule, Text, Value


def called(book: Rulebook, measure: str) -> Text:
    """Return the label of a measure and its name, in both languages."""
    label = book.measures[measure].label
    return Text(f"“{label.zh}”({measure})", f"“{label.en or label.zh}” (`{measure}`)")


def told(field: Field, value: Value) -> str:
    """Return a value with its unit."""
    if field.choices:
        return str(value)
    shown = str(plain(field, value))
    if field.unit is None or field.type == "share":
        return shown
    return f"{shown}%" if field.unit == "%" else f"{shown} {field.unit}"


def told_of(book: Rulebook, measure: str, value: Value) -> str:
    """Return a value of a measure with its unit."""
    return told(measure_field(book.measures[measure], book.types), value)


def taking(book: Rulebook) -> Text:
    """Return what rules of standards do to points."""
    if book.scoring.direction == "gained":
        return Text("计分", "counts points")
    return Text("扣分", "takes points")


def conditions(book: Rulebook, rule: Rule, places: list[int]) -> Text:
    """Return some of the conditions of a rule, counted from 0 (`for_each` first, then `when`, the steps last)."""
    sides = []
    for lang, mark in (("zh", ";"), ("en", "; ")):
        words = PolicyWords(book, lang)  # type: ignore[arg-type]  # one of both languages
        every = [*words.when(rule), *words.then(rule)]
        sides.append(mark.join(every[place].rstrip("。.") for place in places))
    return Text(sides[0], sides[1])
