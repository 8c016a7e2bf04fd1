"""A platform as the federation uses it: record, adapter, credential, breaker, bulkhead."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from adapters.contract import Adapter
from adapters.exchange import Access
from broker.registry.answers import Answers
from broker.registry.backstop import Backstops
from broker.registry.breaker import Breaker
from broker.registry.bulkhead import Bulkhead
from schemas.flow import Provider
from schemas.narrowing import Clause
from schemas.ngsi_ld.geo import Bounds
from schemas.ngsi_ld.instants import read_datetime
from schemas.ngsi_ld.operations import DEFAULT
from schemas.ngsi_ld.registration_members import FROM_REQUEST
from schemas.outcome import Status
from schemas.platform import Platform

NOTHING: Mapping[str, str] = MappingProxyType({})
BACKGROUND: Mapping[str, str] = MappingProxyType({"kakehashi-use": "batch"})
"""Goes along with what we ask by ourselves: a gateway that is asked does not count it as somebody's use."""
_PROCESSED = frozenset({"accept", "contenttype", "jsonldcontext", "ngsildconformance"})
"""Keys that say how to speak to a source, and are no headers (clause 4.3.6.6)."""


@dataclass(slots=True)
class Tally:
    """How often it was asked, failed, and how long it took last, in this worker."""

    asked: int = 0
    failed: int = 0
    queried: bool = False
    """It was asked for entities."""
    last_ms: float = 0.0
    last_success: datetime | None = None
    last_failure: datetime | None = None
    hedged: int = 0
    """Questions that were put a second time, since the first took long."""
    times: deque[float] = field(default_factory=lambda: deque(maxlen=100))
    """Milliseconds of the last questions that were answered."""
    errors: deque[tuple[datetime, Status, str]] = field(default_factory=lambda: deque(maxlen=5))


@dataclass(slots=True)
class Source:
    """Lives as long as its registration's version, its tally longer. `access` holds the credential, never shown."""

    platform: Platform
    adapter: Adapter
    provider: Provider
    access: Access = field(repr=False)
    breaker: Breaker
    bulkhead: Bulkhead
    bounds: Bounds | None = None
    """West, south, east, north of the area that the registration covers."""
    network: bool = True
    """False for the local store: no breaker, no Via, no time-out of its own."""
    ends: float | None = None
    """When the registration expires, in seconds of the epoch."""
    operations: frozenset[str] = DEFAULT
    """Those that it offers (clause 4.20)."""
    alias: str | None = None
    """Its pseudonym in Via, where it is known (clause 4.3.6.4)."""
    limited: bool = False
    """Its registration says more of what it is for than types, ids, attributes and a place."""
    tally: Tally = field(default_factory=Tally)
    backstops: Backstops = field(default_factory=Backstops)
    clauses: tuple[Clause, ...] = ()
    """The rights by which it is asked here; none: without any bounds."""
    hedge: bool = False
    """A read that takes unusually long is asked a second time."""
    answers: Answers | None = None
    """None: every request asks anew."""

    typed_only: bool = False
    """It is registered for entities of some types, and nothing narrower."""
    conveys: tuple[tuple[str, str], ...] = ()
    """Headers that its registration wants conveyed (clause 4.3.6.5)."""

    @property
    def id(self) -> str:
        return self.platform.id

    def convey(self, headers: Mapping[bytes, bytes]) -> Mapping[str, str]:
        """What is conveyed with a request that came with these headers."""
        found: dict[str, str] = {}
        for name, value in self.conveys:
            if value != FROM_REQUEST:
                found[name] = value
            elif (given := headers.get(name.encode())) is not None:
                found[name] = given.decode("latin-1")
        return found


def conveyed_by(platform: Platform) -> tuple[tuple[str, str], ...]:
    """The pairs of a registration's contextSourceInfo that are conveyed as they are."""
    return tuple((name, value) for name, value in platform.distribution.info if name not in _PROCESSED)


def is_typed_only(platform: Platform) -> bool:
    """Whether types are all that a question to it may have to be narrowed to."""
    coverage = platform.coverage
    bare = all(p.type is not None and p.id is None and p.id_pattern is None for p in coverage.entities)
    return bare and not coverage.attributes


def is_limited(platform: Platform) -> bool:
    """Whether there is more to look at in its registration than what it covers."""
    terms = platform.distribution
    return bool(
        terms.operations
        or terms.expires_at
        or terms.temporal
        or terms.datasets
        or "scope" in (platform.coverage.registration or {})
    )


def expired(platform: Platform, now: datetime) -> bool:
    """Whether the registration has come to its end (clause 5.9.2.4)."""
    end = platform.distribution.expires_at
    instant = None if end is None else read_datetime(end)
    return instant is not None and instant <= now
