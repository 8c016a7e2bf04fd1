"""A circuit breaker per source and worker. While open, the source is not asked at all; a background trial, never a
consumer's request, finds out whether it is back (so nobody waits for a source that is known to hang)."""

from __future__ import annotations

from enum import StrEnum


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"
    """A trial is under way; consumers are still not let through."""


class Breaker:
    """Times are `loop.time()` seconds. `declared`: the cooldown is what its registration asks for (clause 5.2.34), so
    that it rests after the first failure, and the first question after that finds out whether it is back."""

    MAX_COOLDOWN = 60.0

    __slots__ = ("_base", "_declared", "_threshold", "cooldown", "failures", "last_error", "retry_at", "state")

    def __init__(self, threshold: int, cooldown: float, *, declared: bool = False) -> None:
        self._threshold = 1 if declared else threshold
        self._declared = declared
        self._base = cooldown
        self.cooldown = cooldown
        self.failures = 0
        self.retry_at = 0.0
        self.state = BreakerState.CLOSED
        self.last_error = ""

    @property
    def closed(self) -> bool:
        return self.state is BreakerState.CLOSED

    def admits(self, now: float) -> bool:
        """Whether a consumer's question may go there; one that is let through while it rests is the trial."""
        if self.state is BreakerState.CLOSED:
            return True
        if not self._declared or self.state is not BreakerState.OPEN or now < self.retry_at:
            return False
        self.state = BreakerState.HALF_OPEN
        return True

    def given_up(self) -> None:
        """A question ended without an answer or a failure: if it was the trial, the next one is."""
        if self._declared and self.state is BreakerState.HALF_OPEN:
            self.state = BreakerState.OPEN

    def succeeded(self) -> None:
        """It answered."""
        self.failures = 0
        if self.state is not BreakerState.CLOSED:
            self.state = BreakerState.CLOSED
            self.cooldown = self._base

    def failed(self, error: str, now: float) -> bool:
        """It did not; True if this opened the breaker."""
        self.failures += 1
        self.last_error = error
        if self.state is BreakerState.HALF_OPEN and self._declared:
            self._open(now, self.cooldown)
            return False
        if self.state is BreakerState.CLOSED and self.failures >= self._threshold:
            self._open(now, self.cooldown)
            return True
        return False

    def rest(self, error: str, now: float, seconds: float) -> None:
        """It asked to be left alone for a while (Retry-After)."""
        self.last_error = error
        self._open(now, min(max(seconds, self._base), self.MAX_COOLDOWN))

    def begin_trial(self, now: float) -> bool:
        """True if it is time for a trial; the caller then reports `succeeded` or `trial_failed`."""
        if self._declared or self.state is not BreakerState.OPEN or now < self.retry_at:
            return False
        self.state = BreakerState.HALF_OPEN
        return True

    def trial_failed(self, error: str, now: float) -> None:
        """Still not back: wait twice as long, up to a minute."""
        self.last_error = error
        self.cooldown = min(self.cooldown * 2, self.MAX_COOLDOWN)
        self._open(now, self.cooldown)

    def _open(self, now: float, seconds: float) -> None:
        self.state = BreakerState.OPEN
        self.retry_at = now + seconds
