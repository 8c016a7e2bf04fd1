"""The time limit around a source: it ends what waits, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from broker.federation.backstop import Backstop


def soon(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_what_waits_too_long_is_ended() -> None:
    with pytest.raises(TimeoutError), Backstop(asyncio.get_running_loop(), soon(0.01)):
        await asyncio.Event().wait()
    await asyncio.sleep(0)


async def test_what_is_done_in_time_goes_on() -> None:
    loop = asyncio.get_running_loop()
    with Backstop(loop, soon(0.05)):
        await asyncio.sleep(0)
    await asyncio.sleep(0.1)
    with pytest.raises(ValueError, match="own"), Backstop(loop, soon(60)):
        raise ValueError("own")


async def test_who_is_cancelled_is_cancelled() -> None:
    waiting = asyncio.Event()

    async def work() -> None:
        with Backstop(asyncio.get_running_loop(), soon(60)):
            waiting.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
