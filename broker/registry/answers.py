"""What a source is being asked now and what it answered lately, so that one answer serves all who ask the same.

Each source has its own, which lives as long as its registration's version: nothing crosses tenants or credentials. The
room for what is kept is one for all sources of a worker.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import count
from time import time

import msgspec

from adapters.contract import Page
from adapters.freshness import Freshness
from schemas.outcome import Outcome

_PER_ENTITY = 200
_PER_ANSWER = 1000
_numbers = count()


@dataclass(slots=True)
class Kept:
    """An answer. Times are `loop.time()` seconds; `bytes` are those of the bodies that it came in."""

    pages: tuple[Page, ...]
    bytes: int
    since: float
    asked_at: float
    """In seconds of the epoch."""
    fresh_until: float
    usable_until: float
    """For when the source fails."""
    unless: tuple[str, str] | None
    size: int


class Room:
    """At most `limit` bytes of answers, all sources together; what was not used for longest goes first. 0: none."""

    def __init__(self, limit: int = 0, stale_s: float = 0.0, *, share: bool = True) -> None:
        self.limit = limit
        self.stale_s = stale_s
        """How long an answer may be used beyond its time if the source fails and did not say otherwise."""
        self.share = share
        """Requests that ask the same of a source at the same time make one request of it."""
        self.used = 0
        self._kept: OrderedDict[tuple[int, Hashable], Kept] = OrderedDict()

    def get(self, number: int, key: Hashable) -> Kept | None:
        kept = self._kept.get((number, key))
        if kept is not None:
            self._kept.move_to_end((number, key))
        return kept

    def put(self, number: int, key: Hashable, kept: Kept) -> None:
        """In place of what was there; an answer that would take an eighth of the room is not kept."""
        self.drop(number, key)
        if kept.size * 8 > self.limit:
            return
        self._kept[number, key] = kept
        self.used += kept.size
        while self.used > self.limit:
            _, oldest = self._kept.popitem(last=False)
            self.used -= oldest.size

    def drop(self, number: int, key: Hashable | None = None) -> None:
        """One answer, or all of a source."""
        gone = [(number, key)] if key is not None else [k for k in self._kept if k[0] == number]
        for k in gone:
            kept = self._kept.pop(k, None)
            if kept is not None:
                self.used -= kept.size


class Landed(msgspec.Struct):
    """What came of a question that others wait for. `pages` is None if they could not be shared."""

    outcome: Outcome
    pages: tuple[Page, ...] | None


class Flight(msgspec.Struct):
    """A question under way, and who waits for what comes of it: None if the one who asked gave up."""

    waiters: list[asyncio.Future[Landed | None]] = []

    def land(self, landed: Landed | None) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(landed)


@dataclass(slots=True)
class Answers:
    """Of one source. `cache_s`: how long its answers are good where it does not say so itself; 0: not at all."""

    room: Room
    cache_s: float = 0.0
    number: int = field(default_factory=lambda: next(_numbers))
    flights: dict[Hashable, Flight] = field(default_factory=dict)
    epoch: int = 0
    """Counts what was written there through us."""

    def kept(self, key: Hashable) -> Kept | None:
        return self.room.get(self.number, key) if self.room.limit else None

    def may_keep(self, freshness: Freshness) -> bool:
        """If the source allows it, or says nothing and its registration does."""
        seconds = self.cache_s if freshness.seconds is None else freshness.seconds
        return freshness.store and (seconds > 0 or freshness.etag is not None)

    def keep(self, key: Hashable, pages: tuple[Page, ...], size: int, freshness: Freshness, now: float) -> None:
        """For as long as the source says, else its registration; `size`: bytes that it sent."""
        seconds = self.cache_s if freshness.seconds is None else freshness.seconds
        kept = Kept(
            pages,
            size,
            now,
            time(),
            now + seconds,
            now + seconds + self._stale(freshness),
            None if freshness.etag is None else (freshness.url, freshness.etag),
            _PER_ANSWER + sum(len(p.raw or b"") + _PER_ENTITY * len(p.heads or ()) for p in pages),
        )
        self.room.put(self.number, key, kept)

    def renew(self, kept: Kept, freshness: Freshness, now: float) -> None:
        """The source said that it is still good."""
        seconds = self.cache_s if freshness.seconds is None else freshness.seconds
        kept.since, kept.asked_at, kept.fresh_until = now, time(), now + seconds
        kept.usable_until = now + seconds + self._stale(freshness)

    def _stale(self, freshness: Freshness) -> float:
        return self.room.stale_s if freshness.stale_if_error is None else freshness.stale_if_error

    @property
    def sharing(self) -> int:
        """Requests that wait for what another one is asking."""
        return sum(len(flight.waiters) for flight in self.flights.values())

    def forget(self) -> None:
        """Something was written there: what was said before is no longer true, nor what is being asked now."""
        self.epoch += 1
        self.flights.clear()
        self.room.drop(self.number)

    def state(self, key: Hashable, now: float) -> str:
        """Whether a question would be answered from here, in words."""
        kept = self.kept(key)
        if kept is not None and kept.fresh_until > now:
            return "the cache answers"
        if key in self.flights:
            return "shares the answer to another request"
        if kept is None:
            return "nothing is kept"
        return "asked whether what is kept is still good" if kept.unless is not None else "what is kept is too old"
