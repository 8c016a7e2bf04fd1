"""The Merkle tree of RFC 9162: hashes, which subtrees a proof is made of, and the checks of proofs (clause 2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

Span = tuple[int, int]
"""Leaves from the first number up to, not including, the second."""
Subtree = tuple[int, int]
"""A complete subtree: its level and its place there. (0, 5) is the sixth leaf, (8, 1) the leaves 256 to 511."""
EMPTY = sha256(b"").digest()
STEP = 8
"""Subtrees of levels 8, 16, 24, … are kept; what lies between them is computed from at most 255 hashes."""


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


class Frontier:
    """The complete subtrees, from the left, that a growing tree consists of: all that its root needs.

    `push` what comes next; `grown` collects the subtrees of levels 8, 16, … that came to be complete.
    """

    __slots__ = ("_stack", "grown", "size")

    def __init__(self, subtrees: Sequence[tuple[int, bytes]] = ()) -> None:
        """`subtrees`: level and hash of each, from the left."""
        self.size = 0
        self.grown: list[tuple[Subtree, bytes]] = []
        self._stack: list[tuple[int, bytes]] = []
        for level, digest in subtrees:
            self.push(digest, level)
        self.grown.clear()

    def push(self, digest: bytes, level: int = 0) -> None:
        """ValueError for a subtree that can't come at this place."""
        if self.size & ((1 << level) - 1):
            raise ValueError("a subtree out of place")
        self.size += 1 << level
        stack = self._stack
        while stack and stack[-1][0] == level:
            digest = sha256(b"\1" + stack.pop()[1] + digest).digest()
            level += 1
            if not level % STEP:
                self.grown.append(((level, (self.size >> level) - 1), digest))
        stack.append((level, digest))

    def root(self) -> bytes:
        if not self._stack:
            return EMPTY
        return fold([digest for _, digest in self._stack])

    def copy(self) -> Frontier:
        return Frontier(self._stack)


def fold(subtrees: Sequence[bytes]) -> bytes:
    """The hash over complete subtrees whose sizes fall from the left."""
    digest = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        digest = node_hash(left, digest)
    return digest


def inclusion_spans(index: int, size: int) -> list[Span]:
    """The spans whose hashes prove leaf `index` in a tree of `size`, in the order of the proof (2.1.3.1)."""
    spans = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old: int, new: int) -> list[Span]:
    """The spans whose hashes prove that the tree of `old` leaves is the beginning of that of `new` (2.1.4.1)."""
    spans = []
    start, end = 0, new
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    if start:
        spans.append((start, end))
    return spans[::-1]


def subtrees(span: Span) -> Iterator[Subtree]:
    """The fewest complete subtrees that a span consists of, from the left."""
    start, end = span
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        yield level, start >> level
        start += 1 << level


def prove(spans: Iterable[Span], hashes: Mapping[Subtree, bytes]) -> list[bytes]:
    """The proof, from the hashes of all `subtrees` of its spans."""
    return [fold([hashes[subtree] for subtree in subtrees(span)]) for span in spans]


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows `leaf` (a hash) at `index` of the tree with this size and root (2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, digest = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            digest = node_hash(step, digest)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            digest = node_hash(digest, step)
        place, last = place >> 1, last >> 1
    return last == 0 and digest == root


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the new tree only added to the old one (2.1.4.2). Nothing is in all trees."""
    if not 0 <= old <= new:
        return False
    if old == 0:
        return not proof and old_root == EMPTY
    if old == new:
        return not proof and old_root == new_root
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            second = node_hash(second, step)
        place, last = place >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)
