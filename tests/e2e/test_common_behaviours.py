"""What every NGSI-LD operation does alike: preconditions, tenants, preferences, who we are (clauses 5.5.10, 6.3)."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from gateway import ENTITIES, Gateway, Space, settings

SHELTER = {"id": "urn:ngsi-ld:Shelter:1", "type": "Shelter"}
OPERATIONS = "/ngsi-ld/v1/entityOperations"
REGISTRATIONS = "/ngsi-ld/v1/csourceRegistrations"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ENTITIES),
        ("PUT", ENTITIES + "/urn:x:1"),
        ("POST", OPERATIONS + "/upsert"),
        ("PATCH", REGISTRATIONS + "/urn:x:1"),
    ],
)
def test_a_body_without_its_length_is_411_before_anything_else(gateway: Gateway, method: str, path: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"id": "urn:ngsi-ld:Shelter:411", "type": "Shelter"}'

    for tenant in ({}, {"ngsild-tenant": "no-such-tenant"}):
        headers = {"content-type": "application/json", **tenant}
        answer = gateway.client.request(method, path, content=chunks(), headers=headers)
        assert (answer.status_code, answer.content) == (411, b"")
    assert gateway.client.get(ENTITIES, params={"type": "Shelter"}).status_code == 200


def test_another_media_type_is_415_without_a_body(gateway: Gateway) -> None:
    for path in (ENTITIES, OPERATIONS + "/create", REGISTRATIONS, "/ngsi-ld/v1/jsonldContexts"):
        # a merge patch is something for PATCH only (clause 6.3.4)
        for kind in ("application/xml", "application/merge-patch+json"):
            answer = gateway.client.post(path, content=b"{}", headers={"content-type": kind})
            assert (answer.status_code, answer.content) == (415, b""), path


def test_a_snapshot_that_is_meant_is_not_taken_for_what_is_there(gateway: Gateway, space: Space) -> None:
    headers = {"ngsild-tenant": space.tenant, "ngsild-snapshot": "urn:ngsi-ld:Snapshot:1"}
    for method in ("GET", "POST", "DELETE"):
        answer = gateway.client.request(method, ENTITIES, json={} if method == "POST" else None, headers=headers)
        assert (answer.status_code, answer.json()["field"]) == (422, "NGSILD-Snapshot")


def test_406_tells_what_can_be_had(gateway: Gateway) -> None:
    for path in ("/ngsi-ld/v1/types", "/ngsi-ld/v1/jsonldContexts", REGISTRATIONS, "/ngsi-ld/v1/info/sourceIdentity"):
        answer = gateway.client.get(path, headers={"accept": "application/geo+json"})
        assert answer.status_code == 406
        assert "application/ld+json" in answer.text
    assert gateway.client.get(ENTITIES, params={"type": "T"}, headers={"accept": "text/html"}).status_code == 406


def test_a_tenant_exists_from_its_first_successful_create_on(gateway: Gateway, space: Space) -> None:
    headers = {"ngsild-tenant": space.tenant + "-new"}
    client = gateway.client

    def read() -> tuple[int, str]:
        answer = client.get(ENTITIES, params={"type": "Shelter"}, headers=headers)
        assert answer.headers["ngsild-tenant"] == headers["ngsild-tenant"]
        return answer.status_code, "" if answer.status_code == 200 else answer.json()["type"].rpartition("/")[2]

    unknown = (404, "NonexistentTenant")
    assert read() == unknown
    for method, path, body in (
        ("PUT", ENTITIES + "/urn:ngsi-ld:Shelter:1", SHELTER),
        ("DELETE", ENTITIES + "/urn:ngsi-ld:Shelter:1", None),
        ("POST", OPERATIONS + "/delete", ["urn:ngsi-ld:Shelter:1"]),
        ("GET", REGISTRATIONS, None),
        ("GET", "/ngsi-ld/v1/types", None),
    ):
        assert client.request(method, path, json=body, headers=headers).status_code == 404
    assert client.post(ENTITIES, json={"id": "no uri", "type": "Shelter"}, headers=headers).status_code == 400
    assert read() == unknown
    made = client.post(ENTITIES, json=SHELTER, headers=headers)
    assert (made.status_code, made.headers["ngsild-tenant"]) == (201, headers["ngsild-tenant"])
    assert read() == (200, "")
    assert client.delete(f"{ENTITIES}/{SHELTER['id']}", headers=headers).status_code == 204
    assert read() == (200, "")


def test_the_default_tenant_exists(gateway: Gateway) -> None:
    for headers in ({}, {"ngsild-tenant": ""}):
        answer = gateway.client.get(ENTITIES, params={"type": "Nothing"}, headers=headers)
        assert (answer.status_code, answer.json()) == (200, [])
        assert "ngsild-tenant" not in answer.headers


@pytest.mark.parametrize("tenant", ["a b", "-" * 129, "a/b", "é", "a;b", ".a"])
def test_what_is_no_name_of_a_tenant(gateway: Gateway, tenant: str) -> None:
    answer = gateway.client.get(ENTITIES, params={"type": "T"}, headers=[(b"ngsild-tenant", tenant.encode("latin-1"))])
    assert (answer.status_code, answer.json()["field"]) == (400, "NGSILD-Tenant")


def test_another_worker_learns_of_a_tenant(
    gateway: Gateway, space: Space, tmp_path_factory: pytest.TempPathFactory
) -> None:
    second = Gateway(settings(tmp_path_factory.mktemp("second"), gateway.settings.database_url, secret_key="k" * 44))
    try:
        headers = {"ngsild-tenant": space.tenant + "-second"}
        assert second.client.post(OPERATIONS + "/upsert", json=[SHELTER], headers=headers).status_code == 201

        def ids() -> list[str]:
            answer = gateway.client.get(ENTITIES, params={"type": "Shelter"}, headers=headers)
            return [e["id"] for e in answer.json()] if answer.status_code == 200 else []

        space.wait(lambda: ids() == [SHELTER["id"]])
    finally:
        second.close()


@pytest.mark.parametrize("path", ["/ngsi-ld/v1/subscriptions", "/ngsi-ld/v1/csourceSubscriptions"])
def test_preconditions_of_subscriptions(gateway: Gateway, path: str) -> None:
    client = gateway.client
    body = {"type": "Subscription", "entities": [{"type": "T"}], "notification": {"endpoint": {"uri": "http://a.b/c"}}}

    def problem(method: str, target: str, **options: Any) -> tuple[int, str]:
        answer = client.request(method, target, **options)
        return answer.status_code, answer.json()["type"].rpartition("/")[2] if answer.content else ""

    assert problem("POST", path, json=body, params={"x": "y"}) == (400, "InvalidRequest")
    assert problem("POST", path, content=b"{", headers={"content-type": "application/json"}) == (400, "InvalidRequest")
    away = body | {"@context": "http://127.0.0.1:9/context.jsonld"}
    assert problem("POST", path, json=away, headers={"content-type": "application/ld+json"})[0] == 504
    assert problem("POST", path, content=b"<a/>", headers={"content-type": "application/xml"}) == (415, "")
    assert problem("PATCH", path + "/urn:x:1", content=b"<a/>", headers={"content-type": "text/xml"}) == (415, "")
    assert problem("GET", path + "/urn:x:1", headers={"accept": "text/xml"})[0] == 406
    for method in ("GET", "DELETE"):
        assert problem(method, path + "/urn:x:1") == (404, "ResourceNotFound")
    assert problem("PATCH", path + "/urn:x:1", json={}) == (404, "ResourceNotFound")
    assert problem("PATCH", path + "/no-uri", json={}) == (400, "BadRequestData")
    listed = client.get(path, params={"count": "true", "limit": "0"}, headers={"ngsild-tenant": ""})
    assert (listed.json(), listed.headers["ngsild-results-count"]) == ([], "0")


def test_204_has_no_length(gateway: Gateway, space: Space) -> None:
    tenant = {"ngsild-tenant": space.tenant}
    gateway.client.post(ENTITIES, json=SHELTER, headers=tenant)
    answer = gateway.client.delete(f"{ENTITIES}/{SHELTER['id']}", headers=tenant)
    assert answer.status_code == 204
    assert not {"content-length", "transfer-encoding", "link"} & set(answer.headers)


def test_a_preferred_version_is_answered_with_ours(gateway: Gateway) -> None:
    for preference, applied in (
        ("ngsi-ld=1.6", "ngsi-ld=1.6"),
        ("ngsi-ld=1.10", "ngsi-ld=1.9"),
        ("return=minimal", None),
    ):
        answer = gateway.client.get(ENTITIES, params={"type": "T"}, headers={"prefer": preference})
        assert answer.headers.get("preference-applied") == applied


def test_who_we_are(gateway: Gateway) -> None:
    def identity(**headers: str) -> dict[str, str]:
        answer = gateway.client.get("/ngsi-ld/v1/info/sourceIdentity", headers=headers)
        assert answer.status_code == 200
        body: dict[str, str] = answer.json()
        return body

    plain = identity()
    assert plain["type"] == "ContextSourceIdentity"
    assert plain["id"].startswith("urn:")
    assert re.fullmatch(r"PT\d+S", plain["contextSourceUptime"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", plain["contextSourceTimeAt"])
    aliases = [identity(**{"ngsild-tenant": t})["contextSourceAlias"] for t in ("a", "b", "a")]
    assert aliases[0] == aliases[2]
    assert len({*aliases, plain["contextSourceAlias"]}) == 3
    assert "@context" in identity(accept="application/ld+json")
    assert gateway.client.get("/ngsi-ld/v1/info/sourceIdentity", params={"x": "y"}).status_code == 400


def test_what_we_conform_to_and_where_we_are(gateway: Gateway) -> None:
    told = gateway.client.get("/ngsi-ld/v1/info/conformance").json()
    assert told["specificationVersion"] == "1.9"
    found = gateway.client.get("/.well-known/ngsi-ld").json()
    assert found["apiRoot"] == gateway.url + "/ngsi-ld/v1"
    assert {"entities", "entityOperations", "types", "jsonldContexts"} <= set(told["resources"])
    assert {"subscriptions", "csourceSubscriptions"} <= set(told["resources"])
    assert gateway.client.get(f"{found['apiRoot']}/types").status_code == 200


def test_a_host_header_does_not_get_into_an_address(gateway: Gateway) -> None:
    parts = urlsplit(gateway.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection:
        connection.sendall(b'GET /.well-known/ngsi-ld HTTP/1.1\r\nHost: evil"><x\r\nConnection: close\r\n\r\n')
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert b"evil" not in answer


@pytest.mark.parametrize(
    ("path", "document"),
    [
        (ENTITIES, {"id": "urn:ngsi-ld:T:written", "type": "T"}),
        (
            "/ngsi-ld/v1/csourceRegistrations",
            {
                "type": "ContextSourceRegistration",
                "information": [{"entities": [{"type": "T"}]}],
                "endpoint": "http://127.0.0.1:9/",
            },
        ),
        ("/ngsi-ld/v1/jsonldContexts", {"@context": {"a": "urn:example:a"}}),
    ],
)
def test_location_is_written_as_its_rfc_writes_it(
    gateway: Gateway, space: Space, path: str, document: dict[str, Any]
) -> None:
    answer = gateway.client.post(path, json=document, headers={"ngsild-tenant": space.tenant})
    assert answer.status_code == 201, answer.text
    names = [name for name, _ in answer.headers.raw]
    assert b"Location" in names, names
    gateway.client.delete(answer.headers["location"], headers={"ngsild-tenant": space.tenant})
