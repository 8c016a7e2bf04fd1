"""Nobody outside can have the gateway connect into its own network, however the address is written."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx2
import pytest
from forms_of_private_addresses import hosts
from gateway import ENTITIES, Gateway, fresh_database, problem_media, settings

from adapters.exchange import SourceContext
from adapters.guard import Guard
from adapters.upstream import Upstream
from schemas.errors import ForbiddenAddress, SourceError

SUBSCRIPTIONS = "/ngsi-ld/v1/subscriptions"
CHANGED = {"id": "urn:x:W:1", "type": "W", "level": {"type": "Property", "value": 1}}
ADMIN = "a-key-of-the-administration-for-this-test"


class Canary:
    """Listens on loopback, by both versions of IP, and knows whether anybody ever came."""

    def __init__(self) -> None:
        self._sockets = [socket.create_server(("0.0.0.0", 0))]
        self.port = self._sockets[0].getsockname()[1]
        if socket.has_ipv6:
            try:
                self._sockets.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
            except OSError:
                pass

    def visited(self) -> bool:
        return bool(select.select(self._sockets, [], [], 0)[0])

    def close(self) -> None:
        for each in self._sockets:
            each.close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    made = Canary()
    yield made
    made.close()


@pytest.fixture(scope="module")
def gateway(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """With keys, so that loopback is as private as anything else."""
    home: Path = tmp_path_factory.mktemp("home")
    with fresh_database(postgres_url) as url:
        made = Gateway(settings(home, url, access="closed", admin_key=ADMIN))
        made.client.headers["authorization"] = f"Bearer {ADMIN}"
        yield made
        made.close()


def refused(answer: httpx2.Response) -> bool:
    return 400 <= answer.status_code < 600 and answer.headers["content-type"] == problem_media(answer.request.url.path)


def test_there_are_three_hundred_forms() -> None:
    assert len(hosts()) >= 300


def test_the_canary_sings(canary: Canary) -> None:
    """Whoever comes is seen: without that, the tests below could not fail."""
    with socket.create_connection(("127.8.8.8", canary.port)):
        assert canary.visited()


def test_no_endpoint_leads_inside(gateway: Gateway, canary: Canary) -> None:
    for at, host in enumerate(hosts()):
        document = {"id": f"p{at}", "adapter": "ngsi_ld", "endpoint": f"http://{host}:{canary.port}/x"}
        answer = gateway.client.post("/platforms", json=document)
        assert refused(answer), (host, answer.status_code)
        assert not canary.visited(), host
    assert gateway.client.get("/platforms").json() == []


def test_no_token_endpoint_leads_inside(gateway: Gateway, canary: Canary) -> None:
    for at, host in enumerate(hosts()):
        credential = {
            "kind": "oauth2",
            "token_url": f"http://{host}:{canary.port}/token",
            "client_id": "c",
            "client_secret": "s",
        }
        document = {"id": f"p{at}", "adapter": "ngsi_ld", "endpoint": "https://192.0.2.1/", "credential": credential}
        assert refused(gateway.client.post("/platforms", json=document)), host
        assert not canary.visited(), host


def test_no_context_leads_inside(gateway: Gateway, canary: Canary) -> None:
    relation = 'rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    for host in hosts():
        link = f"<http://{host}:{canary.port}/c.jsonld>; {relation}".encode()
        answer = gateway.client.get(f"{ENTITIES}?type=T", headers={b"link": link})
        assert refused(answer), (host, answer.status_code)
        assert not canary.visited(), host


def test_no_registered_source_leads_inside(gateway: Gateway, canary: Canary) -> None:
    """A registration by an NGSI-LD client is kept unprobed; it is the connection that is refused."""
    for at, host in enumerate(hosts()[:40]):
        registration = {
            "id": f"urn:ngsi-ld:ContextSourceRegistration:{at}",
            "type": "ContextSourceRegistration",
            "information": [{"entities": [{"type": f"T{at}"}]}],
            "endpoint": f"http://{host}:{canary.port}",
        }
        gateway.client.post("/ngsi-ld/v1/csourceRegistrations", json=registration)
        answer = gateway.client.get(f"{ENTITIES}?type=T{at}")
        assert answer.status_code in (200, 400, 404), host
        assert answer.status_code != 200 or answer.json() == [], host
        assert not canary.visited(), host


@contextmanager
def redirecting(location: str) -> Iterator[str]:
    """A public server, as far as the guard of the test knows, that sends everybody on."""
    answer = f"HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode(
        "latin-1", "replace"
    )
    server = socket.create_server(("127.77.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            with peer:
                peer.recv(4096)
                peer.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.77.0.1:{server.getsockname()[1]}/"
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(10)


def soon(seconds: float = 3.0) -> SourceContext:
    return SourceContext(deadline=asyncio.get_running_loop().time() + seconds)


async def test_no_redirect_leads_inside(canary: Canary) -> None:
    upstream = Upstream(Guard((ip_network("127.77.0.0/16"),)))
    for host in hosts():
        with redirecting(f"http://{host}:{canary.port}/x") as url:
            with pytest.raises(SourceError):
                await upstream.request("GET", url, ctx=soon(), follow=3)
            assert not canary.visited(), host
    await upstream.close()


@pytest.mark.parametrize(
    "answers", [["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["::ffff:127.0.0.1", "8.8.8.8"]]
)
async def test_a_name_that_changes_its_mind_leads_nowhere(
    answers: list[str], canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile name server: a public address when it is judged, a private one for whoever asks a second time."""
    asked: list[str] = []

    def resolve(host: Any, port: Any, *args: Any, **more: Any) -> list[Any]:
        asked.append(str(host))
        text = answers[min(len(asked), len(answers)) - 1]
        family = socket.AF_INET6 if ":" in text else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (text, canary.port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    upstream = Upstream(Guard())
    for _ in range(len(answers)):
        with pytest.raises(SourceError):
            await upstream.request("GET", f"http://rebind.example:{canary.port}/", ctx=soon(0.5))
        assert not canary.visited()
    await upstream.close()
    assert asked[0] == "rebind.example"


async def test_of_several_addresses_only_public_ones_are_tried(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, canary.port)) for text in ("127.0.0.1", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
    upstream = Upstream(Guard())
    with pytest.raises(ForbiddenAddress):
        await upstream.request("GET", f"http://both.example:{canary.port}/", ctx=soon())
    assert not canary.visited()
    await upstream.close()


def test_no_notification_leads_inside(gateway: Gateway, canary: Canary) -> None:
    """A subscription is kept; whoever it would notify is not reached, by HTTP or MQTT, and it says so."""
    client = gateway.client
    kept = set()
    for at, host in enumerate(hosts()):
        scheme, path = ("mqtt", "topic") if at % 8 == 0 else ("http", "hook")
        document = {
            "id": f"urn:ngsi-ld:Subscription:{at}",
            "type": "Subscription",
            "entities": [{"type": "W"}],
            "notification": {
                "endpoint": {"uri": f"{scheme}://{host}:{canary.port}/{path}", "accept": "application/json"}
            },
        }
        answer = client.post(SUBSCRIPTIONS, json=document)
        assert answer.status_code == 201 or refused(answer), (host, answer.status_code)
        if answer.status_code == 201:
            kept.add(document["id"])
    assert len(kept) > 100
    assert client.post(ENTITIES, json=CHANGED).status_code == 201
    deadline = time.monotonic() + 120
    while waiting := kept - failed(client):
        assert time.monotonic() < deadline, sorted(waiting)[:5]
        time.sleep(0.1)
    assert not canary.visited()


def failed(client: httpx2.Client) -> set[str]:
    """Subscriptions whose last notification failed; none has ever succeeded."""
    found: set[str] = set()
    for offset in range(0, 1000, 100):
        page = client.get(SUBSCRIPTIONS, params={"limit": 100, "offset": offset}).json()
        found |= {s["id"] for s in page if s["notification"].get("lastFailure")}
        assert not [s["id"] for s in page if s["notification"].get("lastSuccess")]
    return found
