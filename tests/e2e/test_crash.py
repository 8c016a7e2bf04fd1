"""The gateway and PostgreSQL are killed in the middle of load: every answer that came whole is in GET /flows once."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2
import pytest
from gateway import ENTITIES
from sources import Entity, Host, NgsiLdSource

from broker.embedded import layout
from broker.embedded.server import remove

CLIENTS = 8
CALM = 1.5
"""Seconds of load between two crashes."""


def entity(n: int) -> Entity:
    return {"id": f"urn:ngsi-ld:Shelter:{n}", "type": "Shelter", "capacity": {"type": "Property", "value": n}}


class House:
    """A gateway as a process, with a private PostgreSQL in its home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx2.Client(base_url=self.url, timeout=10, trust_env=False)
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("KAKEHASHI_")}
        environment |= {"KAKEHASHI_HOME": str(self.home), "KAKEHASHI_ACCESS": "open", "KAKEHASHI_LOG_LEVEL": "error"}
        log = (self.home.parent / "gateway.log").open("ab")
        command = [sys.executable, "-m", "broker", "serve", "--port", str(self.port)]
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def restart(self) -> None:
        self.process.wait()
        self.process = self._start()

    def postgres(self) -> int:
        data = layout.recorded_data(layout.state_folder(self.home))
        return int((data / "postmaster.pid").read_text().split("\n")[0])

    def wait(self, seconds: float = 40.0) -> None:
        """Until it is ready."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if self.client.get("/health/ready").status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            assert time.monotonic() < deadline, (self.home.parent / "gateway.log").read_text()[-3000:]
            time.sleep(0.05)

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.client.close()


class Load:
    """Clients that ask without a pause and write down the flows of every answer that they received whole."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.flows: list[str] = []
        self.refused = 0
        self.broken = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)

    async def _run(self) -> None:
        await asyncio.gather(*(self._client(n) for n in range(CLIENTS)))

    async def _client(self, n: int) -> None:
        paths = (f"{ENTITIES}?type=Shelter", f"{ENTITIES}/urn:ngsi-ld:Shelter:{n}", "/ngsi-ld/v1/types")
        asked = 0
        async with httpx2.AsyncClient(base_url=self.url, timeout=5, trust_env=False) as client:
            while not self._stop.is_set():
                asked += 1
                try:
                    answer = await client.get(paths[asked % 3])
                except httpx2.TransportError:
                    self.broken += 1
                    await asyncio.sleep(0.02)
                    continue
                if answer.status_code == 503:
                    assert "kakehashi-flow" not in answer.headers
                    self.refused += 1
                    await asyncio.sleep(0.02)
                else:
                    # it has as many bytes as its head says, or it would not be here
                    assert answer.status_code == 200, answer.text
                    self.flows += answer.headers["kakehashi-flow"].split(", ")


def recorded(house: House) -> Counter[str]:
    """The ids of all flows, by the pages of GET /flows."""
    found: Counter[str] = Counter()
    url: str | None = f"{house.url}/flows?limit=1000&format=ndjson"
    while url is not None:
        answer = house.client.get(url)
        assert answer.status_code == 200, answer.text
        rows = [httpx2.Response(200, content=line).json() for line in answer.content.splitlines()]
        found.update(row["id"] for row in rows)
        following = answer.links.get("next")
        url = urljoin(house.url, following["url"]) if following else None
    return found


@pytest.fixture
def house(host: Host) -> Iterator[House]:
    folder = Path(tempfile.mkdtemp(prefix="kakehashi-crash-"))
    # the server's account must pass through when the tests run as root
    folder.chmod(0o711)
    made = House(folder / "home")
    try:
        made.wait()
        for n in range(2):
            source = host.serve(NgsiLdSource([entity(k) for k in range(n * 4, n * 4 + 4)]))
            document: dict[str, Any] = {"id": f"source-{n}", "adapter": "ngsi_ld", "endpoint": source.url}
            assert made.client.post("/platforms", json=document).status_code == 201
        yield made
    finally:
        made.process.kill()
        made.process.wait()
        remove(made.home)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.crash
@pytest.mark.slow
def test_no_flow_of_an_answer_is_lost_or_doubled(house: House) -> None:
    load = Load(house.url)
    counts = []

    def calm() -> None:
        house.wait()
        before = len(load.flows)
        time.sleep(CALM)
        assert len(load.flows) > before + 20, "it answers again"
        counts.append(len(load.flows))

    calm()
    house.process.kill()
    house.restart()
    calm()
    os.kill(house.postgres(), signal.SIGKILL)
    time.sleep(0.3)
    calm()
    os.kill(house.postgres(), signal.SIGKILL)
    house.process.kill()
    house.restart()
    calm()
    load.stop()
    house.wait()
    found = recorded(house)
    given = Counter(load.flows)
    assert set(given.values()) == {1}, "an id is given out once"
    assert [flow for flow in given if found[flow] != 1] == []
    assert set(found.values()) == {1}
    assert load.broken
    # what was committed and never arrived is in the record, too: no more than was under way at the crashes
    assert sum(found.values()) - len(given) <= 3 * CLIENTS * 3
    house.end()
