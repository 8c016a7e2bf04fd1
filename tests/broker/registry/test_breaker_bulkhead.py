"""What keeps a failing or slow source from holding everyone up."""

from __future__ import annotations

import asyncio

import pytest

from broker.registry.breaker import Breaker, BreakerState
from broker.registry.bulkhead import Bulkhead, BulkheadFull, Lag


def test_it_opens_after_failures_in_a_row() -> None:
    breaker = Breaker(3, 2.0)
    assert [breaker.failed("x", 10.0) for _ in range(2)] == [False, False]
    breaker.succeeded()
    assert [breaker.failed("x", 10.0) for _ in range(3)] == [False, False, True]
    assert not breaker.closed
    assert breaker.retry_at == 12.0
    assert breaker.last_error == "x"
    assert breaker.failed("late", 11.0) is False, "an answer that was under way does not open it again"
    assert breaker.retry_at == 12.0


def test_a_trial_decides() -> None:
    breaker = Breaker(1, 2.0)
    assert not breaker.begin_trial(0.0)
    breaker.failed("x", 0.0)
    assert not breaker.begin_trial(1.9)
    assert breaker.begin_trial(2.0)
    assert breaker.state is BreakerState.HALF_OPEN
    assert not breaker.closed
    assert not breaker.begin_trial(2.0), "one at a time"
    breaker.trial_failed("y", 3.0)
    assert (breaker.state, breaker.retry_at) == (BreakerState.OPEN, 7.0)
    assert breaker.begin_trial(7.0)
    breaker.succeeded()
    assert breaker.closed
    assert breaker.failures == 0
    breaker.failed("z", 100.0)
    assert breaker.retry_at == 102.0, "after a success the wait is short again"


def test_the_wait_grows_up_to_a_minute() -> None:
    breaker = Breaker(1, 2.0)
    breaker.failed("x", 0.0)
    waits = []
    for _ in range(8):
        breaker.begin_trial(breaker.retry_at)
        breaker.trial_failed("x", 0.0)
        waits.append(breaker.retry_at)
    assert waits == [4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 60.0]


@pytest.mark.parametrize(("asked", "waits"), [(0.0, 2.0), (7.0, 7.0), (3600.0, 60.0)])
def test_retry_after_is_heeded_within_bounds(asked: float, waits: float) -> None:
    breaker = Breaker(5, 2.0)
    breaker.rest("slow down", 10.0, asked)
    assert (breaker.closed, breaker.retry_at) == (False, 10.0 + waits)


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_no_more_than_the_limit_are_under_way_and_they_come_in_order() -> None:
    bulkhead = Bulkhead(2)
    under_way = most = 0
    order: list[int] = []

    async def one(n: int) -> None:
        nonlocal under_way, most
        await bulkhead.enter(soon())
        order.append(n)
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.005)
        under_way -= 1
        bulkhead.leave()

    await asyncio.gather(*(one(n) for n in range(10)))
    assert most == 2
    assert order == list(range(10))
    assert bulkhead.under_way == 0


async def test_the_queue_is_bounded() -> None:
    bulkhead = Bulkhead(1)
    await bulkhead.enter(soon())
    waiting = [asyncio.create_task(bulkhead.enter(soon())) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(BulkheadFull):
        await bulkhead.enter(soon())
    for task in waiting:
        bulkhead.leave()
        await task
    bulkhead.leave()
    assert bulkhead.under_way == 0


async def test_who_waits_too_long_goes_away_and_takes_no_place() -> None:
    bulkhead = Bulkhead(1)
    await bulkhead.enter(soon())
    with pytest.raises(BulkheadFull):
        await bulkhead.enter(soon(0.02))
    bulkhead.leave()
    assert bulkhead.under_way == 0
    await bulkhead.enter(soon())
    bulkhead.leave()


async def test_who_is_cancelled_while_waiting_takes_no_place() -> None:
    bulkhead = Bulkhead(1)
    await bulkhead.enter(soon())
    cancelled = asyncio.create_task(bulkhead.enter(soon()))
    served = asyncio.create_task(bulkhead.enter(soon()))
    await asyncio.sleep(0)
    cancelled.cancel()
    bulkhead.leave()
    await served
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    bulkhead.leave()
    assert bulkhead.under_way == 0


async def test_who_is_cancelled_with_a_place_in_hand_gives_it_on() -> None:
    bulkhead = Bulkhead(1)
    await bulkhead.enter(soon())
    first, second = (asyncio.create_task(bulkhead.enter(soon())) for _ in range(2))
    await asyncio.sleep(0)
    bulkhead.leave()  # the place is the first one's now, which does not know it yet
    first.cancel()
    await asyncio.wait_for(second, 1)
    bulkhead.leave()
    assert bulkhead.under_way == 0


async def test_a_source_that_slows_down_gets_fewer_at_once_and_more_again_when_it_is_well() -> None:
    bulkhead = Bulkhead(20)

    async def load(ms: float, rounds: int) -> None:
        for _ in range(rounds):
            while bulkhead.under_way + 1 <= bulkhead.allowed:
                await bulkhead.enter(soon())
            bulkhead.answered(ms)
            bulkhead.leave()
        while bulkhead.under_way:
            bulkhead.leave()

    await load(10, 50)
    assert bulkhead.allowed == 20
    await load(15, 50)
    assert bulkhead.allowed == 20, "what is a little slower is not slow"
    await load(200, 150)
    slowed = bulkhead.allowed
    assert slowed < 10
    await load(10, 400)
    assert bulkhead.allowed == 20
    for _ in range(50):
        bulkhead.failed()
    assert bulkhead.allowed == 4, "some always get through: else nobody would see that it is back"
    await load(10, 400)
    assert bulkhead.allowed == 20


async def test_a_limit_that_shrank_holds_those_who_wait_back() -> None:
    bulkhead = Bulkhead(6)
    for _ in range(6):
        await bulkhead.enter(soon())
    waiting = asyncio.create_task(bulkhead.enter(soon()))
    await asyncio.sleep(0)
    for _ in range(10):
        bulkhead.failed()
    assert (bulkhead.allowed, bulkhead.waiting) == (4, 1)
    bulkhead.leave()
    bulkhead.leave()
    await asyncio.sleep(0)
    assert not waiting.done()
    bulkhead.leave()
    await waiting
    assert bulkhead.under_way == 4


def test_what_our_own_loop_is_late_is_not_the_sources_fault() -> None:
    lag = Lag()
    bulkhead = Bulkhead(20, lag)
    for _ in range(50):
        bulkhead.answered(10)
    for _ in range(20):
        lag.told(0.1)
    for _ in range(200):
        bulkhead.answered(310)
    assert bulkhead.allowed == 20


def test_one_place_stays_one() -> None:
    bulkhead = Bulkhead(1)
    bulkhead.failed()
    assert bulkhead.allowed == 1


def test_a_declared_cooldown_is_kept_after_one_failure_and_ended_by_a_question() -> None:
    breaker = Breaker(5, 2.0, declared=True)
    assert breaker.failed("gone", 10.0)
    assert not breaker.admits(11.9)
    assert not breaker.begin_trial(20.0)
    assert breaker.admits(12.0)
    assert not breaker.admits(12.0)
    breaker.failed("still gone", 12.1)
    assert not breaker.admits(14.0)
    assert breaker.admits(14.1)
    breaker.given_up()
    assert breaker.admits(14.1)
    breaker.succeeded()
    assert breaker.closed
    assert breaker.admits(14.2)
