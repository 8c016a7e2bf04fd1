"""Scopes, order, datasets, queries by POST and discovery, end to end, over the local store and sources together."""

from __future__ import annotations

from typing import Any

import pytest
from gateway import ENTITIES, NGSI_LD_PROBLEM, Space
from sources import Entity, Host, NgsiLdSource

NGSI = "/ngsi-ld/v1"


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


def house(name: str, **attributes: Any) -> Entity:
    return {"id": f"urn:ngsi-ld:House:{name}", "type": "House", "name": prop(name), **attributes}


def create(space: Space, *entities: Entity) -> None:
    for entity in entities:
        answer = space.client.post(ENTITIES, json=entity, headers={"ngsild-tenant": space.tenant})
        assert answer.status_code == 201, answer.text


def names(space: Space, **params: Any) -> str:
    return "".join(i[-1] for i in space.ids(type="House", **params))


def post(space: Space, document: Any, **params: Any) -> Any:
    return space.client.post(
        f"{NGSI}/entityOperations/query", json=document, params=params, headers={"ngsild-tenant": space.tenant}
    )


@pytest.fixture
def held(space: Space, host: Host) -> Space:
    """a and c at a source, b and d in the local store."""
    source = [house("a", scope="/Tokyo/Minato", size=prop(3)), house("c", scope=["/Osaka", "/Tokyo"], size=prop(1))]
    space.add(host.serve(NgsiLdSource(source)).url, area="takeshiba")
    create(space, house("b", scope="/Tokyo/Chiyoda", size=prop(2)), house("d", size=prop("none")))
    return space


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("/Tokyo", "c"),
        ("/Tokyo/#", "abc"),
        ("/Tokyo/+", "ab"),
        ("/Osaka;/Tokyo", "c"),
        ("/Osaka,/Tokyo/Minato", "ac"),
        ("/#", "abc"),
        ("/Tokyo/Chiyoda", "b"),
        ("Tokyo/Chiyoda", "b"),
    ],
)
def test_scopes(held: Space, scope: str, expected: str) -> None:
    assert names(held, scopeQ=scope) == expected
    assert held.get(type="House", scopeQ=scope, count="true", limit=1).headers["ngsild-results-count"] == str(
        len(expected)
    )
    assert names(held, scopeQ=scope, pick="id,name") == expected, "a projection does not hide the scope from the filter"


def test_times_are_picked_as_the_members_that_they_are(held: Space) -> None:
    """Clause 4.8: every entity here has them, so they leave none out; who does not ask for them sees none."""
    for params in ({"pick": "createdAt"}, {"pick": "modifiedAt,nothing"}):
        found = held.get(type="House", local="true", options="sysAttrs", **params).json()
        assert [sorted(one) for one in found] == [[params["pick"].partition(",")[0]]] * 2
    one = held.get(f"{ENTITIES}/{house('b')['id']}", pick="createdAt", options="sysAttrs,keyValues")
    assert (one.status_code, list(one.json())) == (200, ["createdAt"])
    assert held.get(type="House", pick="createdAt").json() == []
    both = held.get(type="House", pick="createdAt,size", options="sysAttrs", local="true").json()
    assert [sorted(one) for one in both] == [["createdAt", "size"]] * 2


def test_order_is_that_of_the_merged_whole(held: Space) -> None:
    assert names(held, orderBy="size") == "cbad"
    assert names(held, orderBy="size;desc,id") == "dabc"
    assert names(held, orderBy="size", limit=2, offset=1) == "ba"
    assert names(held, orderBy="size", pick="id") == "cbad"
    assert names(held, orderBy="createdAt", local="true") == "bd"
    assert "createdAt" not in held.get(type="House", orderBy="createdAt", local="true").text
    answer = held.get(type="House", orderBy="size", limit=2)
    assert 'rel="next"' in answer.headers["link"]


def test_flows_of_an_ordered_page_tell_what_was_delivered(held: Space) -> None:
    answer = held.get(type="House", orderBy="size", limit=1)
    flows = {f["id"]: f for f in held.client.get("/flows", params={"request": answer.headers["x-request-id"]}).json()}
    assert sorted(flows[i]["entities"] for i in answer.headers["kakehashi-flow"].split(", ")) == [0, 1]


def test_datasets(held: Space) -> None:
    several = [prop(1), prop(2, datasetId="urn:d:2"), prop(3, datasetId="urn:d:3")]
    create(held, house("e", level=several))

    def level(datasets: str, **params: Any) -> Any:
        (entity,) = held.get(type="House", idPattern="e$", datasetId=datasets, **params).json()
        return entity.get("level")

    assert level("@none") == several[0]
    assert level("urn:d:2") == several[1]
    assert level("urn:d:3,@none") == [several[0], several[2]]
    assert level("urn:d:9") is None
    assert level("urn:d:2", format="simplified") == 2


def test_the_filter_on_sources(held: Space) -> None:
    assert names(held, csf='area=="takeshiba"') == "abcd"
    assert names(held, csf='area=="toyosu"') == "bd"
    plan = held.get("/federation/explain", type="House", csf='area=="toyosu"').json()
    assert sorted(source["matches"] for source in plan["sources"]) == [False, True]


def test_a_query_by_post_is_answered_like_the_get(held: Space) -> None:
    got = held.get(type="House", q="size>1", orderBy="size;desc", limit=1, count="true")
    posted = post(
        held,
        {"type": "Query", "entities": [{"type": "House"}], "q": "size>1", "ordering": {"orderBy": ["size;desc"]}},
        limit=1,
        count="true",
    )
    assert posted.status_code == 200, posted.text
    assert posted.json() == got.json()
    assert posted.headers["ngsild-results-count"] == got.headers["ngsild-results-count"] == "2"


def test_pages_of_a_query_by_post(held: Space) -> None:
    document = {"type": "Query", "entities": [{"type": "House"}]}
    path, seen = f"{NGSI}/entityOperations/query?limit=3&options=sysAttrs", []
    while path:
        answer = held.client.post(path, json=document, headers={"ngsild-tenant": held.tenant})
        assert answer.status_code == 200, answer.text
        seen.append([entity["id"][-1] for entity in answer.json()])
        path = answer.links.get("next", {}).get("url", "")
        assert not path or path.startswith(f"{NGSI}/entityOperations/query?options=sysAttrs&limit=3&offset=3")
    assert seen == [["a", "b", "c"], ["d"]]
    assert answer.links["prev"]["url"].endswith("limit=3&offset=0")


def test_a_retry_asks_the_same_in_its_body(held: Space) -> None:
    def retried(name: str) -> Any:
        return held.client.post(
            f"{NGSI}/entityOperations/query",
            json={"type": "Query", "entities": [{"type": name}]},
            headers={"ngsild-tenant": held.tenant, "idempotency-key": f"of {held.tenant}"},
        )

    assert retried("House").status_code == 200
    assert "kakehashi-replay-of" in retried("House").headers
    assert retried("Tower").status_code == 422


def test_several_selectors(held: Space) -> None:
    document = {
        "type": "Query",
        "entities": [{"type": "House", "id": house("a")["id"]}, {"type": "House", "idPattern": "[bc]$"}, {"type": "X"}],
    }
    answer = post(held, document, count="true", limit=2)
    assert [e["id"][-1] for e in answer.json()] == ["a", "b"]
    assert answer.headers["ngsild-results-count"] == "3"


def test_a_context_in_the_body_of_a_query(held: Space) -> None:
    vocabulary = "https://uri.etsi.org/ngsi-ld/default-context/"
    document = {"@context": {"Haus": vocabulary + "House", "Name": vocabulary + "name"}, "type": "Query"}
    answer = held.client.post(
        f"{NGSI}/entityOperations/query",
        json={**document, "entities": [{"type": "Haus"}], "pick": ["id", "Name"]},
        headers={
            "ngsild-tenant": held.tenant,
            "content-type": "application/ld+json",
            "accept": "application/ld+json",
        },
    )
    assert answer.status_code == 200, answer.text
    assert [e["Name"]["value"] for e in answer.json()] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("document", "params", "field"),
    [
        ([], {}, "type"),
        ({"type": "Query"}, {}, "type"),
        ({"type": "Query", "entities": [{"type": "House"}], "ordering": {"orderBy": ["l;dist-asc"]}}, {}, "orderFrom"),
        ({"type": "Query", "entities": [{"type": "House"}]}, {"q": "a"}, "q"),
    ],
)
def test_bad_queries(held: Space, document: Any, params: dict[str, str], field: str) -> None:
    answer = post(held, document, **params)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == NGSI_LD_PROBLEM
    assert answer.json()["field"] == field


def test_geojson_carries_its_context_where_prefer_says(held: Space) -> None:
    geojson = {"accept": "application/geo+json"}
    answer = held.get(type="House", headers=geojson)
    assert "@context" in answer.json()
    assert "json-ld#context" not in answer.headers.get("link", "")
    plain = held.get(type="House", headers={**geojson, "prefer": "body=json"})
    assert "@context" not in plain.json()
    assert "json-ld#context" in plain.headers["link"]


def test_what_has_nothing_that_is_shown_is_not_there(held: Space) -> None:
    everything = "id,type,scope,name,size"
    assert held.get(type="House", omit=everything).json() == []
    assert held.get(f"{ENTITIES}/{house('a')['id']}", omit=everything).status_code == 404


# --- discovery -------------------------------------------------------------------------------------------------------


def test_discovery_of_the_local_store_and_of_registrations(held: Space, host: Host) -> None:
    held.add(
        host.serve(NgsiLdSource([])).url,
        coverage={"types": ["Tower"], "attributes": ["height"]},
    )
    create(held, house("e", level=[prop(1), {"type": "Relationship", "object": "urn:x", "datasetId": "urn:d"}]))

    def told(path: str, **params: Any) -> Any:
        answer = held.get(f"{NGSI}/{path}", **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    types = {t["typeName"]: t["attributeNames"] for t in told("types", details="true")}
    assert types == {"House": ["level", "name", "size"], "Tower": ["height"]}
    assert [t["typeName"] for t in told("types", details="true", local="true")] == ["House"]
    info = told("types/House")
    assert info["entityCount"] == 3
    assert {a["attributeName"]: a["attributeTypes"] for a in info["attributeDetails"]} == {
        "level": ["Property", "Relationship"],
        "name": ["Property"],
        "size": ["Property"],
    }
    assert told("types/Tower")["attributeDetails"][0]["attributeName"] == "height"
    assert told("attributes")["attributeList"] == ["height", "level", "name", "size"]
    assert told("attributes", local="true")["attributeList"] == ["level", "name", "size"]
    assert {a["attributeName"]: a["typeNames"] for a in told("attributes", details="true")}["height"] == ["Tower"]
    level = told("attributes/level")
    assert (level["attributeCount"], level["attributeTypes"], level["typeNames"]) == (
        1,
        ["Property", "Relationship"],
        ["House"],
    )
    assert told("attributes/height")["attributeCount"] == 0


@pytest.mark.parametrize("path", ["types/Nothing", "attributes/nothing", "attributes/id", "attributes/scope"])
def test_what_there_is_nothing_of(held: Space, path: str) -> None:
    answer = held.get(f"{NGSI}/{path}")
    assert answer.status_code == 404
    assert answer.json()["type"].endswith("ResourceNotFound")


@pytest.mark.parametrize("path", ["types/House?details=true", "attributes?limit=5", "attributes/size?details=true"])
def test_parameters_that_discovery_does_not_have(held: Space, path: str) -> None:
    answer = held.client.get(f"{NGSI}/{path}", headers={"ngsild-tenant": held.tenant})
    assert answer.status_code == 400
    assert answer.json()["type"].endswith("InvalidRequest")
