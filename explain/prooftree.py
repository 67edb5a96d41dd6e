"""From a grade down to the facts: grade, score, indicators, standards, deductions, findings, measures, facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from engine.case import CaseFile
from engine.grading import Deduction, Grading, Limit, StandardScore
from explain.caps import Cap
from explain.ground import Ground
from explain.outcome import decided, not_counted
from explain.outlook import Outlook
from explain.phrases import Lang
from explain.proof import Cut, Node, NodeKind, Proof
from explain.prooffacts import Grounds
from explain.reasons import Reasons
from explain.views import Sentence
from explain.wording import Wording
from knowledge.rulebook import Band, Rulebook


def prove(rulebook: Rulebook, case: CaseFile, grading: Grading, lang: Lang, *, personal: bool = False) -> Proof:
    """Return the grade with everything it rests on; values of personal fields are withheld unless `personal`."""
    word = Wording(rulebook, case, grading, lang, personal=personal)
    return prove_on(Ground(word, case, grading, ()))


def prove_on(ground: Ground) -> Proof:
    """Return the proof tree of a grading that is looked up already."""
    grading = ground.grading
    nodes = _Tree(ground).nodes()
    return Proof(
        lang=ground.word.lang,
        producer=grading.producer,
        as_of=date.fromordinal(grading.as_of).isoformat(),
        rulebook=f"{grading.rulebook_id}@{grading.rulebook_version}",
        nodes=nodes,
        laws=tuple(map(ground.law, dict.fromkeys(law for node in nodes for law in node.law))),
    )


class _Tree:
    """Makes the nodes from the grade downwards, each once."""

    def __init__(self, ground: Ground) -> None:
        self._ground, self._word, self._grading = ground, ground.word, ground.grading
        self._rulebook = ground.rulebook
        self._reasons, self._outlook = Reasons(ground), Outlook(ground)
        self._grounds = Grounds(ground)
        self._verb = "loses" if ground.loses else "gains"
        self._outside = not_counted(ground)
        self._scores = {score.id: score for score in self._grading.standards}
        self._indicators = {score.id: score for score in self._grading.indicators}
        self._limits = {_limit_id(one): one for one in (*self._grading.vetoes, *self._grading.ceilings)}
        self._demands = dict(self._missed_demands())
        self._counts = self._in_score()
        self._notes: dict[Any, Any] = ground.shelf.notes("tree", ground.word.lang)
        self._other: tuple[str, ...] = ()
        """What was found or deduced but led to nothing."""

    def nodes(self) -> tuple[Node, ...]:
        """Return all nodes in the order in which a reader meets them."""
        made = self._reached()
        for names in ([one.id for one in self._grading.findings], list(self._ground.deductions)):
            other = tuple(name for name in names if name not in made)
            if other:
                self._other += other
                made = self._reached()
        return tuple(made.values())

    def _reached(self) -> dict[str, Node]:
        made: dict[str, Node] = {}
        waiting = ["grade"]
        while waiting:
            name = waiting.pop()
            if name not in made:
                made[name] = node = self._make(name)
                waiting += reversed(node.children)
        return made

    def _make(self, name: str) -> Node:
        if name in self._ground.deductions:
            return self._deduction(self._ground.deductions[name])
        if name in self._limits:
            return self._limit(name, self._limits[name])
        if name in self._demands:
            return self._demands[name]
        kind, _, own = name.partition(":")
        match kind:
            case "grade":
                return self._grade()
            case "score":
                return self._score()
            case "indicator":
                return self._indicator(own)
            case "standard":
                return self._standard(self._scores[own])
            case "rest":
                return self._rest(own)
            case "status":
                return self._status(own)
            case _:
                return self._grounds.node(name)

    def _grade(self) -> Node:
        children = ["score", *self._limits, *(f"status:{name}" for name in self._grading.statuses)]
        children += [one.id for one in self._grading.consequences]
        return Node("grade", "grade", decided(self._ground), children=(*children, *self._other))

    def _score(self) -> Node:
        score, word, rulebook = self._grading.score, self._word, self._rulebook
        counted = ""
        if score.points:
            verb = "lost" if self._ground.loses else "gained"
            phrase = f"tree_{verb}" if score.applicable == score.total else f"tree_{verb}_in_proportion"
            counted = word.say(phrase, points=word.amount(score.points), applicable=word.amount(score.applicable))
        start = rulebook.scoring.start
        text = word.say(
            "tree_score",
            score=word.points(score.value),
            start=word.points(start),
            counted=counted,
            grade=self._grading.score_grade,
            range=self._range(rulebook.bands[self._ground.order[self._grading.score_grade]]),
        )
        numbers = {"value": score.value, "start": start, "points": score.points}
        numbers |= {"applicable": score.applicable, "total": score.total}
        level1 = [f"indicator:{one.id}" for one in rulebook.indicators.values() if one.level == 1]
        return self._node(
            "score", "score", Sentence(text, self._ground.counting()), numbers, children=(*level1, *self._demands)
        )

    def _range(self, band: Band) -> str:
        word = self._word
        low = None if band.low is None else word.points(band.low)
        high = None if band.high is None else word.points(band.high)
        if low is None:
            return "" if high is None else word.say("tree_range_to", high=high)
        return word.say("tree_range_from", low=low) if high is None else word.say("tree_range", low=low, high=high)

    def _missed_demands(self) -> Iterable[tuple[str, Node]]:
        """Yield what bands above ask for beside the score, where the score alone would reach them."""
        for band in self._rulebook.bands[: self._ground.order[self._grading.score_grade]]:
            found = self._ground.prospects.short_of(band)
            if found.missing:
                continue
            told = [(f"standard:{one.id}", self._outlook.single(band, one)) for one in found.singles]
            told += [
                (f"indicator:{demand.indicator}", self._outlook.demand(band, demand, amount))
                for demand, amount in found.demands
            ]
            for place, (below, sentence) in enumerate(told):
                text = self._word.say("tree_demand", grade=band.grade, text=sentence.text)
                name = f"demand:{band.grade}:{place}"
                yield name, Node(name, "demand", Sentence(text, sentence.stands_on), children=(below,))

    def _indicator(self, name: str) -> Node:
        score, indicator, word = self._indicators[name], self._rulebook.indicators[name], self._word
        children, below = self._below(name)
        if not score.points and f"minimum:{name}" not in self._limits and not self._asked(name):
            # What nothing was asked of is the same for everyone of whom the same standards are asked.
            noted = (name, score.maximum, children)
            if noted not in self._notes:
                self._notes[noted] = self._untouched(name, score.maximum, children)
            untouched: Node = self._notes[noted]
            return untouched
        cuts: tuple[Cut, ...] = ()
        if indicator.at_most is not None and below > score.points:
            cuts = (self._cut(("indicator", name, indicator.at_most, below - score.points)),)
        text = word.say(
            f"tree_{self._verb}",
            what=word.text(indicator.label),
            change=self._change(score.points),
            most=word.points(score.maximum),
            caps=self._capped(cuts) + self._remarks(name, indicator.weight),
        )
        numbers = {"points": score.points, "maximum": score.maximum, "in_score": self._counts[name]}
        if indicator.weight != 1:
            numbers["weight"] = indicator.weight
        sentence = Sentence(text, self._ground.below(name))
        return self._node(f"indicator:{name}", "indicator", sentence, numbers, cuts=cuts, children=children)

    def _asked(self, indicator: str) -> bool:
        """Say whether anything was asked of the standards under an indicator."""
        return any(self._ground.of_standard(name) for name in self._ground.prospects.standards_below(indicator))

    def _untouched(self, name: str, maximum: int, children: tuple[str, ...]) -> Node:
        word, indicator = self._word, self._rulebook.indicators[name]
        label = word.text(indicator.label)
        if maximum:
            caps = self._remarks(name, indicator.weight)
            text = word.say(
                f"tree_{self._verb}", what=label, change=self._change(0), most=word.points(maximum), caps=caps
            )
        else:
            text = word.say("tree_group_outside", what=label)
        numbers = {"points": 0, "maximum": maximum, "in_score": 0}
        if indicator.weight != 1:
            numbers["weight"] = indicator.weight
        sentence = Sentence(text, self._ground.below(name))
        return self._node(f"indicator:{name}", "indicator", sentence, numbers, children=children)

    def _change(self, points: int) -> str:
        word = self._word
        return word.say(self._verb, points=word.amount(points)) if points else word.say(f"tree_untouched_{self._verb}")

    def _remarks(self, name: str, weight: int) -> str:
        word = self._word
        note = word.say("tree_weight", weight=weight) if weight != 1 else ""
        return note + (word.say("tree_minimum") if f"minimum:{name}" in self._limits else "")

    def _below(self, name: str) -> tuple[tuple[str, ...], int]:
        """Return the children of an indicator and the sum of their points; untouched standards share one child."""
        rulebook = self._rulebook
        if rulebook.indicators[name].level == 1:
            level2 = [one.id for one in rulebook.indicators.values() if one.parent == name]
            return tuple(f"indicator:{one}" for one in level2), sum(self._indicators[one].points for one in level2)
        standards = [self._scores[one] for one in self._ground.prospects.standards_below(name)]
        touched = [one for one in standards if self._touched(one)]
        rest = [f"rest:{name}"] if 0 < len(touched) < len(standards) else []
        return (*(f"standard:{one.id}" for one in touched), *rest), sum(one.points for one in touched)

    def _touched(self, score: StandardScore) -> bool:
        return score.applies != "yes" or bool(self._ground.of_standard(score.id))

    def _rest(self, indicator: str) -> Node:
        standards, word = self._rulebook.standards, self._word
        names = [standards[name] for name in self._ground.prospects.standards_below(indicator)]
        names = [one for one in names if not self._touched(self._scores[one.id])]
        text = word.say(
            "tree_rest",
            count=len(names),
            untouched=word.say(f"tree_untouched_{self._verb}"),
            names=word.listed(word.text(one.label) for one in names),
        )
        rules = [f"rule:{name}" for one in names for name in self._ground.rules_of(one.id)]
        return Node(f"rest:{indicator}", "rest", Sentence(text, tuple(rules)))

    def _standard(self, score: StandardScore) -> Node:
        name, word = f"standard:{score.id}", self._word
        mine = tuple(one.id for one in self._ground.of_standard(score.id))
        numbers = {"points": score.points, "asked": score.asked, "maximum": score.maximum}
        numbers["in_score"] = self._counts[score.id]
        if score.id in self._outside:
            return self._node(name, "standard", self._outside[score.id], numbers, children=self._suspending(score.id))
        cuts: tuple[Cut, ...] = ()
        if score.asked > score.points:
            cuts = (self._cut(("standard", score.id, score.maximum, score.asked - score.points)),)
        change = self._change(score.points)
        text = word.say(
            f"tree_{self._verb}",
            what=word.text(self._rulebook.standards[score.id].label),
            change=change,
            most=word.points(score.maximum),
            caps=self._capped(cuts),
        )
        rests = mine or tuple(f"rule:{one}" for one in self._ground.rules_of(score.id))
        return self._node(name, "standard", Sentence(text, rests), numbers, cuts=cuts, children=mine)

    def _suspending(self, standard: str) -> tuple[str, ...]:
        by = self._rulebook.standards[standard].suspended_by
        if by is None or self._scores[standard].applies != "suspended":
            return ()
        return tuple(one.id for one in self._grading.findings if self._ground.suspends(by, one))

    def _deduction(self, one: Deduction) -> Node:
        children, word = self._grounds.children(one), self._word
        if one.kind == "standard":
            sentence = self._reasons.deduction(one)
            numbers = {"asked": one.points, "points": one.counted}
            numbers["in_score"] = one.counted * self._ground.weights[one.target]
            cuts = tuple(map(self._cut, self._reasons.caps[one.id]))
            return self._node(one.id, "deduction", sentence, numbers, one.law, cuts, children)
        text = word.stopped(word.because(one) or word.text(self._ground.concluded(one.kind, one.target)))
        return Node(one.id, "deduction", Sentence(text, (one.id,)), one.law, children=children)

    def _limit(self, name: str, limit: Limit) -> Node:
        word = self._word
        phrase = {"veto": "vetoed", "ceiling": "ceiling", "indicator": "missed"}[limit.kind]
        told = word.begun(word.say(phrase, what=self._ground.label_of(limit), grade=limit.grade))
        effect = word.say("tree_decisive" if limit.decisive else "tree_not_decisive")
        texts = [word.say("tree_limit", text=told, effect=effect), *self._ground.lasting(limit)]
        below = (f"indicator:{limit.id}",) if limit.kind == "indicator" else limit.deductions
        kind: NodeKind = "veto" if limit.kind == "veto" else "ceiling"
        return Node(name, kind, Sentence(word.join(texts), self._ground.under(limit)), children=below)

    def _status(self, name: str) -> Node:
        mine = tuple(one.id for one in self._grading.deductions if one.kind == "status" and one.target == name)
        text = self._word.say("tree_status", what=self._word.text(self._rulebook.producer_statuses[name]))
        return Node(f"status:{name}", "status", Sentence(text, mine), children=mine)

    def _in_score(self) -> dict[str, int]:
        """Return by standard and indicator its points in the score's own sum, with weights and all caps."""
        counts = dict.fromkeys((*self._rulebook.standards, *self._rulebook.indicators), 0)
        for one in self._grading.deductions:
            if one.counted:
                level2 = self._rulebook.standards[one.target].indicator
                for name in (one.target, level2, self._rulebook.indicators[level2].parent or ""):
                    counts[name] += one.counted * self._ground.weights[one.target]
        return counts

    def _cut(self, cap: Cap) -> Cut:
        kind, name, most, taken = cap
        shown = self._ground.shown
        return Cut(kind, name, shown(most), shown(taken), self._reasons.cap(cap))

    def _capped(self, cuts: Iterable[Cut]) -> str:
        word = self._word
        return "".join(word.say("tree_capped", caps=cut.text, points=cut.points) for cut in cuts)

    def _node(
        self,
        name: str,
        kind: NodeKind,
        sentence: Sentence,
        numbers: Mapping[str, int],
        law: tuple[str, ...] = (),
        cuts: tuple[Cut, ...] = (),
        children: tuple[str, ...] = (),
    ) -> Node:
        shown = {one: self._ground.shown(points) if one != "weight" else points for one, points in numbers.items()}
        return Node(name, kind, sentence, law, shown, cuts, children)


def _limit_id(limit: Limit) -> str:
    return f"minimum:{limit.id}" if limit.kind == "indicator" else f"{limit.kind}:{limit.id}"
