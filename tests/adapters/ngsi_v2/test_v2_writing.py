"""Writes on an NGSIv2 platform: what arrives there, and that it is read back as it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from v2_store import V2Store

from adapters.contract import SourceContext, Writable
from adapters.ngsi_v2.adapter import NgsiV2Adapter
from schemas.ngsi_ld.context import CORE, build
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.write import Write, Written

Opener = Callable[..., Awaitable[NgsiV2Adapter]]
ID = "urn:ngsi-ld:Room:1"
ROOM: dict[str, Any] = {
    "id": ID,
    "type": "Room",
    "heat": {"type": "Property", "value": 20.5, "unitCode": "CEL", "observedAt": "2026-04-01T00:00:00Z"},
    "name": {"type": "Property", "value": "会議室"},
    "open": {"type": "Property", "value": True},
    "seats": {"type": "Property", "value": {"rows": [1, 2]}},
    "since": {"type": "Property", "value": {"@type": "DateTime", "@value": "2026-04-01T00:00:00Z"}},
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.7, 35.6]}},
    "inside": {
        "type": "Relationship",
        "object": "urn:ngsi-ld:House:1",
        "sure": {"type": "Property", "value": 0.9},
    },
}
TYPES = frozenset({CORE.expand("Room")})


def ctx() -> SourceContext:
    return SourceContext(deadline=asyncio.get_running_loop().time() + 10)


async def do(adapter: NgsiV2Adapter, operation: str, body: Any = None, **members: Any) -> Written:
    given = {"id": ID, "context": CORE, "types": TYPES} | members
    return await adapter.write(Write(operation, body=body, **given), ctx())


async def read(adapter: NgsiV2Adapter) -> dict[str, Any] | None:
    down = adapter.plan(EntityQuery(ids=(ID,), retrieve=True, limit=1))
    assert down is not None
    found = [e async for page in adapter.fetch(down.request, ctx()) for e in page.entities or ()]
    return found[0] if found else None


async def test_what_is_created_is_read_as_it_was_sent(opened: Opener) -> None:
    store = V2Store()
    adapter = await opened(store.app, tenant="city", service_path="/rooms")
    assert isinstance(adapter, Writable)
    assert (await do(adapter, "createEntity", ROOM)).status == 201
    assert await read(adapter) == ROOM
    assert store.asked == [("POST", "/entities", "city", "/rooms")]
    kept = store.entities[ID]
    assert kept["heat"]["type"] == "Number"
    assert kept["location"]["type"] == "geo:json"
    assert kept["inside"]["metadata"]["sure"]["value"] == 0.9


async def test_each_operation(opened: Opener) -> None:
    store = V2Store()
    adapter = await opened(store.app)
    await do(adapter, "createEntity", ROOM)
    heat = {"type": "Property", "value": 30}
    for operation, body, members in (
        ("updateEntity", {"heat": heat, "open": "urn:ngsi-ld:null"}, {}),
        ("appendAttrs", {"light": {"type": "Property", "value": 5}}, {}),
        ("mergeEntity", {"name": {"type": "Property", "value": "広間"}}, {}),
        ("updateAttrs", {"type": "Property", "value": 6}, {"attribute": "light"}),
        ("replaceAttrs", {"type": "Property", "value": 31}, {"attribute": "heat"}),
        ("deleteAttrs", None, {"attribute": "seats"}),
    ):
        written = await do(adapter, operation, body, **members)
        assert written.done, (operation, written)
    found = await read(adapter)
    assert found is not None
    assert "open" not in found
    assert "seats" not in found
    assert [found[n]["value"] for n in ("heat", "light", "name")] == [31, 6, "広間"]
    assert (await do(adapter, "replaceEntity", {"type": "Room", "heat": heat})).done
    assert await read(adapter) == {"id": ID, "type": "Room", "heat": heat}
    assert (await do(adapter, "deleteEntity")).done
    assert await read(adapter) is None


async def test_what_it_refuses(opened: Opener) -> None:
    adapter = await opened(V2Store().app)
    assert (await do(adapter, "deleteEntity")).status == 404
    await do(adapter, "createEntity", ROOM)
    again = await do(adapter, "createEntity", ROOM)
    assert (again.status, again.problem and again.problem["type"].rpartition("/")[2]) == (409, "AlreadyExists")
    kept = await do(
        adapter, "appendAttrs", {"heat": {"type": "Property", "value": 1}}, params={"options": "noOverwrite"}
    )
    assert list(kept.refused) == [CORE.expand("heat")]


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("createEntity", ROOM | {"heat": [ROOM["heat"], ROOM["heat"] | {"datasetId": "urn:d:1"}]}),
        ("createEntity", ROOM | {"type": ["Room", "Hall"]}),
        ("createEntity", ROOM | {"scope": "/a"}),
        ("createEntity", ROOM | {"name": {"type": "LanguageProperty", "languageMap": {"ja": "室"}}}),
        ("createEntity", ROOM | {"heat": ROOM["heat"] | {"by": {"type": "Property", "value": 1, "unitCode": "C62"}}}),
        ("mergeEntity", {"seats": {"type": "Property", "value": {"rows": [3]}}}),
        ("updateEntity", {"scope": "/a"}),
        ("purgeEntity", None),
    ],
)
async def test_what_ngsiv2_has_nothing_for_is_not_sent(opened: Opener, operation: str, body: Any) -> None:
    store = V2Store()
    adapter = await opened(store.app)
    written = await do(adapter, operation, body)
    assert written.status == 422
    assert written.problem is not None
    assert store.asked == []


async def test_several_service_paths(opened: Opener) -> None:
    store = V2Store()
    adapter = await opened(store.app, options={"service_paths": ["/a", "/b"]})
    assert (await do(adapter, "createEntity", ROOM)).status == 422
    assert store.asked == []


async def test_names_of_another_context(opened: Opener) -> None:
    store = V2Store()
    adapter = await opened(store.app)
    words = build({"室": CORE.expand("Room"), "温度": CORE.expand("heat")}, {})
    body = {"id": ID, "type": "室", "温度": {"type": "Property", "value": 20}}
    assert (await do(adapter, "createEntity", body, context=words)).status == 201
    assert store.entities[ID] == {"id": ID, "type": "Room", "heat": {"type": "Number", "value": 20}}
