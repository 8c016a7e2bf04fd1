"""Witnesses that may cosign checkpoints, and their cosignatures."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg

from broker.store.database import Database
from broker.store.ledger_events import enter
from schemas.errors import AlreadyExists, BadRequestData, Forbidden, NotFound
from schemas.ledger.checkpoint import SignedCheckpoint
from schemas.ledger.note import COSIGNATURE, VerifyingKey

ADDED = "ledger.witness-added"
REMOVED = "ledger.witness-removed"


class Witnesses:
    """Methods raise `StoreUnavailable` besides what they name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[VerifyingKey]:
        """In order of their names."""
        async with self._database.connection() as connection:
            return await _keys(connection)

    async def add(self, key: VerifyingKey, actor: str) -> None:
        """Let it cosign from now on. Raises BadRequestData, AlreadyExists."""
        if key.algorithm != COSIGNATURE:
            raise BadRequestData("This is not a witness's key.", field="key", value=str(key))
        async with self._database.transaction() as connection:
            try:
                await connection.execute("INSERT INTO ledger_witnesses (name, key) VALUES ($1, $2)", key.name, str(key))
            except asyncpg.UniqueViolationError:
                raise AlreadyExists(f"There is a witness {key.name} already.", field="key") from None
            await enter(connection, ADDED, key.name, actor, {"key": str(key)})

    async def remove(self, name: str, actor: str) -> None:
        """What it has cosigned stays. Raises NotFound."""
        async with self._database.transaction() as connection:
            key = await connection.fetchval("DELETE FROM ledger_witnesses WHERE name = $1 RETURNING key", name)
            if key is None:
                raise NotFound(f"There is no witness {name}.", field="name", value=name)
            await enter(connection, REMOVED, name, actor, {"key": key})

    async def cosign(self, told: SignedCheckpoint) -> str:
        """Keep the cosignature of one witness under our checkpoint of that size; the witness's name.

        Raises Forbidden for a witness that is not known or a signature that is not good, NotFound for a checkpoint
        that is not ours.
        """
        signature = told.note.signatures[0]
        checkpoint = told.checkpoint
        async with self._database.transaction() as connection:
            witnesses = await _keys(connection)
            key = next((key for key in witnesses if signature.by(key)), None)
            if key is None or not key.verifies(checkpoint.text, signature.blob):
                raise Forbidden(
                    "This is not the cosignature of a witness that is known here; `kakehashi ledger witness-add`."
                )
            held = await connection.fetchrow(
                "SELECT root, note FROM ledger_checkpoints WHERE size = $1", checkpoint.size
            )
            if held is None or not held["note"].startswith(f"{checkpoint.text}\n"):
                raise NotFound("This checkpoint is not one of ours.", field="checkpoint", value=checkpoint.text)
            await connection.execute(
                "INSERT INTO ledger_cosignatures (size, witness, time, line) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (size, witness) DO NOTHING",
                checkpoint.size,
                key.name,
                _time(signature.blob),
                str(signature),
            )
        return key.name


def _time(blob: bytes) -> datetime:
    try:
        return datetime.fromtimestamp(int.from_bytes(blob[:8], "big"), UTC)
    except (ValueError, OverflowError, OSError):
        raise BadRequestData("The cosignature's time is none.", field="checkpoint") from None


async def _keys(connection: asyncpg.Connection) -> list[VerifyingKey]:
    rows = await connection.fetch("SELECT key FROM ledger_witnesses ORDER BY name")
    return [VerifyingKey.parse(row["key"]) for row in rows]
