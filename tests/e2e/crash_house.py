"""A gateway, its sequencer and its PostgreSQL as processes to be killed, and clients that retry under one key."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from uuid import uuid4

import httpx2
from gateway import ENTITIES

from broker.embedded import layout
from schemas.ledger.checkpoint import Checkpoint, read_checkpoint
from schemas.ledger.entry import FlowEntry, read_entry
from schemas.ledger.note import from_base64
from schemas.ledger.tree import consistent

CLIENTS = 8
GATEWAY = (sys.executable, "-m", "broker")


class House:
    """A gateway as a process, with a private PostgreSQL in its home, and a sequencer apart from it."""

    def __init__(self, home: Path, command: tuple[str, ...] = GATEWAY, *, sequencer: bool = True) -> None:
        self.home = home
        self.command = command
        """What the gateway is started with the next time."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx2.Client(base_url=self.url, timeout=20, trust_env=False)
        self.sequencer: subprocess.Popen[bytes] | None = None
        self.gateway = self._gateway()
        self.wait()
        if sequencer:
            self.sequencer = self._start(*GATEWAY, "ledger", "sequence")

    def _gateway(self) -> subprocess.Popen[bytes]:
        return self._start(*self.command, "serve", "--port", str(self.port))

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("KAKEHASHI_")}
        environment |= {
            "KAKEHASHI_HOME": str(self.home),
            "KAKEHASHI_ACCESS": "open",
            "KAKEHASHI_LOG_LEVEL": "error",
            "KAKEHASHI_SEQUENCER": "false",
            # a script's own folder is first on its path; the code is that of this tree
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        with (self.home.parent / "house.log").open("ab") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def kill(self, what: str) -> None:
        """`gateway`, `sequencer` or `postgres`, with SIGKILL; the first two are started again."""
        if what == "gateway":
            self.gateway.kill()
            self.gateway.wait()
            self.gateway = self._gateway()
        elif what == "sequencer":
            assert self.sequencer is not None
            self.sequencer.kill()
            self.sequencer.wait()
            self.sequencer = self._start(*GATEWAY, "ledger", "sequence")
        else:
            data = layout.recorded_data(layout.state_folder(self.home))
            try:
                os.kill(int((data / "postmaster.pid").read_text().split("\n")[0]), signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError, ValueError):
                # it is only coming back from the last time
                pass

    def revive(self) -> None:
        """What ended by itself is started again, as a supervisor does: it may have begun without a database."""
        if self.gateway.poll() is not None:
            self.gateway = self._gateway()
        if self.sequencer is not None and self.sequencer.poll() is not None:
            self.sequencer = self._start(*GATEWAY, "ledger", "sequence")

    def wait(self, seconds: float = 180.0) -> None:
        """Until the gateway is ready."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if self.client.get("/health/ready").status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            self.revive()
            assert time.monotonic() < deadline, (self.home.parent / "house.log").read_text()[-3000:]
            time.sleep(0.05)

    def end(self) -> None:
        for process in (self.sequencer, self.gateway):
            if process is not None:
                process.kill()
                process.wait()
        self.client.close()

    def flows(self) -> list[dict[str, Any]]:
        """All of them, by the pages of GET /flows."""
        found: list[dict[str, Any]] = []
        url: str | None = f"{self.url}/flows?limit=1000&format=ndjson"
        while url is not None:
            answer = self.client.get(url)
            assert answer.status_code == 200, answer.text
            found += [httpx2.Response(200, content=line).json() for line in answer.content.splitlines()]
            following = answer.links.get("next")
            url = urljoin(self.url, following["url"]) if following else None
        return found


@dataclass
class Use:
    """What a client wanted once, under one key, however often it had to ask."""

    key: str
    asked: int = 0
    flows: list[str] = field(default_factory=list)
    """Of the answer that came whole."""
    at: float = 0.0
    """When it came; 0 while it has not."""


class Load:
    """Clients that ask without a pause, each use under a key of its own, until it is answered."""

    def __init__(self, house: House) -> None:
        self.uses: list[Use] = []
        self.checkpoints: list[Checkpoint] = []
        self._house = house
        self._url = house.url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()

    @property
    def answered(self) -> int:
        return sum(1 for use in self.uses if use.at)

    def until(self, more: int, seconds: float = 180.0) -> None:
        """Until so many more were answered."""
        goal, deadline = self.answered + more, time.monotonic() + seconds
        while self.answered < goal:
            self._house.revive()
            assert time.monotonic() < deadline, "nothing is answered any more"
            time.sleep(0.05)

    def until_signed(self, count: int, seconds: float = 180.0) -> None:
        """Until so many checkpoints were shown."""
        deadline = time.monotonic() + seconds
        while len(self.checkpoints) < count:
            self._house.revive()
            assert time.monotonic() < deadline, "nothing is signed any more"
            time.sleep(0.05)

    def stop(self) -> None:
        """No new use; those under way are answered first."""
        self._stop.set()
        self._thread.join(180)
        assert not self._thread.is_alive()

    async def _run(self) -> None:
        watching = asyncio.create_task(self._watch())
        await asyncio.gather(*(self._client() for _ in range(CLIENTS)))
        watching.cancel()

    async def _client(self) -> None:
        async with httpx2.AsyncClient(base_url=self._url, timeout=5, trust_env=False) as client:
            while not self._stop.is_set():
                use = Use(uuid4().hex)
                self.uses.append(use)
                while not use.at:
                    use.asked += 1
                    try:
                        answer = await client.get(f"{ENTITIES}?type=Shelter", headers={"idempotency-key": use.key})
                    except httpx2.TransportError:
                        await asyncio.sleep(0.02)
                        continue
                    if answer.status_code == 503:
                        assert "kakehashi-flow" not in answer.headers
                        await asyncio.sleep(0.02)
                        continue
                    # it has as many bytes as its head says, or it would not be here
                    assert answer.status_code == 200, answer.text
                    if answer.json():
                        use.flows, use.at = answer.headers["kakehashi-flow"].split(", "), time.monotonic()

    async def _watch(self) -> None:
        """Every checkpoint that is shown meanwhile."""
        async with httpx2.AsyncClient(base_url=self._url, timeout=5, trust_env=False) as client:
            while True:
                await asyncio.sleep(0.2)
                try:
                    answer = await client.get("/ledger/checkpoint")
                except httpx2.TransportError:
                    continue
                if answer.status_code == 200:
                    seen = read_checkpoint(answer.text).checkpoint
                    if seen not in self.checkpoints[-1:]:
                        self.checkpoints.append(seen)


def violations(uses: list[Use], flows: list[dict[str, Any]], *, before: float = float("inf")) -> list[str]:
    """What should never be: an answered flow that is not recorded once, a use that does not count once.

    `before`: of what was answered until then.
    """
    recorded = Counter(flow["id"] for flow in flows)
    counted: dict[str, set[str]] = defaultdict(set)
    for flow in flows:
        if flow["replay_of"] is None and flow["entities"] > 0:
            counted[flow["idempotency_key"]].add(flow["request"])
    found = [f"flow {flow} is there {count} times" for flow, count in recorded.items() if count != 1]
    for use in uses:
        if use.at and use.at < before:
            found += [f"flow {flow} was answered and is lost" for flow in use.flows if not recorded[flow]]
            if len(counted[use.key]) != 1:
                found.append(f"the use {use.key} counts {len(counted[use.key])} times")
        elif len(counted[use.key]) > 1:
            found.append(f"the use {use.key} counts {len(counted[use.key])} times")
    return found


def ledger_of(house: House, flows: list[dict[str, Any]], seen: list[Checkpoint], seconds: float = 180.0) -> None:
    """Gapless, every flow once, and every checkpoint that was ever shown is its beginning."""
    client, deadline = house.client, time.monotonic() + seconds
    wanted = {flow["id"] for flow in flows}
    lines: list[bytes] = []
    entered: list[str] = []
    while len(entered) < len(wanted):
        page = client.get("/ledger/entries", params={"from": len(lines), "limit": 1000}).content.splitlines()
        if not page:
            house.revive()
            assert time.monotonic() < deadline, f"{len(wanted) - len(entered)} flows are not in the ledger"
            time.sleep(0.2)
        for line in page:
            entry = read_entry(line)
            assert entry.seq == len(lines)
            lines.append(line)
            if isinstance(entry, FlowEntry):
                entered.append(entry.id)
    assert Counter(entered) == Counter(wanted)
    while True:
        last = read_checkpoint(client.get("/ledger/checkpoint").text).checkpoint
        if last.size >= len(lines):
            break
        house.revive()
        assert time.monotonic() < deadline, "the ledger is not signed"
        time.sleep(0.2)
    for one in seen:
        told = client.get("/ledger/consistency", params={"from": one.size, "to": last.size}).json()
        proof = [from_base64(text) or b"" for text in told["proof"]]
        assert consistent(one.size, one.root, last.size, last.root, proof), f"not as it was signed with {one.size}"
