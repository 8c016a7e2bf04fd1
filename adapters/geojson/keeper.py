"""Keeping the last good copy of something that takes long to get: one download at a time, the old copy meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from adapters.contract import SourceContext
from schemas.errors import SourceError, SourceTimeout

T = TypeVar("T")

_LONGEST_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds. `refresh`: age at which it is asked for again; `max_stale`: how much longer an old copy serves;
    `fetch`: how long one download may take; `pause`: after the first failure in the background, then doubled."""

    refresh: float
    max_stale: float
    fetch: float
    pause: float = 1.0


class Keeper(Generic[T]):
    """`load(previous, ctx)` gives the new copy, or `previous` itself if nothing has changed."""

    def __init__(self, load: Callable[[T | None, SourceContext], Awaitable[T]], times: Times, budget: int) -> None:
        self._load = load
        self._times = times
        self._budget = budget
        self._copy: T | None = None
        self._good_at = 0.0
        self._task: asyncio.Task[T] | None = None
        self._pause = times.pause
        self._not_before = 0.0
        self.last_error: SourceError | None = None
        """Why the last download failed; None after one that did not."""

    async def current(self, ctx: SourceContext) -> T:
        """The copy; a fresh one is awaited only if there is none, or none young enough to serve.

        The download goes on when `ctx.deadline` passes (SourceTimeout), so the next who asks finds it. Otherwise the
        errors are those of `load`.
        """
        now = asyncio.get_running_loop().time()
        age = now - self._good_at
        if self._copy is None or age > self._times.refresh + self._times.max_stale:
            return await self._wait(ctx)
        if age > self._times.refresh and now >= self._not_before:
            self._start(ctx)
        return self._copy

    async def reload(self, ctx: SourceContext) -> T:
        """Ask now, whatever is there. Errors as in `current`."""
        return await self._wait(ctx)

    async def close(self) -> None:
        """Ends a download that is under way."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _wait(self, ctx: SourceContext) -> T:
        task = self._start(ctx)
        left = ctx.deadline - asyncio.get_running_loop().time()
        done, _ = await asyncio.wait({task}, timeout=max(left, 0))
        if not done:
            raise SourceTimeout("the file did not come whole before the deadline; it is still being fetched")
        return task.result()

    def _start(self, ctx: SourceContext) -> asyncio.Task[T]:
        """The download under way, or a new one. It has a deadline and a budget of its own: it serves many requests."""
        if self._task is None:
            own = SourceContext(
                deadline=asyncio.get_running_loop().time() + self._times.fetch,
                request_id=ctx.request_id,
                via=ctx.via,
                access=ctx.access,
                budget=self._budget,
            )
            self._task = asyncio.create_task(self._run(own))
            self._task.add_done_callback(self._ended)
        return self._task

    async def _run(self, ctx: SourceContext) -> T:
        copy = await self._load(self._copy, ctx)
        self._copy = copy
        self._good_at = asyncio.get_running_loop().time()
        self._pause, self.last_error = self._times.pause, None
        return copy

    def _ended(self, task: asyncio.Task[T]) -> None:
        if self._task is task:
            self._task = None
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._not_before = asyncio.get_running_loop().time() + self._pause
            self._pause = min(self._pause * 2, max(_LONGEST_PAUSE, self._times.pause))
            self.last_error = error if isinstance(error, SourceError) else None
