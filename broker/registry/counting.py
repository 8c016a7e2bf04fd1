"""Counters of registrations (table 5.2.9-2) over all workers: each writes down what came to its own, every second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any

from broker.registry.source import Source, Tally
from broker.store.source_counters import Counted, SourceCounters


class Counting:
    """One per process. `sources`: all that it has now."""

    def __init__(self, store: SourceCounters, sources: Callable[[], Iterable[Source]]) -> None:
        self._store = store
        self._sources = sources
        self._written: dict[str, tuple[Tally, int, int]] = {}
        # what is read while something is written would count it twice, or not at all
        self._lock = asyncio.Lock()

    async def write(self) -> None:
        """What was not written down yet. StoreUnavailable leaves it for the next time."""
        async with self._lock:
            tallies = self._tallies()
            since = {name: self._since(name, tally) for name, tally in tallies.items()}
            marks = {name: (tally, tally.asked, tally.failed) for name, tally in tallies.items()}
            news = {name: one for name, one in since.items() if one.sent or one.failed}
            if news:
                await self._store.add(news)
            self._written = marks

    async def counters(self, platforms: Collection[str]) -> dict[str, dict[str, Any]]:
        """The members of a registration that tell of it, by platform; none of those that nothing was sent to."""
        if not platforms:
            return {}
        async with self._lock:
            known = await self._store.of(platforms)
            here = self._tallies()
            found = {}
            for name in platforms:
                one, tally = known.get(name, Counted()), here.get(name)
                if tally is not None:
                    one = _sum(one, self._since(name, tally))
                if one.sent:
                    found[name] = members(one)
            return found

    def _tallies(self) -> dict[str, Tally]:
        return {source.id: source.tally for source in self._sources() if source.network}

    def _since(self, name: str, tally: Tally) -> Counted:
        written, asked, failed = self._written.get(name, (tally, 0, 0))
        if written is not tally:
            # the registration was made anew
            asked = failed = 0
        return Counted(tally.asked - asked, tally.failed - failed, tally.last_success, tally.last_failure)


def members(counted: Counted) -> dict[str, Any]:
    """`timesSent`, `timesFailed`, `status`, and `lastSuccess` and `lastFailure` where there were any."""
    last, fault = counted.last_success, counted.last_failure
    told: dict[str, Any] = {"timesSent": counted.sent, "timesFailed": counted.failed}
    told["status"] = "failed" if fault is not None and (last is None or fault > last) else "ok"
    for name, at in (("lastSuccess", last), ("lastFailure", fault)):
        if at is not None:
            told[name] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return told


def _sum(one: Counted, other: Counted) -> Counted:
    return Counted(
        one.sent + other.sent,
        one.failed + other.failed,
        _later(one.last_success, other.last_success),
        _later(one.last_failure, other.last_failure),
    )


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)
