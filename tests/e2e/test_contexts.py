"""The working @context: what a consumer asks in is what the answer is in, whatever the sources can do."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson
import pytest
from gateway import ENTITIES, Space
from sources import Entity, Host, NgsiLdSource

from adapters.testing.serving import Reply, Request
from schemas.ngsi_ld.context import CORE, Context, build

DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
WORDS: dict[str, Any] = {
    "避難所": DEFAULT + "Shelter",
    "定員": DEFAULT + "capacity",
    "観測": DEFAULT + "occupancy",
    "label": "https://schema.org/name",
}
OTHER: dict[str, Any] = {"Refuge": DEFAULT + "Shelter", "seats": DEFAULT + "capacity", "nom": "https://schema.org/name"}


def shelter(n: int, **attributes: Any) -> Entity:
    made: Entity = {"id": f"urn:ngsi-ld:Shelter:{n}", "type": "Shelter"}
    made["capacity"] = {"type": "Property", "value": n * 10}
    made["https://schema.org/name"] = {"type": "Property", "value": f"s{n}"}
    return made | attributes


def in_words(n: int) -> Entity:
    return {
        "id": f"urn:ngsi-ld:Shelter:{n}",
        "type": "避難所",
        "定員": {"type": "Property", "value": n * 10},
        "label": {"type": "Property", "value": f"s{n}"},
    }


def served(host: Host, terms: dict[str, Any], name: str = "context.jsonld") -> Context:
    """A context at an address on loopback."""
    body = orjson.dumps({"@context": terms})
    server = host.serve(lambda request: Reply(body, 200, {"content-type": "application/ld+json"}))
    url = f"{server.url}/{name}"
    return build(url, {url: {"@context": terms}})


def link(context: Context) -> dict[str, str]:
    return {"link": context.link_header()}


@pytest.fixture
def words(host: Host) -> Context:
    return served(host, WORDS)


def asked_in(requests: list[Request]) -> set[str | None]:
    return {r.headers.get("link") for r in requests if r.path == ENTITIES}


def test_a_source_that_resolves_the_context_is_asked_in_it(space: Space, host: Host, words: Context) -> None:
    source = host.serve(NgsiLdSource([shelter(n) for n in range(5)], contexts={str(words.url): words}))
    space.add(source.url)
    source.requests.clear()
    answer = space.get(type="避難所", headers=link(words), q="定員>10", attrs="定員,label")
    assert answer.json() == [in_words(n) for n in (2, 3, 4)]
    assert str(words.url) in answer.headers["link"]
    assert asked_in(source.requests) == {words.link_header()}


@pytest.mark.parametrize("sources", [1, 2])
def test_a_source_that_cannot_have_it_is_asked_in_the_core_context(
    space: Space, host: Host, words: Context, sources: int
) -> None:
    servers = [host.serve(NgsiLdSource([shelter(n) for n in range(k, 6, sources)])) for k in range(sources)]
    for server in servers:
        space.add(server.url)
        server.requests.clear()
    for _ in range(2):
        answer = space.get(type="避難所", headers=link(words), q="定員>10", attrs="定員,label")
        assert "ngsild-warning" not in answer.headers
        assert answer.json() == [in_words(n) for n in range(2, 6)]
    for server in servers:
        links = [r.headers.get("link") for r in server.requests if r.path == ENTITIES]
        assert links == [words.link_header(), None, None], "the refusal is remembered"
        assert "type=" + quote(DEFAULT + "Shelter", safe=":") in server.requests[-1].target


def test_an_answer_in_another_context_is_translated(space: Space, host: Host, words: Context) -> None:
    other = served(host, OTHER, "other.jsonld")
    space.add(host.serve(NgsiLdSource([shelter(1)], own=other, contexts={str(words.url): words})).url)
    assert space.get(type="避難所", headers=link(words)).json() == [in_words(1)]
    assert space.get(f"{ENTITIES}/{shelter(1)['id']}", headers=link(words)).json() == in_words(1)
    assert space.get(type="Shelter").json() == [shelter(1)]


def test_a_source_that_always_answers_in_the_core_context(space: Space, host: Host, words: Context) -> None:
    space.add(host.serve(NgsiLdSource([shelter(1)], own=CORE, contexts={str(words.url): words})).url)
    assert space.get(type="避難所", headers=link(words)).json() == [in_words(1)]


def test_sources_in_different_contexts_are_merged(space: Space, host: Host, words: Context) -> None:
    other = served(host, OTHER, "other.jsonld")
    count = {"type": "Property", "value": 3, "observedAt": "2026-11-22T09:00:00Z"}
    space.add(host.serve(NgsiLdSource([shelter(1)], own=other, contexts={str(words.url): words})).url)
    space.add(host.serve(NgsiLdSource([{"id": shelter(1)["id"], "type": "Shelter", "occupancy": count}])).url)
    answer = space.get(type="避難所", headers=link(words), count="true")
    assert answer.headers["ngsild-results-count"] == "1"
    assert answer.json() == [in_words(1) | {"観測": count}]


@pytest.mark.parametrize("version", ["1.6", "1.7", "1.8", "1.9"])
def test_every_core_version_is_built_in(space: Space, host: Host, version: str) -> None:
    space.add(host.serve(NgsiLdSource([shelter(1)])).url)
    url = f"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v{version}.jsonld"
    header = {"link": f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}
    answer = space.get(type="Shelter", headers=header)
    assert answer.json() == [shelter(1)]
    assert f"v{version}" in answer.headers["link"]


def test_geojson_and_jsonld_in_a_context(space: Space, host: Host, words: Context) -> None:
    space.add(host.serve(NgsiLdSource([shelter(1)])).url)
    (found,) = space.get(type="避難所", headers=link(words) | {"accept": "application/ld+json"}).json()
    assert found["@context"][0] == words.url
    assert found["定員"] == {"type": "Property", "value": 10}
    geo = space.get(type="避難所", options="keyValues", headers=link(words) | {"accept": "application/geo+json"}).json()
    assert geo["features"][0]["properties"]["定員"] == 10


def test_types_in_a_context(space: Space, host: Host, words: Context) -> None:
    space.add(host.serve(NgsiLdSource([shelter(1)])).url)
    assert space.get("/ngsi-ld/v1/types", headers=link(words)).json()["typeList"] == ["避難所"]


def test_coverage_is_compared_by_iri(space: Space, host: Host, words: Context) -> None:
    space.add(host.serve(NgsiLdSource([shelter(1)])).url, coverage={"types": ["Shelter"], "attributes": ["capacity"]})
    assert [e["id"] for e in space.get(type="避難所", headers=link(words), attrs="定員").json()] == [shelter(1)["id"]]
    assert space.get(type="Shelter", attrs="定員").json() == []


def test_a_context_of_many_documents(space: Space, host: Host) -> None:
    space.add(host.serve(NgsiLdSource([shelter(1)])).url)
    inner = served(host, {"避難所": DEFAULT + "Shelter"}, "inner.jsonld")
    outer = orjson.dumps({"@context": [inner.url, {"定員": DEFAULT + "capacity"}]})
    server = host.serve(lambda request: Reply(outer, 200, {"content-type": "application/ld+json"}))
    header = {"link": f'<{server.url}/c>; rel="http://www.w3.org/ns/json-ld#context"'}
    (found,) = space.get(type="避難所", headers=header).json()
    assert found["type"] == "避難所"
    assert found["定員"] == {"type": "Property", "value": 10}
