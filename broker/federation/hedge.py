"""Hedging: a question that takes unusually long is asked a second time, and the first whole answer counts.

Only for reads, only where a setting says so, only while the source is well (its breaker has seen no failure, nobody
waits for a place), and for at most one question in twenty: a slow source must not get twice the load.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from broker.registry.source import Source

T = TypeVar("T")
_LEAST_SECONDS = 0.005
_KNOWN = 20
"""Answers that must be known before anything is unusual."""
_ONE_IN = 20


def patience(source: Source) -> float | None:
    """Seconds after which a question may be asked again: what 95 of 100 answers took less than; None: not at all."""
    tally, bulkhead = source.tally, source.bulkhead
    times = tally.times
    if len(times) < _KNOWN or tally.hedged * _ONE_IN >= tally.asked:
        return None
    if source.breaker.failures or bulkhead.under_way + 1 > bulkhead.allowed or bulkhead.waiting:
        return None
    return max(sorted(times)[int(len(times) * 0.95)] / 1000, _LEAST_SECONDS)


async def hedged(first: Awaitable[T], second: Callable[[], Awaitable[T]], wait: float) -> T:
    """What ends well first: `first`, or `second`, which begins where that has not ended after `wait` seconds. If both
    fail, the error of the first. What still runs then is cancelled."""
    tasks = [asyncio.ensure_future(first)]
    try:
        done, running = await asyncio.wait(tasks, timeout=wait)
        if not done:
            tasks.append(asyncio.ensure_future(second()))
            running = set(tasks)
        while running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for ended in done:
                if ended.exception() is None:
                    return ended.result()
        return tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()
