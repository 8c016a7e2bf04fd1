"""The keys that the ledger was and is signed with, written together with the event that tells of them."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg

from broker.store.ledger_events import enter
from schemas.ledger.note import SigningKey, VerifyingKey
from schemas.ledger.rotation import voucher_text

OPENED = "ledger.opened"
ROTATED = "ledger.key-rotated"
_NOBODY = "administration"


async def open_with(connection: asyncpg.Connection, key: VerifyingKey) -> None:
    """The first key. Within the caller's transaction, as the others here."""
    await connection.execute("INSERT INTO ledger_keys (number, key, since) VALUES (1, $1, now())", str(key))
    await enter(connection, OPENED, key.name, _NOBODY, {"key": str(key)})


async def rotate_to(connection: asyncpg.Connection, old: SigningKey, new: VerifyingKey) -> str:
    """The next key, for which the one that is in force vouches; returns the voucher, a note.

    Whoever calls holds the ledger's lock or knows that `old` is in force: it is checked by its number.
    """
    since = datetime.now(UTC)
    text = voucher_text(old.verifying, new, since)
    voucher = f"{text}\n{old.sign(text)}"
    done = await connection.execute(
        "INSERT INTO ledger_keys (number, key, since, voucher)"
        " SELECT number + 1, $2, $3, $4 FROM ledger_keys WHERE key = $1"
        " AND number = (SELECT max(number) FROM ledger_keys)",
        str(old.verifying),
        str(new),
        since,
        voucher,
    )
    if done != "INSERT 0 1":
        raise ValueError("the key that should vouch is not the one in force")
    await enter(connection, ROTATED, new.name, _NOBODY, {"key": str(new), "voucher": voucher})
    return voucher
