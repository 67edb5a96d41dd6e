"""Documents as they lie in the tables: packed by zstd, whole or as what differs from an earlier one.

Two gradings of one producer are alike: as a difference one takes a few hundred bytes instead of six thousand. Each
differs from a document that is stored whole, so that no record hangs on a chain of others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import zstandard
from sqlalchemy import Connection, Select, func, select

from store.tables import CURRENT, GRADINGS

_LEVEL: Final = 3
"""A grading of 30 KB shrinks to a fifth in 0.07 ms; level 9 takes a tenth off that and four times as long."""
_LONGEST: Final = 1 << 28
"""Bytes of a document: more than that is an altered record's claim."""
_WORTH_WHILE: Final = 4
"""A difference is stored where it takes at most this part of what it differs from."""
_BASES: Final = GRADINGS.alias("bases")
_whole: Final = zstandard.ZstdCompressor(level=_LEVEL)


class Unpackable(ValueError):
    """What is stored is no packed document."""


def packed(document: bytes) -> bytes:
    """Return a document as it is stored whole."""
    return _whole.compress(document)


def unpacked(stored: bytes, base: bytes | None = None) -> bytes:
    """Return a document; `base` is the one that it was packed against.

    Raises:
        Unpackable: it isn't one, or other bytes follow it.
    """
    try:
        if not 0 <= zstandard.get_frame_parameters(stored).content_size <= _LONGEST:
            raise Unpackable("longer than any document")
        return zstandard.ZstdDecompressor(dict_data=_like(base)).decompress(stored, allow_extra_data=False)
    except (zstandard.ZstdError, MemoryError) as error:
        raise Unpackable(str(error)) from error


def unpacked_grading(stored: bytes, base: str | None, base_stored: bytes | None) -> bytes:
    """Return a grading's document, from the columns that `with_bases` reads.

    Raises:
        Unpackable: it isn't one, or what it was packed against is not there any more as it was.
    """
    if base is None:
        return unpacked(stored)
    try:
        whole = unpacked(b"" if base_stored is None else base_stored)
    except Unpackable as error:
        raise Unpackable(f"its base {base}: {error}") from error
    if hashlib.sha256(whole).hexdigest() != base:
        raise Unpackable(f"its base {base} has been altered")
    return unpacked(stored, whole)


def with_bases(*columns: Any) -> Select[Any]:  # noqa: ANN401  columns
    """Return a query of columns of gradings and, as `base_document`, of what is stored of each one's base."""
    bases = GRADINGS.outerjoin(_BASES, GRADINGS.c.base == _BASES.c.hash)
    return select(*columns, _BASES.c.document.label("base_document")).select_from(bases)


def pack_gradings(connection: Connection, documents: Sequence[tuple[str, bytes]]) -> list[tuple[str | None, bytes]]:
    """Return for each grading, given by producer and document, what it is packed against (a hash) and what is stored.

    What holds of a producer now, or what that was packed against, is the base, if the two are alike enough.
    """
    whole = func.coalesce(GRADINGS.c.base, GRADINGS.c.hash)
    query = select(CURRENT.c.producer_id, _BASES.c.hash, _BASES.c.document)
    query = query.join(GRADINGS, CURRENT.c.hash == GRADINGS.c.hash).join(_BASES, _BASES.c.hash == whole)
    rows = connection.execute(query.where(CURRENT.c.producer_id.in_([name for name, _ in documents])))
    bases = {name: (base, stored) for name, base, stored in rows}
    return [_pack_grading(document, *bases.get(name, (None, b""))) for name, document in documents]


def _pack_grading(document: bytes, base: str | None, base_stored: bytes) -> tuple[str | None, bytes]:
    if base is not None:
        try:
            whole = unpacked(base_stored)
        except Unpackable:
            whole = b""
        # A base that has been altered is found by whoever verifies the log; nothing more is hung on it.
        if hashlib.sha256(whole).hexdigest() == base:
            difference = zstandard.ZstdCompressor(level=_LEVEL, dict_data=_like(whole)).compress(document)
            if len(difference) * _WORTH_WHILE <= len(base_stored):
                return base, difference
    return None, packed(document)


def _like(base: bytes | None) -> zstandard.ZstdCompressionDict | None:
    return None if base is None else zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
