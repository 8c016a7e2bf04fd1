"""A limit on what is under way at one source, with a short queue, so that a slow source can't hold every request."""

from __future__ import annotations

import asyncio
from collections import deque


class BulkheadFull(Exception):
    """No place came free before the deadline, or the queue is full."""


class Bulkhead:
    """`limit` at once; as many again four times may wait, in order of arrival."""

    __slots__ = ("_waiting", "limit", "under_way")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self, deadline: float) -> None:
        """A place, or BulkheadFull. `leave` gives it back."""
        if self.under_way < self.limit and not self._waiting:
            self.under_way += 1
            return
        if len(self._waiting) >= self.limit * 4:
            raise BulkheadFull
        loop = asyncio.get_running_loop()
        place: asyncio.Future[None] = loop.create_future()
        self._waiting.append(place)
        timer = loop.call_at(deadline, _expire, place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self.leave()
            raise
        finally:
            timer.cancel()

    def leave(self) -> None:
        """Hand the place to the first that still waits."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self.under_way -= 1


def _expire(place: asyncio.Future[None]) -> None:
    if not place.done():
        place.set_exception(BulkheadFull())
