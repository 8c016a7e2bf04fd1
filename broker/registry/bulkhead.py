"""A limit on what is under way at one source, with a short queue, so that a slow source can't hold every request.

The limit adapts: a source that becomes slower than it was, or fails, gets fewer requests at once; while it keeps up
under load it gets more again, one a round, up to what its registration allows (additive increase, multiplicative
decrease, as TCP does it). What our own loop is late does not count.
"""

from __future__ import annotations

import asyncio
from collections import deque

_SLOWER = 2.0
"""So many times its usual time, and `_SLACK_MS` more, is slow."""
_SLACK_MS = 50.0
_SHRINK = 0.1
"""Of the limit, for as many slow answers as the limit is: a tenth a round."""
_SHRINK_FAILED = 0.8
_FLOOR = 4
_OWN_TURNS = 3
"""Turns of our own loop that an answer passes through."""


class Lag:
    """How late this worker's own event loop is, in milliseconds: what it costs is not the sources' slowness."""

    __slots__ = ("ms",)

    def __init__(self) -> None:
        self.ms = 0.0

    def told(self, late_s: float) -> None:
        """A timer came so much too late."""
        self.ms += 0.5 * (max(late_s, 0.0) * 1000 - self.ms)


class BulkheadFull(Exception):
    """No place came free before the deadline, or the queue is full."""


class Bulkhead:
    """At most `limit` at once, `allowed` of them now; four times the limit may wait, in order of arrival."""

    __slots__ = ("_lag", "_recent", "_usual", "_waiting", "allowed", "limit", "under_way")

    def __init__(self, limit: int, lag: Lag | None = None) -> None:
        self._lag = lag or Lag()
        self.limit = limit
        self.allowed = float(limit)
        self.under_way = 0
        self._recent = 0.0
        self._usual = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        return sum(not place.done() for place in self._waiting)

    @property
    def usual_ms(self) -> float:
        """What its answers take when it is well: follows what it does, downwards soon, upwards slowly."""
        return self._usual

    def entered(self) -> bool:
        """A place, if there is one at once: what `enter` gives without waiting."""
        if self.under_way + 1 <= self.allowed and not self._waiting:
            self.under_way += 1
            return True
        return False

    async def enter(self, deadline: float) -> None:
        """A place, or BulkheadFull. `leave` gives it back."""
        if self.entered():
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
        """Give the place back, to those that still wait as far as there is room."""
        self.under_way -= 1
        while self._waiting and self.under_way + 1 <= self.allowed:
            place = self._waiting.popleft()
            if not place.done():
                self.under_way += 1
                place.set_result(None)

    def answered(self, ms: float) -> None:
        """It took so long; said before `leave`."""
        ms = max(ms - _OWN_TURNS * self._lag.ms, 0.01)
        if self._usual == 0.0:
            self._usual = self._recent = ms
        self._recent += 0.2 * (ms - self._recent)
        self._usual += (0.2 if ms < self._usual else 0.002) * (ms - self._usual)
        if self._recent > self._usual * _SLOWER + _SLACK_MS:
            self.allowed = max(min(_FLOOR, self.limit), self.allowed - _SHRINK)
        elif self.allowed < self.limit and self.under_way * 2 >= self.allowed:
            self.allowed = min(self.limit, self.allowed + 1 / self.allowed)

    def failed(self) -> None:
        """It gave no answer, or said that it has too much to do."""
        self.allowed = max(min(_FLOOR, self.limit), self.allowed * _SHRINK_FAILED)


def _expire(place: asyncio.Future[None]) -> None:
    if not place.done():
        place.set_exception(BulkheadFull())
