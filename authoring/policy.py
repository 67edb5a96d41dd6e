"""A rulebook as a document that a policy writer prints and lawyers read: every rule in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final

import msgspec

from authoring.policy_words import PolicyWords
from explain.phrases import Lang
from knowledge.rulebook import Band, Demand, Measure, Remedy, Rulebook, Standard
from knowledge.rules import Rule
from knowledge.scenarios import Scenario

KINDS: Final = ("finding", "ceiling", "veto", "status", "consequence")
_SECTIONS: Final = {
    "finding": "findings", "ceiling": "ceilings", "veto": "vetoes", "status": "statuses", "consequence": "consequences",
}  # fmt: skip


class Line(msgspec.Struct, frozen=True):
    """One labelled part of an entry; several sentences are told as a list."""

    name: str
    label: str
    texts: tuple[str, ...]


class EntryView(msgspec.Struct, frozen=True):
    """One rule, standard, measure … of the document. `stands_on` is what of the rulebook it tells, as `rule:S21`."""

    stands_on: str
    id: str
    title: str
    lines: tuple[Line, ...]


class Section(msgspec.Struct, frozen=True):
    """A part of the document with entries, or parts below it."""

    name: str
    title: str
    entries: tuple[EntryView, ...] = ()
    parts: tuple[Section, ...] = ()


class Policy(msgspec.Struct, frozen=True):
    """The document in one language. `notice` must be read first: it says what standing the rules have."""

    lang: Lang
    title: str
    notice: str | None
    head: tuple[Line, ...]
    sections: tuple[Section, ...]


def policy(rulebook: Rulebook, scenarios: Iterable[Scenario], lang: Lang) -> Policy:
    """Return the policy document of a rulebook; scenarios stand under the rules that they name."""
    return _Making(rulebook, scenarios, lang).policy()


class Entries:
    """The entries of a rulebook by what they stand on, told in words: what a document lists and versions differ by."""

    def __init__(self, rulebook: Rulebook, lang: Lang) -> None:
        self.rulebook, self.words = rulebook, PolicyWords(rulebook, lang)

    def rule(self, rule: Rule) -> EntryView:
        """Return a rule in words."""
        words = self.words
        lines = self._lines(
            ("applies_to", words.kinds(rule.applies_to)), ("when", words.when(rule)), ("then", words.then(rule)),
            ("until", words.text(rule.until)), ("because", words.because(rule)), ("law", words.laws(rule.law)),
            ("remedy", tuple(words.text(self.rulebook.remedies[name].text) for name in rule.remedies)),
            ("unknown", words.say("unknown_fires") if rule.unknown_fires else ""),
            ("shares_event", tuple(words.names(rule.shares_event))),
        )  # fmt: skip
        return EntryView(f"rule:{rule.id}", rule.id, self.title(rule), lines)

    def title(self, rule: Rule) -> str:
        """Return what a rule concludes, by its label."""
        labels: Mapping[str, Any] = {
            "standard": self.rulebook.standards, "finding": self.rulebook.types, "consequence": self.rulebook.types,
        }.get(rule.kind, {})  # fmt: skip
        plain = {
            "ceiling": self.rulebook.ceilings,
            "veto": self.rulebook.vetoes,
            "status": self.rulebook.producer_statuses,
        }
        if rule.target in labels:
            return self.words.text(labels[rule.target].label)
        return self.words.text(plain[rule.kind][rule.target])

    def standard(self, standard: Standard) -> EntryView:
        """Return a standard: its points, to whom it applies, what suspends it."""
        words = self.words
        suspended = "" if standard.suspended_by is None else words.pattern(standard.suspended_by, {})
        lines = self._lines(
            ("points", words.word.amount(standard.points)), ("applies_to", words.kinds(standard.applies_to)),
            ("suspended_by", suspended),
        )  # fmt: skip
        return EntryView(f"standard:{standard.id}", standard.id, words.text(standard.label), lines)

    def indicator(self, name: str) -> EntryView:
        """Return an indicator with what is asked of it."""
        words, one = self.words, self.rulebook.indicators[name]
        minimum = ""
        if one.minimum is not None:
            minimum = words.say("minimum_is", points=words.word.amount(one.minimum), grade=one.otherwise)
        lines = self._lines(
            ("points", words.word.amount(one.points)), ("weight", "" if one.weight == 1 else str(one.weight)),
            ("at_most", "" if one.at_most is None else words.word.amount(one.at_most)), ("minimum", minimum),
        )  # fmt: skip
        return EntryView(f"indicator:{name}", name, words.text(one.label), lines)

    def measure(self, measure: Measure) -> EntryView:
        """Return how a measure is computed."""
        lines = self._lines(("measured", self.words.measure(measure)))
        return EntryView(f"measure:{measure.name}", measure.name, self.words.text(measure.label), lines)

    def band(self, band: Band) -> EntryView:
        """Return a grade with the scores that reach it."""
        words = self.words
        low, high = (None if end is None else words.word.points(end) for end in (band.low, band.high))
        scores = f"{low}–{high}" if low and high else f"≥ {low}" if low else f"≤ {high}" if high else "–"
        asked = [self._demand(one) for one in band.demands]
        if band.worst_single is not None:
            asked.append(words.say("no_worse_single", points=words.word.amount(band.worst_single)))
        lines = self._lines(("scores", scores), ("demands", tuple(asked)))
        return EntryView(f"grade:{band.grade}", band.grade, words.text(band.word), lines)

    def _demand(self, demand: Demand) -> str:
        what = next(self.words.names([demand.indicator]))
        name, points = ("demand_most", demand.at_most) if demand.at_least is None else ("demand_least", demand.at_least)
        return self.words.say(name, what=what, points=self.words.word.amount(points or 0))

    def remedy(self, remedy: Remedy) -> EntryView:
        """Return a remedy with its effort, time and what comes back."""
        words = self.words
        lead = words.word.time(remedy.lead_time.amount, remedy.lead_time.unit)
        lines = self._lines(
            ("effort", f"{remedy.effort}/5"), ("lead_time", lead),
            ("restores", tuple(words.names(remedy.restores))), ("ask", words.text(remedy.ask)),
        )  # fmt: skip
        return EntryView(f"remedy:{remedy.id}", remedy.id, words.text(remedy.text), lines)

    def law(self, name: str) -> EntryView:
        """Return an article with the days on which it is in force."""
        law = self.rulebook.laws[name]
        lines = self._lines(
            ("in_force_from", iso(law.effective_from)), ("in_force_until", iso(law.effective_until)),
        )  # fmt: skip
        return EntryView(f"law:{name}", name, self.words.text(law.label), lines)

    def _lines(self, *given: tuple[str, str | tuple[str, ...]]) -> tuple[Line, ...]:
        told = ((name, (texts,) if isinstance(texts, str) else texts) for name, texts in given)
        return tuple(Line(name, self.words.say(name), texts) for name, texts in told if any(texts))


def iso(day: int | None) -> str:
    """Return a day as ISO, empty where there is none."""
    return "" if day is None else date.fromordinal(day).isoformat()


class _Making:
    def __init__(self, rulebook: Rulebook, scenarios: Iterable[Scenario], lang: Lang) -> None:
        self._rulebook, self._entries = rulebook, Entries(rulebook, lang)
        self._words = self._entries.words
        self._scenarios: dict[str, list[str]] = {}
        known = {rule.id: [rule.id] for rule in rulebook.rules}
        for rule in rulebook.rules:
            known.setdefault(rule.target, []).append(rule.id)
        for scenario in scenarios:
            named = {
                str(name) for value in scenario.expect.values() if isinstance(value, dict | list) for name in value
            }
            for rule_id in dict.fromkeys(one for name in sorted(named) for one in known.get(name, ())):
                self._scenarios.setdefault(rule_id, []).append(scenario.name)

    def policy(self) -> Policy:
        rulebook, words = self._rulebook, self._words
        given = (
            ("version", f"{rulebook.id}@{rulebook.version}"), ("standing", words.word.say(rulebook.status)),
            ("in_force_from", iso(rulebook.effective_from)), ("in_force_until", iso(rulebook.effective_until)),
            ("kinds", words.kinds(tuple(rulebook.kinds))), ("digest", rulebook.sha256),
        )  # fmt: skip
        head = tuple(Line(name, words.say(name), (text,)) for name, text in given if text)
        sections = (
            self._scoring(), self._indicators(),
            *(section for kind in KINDS if (section := self._rules(kind)).entries),
            self._listed("measures", (self._entries.measure(one) for one in rulebook.measures.values())),
            self._listed("remedies", (self._entries.remedy(one) for one in rulebook.remedies.values())),
            self._rights(), self._listed("laws", map(self._entries.law, rulebook.laws)),
        )  # fmt: skip
        notice = None if rulebook.notice is None else words.text(rulebook.notice)
        kept = tuple(section for section in sections if section.entries or section.parts)
        return Policy(words.lang, words.text(rulebook.title), notice, head, kept)

    def _listed(self, name: str, entries: Iterable[EntryView]) -> Section:
        return Section(name, self._words.say(name), tuple(entries))

    def _scoring(self) -> Section:
        scoring, words = self._rulebook.scoring, self._words
        told = words.say(
            "start", points=words.word.points(scoring.start), direction=words.say(scoring.direction),
            better=words.say(scoring.better),
        )  # fmt: skip
        rest = words.say(scoring.not_applicable)
        first = EntryView("scoring", "", "", (Line("scoring", words.say("scoring"), (told, rest)),))
        return Section("scoring", words.say("scoring"), (first, *map(self._entries.band, self._rulebook.bands)))

    def _indicators(self) -> Section:
        indicators, words = self._rulebook.indicators, self._words
        parts = []
        for first in (one for one in indicators.values() if one.level == 1):
            below = []
            for second in (one for one in indicators.values() if one.parent == first.id):
                entries = [self._own(second.id)]
                for standard in (one for one in self._rulebook.standards.values() if one.indicator == second.id):
                    entries.append(self._entries.standard(standard))
                    entries += [
                        self._rule(rule)
                        for rule in self._rulebook.rules
                        if rule.target == standard.id and rule.kind == "standard"
                    ]
                below.append(Section("indicator", f"{second.id} {words.text(second.label)}", tuple(entries)))
            own = (self._own(first.id),)
            parts.append(Section("indicator", f"{first.id} {words.text(first.label)}", own, tuple(below)))
        return Section("indicators", words.say("indicators"), (), tuple(parts))

    def _own(self, name: str) -> EntryView:
        """Return what is asked of an indicator, below the heading that names it."""
        return msgspec.structs.replace(self._entries.indicator(name), title="")

    def _rules(self, kind: str) -> Section:
        return self._listed(_SECTIONS[kind], (self._rule(rule) for rule in self._rulebook.rules if rule.kind == kind))

    def _rule(self, rule: Rule) -> EntryView:
        view = self._entries.rule(rule)
        names = self._scenarios.get(rule.id, [])
        if not names:
            return view
        cases = Counter(name.rpartition(": ")[0] or name for name in names)
        shown = [
            name if count == 1 else self._words.say("cases", what=name, count=count) for name, count in cases.items()
        ]
        line = Line("scenarios", self._words.say("scenarios"), tuple(shown))
        return msgspec.structs.replace(view, lines=(*view.lines, line))

    def _rights(self) -> Section:
        words = self._words

        def entries() -> Iterator[EntryView]:
            for place, right in enumerate(self._rulebook.rights, 1):
                lines = (
                    Line("text", "", (words.text(right.text),)),
                    Line("law", words.say("law"), words.laws(right.law)),
                )
                kept = tuple(line for line in lines if line.texts)
                yield EntryView(f"right:{place}", str(place), words.text(right.title), kept)

        return self._listed("rights", entries())
