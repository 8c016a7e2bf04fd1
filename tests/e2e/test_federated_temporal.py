"""Evolutions that are spread over several brokers are read as if one of them had everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gateway import Gateway, Space

TEMPORAL = "/ngsi-ld/v1/temporal/entities"
TYPE = "Gauge"
ALL = {"type": TYPE, "timerel": "after", "timeAt": "2026-04-01T00:00:00Z"}
ROOM = 4
"""Entities."""


def seen(value: Any, minute: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "Property",
        "value": value,
        "observedAt": f"2026-04-01T{minute // 60:02}:{minute % 60:02}:00Z",
        **more,
    }


def place(lon: float, minute: int) -> dict[str, Any]:
    value = {"type": "Point", "coordinates": [lon, 35.6]}
    return {**seen(0, minute), "type": "GeoProperty", "value": value}


def gauge(n: int, **members: Any) -> dict[str, Any]:
    return {"id": f"urn:ngsi-ld:Gauge:{n}", "type": TYPE, **members}


def shares() -> list[list[dict[str, Any]]]:
    """What the local store and two brokers have: parts of one attribute, different attributes, the same instances."""
    local, east, west = [], [], []
    for n in range(ROOM):
        level = [seen((7 * m + n) % 11, m) for m in range(60)]
        local.append(gauge(n, level=level[:25]))
        east.append(gauge(n, level=level[20:45], state=[seen("open" if n % 2 else "shut", 3)]))
        other = [seen(100 + m, m, datasetId="urn:ngsi-ld:Dataset:w") for m in (2, 70)]
        west.append(gauge(n, level=[*level[40:], *other], location=[place(139.0 + n, 5)]))
    return [local, east, west]


class Broker:
    """A tenant that holds evolutions."""

    def __init__(self, space: Space, evolutions: list[dict[str, Any]]) -> None:
        self.space = space
        for one in evolutions:
            answer = space.client.post(TEMPORAL, json=one, headers={"ngsild-tenant": space.tenant})
            assert answer.status_code in (201, 204), answer.text


@pytest.fixture(scope="module")
def town(gateway: Gateway) -> Iterator[tuple[Space, Space]]:
    """A tenant that federates the shares, and one that has all of them itself."""
    mixed, east, west, whole = (Space(gateway) for _ in range(4))
    mine, eastern, western = shares()
    Broker(mixed, mine)
    Broker(east, eastern)
    Broker(west, western)
    for share in (mine, eastern, western):
        Broker(whole, [_without_known(one) for one in share])
    mixed.add(gateway.url, area="toyosu", tenant=east.tenant)
    mixed.add(gateway.url, area="otemachi", tenant=west.tenant)
    yield mixed, whole
    mixed.close()


def _without_known(one: dict[str, Any]) -> dict[str, Any]:
    """Without the instances that the share before it has."""
    first = {"east": 25, "west": 45}["west" if "location" in one else "east"] if len(one) > 3 else 0
    kept = [i for i in one["level"] if "datasetId" in i or i["observedAt"] >= seen(0, first)["observedAt"]]
    return {**one, "level": kept}


def bare(answer: Any) -> Any:
    """Without what is made where an instance is written."""
    if isinstance(answer, list):
        return [bare(one) for one in answer]
    if isinstance(answer, dict):
        return {k: bare(v) for k, v in sorted(answer.items()) if k not in ("instanceId", "createdAt", "modifiedAt")}
    return answer


def pages(space: Space, path: str, params: dict[str, str]) -> list[Any]:
    """Everything that an answer and those that follow it in time have."""
    found = []
    ahead = dict(params)
    for _ in range(30):
        answer = space.get(path, **ahead)
        assert answer.status_code in (200, 206), answer.text
        assert "ngsild-warning" not in answer.headers, answer.headers["ngsild-warning"]
        found.append((answer.status_code, bare(answer.json()), answer.headers.get("ngsild-results-count")))
        if answer.status_code == 200:
            return found
        end = answer.headers["content-range"].partition("/")[0].removeprefix("date-time ")[-20:]
        minute = int(end[11:13]) * 60 + int(end[14:16])
        if "lastN" in params:
            ahead |= {"timerel": "between", "timeAt": params["timeAt"], "endTimeAt": end}
        else:
            ahead |= {"timeAt": seen(0, minute + 1)["observedAt"]}
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"options": "temporalValues"},
        {"options": "aggregatedValues", "aggrMethods": "max,totalCount,avg", "aggrPeriodDuration": "PT20M"},
        {"lastN": "3"},
        {"lastN": "30"},
        {"timerel": "between", "endTimeAt": "2026-04-01T00:30:00Z", "count": "true"},
        {"timerel": "before", "timeAt": "2026-04-01T00:10:00Z"},
        {"q": 'state=="open";level>9', "count": "true"},
        {"q": "level>99", "attrs": "state"},
        {"georel": "near;maxDistance==150000", "geometry": "Point", "coordinates": "[140.0,35.6]"},
        {"limit": "2", "offset": "1", "count": "true", "lastN": "1"},
        {"datasetId": "urn:ngsi-ld:Dataset:w"},
        {"attrs": "state"},
        {"pick": "id,level", "lastN": "2"},
        {"omit": "level"},
        {"id": "urn:ngsi-ld:Gauge:1,urn:ngsi-ld:Gauge:3", "lastN": "1"},
        {"idPattern": "[12]$", "lastN": "1"},
        {"type": "Other"},
    ],
    ids=str,
)
def test_answers_are_those_of_one_broker(town: tuple[Space, Space], params: dict[str, str]) -> None:
    mixed, whole = (pages(space, TEMPORAL, ALL | params) for space in town)
    if not {"omit", "datasetId"}.isdisjoint(params):
        # the sources are not told of these, so their pages, and ours with them, may end earlier
        mixed, whole = together(mixed), together(whole)
    assert mixed == whole


def together(found: list[Any]) -> dict[str, dict[str, Any]]:
    """Pages as one."""
    made: dict[str, dict[str, Any]] = {}
    for _, rows, _ in found:
        for row in rows:
            entity = made.setdefault(row["id"], {})
            for name, member in row.items():
                if isinstance(member, list):
                    entity[name] = entity.get(name, []) + member
    return made


@pytest.mark.parametrize("params", [{"lastN": "2"}, ALL, {"attrs": "state,location"}, ALL | {"pick": "state"}], ids=str)
def test_one_entity(town: tuple[Space, Space], params: dict[str, str]) -> None:
    mixed, whole = town
    params = {name: value for name, value in params.items() if name != "type"}
    path = f"{TEMPORAL}/urn:ngsi-ld:Gauge:2"
    first = [bare(space.get(path, **params).json()) for space in town]
    assert first[0] == first[1]
    if "timerel" in params:
        assert pages(mixed, path, params) == pages(whole, path, params)
    assert mixed.get(f"{TEMPORAL}/urn:ngsi-ld:Gauge:9", **params).status_code == 404


def test_each_source_has_its_flow(town: tuple[Space, Space]) -> None:
    answer = town[0].get(TEMPORAL, **ALL, lastN="1")
    assert len(answer.headers["kakehashi-flow"].split(", ")) == 3
    assert answer.headers["server-timing"].count("desc=ok") == 3
    alone = town[0].get(TEMPORAL, **ALL, lastN="1", local="true")
    assert len(alone.headers["kakehashi-flow"].split(", ")) == 1
    assert [one["level"][0]["value"] for one in alone.json()] == [(7 * 24 + n) % 11 for n in range(ROOM)]


def test_a_source_that_fails_is_named(space: Space, gateway: Gateway) -> None:
    other = Space(gateway)
    Broker(other, [gauge(1, level=[seen(1, 1)])])
    Broker(space, [gauge(1, level=[seen(2, 2)])])
    space.add(gateway.url, tenant=other.tenant)
    space.add("http://127.0.0.1:9", "p-down", force=True)
    answer = space.get(TEMPORAL, **ALL)
    assert answer.status_code == 200, answer.text
    assert [one["value"] for one in answer.json()[0]["level"]] == [1, 2]
    assert "p-down" in answer.headers["ngsild-warning"]


def test_a_registration_is_asked_only_for_what_it_offers(space: Space, gateway: Gateway) -> None:
    other = Space(gateway)
    Broker(other, [gauge(1, level=[seen(1, 1)])])
    registration = {
        "type": "ContextSourceRegistration",
        "information": [{"entities": [{"type": TYPE}]}],
        "endpoint": gateway.url,
        "tenant": other.tenant,
    }
    expected = {"queryTemporal": (1, 404), "retrieveTemporal": (0, 200), "retrieveOps": (0, 404)}
    for operation, (found, status) in expected.items():
        answer = space.client.post(
            "/ngsi-ld/v1/csourceRegistrations",
            json=registration | {"operations": [operation]},
            headers={"ngsild-tenant": space.tenant},
        )
        assert answer.status_code == 201, answer.text
        path = answer.headers["location"]
        space.wait(lambda path=path: space.sees(path.rpartition("/")[2]))
        assert len(space.get(TEMPORAL, **ALL).json()) == found
        assert space.get(f"{TEMPORAL}/urn:ngsi-ld:Gauge:1").status_code == status
        space.client.delete(path, headers={"ngsild-tenant": space.tenant})
        space.wait(lambda path=path: not space.sees(path.rpartition("/")[2]))


def test_a_ring_ends_and_doubles_nothing(gateway: Gateway) -> None:
    ring = [Space(gateway) for _ in range(3)]
    for n, one in enumerate(ring):
        Broker(one, [gauge(1, level=[seen(n, n)])])
    for one, following in zip(ring, (*ring[1:], ring[0]), strict=True):
        one.add(gateway.url, tenant=following.tenant)
    # more often than a source may fail until it is left alone: that a question has been there is no failure
    for one in ring * 6:
        (found,) = one.get(TEMPORAL, **ALL).json()
        assert [instance["value"] for instance in found["level"]] == [0, 1, 2]
    for one in ring:
        one.close()


MAPS = "/ngsi-ld/v1/temporal/entityMaps"
HEADER = "ngsild-entitymap"


def test_maps(gateway: Gateway) -> None:
    mixed, other = Space(gateway), Space(gateway)
    Broker(mixed, [gauge(n, level=[seen(n, n)]) for n in (1, 2, 3)])
    Broker(other, [gauge(n, level=[seen(n, n + 10)]) for n in (3, 4)])
    registration = f"urn:ngsi-ld:ContextSourceRegistration:{mixed.add(gateway.url, tenant=other.tenant)['id']}"

    def ids(location: str | None, **params: Any) -> list[str]:
        answer = mixed.get(TEMPORAL, headers={HEADER: location} if location else {}, **ALL | params)
        assert answer.status_code in (200, 201), answer.text
        return [one["id"][-1] for one in answer.json()]

    made = mixed.get(MAPS, **ALL)
    assert made.status_code == 201, made.text
    assert made.json()["entityMap"] == {
        "urn:ngsi-ld:Gauge:1": ["@none"],
        "urn:ngsi-ld:Gauge:2": ["@none"],
        "urn:ngsi-ld:Gauge:3": ["@none", registration],
        "urn:ngsi-ld:Gauge:4": [registration],
    }
    location = made.headers[HEADER]
    Broker(mixed, [gauge(0, level=[seen(0, 0)])])
    assert ids(None) == ["0", "1", "2", "3", "4"]
    assert ids(location, limit="2") == ["1", "2"]
    assert ids(location, limit="2", offset="2") == ["3", "4"]
    page = mixed.get(TEMPORAL, headers={HEADER: location}, **ALL, limit="2", offset="2", count="true")
    assert (page.headers["ngsild-results-count"], page.headers[HEADER]) == ("4", location)
    assert [instance["value"] for instance in page.json()[0]["level"]] == [3, 3]
    # only the local store has the first ones
    assert (
        len(mixed.get(TEMPORAL, headers={HEADER: location}, **ALL, limit="2").headers["kakehashi-flow"].split(",")) == 1
    )
    gone = mixed.client.delete(f"{TEMPORAL}/urn:ngsi-ld:Gauge:1", headers={"ngsild-tenant": mixed.tenant})
    assert gone.status_code == 204
    assert ids(location, limit="2") == ["2", "3"]
    assert ids(location, limit="9") == ["2", "3", "4"]
    first = mixed.get(TEMPORAL, **ALL, entityMap="true", limit="1")
    assert (first.status_code, len(first.json())) == (201, 1)
    refused = mixed.get(TEMPORAL, headers={HEADER: location}, **ALL | {"type": "Other"})
    assert (refused.status_code, refused.json()["field"]) == (400, "NGSILD-EntityMap")
    assert mixed.get(TEMPORAL, headers={HEADER: location}, **ALL, limit="101").status_code == 400
    assert mixed.get(MAPS, type=TYPE).status_code == 400
    # one evolution, of those that the map has it from (clause 5.7.3.4), or with a map of its own
    third = f"{TEMPORAL}/urn:ngsi-ld:Gauge:3"
    one = mixed.get(third, headers={HEADER: location})
    assert (one.status_code, one.headers[HEADER], len(one.json()["level"])) == (200, location, 2)
    unknown = mixed.get(f"{TEMPORAL}/urn:ngsi-ld:Gauge:0", headers={HEADER: location})
    assert (unknown.status_code, "kakehashi-flow" in unknown.headers) == (404, False)
    own = mixed.get(third, entityMap="true").headers[HEADER]
    assert own != location
    assert mixed.get(own).json()["entityMap"] == {"urn:ngsi-ld:Gauge:3": ["@none", registration]}
    assert HEADER not in mixed.get(third).headers
    mixed.close()


def test_a_platform_may_be_asked_for_its_own_only(gateway: Gateway) -> None:
    first, second, third = (Space(gateway) for _ in range(3))
    Broker(second, [gauge(2, level=[seen(2, 2)])])
    Broker(third, [gauge(3, level=[seen(3, 3)])])
    second.add(gateway.url, tenant=third.tenant)
    first.add(gateway.url, tenant=second.tenant, local_only=True)
    assert [one["id"][-1] for one in second.get(TEMPORAL, **ALL).json()] == ["2", "3"]
    assert [one["id"][-1] for one in first.get(TEMPORAL, **ALL).json()] == ["2"]
    assert first.get(f"{TEMPORAL}/urn:ngsi-ld:Gauge:3").status_code == 404
    for one in (first, second):
        one.close()
