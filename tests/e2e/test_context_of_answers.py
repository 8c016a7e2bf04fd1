"""Where the @context of an answer stands: in its body, or behind its Link (clause 6.3.6)."""

from __future__ import annotations

from gateway import Gateway, Space

STORED = "/ngsi-ld/v1/jsonldContexts"
LD = {"content-type": "application/ld+json"}


def test_an_answer_links_to_an_inline_context(gateway: Gateway, space: Space) -> None:
    context = {"Refuge": "https://example.org/Refuge"}
    tenant = {"ngsild-tenant": space.tenant}
    body = {"type": "Query", "entities": [{"type": "Refuge"}], "@context": [context]}
    links = set()
    for _ in range(2):
        answer = gateway.client.post("/ngsi-ld/v1/entityOperations/query", json=body, headers=LD | tenant)
        assert answer.status_code == 200, answer.text
        links.add(answer.headers["link"].partition(">")[0].removeprefix("<"))
    (url,) = links
    assert url.startswith(gateway.url + STORED)
    assert context in gateway.client.get(url).json()["@context"]
    kinds = gateway.client.get(STORED, params={"kind": "ImplicitlyCreated", "details": "true"}, headers=tenant).json()
    assert [one["URL"] for one in kinds] == [url]


def test_geojson_has_its_context_where_it_is_preferred(gateway: Gateway, space: Space) -> None:
    for preference, inside in (({}, True), ({"prefer": "body=ld+json"}, True), ({"prefer": "body=json"}, False)):
        answer = space.get(type="T", headers={"accept": "application/geo+json", **preference})
        assert answer.status_code == 200
        assert ("@context" in answer.json()) is inside
        assert "json-ld#context" in answer.headers.get("link", "") or inside
