"""A few numbers of a rulebook changed for the length of one question, in its written form, so that all checks run."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from knowledge.loader import bind
from knowledge.problems import Problem, RulebookRefused, ShuoliError, nearest
from knowledge.rulebook import Rulebook
from knowledge.source import read_document

MOST_EDITS: Final = 100
_KEPT: Final = 100
"""Files that are kept as they were read, each of at most so many bytes."""
_KEPT_BYTES: Final = 100_000
_NUMBERS: Final = (
    "points", "weight", "lose", "gain", "at_most", "at_least", "below", "above", "from", "to", "up_to", "worst_single",
    "start", "floor", "ceiling", "within",
)  # fmt: skip
"""What may be changed: points, weights, thresholds, bounds of bands, caps, windows."""
_NEW: Final = ("weight", "at_most", "floor", "ceiling", "worst_single")
"""What may be written where nothing is."""
_SECTIONS: Final = ("rules", "measures", "standards", "indicators", "bands", "scoring")


class EditRefused(ShuoliError):
    """A change of a rulebook names nothing that can be changed so."""

    code = "edit.refused"


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One value in another's place.

    `at` is its address: `rules/ID/…`, `measures/NAME/…`, `standards/ID/points`, `indicators/ID/…`, `bands/GRADE/…` or
    `scoring/…`, and below that the keys as they are written, and places in lists from 0. `to` is written as in the
    file: a whole number, or a text such as `90%` or `12 months`.
    """

    at: str
    to: int | str


def edited(files: Mapping[str, bytes], edits: Sequence[Edit]) -> Rulebook:
    """Return the rulebook in these files with the edits, checked as if it had been written so.

    A standard's points are moved in the totals of its indicators, too.

    Raises:
        EditRefused: an address names nothing that can be edited, there are too many, or what comes out has problems.
    """
    if len(edits) > MOST_EDITS:
        raise EditRefused(f"{len(edits)} changes; at most {MOST_EDITS}")
    read = {name: _read(name, content) for name, content in files.items() if name.endswith(".yaml")}
    if problems := tuple(problem for _, own in read.values() for problem in own):
        raise EditRefused("the rulebook has problems", problems=problems)
    written = {name: copy.deepcopy(data) for name, (data, _) in read.items() if not name.startswith("scenarios/")}
    for place, edit in enumerate(edits):
        _apply(written, edit, f"/edits/{place}")
    try:
        return bind(written)
    except RulebookRefused as refused:
        raise EditRefused("the rulebook has problems with these changes", problems=refused.problems) from refused


def _read(name: str, content: bytes) -> tuple[Any, tuple[Problem, ...]]:
    """Return what is written in a file, which nobody may change, and its problems."""
    return (_read_now if len(content) > _KEPT_BYTES else _read_once)(name, content)


def _read_now(name: str, content: bytes) -> tuple[Any, tuple[Problem, ...]]:
    problems: list[Problem] = []
    return read_document(name, content, problems).data, tuple(problems)


_read_once: Final = lru_cache(_KEPT)(_read_now)
"""Reading takes most of the time of a question, and the next one is about the same files."""


def _apply(written: Mapping[str, Any], edit: Edit, at: str) -> None:
    section, _, rest = edit.at.partition("/")
    name, _, path = rest.partition("/")
    if section == "scoring":
        found, path = written["rulebook.yaml"].get("scoring"), rest
    elif section in _SECTIONS:
        found = _named(written, section, name, at, edit)
    else:
        raise _refused(at, edit, f"`{section}` is none of what can be changed", nearest(section, _SECTIONS))
    *steps, last = path.split("/")
    for step in steps:
        found = _below(found, step, at, edit)
    if last not in _NUMBERS:
        raise _refused(at, edit, f"`{last}` can't be changed here", nearest(last, _NUMBERS))
    before = found.get(last) if isinstance(found, dict) else None
    if not isinstance(found, dict) or isinstance(before, dict | list) or (before is None and last not in _NEW):
        raise _refused(at, edit, f"there is no `{last}` with one value", None)
    if section == "standards" and last == "points" and isinstance(before, int) and isinstance(edit.to, int):
        _carry(written["indicators.yaml"], found, edit.to - before)
    found[last] = edit.to


def _carry(indicators: Mapping[str, Any], standard: Mapping[str, Any], more: int) -> None:
    """Give the points that a standard gains to the indicators above it."""
    low = next((one for one in indicators["level2"] if one["id"] == standard["of"]), None)
    high = None if low is None else next((one for one in indicators["level1"] if one["id"] == low["of"]), None)
    for indicator in (low, high):
        if indicator is not None:
            indicator["points"] += more


def _named(written: Mapping[str, Any], section: str, name: str, at: str, edit: Edit) -> Any:
    known: dict[str, Any] = {}
    for told, item in _items(written, section):
        known.setdefault(told, item)
    if name not in known:
        raise _refused(at, edit, f"there is no `{name}` among the {section}", nearest(name, known))
    return known[name]


def _items(written: Mapping[str, Any], section: str) -> Iterator[tuple[str, Any]]:
    match section:
        case "rules":
            files = [data for name, data in written.items() if name.startswith("rules/")]
            kinds = ("finding", "standard", "ceiling", "veto", "status", "consequence")
            for rule in (rule for data in files for rule in data):
                yield str(rule.get("rule") or next((rule[kind] for kind in kinds if kind in rule), "")), rule
        case "measures":
            yield from ((str(one.get("measure")), one) for one in written["measures.yaml"])
        case "bands":
            yield from ((str(one.get("grade")), one) for one in written["bands.yaml"])
        case "standards":
            yield from ((str(one.get("id")), one) for one in written["indicators.yaml"]["standards"])
        case _:
            for level in ("level1", "level2"):
                yield from ((str(one.get("id")), one) for one in written["indicators.yaml"][level])


def _below(found: Any, step: str, at: str, edit: Edit) -> Any:
    if isinstance(found, dict) and step in found:
        return found[step]
    if isinstance(found, list) and step.isascii() and step.isdigit() and int(step) < len(found):
        return found[int(step)]
    known = [str(key) for key in found] if isinstance(found, dict) else []
    raise _refused(at, edit, f"there is no `{step[:60]}`", nearest(step, known))


def _refused(at: str, edit: Edit, message: str, near: str | None) -> EditRefused:
    help = f"did you mean `{near}`?" if near else None
    problem = Problem(f"{at}/at", "edit.refused", message, edit.at[:200], help=help)
    return EditRefused(f"{message} (`{edit.at[:200]}`)", problems=(problem,))
