"""What of a case the kernel is shown: only facts of rules of which every pattern may fit something.

Most facts of a producer meet a pattern of some rule whose other patterns nothing meets. Such a rule can't fire,
so the kernel need not carry the fact. When a finding appears later, what it makes possible is shown then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.lowering import Lowered
from engine.rete import Batches, Kernel, KernelPattern, KernelRule
from knowledge.rules import Value


class Need(NamedTuple):
    """The patterns, as bits, that must all have a candidate before one way to fire is worth showing facts for."""

    patterns: int
    absences: int
    """Bits of the patterns of its network that must find nothing: all that they see is shown with its first fact."""
    types: tuple[str, ...]
    """Of all these patterns."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The needs of all ways to fire, and how each type is matched and shown."""

    types: Mapping[str, Lowered]
    needs: Mapping[str, tuple[Need, ...]]
    """By type: the ways with a pattern of it that must find something."""


class _Numbers(dict[Value, int]):
    """Numbers for the texts of a case, made as they are met."""

    def __missing__(self, text: Value) -> int:
        self[text] = number = len(self) + 1
        return number


class Candidates:
    """The things of one case that patterns may fit, and which of them the kernel knows."""

    def __init__(self, admission: Admission, as_of: int, constants: Any, texts: Mapping[Any, int]) -> None:
        self._types, self._needs = admission.types, admission.needs
        self._as_of, self._constants, self._texts = as_of, constants, _Numbers(texts)
        self._present, self._awake = 0, 0
        self._waiting: dict[str, list[tuple[int, Any]]] = {}
        self._touched: dict[str, Lowered] = {}
        self.objects: list[Any] = [None]
        """What the kernel's fact numbers stand for, by number."""

    def add(self, name: str, things: Iterable[Any], horizon: list[int]) -> None:
        """Match things (with `values`) of a logical type with its patterns."""
        lowered = self._types.get(name)
        if lowered is None:
            return
        waiting = self._waiting.get(name)
        if waiting is None:
            waiting = self._waiting[name] = []
        met = lowered.admit(things, self._as_of, self._constants, horizon, waiting)
        if met:
            self._present |= met << lowered.shift
            self._touched[name] = lowered

    def show(self) -> Batches:
        """Return the kernel's facts for what rules that may fire are waiting for; each thing once for each network."""
        self._wake()
        out: Batches = {}
        objects, texts = self.objects, self._texts
        for name, lowered in self._touched.items():
            awake = self._awake >> lowered.shift & lowered.width
            if not awake:
                continue
            kept = []
            for mask, thing in self._waiting[name]:
                left = mask
                if mask & awake:
                    for bits, network, show in lowered.shows:
                        if left & awake & bits:
                            fact = show(thing, mask, texts, len(objects))
                            objects.append(thing)
                            left &= ~bits
                            if network in out:
                                out[network].append(fact)
                            else:
                                out[network] = [fact]
                if left:
                    kept.append((left, thing))
            self._waiting[name] = kept
        self._touched.clear()
        return out

    def _wake(self) -> None:
        present, awake, touched = self._present, self._awake, self._touched
        for name in tuple(touched):
            for patterns, absences, types in self._needs[name]:
                if patterns & present == patterns and not patterns & awake:
                    awake |= patterns | absences
                    for other in types:
                        if other in self._waiting:
                            touched[other] = self._types[other]
        self._awake = awake


def compile_admission(
    rules: Sequence[KernelRule], places: Mapping[int, int], kernel: Kernel, types: Mapping[str, Lowered]
) -> Admission:
    """Return what each way to fire needs; `places` numbers the patterns of all types by their markers."""
    networks = {marker: b.network for buckets in kernel.buckets.values() for b in buckets for marker in b.markers}
    absences: dict[int, list[KernelPattern]] = {}
    for rule in rules:
        for pattern in rule.patterns:
            if pattern.negated:
                absences.setdefault(networks[pattern.marker], []).append(pattern)
    needs: dict[str, list[Need]] = {name: [] for name in types}
    for rule in rules:
        present = [pattern for pattern in rule.patterns if not pattern.negated]
        beside = absences.get(networks[present[0].marker], [])
        need = Need(
            sum(1 << places[pattern.marker] for pattern in present),
            sum(1 << places[pattern.marker] for pattern in beside),
            tuple(dict.fromkeys(pattern.type for pattern in (*present, *beside))),
        )
        for name in dict.fromkeys(pattern.type for pattern in present):
            needs[name].append(need)
    return Admission(types, {name: tuple(ways) for name, ways in needs.items()})


def places_of(rules: Sequence[KernelRule]) -> dict[int, int]:
    """Number all patterns, those of one type in a row; return the numbers by marker."""
    patterns = sorted((pattern for rule in rules for pattern in rule.patterns), key=lambda p: (p.type, p.marker))
    return {pattern.marker: place for place, pattern in enumerate(patterns)}
