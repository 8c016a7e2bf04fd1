"""The table of keys is what the entities say: after any change, after the migration, and when keys are made anew."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import asyncpg
import orjson
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from broker.store.database import Database
from broker.store.engine import make_engine
from broker.store.entities import Entities
from broker.store.entity_change import Change
from broker.store.entity_filter import Where
from broker.store.entity_lanes import keyed
from broker.store.entity_order import By
from broker.store.entity_spans import covers
from broker.store.migrate import _VERSIONS, migrate
from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.q import parse_q

NS = "https://example.org/"
VALUES: list[Any] = [
    1,
    2.5,
    1e16,
    -0.0,
    2**63,
    "x",
    "避難所",
    True,
    ["a", 1e17, "2026-01-01T00:00:00Z"],
    {"m": {"n": 1e18}},
]


async def told(connection: asyncpg.Connection | asyncpg.Pool) -> set[tuple[Any, ...]]:
    """What the table says."""
    rows = await connection.fetch(
        "SELECT tenant, kind, path, role, key, id FROM entity_values JOIN entity_lanes USING (lane)"
    )
    return {tuple(row) for row in rows}


async def meant(connection: asyncpg.Connection | asyncpg.Pool) -> set[tuple[Any, ...]]:
    """What it should say."""
    rows = await connection.fetch("SELECT tenant, entity, created_at, modified_at FROM entities")
    made = [(tenant, keyed(orjson.loads(text), *times)) for tenant, text, *times in rows]
    return {
        (tenant, one.kind, key.path, int(key.side), key.key, one.id)
        for tenant, one in made
        for key in one.keys
        if not key.unkeyed
    }


def entity(dice: random.Random) -> dict[str, Any]:
    types = dice.choice([NS + "A", NS + "B", [NS + "A", NS + "B"]])
    made: dict[str, Any] = {"id": f"urn:{dice.randrange(12)}", "type": types}
    for name in dice.sample("abcd", dice.randrange(4)):
        instance: dict[str, Any] = {"type": "Property", "value": dice.choice(VALUES)}
        if dice.random() < 0.3:
            instance[NS + "sub"] = {"type": "Property", "value": dice.choice(VALUES)}
        if dice.random() < 0.3:
            instance["observedAt"] = f"2026-01-0{dice.randrange(1, 9)}T00:00:00Z"
        made[NS + name] = [instance, {**instance, "datasetId": "urn:d"}] if dice.random() < 0.3 else instance
    return made | ({"scope": dice.choice(["/a", ["/a/b", "c"]])} if dice.random() < 0.5 else {})


def refused(_: Any) -> Any:
    raise BadRequestData("no")


async def test_every_change_keeps_keys_and_entities_in_step(database: Database) -> None:
    store = Entities(database)
    dice = random.Random(4)
    for _ in range(40):
        tenant = dice.choice(["", "t"])
        given = [entity(dice) for _ in range(dice.randrange(1, 5))]
        way = dice.randrange(4)
        if way == 0:
            await store.delete_many(tenant, [str(one["id"]) for one in given])
        elif way == 1:
            changes = [Change(str(one["id"]), lambda there, one=one: {**(there or one), **one}) for one in given]
            await store.change_many(tenant, [*changes, Change("urn:refused", refused)])
        else:
            await store.upsert_many(tenant, given)
        assert await told(database.pool) == await meant(database.pool)
    assert len(await told(database.pool)) > 50
    for tenant in ("", "t"):
        await store.delete_many(tenant, [f"urn:{number}" for number in range(12)])
    assert await told(database.pool) == set()


async def test_what_is_rolled_back_leaves_no_keys(database: Database) -> None:
    store = Entities(database)

    async def fails(*_: Any) -> None:
        raise RuntimeError

    store.on_change(fails)
    with pytest.raises(RuntimeError):
        await store.create("", entity(random.Random(1)))
    assert await told(database.pool) == set()


async def test_writers_of_new_attributes_at_once(database: Database) -> None:
    stores = [Entities(database) for _ in range(4)]
    made = [
        [{"id": f"urn:{n}", "type": NS + "A", **{NS + f"x{m}": {"type": "Property", "value": n} for m in order}}]
        for n, order in enumerate([range(9), range(8, -1, -1), (4, 2, 7), (8, 1)])
    ]
    await asyncio.gather(*(one.upsert_many("", given) for one, given in zip(stores, made, strict=True)))
    assert await told(database.pool) == await meant(database.pool)


@pytest.mark.parametrize("revision", ["0001", "0021"])
async def test_entities_of_earlier_versions_get_their_keys(empty_database_url: str, revision: str) -> None:
    """A database as a version before the keys left it, and one whose keys were made otherwise."""
    await upgrade(empty_database_url, revision)
    connection = await asyncpg.connect(empty_database_url)
    try:
        dice = random.Random(9)
        for tenant in ("", "t"):
            for one in {str(made["id"]): made for made in (entity(dice) for _ in range(40))}.values():
                types = [one["type"]] if isinstance(one["type"], str) else one["type"]
                await connection.execute(
                    "INSERT INTO entities (tenant, id, types, entity, created_at, modified_at)"
                    " VALUES ($1, $2, $3, $4, now(), now())",
                    *(tenant, one["id"], types, orjson.dumps(one).decode()),
                )
        await migrate(empty_database_url)
        expected = await meant(connection)
        assert await told(connection) == expected
        assert len(expected) > 50
        await connection.execute("DELETE FROM entity_values WHERE id > 'urn:5'")
        await migrate(empty_database_url)
        assert await told(connection) != expected
        await connection.execute("UPDATE entity_keys SET scheme = 'another'")
        await asyncio.gather(*(migrate(empty_database_url) for _ in range(3)))
        assert await told(connection) == expected
    finally:
        await connection.close()


async def test_filled_keys_are_found_by(empty_database_url: str) -> None:
    await migrate(empty_database_url)
    database = await Database.open(empty_database_url)
    try:
        store = Entities(database)
        name = CORE.expand("n")
        await store.upsert_many(
            "", [{"id": f"urn:{n}", "type": NS + "A", name: {"type": "Property", "value": -n}} for n in range(5)]
        )
        await database.pool.execute("UPDATE entity_keys SET scheme = 'another'")
        await database.pool.execute("TRUNCATE entity_values")
        await migrate(empty_database_url)
        where = Where(covers=covers(parse_q("n<=-3", context=CORE), CORE))
        assert [one.id for one in await store.query("", where)] == ["urn:3", "urn:4"]
        (last,) = await store.walk("", Where(), By([name])).next(1) or ()
        assert last.id == "urn:4"
    finally:
        await database.close()


async def upgrade(url: str, revision: str) -> None:
    engine = make_engine(url, pool_size=1)

    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(_VERSIONS.parent))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()
