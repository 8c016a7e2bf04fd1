"""The first steps of the README work as they stand there, and the guides' queries are ones that the gateway reads."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from documents import DOCS, ROOT, code

from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.q import parse_q


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_the_first_steps(tmp_path: Path) -> None:
    """In a home and on a port of its own, with the environment that runs the tests in place of `make setup`."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    steps = next(block for block in blocks if "kakehashi serve" in block)
    port = free_port()
    script = steps.replace("make setup\n", "").replace("kakehashi serve &", f"kakehashi serve --port {port} &")
    assert "127.0.0.1:9090" in script
    script = script.replace("127.0.0.1:9090", f"127.0.0.1:{port}").replace("curl -i", "curl -sSi --max-time 60")
    script = f"set -eo pipefail\n{script}\nkill -TERM %1 && wait %1 || true\n"
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    clean = {k: v for k, v in os.environ.items() if not k.startswith("KAKEHASHI_")}
    # the command may have been installed from another tree than the one under test
    environment = clean | {"KAKEHASHI_HOME": str(tmp_path / "home"), "PATH": programs, "PYTHONPATH": str(ROOT)}
    environment["LANG"] = "C.UTF-8"
    running = subprocess.Popen(
        ["bash", "-c", script],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = running.communicate(timeout=120)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == 0, err
    assert "toyosu-shelters is registered" in out
    assert "200 OK" in out
    assert re.search(r"kakehashi-flow: [0-9a-f-]{36}", out)
    assert "urn:ngsi-ld:EvacuationShelter:" in out
    assert "Metered flows" in out
    assert "my-app" in out
    assert "API uses" in out


@pytest.mark.parametrize("page", ["guide-developer.md", "guide-developer.ja.md"])
def test_the_queries_that_the_guide_shows_are_read(page: str) -> None:
    paragraph = next(p for p in (DOCS / page).read_text().split("\n\n") if p.startswith("`q`"))
    queries = [text for text in code(paragraph) if text not in ("q", ";", "|")]
    assert len(queries) == 5
    for query in queries:
        parse_q(query, context=CORE)
