"""Changes of local entities: nothing is lost between writers, nothing half done, and what expires is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from broker.background import Periodic
from broker.store.database import Database
from broker.store.entities import Entities
from broker.store.entity_change import Change, Done, Written
from broker.store.entity_filter import Where
from schemas.errors import AlreadyExists, BadRequestData, NotFound

NS = "https://example.org/"
SHELTER, TOILET = NS + "Shelter", NS + "Toilet"

Entity = dict[str, Any]


@pytest.fixture
def entities(database: Database) -> Entities:
    return Entities(database)


def shelter(uri: str = "urn:x:1", /, **members: Any) -> Entity:
    return {"id": uri, "type": SHELTER, **members}


def prop(value: Any, **members: Any) -> Entity:
    return {"type": "Property", "value": value, **members}


def later(seconds: float) -> str:
    return f"{datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S.%f}Z"


def setting(name: str, value: Any) -> Change:
    def decide(there: Entity | None) -> Entity:
        assert there is not None
        return {**there, NS + name: prop(value)}

    return Change("urn:x:1", decide)


async def only(entities: Entities, uri: str = "urn:x:1") -> Entity:
    (stored,) = await entities.get("", [uri])
    return stored.entity


async def test_many_writers_of_one_entity_lose_nothing(entities: Entities) -> None:
    await entities.create("", shelter())
    await asyncio.gather(*(entities.change_many("", [setting(f"a{n}", n)]) for n in range(24)))
    stored = await only(entities)
    assert {name: stored[NS + name]["value"] for name in (f"a{n}" for n in range(24))} == {
        f"a{n}": n for n in range(24)
    }


async def test_counting_up_together_counts_every_one(entities: Entities) -> None:
    await entities.create("", shelter(**{NS + "n": prop(0)}))

    def decide(there: Entity | None) -> Entity:
        assert there is not None
        return {**there, NS + "n": prop(there[NS + "n"]["value"] + 1)}

    done = await asyncio.gather(*(entities.change_many("", [Change("urn:x:1", decide)] * 3) for _ in range(8)))
    assert all(isinstance(outcome, Done) for outcomes in done for outcome in outcomes)
    assert (await only(entities))[NS + "n"]["value"] == 24


async def test_what_one_change_refuses_leaves_the_others(entities: Entities) -> None:
    await entities.create("", shelter("urn:x:2"))

    def refuse(there: Entity | None) -> Entity:
        raise NotFound("no", field="id")

    outcomes = await entities.change_many(
        "",
        [
            Change("urn:x:1", lambda _: shelter()),
            Change("urn:x:2", refuse),
            Change("urn:x:3", lambda _: shelter("urn:x:3", **{NS + "a": prop("\0")})),
            Change("urn:x:4", lambda _: shelter("urn:x:5")),
            Change("urn:x:1", lambda there: None if there else shelter()),
        ],
    )
    assert [type(outcome) for outcome in outcomes] == [Done, NotFound, BadRequestData, BadRequestData, Done]
    assert [stored.id for stored in await entities.query("")] == ["urn:x:2"]
    assert await entities.types_present() == {"": frozenset({SHELTER})}


async def test_attributes_that_a_change_leaves_keep_their_times(entities: Entities) -> None:
    await entities.create("", shelter(**{NS + "a": prop(1, **{NS + "sub": prop("x")}), NS + "b": prop(2)}))
    before = await only(entities)
    assert before[NS + "a"][NS + "sub"]["createdAt"] == before[NS + "a"]["createdAt"]
    await asyncio.sleep(0.005)
    await entities.change_many("", [setting("b", 3)])
    after = await only(entities)
    assert after[NS + "a"] == before[NS + "a"]
    assert after[NS + "b"]["createdAt"] == before[NS + "b"]["createdAt"]
    assert after[NS + "b"]["modifiedAt"] > before[NS + "b"]["modifiedAt"]


async def test_a_change_that_keeps_what_is_there_is_none(entities: Entities) -> None:
    await entities.create("", shelter())
    (before,) = await entities.get("", ["urn:x:1"])
    assert await entities.change_many("", [Change("urn:x:1", lambda there: there)]) == [
        Done(False, frozenset({SHELTER}))
    ]
    assert await entities.get("", ["urn:x:1"]) == [before]


async def test_what_has_expired_is_never_returned(entities: Entities) -> None:
    await entities.create("", shelter("urn:x:1", expiresAt=later(-1)))
    await entities.create("", shelter("urn:x:2", **{NS + "a": prop(1, expiresAt=later(-1)), NS + "b": prop(2)}))
    await entities.create("", shelter("urn:x:3", expiresAt=later(60), **{NS + "a": prop(1, expiresAt=later(60))}))
    stored = await entities.query("", Where(types=[frozenset({SHELTER})]))
    assert [one.id for one in stored] == ["urn:x:2", "urn:x:3"]
    assert stored[0].entity.keys() == {"id", "type", NS + "b"}
    assert stored[1].entity.keys() == {"id", "type", NS + "a", "expiresAt"}
    assert await entities.count("") == 2
    assert await entities.types("") == {SHELTER: 2}


async def test_an_expired_entity_makes_room_and_is_not_there_to_change(entities: Entities) -> None:
    await entities.create("", shelter(expiresAt=later(-5)))
    with pytest.raises(NotFound):
        await entities.replace("", shelter())
    assert await entities.delete_many("", ["urn:x:1"]) == [False]
    await asyncio.sleep(0.005)
    began = datetime.now(UTC).replace(microsecond=0)
    assert await entities.upsert_many("", [shelter()]) == [True]
    (stored,) = await entities.get("", ["urn:x:1"])
    assert stored.created_at >= began
    with pytest.raises(AlreadyExists):
        await entities.create("", shelter())


async def test_the_sweeper_takes_expired_instances_and_entities(entities: Entities, database: Database) -> None:
    several = [prop(1), prop(2, datasetId="urn:d:1", expiresAt=later(0.3))]
    await entities.create("", {**shelter("urn:x:1", expiresAt=later(0.3)), "type": TOILET})
    await entities.create("t", shelter("urn:x:2", **{NS + "a": several, NS + "b": prop(1)}))
    sweepers = [Periodic("expiry", entities.sweep, 0.05, at_once=True) for _ in range(2)]
    for sweeper in sweepers:
        sweeper.start()
    try:
        for _ in range(400):
            if not await expiring(database):
                break
            await asyncio.sleep(0.05)
    finally:
        for sweeper in sweepers:
            await sweeper.stop()
    assert await database.pool.fetchval("SELECT array_agg(id) FROM entities") == ["urn:x:2"]
    (left,) = await entities.get("t", ["urn:x:2"])
    assert left.entity[NS + "a"]["value"] == 1
    assert await entities.types_present() == {"t": frozenset({SHELTER})}


async def expiring(database: Database) -> int:
    counted: int = await database.pool.fetchval("SELECT count(*) FROM entities WHERE next_expiry IS NOT NULL")
    return counted


async def test_recorders_see_what_was_and_what_is_within_the_transaction(entities: Entities) -> None:
    seen: list[tuple[str, str, bool, bool]] = []

    async def record(connection: asyncpg.Connection, tenant: str, written: Sequence[Written]) -> None:
        assert await connection.fetchval("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
        seen.extend((tenant, one.id, one.before is not None, one.after is not None) for one in written)

    entities.on_change(record)
    await entities.create("t", shelter())
    await entities.upsert_many("t", [shelter(), shelter("urn:x:2")])
    await entities.delete_many("t", ["urn:x:1", "urn:x:9"])
    assert seen == [
        ("t", "urn:x:1", False, True),
        ("t", "urn:x:1", True, True),
        ("t", "urn:x:2", False, True),
        ("t", "urn:x:1", True, False),
    ]


async def test_a_recorder_that_fails_undoes_the_change(entities: Entities) -> None:
    async def record(connection: asyncpg.Connection, tenant: str, written: Sequence[Written]) -> None:
        raise RuntimeError("full")

    entities.on_change(record)
    with pytest.raises(RuntimeError):
        await entities.create("", shelter())
    assert await entities.count("") == 0
