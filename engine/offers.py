"""The deeds open to a producer, with the points that each would bring back by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.grading import Deduction, RemedyOffer, StandardScore
from engine.scoring import Scored
from knowledge.rulebook import Rulebook


class Offers:
    """The rulebook's remedies with the rules that name them, laid out once."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._named = {rule.id: rule.remedies for rule in rulebook.rules if rule.remedies}
        self._places = {name: place for place, name in enumerate(rulebook.remedies)}
        self._caps = {rule.id: rule.at_most for rule in rulebook.rules if rule.remedies}
        self._restores = {name: remedy.restores for name, remedy in rulebook.remedies.items()}

    def of(self, deductions: Sequence[Deduction], scored: Scored) -> Iterator[RemedyOffer]:
        """Yield each deed whose rule fired, with what each standard would lose (gain) less by it."""
        open_to: dict[str, list[Deduction]] = {}
        for deduction in deductions:
            for name in self._named.get(deduction.rule, ()):
                open_to.setdefault(name, []).append(deduction)
        if not open_to:
            return
        scores = {score.id: score for score in scored.standards}
        for name in sorted(open_to, key=self._places.__getitem__):
            mine = open_to[name]
            standards = {}
            for standard, share in self._restores[name].items():
                ours = [one for one in mine if one.kind == "standard" and one.target == standard]
                restored = self._restored(scores[standard], ours, share) if ours else 0
                if restored > 0:
                    standards[standard] = restored
            yield RemedyOffer(name, standards, sum(standards.values()), tuple([d.id for d in mine]))

    def _restored(self, score: StandardScore, ours: Sequence[Deduction], share: int | str) -> int:
        """Return what a standard loses (gains) less once deductions are gone, or keep half each, rounded down."""
        asked = score.asked
        for rule in {one.rule for one in ours}:
            points = [one.points for one in ours if one.rule == rule]
            kept = [one // 2 if share == "half" else 0 for one in points]
            before, after, cap = sum(points), sum(kept), self._caps[rule]
            asked -= before - after if cap is None else min(before, cap) - min(after, cap)
        room = score.points - min(score.maximum, max(0, asked))
        return min(room, share) if isinstance(share, int) else room
