"""`Connections`: the settler's two connections. One is written on; the other stands by and takes over at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from broker.store.flows_write import FlowSession

_TIMEOUT = 3.0
_log = structlog.get_logger(__name__)


class Connections:
    """A task of its own opens what is missing, and goes on trying while the database is down.

    `up`: there is a connection, or there was a moment ago and a new one is being opened. `down` is called when it
    becomes False. `opened` counts connections.
    """

    def __init__(self, url: str, *, retry: float, down: Callable[[], None]) -> None:
        self.up = False
        self.opened = 0
        self._url = url
        self._retry = retry
        self._down = down
        self._sessions: list[FlowSession] = []
        self._lost = asyncio.Event()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns after the first attempt, whether it went well (`up`) or not."""
        self._changed.clear()
        self._task = asyncio.create_task(self._keep(), name="settler-connections")
        await self._changed.wait()

    async def current(self) -> FlowSession | None:
        """The one to write on; waits for one to be opened if all were lost. None: the database is down."""
        while True:
            for session in self._sessions:
                if not session.closed:
                    return session
            if not self.up:
                return None
            self._changed.clear()
            await self._changed.wait()

    async def alive(self) -> None:
        """Returns when the database has answered on the connection that stands by, or has let us open one."""
        before = self.opened
        while self.opened == before:
            standby = [session for session in self._sessions[1:] if not session.closed]
            if standby:
                return await standby[0].ping()
            await asyncio.sleep(0.01)
        return None

    def give_up(self) -> None:
        """Cut all connections: the database hangs. `down` is called."""
        for session in self._sessions:
            session.terminate()
        self._set_down()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self.up = False
        for session in self._sessions:
            # A server that is gone needs no goodbye.
            with contextlib.suppress(Exception):
                await session.close()

    async def _keep(self) -> None:
        while True:
            self._lost.clear()
            self._sessions = [session for session in self._sessions if not session.closed]
            if len(self._sessions) == 2:
                await self._lost.wait()
                continue
            try:
                session = await FlowSession.open(self._url, within=_TIMEOUT, lost=self._lost.set)
            except Exception as error:
                # Whatever it is (refused, starting up, wrong password since the last time), all that helps is to try.
                if self.up:
                    _log.warning("no connection to settle flows on", error=type(error).__name__)
                if all(session.closed for session in self._sessions):
                    self._set_down()
                self._changed.set()
                await asyncio.sleep(self._retry)
            else:
                self._sessions.append(session)
                self.opened += 1
                self.up = True
                self._changed.set()

    def _set_down(self) -> None:
        self.up = False
        self._changed.set()
        self._down()
