"""The change feed: own changes, others', those missed while the connection was lost, and callbacks that fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from broker.store.database import Database
from broker.store.feed import Feed, bump
from broker.store.source_writes import CHANNEL, SourceWrites

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE $1"


class Heard:
    """What a callback was called with, and a way to wait for it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self._more = asyncio.Event()
        self.fail = 0

    async def __call__(self, name: str, version: int) -> None:
        if self.fail:
            self.fail -= 1
            raise RuntimeError("a callback that fails")
        self.calls.append((name, version))
        self._more.set()

    async def until(self, call: tuple[str, int]) -> None:
        async with asyncio.timeout(20):
            while call not in self.calls:
                self._more.clear()
                await self._more.wait()


@pytest.fixture
async def heard(database: Database) -> AsyncIterator[Heard]:
    """A running feed of "one" and "two" that polls so rarely that the tests see notifications only."""
    heard = Heard()
    feed = Feed(database.url, ["one", "two"], heard, poll_seconds=3600)
    await feed.start()
    yield heard
    await feed.stop()


async def change(database: Database, name: str) -> int:
    async with database.transaction() as connection:
        return await bump(connection, name)


async def test_the_first_load_is_of_everything(heard: Heard) -> None:
    assert heard.calls == [("one", 0), ("two", 0)]


async def test_a_change_is_heard_and_names_of_others_are_not(heard: Heard, database: Database) -> None:
    await change(database, "three")
    assert await change(database, "two") == 1
    await heard.until(("two", 1))
    assert heard.calls == [("one", 0), ("two", 0), ("two", 1)]


async def test_what_is_rolled_back_is_not_heard(heard: Heard, database: Database) -> None:
    async with database.connection() as connection:
        rolled = connection.transaction()
        await rolled.start()
        await bump(connection, "one")
        await rolled.rollback()
    await change(database, "two")
    await heard.until(("two", 1))
    assert ("one", 1) not in heard.calls


async def test_after_a_lost_connection_everything_is_loaded_again(heard: Heard, database: Database) -> None:
    heard.calls.clear()
    async with database.transaction() as connection:
        # The change commits together with the end of the feed's connection, so that nobody listens.
        await bump(connection, "one")
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE 'LISTEN%' OR query LIKE 'SELECT name, version FROM changes%'"
        )
    await heard.until(("one", 1))
    await heard.until(("two", 0))
    await change(database, "two")
    await heard.until(("two", 1))


async def test_a_callback_that_fails_is_called_again(heard: Heard, database: Database) -> None:
    heard.fail = 1
    await change(database, "one")
    await heard.until(("one", 1))


async def test_a_poll_finds_what_was_not_notified(database: Database) -> None:
    heard = Heard()
    feed = Feed(database.url, ["one"], heard, poll_seconds=0.05)
    await feed.start()
    await database.pool.execute("INSERT INTO changes VALUES ('one', 5)")
    await heard.until(("one", 5))
    await feed.stop()


async def test_versions_of_concurrent_writers_are_all_different(database: Database) -> None:
    assert sorted(await asyncio.gather(*(change(database, "one") for _ in range(20)))) == list(range(1, 21))


async def test_stop_gives_the_connection_back(database: Database) -> None:
    feed = Feed(database.url, ["one"], Heard())
    await feed.start()
    await feed.stop()
    await feed.stop()
    listening = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    connection: asyncpg.Connection
    async with asyncio.timeout(20), database.connection() as connection:
        while await connection.fetchval(listening):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_what_others_write_to_is_heard_and_after_a_lost_connection_all_may_have_been_missed(
    database: Database,
) -> None:
    mine, other = SourceWrites(database), SourceWrites(database)
    told: asyncio.Queue[str | None] = asyncio.Queue()
    feed = Feed(database.url, [], Heard(), poll_seconds=3600, channels={CHANNEL: mine.heard(told.put_nowait)})
    await feed.start()
    try:
        await mine.tell(["urn:x:mine"])
        await other.tell(["urn:x:a:1", "漢", "x" * 7000])
        async with asyncio.timeout(20):
            assert [await told.get(), await told.get()] == ["urn:x:a:1", "漢"], "neither my own nor what is too long"
            await database.pool.execute(CUT, "SELECT name, version FROM changes%")
            assert await told.get() is None
            await other.tell(["urn:x:a:2"])
            assert await told.get() == "urn:x:a:2"
    finally:
        await feed.stop()
