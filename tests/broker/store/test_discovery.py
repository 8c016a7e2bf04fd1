"""Types and attributes of the local store, by tenant, without what has come to its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from broker.store.database import Database
from broker.store.discovery import LocalDiscovery
from broker.store.entities import Entities


def entity(uri: str, types: str | list[str], **attributes: Any) -> dict[str, Any]:
    return {"id": uri, "type": types, "scope": "/a", **attributes}


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


async def test_what_there_is(database: Database) -> None:
    store, discovery = Entities(database), LocalDiscovery(database)
    await store.create("t", entity("urn:1", ["A", "B"], size=prop(1), near={"type": "Relationship", "object": "urn:2"}))
    await store.create(
        "t", entity("urn:2", "B", size=[prop(1), {"type": "ListProperty", "valueList": [], "datasetId": "urn:d"}])
    )
    await store.create("t", entity("urn:3", "C"))
    await store.create("other", entity("urn:4", "D", far=prop(1)))
    assert await discovery.types("t") == {"A": ["near", "size"], "B": ["near", "size"], "C": []}
    assert await discovery.attributes("t") == ["near", "size"]
    assert await discovery.types_of_attributes("t") == {"near": ["A", "B"], "size": ["A", "B"]}
    info = await discovery.type("t", "B")
    assert (info.count, info.attributes) == (2, {"near": ["Relationship"], "size": ["ListProperty", "Property"]})
    found = await discovery.attribute("t", "size")
    assert (found.count, found.kinds, found.types) == (2, ["ListProperty", "Property"], ["A", "B"])


async def test_what_there_is_not(database: Database) -> None:
    discovery = LocalDiscovery(database)
    await Entities(database).create("t", entity("urn:1", "A", size=prop(1)))
    for tenant, name in (("t", "X"), ("t", "\x00"), ("none", "A"), ("\x00", "A")):
        assert (await discovery.type(tenant, name)).count == 0
        assert (await discovery.attribute(tenant, name)).count == 0
    for member in ("id", "type", "scope"):
        assert (await discovery.attribute("t", member)).count == 0
    assert await discovery.types("none") == {}
    assert await discovery.attributes("\x00") == []


async def test_what_has_come_to_its_end_is_not_there(database: Database) -> None:
    async with database.connection() as connection:
        await Entities(database).create("t", entity("urn:1", "A", size=prop(1)))
        await connection.execute("UPDATE entities SET expires_at = $1", datetime.now(UTC) - timedelta(seconds=1))
    discovery = LocalDiscovery(database)
    assert await discovery.types("t") == {}
    assert await discovery.attributes("t") == []
    assert (await discovery.type("t", "A")).count == 0
    assert (await discovery.attribute("t", "size")).count == 0
