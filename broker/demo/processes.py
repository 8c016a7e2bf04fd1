"""The demo's processes: each on a loopback port of its own, with a log of its own, ended together."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from schemas.errors import KakehashiError

_START_SECONDS = 90.0
_END_SECONDS = 40.0
_ATTEMPTS = 3
_TAIL = 1200

Command = Callable[[int], Sequence[str]]
"""From a port to the module and its arguments."""


class DemoFailed(KakehashiError):
    """The demo can't go on; `detail` says what did not work."""


@dataclass(slots=True)
class _Child:
    name: str
    process: asyncio.subprocess.Process
    log: Path


@dataclass(slots=True)
class Fleet:
    """`folder` takes the logs."""

    folder: Path
    _names: list[str] = field(default_factory=list)
    _children: dict[str, _Child] = field(default_factory=dict)

    async def start(
        self, name: str, command: Command, ready: str, environment: Mapping[str, str], *, port: int | None = None
    ) -> str:
        """Start a module on a free port (or on `port`) and wait until `ready` answers 200. Returns its base URL.

        DemoFailed with the end of its log if it ends before, or takes too long.
        """
        self._names.append(name)
        for attempt in range(1, _ATTEMPTS + 1):
            chosen = port or free_port()
            child = self._children[name] = await self._spawn(name, command(chosen), environment)
            url = f"http://127.0.0.1:{chosen}"
            if await _answers(child, url + ready):
                return url
            await _end(child)
            # between being found free and being taken, a port may have gone to somebody else
            if port is not None or attempt == _ATTEMPTS or "in use" not in _tail(child.log):
                raise DemoFailed(f"{name} did not start; its log ({child.log}) ends with: {_tail(child.log)}")
        raise AssertionError("unreachable")

    async def _spawn(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> _Child:
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "broker.demo.child",
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=out,
                stderr=out,
                env=dict(environment),
                # Ctrl-C at the terminal is for the demo, which ends its children in order
                start_new_session=True,
            )
        return _Child(name, process, log)

    async def stop(self) -> None:
        """The one that was started last, which asks, before those that it asks."""
        children = [self._children[name] for name in self._names if name in self._children]
        if children:
            await _end(children.pop())
        await asyncio.gather(*map(_end, children))


def free_port(preferred: int = 0) -> int:
    """A port of loopback that is free now; the preferred one if it is."""
    for port in (preferred, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found: int = probe.getsockname()[1]
            return found
    raise DemoFailed("there is no free port on 127.0.0.1")


def bare_environment() -> dict[str, str]:
    """The environment without what configures a gateway."""
    dropped = ("KAKEHASHI_", "PROMETHEUS_MULTIPROC_DIR")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


async def _answers(child: _Child, url: str) -> bool:
    """Wait until it does; False if the child ends before, or nothing comes of it."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _START_SECONDS
    async with httpx2.AsyncClient(timeout=5, trust_env=False) as client:
        while child.process.returncode is None and loop.time() < deadline:
            with contextlib.suppress(httpx2.TransportError):
                if (await client.get(url)).status_code == 200:
                    return True
            await asyncio.sleep(0.05)
    return False


async def _end(child: _Child) -> None:
    """SIGTERM, then patience, then force."""
    process = child.process
    for number, seconds in ((signal.SIGTERM, _END_SECONDS), (signal.SIGKILL, 10.0)):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await process.wait()


def _tail(log: Path) -> str:
    try:
        text = log.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
    return text[-_TAIL:]
