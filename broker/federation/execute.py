"""Execute: one task per source under one deadline. A failure becomes an `Outcome` and never cancels its siblings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from datetime import UTC, datetime
from time import perf_counter, time

import msgspec
import structlog

from adapters.contract import SourceContext
from adapters.exchange import NotModified
from adapters.freshness import WHATEVER, Demand, Freshness
from broker.federation.collected import Collected as Collected
from broker.federation.hedge import hedged, patience
from broker.federation.plan import Step
from broker.federation.share import shared
from broker.registry.breaker import BreakerState
from broker.registry.bulkhead import BulkheadFull
from broker.registry.source import NOTHING, Source
from schemas.errors import (
    BadUpstream,
    KakehashiError,
    RateLimited,
    Refused,
    Retryable,
    SourceFault,
    SourceLoop,
    SourceTimeout,
    StoreUnavailable,
)
from schemas.outcome import Outcome, Status

log = structlog.get_logger(__name__)
_BACKSTOP_SECONDS = 0.05


class Limits(msgspec.Struct, frozen=True):
    """Of one request."""

    budget_s: float
    max_bytes: int
    request_id: str
    via: str
    headers: Mapping[bytes, bytes] = {}
    """Of the request itself, of which a registration may want some conveyed (clause 4.3.6.5)."""
    demand: Demand = WHATEVER
    """Of answers that are kept."""
    maps: Mapping[str, str] | None = None
    """The EntityMaps that sources keep of the query, by source; {}: each is to make one. None: there are none."""


async def execute(steps: Sequence[Step], limits: Limits) -> list[Collected]:
    """Ask all sources at once; the answers come in the order of the steps."""
    if not steps:
        return []
    loop = asyncio.get_running_loop()
    others = [loop.create_task(ask(step, limits)) for step in steps[1:]]
    try:
        # the first one needs no task beside our own
        return [await ask(steps[0], limits), *[await other for other in others]]
    except BaseException:
        for other in others:
            other.cancel()
        raise


Work = Callable[["Collected", SourceContext], Awaitable[None]]


async def fetch(collected: Collected, ctx: SourceContext) -> None:
    """The pages of a step's request."""
    step = collected.step
    async for page in step.source.adapter.fetch(step.pushdown.request, ctx):
        collected.pages.append(page)


async def ask(step: Step, limits: Limits, work: Work = fetch) -> Collected:
    """Do `work` at one source within its deadline, behind its breaker and bulkhead; a question that another request is
    asking, or asked lately, is not asked again. Raises nothing."""
    source = step.source
    wait = min(limits.budget_s, source.platform.timeout_ms / 1000)
    deadline = asyncio.get_running_loop().time() + wait

    def alone(freshness: Freshness | None, unless: tuple[str, str] | None) -> Awaitable[Collected | None]:
        ctx = SourceContext(
            deadline=deadline,
            request_id=limits.request_id,
            via=limits.via,
            access=source.access,
            budget=limits.max_bytes,
            freshness=freshness,
            unless=unless,
            entity_map=_map_of(source, limits),
            conveyed=_conveyed(source, limits),
        )
        return _ask(step, ctx, work, wait)

    shareable = limits.maps is None and work is fetch and not source.conveys
    if source.answers is not None and step.pushdown.key is not None and shareable:
        return await shared(step, source.answers, limits.via, limits.demand, deadline, alone)
    collected = await alone(None, None)
    if collected is None:
        raise RuntimeError("not modified, though nothing was kept")
    return collected


def _conveyed(source: Source, limits: Limits) -> Mapping[str, str]:
    conveyed = source.convey(limits.headers) if source.conveys else NOTHING
    # a source may keep answers, too
    return {"cache-control": "no-cache", **conveyed} if limits.demand.anew else conveyed


def _map_of(source: Source, limits: Limits) -> str | None:
    if not limits.maps:
        return None if limits.maps is None else ""
    return limits.maps.get(source.id)


async def _ask(step: Step, ctx: SourceContext, work: Work, wait: float) -> Collected | None:
    loop = asyncio.get_running_loop()
    source = step.source
    began = perf_counter()
    collected = Collected(step, Outcome(source.id, Status.OK, asked_at=time()))
    if not source.breaker.admits(loop.time()):
        _skip(collected, _resting(source))
        return collected
    try:
        if not source.bulkhead.entered():
            await source.bulkhead.enter(ctx.deadline)
    except BulkheadFull:
        source.breaker.given_up()
        _skip(collected, "it already has as many questions as it may have at once")
        return collected
    tally = source.tally
    tally.asked += 1
    if work is fetch:
        tally.queried = True
    try:
        with source.backstops.until(loop, ctx.deadline + _BACKSTOP_SECONDS):
            wait_again = patience(source) if source.hedge and work is fetch else None
            if wait_again is None:
                await work(collected, ctx)
            else:
                collected, ctx = await _hedged(collected, ctx, wait_again)
    except NotModified:
        _well(source, (perf_counter() - began) * 1000)
        return None
    except Exception as e:
        _failed(collected, e, wait)
        tally.last_failure = datetime.now(UTC)
        tally.errors.append((tally.last_failure, collected.outcome.status, collected.outcome.detail))
        _tell_breaker(source, e, loop.time())
    else:
        _well(source, (perf_counter() - began) * 1000)
    finally:
        source.bulkhead.leave()
        source.breaker.given_up()
        outcome = collected.outcome
        tally.last_ms = outcome.ms = (perf_counter() - began) * 1000
        outcome.bytes, outcome.warned = ctx.received, ctx.warned
    collected.entity_map = ctx.entity_map
    collected.sum_up()
    return collected


async def _hedged(collected: Collected, ctx: SourceContext, wait: float) -> tuple[Collected, SourceContext]:
    """What the faster of two runs gave."""
    step = collected.step

    def second() -> Awaitable[tuple[Collected, SourceContext]]:
        step.source.tally.hedged += 1
        return _run(Collected(step, copy(collected.outcome)), copy(ctx))

    return await hedged(_run(collected, ctx), second, wait)


async def _run(collected: Collected, ctx: SourceContext) -> tuple[Collected, SourceContext]:
    await fetch(collected, ctx)
    return collected, ctx


def _well(source: Source, ms: float) -> None:
    """It answered, within so many milliseconds."""
    source.tally.last_success = datetime.now(UTC)
    source.tally.times.append(ms)
    if source.network:
        source.bulkhead.answered(ms)
    source.breaker.succeeded()


def _resting(source: Source) -> str:
    state = "it is being tried again" if source.breaker.state is BreakerState.HALF_OPEN else "it is left alone for now"
    return f"{state}, since it failed: {source.breaker.last_error}"


def _skip(collected: Collected, detail: str) -> None:
    outcome = collected.outcome
    outcome.status, outcome.detail, outcome.contacted = Status.SKIPPED, detail, False


def _failed(collected: Collected, error: Exception, wait: float) -> None:
    outcome = collected.outcome
    collected.step.source.tally.failed += 1
    match error:
        case SourceTimeout() | TimeoutError():
            outcome.status, outcome.detail = Status.TIMEOUT, f"it did not answer within {wait:g} s"
        case RateLimited():
            outcome.status, outcome.detail = Status.RATE_LIMITED, error.detail
        case SourceFault():
            outcome.status, outcome.detail, outcome.answered = Status.UNAVAILABLE, error.detail, True
        case Retryable() | StoreUnavailable():
            outcome.status, outcome.detail = Status.UNAVAILABLE, error.detail
        case SourceLoop():
            outcome.status, outcome.detail = Status.LOOP, error.detail
        case Refused():
            outcome.status, outcome.detail = Status.REFUSED, error.detail
        case BadUpstream():
            outcome.status, outcome.detail = Status.BAD, error.detail
        case KakehashiError():
            outcome.status, outcome.detail = Status.REFUSED, error.detail
        case _:
            outcome.status, outcome.detail = Status.FAILED, "the gateway has a fault in reading it"
            log.error("adapter_fault", platform=outcome.platform, exc_info=error)


def _tell_breaker(source: Source, error: Exception, now: float) -> None:
    if not source.network:
        return
    if isinstance(error, RateLimited):
        source.bulkhead.failed()
        source.breaker.rest(error.detail, now, error.after or 1.0)
    elif isinstance(error, Retryable | TimeoutError):
        source.bulkhead.failed()
        detail = error.detail if isinstance(error, Retryable) else "no whole answer came before the deadline"
        if source.breaker.failed(detail, now):
            log.warning("source_left_alone", platform=source.id, error=detail)
    else:
        source.breaker.succeeded()
