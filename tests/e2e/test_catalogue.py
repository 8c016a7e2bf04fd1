"""The catalogue as a service developer and an operator see it, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway import ENTITIES, Gateway, fresh_database, settings
from sources import Host, NgsiLdSource

from adapters.testing.portal import Portal, packages
from adapters.testing.serving import Reply

SHELTER = {
    "id": "urn:ngsi-ld:EvacuationShelter:toyosu-1",
    "type": "EvacuationShelter",
    "name": {"type": "Property", "value": "豊洲西小学校"},
    "capacity": {"type": "Property", "value": 700, "unitCode": "IE", "observedAt": "2026-04-01T00:00:00Z"},
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.793, 35.656]}},
}


@pytest.fixture(scope="module")
def catalogue(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    home: Path = tmp_path_factory.mktemp("catalogue")
    with fresh_database(postgres_url) as url:
        running = Gateway(settings(home, url, area="toyosu", organisation="豊洲エリアマネジメント", catalog_sample_s=5))
        yield running
        running.close()


@pytest.fixture(scope="module")
def harvested(catalogue: Gateway, host: Host) -> Gateway:
    portal = host.serve(Portal(packages(130)))
    made = catalogue.client.post(
        "/catalog/sources",
        json={"id": "tokyo", "kind": "ckan", "endpoint": portal.url, "options": {"page_size": 50, "delay_ms": 0}},
    )
    assert made.status_code == 201, made.text
    assert made.json()["found"] == "CKAN, 130 datasets"
    until(lambda: source(catalogue)["harvest"]["state"] == "done")
    return catalogue


def until(condition: Any, seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be so in time"
        time.sleep(0.05)


def source(gateway: Gateway) -> dict[str, Any]:
    found: dict[str, Any] = gateway.client.get("/catalog/sources/tokyo").json()
    return found


def search(gateway: Gateway, **params: Any) -> dict[str, Any]:
    answer = gateway.client.get("/catalog/datasets", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_harvest_in_the_background_and_a_search(harvested: Gateway) -> None:
    assert source(harvested)["harvest"]["datasets"] == 130
    found = search(harvested, q="中央区 避難所", facets="format,publisher")
    assert found["datasets"][0]["title"] == "中央区 避難所一覧"
    assert found["datasets"][0]["agreement"] == "not-needed"
    assert {"value": "CSV", "count": found["total"]} in found["facets"]["format"]
    # the ward that is named lies there, though the portal tells no coordinates
    near = search(harvested, q="避難所", source="tokyo", bbox="139.795,35.645,139.799,35.650")
    assert {d["publisher"]["name"] for d in near["datasets"]} == {"中央区"}
    changes = harvested.client.get("/catalog/changes", params={"source": "tokyo", "limit": 1000}).json()
    assert len(changes) == 130


def test_from_words_to_entities_in_two_calls(harvested: Gateway) -> None:
    client = harvested.client
    assert client.post(ENTITIES, json=SHELTER).status_code == 201
    until(lambda: search(harvested, q="避難所 豊洲", kind="live")["total"] == 1)
    until(lambda: "count" in search(harvested, q="避難所 豊洲", kind="live")["datasets"][0]["live"])
    # one
    first = search(harvested, q="避難所 豊洲")["datasets"][0]
    assert first["title"] == "避難所 (豊洲)"
    assert first["live"]["count"] == 1
    assert {"name": "capacity", "kind": "Property", "unit": "IE", "example": "700"} in first["live"]["attributes"]
    assert first["bbox"] == [139.793, 35.656, 139.793, 35.656]
    # two
    entities = client.get(first["distributions"][0]["access_url"])
    assert [e["id"] for e in entities.json()] == [SHELTER["id"]]
    assert client.delete(f"{ENTITIES}/{SHELTER['id']}").status_code == 204
    until(lambda: search(harvested, q="避難所 豊洲", kind="live")["total"] == 0)


def test_a_platform_is_there_at_once_and_its_silence_is_told(harvested: Gateway, host: Host) -> None:
    client = harvested.client
    server = host.serve(NgsiLdSource([SHELTER | {"id": "urn:ngsi-ld:EvacuationShelter:takeshiba-1"}]))

    def live() -> dict[str, Any]:
        found = search(harvested, q="避難所 竹芝", kind="live")["datasets"]
        return found[0]["live"] if found else {}

    platform = {"id": "takeshiba", "area": "takeshiba", "adapter": "ngsi_ld", "endpoint": server.url}
    assert client.post("/platforms", json=platform).status_code == 201
    until(lambda: live().get("count") == 1)
    assert live().get("healthy", True)
    server.answer = lambda request: Reply(b"", 503)
    until(lambda: live().get("healthy") is False)
    assert live()["count"] == 1, "what was known of it is still shown"
    assert client.delete("/platforms/takeshiba").status_code == 204
    until(lambda: not live())


def test_a_dataset_in_every_form(harvested: Gateway) -> None:
    hit = search(harvested, q="中央区 避難所")["datasets"][0]
    client = harvested.client
    for name in (hit["id"], hit["name"], hit["identifier"]):
        assert client.get(f"/catalog/datasets/{name}").json()["id"] == hit["id"]
    page = client.get(f"/catalog/datasets/{hit['id']}", headers={"accept": "text/html"}).text
    assert '<script type="application/ld+json">' in page
    told = client.get(f"/catalog/datasets/{hit['id']}", params={"profile": "schema.org"}).json()
    assert told["@type"] == "Dataset"
    assert told["distribution"]
    similar = client.get(f"/catalog/datasets/{hit['id']}/similar").json()
    assert "避難" in similar[0]["title"]
    assert "避難所" in client.get("/catalog/suggest", params={"q": "避難"}).json()


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"bbox": "1,2,3"}, "bbox"),
        ({"limit": "1000"}, "limit"),
        ({"facets": "colour"}, "facets"),
        ({"sort": "price"}, "sort"),
        ({"modified_since": "tomorrow"}, "modified_since"),
        ({"areas": "toyosu"}, "areas"),
        ({"start": "2026-05-01", "end": "2026-04-01"}, "start"),
    ],
)
def test_a_wrong_parameter_is_named(harvested: Gateway, params: dict[str, str], field: str) -> None:
    answer = harvested.client.get("/catalog/datasets", params=params)
    assert answer.status_code == 400
    assert answer.json()["field"] == field


def test_hostile_words_are_only_words(harvested: Gateway) -> None:
    for q in ("'", "\\", "') | ('", "a & b | !c:*", "%", "_", "ー", "。", "x" * 5000, "避難所" * 500, "<->"):
        search(harvested, q=q)
        harvested.client.get("/catalog/suggest", params={"q": q}).raise_for_status()


def test_a_source_that_is_wrong_is_not_stored(harvested: Gateway, host: Host) -> None:
    client = harvested.client
    there = {"id": "x", "kind": "ckan", "endpoint": "http://127.0.0.1:9"}
    assert client.post("/catalog/sources", json=there).json()["field"] == "endpoint"
    assert client.post("/catalog/sources", json={**there, "kind": "gopher"}).json()["field"] == "kind"
    wrong = client.post("/catalog/sources", json={**there, "options": {"page_size": 0}})
    assert wrong.json()["field"] == "options.page_size"
    assert client.post("/catalog/sources", json={**there, "mode": "ask", "kind": "dcat"}).json()["field"] == "mode"
    assert client.get("/catalog/sources/x").status_code == 404
    secret = {**there, "credential": {"kind": "bearer", "token": "s3cret"}}
    assert client.post("/catalog/sources", params={"force": "true"}, json=secret).status_code == 201
    assert "s3cret" not in client.get("/catalog/sources").text
    assert client.delete("/catalog/sources/x").status_code == 204


def test_a_catalogue_that_must_not_be_copied_is_asked(harvested: Gateway, host: Host) -> None:
    client = harvested.client
    portal = host.serve(Portal(packages(3)))
    for name, url in (("asked", portal.url), ("gone", "http://127.0.0.1:9")):
        document = {"id": name, "kind": "ckan", "endpoint": url, "mode": "ask"}
        assert client.post("/catalog/sources", json=document, params={"force": "true"}).status_code == 201
    # each is asked for three seconds at most, which a busy machine may need more of
    until(lambda: search(harvested, q="避難所")["asked"]["datasets"])
    found = search(harvested, q="避難所")
    assert {d["source"] for d in found["asked"]["datasets"]} <= {"asked"}
    assert any(words.startswith("gone: ") for words in found["asked"]["warnings"])
    assert search(harvested, source="asked")["total"] == 0
    assert "asked" not in search(harvested, q="避難所", ask="false")
    for name in ("asked", "gone"):
        client.delete(f"/catalog/sources/{name}")
