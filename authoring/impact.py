"""Whom a change of rules moves: two rulebooks over one population, compared producer by producer."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import msgspec
import numpy as np
import polars as pl

from authoring.moves import Impact, Line, Mover, Part, RuleChange, RuleMove, StandardMove, Version
from engine.columnar import Columnar, Graded, Population
from engine.columnar.population import decoder
from engine.values import plain
from knowledge.rulebook import Aggregate, Field, Measure, PointsMeasure, Rulebook
from knowledge.rules import Const, Rule, Text
from knowledge.strata import formula_measures, measures_read

_FEW: Final = 40
"""Values of an attribute by which movers are still counted."""
_DECIDING: Final = ("standard", "ceiling", "veto")


def impact(before: Rulebook, after: Rulebook, population: Callable[[Rulebook], Population], day: int) -> Impact:
    """Return whom it moves when `after` takes the place of `before`, as of a day.

    Raises:
        CaseRefused: a fact doesn't fit one of the rulebooks.
        LimitExceeded: a rule looks at more pairs of facts than memory allows.
    """
    everybody = population(before)
    mine = Columnar(before).grade(everybody, day)
    others = population(after)
    theirs = Columnar(after).grade(others, day)
    if others is not everybody and list(others.ids) != list(everybody.ids):
        theirs = _by_the_same_rows(theirs, everybody, others)
    return _Comparison(before, after, everybody, mine, theirs).impact(day)


def _quarters(numbers: Sequence[int | None], show: Callable[[int], str] = str) -> pl.Series:
    """Return for each number the quarter of them that it is in, told by its ends; quarters are in their order."""
    known = sorted(number for number in numbers if number is not None)
    if not known:
        return pl.Series([None] * len(numbers), dtype=pl.String)
    ends = sorted({known[(len(known) - 1) * part // 4] for part in (1, 2, 3, 4)})
    begins = [known[0], *(known[bisect_right(known, end)] for end in ends[:-1])]
    names = [show(low) if low == high else f"{show(low)}–{show(high)}" for low, high in zip(begins, ends, strict=True)]
    told = [None if number is None else names[bisect_left(ends, number)] for number in numbers]
    return pl.Series(told, dtype=pl.Enum(names))


def _by_the_same_rows(graded: Graded, rows: Population, own: Population) -> Graded:
    """Return gradings with the rows that the same producers have in another population."""
    place = {name: row for row, name in enumerate(rows.ids)}
    new = pl.DataFrame(
        {"row": range(len(own)), "new": [place.get(name) for name in own.ids]},
        schema={"row": pl.UInt32, "new": pl.UInt32},
    ).drop_nulls()

    def moved(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.join(new, on="row").with_columns(row=pl.col("new")).drop("new")

    return Graded(
        moved(graded.grades),
        moved(graded.points),
        moved(graded.fired),
        moved(graded.limits),
        moved(graded.statuses),
        {name: moved(frame) for name, frame in graded.concluded.items()},
    )


@dataclass(slots=True)
class _Comparison:
    """Two rulebooks over the same producers, by row."""

    before: Rulebook
    after: Rulebook
    population: Population
    mine: Graded
    theirs: Graded

    def impact(self, day: int) -> Impact:
        names = ("grade", "score_grade", "score")
        both = self.mine.grades.join(self.theirs.grades.drop("id"), on="row", how="inner", suffix="_after")
        both = both.with_columns(pl.col("grade", "score_grade", "grade_after", "score_grade_after").cast(pl.String))
        both = both.rename({name: f"{name}_before" for name in names})
        graded = both.filter(pl.col("grade_before").is_not_null() & pl.col("grade_after").is_not_null())
        movement = self._movement(graded)
        movers = movement.filter("moves")
        rules, lines = self._rules(graded), self._lines(graded)
        return Impact(
            _version(self.before),
            _version(self.after),
            date.fromordinal(day).isoformat(),
            graded.height,
            both.filter(pl.col("grade_before").is_null() | pl.col("grade_after").is_null())["id"].to_list(),
            self._matrix(graded),
            graded.height - movers.height,
            int(movement["better"].sum()),
            int(movement["worse"].sum()),
            int((graded["score_before"] != graded["score_after"]).sum()),
            self._by(movement),
            self._standards(graded),
            self._rule_moves(rules, movers),
            self._line_moves(lines),
            self._movers(movers, rules, lines),
        )

    def _movement(self, graded: pl.DataFrame) -> pl.DataFrame:
        """Add whether each moves, and whether to a better or a worse place among the grades."""
        places = [
            pl.col(f"grade_{when}").replace_strict(
                {band.grade: place for place, band in enumerate(book.bands)}, return_dtype=pl.Int64
            )
            for when, book in (("before", self.before), ("after", self.after))
        ]
        return graded.with_columns(
            moves=pl.col("grade_before") != pl.col("grade_after"),
            better=places[1] < places[0],
            worse=places[1] > places[0],
        )

    def _matrix(self, graded: pl.DataFrame) -> list[list[int]]:
        counts = graded.group_by("grade_before", "grade_after").len().iter_rows()
        found = {(before, after): count for before, after, count in counts}
        return [[found.get((a.grade, b.grade), 0) for b in self.after.bands] for a in self.before.bands]

    def _by(self, movement: pl.DataFrame) -> dict[str, list[Part]]:
        told = {name: self._grouped(name, field) for name, field in self._attributes().items()}
        groups = {name: self._values(name, None) for name in ("region", "kind")}
        groups |= {name: values for name, values in told.items() if values is not None}
        groups.setdefault("size", _quarters(self._facts()))
        parts: dict[str, list[Part]] = {}
        for name, values in groups.items():
            shown = movement.with_columns(values.gather(movement["row"]).alias("value"))
            counted = shown.group_by("value").agg(pl.len(), pl.col("moves", "better", "worse").sum())
            rows = counted.sort("value", nulls_last=True).iter_rows()
            parts[name] = [Part("" if value is None else str(value), *counts) for value, *counts in rows]
        return parts

    def _grouped(self, name: str, field: Field) -> pl.Series | None:
        """Return an attribute as producers are counted by it: by quarter, year or value; None where it has too many."""
        values = self._values(name, field)
        if field.type == "date":
            return values.cast(pl.String).str.slice(0, 4)
        if values.n_unique() <= _FEW:
            return values
        if field.type in ("whole", "decimal"):
            return _quarters(values.to_list(), lambda number: str(plain(field, number)))
        return None

    def _facts(self) -> list[int]:
        """Return how many facts are on record of each producer."""
        counts = np.zeros(len(self.population), np.int64)
        for table in self.population.facts.values():
            counts += np.bincount(table.p, minlength=len(counts))
        return [int(count) for count in counts]

    def _attributes(self) -> Mapping[str, Field]:
        return {name: field for name, field in self.before.attributes.items() if not field.personal}

    def _values(self, name: str, field: Field | None) -> pl.Series:
        """Return a producer's values by row."""
        column = self.population.attributes[name]
        texts = self.population.texts
        decode = texts.by_code.__getitem__ if field is None else decoder(field, texts)
        known = column.known(len(self.population)).tolist()
        told = [decode(value) if here else None for value, here in zip(column.values.tolist(), known, strict=True)]
        if field is not None and field.type == "date":
            told = [None if value is None else date.fromordinal(int(value)).isoformat() for value in told]
        return pl.Series(name, told)

    def _standards(self, graded: pl.DataFrame) -> list[StandardMove]:
        rows = graded.select("row")
        mine = rows.join(self.mine.points, on="row", how="left", maintain_order="left")
        theirs = rows.join(self.theirs.points, on="row", how="left", maintain_order="left")
        nothing = pl.zeros(graded.height, dtype=pl.Int32, eager=True)
        moves = []
        for name in dict.fromkeys((*self.before.standards, *self.after.standards)):
            one = mine[name] if name in mine.columns else nothing
            other = theirs[name] if name in theirs.columns else nothing
            label = (self.after.standards.get(name) or self.before.standards[name]).label
            counts = int((other > one).sum()), int((other < one).sum())
            moves.append(StandardMove(name, label, int(one.sum()), int(other.sum()), *counts))
        return moves

    # Rules

    def _rules(self, graded: pl.DataFrame) -> pl.DataFrame:
        """Return row, rule, count and points before and after, where a rule that decides fires otherwise."""
        told = [frame.fired.select("row", "rule", "count", "points") for frame in (self.mine, self.theirs)]
        both = told[0].join(told[1], on=["row", "rule"], how="full", coalesce=True, suffix="_after").fill_null(0)
        both = both.filter((pl.col("count") != pl.col("count_after")) | (pl.col("points") != pl.col("points_after")))
        kinds = {rule.id: rule.kind for rule in (*self.before.rules, *self.after.rules)}
        deciding = [name for name, kind in kinds.items() if kind in _DECIDING]
        asked = pl.col("rule").is_in([*deciding, *self.changed(("finding",))])
        return both.filter(asked).join(graded.select("row"), on="row", how="semi")

    def changed(self, kinds: Sequence[str] = (*_DECIDING, "finding")) -> list[str]:
        """Return the rules of some kinds that say something else, or read another measure, or stand in one only."""
        mine, theirs = ({rule.id: _said(book, rule) for rule in book.rules} for book in (self.before, self.after))
        rules = {rule.id: rule for rule in (*self.before.rules, *self.after.rules)}
        return [name for name, rule in rules.items() if rule.kind in kinds and mine.get(name) != theirs.get(name)]

    def _rule_moves(self, rules: pl.DataFrame, movers: pl.DataFrame) -> list[RuleMove]:
        counted = rules.join(movers.select("row", "better", "worse"), on="row").group_by("rule")
        sums = counted.agg(pl.col("worse", "better").sum())
        rows = sums.sort(pl.col("worse") + pl.col("better"), "rule", descending=[True, False])
        changed = set(self.changed())
        return [RuleMove(rule, rule in changed, worse, better) for rule, worse, better in rows.iter_rows()]

    # Lines

    def _lines(self, graded: pl.DataFrame) -> pl.DataFrame:
        """Return row, what (kind, name and values as JSON), and whether it comes (or goes)."""
        frames = [self._followed(book, told) for book, told in ((self.before, self.mine), (self.after, self.theirs))]
        goes = frames[0].join(frames[1], on=["row", "what"], how="anti").with_columns(comes=pl.lit(value=False))
        comes = frames[1].join(frames[0], on=["row", "what"], how="anti").with_columns(comes=pl.lit(value=True))
        return pl.concat([goes, comes]).join(graded.select("row"), on="row", how="semi")

    def _followed(self, book: Rulebook, told: Graded) -> pl.DataFrame:
        frames = [
            told.limits.select("row", what=pl.format('["{}","{}",{}]', "kind", "id", pl.lit("{}"))),
            told.statuses.select("row", what=pl.format('["status","{}",{}]', "status", pl.lit("{}"))),
        ]
        for name, kind in book.types.items():
            if kind.origin == "consequence":
                shown = [_shown(field) for field in kind.fields.values() if self._tells(name, field)]
                values = pl.struct(shown).struct.json_encode() if shown else pl.lit("{}")
                what = pl.format('["consequence","{}",{}]', pl.lit(name), values)
                frames.append(told.concluded[name].select("row", what=what).unique())
        return pl.concat(frames)

    def _tells(self, consequence: str, field: Field) -> bool:
        """Say whether a field tells one line from another: a choice, or a number that rules write out."""
        if field.personal or field.type not in ("choice", "yes_no", "whole", "decimal"):
            return False
        rules = [rule for book in (self.before, self.after) for rule in book.rules if rule.target == consequence]
        given = [rule.gives.get(field.name) for rule in rules if rule.kind == "consequence"]
        return field.type in ("choice", "yes_no") or all(one is None or isinstance(one, Const) for one in given)

    def _line_moves(self, lines: pl.DataFrame) -> list[Line]:
        counted = lines.group_by("what").agg(comes=pl.col("comes").sum(), all=pl.len()).sort("what")
        return [self._line(what, comes, every - comes) for what, comes, every in counted.iter_rows()]

    def _line(self, what: str, comes: int, goes: int) -> Line:
        kind, name, values = msgspec.json.decode(what)
        label: Text | None = None
        for book in (self.before, self.after):
            named: Mapping[str, Text] = {
                "consequence": {one.name: one.label for one in book.types.values()},
                "status": book.producer_statuses,
                "ceiling": book.ceilings,
                "veto": book.vetoes,
                "indicator": {one.id: one.label for one in book.indicators.values()},
            }[kind]
            label = named.get(name, label)
        return Line(kind, name, {key: value for key, value in values.items() if value is not None}, label, comes, goes)

    # Producers

    def _movers(self, movers: pl.DataFrame, rules: pl.DataFrame, lines: pl.DataFrame) -> list[Mover]:
        changed = set(self.changed())
        responsible: dict[int, list[RuleChange]] = {}
        by_weight = rules.join(movers.select("row"), on="row", how="semi").sort(
            "row", -(pl.col("points_after") - pl.col("points")).abs(), "rule"
        )
        for one in by_weight.iter_rows(named=True):
            count, points = (one["count"], one["count_after"]), (one["points"], one["points_after"])
            told = RuleChange(one["rule"], one["rule"] in changed, count, points)
            responsible.setdefault(one["row"], []).append(told)
        crossed: dict[tuple[int, bool], list[str]] = {}
        for row, what, comes in lines.join(movers.select("row"), on="row", how="semi").sort("what").iter_rows():
            crossed.setdefault((row, comes), []).append(_brief(what))
        attributes = {name: self._values(name, field) for name, field in self._attributes().items()}
        kinds, regions = self._values("kind", None), self._values("region", None)
        return [
            Mover(
                one["id"],
                kinds[row],
                regions[row],
                {name: value for name, values in attributes.items() if (value := values[row]) is not None},
                (one["grade_before"], one["grade_after"]),
                (one["score_grade_before"], one["score_grade_after"]),
                (one["score_before"], one["score_after"]),
                responsible.get(row, []),
                crossed.get((row, True), []),
                crossed.get((row, False), []),
            )
            for one in movers.iter_rows(named=True)
            for row in (one["row"],)
        ]


def _shown(field: Field) -> pl.Expr:
    """Return a field as people read it."""
    column = pl.col(field.name)
    if field.type != "decimal":
        return column
    return column.map_elements(lambda value: str(plain(field, value)), return_dtype=pl.String)


def _version(book: Rulebook) -> Version:
    return Version(book.id, book.version, book.sha256, [band.grade for band in book.bands])


def _said(book: Rulebook, rule: Rule) -> tuple[object, ...]:
    """Return what a rule means, with the measures that it reads; not where it stands or what its sentence says."""
    measures: dict[str, Measure] = {}
    todo = list(measures_read(rule))
    while todo:
        name = todo.pop()
        if name not in measures:
            measures[name] = msgspec.structs.replace(book.measures[name], label=Text(""))
            body = measures[name].body
            todo += [] if isinstance(body, Aggregate | PointsMeasure) else formula_measures(body)
    return msgspec.structs.replace(rule, index=0, source="", because=None), measures


def _brief(what: str) -> str:
    """Return a line as one word: its name, and the values that tell it from others of that name."""
    _, name, values = msgspec.json.decode(what)
    shown = ", ".join(f"{key} {value}" for key, value in values.items() if value is not None)
    return f"{name} ({shown})" if shown else str(name)
