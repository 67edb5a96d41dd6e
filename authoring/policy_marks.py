"""What is new and what is gone in sentences that differ, word by word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

from authoring.policy_diff import Edit

_TOKEN: Final = re.compile(r"[A-Za-z0-9_.%-]+|\s+|.", re.DOTALL)
_LEAST_ALIKE: Final = 0.4


class Mark(NamedTuple):
    """A piece of a sentence, and whether both versions have it, or the old or the new one alone."""

    side: Literal["both", "old", "new"]
    text: str


def marks(edit: Edit) -> list[list[Mark]]:
    """Return old and new sentences with what differs marked; what is hardly alike is told one after the other."""
    return [[mark for mark in _pair(old, new) if mark.text] for old, new in _paired(edit.old, edit.new)]


def _paired(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str | None, str | None]]:
    """Yield sentences that belong together, those of one side alone with None."""
    for tag, first, last, begin, end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from ((one, one) for one in old[first:last])
            continue
        for place in range(max(last - first, end - begin)):
            was = old[first + place] if first + place < last else None
            now = new[begin + place] if begin + place < end else None
            yield was, now


def _pair(old: str | None, new: str | None) -> Iterator[Mark]:
    if old is None or new is None:
        yield Mark("old", old or "") if new is None else Mark("new", new)
        return
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < _LEAST_ALIKE:
        yield from (Mark("old", old), Mark("both", " "), Mark("new", new))
        return
    for tag, first, last, begin, end in matcher.get_opcodes():
        if tag == "equal":
            yield Mark("both", "".join(after[begin:end]))
        else:
            yield from (Mark("old", "".join(before[first:last])), Mark("new", "".join(after[begin:end])))
