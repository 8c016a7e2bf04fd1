"""Platforms and registrations over HTTP: probed before they are stored, seen at once, forgotten when told."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from gateway import ENTITIES, NGSI_LD_PROBLEM, PROBLEM, Gateway, Space, settings
from sources import Entity, Host, NgsiLdSource

from adapters.testing.faults import Fault, FaultServer
from adapters.testing.serving import Reply, Request

REGISTRATIONS = "/ngsi-ld/v1/csourceRegistrations"


def shelter(n: int) -> Entity:
    return {"id": f"urn:ngsi-ld:Shelter:{n}", "type": "Shelter", "capacity": {"type": "Property", "value": n}}


@pytest.fixture
def source(host: Host) -> str:
    return host.serve(NgsiLdSource([shelter(n) for n in range(3)])).url


def registration(space: Space, endpoint: str, /, **members: Any) -> dict[str, Any]:
    document = {
        "id": f"urn:ngsi-ld:ContextSourceRegistration:{space.tenant}",
        "type": "ContextSourceRegistration",
        "information": [{"entities": [{"type": "Shelter"}]}],
        "endpoint": endpoint,
    }
    return document | members


def post(space: Space, document: dict[str, Any]) -> Any:
    return space.client.post(REGISTRATIONS, json=document, headers={"ngsild-tenant": space.tenant})


# --- platforms -------------------------------------------------------------------------------------------------------


def test_the_probe_says_in_words_what_it_found(space: Space, source: str) -> None:
    made = space.add(source, area="takeshiba", organisation="Council", name="竹芝")
    assert made["state"] == "active"
    assert made["area"] == "takeshiba"
    probe = made["probe"]
    assert probe["ok"] is True
    assert probe["types"] == ["Shelter"]
    assert {"type", "id", "q", "attrs", "limit", "count", "idPattern"} <= set(probe["verified"])
    assert len(probe["findings"]) >= 2
    assert all(text[0].isupper() and text.endswith(".") for text in probe["findings"])
    shown = space.client.get(f"/platforms/{made['id']}").json()
    assert shown["probe"] == probe
    assert shown["breaker"] == "closed"


def test_ids_in_japanese(space: Space, source: str, host: Host) -> None:
    made = space.add(source, f"竹芝-{space.tenant}", name="竹芝スマートシティ")
    assert made["id"] == f"竹芝-{space.tenant}"
    (shown,) = space.get(REGISTRATIONS, local="true").json()
    assert shown["id"].endswith(made["id"])
    answer = space.get(type="Shelter")
    assert len(answer.json()) == 3
    space.client.patch(f"/platforms/{made['id']}", json={"endpoint": closed_port()}, params={"force": "true"})
    space.wait(lambda: "ngsild-warning" in space.get(type="Shelter").headers)
    assert space.get(type="Shelter").headers["ngsild-warning"].isascii()


def test_a_credential_is_sent_and_never_shown(space: Space, host: Host) -> None:
    server = host.serve(NgsiLdSource([shelter(1)], key="s3cret-token"))
    made = space.add(server.url, credential={"kind": "bearer", "token": "s3cret-token"})
    assert made["has_credential"] is True
    assert space.ids(type="Shelter") == [shelter(1)["id"]]
    for path in ("/platforms", f"/platforms/{made['id']}", REGISTRATIONS, f"/platforms/{made['id']}/health"):
        assert "s3cret" not in space.get(path).text


def refused(space: Space, **fields: Any) -> dict[str, Any]:
    name = f"{space.tenant}-refused"
    document = {"id": name, "adapter": "ngsi_ld", "registry_tenant": space.tenant, **fields}
    answer = space.client.post("/platforms", json=document)
    assert answer.headers["content-type"] == PROBLEM
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert space.client.get(f"/platforms/{name}").status_code == 404, "nothing is stored"
    assert space.get(REGISTRATIONS, local="true").json() == []
    return problem


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_nobody_listens_at_the_endpoint(space: Space) -> None:
    problem = refused(space, endpoint=closed_port())
    assert (problem["status"], problem["field"]) == (422, "endpoint")
    assert "refused" in problem["detail"]


def test_a_name_that_does_not_exist(space: Space) -> None:
    problem = refused(space, endpoint="http://no-such-host.invalid")
    assert (problem["status"], problem["field"]) == (422, "endpoint")


def test_another_server_at_the_endpoint(space: Space, host: Host) -> None:
    server = host.serve(lambda request: Reply(b"<html>hello", 200, {"content-type": "text/html"}))
    problem = refused(space, endpoint=server.url)
    assert problem["status"] == 422
    assert problem["field"] in ("endpoint", "adapter")


def test_the_wrong_dialect_is_named(space: Space, host: Host) -> None:
    def orion(request: Request) -> Reply:
        if request.path == "/v2":
            return Reply(b'{"entities_url":"/v2/entities","types_url":"/v2/types"}', 200)
        return Reply(b'{"orionError":{"code":"400","reasonPhrase":"Bad Request"}}', 404)

    problem = refused(space, endpoint=host.serve(orion).url)
    assert (problem["status"], problem["field"]) == (422, "adapter")
    assert "ngsi_v2" in problem["detail"]


@pytest.mark.parametrize("credential", [None, {"kind": "bearer", "token": "wrong"}])
def test_a_credential_that_is_not_taken(space: Space, host: Host, credential: Any) -> None:
    server = host.serve(NgsiLdSource([shelter(1)], key="right"))
    fields = {} if credential is None else {"credential": credential}
    problem = refused(space, endpoint=server.url, **fields)
    assert (problem["status"], problem["field"]) == (422, "credential")
    assert "wrong" not in problem["detail"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"adapter": "nothing"}, "adapter"),
        ({"timeout_ms": 0}, "timeout_ms"),
        ({"timeout_ms": "soon"}, "timeout_ms"),
        ({"unknown": 1}, "unknown"),
        ({"credential": {"kind": "magic"}}, "credential.kind"),
        ({"credential": {"kind": "bearer"}}, "credential.token"),
        ({"coverage": {"types": "Shelter"}}, "coverage.types"),
        ({"coverage": {"id_patterns": ["("]}}, "coverage.id_patterns[0]"),
        ({"coverage": {"ids": ["x y"]}}, "coverage.ids[0]"),
        ({"coverage": {"geometry": {"type": "Point", "coordinates": [500, 0]}}}, "coverage.geometry"),
        ({"options": {"nonsense": 1}}, "options.nonsense"),
        ({"mode": "sometimes"}, "mode"),
        ({"endpoint": ""}, "endpoint"),
        ({"endpoint": "ftp://x"}, "endpoint"),
        ({"endpoint": "http://user:pw@127.0.0.1"}, "endpoint"),
        ({"id": "a b"}, "id"),
        ({"context": "ftp://x"}, "@context"),
    ],
)
def test_bad_input_names_the_member(space: Space, source: str, fields: dict[str, Any], field: str) -> None:
    document = {"id": f"{space.tenant}-bad", "adapter": "ngsi_ld", "endpoint": source, "registry_tenant": space.tenant}
    answer = space.client.post("/platforms", json=document | fields)
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["field"] == field
    assert space.get(REGISTRATIONS, local="true").json() == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff"])
def test_a_body_that_is_no_platform(space: Space, body: bytes) -> None:
    answer = space.client.post("/platforms", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)


def test_force_keeps_it_unverified_until_it_answers(space: Space, host: Host) -> None:
    held = NgsiLdSource([shelter(1)], key="later")
    server = host.serve(held)
    made = space.add(server.url, force=True)
    assert made["state"] == "unverified"
    assert made["probe"]["ok"] is False
    assert made["probe"]["problem"]
    answer = space.get(type="Shelter")
    assert answer.status_code == 200
    assert "ngsild-warning" in answer.headers
    held.key = None
    probed = space.client.post(f"/platforms/{made['id']}/probe").json()
    assert probed["state"] == "active"
    space.wait(lambda: space.get(type="Shelter").json() == [shelter(1)])


def test_the_same_id_twice_is_a_conflict(space: Space, source: str) -> None:
    made = space.add(source)
    again = {"id": made["id"], "adapter": "ngsi_ld", "endpoint": source}
    assert space.client.post("/platforms", json=again).status_code == 409


def test_patch_moves_a_platform(space: Space, host: Host, source: str) -> None:
    made = space.add(source)
    other = host.serve(NgsiLdSource([shelter(9)]))
    path = f"/platforms/{made['id']}"
    moved = space.client.patch(path, json={"endpoint": other.url, "area": "toyosu", "coverage": {"types": ["Shelter"]}})
    assert moved.status_code == 200, moved.text
    assert moved.json()["area"] == "toyosu"
    assert moved.json()["version"] > made["version"]
    space.wait(lambda: space.ids(type="Shelter") == [shelter(9)["id"]])
    assert space.client.patch(path, json={"area": None}).json()["area"] is None
    assert space.client.patch(path, json={"id": "other"}).json()["field"] == "id"
    assert space.client.patch(path, json={"endpoint": closed_port()}).status_code == 422
    assert space.client.get(path).json()["endpoint"] == other.url
    assert space.client.patch(path, json=[]).status_code == 400


def test_patch_of_a_credential(space: Space, host: Host) -> None:
    held = NgsiLdSource([shelter(1)], key="one")
    server = host.serve(held)
    made = space.add(server.url, credential={"kind": "bearer", "token": "one"})
    held.key = "two"
    path = f"/platforms/{made['id']}"
    assert space.client.patch(path, json={"credential": {"kind": "bearer", "token": "nope"}}).status_code == 422
    changed = space.client.patch(path, json={"credential": {"kind": "bearer", "token": "two"}})
    assert changed.status_code == 200
    space.wait(lambda: space.get(type="Shelter").json() == [shelter(1)])
    held.key = None
    assert space.client.patch(path, json={"credential": None}).json()["has_credential"] is False


def test_delete_forgets_a_platform_and_keeps_its_flows(space: Space, source: str) -> None:
    made = space.add(source)
    flow = space.get(type="Shelter").headers["kakehashi-flow"]
    request = space.get(type="Shelter").headers["x-request-id"]
    assert space.client.delete(f"/platforms/{made['id']}").status_code == 204
    assert space.client.get(f"/platforms/{made['id']}").status_code == 404
    space.wait(lambda: space.get(type="Shelter").json() == [])
    assert space.client.delete(f"/platforms/{made['id']}").status_code == 404
    assert [f["platform"] for f in space.client.get("/flows", params={"request": request}).json()] == [made["id"]]
    assert flow


def test_a_body_that_is_too_large(space: Space) -> None:
    for sent in (b"[" + b"1," * 6_000_000 + b"1]", iter([b"[" + b"1," * 6_000_000, b"1]"])):
        answer = space.client.post("/platforms", content=sent, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)
        assert answer.json()["field"] == "body"


def test_list_is_paged_and_counted(space: Space, source: str) -> None:
    for area in ("aa", "aa", "bb"):
        space.add(source, area=space.tenant + area)
    listed = space.client.get("/platforms", params={"area": space.tenant + "aa", "limit": 1})
    assert len(listed.json()) == 1
    assert listed.headers["kakehashi-results-count"] == "2"
    assert space.client.get("/platforms", params={"limit": 0}).status_code == 400


def test_certify_runs_the_suite(space: Space, source: str) -> None:
    made = space.add(source)
    result = space.client.post(f"/platforms/{made['id']}/certify").json()
    failed = [c for c in result["checks"] if not c["ok"]]
    assert failed == []
    assert result["certified"] is True
    assert space.client.get(f"/platforms/{made['id']}").json()["state"] == "certified"


def test_certify_fails_a_platform_that_lies_about_its_count(space: Space, host: Host) -> None:
    honest = NgsiLdSource([shelter(n) for n in range(12)])

    def lies(request: Request) -> Reply:
        reply = honest(request)
        if "ngsild-results-count" in reply.headers:
            reply.headers["ngsild-results-count"] = "99"
        return reply

    made = space.add(host.serve(lies).url)
    result = space.client.post(f"/platforms/{made['id']}/certify").json()
    assert result["certified"] is False
    assert "count" in [c["id"] for c in result["checks"] if not c["ok"]]


# --- registrations ---------------------------------------------------------------------------------------------------


def test_a_platform_is_a_registration(space: Space, source: str) -> None:
    made = space.add(source, coverage={"types": ["Shelter"]}, mode="inclusive")
    (shown,) = space.get(REGISTRATIONS, local="true").json()
    assert shown["type"] == "ContextSourceRegistration"
    assert shown["id"].endswith(made["id"])
    assert shown["endpoint"] == source
    assert shown["information"] == [{"entities": [{"type": "Shelter"}]}]
    one = space.get(f"{REGISTRATIONS}/{shown['id']}")
    assert one.json() == shown
    assert space.get(REGISTRATIONS, type="Toilet").json() == []
    counted = space.get(REGISTRATIONS, type="Shelter", count="true")
    assert counted.headers["ngsild-results-count"] == "1"


def test_a_posted_registration_is_left_alone_until_it_is_asked(space: Space, host: Host) -> None:
    honest, visits = NgsiLdSource([shelter(n) for n in range(3)]), list[str]()

    def counting(request: Request) -> Reply:
        visits.append(request.path)
        return honest(request)

    source = host.serve(counting).url
    answer = post(space, registration(space, source))
    assert answer.status_code == 201
    where = answer.headers["location"]
    assert space.get(where).json()["endpoint"] == source
    platform = f"/platforms/{where.rpartition('/')[2]}"
    space.wait(lambda: space.sees(platform.rpartition("/")[2]))
    assert visits == []
    space.wait(lambda: len(space.get(type="Shelter").json()) == 3)
    assert visits[0] == ENTITIES
    space.wait(lambda: space.client.get(platform).json()["state"] == "active", 20)
    assert post(space, registration(space, source)).status_code == 409
    gone = space.client.delete(where, headers={"ngsild-tenant": space.tenant})
    assert gone.status_code == 204
    space.wait(lambda: space.get(type="Shelter").json() == [])


def test_a_posted_registration_without_an_answering_source(space: Space) -> None:
    answer = post(space, registration(space, closed_port()))
    assert answer.status_code == 201
    found = space.get(type="Shelter")
    assert (found.status_code, found.json()) == (200, [])
    space.wait(lambda: "ngsild-warning" in space.get(type="Shelter").headers)
    space.client.delete(answer.headers["location"], headers={"ngsild-tenant": space.tenant})


def test_patch_and_retrieve_of_a_registration(space: Space, source: str, host: Host) -> None:
    where = post(space, registration(space, closed_port(), description="a")).headers["location"]
    headers = {"ngsild-tenant": space.tenant}
    assert space.client.patch(where, json={"endpoint": source, "description": "b"}, headers=headers).status_code == 204
    assert space.get(where).json()["description"] == "b"
    space.wait(lambda: len(space.get(type="Shelter").json()) == 3)
    for null in (None, "urn:ngsi-ld:null"):
        assert space.client.patch(where, json={"registrationName": "n"}, headers=headers).status_code == 204
        assert space.client.patch(where, json={"registrationName": null}, headers=headers).status_code == 204
        assert "registrationName" not in space.get(where).json()
        assert space.client.patch(where, json={"information": null}, headers=headers).status_code == 400
    wrong = space.client.patch(where, json={"id": "urn:x:other"}, headers=headers)
    assert (wrong.status_code, wrong.json()["field"]) == (400, "id")
    assert space.client.patch(where, json={"mode": "maybe"}, headers=headers).json()["field"] == "mode"
    assert space.client.patch(where, json=[], headers=headers).status_code == 400
    space.client.delete(where, headers=headers)
    assert space.client.patch(where, json={"description": "c"}, headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"type": "Nothing"}, "type"),
        ({"endpoint": "ftp://x"}, "endpoint"),
        ({"endpoint": None}, "endpoint"),
        ({"information": []}, "information"),
        ({"information": [{}]}, "information[0]"),
        ({"information": [{"entities": [{}]}]}, "information[0].entities[0].type"),
        ({"information": [{"entities": [{"type": "T", "idPattern": "("}]}]}, "information[0].entities[0].idPattern"),
        ({"information": [{"entities": [{"type": "T", "id": "x"}]}]}, "information[0].entities[0].id"),
        ({"information": [{"propertyNames": [1]}]}, "information[0].propertyNames"),
        ({"location": {"type": "Point", "coordinates": [1]}}, "location"),
        ({"management": {"timeout": -1}}, "management.timeout"),
        ({"id": "nope"}, "id"),
    ],
)
def test_a_registration_that_is_wrong(space: Space, source: str, members: dict[str, Any], field: str) -> None:
    answer = post(space, registration(space, source, **members))
    assert (answer.status_code, answer.headers["content-type"]) == (400, NGSI_LD_PROBLEM)
    assert answer.json()["field"] == field


def test_registrations_of_another_tenant_are_not_there(space: Space, source: str) -> None:
    where = post(space, registration(space, source)).headers["location"]
    assert space.client.get(where).status_code == 404
    assert space.client.delete(where).status_code == 404
    assert space.get(where).status_code == 200
    space.client.delete(where, headers={"ngsild-tenant": space.tenant})


def test_a_probe_of_a_hung_platform_ends(space: Space, host: Host) -> None:
    server = host.start(FaultServer(Fault.ERROR))
    problem = refused(space, endpoint=server.url)
    assert problem["status"] == 422
    assert "500" in problem["detail"]


# --- two gateways ----------------------------------------------------------------------------------------------------


def test_another_gateway_sees_a_change_within_a_second(
    space: Space, source: str, gateway: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> None:
    second = Gateway(settings(tmp_path_factory.mktemp("second"), gateway.settings.database_url, secret_key="k" * 44))
    try:
        headers = {"ngsild-tenant": space.tenant}

        def seen() -> int:
            return len(second.client.get(ENTITIES, params={"type": "Shelter"}, headers=headers).json())

        made = space.add(source)
        space.wait(lambda: seen() == 3, 1.5)
        space.client.delete(f"/platforms/{made['id']}")
        space.wait(lambda: seen() == 0, 1.5)
    finally:
        second.close()
