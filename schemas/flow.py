"""The metered record: one source contacted (or whose cached answer was used) for one request.

No person, no address and no query text stands in it (DESIGN: metering invariants).
"""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who is asking, as far as metering needs it. `batch`: registered as batch, or declared so by the request."""

    service: str
    organisation: str | None = None
    project: str | None = None
    area: str | None = None
    batch: bool = False


ANONYMOUS = Consumer(service="anonymous")
NO_SERVICES = (ANONYMOUS.service, "administration")
"""Consumers that are no registered service: whoever asks in open mode, and the holder of the administration's key."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Whose data it is."""

    platform: str
    organisation: str | None = None
    area: str | None = None


@dataclass(slots=True)
class Flow:
    """One flow. Times are aware datetimes in UTC; `latency_ms` is the source's, from asking to the last byte."""

    id: UUID
    request: UUID
    time: datetime
    """Arrival of the request."""
    operation: str
    """"query", "retrieve", "types"."""
    consumer: Consumer
    provider: Provider
    types: tuple[str, ...]
    """Entity types that were asked for, as IRIs (empty: any)."""
    entities: int
    """Entities of the delivered answer to which this source contributed."""
    bytes: int
    """Bytes of entity data taken from the source."""
    outcome: str
    """A value of `schemas.outcome.Status`."""
    latency_ms: float
    cache_hit: bool = False
    agreement: str | None = None
    agreement_version: int | None = None
    replay_of: UUID | None = None
    """Request id of the first request with the same Idempotency-Key, if this one is a retry."""
    idempotency_key: str | None = None

    @property
    def cross_area(self) -> bool:
        """A provider's area other than the consumer's home area; an unknown home counts as another area."""
        return self.provider.area is not None and self.provider.area != self.consumer.area


_ms = 0
_seq = 0
_random = random.Random(os.urandom(32))  # noqa: S311 - an id is to be unique, not secret
os.register_at_fork(after_in_child=lambda: _random.seed(os.urandom(32)))


def uuid7() -> UUID:
    """A time-ordered UUID (RFC 9562 version 7): milliseconds, a 12-bit counter within one, 62 random bits."""
    global _ms, _seq
    now = time.time_ns() // 1_000_000
    if now <= _ms:
        _seq += 1
        if _seq > 0xFFF:
            _ms, _seq = _ms + 1, 0
    else:
        _ms, _seq = now, 0
    return UUID(int=(_ms << 80) | (0x7 << 76) | (_seq << 64) | (0x2 << 62) | _random.getrandbits(62))
