"""The local store: what is written comes back, stamped; conditions against a plain walk over the same entities."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from broker.store.database import Database
from broker.store.entities import Entities
from broker.store.entity_filter import Where
from schemas.errors import AlreadyExists, BadRequestData, NotFound

NS = "https://example.org/"
SHELTER, TOILET, AED = NS + "Shelter", NS + "Toilet", NS + "Aed"
NAME, LOCATION, CAPACITY = NS + "name", NS + "location", NS + "capacity"


@pytest.fixture
def entities(database: Database) -> Entities:
    return Entities(database)


def entity(uri: str, kind: str | list[str] = SHELTER, /, **attributes: Any) -> dict[str, Any]:
    return {"id": uri, "type": kind, **{NS + key: value for key, value in attributes.items()}}


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


def place(longitude: float, latitude: float) -> dict[str, Any]:
    return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [longitude, latitude]}}


def bare(value: Any) -> Any:
    """Without the time stamps."""
    if isinstance(value, dict):
        return {key: bare(inner) for key, inner in value.items() if key not in ("createdAt", "modifiedAt")}
    return [bare(inner) for inner in value] if isinstance(value, list) else value


async def test_an_entity_comes_back_as_it_was(entities: Entities) -> None:
    given = entity(
        "urn:避難所:1",
        [SHELTER, AED],
        name=[prop("港区"), prop("Minato", datasetId="urn:en")],
        capacity=prop({"deep": [1, 2.5, None, True, "\\u0000", 1e300, -(2**63), 2**64 - 1]}, unitCode="C62"),
        location=place(139.75, 35.65),
    ) | {"scope": ["/a", "/b"], "createdAt": "1999-01-01T00:00:00Z"}
    before = datetime.now(UTC).replace(microsecond=0)
    await entities.create("", given)
    (stored,) = await entities.get("", ["urn:避難所:1"])
    assert bare(stored.entity) == bare(given)
    assert "createdAt" not in stored.entity
    assert before <= stored.created_at == stored.modified_at <= datetime.now(UTC)
    name = stored.entity[NAME][0]
    assert name["createdAt"] == name["modifiedAt"]
    assert datetime.fromisoformat(name["createdAt"]) == stored.created_at


async def test_times_and_versions_over_an_entitys_life(entities: Entities) -> None:
    await entities.create("", entity("urn:1", name=[prop("a"), prop("b", datasetId="urn:d")], capacity=prop(1)))
    (first,) = await entities.get("", ["urn:1"])
    await asyncio.sleep(0.005)
    await entities.replace("", entity("urn:1", name=[prop("b2", datasetId="urn:d"), prop("c", datasetId="urn:e")]))
    (second,) = await entities.get("", ["urn:1"])
    assert second.created_at == first.created_at
    assert second.modified_at > first.modified_at
    assert second.version > first.version
    kept, new = second.entity[NAME]
    assert kept["createdAt"] == first.entity[NAME][1]["createdAt"]
    assert kept["modifiedAt"] == new["createdAt"] == new["modifiedAt"] > kept["createdAt"]
    assert CAPACITY not in second.entity
    await entities.delete_many("", ["urn:1"])
    await entities.create("", entity("urn:1", name=prop("a")))
    (third,) = await entities.get("", ["urn:1"])
    assert third.created_at > first.created_at
    assert third.version > second.version


async def test_create_and_replace_know_what_is_there(entities: Entities) -> None:
    with pytest.raises(NotFound):
        await entities.replace("", entity("urn:1"))
    await entities.create("", entity("urn:1", name=prop("kept"), location=place(1, 1)))
    with pytest.raises(AlreadyExists):
        await entities.create("", entity("urn:1", TOILET, location=place(2, 2)))
    (stored,) = await entities.query("", Where(area=(LOCATION, (0, 0, 3, 3))))
    assert stored.entity[NAME]["value"] == "kept"
    assert await entities.types_present() == {"": frozenset({SHELTER})}
    await entities.create("other", entity("urn:1"))


async def test_upsert_says_what_it_created(entities: Entities) -> None:
    assert await entities.upsert_many("", [entity("urn:2"), entity("urn:1")]) == [True, True]
    batch = [entity("urn:3", name=prop(1)), entity("urn:2"), entity("urn:3", name=prop(2))]
    assert await entities.upsert_many("", batch) == [True, False, False]
    (third,) = await entities.get("", ["urn:3"])
    assert third.entity[NAME]["value"] == 2
    assert await entities.upsert_many("", []) == []
    assert await entities.delete_many("", ["urn:3", "urn:9", "urn:3", "urn:1"]) == [True, False, False, True]
    assert await entities.delete_many("other", ["urn:2"]) == [False]


async def test_one_bad_entity_leaves_the_whole_batch_out(entities: Entities) -> None:
    with pytest.raises(BadRequestData):
        await entities.upsert_many("", [entity("urn:1"), entity("urn:2", name=prop("a\0b"))])
    assert await entities.count("") == 0


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


BAD = [
    (entity("urn:1", name=prop("\0")), NAME),
    (entity("urn:1", name=prop({"a": [{"\0": 1}]})), NAME),
    (entity("urn:1", name=prop("\ud800")), NAME),
    (entity("urn:1", name=prop(2**64)), NAME),
    (entity("urn:1", name=prop(float("nan"))), NAME),
    (entity("urn:1", name=prop(float("-inf"))), NAME),
    (entity("urn:1", name=prop(object())), NAME),
    (entity("urn:1", name=prop(nested(5000))), "urn:1"),
    (entity("urn:1\0"), "id"),
    (entity("urn:" + "x" * 3000), "id"),
    (entity(""), "id"),
    (entity("urn:1", []), "type"),
    (entity("urn:1", "x" * 3000), "type"),
    ({"type": SHELTER}, "id"),
    ({"id": "urn:1"}, "type"),
    (entity("urn:1") | {NS + "\0": prop(1)}, NS + "\0"),
]


async def test_what_no_row_can_hold_is_refused_by_name(entities: Entities) -> None:
    for bad, field in BAD:
        for work in (entities.create("", bad), entities.upsert_many("", [bad])):
            with pytest.raises(BadRequestData) as caught:
                await work
            assert caught.value.field == field


async def test_numbers_at_the_edges_come_back(entities: Entities) -> None:
    values = [1e308, -1e308, 5e-324, 0.1, -0.0, 10**18, 1e22]
    await entities.create("", entity("urn:1", name=prop(values)))
    (stored,) = await entities.get("", ["urn:1"])
    assert stored.entity[NAME]["value"] == values


async def test_what_can_never_match_is_asked_without_an_error(entities: Entities) -> None:
    await entities.create("", entity("urn:1", name=prop(1)))
    for bad in ("\0", "a\ud800"):
        for where in (
            Where(ids=[bad]),
            Where(types=[frozenset({bad})]),
            Where(id_prefix=bad),
            Where(attrs_any=[bad]),
            Where(area=(bad, (0, 0, 1, 1))),
        ):
            assert await entities.query("", where) == []
            assert await entities.count("", where) == 0
        assert await entities.query(bad) == []
        assert await entities.types(bad) == {}
        assert await entities.delete_many("", [bad]) == [False]
        assert await entities.query("", after_id=bad) == []
    assert await entities.query("", Where(ids=[])) == []
    assert len(await entities.query("", Where(ids=["\0", "urn:1"]))) == 1


PEOPLE = [
    entity("urn:a:1", SHELTER, name=prop("x"), location=place(139.70, 35.60)),
    entity(
        "urn:a:2",
        [SHELTER, AED],
        capacity=prop(5),
        location=[place(10, 10), place(139.76, 35.66) | {"datasetId": "u:d"}],
    ),
    entity("urn:b:1", [AED], name=prop("y"), capacity=prop(7)),
    entity(
        "urn:b:2",
        TOILET,
        location={
            "type": "GeoProperty",
            "value": {"type": "Polygon", "coordinates": [[[139.6, 35.5], [139.9, 35.5], [139.9, 35.9], [139.6, 35.5]]]},
        },
    ),
    entity("urn:B:3", TOILET, name=[prop("y"), prop("z", datasetId="urn:z")], other=place(139.7, 35.6)),
    entity("urn:避難所", SHELTER),
]
NEAR = (139.69, 35.59, 139.71, 35.61)


CONDITIONS = [
    (Where(), [0, 1, 2, 3, 4, 5]),
    (Where(ids=["urn:b:1", "urn:a:1", "urn:none"]), [0, 2]),
    (Where(types=[frozenset({SHELTER})]), [0, 1, 5]),
    (Where(types=[frozenset({SHELTER, AED})]), [1]),
    (Where(types=[frozenset({SHELTER, AED}), frozenset({TOILET})]), [1, 3, 4]),
    (Where(types=[frozenset({AED}), frozenset({TOILET})]), [1, 2, 3, 4]),
    (Where(types=[frozenset({SHELTER, TOILET}), frozenset({AED, TOILET})]), []),
    (Where(id_prefix="urn:b:"), [2, 3]),
    (Where(id_prefix="urn:避"), [5]),
    (Where(id_prefix="urn:%"), []),
    (Where(attrs_any=[NAME]), [0, 2, 4]),
    (Where(attrs_any=[NAME, CAPACITY]), [0, 1, 2, 4]),
    (Where(area=(LOCATION, NEAR)), [0, 3]),
    (Where(area=(NS + "other", NEAR)), [4]),
    (Where(area=(LOCATION, (139.755, 35.655, 139.765, 35.665))), [1, 3]),
    (Where(area=(LOCATION, (-10, -10, 0, 0))), []),
    (Where(types=[frozenset({SHELTER})], attrs_any=[NAME], area=(LOCATION, NEAR)), [0]),
]


async def test_conditions(entities: Entities) -> None:
    await entities.upsert_many("t", PEOPLE)
    await entities.upsert_many("another", PEOPLE)
    for where, expected in CONDITIONS:
        wanted = sorted(PEOPLE[number]["id"] for number in expected)
        assert [stored.id for stored in await entities.query("t", where)] == wanted, where
        assert await entities.count("t", where) == len(wanted), where
        paged: list[str] = []
        while page := await entities.query("t", where, after_id=paged[-1] if paged else None, limit=2):
            paged += [stored.id for stored in page]
        assert paged == wanted, where
        assert [stored.id for stored in await entities.query("t", where, offset=1, limit=2)] == wanted[1:3], where


async def test_a_moved_or_deleted_entity_is_no_longer_where_it_was(entities: Entities, database: Database) -> None:
    await entities.create("", entity("urn:1", location=place(1, 1)))
    await entities.upsert_many("", [entity("urn:1", location=place(5, 5))])
    assert await entities.count("", Where(area=(LOCATION, (0, 0, 2, 2)))) == 0
    assert await entities.count("", Where(area=(LOCATION, (4, 4, 6, 6)))) == 1
    await entities.delete_many("", ["urn:1"])
    assert await database.pool.fetchval("SELECT count(*) FROM entity_boxes") == 0


async def test_concurrent_batches_neither_deadlock_nor_lose(entities: Entities) -> None:
    names = [f"urn:{n}" for n in range(20)]

    async def batch(turn: int) -> list[bool]:
        order = names if turn % 2 else names[::-1]
        return await entities.upsert_many(
            "", [entity(name, [SHELTER, AED][turn % 2], name=prop(turn)) for name in order]
        )

    results = await asyncio.gather(*(batch(turn) for turn in range(12)))
    assert sum(map(sum, results)) == len(names)
    assert await entities.count("") == len(names)
    present = (await entities.types_present())[""]
    assert present == frozenset(await entities.types(""))
