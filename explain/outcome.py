"""What a grading came to, in sentences: the decision itself, what follows from it, and what was left out of it."""

from __future__ import annotations

from explain.ground import Ground
from explain.views import Sentence
from knowledge.rules import Pattern


def decided(ground: Ground) -> Sentence:
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


def consequences(ground: Ground) -> dict[str, Sentence]:
    """Return by id of each consequence what follows from the grade."""
    found = {finding.id: finding for finding in ground.grading.consequences}
    word, said = ground.word, dict[str, Sentence]()
    for one in ground.grading.deductions:
        if one.kind == "consequence" and one.concludes not in said:
            finding = found[one.concludes]
            text = word.because(one) if ground.rules[one.rule].because is not None else ""
            if not text:
                label = word.text(ground.rulebook.types[finding.type].label)
                pairs = word.fields(finding.type, finding.values)
                values = word.listed(word.say("pair", label=name, value=value) for name, value in pairs)
                text = word.say("concluded", what=label, values=values) if values else label + word.say("stop")
            said[one.concludes] = Sentence(text, (one.id,))
    return said


def not_counted(ground: Ground) -> dict[str, Sentence]:
    """Return by id of each standard that was left out why it was."""
    said: dict[str, Sentence] = {}
    rulebook, word = ground.rulebook, ground.word
    kind = word.text(rulebook.kinds[ground.case.producer.kind])
    notes = ground.shelf.notes("not counted", word.lang)
    for score in ground.grading.standards:
        standard = rulebook.standards[score.id]
        if score.applies == "yes":
            continue
        if score.applies == "suspended" and standard.suspended_by is not None:
            said[score.id] = _suspended(ground, standard.suspended_by, word.text(standard.label))
            continue
        noted = (score.id, score.applies, ground.case.producer.kind)
        if noted not in notes:
            rules = tuple(f"rule:{name}" for name in ground.rules_of(score.id))
            text = word.say(f"not_counted_{score.applies}", standard=word.text(standard.label), kind=kind)
            notes[noted] = Sentence(text, rules)
        said[score.id] = notes[noted]
    return said


def _suspended(ground: Ground, by: Pattern, label: str) -> Sentence:
    word = ground.word
    findings = [finding for finding in ground.grading.findings if ground.suspends(by, finding)]
    deductions = [one.id for finding in findings for one in ground.trail.concluding(finding.id)]
    what = word.text(ground.rulebook.types[by.type].label)
    text = word.say("not_counted_suspended", standard=label, what=what)
    return Sentence(text, tuple(dict.fromkeys(deductions)))
