"""Entries against the hashes of their blocks, so that a change is found near its place and not just somewhere."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.ledger.bundle import BLOCK
from schemas.ledger.note import from_base64
from schemas.ledger.tree import STEP, Subtree


class Blocks:
    """Compares the subtrees that a growing tree completes with those in the proof: the whole, aligned blocks."""

    def __init__(self, first: int, hashes: Sequence[str]) -> None:
        self._first = -(-first // BLOCK)
        self._hashes = hashes
        self._seen = 0

    def fits(self, subtree: Subtree, digest: bytes) -> bool:
        """False for a block that is not the one in the proof; larger subtrees are none."""
        level, place = subtree
        if level != STEP or place < self._first:
            return True
        self._seen += 1
        number = place - self._first
        return number < len(self._hashes) and from_base64(self._hashes[number]) == digest

    @property
    def left_over(self) -> bool:
        return self._seen < len(self._hashes)
