"""Receivers of notifications for the tests: a real aiohttp server on loopback, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(slots=True)
class Received:
    """One notification as it came. `path`: where it was sent."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def ids(self) -> list[str]:
        return [row["id"] for row in self.body["data"]]


@dataclass(slots=True)
class Behaviour:
    """`status` of the answer, and how long it is kept back; `hold`: until this is set."""

    status: int = 200
    hold: threading.Event | None = None


@dataclass(slots=True)
class Receiver:
    """Takes everything that is posted to it; what a path does is in `behaviours`."""

    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    url: str = ""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None
    _runner: web.AppRunner | None = None

    def open(self, port: int = 0) -> Receiver:
        self._thread = threading.Thread(target=self._loop.run_forever, name="receiver", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(port), self._loop).result(20)
        return self

    async def _start(self, port: int) -> None:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(request.path, headers, await request.json()))
        behaviour = self.behaviours.get(request.path, Behaviour())
        if behaviour.hold is not None:
            await asyncio.to_thread(behaviour.hold.wait, 60)
        return web.Response(status=behaviour.status)

    def at(self, path: str) -> list[Received]:
        """What came there so far."""
        return [one for one in list(self.received) if one.path == path]

    def wait(self, path: str, count: int = 1, seconds: float = 60.0) -> list[Received]:
        """What came there, at least `count` of it."""
        until(lambda: len(self.at(path)) >= count, seconds, lambda: f"{len(self.at(path))} of {count} at {path}")
        return self.at(path)

    def close(self) -> None:
        for behaviour in self.behaviours.values():
            if behaviour.hold is not None:
                behaviour.hold.set()
        if self._runner is not None:
            asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread is not None:
            self._thread.join(20)
        self._loop.close()


def until(condition: Callable[[], bool], seconds: float = 60.0, what: Callable[[], str] = lambda: "") -> None:
    """Until it holds; AssertionError if it does not come to be so in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what() or "it did not come to be so in time"
        time.sleep(0.01)
