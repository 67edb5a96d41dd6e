"""The only door to durable_rules: its C module, driven inside the subset that gives right answers.

The kernel sees nothing but small integers under names made here. Rulebook names, texts and types never
reach it, so its faults with 32-bit hashes, strings, floats and mixed types have nothing to work on
(docs/decisions/0001). What remains of its faults is met as follows: the type test stands first in each
pattern; joined fields are guarded; the last join is written twice; absences stand behind a gate fact;
rules are split into networks far below the kernel's limits (docs/decisions/0007); one live session a network,
always deleted, after a warm-up that fired; every batch ends with a sentinel whose rule must fire.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import durable_rules_engine as _kernel
import msgspec

from knowledge.problems import EngineFailure, LimitExceeded

SENTINEL, GATE = 0, 1
_FIRST_TYPE = 2
# A fact is tried against every type of its network, and a session makes tables for every pattern of it, so small
# networks of which few are opened are faster by far than a large one; each takes 0.2 MB of memory.
_PATTERNS_PER_NETWORK = 32
_PATTERNS_PER_SMALL_NETWORK = 8
# One fact may meet at most 64 alternatives of its type at once; the other limits (see the manual) are far from this.
_PATTERNS_PER_RULE = 60
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
    section: str = ""
    """Rules of one section share networks: those that fire for the same producers should have the same."""


@dataclass(slots=True)
class Bucket:
    """A network's patterns of one type. A fact that meets one of them is asserted there once under `code`."""

    code: int
    network: int
    columns: dict[str, set[int]] = field(default_factory=dict)
    """By column: the markers of the patterns that read it, or whose facts others compare by it."""
    markers: set[int] = field(default_factory=set)

    def reads(self, marker: int, columns: Iterable[str]) -> None:
        """Note down what a pattern reads."""
        self.markers.add(marker)
        for column in columns:
            self.columns.setdefault(column, set()).add(marker)


class NetworkTooLarge(Exception):
    """A rule or rulebook goes beyond what the kernel can hold; the text says where."""


class _Id(msgspec.Struct):
    id: int


_decode = msgspec.json.Decoder(dict[str, dict[str, _Id]]).decode
Firings: TypeAlias = list[tuple[str, dict[str, _Id]]]
Batches: TypeAlias = dict[int, list[str]]
"""Facts as JSON texts made by `engine.lowering`, by the network that they are for."""


@dataclass(slots=True)
class _Network:
    """Some rules compiled into one ruleset of durable_rules, and the stages whose gates they wait for."""

    handle: Any
    gates: tuple[int, ...]


class Kernel:
    """Compiled networks. One per thread; one session at a time; `close()` when the rulebook is replaced."""

    def __init__(self, rules: Sequence[KernelRule]) -> None:
        self.buckets: dict[str, list[Bucket]] = {}
        """By type: its share in each network."""
        self._code = _FIRST_TYPE
        self._networks: list[_Network] = []
        for part in _parts(rules):
            self._networks.append(self._network(part))
        self._live = False
        # delete_state frees uninitialised memory in a pool slot where no action ever ran (manual, D3).
        with self.session(deadline=None, most_firings=1) as warm_up:
            warm_up.run({place: [] for place in range(len(self._networks))})

    def close(self) -> None:
        """Give the networks' memory back."""
        for network in self._networks:
            _kernel.delete_ruleset(network.handle)

    @contextmanager
    def session(self, *, deadline: float | None, most_firings: int) -> Iterator[Session]:
        """Open the one session; it is deleted whatever happens inside."""
        if self._live:
            raise EngineFailure("the kernel is asked for a second session at once")
        self._live = True
        session = Session(self._networks, deadline, most_firings)
        try:
            yield session
        finally:
            self._live = False
            session.delete()

    def _network(self, rules: Sequence[KernelRule]) -> _Network:
        definition: dict[str, Any] = {rule.name: {"all": self._lower(rule, len(self._networks))} for rule in rules}
        columns = {column for buckets in self.buckets.values() for bucket in buckets for column in bucket.columns}
        _refuse_collisions(rules, columns)
        definition["end"] = {"all": [{"m": {"t": SENTINEL}}], "pri": 65535}
        gates = {rule.gate for rule in rules if rule.gate is not None}
        return _Network(_kernel.create_ruleset("shuoli", json.dumps(definition)), tuple(sorted(gates)))

    def _lower(self, rule: KernelRule, network: int) -> list[dict[str, Any]]:
        positive = [pattern for pattern in rule.patterns if not pattern.negated]
        if not positive or len(positive) > _POSITIVE_PATTERNS - 1:
            raise NetworkTooLarge(
                f"a rule may combine 1 to {_POSITIVE_PATTERNS - 1} patterns, this one has {len(positive)}"
            )
        if len(rule.patterns) > _PATTERNS_PER_RULE:
            raise NetworkTooLarge(f"a rule may have {_PATTERNS_PER_RULE} patterns, this one has {len(rule.patterns)}")
        needed: dict[str, set[str]] = {}
        for pattern in rule.patterns:
            for _, _, alias, column in pattern.joins:
                needed.setdefault(alias, set()).add(column)
        out: list[dict[str, Any]] = []
        gated = False
        for pattern in rule.patterns:
            if pattern.negated and not gated:
                assert rule.gate is not None
                out.append({"g": {"$and": [{"t": GATE}, {"n": rule.gate}]}})
                gated = True
            bucket = self._bucket(pattern.type, network)
            read_by_others = needed.get(pattern.alias, set())
            condition = _condition(pattern, bucket.code, read_by_others)
            tested = [test[0] for test in pattern.tests] + [join[0] for join in pattern.joins]
            bucket.reads(pattern.marker, (*tested, *read_by_others))
            out.append({f"{pattern.alias}$not" if pattern.negated else pattern.alias: condition})
        return out

    def _bucket(self, name: str, network: int) -> Bucket:
        buckets = self.buckets.setdefault(name, [])
        if not buckets or buckets[-1].network != network:
            buckets.append(Bucket(self._code, network))
            self._code += 1
        return buckets[-1]


def _parts(rules: Sequence[KernelRule]) -> Iterator[list[KernelRule]]:
    """Yield the rules of each network: those of one section, or of several small ones."""
    sections: dict[str, list[KernelRule]] = {}
    for rule in rules:
        sections.setdefault(rule.section, []).append(rule)
    part: list[KernelRule] = []
    size = 0
    for section in sections.values():
        if size + sum(len(rule.patterns) for rule in section) > _PATTERNS_PER_SMALL_NETWORK and part:
            yield part
            part, size = [], 0
        for rule in section:
            if part and size + len(rule.patterns) > _PATTERNS_PER_NETWORK:
                yield part
                part, size = [], 0
            part.append(rule)
            size += len(rule.patterns)
    if part:
        yield part


class Session:
    """One evaluation inside the kernel. Networks are opened when they get their first fact."""

    def __init__(self, networks: Sequence[_Network], deadline: float | None, most_firings: int) -> None:
        self._networks = networks
        self._deadline = deadline
        self._left = most_firings
        self._stage = -1
        self._closed: dict[int, list[int]] = {}
        """By opened network: the stages whose gates it waits for."""
        self.last_id = 0
        """The highest fact id used; whoever makes facts counts on from here and writes it back."""

    def open_gates(self, stage: int) -> None:
        """Let the absences up to `stage` be decided after the next batch: nothing that they see comes later."""
        self._stage = stage

    def run(self, batches: Batches) -> Firings:
        """Assert facts, fire everything they allow, and return `(rule name, {alias: fact id})` per firing.

        Raises:
            EngineFailure: the kernel reports an error or dropped part of the batch.
            LimitExceeded: too many firings, or the deadline has passed.
        """
        for place in batches:
            if place not in self._closed:
                self._closed[place] = list(self._networks[place].gates)
        for place, closed in self._closed.items():
            while closed and closed[0] <= self._stage:
                batches.setdefault(place, []).append(self._fact(f'"t":{GATE},"n":{closed.pop(0)}'))
        found: Firings = []
        for place, facts in batches.items():
            facts.append(self._fact(f'"t":{SENTINEL}'))
            self._run(self._networks[place].handle, f"[{','.join(facts)}]", found)
        if self._late():
            self._stop()
        return found

    def _fact(self, columns: str) -> str:
        self.last_id += 1
        return f'{{"sid":"s","id":{self.last_id},{columns}}}'

    def _run(self, handle: Any, facts: str, found: Firings) -> None:
        try:
            state = _kernel.assert_facts(handle, facts)[1]
            started = _kernel.start_action_for_state(handle, state)
            message = started[1] if started else None
            ended = False
            while message is not None:
                ((name, bound),) = _decode(message).items()
                if name == "end":
                    ended = True
                else:
                    found.append((name, bound))
                    self._left -= 1
                    if self._left < 0 or (self._left & 255 == 0 and self._late()):
                        self._stop()
                message = _kernel.complete_and_start_action(handle, state)
        except _kernel.error as error:
            raise EngineFailure(f"the kernel failed: {error}") from error
        if not ended:
            raise EngineFailure("the kernel dropped part of a batch")

    def delete(self) -> None:
        """End the session in every network that was opened."""
        failed = None
        for place in self._closed:
            try:
                _kernel.delete_state(self._networks[place].handle, "s")
            except _kernel.error as error:
                # 309: nothing was asserted, so there is no state to delete.
                if "309" not in str(error):
                    failed = error
        if failed is not None:
            raise EngineFailure(f"the kernel could not end its session: {failed}") from failed

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
