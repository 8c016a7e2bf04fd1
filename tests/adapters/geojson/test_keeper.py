from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from adapters.contract import SourceContext
from adapters.geojson.keeper import Keeper, Times
from schemas.errors import SourceTimeout, Unavailable


class Source:
    """A load that counts, waits for its gate and fails on demand."""

    def __init__(self) -> None:
        self.loads = 0
        self.failing = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, previous: int | None, ctx: SourceContext) -> int:
        self.loads += 1
        mine = self.loads
        await self.gate.wait()
        if self.failing:
            raise Unavailable("it is down")
        return mine


def soon(seconds: float = 5.0) -> SourceContext:
    return SourceContext(deadline=asyncio.get_running_loop().time() + seconds)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 (what is waited for has no event to tell of it)
            await asyncio.sleep(0.005)


async def test_many_ask_and_one_download_is_made() -> None:
    source = Source()
    source.gate.clear()
    keeper = Keeper(source.load, Times(60, 60, 60), 1000)
    waiting = [asyncio.create_task(keeper.current(soon())) for _ in range(20)]
    await until(lambda: source.loads == 1)
    source.gate.set()
    assert await asyncio.gather(*waiting) == [1] * 20
    assert await keeper.current(soon()) == 1
    assert source.loads == 1


async def test_a_deadline_ends_the_waiting_and_not_the_download() -> None:
    source = Source()
    source.gate.clear()
    keeper = Keeper(source.load, Times(60, 60, 60), 1000)
    with pytest.raises(SourceTimeout):
        await keeper.current(soon(0.02))
    source.gate.set()
    assert await keeper.current(soon()) == 1


async def test_a_requester_who_leaves_does_not_end_the_download() -> None:
    source = Source()
    source.gate.clear()
    keeper = Keeper(source.load, Times(60, 60, 60), 1000)
    leaving = asyncio.create_task(keeper.current(soon()))
    await until(lambda: source.loads == 1)
    leaving.cancel()
    source.gate.set()
    assert await keeper.current(soon()) == 1


async def test_an_old_copy_serves_while_a_new_one_comes() -> None:
    source = Source()
    keeper = Keeper(source.load, Times(0, 3600, 60), 1000)
    assert await keeper.current(soon()) == 1
    source.gate.clear()
    await asyncio.sleep(0.002)
    assert await keeper.current(soon()) == 1
    await until(lambda: source.loads == 2)
    source.gate.set()
    async with asyncio.timeout(5):
        while await keeper.current(soon()) == 1:  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0.005)
    await keeper.close()


async def test_an_old_copy_serves_while_the_source_is_down_and_no_longer_than_allowed() -> None:
    source = Source()
    keeper = Keeper(source.load, Times(0, 3600, 60, pause=600), 1000)
    assert await keeper.current(soon()) == 1
    source.failing = True
    await asyncio.sleep(0.002)
    assert await keeper.current(soon()) == 1
    await until(lambda: keeper.last_error is not None)
    assert await keeper.current(soon()) == 1
    # after a failure there is a pause, so a source that is down is not asked with every request
    assert source.loads == 2

    impatient = Keeper(source.load, Times(0, 0, 60), 1000)
    source.failing = False
    await impatient.current(soon())
    source.failing = True
    await asyncio.sleep(0.002)
    with pytest.raises(Unavailable):
        await impatient.current(soon())
    source.failing = False
    assert await impatient.current(soon()) > 1
    assert impatient.last_error is None


async def test_a_failed_first_download_is_tried_again() -> None:
    source = Source()
    source.failing = True
    keeper = Keeper(source.load, Times(60, 60, 60), 1000)
    with pytest.raises(Unavailable):
        await keeper.current(soon())
    source.failing = False
    assert await keeper.current(soon()) == 2


async def test_close_ends_the_download() -> None:
    source = Source()
    source.gate.clear()
    keeper = Keeper(source.load, Times(60, 60, 60), 1000)
    with pytest.raises(SourceTimeout):
        await keeper.current(soon(0.01))
    before = len(asyncio.all_tasks())
    await keeper.close()
    assert len(asyncio.all_tasks()) == before - 1
