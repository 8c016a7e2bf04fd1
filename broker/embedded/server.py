"""`PrivatePostgres`: a PostgreSQL that belongs to one KAKEHASHI_HOME and lives as long as somebody uses it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from broker.embedded import binaries, layout
from broker.embedded.binaries import Binaries
from broker.embedded.layout import Layout
from schemas.errors import SettingsError

_USER = "kakehashi"
_DEADLINE = 60.0
_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "deadlock_timeout": "200ms",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
}


class PrivatePostgres:
    """One process's hold on the private server of a home. The server stops when the last hold of any process ends.

    A hold ends with `release`, with the `with` block, or with the process, however it ends. While one lasts, a server
    or guardian that is killed comes back within about a second, at the same URL.
    """

    def __init__(self, place: Layout, programs: Binaries, users: int) -> None:
        self._place = place
        self._programs = programs
        self._users = users
        self._released = False
        self._children: list[subprocess.Popen[bytes]] = []

    @classmethod
    def start(cls, home: Path) -> PrivatePostgres:
        """Join the server of `home`, or make and start it; blocks until it answers (about a second the first time).

        Any number of processes and threads may do so at once. Raises `SettingsError` if there is no PostgreSQL, the
        home can't be used, or the server does not start.
        """
        state = layout.make_state(home)
        try:
            with _locked(state / "start.lock"):
                place = layout.prepare(state)
                programs = binaries.find(place.account, layout.shared_programs, major=_major(place.data))
                if not place.data.exists():
                    _initialise(place, programs)
                hold = cls(place, programs, _share(place.users))
                try:
                    hold._ensure()
                except BaseException:
                    hold.release()
                    raise
        except OSError as error:
            raise SettingsError(
                f"The private database can't be started: {error}", field="KAKEHASHI_HOME", value=str(home)
            ) from error
        threading.Thread(target=hold._watch, name="private-postgres", daemon=True).start()
        return hold

    @property
    def url(self) -> str:
        """For asyncpg and, with the driver's name in front, SQLAlchemy."""
        return f"postgresql://{_USER}@/postgres?host={self._place.socket}&port=5432"

    def release(self) -> None:
        """End this hold; may be called twice. The server, if nobody else holds it, stops soon after."""
        if not self._released:
            self._released = True
            os.close(self._users)

    def __enter__(self) -> PrivatePostgres:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _ensure(self) -> None:
        """A guardian lives and its server answers."""
        deadline = time.monotonic() + _DEADLINE
        attempts = 0
        while not _answers(self._place):
            lock = _try(self._place.guardian)
            if lock is not None:
                if attempts == 1:
                    os.close(lock)
                    raise SettingsError(f"PostgreSQL does not start. {_complaint(self._place)}", field="KAKEHASHI_HOME")
                attempts += 1
                self._spawn(lock)
            if time.monotonic() > deadline:
                raise SettingsError(
                    f"PostgreSQL did not answer within {_DEADLINE:.0f} seconds. {_complaint(self._place)}",
                    field="KAKEHASHI_HOME",
                )
            time.sleep(0.01)

    def _spawn(self, lock: int) -> None:
        """Start a guardian that inherits `lock`, so that there is no moment in which two could be."""
        place = self._place
        settings = _SETTINGS | {"unix_socket_directories": str(place.socket)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        spec = {
            "command": [str(self._programs.postgres), "-D", str(place.data), *options],
            "identity": place.account.identity,
            "data": str(place.data),
            "socket": str(place.socket),
            "users": str(place.users),
            "lock": lock,
        }
        script = Path(__file__).with_name("guardian.py")
        try:
            with place.log.open("wb") as log:
                child = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-I", "-S", str(script), json.dumps(spec)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                    pass_fds=(lock,),
                    start_new_session=True,
                )
        finally:
            os.close(lock)
        self._children = [old for old in self._children if old.poll() is None] + [child]

    def _watch(self) -> None:
        """Wait for the guardian's end; one of the processes that wait gets its lock and starts the next."""
        while not self._released:
            try:
                lock = os.open(self._place.guardian, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                # The home was deleted under our feet; there is nothing left to guard.
                return
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._released or not self._place.data.exists():
                os.close(lock)
                return
            self._spawn(lock)
            time.sleep(0.2)


def remove(home: Path) -> None:
    """Wait until nobody uses the private server of `home`, then delete it with its data."""
    state = layout.state_folder(home)
    if not state.exists():
        return
    # The guardian's first: it ends only once it has got the users' lock.
    with _locked(state / "start.lock"), _locked(state / "guardian.lock"), _locked(state / "users.lock"):
        data = layout.recorded_data(state)
        shutil.rmtree(data if data.parent == state else data.parent, ignore_errors=True)
        if outside := layout.recorded_socket(state):
            shutil.rmtree(outside, ignore_errors=True)
        shutil.rmtree(state)


def _initialise(place: Layout, programs: Binaries) -> None:
    """`initdb` beside the data's place, renamed when it is whole: a kill in between leaves nothing half made."""
    fresh = place.data.with_name("data.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    place.account.own(fresh)
    command = [str(programs.initdb), "-D", str(fresh), "-U", _USER, "--auth=trust", "--encoding=UTF8", "--no-locale"]
    environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
    done = subprocess.run(  # noqa: S603
        command, check=False, capture_output=True, cwd="/", env=environment, **place.account.identity
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise SettingsError(f"The private database can't be made: {said[-500:]}", field="KAKEHASHI_HOME")
    fresh.rename(place.data)


def _major(data: Path) -> int | None:
    try:
        return int((data / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def _answers(place: Layout) -> bool:
    """The server takes connections: its pid file says so, and the socket is not one that a killed server left."""
    try:
        lines = (place.data / "postmaster.pid").read_text(errors="replace").splitlines()
    except OSError:
        return False
    if len(lines) < 8 or lines[7].strip() != "ready":
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(place.socket_file))
        except OSError:
            return False
    return True


def _complaint(place: Layout) -> str:
    try:
        said = place.log.read_text(errors="replace").strip()
    except OSError:
        said = ""
    return f"It said: {said[-500:]}" if said else f"See {place.data / 'log'}."


def _try(file: Path) -> int | None:
    """The exclusive lock on `file` as an open descriptor, or None if somebody has it."""
    lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _share(file: Path) -> int:
    """The shared lock on `file`; waits while a guardian that is stopping its server has the exclusive one."""
    lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    _wait(lambda: fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB))
    return lock


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait(lambda: fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB))
        yield
    finally:
        os.close(lock)


def _wait(attempt: Callable[[], None]) -> None:
    deadline = time.monotonic() + 2 * _DEADLINE
    while True:
        try:
            attempt()
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
