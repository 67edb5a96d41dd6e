"""Verifies a certificate of shuoli: python verify.py CERTIFICATE.json [--key HEX_OR_FILE] (docs/verify.md).

Uses the standard library and `cryptography`, nothing of the program that graded. Values are encoded: dates as ordinals,
decimals as whole numbers of their last place. Truth is 1, 0 or, for want of a value, 0.5. A row is (id, values). An
environment holds producer, day, measures and then the facts bound so far, as rows; a scope says by alias at which place
of it one stands, `this` being the one under test.
"""

import json
import math
import operator
import re
import sys
from bisect import bisect_left, bisect_right, insort
from calendar import monthrange
from collections import ChainMap, defaultdict
from datetime import date
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SM3, Hash

Json = Any
NOT_DERIVED = ("until", "next_change_on", "readings", "remedies")
BASE = {"producer": 0, "as_of": 1, "measure": 2}
READS = {"ProducerTest": "producer", "DateTest": "as_of", "MeasureTest": "measure"}
EXACT: Json = {"add": sum, "subtract": lambda n: n[0] - sum(n[1:]), "multiply": math.prod, "min": min, "max": max}
NOTHING = b"nothing"  # no JSON says this
CONCLUDING, WORDS = ("finding", "consequence"), {"True": "yes", "False": "no"}
SILENT = -1  # points of a rule that does not fire for want of any
canonical = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

class Wrong(Exception):
    """The first thing that is wrong: its code and place, what stands there and what should."""
def must(code: str, at: str, given: object, expected: object) -> None:
    if type(given) is not type(expected) or given != expected:
        raise Wrong(f"[certificate.{code}] {at}\n  给出 · given: {given!s:.500}\n  应为 · expected: {expected!s:.500}")

def parse(text: str, at: str) -> Json:  # another way of writing, as with a key given twice, is refused
    value = json.loads(text)
    must("format", at, text.strip(), canonical(value))
    return value
def compare(given: Json, ours: Json, at: str) -> None:
    if isinstance(given, list) and isinstance(ours, list):
        given, ours = dict(enumerate(given)), dict(enumerate(ours))
    if not isinstance(given, dict) or not isinstance(ours, dict): return must("grading", at, given, ours)
    for name in {**ours, **given}:
        if name not in NOT_DERIVED: compare(given.get(name, NOTHING), ours.get(name, NOTHING), f"{at}/{name}")

def digest(*parts: bytes | str, by: str = "sha256") -> bytes:
    hashing = Hash({"sha256": SHA256(), "sm3": SM3()}[by])
    for part in parts: hashing.update(part.encode() if isinstance(part, str) else part)
    return hashing.finalize()
def walk(part: Json) -> Json:  # every object in a part of the rulebook, itself included
    if isinstance(part, dict): yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from walk(inner)

def show(field: Json, value: Json) -> Json:  # an encoded value as documents have it
    if value is None or field["type"] not in ("date", "decimal", "share"): return value
    if field["type"] == "date": return date.fromordinal(value).isoformat()
    places, unit = (2, "%") if field["type"] == "share" else (field["places"], "")
    whole, part = divmod(abs(value), 10**places)
    return "-" * (value < 0) + str(whole) + (f".{part:0{places}d}" if places else "") + unit
def encode(fields: Json, written: Json, at: str) -> Json:  # what the fields can't hold is refused
    values = dict(written)
    for name, value in written.items():
        field, kind = fields[name], fields[name]["type"]
        must("fact", f"{at}/{name}", type(value), {"whole": int, "yes_no": bool}.get(kind, str))
        if kind == "date": values[name] = date.fromisoformat(value).toordinal()
        if kind == "decimal": values[name] = int(value.replace(".", ""))
        known = value in (field["choices"] or [value])
        must("fact", f"{at}/{name}", value, show(field, values[name]) if known else "one of its choices")
    return values
def divide(top: int, bottom: int, rounding: str) -> int:
    return {"down": top // bottom, "up": -(-top // bottom)}.get(rounding, (2 * top + bottom) // (2 * bottom))
def move(day: int, amount: int, unit: str, calendar: Json) -> Json:  # None beyond the calendar
    if unit == "working_days":
        working = calendar["working"] if calendar else []
        place = bisect_right(working, day) + amount - 1 if amount > 0 else bisect_left(working, day) + amount
        known = calendar and calendar["first"] <= day <= calendar["last"] and 0 <= place < len(working)
        return day if calendar and amount == 0 else working[place] if known else None
    if unit in ("months", "years"):
        start = date.fromordinal(day)
        year, month = divmod(12 * start.year + start.month - 1 + amount * (12 if unit == "years" else 1), 12)
        last = monthrange(year, month + 1)[1] if 1 <= year <= 9999 else 0
        return date(year, month + 1, min(start.day, last)).toordinal() if last else None
    moved = day + amount * (7 if unit == "weeks" else 1)
    return moved if 1 <= moved <= date.max.toordinal() else None

class Derivation:
    """What a rulebook makes of a case; claimed findings are laid out as facts are, and must come out as concluded."""
    def __init__(self, book: Json, case: Json, grading: Json) -> None:
        self.book, self.day, who = book, date.fromisoformat(case["as_of"]).toordinal(), case["producer"]
        self.types, self.measures, self.grading = book["types"], book["measures"], grading
        self.who = encode(book["attributes"], who["attributes"], "/case/producer/attributes")
        self.who |= {name: who[name] for name in ("id", "kind", "region")}
        self.base = (("", self.who), ("", {"": self.day, "as_of": self.day}), ("", self))
        self.tables, self.fired, self.names = dict[str, Json](), dict[Json, Json](), dict[str, str]()
        self.rows, self.lost = defaultdict[str, Json](list), defaultdict[Json, int](int)
        self.place = {(one["rule"], *one["key"]): place for place, one in enumerate(grading["deductions"])}
        self.fields: Json = {"producer": book["attributes"], "as_of": {}, "measure": {}}
        for name, one in self.measures.items():
            field = one["body"].get("field") if one["body"].get("how") != "distinct" else None
            choices = self.types[one["body"]["pattern"]["type"]]["fields"][field]["choices"] if field else {}
            self.fields["measure"][name] = {**one, "choices": choices}
        for place, fact in enumerate(case["facts"]):
            kind, at = self.types[fact["type"]], f"/case/facts/{place}"
            values = encode(kind["fields"], fact["fields"], f"{at}/fields")
            key = sorted(one for one in values.items() if one[0] in (kind["same_when"] or values))
            name = f"F-{digest(canonical([fact['type'], dict(key)])).hex()[:16]}"
            must("fact", f"{at}/id", fact["id"], name if kind["origin"] == "fact" else "an id of a fact")
            if book["fact_statuses"][fact["status"]]["counts"] and values.get(kind["dated"], 0) <= self.day:
                self.lay_out(fact["type"], fact["id"], values)
        must("fact", "/case/facts", told := [(one["type"], one["id"]) for one in case["facts"]], sorted(set(told)))
        for one in grading["findings"] + grading["consequences"]:
            values = encode(self.types[one["type"]]["fields"], one["values"], f"/grading/{one['id']}")
            self.names[canonical([one["type"], sorted(values.items())])] = one["id"]
            self.lay_out(one["type"], one["id"], values)
    def lay_out(self, kind: str, name: str, values: Json) -> None:
        lasting = self.types[kind]["lasting"] or {"start": None, "end": None}
        start, end = values.get(lasting["start"]), values.get(lasting["end"])
        ended = end is not None and self.day >= end + lasting["end_included"]
        active = {} if start is None else {"(active)": start <= self.day and not ended}
        insort(self.rows[kind], (name, {**values, **active}), key=operator.itemgetter(0))
    def value(self, expr: Json, env: Json, scope: Json = BASE) -> Json:  # of a literal, reference or formula
        if "value" in expr: return expr["value"]
        if "args" in expr:
            args: Json = [self.value(arg, env, scope) for arg in expr["args"]]
            if None in args or (expr["op"] == "divide" and args[1] == 0): return None
            if expr["op"] == "divide": return divide(args[0], args[1], expr["rounding"])
            return EXACT[expr["op"]](args)
        found, shift = env[scope[expr["source"]]][1].get(expr["name"]), expr["shift"]
        return found if None in (found, shift) else move(found, shift["amount"], shift["unit"], self.book["calendar"])
    def test(self, test: Json, this: int, fields: Json, scope: Json, env: Json) -> Json:
        op, other, value = test["op"], test["operand"], env[this][1].get(test["name"])
        if op in ("present", "missing"): return (value is not None) == (op == "present")
        if isinstance(other, dict): other = self.value(other, env, {**scope, "this": this})
        if op in ("lt", "le", "gt", "ge") and (choices := fields.get(test["name"], {}).get("choices")):
            value, other = ({choice: rank for rank, choice in enumerate(choices)}.get(side) for side in (value, other))
        if value is None or other is None: return 0.5
        return (value in other) == (op == "in") if op in ("in", "not_in") else getattr(operator, op)(value, other)
    def tests(self, pattern: Json) -> Json:  # all that a pattern asks of its row, window and activity too
        asked: Json = []
        if window := pattern["window"]:
            name, how, start = window["field"], window["kind"], date(date.fromordinal(self.day).year, 1, 1).toordinal()
            if how == "last": start = move(self.day, -window["amount"], window["unit"], self.book["calendar"])
            if how == "since": start = self.value(window["since"], self.base)
            asked += [(name, "gt" if how == "last" else "ge", start), (name, "le", self.day)]
        if pattern["active"] is not None: asked += [("(active)", "eq", pattern["active"])]
        return pattern["tests"] + [{"name": name, "op": op, "operand": {"value": value}} for name, op, value in asked]
    def meets(self, tests: Json, fields: Json, env: Json, scope: Json = BASE) -> Json:
        return min((self.test(test, len(env) - 1, fields, scope, env) for test in tests), default=1)
    def fitting(self, pattern: Json, env: Json, scope: Json = BASE) -> Json:  # rows that are not bound: truth, row
        tests, fields = self.tests(pattern), self.types[pattern["type"]]["fields"]
        own, rows = {**scope, pattern["alias"]: len(env)}, [row for row in self.rows[pattern["type"]] if row not in env]
        return [(self.meets(tests, fields, (*env, row), own), row) for row in rows]
    def holds(self, clause: Json, scope: Json, env: Json) -> Json:
        if clause["is"] == "OutcomeTest":
            there = self.outcome[clause["what"]]
            return bool(there.intersection(clause["names"]) if clause["names"] else there) != clause["negated"]
        if clause["is"] == "Absent":
            own = ("this", clause["pattern"]["alias"], *BASE)
            read = [one for one in walk(clause["pattern"]) if one.get("is") == "Ref" and one["source"] not in own]
            if None in [self.value(one, env, scope) for one in read]: return 0.5
            return 1 - max((truth for truth, _ in self.fitting(clause["pattern"], env, scope)), default=0)
        on = READS.get(clause["is"])
        this, fields = (BASE[on], self.fields[on]) if on else (clause["this"], self.types[clause["type"]]["fields"])
        return min(self.test(test, this, fields, scope, env) for test in clause.get("tests") or [clause["test"]])
    def solve(self, todo: Json, env: Json, truth: float = 1) -> Json:  # environments in which no clause fails
        if truth and not todo: yield env, truth
        if not truth or not todo: return
        (clause, scope), *rest = todo
        if clause["is"] == "AnyOf":
            for clauses in clause["alternatives"]:
                inner = ChainMap({}, scope)
                yield from self.solve([(one, inner) for one in clauses] + rest, env, truth)
        elif clause["is"] == "Match":
            pattern, scope[clause["pattern"]["alias"]] = clause["pattern"], len(env)
            on = {"is": "Test", "this": len(env), "type": pattern["type"]}
            rest = [(on | {"test": test}, scope) for test in self.tests(pattern)] + rest
            for row in self.rows[pattern["type"]]:
                if row not in env: yield from self.solve(rest, (*env, row), truth)
            del scope[pattern["alias"]]
        else:  # an absence looks away from all that is bound, and tests wait for what they read
            known = {"this", clause.get("pattern", {}).get("alias"), *scope}
            waits = any(ref["source"] not in known for ref in walk(clause) if ref.get("is") == "Ref")
            waits = waits or (clause["is"] == "Absent" and any(one["is"] in ("Match", "AnyOf") for one, _ in rest))
            truth = truth if waits else min(truth, self.holds(clause, scope, env))
            yield from self.solve([*rest, todo[0]] if waits else rest, env, truth)
    def get(self, name: str) -> Json:  # a measure's value, of the present group
        return self.table(name).get(self.group if self.measures[name]["per"] else None, (None,))[0]
    def table(self, name: str) -> Json:  # a measure by group: value, how many were measured, the ids it rests on
        one, body, per = self.measures[name], self.measures[name]["body"], self.measures[name]["per"]
        if name not in self.tables and body["is"] == "Aggregate":
            rows = [row for truth, row in self.fitting(body["pattern"], self.base) if truth == 1]
            groups = sorted({row[1][per] for row in rows if per in row[1]}) if per else [None]
            found = {group: self.aggregate(one, [row for row in rows if row[1].get(per) == group]) for group in groups}
            self.tables[name] = {group: part for group, part in found.items() if part[1] or not per}
        elif name not in self.tables:
            value = sum(self.lost[part] for part in body["of"]) if "of" in body else self.value(body, self.base)
            self.tables[name] = {None: (one["when_nothing"] if value is None else value, 0, [])}
        return self.tables[name]
    def aggregate(self, measure: Json, rows: Json) -> Json:
        body, how, name = measure["body"], measure["body"]["how"], measure["body"]["field"]
        kind, window = self.types[body["pattern"]["type"]], body["pattern"]["window"]
        if how == "days_since": name = window["field"] if window else kind["dated"]
        day = kind["dated"] if how in ("latest", "first") else name
        rows = [row for row in rows if name is None or None not in (row[1].get(name), row[1].get(day))]
        ids, values = [row[0] for row in rows], [row[1].get(name) for row in rows]
        if how in ("count", "distinct"): return len(rows if how == "count" else set(values)), len(rows), ids
        if not rows: return measure["when_nothing"], 0, []
        if how == "sum": return sum(values), len(rows), ids
        if how == "share":
            ids = [row[0] for row in rows if self.meets(body["numerator"], kind["fields"], (*self.base, row)) < 1]
            return 10_000 * (len(rows) - len(ids)) // len(rows), len(rows), ids
        rank = {choice: place for place, choice in enumerate(self.fields["measure"][measure["name"]]["choices"])}
        edge = (min if how == "first" else max)(row[1][day] for row in rows) if how in ("latest", "first") else None
        last = [row for row in rows if edge in (None, row[1][day])]
        best = (min if how == "min" else max)((row[1][name] for row in last), key=lambda value: rank.get(value, value))
        ids = [row[0] for row in last if row[1][name] == best]
        return self.day - best if how == "days_since" else best, len(rows), ids
    def needed(self, rule: Json) -> Json:  # the measures without which a rule is not applicable
        names = [part["measure"] for part in [*rule["when"], rule["points"] or {}] if "measure" in part]
        names += [ref["name"] for ref in walk(rule["points"]) if ref.get("source") == "measure"]
        given = {name: one["name"] for name, one in rule["gives"].items() if one.get("source") == "measure"}
        fields = self.types[rule["target"]]["fields"] if given else {}  # its groups, and what a field must have
        return names + [one for name, one in given.items() if self.measures[one]["per"] or not fields[name]["optional"]]
    def empty(self, rule: Json) -> bool:
        return any(all(part[0] is None for part in self.table(name).values()) for name in self.needed(rule))
    def points(self, rule: Json, env: Json, scope: Json) -> Json:  # None: unknown
        points = rule["points"] or {"points": 0}
        if "steps" in points:
            fields = self.fields["measure"]
            met = (step for step in points["steps"] if self.meets(step["tests"], fields, self.base) == 1)
            return next((step["points"] for step in met), SILENT)
        read = [self.value(ref, env, scope) for ref in walk(points) if ref.get("is") == "Ref"]
        if None in read: return None
        if "by" in points: return points["points"].get(read[0], SILENT)
        asked = self.value(points["formula"], env, scope) if "formula" in points else points["points"]
        return SILENT if asked is None else max(0, asked)
    def fire(self, rule: Json) -> str:  # notes every firing of a rule, and says what became of it
        keys, status, kinds = rule["for_each"], "not_fired", rule["applies_to"] or self.book["kinds"]
        out = rule["kind"] == "standard" and self.applies[rule["target"]] in ("kind", "suspended")
        if out or self.who["kind"] not in kinds or self.empty(rule): return "not_applicable"
        tables, scope = [self.table(one) for one in self.needed(rule) if self.measures[one]["per"]], dict(BASE)
        places = {pattern["alias"]: place for place, pattern in enumerate(keys, len(BASE))} | BASE
        clauses = [*({"is": "Match", "pattern": pattern} for pattern in keys), *rule["when"]]
        for self.group in tables[0] if tables else [None]:
            if any(table.get(self.group, (None,))[0] is None for table in tables): continue
            for env, truth in self.solve([(clause, scope) for clause in clauses], self.base):
                points, ids = self.points(rule, env, places), [row[0] for row in env[len(BASE):]]
                if points is None or (points != SILENT and truth < 1 and not rule["unknown_fires"]): status = "unknown"
                elif points != SILENT:
                    group = [] if self.group is None else [WORDS.get(repr(self.group), str(self.group))]
                    gives = sorted((name, self.value(expr, env, places)) for name, expr in rule["gives"].items())
                    values = [one for one in gives if one[1] is not None]
                    told = self.names.get(canonical([rule["target"], values]), "(a finding that is not told)")
                    new = {name: rule[name] for name in ("kind", "target", "grade", "law")} | {"rule": rule["id"],
                        "key": ids[:len(keys)] + group, "premises": set(), "points": points, "counted": 0,
                        "concludes": told if rule["kind"] in CONCLUDING else rule["target"]}
                    self.fired.setdefault((rule["id"], *new["key"]), new)["premises"].update(ids)
        return "fired" if any(key[0] == rule["id"] for key in self.fired) else status
    def applying(self, name: str, standard: Json) -> str:
        kind, kinds, by = self.who["kind"], self.book["kinds"], standard["suspended_by"]
        rules = [rule for rule in self.book["rules"] if (rule["kind"], rule["target"]) == ("standard", name)]
        asked = [rule for rule in rules if kind in (rule["applies_to"] or kinds)]
        if kind not in (standard["applies_to"] or kinds) or (rules and not asked): return "kind"
        if by and any(truth == 1 for truth, _ in self.fitting(by, self.base)): return "suspended"
        return "nothing_to_measure" if rules and all(self.empty(rule) for rule in asked) else "yes"
    def ordered(self) -> Json:  # as the document puts them, the others last
        return [self.fired[key] for key in sorted(self.fired, key=lambda key: self.place.get(key, len(self.place)))]
    def derive(self) -> Json:  # the document of the grading
        book, scoring, rules, standards = self.book, self.book["scoring"], self.book["rules"], self.book["standards"]
        indicators, bands, lost, losing = book["indicators"], book["bands"], self.lost, scoring["direction"] == "lost"
        above = {name: (one["indicator"], indicators[one["indicator"]]["parent"]) for name, one in standards.items()}
        weight = {name: math.prod(indicators[one]["weight"] for one in both) for name, both in above.items()}
        places = {"whole": 0, "tenths": 1, "hundredths": 2}[scoring["unit"]]
        def shown(points: int) -> Json: return show({"type": "decimal", "places": places}, points) if places else points
        self.applies = {name: self.applying(name, one) for name, one in standards.items()}
        became = {rule["id"]: self.fire(rule) for rule in rules if rule["kind"] != "consequence"}
        about, most, score = defaultdict[Json, Json](list), {rule["id"]: rule["at_most"] for rule in rules}, 0
        for one in self.ordered():
            name, left = one["target"], one["points"]
            about[one["kind"], name].append(one)
            if one["kind"] != "standard": continue
            caps = [(("", one["rule"]), most[one["rule"]]), (("asked", name), None), (name, standards[name]["points"])]
            for what, cap in caps + [(what, indicators[what]["at_most"]) for what in above[name]]:
                left = left if cap is None else max(0, min(left, cap - lost[what]))
                lost[what] += left
            one["counted"], score = left, score + left * weight[name]
        yes = [name for name in standards if self.applies[name] == "yes"]
        kept = standards if scoring["not_applicable"] == "keeps_its_points" else yes
        total, applicable = (sum(standards[one]["points"] * weight[one] for one in part) for part in (standards, kept))
        maxima = {one: sum(standards[name]["points"] for name in yes if one in above[name]) for one in indicators}
        stands = {one: maxima[one] - lost[one] if losing else lost[one] for one in indicators}
        value, scaled = scoring["start"] + (-score if losing else score), applicable not in (0, total)
        if scaled and losing: value = divide(scoring["start"] * (applicable - score), applicable, scoring["rounding"])
        if scaled and not losing: value = scoring["start"] + divide(score * total, applicable, scoring["rounding"])
        value = max(value, value if scoring["floor"] is None else scoring["floor"])
        value = min(value, value if scoring["ceiling"] is None else scoring["ceiling"])
        def within(amount: int, least: int | None, most: int | None) -> bool:
            return (least is None or amount >= least) and (most is None or amount <= most)
        def reached(band: Json) -> bool:
            ends = (band["low"], None) if scoring["better"] == "higher" else (None, band["high"])
            single = all(within(lost[name], None, band["worst_single"]) for name in standards)
            demands = [(stands[one["indicator"]], one["at_least"], one["at_most"]) for one in band["demands"]]
            return within(value, *ends) and single and all(within(*one) for one in demands)
        rank = [band["grade"] for band in bands]
        score_grade = next((band["grade"] for band in bands[:-1] if reached(band)), rank[-1])
        limits = [(name, kind, max((one["grade"] for one in about[kind, name]), key=rank.index)) for kind, names
            in (("ceiling", book["ceilings"]), ("veto", book["vetoes"])) for name in names if about[kind, name]]
        for name, one in indicators.items():
            ends = (one["minimum"], None) if losing else (None, one["minimum"])
            if maxima[name] and not within(stands[name], *ends): limits.append((name, "indicator", one["otherwise"]))
        grade = max([score_grade, *(one[2] for one in limits)], key=rank.index)
        colour, points = bands[rank.index(grade)]["colour"], {name: shown(lost[name]) for name in standards}
        statuses = [name for name in book["producer_statuses"] if about["status", name]]
        self.outcome = {kind: {one[0] for one in limits if one[1] == kind} for kind in ("ceiling", "veto")}
        losers = {name for name in [*standards, *indicators] if lost[name] > 0}
        self.outcome |= {"grade": {grade}, "score_grade": {score_grade}, "status": set(statuses), "standard": losers}
        became |= {rule["id"]: self.fire(rule) for rule in rules if rule["kind"] == "consequence"}
        fired, founded = self.ordered(), set[str]()
        for place, one in enumerate(fired):
            later = {name for name in one["premises"] if "#" in name} - founded
            must("grading", f"/grading/deductions/{place}/premises", later, set())
            one["id"] = f"D{place + 1}"
            founded.add(one["concludes"])
        told = [{"id": name, "kind": kind, "grade": at, "deductions": [one["id"] for one in about[kind, name]],
            "decisive": at == grade != score_grade} for name, kind, at in limits]
        return {
            "grade": grade, "score": shown(value), "score_grade": score_grade, "statuses": statuses, "colour": colour,
            "points_lost": points if losing else {}, "points_gained": {} if losing else points,
            "points": {"counted": shown(score), "applicable": shown(applicable), "total": shown(total)},
            "indicators": [{"id": id, "maximum": shown(maxima[id]), "points": shown(lost[id])} for id in indicators],
            "standards": [{"id": name, "maximum": shown(one["points"]), "asked": shown(lost["asked", name]),
                "points": points[name], "applies": self.applies[name]} for name, one in standards.items()],
            "measures": [{"name": name, "value": show(one, got), "of": of, "facts": ids} | ({"group": at} if one["per"]
                else {}) for name, one in self.measures.items() for at, (got, of, ids) in self.table(name).items()],
            "findings": [one for one in self.grading["findings"] if one["id"] in founded],
            "consequences": [one for one in self.grading["consequences"] if one["id"] in founded],
            "deductions": [one | {name: shown(one[name]) for name in ("points", "counted")}
                | {"premises": sorted(one["premises"])} for one in fired],
            "verdicts": [{"rule": rule["id"], "status": became[rule["id"]]} for rule in rules],
            "ceilings": [one for one in told if one["kind"] != "veto"],
            "vetoes": [one for one in told if one["kind"] == "veto"],
        }

def root_of(leaf: bytes, index: int, size: int, proof: list[str], by: str) -> bytes:  # RFC 6962, section 2.1.1
    if size <= 1 or not proof: return leaf if size == 1 and index == 0 and not proof else b""
    half, sibling = 1 << (size - 1).bit_length() - 1, bytes.fromhex(proof[-1])
    if index < half: return digest(b"\1", root_of(leaf, index, half, proof[:-1], by), sibling, by=by)
    return digest(b"\1", sibling, root_of(leaf, index - half, size - half, proof[:-1], by), by=by)

def verify(text: str, key: str | None) -> Json:  # the grading, the leaf, the head
    whole = parse(text, "/")
    must("format", "/format", whole["format"], "shuoli-certificate-1")
    book, case, grading = (parse(whole[name], f"/{name}") for name in ("rulebook", "case", "grading"))
    must("rulebook", "/rulebook", digest(whole["rulebook"]).hex(), grading["rulebook"]["sha256"])
    must("case", "/case", digest(whole["case"]).hex(), grading["case"])
    told = {name: book[name] for name in ("id", "version", "status")} | {"sha256": digest(whole["rulebook"]).hex()}
    ours = {name: case[name] for name in ("as_of", "known_at")} | {"rulebook": told, "case": grading["case"]}
    ours |= {"producer": case["producer"]["id"], "facts": [fact["id"] for fact in case["facts"]]}
    compare(grading, ours | Derivation(book, case, grading).derive(), "/grading")
    leaf, head = parse(whole["leaf"]["document"], "/leaf/document"), parse(whole["head"]["document"], "/head/document")
    must("leaf", "/leaf/document", [leaf["kind"], leaf["ref"]], ["grading", digest(whole["grading"]).hex()])
    for text in (*whole["inclusion"], whole["head"]["key"], whole["head"]["signature"]):
        must("format", "/", text, bytes.fromhex(text).hex())
    signer, hashed = bytes.fromhex(whole["head"]["key"]), digest(b"\0", whole["leaf"]["document"], by=head["hash"])
    root = root_of(hashed, whole["leaf"]["index"], head["size"], whole["inclusion"], head["hash"])
    must("proof", "/inclusion", root.hex(), head["root"])
    must("head", "/head/document/log", head["log"], digest(signer).hex()[:16])
    must("key", "/head/key", whole["head"]["key"], key or signer.hex())
    signature, signed = whole["head"]["signature"], whole["head"]["document"].encode()
    try: Ed25519PublicKey.from_public_bytes(signer).verify(bytes.fromhex(signature), signed)
    except InvalidSignature: must("signature", "/head/signature", signature, "a signature of the head by its key")
    return grading, leaf, head | {"key": signer.hex()}

def main(words: list[str]) -> int:
    if len(words) not in (1, 3) or words[1:2] not in ([], ["--key"]): return print(__doc__, file=sys.stderr) or 2
    try:
        text, key = Path(words[0]).read_text("utf-8"), words[2].lower() if words[2:] else None
        if key and not re.fullmatch("[0-9a-f]{64}", key): key = Path(words[2]).read_text("utf-8").strip().lower()
    except (OSError, ValueError) as error: return print(error, file=sys.stderr) or 2
    try: grading, leaf, head = verify(text, key)
    except Wrong as wrong: return print(f"✗ {wrong}") or 1
    except Exception as error: return print(f"✗ [certificate.format] {error!r}") or 1
    told, whose = grading["rulebook"], "所给 · the one given" if key else "未证明属机关 · not shown to be the bureau's"
    return print(f"""✓ 已核验 · verified
  主体 producer    {grading["producer"]}
  等级 grade       {grading["grade"]} ({grading["score"]}), as_of {grading["as_of"]}, known_at {grading["known_at"]}
  规则包 rulebook  {told["id"]} {told["version"]} ({told["status"]}), sha256 {told["sha256"]}
  日志 log         {head["log"]}: {leaf["at"]} in the {head["size"]} leaves of the head of {head["at"]}
  公钥 key         {head["key"]}: {whose}
未重新推导 · not derived again, only signed: {", ".join(NOT_DERIVED)}, the order of deductions
未证明 · not proved: 事实为真 · that facts are true; 首个日志头前无隐瞒 · that nothing was withheld before it""") or 0

if __name__ == "__main__": sys.exit(main(sys.argv[1:]))
