"""The private PostgreSQL with real processes that are really killed."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from broker.embedded import layout
from broker.embedded.server import PrivatePostgres, remove
from schemas.errors import SettingsError

USER = """
import sys
from pathlib import Path
from broker.embedded.server import PrivatePostgres
hold = PrivatePostgres.start(Path(sys.argv[1]))
print(hold.url, flush=True)
sys.stdin.read()
"""


class User:
    """Another process that holds the server, until it is killed."""

    def __init__(self, home: Path, *, python: str = sys.executable, **options: Any) -> None:
        self.process = subprocess.Popen(
            [python, "-c", USER, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )

    @property
    def url(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder that every account may pass through, with the homes of a test."""
    folder = Path(tempfile.mkdtemp(prefix="kakehashi-embedded-"))
    folder.chmod(0o711)
    yield folder
    for home in folder.iterdir():
        if home.is_dir():
            remove(home)
    subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.fixture
def home(base: Path) -> Path:
    return base / "架け橋 の家"


def ask(url: str, *statements: str) -> Any:
    """The value of the last statement's first row."""

    async def run() -> Any:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(run())


def answers(url: str) -> bool:
    try:
        return ask(url, "SELECT 1") == 1
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def server_pid(home: Path) -> int:
    data = layout.recorded_data(layout.state_folder(home))
    return int((data / "postmaster.pid").read_text().split("\n")[0])


def guardian_pid(home: Path) -> int:
    said = subprocess.run(
        ["ps", "-o", "ppid=", "-p", str(server_pid(home))], capture_output=True, text=True, check=True
    )
    return int(said.stdout)


def gone(pid: int) -> bool:
    """Ended, or only waiting to be reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        if sys.platform.startswith("linux"):
            return True
        said = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
        state = said.stdout.strip()[:1]
    return state in ("", "Z", "X")


def test_a_first_start_and_what_it_is_like(home: Path) -> None:
    with PrivatePostgres.start(home) as server:
        assert int(ask(server.url, "SHOW server_version_num")) >= 150000
        shown = {name: ask(server.url, f"SHOW {name}") for name in ("fsync", "listen_addresses", "server_encoding")}
        assert shown == {"fsync": "on", "listen_addresses": "", "server_encoding": "UTF8"}
        assert ask(server.url, "SHOW timezone") == "UTC"
        folder = Path(ask(server.url, "SHOW unix_socket_directories"))
        assert len(os.fsencode(folder / ".s.PGSQL.5432")) <= 107
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        data = Path(ask(server.url, "SHOW data_directory"))
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        assert home in data.parents
        assert (os.geteuid() == 0) == (data.stat().st_uid != os.geteuid())


def test_data_outlive_the_server_and_a_move_of_the_home(home: Path) -> None:
    with PrivatePostgres.start(home) as server:
        ask(server.url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42) RETURNING n")
        pid = server_pid(home)
    until(lambda: gone(pid))
    moved = home.with_name("moved")
    home.rename(moved)
    with PrivatePostgres.start(moved) as server:
        assert ask(server.url, "SELECT n FROM kept") == 42


def test_a_home_that_the_servers_account_cannot_enter(base: Path) -> None:
    hidden = base / "hidden"
    hidden.mkdir(mode=0o700)
    with PrivatePostgres.start(hidden / "home") as server:
        ask(server.url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42) RETURNING n")
        data = Path(ask(server.url, "SHOW data_directory"))
        pid = server_pid(hidden / "home")
    until(lambda: gone(pid))
    with PrivatePostgres.start(hidden / "home") as server:
        assert ask(server.url, "SELECT n FROM kept") == 42
    remove(hidden / "home")
    assert not data.exists()


def test_processes_that_start_at_once_share_one_server(home: Path) -> None:
    users = [User(home) for _ in range(4)]
    urls = {user.url for user in users}
    assert len(urls) == 1
    assert ask(urls.pop(), "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'checkpointer'") == 1
    pid = server_pid(home)
    for user in users[:3]:
        user.kill()
    assert not gone(pid)
    users[3].kill()
    until(lambda: gone(pid))


@pytest.mark.crash
def test_it_stops_when_its_last_user_is_killed(home: Path) -> None:
    user = User(home)
    url = user.url
    server, guardian = server_pid(home), guardian_pid(home)
    with PrivatePostgres.start(home):
        user.kill()
        assert answers(url)
    until(lambda: gone(server) and gone(guardian))
    assert not answers(url)


@pytest.mark.crash
@pytest.mark.parametrize("victims", [("server",), ("guardian",), ("server", "guardian")])
def test_it_comes_back_at_the_same_url_while_somebody_uses_it(home: Path, victims: tuple[str, ...]) -> None:
    with PrivatePostgres.start(home) as hold:
        ask(hold.url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42) RETURNING n")
        pids = {"server": server_pid(home), "guardian": guardian_pid(home)}
        for victim in victims:
            os.kill(pids[victim], signal.SIGKILL)
        until(lambda: gone(pids["server"]))
        until(lambda: answers(hold.url))
        assert ask(hold.url, "SELECT n FROM kept") == 42
        assert server_pid(home) != pids["server"]
        until(lambda: not gone(guardian_pid(home)))
        last = server_pid(home)
    until(lambda: gone(last))


@pytest.mark.crash
def test_after_everything_was_killed_the_next_start_recovers(home: Path) -> None:
    user = User(home)
    url = user.url
    ask(url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42) RETURNING n")
    server, guardian = server_pid(home), guardian_pid(home)
    os.kill(user.process.pid, signal.SIGKILL)
    os.kill(guardian, signal.SIGKILL)
    os.kill(server, signal.SIGKILL)
    user.kill()
    until(lambda: gone(server) and gone(guardian))
    with PrivatePostgres.start(home) as hold:
        assert ask(hold.url, "SELECT n FROM kept") == 42


@pytest.mark.crash
def test_a_killed_guardian_leaves_no_orphan_behind(home: Path) -> None:
    """Where the whole group is killed, nobody is left to start another guardian."""
    user = User(home)
    assert user.url
    server, guardian = server_pid(home), guardian_pid(home)
    os.kill(user.process.pid, signal.SIGSTOP)
    os.kill(guardian, signal.SIGKILL)
    os.kill(user.process.pid, signal.SIGKILL)
    user.kill()
    if sys.platform.startswith("linux"):
        until(lambda: gone(server))
    else:
        os.kill(server, signal.SIGKILL)


@pytest.mark.crash
def test_a_pid_file_that_names_a_living_stranger(home: Path) -> None:
    user = User(home)
    assert user.url
    server, guardian = server_pid(home), guardian_pid(home)
    os.kill(user.process.pid, signal.SIGSTOP)
    os.kill(guardian, signal.SIGKILL)
    os.kill(server, signal.SIGKILL)
    user.kill()
    until(lambda: gone(server) and gone(guardian))
    file = layout.recorded_data(layout.state_folder(home)) / "postmaster.pid"
    file.write_text("\n".join([str(os.getppid()), *file.read_text().split("\n")[1:]]))
    with PrivatePostgres.start(home) as hold:
        assert answers(hold.url)
        assert not gone(os.getppid())


def test_a_signal_to_everyone_does_not_end_the_guardian_before_its_users(home: Path) -> None:
    with PrivatePostgres.start(home) as hold:
        guardian = guardian_pid(home)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(guardian, number)
        assert ask(hold.url, "SELECT pg_sleep(0.2)", "SELECT 1") == 1
        assert guardian_pid(home) == guardian


def runs(python: str, options: dict[str, Any]) -> bool:
    code = "import sys, broker.embedded.server; sys.exit(sys.version_info < (3, 11))"
    try:
        done = subprocess.run([python, "-c", code], check=False, stderr=subprocess.DEVNULL, **options)
    except OSError:
        return False
    return done.returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user(base: Path) -> None:
    base.chmod(0o777)
    run = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/"}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    run["env"] = os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    python = next((each for each in (sys.executable, "/usr/bin/python3") if runs(each, run)), None)
    if python is None:
        pytest.skip("interpreter or packages are where only root can reach them")
    user = User(base / "home of nobody", python=python, **run)
    # Root joins the server of the home's owner.
    assert ask(user.url, "SELECT current_user") == "kakehashi"
    with PrivatePostgres.start(base / "home of nobody"):
        pid = server_pid(base / "home of nobody")
        assert Path(f"/proc/{pid}").stat().st_uid == 65534 if sys.platform.startswith("linux") else True
    user.kill()
    until(lambda: gone(pid))


def test_a_home_that_is_no_folder_is_a_settings_error(base: Path) -> None:
    (base / "file").write_text("x")
    with pytest.raises(SettingsError) as caught:
        PrivatePostgres.start(base / "file" / "home")
    assert caught.value.field == "KAKEHASHI_HOME"


def test_a_server_that_does_not_start_says_why(home: Path) -> None:
    with PrivatePostgres.start(home):
        pid = server_pid(home)
    until(lambda: gone(pid))
    data = layout.recorded_data(layout.state_folder(home))
    with (data / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(SettingsError, match="no_such_setting"):
        PrivatePostgres.start(home)
