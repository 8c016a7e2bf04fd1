"""The parent of a private PostgreSQL: a process of its own that stops the server when nobody uses it any more.

Run as a script, by path, with the standard library only. Every process that uses the server holds a shared lock on the
file `users`; this one waits for the exclusive lock, which it gets when all of them are gone, however they went. It
holds the lock that it inherits as `lock` for as long as it lives, so that the users learn of its end.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_PATIENCE = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
"""What a server that has to stop gets, and the seconds that it has for it: fast, immediate, by force."""

_FAILURES = 5
"""Starts in a row that come to nothing before the guardian gives up; whoever still needs it starts another."""


def main(argument: str) -> int:
    spec: dict[str, Any] = json.loads(argument)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A terminal or a service manager signals everyone; the users end first, and the server must outlive them. A
        # handler, because an ignored signal would stay ignored in the server.
        signal.signal(number, lambda *_: None)
    users = os.open(spec["users"], os.O_RDWR | os.O_CLOEXEC)
    os.set_inheritable(spec["lock"], False)
    data = Path(spec["data"])
    server = _Server(spec["command"], spec["identity"])
    threading.Thread(target=_stop_without_users, args=(users, server), daemon=True).start()
    failures = 0
    while not server.stopping.is_set() and data.exists() and failures < _FAILURES:
        _end_predecessor(data)
        for left in Path(spec["socket"]).glob(".s.PGSQL.*"):
            # The folder is this server's alone. Its lock may name a zombie, or a stranger who has the pid now.
            left.unlink()
        began = time.monotonic()
        server.run()
        # Backends of a killed server hold its memory a moment longer, so a start or two may fail.
        failures = failures + 1 if time.monotonic() - began < 5 else 0
        if failures < _FAILURES:
            server.stopping.wait(0.05 * 2**failures)
    return 0


class _Server:
    """One child at a time, that anyone may ask to stop."""

    def __init__(self, command: list[str], identity: dict[str, Any]) -> None:
        self._command = command
        self._identity = identity
        self._child: subprocess.Popen[bytes] | None = None
        self.stopping = threading.Event()

    def run(self) -> None:
        """Start it, and come back when it has ended."""
        child = subprocess.Popen(  # noqa: S603
            self._command, stdin=subprocess.DEVNULL, cwd="/", preexec_fn=_die_with_parent(), **self._identity
        )
        self._child = child
        if self.stopping.is_set():
            child.send_signal(signal.SIGINT)
        child.wait()

    def stop(self) -> None:
        self.stopping.set()
        child = self._child
        for number, seconds in _PATIENCE:
            if child is None or child.poll() is not None:
                return
            child.send_signal(number)
            try:
                child.wait(seconds)
            except subprocess.TimeoutExpired:
                continue


def _stop_without_users(users: int, server: _Server) -> None:
    fcntl.flock(users, fcntl.LOCK_EX)
    server.stop()


def _die_with_parent() -> Callable[[], None] | None:
    """Ask the kernel to stop the server if this process is killed; elsewhere than on Linux the successor does it."""
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _end_predecessor(data: Path) -> None:
    """Leave nothing running on `data`: we hold the lock, so whatever runs there has lost its guardian.

    A pid file that names a living stranger (pids are used again, soon so in a container) would stop PostgreSQL from
    starting. It is not removed, because PostgreSQL also finds orphaned backends by it; naming the new server's parent
    instead of the stranger makes it stale in PostgreSQL's eyes.
    """
    file = data / "postmaster.pid"
    for number, seconds in _PATIENCE:
        try:
            lines = file.read_bytes().split(b"\n")
            pid = int(lines[0])
        except (OSError, ValueError):
            return
        if not _alive(pid):
            return
        if not _serves(pid, data):
            lines[0] = str(os.getpid()).encode()
            file.write_bytes(b"\n".join(lines))
            return
        os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while _alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _serves(pid: int, data: Path) -> bool:
    """Whether the process is a PostgreSQL server on `data`, by its command line."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        said = subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)  # noqa: S603
        line = said.stdout
    return os.fsencode(data) in line and b"postgres" in line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
