"""One answer for all who ask the same: of a question under way, or of one that was answered lately.

What is shared is bytes, so that nobody can change what another one got.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from copy import copy
from time import perf_counter

import msgspec
import orjson

from adapters.contract import Page
from adapters.freshness import Demand, Freshness
from broker.federation.collected import Collected
from broker.federation.plan import Step
from broker.registry.answers import Answers, Flight, Kept, Landed
from schemas.ngsi_ld.head import Head
from schemas.outcome import Outcome, Status

AskAlone = Callable[[Freshness | None, tuple[str, str] | None], Awaitable[Collected | None]]
"""Asks the source; gathers what it says of its answer, which is None if what is kept (an address and its ETag) is
still good."""
_FAILED = (Status.TIMEOUT, Status.UNAVAILABLE, Status.RATE_LIMITED, Status.BAD, Status.SKIPPED)
"""What a kept answer may stand in for. A source that refuses is not overruled."""


async def shared(step: Step, answers: Answers, via: str, demand: Demand, deadline: float, ask: AskAlone) -> Collected:
    """The source's answer: kept, of another request's question, or its own, as `demand` has it. Raises nothing."""
    loop = asyncio.get_running_loop()
    # a chain that the source would break off gives another answer
    key = (step.pushdown.key, via)
    began = perf_counter()
    kept = answers.kept(key)
    now = loop.time()
    if kept is not None and kept.fresh_until > now and now - kept.since <= demand.age:
        return _from(kept, step, now, began)
    while answers.room.share and not demand.anew:
        flight = answers.flights.get(key)
        if flight is None:
            break
        landed = await _landing(flight, deadline, loop)
        if landed is None:
            continue
        if loop.time() >= deadline:
            detail = "it did not answer another request that asked the same in time"
            return Collected(step, Outcome(step.source.id, Status.TIMEOUT, cache_hit=True, detail=detail))
        if landed.pages is None or _out_of_time(landed.outcome, loop.time(), deadline):
            return await _alone(step, answers, key, kept, demand, ask)
        outcome = msgspec.structs.replace(landed.outcome, ms=(perf_counter() - began) * 1000, entities=0)
        outcome.cache_hit = outcome.contacted
        return Collected(step, outcome, list(landed.pages))
    flight = answers.flights[key] = Flight()
    landed = None
    try:
        collected = await _alone(step, answers, key, kept, demand, ask)
        if flight.waiters:
            landed = Landed(copy(collected.outcome), portable(collected.pages))
        return collected
    finally:
        if answers.flights.get(key) is flight:
            del answers.flights[key]
        flight.land(landed)


async def _landing(flight: Flight, deadline: float, loop: asyncio.AbstractEventLoop) -> Landed | None:
    # each has a future of its own: a request that is given up cancels what it waits for
    waiter: asyncio.Future[Landed | None] = loop.create_future()
    flight.waiters.append(waiter)
    timer = loop.call_at(deadline, _late, waiter)
    try:
        return await waiter
    finally:
        timer.cancel()


def _late(waiter: asyncio.Future[Landed | None]) -> None:
    if not waiter.done():
        waiter.set_result(Landed(Outcome("", Status.TIMEOUT), None))


def _out_of_time(outcome: Outcome, now: float, deadline: float) -> bool:
    """It ended for the one who asked, who may have had less time."""
    return outcome.status is Status.TIMEOUT and now < deadline


async def _alone(
    step: Step, answers: Answers, key: tuple[Hashable, str], kept: Kept | None, demand: Demand, ask: AskAlone
) -> Collected:
    loop = asyncio.get_running_loop()
    epoch = answers.epoch
    began = perf_counter()
    freshness = Freshness() if answers.room.limit and (demand.store or kept is not None) else None
    collected = await ask(freshness, kept.unless if kept is not None else None)
    now = loop.time()
    if collected is None and kept is not None and freshness is not None:
        answers.renew(kept, freshness, now)
        renewed = _from(kept, step, now, began)
        renewed.outcome.cache_hit = False
        renewed.outcome.age = None
        return renewed
    if collected is None:
        raise RuntimeError("not modified, though nothing was kept")
    status = collected.outcome.status
    if kept is not None and status in _FAILED and now < kept.usable_until and now - kept.since <= demand.age:
        stale = _from(kept, step, now, began)
        stale.outcome.detail = f"{collected.outcome.detail}; what it said {_ago(now - kept.since)} is used"
        return stale
    # the answer may be older than what was written meanwhile
    if freshness is not None and collected.outcome.whole and epoch == answers.epoch:
        pages = portable(collected.pages) if demand.store and answers.may_keep(freshness) else None
        if pages is not None:
            answers.keep(key, pages, collected.outcome.bytes, freshness, now)
        elif kept is not None:
            answers.room.drop(answers.number, key)
    return collected


def _from(kept: Kept, step: Step, now: float, began: float) -> Collected:
    outcome = Outcome(step.source.id, Status.OK, bytes=kept.bytes, cache_hit=True, age=max(now - kept.since, 0.0))
    outcome.ms = (perf_counter() - began) * 1000
    outcome.asked_at = kept.asked_at
    outcome.detail = f"it said so {_ago(now - kept.since)}"
    collected = Collected(step, outcome, list(kept.pages))
    collected.sum_up()
    return collected


def _ago(seconds: float) -> str:
    return f"{max(seconds, 0.0):.1f} s ago"


def portable(pages: Sequence[Page]) -> tuple[Page, ...] | None:
    """The pages as bytes; None if they can't be written so."""
    made = []
    for page in pages:
        if page.entities is None:
            made.append(page)
            continue
        try:
            heads = [Head(entity["id"], entity["type"]) for entity in page.entities]
            made.append(Page(orjson.dumps(page.entities), heads, total=page.total))
        except (TypeError, KeyError):
            return None
    return tuple(made)
