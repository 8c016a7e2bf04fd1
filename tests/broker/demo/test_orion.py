"""The NGSIv2 server over HTTP: parameters, tenants, errors in Orion's form."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson
import pytest
from starlette.testclient import TestClient

from broker.demo.orion import create_app
from broker.demo.orion_data import load_file, shelters_to_v2
from schemas.errors import BadRequestData

ROWS: list[dict[str, Any]] = [
    {
        "id": f"room-{n}",
        "type": "Room" if n % 2 else "Hall",
        "n": {"value": n, "metadata": {"accuracy": {"value": 0.1}}},
        "location": {"type": "geo:point", "value": f"35.{600 + n}, 139.7"},
    }
    for n in (3, 1, 2, 0, 4)
]


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(create_app(ROWS)) as client:
        yield client


def ids(client: TestClient, **params: Any) -> list[str]:
    answer = client.get("/v2/entities", params=params)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()]


def test_normalized_form(client: TestClient) -> None:
    [row] = client.get("/v2/entities?id=room-3").json()
    assert row == {
        "id": "room-3",
        "type": "Room",
        "n": {"type": "Number", "value": 3, "metadata": {"accuracy": {"type": "Number", "value": 0.1}}},
        "location": {"type": "geo:point", "value": "35.603, 139.7", "metadata": {}},
    }


def test_order_of_creation_and_other_orders(client: TestClient) -> None:
    assert ids(client) == ["room-3", "room-1", "room-2", "room-0", "room-4"]
    assert ids(client, orderBy="id") == [f"room-{n}" for n in range(5)]
    assert ids(client, orderBy="!n") == [f"room-{n}" for n in (4, 3, 2, 1, 0)]
    assert ids(client, orderBy="type,!n") == [f"room-{n}" for n in (4, 2, 0, 3, 1)]


def test_filters(client: TestClient) -> None:
    assert ids(client, type="Room") == ["room-3", "room-1"]
    assert len(ids(client, type="Room,Hall")) == 5
    assert ids(client, idPattern="[12]$") == ["room-1", "room-2"]
    assert ids(client, typePattern="^R") == ["room-3", "room-1"]
    assert ids(client, q="n>1;n<4") == ["room-3", "room-2"]
    assert ids(client, mq="n.accuracy==0.1;n.gone") == []
    assert len(ids(client, q="dateCreated>2020-01-01")) == 5


def test_places(client: TestClient) -> None:
    here = {"geometry": "point", "coords": "35.6,139.7"}
    assert ids(client, georel="near;maxDistance:200", **here) == ["room-1", "room-0"]
    assert ids(client, georel="near;minDistance:300", **here) == ["room-3", "room-4"]
    assert ids(client, georel="equals", geometry="point", coords="35.602,139.7") == ["room-2"]
    box = {"geometry": "box", "coords": "35.6015,139.69;35.61,139.71"}
    assert ids(client, georel="coveredBy", **box) == ["room-3", "room-2", "room-4"]
    assert ids(client, georel="disjoint", **box) == ["room-1", "room-0"]
    line = {"geometry": "line", "coords": "35.6005,139.7;35.6025,139.7"}
    assert ids(client, georel="intersects", **line) == ["room-1", "room-2"]


def test_pages_and_count(client: TestClient) -> None:
    answer = client.get("/v2/entities?limit=2&offset=4&options=count")
    assert [row["id"] for row in answer.json()] == ["room-4"]
    assert answer.headers["fiware-total-count"] == "5"
    with TestClient(create_app({"id": f"i{n}"} for n in range(30))) as many:
        assert len(many.get("/v2/entities").json()) == 20


def test_representations(client: TestClient) -> None:
    def get(params: str) -> Any:
        return client.get(f"/v2/entities?id=room-3&{params}").json()[0]

    assert get("options=keyValues") == {"id": "room-3", "type": "Room", "n": 3, "location": "35.603, 139.7"}
    assert get("options=values&attrs=n") == [3]
    assert get("options=unique&attrs=n,n") == [3]
    assert get("attrs=n").keys() == {"id", "type", "n"}
    assert get("attrs=dateModified,*").keys() == {"id", "type", "n", "location", "dateModified"}
    assert get("attrs=n&metadata=dateCreated")["n"]["metadata"].keys() == {"dateCreated"}
    assert client.get("/v2/entities/room-3/attrs?options=keyValues").json() == {"n": 3, "location": "35.603, 139.7"}


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/v2/entities?limit=1001", 400, "BadRequest"),
        ("/v2/entities?limit=0", 400, "BadRequest"),
        ("/v2/entities?limit=-1", 400, "BadRequest"),
        ("/v2/entities?offset=x", 400, "BadRequest"),
        ("/v2/entities?type=a(b)", 400, "BadRequest"),
        ("/v2/entities?type=", 400, "BadRequest"),
        ("/v2/entities?idPattern=(a)", 400, "BadRequest"),
        ("/v2/entities?idPattern=[", 400, "BadRequest"),
        ("/v2/entities?id=a&idPattern=b", 400, "BadRequest"),
        ("/v2/entities?q=n=='a(b'", 400, "BadRequest"),
        ("/v2/entities?georel=near;maxDistance:1", 400, "BadRequest"),
        ("/v2/entities?coords=1,2", 400, "BadRequest"),
        ("/v2/entities?georel=near&geometry=point&coords=35,139", 400, "BadRequest"),
        ("/v2/entities?georel=near;maxDistance:1&geometry=point&coords=139,35", 400, "BadRequest"),
        ("/v2/entities?georel=near;maxDistance:1&geometry=box&coords=35,139;36,140", 400, "BadRequest"),
        ("/v2/entities?georel=touches&geometry=point&coords=35,139", 400, "BadRequest"),
        ("/v2/entities?georel=coveredBy&geometry=point&coords=35,139", 422, "NotSupportedQuery"),
        ("/v2/entities/gone", 404, "NotFound"),
        ("/v2/entities/gone/attrs", 404, "NotFound"),
    ],
)
def test_errors(client: TestClient, path: str, status: int, error: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert answer.json()["description"]
    assert answer.headers["fiware-correlator"]


def test_an_id_with_several_types() -> None:
    with TestClient(create_app([{"id": "1", "type": "A"}, {"id": "1", "type": "B"}])) as client:
        assert client.get("/v2/entities/1").status_code == 409
        assert client.get("/v2/entities/1").json()["error"] == "TooManyResults"
        assert client.get("/v2/entities/1?type=B").json()["type"] == "B"


def test_services_and_service_paths(client: TestClient) -> None:
    def post(id_: str, **headers: str) -> int:
        return client.post("/v2/entities", json={"id": id_, "type": "T"}, headers=headers).status_code

    assert post("a", **{"Fiware-Service": "City", "Fiware-ServicePath": "/one"}) == 201
    assert post("b", **{"Fiware-Service": "city", "Fiware-ServicePath": "/one/two"}) == 201
    assert post("b", **{"Fiware-Service": "city", "Fiware-ServicePath": "/three"}) == 201

    def found(path: str | None) -> list[str]:
        headers = {"Fiware-Service": "city"} | ({"Fiware-ServicePath": path} if path else {})
        return [row["id"] for row in client.get("/v2/entities", headers=headers).json()]

    assert found(None) == ["a", "b", "b"]
    assert found("/") == []
    assert found("/one") == ["a"]
    assert found("/one/#") == ["a", "b"]
    assert found("/one, /three") == ["a", "b"]
    assert client.get("/v2/entities", headers={"Fiware-ServicePath": "one"}).status_code == 400
    assert client.get("/v2/types?options=values").json() == ["Hall", "Room"]


def test_types(client: TestClient) -> None:
    answer = client.get("/v2/types?options=count")
    assert answer.headers["fiware-total-count"] == "2"
    assert answer.json()[0] == {
        "type": "Hall",
        "attrs": {"n": {"types": ["Number"]}, "location": {"types": ["geo:point"]}},
        "count": 3,
    }


def test_writing(client: TestClient) -> None:
    entity = {"id": "new", "when": {"type": "DateTime", "value": "2026-03-15T15:00:00+09:00"}}
    assert client.post("/v2/entities", json=entity).headers["location"] == "/v2/entities/new?type=Thing"
    assert client.post("/v2/entities", json=entity).status_code == 422
    assert client.post("/v2/entities?options=upsert", json=entity).status_code == 204
    more = {"actionType": "append", "entities": [{"id": "new", "n": {"value": True}}, {"id": "newer"}]}
    assert client.post("/v2/op/update", json=more).status_code == 204
    assert client.get("/v2/entities/new").json() == {
        "id": "new",
        "type": "Thing",
        "when": {"type": "DateTime", "value": "2026-03-15T06:00:00.000Z", "metadata": {}},
        "n": {"type": "Boolean", "value": True, "metadata": {}},
    }
    assert client.get("/v2/entities/newer").status_code == 200


@pytest.mark.parametrize(
    ("entity", "status"),
    [
        ({"type": "T"}, 400),
        ({"id": "a b"}, 400),
        ({"id": "a", "x": 1}, 400),
        ({"id": "a", "x": {"value": "a<b"}}, 400),
        ({"id": "a", "x": {"value": {"y": ["a=b"]}}}, 400),
        ({"id": "a", "x": {"type": "TextUnrestricted", "value": "a<b"}}, 201),
        ({"id": "a", "x": {"type": "DateTime", "value": "soon"}}, 400),
        ({"id": "a", "x": {"type": "geo:point", "value": "1,2"}, "y": {"type": "geo:point", "value": "1,2"}}, 413),
    ],
)
def test_what_is_not_stored(client: TestClient, entity: dict[str, Any], status: int) -> None:
    assert client.post("/v2/entities", json=entity).status_code == status
    assert client.get("/v2/entities/a").status_code == (200 if status == 201 else 404)


def test_bodies_that_are_none(client: TestClient) -> None:
    json = {"content-type": "application/json"}
    assert client.post("/v2/entities", content=b"{", headers=json).json()["error"] == "ParseError"
    assert client.post("/v2/entities", content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
    assert client.post("/v2/op/update", json={"actionType": "delete", "entities": []}).status_code == 400


def test_api_key_and_prefix() -> None:
    with TestClient(create_app(ROWS, api_key="k", prefix="/orion/v2.0")) as client:
        assert client.get("/orion/v2.0/entities").status_code == 401
        assert client.get("/orion/v2.0/entities", headers={"apikey": "k"}).status_code == 200
        assert client.get("/version", headers={"apikey": "k"}).json()["orion"]["version"]
        assert client.get("/orion/v2.0", headers={"apikey": "k"}).json()["entities_url"] == "/orion/v2.0/entities"


# --- data -------------------------------------------------------------------------------------------------------------


def test_what_ships_is_labelled_synthetic() -> None:
    entities = load_file(None)
    assert {e["type"] for e in entities} == {"CrowdFlowObserved", "EvacuationShelter", "AccessibleToilet"}
    assert all(e["dataProvider"]["value"] == "synthetic demo data" for e in entities)
    with TestClient(create_app(entities)) as client:
        near = "georel=near;maxDistance:1500&geometry=point&coords=35.6545,139.7620"
        assert len(client.get(f"/v2/entities?{near}").json()) == len(entities)


SHELTERS = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [139.75, 35.65]},
            "properties": {
                "共通ID": "E1310300009999",
                "都道府県名及び市町村名": "東京都港区",
                "施設・場所名": "模擬小学校(体育館)",
                "住所": "東京都港区模擬1-2-3",
                "備考": "",
            },
        },
        {"type": "Feature", "geometry": None, "properties": {"共通ID": "E2", "施設・場所名": "", "住所": None}},
    ],
}


def test_shelters(tmp_path: Path) -> None:
    first, second = shelters_to_v2(SHELTERS)
    assert first["id"] == "urn:ngsi-ld:EvacuationShelter:E1310300009999"
    assert first["type"] == "EvacuationShelter"
    assert first["name"]["value"] == "模擬小学校(体育館)"
    assert first["municipality"]["value"] == "東京都港区"
    assert first["location"] == {
        "type": "geo:json",
        "value": {"type": "Point", "coordinates": [139.75, 35.65]},
        "metadata": {},
    }
    assert second.keys() == {"id", "type", "dataProvider"}
    file = tmp_path / "避難所 1.geojson"
    file.write_bytes(orjson.dumps(SHELTERS))
    with TestClient(create_app(load_file(file))) as client:
        assert len(client.get("/v2/entities?type=EvacuationShelter").json()) == 2
    file.write_bytes(b'{"a": 1}')
    with pytest.raises(BadRequestData):
        load_file(file)


def test_as_a_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "broker.demo.orion", "--port", str(port), "--service", "takeshiba"]
    process = subprocess.Popen(command)
    try:
        for _ in range(200):
            try:
                with urlopen(f"http://127.0.0.1:{port}/v2/types?options=values") as answer:
                    assert orjson.loads(answer.read()) == []
                    break
            except OSError:
                assert process.poll() is None
                time.sleep(0.05)
        else:
            pytest.fail("it does not listen")
    finally:
        process.terminate()
    assert process.wait(10) in (0, -15)
