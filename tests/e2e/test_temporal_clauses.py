"""The temporal API held against the clauses: what is refused, what is told of what was deleted, earlier versions, and
EntityMaps of a question in a body."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from gateway import ENTITIES, Space

TEMPORAL = "/ngsi-ld/v1/temporal/entities"
QUERY = "/ngsi-ld/v1/temporal/entityOperations/query"
MAPS = "/ngsi-ld/v1/entityMaps"
ID = "urn:ngsi-ld:Shelter:1"
ALWAYS = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}
ASKED = {"type": "Query", "entities": [{"type": "Shelter"}], "temporalQ": ALWAYS}
NULL = "urn:ngsi-ld:null"


@pytest.fixture
def ask(space: Space) -> Any:
    def call(method: str, path: str, json: Any = None, prefer: str = "", entity_map: str = "", **params: Any) -> Any:
        given = {"ngsild-tenant": space.tenant, "prefer": prefer, "ngsild-entitymap": entity_map}
        headers = {name: value for name, value in given.items() if value}
        return space.client.request(method, path, json=json, params=params, headers=headers)

    return call


def at(minute: int, value: Any, **members: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": f"2026-04-01T00:{minute:02}:00Z", **members}


def faulty(answer: httpx2.Response, field: str, kind: str = "BadRequestData") -> None:
    assert answer.status_code == 400, answer.text
    assert (answer.json()["type"].rpartition("/")[2], answer.json()["field"]) == (kind, field)


def create(ask: Any, **members: Any) -> None:
    assert ask("POST", TEMPORAL, {"id": ID, "type": "Shelter", **members}).status_code == 201


def test_what_a_query_can_not_be(ask: Any) -> None:
    create(ask, free=[at(0, 1)])
    faulty(ask("GET", TEMPORAL, type="*", local="false", **ALWAYS), "local")
    faulty(ask("GET", TEMPORAL, type="Shelter", orderBy="id", collation="!!", **ALWAYS), "collation")
    faulty(ask("GET", TEMPORAL, type="Shelter", collation="de", **ALWAYS), "collation")
    faulty(ask("GET", TEMPORAL, type="Shelter", lang="!!", **ALWAYS), "lang")
    faulty(ask("GET", TEMPORAL, type="Shelter", splitEntities="perhaps", **ALWAYS), "splitEntities", "InvalidRequest")
    assert len(ask("GET", TEMPORAL, type="Shelter", orderBy="id", collation="und-u-ks-identic", **ALWAYS).json()) == 1
    assert len(ask("POST", QUERY, ASKED | {"entities": [{"type": "*"}]}).json()) == 1
    faulty(ask("POST", QUERY, ASKED | {"entities": [{"type": "*"}]}, local="false"), "local")
    faulty(ask("POST", QUERY, ASKED | {"entities": [{"id": ID}], "attrs": ["free"]}), "entities[0]")
    faulty(ask("POST", QUERY, ASKED | {"ordering": {"orderBy": ["id"], "collation": "!!"}}), "collation")
    faulty(ask("POST", QUERY, ASKED | {"ordering": {"orderBy": ["id"], "coordinates": [1, 2]}}), "orderFrom")
    faulty(ask("POST", QUERY, ASKED | {"splitEntities": "perhaps"}), "splitEntities")
    faulty(ask("POST", QUERY, ASKED | {"temporalQ": {**ALWAYS, "lastN": True}}), "lastN")


def test_a_fragment_that_corrects_an_instance_may_name_the_entity(ask: Any) -> None:
    create(ask, free=[at(0, 1)], name=[at(0, "a")], scope={"type": "Property", "value": "/A"})
    made = ask("GET", f"{TEMPORAL}/{ID}").json()
    path = f"{TEMPORAL}/{ID}/attrs/free/{made['free'][0]['instanceId']}"
    assert ask("PATCH", path, {"id": ID, "type": "Shelter", "free": [at(1, 2)]}).status_code == 204
    faulty(ask("PATCH", path, {"name": [at(1, 3)]}), "name")
    scope = f"{TEMPORAL}/{ID}/attrs/scope/{made['scope'][0]['instanceId']}"
    assert ask("PATCH", scope, {"scope": {"type": "Property", "value": "/B"}}).status_code == 204
    told = ask("GET", f"{TEMPORAL}/{ID}", options="temporalValues").json()
    assert told["free"]["values"] == [[2, "2026-04-01T00:01:00Z"]]
    assert told["scope"]["values"][0][0] == "/B"


def test_what_was_deleted_says_when(ask: Any) -> None:
    shelter = {"id": ID, "type": "Shelter", "scope": "/A", "free": {"type": "Property", "value": 1}}
    assert ask("POST", ENTITIES, shelter).status_code == 201
    assert "deletedAt" not in ask("GET", f"{TEMPORAL}/{ID}", options="sysAttrs").json()
    assert ask("DELETE", f"{ENTITIES}/{ID}").status_code == 204
    ended = ask("GET", f"{TEMPORAL}/{ID}", options="sysAttrs").json()
    assert ended["deletedAt"] == ended["free"][1]["deletedAt"] == ended["scope"][1]["deletedAt"]
    assert (ended["free"][1]["value"], ended["scope"][1]["value"]) == (NULL, [])
    assert "deletedAt" not in ask("GET", f"{TEMPORAL}/{ID}").json()
    # what was told can be told again, and what is made anew is there again
    assert ask("POST", TEMPORAL, {**ended, "id": f"{ID}-copy"}).status_code == 201
    assert ask("POST", ENTITIES, shelter).status_code == 201
    assert "deletedAt" not in ask("GET", f"{TEMPORAL}/{ID}", options="sysAttrs").json()


def test_a_null_that_is_sent_ends_the_attribute(ask: Any) -> None:
    create(ask, free=[{"type": "Property", "value": NULL}])
    (ended,) = ask("GET", f"{TEMPORAL}/{ID}", timeproperty="deletedAt").json()["free"]
    assert ended["value"] == NULL
    assert ended["deletedAt"]


def test_times_of_systems_are_shown_on_every_level_or_on_none(ask: Any) -> None:
    source = {"type": "Property", "value": "gauge"}
    free = {"type": "Property", "value": 1, "expiresAt": "2036-01-01T00:00:00Z", "source": source}
    assert ask("POST", ENTITIES, {"id": ID, "type": "Shelter", "free": free}).status_code == 201
    (plain,) = ask("GET", f"{TEMPORAL}/{ID}").json()["free"]
    assert plain.keys() == {"type", "value", "source", "instanceId"}
    assert plain["source"] == source
    (told,) = ask("GET", f"{TEMPORAL}/{ID}", options="sysAttrs").json()["free"]
    assert told["expiresAt"] == "2036-01-01T00:00:00Z"
    assert told["source"].keys() >= {"createdAt", "modifiedAt"}


def test_a_scope_is_taken_as_it_is_told(ask: Any) -> None:
    series = {"type": "Property", "values": [["/A", "2026-04-01T00:00:00Z"], [["/B", "/C"], "2026-04-01T00:01:00Z"]]}
    create(ask, scope=series)
    assert ask("GET", f"{TEMPORAL}/{ID}", format="temporalValues").json()["scope"] == series


def test_evolutions_in_the_terms_of_earlier_versions(ask: Any) -> None:
    words = {"type": "LanguageProperty", "languageMap": {"ja": "芝", "en": "Shiba"}}
    create(
        ask,
        free=[at(0, 1), at(1, 2), at(1, 9, datasetId="urn:ngsi-ld:Dataset:other")],
        kind=[{"type": "VocabProperty", "vocab": "school", "observedAt": "2026-04-01T00:00:00Z"}],
        word=[words],
        scope="/A",
    )
    same = ask("GET", f"{TEMPORAL}/{ID}", prefer="ngsi-ld=1.9")
    assert (same.status_code, same.headers["preference-applied"]) == (200, "ngsi-ld=1.9")
    answer = ask("GET", f"{TEMPORAL}/{ID}", prefer="ngsi-ld=1.6")
    assert (answer.status_code, answer.headers["preference-applied"]) == (203, "ngsi-ld=1.6")
    told = answer.json()
    assert (told["kind"][0]["type"], told["kind"][0]["value"]) == ("Property", "school")
    assert len(told["free"]) == 3
    first = ask(
        "GET",
        TEMPORAL,
        prefer="ngsi-ld=1.0",
        type="Shelter",
        lang="en",
        local="true",
        timeproperty="createdAt",
        **ALWAYS,
    )
    assert first.status_code == 203
    (told,) = first.json()
    assert "scope" not in told
    assert [(one["value"], "observedAt" in one) for one in told["free"]] == [(1, False), (2, False)]
    assert (told["word"][0]["type"], told["word"][0]["value"]) == ("Property", "Shiba")
    series = ask("GET", f"{TEMPORAL}/{ID}", prefer="ngsi-ld=1.6", format="temporalValues").json()
    assert series["kind"] == {"type": "Property", "values": [["school", "2026-04-01T00:00:00Z"]]}


def test_maps_of_a_question_in_a_body(ask: Any) -> None:
    create(ask, free=[at(0, 1)])
    assert ask("POST", ENTITIES, {"id": ID, "type": "Shelter"}).status_code == 201
    spoken = {"type": "Query", "entities": [{"type": "Shelter"}]}
    for path, query, pages, params, body in (
        (MAPS, "/ngsi-ld/v1/entityOperations/query", ENTITIES, {}, spoken),
        ("/ngsi-ld/v1/temporal/entityMaps", QUERY, TEMPORAL, ALWAYS, ASKED),
    ):
        made = ask("POST", path, body, entityMapLifetime="PT5M")
        assert made.status_code == 201, made.text
        assert made.json()["entityMap"] == {ID: ["@none"]}
        place = made.headers["ngsild-entitymap"]
        for page in (
            ask("GET", pages, entity_map=place, type="Shelter", **params),
            ask("POST", query, body, entity_map=place),
        ):
            assert (page.status_code, page.headers["ngsild-entitymap"]) == (200, place), page.text
        faulty(ask("GET", pages, entity_map=place, type="Other", **params), "NGSILD-EntityMap")
        paged = ask("POST", query, body | {"entityMap": True, "entityMapLifetime": "PT5M"})
        assert (paged.status_code, [one["id"] for one in paged.json()]) == (201, [ID])
        assert paged.headers["ngsild-entitymap"].startswith(f"{MAPS}/")
        faulty(ask("POST", query, body | {"entityMap": "yes"}), "entityMap")
        faulty(ask("POST", query, body | {"entityMap": True, "entityMapLifetime": 5}), "entityMapLifetime")


def ids(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["id"].rpartition(":")[2] for one in answer.json()]


def test_filters_know_what_has_no_evolution(ask: Any) -> None:
    """The examples of annex C.5.5: the brand decides, and is not told."""
    places = {"a": [139.76, 35.68], "b": [135.5, 34.7]}
    for name, place in places.items():
        vehicle = {
            "id": f"urn:ngsi-ld:Vehicle:{name}",
            "type": "Vehicle",
            "brandName": {"type": "Property", "value": f"Brand {name}"},
            "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": place}},
            "speed": at(0, 80),
        }
        assert ask("POST", ENTITIES, vehicle).status_code == 201
    asked = {"type": "Vehicle", "attrs": "speed,brandName", **ALWAYS}
    assert ids(ask("GET", TEMPORAL, q='brandName=="Brand a"', **asked)) == ["a"]
    (other,) = ask("GET", TEMPORAL, q='brandName!="Brand a"', **asked).json()
    assert (other["id"][-1], other.keys()) == ("b", {"id", "type", "speed"})
    near = {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": "[139.76,35.68]"}
    assert ids(ask("GET", TEMPORAL, **near, **asked)) == ["a"]
    # by the time at which it came into the system everything has an evolution
    by_system = {**asked, "timeproperty": "createdAt", "timerel": "before"}
    assert ids(ask("GET", TEMPORAL, q='brandName=="Brand a"', **by_system)) == []
    # what is deleted decides nothing any more
    assert ask("DELETE", f"{ENTITIES}/urn:ngsi-ld:Vehicle:a/attrs/brandName").status_code == 204
    assert ids(ask("GET", TEMPORAL, q='brandName=="Brand a"', **asked)) == []
