"""The change feed: what processes keep in memory is loaded again when another process has changed it.

A writer calls `bump` in its transaction. PostgreSQL delivers the notification when that transaction commits; the
version in table `changes` tells those who were not listening at the time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType

import asyncpg
import structlog

from broker.store.database import connect, store_errors
from schemas.errors import KakehashiError, StoreUnavailable

CHANNEL = "kakehashi_changes"

Callback = Callable[[str, int], Awaitable[None]]
"""Called with the name of what has changed and its version; loads it anew."""
Hear = Callable[[str | None], None]
"""Called with what a notification says; with None where some may have been missed."""
_NONE: Mapping[str, Hear] = MappingProxyType({})

_BUMP = """
WITH bumped AS (
    INSERT INTO changes AS c (name, version) VALUES ($1, 1)
    ON CONFLICT (name) DO UPDATE SET version = c.version + 1 RETURNING version
)
SELECT version, pg_notify($2, $1 || ':' || version) FROM bumped"""

_PATIENCE = 10.0
"""Seconds for an answer on the feed's own connection before it counts as lost."""

_log = structlog.get_logger(__name__)


async def bump(connection: asyncpg.Connection, name: str) -> int:
    """Say that `name` has changed, from within the transaction that changes it. Returns the new version.

    Other writers of the same name wait until that transaction ends, so call it late in one.
    """
    version: int = await connection.fetchval(_BUMP, name, CHANNEL)
    return version


class Feed:
    """Follows the changes of `names` on a connection of its own and calls `callback`, never twice at the same time.

    After the first connection and after each new one it is called for every name; in between for every change (several
    in a row may become one call), and for what a poll finds. A callback that raises is called again after a second.
    `channels`: notifications of others, which nobody keeps, by their channel.
    """

    def __init__(
        self,
        url: str,
        names: Iterable[str],
        callback: Callback,
        *,
        poll_seconds: float = 30.0,
        channels: Mapping[str, Hear] = _NONE,
    ) -> None:
        self._url = url
        self._channels = channels
        self._names = frozenset(names)
        self._callback = callback
        self._poll = poll_seconds
        self._seen: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect and load everything once; errors of that first time are raised."""
        connection = await self._listen()
        try:
            await self._load(await self._versions(connection))
        except BaseException:
            connection.terminate()
            raise
        self._task = asyncio.create_task(self._run(connection), name="change-feed")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self, connection: asyncpg.Connection) -> None:
        pause = 0.05
        while True:
            try:
                pause = 0.05
                await self._follow(connection)
            except StoreUnavailable as error:
                _log.warning("change feed lost", reason=error.detail)
            except Exception:
                # A process whose feed has ended would grow stale unnoticed, so it begins anew whatever it was.
                _log.exception("change feed broken")
            finally:
                connection.terminate()
            while connection.is_closed():
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
                with contextlib.suppress(KakehashiError):
                    connection = await self._listen()
            # Whatever happened while nobody listened, and to whichever database this now is: load all.
            self._seen.clear()
            for hear in self._channels.values():
                hear(None)

    async def _listen(self) -> asyncpg.Connection:
        connection = await connect(self._url, timeout=_PATIENCE)
        self._wake.clear()
        connection.add_termination_listener(lambda _: self._wake.set())
        try:
            with store_errors():
                await connection.add_listener(CHANNEL, lambda *_: self._wake.set())
                for channel in self._channels:
                    await connection.add_listener(channel, self._heard)
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _heard(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        self._channels[channel](str(payload))

    async def _follow(self, connection: asyncpg.Connection) -> None:
        """Until the connection is lost (`StoreUnavailable`)."""
        while True:
            failed = not await self._try(await self._versions(connection))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0 if failed else self._poll):
                    await self._wake.wait()
            self._wake.clear()

    async def _versions(self, connection: asyncpg.Connection) -> dict[str, int]:
        with store_errors():
            rows = await connection.fetch("SELECT name, version FROM changes", timeout=_PATIENCE)
        return dict.fromkeys(self._names, 0) | {name: version for name, version in rows if name in self._names}

    async def _try(self, versions: dict[str, int]) -> bool:
        try:
            await self._load(versions)
        except Exception:
            # Whatever the callback stumbled over must not end the feed: the process would grow stale unnoticed.
            _log.exception("change not taken over")
            return False
        return True

    async def _load(self, versions: dict[str, int]) -> None:
        for name, version in sorted(versions.items()):
            if self._seen.get(name) != version:
                await self._callback(name, version)
                self._seen[name] = version
