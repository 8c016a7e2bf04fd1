"""`kakehashi serve` as a process: what it refuses, how it drains, and several workers as one gateway."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from broker.cli.serve import is_loopback
from broker.store.database import Database

Start = Callable[..., "Served"]


class Served:
    """A gateway that listens at `url`."""

    def __init__(self, process: subprocess.Popen[str], url: str, said: list[str]) -> None:
        self.process = process
        self.url = url
        self.said = said

    def client(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=20, trust_env=False)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


def command(tmp_path: Path, *words: str, **settings: str) -> subprocess.Popen[str]:
    dropped = ("KAKEHASHI_", "LC_", "LANG", "PROMETHEUS_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    environment |= {f"KAKEHASHI_{name.upper()}": value for name, value in settings.items()}
    environment["KAKEHASHI_HOME"] = str(tmp_path / "home")
    return subprocess.Popen(
        [sys.executable, "-m", "broker", "serve", "--port", "0", *words],
        stdout=subprocess.PIPE,
        stderr=(tmp_path / "stderr").open("w"),
        env=environment,
        text=True,
    )


@pytest.fixture
def serve(tmp_path: Path, database_url: str) -> Iterator[Start]:
    """`serve("--workers", "2", access="open")`."""
    processes = []

    def start(*words: str, **settings: str) -> Served:
        process = command(tmp_path, *words, **({"database_url": database_url} | settings))
        processes.append(process)
        assert process.stdout is not None
        said = [process.stdout.readline().rstrip()]
        assert said[0].startswith("Listening on http://"), (tmp_path / "stderr").read_text()
        while not said[-1].startswith("The API"):
            said.append(process.stdout.readline().rstrip())
        return Served(process, said[0].split()[-1], said)

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_says_where_it_listens_and_where_the_key_is_but_not_the_key(serve: Start, tmp_path: Path) -> None:
    served = serve()
    file = tmp_path / "home" / "admin.key"
    assert any(line.endswith(str(file)) for line in served.said)
    assert any("kakehashi service add" in line for line in served.said)
    with served.client() as client:
        answer = client.get("/ngsi-ld/v1/types")
        assert (answer.status_code, answer.headers["server"]) == (401, "kakehashi")
        assert client.get("/ngsi-ld/v1/types", headers={"X-API-Key": file.read_text().strip()}).status_code == 200
    assert served.end() == 0
    assert served.process.stdout is not None
    told = "\n".join(served.said) + served.process.stdout.read() + (tmp_path / "stderr").read_text()
    assert file.read_text().strip() not in told


@pytest.mark.parametrize(
    ("words", "settings", "message"),
    [
        (("--host", "0.0.0.0"), {"access": "open"}, "--host = 0.0.0.0"),
        (("--host", "::"), {"access": "open"}, "--host = ::"),
        (("--host", "no such host"), {}, "--host = no such host"),
        (("--access", "open", "--host", "0.0.0.0"), {}, "KAKEHASHI_OPEN_TO_NETWORK=1"),
        ((), {"admin_key": "short"}, "KAKEHASHI_ADMIN_KEY"),
        ((), {"secret_key": "short"}, "KAKEHASHI_SECRET_KEY"),
        ((), {"database_url": "mysql://x"}, "KAKEHASHI_DATABASE_URL"),
        ((), {"database_url": "postgresql://u@127.0.0.1:1/d"}, "error: "),
        (("--config", "/no/such/file"), {}, "KAKEHASHI_CONFIG = /no/such/file"),
    ],
)
def test_refuses_in_one_line(tmp_path: Path, words: tuple[str, ...], settings: dict[str, str], message: str) -> None:
    process = command(tmp_path, *words, **({"database_url": "postgresql://u@127.0.0.1:1/d"} | settings))
    out, _ = process.communicate(timeout=40)
    told = (tmp_path / "stderr").read_text()
    assert (process.returncode, out) == (1, "")
    assert message in told
    assert told.count("\n") == 1


def test_told_twice_it_opens_to_the_network(serve: Start) -> None:
    served = serve("--host", "0.0.0.0", access="open", open_to_network="1")
    assert served.url.startswith("http://0.0.0.0:")
    assert served.end() == 0


def test_a_port_that_is_taken(tmp_path: Path, database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        process = command(tmp_path, "--port", port, database_url=database_url)
        out, _ = process.communicate(timeout=40)
    told = (tmp_path / "stderr").read_text()
    assert (process.returncode, out, told.count("\n")) == (1, "", 1)
    assert f"127.0.0.1:{port}" in told


def test_which_hosts_are_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.0.2.1")))


@contextmanager
def slow_source(seconds: float) -> Iterator[tuple[str, threading.Event]]:
    """An NGSI-LD server that takes its time over entities, and an event that it was asked."""
    asked = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if "/entities" in self.path:
                asked.set()
                time.sleep(seconds)
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    thread.join()


def register(client: httpx2.Client, name: str, endpoint: str) -> None:
    document = {"id": name, "adapter": "ngsi_ld", "endpoint": endpoint, "coverage": {"types": ["Thing"]}}
    assert client.post("/platforms?force=true", json=document).status_code == 201


async def test_sigterm_lets_what_is_under_way_end_and_be_settled(serve: Start, database: Database) -> None:
    served = serve(access="open")
    with slow_source(1.5) as (endpoint, asked), served.client() as client:
        register(client, "slow", endpoint)
        assert await asyncio.to_thread(until_known, client, "slow", 20.0)
        asked.clear()
        answers: list[httpx2.Response] = []
        thread = threading.Thread(target=lambda: answers.append(client.get("/ngsi-ld/v1/entities?type=Thing")))
        thread.start()
        assert await asyncio.to_thread(asked.wait, 10)
        served.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        with pytest.raises(httpx2.TransportError):
            httpx2.get(served.url + "/health/live", trust_env=False)
        await asyncio.to_thread(thread.join)
        assert await asyncio.to_thread(served.process.wait, 20) == 0
    [answer] = answers
    assert (answer.status_code, answer.json()) == (200, [])
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT id::text, platform FROM flows WHERE operation = 'query'")
    assert [(row["id"], row["platform"]) for row in rows] == [(answer.headers["kakehashi-flow"], "slow")]


def until_known(client: httpx2.Client, platform: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not any(source["platform"] == platform for source in explained(client)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def explained(client: httpx2.Client) -> list[dict[str, object]]:
    sources: list[dict[str, object]] = client.get("/federation/explain?type=Thing").json()["sources"]
    return sources


def workers_of(pid: int) -> list[int]:
    """uvicorn's workers, by their command line."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="tells workers apart by /proc")


@linux
def test_two_workers_are_one_gateway(serve: Start) -> None:
    served = serve("--workers", "2", access="open")
    with served.client() as client:
        register(client, "new", "http://127.0.0.1:1")
    workers = workers_of(served.process.pid)
    assert len(workers) == 2
    for asleep in workers:
        # whoever is stopped takes no connection, so the other one answers
        os.kill(asleep, signal.SIGSTOP)
        try:
            with served.client() as client:
                # within a second, and some for a busy machine; uvicorn replaces a worker that is silent for five
                assert until_known(client, "new", 3.0)
        finally:
            os.kill(asleep, signal.SIGCONT)
    with served.client() as client:
        text = client.get("/metrics").text
    counted = [line for line in text.splitlines() if line.startswith('kakehashi_requests_total{route="explain"')]
    assert [float(line.split()[-1]) >= 2 for line in counted] == [True]
    assert served.end() == 0
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


@linux
@pytest.mark.crash
def test_workers_end_when_their_parent_is_killed(serve: Start) -> None:
    served = serve("--workers", "2", access="open")
    with served.client() as client:
        assert client.get("/health/ready").status_code == 200
    workers = workers_of(served.process.pid)
    assert len(workers) == 2
    served.process.kill()
    served.process.wait()
    deadline = time.monotonic() + 20
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers))
    with pytest.raises(httpx2.TransportError):
        httpx2.get(served.url + "/health/live", trust_env=False)


def alive(pid: int) -> bool:
    """A zombie that nobody reaps is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_ctrl_c_is_an_orderly_end_too(serve: Start) -> None:
    served = serve(access="open")
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(30) == 0


def test_ctrl_c_ends_what_a_script_started_in_the_background(serve: Start) -> None:
    """Such a child begins with SIGINT ignored (POSIX, asynchronous lists), and an ignored signal stays ignored."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        served = serve(access="open")
    finally:
        signal.signal(signal.SIGINT, before)
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(30) == 0
