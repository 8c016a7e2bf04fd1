"""The command against a fresh database, and an NGSIv2 platform that wants an API key."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from cli_process import Cli, Result, call

from broker.demo.orion import create_app
from broker.demo.orion_data import load_file


@pytest.fixture
def cli(tmp_path: Path, database_url: str) -> Cli:
    """`cli("platform", "list", env={…}, stdin=b"…")`."""

    def run(*arguments: str, env: dict[str, str] | None = None, stdin: bytes = b"") -> Result:
        base = {
            "KAKEHASHI_HOME": str(tmp_path / "home"),
            "KAKEHASHI_DATABASE_URL": database_url,
            "KAKEHASHI_ALLOW_NETWORKS": "127.0.0.0/8",
            "LANG": "en_US.UTF-8",
            "COLUMNS": "200",
        }
        return call(tmp_path, list(arguments), base | (env or {}), stdin)

    return run


@pytest.fixture(scope="session")
def orion() -> Iterator[str]:
    """Base URL; every request needs `apikey: right-key`."""
    app = create_app(load_file(None), service="takeshiba", service_path="/opendata", api_key="right-key")
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
