"""`shuoli verify CERTIFICATE.json`: grades again what a certificate says, and checks its place in the signed log."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from api.output import as_json, console, print_json
from casework.certificate import Verified, verify_certificate
from engine.workers import Workers
from knowledge.problems import ShuoliError

_LARGEST: Final = 64_000_000
"""Bytes of one certificate."""
_KEY: Final = re.compile("[0-9a-f]{64}")


class CertificateMissing(ShuoliError):
    """The certificate's file can't be opened."""

    code = "certificate.missing"


@click.command(
    help="核验证书:重新评级,核对日志中的位置与签名 · verify a certificate: grade again, check log and signature"
)
@click.argument("path", metavar="CERTIFICATE.json", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--key", metavar="HEX|FILE", help="评价机关的公钥,或存有它的文件 · the bureau's public key, or its file")
@as_json
def verify(path: Path, key: str | None, as_json: bool) -> int:
    """Print what the certificate proves; what is wrong with it goes to standard error."""
    public = None if key is None else _public(key)
    content = _content(path)
    with Workers(1) as workers:
        verified = verify_certificate(content, workers, public)
    if as_json:
        print_json(verified)
    else:
        _print(verified, given=public is not None)
    return 0


def _print(one: Verified, *, given: bool) -> None:
    book, head = one.rulebook, one.head
    whose = (
        "所给 · the one given" if given else "未证明属于评价机关(用 --key)· not shown to be the bureau's (use --key)"
    )
    lines = (
        "已核验 · verified",
        f"主体 producer: {one.producer}",
        f"等级 grade: {one.grade}, as_of {one.as_of}, known_at {one.known_at}",
        f"评价 grading: {one.hash}",
        f"规则包 rulebook: {book['id']} {book['version']} ({book['status']}), sha256 {book['sha256']}",
        f"日志 log: {head.log}, {one.index} / {head.size} 叶 · leaves, {one.entered_at}; {head.at}, {head.hash}",
        f"公钥 key: {one.key}: {whose}",
        "未证明 · not proved: 事实为真 · that facts are true; 首个树头前没有隐瞒 · that nothing was withheld before it",
    )
    for line in lines:
        console().print(line, markup=False, soft_wrap=True)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except OSError as error:
        raise CertificateMissing(f"{path}: {error.strerror}", help="give the path of a certificate") from error


def _public(key: str) -> str:
    """Return the public key in hex: as given, or as the file holds it."""
    text = key.lower()
    if not _KEY.fullmatch(text):
        try:
            text = Path(key).read_text("ascii").strip().lower()
        except (OSError, ValueError):
            text = ""
    if not _KEY.fullmatch(text):
        raise click.BadParameter("64 hex digits, or a file that holds them, are expected", param_hint="--key")
    return text
