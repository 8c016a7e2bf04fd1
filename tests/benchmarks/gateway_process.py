"""Processes of a benchmark: kept on a processor, waited for, ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2

from tests.benchmarks.processes import unpin_database


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def pinned(core: int) -> list[str]:
    """The command that keeps a process on one processor."""
    several = (os.cpu_count() or 1) > 1 and shutil.which("taskset")
    return ["taskset", "-c", str(core)] if several else []


@contextlib.contextmanager
def process(*command: str, core: int, env: dict[str, str] | None = None) -> Iterator[int]:
    """A process for the time of the block; gives its pid."""
    # what they say goes beside the JSON
    child = subprocess.Popen([*pinned(core), *command], env={**os.environ, **(env or {})}, stdout=sys.stderr)
    try:
        yield child.pid
    finally:
        child.terminate()
        child.wait(30)


def wait_for(url: str, seconds: float = 40.0) -> None:
    """Until something answers 200 there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(httpx2.HTTPError):
            if httpx2.get(url, timeout=2).status_code == 200:
                return
        time.sleep(0.1)
    raise SystemExit(f"nothing answers at {url}")


@contextlib.contextmanager
def gateway(home: Path, **settings: str) -> Iterator[tuple[str, int]]:
    """URL and pid of a gateway with metering on, its PostgreSQL beside it on all processors. Equal questions at the
    same time are asked each for itself unless `settings` say otherwise, so that what is measured is the federation."""
    port = free_port()
    given = {"home": str(home), "access": "open", "log_level": "warning", "coalesce": "false", **settings}
    environment = {f"KAKEHASHI_{name.upper()}": value for name, value in given.items()}
    command = ("-m", "broker", "serve", "--port", str(port))
    with process(sys.executable, *command, core=0, env=environment) as pid:
        wait_for(f"http://127.0.0.1:{port}/health/ready")
        unpin_database(pid)
        yield f"http://127.0.0.1:{port}", pid


def fsync_ms(folder: Path) -> float:
    """What one fsync of a small append costs here, median."""
    waits = []
    with (folder / "fsync").open("wb") as out:
        for _ in range(200):
            out.write(b"x" * 4096)
            out.flush()
            begun = time.perf_counter()
            os.fsync(out.fileno())
            waits.append(time.perf_counter() - begun)
    return round(statistics.median(waits) * 1e3, 3)


def say(text: str) -> None:
    """Progress, beside the JSON."""
    sys.stderr.write(f"… {text}\n")
