"""Checkpoints (C2SP tlog-checkpoint): which ledger, how many entries, which root."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.errors import BadRequestData
from schemas.ledger.note import COSIGNATURE, Note, VerifyingKey, from_base64, read_note, to_base64


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`size`: entries of the ledger, numbered from 0. `root`: of the tree over all of them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    checkpoint: Checkpoint
    note: Note

    def witnesses(self, keys: Iterable[VerifyingKey]) -> list[tuple[VerifyingKey, int]]:
        """Those of `keys` whose cosignature is good, with the Unix time of it."""
        found = []
        for key in keys:
            for signature in self.note.signatures:
                if key.algorithm == COSIGNATURE and signature.by(key) and key.verifies(self.note.text, signature.blob):
                    found.append((key, int.from_bytes(signature.blob[:8], "big")))
                    break
        return found


def read_checkpoint(source: str) -> SignedCheckpoint:
    """A checkpoint as it is served. Raises BadRequestData; signatures are not checked here."""
    note = read_note(source)
    origin, _, rest = note.text.partition("\n")
    number, _, rest = rest.partition("\n")
    root = from_base64(rest.removesuffix("\n")) or b""
    counted = number.isascii() and number.isdecimal() and len(number) < 19
    checkpoint = Checkpoint(origin, int(number) if counted else 0, root)
    if not origin or not counted or len(root) != 32 or checkpoint.text != note.text:
        raise BadRequestData("This is no checkpoint.", field="checkpoint", value=note.text)
    return SignedCheckpoint(checkpoint, note)
