"""What comes of a grade once everything open is settled, which of it decides, and which facts hold the grade."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Final

import msgspec

from engine.case import CaseFile, Fact
from engine.grading import Grading
from explain.differences import Reach, Side
from explain.open_points import OpenPoint
from explain.phrases import Lang
from explain.telling import Told, iso, named, shown
from explain.views import Sentence
from explain.weighing import Answered, Graded, Strike, Weighed
from knowledge.rulebook import Field, Rulebook
from knowledge.rules import Value

_ORDERED: Final = ("whole", "decimal", "date", "share")
_MOST_NAMES: Final = 3
MOST_SHOWN = 20
"""Combinations and sets of facts that are shown; all of their size are counted."""


class OutcomeView(msgspec.Struct, frozen=True):
    """What one outcome comes to with everything else as it is now.

    `outcome` is `stands`, `falls`, `unknown` (the value stays missing), a value in words, or numbers or dates between
    two of which no comparison lies. `score` and `grade` are None where it wasn't graded.
    """

    outcome: str
    grade: str | None
    score: int | str | None


class OpenPointView(msgspec.Struct, frozen=True):
    """A fact of which it is open whether it stands, or a value that is missing.

    `decides`: `alone` (with all else as it is now), `together` (with other points), `nothing` or `unknown`.
    """

    fact: str | None
    """None for an attribute of the producer."""
    field: str | None
    present: str
    outcomes: tuple[OutcomeView, ...]
    decides: str
    sentence: Sentence


class WayView(msgspec.Struct, frozen=True):
    """Outcomes of the fewest points, by `fact` or `fact.field`, that together lead to another grade."""

    settled: dict[str, str]
    grade: str
    score: int | str
    sentence: Sentence


class StrikeView(msgspec.Struct, frozen=True):
    """Facts that belong together, and score and grade without them or with them alone."""

    facts: tuple[str, ...]
    grade: str
    score: int | str
    sentence: Sentence


class Contested(msgspec.Struct, frozen=True):
    """Everything that a grade may still become, and what it stands on.

    `best` and `worst` are the best and worst outcome graded, `grades` all grades that came up, best first. Where
    `complete` is False, outcomes that were not graded may come to others.
    """

    lang: Lang
    producer: str
    as_of: str
    rulebook: str
    grade: str
    score: int | str
    sentence: Sentence
    open: tuple[OpenPointView, ...]
    outcomes: int
    """How many combinations there are."""
    graded: int
    complete: bool
    grades: tuple[str, ...]
    lowest_score: int | str
    highest_score: int | str
    ways: tuple[WayView, ...]
    strikes: tuple[StrikeView, ...]
    """The fewest facts whose fall makes the grade better; empty where nothing of up to `struck_up_to` facts does."""
    struck_up_to: int
    holds: tuple[StrikeView, ...]
    """The fewest facts that keep the grade from getting better if all others behind it fell."""
    held_up_to: int
    behind: tuple[str, ...]
    """The facts behind lost points and limits."""
    footing: Sentence
    """What holds the grade, in a sentence."""


def contested(
    rulebook: Rulebook, case: CaseFile, grading: Grading, answered: Answered, lang: Lang, *, personal: bool = False
) -> Contested:
    """Return in words what was found by grading."""
    return _Telling(Told(Side(rulebook, case, grading), lang, personal=personal), case, answered).all()


class _Telling:
    def __init__(self, told: Told, case: CaseFile, answered: Answered) -> None:
        self._told, self._word, self._grading = told, told.word, told.grading
        self._rulebook = told.rulebook
        self._weighed, self._struck = answered.weighed, answered.struck
        self._facts = {fact.id: fact for fact in case.facts}
        self._order = {band.grade: place for place, band in enumerate(told.rulebook.bands)}
        self._reach = Reach(told.rulebook)
        self._table = {one.outcomes: one for one in answered.weighed.graded}

    def all(self) -> Contested:
        weighed, struck, view = self._weighed, self._struck, self._told.view()
        grades = sorted({one.grade for one in weighed.graded}, key=self._order.__getitem__)
        scores = [one.score for one in weighed.graded]
        return Contested(
            lang=self._word.lang,
            producer=self._grading.producer,
            as_of=iso(self._grading.as_of),
            rulebook=view.rulebook,
            grade=view.grade,
            score=view.score,
            sentence=self._sentence(grades, scores),
            open=tuple(self._point(place) for place in range(len(weighed.points))),
            outcomes=weighed.in_all,
            graded=len(weighed.graded),
            complete=weighed.complete,
            grades=tuple(grades),
            lowest_score=self._score(min(scores)),
            highest_score=self._score(max(scores)),
            ways=tuple(map(self._way, _fewest(weighed)[:MOST_SHOWN])),
            strikes=tuple(self._strike(one) for one in struck.sets[:MOST_SHOWN]),
            struck_up_to=struck.tried,
            holds=tuple(self._hold(one) for one in struck.alone[:MOST_SHOWN] if one.facts),
            held_up_to=struck.tried_alone,
            behind=struck.facts,
            footing=self._footing(),
        )

    def _sentence(self, grades: Sequence[str], scores: Sequence[int]) -> Sentence:
        word, weighed = self._word, self._weighed
        if not weighed.points:
            return Sentence(word.say("nothing_open"), self._told.counting())
        low, high = word.points(min(scores)), word.points(max(scores))
        said = word.say("one_grade", grade=grades[0])
        if len(grades) > 1:
            said = word.say("two_grades", best=grades[0], worst=grades[-1])
        blurred = [self._what(point) for point in weighed.points if not point.exact]
        phrase = "blurred_weighed" if blurred else "all_weighed" if weighed.complete else "some_weighed"
        text = word.say(
            phrase,
            count=len(weighed.points),
            all=weighed.in_all,
            graded=len(weighed.graded),
            names=word.listed(blurred),
            grades=said,
            scores=word.say("one_score", score=low) if low == high else word.say("two_scores", low=low, high=high),
        )
        return Sentence(text, self._standing(point.fact for point in weighed.points))

    def _point(self, place: int) -> OpenPointView:
        point, word = self._weighed.points[place], self._word
        outcomes = tuple(self._outcome(place, value) for value in point.outcomes)
        decides = self._decides(place)
        phrases = {"alone": "decides_by_itself", "together": "decides_with_others"}
        said = word.say(
            "open_point",
            what=self._what(point),
            outcomes=word.say("notes").join(self._told_outcomes(point, outcomes)),
            decides=word.say(phrases.get(decides, f"decides_{decides}")),
        )
        sentence = Sentence(said.strip(), self._standing([point.fact]))
        present = self._name(point, point.present)
        return OpenPointView(point.fact, point.field, present, outcomes, decides, sentence)

    def _outcome(self, place: int, value: Value | None) -> OutcomeView:
        point = self._weighed.points[place]
        outcomes = [one.present for one in self._weighed.points]
        outcomes[place] = value
        found = self._table.get(tuple(outcomes))
        name = self._name(point, value)
        return (
            OutcomeView(name, None, None) if found is None else OutcomeView(name, found.grade, self._score(found.score))
        )

    def _told_outcomes(self, point: OpenPoint, views: Sequence[OutcomeView]) -> Iterator[str]:
        """Yield what outcomes come to, those that come to the same together."""
        known = [(view, value) for view, value in zip(views, point.outcomes, strict=True) if view.grade is not None]
        if point.field is None:
            for view, value in known:
                yield self._word.say("if_stands" if value else "if_falls", grade=view.grade, score=view.score)
            return
        groups: list[tuple[tuple[str | None, int | str | None], list[Value]]] = []
        ordered = self._field(point).type in _ORDERED
        for view, value in known:
            came = (view.grade, view.score)
            if value is None:
                yield self._word.say("if_unknown", grade=view.grade, score=view.score)
                continue
            same = [group for group in (groups[-1:] if ordered else groups) if group[0] == came]
            if same:
                same[0][1].append(value)
            else:
                groups.append((came, [value]))
        for (grade, score), values in groups:
            yield self._word.say("if_value", value=self._together(point, values), grade=grade, score=score)

    def _together(self, point: OpenPoint, values: Sequence[Value]) -> str:
        """Return several outcomes in words: what lies between two numbers or dates, or some of the names."""
        if self._field(point).type in _ORDERED:
            return self._region(point, int(values[0]), int(values[-1]))
        names = list(dict.fromkeys(self._name(point, value) for value in values))
        if len(names) <= _MOST_NAMES:
            return self._word.say("or").join(names)
        return self._word.say("of_so_many", names=self._word.listed(names[:_MOST_NAMES]), count=len(names))

    def _region(self, point: OpenPoint, first: int, last: int) -> str:
        """Return the numbers or dates for which outcomes stand: each for itself and all up to the next one."""
        word, field = self._word, self._field(point)
        outcomes = [int(one) for one in point.outcomes if one is not None]
        after = outcomes.index(last) + 1
        high = None if after == len(outcomes) else outcomes[after] - 1
        dated = "_day" if field.type == "date" else ""
        if first == outcomes[0] and high is None:
            return word.say("any_value")
        if first == outcomes[0]:
            return word.say(f"up_to{dated}", value=word.value(field, high))
        if high is None:
            return word.say(f"or_more{dated}", value=word.value(field, first))
        if high == first:
            return word.value(field, first)
        return word.say("from_to", low=word.value(field, first), high=word.value(field, high))

    def _decides(self, place: int) -> str:
        """Say whether the grade hangs on a point: whether it alone moves it, or does where others come out so."""
        present = self._weighed.graded[0]
        by_rest: dict[tuple[Value | None, ...], set[str]] = {}
        for one in self._weighed.graded:
            rest = one.outcomes[:place] + one.outcomes[place + 1 :]
            by_rest.setdefault(rest, set()).add(one.grade)
        if len(by_rest[present.outcomes[:place] + present.outcomes[place + 1 :]]) > 1:
            return "alone"
        if any(len(grades) > 1 for grades in by_rest.values()):
            return "together"
        return "nothing" if self._weighed.complete else "unknown"

    def _way(self, one: Graded) -> WayView:
        points, word = self._weighed.points, self._word
        present = self._weighed.graded[0].outcomes
        changed = [
            (point, value)
            for point, value, now in zip(points, one.outcomes, present, strict=True)
            if _differs(value, now)
        ]
        texts = []
        for point, value in changed:
            what = self._what(point, bare=True)
            if point.field is None:
                texts.append(word.say("stands" if value else "falls", what=what))
            else:
                texts.append(word.say("is_value", what=what, value=self._name(point, value)))
        score = word.points(one.score)
        text = word.say("reaches", settled=word.listed(texts), grade=one.grade, score=score)
        settled = {_key(point): self._name(point, value) for point, value in changed}
        stands_on = self._standing(point.fact for point, _ in changed)
        return WayView(settled, one.grade, self._score(one.score), Sentence(text, stands_on))

    def _strike(self, one: Strike) -> StrikeView:
        text = self._word.say(
            "strike_to", facts=self._named(one.facts), grade=one.grade, score=self._word.points(one.score)
        )
        return StrikeView(one.facts, one.grade, self._score(one.score), Sentence(text, self._standing(one.facts)))

    def _hold(self, one: Strike) -> StrikeView:
        phrase = "holds" if len(one.facts) == 1 else "holds_many"
        text = self._word.say(phrase, facts=self._named(one.facts), grade=self._grading.grade)
        return StrikeView(one.facts, one.grade, self._score(one.score), Sentence(text, self._standing(one.facts)))

    def _footing(self) -> Sentence:
        word, struck, grade = self._word, self._struck, self._grading.grade
        everything = len(struck.facts)
        if self._order[grade] == 0:
            return Sentence(word.say("strike_best"), self._told.counting())
        if not struck.facts:
            return Sentence(word.say("strike_nothing"), self._told.counting())
        if struck.sets:
            texts = [self._strike(struck.sets[0]).sentence.text]
        elif struck.tried >= everything:
            texts = [word.say("strike_none", count=everything)]
        else:
            texts = [word.say("strike_none_up_to", count=everything, tried=struck.tried)]
        if struck.alone and not struck.alone[0].facts:
            # Where some facts help, that all of them together do not is no use to anybody.
            texts += [] if struck.sets else [word.say("holds_without", grade=grade)]
        elif struck.alone:
            texts.append(self._hold(struck.alone[0]).sentence.text)
        elif struck.tried_alone > 0:
            texts.append(word.say("holds_unknown", tried=struck.tried_alone, grade=grade))
        return Sentence(word.join(texts), self._standing(struck.facts))

    def _what(self, point: OpenPoint, *, bare: bool = False) -> str:
        """Say what is open."""
        word = self._word
        fact = None if point.fact is None else self._facts[point.fact]
        name = word.say("producer") if fact is None else named(self._told, fact)
        if point.field is not None:
            return word.say("open_value", what=name, field=word.text(self._field(point).label))
        assert fact is not None
        state = word.text(self._rulebook.fact_statuses[fact.status].label)
        return name if bare else word.say("open_fact", what=name, state=state)

    def _field(self, point: OpenPoint) -> Field:
        name = str(point.field)
        return self._rulebook.types[point.type].fields[name] if point.type else self._rulebook.attributes[name]

    def _name(self, point: OpenPoint, value: Value | None) -> str:
        """Return an outcome: as a word of the program for facts, as the reader's words for values."""
        if point.field is None:
            return "stands" if value else "falls"
        if value is None:
            return "unknown"
        field = self._field(point)
        if field.type in _ORDERED:
            return self._region(point, int(value), int(value))
        if field.type == "text" and not str(value).isprintable():
            return self._word.say("if_other_text")
        return self._word.value(field, value)

    def _named(self, names: Sequence[str]) -> str:
        return self._word.listed(named(self._told, self._facts[name]) for name in names)

    def _score(self, score: int) -> int | str:
        return shown(Fraction(score, self._told.side.unit), self._rulebook)

    def _standing(self, names: Iterable[str | None]) -> tuple[str, ...]:
        """Return what is said of facts stands on: deductions with them as premises, else rules that look at them."""
        facts: list[Fact] = [self._facts[name] for name in names if name in self._facts]
        ids = {fact.id for fact in facts}
        found = [one.id for one in self._grading.deductions if ids & set(one.premises)]
        if found:
            return tuple(found)
        types = {fact.type for fact in facts}
        rules = [rule.id for rule in self._rulebook.rules if types & self._reach.types(rule.id)]
        return tuple(f"rule:{name}" for name in rules) or self._told.counting()


def _fewest(weighed: Weighed) -> list[Graded]:
    """Return the combinations that lead to another grade, of which no part does so; those with fewest points first."""
    present = weighed.graded[0]
    found: list[tuple[frozenset[tuple[int, Value | None]], Graded]] = []
    size = {one.outcomes: _changed(one.outcomes, present.outcomes) for one in weighed.graded}
    for one in sorted(weighed.graded, key=lambda one: len(size[one.outcomes])):
        mine = size[one.outcomes]
        if one.grade != present.grade and not any(part <= mine and one.grade == other.grade for part, other in found):
            found.append((mine, one))
    return [one for _, one in found]


def _changed(outcomes: Sequence[Value | None], present: Sequence[Value | None]) -> frozenset[tuple[int, Value | None]]:
    pairs = enumerate(zip(outcomes, present, strict=True))
    return frozenset((place, value) for place, (value, now) in pairs if _differs(value, now))


def _differs(value: Value | None, now: Value | None) -> bool:
    return value != now or (value is None) != (now is None)


def _key(point: OpenPoint) -> str:
    owner = point.fact or "producer"
    return owner if point.field is None else f"{owner}.{point.field}"
