"""`Database`: one process's way to PostgreSQL: a pool of asyncpg connections, and SQLAlchemy's engine beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import asyncpg

from broker.embedded.binaries import OLDEST
from schemas.errors import SettingsError, StoreUnavailable

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

SERVER_SETTINGS = {"application_name": "kakehashi", "jit": "off", "timezone": "UTC"}
"""jit: compiling costs our short queries more than it gives them."""

_GONE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InternalClientError,
    asyncpg.ReadOnlySQLTransactionError,
)
_NOT_OURS = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)


def dsn(url: str) -> str:
    """The URL as asyncpg takes it. `postgresql+asyncpg://` and `postgres://` are taken too; else `SettingsError`."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("postgresql", "postgres", "postgresql+asyncpg"):
        raise SettingsError(
            "The database's URL begins with postgresql://, as in postgresql://user:password@host:5432/database.",
            field="KAKEHASHI_DATABASE_URL",
        )
    return f"postgresql://{rest}"


@contextmanager
def store_errors() -> Iterator[None]:
    """What means "no database now" becomes `StoreUnavailable`; faults of a statement or of ours stay what they are."""
    try:
        yield
    except _GONE as error:
        raise StoreUnavailable(f"The database does not answer ({type(error).__name__}).") from error
    except asyncpg.InterfaceError as error:
        # asyncpg reports a wrong argument (a ValueError too) and a lost connection by the same class.
        if isinstance(error, ValueError) or "clos" not in str(error):
            raise
        raise StoreUnavailable("The connection to the database was lost.") from error


async def connect(url: str, **options: Any) -> asyncpg.Connection:
    """One connection outside the pool, for what must not share one. Raises `StoreUnavailable` and `SettingsError`."""
    try:
        with store_errors():
            return await asyncpg.connect(dsn(url), server_settings=SERVER_SETTINGS, **options)
    except _NOT_OURS as error:
        raise SettingsError(f"The database refuses: {error}", field="KAKEHASHI_DATABASE_URL") from error
    except (ValueError, asyncpg.ClientConfigurationError) as error:
        raise SettingsError(f"The database's URL can't be read: {error}", field="KAKEHASHI_DATABASE_URL") from error


class Database:
    """Opened with `open`, closed with `close`. `pool` is an `asyncpg.Pool` of at most `max_size` connections.

    What is done on a pooled connection leaves nothing in its session: locks and settings are those of a transaction.
    Whoever needs a session (LISTEN, a lasting advisory lock) takes a connection of its own with `connect`.
    """

    def __init__(self, url: str, pool: asyncpg.Pool) -> None:
        self.url = url
        self.pool = pool

    @classmethod
    async def open(cls, url: str, *, max_size: int = 16, command_timeout: float = 30.0) -> Database:
        """Connect, and see that this is a PostgreSQL we can run on (version, UTF-8).

        Raises `SettingsError` for a URL that can't be read or is refused, `StoreUnavailable` if nothing answers.
        """
        trial = await connect(url, timeout=10)
        try:
            await _check(trial)
        finally:
            await trial.close()
        with store_errors():
            pool = await asyncpg.create_pool(
                dsn(url),
                min_size=1,
                max_size=max_size,
                timeout=10,
                command_timeout=command_timeout,
                server_settings=SERVER_SETTINGS,
                reset=_leave,
            )
        return cls(url, pool)

    @asynccontextmanager
    async def connection(self, *, within: float = 5.0) -> AsyncIterator[asyncpg.Connection]:
        """A connection of the pool. Raises `StoreUnavailable` if none is had within `within` seconds or it is lost."""
        with store_errors():
            async with self.pool.acquire(timeout=within) as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self, *, within: float = 5.0) -> AsyncIterator[asyncpg.Connection]:
        """`connection` with a transaction around the block: committed if it ends well, else rolled back."""
        async with self.connection(within=within) as connection, connection.transaction():
            yield connection

    @cached_property
    def engine(self) -> AsyncEngine:
        """SQLAlchemy Core over the same URL, with at most two connections of its own."""
        from broker.store.engine import make_engine

        return make_engine(self.url, pool_size=2)

    async def close(self) -> None:
        """Give every connection back; those still in use after five seconds are cut."""
        if "engine" in self.__dict__:
            await self.engine.dispose()
        try:
            async with asyncio.timeout(5.0):
                await self.pool.close()
        except TimeoutError:
            self.pool.terminate()


async def _leave(_: asyncpg.Connection) -> None:
    """Nothing to clean up, which saves a round trip each time (asyncpg itself ends an open transaction)."""


async def _check(connection: asyncpg.Connection) -> None:
    major = connection.get_server_version().major
    if major < OLDEST:
        raise SettingsError(
            f"The database is PostgreSQL {major}; {OLDEST} or later is needed.", field="KAKEHASHI_DATABASE_URL"
        )
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise SettingsError(
            f"The database's encoding is {encoding}; make it with ENCODING 'UTF8'.", field="KAKEHASHI_DATABASE_URL"
        )
