"""Types that a tenant has: they come with the first entity and go with the last, whatever else goes on."""

from __future__ import annotations

import asyncio
import random

import pytest

from broker.store.database import Database
from broker.store.entities import FEED, Entities


@pytest.fixture
def entities(database: Database) -> Entities:
    return Entities(database)


async def version(database: Database) -> int:
    return await database.pool.fetchval("SELECT version FROM changes WHERE name = $1", FEED) or 0


async def test_the_first_and_the_last_of_a_type_are_told(entities: Entities, database: Database) -> None:
    await entities.create("", {"id": "urn:1", "type": ["A", "B"]})
    assert await version(database) == 1
    await entities.upsert_many("", [{"id": "urn:2", "type": "A"}, {"id": "urn:1", "type": ["B", "A"]}])
    await entities.delete_many("", ["urn:2"])
    assert await version(database) == 1
    assert await entities.types("") == {"A": 1, "B": 1}
    await entities.create("t", {"id": "urn:1", "type": "A"})
    assert await version(database) == 2
    await entities.replace("", {"id": "urn:1", "type": ["A", "C"]})
    assert await version(database) == 3
    assert await entities.types_present() == {"": frozenset({"A", "C"}), "t": frozenset({"A"})}
    await entities.delete_many("", ["urn:1"])
    assert await entities.types_present() == {"t": frozenset({"A"})}
    assert await version(database) == 4


async def test_a_refused_write_tells_nothing(entities: Entities, database: Database) -> None:
    await entities.create("", {"id": "urn:1", "type": "A"})
    with pytest.raises(Exception, match="already"):
        await entities.create("", {"id": "urn:1", "type": "B"})
    assert await entities.types_present() == {"": frozenset({"A"})}
    assert await version(database) == 1


async def test_present_types_are_right_after_any_race(entities: Entities) -> None:
    """Few ids and types and many writers, so that a type's first comes while its last goes."""
    dice = random.Random(1)

    async def write() -> None:
        for _ in range(10):
            ids = dice.sample(["urn:1", "urn:2", "urn:3"], dice.randint(1, 2))
            if dice.random() < 0.5:
                await entities.delete_many("", ids)
            else:
                types = dice.sample(["A", "B", "C"], dice.randint(1, 2))
                await entities.upsert_many("", [{"id": name, "type": types} for name in ids])

    for _ in range(2):
        await asyncio.gather(*(write() for _ in range(8)))
        present = (await entities.types_present()).get("", frozenset())
        assert present == frozenset(await entities.types(""))


async def test_writers_of_one_type_do_not_wait_for_each_other(entities: Entities, database: Database) -> None:
    await entities.create("", {"id": "urn:0", "type": "A"})
    async with database.connection() as slow:
        open_ended = slow.transaction()
        await open_ended.start()
        key = "hashtextextended('kakehashi type ' || '' || ' ' || 'A', 0)"
        await slow.execute(f"SELECT pg_advisory_xact_lock_shared({key})")
        async with asyncio.timeout(20):
            await entities.create("", {"id": "urn:1", "type": "A"})
            assert await entities.upsert_many("", [{"id": "urn:2", "type": "A"}]) == [True]
        await open_ended.rollback()
