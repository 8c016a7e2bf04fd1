"""Who is asking: closed by default, keys for services, another for the administration; what is metered of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from gateway import ENTITIES, NGSI_LD_PROBLEM, Gateway, execute, fetch, fresh_database, problem_media, run, settings
from sources import Host, NgsiLdSource

from broker.store.database import Database
from broker.store.services import Kind, Service, Services

ADMIN = "an-admin-key-for-tests"
REGISTRATIONS = "/ngsi-ld/v1/csourceRegistrations"
SHELTER = {"id": "urn:ngsi-ld:Shelter:1", "type": "Shelter", "capacity": {"type": "Property", "value": 3}}
TOILET = {"id": "urn:ngsi-ld:Toilet:1", "type": "Toilet", "open": {"type": "Property", "value": True}}


class Closed:
    """A gateway in closed mode, with a platform of area takeshiba and three services."""

    def __init__(self, gateway: Gateway, keys: dict[str, str]) -> None:
        self.gateway = gateway
        self.keys = keys

    def get(self, who: str | None, path: str = ENTITIES, headers: dict[str, str] | None = None, **params: Any) -> Any:
        sent = dict(headers or {})
        if who is not None:
            sent["authorization"] = f"Bearer {self.keys[who]}"
        return self.gateway.client.get(path, params=params or {"type": "Shelter"}, headers=sent)

    def flows(self, answer: Any) -> list[Any]:
        ids = [UUID(text) for text in answer.headers["kakehashi-flow"].split(", ")]
        rows = run(fetch(self.gateway.settings.database_url, "SELECT * FROM flows WHERE id = ANY($1)", ids))
        assert len(rows) == len(ids)
        return rows


async def _services(url: str) -> dict[str, str]:
    database = await Database.open(url)
    store = Services(database)
    given = (
        Service("app", organisation="App Inc", project="令和8年度", area="toyosu"),
        Service("nightly", organisation="App Inc", area="takeshiba", kind=Kind.BATCH),
        Service("off", disabled=True),
    )
    keys = {s.id: (await store.create(s))[1] for s in given}
    await database.close()
    return keys


@pytest.fixture(scope="module")
def closed(postgres_url: str, tmp_path_factory: pytest.TempPathFactory, host: Host) -> Iterator[Closed]:
    with fresh_database(postgres_url) as url:
        home = tmp_path_factory.mktemp("closed")
        changes = {"access": "closed", "admin_key": ADMIN, "allow_networks": "127.0.0.0/8"}
        gateway = Gateway(settings(home, url, **changes))
        made = Closed(gateway, run(_services(url)) | {"admin": ADMIN, "wrong": "kk_wrong"})
        platform = {
            "id": "takeshiba",
            "area": "takeshiba",
            "organisation": "Council",
            "adapter": "ngsi_ld",
            "endpoint": host.serve(NgsiLdSource([SHELTER])).url,
            "coverage": {"types": ["Shelter"]},
            "open_data": True,
        }
        answer = gateway.client.post("/platforms", json=platform, headers={"x-api-key": ADMIN})
        assert answer.status_code == 201, answer.text
        other = platform | {"id": "toyosu", "area": "toyosu", "endpoint": host.serve(NgsiLdSource([TOILET])).url}
        other["coverage"] = {"types": ["Toilet"]}
        assert gateway.client.post("/platforms", json=other, headers={"x-api-key": ADMIN}).status_code == 201
        deadline = time.monotonic() + 5
        while made.get("app").status_code != 200 or not made.get("app").json():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield made
        gateway.close()


@pytest.mark.parametrize(
    "path",
    [
        ENTITIES,
        f"{ENTITIES}/urn:x:1",
        "/ngsi-ld/v1/types",
        REGISTRATIONS,
        "/federation/explain",
        "/flows",
        "/kpi",
        "/platforms",
    ],
)
@pytest.mark.parametrize("who", [None, "wrong", "off"])
def test_without_a_key_it_is_401_and_says_how_to_get_one(closed: Closed, who: str | None, path: str) -> None:
    answer = closed.get(who, path)
    assert (answer.status_code, answer.headers["content-type"]) == (401, problem_media(path))
    assert "kakehashi service add" in answer.json()["detail"]
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "kakehashi-flow" not in answer.headers
    assert closed.keys["wrong"] not in answer.text


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health_is_open_to_all(closed: Closed, path: str) -> None:
    assert closed.get(None, path).status_code == 200


def test_a_key_in_either_header(closed: Closed) -> None:
    assert closed.get("app").json() == [SHELTER]
    key = {"x-api-key": closed.keys["app"]}
    assert closed.gateway.client.get(ENTITIES, params={"type": "Shelter"}, headers=key).status_code == 200
    assert closed.get(None, headers={"authorization": "Basic abc"}).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/platforms"),
        ("POST", "/platforms"),
        ("GET", "/platforms/takeshiba"),
        ("PATCH", "/platforms/takeshiba"),
        ("DELETE", "/platforms/takeshiba"),
        ("POST", "/platforms/takeshiba/probe"),
        ("POST", "/platforms/takeshiba/certify"),
        ("POST", REGISTRATIONS),
        ("PATCH", f"{REGISTRATIONS}/urn:ngsi-ld:ContextSourceRegistration:takeshiba"),
        ("DELETE", f"{REGISTRATIONS}/urn:ngsi-ld:ContextSourceRegistration:takeshiba"),
        ("POST", ENTITIES),
        ("PUT", f"{ENTITIES}/urn:x:1"),
        ("DELETE", f"{ENTITIES}/urn:x:1"),
        ("POST", "/ngsi-ld/v1/entityOperations/upsert"),
        ("POST", "/ngsi-ld/v1/entityOperations/create"),
        ("POST", "/ngsi-ld/v1/entityOperations/delete"),
    ],
)
def test_a_service_may_not_administer(closed: Closed, method: str, path: str) -> None:
    headers = {"authorization": f"Bearer {closed.keys['app']}"}
    answer = closed.gateway.client.request(method, path, json={}, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (403, problem_media(path))
    assert "administration" in answer.json()["detail"]


def test_a_service_may_read_registrations_and_its_own_flows(closed: Closed) -> None:
    assert closed.get("app", REGISTRATIONS, type="T", limit=5).status_code == 200
    closed.get("nightly")
    mine = closed.get("app", "/flows", limit=1000).json()
    assert {f["consumer"]["service"] for f in mine} == {"app"}
    everyone = closed.get("admin", "/flows", limit=1000).json()
    assert {"app", "nightly"} <= {f["consumer"]["service"] for f in everyone}


def test_a_flow_says_who_took_what_from_whom(closed: Closed) -> None:
    (flow,) = closed.flows(closed.get("app"))
    shown = closed.get("app", "/flows", request=str(flow["request"])).json()
    (found,) = shown
    assert found["consumer"] == {"service": "app", "organisation": "App Inc", "project": "令和8年度", "area": "toyosu"}
    assert found["provider"] == {"platform": "takeshiba", "organisation": "Council", "area": "takeshiba"}
    assert found["operation"] == "query"
    assert found["types"] == ["https://uri.etsi.org/ngsi-ld/default-context/Shelter"]
    assert found["entities"] == 1
    assert found["bytes"] > 50
    assert found["outcome"] == "ok"
    assert found["cross_area"] is True
    assert found["batch"] is False
    assert found["latency_ms"] > 0


def test_batch_is_declared_by_the_service_or_the_request_never_undone(closed: Closed) -> None:
    def batch(who: str, **headers: str) -> bool:
        answer = closed.get(who, headers=headers)
        request = closed.get("admin", "/flows", request=answer.headers["x-request-id"]).json()
        return bool(request[0]["batch"])

    assert batch("app") is False
    assert batch("app", **{"kakehashi-use": "batch"}) is True
    assert batch("nightly") is True
    assert batch("nightly", **{"kakehashi-use": "interactive"}) is True


def test_the_consumers_key_does_not_travel_on(closed: Closed, host: Host) -> None:
    source = host.serve(NgsiLdSource([SHELTER]))
    admin = {"x-api-key": ADMIN}
    document = {"id": "listening", "adapter": "ngsi_ld", "endpoint": source.url, "open_data": True}
    assert closed.gateway.client.post("/platforms", json=document, headers=admin).status_code == 201
    closed.get("app", cookie="x")
    deadline = time.monotonic() + 5
    while "x-request-id" not in source.requests[-1].headers:
        assert time.monotonic() < deadline
        closed.get("app")
    for request in source.requests:
        assert "authorization" not in request.headers
        assert "x-api-key" not in request.headers
        assert closed.keys["app"] not in str(request)
    closed.gateway.client.delete("/platforms/listening", headers=admin)


def test_loopback_is_closed_without_leave(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory, host: Host
) -> None:
    with fresh_database(postgres_url) as url:
        changes = {"access": "closed", "admin_key": ADMIN}
        gateway = Gateway(settings(tmp_path_factory.mktemp("shut"), url, **changes))
        document = {"id": "x", "adapter": "ngsi_ld", "endpoint": host.serve(NgsiLdSource([SHELTER])).url}
        answer = gateway.client.post("/platforms", json=document, headers={"x-api-key": ADMIN})
        assert (answer.status_code, answer.json()["field"]) == (422, "endpoint")
        assert "KAKEHASHI_ALLOW_NETWORKS" in answer.json()["detail"]
        server = host.serve(lambda request: None)
        link = {"link": f'<{server.url}/c>; rel="http://www.w3.org/ns/json-ld#context"', "x-api-key": ADMIN}
        assert gateway.client.get(ENTITIES, params={"type": "T"}, headers=link).status_code == 504
        assert server.requests == []
        gateway.close()


# --- metering --------------------------------------------------------------------------------------------------------


def test_every_flow_of_an_answer_is_recorded_once(closed: Closed) -> None:
    answers = [closed.get("app", type="Shelter,Toilet") for _ in range(20)]
    ids = [text for answer in answers for text in answer.headers["kakehashi-flow"].split(", ")]
    assert len(ids) == len(set(ids)) == 40
    for answer in answers:
        assert {row["id"] for row in closed.flows(answer)} == {
            UUID(t) for t in answer.headers["kakehashi-flow"].split(", ")
        }


def test_a_retry_is_answered_anew_and_recorded_as_a_replay(closed: Closed) -> None:
    key = {"idempotency-key": "k-1"}
    first = closed.get("app", headers=key)
    again = closed.get("app", headers=key)
    assert again.json() == first.json() == [SHELTER]
    assert again.headers["kakehashi-replay-of"] == first.headers["x-request-id"]
    assert "kakehashi-replay-of" not in first.headers
    (flow,) = closed.flows(again)
    assert str(flow["replay_of"]) == first.headers["x-request-id"]
    assert again.headers["kakehashi-flow"] != first.headers["kakehashi-flow"]
    reordered = closed.gateway.client.get(
        f"{ENTITIES}?limit=20&type=Shelter", headers=key | {"authorization": f"Bearer {closed.keys['app']}"}
    )
    assert reordered.status_code == 422, "limit was not given before"


def test_the_same_key_for_another_request_is_422_without_data(closed: Closed) -> None:
    key = {"idempotency-key": "k-2"}
    assert closed.get("app", headers=key).status_code == 200
    for changed in (
        closed.get("app", headers=key, type="Toilet"),
        closed.get("app", f"{ENTITIES}/{SHELTER['id']}", headers=key, attrs="capacity"),
        closed.get("app", headers=key | {"accept": "application/geo+json"}),
    ):
        assert (changed.status_code, changed.headers["content-type"]) == (422, NGSI_LD_PROBLEM)
        assert "capacity" not in changed.text
        assert "kakehashi-flow" not in changed.headers
    assert closed.get("nightly", headers=key).status_code == 200, "another client's key is another key"


def test_a_key_is_claimed_even_where_nothing_was_asked(closed: Closed) -> None:
    key = {"idempotency-key": "k-3"}
    first = closed.get("app", headers=key, type="Nothing")
    assert first.status_code == 200
    assert closed.get("app", headers=key, type="Shelter").status_code == 422


def test_without_a_database_no_byte_leaves(closed: Closed) -> None:
    url = closed.gateway.settings.database_url
    name = url.partition("@/")[2].partition("?")[0]
    server = url.replace(f"/{name}?", "/postgres?")
    run(execute(server, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"))
    run(execute(server, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))
    try:
        for _ in range(3):
            began = time.monotonic()
            answer = closed.get("app")
            assert (answer.status_code, answer.headers["content-type"]) == (503, NGSI_LD_PROBLEM)
            assert time.monotonic() - began < 1.5
            assert "capacity" not in answer.text
            assert "kakehashi-flow" not in answer.headers
            assert answer.headers["retry-after"]
        assert closed.get(None, "/health/live").status_code == 200
        assert closed.get(None, "/health/ready").status_code == 503
    finally:
        run(execute(server, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true"))
    deadline = time.monotonic() + 10
    while closed.get("app").status_code != 200:
        assert time.monotonic() < deadline, "it comes back when the database does"
        time.sleep(0.05)
    assert closed.get(None, "/health/ready").status_code == 200
    assert len(closed.flows(closed.get("app"))) == 1


def test_many_at_once_are_all_recorded(closed: Closed) -> None:
    import httpx2

    async def ask() -> list[Any]:
        headers = {"authorization": f"Bearer {closed.keys['app']}"}
        async with httpx2.AsyncClient(base_url=closed.gateway.url, headers=headers, trust_env=False) as client:
            return await asyncio.gather(*(client.get(ENTITIES, params={"type": "Shelter,Toilet"}) for _ in range(100)))

    answers = run(ask())
    assert {a.status_code for a in answers} == {200}
    ids = [UUID(text) for a in answers for text in a.headers["kakehashi-flow"].split(", ")]
    assert len(set(ids)) == 200
    rows = run(fetch(closed.gateway.settings.database_url, "SELECT count(*) AS n FROM flows WHERE id = ANY($1)", ids))
    assert rows[0]["n"] == 200
