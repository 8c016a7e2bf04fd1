"""Work that goes on whatever a turn of it meets."""

from __future__ import annotations

import asyncio

import pytest

from broker.background import Periodic
from schemas.errors import StoreUnavailable


@pytest.mark.parametrize("stumble", [StoreUnavailable("gone"), ZeroDivisionError()])
async def test_a_turn_that_fails_is_not_the_last(stumble: Exception) -> None:
    turns = 0
    enough = asyncio.Event()

    async def work() -> None:
        nonlocal turns
        turns += 1
        if turns == 1:
            raise stumble
        enough.set()

    periodic = Periodic("test", work, 0.001, at_once=True)
    periodic.start()
    await asyncio.wait_for(enough.wait(), 20)
    await periodic.stop()
    seen = turns
    await asyncio.sleep(0.02)
    assert turns == seen


async def test_it_begins_after_the_first_pause_and_may_be_stopped_before_it_began() -> None:
    turns: list[int] = []

    async def work() -> None:
        turns.append(1)

    periodic = Periodic("test", work, 3600)
    await periodic.stop()
    periodic.start()
    await asyncio.sleep(0)
    await periodic.stop()
    await periodic.stop()
    assert turns == []
