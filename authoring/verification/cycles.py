"""Remedies that lead back to where they began: doing one brings about what the other answers, and round again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from authoring.verification.report import Place, Study
from authoring.verification.witness import Tried
from explain.deeds import Doing
from knowledge.rulebook import Again, Aggregate, Rulebook
from knowledge.rules import Arithmetic, Rule
from knowledge.strata import formula_measures, measures_read, patterns_of

_MOST: Final = 3
"""Built cases that are tried for one remedy."""
_LONGEST: Final = 5
"""Remedies in a cycle."""


def check_cycles(study: Study, remedies: Iterable[str]) -> None:
    """Note those remedies whose deeds, one after the other, bring back the rule that the first one answered."""
    answers = {
        name: [rule for rule in study.rulebook.rules if name in rule.remedies]
        for name in remedies
        if study.rulebook.remedies[name].does
    }
    leads = _leads(study.rulebook, answers)
    found: set[frozenset[str]] = set()
    for name, own in answers.items():
        around = {one: rules for one, rules in answers.items() if name in leads[one] and one in leads[name]}
        if not around.keys() - {name}:
            continue
        for start in _starting(study, own, around.keys() - {name}):
            way = _round(study, around, [(name, start)])
            if way and frozenset(one for one, _ in way[:-1]) not in found:
                found.add(frozenset(one for one, _ in way[:-1]))
                _note(study, answers, way)
                break


def _leads(book: Rulebook, answers: Mapping[str, Sequence[Rule]]) -> dict[str, set[str]]:
    """Return by remedy those that it may lead to, one after the other: their rules look at facts that it touches."""
    reads = {name: {kind for rule in rules for kind in _read(book, rule)} for name, rules in answers.items()}
    touched = {
        name: {act.facts.type if isinstance(act, Again) else act.type for act in book.remedies[name].does}
        for name in answers
    }
    leads = {name: {other for other in answers if touched[name] & reads[other]} for name in answers}
    for middle in answers:
        for further in leads.values():
            if middle in further:
                further.update(leads[middle])
    return leads


def _read(book: Rulebook, rule: Rule) -> set[str]:
    """Return the types of facts that decide a rule, through findings and measures."""
    todo = [pattern.type for pattern, _ in patterns_of(rule)]
    measures = list(measures_read(rule))
    types: set[str] = set()
    seen: set[str] = set()
    while todo or measures:
        while measures:
            name = measures.pop()
            if name not in seen:
                seen.add(name)
                body = book.measures[name].body
                todo += [body.pattern.type] if isinstance(body, Aggregate) else []
                measures += formula_measures(body) if isinstance(body, Arithmetic) else []
        if todo and (kind := todo.pop()) not in types:
            types.add(kind)
            for maker in book.rules:
                if maker.target == kind and maker.kind == book.types[kind].origin:
                    todo += [pattern.type for pattern, _ in patterns_of(maker)]
                    measures += measures_read(maker)
    return types


def _starting(study: Study, rules: Iterable[Rule], others: Iterable[str]) -> list[Tried]:
    """Return cases in which a rule fires, as they were built and after another remedy was carried out."""
    cases = []
    for rule in rules:
        reached = study.witnesses.reach(rule)
        if isinstance(reached, Tried):
            cases.append(reached)
    built = cases[:_MOST]
    after = [tried for one in built for other in sorted(others) if (tried := _done(study, other, one)) is not None]
    return [*built, *after]


def _round(
    study: Study, answers: dict[str, list[Rule]], way: list[tuple[str, Tried]]
) -> list[tuple[str, Tried]] | None:
    """Return a way that does remedies one after the other until what the first answered is there again."""
    name, before = way[-1]
    after = _done(study, name, before)
    if after is None:
        return None
    gone = {rule.id for rule in answers[way[0][0]] if way[0][1].fired(rule)}
    if len(way) > 1 and any(
        after.fired(rule) and not before.fired(rule) for rule in answers[way[0][0]] if rule.id in gone
    ):
        return [*way, ("", after)]
    if len(way) == 1 and any(after.fired(rule) for rule in answers[name] if rule.id in gone):
        return None  # it doesn't even answer what it is named for, which is not a cycle
    if len(way) == _LONGEST:
        return None
    for other, rules in answers.items():
        if any(after.fired(rule) and not before.fired(rule) for rule in rules):
            found = _round(study, answers, [*way, (other, after)])
            if found:
                return found
    return None


def _done(study: Study, name: str, tried: Tried) -> Tried | None:
    doing = Doing(study.rulebook, tried.case, tried.grading)
    deed = doing.deed(name)
    return study.witnesses.graded(doing.after([deed])) if deed else None


def _note(study: Study, answers: dict[str, list[Rule]], way: list[tuple[str, Tried]]) -> None:
    names = [name for name, _ in way[:-1]]
    shown = " → ".join([*names, names[0]])
    rules = [rule for name in dict.fromkeys(names) for rule in answers[name] if any(one.fired(rule) for _, one in way)]
    steps = " → ".join("+".join(rule.id for rule in rules if one.fired(rule)) or "–" for _, one in way)
    places = tuple(Place(name, "remedies.yaml") for name in dict.fromkeys(names))
    study.add(
        "remedy.cycle", (*places, *rules), f"整改建议循环:{shown},做完一项又触发另一项所针对的规则;请改正它们的 does。",
        f"Remedies run in a circle: {shown}; doing one brings about what the next one answers. Correct what they do.",
        proof="graded",
        witness=study.witnesses.witness(way[0][1], steps),
    )  # fmt: skip
