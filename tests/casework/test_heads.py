"""Heads say what the log was, signed with a key that lies in a file and is shown to nobody."""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from sqlalchemy import create_engine

from casework.heads import HeadRefused, SignedHead, open_signer, read_head, read_signed_head, sign_head
from casework.signing import FileSigner, SigningRefused, is_signed, log_id
from store import trail
from store.ledger import Store, StoreCorrupt
from store.tables import HEADS, LEAVES, NODES
from store.trail import StoredHead
from tests.conftest import unprotect

NOW = "2026-06-01T08:00:00.000000Z"


def grow(store: Store, count: int, now: str = NOW) -> None:
    with store.write(now) as transaction:
        start = trail.size(transaction)
        names = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(start, start + count)]
        trail.append(transaction, [trail.leaf("decision", name, transaction.entered_at) for name in names])


def signed(store: Store, signer: FileSigner, now: str = NOW) -> StoredHead:
    head = sign_head(store, signer, now)
    assert head is not None
    return head


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "signing-key.pem"


@pytest.fixture
def signer(key_file: Path) -> FileSigner:
    return FileSigner.open(key_file, None)


def alter(database_url: str, *statements: Any) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        unprotect(connection, "log_leaves", "log_nodes", "log_heads")
        for statement in statements:
            connection.execute(statement)
    engine.dispose()


def test_a_head_says_what_the_log_is_and_is_signed(store: Store, signer: FileSigner) -> None:
    grow(store, 5)

    head = signed(store, signer)

    with store.read() as transaction:
        root = trail.root(transaction, 5).hex()
        assert trail.last_head(transaction) == head
    assert msgspec.json.decode(head.document) == {
        "at": "2026-06-01T08:00:00.000001Z",
        "hash": "sha256",
        "log": hashlib.sha256(signer.key).hexdigest()[:16],
        "root": root,
        "size": 5,
    }
    assert head.document.startswith(b'{"at":"2026')
    Ed25519PublicKey.from_public_bytes(head.key).verify(head.signature, head.document)


def test_a_log_that_has_not_grown_gets_no_other_head(store: Store, signer: FileSigner) -> None:
    assert sign_head(store, signer) is None
    grow(store, 1)
    assert signed(store, signer).size == 1
    assert sign_head(store, signer) is None
    grow(store, 2)
    assert signed(store, signer).size == 3


def test_nothing_is_entered_where_no_head_is_signed(store: Store, signer: FileSigner) -> None:
    grow(store, 1)
    sign_head(store, signer)
    with store.read() as transaction:
        before = transaction.last_entered_at()

    sign_head(store, signer)

    with store.read() as transaction:
        assert transaction.last_entered_at() == before


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (NODES.update().where(NODES.c.level == 2, NODES.c.index == 0).values(hash=b"x" * 32), "first 4 leaves"),
        (NODES.delete().where(NODES.c.level == 2), "subtree 0 of level 2"),
        (LEAVES.delete().where(LEAVES.c.index >= 3), "lost leaves: 3 of 4"),
        (HEADS.update().values(document=b"{}"), "head 4"),
        (HEADS.update().values(key=b"x" * 32), "another key"),
    ],
    ids=["other root", "hole", "cut", "other head", "other key"],
)
def test_nothing_is_signed_for_a_log_that_was_altered(
    store: Store, database_url: str, signer: FileSigner, statement: Any, says: str
) -> None:
    grow(store, 4)
    sign_head(store, signer)
    grow(store, 4)
    cut = [LEAVES.delete().where(LEAVES.c.index >= 4)] if "lost" in says else []
    alter(database_url, statement, *cut)

    with pytest.raises(StoreCorrupt, match=says):
        sign_head(store, signer)


def test_a_head_that_was_kept_is_read_as_it_was_given(store: Store, signer: FileSigner) -> None:
    grow(store, 2)
    head = signed(store, signer)
    given = msgspec.json.encode(SignedHead.of(head))

    assert read_signed_head(given) == head
    assert read_signed_head(b'{"format":"x","head":' + given + b"}") == head


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"document":"{}","signature":"","key":""}',
        b'{"document":1,"signature":"","key":""}',
        b'{"document":"{}","signature":"zz","key":""}',
        b'{"head":3}',
        b'{"document":"[[[","signature":"00","key":"00"}',
        b'{"document":"\\ud800","signature":"00","key":"00"}',
    ],
)
def test_what_is_no_head_is_refused(content: bytes) -> None:
    with pytest.raises(HeadRefused):
        read_signed_head(content)


@pytest.mark.parametrize("part", ["document", "signature", "key"])
def test_a_kept_head_with_any_other_part_is_refused(store: Store, signer: FileSigner, part: str) -> None:
    grow(store, 2)
    given = msgspec.structs.asdict(SignedHead.of(signed(store, signer)))
    text = given[part]
    for at in range(len(text)):
        other = text[:at] + ("1" if text[at] != "1" else "2") + text[at + 1 :]
        with pytest.raises(HeadRefused):
            read_signed_head(msgspec.json.encode(given | {part: other}))


def test_a_head_is_written_in_one_way_only(store: Store, signer: FileSigner) -> None:
    grow(store, 1)
    document = signed(store, signer).document

    assert read_head(document).size == 1
    for other in (
        document + b" ",
        document.replace(b'"size":1', b'"size":1,"size":1'),
        document.replace(b":1}", b":1.0}"),
    ):
        with pytest.raises(HeadRefused):
            read_head(other)


def test_a_key_is_made_for_its_owner_alone_and_found_again(key_file: Path) -> None:
    made = FileSigner.open(key_file, None)

    assert key_file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in key_file.parent.iterdir()] == [key_file.name]
    assert FileSigner.open(key_file, None).key == FileSigner.open(key_file, made.key).key == made.key
    assert len(made.key) == 32
    assert is_signed(b"document", made.sign(b"document"), made.key)
    assert not is_signed(b"documenT", made.sign(b"document"), made.key)
    assert not is_signed(b"document", b"", b"")


def test_processes_that_start_at_once_agree_on_one_key(key_file: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from casework.signing import FileSigner; "
        "print(FileSigner.open(Path(sys.argv[1]), None).key.hex())"
    )
    root = Path(__file__).parent.parent.parent
    command = [sys.executable, "-c", program, str(key_file)]
    started = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(4)]

    assert len({process.communicate(timeout=60)[0] for process in started}) == 1
    assert [process.returncode for process in started] == [0] * 4


def test_a_ledger_with_heads_takes_no_new_key(store: Store, signer: FileSigner, key_file: Path) -> None:
    grow(store, 1)
    sign_head(store, signer)
    assert open_signer(store, key_file).key == signer.key

    key_file.rename(key_file.with_name("elsewhere.pem"))
    with pytest.raises(SigningRefused, match="missing"):
        open_signer(store, key_file)
    assert not key_file.exists()

    FileSigner.open(key_file, None)
    with pytest.raises(SigningRefused, match="not the one that signed the last head"):
        open_signer(store, key_file)


def pem(key: Any, encryption: Any = None) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no usable private key"),
        (b"secret words", "no usable private key"),
        (pem(generate_private_key(65537, 2048)), "not an Ed25519 key"),
        (pem(Ed25519PrivateKey.generate(), BestAvailableEncryption(b"secret")), "no usable private key"),
    ],
    ids=["empty", "junk", "rsa", "encrypted"],
)
def test_a_file_with_another_content_is_refused_and_not_shown(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "key.pem"
    file.touch(0o600)
    file.write_bytes(content)

    with pytest.raises(SigningRefused, match=says) as caught:
        FileSigner.open(file, None)

    assert "secret" not in str(caught.value) + str(caught.value.help)


def test_a_key_that_everyone_may_read_is_refused(key_file: Path) -> None:
    FileSigner.open(key_file, None)
    key_file.chmod(0o604)

    with pytest.raises(SigningRefused, match="everyone may read"):
        FileSigner.open(key_file, None)


def test_a_key_that_can_not_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SigningRefused, match="can't be made"):
        FileSigner.open(tmp_path / "file" / "key.pem", None)
    with pytest.raises(SigningRefused, match="can't be read"):
        FileSigner.open(tmp_path, None)


def test_the_key_is_never_written_anywhere_else(
    store: Store,
    signer: FileSigner,
    key_file: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    grow(store, 1)
    sign_head(store, signer)
    secret = key_file.read_text().splitlines()[1]

    said = capfd.readouterr()
    assert secret not in caplog.text + said.out + said.err + repr(signer) + str(signer)
    assert log_id(signer.key) in repr(signer)
