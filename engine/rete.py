"""The only door to durable_rules: its C module, driven inside the subset that gives right answers.

The kernel sees nothing but small integers under names made here. Rulebook names, texts and types never
reach it, so its faults with 32-bit hashes, strings, floats and mixed types have nothing to work on
(docs/decisions/0001). What remains of its faults is met as follows: the type test stands first in each
pattern; joined fields are guarded; the last join is written twice; absences stand behind a gate fact;
types are split into buckets before they reach the kernel's limits; one live session, always deleted, after
a warm-up that fired; every batch ends with a sentinel whose rule must fire.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import durable_rules_engine as _kernel
import msgspec

from knowledge.problems import EngineFailure, LimitExceeded

SENTINEL, GATE = 0, 1
_FIRST_TYPE = 2
# One fact may meet at most 64 alternatives of its type at once, and a type may have 511; see the manual's limits.
_PATTERNS_PER_BUCKET = 60
_RULES_PER_GATE = 200
_POSITIVE_PATTERNS = 15
_JOINS = 10
_OPERATORS = {"eq": None, "ne": "$neq", "lt": "$lt", "le": "$lte", "gt": "$gt", "ge": "$gte"}


@dataclass(frozen=True, slots=True)
class KernelPattern:
    """One pattern: tests `(column, op, integer)` and joins `(column, op, earlier alias, its column)`.

    `marker` is the caller's own number for it, given back in `Bucket.markers`.
    """

    alias: str
    type: str
    marker: int
    tests: tuple[tuple[str, str, int], ...] = ()
    joins: tuple[tuple[str, str, str, str], ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True)
class KernelRule:
    """Positive patterns in join order, then negated ones, which wait for the gate of `gate`."""

    name: str
    patterns: tuple[KernelPattern, ...]
    gate: int | None = None


@dataclass(slots=True)
class Bucket:
    """A share of a type's patterns. A fact that meets one of them is asserted once under `code`."""

    code: int
    columns: set[str]
    markers: set[int]


class NetworkTooLarge(Exception):
    """A rule or rulebook goes beyond what the kernel can hold; the text says where."""


class _Id(msgspec.Struct):
    id: int


_decode = msgspec.json.Decoder(dict[str, dict[str, _Id]]).decode


class Kernel:
    """A compiled network. One per thread; one session at a time; `close()` when the rulebook is replaced."""

    def __init__(self, rules: Sequence[KernelRule]) -> None:
        self.buckets: dict[str, list[Bucket]] = {}
        self._gates: dict[int, list[int]] = {}
        self._code = _FIRST_TYPE
        definition: dict[str, Any] = {rule.name: {"all": self._lower(rule)} for rule in rules}
        _refuse_collisions(
            rules, {column for buckets in self.buckets.values() for b in buckets for column in b.columns}
        )
        definition["end"] = {"all": [{"m": {"t": SENTINEL}}], "pri": 65535}
        if len(definition) > 4000:
            raise NetworkTooLarge(f"{len(definition)} ways to fire; the kernel holds 4000")
        self._handle: Any = _kernel.create_ruleset("shuoli", json.dumps(definition))
        self._live = False
        # delete_state frees uninitialised memory in a pool slot where no action ever ran (manual, D3).
        with self.session(deadline=None, most_firings=1) as warm_up:
            warm_up.run([])

    def close(self) -> None:
        """Give the network's memory back."""
        _kernel.delete_ruleset(self._handle)

    @contextmanager
    def session(self, *, deadline: float | None, most_firings: int) -> Iterator[Session]:
        """Open the one session; it is deleted whatever happens inside."""
        if self._live:
            raise EngineFailure("the kernel is asked for a second session at once")
        self._live = True
        try:
            yield Session(self._handle, self._gates, deadline, most_firings)
        finally:
            self._live = False
            try:
                _kernel.delete_state(self._handle, "s")
            except Exception as error:
                # 309: nothing was asserted, so there is no state to delete.
                if "309" not in str(error):
                    raise EngineFailure(f"the kernel could not end its session: {error}") from error

    def _lower(self, rule: KernelRule) -> list[dict[str, Any]]:
        positive = [pattern for pattern in rule.patterns if not pattern.negated]
        if not positive or len(positive) > _POSITIVE_PATTERNS - 1:
            raise NetworkTooLarge(
                f"a rule may combine 1 to {_POSITIVE_PATTERNS - 1} patterns, this one has {len(positive)}"
            )
        codes = {name: self._bucket(name, rule.patterns) for name in {pattern.type for pattern in rule.patterns}}
        needed: dict[str, set[str]] = {}
        for pattern in rule.patterns:
            for _, _, alias, column in pattern.joins:
                needed.setdefault(alias, set()).add(column)
        out: list[dict[str, Any]] = []
        gated = False
        for pattern in rule.patterns:
            if pattern.negated and not gated:
                assert rule.gate is not None
                out.append({"g": {"$and": [{"t": GATE}, {"n": self._gate(rule.gate)}]}})
                gated = True
            bucket = codes[pattern.type]
            condition = _condition(pattern, bucket.code, needed.get(pattern.alias, set()))
            bucket.markers.add(pattern.marker)
            bucket.columns.update(column for column, _, _ in pattern.tests)
            bucket.columns.update(column for column, _, _, _ in pattern.joins)
            bucket.columns.update(needed.get(pattern.alias, ()))
            out.append({f"{pattern.alias}$not" if pattern.negated else pattern.alias: condition})
        return out

    def _bucket(self, name: str, patterns: Iterable[KernelPattern]) -> Bucket:
        # All patterns of one type in one rule share a bucket: only then do they bind different facts.
        wanted = {pattern.marker for pattern in patterns if pattern.type == name}
        buckets = self.buckets.setdefault(name, [])
        if not buckets or len(buckets[-1].markers | wanted) > _PATTERNS_PER_BUCKET:
            buckets.append(Bucket(self._code, set(), set()))
            self._code += 1
        return buckets[-1]

    def _gate(self, stage: int) -> int:
        uses = self._gates.setdefault(stage, [0])
        if uses[-1] >= _RULES_PER_GATE:
            uses.append(0)
        uses[-1] += 1
        return stage * 1000 + len(uses) - 1


class Session:
    """One evaluation inside the kernel. Facts go in as JSON texts made by `engine.lowering`."""

    def __init__(
        self, handle: Any, gates: Mapping[int, Sequence[int]], deadline: float | None, most_firings: int
    ) -> None:
        self._handle = handle
        self._gates = gates
        self._deadline = deadline
        self._left = most_firings
        self.last_id = 0
        """The highest fact id used; whoever makes facts counts on from here and writes it back."""

    def open_gate(self, stage: int) -> list[str]:
        """Return the facts that let the absences of `stage` be decided; assert them after all they can see."""
        facts = []
        for n in range(len(self._gates.get(stage, ()))):
            self.last_id += 1
            facts.append(f'{{"sid":"s","id":{self.last_id},"t":{GATE},"n":{stage * 1000 + n}}}')
        return facts

    def run(self, facts: list[str]) -> list[tuple[str, dict[str, _Id]]]:
        """Assert facts, fire everything they allow, and return `(rule name, {alias: fact id})` per firing.

        Raises:
            EngineFailure: the kernel reports an error or dropped part of the batch.
            LimitExceeded: too many firings, or the deadline has passed.
        """
        self.last_id += 1
        facts.append(f'{{"sid":"s","id":{self.last_id},"t":{SENTINEL}}}')
        firings: list[tuple[str, dict[str, _Id]]] = []
        ended = False
        try:
            state = _kernel.assert_facts(self._handle, f"[{','.join(facts)}]")[1]
            started = _kernel.start_action_for_state(self._handle, state)
            message = started[1] if started else None
            while message is not None:
                ((name, bound),) = _decode(message).items()
                if name == "end":
                    ended = True
                else:
                    firings.append((name, bound))
                    if len(firings) > self._left or (len(firings) & 255 == 0 and self._late()):
                        self._stop()
                message = _kernel.complete_and_start_action(self._handle, state)
        except _kernel.error as error:
            raise EngineFailure(f"the kernel failed: {error}") from error
        if not ended:
            raise EngineFailure("the kernel dropped part of a batch")
        self._left -= len(firings)
        if self._late():
            self._stop()
        return firings

    def _late(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline

    def _stop(self) -> None:
        if self._late():
            raise LimitExceeded("limit.time", "the evaluation took longer than allowed")
        raise LimitExceeded("limit.deductions", "the rules fired more often than allowed for one producer")


def _condition(pattern: KernelPattern, code: int, read_by_others: set[str]) -> dict[str, Any]:
    if len(pattern.joins) > _JOINS:
        raise NetworkTooLarge(
            f"a pattern may compare {_JOINS} fields with other facts, this one has {len(pattern.joins)}"
        )
    present = {column for column, _, _, _ in pattern.joins}
    if not pattern.negated:
        present |= read_by_others
    tests = [_compare(column, op, value) for column, op, value in pattern.tests]
    joins = [_compare(column, op, {alias: other}) for column, op, alias, other in pattern.joins]
    # A false join that stands last is not noticed and memory is read beyond the rule (manual, D1): write it twice.
    joins.extend(joins[-1:])
    return {"$and": [{"t": code}, *({"$ex": {column: 1}} for column in sorted(present)), *tests, *joins]}


def _compare(column: str, op: str, right: int | dict[str, str]) -> dict[str, Any]:
    operator = _OPERATORS[op]
    return {column: right} if operator is None else {operator: {column: right}}


def _refuse_collisions(rules: Sequence[KernelRule], columns: set[str]) -> None:
    # Names are compared by 32-bit hashes only (manual, D21). Ours are made here and few; this proves them apart.
    spaces: list[set[str]] = [columns | {"id", "sid", "t", "n", "$s", "$forward"}]
    spaces.extend({pattern.alias for pattern in rule.patterns} | {"g"} for rule in rules)
    spaces.append({rule.name for rule in rules} | {"end"})
    for names in spaces:
        for signed in (True, False):
            if len({_fnv(name, signed) for name in names}) != len(names):
                raise NetworkTooLarge("two generated names share a hash; this is a fault of shuoli")


def _fnv(name: str, signed: bool) -> int:
    value = 0x811C9DC5
    for byte in name.encode():
        value = ((value ^ (byte | 0xFFFFFF00 if signed and byte > 127 else byte)) * 16777619) & 0xFFFFFFFF
    return value
