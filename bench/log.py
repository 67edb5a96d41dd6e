"""A log of a million leaves: adding to it, proving from it, checking proofs, and going through all of it."""

from __future__ import annotations

import hashlib
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

from casework.audit import audit_log
from casework.heads import open_signer, sign_head
from store import trail
from store.ledger import Store, Transaction
from store.merkle import verify_consistency, verify_inclusion
from store.trail import Leaf

LEAVES = 1_000_000
PROOFS = 2_000
MOST_MS = 5.0
_BATCH = 5_000


def measure() -> list[tuple[str, str]]:
    """Return lines (what, figure).

    Raises:
        SystemExit: a proof doesn't hold, or making or checking one takes more than 5 ms.
    """
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(f"sqlite:///{folder}/shuoli.db")
        seconds = [_append(store, start, _BATCH) for start in range(0, LEAVES, _BATCH)]
        alone = [_append(store, LEAVES + number, 1) for number in range(200)]
        signer = open_signer(store, Path(folder) / "key.pem")
        signing = _timed(lambda: sign_head(store, signer))
        with store.read() as transaction:
            figures = _proofs(transaction)
        audited = _timed(lambda: audit_log(store))
        store.close()
        size = sum(file.stat().st_size for file in Path(folder).glob("shuoli.db*"))
    slow = [what for what, times in figures.items() if median(times) > MOST_MS]
    if slow:
        raise SystemExit(f"more than {MOST_MS} ms: {', '.join(slow)}")
    return [
        ("leaves", f"{LEAVES:,}"),
        (f"appended, {_BATCH:,} at a time", f"{LEAVES / sum(seconds):,.0f}/s"),
        ("the last 100,000 against the first", f"{sum(seconds[-20:]) / sum(seconds[:20]):.2f} times as long"),
        ("appended, one at a time", f"{median(alone) * 1000:.2f} ms"),
        ("bytes per leaf, subtrees and indexes with it", f"{size / LEAVES:.0f}"),
        ("head signed", f"{signing * 1000:.1f} ms"),
        *((what, _shown(times)) for what, times in figures.items()),
        ("all of it computed anew and compared", f"{audited:.1f} s"),
    ]


def _append(store: Store, start: int, count: int) -> float:
    names = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(start, start + count)]

    def append() -> None:
        with store.write() as transaction:
            trail.append(transaction, [_leaf(name, transaction) for name in names])

    return _timed(append)


def _leaf(name: str, transaction: Transaction) -> Leaf:
    return trail.leaf("decision", name, transaction.entered_at)


def _proofs(transaction: Transaction) -> dict[str, list[float]]:
    """Return milliseconds of making and checking proofs of random leaves in logs of random sizes up to the whole."""
    rng = random.Random(1)
    figures: dict[str, list[float]] = {
        f"{kind} proof {act}": [] for kind in ("inclusion", "consistency") for act in ("made", "checked")
    }
    for _ in range(PROOFS):
        size = rng.randrange(LEAVES // 2, LEAVES + 1)
        index, old = rng.randrange(size), rng.randrange(1, size + 1)
        root, old_root = trail.root(transaction, size), trail.root(transaction, old)
        leaf = trail.leaf_at(transaction, index)
        assert leaf is not None
        started = time.perf_counter()
        inclusion = trail.inclusion(transaction, index, size)
        included = time.perf_counter()
        holds = verify_inclusion(leaf.hash, index, size, inclusion, root)
        checked = time.perf_counter()
        consistency = trail.consistency(transaction, old, size)
        consistent = time.perf_counter()
        holds &= verify_consistency(old, old_root, size, root, consistency)
        ended = time.perf_counter()
        if not holds:
            raise SystemExit(f"a proof doesn't hold: leaf {index}, {old} of {size}")
        steps = (included - started, checked - included, consistent - checked, ended - consistent)
        for times, seconds in zip(figures.values(), steps, strict=True):
            times.append(seconds * 1000)
    return figures


def _timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _shown(times: list[float]) -> str:
    return f"{median(times):.2f} ms, p99 {quantiles(times, n=100)[98]:.2f} ms"
