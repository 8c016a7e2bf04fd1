"""Gateways that register each other as chain, diamond and ring: reads and writes hold, nothing is doubled, loops end.

Five instances in two processes: each is a tenant, which Via counts by itself (clause 4.3.6.4).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gateway import ENTITIES, Gateway, fresh_database, settings
from nodes import Node, room

ID = room()["id"]
ONE = f"{ENTITIES}/{ID}"
OPERATIONS = "/ngsi-ld/v1/entityOperations"


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


def connect(nodes: list[Node], edges: list[tuple[int, int]], mode: str = "inclusive") -> None:
    for one, other in edges:
        nodes[one].register(nodes[other], mode)


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
