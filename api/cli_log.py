"""`shuoli log verify | head | proof`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
import msgspec

from api.cli_replay import database
from api.ledger import open_store
from api.output import as_json, console, print_json, progress
from api.settings import Settings
from casework.audit import audit_log
from casework.heads import HeadRefused, read_head, read_signed_head
from casework.proofs import Proofs
from casework.signing import FileSigner
from store import trail
from store.ledger import Store


@click.group(help="日志:核验、树头、证明 · the log: verify it, its head, proofs")
def log() -> None:
    """Hold the commands about the log."""


@log.command(
    help="核验整个账本,指出第一条被改动的记录 · check the whole ledger, name the first record that was altered"
)
@database
@click.option(
    "--head",
    "kept",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="另存的树头或证书 · a head or certificate that was kept elsewhere",
)
@click.option("--key", metavar="HEX", help="树头的公钥 · the public key of heads")
@as_json
def verify(db: str | None, kept: tuple[Path, ...], key: str | None, as_json: bool) -> int:
    """Print the first record that is not what was stored; 1 if there is one."""
    heads = [read_signed_head(_content(path)) for path in kept]
    public = _key(key)
    settings = Settings.from_environment()
    if public is None and db is None and settings.signing_key.exists():
        public = FileSigner.open(settings.signing_key, None).key
    with _opened(db) as store, progress(quiet=as_json) as bars:
        with store.read() as transaction:
            size = trail.size(transaction)
        task = bars.add_task("核验 · verifying", total=size)
        flaw = audit_log(store, key=public, kept=heads, done=lambda leaves: bars.advance(task, leaves))
    if as_json:
        told = None if flaw is None else msgspec.structs.asdict(flaw)
        print_json({"ok": flaw is None, "leaves": size, "flaw": told})
    elif flaw is None:
        console().print(f"{size} 叶,未见改动 · leaves, nothing was altered")
    else:
        lines = (
            f"{flaw.table} {flaw.key}: {flaw.what}",
            f"  应为 · expected: {flaw.expected}",
            f"  实为 · found:    {flaw.found}",
        )
        for line in lines:
            console().print(line, style="red", markup=False, soft_wrap=True)
    return 0 if flaw is None else 1


@log.command(help="最新的签名树头,请另存一份 · the newest signed head: keep a copy elsewhere")
@database
@as_json
def head(db: str | None, as_json: bool) -> int:
    """Print the newest head, with --json as `verify --head` takes it."""
    with _opened(db) as store:
        signed = Proofs(store).head()
    if as_json:
        print_json(signed)
        return 0
    said = read_head(signed.document.encode())
    out = console()
    out.print(f"{said.size} 叶 · leaves, {said.at}, {said.hash}")
    for name, value in (("root", said.root), ("log", said.log), ("key", signed.key), ("signature", signed.signature)):
        out.print(f"{name}: {value}", soft_wrap=True)
    return 0


@log.command(help="包含证明(JSON)· the proof that a document is in the log, as JSON")
@click.argument("name", metavar="HASH")
@database
def proof(name: str, db: str | None) -> int:
    """Print the proof against the newest head."""
    with _opened(db) as store:
        print_json(Proofs(store).inclusion(name))
    return 0


@contextmanager
def _opened(db: str | None) -> Iterator[Store]:
    settings = Settings.from_environment()
    store = open_store(settings if db is None else replace(settings, database_url=db))
    try:
        yield store
    finally:
        store.close()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise HeadRefused(f"the head {path} can't be read: {error.strerror}") from error


def _key(text: str | None) -> bytes | None:
    try:
        key = None if text is None else bytes.fromhex(text)
    except ValueError:
        key = b""
    if key is not None and len(key) != 32:
        raise click.BadParameter("64 hex digits are expected", param_hint="--key")
    return key
