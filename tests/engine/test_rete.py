"""The kernel's known faults, met through our own door (numbers are those of its operating manual)."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from engine.rete import GATE, Kernel, KernelPattern, KernelRule, NetworkTooLarge
from knowledge.problems import EngineFailure, LimitExceeded


def pattern(alias: str, kind: str, marker: int, *tests: tuple[str, str, int], **more: object) -> KernelPattern:
    """Return a pattern with sound defaults."""
    return KernelPattern(alias, kind, marker, tests, **more)  # type: ignore[arg-type]


def fire(
    kernel: Kernel, *batches: list[tuple[str, dict[str, int]]], gate: int | None = None
) -> list[tuple[str, list[int]]]:
    """Assert batches of (type, columns), each fact once per network, and return (rule, ids of this test's facts)."""
    with kernel.session(deadline=None, most_firings=10_000) as session:
        numbers: dict[int, int] = {}
        out = []
        for n, batch in enumerate(batches):
            facts: dict[int, list[str]] = {}
            for place, (kind, columns) in enumerate(batch):
                for bucket in kernel.buckets[kind]:
                    session.last_id += 1
                    numbers[session.last_id] = place
                    body = "".join(f',"{name}":{value}' for name, value in columns.items())
                    text = f'{{"sid":"s","id":{session.last_id},"t":{bucket.code}{body}}}'
                    facts.setdefault(bucket.network, []).append(text)
            if gate is not None and n == len(batches) - 1:
                session.open_gates(gate)
            for rule, bound in session.run(facts):
                out.append((rule, [numbers[m.id] for alias, m in sorted(bound.items()) if m.id in numbers]))
        return sorted(out)


JOINED = KernelRule(
    "r",
    (pattern("a", "x", 1, ("f0", "ge", 0)), pattern("b", "y", 2, joins=(("f0", "gt", "a", "f0"),))),
)


def test_a_false_last_join_neither_fires_nor_reads_beyond_the_rule() -> None:
    """D1."""
    kernel = Kernel([JOINED])
    for _ in range(500):
        assert fire(kernel, [("x", {"f0": 5}), ("y", {"f0": 3})]) == []
        assert fire(kernel, [("x", {"f0": 3}), ("y", {"f0": 5})]) == [("r", [0, 1])]
    kernel.close()


def test_sessions_in_which_nothing_fires_can_be_deleted_for_ever() -> None:
    """D3 and D5: 3,000 sessions are far beyond the 1,024 that may live at once."""
    kernel = Kernel([JOINED])
    for _ in range(3_000):
        assert fire(kernel, [("x", {"f0": 5})]) == []
    kernel.close()


def test_a_missing_joined_column_is_no_match_and_loses_no_other() -> None:
    """D12."""
    kernel = Kernel([JOINED])

    assert fire(kernel, [("x", {}), ("x", {"f0": 1}), ("y", {}), ("y", {"f0": 2})]) == [("r", [1, 3])]
    kernel.close()


@pytest.mark.parametrize("order", [("x", "y"), ("y", "x")])
def test_an_absence_sees_facts_in_whatever_order_they_came(order: tuple[str, str]) -> None:
    """D17."""
    absent = pattern("n", "y", 2, joins=(("f0", "eq", "a", "f0"),), negated=True)
    kernel = Kernel([KernelRule("r", (pattern("a", "x", 1), absent), gate=0)])

    assert fire(kernel, [(kind, {"f0": 7}) for kind in order], gate=0) == []
    assert fire(kernel, [("x", {"f0": 7}), ("y", {"f0": 8})], gate=0) == [("r", [0])]
    kernel.close()


def test_an_absence_waits_for_its_gate() -> None:
    """No gate, no firing."""
    kernel = Kernel([KernelRule("r", (pattern("a", "x", 1), pattern("n", "y", 2, negated=True)), gate=3)])

    assert fire(kernel, [("x", {})]) == []
    assert fire(kernel, [("x", {})], gate=3) == [("r", [0])]
    kernel.close()


def test_a_type_with_two_hundred_patterns_is_split_among_networks() -> None:
    """D19 and D20: more than 64 alternatives of one fact lose it."""
    rules = [KernelRule(f"r{n}", (pattern("a", "x", n, ("f0", "ge", n)),)) for n in range(200)]
    kernel = Kernel(rules)

    fired = fire(kernel, [("x", {"f0": 150})])

    assert [len(bucket.markers) for bucket in kernel.buckets["x"]] == [32, 32, 32, 32, 32, 32, 8]
    assert {rule for rule, _ in fired} == {f"r{n}" for n in range(151)}
    kernel.close()


def test_three_hundred_absences_share_no_single_network() -> None:
    """D19: 256 rules that end in one test crash the kernel."""
    rules = [
        KernelRule(
            f"r{n}", (pattern("a", "x", 2 * n, ("f0", "ge", n)), pattern("n", "y", 2 * n + 1, negated=True)), gate=1
        )
        for n in range(300)
    ]
    kernel = Kernel(rules)

    assert len(fire(kernel, [("x", {"f0": 1000})], gate=1)) == 300
    kernel.close()


@pytest.mark.parametrize("text", ['{"sid":"s","id":1,"t":2,"f0":1e-07}', '{"sid":"s","id":1,"t":2,"f0":}'])
def test_a_batch_that_the_kernel_cuts_short_is_an_error_not_a_smaller_answer(text: str) -> None:
    """D6."""
    kernel = Kernel([KernelRule("r", (pattern("a", "x", 1, ("f0", "ge", 0)),))])
    with kernel.session(deadline=None, most_firings=10) as session:
        session.last_id = 1
        with pytest.raises(EngineFailure):
            session.run({0: [text]})

    assert fire(kernel, [("x", {"f0": 1})]) == [("r", [0])]
    kernel.close()


def test_only_one_session_lives_at_a_time() -> None:
    """Two sessions of one handle could meet in the kernel's hash of session ids (D21)."""
    kernel = Kernel([JOINED])
    with (
        kernel.session(deadline=None, most_firings=1),
        pytest.raises(EngineFailure),
        kernel.session(deadline=None, most_firings=1),
    ):
        pass
    kernel.close()


def test_firings_and_time_are_limited() -> None:
    """A cross product stops at the limit and the next session is sound."""
    pair = KernelRule("r", (pattern("a", "x", 1), pattern("b", "x", 2)))
    kernel = Kernel([pair])
    many = [("x", {"f0": n}) for n in range(60)]
    code = kernel.buckets["x"][0].code
    with kernel.session(deadline=None, most_firings=100) as session:
        session.last_id = len(many)
        facts = [f'{{"sid":"s","id":{n},"t":{code},"f0":{n}}}' for n in range(1, len(many) + 1)]
        with pytest.raises(LimitExceeded, match="more often") as stopped:
            session.run({0: facts})
    assert stopped.value.code == "limit.deductions"
    with pytest.raises(LimitExceeded, match="longer") as late, kernel.session(deadline=0.0, most_firings=100) as s:
        s.run({})
    assert late.value.code == "limit.time"
    assert len(fire(kernel, many[:2])) == 2
    kernel.close()


def test_rules_of_small_sections_share_a_network_and_large_ones_do_not() -> None:
    """A network that is not opened costs nothing, and each takes memory."""
    sizes = {"a": 3, "b": 4, "c": 30, "d": 2}
    rules = [
        KernelRule(f"{section}{n}", (pattern("a", section, 100 * place + n),), section=section)
        for place, (section, size) in enumerate(sizes.items())
        for n in range(size)
    ]
    kernel = Kernel(rules)

    assert {name: [bucket.network for bucket in kernel.buckets[name]] for name in sizes} == {
        "a": [0], "b": [0], "c": [1], "d": [2],
    }  # fmt: skip
    assert fire(kernel, [("a", {}), ("d", {})]) == [(f"a{n}", [0]) for n in range(3)] + [
        (f"d{n}", [1]) for n in range(2)
    ]
    kernel.close()


def test_an_absence_in_a_network_opened_late_has_its_gate() -> None:
    """The gate of a network opens with its first fact, if the stage has come."""
    absent = pattern("n", "y", 2, negated=True)
    rules = [
        KernelRule("other", tuple(pattern("a", "w", n) for n in range(10, 19)), section="w"),
        KernelRule("r", (pattern("a", "x", 1), absent), gate=0, section="x"),
    ]
    kernel = Kernel(rules)

    assert fire(kernel, [("w", {})], [("x", {})], gate=0) == [("r", [0])]
    assert fire(kernel, [("w", {})], [("x", {}), ("y", {})], gate=0) == []
    kernel.close()


def test_a_rule_beyond_the_kernels_patterns_is_refused_when_it_is_compiled() -> None:
    """16 patterns give error 304 only when a fact comes."""
    with pytest.raises(NetworkTooLarge, match="patterns"):
        Kernel([KernelRule("r", tuple(pattern(f"a{n}", f"x{n}", n) for n in range(15)))])


def test_generated_names_are_proved_apart_by_hash() -> None:
    """D21: these two names have one hash and would be one field to the kernel."""
    tests = (("xcdcgeux", "gt", 10), ("rghhdprx", "gt", 10))
    with pytest.raises(NetworkTooLarge, match="hash"):
        Kernel([KernelRule("r", (pattern("a", "x", 1, *tests),))])


def test_a_thousand_networks_leave_neither_memory_nor_threads_behind() -> None:
    """D26: a Host would keep two timer chains and 0.2 MB each."""
    threads = threading.active_count()
    for _ in range(50):
        Kernel([JOINED]).close()
    before = _memory_kib()
    for _ in range(1_000):
        kernel = Kernel([JOINED])
        fire(kernel, [("x", {"f0": 3}), ("y", {"f0": 5})])
        kernel.close()

    assert _memory_kib() - before < 10_000
    assert threading.active_count() == threads


def test_the_gate_is_a_type_that_no_fact_can_have() -> None:
    """Fact types are numbered from 2 on."""
    kernel = Kernel([JOINED])

    assert all(bucket.code > GATE for buckets in kernel.buckets.values() for bucket in buckets)
    kernel.close()


def _memory_kib() -> int:
    resident_pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return resident_pages * os.sysconf("SC_PAGE_SIZE") // 1024
