"""The arithmetic of a Merkle tree as RFC 6962 lays it out: hashes, roots, proofs and how they are checked.

Hashes are 32 bytes. A subtree is named by level and index: (level, index) covers the leaves from index * 2 ** level on,
2 ** level of them, so that (0, n) is leaf n. Proofs list hashes from the leaves up, as the RFC does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

Subtree = tuple[int, int]
Hasher = Callable[[bytes], bytes]

ALGORITHMS: Final = ("sha256", "sm3")


@cache
def hasher(algorithm: str) -> Hasher:
    """Return the hash function named `sha256` or `sm3`; its results have 32 bytes.

    >>> hasher("sm3")(b"abc").hex()
    '66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0'

    Raises:
        ValueError: there is no such algorithm here.
    """
    if algorithm not in ALGORITHMS:
        raise ValueError(f"the log is hashed with {' or '.join(ALGORITHMS)}, not `{algorithm}`")
    if algorithm == "sha256":
        return lambda content: hashlib.sha256(content).digest()
    hashlib.new(algorithm)  # an OpenSSL without it says so here
    return lambda content: hashlib.new(algorithm, content).digest()


def leaf_hash(document: bytes, algorithm: str = "sha256") -> bytes:
    """Return the hash of a leaf."""
    return hasher(algorithm)(b"\0" + document)


def node_hash(left: bytes, right: bytes, algorithm: str = "sha256") -> bytes:
    """Return the hash of a node over two others."""
    return hasher(algorithm)(b"\1" + left + right)


def complete(start: int, end: int) -> list[Subtree]:
    """Return the complete subtrees that make up the leaves from `start` until before `end`, from left to right.

    `start` is a multiple of the least power of two that is no less than `end - start`, as in every range of a proof.

    >>> complete(0, 7)
    [(2, 0), (1, 2), (0, 6)]
    """
    found = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append((level, start >> level))
        start += 1 << level
    return found


def fold(hashes: Sequence[bytes], algorithm: str = "sha256") -> bytes:
    """Return the hash over the complete subtrees of a range, largest first; that of no bytes where there are none."""
    if not hashes:
        return hasher(algorithm)(b"")
    folded = hashes[-1]
    for left in reversed(hashes[:-1]):
        folded = node_hash(left, folded, algorithm)
    return folded


def parents(hashes: Sequence[bytes], algorithm: str = "sha256") -> list[bytes]:
    """Return the hash of each pair; a last one without partner has no parent yet."""
    content = hasher(algorithm)
    return [content(b"\1" + left + right) for left, right in zip(hashes[::2], hashes[1::2], strict=False)]


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """Return the ranges of leaves (first, after last) whose hashes prove that a leaf lies in a tree of `size`."""
    first, last, found = 0, size, []
    while last - first > 1:
        split = first + _split(last - first)
        if index < split:
            found.append((split, last))
            last = split
        else:
            found.append((first, split))
            first = split
    return found[::-1]


def consistency_ranges(old: int, new: int) -> list[tuple[int, int]]:
    """Return the ranges of leaves whose hashes prove that a tree of `new` begins with one of `old`, 1 or more."""
    first, last, found = 0, new, []
    while last != old:
        split = first + _split(last - first)
        if old <= split:
            found.append((split, last))
            last = split
        else:
            found.append((first, split))
            first = split
    # The verifier knows the old root itself, and it is this range where nothing lies before it.
    return [*([(first, last)] if first else []), *found[::-1]]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes, algorithm: str = "sha256"
) -> bool:
    """Say whether `proof` shows that the leaf with this hash has this index in the tree of `size` with this root."""
    if not 0 <= index < size or not _are_hashes([leaf, root, *proof]):
        return False
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(sibling, found, algorithm)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling, algorithm)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(
    old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes], algorithm: str = "sha256"
) -> bool:
    """Say whether `proof` shows that the tree of `size` with this root begins with the older one; that has a leaf."""
    if not 0 < old_size <= size or not _are_hashes([old_root, root, *proof]):
        return False
    if old_size == size:
        return not proof and old_root == root
    steps = list(proof)
    if old_size & (old_size - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    place, last = old_size - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old_found = found = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old_found, found = node_hash(sibling, old_found, algorithm), node_hash(sibling, found, algorithm)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling, algorithm)
        place, last = place >> 1, last >> 1
    return last == 0 and old_found == old_root and found == root


class Growing:
    """A tree that grows leaf by leaf and keeps only what its root needs."""

    def __init__(self, algorithm: str = "sha256") -> None:
        self._algorithm = algorithm
        self._hash = hasher(algorithm)
        self._peaks: list[tuple[int, bytes]] = []
        self.size = 0

    def add(self, leaf: bytes) -> list[tuple[Subtree, bytes]]:
        """Take the hash of the next leaf; return the nodes above leaves that it completes, lowest first."""
        level, done, found = 0, leaf, []
        while self._peaks and self._peaks[-1][0] == level:
            _, left = self._peaks.pop()
            level, done = level + 1, self._hash(b"\1" + left + done)
            found.append(((level, self.size >> level), done))
        self._peaks.append((level, done))
        self.size += 1
        return found

    def root(self) -> bytes:
        """Return the root as it is now."""
        return fold([peak for _, peak in self._peaks], self._algorithm)


def _split(size: int) -> int:
    """Return the largest power of two below a size of 2 or more."""
    return 1 << ((size - 1).bit_length() - 1)


def _are_hashes(given: Sequence[bytes]) -> bool:
    return all(len(one) == 32 for one in given)
