"""An EntityMap links to those that its sources keep of the same query (clauses 4.3.6.7, 5.2.39, 5.5.14)."""

from __future__ import annotations

from typing import Any

from gateway import ENTITIES, Space
from nodes import Node
from sources import Host, NgsiLdSource

from adapters.testing.serving import Reply, Request

MAPS = "/ngsi-ld/v1/entityMaps"
HEADER = "ngsild-entitymap"


def room(name: str, heat: int = 20) -> dict[str, Any]:
    return {"id": f"urn:ngsi-ld:Room:{name}", "type": "Room", "heat": {"type": "Property", "value": heat}}


def names(answer: Any) -> str:
    assert answer.status_code in (200, 201), answer.text
    assert "ngsild-warning" not in answer.headers, answer.headers["ngsild-warning"]
    return "".join(entity["id"][-1] for entity in answer.json())


def filled(here: Node, there: Node) -> str:
    """a, c, e there and b, d here; the registration of `there`."""
    made = here.register(there)
    for name in "ace":
        assert there.send("POST", ENTITIES, room(name)).status_code == 201
    for name in "bd":
        assert here.send("POST", ENTITIES, room(name), local="true").status_code == 201
    return made


def query(node: Node, location: str = "", **params: Any) -> Any:
    return node.get(headers={HEADER: location} if location else {}, **{"type": "Room", "limit": 2, **params})


def test_the_map_of_a_source_is_linked_and_used(here: Node, there: Node) -> None:
    registration = filled(here, there)
    made = query(here, entityMap="true", q="heat>10", idPattern=".*Room.*")
    assert (made.status_code, names(made)) == (201, "ab")
    location = made.headers[HEADER]
    told = here.get(location).json()
    assert list(told["linkedMaps"]) == [registration]
    assert told["entityMap"][room("a")["id"]] == [registration]
    theirs = told["linkedMaps"][registration]
    document = there.get(f"{MAPS}/{theirs}").json()
    assert [name[-1] for name in document["entityMap"]] == ["a", "c", "e"]
    # what is there no longer leaves both maps, which shows that theirs is asked
    assert there.send("DELETE", f"{ENTITIES}/{room('c')['id']}").status_code == 204
    page = query(here, location, offset=2, q="heat>10", idPattern=".*Room.*")
    assert names(page) == "de"
    assert [n[-1] for n in there.get(f"{MAPS}/{theirs}").json()["entityMap"]] == ["a", "e"]
    assert here.get(location).json()["linkedMaps"] == {registration: theirs}


def test_a_map_that_its_source_has_lost_is_no_longer_linked(here: Node, there: Node) -> None:
    registration = filled(here, there)
    location = query(here, entityMap="true").headers[HEADER]
    theirs = here.get(location).json()["linkedMaps"][registration]
    assert there.send("DELETE", f"{MAPS}/{theirs}").status_code == 204
    assert names(query(here, location, offset=2)) == "cd"
    assert here.get(location).json()["linkedMaps"] == {}
    # a map of some ids would hide the others
    assert names(query(here, location, limit=10)) == "abcde"


def test_one_entity_has_linked_maps_too(here: Node, there: Node) -> None:
    registration = filled(here, there)
    path = f"{ENTITIES}/{room('a')['id']}"
    first = here.get(path, entityMap="true")
    location = first.headers[HEADER]
    theirs = here.get(location).json()["linkedMaps"][registration]
    again = here.get(path, headers={HEADER: location})
    assert (again.status_code, again.json()["id"]) == (200, room("a")["id"])
    assert here.get(location).json()["linkedMaps"] == {registration: theirs}


def test_who_keeps_no_maps_is_asked_as_ever(space: Space, host: Host) -> None:
    strict, plain = NgsiLdSource([room("a"), room("c")]), NgsiLdSource([room("b")], ignores=["entityMap"])
    asked: list[Request] = []

    def watched(request: Request) -> Reply:
        asked.append(request)
        return strict(request)

    for source in (watched, plain):
        space.add(host.serve(source).url)
    asked.clear()
    made = space.get(type="Room", entityMap="true", limit=2)
    assert (made.status_code, names(made)) == (201, "ab")
    location = made.headers[HEADER]
    assert space.get(location).json()["linkedMaps"] == {}
    assert names(space.get(type="Room", limit=2, offset=2, headers={HEADER: location})) == "c"
    space.get(type="Room", entityMap="true")
    assert sum("entityMap" in one.target for one in asked) == 1, "it was told once"


def test_a_purge_takes_no_more_than_the_map_has(here: Node, there: Node) -> None:
    """Table 6.4.3.3-2: what came after the map was made stays, wherever it is held."""
    filled(here, there)
    location = query(here, entityMap="true").headers[HEADER]
    for node, name in ((here, "x"), (there, "y")):
        assert node.send("POST", ENTITIES, room(name), local="true").status_code == 201
    gone = here.client.delete(
        ENTITIES, params={"type": "Room", "id": room("b")["id"]}, headers={**here.headers, HEADER: location}
    )
    assert (gone.status_code, gone.headers[HEADER]) == (204, location)
    assert names(query(here, limit=10)) == "acdexy"
    gone = here.client.delete(ENTITIES, params={"type": "Room"}, headers={**here.headers, HEADER: location})
    assert gone.status_code == 204
    assert names(query(here, limit=10)) == "xy"
    lost = {**here.headers, HEADER: f"{MAPS}/urn:ngsi-ld:entitymap:none"}
    assert here.client.delete(ENTITIES, params={"type": "Room"}, headers=lost).status_code == 404
    assert names(query(here, limit=10)) == "xy"
