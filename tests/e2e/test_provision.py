"""The provision API over HTTP: status, body and what is there afterwards, operation by operation."""

from __future__ import annotations

import concurrent.futures
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2
import pytest
from gateway import ENTITIES, NGSI_LD_PROBLEM, Space

BATCH = "/ngsi-ld/v1/entityOperations/"
NULL = "urn:ngsi-ld:null"
VOCAB = "https://uri.etsi.org/ngsi-ld/default-context/"

Json = dict[str, Any]


class Local:
    """A tenant's own store."""

    def __init__(self, space: Space) -> None:
        self.client = space.client
        self.headers = {"ngsild-tenant": space.tenant}

    def ask(self, method: str, path: str, body: Any = None, **params: Any) -> httpx2.Response:
        return self.client.request(method, path, json=body, params=params, headers=self.headers)

    def create(self, **members: Any) -> str:
        uri = f"urn:ngsi-ld:Shelter:{uuid4().hex}"
        answer = self.ask("POST", ENTITIES, {"id": uri, "type": "Shelter", **members})
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"] == f"{ENTITIES}/{uri}"
        return uri

    def get(self, uri: str, **params: Any) -> Json:
        answer = self.ask("GET", f"{ENTITIES}/{quote(uri, safe='')}", **params)
        assert answer.status_code == 200, answer.text
        made: Json = answer.json()
        return made

    def there(self, uri: str) -> bool:
        return self.ask("GET", f"{ENTITIES}/{quote(uri, safe='')}").status_code == 200


@pytest.fixture
def local(space: Space) -> Local:
    return Local(space)


def prop(value: Any, **more: Any) -> Json:
    return {"type": "Property", "value": value, **more}


def test_merge_update_append_and_partial_update_differ_as_the_clauses_say(local: Local) -> None:
    whole = {"t": prop(25, unitCode="CEL", observedAt="2026-04-01T00:00:00Z")}
    short = {"t": prop(100, observedAt="2026-04-02T00:00:00Z")}
    for method, path, body, kept in (
        ("PATCH", "", short, True),
        ("PATCH", "/attrs", short, False),
        ("POST", "/attrs/", short, False),
        ("PATCH", "/attrs/t", short["t"], True),
        ("PUT", "/attrs/t", short["t"], False),
    ):
        uri = local.create(**whole)
        assert local.ask(method, f"{ENTITIES}/{uri}{path}", body).status_code == 204
        made = local.get(uri)["t"]
        assert made == {**short["t"], **({"unitCode": "CEL"} if kept else {})}, (method, path)


def test_what_is_left_as_it_was_is_told(local: Local) -> None:
    uri = local.create(a=prop(1))
    answer = local.ask("POST", f"{ENTITIES}/{uri}/attrs", {"a": prop(2), "b": prop(3)}, options="noOverwrite")
    assert answer.status_code == 207
    told = answer.json()
    assert told["updated"] == [VOCAB + "b"]
    assert [one["attributeName"] for one in told["notUpdated"]] == [VOCAB + "a"]
    assert told["notUpdated"][0]["reason"]
    assert local.get(uri)["a"]["value"] == 1
    # clause 5.6.2.4: a scope that replaces none is ignored, and clause 6.6.3.2 wants that told
    assert local.ask("PATCH", f"{ENTITIES}/{uri}/attrs", {"scope": "/x"}).status_code == 207
    assert "scope" not in local.get(uri)


def test_deleting_attributes(local: Local) -> None:
    several = [prop(1), prop(2, datasetId="urn:d:1"), prop(3, datasetId="urn:d:2")]
    uri = local.create(a=several, b=prop(1), scope="/x")
    at = f"{ENTITIES}/{uri}/attrs/"
    assert local.ask("DELETE", at + "a", datasetId="urn:d:9").status_code == 404
    assert local.ask("DELETE", at + "a", datasetId="none").status_code == 400
    assert local.ask("DELETE", at + "a", datasetId="urn:d:1").status_code == 204
    assert [one["value"] for one in local.get(uri)["a"]] == [1, 3]
    assert local.ask("DELETE", at + "a").status_code == 204
    assert local.get(uri)["a"]["value"] == 3
    assert local.ask("DELETE", at + "a").status_code == 404
    assert local.ask("DELETE", at + "a", deleteAll="true").status_code == 204
    assert local.ask("DELETE", at + "scope").status_code == 204
    assert local.ask("DELETE", at + quote(VOCAB + "b", safe="")).status_code == 204
    assert local.get(uri) == {"id": uri, "type": "Shelter"}
    assert local.ask("DELETE", at).status_code == 405


def test_the_type_selector_guards_every_change(local: Local) -> None:
    uri = local.create(a=prop(1))
    one = f"{ENTITIES}/{uri}"
    for method, path, body in (
        ("PATCH", one, {"a": prop(2)}),
        ("PUT", one, {"type": "Shelter"}),
        ("POST", one + "/attrs", {"a": prop(2)}),
        ("PATCH", one + "/attrs", {"a": prop(2)}),
        ("PATCH", one + "/attrs/a", prop(2)),
        ("PUT", one + "/attrs/a", prop(2)),
        ("DELETE", one + "/attrs/a", None),
        ("DELETE", one, None),
    ):
        answer = local.ask(method, path, body, type="Toilet")
        assert (answer.status_code, answer.headers["content-type"]) == (404, NGSI_LD_PROBLEM), (method, path)
    assert local.get(uri)["a"]["value"] == 1
    assert local.ask("DELETE", one, type="Toilet,Shelter").status_code == 204


def test_ids_may_hold_anything_that_a_uri_may(local: Local) -> None:
    for number, tail in enumerate(("a/b", "a/attrs/b", "attrs", "港区", "a?b", "a/attrs")):
        uri = f"https://example.org/{uuid4().hex}/{tail}"
        path = f"{ENTITIES}/{quote(uri, safe='')}"
        assert local.ask("POST", ENTITIES, {"id": uri, "type": "Shelter", "a": prop(0)}).status_code == 201
        assert local.ask("PATCH", path, {"a": prop(number)}).status_code == 204, tail
        assert local.ask("POST", path + "/attrs", {"b": prop(1)}).status_code == 204, tail
        assert local.ask("PATCH", path + "/attrs/b", {"value": 2}).status_code == 204, tail
        made = local.get(uri)
        assert (made["a"]["value"], made["b"]["value"]) == (number, 2)
        assert local.ask("DELETE", path + "/attrs/b").status_code == 204
        assert local.ask("DELETE", path).status_code == 204
        assert not local.there(uri)


def test_what_is_wrong_is_said_and_changes_nothing(local: Local) -> None:
    uri = local.create(a=prop(1))
    one = f"{ENTITIES}/{uri}"
    for method, path, body, params, status in (
        ("PATCH", f"{ENTITIES}/no-uri", {"a": 1}, {}, 400),
        ("PATCH", f"{ENTITIES}/", {"a": 1}, {}, 400),
        ("PUT", f"{ENTITIES}/", {"type": "T"}, {}, 400),
        ("POST", f"{ENTITIES}//attrs/", {"a": 1}, {}, 400),
        ("PATCH", f"{ENTITIES}/urn:x:none", {"a": 1}, {}, 404),
        ("POST", f"{ENTITIES}/urn:x:none/attrs", {"a": 1}, {}, 404),
        ("PATCH", one, [], {}, 400),
        ("PATCH", one, {"a": {"type": "Relationship", "object": "urn:x:1"}}, {}, 400),
        ("PATCH", one, {"a": 1}, {"nonsense": "1"}, 400),
        ("PATCH", one, {"a": 1}, {"options": "nonsense"}, 400),
        ("PATCH", one, {"a": 1}, {"observedAt": "now"}, 400),
        ("PATCH", one, {"a": 1}, {"format": "csv"}, 400),
        ("PUT", one, {"id": "urn:x:other", "type": "T"}, {}, 400),
        ("PUT", one, [], {}, 400),
        ("POST", one + "/attrs", {"a": NULL}, {}, 400),
        ("PATCH", one + "/attrs/a", {}, {}, 400),
        ("PATCH", one + "/attrs/scope", {"value": 1}, {}, 400),
        ("PATCH", one + "/attrs/@a", {"value": 1}, {}, 400),
        ("PATCH", one + "/attrs/none", {"value": 1}, {}, 404),
        ("PUT", one + "/attrs/none", prop(1), {}, 404),
        ("PUT", one + "/attrs/a", {"city": "x"}, {}, 400),
        ("DELETE", one, None, {"type": ";"}, 400),
        ("DELETE", ENTITIES, None, {"id": uri}, 400),
        ("DELETE", ENTITIES, None, {"type": "Shelter", "keep": "a", "drop": "a"}, 400),
        ("DELETE", ENTITIES, None, {"q": 'modifiedAt>"2020-01-01T00:00:00Z"'}, 400),
        ("POST", BATCH + "create", [], {}, 400),
        ("POST", BATCH + "merge", [{"id": uri, "type": "T"}, None], {}, 400),
        ("POST", BATCH + "upsert", [{"id": uri, "type": "T"}], {"options": "replace,update"}, 400),
        ("POST", BATCH + "update", [1], {}, 400),
        ("POST", BATCH + "merge", [{"id": uri, "a": 2}], {"options": "noOverwrite"}, 400),
        ("POST", BATCH + "merge", [{"id": uri, "a": 2}], {"observedAt": "now"}, 400),
        ("POST", ENTITIES, {"id": "urn:x:1", "type": "type"}, {}, 400),
        ("POST", ENTITIES, {"id": "urn:x:\u202e1", "type": "T"}, {}, 400),
        ("POST", ENTITIES, {"id": "urn:x:\u200b1", "type": "T"}, {}, 400),
    ):
        answer = local.ask(method, path, body, **params)
        assert answer.status_code == status, (method, path, body, params, answer.text)
        assert answer.headers["content-type"] == NGSI_LD_PROBLEM
        assert answer.json()["title"]
    assert local.get(uri) == {"id": uri, "type": "Shelter", "a": prop(1)}


def test_batches_say_what_became_of_each(local: Local) -> None:
    old = local.create(a=prop(1))
    new, other = (f"urn:ngsi-ld:Shelter:{uuid4().hex}" for _ in range(2))

    def one(uri: str, **members: Any) -> Json:
        return {"id": uri, "type": "Shelter", **members}

    answer = local.ask("POST", BATCH + "create", [one(new), one(old), one(new), one("no uri"), {"id": other}])
    assert answer.status_code == 207
    assert answer.json()["success"] == [new]
    assert [e["entityId"] for e in answer.json()["errors"]] == [old, new, "no uri", other]
    assert [e["error"]["status"] for e in answer.json()["errors"]] == [409, 409, 400, 400]
    answer = local.ask("POST", BATCH + "upsert", [one(old, b=prop(2)), one(other)], options="update")
    assert (answer.status_code, answer.json()) == (201, [other])
    assert local.get(old) == {"id": old, "type": "Shelter", "a": prop(1), "b": prop(2)}
    assert local.ask("POST", BATCH + "upsert", [one(old, c=prop(3)), one(other)]).status_code == 204
    assert local.get(old) == {"id": old, "type": "Shelter", "c": prop(3)}
    answer = local.ask("POST", BATCH + "update", [one(old, c=prop(4), d=prop(5)), one(new)], options="noOverwrite")
    assert answer.status_code == 207
    assert (answer.json()["success"], [e["entityId"] for e in answer.json()["errors"]]) == ([new], [old])
    assert local.get(old)["c"]["value"] == 3
    assert local.get(old)["d"]["value"] == 5
    merging = [{"id": old, "c": {"value": 6}, "d": NULL}, {"id": new, "type": "School"}]
    assert local.ask("POST", BATCH + "merge", merging).status_code == 204
    assert local.get(old) == {"id": old, "type": "Shelter", "c": prop(6)}
    assert set(local.get(new)["type"]) == {"Shelter", "School"}
    answer = local.ask("POST", BATCH + "merge", [{"id": "urn:x:1", "a": None}, {"id": "urn:x:1", "a": 1}])
    assert [e["error"]["status"] for e in answer.json()["errors"]] == [400, 404]
    answer = local.ask("POST", BATCH + "delete", [old, new, old])
    assert answer.status_code == 207
    assert answer.json()["success"] == [old, new]
    assert [e["entityId"] for e in answer.json()["errors"]] == [old]
    assert local.ask("POST", BATCH + "delete", [other]).status_code == 204


def test_a_purge_takes_what_it_finds_and_nothing_else(local: Local) -> None:
    big = [local.create(size=prop(9), name=prop("x")) for _ in range(3)]
    small = local.create(size=prop(1), name=prop("x"))
    assert local.ask("DELETE", ENTITIES, q="size>5", drop="name").status_code == 204
    assert [set(local.get(uri)) - {"id", "type"} for uri in (*big, small)] == [{"size"}] * 3 + [{"size", "name"}]
    assert local.ask("DELETE", ENTITIES, type="Shelter", id=big[0]).status_code == 204
    assert [local.there(uri) for uri in (*big, small)] == [False, True, True, True]
    assert local.ask("DELETE", ENTITIES, q="size>5").status_code == 204
    assert [local.there(uri) for uri in (*big, small)] == [False, False, False, True]
    assert local.ask("DELETE", ENTITIES, type="Shelter", keep="size").status_code == 204
    assert set(local.get(small)) == {"id", "type", "size"}
    assert local.ask("DELETE", ENTITIES + "/", local="true").status_code == 204
    assert not local.there(small)


def test_two_clients_patching_one_entity_lose_nothing(local: Local) -> None:
    uri = local.create()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: local.ask("PATCH", f"{ENTITIES}/{uri}", {f"a{n}": prop(n)}), range(32)))
    assert {answer.status_code for answer in answers} == {204}
    made = local.get(uri)
    assert [made[f"a{n}"]["value"] for n in range(32)] == list(range(32))


def test_every_kind_of_attribute_comes_back(local: Local) -> None:
    given: Json = {
        "property": prop({"a": [1, 2.5, "x", True]}, unitCode="C62", valueType="Number"),
        "relationship": {"type": "Relationship", "object": ["urn:x:1", "urn:x:2"], "objectType": "School"},
        "place": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.75, 35.65]}},
        "words": {"type": "LanguageProperty", "languageMap": {"ja": "避難所", "en": ["shelter", "refuge"]}},
        "kind": {"type": "VocabProperty", "vocab": ["School", "Hall"]},
        "raw": {"type": "JsonProperty", "json": {"id": None, "type": "anything"}},
        "list": {"type": "ListProperty", "valueList": [1, [2, 3]]},
        "links": {"type": "ListRelationship", "objectList": [{"object": "urn:x:1"}, {"object": "urn:x:1"}]},
        "many": [
            prop(1, deep=prop(2, deeper={"type": "Relationship", "object": "urn:x:1"})),
            prop(3, datasetId="urn:d:1"),
        ],
        "ngsildproof": prop({"proofValue": "z"}, entityIdSealed="urn:x:1", entityTypeSealed="Shelter"),
        "scope": ["/Tokyo/Minato", "/Tokyo"],
    }
    uri = local.create(**given)
    assert local.get(uri) == {"id": uri, "type": "Shelter", **given}
    system = local.get(uri, options="sysAttrs")
    for owner in (system, system["property"], *system["many"], system["many"][0]["deep"]):
        assert {"createdAt", "modifiedAt"} <= owner.keys()


def test_keywords_of_json_ld_mean_id_and_type(local: Local) -> None:
    uri = f"urn:ngsi-ld:Shelter:{uuid4().hex}"
    body = {"@id": uri, "@type": "Shelter", "a": {"@type": "Property", "value": 1}}
    assert local.ask("POST", ENTITIES, body).status_code == 201
    assert local.get(uri) == {"id": uri, "type": "Shelter", "a": prop(1)}
    assert local.ask("PUT", f"{ENTITIES}/{uri}", {**body, "id": uri}).status_code == 400


@pytest.mark.parametrize("tail", ["a%2Fb", "a%252Fb", "100%25", "山%20"])
def test_an_id_is_decoded_once(local: Local, tail: str) -> None:
    uri = f"urn:ngsi-ld:Shelter:{tail}:{uuid4().hex}"
    assert local.ask("POST", ENTITIES, {"id": uri, "type": "Shelter", "n": prop(1)}).status_code == 201
    assert local.get(uri)["id"] == uri
    assert local.ask("DELETE", f"{ENTITIES}/{quote(uri, safe='')}").status_code == 204
    assert not local.there(uri)
