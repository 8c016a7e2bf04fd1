"""The real gateway for tests: the application in uvicorn, in a thread of its own, on a free port of loopback."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import uvicorn

from broker.app import create_app
from broker.settings import Settings
from broker.store.database import Database, connect
from broker.store.tenants import TenantNames
from broker.web.protocol import BoundedProtocol

ENTITIES = "/ngsi-ld/v1/entities"
PROBLEM = "application/problem+json"
"""The media type of errors of our own API."""
NGSI_LD_PROBLEM = "application/json"
"""That of errors below `/ngsi-ld/` (clause 5.5.3), and of what can't be read as HTTP."""


def problem_media(path: str) -> str:
    """The media type of an error at `path`."""
    return NGSI_LD_PROBLEM if path.startswith(("/ngsi-ld/", "/.well-known/ngsi-ld")) else PROBLEM


class Gateway:
    """Runs until `close`. `client` asks it; relative paths are enough."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        config = uvicorn.Config(
            create_app(settings),
            host="127.0.0.1",
            port=0,
            loop="uvloop",
            http=BoundedProtocol,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            headers=[("server", "kakehashi")],
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="gateway", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 60
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the gateway did not start")
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.client = httpx2.Client(base_url=self.url, timeout=30, trust_env=False)

    def close(self) -> None:
        self.client.close()
        self._server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive()


def settings(home: Path, database_url: str, **changes: Any) -> Settings:
    """Of a gateway for tests: open, with breakers that try again soon."""
    given: dict[str, Any] = {
        "home": home,
        "database_url": database_url,
        "access": "open",
        "breaker_cooldown_ms": 200,
        # synthetic catalogues have addresses of real hosts
        "catalog_links_per_day": 0,
        "log_level": "error",
    }
    return Settings(**(given | changes))


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """URL of a fresh database with the whole schema, for as long as a module's tests need it."""
    name = f"test_{uuid4().hex}"
    run(execute(server, f"CREATE DATABASE {name} TEMPLATE kakehashi_template"))
    yield server.replace("/postgres?", f"/{name}?", 1)
    run(execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """In a thread, so that a loop that pytest-asyncio keeps is not disturbed."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, work).result()


async def execute(url: str, statement: str) -> None:
    connection = await connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def fetch(url: str, statement: str, *args: Any) -> list[Any]:
    connection = await connect(url)
    try:
        rows: list[Any] = await connection.fetch(statement, *args)
        return rows
    finally:
        await connection.close()


async def create_tenant(url: str, name: str) -> None:
    """As the first write to it would, but without leaving anything in it."""
    database = await Database.open(url, max_size=1)
    await TenantNames(database).add(name)
    await database.close()


class Space:
    """A tenant of a gateway that belongs to one test, with the platforms that the test registers in it."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.client = gateway.client
        self.tenant = f"t{uuid4().hex[:16]}"
        self._added: list[str] = []
        run(create_tenant(gateway.settings.database_url, self.tenant))
        self.wait(lambda: self.get("/ngsi-ld/v1/types").status_code != 404)

    def add(self, endpoint: str, platform_id: str | None = None, **fields: Any) -> dict[str, Any]:
        """Register a platform; what the gateway answers."""
        force = fields.pop("force", False)
        platform_id = platform_id or f"p-{uuid4().hex[:10]}"
        document = {
            "id": platform_id,
            "adapter": "ngsi_ld",
            "endpoint": endpoint,
            "registry_tenant": self.tenant,
            **fields,
        }
        answer = self.client.post("/platforms", json=document, params={"force": "true"} if force else {})
        assert answer.status_code == 201, answer.text
        self._added.append(platform_id)
        made: dict[str, Any] = answer.json()
        self.wait(lambda: self.sees(platform_id))
        return made

    def sees(self, platform_id: str) -> bool:
        answer = self.client.get(f"/platforms/{platform_id}/health")
        return answer.status_code == 200 and "breaker" in answer.json()

    def get(self, path: str = ENTITIES, headers: dict[str, str] | None = None, **params: Any) -> httpx2.Response:
        return self.client.get(path, params=params, headers={"ngsild-tenant": self.tenant, **(headers or {})})

    def ids(self, **params: Any) -> list[str]:
        """The ids of a whole answer."""
        answer = self.get(**params)
        assert answer.status_code == 200, answer.text
        assert "ngsild-warning" not in answer.headers, answer.headers["ngsild-warning"]
        return [entity["id"] for entity in answer.json()]

    def wait(self, condition: Any, seconds: float = 5.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not come to be so in time"
            time.sleep(0.02)

    def close(self) -> None:
        for platform_id in self._added:
            self.client.delete(f"/platforms/{platform_id}")
