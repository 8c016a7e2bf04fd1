"""Work that several requests want at once is done once, and outlives the request that began it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class Flights(Generic[V]):
    """One task per key. A waiter that is cancelled or out of time leaves the task to the others."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[V]] = {}

    async def join(self, key: str, work: Callable[[], Coroutine[Any, Any, V]], deadline: float) -> V:
        """The result of `work` under this key, begun now or before. TimeoutError at `deadline` (`loop.time()`)."""
        loop = asyncio.get_running_loop()
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = loop.create_task(work())
            task.add_done_callback(lambda done: self._landed(key, done))
        finished, _ = await asyncio.wait((task,), timeout=max(deadline - loop.time(), 0))
        if not finished:
            raise TimeoutError
        return task.result()

    async def close(self) -> None:
        """Cancel what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, key: str, task: asyncio.Task[V]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # read, so that a failure nobody waited for is not reported as lost
