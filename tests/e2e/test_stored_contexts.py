"""`/ngsi-ld/v1/jsonldContexts` over HTTP: clauses 5.13, 6.29, 6.30, also seen from a second worker."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from gateway import ENTITIES, Gateway, Space, fresh_database, settings
from sources import Host

from adapters.testing.serving import Reply

STORED = "/ngsi-ld/v1/jsonldContexts"
CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld"
LD = {"content-type": "application/ld+json"}


def add(client: httpx2.Client, context: Any, tenant: str = "") -> str:
    """The path of what was stored."""
    headers = {"ngsild-tenant": tenant} if tenant else {}
    answer = client.post(STORED, json={"@context": context}, headers=headers)
    assert (answer.status_code, answer.content) == (201, b""), answer.text
    return str(answer.headers["location"])


def link(url: str) -> dict[str, str]:
    return {"link": f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}


def problem(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


def at(url: str) -> str:
    return f"{STORED}/{quote(url, safe='')}"


def test_what_is_hosted_can_be_served_listed_used_and_deleted(gateway: Gateway, space: Space) -> None:
    client = gateway.client
    terms = {"Refuge": "https://example.org/Refuge", "seats": "https://example.org/seats"}
    path = add(client, terms)
    served = client.get(path)
    assert (served.json(), served.headers["content-type"]) == ({"@context": terms}, "application/json")
    assert client.get(path, headers={"accept": "application/ld+json"}).headers["content-type"] == "application/ld+json"
    details = client.get(path, params={"details": "true"}).json()
    assert details["URL"] == gateway.url + path
    assert (details["kind"], details["localId"]) == ("Hosted", path.rpartition("/")[2])
    assert gateway.url + path in client.get(STORED, params={"kind": "Hosted"}).json()
    assert gateway.url + path not in client.get(STORED, params={"kind": "Cached"}).json()

    entity = {"id": "urn:ngsi-ld:Refuge:1", "type": "Refuge", "seats": {"type": "Property", "value": 3}}
    made = client.post(ENTITIES, json=entity, headers=link(gateway.url + path) | {"ngsild-tenant": space.tenant})
    assert made.status_code == 201, made.text
    assert space.get(f"{ENTITIES}/{entity['id']}").json()["type"] == "https://example.org/Refuge"
    hits = client.get(path, params={"details": "true"}).json()["numberOfHits"]
    assert hits > details["numberOfHits"] + 1

    assert client.delete(path).status_code == 204
    assert problem(client.get(path)) == (404, "ResourceNotFound")
    assert problem(client.delete(path)) == (404, "ResourceNotFound")
    assert problem(space.get(type="Refuge", headers=link(gateway.url + path))) == (504, "LdContextNotAvailable")


def test_a_fetched_one_is_cached_reloaded_and_deleted(gateway: Gateway, space: Space, host: Host) -> None:
    client = gateway.client
    bodies = [b'{"@context": {"a": "https://example.org/1"}}']
    server = host.serve(lambda request: Reply(bodies[0], 200 if bodies[0] else 500))
    url = server.url + "/c.jsonld"
    entity = {"id": "urn:ngsi-ld:T:1", "type": "T", "a": {"type": "Property", "value": 1}, "@context": url}
    tenant = {"ngsild-tenant": space.tenant}

    def written() -> str:
        assert client.post(ENTITIES, json=entity, headers=LD | tenant).status_code == 201
        name = next(n for n in space.get(f"{ENTITIES}/{entity['id']}").json() if n.startswith("https:"))
        client.delete(f"{ENTITIES}/{entity['id']}", headers=tenant)
        return str(name)

    assert written() == "https://example.org/1"
    details = client.get(at(url), params={"details": "true"}).json()
    assert (details["URL"], details["kind"], details["numberOfHits"]) == (url, "Cached", 1)
    assert details["expiresAt"] > details["createdAt"]
    assert client.get(f"{STORED}/{details['localId']}", params={"details": "true"}).json()["URL"] == url
    assert problem(client.get(at(url))) == (422, "OperationNotSupported")

    bodies[0] = b'{"@context": {"a": "https://example.org/2"}}'
    assert written() == "https://example.org/1"
    assert client.delete(at(url), params={"reload": "true"}).status_code == 204
    assert written() == "https://example.org/2"
    for broken in (b"", b"<html>", b"{}"):
        bodies[0] = broken
        assert problem(client.delete(at(url), params={"reload": "true"})) == (504, "LdContextNotAvailable")
    assert written() == "https://example.org/2"
    assert url in client.get(STORED, params={"kind": "Cached"}).json()

    bodies[0] = b'{"@context": {"a": "https://example.org/3"}}'
    assert client.delete(at(url)).status_code == 204
    assert problem(client.get(at(url), params={"details": "true"})) == (404, "ResourceNotFound")
    assert written() == "https://example.org/3"


def test_the_core_is_there_and_stays(gateway: Gateway) -> None:
    client = gateway.client
    assert client.get(at(CORE), params={"details": "true"}).json()["kind"] == "Cached"
    assert problem(client.delete(at(CORE))) == (400, "BadRequestData")
    assert client.delete(at(CORE), params={"reload": "true"}).status_code == 204
    assert CORE in client.get(STORED).json()


@pytest.mark.parametrize(
    ("context", "kind"),
    [
        (42, "BadRequestData"),
        (True, "BadRequestData"),
        (None, "BadRequestData"),
        (["https://example.org/c", 7], "BadRequestData"),
        ("ftp://example.org/c", "BadRequestData"),
        ({"a": {"@id": "https://example.org/a", "@context": {}}}, "BadRequestData"),
        ({"a": {"@id": 7}}, "BadRequestData"),
        ({"a": "b" * 3000}, "BadRequestData"),
    ],
)
def test_what_is_no_context_is_not_stored(gateway: Gateway, context: object, kind: str) -> None:
    before = gateway.client.get(STORED, params={"kind": "Hosted"}).json()
    answer = gateway.client.post(STORED, json={"@context": context})
    assert problem(answer) == (400, kind)
    assert "location" not in answer.headers
    assert gateway.client.get(STORED, params={"kind": "Hosted"}).json() == before


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"context": {}}', b"", b'"x"'])
def test_a_body_that_has_none_is_an_invalid_request(gateway: Gateway, body: bytes) -> None:
    answer = gateway.client.post(STORED, content=body, headers={"content-type": "application/json"})
    assert problem(answer) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    ("method", "path", "params", "expected"),
    [
        ("GET", STORED, {"kind": "other"}, (400, "BadRequestData")),
        ("GET", STORED, {"details": "other"}, (400, "BadRequestData")),
        ("GET", STORED, {"other": "x"}, (400, "InvalidRequest")),
        ("GET", STORED + "/wrong", {"details": "true"}, (404, "ResourceNotFound")),
        ("GET", STORED + "/wrong", {"details": "x"}, (400, "BadRequestData")),
        ("GET", STORED + "/%00", {}, (404, "ResourceNotFound")),
        ("DELETE", STORED + "/wrong", {"reload": "true"}, (400, "BadRequestData")),
        ("DELETE", STORED + "/urn:ngsi-ld:Context:0", {"reload": "true"}, (404, "ResourceNotFound")),
        ("DELETE", STORED + "/wrong", {"reload": "false"}, (404, "ResourceNotFound")),
        ("DELETE", STORED + "/wrong", {"reload": "xxx"}, (400, "BadRequestData")),
    ],
)
def test_wrong_names_and_parameters(
    gateway: Gateway, method: str, path: str, params: dict[str, str], expected: tuple[int, str]
) -> None:
    assert problem(gateway.client.request(method, path, params=params)) == expected


def test_json_ld_that_is_hosted_has_no_link(gateway: Gateway) -> None:
    body = b'{"@context": {"a": "https://example.org/a"}}'
    assert problem(gateway.client.post(STORED, headers=LD | link(CORE), content=body)) == (400, "BadRequestData")
    assert gateway.client.post(STORED, headers=LD, content=body).status_code == 201


def test_only_cached_ones_are_reloaded(gateway: Gateway) -> None:
    path = add(gateway.client, {"a": "https://example.org/a"})
    assert problem(gateway.client.delete(path, params={"reload": "true"})) == (400, "BadRequestData")
    assert gateway.client.get(path).status_code == 200


def test_one_tenant_does_not_see_another_s(gateway: Gateway) -> None:
    client = gateway.client
    path = add(client, {"secret": "https://example.org/secret"}, tenant="tenant-a")
    for tenant in ("tenant-b", "tenant-c"):
        headers = {"ngsild-tenant": tenant}
        assert problem(client.get(path, headers=headers)) == (404, "ResourceNotFound")
        assert problem(client.delete(path, headers=headers)) == (404, "ResourceNotFound")
        assert path not in client.get(STORED, params={"details": "true"}, headers=headers).text
    assert path not in client.get(STORED).text
    assert problem(client.get(path, params={"details": "true"})) == (404, "ResourceNotFound")
    # whoever follows a Link knows no tenants
    assert client.get(path).status_code == 200
    assert client.get(path, headers={"ngsild-tenant": "tenant-a"}).headers["ngsild-tenant"] == "tenant-a"
    assert client.delete(path, headers={"ngsild-tenant": "tenant-a"}).status_code == 204


def test_all_workers_see_what_one_does(
    gateway: Gateway, space: Space, tmp_path_factory: pytest.TempPathFactory
) -> None:
    changes = {"secret_key": "k" * 44, "public_url": "https://city.example/"}
    second = Gateway(settings(tmp_path_factory.mktemp("worker"), gateway.settings.database_url, **changes))
    try:
        path = add(second.client, {"Refuge": "https://example.org/Refuge"})
        assert second.client.get(path, params={"details": "true"}).json()["URL"] == "https://city.example" + path
        url = "https://city.example" + path
        assert space.get(type="Refuge", headers=link(url)).status_code == 200
        assert second.client.delete(path).status_code == 204
        space.wait(lambda: space.get(type="Refuge", headers=link(url)).status_code != 200)
    finally:
        second.close()


def test_without_a_key_a_document_is_served_and_nothing_else(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with fresh_database(postgres_url) as url:
        closed = Gateway(settings(tmp_path_factory.mktemp("closed"), url, access="closed", admin_key="a" * 32))
        try:
            answer = closed.client.post(
                STORED, json={"@context": {"a": "https://example.org/a"}}, headers={"x-api-key": "a" * 32}
            )
            path = answer.headers["location"]
            assert closed.client.get(path).status_code == 200
            for method, target, params in (
                ("GET", path, {"details": "true"}),
                ("GET", STORED, {}),
                ("DELETE", path, {}),
            ):
                assert closed.client.request(method, target, params=params).status_code == 401
            assert closed.client.post(STORED, json={"@context": {}}).status_code == 401
            unknown = {"ngsild-tenant": "no-such-tenant"}
            assert closed.client.get(ENTITIES, params={"type": "T"}, headers=unknown).status_code == 401
        finally:
            closed.close()
