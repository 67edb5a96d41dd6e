"""Why this grade: reasons worst first, what stands in the way of the next grade, and what would raise it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from engine.case import CaseFile
from engine.grading import Grading, Verdict
from explain.ground import Ground
from explain.outcome import consequences, decided, not_counted
from explain.outlook import Outlook
from explain.phrases import Lang
from explain.reasons import MOST_REASONS, Reasons
from explain.undecided import undecided
from explain.views import Explanation, Sentence
from explain.wording import Wording
from knowledge.rulebook import Rulebook

__all__ = ["MOST_REASONS", "Explanation", "Sentence", "explain", "explain_on"]


def explain(
    rulebook: Rulebook,
    case: CaseFile,
    grading: Grading,
    verdicts: Sequence[Verdict],
    lang: Lang,
    *,
    personal: bool = False,
) -> Explanation:
    """Return the justification of a grading; values of personal fields are withheld unless `personal`.

    `verdicts` tell which rules could not be judged; without them `undecided` is empty.
    """
    word = Wording(rulebook, case, grading, lang, personal=personal)
    return explain_on(Ground(word, case, grading, verdicts))


def explain_on(ground: Ground) -> Explanation:
    """Return the justification of a grading that is looked up already."""
    grading, word, rulebook = ground.grading, ground.word, ground.rulebook
    reasons, outlook = Reasons(ground), Outlook(ground)
    band = rulebook.bands[ground.order[grading.grade]]
    return Explanation(
        lang=word.lang,
        producer=grading.producer,
        as_of=_iso(grading.as_of),
        rulebook=f"{grading.rulebook_id}@{grading.rulebook_version}",
        status=word.say(rulebook.status),
        notice=None if rulebook.notice is None else word.text(rulebook.notice),
        grade=grading.grade,
        word=word.text(band.word),
        colour=band.colour,
        colour_word=None if band.colour_word is None else word.text(band.colour_word),
        score=ground.shown(grading.score.value),
        sentence=decided(ground),
        reasons=reasons.principal(),
        indicators=tuple(reasons.by_indicator()),
        why_not_higher=outlook.why_not_higher(),
        remedies=outlook.remedies(),
        together=outlook.together(),
        consequences=tuple(consequences(ground).values()),
        not_counted=tuple(not_counted(ground).values()),
        undecided=tuple(undecided(ground)),
        next_change_on=None if grading.next_change_on is None else _iso(grading.next_change_on),
    )


def _iso(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()
