"""The newest value wins even where the answers have no times (clause 4.5.5.3); and where a value comes from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gateway import ENTITIES, Space
from sources import Entity, Host, NgsiLdSource

from adapters.testing.serving import Reply, Request

EARLY, LATE = "2026-11-22T05:00:00Z", "2026-11-22T06:00:00Z"
SHELTER = "urn:ngsi-ld:Shelter:1"


def shelter(n: int = 1, **values: tuple[Any, str]) -> Entity:
    """Attributes with their values and when they were modified."""
    made: Entity = {"id": f"urn:ngsi-ld:Shelter:{n}", "type": "Shelter", "createdAt": EARLY, "modifiedAt": LATE}
    for name, (value, at) in values.items():
        made[name] = {"type": "Property", "value": value, "createdAt": EARLY, "modifiedAt": at}
    return made


def values(entity: Entity) -> dict[str, Any]:
    return {n: m["value"] for n, m in entity.items() if n not in ("id", "type", "createdAt", "modifiedAt")}


@pytest.fixture
def pair(space: Space, host: Host) -> list[Any]:
    """Two sources that contradict each other; the one that is registered first is the older one in `open`."""
    one = [shelter(1, open=(False, EARLY), free=(5, LATE)), shelter(2, open=(True, EARLY))]
    two = [shelter(1, open=(True, LATE), free=(9, EARLY)), shelter(3, open=(True, EARLY))]
    servers = [host.serve(NgsiLdSource(found)) for found in (one, two)]
    for n, server in enumerate(servers):
        space.add(server.url, f"{space.tenant}-{n}", area=("takeshiba", "toyosu")[n])
        server.requests.clear()
    return servers


def asked(server: Any) -> list[Request]:
    return [r for r in server.requests if r.path.startswith(ENTITIES)]


def test_the_newest_wins_without_times_in_the_answer(space: Space, pair: list[Any]) -> None:
    answer = space.get(type="Shelter", count="true")
    assert [values(e) for e in answer.json()] == [{"open": True, "free": 5}, {"open": True}, {"open": True}]
    assert "modifiedAt" not in answer.text
    assert "createdAt" not in answer.text
    assert answer.headers["ngsild-results-count"] == "3"
    for server in pair:
        first, second = asked(server)
        assert "sysAttrs" not in first.target
        assert f"id={SHELTER}" in second.target, "nothing but what is contested"
        assert "sysAttrs" in second.target
    flows = space.client.get("/flows", params={"request": answer.headers["x-request-id"]}).json()
    assert sorted(f["entities"] for f in flows) == [2, 2], "one flow for each source, however often it was asked"
    assert space.get(f"{ENTITIES}/{SHELTER}").json() == answer.json()[0]
    simple = space.get(type="Shelter", options="keyValues").json()
    assert (simple[0]["open"], simple[0]["free"]) == (True, 5)
    split = space.get(type="Shelter", q="free==5", splitEntities="true").json()
    assert [values(e) for e in split] == [{"open": True, "free": 5}]
    assert space.get(type="Shelter", q="free==9", splitEntities="true").json() == []


def test_nobody_is_asked_twice_where_the_times_are_there(space: Space, pair: list[Any]) -> None:
    with_times = space.get(type="Shelter", options="sysAttrs").json()
    assert values(with_times[0]) == {"open": True, "free": 5}
    assert with_times[0]["open"]["modifiedAt"] == LATE
    assert [len(asked(server)) for server in pair] == [1, 1]
    assert len(space.get(type="Shelter", limit=1, offset=1).json()) == 1
    assert [len(asked(server)) for server in pair] == [2, 2], "what is contested is not on that page"


def test_a_source_that_does_not_answer_the_second_time_keeps_its_word(space: Space, host: Host) -> None:
    honest = NgsiLdSource([shelter(1, open=(False, EARLY))])
    other = NgsiLdSource([shelter(1, open=(True, LATE))])

    def once(request: Request) -> Reply:
        return Reply(b"", 500) if "sysAttrs" in request.target else other(request)

    space.add(host.serve(honest).url, f"{space.tenant}-0")
    space.add(host.serve(once).url, f"{space.tenant}-1")
    answer = space.get(type="Shelter")
    assert [values(e) for e in answer.json()] == [{"open": False}], "a tie: the first registration has the word"
    assert "modifiedAt" not in answer.text


def test_where_every_attribute_comes_from(space: Space, pair: list[Any]) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    answer = space.get(type="Shelter", options="provenance")
    first, second, third = answer.json()
    told = first["open"]["provenance"]
    assert told["type"] == "Property"
    assert (told["value"]["platform"], told["value"]["area"]) == (f"{space.tenant}-1", "toyosu")
    assert before < datetime.fromisoformat(told["value"]["askedAt"]) < datetime.now(UTC) + timedelta(seconds=5)
    assert first["free"]["provenance"]["value"]["platform"] == f"{space.tenant}-0"
    assert second["open"]["provenance"]["value"]["area"] == "takeshiba"
    assert third["open"]["provenance"]["value"]["area"] == "toyosu"
    one = space.get(f"{ENTITIES}/{SHELTER}", options="provenance,concise").json()
    assert one["open"]["provenance"]["area"] == "toyosu"
    assert "provenance" not in space.get(type="Shelter").text
    assert space.get(type="Shelter", options="provenance,keyValues").json()[0]["open"] is True
