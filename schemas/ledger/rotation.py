"""From one signing key to the next: the old one vouches for the new one in a note."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from schemas.errors import BadRequestData
from schemas.ledger.entry import written
from schemas.ledger.note import VerifyingKey, read_note

_HEAD = "kakehashi.ledger/next-key v1"


def voucher_text(old: VerifyingKey, new: VerifyingKey, since: datetime) -> str:
    """What the old key signs."""
    return f"{_HEAD}\n{old}\n{new}\n{written(since)}\n"


def follow(keys: Sequence[tuple[VerifyingKey, str | None]]) -> VerifyingKey:
    """The key in force, if each is vouched for by the one before it. BadRequestData says which is not."""
    if not keys or keys[0][1] is not None:
        raise BadRequestData("The first key has no voucher.", field="keys")
    current = keys[0][0]
    for key, voucher in keys[1:]:
        note = read_note(voucher or "")
        lines = note.text.split("\n")
        if lines[:3] != [_HEAD, str(current), str(key)] or len(lines) != 5 or not note.signed_by(current):
            raise BadRequestData("A key is not vouched for by the one before it.", field="keys", value=str(key))
        current = key
    return current
