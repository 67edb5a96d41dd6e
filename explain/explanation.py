"""Why this grade: reasons worst first, what stands in the way of the next grade, and what would raise it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from engine.case import CaseFile
from engine.grading import Grading, Verdict
from explain.ground import Ground
from explain.outlook import Outlook
from explain.phrases import Lang
from explain.reasons import MOST_REASONS, Reasons
from explain.undecided import undecided
from explain.views import Explanation, Sentence
from explain.wording import Wording
from knowledge.rulebook import Rulebook
from knowledge.rules import Pattern

__all__ = ["MOST_REASONS", "Explanation", "Sentence", "explain"]


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
    ground = Ground(word, case, grading, verdicts)
    reasons, outlook = Reasons(ground), Outlook(ground)
    band = rulebook.bands[ground.order[grading.grade]]
    return Explanation(
        lang=lang,
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
        sentence=_sentence(ground),
        reasons=reasons.principal(),
        indicators=tuple(reasons.by_indicator()),
        why_not_higher=outlook.why_not_higher(),
        remedies=outlook.remedies(),
        together=outlook.together(),
        consequences=tuple(_consequences(ground)),
        not_counted=tuple(_not_counted(ground)),
        undecided=tuple(undecided(ground)),
        next_change_on=None if grading.next_change_on is None else _iso(grading.next_change_on),
    )


def _sentence(ground: Ground) -> Sentence:
    """Say in one sentence who got which grade, and how score and limits led to it."""
    grading, word = ground.grading, ground.word
    band = ground.rulebook.bands[ground.order[grading.grade]]
    words = [word.text(band.word)] + ([] if band.colour_word is None else [word.text(band.colour_word)])
    decisive = list(ground.decisive())
    limited = changes = ""
    if decisive:
        limits = word.listed(word.say("quoted", what=ground.label_of(limit)) for limit in decisive)
        limited = word.say("limited", score_grade=grading.score_grade, limits=limits, grade=grading.grade)
    if grading.next_change_on is not None:
        changes = word.say("changes", day=word.day(grading.next_change_on))
    text = word.say(
        "decided",
        day=word.day(grading.as_of),
        producer=grading.producer,
        grade=grading.grade,
        word=word.listed(words),
        score=word.points(grading.score.value),
        counted=_counted(ground),
        limited=limited,
        changes=changes,
    )
    rests = [name for limit in decisive for name in ground.under(limit)]
    return Sentence(text, tuple(dict.fromkeys((*rests, *ground.counting()))))


def _counted(ground: Ground) -> str:
    """Say how points became the score, where there were any."""
    score, word = ground.grading.score, ground.word
    if not score.points:
        return ""
    points, applicable = word.amount(score.points), word.amount(score.applicable)
    verb = "lost" if ground.loses else "gained"
    if score.applicable == score.total:
        return word.say(f"{verb}_in_all", points=points)
    return word.say(f"{verb}_in_proportion", points=points, applicable=applicable)


def _consequences(ground: Ground) -> Iterable[Sentence]:
    found = {finding.id: finding for finding in ground.grading.consequences}
    word, seen = ground.word, set()
    for one in ground.grading.deductions:
        if one.kind == "consequence" and one.concludes not in seen:
            seen.add(one.concludes)
            finding = found[one.concludes]
            text = word.because(one) if ground.rules[one.rule].because is not None else ""
            if not text:
                label = word.text(ground.rulebook.types[finding.type].label)
                pairs = word.fields(finding.type, finding.values)
                values = word.listed(word.say("pair", label=name, value=value) for name, value in pairs)
                text = word.say("concluded", what=label, values=values) if values else label + word.say("stop")
            yield Sentence(text, (one.id,))


def _not_counted(ground: Ground) -> Iterable[Sentence]:
    """Say of each standard that was left out why it was."""
    rulebook, word = ground.rulebook, ground.word
    kind = word.text(rulebook.kinds[ground.case.producer.kind])
    for score in ground.grading.standards:
        standard = rulebook.standards[score.id]
        rules = tuple(f"rule:{rule.id}" for rule in rulebook.rules if rule.target == score.id)
        label = word.text(standard.label)
        match score.applies:
            case "kind":
                yield Sentence(word.say("not_counted_kind", standard=label, kind=kind), rules)
            case "nothing_to_measure":
                yield Sentence(word.say("not_counted_nothing_to_measure", standard=label), rules)
            case "suspended" if standard.suspended_by is not None:
                yield _suspended(ground, standard.suspended_by, label)


def _suspended(ground: Ground, by: Pattern, label: str) -> Sentence:
    word = ground.word
    findings = [finding for finding in ground.grading.findings if ground.suspends(by, finding)]
    deductions = [one.id for finding in findings for one in ground.trail.concluding(finding.id)]
    what = word.text(ground.rulebook.types[by.type].label)
    text = word.say("not_counted_suspended", standard=label, what=what)
    return Sentence(text, tuple(dict.fromkeys(deductions)))


def _iso(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()
