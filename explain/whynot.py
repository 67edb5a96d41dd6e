"""Why not: what the next grade lacks, what each rule that did not fire lacks, and what would stop those that did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

import msgspec
from msgspec.structs import replace

from engine.case import CaseFile
from engine.grading import Atom, Deduction, Grading
from explain.courses import Lack
from explain.ground import Ground
from explain.lacking import Change, Fired, Lacking, NotFired, Telling
from explain.outlook import Outlook
from explain.phrases import Lang
from explain.smallest import nearest_miss
from explain.stopping import Stopping
from explain.views import Sentence, WhyNotHigher
from explain.wording import Wording
from knowledge.rulebook import Field, Rulebook
from knowledge.rules import Rule, SteppedPoints

STEPS: Final = (-4,)
"""The key of a rule's steps."""


class WhyNot(msgspec.Struct, frozen=True):
    """What stands between a producer and the next grade, and every rule that did not fire."""

    lang: Lang
    producer: str
    as_of: str
    rulebook: str
    grade: str
    higher: WhyNotHigher | None
    """None for the best grade."""
    rules: tuple[NotFired, ...]
    fired: tuple[Fired, ...] = ()
    """Every deduction with what would stop it, where that is asked for."""


def why_not(
    rulebook: Rulebook,
    case: CaseFile,
    grading: Grading,
    lang: Lang,
    *,
    fired: bool = False,
    personal: bool = False,
) -> WhyNot:
    """Return why the grade isn't higher, why each rule did not fire and, if asked, what would stop those that did."""
    word = Wording(rulebook, case, grading, lang, personal=personal)
    return why_not_on(Ground(word, case, grading, ()), fired=fired)


def why_not_on(ground: Ground, *, fired: bool = False) -> WhyNot:
    """Return the same of a grading that is looked up already."""
    grading, telling = ground.grading, _FiredTelling(ground)
    return WhyNot(
        lang=ground.word.lang,
        producer=grading.producer,
        as_of=date.fromordinal(grading.as_of).isoformat(),
        rulebook=f"{grading.rulebook_id}@{grading.rulebook_version}",
        grade=grading.grade,
        higher=Outlook(ground).why_not_higher(),
        rules=tuple(telling.rules()),
        fired=tuple(telling.fired()) if fired else (),
    )


class _FiredTelling(Telling):
    """Puts what holds a deduction up into words."""

    def fired(self) -> Iterator[Fired]:
        """Yield every deduction with what would stop it."""
        stopping, word = Stopping(self._ground, self._nearest), self._word
        for one in self._ground.grading.deductions:
            rule = self._ground.rules[one.rule]
            label = word.text(self._ground.concluded(rule.kind, rule.target))
            stops = tuple(tuple(self._stop(rule, one, lack) for lack in lacks) for lacks in stopping.stops(one))
            ways = [word.say("stop_together").join(stop.sentence.text for stop in option) for option in stops]
            said = word.stopped(word.because(one) or label)
            text = word.say("stopped", text=said, ways=word.say("facts_listed").join(ways) + word.say("stop"))
            yield Fired(rule.id, rule.kind, rule.target, label, one.id, Sentence(text, (one.id,)), stops)

    def _stop(self, rule: Rule, deduction: Deduction, lack: Lack) -> Lacking:
        word = self._word
        changes: tuple[Change, ...] = ()
        if lack.kind == "fact" and lack.pattern is not None:
            what = word.text(self._rulebook.types[lack.pattern.type].label)
            facts = word.say("facts_listed").join(map(self._brief, lack.facts))
            phrase = "stop_fact" if len(lack.facts) == 1 else "stop_facts"
            text = word.say(phrase, what=what, count=len(lack.facts), facts=facts)
        elif lack.kind == "absence" and lack.pattern is not None:
            aliases = self._ground.shelf.aliases[rule.id]
            text = word.say("stop_absence", what=self._asking.pattern(lack.pattern, aliases) + self._window(lack))
        elif lack.outcome is not None:
            asked = replace(lack.outcome, negated=False)
            text = word.say(
                "stop_outcome_now" if lack.outcome.negated else "stop_outcome", wanted=self._wanted_outcome(asked)
            )
        else:
            changes = tuple(self._misses(rule, lack))
            text = word.say("or").join(change.wanted for change in changes)
        return Lacking(lack.kind, Sentence(text, (deduction.id,)), changes, lack.facts)

    def _misses(self, rule: Rule, lack: Lack) -> Iterator[Change]:
        """Yield, by value that was compared, the nearest at which the comparisons no longer hold."""
        for name in dict.fromkeys(atom.name for atom in lack.atoms):
            atoms = [atom for atom in lack.atoms if atom.name == name]
            groups: Sequence[Sequence[Atom]] = [atoms]
            if lack.key == STEPS and isinstance(rule.points, SteppedPoints):
                compare, value = self._ground.compare, atoms[0].observed
                groups = [[compare.measure(test, value) for test in step.tests] for step in rule.points.steps]
            yield self._miss(atoms[0], self._field(lack, atoms[0]), groups, lack)

    def _miss(self, atom: Atom, field: Field, groups: Sequence[Sequence[Atom]], lack: Lack) -> Change:
        word, what = self._word, self._named(field, lack)
        observed = word.say("missing") if atom.observed is None else word.value(field, atom.observed)
        nearest = nearest_miss(groups, field) if word.may_show(field) and atom.threshold is not None else None
        if nearest is None:
            return Change(atom.name, observed, word.say("stop_other", what=what, observed=observed), None, None)
        by = None if atom.observed is None else self._distance(field, atom.observed, nearest)
        to = word.value(field, nearest)
        text = word.say(
            "stop_value", what=what, to=to, observed=observed, by="" if by is None else word.say("change_by", by=by)
        )
        return Change(atom.name, observed, text, to, by)
