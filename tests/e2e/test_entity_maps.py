"""Paging over an EntityMap, end to end: over the local store and two sources whose data change in between."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from gateway import ENTITIES, NGSI_LD_PROBLEM, Space
from sources import Entity, Host, NgsiLdSource

MAPS = "/ngsi-ld/v1/entityMaps"
HEADER = "ngsild-entitymap"


def house(name: str, size: Any = 1, **attributes: Any) -> Entity:
    return {
        "id": f"urn:ngsi-ld:House:{name}",
        "type": "House",
        "size": {"type": "Property", "value": size},
        **attributes,
    }


def create(space: Space, *entities: Entity) -> None:
    for entity in entities:
        answer = space.client.post(ENTITIES, json=entity, headers={"ngsild-tenant": space.tenant})
        assert answer.status_code == 201, answer.text


def names(answer: Any) -> str:
    assert answer.status_code in (200, 201), answer.text
    return "".join(entity["id"][-1] for entity in answer.json())


class Held:
    """a, d, g at one source, b, e, h at another, c and f in the local store; h at both sources."""

    def __init__(self, space: Space, host: Host) -> None:
        self.space = space
        self.first = NgsiLdSource([house(n) for n in "adgh"])
        self.second = NgsiLdSource([house(n) for n in "beh"])
        self.servers = [host.serve(source) for source in (self.first, self.second)]
        made = [space.add(server.url, area="takeshiba")["id"] for server in self.servers]
        self.platforms = [f"urn:ngsi-ld:ContextSourceRegistration:{name}" for name in made]
        create(space, house("c"), house("f"))

    def query(self, location: str | None = None, **params: Any) -> Any:
        return self.space.get(headers={HEADER: location} if location else {}, **{"type": "House", **params})

    def map(self, location: str) -> Any:
        return self.space.get(location)


@pytest.fixture
def held(space: Space, host: Host) -> Held:
    return Held(space, host)


def test_pages_stay_the_same_though_data_change(held: Held) -> None:
    first = held.query(entityMap="true", limit=3)
    assert (first.status_code, names(first)) == (201, "abc")
    location = first.headers[HEADER]
    assert location.startswith(MAPS + "/urn:ngsi-ld:entitymap:")
    assert 'rel="next"' in first.headers["link"]
    # new ones would shift every page, and one that is gone too
    held.first.put([house(n) for n in "Xdgh"])
    held.second.put([house(n) for n in "Ybeh"])
    second = held.query(location, limit=3, offset=3)
    assert (second.status_code, names(second), second.headers[HEADER]) == (200, "def", location)
    last = held.query(location, limit=3, offset=6)
    assert names(last) == "gh"
    assert 'rel="next"' not in last.headers["link"]
    assert names(held.query(location, limit=1000)) == "bcdefgh"


def test_what_fits_no_longer_leaves_the_map_and_the_page_is_filled(held: Held) -> None:
    location = held.query(entityMap="true", q="size<5").headers[HEADER]
    held.first.put([house(n, 9 if n == "d" else 1) for n in "adgh"])
    held.space.client.delete(f"{ENTITIES}/urn:ngsi-ld:House:c", headers={"ngsild-tenant": held.space.tenant})
    page = held.query(location, q="size<5", limit=4, count="true")
    assert names(page) == "abef"
    assert page.headers["ngsild-results-count"] == "6"
    assert names(held.query(location, q="size<5", limit=4, offset=4)) == "gh"
    ids = held.map(location).json()["entityMap"]
    assert "".join(i[-1] for i in ids) == "abefgh"


def test_the_map_says_who_holds_what_and_only_they_are_asked(held: Held) -> None:
    made = held.query(entityMap="true", limit=2)
    document = held.map(made.headers[HEADER]).json()
    assert document["type"] == "EntityMap"
    holders = {i[-1]: names for i, names in document["entityMap"].items()}
    one, two = held.platforms
    assert (holders["a"], holders["b"], holders["c"]) == ([one], [two], ["@none"])
    assert sorted(holders["h"]) == sorted([one, two])
    page = held.query(made.headers[HEADER], limit=1, offset=1)
    assert names(page) == "b"
    assert len(page.headers["kakehashi-flow"].split(",")) == 1
    assert page.headers["server-timing"].startswith(two.rpartition(":")[2])


def test_what_does_not_answer_keeps_its_place(held: Held, host: Host) -> None:
    location = held.query(entityMap="true").headers[HEADER]
    held.first.key = "changed"
    page = held.query(location, limit=3)
    assert names(page) == "bc"
    assert "ngsild-warning" in page.headers
    held.first.key = None
    assert names(held.query(location, limit=3, offset=3)) == "def"
    assert names(held.query(location, limit=3)) == "abc"


def test_order_and_projection_are_those_of_the_query(held: Held) -> None:
    held.first.put([house("a", 3), house("d", 1)])
    held.second.put([house("b", 2)])
    made = held.query(entityMap="true", orderBy="size;desc", pick="size", limit=2, format="simplified")
    assert made.json() == [{"size": 3}, {"size": 2}]
    location = made.headers[HEADER]
    held.second.put([house("b", 7)])
    page = held.query(location, orderBy="size;desc", pick="size", limit=2, format="simplified")
    assert page.json() == [{"size": 3}, {"size": 7}]
    assert held.query(location, orderBy="size;desc", pick="size", id="urn:ngsi-ld:House:b").json() == [
        {"size": {"type": "Property", "value": 7}}
    ]


def test_another_question_is_not_answered_from_the_map(held: Held) -> None:
    location = held.query(entityMap="true").headers[HEADER]
    for params in ({"q": "size==1"}, {"type": "Room"}):
        refused = held.query(location, **params)
        assert (refused.status_code, refused.headers["content-type"]) == (400, NGSI_LD_PROBLEM)
        assert refused.json()["field"] == "NGSILD-EntityMap"
    along = held.query(entityMap="true", join="inline", q="next{size}==1")
    assert (along.status_code, along.json()["field"]) == (422, "q")
    assert held.query(entityMap="yes").status_code == 400
    plain = held.query(entityMap="false")
    assert (plain.status_code, HEADER in plain.headers) == (200, False)


def test_a_map_that_is_not_there_is_made_anew(held: Held) -> None:
    dead = f"{MAPS}/urn:ngsi-ld:entitymap:dead"
    made = held.query(dead, limit=2)
    assert (made.status_code, names(made)) == (201, "ab")
    assert made.headers[HEADER] != dead
    location = made.headers[HEADER]
    tenant = {"ngsild-tenant": held.space.tenant}
    assert (
        held.space.client.patch(location, json={"expiresAt": "2000-01-01T00:00:00Z"}, headers=tenant).status_code == 204
    )
    assert held.map(location).status_code == 404
    assert held.query(location).status_code == 201


def test_the_resource(held: Held) -> None:
    space = held.space
    tenant = {"ngsild-tenant": space.tenant}
    made = space.get(MAPS, type="House", entityMapLifetime="P3650D", limit=1)
    assert made.status_code == 201
    document = made.json()
    assert len(document["entityMap"]) == 8
    location = made.headers[HEADER]
    assert location == f"{MAPS}/{document['id']}"
    assert names(held.query(location, limit=2)) == "ab"
    before = document["expiresAt"]
    fragment = {"expiresAt": "2999-01-01T00:00:00Z", "entityMap": {}}
    assert space.client.patch(location, json=fragment, headers=tenant).status_code == 204
    changed = held.map(location).json()
    assert before <= changed["expiresAt"] < "2999"
    assert changed["entityMap"] == document["entityMap"]
    # the @context of a JSON body is in a Link header (clause 6.3.5)
    wrong: list[Any] = [{"expiresAt": "tomorrow"}, {"type": "House"}, [], {"@context": {"a": "urn:example:a"}}]
    for bad in wrong:
        assert space.client.patch(location, json=bad, headers=tenant).status_code == 400
    assert space.client.get(location).status_code == 404, "another tenant's"
    assert space.client.delete(location).status_code == 404
    assert space.client.delete(location, headers=tenant).status_code == 204
    assert space.client.delete(location, headers=tenant).status_code == 404
    assert space.client.get(f"{MAPS}/{quote('not a uri')}", headers=tenant).status_code == 400
    assert space.get(MAPS, id="urn:ngsi-ld:House:a").status_code == 400
    assert space.get(MAPS, type="House", entityMapLifetime="1hour").status_code == 400


def test_one_entity_is_asked_of_those_who_have_it(held: Held) -> None:
    path = f"{ENTITIES}/urn:ngsi-ld:House:h"
    first = held.space.get(path, entityMap="true")
    assert (first.status_code, first.json()["id"]) == (200, "urn:ngsi-ld:House:h")
    location = first.headers[HEADER]
    assert held.map(location).json()["entityMap"] == {"urn:ngsi-ld:House:h": sorted(held.platforms)}
    again = held.space.get(path, headers={HEADER: location})
    assert (again.headers[HEADER], again.json()["id"]) == (location, "urn:ngsi-ld:House:h")
    assert len(again.headers["kakehashi-flow"].split(", ")) == 2
    # the map of a query tells it, too; what is not in it is not there
    of_query = held.query(entityMap="true", id="urn:ngsi-ld:House:a").headers[HEADER]
    there = held.space.get(f"{ENTITIES}/urn:ngsi-ld:House:a", headers={HEADER: of_query})
    assert len(there.headers["kakehashi-flow"].split(", ")) == 1
    assert held.space.get(path, headers={HEADER: of_query}).status_code == 404
    fresh = held.space.get(path, headers={HEADER: f"{MAPS}/urn:ngsi-ld:entitymap:gone"})
    assert fresh.status_code == 200
    assert fresh.headers[HEADER] not in (location, of_query)
    assert held.space.get(path, entityMap="perhaps").status_code == 400


def test_queries_by_post_have_maps(held: Held) -> None:
    question = {"type": "Query", "entities": [{"type": "House"}]}
    path = "/ngsi-ld/v1/entityOperations/query"

    def post(location: str | None, document: Any = question, **params: Any) -> Any:
        headers = {"ngsild-tenant": held.space.tenant} | ({HEADER: location} if location else {})
        return held.space.client.post(path, json=document, params=params, headers=headers)

    first = post(None, entityMap="true", limit=3)
    assert (first.status_code, names(first)) == (201, "abc")
    location = first.headers[HEADER]
    held.first.put([house(n) for n in "aAdgh"])
    assert names(post(location, limit=3, offset=3)) == "def"
    other = post(location, {"type": "Query", "entities": [{"type": "Room"}]})
    assert (other.status_code, other.json()["field"]) == (400, "NGSILD-EntityMap")


def test_what_the_entities_of_a_page_lead_to(held: Held) -> None:
    room = {"id": "urn:ngsi-ld:Room:1", "type": "Room", "size": {"type": "Property", "value": 9}}
    link = {"type": "Relationship", "object": room["id"]}
    create(held.space, room, house("x", room=link))
    first = held.query(entityMap="true", limit=8, join="inline")
    assert names(first) == "abcdefgh"
    rest = held.query(first.headers[HEADER], limit=8, offset=8, join="inline")
    assert rest.json()[0]["room"]["entity"] == room
    one = held.space.get(f"{ENTITIES}/urn:ngsi-ld:House:x", entityMap="true", join="flat")
    assert [entity["id"] for entity in one.json()] == ["urn:ngsi-ld:House:x", room["id"]]
