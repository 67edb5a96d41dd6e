"""Backups as docs/store.md says: what is restored is whole and replays; an older one is told by a kept head."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import msgspec
import pytest

from api.cli import main
from casework.audit import KEPT, audit_log
from casework.heads import SignedHead, sign_head
from casework.signing import FileSigner
from engine.workers import Workers
from store.ledger import Store
from tests.faults.checking import DAY, check, content, desk_of, facts, last_head
from tests.faults.cluster import own_cluster


def test_a_backup_taken_while_facts_are_entered_is_whole(tmp_path: Path, workers: Workers, signer: FileSigner) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/shuoli.db")
    desk = desk_of(store, workers, "A", "B")
    desk.record("A", facts("T0"), DAY)
    sign_head(store, signer)
    head = last_head(store)
    ending = threading.Event()

    def enter() -> None:
        for number in range(200):
            if ending.is_set():
                return
            desk.record("B", facts(f"T{number}"), DAY)

    entering = threading.Thread(target=enter)
    entering.start()
    command = ["sqlite3", f"{tmp_path}/shuoli.db", f".backup '{tmp_path}/copy.db'"]
    try:
        subprocess.run(command, check=True, timeout=60)
    finally:
        ending.set()
        entering.join(60)
    store.close()

    copy = Store.open(f"sqlite:///{tmp_path}/copy.db")
    check(copy, workers, [("A", facts("T0")[0].id)], kept=[head])
    desk_of(copy, workers).record("A", facts("T1"), DAY)
    check(copy, workers, [("A", facts("T1")[0].id)])
    copy.close()


def test_a_backup_of_yesterday_that_is_gone_on_with_is_told_by_a_later_head(
    tmp_path: Path, workers: Workers, signer: FileSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is entered after it fills the places of the lost leaves: the log is as long again, and another one."""
    store = Store.open(f"sqlite:///{tmp_path}/shuoli.db")
    desk = desk_of(store, workers, "A", "B")
    sign_head(store, signer)
    earlier = last_head(store)
    subprocess.run(["sqlite3", f"{tmp_path}/shuoli.db", f".backup '{tmp_path}/copy.db'"], check=True, timeout=60)
    desk.record("A", facts("T1"), DAY)
    sign_head(store, signer)
    later = last_head(store)
    store.close()

    copy = Store.open(f"sqlite:///{tmp_path}/copy.db")
    lost = audit_log(copy, kept=[later])
    desk = desk_of(copy, workers)
    for number in ("T2", "T3"):
        desk.record("B", facts(number), DAY)
    sign_head(copy, signer)
    flaw = audit_log(copy, kept=[earlier, later])
    check(copy, workers, kept=[earlier])
    copy.close()
    kept = tmp_path / "head.json"
    kept.write_bytes(msgspec.json.encode(SignedHead.of(later)))
    monkeypatch.setenv("SHUOLI_SIGNING_KEY", str(tmp_path / "signing-key.pem"))
    monkeypatch.setenv("SHUOLI_DATABASE_URL", f"sqlite:///{tmp_path}/copy.db")

    assert lost is not None
    assert (lost.table, lost.key, lost.what) == ("log_leaves", str(earlier.size), "row")
    assert flaw is not None
    assert (flaw.table, flaw.key) == (KEPT, str(later.size))
    with pytest.raises(SystemExit) as ended:
        main(["log", "verify", "--head", str(kept)])
    assert ended.value.code == 1


def test_a_dump_of_postgresql_is_restored_on_another_server_with_its_protection(
    workers: Workers, signer: FileSigner
) -> None:
    with own_cluster() as cluster:
        store = Store.open(cluster.url())
        desk = desk_of(store, workers, "A", "B")
        desk.record("A", facts("T0"), DAY)
        sign_head(store, signer)
        head, before = last_head(store), content(store)
        dump = cluster.folder / "copy.dump"
        cluster.run("pg_dump", "--format=custom", f"--file={dump}", "postgres")
        desk.record("A", facts("T1"), DAY)
        sign_head(store, signer)
        later = last_head(store)
        store.close()
        with own_cluster() as other:
            moved = other.folder / "copy.dump"
            moved.write_bytes(dump.read_bytes())
            moved.chmod(0o644)
            other.run("createuser", "--no-login", "shuoli_writer")
            other.run("createdb", "--template=template0", "--encoding=UTF8", "restored")
            other.run("pg_restore", "--exit-on-error", "--dbname=restored", moved)
            restored = Store.open(other.url("restored"))
            assert content(restored) == before
            check(restored, workers, [("A", facts("T0")[0].id)], kept=[head])
            flaw = audit_log(restored, kept=[later])
            desk_of(restored, workers).record("B", facts("T2"), DAY)
            with restored.write() as transaction:
                role = transaction.connection.exec_driver_sql("SELECT current_user").scalar()
            check(restored, workers, [("B", facts("T2")[0].id)])
            restored.close()

    assert role == "shuoli_writer"
    assert flaw is not None
    assert (flaw.table, flaw.key, flaw.what) == ("log_leaves", str(head.size), "row")
