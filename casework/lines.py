"""Lines of a delivery, split from a stream into chunks that are committed together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

CHUNK_LINES: Final = 500
CHUNK_BYTES: Final = 4_000_000
"""A chunk ends with the line that reaches either."""
LONGEST_LINE: Final = 1_000_000
"""Bytes; of a longer line the beginning is kept."""


@dataclass(frozen=True, slots=True)
class RawLine:
    """One line as it came, without its end. `length` is that of the whole line, of which `data` may be a part."""

    number: int
    data: bytes
    length: int


def chunk_digest(lines: Sequence[RawLine]) -> bytes:
    """Return the SHA-256 by which a chunk that is sent again is known."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(b"%d %d\n" % (line.number, line.length))
        digest.update(line.data)
    return digest.digest()


class LineSplitter:
    r"""Splits a stream into chunks. Where a chunk ends depends on the lines alone, not on how they arrive.

    >>> splitter = LineSplitter()
    >>> list(splitter.feed(b'{"a":1}\n\n{"b"'))
    []
    >>> [(line.number, line.data) for line in splitter.end()]
    [(1, b'{"a":1}'), (3, b'{"b"')]
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._cut = 0
        self._number = 0
        self._lines: list[RawLine] = []
        self._bytes = 0

    def feed(self, data: bytes) -> Iterator[list[RawLine]]:
        """Take more of the stream and yield the chunks that are complete."""
        first, *more = data.split(b"\n")
        self._keep(first)
        for part in more:
            yield from self._line_ends()
            self._keep(part)

    def end(self) -> list[RawLine]:
        """Return the lines of the last chunk, which may be none."""
        for chunk in self._line_ends():
            return chunk
        lines, self._lines = self._lines, []
        return lines

    def _keep(self, part: bytes) -> None:
        room = LONGEST_LINE - len(self._rest)
        self._rest += part[:room]
        self._cut += max(len(part) - room, 0)

    def _line_ends(self) -> Iterator[list[RawLine]]:
        line = bytes(self._rest)
        length, self._cut = len(line) + self._cut, 0
        self._rest.clear()
        self._number += 1
        if not line.strip():
            return
        self._lines.append(RawLine(self._number, line, length))
        self._bytes += len(line)
        if len(self._lines) >= CHUNK_LINES or self._bytes >= CHUNK_BYTES:
            lines, self._lines, self._bytes = self._lines, [], 0
            yield lines
