"""A worker is killed (SIGKILL) while it notifies: another takes over, and nothing that was acknowledged is lost."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from gateway import ENTITIES, fresh_database
from receivers import Behaviour, Receiver, until

PATH = "/ngsi-ld/v1/subscriptions"


class Worker:
    """A gateway as a process of its own, on a database that it shares."""

    def __init__(self, home: Path, database_url: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("KAKEHASHI_")} | {
            "KAKEHASHI_HOME": str(home),
            "KAKEHASHI_DATABASE_URL": database_url,
            "KAKEHASHI_ACCESS": "open",
            "KAKEHASHI_SECRET_KEY": "k" * 44,
            "KAKEHASHI_LOG_LEVEL": "error",
        }
        command = [sys.executable, "-m", "broker", "serve", "--port", str(port)]
        with (home / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False)

    def ready(self) -> bool:
        try:
            return self.client.get("/health/ready").status_code == 200
        except httpx2.TransportError:
            return False

    def ask(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        answer = self.client.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        return answer

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)


@pytest.fixture
def workers(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Worker]]:
    with fresh_database(postgres_url) as url, ExitStack() as stack:
        opened = []
        for name in ("one", "two"):
            worker = Worker(tmp_path_factory.mktemp(name), url)
            stack.callback(worker.close)
            opened.append(worker)
        for worker in opened:
            until(worker.ready, 60)
        yield opened


def test_another_worker_takes_over(workers: list[Worker]) -> None:
    first, second = workers
    hold = threading.Event()
    receiver = Receiver({"/held": Behaviour(hold=hold)}).open()
    try:
        endpoint = {"uri": receiver.url + "/held", "timeout": 1000}
        body = {"type": "Subscription", "entities": [{"type": "Room"}], "notification": {"endpoint": endpoint}}
        location = first.ask("POST", PATH, body).headers["location"]
        until(lambda: len(second.ask("GET", PATH).json()) == 1)
        first.ask("POST", ENTITIES, {"id": "urn:ngsi-ld:Room:1", "type": "Room", "n": _value(0)})
        receiver.wait("/held")
        # under way at the first worker, which dies with what it has and with what was just acknowledged
        for n in range(1, 5):
            first.ask("PATCH", f"{ENTITIES}/urn:ngsi-ld:Room:1", {"n": _value(n)})
        first.kill()
        hold.set()
        until(lambda: len({_value_of(one) for one in receiver.at("/held")}) == 5, 30)
        told = receiver.at("/held")
        # in order, each once but for the one whose end nobody recorded, which came under the same id
        assert [_value_of(one) for one in told][-5:] == list(range(5))
        assert len({one.body["id"] for one in told}) == 5
        until(lambda: second.ask("GET", location).json()["notification"].get("timesSent") == 5)
        flows = [f for f in second.ask("GET", "/flows").json() if f["operation"] == "notify"]
        assert len(flows) == 5
    finally:
        receiver.close()


def test_both_deliver_in_order_and_once(workers: list[Worker]) -> None:
    receiver = Receiver().open()
    try:
        body = {
            "type": "Subscription",
            "entities": [{"type": "Room"}],
            "notification": {"endpoint": {"uri": receiver.url + "/both"}},
        }
        location = workers[0].ask("POST", PATH, body).headers["location"]
        until(lambda: len(workers[1].ask("GET", PATH).json()) == 1)
        workers[0].ask("POST", ENTITIES, {"id": "urn:ngsi-ld:Room:1", "type": "Room", "n": _value(0)})
        until(lambda: workers[1].client.get(f"{ENTITIES}/urn:ngsi-ld:Room:1").status_code == 200)
        receiver.wait("/both")
        for n in range(1, 40):
            workers[n % 2].ask("PATCH", f"{ENTITIES}/urn:ngsi-ld:Room:1", {"n": _value(n)})
        told = receiver.wait("/both", 40)
        assert [_value_of(one) for one in told] == list(range(40))
        until(lambda: workers[0].ask("GET", location).json()["notification"].get("timesSent") == 40)
    finally:
        receiver.close()


def _value(n: int) -> dict[str, Any]:
    return {"type": "Property", "value": n}


def _value_of(one: Any) -> int:
    return int(one.body["data"][0]["n"]["value"])
