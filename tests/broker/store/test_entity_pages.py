"""Pages of types and areas, which SQL puts together from several indexes, against a plain walk over the entities."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from broker.store import entity_lookup as lookup
from broker.store import entity_read as module
from broker.store.database import Database
from broker.store.entities import Entities
from broker.store.entity_filter import Where
from broker.store.entity_prefilter import prefilter
from broker.store.entity_spans import covers
from schemas.ngsi_ld.context import build
from schemas.ngsi_ld.q import parse_q

NS = "https://example.org/"
LOCATION = NS + "location"
TYPES = [NS + name for name in "ABCDEFGHIJ"]
LONG = NS + "L" * 1500
HERE = build({name: NS + name for name in ("often", "seldom", "never")}, {})
AREA = (0.0, 0.0, 5.0, 5.0)


def made(n: int, dice: random.Random) -> dict[str, Any]:
    types = dice.sample(TYPES, dice.choice((1, 1, 1, 2, 3))) if n % 20 else [LONG]
    places = [[dice.uniform(-5, 10), dice.uniform(-5, 10)] for _ in range(dice.choice((0, 1, 2)))]
    instances = [
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": place}, "datasetId": f"urn:d:{k}"}
        for k, place in enumerate(places)
    ]
    entity = {"id": f"urn:{dice.randrange(10**6):06}:{n}", "type": types[0] if len(types) == 1 else types}
    return entity | ({LOCATION: instances} if instances else {})


def types_of(entity: dict[str, Any]) -> set[str]:
    given = entity["type"]
    return {given} if isinstance(given, str) else set(given)


def inside(entity: dict[str, Any]) -> bool:
    places = [instance["value"]["coordinates"] for instance in entity.get(LOCATION, ())]
    return any(0 <= x <= 5 and 0 <= y <= 5 for x, y in places)


ALTERNATIVES: list[list[frozenset[str]]] = [
    [],
    [frozenset({TYPES[0]})],
    [frozenset({LONG})],
    [frozenset({TYPES[0]}), frozenset({TYPES[1]})],
    [frozenset({TYPES[0], TYPES[1]})],
    [frozenset({TYPES[0]}), frozenset({TYPES[0], TYPES[1]}), frozenset({TYPES[2], TYPES[3]})],
    [frozenset({name}) for name in TYPES],
    [frozenset({NS + "None"})],
]


@pytest.mark.parametrize("nearby", [module._NEARBY, 3])
async def test_pages_are_those_of_a_plain_walk(
    database: Database, monkeypatch: pytest.MonkeyPatch, nearby: int
) -> None:
    monkeypatch.setattr(module, "_NEARBY", nearby)
    dice = random.Random(3)
    given = sorted((made(n, dice) for n in range(300)), key=lambda entity: str(entity["id"]))
    store = Entities(database)
    await store.upsert_many("t", given)
    await store.upsert_many("other", given[:50])
    for types in ALTERNATIVES:
        for area in (None, (LOCATION, AREA)):
            where = Where(types=types, area=area)
            wanted = [
                entity["id"]
                for entity in given
                if (not types or any(one <= types_of(entity) for one in types)) and (area is None or inside(entity))
            ]
            assert await store.count("t", where) == len(wanted)
            assert [one.id for one in await store.query("t", where)] == wanted
            assert [one.id for one in await store.query("t", where, limit=7, offset=5)] == wanted[5:12]
            if len(wanted) > 3:
                after = await store.query("t", where, after_id=wanted[2], limit=4)
                assert [one.id for one in after] == wanted[3:7]
            some = [entity["id"] for entity in given[10:60]]
            among = await store.query("t", Where(ids=some, types=types, area=area))
            assert [one.id for one in among] == [name for name in wanted if name in some]


@pytest.mark.parametrize(("many", "told"), [(lookup.MANY, True), (lookup.MANY, False), (7, False)])
async def test_a_value_is_found_whichever_way_it_is_looked_for(
    database: Database, monkeypatch: pytest.MonkeyPatch, many: int, told: bool
) -> None:
    monkeypatch.setattr(lookup, "MANY", many)
    dice = random.Random(5)
    values = {"often": 2, "seldom": 40, "never": 10**9}
    given = sorted((made(n, dice) for n in range(300)), key=lambda entity: str(entity["id"]))
    for entity in given:
        for name, sides in values.items():
            entity[NS + name] = {"type": "Property", "value": dice.randrange(sides)}
    store = Entities(database)
    await store.upsert_many("t", given)
    for types in ALTERNATIVES:
        for q, holds in (
            ("often==1", lambda e: e["often"] == 1),
            ("seldom==3..5", lambda e: 3 <= e["seldom"] <= 5),
            ("never==1", lambda e: e["never"] == 1),
            ("often==1;seldom<5", lambda e: e["often"] == 1 and e["seldom"] < 5),
            ("seldom>30|never<9", lambda e: e["seldom"] > 30 or e["never"] < 9),
        ):
            asked = parse_q(q, context=HERE)
            where = Where(types=types, predicate=prefilter(asked, HERE), covers=covers(asked, HERE))
            where = replace(where, told=told and q.startswith(("often==1", "seldom==", "never==")) and ";" not in q)
            assert where.covers
            wanted = [
                entity["id"]
                for entity in given
                if (not types or any(one <= types_of(entity) for one in types))
                and holds({name: entity[NS + name]["value"] for name in values})
            ]
            assert [one.id for one in await store.query("t", where, limit=3, offset=2)] == wanted[2:5]
            assert [one.id for one in await store.query("t", where, limit=9)] == wanted[:9]
            if wanted:
                after = await store.query("t", where, after_id=wanted[0], limit=4)
                assert [one.id for one in after] == wanted[1:5]
