"""A time limit around what a source does, for adapters that wait on something else than the transport, which keeps the
deadline itself. What `asyncio.timeout_at` does, for a fraction of its price, since this is on the way of every
question: limits that are hardly ever reached share one timer.
"""

from __future__ import annotations

import asyncio
import math
from types import TracebackType


class Backstops:
    """Those of one source."""

    __slots__ = ("_armed", "_timer", "running")

    def __init__(self) -> None:
        self.running: set[Backstop] = set()
        self._armed = math.inf
        """When the timer rings: no later than the first limit."""
        self._timer: asyncio.TimerHandle | None = None

    def until(self, loop: asyncio.AbstractEventLoop, when: float) -> Backstop:
        """`with backstops.until(loop, when):` raises TimeoutError at `when` (`loop.time()` seconds) if its body waits
        then."""
        if when < self._armed:
            self._arm(loop, when)
        return Backstop(self, asyncio.current_task(loop), when)

    def _arm(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed = when
        self._timer = loop.call_at(when, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._armed, self._timer = math.inf, None
        now = loop.time()
        for one in [one for one in self.running if one.when <= now]:
            one.ring()
        if self.running:
            self._arm(loop, min(one.when for one in self.running))


class Backstop:
    """One of them."""

    __slots__ = ("_all", "_rung", "_task", "when")

    def __init__(self, all_: Backstops, task: asyncio.Task[object] | None, when: float) -> None:
        self.when = when
        self._all = all_
        self._task = task
        self._rung = False

    def ring(self) -> None:
        self._all.running.discard(self)
        if self._task is not None:
            self._rung = True
            self._task.cancel()

    def __enter__(self) -> None:
        self._all.running.add(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._all.running.discard(self)
        # somebody else may have cancelled the task as well: that goes on
        if self._rung and self._task is not None and self._task.uncancel() <= 0 and kind is asyncio.CancelledError:
            raise TimeoutError from error
