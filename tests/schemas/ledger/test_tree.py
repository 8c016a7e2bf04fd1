"""The Merkle tree against its definition in RFC 9162, written down naively."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ledger.tree import (
    EMPTY,
    Frontier,
    consistency_spans,
    consistent,
    included,
    inclusion_spans,
    leaf_hash,
    node_hash,
    prove,
    subtrees,
)

LEAVES = [leaf_hash(str(n).encode()) for n in range(600)]


def naive(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(naive(leaves[:k]), naive(leaves[k:]))


def frontier(size: int) -> Frontier:
    made = Frontier()
    for leaf in LEAVES[:size]:
        made.push(leaf)
    return made


def hashes(spans: list[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
    wanted = [subtree for span in spans for subtree in subtrees(span)]
    return {(level, at): naive(LEAVES[at << level : (at + 1) << level]) for level, at in wanted}


def test_known_roots() -> None:
    """The example tree of Certificate Transparency's first test vectors: an empty leaf, then 00."""
    made = Frontier()
    made.push(leaf_hash(b""))
    assert made.root().hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    made.push(leaf_hash(b"\0"))
    assert made.root().hex() == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    assert Frontier().root() == EMPTY


def test_every_root_is_the_defined_one() -> None:
    made = Frontier()
    for size in range(600):
        assert made.root() == naive(LEAVES[:size])
        made.push(LEAVES[size])
    assert made.grown == [((8, n), naive(LEAVES[n * 256 : n * 256 + 256])) for n in range(2)]


@given(st.data())
def test_an_inclusion_proof_holds_and_nothing_else_does(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 600))
    index = data.draw(st.integers(0, size - 1))
    spans = inclusion_spans(index, size)
    proof, root = prove(spans, hashes(spans)), frontier(size).root()
    assert included(LEAVES[index], index, size, proof, root)
    other = data.draw(st.integers(0, 599).filter(lambda n: n != index))
    assert not included(LEAVES[other], index, size, proof, root)
    assert not included(LEAVES[index], other, size, proof, root)
    assert not included(LEAVES[index], index, size, [*proof, EMPTY], root)
    if proof:
        assert not included(LEAVES[index], index, size, proof[1:], root)
        spoiled = data.draw(st.integers(0, len(proof) - 1))
        assert not included(LEAVES[index], index, size, [*proof[:spoiled], EMPTY, *proof[spoiled + 1 :]], root)


@given(st.data())
def test_a_consistency_proof_holds_and_nothing_else_does(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 600))
    old = data.draw(st.integers(1, new))
    spans = consistency_spans(old, new)
    proof = prove(spans, hashes(spans))
    old_root, new_root = frontier(old).root(), frontier(new).root()
    assert consistent(old, old_root, new, new_root, proof)
    assert not consistent(old, EMPTY, new, new_root, proof)
    assert not consistent(old, old_root, new, EMPTY, proof)
    assert not consistent(old, old_root, new, new_root, [*proof, EMPTY])
    if proof:
        assert not consistent(old, old_root, new, new_root, proof[1:])
        spoiled = data.draw(st.integers(0, len(proof) - 1))
        assert not consistent(old, old_root, new, new_root, [*proof[:spoiled], EMPTY, *proof[spoiled + 1 :]])


def test_the_empty_tree_is_the_beginning_of_all() -> None:
    assert consistent(0, EMPTY, 5, frontier(5).root(), [])
    assert not consistent(0, EMPTY, 5, frontier(5).root(), [EMPTY])
    assert not consistent(0, LEAVES[0], 5, frontier(5).root(), [])
    assert not consistent(6, frontier(6).root(), 5, frontier(5).root(), [])


@given(st.integers(0, 599), st.integers(0, 599))
def test_subtrees_make_up_a_span(start: int, end: int) -> None:
    found = [n for level, at in subtrees((start, end)) for n in range(at << level, (at + 1) << level)]
    assert found == list(range(start, end))


def test_a_subtree_out_of_place_is_refused() -> None:
    made = frontier(3)
    with pytest.raises(ValueError):
        made.push(EMPTY, 1)
