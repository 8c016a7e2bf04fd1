"""Brings the database to the schema of this version. Forward only: a newer database is refused, not changed."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from broker.store.database import connect, store_errors

_VERSIONS = Path(__file__).with_name("migrations") / "versions"


async def migrate(url: str) -> None:
    """Run the migrations that are missing, all in one transaction; any number of processes may call it at once.

    Raises `StoreUnavailable` if the database can't be reached, `SettingsError` if a newer version has migrated it.
    """
    if await _current(url) == newest():
        return
    # Alembic and SQLAlchemy weigh some 27 MB, which a process that finds its schema there need not carry.
    from broker.store.upgrade import upgrade

    await upgrade(url)


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
