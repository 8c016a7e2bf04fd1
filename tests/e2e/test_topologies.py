"""Gateways that register each other as chain, diamond and ring: reads and writes hold, nothing is doubled, loops end.

Five instances in two processes: each is a tenant, which Via counts by itself (clause 4.3.6.4).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gateway import ENTITIES, Gateway, fresh_database, settings
from nodes import EVERYTHING, TEMPORAL, Node, room

ID = room()["id"]
ONE = f"{ENTITIES}/{ID}"
OPERATIONS = "/ngsi-ld/v1/entityOperations"
EVOLUTIONS = "/ngsi-ld/v1/temporal/entities"
PAST = f"{EVOLUTIONS}/{ID}"


@pytest.fixture(scope="module")
def second(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with fresh_database(postgres_url) as url:
        running = Gateway(settings(tmp_path_factory.mktemp("second"), url))
        yield running
        running.close()


@pytest.fixture
def five(gateway: Gateway, second: Gateway) -> Iterator[list[Node]]:
    """Neighbours are in different processes."""
    nodes = [Node(second if n % 2 else gateway) for n in range(5)]
    yield nodes
    for node in nodes:
        node.close()


def connect(nodes: list[Node], edges: list[tuple[int, int]], mode: str = "inclusive", **members: Any) -> None:
    for one, other in edges:
        nodes[one].register(nodes[other], mode, **members)


CHAIN = [(0, 1), (1, 2), (2, 3), (3, 4)]
DIAMOND = [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)]
RING = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)]
COMPLETE = [(a, b) for a in range(4) for b in range(4) if a != b]


def ids(node: Node, **params: Any) -> list[str]:
    """Of what a node gives, all pages of two."""
    found: list[str] = []
    while True:
        answer = node.get(ENTITIES, **({"type": "Room", "limit": "2", "offset": str(len(found))} | params))
        assert answer.status_code == 200, answer.text
        assert "ngsild-warning" not in answer.headers, answer.headers["ngsild-warning"]
        page = [entity["id"] for entity in answer.json()]
        found += page
        if len(page) < 2:
            return found


@pytest.mark.parametrize(("edges", "reached"), [(CHAIN, 5), (DIAMOND, 5), (RING, 5), (COMPLETE, 4)])
def test_reads(five: list[Node], edges: list[tuple[int, int]], reached: int) -> None:
    for n, node in enumerate(five):
        # one of its own each, and one of which each has a part
        assert node.create(room(n, heat=n)).status_code == 201
        assert node.create(room(9, **{f"part{n}": n})).status_code == 201
    connect(five, edges)
    expected = [room(n)["id"] for n in range(reached)] + [room(9)["id"]]
    assert ids(five[0]) == expected
    counted = five[0].get(ENTITIES, type="Room", count="true", limit="1")
    assert counted.headers["ngsild-results-count"] == str(len(expected))
    assert five[0].seen(room(9)["id"]) == {f"part{n}": n for n in range(reached)}
    assert five[0].seen(room(reached - 1)["id"]) == {"heat": reached - 1}
    assert five[0].get("/ngsi-ld/v1/types").json()["typeList"] == ["Room"]
    if edges == RING:
        # it is the same from wherever one looks
        assert all(ids(node) == expected for node in five)


@pytest.mark.parametrize("edges", [CHAIN, DIAMOND, RING, COMPLETE], ids=["chain", "diamond", "ring", "complete"])
def test_writes_reach_all_that_take_part(five: list[Node], edges: list[tuple[int, int]]) -> None:
    connect(five, edges)
    reached = five[: 1 + max(max(edge) for edge in edges)]
    assert five[0].create(room(heat=20)).status_code == 201
    assert [node.held(ID) for node in reached] == [{"heat": 20}] * len(reached)
    update = five[0].send("PATCH", f"{ONE}/attrs", {"heat": {"type": "Property", "value": 21}})
    assert update.status_code == 204, update.text
    assert [node.held(ID) for node in reached] == [{"heat": 21}] * len(reached)
    assert five[0].seen(ID) == {"heat": 21}
    made = five[0].send("POST", f"{OPERATIONS}/upsert", [room(1, heat=22), room(2, heat=23)])
    assert made.status_code == 201, made.text
    assert [node.held(room(2)["id"]) for node in reached] == [{"heat": 23}] * len(reached)
    gone = five[0].send("DELETE", ONE)
    assert gone.status_code == 204, gone.text
    assert [node.held(ID) for node in reached] == [None] * len(reached)


def evolved(node: Node, **params: Any) -> dict[str, list[int]] | None:
    """Values by attribute of an evolution, as a node gives it."""
    answer = node.get(PAST, timerel="after", timeAt="2026-04-01T00:00:00Z", **params)
    if answer.status_code == 404:
        return None
    assert answer.status_code == 200, answer.text
    assert "ngsild-warning" not in answer.headers, answer.headers["ngsild-warning"]
    listed = {k: v if isinstance(v, list) else [v] for k, v in answer.json().items() if k not in ("id", "type")}
    return {name: sorted(one["value"] for one in rows) for name, rows in listed.items()}


def point(value: int) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": f"2026-04-01T00:00:{value % 60:02}Z"}


@pytest.mark.parametrize(("edges", "reached"), [(CHAIN, 5), (DIAMOND, 5), (RING, 5), (COMPLETE, 4)])
def test_evolutions(five: list[Node], edges: list[tuple[int, int]], reached: int) -> None:
    for n, node in enumerate(five):
        made = node.send("POST", EVOLUTIONS, room(1) | {"heat": [point(n), point(n + 10)], f"part{n}": [point(n)]})
        assert made.status_code == 201, made.text
    connect(five, edges, operations=EVERYTHING + TEMPORAL)
    seen = evolved(five[0])
    assert seen == {"heat": sorted(n + m for n in range(reached) for m in (0, 10))} | {
        f"part{n}": [n] for n in range(reached)
    }
    window = {"type": "Room", "timerel": "after", "timeAt": "2026-04-01T00:00:00Z", "count": "true"}
    counted = five[0].get(EVOLUTIONS, **window)
    assert (counted.headers["ngsild-results-count"], len(counted.json())) == ("1", 1)
    everyone = five[:reached]
    assert five[0].send("POST", f"{PAST}/attrs", {"heat": [point(50)]}).status_code == 204
    assert all(50 in (evolved(node, local="true") or {})["heat"] for node in everyone)
    assert five[0].send("POST", f"{PAST}/attrs", {"light": [{"type": "Property", "value": 1}]}).status_code == 204
    assert [len(held_instances(node, "light")) for node in everyone] == [1] * reached
    last = held_instances(everyone[-1], "part" + str(reached - 1))[0]
    gone = five[0].send("DELETE", f"{PAST}/attrs/part{reached - 1}/{last['instanceId']}")
    assert gone.status_code == 204, gone.text
    assert f"part{reached - 1}" not in (evolved(five[0]) or {})
    assert five[0].send("DELETE", PAST).status_code == 204
    assert [evolved(node, local="true") for node in everyone] == [None] * reached


def held_instances(node: Node, name: str) -> list[dict[str, Any]]:
    found = node.get(PAST, local="true").json().get(name, [])
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize(("edges", "reached"), [(CHAIN, 5), (DIAMOND, 5), (RING, 5)])
def test_entity_maps(five: list[Node], edges: list[tuple[int, int]], reached: int) -> None:
    for n, node in enumerate(five):
        assert node.create(room(n, heat=n)).status_code == 201
        assert node.create(room(9, **{f"part{n}": n})).status_code == 201
    connect(five, edges)
    asked = {"type": "Room", "limit": "2"}
    first = five[0].get(ENTITIES, **asked, entityMap="true", count="true")
    assert first.status_code == 201, first.text
    expected = [room(n)["id"] for n in range(reached)] + [room(9)["id"]]
    assert first.headers["ngsild-results-count"] == str(len(expected))
    where = first.headers["ngsild-entitymap"]
    found = [one["id"] for one in first.json()]
    while len(found) < len(expected):
        page = five[0].get(ENTITIES, {"NGSILD-EntityMap": where}, **asked, offset=str(len(found)))
        assert page.status_code == 200, page.text
        assert "ngsild-warning" not in page.headers, page.headers["ngsild-warning"]
        assert page.json(), found
        found += [one["id"] for one in page.json()]
    assert found == expected
    whole = five[0].get(f"{ENTITIES}/{room(9)['id']}", {"NGSILD-EntityMap": where}).json()
    assert {name: whole[name]["value"] for name in whole if name not in ("id", "type")} == {
        f"part{n}": n for n in range(reached)
    }


def test_redirects_in_a_chain(five: list[Node]) -> None:
    connect(five, CHAIN, "redirect")
    assert five[0].create(room(heat=20)).status_code == 201
    assert [node.held(ID) for node in five] == [None] * 4 + [{"heat": 20}]
    assert [node.seen(ID) for node in five] == [{"heat": 20}] * 5
    assert five[0].send("PATCH", ONE, {"heat": {"value": 21}}).status_code == 204
    assert five[0].seen(ID) == {"heat": 21}
    assert five[0].send("DELETE", f"{ONE}/attrs/heat").status_code == 204
    assert five[4].held(ID) == {}
    assert five[0].send("DELETE", ONE).status_code == 204
    assert five[4].held(ID) is None


def test_a_ring_of_redirects_ends(five: list[Node]) -> None:
    """Nobody holds anything: each says that another does."""
    connect(five, RING, "redirect")
    answer = five[0].create(room(heat=20))
    assert answer.status_code in (201, 502, 508), answer.text
    assert sum(node.held(ID) is not None for node in five) <= 1
    assert five[0].get(ENTITIES, type="Room").status_code == 200


def test_a_look_at_a_gateway_goes_no_further(five: list[Node]) -> None:
    """Probes of a chain are not sent on, and are no interactive use of who is looked at."""
    connect(five, CHAIN[1:], probed=False)
    five[0].register(five[1])
    looked = five[0].client.get(f"/platforms/{five[0].registered[0]}").json()
    assert looked["probe"]["ok"] is True
    assert {"q", "geo", "limit", "temporal"} <= set(looked["probe"]["verified"])
    asked = five[1].client.get(f"/platforms/{five[1].registered[0]}/health").json()["asked"]
    assert asked == 0


@pytest.mark.parametrize("edges", [CHAIN, RING], ids=["chain", "ring"])
def test_types_and_attributes_of_all(five: list[Node], edges: list[tuple[int, int]]) -> None:
    for n, node in enumerate(five):
        assert node.create(room(n, heat=n, **{f"part{n}": n})).status_code == 201
    connect(five, edges)
    names = ["heat", *(f"part{n}" for n in range(5))]

    def told(path: str, **params: str) -> Any:
        answer = five[0].get(f"/ngsi-ld/v1{path}", **params)
        assert answer.status_code == 200, answer.text
        assert "ngsild-warning" not in answer.headers, answer.headers["ngsild-warning"]
        return answer.json()

    assert [(one["typeName"], one["attributeNames"]) for one in told("/types", details="true")] == [("Room", names)]
    info = told("/types/Room")
    assert info["entityCount"] == 5
    assert [(one["attributeName"], one["attributeTypes"]) for one in info["attributeDetails"]] == [
        (name, ["Property"]) for name in names
    ]
    assert told("/attributes")["attributeList"] == names
    listed = told("/attributes", details="true")
    assert [(one["attributeName"], one["typeNames"]) for one in listed] == [(name, ["Room"]) for name in names]
    part = told("/attributes/part4")
    assert (part["attributeCount"], part["attributeTypes"], part["typeNames"]) == (1, ["Property"], ["Room"])
    assert told("/attributes", local="true")["attributeList"] == ["heat", "part0"]
    assert five[0].get("/ngsi-ld/v1/attributes/part9").status_code == 404
    assert five[0].get("/ngsi-ld/v1/types/Hall").status_code == 404


def test_what_is_missing_far_away_is_said_here(five: list[Node]) -> None:
    connect(five, CHAIN[:2])
    five[2].register(five[3], at="http://127.0.0.1:9", probed=False)
    assert five[1].create(room(1, heat=1), local="true").status_code == 201
    for path in (ENTITIES, f"{ENTITIES}/{ID}"):
        answer = five[0].get(path, **({"type": "Room"} if path == ENTITIES else {}))
        assert answer.status_code == 200, answer.text
        assert answer.headers["ngsild-warning"].startswith(f"199 {five[2].registered[0]}"), answer.headers
