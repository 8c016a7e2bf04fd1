"""How a source does, in figures and in words; and hedging."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway import ENTITIES, Gateway, Space, fresh_database, settings
from sources import Host, NgsiLdSource

from adapters.testing.serving import Reply, Request, Server, read_request

CROWD = {"id": "urn:ngsi-ld:Crowd:1", "type": "Crowd", "count": {"type": "Property", "value": 1}}


def health(space: Space, platform: str) -> dict[str, Any]:
    found: dict[str, Any] = space.client.get(f"/platforms/{platform}/health").json()
    return found


class Flaky:
    """Fails while `broken` says so."""

    def __init__(self) -> None:
        self.honest = NgsiLdSource([CROWD])
        self.broken = False

    def __call__(self, request: Request) -> Reply:
        return Reply(b"", 500) if self.broken else self.honest(request)


def test_in_figures_and_in_words(space: Space, gateway: Gateway, host: Host) -> None:
    source = Flaky()
    platform = space.add(host.serve(source).url, max_concurrency=8)["id"]
    for _ in range(3):
        assert space.get(type="Crowd").json() == [CROWD]
    well = health(space, platform)
    assert (well["usable"], well["breaker"], well["last_errors"]) == (True, "closed", [])
    assert (well["max_concurrency"], well["under_way"], well["waiting"]) == (8, 0, 0)
    assert well["allowed_at_once"] >= 7, "a busy machine may look like a slow source"
    assert 0 < well["latency_ms"]["p50"] <= well["latency_ms"]["p95"] <= well["latency_ms"]["max"]
    source.broken = True
    for _ in range(6):
        assert space.get(type="Crowd").json() == []
    ill = health(space, platform)
    assert (ill["usable"], ill["failures_in_a_row"], ill["allowed_at_once"]) == (False, 5, 4)
    assert ill["tried_again_in_s"] >= 0
    assert len(ill["last_errors"]) == 5
    assert ill["last_errors"][0]["outcome"] == "unavailable"
    assert ill["last_errors"][0]["en"].startswith("It can't be reached")
    assert "500" in ill["last_errors"][0]["detail"]
    assert "続けて失敗" in ill["summary"]["ja"]
    told = command(gateway, platform)
    assert (told.returncode, "続けて失敗" in told.stdout, "500" in told.stdout) == (1, True, True), told.stderr
    source.broken = False
    space.wait(lambda: health(space, platform)["usable"], 20)
    assert command(gateway, platform).returncode == 0
    assert command(gateway, "nowhere").stderr.count("\n") == 1


def command(gateway: Gateway, platform: str) -> subprocess.CompletedProcess[str]:
    known = ("platform", "health", platform, "--url", gateway.url, "--lang", "ja")
    environ = {"KAKEHASHI_HOME": str(gateway.settings.home), "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, "-m", "broker", *known], env=os.environ | environ, capture_output=True, text=True, check=False
    )


class Once(Server):
    """Never answers the first question for entities after `hang` was set; every other one at once."""

    hang = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        while (request := await read_request(reader)) is not None:
            if self.hang and request.path == ENTITIES:
                self.hang = False
                return
            reply = self.answer(request)
            head = f"HTTP/1.1 {reply.status} OK\r\ncontent-length: {len(reply.body)}\r\n\r\n"
            writer.write(head.encode() + reply.body)


@pytest.fixture
def hedging(postgres_url: str, tmp_path: Path) -> Iterator[Gateway]:
    with fresh_database(postgres_url) as url:
        running = Gateway(settings(tmp_path, url, hedge=True))
        yield running
        running.close()


def test_a_read_that_hangs_is_asked_again(hedging: Gateway, host: Host) -> None:
    space = Space(hedging)
    server = host.start(Once(NgsiLdSource([CROWD])))
    platform = space.add(server.url, timeout_ms=20_000)["id"]
    told = health(space, platform)
    for _ in range(200):
        assert space.get(type="Crowd").json() == [CROWD]
        told = health(space, platform)
        if told["asked"] >= 25 and told["hedged"] * 20 < told["asked"]:
            break
    server.hang = True
    answer = space.get(type="Crowd")
    assert answer.json() == [CROWD]
    assert "ngsild-warning" not in answer.headers, "without the second question its time would have run out"
    assert health(space, platform)["hedged"] == told["hedged"] + 1
    flows = space.client.get("/flows", params={"request": answer.headers["x-request-id"]}).json()
    assert [f["entities"] for f in flows] == [1]
    space.close()
