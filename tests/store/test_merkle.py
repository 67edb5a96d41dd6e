"""The tree is that of RFC 6962: its known vectors, and its definition tried on every small size."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest

from store.merkle import (
    Growing,
    complete,
    consistency_ranges,
    fold,
    hasher,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

# The leaves and roots that the reference implementation of Certificate Transparency is tried on.
LEAVES = [
    bytes.fromhex(one)
    for one in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
INCLUSION = {
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
    (1, 5): (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}
CONSISTENCY = {
    (1, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (6, 8): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 5): (
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
    (8, 8): (),
}


def mth(documents: Sequence[bytes], algorithm: str = "sha256") -> bytes:
    """Return the root as section 2.1 of the RFC defines it."""
    if not documents:
        return hasher(algorithm)(b"")
    if len(documents) == 1:
        return leaf_hash(documents[0], algorithm)
    k = 1
    while k * 2 < len(documents):
        k *= 2
    return node_hash(mth(documents[:k], algorithm), mth(documents[k:], algorithm), algorithm)


def path(m: int, documents: Sequence[bytes]) -> list[bytes]:
    """Return the audit path as section 2.1.1 of the RFC defines it."""
    if len(documents) == 1:
        return []
    k = 1
    while k * 2 < len(documents):
        k *= 2
    if m < k:
        return [*path(m, documents[:k]), mth(documents[k:])]
    return [*path(m - k, documents[k:]), mth(documents[:k])]


def subproof(m: int, documents: Sequence[bytes], *, whole: bool) -> list[bytes]:
    """Return the consistency proof as section 2.1.2 of the RFC defines it."""
    if m == len(documents):
        return [] if whole else [mth(documents)]
    k = 1
    while k * 2 < len(documents):
        k *= 2
    if m <= k:
        return [*subproof(m, documents[:k], whole=whole), mth(documents[k:])]
    return [*subproof(m - k, documents[k:], whole=False), mth(documents[:k])]


def hashed(ranges: Sequence[tuple[int, int]], documents: Sequence[bytes] = LEAVES) -> list[bytes]:
    return [mth(documents[first:last]) for first, last in ranges]


def numbered(count: int) -> list[bytes]:
    return [number.to_bytes(2, "big") for number in range(count)]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_the_reference(size: int) -> None:
    growing = Growing()
    for document in LEAVES[:size]:
        growing.add(leaf_hash(document))

    assert mth(LEAVES[:size]).hex() == growing.root().hex() == ROOTS[size]


@pytest.mark.parametrize("where", INCLUSION)
def test_the_inclusion_proofs_are_those_of_the_reference(where: tuple[int, int]) -> None:
    index, size = where
    proof = hashed(inclusion_ranges(index, size))

    assert tuple(one.hex() for one in proof) == INCLUSION[where]
    assert verify_inclusion(leaf_hash(LEAVES[index]), index, size, proof, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize("where", CONSISTENCY)
def test_the_consistency_proofs_are_those_of_the_reference(where: tuple[int, int]) -> None:
    old, new = where
    proof = hashed(consistency_ranges(old, new))

    assert tuple(one.hex() for one in proof) == CONSISTENCY[where]
    assert verify_consistency(old, bytes.fromhex(ROOTS[old]), new, bytes.fromhex(ROOTS[new]), proof)


def test_sm3_gives_the_digest_of_its_standard() -> None:
    assert hasher("sm3")(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert hasher("sm3")(b"abcd" * 16).hex() == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


def test_a_tree_of_sm3_proves_as_one_of_sha256_does() -> None:
    documents = numbered(13)
    root = mth(documents, "sm3")
    proof = [mth(documents[first:last], "sm3") for first, last in inclusion_ranges(6, 13)]
    older = [mth(documents[first:last], "sm3") for first, last in consistency_ranges(5, 13)]

    assert verify_inclusion(leaf_hash(documents[6], "sm3"), 6, 13, proof, root, "sm3")
    assert not verify_inclusion(leaf_hash(documents[6]), 6, 13, proof, root)
    assert verify_consistency(5, mth(documents[:5], "sm3"), 13, root, older, "sm3")


def test_other_hashes_are_refused() -> None:
    with pytest.raises(ValueError, match="not `md5`"):
        hasher("md5")


@pytest.mark.parametrize("size", range(1, 71))
def test_every_leaf_of_every_small_tree_is_proved_as_the_rfc_defines(size: int) -> None:
    documents = numbered(size)
    root = mth(documents)
    for index, document in enumerate(documents):
        proof = hashed(inclusion_ranges(index, size), documents)
        leaf = leaf_hash(document)

        assert proof == path(index, documents)
        assert verify_inclusion(leaf, index, size, proof, root)
        assert not verify_inclusion(leaf, index + 1, size, proof, root)
        assert not verify_inclusion(leaf, index, size, [*proof, root], root)
        assert not verify_inclusion(leaf, index, size, proof[:-1], root) or not proof
        assert not verify_inclusion(leaf_hash(b"other"), index, size, proof, root)


@pytest.mark.parametrize("size", range(1, 41))
def test_every_pair_of_small_trees_is_proved_as_the_rfc_defines(size: int) -> None:
    documents = numbered(size)
    root = mth(documents)
    for old in range(1, size + 1):
        proof = hashed(consistency_ranges(old, size), documents)
        before = mth(documents[:old])

        assert proof == subproof(old, documents, whole=True)
        assert verify_consistency(old, before, size, root, proof)
        assert not verify_consistency(old, leaf_hash(b"x"), size, root, proof)
        assert not verify_consistency(old, before, size, leaf_hash(b"x"), proof)
        assert not verify_consistency(old, before, size, root, [*proof, root])
        assert not verify_consistency(old, before, size, root, proof[:-1]) or not proof
        for at in range(len(proof)):
            changed = [*proof[:at], leaf_hash(b"x"), *proof[at + 1 :]]
            assert not verify_consistency(old, before, size, root, changed)


@pytest.mark.parametrize(("old", "new"), [(0, 4), (-1, 4), (5, 4), (4, 0)])
def test_no_proof_holds_for_sizes_that_can_not_be(old: int, new: int) -> None:
    assert not verify_consistency(old, mth(LEAVES[:4]), new, mth(LEAVES[:4]), [])
    assert not verify_inclusion(leaf_hash(LEAVES[0]), max(old, new), min(old, new), [], mth(LEAVES[:1]))


def test_hashes_of_another_length_prove_nothing() -> None:
    # 31 + 33 bytes would hash like 32 + 32.
    left, right = leaf_hash(LEAVES[0]), leaf_hash(LEAVES[1])
    root, both = node_hash(left, right), left + right

    assert verify_inclusion(left, 0, 2, [right], root)
    assert not verify_inclusion(both[:31], 0, 2, [both[31:]], root)
    assert not verify_consistency(1, both[:31], 2, root, [both[31:]])


@pytest.mark.parametrize("size", [*range(1, 40), 1000])
def test_a_growing_tree_completes_each_subtree_once(size: int) -> None:
    documents = numbered(size)
    growing = Growing()
    made = [found for document in documents for found in growing.add(leaf_hash(document))]

    assert len(made) == len(dict(made)) == size - size.bit_count()
    assert all(made_hash == mth(documents[index << level : (index + 1) << level]) for (level, index), made_hash in made)
    stored = dict(made) | {(0, index): leaf_hash(document) for index, document in enumerate(documents)}
    assert growing.root() == fold([stored[one] for one in complete(0, size)]) == mth(documents)


def test_a_leaf_can_not_pass_for_a_node() -> None:
    left, right = leaf_hash(LEAVES[0]), leaf_hash(LEAVES[1])

    assert leaf_hash(left + right) != node_hash(left, right)
    assert hashlib.sha256(b"\0" + left + right).digest() == leaf_hash(left + right)
