"""Which rules could not be judged, and which values they lacked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.grading import Atom, Condition
from explain.ground import Ground
from explain.views import Sentence


def undecided(ground: Ground) -> Iterable[Sentence]:
    """Yield a sentence for each rule whose condition is unknown because values are missing."""
    word = ground.word
    for one in ground.verdicts:
        if one.status == "unknown":
            lacking = list(dict.fromkeys(name for part in one.conditions for name in _lacking(ground, part)))
            if lacking:
                text = word.say(
                    "undecided", values=word.listed(lacking), what=word.text(ground.concluded(one.kind, one.target))
                )
                yield Sentence(text, (f"rule:{one.rule}",))


def _lacking(ground: Ground, condition: Condition) -> Iterator[str]:
    """Yield the names of the values that kept a condition from being judged."""
    if condition.holds is None:
        for atom in condition.atoms:
            if atom.holds is None and atom.observed is None:
                yield from _named(ground, condition, atom)
        for way in condition.alternatives:
            for part in way:
                yield from _lacking(ground, part)


def _named(ground: Ground, condition: Condition, atom: Atom) -> Iterator[str]:
    rulebook, word = ground.rulebook, ground.word
    if condition.searched is not None:
        kind = rulebook.types[condition.searched]
        if atom.name in kind.fields:
            field = word.text(kind.fields[atom.name].label)
            yield word.say("missing_field", kind=word.text(kind.label), field=field)
        return
    name = atom.name.removeprefix("producer.")
    if name in rulebook.attributes:
        field = word.text(rulebook.attributes[name].label)
        yield word.say("missing_field", kind=word.say("producer"), field=field)
    elif name in rulebook.measures:
        yield word.text(rulebook.measures[name].label)
