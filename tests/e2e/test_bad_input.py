"""Whatever is wrong with a request, the answer is a problem that names the parameter, and soon."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from gateway import ENTITIES, NGSI_LD_PROBLEM, PROBLEM, Gateway, Space
from sources import Host

from adapters.testing.faults import Fault, FaultServer
from adapters.testing.serving import Reply

ETSI = "https://uri.etsi.org/ngsi-ld/errors/"
HERE = "georel=near%3BmaxDistance%3D%3D100&geometry=Point&coordinates="

BAD: list[tuple[str, str]] = [
    ("type=T&q=a%3D%3D", "q"),
    ("type=T&q=(a%3D%3D1", "q"),
    ("type=T&q=a%3D%3D1)", "q"),
    ("type=T&q=", "q"),
    ("type=T&q=a~%3D(%3F%3Dx)", "q"),
    ("type=T&limit=-1", "limit"),
    ("type=T&limit=99999999", "limit"),
    ("type=T&limit=1001", "limit"),
    ("type=T&limit=abc", "limit"),
    ("type=T&limit=1.5", "limit"),
    ("type=T&limit=%D9%A1", "limit"),
    ("type=T&limit=0", "limit"),
    ("type=T&limit=" + "9" * 5000, "limit"),
    ("type=T&offset=-1", "offset"),
    ("type=T&offset=99999999999999999999", "offset"),
    ("type=T&count=yes", "count"),
    ("type=T&" + HERE + "[200,95]", "coordinates"),
    ("type=T&" + HERE + "[139.7]", "coordinates"),
    ("type=T&" + HERE + "[" * 2000, "coordinates"),
    ("type=T&" + HERE + "nonsense", "coordinates"),
    ("type=T&" + HERE + "[NaN,1]", "coordinates"),
    ("type=T&georel=beside&geometry=Point&coordinates=[139.7,35.6]", "georel"),
    ("type=T&georel=near&geometry=Point&coordinates=[139.7,35.6]", "georel"),
    ("type=T&georel=near%3BmaxDistance%3D%3D-5&geometry=Point&coordinates=[139.7,35.6]", "georel"),
    ("type=T&georel=within&geometry=Blob&coordinates=[139.7,35.6]", "geometry"),
    ("type=T&georel=within", "geometry"),
    ("type=T&idPattern=(", "idPattern"),
    ("type=T&idPattern=(%3F%3C%3Da)b", "idPattern"),
    ("type=", "type"),
    ("type=A;", "type"),
    ("type=(A", "type"),
    ("id=not-a-uri", "id"),
    ("", "type"),
    ("limit=5", "type"),
    ("type=T&attrs=a,,b", "attrs"),
    ("type=T&attrs=", "attrs"),
    ("type=T&pick=a&omit=a", "omit"),
    ("type=T&options=nonsense", "options"),
    ("type=T&options=concise,keyValues", "options"),
    ("type=T&format=xml", "format"),
    ("type=T&tpye=U", "tpye"),
    ("type=T&type=U", "type"),
    ("type=T&q=%ff%fe", "query string"),
    ("type=T&" + "&".join(f"x{n}=1" for n in range(200)), "query string"),
]


@pytest.mark.parametrize(("query", "field"), BAD, ids=[f"{n}-{field}" for n, (_, field) in enumerate(BAD)])
def test_bad_query_names_the_parameter(gateway: Gateway, query: str, field: str) -> None:
    status, headers, body = raw_get(gateway, f"{ENTITIES}?{query}")
    assert status == 400, body
    assert headers["content-type"] == NGSI_LD_PROBLEM
    problem = loads(body)
    assert problem["field"] == field
    assert problem["type"] in (ETSI + "BadRequestData", ETSI + "InvalidRequest")
    assert problem["status"] == 400
    assert problem["title"]
    assert problem["detail"]
    assert len(body) < 2000, "what was sent is not sent back whole"
    assert "kakehashi-flow" not in headers


@pytest.mark.parametrize(
    ("name", "value", "field", "status"),
    [
        ("accept", "text/html", "Accept", 406),
        ("ngsild-tenant", "../x", "NGSILD-Tenant", 400),
        ("ngsild-tenant", "x" * 300, "NGSILD-Tenant", 400),
        ("link", "<not a url", "Link", 400),
        ("link", '<ftp://x/y>; rel="http://www.w3.org/ns/json-ld#context"', "@context", 400),
        ("idempotency-key", "x" * 300, "Idempotency-Key", 400),
        ("via", "1.1 a, " * 1000, "Via", 400),
    ],
)
def test_bad_header_names_the_header(gateway: Gateway, name: str, value: str, field: str, status: int) -> None:
    got, headers, body = raw_get(gateway, f"{ENTITIES}?type=T", {name: value})
    assert got == status, body
    assert headers["content-type"] == NGSI_LD_PROBLEM
    assert loads(body)["field"] == field


@pytest.mark.parametrize("entity_id", ["x", "urn", "urn:%20", "%ff", "urn:ngsi-ld:a%00b", "urn:<x>"])
def test_retrieve_of_what_is_no_uri(gateway: Gateway, entity_id: str) -> None:
    status, headers, body = raw_get(gateway, f"{ENTITIES}/{entity_id}")
    assert (status, headers["content-type"]) == (400, NGSI_LD_PROBLEM), body
    assert loads(body)["field"] == "id"


def test_q_that_is_nested_too_deep_is_too_complex(gateway: Gateway) -> None:
    status, headers, body = raw_get(gateway, f"{ENTITIES}?type=T&q=" + "(" * 500 + "a" + ")" * 500)
    assert (status, headers["content-type"]) == (403, NGSI_LD_PROBLEM)
    assert loads(body)["type"] == ETSI + "TooComplexQuery"
    assert loads(body)["field"] == "q"


@pytest.mark.parametrize("size", [40_000, 100_000, 200_000, 10_000_000])
def test_query_string_that_is_too_long_is_414(gateway: Gateway, size: int) -> None:
    status, headers, body = raw_get(gateway, f"{ENTITIES}?type=T&q=" + "a" * size)
    assert (status, headers["content-type"]) == (414, NGSI_LD_PROBLEM)
    assert loads(body)["field"] == "query string"
    assert gateway.client.get("/health/live").status_code == 200


@pytest.mark.parametrize("headers", [{"x-long": "a" * 300_000}, {f"x-{n}": "a" * 1000 for n in range(300)}])
def test_headers_without_an_end_are_431(gateway: Gateway, headers: dict[str, str]) -> None:
    status, answered, body = raw_get(gateway, f"{ENTITIES}?type=T", headers)
    assert (status, answered["content-type"]) == (431, NGSI_LD_PROBLEM)
    assert loads(body)["field"] == "headers"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /ngsi-ld/v1/entities?type=\xff\xfe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_problem_too(gateway: Gateway, sent: bytes) -> None:
    parts = urlsplit(gateway.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), 10) as raw:
        raw.sendall(sent)
        answer = b""
        while chunk := raw.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert NGSI_LD_PROBLEM.encode() in head
    assert loads(body)["status"] == 400


def test_who_names_problem_json_gets_it(gateway: Gateway) -> None:
    for path in (f"{ENTITIES}/urn:x:none", f"{ENTITIES}?type=T&limit=x", "/ngsi-ld/v1/nothing"):
        asked = gateway.client.get(path, headers={"accept": f"application/json, {PROBLEM}"})
        assert (asked.status_code >= 400, asked.headers["content-type"]) == (True, PROBLEM)


@pytest.mark.parametrize("accept", ["text/html", "application/geo+json", PROBLEM])
def test_what_can_be_had_is_told_with_406(gateway: Gateway, accept: str) -> None:
    answer = gateway.client.get("/ngsi-ld/v1/types", headers={"accept": accept})
    assert answer.status_code == 406
    assert answer.headers["content-type"] == (PROBLEM if accept == PROBLEM else NGSI_LD_PROBLEM)
    assert answer.json()["available"] == ["application/json", "application/ld+json"]


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "application/geo+json"])
def test_415_and_411_are_bare(gateway: Gateway, media: str) -> None:
    answer = gateway.client.post(ENTITIES, content=b"{}", headers={"content-type": media})
    assert (answer.status_code, answer.content, "content-type" in answer.headers) == (415, b"", False)
    unmeasured = gateway.client.post(ENTITIES, content=iter([b"{}"]), headers={"content-type": media})
    assert (unmeasured.status_code, unmeasured.content) == (411, b"")


def test_unknown_paths_and_methods(gateway: Gateway) -> None:
    missing = gateway.client.get("/ngsi-ld/v1/nothing")
    assert (missing.status_code, missing.headers["content-type"]) == (404, NGSI_LD_PROBLEM)
    refused = gateway.client.request("PATCH", ENTITIES)
    assert refused.status_code == 405
    assert "GET" in refused.headers["allow"]


def test_context_that_is_not_there_is_504_soon(space: Space, host: Host) -> None:
    server = host.serve(lambda request: Reply(b"", 404))
    answer = space.get(type="T", headers=linked(server.url + "/context.jsonld"))
    assert answer.status_code == 504
    assert answer.headers["content-type"] == NGSI_LD_PROBLEM
    problem = answer.json()
    assert problem["type"] == ETSI + "LdContextNotAvailable"
    assert problem["field"] == "@context"
    assert problem["value"] == server.url + "/context.jsonld"
    assert "kakehashi-flow" not in answer.headers


def test_context_of_a_hung_server_is_504_within_its_two_seconds(space: Space, host: Host) -> None:
    server = host.start(FaultServer(Fault.HUNG))
    began = time.monotonic()
    answer = space.get(type="T", headers=linked(server.url + "/context.jsonld"))
    took = time.monotonic() - began
    assert answer.status_code == 504
    assert answer.json()["type"] == ETSI + "LdContextNotAvailable"
    assert took < 4
    began = time.monotonic()
    assert space.get(type="T", headers=linked(server.url + "/context.jsonld")).status_code == 504
    assert time.monotonic() - began < 1, "a failure is remembered for a while"


def test_context_that_is_no_json(space: Space, host: Host) -> None:
    server = host.serve(lambda request: Reply(b"<html>", 200))
    answer = space.get(type="T", headers=linked(server.url + "/context.jsonld"))
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (400, "BadRequestData")


def linked(url: str) -> dict[str, str]:
    return {"link": f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}


def raw_get(gateway: Gateway, target: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    """As it stands, without a client that mends it."""
    parts = urlsplit(gateway.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=30)
    try:
        connection.putrequest("GET", target, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def loads(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body)
    return found
