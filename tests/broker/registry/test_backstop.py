"""The time limit around a source: it ends what waits, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from broker.registry.backstop import Backstops


def soon(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_what_waits_too_long_is_ended() -> None:
    with pytest.raises(TimeoutError), Backstops().until(asyncio.get_running_loop(), soon(0.01)):
        await asyncio.Event().wait()
    await asyncio.sleep(0)


async def test_what_is_done_in_time_goes_on() -> None:
    loop = asyncio.get_running_loop()
    with Backstops().until(loop, soon(0.05)):
        await asyncio.sleep(0)
    await asyncio.sleep(0.1)
    with pytest.raises(ValueError, match="own"), Backstops().until(loop, soon(60)):
        raise ValueError("own")


async def test_who_is_cancelled_is_cancelled() -> None:
    waiting = asyncio.Event()

    async def work() -> None:
        with Backstops().until(asyncio.get_running_loop(), soon(60)):
            waiting.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_each_ends_at_its_own_time_in_whatever_order_they_came() -> None:
    loop = asyncio.get_running_loop()
    backstops = Backstops()
    ended: list[str] = []

    async def work(name: str, seconds: float) -> None:
        try:
            with backstops.until(loop, soon(seconds)):
                await asyncio.Event().wait()
        except TimeoutError:
            ended.append(name)

    last = asyncio.create_task(work("never", 600))
    await asyncio.gather(work("second", 0.1), work("first", 0.02), work("third", 0.2))
    assert ended == ["first", "second", "third"]
    last.cancel()
    await asyncio.wait({last})
    assert not backstops.running
