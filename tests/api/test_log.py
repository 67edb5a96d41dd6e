"""The log as its readers have it: over HTTP, and on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import create_engine, delete, update

from api.app import create_app
from api.cli import main
from api.ledger import open_store, sign
from api.settings import Settings
from casework.signing import FileSigner, SigningRefused, is_signed
from store.merkle import leaf_hash, verify_consistency, verify_inclusion
from store.tables import HEADS, LEAVES
from tests.conftest import unprotect

DAY = date(2026, 6, 1)


def put(client: TestClient[Litestar], name: str) -> str:
    """Make a producer known; return the hash of its grading."""
    case = {"kind": "farm", "region": "330110"}
    assert client.put(f"/api/v1/producers/{name}", json=case).status_code in (200, 201)
    entries = client.get("/api/v1/log/entries?limit=1000").json()["entries"]
    return str(json.loads(entries[-1]["document"])["ref"])


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    url = f"sqlite:///{tmp_path}/shuoli.db"
    return replace(settings, database_url=url, signing_key=tmp_path / "signing-key.pem")


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(settings, today=lambda: DAY), raise_server_exceptions=False) as client:
        yield client


def sign_head(settings: Settings) -> None:
    store = open_store(settings)
    sign(settings, store)
    store.close()


def said(answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def hashes(listed: list[str]) -> list[bytes]:
    return [bytes.fromhex(one) for one in listed]


def test_a_log_without_head_says_so(client: TestClient[Litestar], refused: Any) -> None:
    for path in ("head", "key", "proof/consistency?from=1"):
        refused(client.get(f"/api/v1/log/{path}"), 404, "log.missing")
    assert said(client.get("/api/v1/log/entries")) == {"size": 0, "entries": []}


def test_a_grading_is_proved_against_a_signed_head(
    client: TestClient[Litestar], settings: Settings, refused: Any
) -> None:
    name = put(client, "P1")
    refused(client.get(f"/api/v1/log/proof/inclusion?ref={name}"), 409, "log.pending")
    sign_head(settings)
    put(client, "P2")

    signed = said(client.get("/api/v1/log/head"))
    proof = said(client.get(f"/api/v1/log/proof/inclusion?ref={name}"))

    key = bytes.fromhex(signed["key"])
    head = json.loads(signed["document"])
    assert is_signed(signed["document"].encode(), bytes.fromhex(signed["signature"]), key)
    assert said(client.get("/api/v1/log/key")) == {"algorithm": "Ed25519", "key": key.hex(), "log": head["log"]}
    assert (head["size"], proof["size"], proof["head"], proof["hash"]) == (2, 2, signed, "sha256")
    leaf = proof["leaf"]["document"].encode()
    assert json.loads(leaf)["ref"] == name
    assert proof["leaf"]["hash"] == leaf_hash(leaf).hex()
    root = bytes.fromhex(head["root"])
    assert verify_inclusion(leaf_hash(leaf), proof["leaf"]["index"], 2, hashes(proof["inclusion"]), root)


def test_a_later_head_is_proved_to_begin_with_an_earlier_one(client: TestClient[Litestar], settings: Settings) -> None:
    heads = []
    for names in (["P1"], ["P2", "P3"], ["P4", "P5", "P6"]):
        for name in names:
            put(client, name)
        sign_head(settings)
        heads.append(json.loads(said(client.get("/api/v1/log/head"))["document"]))

    for old in heads:
        for new in heads:
            if old["size"] > new["size"]:
                continue
            proof = said(client.get(f"/api/v1/log/proof/consistency?from={old['size']}&to={new['size']}"))
            assert (proof["from"], proof["to"]) == (old["size"], new["size"])
            roots = [bytes.fromhex(one["root"]) for one in (old, new)]
            shown = hashes(proof["consistency"])
            assert verify_consistency(old["size"], roots[0], new["size"], roots[1], shown)
    newest = said(client.get(f"/api/v1/log/proof/consistency?from={heads[0]['size']}"))
    assert newest["to"] == heads[-1]["size"]


def test_leaves_show_hashes_and_instants_alone(client: TestClient[Litestar]) -> None:
    for name in ("P1", "P2", "P3"):
        put(client, name)

    shown = said(client.get("/api/v1/log/entries?start=1&limit=2"))

    assert shown["size"] == 4
    assert [one["index"] for one in shown["entries"]] == [1, 2]
    for one in shown["entries"]:
        assert one["hash"] == leaf_hash(one["document"].encode()).hex()
        assert json.loads(one["document"]).keys() == {"at", "kind", "ref"}


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("entries?start=-1", "start"),
        ("entries?start=x", "start"),
        ("entries?start=٣", "start"),
        ("entries?limit=0", "limit"),
        ("entries?limit=1001", "limit"),
        ("entries?limit=99999999999999999999999", "limit"),
        ("proof/inclusion?ref=abc", "ref"),
        (f"proof/inclusion?ref={'A' * 64}", "ref"),
        (f"proof/inclusion?ref={'a' * 64}&size=0", "size"),
        ("proof/consistency?from=0", "from"),
        ("proof/consistency?from=3&to=2", "from"),
        ("proof/consistency?from=1&to=x", "to"),
    ],
)
def test_a_wrong_parameter_is_named(client: TestClient[Litestar], refused: Any, path: str, parameter: str) -> None:
    refused(client.get(f"/api/v1/log/{path}"), 400, "http.query", parameter)


def test_what_the_log_does_not_hold_is_missing(client: TestClient[Litestar], settings: Settings, refused: Any) -> None:
    names = [put(client, name) for name in ("P1", "P2")]
    sign_head(settings)

    for query in (
        f"inclusion?ref={'a' * 64}",
        f"inclusion?ref={names[1]}&size=2",
        f"inclusion?ref={names[0]}&size=9",
        "consistency?from=1&to=9",
        "consistency?from=9",
    ):
        refused(client.get(f"/api/v1/log/proof/{query}"), 404, "log.missing")
    assert said(client.get(f"/api/v1/log/proof/inclusion?ref={names[0]}&size=2"))["head"] is None


def test_a_server_whose_ledger_is_signed_with_another_key_does_not_start(
    client: TestClient[Litestar], settings: Settings, tmp_path: Path
) -> None:
    put(client, "P1")
    sign_head(settings)
    FileSigner.open(tmp_path / "other.pem", None)

    for key, says in (("none.pem", "missing"), ("other.pem", "not the one")):
        with pytest.raises(SigningRefused, match=says):
            create_app(replace(settings, signing_key=tmp_path / key), today=lambda: DAY)


def test_a_new_ledger_may_be_hashed_with_sm3(settings: Settings) -> None:
    settings = replace(settings, log_hash="sm3")
    with TestClient(create_app(settings, today=lambda: DAY)) as client:
        name = put(client, "P1")
        sign_head(settings)
        head = json.loads(said(client.get("/api/v1/log/head"))["document"])
        proof = said(client.get(f"/api/v1/log/proof/inclusion?ref={name}"))

    leaf = leaf_hash(proof["leaf"]["document"].encode(), "sm3")
    root = bytes.fromhex(head["root"])
    assert head["hash"] == proof["hash"] == "sm3"
    assert verify_inclusion(leaf, proof["leaf"]["index"], 2, hashes(proof["inclusion"]), root, "sm3")


class Shuoli:
    """The program, run here, with what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object, code: int = 0) -> str:
        with pytest.raises(SystemExit) as exit_:
            main([str(one) for one in arguments])
        printed = self._capsys.readouterr()
        assert exit_.value.code == code, printed.out + printed.err
        return printed.out if code == 0 else printed.out + printed.err


@pytest.fixture
def shuoli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Shuoli:
    monkeypatch.setenv("SHUOLI_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("SHUOLI_SIGNING_KEY", str(settings.signing_key))
    monkeypatch.setenv("COLUMNS", "200")
    return Shuoli(capsys)


def test_the_command_line_verifies_a_ledger_and_shows_its_head(
    client: TestClient[Litestar], settings: Settings, shuoli: Shuoli, tmp_path: Path
) -> None:
    assert "[log.missing]" in shuoli("log", "head", code=3)
    name = put(client, "P1")
    sign_head(settings)
    kept = tmp_path / "head.json"
    kept.write_text(shuoli("log", "head", "--json"), "utf-8")
    put(client, "P2")

    assert json.loads(kept.read_text("utf-8")) == said(client.get("/api/v1/log/head"))
    assert json.loads(kept.read_text("utf-8"))["key"] in shuoli("log", "head")
    assert json.loads(shuoli("log", "proof", name))["leaf"]["index"] == 1
    assert json.loads(shuoli("log", "verify", "--json", "--head", kept)) == {"ok": True, "leaves": 3, "flaw": None}


def test_the_command_line_names_the_first_record_that_was_altered(
    client: TestClient[Litestar], settings: Settings, shuoli: Shuoli
) -> None:
    put(client, "P1")
    sign_head(settings)
    engine = create_engine(settings.database_url)
    with engine.begin() as connection:
        unprotect(connection, "log_leaves")
        connection.execute(update(LEAVES).where(LEAVES.c.index == 1).values(hash=b"x" * 32))
    engine.dispose()

    told = json.loads(shuoli("log", "verify", "--json", code=1))
    assert not told["ok"]
    assert (told["flaw"]["table"], told["flaw"]["key"]) == ("log_leaves", "1")
    assert "log_leaves 1: hash of the document" in shuoli("log", "verify", code=1)


def test_a_kept_head_tells_that_yesterdays_backup_was_restored(
    client: TestClient[Litestar], settings: Settings, shuoli: Shuoli, tmp_path: Path
) -> None:
    put(client, "P1")
    sign_head(settings)
    source, backup = create_engine(settings.database_url), create_engine(f"sqlite:///{tmp_path}/backup.db")
    with source.connect() as live, backup.connect() as copy:
        live.connection.driver_connection.backup(copy.connection.driver_connection)  # type: ignore[union-attr]
    source.dispose()
    backup.dispose()
    put(client, "P2")
    sign_head(settings)
    kept = tmp_path / "head.json"
    kept.write_text(shuoli("log", "head", "--json"), "utf-8")

    url = f"sqlite:///{tmp_path}/backup.db"
    assert "nothing was altered" in shuoli("log", "verify", "--db", url)
    told = shuoli("log", "verify", "--db", url, "--head", kept, code=1)
    assert "log_leaves 2: row" in told
    assert "the kept head says: 3 leaves" in told


def test_a_forged_history_is_told_by_the_key_of_this_machine(
    client: TestClient[Litestar], settings: Settings, shuoli: Shuoli, tmp_path: Path
) -> None:
    put(client, "P1")
    other = FileSigner.open(tmp_path / "other.pem", None)
    sign_head(replace(settings, signing_key=tmp_path / "other.pem"))
    FileSigner.open(settings.signing_key, None)

    assert "log_heads 2: key" in shuoli("log", "verify", code=1)
    assert "nothing was altered" in shuoli("log", "verify", "--key", other.key.hex())


def test_what_can_not_be_a_head_or_a_key_is_refused(shuoli: Shuoli, tmp_path: Path) -> None:
    (tmp_path / "head.json").write_text("{}")

    assert "[head.refused]" in shuoli("log", "verify", "--head", tmp_path / "head.json", code=1)
    assert "[head.refused]" in shuoli("log", "verify", "--head", tmp_path / "none.json", code=1)
    assert "64 hex digits" in shuoli("log", "verify", "--key", "xyz", code=2)


def test_heads_that_are_gone_are_told_by_a_kept_one(
    client: TestClient[Litestar], settings: Settings, shuoli: Shuoli, tmp_path: Path
) -> None:
    put(client, "P1")
    sign_head(settings)
    kept = tmp_path / "head.json"
    kept.write_text(shuoli("log", "head", "--json"), "utf-8")
    engine = create_engine(settings.database_url)
    with engine.begin() as connection:
        unprotect(connection, "log_heads", "log_leaves")
        connection.execute(delete(HEADS))
        connection.execute(update(LEAVES).where(LEAVES.c.index == 1).values(index=5))
    engine.dispose()

    assert "log_leaves 1: index" in shuoli("log", "verify", "--head", kept, code=1)
