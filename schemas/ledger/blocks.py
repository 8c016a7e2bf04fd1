"""Entries against the hashes of their blocks, so that a change is found near its place and not just somewhere."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.ledger.bundle import BLOCK
from schemas.ledger.note import from_base64
from schemas.ledger.tree import Frontier


class Blocks:
    """Compares the entries block by block with the hashes in the proof; a block is whole and aligned."""

    def __init__(self, first: int, hashes: Sequence[str]) -> None:
        self._at = first
        self._hashes = hashes
        self._number = 0
        self._tree: Frontier | None = None

    def fits(self, digest: bytes) -> bool:
        """False at the last entry of a block that is not the one in the proof."""
        if not self._at % BLOCK:
            self._tree = Frontier()
        self._at += 1
        if self._tree is None:
            return True
        self._tree.push(digest)
        if self._at % BLOCK:
            return True
        number, self._number = self._number, self._number + 1
        return number < len(self._hashes) and from_base64(self._hashes[number]) == self._tree.root()

    @property
    def left_over(self) -> bool:
        return self._number < len(self._hashes)
