"""What one source did for one request."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Status(StrEnum):
    OK = "ok"
    EMPTY = "empty"
    PARTIAL = "partial"
    """Some pages came, then it failed; what came is in the answer."""
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    RATE_LIMITED = "rate-limited"
    REFUSED = "refused"
    BAD = "bad"
    """It answered with what could not be read, or with too much."""
    SKIPPED = "skipped"
    """Not contacted: breaker open or bulkhead full. No flow."""
    LOOP = "loop"
    """The request had passed it already; what it has is in the answer from elsewhere."""
    FAILED = "failed"
    """Our own fault (a bug); the siblings are not harmed."""


class Outcome(msgspec.Struct):
    """Mutable while the request lasts: `entities` is settled after merge and paging."""

    platform: str
    status: Status
    ms: float = 0.0
    received: int = 0
    """Entities that came from the source."""
    bytes: int = 0
    """Bytes of the bodies that came from the source."""
    entities: int = 0
    """Entities of the delivered answer that this source contributed to."""
    total: int | None = None
    """How many match at the source, by its own word."""
    detail: str = ""
    """In words, for the warning and the explain page; never a secret or a query value."""
    answered: bool = False
    """It failed with an answer of its own: an error, not silence."""
    warned: str = ""
    """What the source itself warned of: NGSILD-Warnings as they came (clause 6.3.17)."""
    contacted: bool = True
    asked_at: float = 0.0
    """When it was asked for what it gave, in seconds of the epoch."""
    cache_hit: bool = False
    """The platform was not asked for this request: what it had told another one was used."""
    age: float | None = None
    """Seconds since it said what was kept and used; None: it said it now."""

    @property
    def complete(self) -> bool:
        return self.status in (Status.OK, Status.EMPTY)

    @property
    def whole(self) -> bool:
        """It gave everything, and its own sources did."""
        return self.complete and not self.warned
