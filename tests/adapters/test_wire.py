"""One connection, one exchange after the other: each has its own deadline, whichever came before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.wire import Connection
from schemas.errors import SourceTimeout

ASK = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
TOLD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@asynccontextmanager
async def connected(*delays: float) -> AsyncIterator[Connection]:
    """To a server that answers the n-th question after so many seconds."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for delay in delays:
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(delay)
            writer.write(TOLD)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    try:
        yield connection
    finally:
        connection.close()
        server.close()


async def test_an_earlier_exchange_leaves_its_deadline_to_nobody() -> None:
    loop = asyncio.get_running_loop()
    for patience in (0.2, 0.4, 0.8, 1.6, 3.2, 6.4):
        async with connected(0, patience + 0.1) as connection:
            try:
                await connection.exchange(ASK, 100, loop.time() + patience)
            except SourceTimeout:
                # the machine is busy
                continue
            assert (await connection.exchange(ASK, 100, loop.time() + 60)).body == b"ok", "longer than the first had"
            return
    pytest.fail("nothing was answered in time")


@pytest.mark.parametrize("longer", [True, False])
async def test_a_later_exchange_ends_at_its_own_deadline(longer: bool) -> None:
    loop = asyncio.get_running_loop()
    async with connected(0, 600) as connection:
        assert (await connection.exchange(ASK, 100, loop.time() + (600 if longer else 30))).body == b"ok"
        began = loop.time()
        with pytest.raises(SourceTimeout):
            await connection.exchange(ASK, 100, began + 0.1)
        assert loop.time() - began < 20
        assert not connection.reusable
