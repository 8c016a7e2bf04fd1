"""Brings the database to the schema of this version. Forward only: a newer database is refused, not changed."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from broker.store.database import connect, store_errors
from broker.store.entity_fill import fill, keyed_already

LOCK = 0x4B414B45_48415348
"""Key of the advisory lock under which one process at a time migrates ("KAKEHASH")."""
_VERSIONS = Path(__file__).with_name("migrations") / "versions"


async def migrate(url: str) -> None:
    """Run the migrations that are missing, all in one transaction, and make keys of entities that have none.

    Any number of processes may call it at once.
    Raises `StoreUnavailable` if the database can't be reached, `SettingsError` if a newer version has migrated it.
    """
    if await _current(url) == newest():
        await _key(url)
        return
    # Alembic and SQLAlchemy weigh some 27 MB, which a process that finds its schema there need not carry.
    from broker.store.upgrade import upgrade

    await upgrade(url, LOCK)
    await _key(url)


def newest() -> str:
    """The revision of this version: migrations are numbered files, the last one is the newest."""
    return max(file.name.partition("_")[0] for file in _VERSIONS.glob("[0-9]*_*.py"))


async def _current(url: str) -> str | None:
    connection = await connect(url, timeout=10)
    try:
        with store_errors():
            revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
            return revision
    except asyncpg.UndefinedTableError:
        return None
    finally:
        await connection.close(timeout=5)


async def _key(url: str) -> None:
    """See that the entities have the keys that this version looks for; several processes do it one after the other."""
    connection = await connect(url, timeout=10)
    try:
        with store_errors():
            if not await keyed_already(connection):
                async with connection.transaction():
                    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
                    if not await keyed_already(connection):
                        await fill(connection)
    finally:
        await connection.close(timeout=5)
