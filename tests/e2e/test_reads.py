"""Federated reads, end to end: what leaves the gateway is the union of what the sources hold."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

import httpx2
import pytest
from gateway import ENTITIES, NGSI_LD_PROBLEM, Space
from sources import Entity, Host, NgsiLdSource


def shelter(n: int, **attributes: Any) -> Entity:
    made: Entity = {"id": f"urn:ngsi-ld:Shelter:{n:03}", "type": "Shelter"}
    made["capacity"] = {"type": "Property", "value": n * 10}
    made["location"] = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.7 + n / 1000, 35.6]}}
    return made | attributes


def observed(value: Any, at: str) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": at}


def next_link(answer: httpx2.Response) -> str | None:
    for part in answer.headers.get("link", "").split(", <"):
        if 'rel="next"' in part:
            return part.lstrip("<").partition(">")[0]
    return None


def walk(space: Space, **params: Any) -> list[str]:
    """The ids of all pages, by `rel="next"`."""
    answer = space.get(**params)
    ids: list[str] = []
    while True:
        assert answer.status_code == 200, answer.text
        assert "ngsild-warning" not in answer.headers, answer.headers["ngsild-warning"]
        ids += [e["id"] for e in answer.json()]
        following = next_link(answer)
        if following is None:
            return ids
        answer = space.client.get(urljoin(str(answer.url), following), headers={"ngsild-tenant": space.tenant})


def test_two_sources_give_their_union(space: Space, host: Host) -> None:
    for part in (range(0, 30, 2), range(1, 30, 2)):
        space.add(host.serve(NgsiLdSource([shelter(n) for n in part])).url)
    answer = space.get(type="Shelter", limit=100, count="true")
    assert answer.status_code == 200, answer.text
    assert answer.json() == [shelter(n) for n in range(30)]
    assert answer.headers["ngsild-results-count"] == "30"
    assert "ngsild-warning" not in answer.headers
    assert len(answer.headers["kakehashi-flow"].split(", ")) == 2
    assert answer.headers["server-timing"].count("desc=ok") == 2
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("limit", [1, 7, 10, 45])
def test_pages_neither_repeat_nor_lose(space: Space, host: Host, limit: int) -> None:
    for part in (range(30), range(20, 40), range(35, 45)):
        space.add(host.serve(NgsiLdSource([shelter(n) for n in part], page_limit=8, links=part.start == 20)).url)
    assert walk(space, type="Shelter", limit=limit) == [shelter(n)["id"] for n in range(45)]


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("cuts", [True, False])
def test_a_source_with_small_pages_is_read_to_its_end(space: Space, host: Host, links: bool, cuts: bool) -> None:
    source = NgsiLdSource([shelter(n) for n in range(53)], page_limit=20, links=links, cuts=cuts)
    made = space.add(host.serve(source).url)
    assert made["probe"]["page_limit"] == 20
    assert space.ids(type="Shelter", limit=50) == [shelter(n)["id"] for n in range(50)]
    assert space.ids(type="Shelter", limit=50, offset=50) == [shelter(n)["id"] for n in range(50, 53)]


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("sources", [1, 3])
def test_count_is_the_number_of_distinct_matches(space: Space, host: Host, counts: bool, sources: int) -> None:
    for k in range(sources):
        part = [shelter(n) for n in range(k * 5, k * 5 + 12)]
        space.add(host.serve(NgsiLdSource(part, counts=counts)).url)
    distinct = 12 + 5 * (sources - 1)
    for limit in (0, 3, 100):
        answer = space.get(type="Shelter", limit=limit, count="true")
        assert answer.headers["ngsild-results-count"] == str(distinct)
        assert len(answer.json()) == min(limit, distinct)


def test_offset_beyond_the_end(space: Space, host: Host) -> None:
    space.add(host.serve(NgsiLdSource([shelter(n) for n in range(5)])).url)
    answer = space.get(type="Shelter", offset=100, count="true")
    assert answer.json() == []
    assert answer.headers["ngsild-results-count"] == "5"
    assert next_link(answer) is None


def test_overlapping_entities_are_merged_by_observation(space: Space, host: Host) -> None:
    old, new = "2026-11-22T09:00:00Z", "2026-11-22T10:00:00.5Z"
    first = shelter(1, occupancy=observed(10, new), height=observed(3, old))
    second = shelter(1, occupancy=observed(99, old), depth=observed(7, old))
    second["type"] = ["Shelter", "Building"]
    space.add(host.serve(NgsiLdSource([first, shelter(2)])).url)
    space.add(host.serve(NgsiLdSource([second])).url)
    answer = space.get(type="Shelter", count="true")
    assert answer.headers["ngsild-results-count"] == "2"
    merged = answer.json()[0]
    assert sorted(merged["type"]) == ["Building", "Shelter"]
    assert merged["occupancy"] == observed(10, new)
    assert merged["height"] == observed(3, old)
    assert merged["depth"] == observed(7, old)
    assert answer.json()[1] == shelter(2)
    retrieved = space.get(f"{ENTITIES}/{first['id']}")
    assert retrieved.json() == merged


def test_both_sources_of_a_merged_entity_contributed(space: Space, host: Host) -> None:
    space.add(host.serve(NgsiLdSource([shelter(1), shelter(2)])).url, f"{space.tenant}-a")
    space.add(host.serve(NgsiLdSource([shelter(1)])).url, f"{space.tenant}-b")
    answer = space.get(type="Shelter")
    request = answer.headers["x-request-id"]
    flows = space.client.get("/flows", params={"request": request}).json()
    assert {f["platform"]: f["entities"] for f in flows} == {f"{space.tenant}-a": 2, f"{space.tenant}-b": 1}


def test_filters_see_the_merged_entity_where_entities_are_split(space: Space, host: Host) -> None:
    numbers = [shelter(n) for n in range(6)]
    names = [
        {"id": e["id"], "type": "Shelter", "name": {"type": "Property", "value": f"s{n}"}}
        for n, e in enumerate(numbers)
    ]
    space.add(host.serve(NgsiLdSource(numbers)).url, coverage={"attributes": ["capacity", "location"]})
    space.add(host.serve(NgsiLdSource(names)).url, coverage={"attributes": ["name"]})
    found = space.get(type="Shelter", q='capacity>=30;name!="s4"').json()
    assert [e["id"] for e in found] == [shelter(n)["id"] for n in (3, 5)]
    assert found[0]["name"]["value"] == "s3"
    assert found[0]["capacity"]["value"] == 30
    only = space.get(type="Shelter", q='capacity>=30;name!="s4"', attrs="name").json()
    assert [sorted(e) for e in only] == [["id", "name", "type"]] * 2


def test_split_entities_asked_for_by_the_consumer(space: Space, host: Host) -> None:
    space.add(host.serve(NgsiLdSource([shelter(1)])).url)
    name = {"id": shelter(1)["id"], "type": "Shelter", "name": {"type": "Property", "value": "s1"}}
    space.add(host.serve(NgsiLdSource([name])).url)
    assert space.ids(type="Shelter", q='capacity==10;name=="s1"') == []
    assert space.ids(type="Shelter", q='capacity==10;name=="s1"', splitEntities="true") == [shelter(1)["id"]]


@pytest.mark.parametrize("ignored", ["q", "type", "id", "idPattern", "georel", "attrs", "limit", "offset"])
def test_a_source_that_ignores_a_filter_is_not_believed(space: Space, host: Host, ignored: str) -> None:
    ignores = {ignored} | ({"geometry", "coordinates"} if ignored == "georel" else set())
    entities = [shelter(n) for n in range(20)]
    other: Entity = {"id": "urn:ngsi-ld:Toilet:1", "type": "Toilet", "open": {"type": "Property", "value": True}}
    space.add(host.serve(NgsiLdSource([*entities, other], ignores=ignores)).url)
    assert space.ids(type="Toilet") == [other["id"]]
    assert space.ids(type="Shelter", q="capacity>150", limit=1000) == [e["id"] for e in entities[16:]]
    assert space.ids(type="Shelter", id=entities[3]["id"]) == [entities[3]["id"]]
    assert space.ids(type="Shelter", idPattern="00[12]$") == [e["id"] for e in entities[1:3]]
    assert space.ids(type="Shelter", limit=5, offset=5) == [e["id"] for e in entities[5:10]]
    near = {"georel": "near;maxDistance==100", "geometry": "Point", "coordinates": "[139.704,35.6]"}
    assert space.ids(type="Shelter", **near) == [e["id"] for e in entities[3:6]]
    (found,) = space.get(type="Shelter,Toilet", attrs="open").json()
    assert found == other


def test_retrieve_one_and_none(space: Space, host: Host) -> None:
    for part in (range(5), range(5, 10)):
        space.add(host.serve(NgsiLdSource([shelter(n) for n in part])).url)
    found = space.get(f"{ENTITIES}/urn:ngsi-ld:Shelter:007")
    assert found.json() == shelter(7)
    assert len(found.headers["kakehashi-flow"].split(", ")) == 2
    missing = space.get(f"{ENTITIES}/urn:ngsi-ld:Shelter:999")
    assert (missing.status_code, missing.headers["content-type"]) == (404, NGSI_LD_PROBLEM)
    assert missing.json()["type"].endswith("ResourceNotFound")
    assert len(missing.headers["kakehashi-flow"].split(", ")) == 2, "sources were asked, so flows are recorded"


def test_retrieve_with_a_projection(space: Space, host: Host) -> None:
    space.add(host.serve(NgsiLdSource([shelter(7)])).url)
    where = f"{ENTITIES}/urn:ngsi-ld:Shelter:007"
    assert sorted(space.get(where, attrs="capacity").json()) == ["capacity", "id", "type"]
    assert sorted(space.get(where, pick="id,capacity").json()) == ["capacity", "id"]
    assert sorted(space.get(where, omit="capacity").json()) == ["id", "location", "type"]
    assert space.get(where, options="keyValues").json()["capacity"] == 70


def test_types_of_all_sources(space: Space, host: Host) -> None:
    space.add(host.serve(NgsiLdSource([shelter(1)])).url)
    space.add(host.serve(NgsiLdSource([shelter(1), {"id": "urn:x:1", "type": ["Toilet", "Building"]}])).url)
    answer = space.get("/ngsi-ld/v1/types")
    body = answer.json()
    assert body["type"] == "EntityTypeList"
    assert body["typeList"] == ["Building", "Shelter", "Toilet"]
    assert len(answer.headers["kakehashi-flow"].split(", ")) == 2


def test_explain_shows_the_plan_and_asks_nobody(space: Space, host: Host) -> None:
    near = host.serve(NgsiLdSource([shelter(1)]))
    far = host.serve(NgsiLdSource([shelter(2)]))
    space.add(near.url, f"{space.tenant}-near", area="takeshiba", coverage={"types": ["Shelter"]})
    space.add(far.url, f"{space.tenant}-far", coverage={"types": ["Toilet"]})
    before = len(near.requests)
    answer = space.get("/federation/explain", type="Shelter", q="capacity>5", limit=3)
    rows = {row["platform"]: row for row in answer.json()["sources"]}
    assert rows[f"{space.tenant}-near"]["matches"] is True
    assert "q=capacity" in rows[f"{space.tenant}-near"]["asked"]
    assert rows[f"{space.tenant}-near"]["area"] == "takeshiba"
    assert rows[f"{space.tenant}-far"]["matches"] is False
    assert "types" in rows[f"{space.tenant}-far"]["reason"]
    assert len(near.requests) == before
    assert "kakehashi-flow" not in answer.headers
    assert space.get("/federation/explain", type="Shelter", q="((").status_code == 400


def test_a_source_outside_the_geometry_is_not_asked(space: Space, host: Host) -> None:
    box = {
        "type": "Polygon",
        "coordinates": [[[139.0, 35.0], [139.1, 35.0], [139.1, 35.1], [139.0, 35.1], [139.0, 35.0]]],
    }
    source = host.serve(NgsiLdSource([shelter(1)]))
    space.add(source.url, coverage={"geometry": box})
    before = len(source.requests)
    near = {"georel": "near;maxDistance==100", "geometry": "Point", "coordinates": "[139.704,35.6]"}
    assert space.ids(type="Shelter", **near) == []
    assert len(source.requests) == before
    assert space.ids(type="Shelter") == [shelter(1)["id"]]


def test_tenants_do_not_see_each_other(space: Space, host: Host, gateway: Any) -> None:
    other = Space(gateway)
    space.add(host.serve(NgsiLdSource([shelter(1)])).url)
    assert other.ids(type="Shelter") == []


def test_head_has_the_headers_and_no_body(space: Space, host: Host) -> None:
    space.add(host.serve(NgsiLdSource([shelter(1)])).url)
    answer = space.client.head(ENTITIES, params={"type": "Shelter"}, headers={"ngsild-tenant": space.tenant})
    assert answer.status_code == 200
    assert answer.content == b""
    assert int(answer.headers["content-length"]) > 10


def test_no_source_at_all_is_an_empty_answer(space: Space) -> None:
    answer = space.get(type="Shelter", count="true")
    assert (answer.status_code, answer.json()) == (200, [])
    assert answer.headers["ngsild-results-count"] == "0"
    assert "kakehashi-flow" not in answer.headers


def test_what_was_parsed_for_one_entity_serves_the_next_but_for_its_id(space: Space, host: Host) -> None:
    space.add(host.serve(NgsiLdSource([shelter(n) for n in range(3)])).url)
    for n in range(3):
        found = space.get(f"{ENTITIES}/{shelter(n)['id']}", pick="id").json()
        assert found == {"id": shelter(n)["id"]}
    answer = space.get(f"{ENTITIES}/no-uri", pick="id")
    assert (answer.status_code, answer.json()["field"]) == (400, "id")
