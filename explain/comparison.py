"""Two gradings of one producer: what changed, by which fact, day or rule, adding up to the difference in score."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from explain.change_views import Change, Comparison, GradeChange
from explain.differences import Reach, Side, step
from explain.phrases import Lang
from explain.telling import Telling, Told, rounding, shown, signed
from explain.views import Sentence
from knowledge.rulebook import Rulebook


class Teller:
    """Tells ways between gradings in one language; what is known of a rulebook is kept."""

    def __init__(self, lang: Lang, *, personal: bool = False) -> None:
        self.lang: Lang = lang
        self._personal = personal
        self._reach: dict[str, Reach] = {}
        self._told: dict[Side, Told] = {}

    def told(self, side: Side) -> Told:
        """Return a side with the words for it."""
        if side not in self._told:
            self._told[side] = Told(side, self.lang, personal=self._personal)
        return self._told[side]

    def parts(self, sides: Sequence[Side]) -> tuple[tuple[Change, ...], tuple[GradeChange, ...]]:
        """Return what changed along a way of gradings; the points of the changes add up to the difference in score.

        What a limit did on the way and undid again is told too.
        """
        changes: list[Change] = []
        grades: list[GradeChange] = []
        words = [self.told(side) for side in sides]
        names = ["before", *(f"step{number}" for number in range(1, len(sides) - 1)), "after"]
        for (before, after), named in zip(pairwise(words), pairwise(names), strict=False):
            telling = Telling(step(before.side, after.side), before, after, self._known(after.rulebook), named)
            changes += telling.changes()
            grades += telling.grade_changes()
        left = sides[-1].score - sides[0].score - sum(map(points_of, changes), Fraction(0))
        if left:
            changes.append(rounding(left, words[-1]))
        return tuple(changes), tuple(grades)

    def _known(self, rulebook: Rulebook) -> Reach:
        if rulebook.sha256 not in self._reach:
            self._reach[rulebook.sha256] = Reach(rulebook)
        return self._reach[rulebook.sha256]


def points_of(change: Change) -> Fraction:
    """Return what a change adds to the score."""
    return Fraction(change.points)


def compare(sides: Sequence[Side], lang: Lang, *, personal: bool = False) -> Comparison:
    """Return what lies between the first and the last of some gradings of one producer.

    Each of them differs from the one before it in one thing: the day, the facts or the rulebook.
    """
    teller = Teller(lang, personal=personal)
    changes, grades = teller.parts(sides)
    first, last = teller.told(sides[0]), teller.told(sides[-1])
    difference = sides[-1].score - sides[0].score
    return Comparison(
        lang=lang,
        producer=last.grading.producer,
        before=first.view(),
        after=last.view(),
        way=tuple(teller.told(side).view() for side in sides[1:-1]),
        points=shown(difference, last.rulebook),
        sentence=_headline(first, last, difference),
        changes=changes,
        grade_changes=grades,
    )


def _headline(first: Told, last: Told, difference: Fraction) -> Sentence:
    word = last.word
    by = "by_more" if difference > 0 else "by_less" if difference else "by_nothing"
    rulebooks = first.rulebook.sha256 != last.rulebook.sha256
    text = word.say(
        "compared",
        producer=last.grading.producer,
        before=_moment(first, rulebooks=rulebooks),
        score_before=first.word.points(first.grading.score.value),
        grade_before=first.grading.grade,
        after=_moment(last, rulebooks=rulebooks),
        score_after=word.points(last.grading.score.value),
        grade_after=last.grading.grade,
        by=word.say(by, points=signed(abs(difference), last.rulebook)[1:]),
    )
    stands_on = [f"before:{one}" for one in first.counting()] + [f"after:{one}" for one in last.counting()]
    return Sentence(text, tuple(stands_on))


def _moment(told: Told, *, rulebooks: bool) -> str:
    word, grading = told.word, told.grading
    day = word.day(grading.as_of)
    said = word.say("side", day=day)
    if grading.known_at is not None:
        said = word.say("side_known", day=day, known=grading.known_at)
    if rulebooks:
        said = word.say("side_rulebook", side=said, rulebook=f"{told.rulebook.id}@{told.rulebook.version}")
    return said
