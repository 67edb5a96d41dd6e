"""Everybody's places, computed once for what the log holds and kept until it grows."""

from __future__ import annotations

import threading

from casework.city import City, Standing, Standings
from casework.decisions import ProducerMissing
from explain.phrases import Lang
from explain.phrases_position import placed
from explain.position import FEWEST, Group, Placing, Position, Summary, groups_of, members, summarise
from knowledge.rulebook import Rulebook


class Ranking:
    """Places producers among each other; safe to use from several threads."""

    def __init__(self, city: City, fewest: int = FEWEST) -> None:
        self._city, self._fewest = city, fewest
        self._lock = threading.Lock()
        self._of: object = None
        self._summaries: dict[tuple[str, Group], Summary] = {}

    def position(
        self, producer_id: str, lang: Lang, *, as_of: int | None = None, known_at: str | None = None
    ) -> Position:
        """Return where a producer's stored grading stands: the one that holds now, or held as of a day, as known then.

        Only those graded under the same rulebook are compared.

        Raises:
            ProducerMissing: no grading of the producer is stored, or was then.
            StoreCorrupt, RulebookCorrupt: a grading or the rulebook has been altered.
        """
        standings = self._city.standings(as_of, known_at)
        mine = standings.get(producer_id)
        if mine is None:
            raise ProducerMissing(f"no grading of `{producer_id[:100]}` is stored here, or was then")
        rulebook = self._city.rulebook(mine.rulebook)
        peers = [one for one in standings.values() if one.rulebook == mine.rulebook]
        placing = Placing(rulebook, mine, mine.hash, lang, self._fewest)
        groups = groups_of(rulebook, mine)
        summaries = self._summarised(rulebook, standings, peers, groups)
        return Position(
            lang=lang,
            producer=mine.id,
            as_of=mine.as_of,
            grading=mine.hash,
            rulebook=f"{rulebook.id}@{rulebook.version}",
            grade=mine.grade,
            score=mine.score,
            order=placed(lang, "order"),
            groups=tuple(placing.place(group, summaries[group], len(peers)) for group in groups),
            elsewhere=placing.elsewhere(len(standings) - len(peers)),
        )

    def _summarised(
        self, rulebook: Rulebook, standings: Standings, peers: list[Standing], groups: list[Group]
    ) -> dict[Group, Summary]:
        """Return what is told of groups; each is looked through once for the same standings."""
        with self._lock:
            if self._of is not standings:
                self._of, self._summaries = standings, {}
            for group in groups:
                key = (rulebook.sha256, group)
                if key not in self._summaries:
                    self._summaries[key] = summarise(rulebook, members(group, peers))
            return {group: self._summaries[rulebook.sha256, group] for group in groups}
