"""A time limit around what a source does, for adapters that wait on something else than the transport, which keeps the
deadline itself. What `asyncio.timeout_at` does, for half of its price: this is on the way of every question."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Backstop:
    """`with Backstop(loop, when):` raises TimeoutError at `when` (`loop.time()` seconds) if its body waits then."""

    __slots__ = ("_fired", "_task", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        self._fired = False
        self._task = asyncio.current_task(loop)
        self._timer = loop.call_at(when, self._ring)

    def _ring(self) -> None:
        if self._task is not None:
            self._fired = True
            self._task.cancel()

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        # somebody else may have cancelled the task as well: that goes on
        if self._fired and self._task is not None and self._task.uncancel() <= 0 and kind is asyncio.CancelledError:
            raise TimeoutError from error
