"""Binds vocabulary, laws, indicators, bands, remedies and calendar: everything that isn't a condition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from msgspec.structs import replace

from knowledge.binding import Misfit, day, duration, encode, sure_text, text, yes
from knowledge.notes import Notes
from knowledge.rulebook import (
    Band,
    Demand,
    FactStatus,
    FactType,
    Field,
    Indicator,
    Lasting,
    Law,
    Origin,
    Remedy,
    Right,
    Scoring,
)
from knowledge.rules import Shift, Text
from knowledge.source import Path
from knowledge.workdays import Calendar

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LONGEST_TEXT = 2000
LONGEST_CALENDAR = 36_525
"""Days; a century."""
_ONLY_FOR = {
    "of": ("choice",), "ordered": ("choice",), "places": ("decimal",),
    "min": ("whole", "decimal", "date"), "max": ("text", "whole", "decimal", "date"),
}  # fmt: skip
_STATUSES = {
    "pending": FactStatus("pending", Text("待定", "pending"), False),
    "effective": FactStatus("effective", Text("生效", "effective"), True),
    "disputed": FactStatus("disputed", Text("异议中", "disputed"), True),
    "revoked": FactStatus("revoked", Text("已撤销", "revoked"), False),
    "repaired": FactStatus("repaired", Text("已修复", "repaired"), False),
    "superseded": FactStatus("superseded", Text("已被取代", "superseded"), False),
}


def bind_fields(data: Mapping[str, Any], path: Path, notes: Notes, *, optional: bool = False) -> dict[str, Field]:
    """Return fields by name; `optional` is what they are unless they say otherwise."""
    return {name: bind_field(name, written, (*path, name), notes, optional) for name, written in data.items()}


def bind_field(name: str, data: Any, path: Path, notes: Notes, optional: bool) -> Field:
    """Return one field; its bounds are encoded like its values."""
    written: Mapping[str, Any] = {"type": data} if isinstance(data, str) else data
    choices = _choices(name, written.get("of"), path, notes) if written["type"] == "choice" else {}
    for key, wanted in _ONLY_FOR.items():
        if key in written and written["type"] not in wanted:
            line = f"`{key}` is for {' and '.join(wanted)}"
            notes.add(
                (*path, key),
                "type.mismatch",
                f"`{name}` is {written['type']} and takes no `{key}`",
                given=key,
                help=line,
            )
    given = written.get("optional")
    shape = Field(
        name=name,
        type=written["type"],
        label=sure_text(written.get("label"), name),
        optional=optional if given is None else yes(given),
        choices=choices,
        ordered=yes(written.get("ordered", "no")),
        places=written.get("places", 0),
        unit=written.get("unit"),
        personal=yes(written.get("personal", "no")),
    )
    if shape.type == "text":
        longest = written.get("max", 200)
        if not isinstance(longest, int) or isinstance(longest, bool) or not 1 <= longest <= LONGEST_TEXT:
            expected = f"1 to {LONGEST_TEXT}"
            notes.add(
                (*path, "max"), "value.out_of_bounds", "a text's length is limited", given=longest, expected=expected
            )
            longest = 200
        return replace(shape, maximum=longest)
    if shape.type not in _ONLY_FOR["min"]:
        return shape
    low, high = (_bound(shape, written.get(end), (*path, end), notes) for end in ("min", "max"))
    if low is not None and high is not None and low > high:
        message, most = f"`{name}` has a `min` above its `max`", f"at most {written['max']}"
        notes.add((*path, "min"), "value.out_of_bounds", message, given=written["min"], expected=most)
        low = high = None
    return replace(shape, minimum=low, maximum=high)


def _choices(name: str, of: Any, path: Path, notes: Notes) -> dict[str, Text]:
    if not of:
        notes.add(path, "shape.missing_key", f"choice `{name}` needs `of: […]`", expected="`of: […]`")
        return {}
    words = [_word(value) for value in of]
    for place, word in enumerate(words if isinstance(of, list) else ()):
        if word in words[:place]:
            notes.twice((*path, "of", place), "choice", word, (*path, "of", words.index(word)))
    return {word: sure_text(of[word] if isinstance(of, dict) else None, word) for word in words}


def _word(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _bound(shape: Field, data: Any, path: Path, notes: Notes) -> int | None:
    if data is None:
        return None
    try:
        return int(encode(shape, data))
    except Misfit as misfit:
        message = f"bound of `{shape.name}` can't be `{data}`"
        notes.add(path, misfit.code, message, given=data, expected=misfit.expected, help=misfit.help)
    return None


def bind_types(vocabulary: Mapping[str, Any], notes: Notes) -> dict[str, FactType]:
    """Return facts, findings and consequences by name; a name used twice is a problem."""
    types: dict[str, FactType] = {}
    sections: tuple[tuple[str, Origin], ...] = (
        ("facts", "fact"), ("findings", "finding"), ("consequences", "consequence"),
    )  # fmt: skip
    for section, origin in sections:
        for name, data in (vocabulary.get(section) or {}).items():
            path: Path = ("vocabulary.yaml", section, name)
            if name in types:
                notes.twice(path, "type", name, ("vocabulary.yaml", f"{types[name].origin}s", name))
                continue
            types[name] = _type(name, origin, data, path, notes)
    return types


def _type(name: str, origin: Origin, data: Mapping[str, Any], path: Path, notes: Notes) -> FactType:
    fields = bind_fields(data.get("fields") or {}, (*path, "fields"), notes)
    lasts, source = data.get("lasts"), data.get("source") or {}
    dates = [name for name, shape in fields.items() if shape.type == "date"]
    lasting = None
    if lasts:
        if len({"until", "through"} & set(lasts)) == 2:
            notes.add((*path, "lasts"), "shape.value", "`lasts` takes `until` or `through`, not both")
        end = lasts.get("until") or lasts.get("through")
        lasting = Lasting(lasts["from"], end, "through" in lasts)
        for key, wanted in lasts.items():
            if wanted not in dates:
                notes.unknown((*path, "lasts", key), "date field", wanted, dates)
    if data.get("dated") is not None and data["dated"] not in dates:
        notes.unknown((*path, "dated"), "date field", data["dated"], dates)
    for place, wanted in enumerate(data.get("same_when") or ()):
        if wanted not in fields:
            notes.unknown((*path, "same_when", place), "field", wanted, fields)
        elif fields[wanted].optional:
            notes.add(
                (*path, "same_when", place), "type.optional", f"`{wanted}` tells facts apart and can't be optional",
                given=wanted, expected="a required field", help=f"make `{wanted}` required, or name another field",
            )  # fmt: skip
    return FactType(
        name, origin, sure_text(data.get("label"), name), fields, data.get("dated"),
        tuple(data.get("same_when") or ()), lasting, source.get("system"), source.get("block"), data.get("tells"),
        data.get("about") is not None,
    )  # fmt: skip


def bind_attributes(vocabulary: Mapping[str, Any], notes: Notes) -> dict[str, Field]:
    """Return the producer's attributes by name; what every producer has can't be declared again."""
    written, path = vocabulary.get("attributes") or {}, ("vocabulary.yaml", "attributes")
    for name in written:
        if name in ("id", "kind", "region"):
            notes.add((*path, name), "name.duplicate", f"every producer has `{name}` already", given=name)
    return bind_fields(written, path, notes, optional=True)


def bind_kinds(vocabulary: Mapping[str, Any]) -> tuple[dict[str, Text], tuple[str, ...]]:
    """Return kinds of producer and which of them are natural persons."""
    kinds, natural = {}, []
    for name, data in vocabulary["kinds"].items():
        full = isinstance(data, dict) and "label" in data
        kinds[name] = sure_text(data["label"] if full else data, name)
        if full and yes(data.get("natural_person", "no")):
            natural.append(name)
    return kinds, tuple(natural)


def bind_statuses(vocabulary: Mapping[str, Any]) -> dict[str, FactStatus]:
    """Return states of knowledge; those not declared are as the guide says."""
    declared = {
        name: FactStatus(name, sure_text(data["label"], name), yes(data["counts"]))
        for name, data in (vocabulary.get("statuses") or {}).items()
    }
    return _STATUSES | declared


def bind_scoring(data: Mapping[str, Any]) -> Scoring:
    """Return how points become a score."""
    return Scoring(
        data["start"], data["points"], data["better"], data.get("floor"), data.get("ceiling"),
        data.get("unit", "whole"), data.get("not_applicable", "leaves_the_fraction"), data.get("rounding", "half_up"),
    )  # fmt: skip


def bind_laws(data: Mapping[str, Any], notes: Notes) -> dict[str, Law]:
    """Return articles of law with a label each."""
    laws = {}
    for name, law in data.items():
        path: Path = ("rulebook.yaml", "laws", name)
        title, article = sure_text(law["title"], name), law.get("article")
        if article is None:
            zh, en = f"《{title.zh}》", title.in_language("en")
        else:
            zh, en = f"《{title.zh}》第{article}条", f"{title.in_language('en')}, art. {article}"
        begins, ends = (safe_day(law.get(key), (*path, key), notes) for key in ("effective_from", "effective_until"))
        label = text(law.get("label")) or Text(zh, en)
        number = None if article is None else str(article)
        laws[name] = Law(name, label, title, number, begins, ends, law.get("mark"), law.get("href"))
    return laws


def safe_day(data: Any, path: Path, notes: Notes) -> int | None:
    """Return the ordinal of a date, None where none is given or it is no date."""
    try:
        return None if data is None else day(data)
    except Misfit as misfit:
        notes.add(path, "type.mismatch", f"`{data}` is no date", given=data, expected=misfit.expected)
        return None


def bind_rights(data: Iterable[Mapping[str, Any]], laws: Mapping[str, Law], notes: Notes) -> tuple[Right, ...]:
    """Return what letters tell producers that they may do; articles that aren't among the laws are noted."""
    rights = []
    for place, written in enumerate(data):
        named = written.get("law") or ()
        for number, name in enumerate(named):
            if name not in laws:
                notes.unknown(("rulebook.yaml", "rights", place, "law", number), "law", name, laws)
        rights.append(Right(sure_text(written["title"], "…"), sure_text(written["text"], "…"), tuple(named)))
    return tuple(rights)


def bind_indicators(data: Mapping[str, Any]) -> dict[str, Indicator]:
    """Return the indicators of both levels in written order."""
    indicators = {}
    for level, key in ((1, "level1"), (2, "level2")):
        for written in data[key]:
            minimum = written.get("minimum") or {}
            otherwise = minimum.get("otherwise")
            indicators[written["id"]] = Indicator(
                written["id"], 1 if level == 1 else 2, sure_text(written["label"], written["id"]), written["points"],
                written.get("of"), written.get("block"), written.get("weight", 1), written.get("at_most"),
                minimum.get("points"), None if otherwise is None else str(otherwise),
            )  # fmt: skip
    return indicators


def bind_bands(data: list[dict[str, Any]], better: str) -> tuple[Band, ...]:
    """Return the grades, best first; an upper end that is left out is closed by the band above."""
    bands = []
    above: int | None = None
    for written in data:
        grade = str(written["grade"])
        if better == "higher":
            low, high = written.get("from"), written.get("to", above)
            above = above if low is None else low - 1
        else:
            low, high = None, written.get("up_to")
        demands = (Demand(d["indicator"], d.get("at_least"), d.get("at_most")) for d in written.get("demands") or ())
        bands.append(
            Band(
                grade,
                sure_text(written.get("word"), grade),
                written.get("colour"),
                text(written.get("colour_word")),
                low,
                high,
                written.get("worst_single"),
                tuple(demands),
            )
        )
    return tuple(bands)


def bind_remedies(data: list[dict[str, Any]]) -> dict[str, Remedy]:
    """Return the deeds by id; what they do is bound by `remedybinding`."""
    remedies = {}
    for written in data:
        restores = written.get("restores") or {}
        shares: dict[str, Any] = dict.fromkeys(restores, "all") if isinstance(restores, list) else dict(restores)
        remedies[written["remedy"]] = Remedy(
            written["remedy"], sure_text(written["text"], written["remedy"]), written["effort"],
            Shift(*duration(written["lead_time"])), shares, written["recovers"], text(written.get("ask")),
            excludes=tuple(written.get("excludes") or ()),
        )  # fmt: skip
    return remedies


def bind_calendar(data: Mapping[str, Any], name: str, notes: Notes) -> Calendar:
    """Return the working days between the calendar's first and last day."""
    first = safe_day(data["first"], (name, "first"), notes) or 1
    last = safe_day(data["last"], (name, "last"), notes) or first
    if not first <= last <= first + LONGEST_CALENDAR:
        wrong = "ends before it begins" if last < first else "is longer than a century"
        expected = f"a day in the century after {data['first']}"
        notes.add((name, "last"), "calendar.range", f"the calendar {wrong}", given=data["last"], expected=expected)
        return Calendar(data["id"], first, first, ())
    weekend = {WEEKDAYS.index(word) for word in data["weekend"]}
    holidays, worked = (
        {day for span in _spans(data.get(key) or (), (name, key), (first, last), notes) for day in span}
        for key in ("holidays", "worked")
    )
    working = tuple(
        ordinal
        for ordinal in range(first, last + 1)
        if ordinal in worked or (date.fromordinal(ordinal).weekday() not in weekend and ordinal not in holidays)
    )
    return Calendar(data["id"], first, last, working)


def _spans(data: Any, path: Path, ends: tuple[int, int], notes: Notes) -> Iterator[range]:
    """Yield the days written, those of one entry together; days outside the calendar are noted and left out."""
    for place, item in enumerate(data):
        at = (*path, place)
        begin, through = (item["from"], item["through"]) if isinstance(item, dict) else (item, item)
        start, end = safe_day(begin, at, notes), safe_day(through, at, notes)
        if start is None or end is None:
            continue
        if end < start:
            message = f"`{through}` lies before `{begin}`"
            notes.add(at, "calendar.range", message, given=through, expected=f"{begin} or later")
        elif start < ends[0] or end > ends[1]:
            outside = begin if start < ends[0] else through
            expected = " to ".join(date.fromordinal(end).isoformat() for end in ends)
            message = f"`{outside}` lies outside the calendar"
            notes.add(at, "calendar.range", message, given=outside, expected=expected)
        else:
            yield range(start, end + 1)
