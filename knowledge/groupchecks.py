"""What can be known to be wrong with the groups that a rule's measures have."""

from __future__ import annotations

from knowledge.notes import Notes
from knowledge.rulebook import Aggregate, Rulebook
from knowledge.rules import Rule
from knowledge.source import Path
from knowledge.strata import measures_read


def check_groups(rulebook: Rulebook, rule: Rule, path: Path, notes: Notes) -> None:
    """Note measures whose groups can't be the same, so that nothing says which of them belong together."""
    groups: dict[tuple[str, int], str] = {}
    for name in measures_read(rule):
        measure = rulebook.measures.get(name)
        if measure is not None and measure.per is not None and isinstance(measure.body, Aggregate):
            field = rulebook.types[measure.body.pattern.type].fields[measure.per]
            groups.setdefault(("text" if field.type == "choice" else field.type, field.places), name)
    if len(groups) > 1:
        named = ", ".join(f"`{name}` by {kind}" for (kind, _), name in groups.items())
        notes.add(
            path, "type.mismatch", f"`{rule.id}` reads measures whose groups are of different types: {named}",
            given=named, expected="`per` fields of one type",
        )  # fmt: skip
