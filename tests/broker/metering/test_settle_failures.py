"""A database that fails: nothing acknowledged is lost or doubled, and what can't be settled is said at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from broker.embedded.server import PrivatePostgres, remove
from broker.metering.settle import Settler
from broker.store.database import Database, connect
from broker.store.migrate import migrate
from schemas.errors import MeteringUnavailable
from tests.broker.metering.flowmaker import claim, flows, stored


async def test_acknowledged_is_exactly_once_while_backends_are_terminated(
    database_url: str, database: Database
) -> None:
    settler = await Settler.start(database_url, budget=2.0)
    acknowledged: list[UUID] = []
    offered: list[UUID] = []
    end = time.monotonic() + 3.0

    async def client(number: int) -> None:
        while time.monotonic() < end:
            one = flows(2)
            offered.extend(flow.id for flow in one)
            key = claim(one, str(one[0].request)) if number % 5 == 0 else None
            try:
                assert await settler.settle(one, key=key) is None
            except MeteringUnavailable:
                await asyncio.sleep(0.01)
            else:
                acknowledged.extend(flow.id for flow in one)

    async def executioner() -> int:
        killed = 0
        async with database.connection() as connection:
            while time.monotonic() < end:
                # Mostly the one that writes; now and then both at once.
                killed += await connection.fetchval(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND pid <> pg_backend_pid() AND (query ~ 'COPY|COMMIT|INSERT' OR random() < 0.1)"
                )
                await asyncio.sleep(0.02)
        return killed

    *_, killed = await asyncio.gather(*(client(i) for i in range(20)), executioner())
    await settler.drain()
    there = await stored(database)
    assert killed > 20
    assert len(acknowledged) > 500
    assert set(acknowledged) <= set(there) <= set(offered)
    assert set(there.values()) == {1}


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the server's processes in /proc")


class LossyProxy:
    """Passes a connection to PostgreSQL through, until the server says that a statement went well: `cut` names the
    word. Then that answer is thrown away and the connection is cut; `cuts` times in all."""

    def __init__(self, upstream: str, folder: Path, cut: bytes, cuts: int) -> None:
        self._upstream = upstream
        self._folder = folder
        self._cut = cut
        self.left = cuts

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        server = await asyncio.start_unix_server(self._serve, str(self._folder / ".s.PGSQL.5432"))
        async with server:
            yield str(self._folder)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(self._upstream + "/.s.PGSQL.5432")
        there = asyncio.create_task(self._pass(reader, up_writer, watch=False))
        back = asyncio.create_task(self._pass(up_reader, writer, watch=True))
        await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
        for task in (there, back):
            task.cancel()
        for end in (writer, up_writer):
            end.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, watch: bool) -> None:
        while data := await reader.read(65536):
            if watch and self.left and self._cut in data:
                self.left -= 1
                return
            writer.write(data)
            await writer.drain()


@pytest.mark.parametrize(("keyed", "word"), [(False, b"COPY 3\0"), (True, b"COMMIT\0"), (True, b"COPY 3\0")])
async def test_a_lost_answer_is_looked_up_not_written_again(
    database_url: str, database: Database, tmp_path: Path, keyed: bool, word: bytes
) -> None:
    """The answer of the COPY is that of the commit, unless keys make a transaction of it."""
    sockets = parse_qs(urlsplit(database_url).query)["host"][0]
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        proxy = LossyProxy(sockets, Path(folder), word, cuts=2)
        async with proxy.running() as place:
            settler = await Settler.start(database_url.replace(sockets, place), budget=5.0)
            one = flows()
            assert await settler.settle(one, key=claim(one, "k") if keyed else None) is None
            again = flows()
            if keyed:
                assert await settler.settle(again, key=claim(again, "k")) == one[0].request
            await settler.drain()
    assert proxy.left < 2
    assert await stored(database) == Counter(flow.id for flow in (one + again if keyed else one))


@pytest.fixture
def server() -> Iterator[PrivatePostgres]:
    """A server of the test's own, to be stopped and killed."""
    home = Path(tempfile.mkdtemp(prefix="kakehashi-settle-"))
    home.chmod(0o711)
    try:
        with PrivatePostgres.start(home) as started:
            asyncio.run(migrate(started.url))
            yield started
    finally:
        remove(home)
        shutil.rmtree(home, ignore_errors=True)


def processes(url: str) -> list[int]:
    """The postmaster and its children, the postmaster first."""

    async def ask() -> int:
        connection = await connect(url)
        pid: int = await connection.fetchval(r"SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)::int")
        await connection.close()
        return pid

    postmaster = asyncio.run(ask())
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return [postmaster, *map(int, children)]


def signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


async def recovery(settler: Settler) -> float:
    """Seconds until flows are settled again."""
    begun = time.monotonic()
    while time.monotonic() - begun < 20:
        try:
            await settler.settle(flows())
        except MeteringUnavailable:
            await asyncio.sleep(0.02)
        else:
            break
    return time.monotonic() - begun


@needs_proc
def test_a_database_that_hangs_fails_requests_at_once_and_is_taken_up_again(server: PrivatePostgres) -> None:
    async def scenario() -> None:
        settler = await Settler.start(server.url)
        await recovery(settler)
        everyone = await asyncio.to_thread(processes, server.url)
        signal_all(everyone, signal.SIGSTOP)
        try:
            begun = time.monotonic()
            results = await asyncio.gather(*(settler.settle(flows()) for _ in range(50)), return_exceptions=True)
            hung = time.monotonic() - begun
            begun = time.monotonic()
            later = await asyncio.gather(*(settler.settle(flows()) for _ in range(50)), return_exceptions=True)
            known = time.monotonic() - begun
        finally:
            signal_all(everyone, signal.SIGCONT)
        assert {type(result) for result in results + later} == {MeteringUnavailable}
        assert hung < 1.0
        assert known < 0.05 + hung / 2
        assert settler.failed >= 100
        assert await recovery(settler) < 10
        assert settler.available
        await settler.drain()

    asyncio.run(scenario())


@needs_proc
def test_a_killed_database_loses_nothing_that_was_acknowledged(server: PrivatePostgres) -> None:
    async def scenario() -> None:
        settler = await Settler.start(server.url)
        acknowledged: list[UUID] = []
        slowest_refusal = 0.0
        end = time.monotonic() + 30

        async def client() -> None:
            nonlocal slowest_refusal
            refused = after = 0
            while after < 20 and time.monotonic() < end:
                one, begun = flows(), time.monotonic()
                try:
                    await settler.settle(one)
                except MeteringUnavailable:
                    refused += 1
                    slowest_refusal = max(slowest_refusal, time.monotonic() - begun)
                    await asyncio.sleep(0.01)
                else:
                    acknowledged.extend(flow.id for flow in one)
                    after += refused > 0

        async def kill() -> None:
            await asyncio.sleep(0.3)
            pids = await asyncio.to_thread(processes, server.url)
            os.kill(pids[0], signal.SIGKILL)

        await asyncio.gather(*(client() for _ in range(10)), kill())
        assert slowest_refusal < 1.0
        assert settler.failed > 0
        await settler.drain()
        database = await Database.open(server.url)
        there = await stored(database)
        await database.close()
        assert len(acknowledged) >= 10 * 20 * 3
        assert set(acknowledged) <= set(there)
        assert set(there.values()) == {1}

    asyncio.run(scenario())


async def test_a_slow_database_is_waited_for(database_url: str, database: Database) -> None:
    """It answers on the connection that stands by, so it does not hang, though the commit takes longer than 0.2 s."""
    settler = await Settler.start(database_url, budget=0.2, patience=10.0)
    one = flows()
    async with database.transaction() as connection:
        await connection.execute("LOCK TABLE flows IN SHARE MODE")
        waiting = asyncio.create_task(settler.settle(one))
        await asyncio.sleep(0.4)
        assert not waiting.done()
    await waiting
    assert await stored(database) == Counter(flow.id for flow in one)
    await settler.drain()


async def test_without_a_database_it_starts_and_refuses(tmp_path: Path) -> None:
    settler = await Settler.start(f"postgresql://nobody@/none?host={tmp_path}")
    assert not settler.available
    with pytest.raises(MeteringUnavailable):
        await settler.settle(flows())
    await settler.drain()
