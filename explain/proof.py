"""The proof tree as data: frozen values, ready for JSON. Each thing is one node, however many rest on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

from explain.phrases import Lang
from explain.views import LawView, Sentence

NodeKind: TypeAlias = Literal[
    "grade", "score", "indicator", "standard", "rest", "demand", "ceiling", "veto", "status", "deduction", "finding",
    "consequence", "measure", "absence", "fact",
]  # fmt: skip


class Cut(msgspec.Struct, frozen=True, gc=False):
    """Points that a cap took. `by` and `id` name what has the cap, `most` is its size, `text` says it."""

    by: Literal["rule", "standard", "indicator"]
    id: str
    most: int | str
    points: int | str
    text: str


class Node(msgspec.Struct, frozen=True, gc=False):
    """One thing that was decided or looked at, and what it rests on.

    `id` is that of the deduction (`D1`), fact, finding or consequence, else its kind and name: `standard:S21`.
    `numbers` are whole, or decimal text in the rulebook's unit; `docs/explanations.md` says which kind has which.
    `law` are ids among the tree's laws, `children` ids among its nodes.
    """

    id: str
    kind: NodeKind
    sentence: Sentence
    law: tuple[str, ...] = ()
    numbers: dict[str, int | str] = {}
    cuts: tuple[Cut, ...] = ()
    children: tuple[str, ...] = ()


class Proof(msgspec.Struct, frozen=True):
    """A grade with everything it rests on; `nodes` stand in the order in which a reader meets them, the root first."""

    lang: Lang
    producer: str
    as_of: str
    rulebook: str
    """`id@version`."""
    nodes: tuple[Node, ...]
    laws: tuple[LawView, ...]

    def walk(self) -> Iterator[tuple[Node, tuple[bool, ...], bool]]:
        """Yield each node as a reader meets it, and shared ones again wherever they are met.

        With it come, for each level above, whether more follows there (its own level last; empty for the root), and
        whether the node was met before: what is below it then isn't walked again.
        """
        known = {node.id: node for node in self.nodes}
        met: set[str] = set()
        waiting: list[tuple[str, tuple[bool, ...]]] = [(self.nodes[0].id, ())]
        while waiting:
            name, above = waiting.pop()
            node = known[name]
            yield node, above, name in met
            if name not in met:
                met.add(name)
                last = len(node.children) - 1
                below = [(child, (*above, place < last)) for place, child in enumerate(node.children)]
                waiting += reversed(below)
