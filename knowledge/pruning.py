"""Leaves out of the files what has no shape, so that what the rest means can still be checked.

Whatever names a left-out entry is left out too: nothing sure can be said about it. So every problem found in
the rest is one, and none of them merely follows from a problem that has been said already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from knowledge.problems import Problem, nearest
from knowledge.source import Data, Document, Path

CALENDAR = "calendar.yaml"
_STAND_INS: Mapping[str, Data] = {
    "id": "unnamed", "version": "0", "title": "…", "status": "official", "notice": "…",
    "effective_from": "2000-01-01", "effective_until": None, "calendar": CALENDAR,
    "require": {"law": "no", "scenario": "no"},
}  # fmt: skip
_SECTIONS = ("laws", "rights")
"""The keys of rulebook.yaml that hold entries."""
_NO_DAYS: Data = {"id": "unnamed", "first": "2000-01-01", "last": "2000-01-01", "weekend": []}
_UNSURE: Mapping[str, tuple[str, ...]] = {
    "points.sum": ("indicators.yaml",),
    "bands.gap": ("bands.yaml", "indicators.yaml"),
    "bands.overlap": ("bands.yaml", "indicators.yaml"),
    "bands.unreachable": ("bands.yaml", "indicators.yaml"),
    "standard.without_rule": ("rules/",),
    "conclusion.without_rule": ("rules/",),
    "remedy.restores_nothing": ("rules/",),
    "rule.without_scenario": ("scenarios/",),
}
"""Problems that are sure only where nothing has been left out of these files."""
_NAME_KEYS = {"measures.yaml": "measure", "remedies.yaml": "remedy", "bands.yaml": "grade", "indicators.yaml": "id"}
_PROSE = ("zh", "en", "label", "text", "title", "word", "colour_word", "ask", "until", "name")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_\-]*")
_BRACE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a rulebook's files, and the names that were left out with their entries."""

    documents: Mapping[str, Document]
    broken: frozenset[str]
    touched: frozenset[str]
    """The files that something is missing from."""

    def is_sure(self, problem: Problem) -> bool:
        """Return whether a problem of the rest is one of the whole rulebook."""
        files = _UNSURE.get(problem.code, ())
        return not any(name.startswith(file) for name in self.touched for file in files)


def prune(documents: Mapping[str, Document], misshapen: Mapping[str, Iterable[Path]], calendar: str) -> Rest | None:
    """Return the files without entries that have no shape; None where too little would be left to bind."""
    left = dict(documents)
    out: dict[str, set[Path]] = {}
    for name, paths in misshapen.items():
        document, whole = documents[name], name.startswith(("rules/", "scenarios/"))
        entries = {_entry(path, document) for path in paths}
        if name == calendar:
            left[name] = Document(name, _NO_DAYS)
        elif name == "rulebook.yaml" and isinstance(document.data, dict):
            if any(len(path) == 1 and _meant(path, document) == "laws" for path in paths):
                return None
            if any(_meant(path, document) == "scoring" for path in paths):
                return None
            left[name] = _with_stand_ins(document, paths)
            out[name] = {path[:2] for path in paths if path[0] in _SECTIONS and len(path) > 1}
        elif None not in entries:
            out[name] = {path for path in entries if path is not None}
        elif whole:
            left[name], out[name] = Document(name), {()}
        else:
            return None
    if calendar not in left:
        left[calendar] = Document(calendar, _NO_DAYS)
    misnamed = (form for name, paths in misshapen.items() for path in paths for form in _forms(path, documents[name]))
    broken = _spread(left, out, set(misnamed))
    touched = frozenset(name for name, paths in out.items() if paths)
    return Rest({name: _without(left[name], out.get(name, set())) for name in left}, frozenset(broken), touched)


def _meant(path: Path, head: Document) -> str:
    """Return the key of rulebook.yaml that a path lies in or, where it is misspelt, that was probably meant."""
    known = [*_STAND_INS, "scoring", *_SECTIONS]
    missing = [key for key in known if not isinstance(head.data, dict) or key not in head.data]
    key = str(path[0])
    return key if key in known else nearest(key, missing) or ""


def _with_stand_ins(head: Document, paths: Iterable[Path]) -> Document:
    data = dict(head.data) if isinstance(head.data, dict) else {}
    for path in paths:
        key = _meant(path, head)
        if path[0] not in (*_STAND_INS, "scoring", *_SECTIONS) or path == ("rights",):
            data.pop(str(path[0]), None)
        if key in _STAND_INS:
            data[key] = _STAND_INS[key]
    return Document(head.name, data, head.places, head.values)


def _entry(path: Path, document: Document) -> Path | None:
    """Return the entry of a file that a path lies in, None where it lies in none."""
    deep = 1 if isinstance(document.data, list) else 2
    return path[:deep] if len(path) >= deep else None


def _entries(document: Document) -> Iterator[tuple[Path, Any]]:
    data = document.data
    if document.name == "rulebook.yaml":
        data = {key: data.get(key) for key in _SECTIONS} if isinstance(data, dict) else None
    if isinstance(data, list):
        yield from (((place,), entry) for place, entry in enumerate(data))
    for key, section in data.items() if isinstance(data, dict) else ():
        if isinstance(section, dict):
            yield from (((key, name), entry) for name, entry in section.items())
        elif isinstance(section, list):
            yield from (((key, place), entry) for place, entry in enumerate(section))


def _forms(path: Path, document: Document) -> Iterator[str]:
    """Yield how others may write the name that a path leads to, if it leads to one: small, without spaces."""
    name: Any = None
    if path and path == _entry(path, document):
        name = path[-1]
    elif path and path[-1] in ("rule", *_NAME_KEYS.values()):
        entry: Any = document.data
        for part in path[:-1]:
            entry = entry[part]
        name = entry.get(path[-1]) if isinstance(entry, dict) else None
    if isinstance(name, str):
        yield from (name.lower(), re.sub(r"\s", "", name))


def _spread(documents: Mapping[str, Document], out: dict[str, set[Path]], broken: set[str]) -> set[str]:
    """Add to `out` whatever names what is left out, and return the names left out with those `broken` before."""
    entries = [
        (name, path, _names(name, path, entry), set(_words(entry)))
        for name, document in documents.items()
        for path, entry in _entries(document)
    ]
    growing = True
    while growing:
        growing = False
        for name, path, names, words in entries:
            gone = out.setdefault(name, set())
            if path in gone or words & broken:
                growing = growing or path not in gone or not names <= broken
                gone.add(path)
                broken |= names
    return broken


def _names(file: str, path: Path, entry: Any) -> set[str]:
    """Return how other entries may name this one, also where the key of its name is misspelt."""
    if isinstance(path[-1], str):
        return {path[-1]}
    key = "rule" if file.startswith("rules/") else _NAME_KEYS.get(file)
    if key is None or not isinstance(entry, dict):
        return set()
    meant = key if key in entry else nearest(key, entry)
    return {str(entry[meant])} if meant is not None else set()


def _words(data: Any) -> Iterator[str]:
    """Yield every word that may be a name: of prose only what stands in braces."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _WORD.findall(key)
            if isinstance(value, str) and key in (*_PROSE, "because"):
                yield from (word for inside in _BRACE.findall(value) for word in _WORD.findall(inside))
            else:
                yield from _words(value)
    elif isinstance(data, list):
        for item in data:
            yield from _words(item)
    elif isinstance(data, str | int) and not isinstance(data, bool):
        yield str(data)
        yield from _WORD.findall(str(data))


def _without(document: Document, out: set[Path]) -> Document:
    """Return the file without some entries; places move with what follows them."""
    rest = Document(document.name, None, {}, {}, file=document.file)
    if () not in out:
        rest.data = _copied(document.data, (), (), document, rest, out)
    return rest


def _copied(data: Data, old: Path, new: Path, document: Document, rest: Document, out: set[Path]) -> Data:
    for there, here in ((document.places, rest.places), (document.values, rest.values)):
        if old in there:
            here[new] = there[old]
    if isinstance(data, dict):
        kept = [key for key in data if (*old, key) not in out]
        return {key: _copied(data[key], (*old, key), (*new, key), document, rest, out) for key in kept}
    if isinstance(data, list):
        places = [place for place in range(len(data)) if (*old, place) not in out]
        return [_copied(data[at], (*old, at), (*new, to), document, rest, out) for to, at in enumerate(places)]
    return data
