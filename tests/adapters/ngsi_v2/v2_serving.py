"""A real NGSIv2 server on loopback for tests."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Serves an ASGI application on a free port and gives its address."""
    # asyncio sets TCP_NODELAY only on sockets that name their protocol; without it every answer waits 40 ms
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", http="httptools")
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    # not `serve`: it looks only ten times a second whether it should end
    await server.startup(sockets=[listener])
    await server.on_tick(0)  # sets the Date header
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.force_exit = True
        await server.shutdown(sockets=[listener])
