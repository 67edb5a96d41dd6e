"""A damaged SQLite file is refused, or named by the audit or the replay; it is never served as if it were whole."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from casework.audit import audit_log
from casework.heads import sign_head
from casework.replay import Replay
from casework.signing import FileSigner
from engine.workers import Workers
from store.database import StoreRefused
from store.ledger import Store, StoreCorrupt
from store.trail import StoredHead
from tests.faults.checking import DAY, check, content, desk_of, facts, last_head

PAGE = 4096
SHARDS = 8 if os.environ.get("SHUOLI_NIGHTLY") else 1


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, workers: Workers) -> Path:
    """Return an SQLite file that holds a ledger with two heads, everything in it and nothing beside it."""
    folder = tmp_path_factory.mktemp("whole")
    file = folder / "shuoli.db"
    signer = FileSigner.open(folder / "key.pem", None)
    store = Store.open(f"sqlite:///{file}")
    desk = desk_of(store, workers, *[f"P{n}" for n in range(8)])
    sign_head(store, signer)
    for number in range(4):
        for name in ("P1", "P3", "P5"):
            desk.record(name, facts(f"T{number}", f"U{number}", fields={"result": "pass"}), DAY)
    sign_head(store, signer)
    check(store, workers)
    store.close()
    assert not Path(f"{file}-wal").exists()
    return file


@pytest.fixture(scope="module")
def kept(whole: Path) -> StoredHead:
    store = Store.open(f"sqlite:///{whole}")
    head = last_head(store)
    store.close()
    return head


def found_out(file: Path, workers: Workers) -> str | None:
    """Return how damage is found out: refused, or named; None where the ledger reads as if it were whole."""
    try:
        store = Store.open(f"sqlite:///{file}")
    except StoreRefused as refused:
        return told(refused)
    try:
        flaw = audit_log(store)
        if flaw is not None:
            return f"{flaw.table}: {flaw.what}"
        differences = [*Replay(store, workers).all(lambda _: None)]
        return differences[0].detail if differences else None
    except StoreRefused as refused:
        return told(refused)
    except StoreCorrupt as corrupt:
        return corrupt.message
    finally:
        store.close()


def told(refused: StoreRefused) -> str:
    assert refused.help
    return f"{refused.message}; {refused.help}"


def logged(tables: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Leave the last record time away: what was entered carries its own."""
    return {name: rows for name, rows in tables.items() if name != "ledger_clock"}


def overwrite(file: Path, place: int, junk: bytes) -> None:
    with file.open("r+b") as opened:
        opened.seek(place)
        opened.write(junk)


def test_bytes_overwritten_anywhere_are_found_out_or_change_nothing_that_is_read(
    whole: Path, workers: Workers, tmp_path: Path
) -> None:
    rng = random.Random(1)
    pages = whole.stat().st_size // PAGE
    store = Store.open(f"sqlite:///{whole}")
    expected = content(store)
    store.close()
    copy = tmp_path / "shuoli.db"
    found = 0
    for page in sorted(rng.sample(range(pages), min(pages, 40 * SHARDS))):
        shutil.copy(whole, copy)
        junk = rng.randbytes(rng.choice([8, 200, PAGE]))
        overwrite(copy, page * PAGE + rng.randrange(PAGE - len(junk) + 1), junk)
        if found_out(copy, workers) is not None:
            found += 1
            continue
        store = Store.open(f"sqlite:///{copy}")
        assert logged(content(store)) == logged(expected), page
        check(store, workers)
        store.close()

    assert found >= 10


@pytest.mark.parametrize("part", [1, 2, 3])
def test_a_file_that_was_cut_off_is_refused_and_the_message_says_what_to_do(
    whole: Path, workers: Workers, tmp_path: Path, part: int
) -> None:
    copy = Path(shutil.copy(whole, tmp_path))
    with copy.open("r+b") as opened:
        opened.truncate(whole.stat().st_size * part // 4)

    assert "restore" in (found_out(copy, workers) or "")


def test_a_page_of_rubbish_in_any_table_or_index_is_refused_or_named(
    whole: Path, workers: Workers, tmp_path: Path
) -> None:
    with sqlite3.connect(whole) as connection:
        roots = connection.execute("SELECT name, rootpage FROM sqlite_master WHERE rootpage > 0").fetchall()
    connection.close()
    copy = tmp_path / "shuoli.db"
    found = {}
    for name, root in roots:
        shutil.copy(whole, copy)
        overwrite(copy, (root - 1) * PAGE, b"\xa5" * PAGE)
        found[name] = found_out(copy, workers)

    assert None not in found.values(), found
    assert all("restore" in str(one) for name, one in found.items() if name in ("facts", "gradings", "log_leaves"))


def test_a_log_beside_the_file_that_is_lost_after_a_crash_is_told_by_a_kept_head(
    whole: Path, kept: StoredHead, workers: Workers, tmp_path: Path
) -> None:
    file = Path(shutil.copy(whole, tmp_path))
    program = f"""
import os
from casework.heads import sign_head, open_signer
from engine.workers import Workers
from pathlib import Path
from typing import Any
from store.ledger import Store
from tests.faults.checking import DAY, desk_of, facts
store = Store.open("sqlite:///{file}")
with Workers(1) as workers:
    desk_of(store, workers).record("P2", facts("T9"), DAY)
sign_head(store, open_signer(store, Path({str(whole.parent / "key.pem")!r})))
with store.read() as transaction:
    os.kill(os.getpid(), 9)
"""
    died = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parent.parent.parent, check=False, timeout=60
    )
    crashed = Path(shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}-crashed")))
    store = Store.open(f"sqlite:///{crashed / file.name}")
    check(store, workers, [("P2", facts("T9")[0].id)], kept=[kept])
    later = last_head(store)
    store.close()
    Path(f"{file}-wal").unlink()

    store = Store.open(f"sqlite:///{file}")
    flaw = audit_log(store, kept=[later])
    assert audit_log(store, kept=[kept]) is None
    store.close()

    assert died.returncode == -9
    assert flaw is not None
    assert (flaw.table, flaw.key, flaw.what) == ("log_leaves", str(kept.size), "row")
