"""SQLAlchemy's engine for the URLs that asyncpg reads. Apart from `database`, as importing SQLAlchemy costs memory."""

from __future__ import annotations

from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from broker.store.database import SERVER_SETTINGS, dsn


def make_engine(url: str, *, pool_size: int) -> AsyncEngine:
    """The URL goes to asyncpg whole: SQLAlchemy's own reading of it knows neither socket folders nor `sslmode`."""
    target = dsn(url)

    async def creator(*_: Any, **__: Any) -> asyncpg.Connection:
        return await asyncpg.connect(target, server_settings=SERVER_SETTINGS)

    return create_async_engine(
        "postgresql+asyncpg://", async_creator=creator, pool_size=pool_size, max_overflow=0, pool_pre_ping=True
    )
