"""What can be known to be wrong with points and grades before any producer is graded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from knowledge.notes import Notes
from knowledge.rulebook import Band, Rulebook
from knowledge.source import Path

INDICATORS, BANDS = "indicators.yaml", "bands.yaml"


def check_scores(rulebook: Rulebook, notes: Notes) -> None:
    """Note points that don't add up, and scores that have no grade or more than one."""
    _check_levels(notes)
    _check_indicators(rulebook, notes)
    _check_ends(rulebook, notes)
    _check_bands(rulebook, notes)


def _check_levels(notes: Notes) -> None:
    """Points of each level are the sum of those below, wherever it is known what lies below what."""
    written: Any = notes.documents[INDICATORS].data
    for upper, key in (("level1", "level2"), ("level2", "standards")):
        known = [data["id"] for data in written[upper]]
        what = "level-1 indicator" if upper == "level1" else "level-2 indicator"
        below: dict[str, dict[str, int]] = {name: {} for name in known}
        sure = True
        for place, data in enumerate(written[key]):
            if data["of"] in below:
                below[data["of"]][data["id"]] = data["points"]
            else:
                notes.unknown((INDICATORS, key, place, "of"), what, data["of"], known)
                sure = False
        for place, data in enumerate(written[upper] if sure else ()):
            parts = below[data["id"]]
            if data["points"] != sum(parts.values()):
                listed = ", ".join(f"`{name}` {points}" for name, points in parts.items())
                total = sum(parts.values())
                line = f"below it: {listed}" if parts else "nothing lies below it"
                notes.add(
                    (INDICATORS, upper, place, "points"), "points.sum",
                    f"`{data['id']}` holds {data['points']} points, and what lies below it {total}",
                    given=data["points"], expected=str(total), help=line,
                )  # fmt: skip


def _check_indicators(rulebook: Rulebook, notes: Notes) -> None:
    written: Any = notes.documents[INDICATORS].data
    grades = [band.grade for band in rulebook.bands]
    seen: dict[str, Path] = {}
    for key in ("level1", "level2"):
        for place, data in enumerate(written[key]):
            path: Path = (INDICATORS, key, place)
            if data["id"] in seen:
                notes.twice((*path, "id"), "indicator", data["id"], seen[data["id"]])
            seen.setdefault(data["id"], (*path, "id"))
            minimum = data.get("minimum")
            if minimum is None:
                continue
            if str(minimum["otherwise"]) not in grades:
                notes.unknown((*path, "minimum", "otherwise"), "grade", minimum["otherwise"], grades)
            points, wanted = data["points"], minimum["points"]
            if wanted > points:
                message = f"`{data['id']}` holds {points} points, fewer than {wanted}"
                at = (*path, "minimum", "points")
                notes.add(at, "points.exceed", message, given=wanted, expected=f"at most {points}")


def _check_ends(rulebook: Rulebook, notes: Notes) -> None:
    scoring = rulebook.scoring
    if scoring.floor is not None and scoring.ceiling is not None and scoring.floor > scoring.ceiling:
        path = ("rulebook.yaml", "scoring", "floor")
        notes.add(
            path, "value.out_of_bounds", f"the floor {scoring.floor} lies above the ceiling",
            given=scoring.floor, expected=f"at most {scoring.ceiling}",
        )  # fmt: skip


def _reached(rulebook: Rulebook, *, capped: bool) -> dict[str, int]:
    """Return the most points, times their weights, that can be lost (gained) below each level-1 indicator."""
    reached = {}
    for first in rulebook.indicators.values():
        if first.level != 1:
            continue
        room = first.at_most if capped and first.at_most is not None else None
        below = [one for one in rulebook.indicators.values() if one.parent == first.id]
        points = 0
        for second in sorted(below, key=lambda one: -one.weight):
            most = sum(s.points for s in rulebook.standards.values() if s.indicator == second.id)
            if capped and second.at_most is not None:
                most = min(most, second.at_most)
            if room is not None:
                most = min(most, room)
                room -= most
            points += most * second.weight * first.weight
        reached[first.id] = points
    return reached


def _ends(rulebook: Rulebook) -> tuple[int, int]:
    """Return the lowest and the highest score that can be reached."""
    scoring = rulebook.scoring
    most = sum(_reached(rulebook, capped=True).values())
    fraction = scoring.not_applicable == "leaves_the_fraction"
    if scoring.direction == "lost":
        low, high = scoring.start - most, scoring.start
        low = min(low, 0) if fraction else low
    else:
        low, high = scoring.start, scoring.start + most
        high = scoring.start + sum(_reached(rulebook, capped=False).values()) if fraction else high
    if scoring.floor is not None:
        low, high = max(low, scoring.floor), max(high, scoring.floor)
    if scoring.ceiling is not None:
        low, high = min(low, scoring.ceiling), min(high, scoring.ceiling)
    return low, high


def _check_bands(rulebook: Rulebook, notes: Notes) -> None:
    written: Any = notes.documents[BANDS].data
    grades = [band.grade for band in rulebook.bands]
    for place, band in enumerate(rulebook.bands):
        if grades.index(band.grade) < place:
            notes.twice((BANDS, place, "grade"), "grade", band.grade, (BANDS, grades.index(band.grade), "grade"))
        for number, demand in enumerate(band.demands):
            path: Path = (BANDS, place, "demands", number)
            indicator = rulebook.indicators.get(demand.indicator)
            if indicator is None:
                notes.unknown((*path, "indicator"), "indicator", demand.indicator, rulebook.indicators)
            elif demand.at_least is not None and demand.at_least > indicator.points:
                message = f"no producer reaches grade `{band.grade}`: `{indicator.id}` holds {indicator.points} points"
                expected = f"at most {indicator.points}"
                notes.add((*path, "at_least"), "bands.unreachable", message, given=demand.at_least, expected=expected)
            if demand.at_least is None and demand.at_most is None:
                line = "a demand needs `at_least` or `at_most`"
                notes.add(path, "shape.missing_key", line, expected="`at_least: …`")
    right = [_has_right_bounds(rulebook, data, (BANDS, place), notes) for place, data in enumerate(written)]
    if not all(right):  # where a bound of the other direction is written, the right one is what is missing
        return
    scoring = rulebook.scoring
    if scoring.floor is not None and scoring.ceiling is not None and scoring.floor > scoring.ceiling:
        return
    if scoring.better == "higher":
        _check_higher(rulebook.bands, written, _ends(rulebook), notes)
    else:
        _check_lower(rulebook.bands, _ends(rulebook), notes)


def _has_right_bounds(rulebook: Rulebook, written: Mapping[str, Any], path: Path, notes: Notes) -> bool:
    better = rulebook.scoring.better
    right, wrong = ("up_to", ("from", "to")) if better == "lower" else ("from", ("up_to",))
    given = [key for key in wrong if written.get(key) is not None]
    for key in given:
        line = f"where {better} is better, a grade has `{right}`"
        notes.add((*path, key), "shape.unknown_key", f"`{key}` has no effect here", given=key, help=line)
    return not given


def _check_higher(
    bands: Sequence[Band], written: Sequence[Mapping[str, Any]], ends: tuple[int, int], notes: Notes
) -> None:
    """Bands go down from the highest score to the lowest; each begins at `from` and ends below the one before."""
    lowest, highest = ends
    edge = highest + 1
    for place, band in enumerate(bands):
        path: Path = (BANDS, place)
        last = place == len(bands) - 1
        if band.low is None and not last:
            _note_open(band, "from", path, notes)
            return
        high = written[place].get("to")
        if high is not None:
            _check_end(band, high, edge, (*path, "to"), first=place == 0, notes=notes)
        if band.low is None:
            low = lowest
        elif band.low >= edge and place:
            above = f"`{bands[place - 1].grade}`, which is better, begins at {edge}"
            notes.add(
                (*path, "from"), "bands.overlap", f"grade `{band.grade}` begins at {band.low}, but {above}",
                given=band.low, expected=f"at most {edge - 1}",
            )  # fmt: skip
            return
        else:
            low = band.low
            if low > highest or (low < lowest and not last):
                _note_unreachable(bands[place if low > highest else place + 1], low, ends, (*path, "from"), notes)
                return
            if last and low > lowest:
                _note_gap((lowest, low - 1), low, (*path, "from"), notes, "leave the last band open")
        edge = low


def _check_end(band: Band, high: int, edge: int, path: Path, *, first: bool, notes: Notes) -> None:
    if band.low is not None and high < band.low:
        message = f"grade `{band.grade}` ends at {high}, before it begins at {band.low}"
        notes.add(path, "bands.overlap", message, given=high, expected=f"at least {band.low}")
    elif high < edge - 1:
        _note_gap((high + 1, edge - 1), high, path, notes, f"write `to: {edge - 1}`, or leave `to` out")
    elif high >= edge and not first:
        message = f"grade `{band.grade}` reaches to {high}, into the band above it, which begins at {edge}"
        notes.add(path, "bands.overlap", message, given=high, expected=str(edge - 1))


def _check_lower(bands: Sequence[Band], ends: tuple[int, int], notes: Notes) -> None:
    """Bands go up from the lowest score to the highest; each ends at `up_to`, where the next begins."""
    lowest, highest = ends
    edge = lowest - 1
    for place, band in enumerate(bands):
        path: Path = (BANDS, place)
        last = place == len(bands) - 1
        if band.high is None:
            if not last:
                _note_open(band, "up_to", path, notes)
            return
        before = bands[place - 1] if place else None
        if before is not None and (band.high < edge or (band.high == edge and not _demands(before))):
            message = f"grade `{band.grade}` ends at {band.high}, but `{before.grade}`, which is better, at {edge}"
            notes.add((*path, "up_to"), "bands.overlap", message, given=band.high, expected=f"at least {edge + 1}")
            return
        if band.high < lowest or edge >= highest:
            _note_unreachable(band, band.high, ends, (*path, "up_to"), notes)
        if last and band.high < highest:
            line = "leave the last band open"
            _note_gap((band.high + 1, highest), band.high, (*path, "up_to"), notes, line)
        edge = band.high


def _demands(band: Band) -> bool:
    return band.worst_single is not None or bool(band.demands)


def _note_open(band: Band, key: str, path: Path, notes: Notes) -> None:
    message = f"grade `{band.grade}` takes every score, and grades follow it"
    notes.add(path, "bands.unreachable", message, expected=f"`{key}: …`")


def _note_unreachable(band: Band, bound: int, ends: tuple[int, int], path: Path, notes: Notes) -> None:
    expected = f"{ends[0]} to {ends[1]}"
    notes.add(path, "bands.unreachable", f"no score reaches grade `{band.grade}`", given=bound, expected=expected)


def _note_gap(scores: tuple[int, int], given: int, path: Path, notes: Notes, help: str) -> None:
    which = f"score {scores[0]}" if scores[0] == scores[1] else f"scores {scores[0]} to {scores[1]}"
    notes.add(path, "bands.gap", f"no grade takes {which}", given=given, help=help)
