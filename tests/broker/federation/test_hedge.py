"""The faster of two runs counts, and nothing is left running."""

from __future__ import annotations

import asyncio

import pytest

from broker.federation.hedge import hedged


class Runs:
    """Each run waits for its gate; what it then does is said by `ends`."""

    def __init__(self) -> None:
        self.gates = [asyncio.Event(), asyncio.Event()]
        self.ends: list[str | Exception] = ["first", "second"]
        self.began = 0
        self.both = asyncio.Event()
        self.cancelled: list[int] = []

    async def __call__(self) -> str:
        n = self.began
        self.began += 1
        if self.began == 2:
            self.both.set()
        try:
            await self.gates[n].wait()
        except asyncio.CancelledError:
            self.cancelled.append(n)
            raise
        end = self.ends[n]
        if isinstance(end, Exception):
            raise end
        return end


async def test_what_is_quick_is_asked_once() -> None:
    runs = Runs()
    runs.gates[0].set()
    assert await hedged(runs(), runs, 60) == "first"
    assert runs.began == 1


@pytest.mark.parametrize("winner", [0, 1])
async def test_the_faster_one_counts_and_the_other_one_is_cancelled(winner: int) -> None:
    runs = Runs()
    task = asyncio.create_task(hedged(runs(), runs, 0.0))
    await runs.both.wait()
    runs.gates[winner].set()
    assert await task == ("first", "second")[winner]
    await asyncio.sleep(0)
    assert runs.cancelled == [1 - winner]


async def test_one_that_fails_leaves_the_word_to_the_other() -> None:
    runs = Runs()
    runs.ends[0] = ValueError("first")
    task = asyncio.create_task(hedged(runs(), runs, 0.0))
    await runs.both.wait()
    runs.gates[0].set()
    await asyncio.sleep(0.01)
    assert not task.done()
    runs.gates[1].set()
    assert await task == "second"


async def test_if_both_fail_the_first_tells_why() -> None:
    runs = Runs()
    runs.ends = [ValueError("first"), KeyError("second")]
    task = asyncio.create_task(hedged(runs(), runs, 0.0))
    await runs.both.wait()
    runs.gates[1].set()
    runs.gates[0].set()
    with pytest.raises(ValueError, match="first"):
        await task


async def test_a_failure_in_time_is_not_repeated() -> None:
    runs = Runs()
    runs.ends[0] = ValueError("first")
    runs.gates[0].set()
    with pytest.raises(ValueError, match="first"):
        await hedged(runs(), runs, 60)
    assert runs.began == 1


async def test_who_is_cancelled_cancels_both() -> None:
    runs = Runs()
    task = asyncio.create_task(hedged(runs(), runs, 0.0))
    await runs.both.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    assert sorted(runs.cancelled) == [0, 1]
