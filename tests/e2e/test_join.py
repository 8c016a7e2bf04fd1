"""Linked entity retrieval (clause 4.5.23), end to end: over sources and the local store, each metered once."""

from __future__ import annotations

from typing import Any

import pytest
from gateway import ENTITIES, Space
from sources import Entity, Host, NgsiLdSource


def to(target: str, **more: Any) -> dict[str, Any]:
    return {"type": "Relationship", "object": target, **more}


def entity(kind: str, name: str, **attributes: Any) -> Entity:
    made = {"id": f"urn:ngsi-ld:{kind}:{name}", "type": kind, "name": {"type": "Property", "value": name}}
    return made | attributes


CITY = entity("City", "tokyo", part=to("urn:ngsi-ld:Land:japan"))
LAND = entity("Land", "japan", holds=to("urn:ngsi-ld:City:tokyo", objectType="City"))
HOUSE = entity("House", "a", near=to("urn:ngsi-ld:City:tokyo", objectType="City"))
OTHER = entity("House", "b", near=to("urn:ngsi-ld:City:nowhere", objectType="City"))


@pytest.fixture
def held(space: Space, host: Host) -> Space:
    """Houses and the land in the local store, the city at a source."""
    space.add(host.serve(NgsiLdSource([CITY])).url)
    for one in (HOUSE, OTHER, LAND):
        answer = space.client.post(ENTITIES, json=one, headers={"ngsild-tenant": space.tenant})
        assert answer.status_code == 201, answer.text
    return space


def test_inline(held: Space) -> None:
    first, second = held.get(type="House", join="inline").json()
    assert first == {**HOUSE, "near": {**HOUSE["near"], "entity": CITY}}
    assert second == OTHER


def test_two_levels_over_the_local_store_and_a_source(held: Space) -> None:
    first, _ = held.get(type="House", join="inline", joinLevel=3).json()
    land = first["near"]["entity"]["part"]["entity"]
    assert land == LAND, "the city is not within itself"


def test_flat(held: Space) -> None:
    assert held.get(type="House", join="flat", joinLevel=2).json() == [HOUSE, OTHER, CITY, LAND]
    assert held.get(f"{ENTITIES}/{HOUSE['id']}", join="flat").json() == [HOUSE, CITY]
    assert held.get(f"{ENTITIES}/{OTHER['id']}", join="flat").json() == [OTHER]


def test_simplified(held: Space) -> None:
    shown = held.get(f"{ENTITIES}/{HOUSE['id']}", join="inline", options="keyValues").json()
    assert shown["near"] == {"id": CITY["id"], "type": "City", "name": "tokyo", "part": "urn:ngsi-ld:Land:japan"}


def test_a_projection_of_linked_entities(held: Space) -> None:
    shown = held.get(f"{ENTITIES}/{HOUSE['id']}", join="inline", pick="near{id,name}").json()
    assert shown == {"near": {**HOUSE["near"], "entity": {"id": CITY["id"], "name": CITY["name"]}}}
    rows = held.get(type="House", join="flat", omit="name,near{name}").json()
    assert [sorted(row) for row in rows] == [["id", "near", "type"], ["id", "near", "type"], ["id", "part", "type"]]


def test_what_is_contained_is_not_got(held: Space) -> None:
    assert held.get(type="House", join="inline", containedBy=CITY["id"]).json() == [HOUSE, OTHER]


def test_q_along_a_relationship(held: Space) -> None:
    answer = held.get(type="House", join="flat", q='near{name}=="tokyo"', count="true", pick="id")
    assert answer.status_code == 200, answer.text
    assert answer.json()[0] == {"id": HOUSE["id"]}
    assert answer.headers["ngsild-results-count"] == "1"
    deep = held.get(type="House", join="inline", joinLevel=2, q='near{part{name}}=="japan"')
    assert [e["id"] for e in deep.json()] == [HOUSE["id"]]
    assert held.get(type="House", join="inline", q='near{name}=="osaka"').json() == []


def test_a_source_has_one_flow_however_often_it_is_asked(held: Space) -> None:
    answer = held.get(type="House", join="flat", joinLevel=3)
    ids = answer.headers["kakehashi-flow"].split(", ")
    assert len(ids) == 2
    assert answer.headers["server-timing"].count("dur=") == 2
    flows = {f["id"]: f for f in held.client.get("/flows", params={"request": answer.headers["x-request-id"]}).json()}
    assert sorted(flows[i]["entities"] for i in ids) == [1, 3]


def test_a_source_that_fails_on_the_way_is_named(held: Space, host: Host) -> None:
    held.add("http://127.0.0.1:9", force=True)
    answer = held.get(type="House", join="flat")
    assert [e["id"] for e in answer.json()] == [HOUSE["id"], OTHER["id"], CITY["id"]]
    assert "Partial answer" in answer.headers["ngsild-warning"]
